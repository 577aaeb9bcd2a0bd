"""T17: what is installed and not allowed is never imported, and what is allowed is the code that was looked at."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.threats.conftest import Tally

from tieline.core.config import load_workspace
from tieline.core.errors import ConfigError
from tieline.core.provenance import fingerprint
from tieline.core.store.store import Store

PLUGIN = """\
from pathlib import Path
Path(__file__).with_name("{name}-was-here").touch()
from tieline.core.hooks import hookimpl

@hookimpl
def tieline_group_key(signal):
    return "{name}"
"""


def install(site: Path, name: str, version: str = "1.0") -> None:
    """What `pip install` of a wheel leaves behind, RECORD and all."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    files = {
        f"{name}/__init__.py": PLUGIN.format(name=name),
        f"{info.name}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info.name}/entry_points.txt": f"[tieline]\n{name} = {name}\n",
    }
    record = []
    for path, content in files.items():
        (site / path).parent.mkdir(exist_ok=True)
        (site / path).write_text(content, encoding="utf-8")
        digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).decode().rstrip("=")
        record.append(f"{path},sha256={digest},{len(content)}")
    (info / "RECORD").write_text("\n".join([*record, f"{info.name}/RECORD,,"]) + "\n", encoding="utf-8")


def was_imported(site: Path) -> list[str]:
    return [path.name for path in site.rglob("*-was-here")]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


Start = Callable[[str], None]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Begins a workspace with this entry for plugins, as the daemon would. Raises ConfigError."""

    def load(plugins: str) -> None:
        file = tmp_path / "tieline.yaml"
        file.write_text(f"tieline: 1\nplugins: {plugins}\nconnections:\n  left: {{tool: memory}}\n", encoding="utf-8")
        _config, registry = load_workspace(file)
        registry.states()
        registry.close()

    return load


def forget(name: str) -> None:
    sys.modules.pop(name, None)
    importlib.invalidate_caches()


def test_an_installed_plugin_that_is_not_listed_is_never_imported(site: Path, start: Start, tally: Tally) -> None:
    for number in range(20):
        install(site, f"stranger{number}")
    start("[grouping, severity]")
    tally(20, was_imported(site))


def test_in_a_real_environment_every_command_leaves_it_alone(tmp_path: Path, tally: Tally) -> None:
    """A virtual environment of its own, with this one's packages and a stranger beside them."""
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    ours = Path(str(importlib.metadata.distribution("httpx").locate_file("")))
    (site / "ours.pth").write_text(f"{ours}\n{Path(__file__).parents[2] / 'src'}\n", encoding="utf-8")
    install(site, "stranger")
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "tieline.yaml").write_text("tieline: 1\nconnections:\n  left: {tool: memory}\n", encoding="utf-8")
    python = tmp_path / "venv" / "bin" / "python"
    with Store.open(f"sqlite:///{folder / 'tieline.db'}") as store:
        store.migrate()
    # `status` says by its exit code that no daemon runs.
    commands = {("--help",): 0, ("plugins", "--json"): 0, ("check",): 0, ("status",): 1, ("incidents",): 0}
    outputs = []
    for command, code in commands.items():
        ended = subprocess.run(
            [str(python), "-m", "tieline.cli.main", "-w", str(folder), *command],
            capture_output=True,
            text=True,
            check=False,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        )
        assert ended.returncode == code, ended.stderr
        outputs.append(ended.stdout)
    listed = {one["name"]: one["state"] for one in json.loads(outputs[1])["items"]}
    assert listed["stranger"] == "not allowed", "it is seen, and said to be there"
    tally(len(commands), was_imported(site))


def test_a_plugin_is_imported_when_version_and_hash_are_those_that_are_written(site: Path, start: Start) -> None:
    install(site, "friend")
    right = fingerprint(importlib.metadata.distribution("friend"))
    start(f'{{friend: {{version: "1.0", sha256: {right}}}}}')
    assert was_imported(site) == ["friend-was-here"]
    forget("friend")


def test_another_version_or_changed_code_is_refused_before_it_is_imported(
    site: Path, start: Start, tally: Tally
) -> None:
    install(site, "friend")
    right = fingerprint(importlib.metadata.distribution("friend"))
    wrong = [
        '{version: "1.1"}',
        '{version: ""}',
        "{version: }",
        "{sha256: 0}",
        f"{{sha256: {right[:-1]}}}",
        "{sha256: }",
    ]
    wrong += [f"{{sha256: {right[:-1]}{'0' if right[-1] != '0' else '1'}}}", f'{{version: "1.1", sha256: {right}}}']
    for entry in wrong:
        with pytest.raises(ConfigError, match="CFG021"):
            start(f"{{friend: {entry}}}")
    with (site / "friend" / "__init__.py").open("a", encoding="utf-8") as file:
        file.write("# one line more\n")
    with pytest.raises(ConfigError, match="CFG021") as caught:
        start(f"{{friend: {{sha256: {right}}}}}")
    assert fingerprint(importlib.metadata.distribution("friend")) in str(caught.value), "what it is now is said"
    tally(len(wrong) + 1, was_imported(site))


def test_a_module_that_stands_in_front_of_the_hashed_one_is_refused(
    site: Path, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    install(site, "friend")
    right = fingerprint(importlib.metadata.distribution("friend"))
    front = tmp_path / "front"
    (front / "friend").mkdir(parents=True)
    (front / "friend" / "__init__.py").write_text(PLUGIN.format(name="friend"), encoding="utf-8")
    monkeypatch.syspath_prepend(str(front))
    with pytest.raises(ConfigError, match="somewhere else"):
        start(f"{{friend: {{sha256: {right}}}}}")
    tally(1, [*was_imported(site), *was_imported(front)])


def test_files_that_nobody_listed_cannot_be_pinned(site: Path, start: Start, tally: Tally) -> None:
    install(site, "friend")
    (site / "friend-1.0.dist-info" / "RECORD").unlink()
    with pytest.raises(ConfigError, match="lists no files"):
        start("{friend: {sha256: 00}}")
    tally(1, was_imported(site))


def test_the_pins_are_not_the_plugins_own_settings(start: Start) -> None:
    version = importlib.metadata.version("tieline")
    start(f'{{grouping: {{version: "{version}", by: [service]}}}}')
