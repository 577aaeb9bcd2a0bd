"""The adapter that authors are told to copy keeps the contract, and works from its entry point on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.docs.pages import DOCS, ROOT, blocks

EXAMPLE = ROOT / "examples" / "adapter"
PROJECT = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command with the example beside Tieline, as if pip had installed it."""
    site = folder / "site" / "tieline_acme-0.1.0.dist-info"
    site.mkdir(parents=True, exist_ok=True)
    (site / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PROJECT['name']}\nVersion: {PROJECT['version']}\n")
    points = [f"{name} = {value}" for name, value in PROJECT["entry-points"]["tieline"].items()]
    (site / "entry_points.txt").write_text("\n".join(["[tieline]", *points, ""]))
    path = os.pathsep.join([str(EXAMPLE), str(site.parent)])
    environment = {**os.environ, "PYTHONPATH": path, "ACME_TOKEN": "acme-token-41f7c0", "COLUMNS": "120"}
    arguments = [sys.executable, *command]
    return subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, timeout=100)


def test_the_example_keeps_the_contract(tmp_path: Path) -> None:
    options = ("-q", "-p", "no:cacheprovider", "-c", "/dev/null", f"--rootdir={EXAMPLE}")
    done = _run(tmp_path, "-m", "pytest", *options, str(EXAMPLE))

    assert done.returncode == 0, done.stdout[-3000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None and int(passed[1]) > 150


def test_naming_the_tool_is_all_that_an_installed_adapter_needs(tmp_path: Path) -> None:
    double = subprocess.Popen(
        [sys.executable, "-m", "tieline_acme.simulator"],
        env={**os.environ, "PYTHONPATH": str(EXAMPLE)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert double.stdout is not None
        url = double.stdout.readline().strip()
        desk = f"{{tool: acme, url: '{url}', token: {{env: ACME_TOKEN}}}}"
        (tmp_path / "tieline.yaml").write_text(f"tieline: 1\nconnections:\n  desk: {desk}\n")

        done = _run(tmp_path, "-m", "tieline.cli.main", "check", "--json")
    finally:
        double.kill()
        double.communicate()

    assert done.returncode == 0, done.stderr
    found = {"connection": "desk", "tool": "acme", "works": True, "account": "tieline (Acme Desk 1)", "notes": []}
    assert json.loads(done.stdout) == [found]


def test_a_workspace_is_begun_with_a_tool_that_an_installed_plugin_brings(tmp_path: Path) -> None:
    done = _run(tmp_path, "-m", "tieline.cli.main", "init", "--tool", "acme", "--tool", "memory")
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "tieline.yaml").read_text(encoding="utf-8")
    assert "    tool: acme\n" in written and "    tool: memory\n" in written
    assert "    # The API token of an account that may write tickets.\n" in written


def test_a_tool_that_no_plugin_brings_is_named_with_those_there_are(tmp_path: Path) -> None:
    done = _run(tmp_path, "-m", "tieline.cli.main", "init", "--tool", "acmee")
    assert done.returncode != 0
    assert "no adapter speaks to 'acmee'; there are" in done.stderr and "jira" in done.stderr


@pytest.mark.parametrize(
    "block",
    # The workspace is the reader's own, and saved when the page is followed.
    [one for one in blocks(DOCS / "how-to" / "write-an-adapter.md") if one.file not in ("", "tieline.yaml")],
    ids=lambda one: one.file,
)
def test_what_the_guide_shows_of_the_example_stands_in_it(block) -> None:
    file = (EXAMPLE / block.file).read_text(encoding="utf-8")

    for part in re.split(r"\n *(?:#  ?)?…\n", block.text):
        assert part.strip("\n") in file, f"line {block.line}: not in {block.file}:\n{part}"
