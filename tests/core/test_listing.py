"""A listing is whole, whatever its length, and one odd record costs nothing but itself."""

from __future__ import annotations

import pytest

from tieline.core.errors import Gone, NeedsOperator, Rejected, RemoteError, TryAgain
from tieline.core.listing import FAILED_IN_A_ROW, fetched, understood
from tieline.core.port import Reading, Ref, Version

MANY = [Ref(str(number)) for number in range(2_001)]


def reading(ref: Ref) -> Reading:
    return Reading(ref, Version("1"), {}, f"R-{ref}", "")


def test_a_long_page_is_understood_whole_and_in_its_order() -> None:
    told = understood(MANY, reading, lambda ref: (ref, ""))
    assert [one.ref for one in told.found] == MANY
    assert told.unreadable == []


def test_a_long_page_is_fetched_whole_and_in_its_order() -> None:
    told = fetched(MANY, reading)
    assert [one.ref for one in told.found] == MANY
    assert told.unreadable == []


def failing(errors: dict[str, RemoteError], asked: list[Ref]):
    def read(ref: Ref) -> Reading:
        asked.append(ref)
        if ref in errors:
            raise errors[ref]
        return reading(ref)

    return read


def test_after_some_failures_in_a_row_the_rest_is_put_off_by_name() -> None:
    asked: list[Ref] = []
    errors: dict[str, RemoteError] = {str(number): TryAgain("desk", "HTTP 500") for number in range(1, 9)}
    told = fetched(MANY[:9], failing(errors, asked))
    assert [one.ref for one in told.found] == ["0"]
    assert asked == MANY[: 1 + FAILED_IN_A_ROW] == MANY[:4]
    assert [one.ref for one in told.unreadable] == MANY[1:9]
    assert "was not fetched" in told.unreadable[-1].sentence


@pytest.mark.parametrize("between", [None, Gone("desk", "no such record")])
def test_failures_that_are_not_in_a_row_put_nothing_off(between: RemoteError | None) -> None:
    asked: list[Ref] = []
    errors: dict[str, RemoteError] = {str(number): TryAgain("desk", "HTTP 500") for number in range(0, 9, 2)}
    errors |= {str(number): between for number in range(1, 9, 2)} if between is not None else {}
    fetched(MANY[:9], failing(errors, asked))
    assert asked == MANY[:9]


def test_refusals_are_about_their_records_however_many_they_are() -> None:
    asked: list[Ref] = []
    errors: dict[str, RemoteError] = {ref: Rejected("desk", f"{ref} is odd") for ref in MANY[:8]}
    told = fetched(MANY[:9], failing(errors, asked))
    assert asked == MANY[:9]
    assert [one.ref for one in told.found] == ["8"]


def test_where_nothing_can_be_fetched_it_is_the_tool() -> None:
    errors: dict[str, RemoteError] = {ref: TryAgain("desk", "HTTP 500") for ref in MANY}
    with pytest.raises(TryAgain):
        fetched(MANY, failing(errors, []))


def test_what_concerns_the_connection_is_no_fault_of_a_record() -> None:
    def refused(ref: Ref) -> Reading:
        raise NeedsOperator("desk", "the account may not read")

    with pytest.raises(NeedsOperator):
        understood(MANY, refused, lambda ref: (ref, ""))
