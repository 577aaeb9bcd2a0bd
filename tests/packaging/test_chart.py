"""The chart as Helm itself renders it: its objects, and a workspace that loads from what is mounted."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.real.servers import required

from tieline.core.config import load_workspace
from tieline.core.model import ConnectionName

CHART = Path(__file__).parents[2] / "packaging/helm/tieline"

WORKSPACE = """\
tieline: 1
store: {env: TIELINE_STORE}
server: {listen: '0.0.0.0:8484'}
connections:
  desk: {tool: memory, overlay: mappings/desk.yaml}
  other: {tool: memory, overlay: mappings/other.yaml}
"""

Objects = dict[tuple[str, str], Mapping[str, Any]]


def helm(*arguments: str) -> str:
    beside = Path(sys.executable).with_name("helm")
    program = str(beside) if os.access(beside, os.X_OK) else required("helm")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rendered(folder: Path, values: Mapping[str, Any]) -> Objects:
    chosen = folder / "values.yaml"
    with chosen.open("w", encoding="utf-8") as out:
        YAML(typ="safe").dump(dict(values), out)
    found = YAML(typ="safe").load_all(helm("template", "here", str(CHART), "--values", str(chosen)))
    return {(one["kind"], one["metadata"]["name"]): one for one in found if one}


def mounted(folder: Path, objects: Objects) -> Path:
    """The folder that the container finds, laid out by the volume as the objects say."""
    pod = objects["Deployment", "here"]["spec"]["template"]["spec"]
    [place] = [one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "workspace"]
    [volume] = [one for one in pod["volumes"] if one["name"] == "workspace"]
    root = folder / str(place["mountPath"]).lstrip("/")
    for source in volume["projected"]["sources"]:
        texts = objects["ConfigMap", source["configMap"]["name"]]["data"]
        items = source["configMap"].get("items") or [{"key": key, "path": key} for key in texts]
        for item in items:
            path = root / item["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(texts[item["key"]], encoding="utf-8")
    return root


def annotations(objects: Objects) -> Mapping[str, str]:
    found: Mapping[str, str] = objects["Deployment", "here"]["spec"]["template"]["metadata"]["annotations"]
    return found


def test_the_chart_is_accepted_as_it_is_shipped(tmp_path: Path) -> None:
    helm("lint", "--strict", str(CHART))
    objects = rendered(tmp_path, {})
    assert {kind for kind, _name in objects} == {"Deployment", "Service", "ConfigMap"}
    assert not any("mappings" in name for _kind, name in objects)


@pytest.mark.parametrize(
    "text",
    [
        "policy: {severity: manual}\n",
        "policy: {severity: manual}",
        "  policy:\n    severity: manual\n",
        "\n# {{ .Values.image }} is only text\npolicy:\n  severity: manual\n\n",
        'policy: {"severity": manual}  # <as> & "is"\n',
    ],
    ids=["plain", "without an end", "indented", "template in it", "marks"],
)
def test_mappings_of_the_values_lie_where_the_workspace_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("TIELINE_STORE", "postgresql://tieline@postgres/tieline")
    files = {"desk.yaml": text, "other.yaml": "policy: {title: once}\n"}
    root = mounted(tmp_path / "root", rendered(tmp_path, {"workspace": WORKSPACE, "mappings": files}))
    config, registry = load_workspace(root / "tieline.yaml")
    registry.close()
    for name in ("desk", "other"):
        overlay = config.connections[ConnectionName(name)].overlay
        assert overlay is not None and overlay == root / f"mappings/{name}.yaml"
        assert overlay.read_text(encoding="utf-8") == files[f"{name}.yaml"]


def test_each_role_runs_apart_and_one_flag_lets_the_workers_start_the_others(tmp_path: Path) -> None:
    chosen = {"work": {"replicas": 3, "resources": {}}, "replicas": 2}
    apart = {name: one for (kind, name), one in rendered(tmp_path, chosen).items() if kind == "Deployment"}
    containers = {name: one["spec"]["template"]["spec"]["containers"][0] for name, one in apart.items()}
    assert {name: container["args"][:2] for name, container in containers.items()} == {
        "here": ["run", "--alone"],
        "here-work": ["work", "--log"],
        "here-web": ["web", "--log"],
    }
    assert {name: one["spec"]["replicas"] for name, one in apart.items()} == {"here": 2, "here-work": 3, "here-web": 1}
    assert "readinessProbe" not in containers["here-work"]
    labels = [tuple(one["spec"]["selector"]["matchLabels"].items()) for one in apart.values()]
    assert len({*labels}) == 3, "no service and no deployment takes another role's pods for its own"
    together = rendered(tmp_path, {"apart": False})
    assert {name for kind, name in together if kind in ("Deployment", "Service")} == {"here"}
    [container] = together["Deployment", "here"]["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["run", "--log", "json"]


def test_a_service_leads_to_the_port_that_its_pods_listen_on(tmp_path: Path) -> None:
    objects = rendered(tmp_path, {})
    for name, port in (("here", 8484), ("here-web", 8081)):
        pods = objects["Deployment", name]["spec"]["template"]
        assert objects["Service", name]["spec"]["selector"].items() <= pods["metadata"]["labels"].items()
        assert pods["spec"]["containers"][0]["ports"] == [{"name": "http", "containerPort": port}]


def test_a_workspace_is_carried_to_the_letter(tmp_path: Path) -> None:
    workspace = "\n".join(f"  {line}" for line in WORKSPACE.splitlines()) + "\n"
    objects = rendered(tmp_path, {"workspace": workspace})
    assert objects["ConfigMap", "here-workspace"]["data"]["tieline.yaml"] == workspace


def test_a_change_of_a_mapping_is_a_new_set_of_workers(tmp_path: Path) -> None:
    before = annotations(rendered(tmp_path, {"mappings": {"desk.yaml": "policy: {title: once}\n"}}))
    after = annotations(rendered(tmp_path, {"mappings": {"desk.yaml": "policy: {title: latest}\n"}}))
    assert before["checksum/workspace"] == after["checksum/workspace"]
    assert before["checksum/mappings"] != after["checksum/mappings"]


def test_secrets_of_the_values_become_variables(tmp_path: Path) -> None:
    objects = rendered(tmp_path, {"secrets": ["jira", "snow"], "store": {"secret": "db", "key": "url"}})
    [container] = objects["Deployment", "here"]["spec"]["template"]["spec"]["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "jira"}}, {"secretRef": {"name": "snow"}}]
    assert container["env"] == [{"name": "TIELINE_STORE", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}}]
