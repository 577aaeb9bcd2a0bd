"""What the rows of sys_audit mean, from answers alone: whose they are, and what stood there before."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest
from pydantic import TypeAdapter

from tieline.adapters.servicenow import audit
from tieline.adapters.servicenow.answers import Row
from tieline.adapters.servicenow.audit import History, Others
from tieline.adapters.servicenow.settings import ServiceNowSettings
from tieline.adapters.servicenow.wire import Listing
from tieline.core.errors import Gone, NeedsOperator, Rejected, RemoteError, TryAgain
from tieline.core.port import Ref

SETTINGS: Final = TypeAdapter(ServiceNowSettings).validate_python(
    {
        "url": "http://localhost",
        "username": "Tieline",
        "password": {"env": "X"},
        "automation": ["system", "Nightly.Job"],
    }
)
REF = Ref("aa")
Answer = Listing | Exception


class Wire:
    """Stands for an instance that answers so, one after the other, and remembers what it was asked."""

    connection = "snow"
    settings = SETTINGS

    def __init__(self, *answers: Answer) -> None:
        self._answers = iter(answers)
        self.asked: list[tuple[str, str, int]] = []

    def account(self) -> str:
        return SETTINGS.username

    def rows(self, table: str, query: str, *, limit: int, fields: Sequence[str]) -> Listing:
        assert "sys_id" in fields
        self.asked.append((table, query, limit))
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def row(count: object, field: str, user: str, before: str = "old", **facts: str) -> Row:
    return {
        "sys_id": "1",
        "documentkey": REF,
        "fieldname": field,
        "oldvalue": before,
        "user": user,
        "record_checkpoint": str(count),
        **facts,
    }


def without_before(one: Row) -> Row:
    return {name: value for name, value in one.items() if name != "oldvalue"}


def told(*rows: Row, total: int | None = None) -> Listing:
    return Listing(rows, False, len(rows) if total is None else total, None)


def refused(status: int = 403) -> NeedsOperator:
    return NeedsOperator("snow", f"answered {status}", status=status)


OURS, ANN, JOB = "TIELINE", "ann", "nightly.JOB"


def asked(ask: Callable[..., Any], *answers: Answer, **facts: Any) -> Any:
    wire: Any = Wire(*answers)
    return ask(wire, REF, **facts)


@pytest.mark.parametrize(
    ("rows", "replaced", "ours"),
    [
        ([row(3, "state", OURS)], {}, {"state"}),
        ([row(3, "state", ANN)], {}, set()),
        ([row(3, "state", ANN), row(4, "state", OURS, "theirs")], {"state": "theirs"}, {"state"}),
        ([row(3, "state", OURS), row(4, "state", ANN)], {}, set()),
        # They come in any order, and are told in that of the saves: ten stands behind nine.
        ([row(10, "state", OURS, "theirs"), row(9, "state", ANN)], {"state": "theirs"}, {"state"}),
        ([row(3, "state", ANN), row(4, "impact", OURS)], {}, {"impact"}),
        ([row(3, "state", JOB), row(4, "state", OURS, "job's")], {"state": "job's"}, {"state"}),
        # What is of another record, of an earlier save or of no field is none of it.
        ([row(3, "state", OURS), row(4, "state", ANN, documentkey="bb")], {}, {"state"}),
        ([row(3, "state", OURS), row(2, "state", ANN)], {}, {"state"}),
        ([row(3, "state", OURS), row(4, "", OURS)], {}, {"state"}),
        ([row(3, "state", ANN), without_before(row(4, "state", OURS))], {"state": ""}, {"state"}),
        ([row(3, "state", OURS), row("4x", "state", ANN)], {}, {"state"}),
        ([row(3, "state", OURS), row("٤", "state", ANN)], {}, {"state"}),
    ],
)
def test_what_our_writes_replaced_and_what_we_were_the_last_to_change(
    rows: list[Row], replaced: dict[str, str], ours: set[str]
) -> None:
    wire: Any = Wire(told(*rows))
    assert audit.since(wire, REF, 2) == History(replaced, frozenset(ours))
    assert wire.asked == [("sys_audit", "documentkey=aa^record_checkpoint>2^ORDERBYrecord_checkpoint", 500)]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([told(total=3)], "sys_audit hides its rows; grant"),
        ([told()], "tells nothing of it: have incident audited"),
        ([told(row(2, "state", ANN))], "tells nothing of it"),
        ([refused(), refused()], r"cannot be read \(snow: answered 403\); grant"),
        ([Gone("snow", "answered 404", status=403), Gone("snow", "answered 404", status=403)], "cannot be read"),
        ([Rejected("snow", "answered 400")], "cannot be read"),
        ([refused(401), refused(401), told()], "cannot be read"),
    ],
)
def test_why_a_history_cannot_be_told(answers: list[Answer], words: str) -> None:
    said = asked(audit.since, *answers, count=2)
    assert isinstance(said, str)
    assert re.search(words, said)
    assert asked(audit.others, *answers, since=2) == Others(wrote=True)


def test_one_refusal_is_not_believed_and_two_that_are_no_right_are_proved() -> None:
    rows = told(row(3, "state", OURS))
    for first in (refused(), refused(401), Gone("snow", "answered 404", status=404)):
        assert asked(audit.since, first, rows, count=2) == History({}, frozenset({"state"}))
    unknown = Gone("snow", "answered 404", status=404)
    wire: Any = Wire(unknown, unknown, unknown)
    with pytest.raises(TryAgain) as caught:
        audit.since(wire, REF, 2)
    assert caught.value.status == 404
    for last in (refused(401), TryAgain("snow", "answered 500"), Rejected("snow", "answered 400")):
        wire = Wire(refused(401), refused(401), last)
        with pytest.raises(TryAgain, match=r"^snow: answered 401$") as caught:
            audit.since(wire, REF, 2)
        assert caught.value.status == 401
        assert wire.asked[-1] == ("incident", "", 1)


@pytest.mark.parametrize(
    ("rows", "others"),
    [
        ([row(3, "state", OURS)], False),
        ([row(3, "state", JOB)], False),
        ([row(3, "state", "system")], False),
        ([row(3, "state", ANN)], True),
        ([row(3, "state", "")], True),
        ([row(3, "state", OURS), row(4, "impact", ANN)], True),
    ],
)
def test_whether_a_person_saved_it_since(rows: list[Row], others: bool) -> None:
    assert asked(audit.others, told(*rows), since=2).wrote is others


@pytest.mark.parametrize(
    ("rows", "before"),
    [
        ([row(1, "state", ANN, "new")], {"state": "new"}),
        ([without_before(row(1, "state", ANN))], {"state": ""}),
        ([row(1, "state", ANN, "new"), row(2, "state", ANN, "work")], {"state": "new"}),
        ([row(1, "state", ANN, "new"), row(2, "state", OURS, "work")], {}),
        ([row(1, "state", OURS, "new"), row(2, "state", ANN, "work")], {"state": "work"}),
        ([row(1, "state", JOB, "new"), row(2, "impact", ANN, "3")], {"impact": "3"}),
    ],
)
def test_what_stood_there_before_persons_changed_it(rows: list[Row], before: dict[str, str]) -> None:
    assert asked(audit.before_others, told(*rows)) == before
    assert asked(audit.others, told(*rows), since=0) == Others(wrote=True, before=before)


@pytest.mark.parametrize(("others", "before"), [(told(row(1, "x", ANN)), {}), (told(), None), (refused(), None)])
def test_a_record_without_a_row_was_not_changed_where_the_table_is_audited(
    others: Answer, before: dict[str, str] | None
) -> None:
    wire: Any = Wire(told(), others)
    assert audit.before_others(wire, REF) == before
    assert wire.asked[-1] == ("sys_audit", "tablename=incident", 1)


@pytest.mark.parametrize(
    ("answer", "readable"),
    [
        (told(row(1, "x", ANN)), True),
        (told(), True),
        (told(total=3), False),
        (refused(), False),
        (Gone("snow", "no such table"), False),
        (Rejected("snow", "answered 400"), False),
    ],
)
def test_whether_the_account_sees_the_table(answer: Answer, readable: bool) -> None:
    wire: Any = Wire(answer)
    assert audit.readable(wire) is readable


def record(sys_id: str, user: str) -> Row:
    return {"sys_id": sys_id, "sys_updated_by": user}


def test_what_the_jobs_of_the_instance_changed_last_is_told_by_record() -> None:
    rows = told(
        row(3, "state", JOB),
        row(2, "state", ANN),
        row(2, "impact", JOB),
        row(3, "impact", ANN),
        row(1, "", JOB),
        row(9, "priority", "SYSTEM", documentkey="bb"),
        row(4, "urgency", OURS),
    )
    wire: Any = Wire(rows)
    asked_for = [record("aa", JOB), record("bb", "system"), record("cc", ANN), record("dd", "")]
    assert audit.set_by_itself(wire, asked_for) == {"aa": {"state"}, "bb": {"priority"}}
    assert wire.asked == [("sys_audit", "documentkeyINaa,bb^ORDERBYDESCrecord_checkpoint", 10_000)]


def test_records_are_asked_for_twenty_at_once() -> None:
    wire: Any = Wire(told(), told(), refused(), refused())
    found = audit.set_by_itself(wire, [record(f"r{number}", JOB) for number in range(41)])
    assert len(found) == 40
    assert [query.partition("^")[0].count(",") + 1 for _, query, _ in wire.asked] == [20, 20, 1, 1]


@pytest.mark.parametrize("error", [refused(), Gone("snow", "gone", status=403), Rejected("snow", "answered 400")])
def test_where_the_table_may_not_be_read_nothing_is_told_of_jobs(error: RemoteError) -> None:
    wire: Any = Wire(error, error)
    assert audit.set_by_itself(wire, [record("aa", JOB)]) == {}
    quiet: Any = Wire()
    assert audit.set_by_itself(quiet, [record("aa", ANN)]) == {}
