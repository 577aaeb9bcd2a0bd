"""Signals become incidents: each episode once, grouped by key, and the incident ends when its signals have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import bindparam, delete, select, update

from tieline.core.events import SignalEnded, SignalJoined
from tieline.core.model import ConnectionName, Fields, IncidentId, Signal, Status, Value
from tieline.core.port import Body
from tieline.core.severities import LONGEST_WORD
from tieline.core.store import tables as t
from tieline.core.store.many import Many
from tieline.core.store.store import Connection, Transaction
from tieline.mappings.board import ALERTS
from tieline.sync import loading
from tieline.sync.alerts import acts, board, damping, grades, groups, judging, unheeded
from tieline.sync.alerts.board import Alert
from tieline.sync.alerts.flaps import Flaps
from tieline.sync.alerts.groups import Group
from tieline.sync.alerts.judging import Judged, Judgements
from tieline.sync.engine import Connected, Engine
from tieline.sync.intake import inbox
from tieline.sync.road import commit
from tieline.sync.road.reconcile import Sighting

_KNOWN = select(t.signal).where(
    t.signal.c.connection == bindparam("connection"), t.signal.c.episode.in_(bindparam("episodes", expanding=True))
)
_INSERT = Many.into(t.signal, without=["id"])
_UPDATE = update(t.signal).where(t.signal.c.id == bindparam("row_id"))
_FORGET = delete(t.signal).where(t.signal.c.id == bindparam("row_id"))
_FORGET_ENDS = delete(t.signal).where(t.signal.c.incident_id.is_(None), t.signal.c.seen_at < bindparam("before"))
_LAST_PASS = select(t.cursor.c.polled_at).where(t.cursor.c.connection == bindparam("name"))


FORGOTTEN: Final = "forgotten"
"""The version of an episode whose source does not know it any more."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the store remembers of an episode. It has neither incident nor group while only its end was heard of."""

    id: int
    incident: IncidentId | None
    group: str
    firing: bool
    version: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Start:
    """A new episode, what the plugins say of it, and the version it was seen at."""

    signal: Signal
    judged: Judged
    version: str


def to_judge(engine: Engine, here: Connected, sightings: Sequence[Sighting]) -> list[Signal]:
    """Those of a batch that the plugins will have to be asked about, as far as can be told before it is taken in."""
    firing = [sighting for sighting in sightings if sighting.fields.get("firing") is True]
    signals = [_signal(here, sighting) for sighting in firing]
    if len(signals) <= 1:
        # What is told of by itself is mostly news, and to look whether it is costs as much as the plugins do.
        return signals
    with engine.store.read() as connection:
        known = _known(connection, here.name, [signal.episode for signal in signals])
    return _news(signals, firing, known)


def take_signals(
    tx: Transaction,
    engine: Engine,
    here: Connected,
    sightings: Sequence[Sighting],
    judged: Judgements,
    over: Sequence[str] = (),
) -> None:
    """Take in a batch of sightings of one source, in order. A storm is mostly new episodes: what is known of them is
    asked once, and a run of new ones is begun at once. `over` are the episodes whose end is told next in this
    transaction. Raises NotJudged where others are news by now than `judged` knows of."""
    signals = [_signal(here, sighting) for sighting in sightings]
    known = _known(tx, here.name, [*(signal.episode for signal in signals), *over])
    seen_at = _after_last_pass(tx, engine, here.name)
    judgements = judged.of(_news(signals, sightings, known))
    _hold(tx, [*judgements.values(), *known.values()])
    run: dict[str, Start] = {}
    begun: set[str] = set()
    for signal, sighting in zip(signals, sightings, strict=True):
        if signal.episode in begun:
            _begin(tx, engine, here, run, seen_at)
            known.update(_known(tx, here.name, [signal.episode]))
        before = known.get(signal.episode)
        if before is not None and signal.firing and sighting.asked and _is_placeless(before):
            # Its source, asked, takes back the end that was remembered: it begins now.
            tx.execute(_FORGET, {"row_id": before.id})
            before = None
        if before is not None:
            _begin(tx, engine, here, run, seen_at)
            found = judgements.get(signal.episode)
            known[signal.episode] = _again(tx, engine, here, signal, sighting, before, seen_at, found)
        elif signal.firing:
            run[signal.episode] = Start(signal, judgements[signal.episode], str(sighting.reading.version))
            begun.add(signal.episode)
        elif signal.fields.get("ended_at") is not None or (here.receiver is not None and sighting.asked == 0):
            # Nobody sends word by webhook of an alert that merely waits: one that does not fire there is over. Of who
            # is only asked, nothing comes by webhook, also where the journal was empty when it was.
            _remember_end(tx, signal, str(sighting.reading.version), seen_at)
            known.update(_known(tx, here.name, [signal.episode]))
    _begin(tx, engine, here, run, seen_at)


def _hold(tx: Transaction, ones: Sequence[Judged | Known]) -> None:
    """Hold every group and incident of a batch before its first change, in one order for all: the batches of other
    connections, and people, come to them in orders of their own. SQLite's writer is alone anyway."""
    keys = sorted({one.group for one in ones} - {""})
    if tx.dialect == "sqlite" or not keys:
        return
    incidents = {IncidentId(row.incident_id) for row in groups.lock(tx, keys).values()}
    incidents |= {one.incident for one in ones if isinstance(one, Known) and one.incident is not None}
    loading.load_incidents(tx, sorted(incidents))


def end_forgotten(tx: Transaction, engine: Engine, here: Connected, episodes: Sequence[str]) -> None:
    """Episodes that their source, asked for them, does not know any more: whichever of them fired has ended."""
    if not episodes:
        return
    seen_at = _after_last_pass(tx, engine, here.name)
    for episode, known in sorted(_known(tx, here.name, episodes).items()):
        if not known.firing:
            continue
        tx.execute(_UPDATE, {"row_id": known.id, "firing": False, "version": FORGOTTEN, "seen_at": seen_at})
        if known.incident is not None:
            _ended(tx, engine, Signal(here.name, episode, known.fields), known.incident)


def _after_last_pass(tx: Transaction, engine: Engine, name: ConnectionName) -> datetime:
    """Now, and never before the last pass of this connection, however our clock was set since: the next pass looks at
    what was seen since the last one."""
    now = engine.clock.now()
    last = tx.execute(_LAST_PASS, {"name": name}).scalar()
    return now if last is None else max(now, last)


def _signal(here: Connected, sighting: Sighting) -> Signal:
    fields, unmapped = sighting.fields, sighting.unmapped
    if "severity" in unmapped:
        fields = _with_word(fields, unmapped["severity"][0])
    return Signal(here.name, str(sighting.reading.ref), fields, _labels(sighting.reading.body))


def foreseen(here: Connected, body: Body, episode: str) -> Signal:
    """The alert that a body would be, for saying beforehand what will become of it."""
    said = here.mapping.normalize(body)
    word = next((one.value for one in said.unmapped if one.field == "severity"), None)
    fields = said.fields if word is None else _with_word(said.fields, word)
    return Signal(here.name, episode, fields, _labels(body))


def _with_word(fields: Fields, word: Any) -> Fields:
    """The fields with the word for a severity that nobody could map: people are shown it."""
    return {**fields, "severity_word": str(word)[:LONGEST_WORD]}


def _known(tx: Connection | Transaction, connection: ConnectionName, episodes: Sequence[str]) -> dict[str, Known]:
    return {
        row.episode: Known(row.id, row.incident_id, row.group_key, bool(row.firing), row.version, row.fields)
        for row in tx.execute(_KNOWN, {"connection": connection, "episodes": list(episodes)})
    }


def _news(signals: Sequence[Signal], sightings: Sequence[Sighting], known: Mapping[str, Known]) -> list[Signal]:
    """Those that fire and are to be judged: they belong nowhere yet, or are not as they were, or will be neither when
    their turn comes, because the batch tells of them more than once."""
    told = Counter(one.episode for one in signals)
    pairs = zip(signals, sightings, strict=True)
    return [
        one
        for one, sighting in pairs
        if one.firing and (told[one.episode] > 1 or _is_news(known.get(one.episode), sighting))
    ]


def _is_news(known: Known | None, sighting: Sighting) -> bool:
    return known is None or _is_placeless(known) or known.version != str(sighting.reading.version)


def _is_placeless(known: Known) -> bool:
    """Whether an episode that fires belongs nowhere yet: nothing is known of it but its end."""
    return known.incident is None


def _again(
    tx: Transaction,
    engine: Engine,
    here: Connected,
    signal: Signal,
    sighting: Sighting,
    known: Known,
    seen_at: datetime,
    judged: Judged | None,
) -> Known:
    """One more sighting of a known episode: changed, ended, firing again, or nothing new. `judged` is what the plugins
    say of it as it is now, and there always where it fires and is not as it was."""
    version = str(sighting.reading.version)
    if known.version == version:
        if signal.firing and sighting.asked:
            # No listing may have told of it: the next one that does not has it asked for again.
            tx.execute(_UPDATE, {"row_id": known.id, "seen_at": seen_at})
        return known
    fires = judged if signal.firing else None
    if fires is not None and not known.firing and sighting.asked == 0:
        if not here.only_listens:
            # A webhook may be late: an episode that ended fires again only if its source says so when asked.
            inbox.put(tx, here.name, [(sighting.reading.ref, None)], asked=0, now=engine.clock.now())
            engine.rouse(tx, here.name)
            return known if known.incident is not None else _came_late(tx, engine, signal, known, fires)
        if known.incident is None:
            return _came_late(tx, engine, signal, known, fires)
        # Nobody can be asked: rather is somebody woken for nothing than nobody for something.
    # An end that a poll found by absence says nothing of what the alert was about.
    fields = {**known.fields, **loading.plain(signal.fields)}
    rise = {} if fires is None else _rise(tx, engine, known, fires)
    changes = {"firing": signal.firing, "fields": fields, "version": version, "seen_at": seen_at}
    if judged is not None:
        changes["judged"] = judged.grade
    tx.execute(_UPDATE, {"row_id": known.id, **changes})
    if fires is not None and not known.firing:
        known, before = _fires_again(tx, engine, signal, known, fires), known
        # In another incident than before it was heard of for the first time, and has raised it.
        rise = rise if known.incident == before.incident else {}
    elif known.firing and not signal.firing and known.incident is not None:
        _ended(tx, engine, signal, known.incident)
    if signal.firing and known.incident is not None:
        _rejudged(tx, engine, signal, known.incident, rise)
        if board.differ(known.fields, fields):
            board.soon(tx, engine, {known.incident: signal.connection})
    return replace(known, firing=signal.firing, version=version, fields=fields)


def _rise(tx: Transaction, engine: Engine, known: Known, judged: Judged) -> Fields:
    """What an episode that is judged anew raises in its incident."""
    if known.incident is None:
        return {}
    incident = loading.load_incident(tx, known.incident, lock=True)
    return {} if incident is None else judging.rises(tx, engine, incident, judged.grade)


def _rejudged(tx: Transaction, engine: Engine, signal: Signal, incident: IncidentId, rise: Fields) -> None:
    """The incident follows an episode that is not as it was, up, or down where that is wanted."""
    current = loading.load_incident(tx, incident, lock=True)
    if current is None:
        return
    if rise:
        judging.raise_by(tx, engine, current, rise, signal)
    else:
        judging.lower(tx, engine, current, signal)


def _came_late(tx: Transaction, engine: Engine, signal: Signal, known: Known, judged: Judged) -> Known:
    """The beginning of an episode whose end is known already. It belongs to its group's incident and changes nothing
    there: whatever was done since was done without it. Without one it opens an incident that is over. What the end said
    of the alert is the later word."""
    placed, group, is_new, _rise_of_what_is_over = _place(tx, engine, signal, known, judged)
    fields = {**loading.plain(signal.fields), **known.fields}
    tx.execute(_UPDATE, {"row_id": known.id, "fields": fields})
    if is_new:
        _ended(tx, engine, signal, group.incident.id)
    else:
        _tell_joined(tx, engine, group.incident.id, signal)
        _tell_ended(tx, engine, group.incident.id, signal)
        board.soon(tx, engine, {group.incident.id: signal.connection})
    return replace(placed, fields=fields)


def _begin(tx: Transaction, engine: Engine, here: Connected, run: dict[str, Start], seen_at: datetime) -> None:
    """New episodes join their groups' incidents or open them, in order; then the run is empty."""
    starts = list(run.values())
    run.clear()
    if not starts:
        return
    now = engine.clock.now()
    standing = groups.standing(tx, engine, [start.judged.group for start in starts])
    openers: dict[str, Start] = {}
    for start in starts:
        if start.judged.group not in standing:
            openers.setdefault(start.judged.group, start)
    together = _together(engine, starts)
    openings = [_opening(engine, start.signal, start.judged, together[key]) for key, start in openers.items()]
    opened = commit.open_incidents(tx, engine, openings, source=here.name) if openings else []
    standing |= {key: Group(key, incident, Flaps()) for key, incident in zip(openers, opened, strict=True)}
    joining = [start for start in starts if openers.get(start.judged.group) is not start]
    rises = _rises(tx, engine, standing, joining)
    tx.execute_many(_INSERT, [_begun(start, standing[start.judged.group].incident.id, seen_at) for start in starts])
    groups.remember(tx, [(key, group.incident.id) for key, group in standing.items()], now)
    for start in joining:
        standing[start.judged.group] = _join(tx, engine, standing[start.judged.group], start.signal)
    for key, (signal, rise) in rises.items():
        judging.raise_by(tx, engine, standing[key].incident, rise, signal)
    late = [start.judged.group for start in joining if start.judged.group not in openers]
    board.soon(tx, engine, {standing[key].incident.id: here.name for key in late})


def _together(engine: Engine, starts: Sequence[Start]) -> dict[str, list[Alert]]:
    """New episodes by group, as they are shown."""
    found: dict[str, list[Alert]] = {}
    for start in starts:
        found.setdefault(start.judged.group, []).append(_shown(engine, start.signal, start.judged))
    return found


def _shown(engine: Engine, signal: Signal, judged: Judged) -> Alert:
    return board.shown_as(engine, signal.fields, judged.fields, signal.labels)


def _rises(
    tx: Transaction, engine: Engine, standing: Mapping[str, Group], joining: Sequence[Start]
) -> dict[str, tuple[Signal, Fields]]:
    """By group, how the new episodes raise the incident that they join, at once for all, and the first of those that
    say most of what it is raised to."""
    by_group: dict[str, list[tuple[dict[str, Value], Signal]]] = {}
    for start in joining:
        by_group.setdefault(start.judged.group, []).append((start.judged.grade, start.signal))
    found: dict[str, tuple[Signal, Fields]] = {}
    for key, graded in by_group.items():
        incident = standing[key].incident
        rise = judging.rises(tx, engine, incident, grades.worst(grade for grade, _signal in graded))
        if rise:
            _grade, raiser = max(graded, key=lambda one: sum(one[0].get(name) == to for name, to in rise.items()))
            found[key] = raiser, rise
    return found


def _opening(engine: Engine, signal: Signal, judged: Judged, together: Sequence[Alert]) -> commit.Opening:
    """The incident that a signal opens, and all that come with it are shown."""
    known = judged.fields.get("severity") is not None
    fields = {**judged.fields, ALERTS: board.first(together, engine.config.signals.alerts_shown)}
    return commit.Opening(
        fields, signal.episode, {} if known else {"severity": _text(signal.fields.get("severity_word"))}
    )


def _begun(start: Start, incident: IncidentId, seen_at: datetime) -> dict[str, Any]:
    judged = start.judged
    return _row(
        start.signal, start.version, seen_at, firing=True, incident=incident, group=judged.group, judged=judged.grade
    )


def _remember_end(tx: Transaction, signal: Signal, version: str, seen_at: datetime) -> None:
    """The end of an episode that nobody has told of. It opens nothing; its beginning may come late, and must not be
    taken for an alert that fires."""
    tx.execute_many(_INSERT, [_row(signal, version, seen_at, firing=False, incident=None, group="", judged={})])


def forget_ends(tx: Transaction, before: datetime) -> int:
    """Drop the remembered ends whose beginnings have not come until now and will not: their senders have long given
    up. Answers how many."""
    return tx.execute(_FORGET_ENDS, {"before": before}).rowcount


def _row(
    signal: Signal,
    version: str,
    seen_at: datetime,
    *,
    firing: bool,
    incident: IncidentId | None,
    group: str,
    judged: Fields,
) -> dict[str, Any]:
    return {
        "connection": signal.connection,
        "episode": signal.episode,
        "incident_id": incident,
        "group_key": group,
        "firing": firing,
        "fields": loading.plain(signal.fields),
        "labels": dict(signal.labels),
        "judged": judged,
        "version": version,
        "act": "",
        "acted": "",
        "handle": "",
        "act_until": None,
        "attempts": 0,
        "next_at": None,
        "parked": "",
        "seen_at": seen_at,
    }


def _join(tx: Transaction, engine: Engine, group: Group, signal: Signal) -> Group:
    """A new episode of an incident that is there already. Answers the group as it is then."""
    _tell_joined(tx, engine, group.incident.id, signal)
    if group.incident.fields.get("status") == Status.NEW.value and group.flaps.held_until is None:
        return group
    after = damping.began(tx, engine, group, signal)
    if after.incident.revision == group.incident.revision:
        acts.follow(tx, engine, after.incident, signal)
    return after


def _tell_joined(tx: Transaction, engine: Engine, incident: IncidentId, signal: Signal) -> None:
    engine.record(
        tx,
        SignalJoined(signal=signal.episode, title=_text(signal.fields.get("title"))),
        incident=incident,
        connection=signal.connection,
        actor=signal.connection,
    )


def _tell_ended(tx: Transaction, engine: Engine, incident: IncidentId, signal: Signal) -> None:
    engine.record(
        tx,
        SignalEnded(signal=signal.episode),
        incident=incident,
        connection=signal.connection,
        actor=signal.connection,
    )


def _ended(tx: Transaction, engine: Engine, signal: Signal, incident: IncidentId) -> None:
    _tell_ended(tx, engine, incident, signal)
    groups.touch(tx, incident, engine.clock.now())
    still = unheeded.firing(tx, incident)
    current = loading.load_incident(tx, incident, lock=True)
    if current is None:
        return
    if still == 0 and engine.config.signals.resolve and damping.ended(tx, engine, current, signal):
        damping.set_status(tx, engine, current, Status.RESOLVED, signal)
    else:
        current = judging.lower(tx, engine, current, signal) if still else current
        acts.follow(tx, engine, current, signal)
        board.soon(tx, engine, {incident: signal.connection})


def _fires_again(tx: Transaction, engine: Engine, signal: Signal, known: Known, judged: Judged) -> Known:
    """The same episode after it had ended: a flap seen in pieces. It belongs where its group is now, and what its
    source was told before it ended has to be told again."""
    placed, group, is_new, rise = _place(tx, engine, signal, known, judged)
    if not is_new:
        groups.remember(tx, [(group.key, group.incident.id)], engine.clock.now())
        group = _join(tx, engine, group, signal)
        board.soon(tx, engine, {group.incident.id: signal.connection})
        if rise:
            group = replace(group, incident=judging.raise_by(tx, engine, group.incident, rise, signal))
    acts.follow_anew(tx, engine, group.incident, signal)
    return placed


def _place(
    tx: Transaction, engine: Engine, signal: Signal, known: Known, judged: Judged
) -> tuple[Known, Group, bool, Fields]:
    """An episode that has ended once goes to its group's incident, or opens one: whether it did, and how it would raise
    an incident that it was not heard of in before."""
    key = judged.group if _is_placeless(known) else known.group
    group = groups.standing(tx, engine, [key]).get(key)
    is_new = group is None
    if group is None:
        opening = _opening(engine, signal, judged, [_shown(engine, signal, judged)])
        [incident] = commit.open_incidents(tx, engine, [opening], source=signal.connection)
        group = Group(key, incident, Flaps())
        groups.remember(tx, [(key, incident.id)], engine.clock.now())
    rise: Fields = {}
    if not is_new and group.incident.id != known.incident:
        rise = judging.rises(tx, engine, group.incident, judged.grade)
    place: dict[str, Any] = {"incident_id": group.incident.id, "group_key": key, "labels": dict(signal.labels)}
    tx.execute(_UPDATE, {"row_id": known.id, **place, "judged": judged.grade})
    return replace(known, incident=group.incident.id, group=key), group, is_new, rise


def _labels(body: Mapping[str, Any]) -> dict[str, str]:
    labels = body.get("labels")
    if not isinstance(labels, Mapping):
        return {}
    return {
        str(name): value if isinstance(value, str) else orjson.dumps(value).decode() for name, value in labels.items()
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
