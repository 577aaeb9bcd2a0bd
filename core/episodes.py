"""Alerts as episodes, and the memory that a source without a change feed needs.

Alertmanager and Prometheus tell only what fires now; an alert that ended is simply no longer there. So the cursor of
such a source holds every episode that fired at the last look, each with a stamp of its version. From it and the present
answer follows what is new, what changed and what ended, after a restart of ours just as well.

An episode is one firing of one alert: the fingerprint of its labels and the moment it started.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NewType

from tieline.core.letters import beginning as beginning_of
from tieline.core.port import Cursor, Page, Reading, Ref, Unreadable

Stamp = NewType("Stamp", bytes)
"""The first bytes of a hash of a version: enough to see that it differs from the one before."""

MOST_EPISODES: Final = 20_000
"""How many firing episodes a cursor holds (about half a megabyte); the oldest ones beyond are not watched for their
end by polling. Only a source whose grouping has failed fires more at once."""

MOST_APART: Final = 200
"""Characters of the labels by which an odd alert is found."""

FIRST_YEAR: Final = 2
"""Go writes a time that is not set as the first moment of the year 1."""

LAST_YEAR: Final = 8999
"""Others write one as a moment of the year 9999, somewhere on earth."""

_PRINT: Final = re.compile("[0-9a-f]{16}")
_FORMAT: Final = "e1:"
_YEAR_ONE: Final = datetime(1, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_FINGERPRINT, _MOMENT, _STAMP = 8, 7, 6
_ENTRY: Final = _FINGERPRINT + _MOMENT + _STAMP


def fingerprint(labels: Mapping[str, str]) -> str:
    """Alertmanager's own fingerprint of a label set: FNV-1a, 64 bit, over the sorted labels, each closed by 0xff."""
    value = 0xCBF29CE484222325
    for name in sorted(labels):
        for byte in b"%b\xff%b\xff" % (name.encode(), labels[name].encode()):
            value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def parse_moment(text: str) -> datetime:
    """An RFC 3339 time with 0 to 9 decimals, cut to milliseconds, in UTC. Raises ValueError.

    Alertmanager's webhook sends nanoseconds without trailing zeros, its API the same moment cut to milliseconds.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None or len(text) < 20 or text[10] != "T":
            raise ValueError
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:40]!r} is not a time with a zone, like 2026-11-23T07:05:28.96Z") from None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def beginning(alert: Mapping[str, Any], name: str) -> datetime:
    """When an alert's firing began, by this member of it. Raises ValueError, also for the ends of the calendar, which
    stand for a time that nobody knows: each firing would be the same episode, and what is over stays so."""
    told = alert.get(name)
    if not isinstance(told, str):
        raise ValueError(f"its `{name}` is not a text")
    moment = parse_moment(told)
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"its `{name}` is the year {moment.year}: it does not tell when it began")
    return moment


def moment_text(moment: datetime) -> str:
    """The one text of a moment: UTC, milliseconds, as Alertmanager's API writes it."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


@dataclass(frozen=True, slots=True, order=True)
class Episode:
    """One firing of one alert. `started` is aware and cut to milliseconds."""

    fingerprint: str
    started: datetime

    @property
    def ref(self) -> Ref:
        return Ref(f"{self.fingerprint}@{moment_text(self.started)}")

    @classmethod
    def parse(cls, ref: str) -> Episode:
        """The episode behind a ref. Raises ValueError."""
        print_, _, moment = ref.partition("@")
        return cls(check_fingerprint(print_), parse_moment(moment))


def check_fingerprint(text: object) -> str:
    """Sixteen hexadecimal digits, as Alertmanager writes a fingerprint. Raises ValueError."""
    if isinstance(text, str) and _PRINT.fullmatch(text):
        return text
    raise ValueError(f"{str(text)[:40]!r} is not an alert's fingerprint: 16 hexadecimal digits in lower case")


def identity(labels: Mapping[str, str], told: object) -> str:
    """The fingerprint that came along or, where none did that could be one, that of the labels: old senders tell
    none. To its source an empty label is an absent one. Raises ValueError without labels."""
    try:
        return check_fingerprint(told)
    except ValueError:
        kept = {name: text for name, text in labels.items() if text}
        if not kept:
            raise ValueError("it has neither labels nor a fingerprint") from None
        return fingerprint(kept)


def texts(value: object, what: str) -> Mapping[str, str]:
    """Labels or annotations as texts; the same object where they are that already.

    A number or a truth value is taken by its text, a null is left out. Raises ValueError for anything else.
    """
    if not isinstance(value, dict):
        raise ValueError(f"its {what} are not an object")
    if all(text.__class__ is str for text in value.values()):
        return value
    return {str(name): _text(text, f"{what} {name!r:.40}") for name, text in value.items() if text is not None}


def rule_of(alert: object) -> str:
    """The name of the rule that an alert is of, as far as an odd one tells it."""
    labels = alert.get("labels") if isinstance(alert, dict) else None
    return str(labels.get("alertname") or "")[:200] if isinstance(labels, dict) else ""


def told_apart(alert: object, fingerprint_of: Callable[[Any], str]) -> str:
    """What an odd alert is found by among those of its rule, as far as it tells: its fingerprint and its labels."""
    found: list[str] = []
    with suppress(ValueError):
        found.append(fingerprint_of(alert))
    labels = alert.get("labels") if isinstance(alert, dict) else None
    if isinstance(labels, dict):
        said = [f"{name}={text}" for name, text in sorted(labels.items()) if name != "alertname" and _is_word(text)]
        found += [beginning_of(f"{{{', '.join(said)}}}", MOST_APART)] if said else []
    return " ".join(found)


def _is_word(text: object) -> bool:
    return isinstance(text, str) and bool(text)


def hidden(alerts: Iterable[Any], fingerprint_of: Callable[[Any], str], found: Collection[str]) -> frozenset[str]:
    """The fingerprints of those alerts of a listing that nothing was found of: they may fire all the same."""
    prints: set[str] = set()
    for alert in alerts:
        with suppress(ValueError):
            prints.add(fingerprint_of(alert))
    return frozenset(prints.difference(found))


def _text(value: object, what: str) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"{value:g}" if isinstance(value, float) else str(value)
        case _:
            raise ValueError(f"its {what} is not a text")


@dataclass(frozen=True, slots=True)
class Firing:
    """The episodes that fired at some look at the source, each with the stamp of its version then."""

    stamps: Mapping[Episode, Stamp]

    @classmethod
    def unpack(cls, cursor: Cursor | None) -> Firing:
        """What a cursor holds. One that another kind of source wrote holds nothing: all that fires is told anew."""
        text = cursor or ""
        if not text.startswith(_FORMAT):
            return cls({})
        try:
            packed = base64.urlsafe_b64decode(text[len(_FORMAT) :])
        except (ValueError, binascii.Error):
            return cls({})
        return cls(dict(_entries(packed)))

    def pack(self) -> Cursor:
        """The same episodes give the same cursor, so that a quiet source leaves it alone."""
        newest = sorted(self.stamps, key=lambda episode: (episode.started, episode.fingerprint))[-MOST_EPISODES:]
        packed = b"".join(
            bytes.fromhex(episode.fingerprint)
            + ((episode.started - _YEAR_ONE) // _MILLISECOND).to_bytes(_MOMENT, "big")
            + self.stamps[episode]
            for episode in newest
        )
        return Cursor(_FORMAT + base64.urlsafe_b64encode(packed).decode())

    def changed(self, readings: Sequence[Reading]) -> list[Reading]:
        """Those that are new or have another version."""
        return [
            reading for reading in readings if self.stamps.get(Episode.parse(reading.ref)) != stamp_of(reading.version)
        ]

    def missing(self, readings: Sequence[Reading]) -> list[Episode]:
        """The episodes that fired then and are not among these, oldest start first."""
        present = {reading.ref for reading in readings}
        gone = [episode for episode in self.stamps if episode.ref not in present]
        return sorted(gone, key=lambda episode: (episode.started, episode.fingerprint))

    def after(self, told: Sequence[Reading], ended: Sequence[Episode] = ()) -> Firing:
        """With what was told taken in, and what ended left out."""
        stamps = dict(self.stamps)
        stamps.update((Episode.parse(reading.ref), stamp_of(reading.version)) for reading in told)
        for episode in ended:
            stamps.pop(episode, None)
        return Firing(stamps)


def stamp_of(version: str) -> Stamp:
    """The stamp of a version."""
    return Stamp(hashlib.sha256(version.encode()).digest()[:_STAMP])


def pages(
    before: Firing,
    firing: Sequence[Reading],
    ended: Sequence[Reading],
    size: int,
    unreadable: Sequence[Unreadable] = (),
) -> Iterator[Page]:
    """What changed, page by page, each with a cursor that holds exactly what has been told so far.

    Ends come last, after every start: a flap then joins the incident before its former episode leaves it. What could
    not be understood stands on the last page, which is the one that says that all was listed.
    """
    rest = [(reading, False) for reading in firing] + [(reading, True) for reading in ended]
    while True:
        batch, rest = rest[:size], rest[size:]
        before = before.after(
            [reading for reading, over in batch if not over],
            [Episode.parse(reading.ref) for reading, over in batch if over],
        )
        absent = frozenset(reading.ref for reading, over in batch if over)
        odd = () if rest else unreadable
        yield Page([reading for reading, _ in batch], before.pack(), bool(rest), absent, odd)
        if not rest:
            return


def told_since(
    since: Cursor | None,
    readings: Sequence[Reading],
    ended: Callable[[list[Episode]], Sequence[Reading]],
    *,
    oldest: datetime,
    size: int,
    unreadable: Sequence[Unreadable] = (),
) -> Iterator[Page]:
    """What a source tells that knows only what fires now: what changed since, and what is over. `ended` tells of those
    that fired then and are not among these; what began before `oldest` is known from the first look on, so that only
    its end is told."""
    before = Firing.unpack(since)
    if since is None:
        before = before.after([one for one in readings if Episode.parse(one.ref).started < oldest])
    yield from pages(before, before.changed(readings), ended(before.missing(readings)), size, unreadable)


def over(episode: Episode, by: datetime) -> dict[str, Any]:
    """The body of an episode of the last look that is no longer there: over by `by`, and no more is told of it."""
    return {
        "fingerprint": episode.fingerprint,
        "startsAt": moment_text(episode.started),
        "endsAt": moment_text(max(by, episode.started)),
        "status": "resolved",
    }


def keeping(cursor: Cursor, since: Cursor | None, refs: Collection[Ref]) -> Cursor:
    """The cursor with these episodes still in it, as they stood in `since`: their ends are not believed, and will be
    told again by the next look that misses them."""
    if not refs:
        return cursor
    before = Firing.unpack(since).stamps
    kept = {episode: stamp for episode, stamp in before.items() if episode.ref in refs}
    return Firing({**Firing.unpack(cursor).stamps, **kept}).pack()


def dropping(cursor: Cursor, refs: Collection[Ref]) -> Cursor:
    """The cursor without these episodes: should they be listed once more, they are told as new."""
    stamps = Firing.unpack(cursor).stamps
    left = {episode: stamp for episode, stamp in stamps.items() if episode.ref not in refs}
    return cursor if len(left) == len(stamps) else Firing(left).pack()


def _entries(packed: bytes) -> Iterator[tuple[Episode, Stamp]]:
    for start in range(0, len(packed) - _ENTRY + 1, _ENTRY):
        entry = packed[start : start + _ENTRY]
        milliseconds = int.from_bytes(entry[_FINGERPRINT : _FINGERPRINT + _MOMENT], "big")
        try:
            started = _YEAR_ONE + milliseconds * _MILLISECOND
        except OverflowError:
            continue
        yield Episode(entry[:_FINGERPRINT].hex(), started), Stamp(entry[_FINGERPRINT + _MOMENT :])
