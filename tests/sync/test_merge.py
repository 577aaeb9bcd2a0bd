"""One field, three values: the whole of conflict handling rests on this table."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.model import ABSENT
from tieline.mappings import Policy, PolicyKind
from tieline.sync.road.merge import Edit, Reason, Settled, absorb, settle, unite

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LATEST = Policy(PolicyKind.LATEST)
values = st.sampled_from(["a", "b", "c", None])
words = st.lists(st.sampled_from("abcdef"), max_size=4).map(lambda found: tuple(sorted(set(found))))


def decide(base, ours, theirs, policy=LATEST, connection="jira", ours_at: datetime | None = NOW, edited=NOW):
    return settle(base, ours, theirs, policy, connection, ours_at, Edit(edited))


@given(value=values)
def test_nothing_changed_is_same(value):
    assert decide(value, value, value).reason is Reason.SAME


@given(base=values, theirs=values)
def test_an_untouched_incident_takes_every_edit(base, theirs):
    verdict = decide(base, base, theirs)
    assert verdict.value == theirs
    assert verdict.loser is ABSENT


@given(base=values, ours=values)
def test_an_untouched_tool_takes_the_incidents_edit(base, ours):
    verdict = decide(base, ours, base)
    assert verdict.value == ours
    assert verdict.loser is ABSENT


@given(base=values, ours=values, theirs=values)
def test_no_persons_value_is_lost_without_a_word(base, ours, theirs):
    verdict = decide(base, ours, theirs)
    for mine in {ours, theirs} - {base}:
        assert mine in (verdict.value, verdict.loser)


def test_both_sides_saying_the_same_is_no_conflict():
    assert decide("a", "b", "b").reason is Reason.AGREED


@pytest.mark.parametrize(
    ("edited", "value", "reason"),
    [
        (NOW + timedelta(seconds=1), "theirs", Reason.LATEST_THEIRS),
        (NOW, "theirs", Reason.LATEST_THEIRS),
        (NOW - timedelta(seconds=1), "ours", Reason.LATEST_OURS),
        (None, "theirs", Reason.LATEST_THEIRS),
    ],
)
def test_the_later_of_two_edits_wins_and_one_without_a_time_counts_as_now(edited, value, reason):
    verdict = decide("base", "ours", "theirs", edited=edited)
    assert verdict == Settled(value, reason, loser="ours" if value == "theirs" else "theirs")


def test_an_edit_of_the_incident_that_has_no_time_gives_way():
    assert decide("base", "ours", "theirs", ours_at=None).reason is Reason.LATEST_THEIRS


def test_an_owner_wins_against_a_later_edit():
    policy = Policy(PolicyKind.OWNER, "snow")
    verdict = decide("base", "ours", "theirs", policy, connection="snow", edited=NOW - timedelta(days=1))
    assert (verdict.value, verdict.loser, verdict.reason) == ("theirs", "ours", Reason.OWNER_THEIRS)


def test_who_does_not_own_a_field_changes_nothing_and_is_told_so():
    policy = Policy(PolicyKind.OWNER, "snow")
    verdict = decide("base", "base", "theirs", policy, connection="jira")
    assert (verdict.value, verdict.loser, verdict.reason) == ("base", "theirs", Reason.NOT_OWNER)


def test_who_does_not_own_a_field_changes_nothing_where_both_did_and_the_loser_is_told():
    policy = Policy(PolicyKind.OWNER, "snow")
    verdict = decide("base", "ours", "theirs", policy, connection="jira")
    assert verdict == Settled("ours", Reason.NOT_OWNER, loser="theirs")


def test_manual_leaves_both_sides_and_asks():
    verdict = decide("base", "ours", "theirs", Policy(PolicyKind.MANUAL))
    assert (verdict.value, verdict.loser, verdict.open) == ("ours", "theirs", True)


def test_manual_lets_an_edit_pass_that_nobody_contradicts():
    assert decide("base", "base", "theirs", Policy(PolicyKind.MANUAL)).value == "theirs"


@pytest.mark.parametrize("kind", [PolicyKind.NEVER, PolicyKind.ONCE])
def test_a_one_way_field_lets_nothing_in(kind):
    assert decide("base", "base", "theirs", Policy(kind)).value == "base"


def test_a_field_cleared_on_one_side_is_an_edit():
    assert decide("base", "base", None).value is None


def test_an_empty_field_at_first_contact_is_not_an_edit():
    verdict = decide(ABSENT, "ours", None)
    assert (verdict.value, verdict.reason) == ("ours", Reason.OURS)


def test_a_value_that_the_incident_does_not_know_is_taken_at_first_contact():
    assert decide(ABSENT, ABSENT, "theirs").value == "theirs"
    assert decide(ABSENT, None, "theirs").value == "theirs"


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "verdict"),
    [
        ("a", ABSENT, "a", Settled(ABSENT, Reason.SAME)),
        ("a", ABSENT, "b", Settled("b", Reason.THEIRS)),
        (ABSENT, None, "b", Settled("b", Reason.THEIRS)),
        (ABSENT, "a", "b", Settled("b", Reason.LATEST_THEIRS, loser="a")),
        ("a", None, "b", Settled("b", Reason.LATEST_THEIRS, loser=None)),
        ("a", "b", None, Settled(None, Reason.LATEST_THEIRS, loser="b")),
        ("a", None, None, Settled(None, Reason.AGREED)),
    ],
)
def test_what_is_not_shown_and_what_is_empty_are_two_things(base, ours, theirs, verdict):
    assert decide(base, ours, theirs) == verdict


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "value", "reason"),
    [
        (("a",), ("a", "b"), ("a", "c"), ("a", "b", "c"), Reason.UNION),
        (ABSENT, ("b",), ("c",), ("b", "c"), Reason.UNION),
        (("a",), ("a", "b"), None, None, Reason.LATEST_THEIRS),
        (("a",), None, ("a", "c"), ("a", "c"), Reason.LATEST_THEIRS),
    ],
)
def test_only_sets_are_united(base, ours, theirs, value, reason):
    verdict = decide(base, ours, theirs, Policy(PolicyKind.UNION))
    assert (verdict.value, verdict.reason) == (value, reason)


@given(base=words, ours=words, theirs=words)
def test_a_union_keeps_what_either_side_added_and_drops_what_either_removed(base, ours, theirs):
    result = set(unite(base, ours, theirs))
    assert (set(ours) | set(theirs)) - set(base) <= result
    assert not (set(base) - set(ours)) & result
    assert not (set(base) - set(theirs)) & result


@given(base=words, ours=words, theirs=words)
def test_a_union_does_not_care_which_side_is_which(base, ours, theirs):
    assert unite(base, ours, theirs) == unite(base, theirs, ours)


def cut(one: str) -> tuple[str, ...]:
    """How a tool shows a tag of which it holds four letters."""
    return (one[:4],)


@pytest.mark.parametrize(
    ("whole", "base", "theirs", "after"),
    [
        (("a", "long one"), ("a", "long"), ("a", "b", "long"), ("a", "b", "long one")),
        (("a", "long one"), ("a", "long"), ("a",), ("a",)),
        (("a", "long one"), ("a", "long"), ("long",), ("long one",)),
        (("a", "new"), ("a",), ("a", "b"), ("a", "b", "new")),
        (("a", "long one"), ABSENT, ("long", "z"), ("a", "long one", "z")),
        ((), ("a",), (), ()),
    ],
)
def test_what_a_tool_shows_cut_is_neither_removed_nor_replaced_by_that(whole, base, theirs, after):
    assert absorb(whole, base, theirs, cut) == after


@given(words, words, words)
def test_where_every_element_is_shown_as_it_is_absorbing_is_uniting(base, ours, theirs):
    base, ours, theirs = (tuple(sorted(one)) for one in (base, ours, theirs))
    assert absorb(ours, base, theirs, lambda one: (one,)) == unite(base, ours, theirs)
