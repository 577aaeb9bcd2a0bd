"""Ends by absence: a source that lists only what fires tells of an end by leaving an alert out.

So does a source that has forgotten everything, answers for another tenant, or hides what we may no longer see. An end
of one alert is believed; many at once, and more than half of what fires, are not, until the source lists enough of
them again, webhooks tell of their ends, or a person says that it is true. Rules and numbers are in `judge`.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Row, bindparam, delete, insert, select, text

from tieline.core.events import EndsBelieved, EndsConfirmed, EndsDoubted
from tieline.core.journal import Actor
from tieline.core.model import ConnectionName
from tieline.core.port import Ref
from tieline.core.settings import no_such
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction

if TYPE_CHECKING:
    # Who only looks (`tieline status`) does not wait for the engine, nor for what only logging needs.
    from tieline.sync.engine import Connected, Engine

NONE: Final[frozenset[Ref]] = frozenset()

SMALL: Final = 3
"""Alerts from which on a listing without any of them has to be seen twice, where they are too few to be doubted."""

_FIRING = select(t.signal.c.episode).where(t.signal.c.connection == bindparam("name"), text("firing"))
_DOUBTS = select(t.doubt).order_by(t.doubt.c.connection)
_DOUBT = select(t.doubt).where(t.doubt.c.connection == bindparam("name")).with_for_update()
_BELIEVED = delete(t.doubt).where(t.doubt.c.connection == bindparam("name"))


class Belief(StrEnum):
    """Why ends by absence are believed or doubted. Closed."""

    FEW = "few"  # they are not many, or not more than half of what fires
    CONFIRMED = "confirmed"  # a person said that they have ended
    SEEN_TWICE = "seen_twice"  # nothing fires any more, and the pass before said so too
    NONE_LEFT = "none_left"  # nothing fires any more, of few: the next pass has to say so too
    TOO_MANY = "too_many"  # many at once, and more than half of what fires


@dataclass(frozen=True, slots=True)
class Doubt:
    """The episodes of a connection whose ends are not believed. `of` is how many fired when they were missed, by which
    they are judged; `firing` is how many do so by now, these among them. `confirmed` are those that a person has said
    to be over."""

    since: datetime
    episodes: frozenset[Ref]
    of: int
    reason: Belief
    firing: int
    confirmed: frozenset[Ref] = NONE

    @property
    def is_loud(self) -> bool:
        """True when a person should know. The other kind is over with the next poll."""
        return self.reason is Belief.TOO_MANY

    @property
    def open(self) -> frozenset[Ref]:
        """Those that nobody has confirmed."""
        return self.episodes - self.confirmed

    def sentence(self, name: ConnectionName) -> str:
        """What is missing, since when, and what to do."""
        since = self.since.strftime("%Y-%m-%d %H:%M:%S UTC")
        missing = f"{name} no longer lists {len(self.episodes)} of {self.firing} alerts that fire, since {since}"
        if not self.open:
            return f"{missing}; confirmed as ended, and taken in at the next poll."
        return (
            f"{missing}; none of them is taken for ended. If that is wrong, mend the tool: it is over when they are "
            f"listed again. If they have ended: tieline doubts confirm {name}"
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which of the ends are doubted, of how many alerts, and why, or why none is. `firing` is how many fire now."""

    doubted: frozenset[Ref]
    of: int
    reason: Belief
    firing: int = 0


def judge(
    lacking: AbstractSet[Ref], firing: AbstractSet[Ref], doubt: Doubt | None, *, many: int | None, listed_any: bool
) -> Verdict:
    """What to believe of a pass that lacks these of the episodes that fire, as far as we know. Pure.

    | `lacking`, without what a person confirmed | is |
    |---|---|
    | at least `many`, and more than half of what fires | doubted |
    | all of what fires, 3 or more, and nothing else was listed | doubted once, then believed |
    | anything else | believed |

    What fires is counted as it was when the doubt began: alerts that come in later do not outvote it. `many` of None
    believes everything.
    """
    confirmed = doubt.confirmed if doubt is not None else NONE
    rest, population = frozenset(lacking - confirmed), frozenset(firing - confirmed)
    of = min(doubt.of, len(population)) if doubt is not None and _goes_on(doubt, rest) else len(population)
    if many is not None and len(rest) >= many and 2 * len(rest) > of:
        return Verdict(rest, of, Belief.TOO_MANY, len(population))
    if many is not None and len(rest) >= SMALL and rest == population and not listed_any:
        if doubt is None or not rest <= doubt.episodes:
            return Verdict(rest, of, Belief.NONE_LEFT, len(population))
        return Verdict(NONE, of, Belief.SEEN_TWICE)
    return Verdict(NONE, of, Belief.CONFIRMED if lacking & confirmed else Belief.FEW)


def _goes_on(doubt: Doubt, rest: AbstractSet[Ref]) -> bool:
    """True while a loud doubt is about some of the same episodes as before."""
    return doubt.is_loud and not doubt.open.isdisjoint(rest)


# -- the store -----------------------------------------------------------------------------------------------------


def doubts(connection: Connection | Transaction) -> dict[ConnectionName, Doubt]:
    """Every doubt that a person should know of."""
    found = {ConnectionName(row.connection): _doubt(row) for row in connection.execute(_DOUBTS)}
    return {name: doubt for name, doubt in found.items() if doubt.is_loud}


def load(tx: Transaction, name: ConnectionName) -> Doubt | None:
    """The doubt of a connection, held until this transaction ends."""
    row = tx.execute(_DOUBT, {"name": name}).one_or_none()
    return None if row is None else _doubt(row)


def firing(tx: Transaction, name: ConnectionName) -> frozenset[Ref]:
    """The episodes of a connection that fire, as far as we know."""
    return frozenset(Ref(one) for one in tx.execute(_FIRING, {"name": name}).scalars())


def settle(
    tx: Transaction, engine: Engine, here: Connected, before: Doubt | None, verdict: Verdict, lacking: AbstractSet[Ref]
) -> None:
    """Store what a pass led to; journal and log it where it begins and where it is over."""
    after = _after(before, verdict, lacking, engine.clock.now())
    if after != before:
        _save(tx, here.name, after)
    if after is not None and after.is_loud:
        if before is None or not _goes_on(before, after.open):
            _tell_beginning(tx, engine, here, after)
    elif before is not None and before.is_loud:
        _tell_end(tx, engine, here, before, verdict.reason, len(lacking - verdict.doubted))


def withheld(tx: Transaction, here: Connected, gone: Collection[Ref]) -> frozenset[Ref]:
    """Of these, which the source denied when it was asked for them, those that fire on for now: while its listings are
    doubted, so is every other denial. The next pass looks at them again."""
    doubt = load(tx, here.name) if gone else None
    if doubt is None:
        return NONE
    fires = firing(tx, here.name)
    held = frozenset(gone) & (fires - doubt.confirmed)
    if not held <= doubt.episodes:
        _save(tx, here.name, widened(doubt, held, fires))
    return held


def widened(doubt: Doubt, held: frozenset[Ref], fires: frozenset[Ref]) -> Doubt:
    """The doubt with these episodes in it, of all that fires by now. Those that were confirmed are still counted among
    the missing, and so among what fires. Pure."""
    episodes = doubt.episodes | held
    return replace(doubt, episodes=episodes, firing=max(doubt.firing, len(fires | episodes)))


def not_doubted(name: ConnectionName) -> LookupError:
    """What is said where nothing of a connection is doubted."""
    return LookupError(f"no ends of {name} are doubted; run `tieline doubts` to see what is")


def confirm(
    tx: Transaction,
    engine: Engine,
    name: ConnectionName,
    *,
    actor: Actor,
    theirs: AbstractSet[Ref] | None = None,
) -> Doubt:
    """A person says that these alerts have ended: the next pass that lacks them takes that in. Good for them only, and
    of them for those that the person sees (`theirs`; None for each).

    Raises LookupError when nothing of that connection is doubted.
    """
    doubt = load(tx, name)
    if doubt is None and name not in engine.connections:
        raise no_such("connection", name, engine.connections)
    if doubt is None or not doubt.is_loud:
        raise not_doubted(name)
    said = doubt.episodes if theirs is None else doubt.episodes & theirs
    confirmed = replace(doubt, confirmed=doubt.confirmed | said)
    _save(tx, name, confirmed)
    engine.record(
        tx,
        EndsConfirmed(episodes=sorted(doubt.open & said)),
        connection=name,
        actor=actor,
        reason=Belief.CONFIRMED.value,
    )
    engine.rouse(tx, name)
    return confirmed


def _after(before: Doubt | None, verdict: Verdict, lacking: AbstractSet[Ref], now: datetime) -> Doubt | None:
    if not verdict.doubted:
        return None
    since = before.since if before is not None and _goes_on(before, verdict.doubted) else now
    confirmed = frozenset(before.confirmed & lacking) if before is not None else NONE
    return Doubt(since, verdict.doubted, verdict.of, verdict.reason, verdict.firing, confirmed)


def _tell_beginning(tx: Transaction, engine: Engine, here: Connected, doubt: Doubt) -> None:
    doubted = EndsDoubted(missing=len(doubt.episodes), of=doubt.firing, sentence=doubt.sentence(here.name))
    engine.record(tx, doubted, connection=here.name, reason=doubt.reason.value)
    import structlog

    _log = structlog.get_logger("tieline.absence").bind(connection=here.name, reason=doubt.reason.value)
    tx.on_commit(lambda: _log.warning("ends_doubted", **doubted.facts()))


def _tell_end(tx: Transaction, engine: Engine, here: Connected, doubt: Doubt, reason: Belief, believed: int) -> None:
    ended = EndsBelieved(missing=len(doubt.episodes), since=doubt.since.isoformat(), believed=believed)
    engine.record(tx, ended, connection=here.name, reason=reason.value)
    import structlog

    _log = structlog.get_logger("tieline.absence").bind(connection=here.name, reason=reason.value)
    tx.on_commit(lambda: _log.info("ends_believed", **ended.facts()))


def _save(tx: Transaction, name: ConnectionName, doubt: Doubt | None) -> None:
    tx.execute(_BELIEVED, {"name": name})
    if doubt is not None:
        row = {
            "connection": name,
            "since": doubt.since,
            "reason": doubt.reason.value,
            "fired": doubt.of,
            "firing": doubt.firing,
            "episodes": sorted(doubt.episodes),
            "confirmed": sorted(doubt.confirmed),
        }
        tx.execute(insert(t.doubt), row)


def _doubt(row: Row[Any]) -> Doubt:
    return Doubt(
        since=row.since,
        episodes=frozenset(Ref(one) for one in row.episodes),
        of=row.fired,
        reason=Belief(row.reason),
        firing=row.firing,
        confirmed=frozenset(Ref(one) for one in row.confirmed),
    )
