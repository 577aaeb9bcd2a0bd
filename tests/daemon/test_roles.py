"""Whether what runs beside the daemon is told as missing when it is, and as nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tieline.core.store.store import Store
from tieline.sync.daemon import processes
from tieline.sync.daemon.heartbeat import FORGET, SILENT, Heartbeat, Life, Role, signs
from tieline.sync.daemon.roles import RoleNow, judge

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
GONE = {**processes.this(), "began": "1"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'signs.db'}") as store:
        store.migrate()
        yield store


class Fleet:
    """Signs of processes, and what is made of them."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def sign(
        self,
        role: Role,
        name: str = "here:1",
        *,
        at: datetime = NOW,
        process: dict[str, Any] | None = None,
        end: bool = False,
        began: datetime | None = None,
        **told: Any,
    ) -> None:
        one = Heartbeat(self.store, name, alone=False, process=process or processes.this(), role=role)
        one.say(told)
        one.beat(began or at)
        one.beat(at)
        if end:
            one.end(at)

    def now(self, role: Role = Role.WORK, *, at: datetime = NOW, wanted: bool = True) -> RoleNow:
        with self.store.read() as connection:
            found = signs(connection)
        return judge(role, found[role], Life(found[Role.DAEMON], at), at, wanted=wanted)


@pytest.fixture
def fleet(store: Store) -> Fleet:
    return Fleet(store)


def test_one_that_was_killed_is_missing_since_its_last_sign_with_what_to_do(fleet: Fleet) -> None:
    fleet.sign(Role.DAEMON, beside=True, began=NOW - timedelta(hours=1))
    fleet.sign(Role.WORK, process=GONE, at=NOW - timedelta(seconds=4))
    found = fleet.now()
    assert (found.running, found.is_missing, found.since) == (0, True, NOW - timedelta(seconds=4))
    assert found.sentences == (
        "`tieline work` is NOT running: its process is gone, and gave its last sign 4 s ago. What plugins do by "
        "themselves waits until it does; nothing of it is lost, and alerts are taken in. `tieline run` starts it again "
        "by itself within a minute; where it does not, its log says why (`process_ended`, `process_not_started`).",
    )


def test_whoever_runs_apart_from_the_daemon_is_told_how_it_is_started(fleet: Fleet) -> None:
    fleet.sign(Role.DAEMON, beside=False)
    fleet.sign(Role.WEB, process=GONE)
    found = fleet.now(Role.WEB, wanted=False)
    assert found.is_missing
    assert "Nobody gets into the console" in found.sentences[0]
    assert "Start it: `tieline web`, or its unit (`systemctl start tieline-web`)" in found.sentences[0]


def test_one_that_never_ran_is_missed_only_where_the_workspace_wants_it(fleet: Fleet) -> None:
    fleet.sign(Role.DAEMON, beside=False)
    assert fleet.now(wanted=True).is_missing
    assert fleet.now(wanted=True).since is None
    assert fleet.now(wanted=False) == RoleNow(Role.WORK, 0, is_missing=False, since=None, sentences=())


def test_one_that_was_stopped_is_missed_only_where_the_workspace_wants_it(fleet: Fleet) -> None:
    fleet.sign(Role.DAEMON, beside=False)
    fleet.sign(Role.WEB, end=True, at=NOW - timedelta(minutes=3))
    assert not fleet.now(Role.WEB, wanted=False).is_missing
    assert "it was stopped 3 min ago" in fleet.now(Role.WEB, wanted=True).sentences[0]


def test_what_a_daemon_starts_has_time_to_come_and_is_not_missed_without_it(fleet: Fleet) -> None:
    fleet.sign(Role.WORK, process=GONE, at=NOW - timedelta(hours=1))
    fleet.sign(Role.DAEMON, beside=True, at=NOW)
    assert not fleet.now(at=NOW + timedelta(seconds=2)).is_missing
    later = NOW + SILENT + timedelta(seconds=1)
    fleet.sign(Role.DAEMON, "here:2", beside=True, at=NOW - SILENT)
    assert not fleet.now(at=later).is_missing, "no daemon is at work any more, and that is told instead"


def test_in_a_fleet_those_that_run_are_counted_and_one_that_is_lost_is_told(fleet: Fleet) -> None:
    fleet.sign(Role.DAEMON, beside=False)
    for name in ("here:1", "there:2"):
        fleet.sign(Role.WORK, name)
    fleet.sign(Role.WORK, "there:3", process={"world": "another"}, at=NOW - timedelta(minutes=5))
    found = fleet.now()
    assert (found.running, found.is_missing) == (2, False)
    assert found.sentences == (
        "`tieline work` there:3: it gave its last sign 5 min ago. What it did 2 others do meanwhile; its log says why "
        "it ended.",
    )


def test_whoever_follows_on_the_same_machine_takes_the_place_of_one_that_was_killed(fleet: Fleet) -> None:
    fleet.sign(Role.DAEMON, beside=True)
    fleet.sign(Role.WORK, "here:1", process=GONE)
    fleet.sign(Role.WEB, "here:2", process=GONE)
    fleet.sign(Role.WORK, "here:3")
    assert fleet.now() == RoleNow(Role.WORK, 1, is_missing=False, since=None, sentences=())
    assert fleet.now(Role.WEB).is_missing


def test_one_that_hangs_is_told_with_what_it_hangs_at(fleet: Fleet) -> None:
    fleet.sign(Role.DAEMON, beside=True)
    fleet.sign(Role.WORK, stuck={"the plugin escalation": (NOW - timedelta(minutes=6)).timestamp()})
    [sentence] = fleet.now().sentences
    assert sentence.startswith("the plugin escalation has been at one thing since 11:54:00 UTC, 6 min ago: ")
    assert "restart `tieline work` (here:1)" in sentence


def test_one_that_nobody_wants_any_more_is_forgotten_in_the_end(fleet: Fleet) -> None:
    fleet.sign(Role.DAEMON, beside=False, at=NOW + FORGET + timedelta(days=1))
    fleet.sign(Role.WEB, process=GONE)
    assert not fleet.now(Role.WEB, at=NOW + FORGET + timedelta(days=1), wanted=False).is_missing
