"""Who is who and which priorities there are, from answers alone: asked once, kept for minutes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tieline.adapters.pagerduty import people
from tieline.adapters.pagerduty.incident import Refusal
from tieline.adapters.pagerduty.people import KEPT_FOR, Priorities, Users
from tieline.adapters.testing.clock import ManualClock
from tieline.core.errors import Gone, NeedsOperator, RemoteError

Rows = list[dict[str, Any]]


class Wire:
    """Stands for an account: its rows by path, and what it was asked."""

    def __init__(self, **answers: Rows | RemoteError) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def rows(self, path: str, name: str, query: Mapping[str, object]) -> Rows:
        assert path == f"/{name}"
        self.asked.append(f"{path} {query.get('query', '')}".strip())
        return self._answer(name)

    def get(self, path: str) -> str:
        self.asked.append(path)
        return path

    def object_in(self, answer: str, name: str, _path: str) -> dict[str, Any]:
        for user in self._answer("users"):
            if answer == f"/{name}s/{user['id']}".replace("/P 1", "/P%201"):
                return user
        raise Gone("pager", "no such user")

    def _answer(self, name: str) -> Rows:
        answer = self.answers[name]
        if isinstance(answer, RemoteError):
            raise answer
        return answer


ANN = {"id": "PANN", "email": "Ann@Example.com"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def users(clock: ManualClock, *rows: dict[str, Any]) -> tuple[Users, Wire]:
    wire: Any = Wire(users=list(rows))
    return Users(wire, clock), wire


@pytest.mark.parametrize(
    ("rows", "email", "identity"),
    [
        ([ANN], "ann@example.com", "PANN"),
        ([ANN], " ANN@example.COM ", "PANN"),
        ([{"id": "P2", "email": "joann@example.com"}, ANN], "ann@example.com", "PANN"),
        ([{"id": "P2", "email": "joann@example.com"}], "ann@example.com", None),
        ([{"id": "P2", "email": None}], "ann@example.com", None),
        ([{"id": "", "email": "ann@example.com"}], "ann@example.com", None),
        ([], "ann@example.com", None),
        ([{"id": "P2", "email": "ann"}], "ann", None),
    ],
)
def test_a_person_is_known_by_the_whole_address(
    clock: ManualClock, rows: Rows, email: str, identity: str | None
) -> None:
    found, wire = users(clock, *rows)
    assert found.id_of(email) == identity
    assert found.id_of(email) == identity
    assert wire.asked == (["/users ann@example.com"] if "@" in email else []), "it is asked once"


def test_who_was_found_by_an_address_is_known_by_the_id_too(clock: ManualClock) -> None:
    found, wire = users(clock, ANN)
    assert found.id_of("ann@example.com") == "PANN"
    assert found.email_of("PANN") == "ann@example.com"
    assert wire.asked == ["/users ann@example.com"]


@pytest.mark.parametrize(
    ("identity", "email"), [("PANN", "ann@example.com"), ("PNONE", None), ("P 1", "p1@example.com"), ("PGONE", None)]
)
def test_a_persons_address_is_asked_for_once(clock: ManualClock, identity: str, email: str | None) -> None:
    found, wire = users(clock, ANN, {"id": "PNONE", "email": None}, {"id": "P 1", "email": "p1@example.com"})
    for _ in range(2):
        assert found.email_of(identity) == email
    assert wire.asked == [f"/users/{identity.replace(' ', '%20')}"]
    assert found.emails_of(["PANN", "PNONE", "PGONE"]) == {"PANN": "ann@example.com"}


def test_an_answer_is_trusted_for_ten_minutes(clock: ManualClock) -> None:
    found, wire = users(clock, ANN)
    for seconds, times in ((0.0, 1), (KEPT_FOR - 1, 1), (1.0, 2), (KEPT_FOR - 1, 2)):
        clock.advance(seconds)
        assert found.email_of("PANN") == "ann@example.com"
        assert len(wire.asked) == times


def test_no_more_answers_are_kept_than_there_is_room_for(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "MOST_KEPT", 2)
    found, wire = users(clock)
    for identity in ("P1", "P2", "P1", "P2"):
        found.email_of(identity)
    assert len(wire.asked) == 2
    found.email_of("P3")
    found.email_of("P1")
    assert len(wire.asked) == 4


SCHEME: Rows = [{"id": "PA", "name": "P1"}, {"id": "PB", "summary": "Low"}, {"id": "PC"}, {"name": "of no id"}]


def priorities(clock: ManualClock, answer: Rows | RemoteError) -> tuple[Priorities, Wire]:
    wire: Any = Wire(priorities=answer)
    return Priorities(wire, clock), wire


def test_the_scheme_is_asked_for_once_and_anew_when_it_is_to_be_forgotten(clock: ManualClock) -> None:
    found, wire = priorities(clock, SCHEME)
    for _ in range(2):
        assert list(found.names().items()) == [("PA", "P1"), ("PB", "Low"), ("PC", "")]
    assert wire.asked == ["/priorities"]
    found.forget()
    wire.answers["priorities"] = []
    for _ in range(2):
        assert found.names() == {}
    assert wire.asked == ["/priorities"] * 2


@pytest.mark.parametrize(
    "error", [Gone("pager", "answered 404"), NeedsOperator("pager", "GET /priorities answered 402")]
)
def test_a_plan_without_priorities_has_none(clock: ManualClock, error: RemoteError) -> None:
    found, wire = priorities(clock, error)
    assert found.names() == found.names() == {}
    assert len(wire.asked) == 1


def test_a_key_that_is_refused_is_no_plan_without_priorities(clock: ManualClock) -> None:
    found, _wire = priorities(clock, NeedsOperator("pager", "GET /priorities answered 401"))
    with pytest.raises(NeedsOperator):
        found.names()


@pytest.mark.parametrize(
    ("value", "identity"),
    [
        (None, None),
        ("p1", "PA"),
        ({"summary": "LOW"}, "PB"),
        ({"name": "P1"}, "PA"),
        ({"summary": "Low", "name": "P1"}, "PB"),
        ({"id": "PX", "summary": "P1"}, "PX"),
        ({"id": "", "summary": "P1"}, "PA"),
    ],
)
def test_a_priority_is_written_by_its_id(clock: ManualClock, value: object, identity: str | None) -> None:
    found, _wire = priorities(clock, SCHEME)
    written = None if identity is None else {"id": identity, "type": "priority_reference"}
    assert found.resolve(value) == written


@pytest.mark.parametrize(("scheme", "has"), [(SCHEME[:2], "it has P1, Low"), ([], "switch them on")])
def test_a_priority_that_the_account_lacks_is_refused_with_those_that_it_has(
    clock: ManualClock, scheme: Rows, has: str
) -> None:
    found, _wire = priorities(clock, scheme)
    with pytest.raises(Refusal, match=rf"no priority 'P9'.*{has}"):
        found.resolve("P9")
