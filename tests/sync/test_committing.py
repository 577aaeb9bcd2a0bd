"""What an edit from inside Tieline changes and tells, and which tools are to get a copy of an incident."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from tests.sync.stands import RIGHT, linked
from tests.sync.world import World

from tieline.core.model import ConnectionName, Fields, IncidentId
from tieline.core.port import Power, Ref, Token
from tieline.sync import explain
from tieline.sync.records import Incident, Replica, ReplicaState
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason

NOW: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    one = linked(tmp_path)
    yield one
    one.engine.store.close()
    one.engine.registry.close()


def edit(world: World, fields: Fields, number: int = 1, **facts: Any) -> Incident:
    with world.engine.store.write() as tx:
        return commit.edit(tx, world.engine, IncidentId(number), fields, actor="ann", reason=Reason.EDITED, **facts)


def told(world: World) -> list[dict[str, Any]]:
    with world.engine.store.read() as connection:
        entries = explain.history(connection, IncidentId(1))
    return [one for one in entries if one["kind"] == "changed"]


def test_an_edit_is_told_with_what_was_there_and_with_whatever_is_said_beside_it(world: World) -> None:
    before = world.incident()
    after = edit(world, {"title": "Disk 1 is full", "tags": ("a", "b")}, signal="e1")
    [entry] = told(world)
    assert (entry["actor"], entry["reason"], entry["connection"]) == ("ann", "edited", None)
    assert entry["facts"] == {
        "changes": {
            "title": {"before": "Disk full", "after": "Disk 1 is full", "reason": "edited"},
            "tags": {"before": {"absent": True}, "after": ["a", "b"], "reason": "edited"},
        },
        "conflicts": {},
        "signal": "e1",
    }
    assert (after.revision, after.stamps["title"].who) == (before.revision + 1, "ann")
    assert after.stamps["title"].at == world.clock.now()
    assert after.stamps["status"] == before.stamps["status"]
    assert world.copy("right").dirty and world.copy("left").dirty


def test_an_edit_that_changes_nothing_is_none(world: World) -> None:
    before = world.incident()
    assert edit(world, {"title": "Disk full"}) == before
    assert edit(world, {}) == before
    assert told(world) == []
    assert not world.copy("right").dirty


def test_of_an_edit_only_what_differs_is_told(world: World) -> None:
    edit(world, {"title": "Disk full", "severity": "high"})
    [entry] = told(world)
    assert list(entry["facts"]["changes"]) == ["severity"]


def test_what_is_not_there_cannot_be_edited(world: World) -> None:
    with pytest.raises(LookupError, match="no incident 7"):
        edit(world, {"title": "x"}, 7)


class Wanting:
    """Stands for a connection that wants copies, and its configuration."""

    name = RIGHT

    def __init__(self, *powers: Power, signals: bool = False, severity: str = "") -> None:
        self.signals = signals
        self.config = self.copies = self
        self._powers, self._severity = powers, severity

    def can(self, power: Power) -> bool:
        return power in self._powers

    def holds(self, values: Mapping[str, Any]) -> bool:
        return self._severity in ("", values.get("severity"))


def incident(**fields: Any) -> Incident:
    return Incident(IncidentId(1), 1, {"status": "new", "severity": "high", **fields}, {}, NOW)


def copy(name: str) -> Replica:
    return Replica(1, IncidentId(1), ConnectionName(name), ReplicaState.GONE, Token("t"), ref=Ref("7"))


@pytest.mark.parametrize(
    ("connected", "one", "copies", "should"),
    [
        (Wanting(Power.WRITE), incident(), [], True),
        (Wanting(Power.WRITE), incident(status="in_progress"), [copy("left")], True),
        (Wanting(Power.WRITE), incident(), [copy("left"), copy("right")], False),
        (Wanting(Power.WRITE), incident(status="resolved"), [], False),
        (Wanting(Power.WRITE, signals=True), incident(), [], False),
        (Wanting(Power.FIND), incident(), [], False),
        (Wanting(Power.WRITE, severity="high"), incident(), [], True),
        (Wanting(Power.WRITE, severity="high"), incident(severity="low"), [], False),
    ],
)
def test_which_tools_are_to_get_a_copy(connected: Any, one: Incident, copies: list[Replica], should: bool) -> None:
    assert commit._should_copy(connected, one, copies) is should


class Forgetful:
    """Stands for an engine whose store may have forgotten what was made before a moment."""

    def __init__(self, before: datetime | None) -> None:
        self.in_doubt_before = before

    def may_be_there(self, made_at: datetime | None) -> bool:
        return self.in_doubt_before is not None and (made_at is None or made_at < self.in_doubt_before)


@pytest.mark.parametrize(
    ("before", "power", "opened_at", "may"),
    [
        (NOW, Power.FIND, "2026-03-01T11:59:59.000000Z", True),
        (NOW, Power.FIND, "2026-03-01T12:00:01.000000Z", False),
        (NOW, Power.FIND, None, True),
        (NOW + timedelta(seconds=2), Power.FIND, "2026-03-01T12:00:01.000000Z", True),
        (NOW, Power.WRITE, None, False),
        (None, Power.FIND, "2026-03-01T11:59:59.000000Z", False),
        (None, Power.FIND, "not read at all", False),
    ],
)
def test_a_copy_may_be_there_of_an_incident_that_is_as_old_as_what_the_store_forgot(
    before: datetime | None, power: Power, opened_at: str | None, may: bool
) -> None:
    engine: Any = Forgetful(before)
    connected: Any = Wanting(power)
    assert commit._may_be_there(engine, connected, incident(opened_at=opened_at)) is may
