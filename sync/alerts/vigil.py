"""Watch over what somebody says is over: whether its alerts still fire, now and when the policy's time has passed."""

from __future__ import annotations

from datetime import datetime

from tieline.core import timers
from tieline.core.events import ResolvedWhileFiring
from tieline.core.journal import Actor
from tieline.core.model import ConnectionName, IncidentId, Status
from tieline.core.store.store import Transaction
from tieline.sync.alerts import board
from tieline.sync.alerts.unheeded import RERAISE, firing, key
from tieline.sync.engine import Engine
from tieline.sync.records import Incident

_OPEN = frozenset(one.value for one in Status if one.is_open)


def watch(tx: Transaction, engine: Engine, incident: Incident, before: object, actor: Actor) -> None:
    """An incident has another status than before. If somebody says that it is over while its alerts fire, tell so, and
    look at it again later."""
    status = Status(str(incident.fields["status"]))
    if status.is_open and before in _OPEN:
        return
    fires = 0 if status.is_open else firing(tx, incident.id)
    if not fires:
        timers.cancel(tx, key(incident.id))
        return
    again = set_again(tx, engine, incident.id, status)
    source = next((name for name, one in engine.connections.items() if one.signals), ConnectionName(""))
    board.soon(tx, engine, {incident.id: source}, at_once=True)
    engine.record(
        tx,
        ResolvedWhileFiring(status=status.value, firing=fires, again=None if again is None else again.isoformat()),
        incident=incident.id,
        actor=actor,
    )


def set_again(tx: Transaction, engine: Engine, incident: IncidentId, status: Status) -> datetime | None:
    """Look at it again when the policy says so; answers when that is."""
    after = engine.config.signals.reraise_after
    if after is None or status is Status.CANCELLED:
        timers.cancel(tx, key(incident))
        return None
    due = engine.clock.now() + after
    timers.set_timer(tx, key(incident), RERAISE, due, {"incident": incident})
    return due
