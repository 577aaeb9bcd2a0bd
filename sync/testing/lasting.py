"""What is derived can be derived again; what is done by itself is done once, and what is set aside comes back as if it
had not been away."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import pytest

from tieline.core import events, journal
from tieline.core.model import IncidentId
from tieline.sync import explain
from tieline.sync.office import projecting
from tieline.sync.testing import story
from tieline.sync.testing.acting import acts_of, fail_for, succeeding
from tieline.sync.testing.ground import TURNS, Ground
from tieline.sync.testing.readying import ready

HOUR = 3_600.0
MINUTE = 60.0


class LastingContract:
    """Tables, restarts, clocks, and times without the plugin."""

    def test_tables_made_anew_are_those_that_were_kept_in_step(self, ground: Ground) -> None:
        seen = story.tell(ground)
        fail_for(f"empty, and proves nothing: {words}" for words in story.missing(ground, seen))
        before = ground.rows()
        for name, (_offer, projection) in ground.engine.registry.offers.projections.items():
            assert projecting.make(ground.engine.store, name, projection, "again")
        after = ground.rows()
        for name, rows in before.items():
            assert after[name] == rows, f"{name} made anew from the journal is not what was kept in step"

    def test_what_it_does_by_itself_is_done_once_over_restarts_clock_steps_and_two_workers(
        self, ground: Ground, tmp_path: Path
    ) -> None:
        for _ in range(3):
            ground.arrive()
        calm = ground.copied(tmp_path / "calm")
        for hours in (0.0, 1.0, 1.0):
            calm.clock.advance(hours * HOUR)
            calm.work()
            ground.clock.advance(hours * HOUR)
            _by_two(ground)
            ground.clock.step(-MINUTE)
            ground.work()
            ground.restart()
            ground.clock.step(MINUTE)
            ground.work()
        wanted = calm.counts()
        calm.close()
        fail_for([*_difference(ground.counts(), wanted), *ground.failures()])

    def test_what_happens_while_it_is_set_aside_is_not_lost(self, ground: Ground, tmp_path: Path) -> None:
        number = ground.open()
        for act in acts_of(ground):
            succeeding(ground, act, ready(ground, act, number))
        stays = ground.copied(tmp_path / "stays")
        items = {IncidentId(entry.incident) for entry in ground.told() if entry.incident is not None}
        make, ground.make = ground.make, None
        ground.restart()
        for one in (stays, ground):
            one.open(title="Another disk")
            for _ in range(4):
                one.pass_time(6 * HOUR)
        _is_readable(ground, stays.offer.group, items)
        ground.make = make
        ground.restart()
        ground.work()
        lost = {entry.incident for entry in stays.told()} - {entry.incident for entry in ground.told()}
        stays.close()
        fail_for(f"what happened to INC-{item} while it was set aside is lost" for item in sorted(filter(None, lost)))
        before = ground.counts()
        ground.restart()
        ground.work()
        fail_for([*_difference(ground.counts(), before), *ground.failures()])


def _by_two(ground: Ground) -> None:
    together = threading.Barrier(2)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            together.wait(10)
            for _ in range(TURNS):
                if not ground.turn(threading.current_thread().name):
                    return
        except BaseException as error:  # noqa: BLE001 - told of below, where somebody sees it
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    fail_for(f"a worker beside another one fails: {type(error).__name__}: {error}" for error in failed)


def _is_readable(ground: Ground, group: str, items: set[IncidentId]) -> None:
    """The journal is whole, and shows what the plugin recorded of these items, where nothing knows its kinds."""
    kinds = {kind: one for kind, one in events.OF_PLUGINS.items() if kind.startswith(f"{group}.")}
    for kind in kinds:
        del events.OF_PLUGINS[kind]
    try:
        assert journal.verify(ground.engine.store).count > 0
        with ground.engine.store.read() as connection:
            found = [entry["kind"] for item in sorted(items) for entry in explain.history(connection, item)]
        if items and not kinds.keys() & {*found}:
            pytest.fail("what it recorded is not shown where it is not installed")
    finally:
        events.OF_PLUGINS.update(kinds)


def _difference(found: Counter[tuple[str, int | None]], wanted: Counter[tuple[str, int | None]]) -> list[str]:
    more, less = found - wanted, wanted - found
    told = [f"{kind} of INC-{item} {times} times too often" for (kind, item), times in more.items()]
    return told + [f"{kind} of INC-{item} {times} times too few" for (kind, item), times in less.items()]
