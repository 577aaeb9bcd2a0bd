"""A job comes into the queue once, whatever is cut off, and one that was taken is never called back."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from tieline.adapters.spool import folder as module
from tieline.adapters.spool.adapter import SpoolAdapter, connect
from tieline.adapters.spool.driver import NAME, SpoolDriver
from tieline.adapters.spool.settings import SpoolSettings
from tieline.core.clock import SystemClock
from tieline.core.errors import Gone, NeedsOperator, Rejected, StaleVersion, TryAgain
from tieline.core.executions import fenced
from tieline.core.port import Cursor, Ref, Token, Workbench

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


def test_an_output_is_hashed_once_and_not_with_every_reading(
    tool: SpoolDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter, wrote = tool.connect(), "x" * 300_000 + "end"
    ref = adapter.create(tool.new_body("Restart db1"), TOKEN).ref
    tool.take_job(ref)
    tool.end(ref, 0, wrote)
    first = adapter.read(ref)
    read: list[int] = []
    of_system = os.read

    def counted(opened: int, size: int) -> bytes:
        part = of_system(opened, size)
        read.append(len(part))
        return part

    monkeypatch.setattr(os, "read", counted)
    again = tool.connect().read(ref)
    assert (again.version, again.body) == (first.version, first.body)
    assert sum(read) < 20_000, "the end of it, and what is said of the job"
    (tool.path / "results" / ref / "output").write_text("something else")
    assert tool.connect().read(ref).body["output_sha256"] == hashlib.sha256(b"something else").hexdigest()


def aged(tool: SpoolDriver) -> SpoolAdapter:
    """An adapter that keeps a job for no time once it is over."""
    settings = SpoolSettings(path=tool.path, keep=timedelta(0))
    return connect(NAME, settings, Workbench(SystemClock(), time.sleep, None, tool.take))


def clear(tool: SpoolDriver) -> None:
    """Have what is over be removed, after all of it was told."""
    tool.advance(0.02)
    list(aged(tool).changes(Cursor(str(tool.spool.prepare()))))


def ended(tool: SpoolDriver, number: int = 0) -> Ref:
    """A job that was done."""
    ref = tool.connect().create(tool.new_body("Restart db1"), Token(f"tl-{number}")).ref
    tool.take_job(ref)
    tool.end(ref, 0, "done")
    return ref


def test_a_result_that_nobody_was_told_of_is_kept_however_old_it_is(tool: SpoolDriver) -> None:
    before = Cursor(str(tool.spool.prepare()))
    tool.advance(0.02)
    ref = ended(tool)
    for since in (before, None):
        tool.advance(0.1)
        told = [one for page in aged(tool).changes(since) for one in page.readings]
        assert since is None or [(one.ref, one.body["exit_code"]) for one in told] == [(ref, 0)]
        assert tool.spool.names() == [ref]
        assert aged(tool).output(ref, 0, 100) == b"done"
    clear(tool)
    assert tool.spool.names() == []


def test_what_it_wrote_is_kept_for_as_long_once_it_was_read(tool: SpoolDriver) -> None:
    ref = ended(tool)
    tool.advance(0.02)
    late = tool.spool.prepare()
    tool.advance(0.02)
    tool.connect().read(ref)
    tool.spool.clear(late)
    assert tool.spool.names() == [ref]
    tool.advance(0.02)
    tool.spool.clear(tool.spool.prepare())
    assert tool.spool.names() == []


def test_what_is_over_for_long_is_removed_and_never_begins_again(tool: SpoolDriver) -> None:
    adapter = tool.connect()
    done, back, waits, runs = (
        adapter.create(tool.new_body(f"Restart db{number}"), Token(f"tl-{number}")) for number in range(4)
    )
    for one in (done, runs):
        tool.take_job(one.ref)
    tool.end(done.ref, 0, "done")
    adapter.update(back.ref, {"wanted": "cancel"}, back.version)
    list(adapter.changes(None))
    assert len(tool.spool.names()) == 4, "what is kept for long is there"
    clear(tool)
    assert sorted(tool.spool.names()) == sorted([waits.ref, runs.ref])
    for place in ("results", "cancelled", "making"):
        assert list((tool.path / place).iterdir()) == []
    assert [one.name for one in (tool.path / "taken").iterdir()] == [runs.ref]
    assert adapter.find(Token("tl-0")) is None
    for gone in ("tl-0", "tl-1"):
        with pytest.raises(Rejected, match="is over, and was removed"):
            adapter.create(tool.new_body("Restart db0"), Token(gone))
    assert [one.name for one in (tool.path / "queue").iterdir()] == [waits.ref]
    with pytest.raises(Gone):
        adapter.read(done.ref)


@pytest.mark.parametrize("step", range(1, 5))
def test_what_was_cut_off_while_it_was_removed_is_removed_later(
    tool: SpoolDriver, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = tool.connect().create(tool.new_body("Restart db1"), TOKEN).ref
    tool.take_job(ref)
    tool.end(ref, 0, "done")
    with monkeypatch.context() as patched:
        patched.setattr(module, "_remove", cut_at(step))
        with suppress(Cut):
            clear(tool)
    list(tool.connect().changes(None))
    clear(tool)
    assert tool.spool.names() == []
    assert [list((tool.path / place).iterdir()) for place in ("queue", "taken", "results")] == [[], [], []]
    with pytest.raises(Rejected):
        tool.connect().create(tool.new_body("Restart db1"), TOKEN)


def test_what_cannot_be_removed_keeps_nothing_else(tool: SpoolDriver) -> None:
    adapter = tool.connect()
    refs = [adapter.create(tool.new_body(f"Restart db{number}"), Token(f"tl-{number}")).ref for number in range(2)]
    for ref in refs:
        tool.take_job(ref)
        tool.end(ref, 0, "done")
    held = tool.path / "results" / refs[0]
    held.rename(held.with_name("elsewhere"))
    held.symlink_to(held.with_name("elsewhere"))
    clear(tool)
    assert tool.spool.names() == [refs[0]]
    assert held.with_name("elsewhere").is_dir()
