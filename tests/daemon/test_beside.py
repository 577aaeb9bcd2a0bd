"""A process beside the daemon runs as long as the daemon does: it begins again when it ends, and ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.daemon.conftest import eventually

from tieline.sync.daemon import beside
from tieline.sync.daemon.beside import Beside

WAITS = """
import pathlib, signal, sys, time
told = pathlib.Path(sys.argv[1])
signal.signal(signal.SIGHUP, lambda *_: told.open("a").write("reload\\n"))
told.open("a").write("begin\\n")
while True:
    time.sleep(0.02)
"""


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as lines:
        yield lines


class Watched:
    """One process, and the thread that watches it."""

    def __init__(
        self, folder: Path, is_needed: Callable[[], bool] = lambda: True, given: Callable[[], object] = lambda: None
    ) -> None:
        self.told = folder / "told"
        self.one = Beside("work", [sys.executable, "-c", WAITS, str(self.told)], is_needed, given=given)
        self.wake = threading.Event()
        self.thread = threading.Thread(target=self.one.watch, args=(self.wake,), daemon=True)
        self.thread.start()

    def lines(self) -> list[str]:
        return self.told.read_text("utf-8").splitlines() if self.told.exists() else []

    def end(self) -> None:
        self.one.end()
        self.wake.set()
        self.thread.join(20)
        assert not self.thread.is_alive()


def test_it_begins_again_when_it_is_killed_and_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: list[MutableMapping[str, Any]]
) -> None:
    monkeypatch.setattr(beside, "FIRST_REST", 0.05)
    here = Watched(tmp_path)
    eventually(lambda: here.lines() == ["begin"])
    first = here.one.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    eventually(lambda: here.lines() == ["begin"] * 2)
    here.one.reload()
    eventually(lambda: here.lines()[-1] == "reload")
    here.end()
    assert here.one.pid is None
    assert [(line["process"], line["exit_code"]) for line in logged if line["event"] == "process_ended"] == [
        ("work", -9)
    ]


def test_it_runs_only_while_it_is_needed(tmp_path: Path) -> None:
    needed: list[bool] = []
    here = Watched(tmp_path, lambda: bool(needed))
    needed.append(True)
    here.wake.set()
    eventually(lambda: here.lines() == ["begin"])
    needed.clear()
    here.one.reload()
    eventually(lambda: here.one.pid is None)
    here.end()
    assert here.lines() == ["begin"]


def test_one_that_is_given_what_no_reload_changes_begins_anew_and_nobody_complains(
    tmp_path: Path, logged: list[MutableMapping[str, Any]]
) -> None:
    given = [1]
    here = Watched(tmp_path, given=lambda: given[0])
    eventually(lambda: here.lines() == ["begin"])
    here.one.reload()
    eventually(lambda: here.lines() == ["begin", "reload"])
    given[0] = 2
    here.one.reload()
    eventually(lambda: here.lines() == ["begin", "reload", "begin"])
    here.end()
    assert [line for line in logged if line["event"] == "process_ended"] == []


def test_one_that_cannot_be_started_is_told_of_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: list[MutableMapping[str, Any]]
) -> None:
    monkeypatch.setattr(beside, "FIRST_REST", 0.05)
    python = tmp_path / "python"
    told = tmp_path / "told"
    one = Beside("work", [str(python), "-c", WAITS, str(told)])
    wake = threading.Event()
    thread = threading.Thread(target=one.watch, args=(wake,), daemon=True)
    thread.start()
    eventually(lambda: any(line["event"] == "process_not_started" for line in logged))
    python.symlink_to(sys.executable)
    eventually(told.exists)
    one.end()
    wake.set()
    thread.join(20)
    assert not thread.is_alive()


def test_what_it_starts_itself_does_not_end_with_its_own_input() -> None:
    child = """
import os
from tieline.sync.daemon.beside import VARIABLE, end_with_parent
end_with_parent()
print(VARIABLE in os.environ)
"""
    environment = {**os.environ, beside.VARIABLE: "1"}
    with subprocess.Popen(
        [sys.executable, "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as one:
        assert one.stdout is not None
        assert one.stdout.read() == "False\n"


def test_it_ends_when_the_daemon_is_killed() -> None:
    child = "from tieline.sync.daemon.beside import end_with_parent; end_with_parent(); import time; time.sleep(60)"
    parent = f"""
import sys, threading, time
from tieline.sync.daemon.beside import Beside
one = Beside("work", [sys.executable, "-c", {child!r}])
threading.Thread(target=one.watch, args=(threading.Event(),), daemon=True).start()
while one.pid is None: time.sleep(0.01)
print(one.pid, flush=True)
threading.Event().wait()
"""
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        line = next(line for line in daemon.stdout if line.strip().isdigit())
        daemon.kill()
        eventually(lambda: not Path(f"/proc/{int(line)}").exists() or "Z (" in _state(int(line)))


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text("utf-8")
