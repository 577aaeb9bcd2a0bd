"""What a command writes, it writes over nothing that it did not make itself."""

import os
from pathlib import Path

import pytest
from tests.cli.test_commands import run

from tieline.cli.demo.folder import MARKER, FolderRefused, prepared
from tieline.cli.open import FILE


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()}


@pytest.fixture
def precious(tmp_path):
    """A folder of somebody's, with what a demo would leave in one of its own."""
    folder = tmp_path / "precious"
    (folder / "deep").mkdir(parents=True)
    for name in ("thesis.txt", "deep/notes.txt", "tieline.yaml", "tieline.db"):
        (folder / name).write_text(f"{name}\n", encoding="utf-8")
    return folder


def test_the_demo_refuses_a_folder_that_it_did_not_make_and_touches_nothing_in_it(precious):
    before = files_of(precious)
    code, output = run("demo", "--folder", str(precious), workspace=precious)
    assert code == 2
    assert str(precious) in output and "was not made by `tieline demo`" in " ".join(output.split())
    assert files_of(precious) == before


def test_an_empty_folder_and_a_file_of_the_markers_name_are_no_folders_of_the_demo_either(tmp_path, precious):
    (precious / MARKER).write_text("mine\n", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    (tmp_path / "linked").mkdir()
    with prepared(tmp_path / "made"):
        pass
    (tmp_path / "linked" / MARKER).symlink_to(tmp_path / "made" / MARKER)
    for folder in (precious, tmp_path / "empty", tmp_path / "linked"):
        with pytest.raises(FolderRefused, match="was not made by `tieline demo`"), prepared(folder):
            pass
    assert (precious / MARKER).read_text(encoding="utf-8") == "mine\n"


def test_the_demo_begins_anew_in_its_own_folder_and_leaves_what_others_put_there(tmp_path):
    folder = tmp_path / "made" / "deep"
    with prepared(folder):
        for name in (FILE, "policy.yaml", "tieline.db", "tieline.db-wal", "daemon.log", "jira.log"):
            (folder / name).write_text("of the last demo", encoding="utf-8")
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    (folder / "mine").mkdir()
    (folder / "mine" / "tieline.db").write_text("mine", encoding="utf-8")
    with prepared(folder):
        left = {str(one.relative_to(folder)) for one in folder.rglob("*")}
    assert left == {MARKER, "notes.txt", "mine", "mine/tieline.db"}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_what_a_link_in_the_demos_folder_leads_to_is_left(tmp_path, precious):
    with prepared(tmp_path / "made"):
        (tmp_path / "made" / "tieline.db").symlink_to(precious / "thesis.txt")
    with prepared(tmp_path / "made"):
        assert not (tmp_path / "made" / "tieline.db").exists()
    assert (precious / "thesis.txt").read_text(encoding="utf-8") == "thesis.txt\n"


def test_a_demo_that_runs_keeps_its_folder_to_itself(tmp_path):
    with prepared(tmp_path / "made"):
        (tmp_path / "made" / "tieline.db").write_text("in use", encoding="utf-8")
        with pytest.raises(FolderRefused, match="another `tieline demo` runs in it"), prepared(tmp_path / "made"):
            pass
        assert (tmp_path / "made" / "tieline.db").exists()


def test_init_writes_through_no_link(tmp_path):
    elsewhere = tmp_path / "elsewhere.yaml"
    (tmp_path / FILE).symlink_to(elsewhere)
    assert run("init", "--tool", "memory", workspace=tmp_path)[0] == 2
    assert not elsewhere.exists()


@pytest.fixture
def workspace(tmp_path):
    (tmp_path / FILE).write_text("tieline: 1\nconnections: {left: {tool: memory}}\n", encoding="utf-8")
    from tieline.core.store.store import Store

    with Store.open(f"sqlite:///{tmp_path / 'tieline.db'}") as store:
        store.migrate()
    return tmp_path


def test_a_checkpoint_replaces_a_checkpoint_and_nothing_else(workspace, capsys):
    theirs = workspace / "report.pdf"
    theirs.write_bytes(b"%PDF-1.7 not to be lost")
    assert run("audit", "checkpoint", str(theirs), workspace=workspace)[0] == 3
    assert "there is something else in it" in capsys.readouterr().err
    assert theirs.read_bytes() == b"%PDF-1.7 not to be lost"
    pin = workspace / "pin"
    for _again in range(2):
        assert run("audit", "checkpoint", str(pin), workspace=workspace)[0] == 0
    assert run("audit", "verify", "--anchor", str(pin), workspace=workspace)[0] == 0


def test_a_checkpoint_is_put_in_place_of_no_pipe(workspace):
    pipe = workspace / "pipe"
    os.mkfifo(pipe)
    assert run("audit", "checkpoint", str(pipe), workspace=workspace)[0] == 3
    assert pipe.is_fifo()
