"""What is shipped to start a fleet with: the compose file's workspace loads, and the files agree with each other."""

import re
from pathlib import Path

from ruamel.yaml import YAML

from tieline.core.config import load_workspace

PACKAGING = Path(__file__).parents[2] / "packaging"


def read(path):
    return YAML(typ="safe").load((PACKAGING / path).read_text())


def test_the_workspace_of_the_compose_file_is_accepted(tmp_path, monkeypatch):
    monkeypatch.setenv("TIELINE_STORE", "postgresql://tieline@postgres/tieline")
    monkeypatch.setenv("ALERTS_HOOK", "token")
    (tmp_path / "tieline.yaml").write_text((PACKAGING / "docker/tieline.yaml").read_text())
    config, registry = load_workspace(tmp_path / "tieline.yaml")
    registry.close()
    services = read("docker/compose.yaml")["services"]
    assert config.server.listen.rpartition(":")[2] in services["tieline"]["ports"]
    assert config.web.listen.rpartition(":")[2] in services["web"]["expose"]
    assert registry.offers.work and "/" in registry.offers.pages
    for role, command in (("tieline", ["run", "--alone"]), ("work", ["work"]), ("web", ["web"])):
        assert services[role]["command"] == [*command, "--log", "json"]
        assert int(services[role]["stop_grace_period"].rstrip("s")) > config.stop_within.total_seconds()


def test_the_units_start_the_command_that_they_are_called_after():
    for role, command in (("tieline", "run"), ("tieline-work", "work"), ("tieline-web", "web")):
        unit = (PACKAGING / f"{role}.service").read_text()
        assert f"ExecStart=/opt/tieline/bin/tieline {command} --log json\n" in unit
        assert "ExecReload=/bin/kill -HUP $MAINPID\n" in unit


def test_the_workspace_of_the_chart_is_accepted(tmp_path, monkeypatch):
    monkeypatch.setenv("TIELINE_STORE", "postgresql://tieline@postgres/tieline")
    values = read("helm/tieline/values.yaml")
    (tmp_path / "tieline.yaml").write_text(values["workspace"])
    config, registry = load_workspace(tmp_path / "tieline.yaml")
    registry.close()
    assert values["terminationGracePeriodSeconds"] > config.stop_within.total_seconds()


def test_the_templates_ask_only_for_values_that_there_are():
    values = read("helm/tieline/values.yaml")
    for template in sorted((PACKAGING / "helm/tieline/templates").glob("*.yaml")):
        for path in re.findall(r"\.Values\.([\w.]+)", template.read_text()):
            found = values
            for part in path.split("."):
                assert part in found, f"{template.name}: .Values.{path}"
                found = found[part]


def test_the_image_is_built_from_every_package():
    dockerfile = (PACKAGING / "docker/Dockerfile").read_text()
    root = PACKAGING.parent
    packages = [path.name for path in (root / "src/tieline").iterdir() if path.is_symlink()]
    assert len(packages) == 6
    for name in packages:
        assert f"COPY {name} {name}\n" in dockerfile
