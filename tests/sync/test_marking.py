"""Which copies have something to be written, decided from values alone: the dirty mark of every state."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from tieline.core.model import ConnectionName, IncidentId
from tieline.core.port import FieldFact, Power, Ref, Token
from tieline.mappings import Mapping as FieldMapping
from tieline.mappings import fit, load
from tieline.mappings.board import ALERTS
from tieline.sync.records import Held, Hold, Incident, Intent, Replica, ReplicaState, Stamp
from tieline.sync.road import commit

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=1)
MEMORY: Final = load("memory-incident")
FITTED: Final = fit(MEMORY, {"severity": FieldFact("severity", writable=False, required=False)}).mapping
SHOWN: Final = {"title": "Disk full", "status": "new"}
IN_DOUBT = Intent(EARLIER, {"title": "Disk full"})
ALL_POWERS: Final = frozenset(Power)


class Tool:
    """Stands for a connection: what it can do, and how it is mapped."""

    def __init__(self, powers: frozenset[Power] = ALL_POWERS, mapping: FieldMapping = MEMORY) -> None:
        self.mapping = mapping
        self._powers = powers

    def can(self, power: Power) -> bool:
        return power in self._powers


def copy(state: ReplicaState = ReplicaState.LINKED, **facts: Any) -> Replica:
    known: dict[str, Any] = {"ref": Ref("7"), "base": SHOWN, "attempts": 3, "next_at": EARLIER, **facts}
    return Replica(1, IncidentId(1), ConnectionName("desk"), state, Token("t"), **known)


def incident(**fields: Any) -> Incident:
    told = {**SHOWN, **fields}
    return Incident(IncidentId(1), 1, told, dict.fromkeys(told, Stamp(NOW, "ann")), NOW)


def marked(before: Replica, told: Incident, *, moved: bool = True, tool: Any = None) -> Replica:
    connected: Any = tool or Tool()
    return commit.mark(before, told, connected, NOW, moved=moved)


MOVED = incident(title="Disk 1 is full")
DIRTY = {"dirty": True, "dirty_since": NOW, "attempts": 0, "next_at": None}
CLEAN = {"dirty": False, "dirty_since": None, "attempts": 0, "next_at": None}
READ_ONLY = Tool(ALL_POWERS - {Power.WRITE})
BLIND = Tool(ALL_POWERS - {Power.FIND})
UNMADE: Final[dict[str, Any]] = {"ref": None, "base": {}}


@pytest.mark.parametrize(
    ("before", "told", "tool", "changes"),
    [
        pytest.param(copy(), incident(), Tool(), {}, id="nothing to say"),
        pytest.param(copy(), MOVED, Tool(), DIRTY, id="something to say"),
        pytest.param(
            copy(dirty=True, dirty_since=EARLIER), MOVED, Tool(), {}, id="it waits already, and how often it did"
        ),
        pytest.param(copy(dirty=True, dirty_since=EARLIER), incident(), Tool(), CLEAN, id="nothing to say any more"),
        pytest.param(copy(), MOVED, READ_ONLY, {}, id="it is only read"),
        pytest.param(copy(ReplicaState.GONE), MOVED, Tool(), {}, id="gone"),
        pytest.param(copy(ReplicaState.GONE, dirty=True), MOVED, Tool(), CLEAN, id="gone while it waited"),
        pytest.param(copy(ReplicaState.ABSENT, **UNMADE), incident(), Tool(), DIRTY, id="to be made"),
        pytest.param(
            copy(ReplicaState.ABSENT, **UNMADE), incident(status="resolved"), Tool(), {}, id="over before it is"
        ),
        pytest.param(
            copy(ReplicaState.ABSENT, **UNMADE, dirty=True),
            incident(status="closed"),
            Tool(),
            CLEAN,
            id="over meanwhile",
        ),
        pytest.param(
            copy(ReplicaState.IN_DOUBT, **UNMADE, intent=IN_DOUBT),
            incident(status="resolved"),
            Tool(),
            DIRTY,
            id="in doubt, though it is over",
        ),
        pytest.param(
            copy(ReplicaState.PARKED, parked="why"),
            MOVED,
            Tool(),
            {**DIRTY, "state": ReplicaState.LINKED, "parked": ""},
            id="parked, and the incident moves on",
        ),
        pytest.param(
            copy(ReplicaState.PARKED, **UNMADE),
            MOVED,
            Tool(),
            {**DIRTY, "state": ReplicaState.ABSENT},
            id="parked before it was made",
        ),
        pytest.param(
            copy(ReplicaState.PARKED, **UNMADE, intent=IN_DOUBT),
            MOVED,
            Tool(),
            {**DIRTY, "state": ReplicaState.IN_DOUBT},
            id="parked in doubt",
        ),
        pytest.param(
            copy(ReplicaState.PARKED, **UNMADE, intent=IN_DOUBT),
            MOVED,
            BLIND,
            {},
            id="parked in doubt, and not to be found",
        ),
        pytest.param(
            copy(ReplicaState.PARKED, intent=IN_DOUBT),
            MOVED,
            BLIND,
            {**DIRTY, "state": ReplicaState.LINKED},
            id="parked, made, and not to be found",
        ),
        pytest.param(
            copy(ReplicaState.PARKED, **UNMADE),
            MOVED,
            BLIND,
            {**DIRTY, "state": ReplicaState.ABSENT},
            id="parked, not begun, and not to be found",
        ),
        pytest.param(copy(ReplicaState.PARKED), incident(), Tool(), {}, id="parked, with nothing to say"),
    ],
)
def test_a_copy_waits_to_be_written_while_it_has_something_to_say(
    before: Replica, told: Incident, tool: Any, changes: dict[str, Any]
) -> None:
    after = marked(before, told, tool=tool)
    assert after == replace(before, **changes)
    assert (after is before) is (not changes)


def test_a_parked_copy_waits_for_a_person_while_the_incident_stands_still() -> None:
    before = copy(ReplicaState.PARKED)
    assert marked(before, MOVED, moved=False) is before
    assert marked(copy(), MOVED, moved=False).dirty


@pytest.mark.parametrize(
    ("state", "facts", "after"),
    [
        (ReplicaState.PARKED, {}, ReplicaState.LINKED),
        (ReplicaState.PARKED, {"intent": IN_DOUBT}, ReplicaState.LINKED),
        (ReplicaState.PARKED, {"ref": None}, ReplicaState.ABSENT),
        (ReplicaState.PARKED, {"ref": None, "intent": IN_DOUBT}, ReplicaState.IN_DOUBT),
    ],
)
def test_a_parked_copy_goes_on_where_it_stood(state: ReplicaState, facts: dict[str, Any], after: ReplicaState) -> None:
    assert commit.resumed(copy(state, **facts)) is after


def hold(kind: Held, ours: Any = "Disk full", theirs: Any = "DISK FULL") -> Hold:
    return Hold(kind, ours, theirs, EARLIER, "words", tries=4)


AGAIN = {"ours": "Disk 1 is full", "tries": 0, "again": True}


@pytest.mark.parametrize(
    ("kind", "told", "changes"),
    [
        (Held.IGNORED, MOVED, AGAIN),
        (Held.ALTERED, MOVED, AGAIN),
        (Held.UNWRITABLE, MOVED, AGAIN),
        (Held.CONFLICT, MOVED, {}),
        (Held.UNMAPPED, MOVED, {}),
        (Held.REPLACED, MOVED, {}),
        (Held.IGNORED, incident(), {}),
        (Held.UNWRITABLE, incident(severity="high"), {}),
    ],
)
def test_what_the_tool_did_not_take_is_tried_anew_when_the_incident_says_something_else(
    kind: Held, told: Incident, changes: dict[str, Any]
) -> None:
    other = hold(Held.CONFLICT, "two", "edits")
    before = copy(holds={"title": hold(kind), "team": other})
    assert marked(before, told).holds == {"title": replace(hold(kind), **changes), "team": other}


@pytest.mark.parametrize(
    ("name", "kind", "theirs", "again"),
    [
        (ALERTS, Held.IGNORED, None, False),
        (ALERTS, Held.ALTERED, None, False),
        (ALERTS, Held.ALTERED, "- a", True),
        (ALERTS, Held.UNWRITABLE, None, True),
        ("team", Held.IGNORED, None, True),
    ],
)
def test_a_block_that_the_tool_does_not_keep_as_one_is_not_written_beside_itself(
    name: str, kind: Held, theirs: str | None, again: bool
) -> None:
    before = copy(holds={name: hold(kind, "- b", theirs)})
    assert marked(before, incident(**{name: "- c"})).holds[name].again is again


def test_a_field_that_the_tool_cannot_be_told_is_held_as_the_copy_is_marked() -> None:
    before = copy(base={**SHOWN, "severity": "low"})
    after = marked(before, incident(severity="high"), tool=Tool(mapping=FITTED))
    assert after.holds["severity"].kind is Held.UNWRITABLE
    assert not after.dirty
