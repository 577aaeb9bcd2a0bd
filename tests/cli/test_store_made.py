"""Where a store is made, and where none is: a typo is told, and nobody else's file is written into."""

import json
import sqlite3
import sys

import pytest
from tests.cli.test_commands import run

from tieline.cli import main as cli_main
from tieline.core.config import load_workspace
from tieline.core.errors import ConfigError
from tieline.core.store.ownership import APPLICATION_ID
from tieline.core.store.store import Store
from tieline.sync.daemon.daemon import only_daemon


@pytest.fixture
def workspace(tmp_path):
    lines = ["tieline: 1", "store: sqlite:///here/tieline.db", "connections: {left: {tool: memory}}"]
    (tmp_path / "tieline.yaml").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


LOOKING = (
    ("status",),
    ("incidents",),
    ("why", "INC-1", "title"),
    ("history", "INC-1"),
    ("conflicts",),
    ("parked",),
    ("doubts",),
    ("edit", "INC-1", "title=x"),
    ("comment", "INC-1", "x"),
    ("audit", "verify"),
    ("store", "copy", "--to", "sqlite:///elsewhere.db"),
)


@pytest.mark.parametrize("arguments", LOOKING, ids=lambda words: words[0])
def test_who_looks_makes_no_store(workspace, capsys, arguments):
    code, _output = run(*arguments, workspace=workspace)
    assert code == 3
    assert "STORE007 there is no store at" in capsys.readouterr().err
    assert [one.name for one in workspace.iterdir()] == ["tieline.yaml"]


def test_check_makes_none_either_and_says_what_does(workspace):
    code, output = run("check", workspace=workspace)
    assert code == 0
    assert "`tieline run` makes it" in output
    assert [one.name for one in workspace.iterdir()] == ["tieline.yaml"]


def test_a_file_of_another_program_is_left_as_it_is(tmp_path):
    theirs = tmp_path / "theirs.db"
    with sqlite3.connect(theirs) as other:
        other.execute("CREATE TABLE journal (what TEXT)")
    before = theirs.read_bytes()
    with pytest.raises(ConfigError, match=r"STORE008.*another program"):
        Store.open(f"sqlite:///{theirs}")
    assert theirs.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["theirs.db"]


def test_a_file_that_says_it_is_of_another_program_is_refused_though_its_tables_are_called_like_ours(tmp_path):
    theirs = tmp_path / "theirs.db"
    with Store.open(f"sqlite:///{theirs}") as store:
        store.migrate()
    with sqlite3.connect(theirs) as other:
        other.execute("PRAGMA application_id = 12")
    with pytest.raises(ConfigError, match="STORE008"):
        Store.open(f"sqlite:///{theirs}")


@pytest.mark.parametrize("signed", [0, APPLICATION_ID])
def test_our_own_file_is_opened_and_signed_the_one_of_an_older_version_too(tmp_path, signed):
    path = tmp_path / "ours.db"
    with Store.open(f"sqlite:///{path}") as store:
        store.migrate()
    with sqlite3.connect(path) as raw:
        raw.execute(f"PRAGMA application_id = {signed}")
    with Store.open(f"sqlite:///{path}", create=False) as store:
        store.migrate()
    with sqlite3.connect(path) as raw:
        assert raw.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def test_a_folder_in_which_nothing_can_be_made_is_told_and_no_trace_is_shown(tmp_path):
    (tmp_path / "file").touch()
    file = tmp_path / "tieline.yaml"
    file.write_text("tieline: 1\nstore: sqlite:///file/tieline.db\nconnections: {left: {tool: memory}}\n")
    config, registry = load_workspace(file)
    with pytest.raises(ConfigError, match=r"RUN003 store: nothing can be made in .*make that folder writable"):
        only_daemon(config)
    registry.close()
    assert run("init", "--tool", "memory", workspace=tmp_path / "file" / "new")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("status",), 3, "STORE007"),
        (("incidents", "--limit", "many"), 2, "not a valid integer"),
        (("check", "nobody"), 5, "there is no connection 'nobody'"),
    ],
)
def test_errors_are_json_where_json_is_asked_for(workspace, monkeypatch, capsys, arguments, code, words):
    monkeypatch.setattr(sys, "argv", ["tieline", "-w", str(workspace), *arguments, "--json"])
    with pytest.raises(SystemExit) as ended:
        cli_main.main()
    said = json.loads(capsys.readouterr().out)
    assert (ended.value.code, said["exit_code"]) == (code, code)
    assert words in said["error"]
