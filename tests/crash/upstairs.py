"""The second floor of the crash matrix: people's acts, a token's use, a follower, timers, and tables that are made
anew, killed once before and after every commit. Whoever asked asks again under the same key, and then all is as it is
undisturbed."""

from __future__ import annotations

import os
import shutil
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from tests.crash.fuse import Fuse, watch_commits
from tests.crash.matrix import Place, Report, spread

from tieline.adapters.testing.clock import ManualClock
from tieline.cli.simulation.floor import rounds
from tieline.core import journal, tokens
from tieline.core.access import Role
from tieline.core.identity import Someone
from tieline.sync.api import signing_in
from tieline.sync.office import projecting
from tieline.sync.office.office import make_tables
from tieline.sync.office.own import OWN
from tieline.sync.office.performing import perform
from tieline.sync.testing.ground import OWNER, Ground
from tieline.sync.work.turn import turn

TURNS: Final = 20
"""Turns after which everything has come to rest."""

ACTS: Final = (
    ("rounds promise", {"incident": "INC-1", "words": "I look.", "time": "5m"}),
    ("rounds hand-over", {"incident": "INC-1", "words": "the night shift"}),
    ("rounds take", {"slot": 1, "words": "tonight"}),
)

Rows = dict[str, int]


@dataclass(frozen=True, slots=True)
class End:
    """What there is in the end: how often what happened, how many rows tell of it, and what is wrong."""

    points: list[str]
    counts: Counter[tuple[str, int | None]]
    rows: Rows
    wrong: list[str]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A store in which there is an item, a plugin at work, and a token."""

    folder: Path
    now: datetime
    token: str


def prepare(folder: Path) -> Prepared:
    """What there is before anybody asks for anything."""
    ground = Ground(folder, lambda: rounds.OFFER)
    ground.work()
    ground.arrive()
    now = ground.clock.now()
    with ground.engine.store.write() as tx:
        terms = tokens.Terms("crash", Role.ADMIN, (), None, now + timedelta(days=1))
        _id, words = tokens.issue(tx, OWNER, terms, at=now, actor=OWNER)
    ground.close()
    return Prepared(folder, now, words)


def _owns(someone: Someone) -> bool:
    return someone.identity == OWNER.identity


def _deeds(ground: Ground, token: str) -> None:
    """All that is done, each act under a key."""
    for name, given in ACTS:
        ground.perform(name, given, key=name)
    asker = signing_in.proved(ground.engine.store, token, ground.clock.now(), _owns)
    edit = OWN["edit"]
    perform(
        ground.engine, edit, edit.told({"incident": "INC-1", "changes": {"title": "By a token"}}), asker, key="edit"
    )
    _rest(ground)
    for _ in range(2):
        ground.clock.advance(600)
        _rest(ground)
    for name, (_offer, projection) in ground.engine.registry.offers.projections.items():
        if not projecting.make(ground.engine.store, name, projection, "crash"):
            raise RuntimeError(f"somebody else makes {name} anew")
    make_tables(ground.engine, ground.engine.registry.offers.acts["rounds promise"])
    _rest(ground)


def _rest(ground: Ground) -> None:
    for _ in range(TURNS):
        if not turn(ground.engine, ground.offer, "crash"):
            return
    raise RuntimeError(f"not quiet after {TURNS} turns")


def _end(ground: Ground, points: list[str]) -> End:
    wrong = ground.failures()
    before = ground.rows()
    for name, (_offer, projection) in ground.engine.registry.offers.projections.items():
        projecting.make(ground.engine.store, name, projection, "again")
    wrong += [f"{name} made anew is another one" for name, rows in ground.rows().items() if rows != before[name]]
    journal.verify(ground.engine.store)
    return End(points, ground.counts(), {name: len(rows) for name, rows in before.items()}, wrong)


def live(prepared: Prepared, burns_at: int | None) -> End | str:
    """One life, in a process of its own: until all is done, or the point of this number. Answers what there is then, or
    the point. Raises RuntimeError where it ended otherwise."""
    ours, theirs = Pipe()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _be_alive(theirs, prepared, burns_at)
    theirs.close()
    told: Any = None
    try:
        while True:
            told = ours.recv()
    except EOFError:
        pass
    finally:
        ours.close()
        os.waitpid(pid, 0)
    if isinstance(told, End) or (isinstance(told, str) and told.endswith("a commit")):
        return told
    raise RuntimeError(f"it ended by itself: {told}")


def _be_alive(pipe: Connection, prepared: Prepared, burns_at: int | None) -> None:
    try:
        ground = Ground(prepared.folder, lambda: rounds.OFFER, ManualClock(prepared.now))
        fuse = Fuse(burns_at, pipe.send)
        watch_commits(ground.engine.store, fuse)
        _deeds(ground, prepared.token)
        points = list(fuse.points)
        pipe.send(_end(ground, points))
    except BaseException:  # noqa: BLE001 - whatever it is, the process that waits must hear of it
        pipe.send(traceback.format_exc())
    finally:
        os._exit(0)


def _copied(prepared: Prepared, folder: Path) -> Prepared:
    """The same, in another folder. The tool's file is where it was: nothing here changes it."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(prepared.folder, folder)
    return Prepared(folder, prepared.now, prepared.token)


def die_everywhere(folder: Path, most: int | None) -> Report:
    """Kill it at each of at most so many points, spread evenly, and do everything again."""
    prepared = prepare(folder / "prepared")
    whole = live(_copied(prepared, folder / "whole"), None)
    if isinstance(whole, str) or whole.wrong:
        raise RuntimeError(f"undisturbed: {whole}")
    places = [Place(0, number, words) for number, words in enumerate(whole.points, 1)]
    report = Report(points=len(places))
    for place in spread(places, most):
        report.ran += 1
        report.kinds[place.words] += 1
        wrong = list(_die(_copied(prepared, folder / "cut"), place, whole))
        report.failures += [f"killed {place.words} (point {place.number}): {words}" for words in wrong]
        report.clean += not wrong
    return report


def _die(cut: Prepared, place: Place, whole: End) -> Iterator[str]:
    died = live(cut, place.number)
    if died != place.words:
        yield f"did not die there, but: {died}"
        return
    again = live(cut, None)
    if isinstance(again, str):
        yield f"died {again} once more"
        return
    yield from again.wrong
    for name, counted, wanted in (("happened", again.counts, whole.counts), ("rows", again.rows, whole.rows)):
        if counted != wanted:
            yield f"{name}: {sorted(set(counted.items()) ^ set(wanted.items()), key=str)}"
