"""The second floor of the crash matrix: people's acts, what others approve first, a policy that is set, a job and one
that is cancelled, an item of a plugin's kind, a token's use, a follower, timers, and tables that are made anew, killed
once before and after every commit. Whoever asked asks again under the same key, and then all is as it is
undisturbed."""

from __future__ import annotations

import os
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from tests.crash.fuse import Fuse, watch_commits
from tests.crash.matrix import Place, Report, Shelf, spread

from tieline.adapters.testing.clock import ManualClock
from tieline.cli.simulation.floor import rounds
from tieline.core import journal, tokens
from tieline.core.access import Role
from tieline.core.identity import Someone
from tieline.sync.api import signing_in
from tieline.sync.office import projecting
from tieline.sync.office.office import Performed, make_tables, offered
from tieline.sync.office.own import OWN
from tieline.sync.office.performing import perform
from tieline.sync.office.stepping import step
from tieline.sync.testing.ground import APPROVERS, OWNER, Ground
from tieline.sync.work.turn import turn

TURNS: Final = 20
"""Turns after which everything has come to rest."""

ACTS: Final[tuple[tuple[str, Mapping[str, Any]], ...]] = (
    ("policy propose", {"policy": "rounds.terms", "document": "mark: 1\n", "why": "it is time"}),
    ("rounds promise", {"incident": "INC-1", "words": "I look.", "time": "5m"}),
    ("rounds hand-over", {"incident": "INC-1", "words": "the night shift"}),
    ("rounds take", {"slot": 1, "words": "tonight"}),
    ("rounds announce", {"incident": "INC-1", "words": "we are on it", "both": True}),
    ("rounds visit", {"words": "the cellar"}),
    ("rounds patrol", {"incident": "INC-1", "words": "past the door", "until": "2020-01-01T00:00:00Z"}),
    ("rounds patrol", {"incident": "INC-1", "words": "past the gate", "until": "2020-01-01T00:00:00Z"}),
)
CANCELLED: Final = "past the gate"
"""The words of the job that is cancelled before its first step."""

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
    address: str
    now: datetime
    token: str


def prepare(folder: Path, shelf: Shelf) -> Prepared:
    """What there is before anybody asks for anything."""
    shelf.put_back(-1)
    ground = Ground(folder, lambda: rounds.OFFER, address=shelf.address)
    ground.work()
    ground.arrive()
    now = ground.clock.now()
    with ground.engine.store.write() as tx:
        terms = tokens.Terms("crash", Role.ADMIN, (), None, now + timedelta(days=1))
        _id, words = tokens.issue(tx, OWNER, terms, at=now, actor=OWNER)
    ground.close()
    shelf.keep(0)
    return Prepared(folder, shelf.address, now, words)


def _owns(someone: Someone) -> bool:
    return someone.identity == OWNER.identity


def _deeds(ground: Ground, token: str) -> None:
    """All that is done, each act under a key."""
    for number, (name, given) in enumerate(ACTS):
        done = _ask(ground, OWNER, name, given, f"{number} {name}")
        for who in APPROVERS[:2] if done.proposal else ():
            _ask(ground, who, "proposals approve", {"proposal": done.proposal}, f"{number} approved by {who.name}")
        if given.get("words") == CANCELLED:
            _ask(ground, OWNER, "jobs cancel", {"job": done.facts["job"]}, "cancelled")
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


def _ask(ground: Ground, who: Someone, name: str, given: Mapping[str, Any], key: str) -> Performed:
    act = offered(ground.engine)[name]
    return perform(ground.engine, act, act.told(given), ground.person(who).asker, key=key)


def _rest(ground: Ground) -> None:
    for _ in range(TURNS):
        worked = turn(ground.engine, ground.offer, "crash")
        if not step(ground.engine, "crash") and not worked:
            return
    raise RuntimeError(f"not quiet after {TURNS} turns")


def _end(ground: Ground, points: list[str]) -> End:
    wrong = ground.failures()
    wrong += [f"the patrol {one}" for one in ground.jobs() if one[1] not in ("done", "cancelled")]
    before = ground.rows()
    for name, (_offer, projection) in ground.engine.registry.offers.projections.items():
        projecting.make(ground.engine.store, name, projection, "again")
    wrong += [f"{name} made anew is another one" for name, rows in ground.rows().items() if rows != before[name]]
    journal.verify(ground.engine.store)
    return End(points, _by_order(ground.counts()), {name: len(rows) for name, rows in before.items()}, wrong)


def _by_order(counts: Counter[tuple[str, int | None]]) -> Counter[tuple[str, int | None]]:
    """The same with items counted in the order of their numbers: PostgreSQL leaves those out that were undone."""
    items = sorted({item for _kind, item in counts if item is not None})
    return Counter({(kind, None if item is None else items.index(item)): n for (kind, item), n in counts.items()})


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
        ground = Ground(prepared.folder, lambda: rounds.OFFER, ManualClock(prepared.now), address=prepared.address)
        fuse = Fuse(burns_at, pipe.send)
        watch_commits(ground.engine.store, fuse)
        _deeds(ground, prepared.token)
        points = list(fuse.points)
        pipe.send(_end(ground, points))
    except BaseException:  # noqa: BLE001 - whatever it is, the process that waits must hear of it
        pipe.send(traceback.format_exc())
    finally:
        os._exit(0)


def die_everywhere(folder: Path, shelf: Shelf, most: int | None) -> Report:
    """Kill it at each of at most so many points, spread evenly, and do everything again."""
    prepared = prepare(folder / "prepared", shelf)
    whole = live(prepared, None)
    if isinstance(whole, str) or whole.wrong:
        raise RuntimeError(f"undisturbed: {whole}")
    places = [Place(0, number, words) for number, words in enumerate(whole.points, 1)]
    report = Report(points=len(places))
    for place in spread(places, most):
        report.ran += 1
        report.kinds[place.words] += 1
        shelf.put_back(0)
        wrong = list(_die(prepared, place, whole))
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
