"""`tieline plugin new` and `tieline adapter new` write what works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tieline.cli.main import cli

KINDS = ("plugin", "adapter")


def new(kind: str, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, [kind, "new", *words])
    return done.exit_code, done.output


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("kind", "known"), [("plugin", "promise"), ("adapter", "acme")])
def test_what_it_writes_keeps_the_contract_untouched(kind: str, known: str, tmp_path: Path) -> None:
    place = tmp_path / "tieline-shift_notes"
    code, said = new(kind, "shift_notes", "--folder", str(place))
    assert code == 0, said
    options = ("-q", "-n0", "-p", "no:cacheprovider", "-c", "/dev/null", f"--rootdir={place}")
    command = [sys.executable, "-m", "pytest", *options, str(place)]
    environment = {**os.environ, "PYTHONPATH": str(place)}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
    assert known not in (place / "pyproject.toml").read_text("utf-8").replace("promised", "")


def test_what_it_wrote_is_told_to_programs(tmp_path: Path) -> None:
    code, said = new("plugin", "notes", "--folder", str(tmp_path / "here"), "--json")
    assert code == 0
    assert "tieline_notes/plugin.py" in json.loads(said)["files"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_that_is_there_is_left_alone(kind: str, tmp_path: Path) -> None:
    code, said = new(kind, "notes", "--folder", str(tmp_path))
    assert code == 2
    assert "is there already; name another place with --folder" in " ".join(said.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x", "Notes", "../notes", "a-b", "9notes", "n" * 21])
def test_a_name_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    for kind in KINDS:
        code, said = new(kind, name, "--folder", str(tmp_path / "here"))
        assert code == 2
        assert f"is no name of a{'n' if kind == 'adapter' else ''} {kind}" in said
    assert not (tmp_path / "here").exists()


def test_a_name_that_is_taken_here_is_refused(tmp_path: Path) -> None:
    code, said = new("adapter", "jira", "--folder", str(tmp_path / "here"))
    assert code == 2
    assert "jira is the name of a plugin that is installed here" in " ".join(said.split())
    assert not (tmp_path / "here").exists()
