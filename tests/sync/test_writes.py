"""One write for each change and none without one, counted where each shipped adapter's tool takes them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.sync.office import ALERTS, DESKS, Office

from tieline.core.model import Fields
from tieline.core.port import Reading, Ref
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    made: list[Office] = []

    def make(*tools: str) -> Office:
        made.append(Office(tmp_path, *tools))
        return made[-1]

    yield make
    for one in made:
        one.close()


def edit(office: Office, fields: Fields) -> None:
    """A person changes the incident in Tieline."""
    with office.engine.store.write() as tx:
        commit.edit(tx, office.engine, office.incident().id, fields, actor="ann@example.com", reason=Reason.EDITED)


@pytest.mark.parametrize("tool", DESKS)
def test_a_new_ticket_is_one_write_and_the_polls_after_it_are_none(office: Callable[..., Office], tool: str) -> None:
    here = office(tool)
    here.fire()
    here.settle(20)
    assert len(here.writes()) == 1


@pytest.mark.parametrize("tool", DESKS)
@pytest.mark.parametrize(
    "fields",
    [{"title": "Disk 1 is full"}, {"priority": "p2"}, {"status": "in_progress"}],
    ids=lambda one: next(iter(one)),
)
def test_an_edit_is_one_write(office: Callable[..., Office], tool: str, fields: Fields) -> None:
    here = office(tool)
    here.fire()
    here.settle()
    edit(here, fields)
    here.settle(20)
    assert len(here.writes()) == 2
    assert here.copy(tool).observed.items() >= fields.items()


@pytest.mark.parametrize("tool", DESKS)
def test_an_edit_made_in_the_tool_is_not_written_back_to_it(office: Callable[..., Office], tool: str) -> None:
    here = office(tool)
    here.fire()
    here.settle()
    before = len(here.writes())
    here.retitle(tool, "Disk 1 is full, says a person")
    here.settle(20)
    assert here.incident().fields["title"] == "Disk 1 is full, says a person"
    # The memory tool counts versions: the person's is one of them.
    assert len(here.writes()) - before == (1 if tool == "memory" else 0)


@pytest.mark.parametrize("first", [("pagerduty", "jira", "servicenow"), ("servicenow", "jira", "pagerduty")])
def test_whichever_tool_is_the_first_each_of_three_gets_one_write(
    office: Callable[..., Office], first: tuple[str, ...]
) -> None:
    """What one tool fills in by itself must not be news to the next: the alert's severity decides it for all."""
    here = office(*first)
    here.fire()
    here.settle(20)
    assert {tool: len(here.writes(tool)) for tool in first} == dict.fromkeys(first, 1)


def test_what_the_incident_says_already_is_no_change(office: Callable[..., Office]) -> None:
    """ServiceNow only shows impact and urgency: a second instance that shows the same tells nothing new."""
    here = office("servicenow")
    here.fire()
    here.settle()
    before = here.incident().revision
    edit(here, {"impact": "low"})
    here.settle()
    assert here.incident().revision == before + 1
    here.tools["servicenow"].control(
        "edit", {"record": here.copy("servicenow").ref, "fields": {"impact": "3", "urgency": "1"}}
    )
    here.settle()
    changes = [entry["facts"]["changes"] for entry in here.history() if entry["kind"] == "changed"]
    assert all(step["before"] != step["after"] for change in changes for step in change.values())


def test_an_alert_does_not_wait_for_those_that_its_source_is_asked_about(
    office: Callable[..., Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking takes as long as the source likes; an alert that comes meanwhile gets its incident before the rest."""
    here = office("memory")
    asked: list[int] = []
    source = here.lanes[ALERTS].here.source
    read = source.read
    here.hint("one@2026-01-01T00:00:00.000Z", "two@2026-01-01T00:00:00.000Z", "three@2026-01-01T00:00:00.000Z")

    def slow(ref: Ref) -> Reading:
        asked.append(here.count())
        if len(asked) == 1:
            here.fire()
            here.notify()
        return read(ref)

    monkeypatch.setattr(source, "read", slow)
    here.settle(1)
    assert asked == [0, 1, 1]
