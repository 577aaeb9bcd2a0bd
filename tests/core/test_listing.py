"""A listing is whole, whatever its length, and one odd record costs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tieline.core.errors import Gone, Limit, NeedsOperator, Rejected, RemoteError, TryAgain
from tieline.core.listing import FAILED_IN_A_ROW, Listed, alone, answered, by_change, fetched, odd, understood
from tieline.core.port import Page, Reading, Ref, Unreadable, Version

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
    assert told.unreadable[-1] == Unreadable(Ref("8"), "", "it was not fetched: those before it could not be")


@pytest.mark.parametrize("between", [None, Gone("desk", "no such record")])
def test_failures_that_are_not_in_a_row_put_nothing_off(between: RemoteError | None) -> None:
    asked: list[Ref] = []
    errors: dict[str, RemoteError] = {str(number): TryAgain("desk", "HTTP 500") for number in range(0, 9, 2)}
    errors |= {str(number): between for number in range(1, 9, 2)} if between is not None else {}
    fetched(MANY[:9], failing(errors, asked))
    assert asked == MANY[:9]


def test_one_that_is_gone_ends_a_row_of_failures() -> None:
    asked: list[Ref] = []
    errors: dict[str, RemoteError] = {ref: TryAgain("desk", "HTTP 500") for ref in MANY[1:6]}
    errors["3"] = Gone("desk", "no such record")
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


def broken(error: Exception):
    def understand(*_asked: object) -> Reading:
        raise error

    return understand


@pytest.mark.parametrize(
    ("error", "words"),
    [(Rejected("desk", "it is locked"), "desk: it is locked"), (KeyError("number"), "it has no 'number'")],
)
def test_an_odd_record_is_put_aside_by_name_and_the_others_go_on(error: Exception, words: str) -> None:
    def understand(ref: Ref) -> Reading:
        return reading(ref) if ref != "1" else broken(error)()

    told = understood(MANY[:3], understand, lambda ref: (ref, f"INC{ref}"))
    assert [one.ref for one in told.found] == ["0", "2"]
    assert told.unreadable == [Unreadable(Ref("1"), "INC1", words)]


def test_one_record_that_is_asked_for_by_itself_is_refused_where_it_is_odd() -> None:
    assert alone("desk", "INC1", lambda: reading(Ref("1"))) == reading(Ref("1"))
    with pytest.raises(Rejected, match="INC1 cannot be understood: it has no 'number'"):
        alone("desk", "INC1", broken(KeyError("number")))


def test_an_odd_answer_to_a_write_may_have_been_done() -> None:
    assert answered("desk", "INC1", lambda: reading(Ref("1"))) == reading(Ref("1"))
    with pytest.raises(TryAgain, match=r"INC1 was written.*it has no 'number'") as caught:
        answered("desk", "INC1", broken(KeyError("number")))
    assert caught.value.maybe_done


@pytest.mark.parametrize("understand", [alone, answered])
@pytest.mark.parametrize("error", [Gone("desk", "no such record"), NeedsOperator("desk", "no right")])
def test_what_an_adapter_says_itself_is_not_odd(understand: object, error: RemoteError) -> None:
    assert callable(understand)
    with pytest.raises(type(error)) as caught:
        understand("desk", "INC1", broken(error))
    assert caught.value is error


@pytest.mark.parametrize(
    "pace", [TryAgain("desk", "slow down", wait=timedelta(seconds=9)), TryAgain("desk", "429", limit=Limit.ENDPOINT)]
)
def test_a_pace_that_the_tool_asks_for_ends_the_listing(pace: TryAgain) -> None:
    asked: list[Ref] = []
    with pytest.raises(TryAgain) as caught:
        fetched(MANY[:9], failing({"1": pace}, asked))
    assert (caught.value, asked) == (pace, MANY[:2])


def test_a_record_that_is_not_brought_is_told_by_its_ref_and_the_tools_words() -> None:
    told = fetched(MANY[:3], failing({"1": Rejected("desk", "no")}, []))
    assert told.unreadable == [Unreadable(Ref("1"), "", "desk: no")]


def test_some_that_are_gone_are_no_failures_and_nothing_is_told_of_them() -> None:
    errors: dict[str, RemoteError] = {ref: Gone("desk", "no such record") for ref in MANY[:8]}
    told = fetched(MANY[:8], failing(errors, []))
    assert told == ([], [])


def test_a_refusal_between_failures_does_not_end_the_row_of_them() -> None:
    """Of the record nothing is known but that it was refused: the tool may still be failing."""
    asked: list[Ref] = []
    errors: dict[str, RemoteError] = {str(number): TryAgain("desk", "HTTP 500") for number in range(1, 9)}
    errors["2"] = Rejected("desk", "no")
    fetched(MANY[:9], failing(errors, asked))
    assert asked == MANY[:5]


def test_two_failures_bring_the_listing_to_its_end_though_nothing_was_found() -> None:
    errors: dict[str, RemoteError] = {str(number): TryAgain("desk", "HTTP 500") for number in range(2)}
    told = fetched(MANY[:2], failing(errors, []))
    assert [one.ref for one in told.unreadable] == MANY[:2]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyError("number"), "it has no 'number'"),
        (KeyError("n" * 99), f"it has no '{'n' * 79}"),
        (ValueError("a date of no form"), "a date of no form"),
        (ValueError("x" * 600), "x" * 500),
        (ValueError(), "ValueError: "),
        (TypeError("no text"), "TypeError: no text"),
        (TypeError("x" * 600), f"TypeError: {'x' * 489}"),
    ],
)
def test_what_is_odd_is_said_briefly(error: Exception, words: str) -> None:
    assert odd(error) == words


class Shifting:
    """A listing in the order of changes, whose second page begins behind so many rows, wherever those are by then."""

    def __init__(self, changed: dict[str, int]) -> None:
        self.changed = changed
        self.asked: list[str] = []

    def since(self, when: datetime) -> Listed:
        self.asked.append(f"since {when.minute}")
        return self._page(when, 0)

    def onward(self, following: str) -> Listed:
        self.asked.append("onward")
        when, first = following.split(" ")
        return self._page(BEGUN + timedelta(minutes=int(when)), int(first))

    def _page(self, when: datetime, first: int) -> Listed:
        rows = sorted(((BEGUN + timedelta(minutes=at), name) for name, at in self.changed.items()))
        found = [{"name": name, "at": at} for at, name in rows if at >= when]
        following = f"{when.minute} {first + 2}" if first + 2 < len(found) else ""
        return Listed(found[first : first + 2], BEGUN, following)


BEGUN = datetime(2026, 11, 23, 7, tzinfo=UTC)


def told(listing: Shifting) -> Iterator[Page]:
    return by_change(
        BEGUN,
        BEGUN,
        since=listing.since,
        onward=listing.onward,
        understand=lambda row, _at: Reading(Ref(row["name"]), Version(str(row["at"])), {}),
        named=lambda row: (Ref(row["name"]), ""),
        changed=lambda row: row["at"],
    )


def test_a_record_is_not_missed_although_others_are_edited_between_two_pages() -> None:
    listing = Shifting({"a": 1, "b": 2, "c": 3, "d": 4})
    found = []
    for page in told(listing):
        found += [one.ref for one in page.readings]
        listing.changed["a"] = 5  # whoever asks for the second page by its number never sees c
    assert found == ["a", "b", "c", "d", "a"]
    assert "onward" not in listing.asked


def test_of_one_moment_more_than_a_page_holds_is_followed_from_page_to_page() -> None:
    listing = Shifting(dict.fromkeys("abcde", 3))
    pages = list(told(listing))
    assert [one.ref for page in pages for one in page.readings] == ["a", "b", "c", "d", "e"]
    assert {page.cursor for page in pages} == {"2026-11-23T07:03:00+00:00"}
    assert listing.asked.count("onward") == 2
