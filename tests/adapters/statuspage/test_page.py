"""What is Statuspage's own: its pace, its listing, and that each update mails every subscriber."""

from __future__ import annotations

import pytest

from tieline.adapters.statuspage.driver import StatuspageDriver
from tieline.adapters.statuspage.simulator import TOKEN
from tieline.adapters.testing.contract.expect import HOSTILE
from tieline.core.errors import NeedsOperator, Rejected, TryAgain
from tieline.core.port import Token

MINE = Token("tl-1")


@pytest.fixture
def tool() -> StatuspageDriver:
    return StatuspageDriver()


def test_calm_down_is_a_pace_and_no_refusal(tool: StatuspageDriver) -> None:
    tool.fail(420)
    with pytest.raises(TryAgain) as raised:
        tool.connect().check()
    assert (raised.value.limit is not None, raised.value.maybe_done) == (True, False)


@pytest.mark.parametrize("lists", [False, True])
def test_what_carries_our_token_is_found_whether_the_listing_shows_it_or_not(
    tool: StatuspageDriver, lists: bool
) -> None:
    tool.simulator.lists_metadata = lists
    page = tool.connect()
    made = page.create(tool.new_body("Payments fail"), MINE)
    for number in range(4):
        tool.make(f"other {number}")
    found, asked = page.find(MINE), tool.sent()
    assert found is not None
    assert (found.ref, found.token) == (made.ref, MINE)
    assert page.find(Token("tl-2")) is None
    assert (tool.sent() - asked < 4) is lists


def test_what_stands_there_already_is_not_told_again(tool: StatuspageDriver) -> None:
    page = tool.connect()
    made = page.create(tool.new_body("Payments fail", "We look into it."), MINE)
    told = page.update(made.ref, {"body": "We look into it.", "status": "investigating"}, made.version)
    assert (told.version, tool.simulator.mailed) == (made.version, ["We look into it."])


def test_a_status_takes_its_text_along(tool: StatuspageDriver) -> None:
    page = tool.connect()
    made = page.create(tool.new_body("Payments fail", "We look into it."), MINE)
    told = page.update(made.ref, {"status": "monitoring"}, made.version)
    assert (told.body["status"], told.body["body"]) == ("monitoring", "We look into it.")


def test_nobody_is_mailed_where_that_is_not_wanted(tool: StatuspageDriver) -> None:
    page = tool.connect_to(TOKEN, notify=False)
    made = page.create(tool.new_body("Payments fail", "We look into it."), MINE)
    page.update(made.ref, {"body": "It is the certificate."}, made.version)
    assert tool.simulator.mailed == []


@pytest.mark.parametrize(("member", "value"), [("name", "x" * 256), ("body", "x" * 25_001), ("body", " ")])
def test_what_the_page_would_cut_or_leave_out_is_refused_by_its_member(
    tool: StatuspageDriver, member: str, value: str
) -> None:
    page = tool.connect()
    made = page.create(tool.new_body("Payments fail", "We look into it."), MINE)
    with pytest.raises(Rejected) as raised:
        page.update(made.ref, {member: value}, made.version)
    assert [*raised.value.refused] == [member]
    assert tool.simulator.mailed == ["We look into it."]


def test_hostile_texts_are_told_as_they_are(tool: StatuspageDriver) -> None:
    page = tool.connect()
    made = page.create(tool.new_body("Payments fail", "We look into it."), MINE)
    for text in (one for one in HOSTILE.values() if one.strip() and len(one) <= 25_000):
        made = page.update(made.ref, {"body": text}, made.version)
        assert made.body["body"] == text


def test_what_began_long_ago_is_not_asked_for_and_ends_the_listing(tool: StatuspageDriver) -> None:
    for number in range(9):
        tool.make(f"old {number}")
    tool.advance(40 * 86_400)
    new = tool.make("new")
    [page] = tool.connect_to(TOKEN, history="10d").changes(None)
    assert ([one.ref for one in page.readings], tool.sent()) == ([new], 1)


def test_a_page_that_is_not_there_is_told_with_what_to_do(tool: StatuspageDriver) -> None:
    with pytest.raises(NeedsOperator, match="404"):
        tool.connect_to(TOKEN, page="nosuchpage").check()
