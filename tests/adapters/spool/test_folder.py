"""A job comes into the queue once, whatever is cut off, and one that was taken is never called back."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tieline.adapters.spool import folder as module
from tieline.adapters.spool.driver import NAME, SpoolDriver
from tieline.core.errors import NeedsOperator, Rejected, StaleVersion, TryAgain
from tieline.core.executions import fenced
from tieline.core.port import Cursor, Token

TOKEN = Token("tl-1")


@pytest.fixture
def tool() -> SpoolDriver:
    return SpoolDriver()


class Cut(BaseException):
    """The process ends here."""


def cut_at(step: int) -> Callable[..., None]:
    """Whatever is called for the nth time is the end."""
    left = [step]

    def die(*_told: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Cut

    return die


@pytest.mark.parametrize("step", range(1, 6))
def test_what_was_cut_off_is_put_there_once(tool: SpoolDriver, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter, body = tool.connect(), tool.new_body("Restart db1")
    with monkeypatch.context() as patched:
        patched.setattr(module, "_sync", cut_at(step))
        with suppress(Cut):
            adapter.create(body, TOKEN)
    found = adapter.find(TOKEN)
    if found is not None and found.body["status"] == "queued":
        tool.take_job(found.ref)
    made = adapter.create(body, TOKEN)
    again = adapter.create(body, TOKEN)
    assert made.ref == again.ref
    queued, taken = (list((tool.path / place).iterdir()) for place in ("queue", "taken"))
    assert len(queued) + len(taken) == 1
    assert len(tool.spool.names()) == 1


def test_a_job_that_was_taken_is_not_put_there_again(tool: SpoolDriver) -> None:
    adapter = tool.connect()
    ref = adapter.create(tool.new_body("Restart db1"), TOKEN).ref
    tool.take_job(ref)
    again = adapter.create(tool.new_body("Restart db1"), TOKEN)
    assert (again.body["status"], adapter.read(ref).body["status"]) == ("queued", "running")
    tool.end(ref, 0, "done\n")
    assert adapter.create(tool.new_body("Restart db1"), TOKEN).ref == ref
    assert adapter.read(ref).body["status"] == "succeeded"
    assert list((tool.path / "queue").iterdir()) == []


def test_what_a_runner_reads_are_plain_files(tool: SpoolDriver) -> None:
    body = {**tool.new_body("Restart db1"), "command": "systemctl restart 'db 1'", "timeout": 60, "dry_run": True}
    ref = tool.connect().create(body, TOKEN).ref
    told = {name: (tool.path / "queue" / ref / name).read_text() for name in ("command", "timeout", "dry_run")}
    assert told == {"command": "systemctl restart 'db 1'", "timeout": "60", "dry_run": "true"}


def test_one_that_waits_is_called_back_and_one_that_runs_is_not(tool: SpoolDriver) -> None:
    adapter = tool.connect()
    waits = adapter.create(tool.new_body("Restart db1"), TOKEN)
    left = adapter.update(waits.ref, {"wanted": "cancel"}, waits.version)
    now = adapter.read(waits.ref)
    assert (left.body["status"], now.body["status"], left.version == now.version) == ("queued", "cancelled", False)
    with pytest.raises(FileNotFoundError):
        tool.take_job(waits.ref)
    runs = adapter.create(tool.new_body("Restart db2"), Token("tl-2"))
    tool.take_job(runs.ref)
    with pytest.raises(StaleVersion):
        adapter.update(runs.ref, {"wanted": "cancel"}, runs.version)
    seen = adapter.read(runs.ref)
    assert adapter.update(runs.ref, {"wanted": "cancel"}, seen.version).body["status"] == "running"


def test_one_that_is_not_wanted_when_it_is_made_never_waits(tool: SpoolDriver) -> None:
    made = tool.connect().create({**tool.new_body("Restart db1"), "wanted": "cancel"}, TOKEN)
    assert tool.connect().read(made.ref).body["status"] == "cancelled"
    assert list((tool.path / "queue").iterdir()) == []


@pytest.mark.parametrize(("code", "status"), [(0, "succeeded"), (3, "failed"), (None, "lost")])
def test_what_came_of_it_is_told_with_the_hash_of_all_it_wrote(
    tool: SpoolDriver, code: int | None, status: str
) -> None:
    adapter, wrote = tool.connect(), "x" * 70_000 + "\n```\n**no** such host"
    ref = adapter.create(tool.new_body("Restart db1"), TOKEN).ref
    tool.take_job(ref)
    tool.end(ref, code, wrote)
    body = adapter.read(ref).body
    assert (body["status"], body["exit_code"]) == (status, code)
    assert body["output_sha256"] == hashlib.sha256(wrote.encode()).hexdigest()
    assert body["output"].startswith("````\nx")
    assert body["output"].endswith("**no** such host\n````")
    assert len(body["output"]) < 20_000


def test_a_job_that_somebody_removed_is_lost_and_not_begun_again(tool: SpoolDriver) -> None:
    adapter = tool.connect()
    ref = adapter.create(tool.new_body("Restart db1"), TOKEN).ref
    for file in (tool.path / "queue" / ref).iterdir():
        file.unlink()
    (tool.path / "queue" / ref).rmdir()
    assert adapter.read(ref).body["status"] == "lost"
    adapter.create(tool.new_body("Restart db1"), TOKEN)
    assert adapter.read(ref).body["status"] == "lost"


def test_a_job_for_another_runner_is_refused(tool: SpoolDriver) -> None:
    with pytest.raises(Rejected, match=f"the job is for the runner 'other', and this is {NAME}"):
        tool.connect().create({**tool.new_body("Restart db1"), "runner": "other"}, TOKEN)


def test_what_a_runner_was_told_does_not_change(tool: SpoolDriver) -> None:
    adapter = tool.connect()
    made = adapter.create(tool.new_body("Restart db1"), TOKEN)
    with pytest.raises(Rejected, match="it does not change"):
        adapter.update(made.ref, {"timeout": 3}, made.version)


def test_a_folder_that_is_none_is_told_with_what_to_do(tool: SpoolDriver, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    tool.path = tmp_path / "file"
    with pytest.raises(NeedsOperator, match=r"cannot be used .*; correct its path or its rights"):
        tool.connect().check()


@pytest.mark.parametrize(("text", "fence"), [("a", "```"), ("a ``` b", "````"), ("`````", "``````")])
def test_an_output_is_fenced_by_more_than_it_holds(text: str, fence: str) -> None:
    assert fenced(text) == f"{fence}\n{text}\n{fence}"


def as_link(left: Path, secret: Path) -> None:
    left.mkdir()
    (left / "output").symlink_to(secret)


def as_linked_folder(left: Path, secret: Path) -> None:
    (secret.parent / "output").write_bytes(secret.read_bytes())
    left.symlink_to(secret.parent)


def as_pipe(left: Path, _secret: Path) -> None:
    left.mkdir()
    os.mkfifo(left / "output")


def as_file(left: Path, _secret: Path) -> None:
    left.write_text("0")


def as_code_that_is_a_folder(left: Path, _secret: Path) -> None:
    (left / "exit_code").mkdir(parents=True)


@pytest.mark.parametrize("odd", [as_link, as_linked_folder, as_pipe, as_file, as_code_that_is_a_folder])
def test_what_a_runner_left_is_read_as_plain_files_of_that_job_alone(
    tool: SpoolDriver, tmp_path: Path, odd: Callable[[Path, Path], None]
) -> None:
    adapter, secret = tool.connect(), tmp_path / "keys"
    secret.write_text("s3cret of ours")
    cursor = [page.cursor for page in adapter.changes(None)][-1]
    good, bad = (adapter.create(tool.new_body(name), Token(name)) for name in ("good", "bad"))
    odd(tool.path / "results" / bad.ref, secret)
    with pytest.raises(Rejected, match=r"cannot be understood: .* plain file|is no folder"):
        adapter.read(bad.ref)
    with pytest.raises(Rejected):
        adapter.find(Token("bad"))
    with pytest.raises(Rejected):
        adapter.update(bad.ref, {"wanted": "cancel"}, bad.version)
    pages = list(adapter.changes(cursor))
    assert [reading.ref for page in pages for reading in page.readings] == [good.ref]
    assert [one.ref for page in pages for one in page.unreadable] == [bad.ref]
    assert "s3cret" not in repr(pages)


def test_a_file_of_ours_that_a_link_stands_for_is_not_written_through(tool: SpoolDriver, tmp_path: Path) -> None:
    (tmp_path / "store").write_text("everything")
    for name in (".now", ".lock"):
        (tool.path / name).unlink(missing_ok=True)
        (tool.path / name).symlink_to(tmp_path / "store")
        with pytest.raises(NeedsOperator, match="cannot be used"):
            tool.connect().find(TOKEN)
            tool.connect().create(tool.new_body("Restart db1"), TOKEN)
        (tool.path / name).unlink()
    assert (tmp_path / "store").read_text() == "everything"


def test_a_lock_that_nobody_lets_go_of_is_told_and_not_waited_for(
    tool: SpoolDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TRIES", 2)
    with tool.spool.alone(), pytest.raises(TryAgain, match=r"somebody holds `\.lock`"):
        tool.connect().create(tool.new_body("Restart db1"), TOKEN)


def test_what_changed_after_the_clock_was_put_back_is_told(tool: SpoolDriver) -> None:
    adapter = tool.connect()
    ref = adapter.create(tool.new_body("Restart db1"), TOKEN).ref
    pages = list(adapter.changes(Cursor(str(time.time_ns() + 3_600_000_000_000))))
    assert [reading.ref for page in pages for reading in page.readings] == [ref]
    assert int(pages[-1].cursor) <= time.time_ns()


@pytest.mark.parametrize("told", [b"", b"1_0", b"1" * 5_000, b"\xff", b"0\n1\n"])
def test_an_exit_code_that_is_none_is_not_guessed(tool: SpoolDriver, told: bytes) -> None:
    adapter = tool.connect()
    ref = adapter.create(tool.new_body("Restart db1"), TOKEN).ref
    tool.take_job(ref)
    tool.end(ref, 0)
    (tool.path / "results" / ref / "exit_code").write_bytes(told)
    assert (adapter.read(ref).body["status"], adapter.read(ref).body["exit_code"]) == ("lost", None)
