"""Who is who, from answers alone: asked at once, in both directions, and remembered for minutes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tieline.adapters.servicenow import directory
from tieline.adapters.servicenow.answers import Row
from tieline.adapters.servicenow.directory import REMEMBERED, People
from tieline.adapters.servicenow.wire import Listing
from tieline.adapters.testing.clock import ManualClock
from tieline.core.errors import NeedsOperator


class Wire:
    """Stands for an instance with these users; it filters by nothing but the ids that it is asked for."""

    connection = "snow"

    def __init__(self, *users: Row, honest: bool = True) -> None:
        self.users = list(users)
        self.honest = honest
        self.asked: list[tuple[str, int]] = []

    def rows(self, table: str, query: str, *, limit: int, fields: Sequence[str]) -> Listing:
        assert (table, fields) == ("sys_user", ("sys_id", "email", "active")[: len(fields)])
        self.asked.append((query, limit))
        wanted = query.removeprefix("sys_idIN").split(",") if query.startswith("sys_idIN") and self.honest else None
        rows = [user for user in self.users if wanted is None or user["sys_id"] in wanted]
        return Listing(tuple(rows), False, len(rows), None)


def user(sys_id: str, email: str | None = "ann@example.com", active: str = "true") -> Row:
    return {"sys_id": sys_id, "active": active} | ({} if email is None else {"email": email})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def people(clock: ManualClock, *users: Row, honest: bool = True) -> tuple[People, Any]:
    wire: Any = Wire(*users, honest=honest)
    return People(wire, clock), wire


def test_addresses_are_asked_for_at_once_and_known_after_that(clock: ManualClock) -> None:
    known, wire = people(clock, user("bb", " Bob@Example.com "), user("aa"), user("cc", ""), user("dd", None))
    found = {"aa": "ann@example.com", "bb": "bob@example.com"}
    for _ in range(2):
        assert known.emails(["bb", "aa", "cc", "dd", "ee", "aa"]) == found
    assert wire.asked == [("sys_idINaa,bb,cc,dd,ee", 5)], "who has no address is remembered too"
    wire.users.append(user("ff", "flo@example.com"))
    assert known.emails({"aa", "ff"}) == {"aa": "ann@example.com", "ff": "flo@example.com"}
    assert wire.asked[1:] == [("sys_idINff", 1)]
    assert known.emails(()) == {}
    assert len(wire.asked) == 2


def test_a_hundred_people_are_asked_for_at_once(clock: ManualClock) -> None:
    everybody = [user(f"u{number:03}", f"u{number}@example.com") for number in range(201)]
    known, wire = people(clock, *everybody)
    assert len(known.emails([one["sys_id"] for one in everybody])) == 201
    assert [limit for _, limit in wire.asked] == [100, 100, 1]


@pytest.mark.parametrize("ask", ["emails", "person_id"])
def test_an_answer_is_believed_for_ten_minutes(clock: ManualClock, ask: str) -> None:
    known, wire = people(clock, user("aa"))
    for seconds, times in ((0.0, 1), (REMEMBERED - 1, 1), (1.0, 2), (REMEMBERED - 1, 2)):
        clock.advance(seconds)
        if ask == "emails":
            assert known.emails(["aa"]) == {"aa": "ann@example.com"}
        else:
            assert known.person_id("ann@example.com") == "aa"
        assert len(wire.asked) == times


def test_no_more_people_are_remembered_than_there_is_room_for(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "MOST", 2)
    known, wire = people(clock, *(user(f"u{number}", f"u{number}@example.com") for number in range(3)))
    for number, times in ((0, 1), (1, 2), (0, 2), (1, 2), (2, 3), (1, 4), (2, 4)):
        known.emails([f"u{number}"])
        assert len(wire.asked) == times
    wire.asked.clear()
    wire.users.clear()
    for number, times in ((0, 1), (1, 2), (0, 2), (2, 3), (0, 4)):
        assert known.person_id(f"u{number}@example.com") is None
        assert len(wire.asked) == times


@pytest.mark.parametrize(
    ("users", "email", "identity"),
    [
        ([user("aa")], "ann@example.com", "aa"),
        ([user("aa", "ANN@example.com")], " Ann@Example.com", "aa"),
        ([user("aa"), user("bb")], "ann@example.com", "aa"),
        ([user("aa", active="false"), user("bb")], "ann@example.com", "bb"),
        ([user("aa", active="false")], "ann@example.com", None),
        ([user("bb", "bob@example.com"), user("aa")], "ann@example.com", "aa"),
        ([], "ann@example.com", None),
    ],
)
def test_a_person_is_the_oldest_active_account_of_an_address(
    clock: ManualClock, users: list[Row], email: str, identity: str | None
) -> None:
    known, wire = people(clock, *users)
    for _ in range(2):
        assert known.person_id(email) == identity
    assert wire.asked == [("email=ann@example.com^active=true^ORDERBYsys_created_on^ORDERBYsys_id", 20)]


@pytest.mark.parametrize("email", ["", "  ", "javascript:alert(1)", "ann\n@example.com"])
def test_what_is_no_address_is_nobody_and_not_asked_for(clock: ManualClock, email: str) -> None:
    known, wire = people(clock, user("aa", ""))
    assert known.person_id(email) is None
    assert wire.asked == []


def test_other_users_than_asked_for_are_a_right_that_lacks(clock: ManualClock) -> None:
    known, _wire = people(clock, user("bb", "bob@example.com"), honest=False)
    with pytest.raises(NeedsOperator, match="other users than asked for"):
        known.person_id("ann@example.com")
    with pytest.raises(NeedsOperator, match="other users than asked for"):
        known.emails(["aa"])
    with pytest.raises(NeedsOperator, match="other users than asked for"):
        people(clock, user("aa"), user("bb"), honest=False)[0].emails(["aa"])
