"""Damping: an incident does not follow every change of alerts that flap.

An alert that ends for the first time resolves its incident at once, and reopens it at once when it fires again: that is
a flap. From then on the end is held before it resolves anything, and after a second flap the beginning before it
reopens anything: `signals.flap_hold`, doubled with each flap, at most `signals.flap_hold_longest`. Whatever the alert
does when the hold is over counts. Alerts that stay as they are for `signals.steady_after` have not flapped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from tieline.core import timers
from tieline.core.events import SignalHeld
from tieline.core.model import ConnectionName, IncidentId, Signal, Status
from tieline.core.store.store import Transaction
from tieline.mappings.board import ALERTS
from tieline.sync import loading
from tieline.sync.alerts import board, flaps, groups, judging, reraise, unheeded
from tieline.sync.alerts.flaps import Flaps
from tieline.sync.alerts.groups import Group
from tieline.sync.alerts.judging import Judgements
from tieline.sync.engine import Engine
from tieline.sync.records import Incident
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason

HOLD: Final = "flap_hold"
"""The kind of timer that ends a hold."""


def began(tx: Transaction, engine: Engine, group: Group, signal: Signal) -> Group:
    """An episode joined its group's incident. Whether that is a flap, and what becomes of the incident: the group as it
    is then."""
    is_resolved = group.incident.fields.get("status") == Status.RESOLVED.value
    by_alerts = judging.is_by_alerts(engine, group.incident, "status")
    damped = flaps.at_beginning(
        group.flaps, engine.clock.now(), engine.config.signals, is_resolved=is_resolved, by_alerts=by_alerts
    )
    _remember(tx, engine, group.key, group.incident, group.flaps, damped.flaps, signal)
    incident = set_status(tx, engine, group.incident, Status.NEW, signal) if damped.follows else group.incident
    return replace(group, incident=incident, flaps=damped.flaps)


def ended(tx: Transaction, engine: Engine, incident: Incident, signal: Signal) -> bool:
    """The last alert of an incident has ended. Whether that is followed now; else it is held, or there is nothing to
    follow."""
    is_open, now, follows = Status(str(incident.fields["status"])).is_open, engine.clock.now(), True
    for key, before in groups.of_incident(tx, incident.id).items():
        damped = flaps.at_end(before, now, engine.config.signals, is_open=is_open)
        _remember(tx, engine, key, incident, before, damped.flaps, signal)
        follows = follows and damped.follows
    return is_open and follows


def release(tx: Transaction, engine: Engine, payload: Mapping[str, Any], judged: Judgements) -> None:
    """A hold is over: the incident follows its alerts as they are now."""
    number, source = IncidentId(int(payload["incident"])), ConnectionName(str(payload["connection"]))
    found = groups.of_incident(tx, number)
    if not found:
        _went_on(tx, engine, number, payload, judged)
        return
    incident = loading.load_incident(tx, number, lock=True)
    for key, flapping in found.items():
        groups.flapped(tx, key, replace(flapping, held_until=None))
    if incident is None:
        return
    signal = Signal(source, str(payload["signal"]), {"title": str(payload["title"])})
    status, fires = Status(str(incident.fields["status"])), unheeded.firing(tx, number) > 0
    if status.is_open and not fires and engine.config.signals.resolve:
        groups.touch(tx, number, engine.clock.now())
        set_status(tx, engine, incident, Status.RESOLVED, signal)
    elif status is Status.RESOLVED and fires and judging.is_by_alerts(engine, incident, "status"):
        judging.catch_up(tx, engine, set_status(tx, engine, incident, Status.NEW, signal), signal)


def _went_on(
    tx: Transaction, engine: Engine, number: IncidentId, payload: Mapping[str, Any], judged: Judgements
) -> None:
    """The group went on to another incident while the hold lasted. What was held back here fires there from now on."""
    incident = loading.load_incident(tx, number)
    resolved = incident is not None and incident.fields["status"] == Status.RESOLVED.value
    if incident is not None and resolved and judging.is_by_alerts(engine, incident, "status"):
        reraise.look_again(tx, engine, payload, judged)


def set_status(tx: Transaction, engine: Engine, incident: Incident, status: Status, signal: Signal) -> Incident:
    """The incident's alerts move it."""
    fields = {"status": status.value, ALERTS: board.words(tx, engine, incident.id, status)}
    return commit.edit(tx, engine, incident.id, fields, actor=str(signal.connection), reason=Reason.SIGNALLED)


def _remember(
    tx: Transaction, engine: Engine, key: str, incident: Incident, before: Flaps, after: Flaps, signal: Signal
) -> None:
    """Store how a group flaps; a hold that begins gets its timer, and one that is over loses it."""
    if after == before:
        return
    groups.flapped(tx, key, after, _title(signal) if after.count != before.count else None)
    if after.held_until is None:
        timers.cancel(tx, _key(incident.id))
        return
    told = {"signal": signal.episode, "title": _title(signal)}
    facts = {"incident": incident.id, "connection": signal.connection, **told}
    timers.set_timer(tx, _key(incident.id), HOLD, after.held_until, facts)
    engine.record(
        tx,
        SignalHeld(**told, flaps=after.count, until=after.held_until.isoformat()),
        incident=incident.id,
        connection=signal.connection,
        actor=str(signal.connection),
        reason=Reason.FLAPPING.value,
    )


def _key(incident: IncidentId) -> str:
    return f"{HOLD}:{incident}"


def _title(signal: Signal) -> str:
    title = signal.fields.get("title")
    return title if isinstance(title, str) else ""
