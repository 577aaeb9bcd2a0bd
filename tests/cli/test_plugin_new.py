"""`tieline plugin new` writes a plugin that works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tieline.cli.main import cli


def new(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["plugin", "new", *words])
    return done.exit_code, done.output


@pytest.mark.timeout(120)
def test_what_it_writes_keeps_the_contract_untouched(tmp_path: Path) -> None:
    place = tmp_path / "tieline-shift_notes"
    code, said = new("shift_notes", "--folder", str(place))
    assert code == 0, said
    options = ("-q", "-n0", "-p", "no:cacheprovider", "-c", "/dev/null", f"--rootdir={place}")
    command = [sys.executable, "-m", "pytest", *options, str(place)]
    environment = {**os.environ, "PYTHONPATH": str(place)}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
    assert "promise" not in (place / "pyproject.toml").read_text("utf-8").replace("promised", "")


def test_what_it_wrote_is_told_to_programs(tmp_path: Path) -> None:
    code, said = new("notes", "--folder", str(tmp_path / "here"), "--json")
    assert code == 0
    assert "tieline_notes/plugin.py" in json.loads(said)["files"]


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    code, said = new("notes", "--folder", str(tmp_path))
    assert code == 2
    assert "is there already; name another place with --folder" in " ".join(said.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x", "Notes", "../notes", "a-b", "9notes", "n" * 21])
def test_a_name_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    code, said = new(name, "--folder", str(tmp_path / "here"))
    assert code == 2
    assert "is no name of a plugin" in said
    assert not (tmp_path / "here").exists()
