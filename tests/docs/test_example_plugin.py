"""The plugin that authors begin with is what `tieline plugin new` writes, keeps the contract, and works from its entry
point on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.docs.pages import DOCS, ROOT, blocks

from tieline.cli.scaffold import PLUGIN, files

EXAMPLE = ROOT / "examples" / "plugin"
PROJECT = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command with the example beside Tieline, as if pip had installed it."""
    site = folder / "site" / "tieline_promises-0.1.0.dist-info"
    site.mkdir(parents=True, exist_ok=True)
    (site / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PROJECT['name']}\nVersion: {PROJECT['version']}\n")
    points = [f"{name} = {value}" for name, value in PROJECT["entry-points"]["tieline"].items()]
    (site / "entry_points.txt").write_text("\n".join(["[tieline]", *points, ""]))
    path = os.pathsep.join([str(EXAMPLE), str(site.parent)])
    environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "120"}
    arguments = [sys.executable, *command]
    return subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, timeout=100)


def test_the_example_is_what_the_command_writes() -> None:
    assert files(PLUGIN, "promises") == {
        place: (EXAMPLE / place).read_text("utf-8") for place in files(PLUGIN, "promises")
    }


@pytest.mark.timeout(120)
def test_the_example_keeps_the_contract(tmp_path: Path) -> None:
    options = ("-q", "-n0", "-p", "no:cacheprovider", "-c", "/dev/null", f"--rootdir={EXAMPLE}")
    done = _run(tmp_path, "-m", "pytest", *options, str(EXAMPLE))
    assert done.returncode == 0, done.stdout[-3000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None and int(passed[1]) > 10


def test_naming_the_plugin_is_all_that_an_installed_one_needs(tmp_path: Path) -> None:
    (tmp_path / "tieline.yaml").write_text("tieline: 1\nplugins:\n  promises:\nconnections:\n  desk: {tool: memory}\n")
    done = _run(tmp_path, "-m", "tieline.cli.main", "promises", "make", "--help")
    assert done.returncode == 0, done.stderr
    assert "Promise to do something about an incident." in done.stdout


@pytest.mark.parametrize(
    "block",
    [one for one in blocks(DOCS / "how-to" / "write-a-plugin.md") if one.file not in ("", "tieline.yaml")],
    ids=lambda one: f"{one.file}:{one.line}",
)
def test_what_the_guide_shows_of_the_example_stands_in_it(block) -> None:
    file = (EXAMPLE / block.file).read_text(encoding="utf-8")

    for part in re.split(r"\n *(?:#  ?)?…\n", block.text):
        assert part.strip("\n") in file, f"line {block.line}: not in {block.file}:\n{part}"
