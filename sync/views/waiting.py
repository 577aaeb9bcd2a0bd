"""What waits for a person: held fields, what is parked, and ends of alerts that are not believed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tieline.core.model import ConnectionName
from tieline.core.shown import Note, Part, Table
from tieline.core.views import Keyset, Listing, Long, Moment, Row
from tieline.sync import explain
from tieline.sync.alerts.absence import Doubt
from tieline.sync.office.look import EngineLook
from tieline.sync.sight import alerts_of


class Conflict(Row):
    """A field that is held against a connection, with what both say."""

    incident: str
    field: str
    connection: str
    kind: str
    ours: Any
    theirs: Any
    since: Moment
    what_to_do: str


class Conflicts(Listing[Conflict]):
    """Fields that wait for a person."""

    def shown(self) -> Sequence[Part]:
        return (
            Table(
                "Conflicts",
                ["incident", "field", "connection", "why", "incident says", "tool says"],
                [(one.incident, one.field, one.connection, one.kind, one.ours, one.theirs) for one in self.items],
                "no conflicts: nothing waits for a person",
            ),
            *(Note(f"{one.incident} {one.field}", one.what_to_do) for one in self.items),
            *self.more(),
        )


_HELD: Final = Keyset("conflicts", int, int, str, str)


def conflicts(look: EngineLook, ask: Long) -> Conflicts:
    """Fields that wait for a person, oldest first."""
    after = _HELD.after(ask.after) if ask.after is not None else ()
    found = [one for one in explain.conflicts(look.seen_in, look.sight) if _held_at(one) > after]
    page, following = _HELD.page(found, ask, _held_at)
    look.shows(one.incident for one in page)
    return Conflicts(items=tuple(_conflict(look, one) for one in page), next=following)


def _held_at(one: explain.OpenConflict) -> tuple[int, int, str, str]:
    """Its place in the list: since when it is held, in microseconds, then what and where."""
    return round(one.hold.since.timestamp() * 1_000_000), one.incident, one.field, one.connection


def _conflict(look: EngineLook, one: explain.OpenConflict) -> Conflict:
    return Conflict(
        incident=look.sight.called(one.incident, one.number),
        field=one.field,
        connection=one.connection,
        kind=one.hold.kind.value,
        ours=one.hold.ours,
        theirs=one.hold.theirs,
        since=one.hold.since,
        what_to_do=one.hold.sentence(),
    )


class ParkedThing(Row):
    """Something that was put aside, and the sentence that says what is missing."""

    what: str
    id: int
    incident: str | None
    connection: str
    sentence: str


class ParkedThings(Listing[ParkedThing]):
    """What waits for a person."""

    def shown(self) -> Sequence[Part]:
        return (
            Table(
                "Parked",
                ["what", "id", "incident", "connection"],
                [(one.what, one.id, one.incident, one.connection) for one in self.items],
                "nothing is parked",
            ),
            *(Note(f"{one.what} {one.id}", one.sentence) for one in self.items),
            *self.more(),
        )


_PARKED: Final = Keyset("parked", int, int)


def parked(look: EngineLook, ask: Long) -> ParkedThings:
    """Records that wait for a person, and the sentence that says what is missing."""
    after = _PARKED.after(ask.after) if ask.after is not None else ()
    found = [one for one in explain.parked(look.seen_in, look.sight) if _parked_at(one) > after]
    page, following = _PARKED.page(found, ask, _parked_at)
    look.shows(one.incident for one in page)
    return ParkedThings(items=tuple(_parked(look, one) for one in page), next=following)


def _parked_at(one: explain.Parked) -> tuple[int, int]:
    """Its place in the list: what it is, in the order in which that is listed, and its number."""
    return explain.PARKED.index(one.what), one.id


def _parked(look: EngineLook, one: explain.Parked) -> ParkedThing:
    return ParkedThing(
        what=one.what,
        id=one.id,
        incident=look.sight.called(one.incident, one.number),
        connection=one.connection,
        sentence=one.sentence,
    )


class Doubted(Row):
    """Alerts that a source no longer lists. `of` is how many fire."""

    missing: int
    of: int
    since: Moment
    reason: str
    confirmed: bool
    sentence: str


class OfConnection(Row):
    """What is told of one connection."""

    connection: str


class DoubtedEnds(Doubted, OfConnection):
    """The same with where, and which."""

    episodes: tuple[str, ...]


class Doubts(Listing[DoubtedEnds]):
    """Ends of alerts that are not believed."""

    def shown(self) -> Sequence[Part]:
        return (
            Table(
                "Doubts",
                ["connection", "missing", "of", "since (UTC)"],
                [(one.connection, one.missing, one.of, one.since) for one in self.items],
                "no ends are doubted: every source is believed",
            ),
            *(Note(one.connection, one.sentence) for one in self.items),
            *self.more(),
        )


_DOUBTED: Final = Keyset("doubts", str)


def doubts(look: EngineLook, ask: Long) -> Doubts:
    """Alerts that a source no longer lists, too many at once for them to be taken for ended."""
    after = _DOUBTED.after(ask.after) if ask.after is not None else ()
    found = [one for one in sorted(explain.doubts(look.seen_in, look.sight).items()) if (one[0],) > after]
    page, following = _DOUBTED.page(found, ask, lambda one: (one[0],))
    alerts = alerts_of(look.seen_in, look.sight.reads)
    look.shows(alerts.get((name, episode)) for name, doubt in page for episode in doubt.episodes)
    return Doubts(items=tuple(_doubted(*one) for one in page), next=following)


def _doubted(name: ConnectionName, doubt: Doubt) -> DoubtedEnds:
    return DoubtedEnds(connection=name, **explain.doubt_as_facts(name, doubt), episodes=tuple(sorted(doubt.episodes)))
