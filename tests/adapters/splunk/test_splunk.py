"""What is Splunk's own: searches, edits in rows of their own, refusals with 200, events that it does not know."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tieline.adapters.splunk.driver import SplunkDriver
from tieline.adapters.splunk.simulator import PERSON
from tieline.adapters.testing.simulation import Fault, Response
from tieline.core.errors import Gone, NeedsOperator, Rejected
from tieline.core.marks import marked
from tieline.core.model import Audience
from tieline.core.port import Cursor, Reading, Ref, Token

TOKEN = Token("tieline-0f3a")


@pytest.fixture
def tool() -> SplunkDriver:
    return SplunkDriver()


def listed(tool: SplunkDriver, since: Cursor | None) -> tuple[list[Reading], Cursor]:
    """What is told since, and where that ended."""
    pages = list(tool.connect().changes(since))
    return [one for page in pages for one in page.readings], pages[-1].cursor


def test_an_event_that_was_indexed_late_is_not_missed(tool: SplunkDriver) -> None:
    _none, cursor = listed(tool, None)
    tool.advance(7_200)
    tool.simulator.make({"rule_title": "Late", "_time": "2026-11-23T07:00:00.000+00:00"})
    assert [one.body["title"] for one in listed(tool, cursor)[0]] == ["Late"]


def test_more_events_of_one_second_than_a_page_holds_are_all_told(tool: SplunkDriver) -> None:
    _none, cursor = listed(tool, None)
    refs = [tool.make(f"Disk full {number}") for number in range(11)]
    for ref in refs:
        tool.edit(ref, {"status": "2"})
    found, cursor = listed(tool, cursor)
    assert sorted(one.ref for one in found) == sorted(refs)


def test_an_edit_of_an_event_that_came_long_ago_is_told(tool: SplunkDriver) -> None:
    ref = tool.make("Disk full")
    tool.advance(86_400)
    _old, cursor = listed(tool, None)
    tool.advance(3_600)
    tool.edit(ref, {"status": "3"})
    (found,), _end = listed(tool, cursor)
    assert (found.ref, found.body["status"]) == (ref, "3")


@pytest.mark.parametrize(
    ("patch", "refused"),
    [
        ({"owner": "nobody-here"}, ["owner"]),
        ({"status": "77"}, ["status"]),
        ({"disposition": "disposition:9"}, ["disposition"]),
    ],
)
def test_a_refusal_that_comes_with_200_is_one(tool: SplunkDriver, patch: dict[str, str], refused: list[str]) -> None:
    ref, adapter = tool.make("Disk full"), tool.connect()
    with pytest.raises(Rejected, match="took nothing") as caught:
        adapter.update(ref, patch, adapter.read(ref).version)
    assert list(caught.value.refused) == refused


def test_an_event_that_splunk_does_not_know_is_gone_though_a_write_of_it_succeeds(tool: SplunkDriver) -> None:
    adapter = tool.connect()
    with pytest.raises(Gone):
        adapter.add_comment(tool.missing_ref(), "Isolated.", Audience.STAFF, TOKEN)
    assert tool.simulator.edits == []


@pytest.mark.parametrize("ref", ['x") | delete', 'x@@notable@@y" OR event_id="*', "", "x@@notable@@" + "y" * 90])
def test_what_is_no_id_stands_in_no_search(tool: SplunkDriver, ref: str) -> None:
    with pytest.raises(Gone):
        tool.connect().read(Ref(ref))
    assert tool.simulator.requests == []


def test_an_error_that_comes_with_200_is_no_empty_list(tool: SplunkDriver) -> None:
    tool.make("Disk full")
    said: dict[str, Any] = {"results": [], "messages": [{"type": "ERROR", "text": "Search not executed: quota."}]}
    tool.simulator.faults.append(Fault(Response.of(said), "POST", "/search/jobs", times=9))
    with pytest.raises(NeedsOperator, match="quota"):
        listed(tool, None)


def test_a_mark_that_was_copied_is_nobodys(tool: SplunkDriver) -> None:
    ref, adapter = tool.make("Disk full"), tool.connect()
    adapter.add_comment(ref, "Isolated.", Audience.STAFF, TOKEN)
    tool.comment(ref, marked("Isolated.", TOKEN), Audience.STAFF)
    first, second = adapter.comments(ref)
    assert (first.token, first.ours, first.body) == (TOKEN, True, "Isolated.")
    assert (second.token, second.ours, second.author) == (None, False, PERSON)


def test_without_enterprise_security_it_says_where_to_look(tool: SplunkDriver) -> None:
    tool.simulator.has_security = False
    with pytest.raises(NeedsOperator, match="no Enterprise Security"):
        tool.connect().check()


def test_an_account_that_may_only_look_is_told_before_its_first_write(tool: SplunkDriver) -> None:
    tool.simulator.capabilities = ["search"]
    (note,) = tool.connect().check().notes
    assert "edit_notable_events" in note


def test_who_has_another_address_there_is_known_by_the_settings(tool: SplunkDriver) -> None:
    ref, adapter = tool.make("Disk full"), tool.connect_to(tool.secrets[0], people={"Ann@Example.org": PERSON})
    tool.edit(ref, {"owner": PERSON})
    assert (adapter.person_id("ann@example.org"), adapter.read(ref).people) == (PERSON, {PERSON: "ann@example.org"})


def test_an_owner_that_nobody_has_asked_for_yet_is_looked_up(tool: SplunkDriver) -> None:
    ref = tool.make("Disk full")
    tool.edit(ref, {"owner": PERSON})
    assert tool.connect().read(ref).people == {PERSON: "ada@example.org"}


def test_owners_without_an_address_are_asked_for_once(tool: SplunkDriver) -> None:
    refs = [tool.make(f"Disk full {number}") for number in range(6)]
    for number, ref in enumerate(refs):
        tool.edit(ref, {"owner": ("admin", "left-us")[number % 2]})
    adapter = tool.connect()
    for ref in (*refs, *refs):
        assert adapter.read(ref).people == {}
    asked = [path for _method, path in tool.simulator.requests if path.endswith("/users")]
    assert len(asked) == 2


def test_a_cursor_that_is_none_of_ours_says_so(tool: SplunkDriver) -> None:
    for odd in ("yesterday", "[1]", json.dumps(["a", 2]), "[1e300, 2]"):
        with pytest.raises(NeedsOperator, match="not one of ours"):
            listed(tool, Cursor(odd))
