"""Whose trouble it is, and who looks again: decided from what the connections of one account have met."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.errors import Gone, Limit, NeedsOperator, Rejected, RemoteError, StaleVersion, TryAgain, Unforeseen
from tieline.sync.accounts.circuit import (
    AGAIN,
    CLOSED,
    PROBE,
    Circuit,
    Outage,
    Trouble,
    answered,
    asks,
    trouble_of,
    waits,
)
from tieline.sync.accounts.circuit import met as _met
from tieline.sync.limits import FARTHEST

NAMES = ("one", "three", "two")


def outage(
    until: float = 30.0, reason: str = "no answer.", state: str = "waiting", kind: str = "TryAgain None"
) -> Outage:
    return Outage(state, kind, reason, until)


def met(circuit: Circuit, who: str, trouble: Trouble, then: Outage) -> Circuit:
    return _met(circuit, who, trouble, then, NAMES)


def asked(verb: str, error: RemoteError) -> RemoteError:
    error.verb = verb
    return error


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (None, Trouble.ANSWERED),
        (TryAgain("snow", "no connection"), Trouble.UNCLEAR),
        (TryAgain("snow", "answered 503", wait=None, status=503), Trouble.UNCLEAR),
        (TryAgain("snow", "answered 429", limit=Limit.CONNECTION, status=429), Trouble.PACED),
        (TryAgain("snow", "half done", limit=Limit.CONNECTION, maybe_done=True), Trouble.PACED),
        (TryAgain("snow", "answered 429", limit=Limit.ENDPOINT), Trouble.ANSWERED),
        (TryAgain("snow", "answered 429", limit=Limit.RECORD), Trouble.ANSWERED),
        (asked("check", NeedsOperator("snow", "answered 401", status=401)), Trouble.REFUSED),
        (asked("changes", NeedsOperator("snow", "answered 403", status=403)), Trouble.DENIED),
        (asked("check", NeedsOperator("snow", "the certificate is not trusted")), Trouble.DENIED),
        (NeedsOperator("snow", "the mapping names a field that is not there"), Trouble.SILENT),
        (Rejected("snow", "answered 400", status=400), Trouble.ANSWERED),
        (StaleVersion("snow", "answered 412", status=412), Trouble.ANSWERED),
        (Gone("snow", "answered 404", status=404), Trouble.ANSWERED),
        (Unforeseen("snow", "changes: KeyError: 'sys_id'"), Trouble.SILENT),
        (ValueError("a mistake of ours"), Trouble.SILENT),
    ],
)
def test_what_an_error_says_about_the_tool(error: Exception | None, trouble: Trouble) -> None:
    assert trouble_of(error) is trouble


def test_trouble_of_one_is_its_own_until_another_one_meets_some() -> None:
    first = met(CLOSED, "one", Trouble.UNCLEAR, outage())
    assert first == Circuit(troubled=("one",))
    assert met(first, "one", Trouble.UNCLEAR, outage()) == first
    both = met(first, "two", Trouble.UNCLEAR, outage(reason="none either."))
    assert both.outage == replace(outage(reason="none either."), untried=("three",), probed=("two",))


def test_an_answer_in_between_says_that_it_was_its_own() -> None:
    apart = answered(met(CLOSED, "one", Trouble.UNCLEAR, outage()), "two")
    assert apart == Circuit(apart=("one",))
    again = met(apart, "one", Trouble.UNCLEAR, outage())
    assert again == apart
    assert met(again, "two", Trouble.UNCLEAR, outage()).outage is None
    assert answered(again, "one") == CLOSED


@pytest.mark.parametrize("trouble", [Trouble.PACED, Trouble.REFUSED])
def test_a_pause_and_a_refused_login_are_everybodys_at_once(trouble: Trouble) -> None:
    begun = met(CLOSED, "one", trouble, outage(until=40.0))
    for name in NAMES:
        wait = waits(begun, name, 39.0)
        assert wait is not None
        assert wait.until == 40.0


def test_one_that_is_refused_while_others_are_answered_waits_alone_and_its_pauses_are_everybodys() -> None:
    apart = answered(met(CLOSED, "one", Trouble.UNCLEAR, outage()), "two")
    assert met(apart, "one", Trouble.REFUSED, outage()).outage is None
    assert met(apart, "one", Trouble.PACED, outage()).outage is not None
    others = met(apart, "two", Trouble.UNCLEAR, outage())
    assert met(others, "one", Trouble.REFUSED, outage()).outage is not None


def test_what_says_nothing_of_the_tool_and_what_is_an_answer_begin_nothing() -> None:
    first = met(CLOSED, "one", Trouble.UNCLEAR, outage())
    assert met(first, "two", Trouble.SILENT, outage()) == first
    assert met(first, "two", Trouble.ANSWERED, outage()) == Circuit(apart=("one",))


def test_one_that_has_met_none_looks_at_once_and_no_second_one() -> None:
    down = met(met(CLOSED, "one", Trouble.UNCLEAR, outage()), "two", Trouble.UNCLEAR, outage())
    assert asks(down, "one", NAMES, 1.0)[1] is not None
    looks, wait = asks(down, "three", NAMES, 1.0)
    assert wait is None
    assert waits(looks, "three", 1.0) is None
    assert answered(looks, "three") == Circuit(apart=("one", "two"))
    failed = met(looks, "three", Trouble.UNCLEAR, outage(until=40.0))
    assert asks(failed, "three", NAMES, 2.0)[1] is not None
    refused = met(CLOSED, "one", Trouble.REFUSED, outage())
    looks, wait = asks(refused, "two", NAMES, 1.0)
    assert wait is None
    assert asks(looks, "three", NAMES, 1.0)[1] is not None


def test_one_with_trouble_of_its_own_waits_by_itself_and_ends_no_wait_of_the_others() -> None:
    apart = answered(met(CLOSED, "one", Trouble.UNCLEAR, outage()), "two")
    down = met(apart, "two", Trouble.PACED, outage(until=10.0))
    assert (down.holds("one"), down.holds("two")) == (False, True)
    looks, wait = asks(down, "one", NAMES, 10.0)
    assert wait is None
    after = met(looks, "one", Trouble.REFUSED, outage(until=300.0))
    assert after.outage is not None
    assert (after.outage.until, after.outage.prober) == (10.0, "")
    assert asks(after, "three", NAMES, 11.0)[1] is None


def test_nobody_looks_in_a_pause() -> None:
    assert asks(met(CLOSED, "one", Trouble.PACED, outage()), "two", NAMES, 1.0)[1] is not None


DOWN = met(CLOSED, "one", Trouble.PACED, outage(until=10.0))


def test_nobody_looks_before_the_time_and_then_one_does() -> None:
    early, wait = asks(DOWN, "two", NAMES, 9.9)
    assert wait is not None
    assert wait.until == 10.0
    assert asks(early, "two", NAMES, 9.95)[0] == early
    looks, wait = asks(DOWN, "two", NAMES, 10.0)
    assert wait is None
    assert waits(looks, "two", 10.0) is None
    after, wait = asks(looks, "three", NAMES, 11.0)
    assert wait is not None
    assert wait.until == 11.0 + AGAIN
    assert asks(after, "three", NAMES, 12.0)[0] == after
    assert asks(looks, "two", NAMES, 11.0) == (looks, None)


def test_the_answer_of_the_one_that_looks_ends_it_and_no_other() -> None:
    looks, _ = asks(DOWN, "two", NAMES, 10.0)
    assert answered(looks, "three") == looks
    assert answered(looks, "two") == Circuit(apart=("one",))


def test_when_it_fails_all_wait_again_and_the_words_stay_those_of_the_same_trouble() -> None:
    looks, _ = asks(DOWN, "two", NAMES, 10.0)
    failed = met(looks, "two", Trouble.UNCLEAR, outage(until=50.0, reason="GET /other: no answer."))
    assert failed.outage is not None
    assert (failed.outage.until, failed.outage.reason, failed.outage.prober) == (50.0, "no answer.", "")
    looks, _ = asks(failed, "three", NAMES, 50.0)
    refused = met(looks, "three", Trouble.REFUSED, outage(80.0, "answered 401.", "stopped", "NeedsOperator 401"))
    assert refused.outage is not None
    assert (refused.outage.state, refused.outage.reason) == ("stopped", "answered 401.")


def test_where_a_pause_turns_into_a_refusal_another_one_looks_at_once() -> None:
    denied = outage(310.0, "answered 403.", "stopped", "NeedsOperator 403")
    looks, _ = asks(DOWN, "two", NAMES, 10.0)
    failed = met(looks, "two", Trouble.DENIED, denied)
    assert asks(failed, "two", NAMES, 10.0)[1] is not None
    looks, wait = asks(failed, "one", NAMES, 10.0)
    assert wait is None
    assert answered(looks, "one") == Circuit(apart=("two",))
    both = met(looks, "one", Trouble.DENIED, denied)
    assert [asks(both, name, NAMES, 11.0)[1] is None for name in NAMES] == [False, False, False]


def test_what_was_on_its_way_changes_nothing_but_a_pause() -> None:
    late = met(DOWN, "two", Trouble.UNCLEAR, outage(until=99.0))
    assert late == replace(DOWN, troubled=("one", "two"))
    assert met(DOWN, "two", Trouble.PACED, outage(until=20.0)).outage == replace(DOWN.outage, until=20.0)  # type: ignore[type-var]
    assert met(DOWN, "two", Trouble.PACED, outage(until=5.0)).outage == DOWN.outage


def test_one_that_looks_and_finds_a_mistake_of_its_own_lets_the_next_one_look() -> None:
    looks, _ = asks(DOWN, "two", NAMES, 10.0)
    looks, _ = asks(looks, "one", NAMES, 10.5)
    given_up = met(looks, "two", Trouble.SILENT, outage())
    assert asks(given_up, "one", NAMES, 11.0)[1] is None


def test_one_that_looks_and_is_never_heard_of_again_is_followed_by_another() -> None:
    looks, _ = asks(DOWN, "two", NAMES, 10.0)
    assert asks(looks, "three", NAMES, 10.0 + PROBE - 0.1)[1] is not None
    assert asks(looks, "three", NAMES, 10.0 + PROBE)[1] is None


def test_whoever_has_looked_lets_those_look_that_have_not_for_a_minute() -> None:
    looks, _ = asks(DOWN, "two", NAMES, 10.0)
    looks, _ = asks(looks, "three", NAMES, 10.0)
    failed = met(looks, "two", Trouble.UNCLEAR, outage(until=20.0))
    assert asks(failed, "two", NAMES, 20.0)[1] is not None
    assert asks(failed, "three", NAMES, 20.0)[1] is None
    assert asks(failed, "two", NAMES, 20.0 + PROBE)[1] is None
    # One that the file does not name any more is waited for by nobody.
    assert asks(failed, "two", ("one", "two"), 20.0)[1] is None


def test_a_clock_that_was_set_back_ends_no_wait_for_ever() -> None:
    far = met(CLOSED, "one", Trouble.PACED, outage(until=FARTHEST.total_seconds() + 1.0))
    assert asks(far, "two", NAMES, 0.0)[1] is None
    assert asks(far, "two", NAMES, 1.0)[1] is not None


@given(st.permutations(NAMES), st.integers(1, 12))
def test_every_one_that_asks_looks_once_in_each_round_whoever_asks_first(order: list[str], rounds: int) -> None:
    """All of them fail, and some ask before the others whenever they may."""
    circuit, now, looked = DOWN, 10.0, {"one": 1, "two": 0, "three": 0}  # the first one's was what began it
    for _ in range(rounds * len(NAMES)):
        now += 31.0
        for who in order:
            circuit, wait = asks(circuit, who, NAMES, now)
            if wait is None:
                looked[who] += 1
                circuit = met(circuit, who, Trouble.UNCLEAR, outage(until=now + 1.0))
    assert max(looked.values()) - min(looked.values()) <= 1


def test_a_pause_that_one_with_trouble_of_its_own_is_asked_for_is_waited_out_by_it_too() -> None:
    down = met(Circuit(apart=("one",)), "one", Trouble.PACED, outage(until=10.0))
    assert down.holds("one")
    assert down.apart == ()


def test_one_with_trouble_of_its_own_is_not_asked_what_it_thinks() -> None:
    known = Circuit(troubled=("one",), apart=("three",))
    down = met(known, "two", Trouble.UNCLEAR, outage())
    assert asks(down, "three", NAMES, 1.0)[1] is not None


def test_only_one_looks_before_the_time_also_when_it_gives_up() -> None:
    looks, _ = asks(met(CLOSED, "one", Trouble.REFUSED, outage()), "two", NAMES, 1.0)
    given_up = met(looks, "two", Trouble.SILENT, outage())
    assert asks(given_up, "three", NAMES, 2.0)[1] is not None


def test_one_that_looked_for_too_long_is_stopped_and_lets_another_one_look() -> None:
    looks, _ = asks(DOWN, "two", NAMES, 10.0)
    looks, _ = asks(looks, "three", NAMES, 10.0)
    late = 10.0 + PROBE
    assert waits(looks, "two", late - 0.1) is None
    assert waits(looks, "two", late) is not None
    assert asks(looks, "two", NAMES, late)[1] is not None
    assert asks(looks, "three", NAMES, late)[1] is None


@pytest.mark.parametrize(
    ("circuit", "is_news"),
    [(CLOSED, False), (Circuit(troubled=("two",)), True), (Circuit(apart=("one",)), True), (DOWN, True)],
)
def test_an_answer_is_news_where_somebody_has_trouble_or_had_it_alone(circuit: Circuit, is_news: bool) -> None:
    assert circuit.is_news("one") is is_news
    assert Circuit(apart=("two",)).is_news("one") is False
