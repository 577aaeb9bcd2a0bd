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
    compose = read("docker/compose.yaml")["services"]["tieline"]
    assert config.server.listen.rpartition(":")[2] in compose["ports"]
    assert int(compose["stop_grace_period"].rstrip("s")) > config.stop_within.total_seconds()


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
