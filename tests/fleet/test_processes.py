"""Real workers on a real PostgreSQL: killed, frozen past their lease, replaced one by one."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.daemon.conftest import eventually

from tieline.adapters.memory.tool import MemoryTool
from tieline.core.journal import verify
from tieline.core.store.store import Store

pytestmark = [pytest.mark.xdist_group("fleet"), pytest.mark.timeout(240)]

WORKSPACE = """\
tieline: 1
store: {{env: TIELINE_TEST_STORE}}
server: {{listen: '127.0.0.1:0'}}
poll_every: 1s
stop_within: 5s
lease: 2s
connections:
  left: {{tool: memory, path: {folder}/left.json, opens: true, history: 1d}}
  right: {{tool: memory, path: {folder}/right.json, opens: true, history: 1d}}
"""


class Workers:
    """`tieline run`, as often as wanted, on one store."""

    def __init__(self, folder: Path, store: str) -> None:
        self.folder = folder
        self.store = store
        self.left = MemoryTool(path=folder / "left.json")
        self.right = MemoryTool(path=folder / "right.json")
        (folder / "tieline.yaml").write_text(WORKSPACE.format(folder=folder), encoding="utf-8")
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        log = self.folder / f"{name}.log"
        with log.open("ab") as file:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "tieline.cli.main", "-w", str(self.folder), "run", "--log", "json"],
                stderr=file,
                stdout=subprocess.DEVNULL,
                cwd=self.folder,
                env={**os.environ, "TIELINE_TEST_STORE": self.store},
            )
        eventually(lambda: '"started"' in log.read_text(), 60)

    def signal(self, name: str, number: signal.Signals) -> None:
        self.running[name].send_signal(number)
        if number is signal.SIGKILL:
            self.running.pop(name).wait(10)

    def stop(self, name: str) -> int:
        process = self.running.pop(name)
        process.terminate()
        return process.wait(30)

    def events(self, name: str) -> list[dict[str, object]]:
        text = (self.folder / f"{name}.log").read_text()
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def make(self, count: int) -> list[str]:
        return [self.left.make({"title": f"Disk {number}", "status": "new"}).ref for number in range(count)]

    def copied(self, count: int) -> bool:
        return len(self.right.rows()) == count

    def notes(self, title: str) -> list[str]:
        return next(([note.text for note in row.notes] for row in self.right.rows() if row.body["title"] == title), [])


@pytest.fixture
def workers(tmp_path: Path, postgres_database: str) -> Iterator[Callable[..., Workers]]:
    made: list[Workers] = []

    def start(*names: str) -> Workers:
        made.append(Workers(tmp_path, postgres_database))
        for name in names:
            made[-1].start(name)
        return made[-1]

    yield start
    for one in made:
        for process in one.running.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait(10)


def settled(team: Workers, refs: list[str], words: list[str]) -> None:
    """Every comment of every incident stands once in the other tool, in order, and nothing was made twice."""
    assert len(team.right.rows()) == len(refs)
    for number in range(len(refs)):
        found = [next((word for word in words if word in note), note) for note in team.notes(f"Disk {number}")]
        assert found == words
    assert len(team.left.rows()) == len(refs)
    with Store.open(team.store) as store:
        verify(store)


def test_workers_that_are_killed_or_frozen_past_their_lease_lose_double_and_reorder_nothing(workers):
    team = workers("one", "two", "three")
    refs = team.make(8)
    words = [f"step {number:02}" for number in range(15)]
    for number, word in enumerate(words):
        for ref in refs:
            team.left.comment(ref, word)
        if number == 3:
            team.signal("one", signal.SIGKILL)
        if number == 5:
            team.signal("two", signal.SIGSTOP)
        if number == 11:
            team.signal("two", signal.SIGCONT)
        time.sleep(0.6)
    eventually(lambda: all(len(team.notes(f"Disk {number}")) >= len(words) for number in range(len(refs))), 60)
    time.sleep(3)
    settled(team, refs, words)
    assert team.running["two"].poll() is None, "a worker that was frozen goes on"
    assert not [event for event in team.events("three") if event.get("level") == "critical"]


def test_workers_are_replaced_one_by_one_while_work_goes_on(workers):
    team = workers("one", "two")
    refs = team.make(4)
    words = [f"step {number:02}" for number in range(12)]
    for number, word in enumerate(words):
        for ref in refs:
            team.left.comment(ref, word)
        if number == 3:
            assert team.stop("one") == 0
            team.start("newer one")
        if number == 7:
            assert team.stop("two") == 0
            team.start("newer two")
        time.sleep(0.3)
    eventually(lambda: all(len(team.notes(f"Disk {number}")) >= len(words) for number in range(len(refs))), 60)
    time.sleep(2)
    settled(team, refs, words)


def test_the_last_worker_finds_what_the_others_left(workers):
    team = workers("one")
    refs = team.make(3)
    eventually(lambda: team.copied(3), 60)
    team.signal("one", signal.SIGKILL)
    for ref in refs:
        team.left.comment(ref, "while nobody was there")
    team.start("two")
    eventually(lambda: all(len(team.notes(f"Disk {number}")) == 1 for number in range(3)), 60)
    settled(team, refs, ["while nobody was there"])
