"""What the plugins say of alerts: where they belong and how bad they are. An incident follows the worst that fires.

An alert that is worse than those before it raises the incident at once, when it joins or becomes worse. Nothing lowers
an open incident unless `signals.lower` says so: whoever was woken for it decides. What a person set stands against
every alert that is no worse than those there were already; a worse one raises it all the same, as an event of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sqlalchemy import bindparam, select

from tieline.core.grades import GRADED
from tieline.core.model import ConnectionName, Fields, IncidentId, Signal, Status, Value
from tieline.core.store import tables as t
from tieline.core.store.store import Transaction
from tieline.mappings.board import ALERTS
from tieline.mappings.mapping import DESCRIPTION
from tieline.sync.alerts import board, grades
from tieline.sync.alerts.grades import Standing
from tieline.sync.engine import Engine
from tieline.sync.records import Incident
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason

T = TypeVar("T")

_HEARD = select(t.signal.c.judged).distinct().where(t.signal.c.incident_id == bindparam("incident"))
_FIRING = _HEARD.where(t.signal.c.firing)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a new episode belongs to, and the fields of the incident that it opens if there is none yet."""

    group: str
    fields: Fields

    @property
    def grade(self) -> dict[str, Value]:
        """How bad it is."""
        return grades.grade(self.fields)


class NotJudged(Exception):
    """The plugins have to be asked about these first. A plugin may take seconds, and whoever has begun a transaction
    may hold up every other writer: what was begun is undone, and done again once they were asked."""

    def __init__(self, signals: Sequence[Signal]) -> None:
        super().__init__(f"{len(signals)} alerts are to be judged before the transaction")
        self.signals = signals


@dataclass(frozen=True, slots=True)
class Judgements:
    """What the plugins said of alerts, asked before the transaction that needs it."""

    found: Mapping[tuple[ConnectionName, str], Judged] = field(default_factory=dict)

    def of(self, signals: Sequence[Signal]) -> dict[str, Judged]:
        """By episode. Raises NotJudged for those that nobody was asked about."""
        if missing := [one for one in signals if _place(one) not in self.found]:
            raise NotJudged(missing)
        return {one.episode: self.found[_place(one)] for one in signals}


def with_judgements(engine: Engine, work: Callable[[Judgements], T], foreseen: Sequence[Signal] = ()) -> T:
    """Do what needs to know what the plugins say of alerts, and cannot know all of them before it has begun. `work` is
    begun again where it raises NotJudged, and leaves nothing behind then; `foreseen` are asked about first."""
    found: dict[tuple[ConnectionName, str], Judged] = {}
    asked: Sequence[Signal] = foreseen
    while True:
        judged = judge(engine, asked)
        found.update((_place(one), judged[one.episode]) for one in asked)
        try:
            return work(Judgements(found))
        except NotJudged as missing:
            asked = missing.signals


def _place(signal: Signal) -> tuple[ConnectionName, str]:
    return signal.connection, signal.episode


def judge(engine: Engine, signals: Sequence[Signal]) -> dict[str, Judged]:
    """What the plugins say of episodes: which belong together, and how bad they are. Asked outside of any transaction,
    and once a batch: a slow plugin delays nobody else, and its own alerts once."""
    bare = [_opening_fields(signal) for signal in signals]
    keys, extra = engine.registry.judge(list(zip(signals, bare, strict=True)))
    return {
        signal.episode: Judged(_key(signal, key), _urgent(engine, {**fields, **(more or {})}))
        for signal, key, fields, more in zip(signals, keys, bare, extra, strict=True)
    }


def _urgent(engine: Engine, fields: Fields) -> Fields:
    """With an urgency where nobody knows how bad it is."""
    urgency = engine.config.signals.unknown_urgency
    if urgency is None or any(fields.get(name) is not None for name in ("severity", "priority", "urgency")):
        return fields
    return {**fields, "urgency": urgency.value}


def _key(signal: Signal, answer: str | None) -> str:
    """The group's key: what a plugin says, else the episode by itself. Long ones are hashed, and those that a database
    does not take: a label may hold anything."""
    key = answer if answer is not None else f"{signal.connection}:{signal.episode}"
    if len(key) <= 190 and key.isprintable():
        return key
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _opening_fields(signal: Signal) -> dict[str, Value]:
    """What a signal tells of the incident that it opens."""
    fields = {
        name: signal.fields[name]
        for name in ("title", "description", "severity", "service", "tags")
        if signal.fields.get(name) not in (None, ())
    }
    fields.setdefault("title", f"Alert from {signal.connection}")
    if signal.fields.get("started_at"):
        fields["opened_at"] = signal.fields["started_at"]
    return fields


def rises(tx: Transaction, engine: Engine, incident: Incident, now: Fields) -> Fields:
    """The fields by which alerts as bad as `now` raise the incident. Asked before they are stored: what was heard until
    then is what a person knew."""
    if not grades.above(now, incident.fields):
        return {}
    return grades.raised(_standing(tx, engine, incident), now)


def raise_by(tx: Transaction, engine: Engine, incident: Incident, rise: Fields, signal: Signal) -> Incident:
    """Raise an open incident, and say which alert it was."""
    return _follow(tx, engine, incident, rise, signal, Reason.RAISED)


def lower(tx: Transaction, engine: Engine, incident: Incident, signal: Signal) -> Incident:
    """Come down to the worst alert that still fires, where the configuration says so."""
    if not engine.config.signals.lower:
        return incident
    firing = grades.worst(tx.execute(_FIRING, {"incident": incident.id}).scalars())
    return _follow(
        tx, engine, incident, grades.lowered(_standing(tx, engine, incident), firing), signal, Reason.LOWERED
    )


def catch_up(tx: Transaction, engine: Engine, incident: Incident, signal: Signal) -> Incident:
    """Raise an incident that reopens to the worst alert that fires: it was not raised while it was resolved."""
    standing = _standing(tx, engine, incident)
    firing = grades.worst(tx.execute(_FIRING, {"incident": incident.id}).scalars())
    return _follow(tx, engine, incident, grades.raised(standing, firing), signal, Reason.RAISED)


def is_by_alerts(engine: Engine, incident: Incident, field: str) -> bool:
    """Whether alerts, and nobody else, gave this field its value."""
    stamp = incident.stamps.get(field)
    source = None if stamp is None else engine.connections.get(ConnectionName(stamp.who))
    return source is not None and source.signals


def moved_by_no_fight(engine: Engine, incident: Incident) -> dict[str, datetime]:
    """The fields that alerts, and nobody else, gave their values, and when; and the block of alerts, which stands in
    the description and goes with it when somebody writes that anew."""
    found = {name: stamp.at for name, stamp in incident.stamps.items() if is_by_alerts(engine, incident, name)}
    described = incident.stamps.get(DESCRIPTION)
    if described is not None:
        found[ALERTS] = max(described.at, found.get(ALERTS, described.at))
    return found


def _follow(
    tx: Transaction, engine: Engine, incident: Incident, fields: Fields, signal: Signal, reason: Reason
) -> Incident:
    if not fields or not Status(str(incident.fields["status"])).is_open:
        return incident
    fields = {**fields, ALERTS: board.words(tx, engine, incident.id, Status(str(incident.fields["status"])))}
    return commit.edit(tx, engine, incident.id, fields, actor=str(signal.connection), reason=reason, by=signal)


def _standing(tx: Transaction, engine: Engine, incident: Incident) -> Standing:
    by_alerts = frozenset(name for name in GRADED if is_by_alerts(engine, incident, name))
    return Standing(incident.fields, by_alerts, _heard(tx, incident.id))


def _heard(tx: Transaction, incident: IncidentId) -> Fields:
    """The worst that the incident's alerts ever said."""
    return grades.worst(tx.execute(_HEARD, {"incident": incident}).scalars())
