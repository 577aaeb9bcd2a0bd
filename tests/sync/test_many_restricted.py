"""However many incidents are restricted, they are hidden: more than a statement has parameters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import insert, select
from tests.sync.test_offers import ANN, SEAT, SEATS, opened, perform
from tests.sync.world import World

from tieline.core.access import Facts, Grant, Role
from tieline.core.identity import of_account
from tieline.core.model import IncidentId
from tieline.core.store import tables as t
from tieline.sync import explain, restricting
from tieline.sync.alerts import unknown
from tieline.sync.api import happenings
from tieline.sync.daemon import metrics
from tieline.sync.office.rows import rows_of
from tieline.sync.office.seeing import Seeing
from tieline.sync.sight import OUTSIDER, Sight, alerts_of, called_by_number, sight_of

Worlds = Callable[..., World]
MANY = 66_000
SECURITY = Facts(datetime(2026, 11, 30, tzinfo=UTC), (Grant(Role.SECURITY),))


def many(world: World) -> None:
    """Many restricted incidents, each with a row of the plugin's."""
    item = world.incident()
    with world.engine.store.write() as tx:
        row = tx.execute(select(t.incident).where(t.incident.c.id == item.id)).one()._asdict()
        rows = [
            {**row, "id": number, "uid": f"many-{number}", "restricted": True, "label": f"RES-{number}"}
            for number in range(10, 10 + MANY)
        ]
        for start in range(0, MANY, 500):
            tx.execute(insert(t.incident), rows[start : start + 500])


class Look(Seeing):
    def __init__(self, seen_in: Any, sight: Sight) -> None:
        self.seen_in, self.sight, self.is_over = seen_in, sight, False


def test_many_restricted_incidents_are_hidden_everywhere(world: Worlds) -> None:
    one = opened(world, count=2)
    for number in (1, 2):
        perform(one, number, incident=f"INC-{number}")
    with one.engine.store.write() as tx:
        restricting.restrict(tx, one.engine, one.incident(2).id, reason="hr", actor=ANN)
    many(one)
    now = one.clock.now()
    with one.engine.store.read() as connection:
        hidden = sorted(
            {IncidentId(row.id) for row in connection.execute(select(t.incident.c.id).where(t.incident.c.restricted))}
        )
        assert len(hidden) == MANY + 1
        assert not any(map(OUTSIDER.among(connection, hidden), hidden))
        assert [found.number for found, _copies in explain.incidents(connection)] == ["INC-1"]
        assert explain.status(connection, now)["incidents_open"] == 1
        assert explain.parked(connection) == []
        assert explain.conflicts(connection) == []
        assert explain.doubts(connection) == {}
        assert alerts_of(connection, hidden) == {}
        assert len(called_by_number(connection, OUTSIDER, hidden)) == MANY + 1
        assert unknown.firing_of(connection, sorted(hidden)) == {}
        assert happenings.after(connection, 0, OUTSIDER)
        seats = rows_of(SEATS, Look(connection, OUTSIDER))
        assert [row.seat for row in seats.all(select(SEAT))] == [1]
        insider = sight_of(connection, of_account("sue", "here"), SECURITY)
        assert len(insider.reads) == MANY + 1
        assert [row.seat for row in rows_of(SEATS, Look(connection, insider)).all(select(SEAT))] == [1, 2]
    watched: Any = SimpleNamespace(engine=one.engine, pulse=SimpleNamespace(feel=lambda: None))
    assert list(metrics._Collector(watched)._store())
