"""What says that something is gone, where nothing can be: a proxy in between, a wrong address, a right that lacks.
Each of these lost a copy for good, in silence, or put one aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.sync.office import Office
from tests.sync.stands import hint

from tieline.adapters.memory.faults import Fault
from tieline.adapters.testing.simulation import Fault as Answer
from tieline.adapters.testing.simulation import Response
from tieline.core.errors import Gone, NeedsOperator, Rejected
from tieline.sync.records import ReplicaState

PAGE = b"<!doctype html><title>404 Not Found</title>nginx"
DESKS = ("servicenow", "jira", "jira-jsm", "jira-dc", "pagerduty")


def deny(verb: str, status: int = 404) -> Any:
    return lambda asked, _writes: Fault(status=status) if asked == verb else None


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("verb", ["create", "find"])
def test_a_create_that_is_denied_is_tried_again_and_made_once(world, verb, status):
    both = world()
    both.settle(1)
    faults = both.tools["right"].faults
    if verb == "find":
        faults.queue.append(Fault(only_writes=True, after_effect=True))
    faults.draw = deny(verb, status)
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle(2)
    assert both.copy("right").state is ReplicaState.IN_DOUBT
    faults.draw = None
    both.clock.advance(300)
    both.settle(2)
    assert both.copy("right").state is ReplicaState.LINKED
    assert len(both.tools["right"].rows()) == 1


def test_a_create_that_is_denied_for_good_is_put_aside_with_the_sentence(world):
    both = world()
    both.settle(1)
    both.tools["right"].faults.draw = deny("create")
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle(20)
    [aside] = both.parked()
    assert "404" in aside.sentence and both.copy("right").state is ReplicaState.PARKED


@pytest.mark.parametrize(
    "error",
    [Gone("right", "no history"), Rejected("right", "no history"), NeedsOperator("right", "no right to history")],
    ids=lambda error: type(error).__name__,
)
def test_a_history_that_cannot_be_read_costs_no_copy(world, error):
    both = world(blunt="right")
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle()

    def refuse(*_args: object) -> None:
        raise error

    source: Any = both.engine.connections["right"].source
    source.replaced = refuse
    both.tools["right"].faults.queue.append(Fault(only_writes=True, after_effect=True))
    both.edit("left", title="Disk full on db1")
    both.settle(8)
    assert both.copy("right").state is ReplicaState.LINKED and both.parked() == []
    assert both.shows("right", "title") == "Disk full on db1"


@pytest.mark.parametrize("status", [400, 403, 404])
def test_somebody_who_cannot_be_looked_up_keeps_no_record_from_being_made(world, status):
    both = world()
    both.tools["right"].faults.draw = deny("person_id", status)
    ann = both.tools["left"].person("ann@example.com")
    both.tools["left"].make({"title": "Disk full", "status": "new", "assignee": ann})
    both.settle()
    assert both.shows("right", "title") == "Disk full" and both.parked() == []


@pytest.mark.parametrize("status", [401, 404, 413])
def test_somebody_who_could_not_be_looked_up_is_assigned_when_they_can_be(world, status):
    both = world()
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle()
    both.tools["right"].faults.draw = deny("person_id", status)
    both.edit("left", assignee=both.tools["left"].person("ann@example.com"), title="Disk full on db1")
    both.settle()
    assert both.shows("right", "title") == "Disk full on db1"
    both.tools["right"].faults.draw = None
    both.clock.advance(600)
    both.settle()
    assert both.shows("right", "assignee") == both.tools["right"].person("ann@example.com")


@pytest.mark.parametrize("status", [403, 404])
def test_somebody_who_may_never_be_looked_up_is_asked_for_some_hours_and_no_longer(world, status):
    both = world()
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle()
    both.tools["right"].faults.draw = deny("person_id", status)
    both.edit("left", assignee=both.tools["left"].person("ann@example.com"))
    both.settle()
    assert both.copy("right").dirty
    both.clock.advance(6 * 3600)
    both.settle()
    assert not both.copy("right").dirty and both.parked() == []


@pytest.mark.parametrize("status", [400, 403, 404])
def test_comments_that_cannot_be_read_keep_no_edit_back(world, status):
    both = world()
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle()
    both.tools["right"].faults.draw = deny("comments", status)
    both.edit("right", title="Disk full on db1")
    both.settle()
    assert both.shows("left", "title") == "Disk full on db1" and both.parked() == []


@pytest.mark.parametrize("status", [400, 404])
def test_a_schema_that_cannot_be_read_stops_no_connection(world, status):
    both = world()
    both.tools["right"].faults.draw = deny("describe", status)
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle()
    assert both.shows("right", "title") == "Disk full"


def test_a_record_that_can_be_read_and_denies_each_write_is_put_aside_in_the_end(world):
    both = world()
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle()
    both.tools["right"].faults.draw = deny("update")
    both.edit("left", title="Disk full on db1")
    both.settle(30)
    [aside] = both.parked()
    assert "can be read" in aside.sentence


def test_a_record_that_waits_for_its_comments_is_looked_for_at_once_when_a_write_is_denied(world):
    """Comments that may not be read are asked for once an hour in the end; a deletion is not found out that slowly."""
    both = world()
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle(1)
    both.tools["right"].faults.draw = deny("comments", 403)
    both.edit("right", team="storage")
    both.settle(40)
    ref = both.copy("right").ref
    both.tools["right"].delete(ref)
    both.edit("left", title="Disk almost full")
    both.settle(4)
    assert both.copy("right").state is ReplicaState.GONE


def test_a_tool_that_denies_everything_has_not_lost_its_records(world):
    both = world()
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle()
    both.tools["right"].faults.draw = lambda _verb, _writes: Fault(status=404)
    both.edit("left", title="Disk full on db1")
    both.settle(20)
    assert both.copy("right").state is ReplicaState.LINKED and both.parked() == []
    both.tools["right"].faults.draw = None
    both.clock.advance(301)
    both.settle()
    assert both.shows("right", "title") == "Disk full on db1"


@pytest.mark.parametrize("tool", DESKS)
@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"message": "no Route matched"}', PAGE], ids=["empty", "{}", "kong", "page"]
)
@pytest.mark.parametrize("method", ["POST", ""], ids=["writes", "everything"])
def test_what_stands_in_front_of_a_tool_loses_no_copy(
    tmp_path: Path, tool: str, status: int, body: bytes, method: str
) -> None:
    office = Office(tmp_path, tool)
    office.settle(1)
    desk = office.tools[tool]
    media = "text/html" if body == PAGE else "application/json"
    desk.faults.append(Answer(Response(status, {"content-type": media}, body), method=method, times=10_000))
    office.fire()
    office.settle(2)
    assert office.copy(tool).state is not ReplicaState.GONE
    desk.faults.clear()
    for _ in range(3):
        office.clock.advance(301)
        office.settle(2)
    made = office.copy(tool)
    assert (made.state, made.parked) == (ReplicaState.LINKED, "")
    office.close()


class Denying:
    """A tool whose looks at records are answered as the test says; it counts the denials."""

    def __init__(self, world: Any, tool: str) -> None:
        self.looks, self.fault = 0, Fault(status=404)
        world.tools[tool].faults.draw = self._draw

    def _draw(self, verb: str, _writes: bool) -> Fault | None:
        if verb != "read":
            return None
        self.looks += 1
        return self.fault


def test_a_denial_that_something_else_came_between_has_not_lasted(world):
    both = world()
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle()
    denying = Denying(both, "right")
    hint(both, both.copy("right").ref)
    both.settle(2)
    denying.fault = Fault()
    both.settle(3)
    denying.fault = Fault(status=404)
    both.settle(1)
    assert denying.looks > 3 and both.copy("right").state is ReplicaState.LINKED


def test_two_denials_that_lie_far_apart_are_not_believed(world):
    """A busy hour may lie between them, and a proxy may have said both."""
    both = world()
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle()
    denying = Denying(both, "right")
    hint(both, both.copy("right").ref)
    for _ in range(2):
        while both.step("right"):
            pass
        both.clock.advance(300)
    assert denying.looks == 2 and both.copy("right").state is ReplicaState.LINKED
    while both.step("right"):
        pass
    assert both.copy("right").state is ReplicaState.GONE
