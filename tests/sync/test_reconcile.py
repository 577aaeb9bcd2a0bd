"""What a sighting means, rule by rule: pure, one field at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tieline.core.model import ABSENT, ConnectionName, Fields, IncidentId, Value
from tieline.core.port import Reading, Ref, Token, Version
from tieline.mappings import Mapping as FieldMapping
from tieline.mappings import Policy, PolicyKind, load
from tieline.mappings.board import ALERTS
from tieline.mappings.document import Shown
from tieline.sync.alerts.board import ALONE
from tieline.sync.records import Attempt, Held, Hold, Incident, Intent, Replica, ReplicaState, Stamp
from tieline.sync.road.merge import Reason
from tieline.sync.road.reconcile import Change, Conflict, Decision, Moment, Sighting, reconcile, wanted

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EARLIER, LATER = NOW - timedelta(minutes=5), NOW + timedelta(minutes=5)
DESK = ConnectionName("desk")
MEMORY = load("memory-incident")


def incident(at: datetime = NOW, **fields: Value) -> Incident:
    return Incident(IncidentId(1), 1, fields, dict.fromkeys(fields, Stamp(at, "ann")), NOW)


def copy(**facts: Any) -> Replica:
    known: dict[str, Any] = {"ref": Ref("7"), **facts}
    return Replica(1, IncidentId(1), DESK, ReplicaState.LINKED, Token("t"), **known)


def seen(edited_at: datetime | None = NOW, *, raced: bool = False, **facts: Any) -> Sighting:
    reading = Reading(Ref("7"), Version("2"), {}, raced=raced)
    return Sighting(reading, **{"unmapped": {}, "edited_at": edited_at, "asked": 0, **facts})


def hold(kind: Held, ours: Value, theirs: Any, **facts: Any) -> Hold:
    return Hold(kind, ours, theirs, EARLIER, "words", **facts)


def decide(
    ours: Incident,
    here: Replica,
    sighting: Sighting,
    moment: Moment = Moment.LATER,
    *,
    policy: Mapping[str, Policy] | None = None,
    unwritable: frozenset[str] = frozenset(),
    look_at: str = "",
) -> Decision:
    mapping = mapped(policy, unwritable)
    return reconcile(ours, here, sighting, mapping.project(ours.fields), mapping, NOW, moment, look_at)


def mapped(policy: Mapping[str, Policy] | None = None, unwritable: frozenset[str] = frozenset()) -> FieldMapping:
    return replace(
        MEMORY, policies={**MEMORY.policies, **(policy or {})}, writable=frozenset(MEMORY.writable - unwritable)
    )


ONCE = {"title": Policy(PolicyKind.ONCE)}
MANUAL = {"title": Policy(PolicyKind.MANUAL)}


# -- no word for it --------------------------------------------------------------------------------------------------


def test_a_value_without_a_word_is_held_and_taken_by_nobody() -> None:
    what = decide(incident(title="a"), copy(base={"title": "a"}), seen(fields={}, unmapped={"title": ("?", "odd")}))
    assert what.holds == {"title": Hold(Held.UNMAPPED, "a", "?", NOW, "odd")}
    assert (what.changes, what.base, what.reasons) == ({}, {"title": "a"}, {"title": Reason.UNMAPPED})
    assert what.echo


def test_a_status_that_is_empty_there_is_no_status() -> None:
    what = decide(incident(status="new"), copy(base={"status": "new"}), seen(fields={"status": None}))
    assert what.holds["status"].kind is Held.UNMAPPED
    assert what.base == {"status": "new"}
    assert what.changes == {}


def test_any_other_field_may_be_emptied() -> None:
    what = decide(incident(title="a"), copy(base={"title": "a"}), seen(fields={"title": None}))
    assert what.changes == {"title": Change("a", None, Reason.THEIRS)}
    assert (what.base, what.echo) == ({"title": None}, False)


# -- what is held ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(Held.IGNORED, Reason.IGNORED), (Held.ALTERED, Reason.ALTERED), (Held.UNWRITABLE, Reason.IGNORED)],
)
def test_a_hold_stands_while_neither_side_says_anything_else(kind: Held, reason: Reason) -> None:
    known = hold(kind, "ours", "theirs", tries=3)
    here = copy(base={"title": "before"}, holds={"title": known})
    what = decide(incident(title="ours"), here, seen(fields={"title": "theirs"}))
    assert what.holds["title"] is known
    assert (what.reasons["title"], what.changes, what.base) == (reason, {}, {"title": "before"})


@pytest.mark.parametrize("kind", [Held.IGNORED, Held.ALTERED])
def test_a_person_s_edit_after_the_tool_s_own_doing_is_taken_in(kind: Held) -> None:
    here = copy(base={"title": "theirs"}, holds={"title": hold(kind, "ours", "theirs")})
    what = decide(incident(title="ours"), here, seen(fields={"title": "new"}))
    assert what.changes == {"title": Change("ours", "new", Reason.THEIRS)}
    assert what.holds == {}


def test_what_is_held_as_empty_stands_while_it_is_not_shown() -> None:
    known = hold(Held.UNWRITABLE, "ours", None)
    what = decide(incident(title="ours"), copy(holds={"title": known}), seen(fields={}))
    assert what.holds["title"] is known


def test_a_hold_is_over_when_the_incident_says_something_else() -> None:
    here = copy(base={"title": "theirs"}, holds={"title": hold(Held.ALTERED, "ours", "theirs")})
    what = decide(incident(title="newer"), here, seen(fields={"title": "theirs"}))
    assert (what.holds, what.changes, what.reasons["title"]) == ({}, {}, Reason.OURS)


def test_a_hold_of_a_conflict_is_no_rule_of_its_own() -> None:
    known = hold(Held.CONFLICT, "ours", "theirs")
    here = copy(base={"title": "before"}, holds={"title": known})
    what = decide(incident(title="ours"), here, seen(fields={"title": "theirs"}), policy=MANUAL)
    assert what.holds["title"].kind is Held.CONFLICT
    assert what.holds["title"].since == EARLIER
    assert (what.conflicts, what.reasons["title"]) == ({}, Reason.MANUAL)
    over = decide(incident(title="ours"), here, seen(fields={"title": "before"}), policy=MANUAL)
    assert (over.holds, over.reasons["title"]) == ({}, Reason.OURS)


def test_a_conflict_that_gets_another_value_is_told_again() -> None:
    here = copy(base={"title": "before"}, holds={"title": hold(Held.CONFLICT, "ours", "theirs")})
    what = decide(incident(title="ours"), here, seen(fields={"title": "third"}), policy=MANUAL)
    assert what.conflicts == {"title": Conflict("ours", "third", Reason.MANUAL, open=True)}
    assert not what.echo


def test_only_an_open_conflict_that_is_known_as_one_is_no_news() -> None:
    closed = copy(base={"title": "before"}, holds={"title": hold(Held.CONFLICT, "ours", "theirs")})
    what = decide(incident(title="ours"), closed, seen(EARLIER, fields={"title": "theirs"}))
    assert what.conflicts == {"title": Conflict("ours", "theirs", Reason.LATEST_OURS, open=False)}
    other = copy(base={"title": "before"}, holds={"title": hold(Held.UNMAPPED, "ours", "theirs")})
    what = decide(incident(title="ours"), other, seen(fields={"title": "theirs"}), policy=MANUAL)
    assert what.conflicts == {"title": Conflict("ours", "theirs", Reason.MANUAL, open=True)}


def test_a_replaced_edit_waits_for_a_person_while_the_tool_shows_our_write() -> None:
    known = hold(Held.REPLACED, "ours", "lost")
    here = copy(base={"title": "ours"}, holds={"title": known})
    what = decide(incident(title="ours"), here, seen(fields={"title": "ours"}))
    assert (what.holds["title"], what.reasons["title"]) == (known, Reason.MANUAL)
    moved = decide(incident(title="ours"), here, seen(fields={"title": "new"}))
    assert (moved.holds, moved.changes) == ({}, {"title": Change("ours", "new", Reason.THEIRS)})


def test_what_was_written_once_more_is_judged_anew() -> None:
    known = hold(Held.IGNORED, "ours", "old", tries=1)
    here = copy(base={"title": "old"}, holds={"title": known}, ledger={"title": (Attempt("old", "ours"),)})
    took = decide(incident(title="ours"), here, seen(fields={"title": "ours"}), Moment.WRITTEN)
    assert (took.holds, took.base, took.changes) == ({}, {"title": "ours"}, {})
    kept = decide(incident(title="ours"), here, seen(fields={"title": "old"}), Moment.WRITTEN)
    assert (kept.holds["title"].tries, kept.holds["title"].since) == (2, EARLIER)


@pytest.mark.parametrize(
    ("known", "shown", "since", "tries"),
    [
        (Held.IGNORED, "old", EARLIER, 3),
        (Held.IGNORED, "cut", EARLIER, 3),
        (Held.ALTERED, "old", EARLIER, 3),
        (Held.CONFLICT, "old", NOW, 1),
        (Held.UNWRITABLE, "cut", NOW, 1),
    ],
)
def test_how_long_and_how_often_is_counted_on_while_it_is_the_tool_s_own_doing(
    known: Held, shown: str, since: datetime, tries: int
) -> None:
    here = copy(holds={"title": hold(known, "ours", "x", tries=2)}, ledger={"title": (Attempt("old", "ours"),)})
    what = decide(incident(title="ours"), here, seen(fields={"title": shown}), Moment.WRITTEN)
    assert (what.holds["title"].since, what.holds["title"].tries) == (since, tries)


def test_a_hold_stands_after_a_write_of_other_fields() -> None:
    known = hold(Held.ALTERED, "p3", "p5")
    here = copy(
        base={"priority": "p5"},
        observed={"priority": "p5"},
        holds={"priority": known},
        ledger={"title": (Attempt("a", "b"),)},
    )
    what = decide(incident(title="b", priority="p3"), here, seen(fields={"priority": "p5"}), Moment.WRITTEN)
    assert (what.holds["priority"], what.changes) == (known, {})


def test_a_hold_stands_while_a_write_is_in_doubt_and_does_not_show() -> None:
    known = hold(Held.IGNORED, "ours", "old", tries=1, again=True)
    here = copy(base={"title": "old"}, holds={"title": known}, ledger={"title": (Attempt("old", "ours"),)})
    what = decide(incident(title="ours"), here, seen(fields={"title": "old"}))
    assert (what.holds["title"], what.changes) == (known, {})


def test_what_could_be_written_of_a_text_leaves_the_rest_held() -> None:
    known = hold(Held.UNWRITABLE, "ours", "part")
    here = copy(
        base={"title": "old"}, holds={"title": known}, ledger={"title": (Attempt("old", "x"), Attempt("x", "part"))}
    )
    what = decide(incident(title="ours"), here, seen(fields={"title": "part"}), Moment.WRITTEN)
    assert (what.holds["title"], what.base, what.reasons["title"]) == (known, {"title": "part"}, Reason.OURS)
    other = decide(incident(title="ours"), here, seen(fields={"title": "cut"}), Moment.WRITTEN)
    assert other.holds.get("title") is not known


# -- right after our write -------------------------------------------------------------------------------------------

WROTE = copy(base={"title": "old"}, observed={"title": "old"}, ledger={"title": (Attempt("old", "ours"),)})


@pytest.mark.parametrize(
    ("shown", "kind", "words"),
    [
        ({"title": "old"}, Held.IGNORED, "and still shows 'old'"),
        ({"title": "cut"}, Held.ALTERED, "and shows 'cut'"),
        ({"title": None}, Held.ALTERED, "and left it empty"),
        ({}, Held.IGNORED, "and left it empty"),
    ],
)
def test_what_the_tool_makes_of_our_write_is_held_and_nobody_s_edit(shown: Fields, kind: Held, words: str) -> None:
    what = decide(incident(title="ours"), WROTE, seen(fields=shown), Moment.WRITTEN, look_at="the rules")
    found = what.holds["title"]
    assert (found.kind, found.ours, found.theirs, found.tries) == (kind, "ours", shown.get("title"), 1)
    assert found.words == f"the tool answered success to 'ours' for title {words}; look at the rules"
    assert what.changes == {}
    assert what.base == {"title": shown.get("title")}
    assert what.reasons["title"].value == kind.value


def test_a_write_back_of_what_stood_there_that_comes_out_otherwise_was_altered() -> None:
    here = copy(base={"title": "old"}, ledger={"title": (Attempt("same", "same"),)})
    what = decide(incident(title="same"), here, seen(fields={"title": "other"}), Moment.WRITTEN)
    assert what.holds["title"].kind is Held.ALTERED


def test_where_the_incident_moved_on_meanwhile_that_is_written_next() -> None:
    what = decide(incident(title="newer"), WROTE, seen(fields={"title": "cut"}), Moment.WRITTEN)
    assert (what.holds, what.base, what.reasons["title"]) == ({}, {"title": "cut"}, Reason.OURS)


def test_our_write_seen_again_is_an_echo() -> None:
    what = decide(incident(title="ours"), WROTE, seen(fields={"title": "ours"}), Moment.WRITTEN)
    assert (what.base, what.holds, what.echo, what.reasons["title"]) == ({"title": "ours"}, {}, True, Reason.ECHO)


def test_only_the_last_attempt_is_what_we_wrote() -> None:
    here = copy(base={"title": "a"}, ledger={"title": (Attempt("a", "b"), Attempt("b", "c"))})
    what = decide(incident(title="c"), here, seen(fields={"title": "b"}), Moment.WRITTEN)
    assert what.holds["title"].kind is Held.IGNORED
    assert decide(incident(title="c"), here, seen(fields={"title": "c"}), Moment.WRITTEN).holds == {}


SIDE = copy(base={"priority": "p3"}, observed={"priority": "p3"}, ledger={"title": (Attempt("a", "b"),)})


def test_what_a_write_changes_beside_itself_is_held_where_it_contradicts() -> None:
    what = decide(incident(title="b", priority="p3"), SIDE, seen(fields={"priority": "p5"}), Moment.WRITTEN)
    assert what.changes == {}
    assert what.base == {"priority": "p5", "title": None}
    assert what.reasons["priority"] is Reason.AUTOMATIC
    found = what.holds["priority"]
    assert (found.kind, found.ours, found.theirs, found.tries) == (Held.ALTERED, "p3", "p5", 0)
    assert found.words == "the tool set priority to 'p5' by itself"


def test_a_consequence_that_our_own_body_asked_for_is_the_mapping_s() -> None:
    sighting = seen(fields={"priority": "p5"}, sent={"priority": "p5"})
    what = decide(incident(priority="p3"), SIDE, sighting, Moment.WRITTEN)
    assert what.changes == {"priority": Change("p3", "p5", Reason.THEIRS)}


def test_where_somebody_came_in_between_it_may_be_theirs() -> None:
    what = decide(incident(priority="p3"), SIDE, seen(fields={"priority": "p5"}, raced=True), Moment.WRITTEN)
    assert what.changes == {"priority": Change("p3", "p5", Reason.THEIRS)}


def test_what_stood_there_before_the_write_is_no_consequence_of_it() -> None:
    here = replace(SIDE, observed={"priority": "p5"})
    what = decide(incident(priority="p3"), here, seen(fields={"priority": "p5"}), Moment.WRITTEN)
    assert what.changes == {"priority": Change("p3", "p5", Reason.THEIRS)}


def test_what_a_write_no_longer_shows_says_nothing() -> None:
    ours = incident(title="b", priority="p3")
    what = decide(ours, SIDE, seen(fields={"title": "b"}), Moment.WRITTEN)
    assert (what.holds, what.changes, what.base) == ({}, {}, {"priority": "p3", "title": "b"})
    assert "priority" not in what.reasons


@pytest.mark.parametrize("shown", ["p5", None])
def test_a_value_of_the_tool_s_own_for_what_nobody_knows_is_its_base_and_stays_there(shown: Value) -> None:
    what = decide(incident(title="b"), SIDE, seen(fields={"priority": shown}), Moment.WRITTEN)
    assert (what.changes, what.holds.get("priority")) == ({}, None)
    assert what.base["priority"] == shown


def test_a_field_that_is_only_read_is_not_held_against_the_tool() -> None:
    what = decide(
        incident(priority="p3"),
        SIDE,
        seen(fields={"priority": "p5"}),
        Moment.WRITTEN,
        unwritable=frozenset({"priority"}),
    )
    assert (what.changes, what.holds.get("priority"), what.base["priority"]) == ({}, None, "p5")


@pytest.mark.parametrize("kind", [PolicyKind.ONCE, PolicyKind.NEVER])
@pytest.mark.parametrize("moment", list(Moment))
def test_a_one_way_field_is_held_by_nothing_that_the_tool_does(kind: PolicyKind, moment: Moment) -> None:
    here = replace(WROTE, intent=Intent(NOW, {"title": "ours"}))
    what = decide(incident(title="ours"), here, seen(fields={"title": "x"}), moment, policy={"title": Policy(kind)})
    assert (what.changes, what.holds, what.reasons["title"]) == ({}, {}, Reason.ONE_WAY)


# -- at the birth of a record ----------------------------------------------------------------------------------------

BORN = copy(ref=None, intent=Intent(NOW, {"title": "ours", "tags": ("a",), "team": None}))


@pytest.mark.parametrize(
    ("shown", "kind"), [("other", Held.ALTERED), (None, Held.IGNORED), (ABSENT, Held.IGNORED), ((), Held.IGNORED)]
)
def test_what_the_tool_made_of_our_create_is_held(shown: Any, kind: Held) -> None:
    fields = {} if shown is ABSENT else {"title": shown}
    what = decide(incident(title="ours"), BORN, seen(fields=fields), Moment.BORN)
    assert (what.holds["title"].kind, what.holds["title"].tries) == (kind, 1)
    assert " still " not in what.holds["title"].words
    assert what.changes == {}


def test_what_came_out_as_it_was_sent_is_agreed() -> None:
    what = decide(
        incident(title="ours", tags=("a",)), BORN, seen(fields={"title": "ours", "tags": ("a",)}), Moment.BORN
    )
    assert (what.holds, what.changes) == ({}, {})
    assert what.base == {"title": "ours", "tags": ("a",)}


@pytest.mark.parametrize("moment", [Moment.BORN, Moment.FOUND, Moment.LATER])
def test_a_default_of_the_tool_is_its_base_and_no_edit(moment: Moment) -> None:
    sighting = seen(fields={"title": "ours", "tags": ("a",), "team": "desk", "priority": "p5"})
    what = decide(incident(title="ours", tags=("a",)), BORN, sighting, moment)
    assert (what.changes, what.holds) == ({}, {})
    assert (what.base["team"], what.base["priority"]) == ("desk", "p5")
    assert what.reasons["team"] is Reason.AUTOMATIC


@pytest.mark.parametrize("moment", [Moment.BORN, Moment.FOUND, Moment.LATER])
def test_where_the_incident_has_nothing_a_default_is_kept_from_being_written_over(moment: Moment) -> None:
    ours = incident(title="ours", tags=("a",), team=None)
    what = decide(ours, BORN, seen(fields={"title": "ours", "tags": ("a",), "team": "desk"}), moment)
    held = what.holds["team"]
    assert (held.kind, held.ours, held.theirs, what.changes) == (Held.DEFAULT, None, "desk", {})
    here = copy(base=what.base, holds=what.holds)
    assert decide(ours, here, seen(fields={"team": "desk"})).holds == {"team": held}
    again = decide(ours, here, seen(fields={"team": "second line"}, automatic=frozenset({"team"})))
    assert (again.holds["team"].kind, again.holds["team"].theirs, again.changes) == (Held.DEFAULT, "second line", {})
    edited = decide(ours, here, seen(fields={"team": "storage"}))
    assert edited.changes == {"team": Change(None, "storage", Reason.THEIRS)} and edited.holds == {}


def test_what_the_incident_learnt_meanwhile_is_written_over_a_default() -> None:
    what = decide(incident(title="ours", priority="p1"), BORN, seen(fields={"priority": "p5"}), Moment.BORN)
    assert what.holds.get("priority") is None
    assert (what.base["priority"], what.changes) == ("p5", {})


def test_what_a_new_record_does_not_show_says_nothing() -> None:
    what = decide(incident(title="ours", service="shop"), BORN, seen(fields={"title": "ours"}), Moment.BORN)
    assert ("service" in what.reasons, "service" in what.base) == (False, False)


def test_of_a_record_whose_create_is_forgotten_everything_is_the_tool_s() -> None:
    what = decide(incident(title="ours"), copy(ref=None, intent=None), seen(fields={"priority": "p5"}), Moment.BORN)
    assert (what.changes, what.base) == ({}, {"priority": "p5"})


@pytest.mark.parametrize(
    ("shown", "base"), [({"title": "other"}, "other"), ({"title": None}, None), ({}, None)], ids=["other", "none", "no"]
)
def test_a_create_that_was_not_answered_may_have_got_half_through(shown: Fields, base: Value) -> None:
    what = decide(incident(title="ours"), BORN, seen(fields=shown), Moment.FOUND)
    assert (what.holds, what.changes, what.base["title"]) == ({}, {}, base)
    assert what.reasons["title"] is Reason.OURS
    whole = decide(incident(title="ours"), BORN, seen(fields={"title": "ours"}), Moment.FOUND)
    assert (whole.reasons["title"], whole.base["title"]) == (Reason.AGREED, "ours")


def test_a_record_of_ours_that_is_found_late_may_have_been_edited() -> None:
    edited = decide(incident(title="ours"), BORN, seen(fields={"title": "theirs"}))
    assert edited.changes == {"title": Change("ours", "theirs", Reason.LATEST_THEIRS)}
    for shown in ({"title": None}, {}):
        empty = decide(incident(title="ours"), BORN, seen(fields=shown))
        assert (empty.changes, empty.reasons["title"], empty.base["title"]) == ({}, Reason.OURS, None)


@pytest.mark.parametrize(
    "facts",
    [
        {"ref": None, "intent": Intent(NOW, None)},
        {"ref": None, "intent": None},
        {"intent": Intent(NOW, {"title": "a"})},
    ],
)
def test_whatever_shows_in_a_record_that_was_not_just_made_may_be_an_edit(facts: dict[str, Any]) -> None:
    what = decide(incident(title="a"), copy(**facts), seen(fields={"title": "a", "priority": "p5"}))
    assert what.changes == {"priority": Change(ABSENT, "p5", Reason.THEIRS)}


# -- later -----------------------------------------------------------------------------------------------------------

DOUBT = copy(base={"title": "old"}, ledger={"title": (Attempt("old", "ours"),)})


def test_a_write_in_doubt_that_shows_took_effect() -> None:
    what = decide(incident(title="ours"), DOUBT, seen(fields={"title": "ours"}))
    assert (what.base, what.changes, what.reasons["title"]) == ({"title": "ours"}, {}, Reason.ECHO)


def test_a_write_in_doubt_that_shows_the_old_value_did_not() -> None:
    what = decide(incident(title="ours"), DOUBT, seen(fields={"title": "old"}))
    assert (what.base, what.changes, what.reasons["title"], what.holds) == ({"title": "old"}, {}, Reason.OURS, {})


def test_a_third_value_after_a_write_in_doubt_is_a_person_s() -> None:
    what = decide(incident(EARLIER, title="ours"), DOUBT, seen(fields={"title": "new"}))
    assert what.changes == {"title": Change("ours", "new", Reason.LATEST_THEIRS)}
    assert what.conflicts == {"title": Conflict("new", "ours", Reason.LATEST_THEIRS, open=False)}


@pytest.mark.parametrize("shown", ["ours", "old", "b"])
def test_any_of_the_attempts_may_be_the_one_that_took_effect(shown: str) -> None:
    here = replace(DOUBT, ledger={"title": (Attempt("old", "ours"), Attempt("old", "b"))})
    what = decide(incident(title="b"), here, seen(fields={"title": shown}))
    assert (what.base, what.changes) == ({"title": shown}, {})


def test_what_our_own_account_left_there_is_written_once_more() -> None:
    what = decide(incident(title="ours"), DOUBT, seen(fields={"title": "cut"}, ours=frozenset({"title"})))
    assert (what.base, what.changes, what.holds, what.reasons["title"]) == ({"title": "cut"}, {}, {}, Reason.OURS)


@pytest.mark.parametrize("facts", [{"ours": frozenset({"title"})}, {"automatic": frozenset({"title"})}])
def test_whoever_set_it_our_own_value_is_our_own(facts: dict[str, Any]) -> None:
    what = decide(incident(title="ours"), DOUBT, seen(fields={"title": "ours"}, **facts))
    assert (what.base, what.changes, what.reasons["title"]) == ({"title": "ours"}, {}, Reason.ECHO)
    nothing = decide(incident(title="ours"), DOUBT, seen(fields={}, **facts))
    assert (nothing.base, nothing.reasons) == ({"title": "old"}, {})


def test_without_a_write_in_doubt_our_account_may_be_a_person_s() -> None:
    here = copy(base={"title": "old"})
    what = decide(incident(title="old"), here, seen(fields={"title": "new"}, ours=frozenset({"title"})))
    assert what.changes == {"title": Change("old", "new", Reason.THEIRS)}


def test_what_the_tool_s_clock_set_is_held_and_does_not_travel() -> None:
    here = copy(base={"status": "in_progress"})
    automatic = frozenset({"status"})
    what = decide(incident(status="in_progress"), here, seen(fields={"status": "new"}, automatic=automatic))
    assert (what.changes, what.holds["status"].kind, what.base) == ({}, Held.ALTERED, {"status": "new"})
    same = decide(incident(status="in_progress"), here, seen(fields={"status": "in_progress"}, automatic=automatic))
    assert (same.holds, same.reasons["status"]) == ({}, Reason.SAME)


@pytest.mark.parametrize(
    ("observed", "shown", "reason"),
    [
        ({"impact": "high", "urgency": "low"}, {"impact": "high", "urgency": "low"}, Reason.AUTOMATIC),
        ({"impact": "high", "urgency": "high"}, {"impact": "high", "urgency": "low"}, Reason.THEIRS),
        ({"impact": "high", "urgency": "low"}, {"impact": "high"}, Reason.THEIRS),  # not every answer has every column
        ({}, {"impact": "high", "urgency": "low"}, Reason.THEIRS),
    ],
)
def test_what_is_computed_anew_of_what_stands_as_it_stood_is_nobodys_edit(
    observed: Fields, shown: Fields, reason: Reason
) -> None:
    """An administrator changes the priority lookup, and the next save of whoever it is brings another priority."""
    mapping = load("servicenow-incident")
    ours = incident(EARLIER, priority="p2")
    here = copy(base={"priority": "p2"}, observed={"priority": "p2", **observed})
    what = reconcile(
        ours,
        here,
        seen(fields={"priority": "p3", **shown}),
        mapping.project(ours.fields),
        mapping,
        NOW,
        Moment.LATER,
        "",
    )

    assert what.reasons["priority"] is reason
    assert ("priority" in what.holds, "priority" in what.changes) == (
        reason is Reason.AUTOMATIC,
        reason is Reason.THEIRS,
    )


def test_an_automatic_value_that_the_incident_says_too_is_no_contradiction() -> None:
    here = copy(base={"status": "in_progress"})
    what = decide(incident(status="new"), here, seen(fields={"status": "new"}, automatic=frozenset({"status"})))
    assert (what.holds, what.changes, what.base) == ({}, {}, {"status": "new"})


def test_what_is_not_shown_says_nothing() -> None:
    here = copy(base={"title": "old"})
    what = decide(incident(title="new"), here, seen(fields={}, automatic=frozenset({"title"})))
    assert (what.base, what.changes, what.holds, what.reasons) == ({"title": "old"}, {}, {}, {})


# -- both sides ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours_at", "edited_at", "value", "reason"),
    [
        (NOW, LATER, "theirs", Reason.LATEST_THEIRS),
        (NOW, EARLIER, "ours", Reason.LATEST_OURS),
        (NOW, None, "theirs", Reason.LATEST_THEIRS),
    ],
)
def test_the_later_edit_stands_and_the_other_is_told(
    ours_at: datetime, edited_at: datetime | None, value: str, reason: Reason
) -> None:
    here = copy(base={"title": "old"})
    what = decide(incident(ours_at, title="ours"), here, seen(edited_at, fields={"title": "theirs"}))
    lost = "ours" if value == "theirs" else "theirs"
    assert what.conflicts == {"title": Conflict(value, lost, reason, open=False)}
    assert what.changes == ({"title": Change("ours", "theirs", reason)} if value == "theirs" else {})
    assert what.base == {"title": "theirs"}


def test_an_open_conflict_moves_neither_side() -> None:
    here = copy(base={"title": "old"})
    what = decide(incident(title="ours"), here, seen(fields={"title": "theirs"}), policy=MANUAL)
    words = "both sides changed title; run `tieline conflicts settle` to choose"
    assert what.holds == {"title": Hold(Held.CONFLICT, "ours", "theirs", NOW, words)}
    assert what.conflicts == {"title": Conflict("ours", "theirs", Reason.MANUAL, open=True)}
    assert (what.base, what.changes) == ({"title": "old"}, {})


@pytest.mark.parametrize(
    ("base", "ours", "shown", "after"),
    [
        (("a", "b"), ("a", "b"), ("a", "b", "c"), ("a", "b", "c")),
        (("a", "b"), ("a", "b"), ("a",), ("a",)),
        (("a",), ("a",), None, None),
        ((), None, ("a",), ("a",)),
    ],
)
def test_of_a_set_what_was_added_and_removed_is_taken(base: Value, ours: Value, shown: Value, after: Value) -> None:
    what = decide(incident(tags=ours), copy(base={"tags": base}), seen(fields={"tags": shown}))
    assert what.changes == {"tags": Change(ours, after, Reason.THEIRS)}


def test_the_later_of_two_sets_stands_whole_where_they_are_not_united() -> None:
    what = decide(
        incident(tags=("a", "b")),
        copy(base={"tags": ("a",)}),
        seen(LATER, fields={"tags": ("a", "c")}),
        policy={"tags": Policy(PolicyKind.LATEST)},
    )
    assert what.changes == {"tags": Change(("a", "b"), ("a", "c"), Reason.LATEST_THEIRS)}


def test_what_the_incident_says_already_is_no_change_of_a_field_that_is_only_read() -> None:
    ours = incident(title="same")
    what = reconcile(ours, copy(base={"title": "old"}), seen(fields={"title": "same"}), {}, mapped(), NOW)
    assert (what.changes, what.base) == ({}, {"title": "same"})


def test_after_the_tool_s_own_doing_an_edit_is_held_against_what_the_incident_said_then() -> None:
    known = hold(Held.ALTERED, ("a", "b"), ("a",))
    here = copy(base={"tags": ("a",)}, holds={"tags": known})
    what = decide(incident(tags=("a", "b")), here, seen(fields={"tags": ("a", "c")}))
    assert what.changes == {"tags": Change(("a", "b"), ("a", "b", "c"), Reason.THEIRS)}
    latest = {"tags": Policy(PolicyKind.LATEST)}
    taken = decide(incident(tags=("a", "b")), here, seen(fields={"tags": ("a", "c")}), policy=latest)
    assert taken.changes == {"tags": Change(("a", "b"), ("a", "c"), Reason.THEIRS)}


def test_a_hold_that_is_to_be_written_once_more_leaves_the_base_as_it_is() -> None:
    known = hold(Held.ALTERED, "ours", "cut", again=True)
    here = copy(base={"title": "cut"}, holds={"title": known})
    what = decide(incident(title="ours"), here, seen(EARLIER, fields={"title": "new"}))
    assert what.conflicts["title"].reason is Reason.LATEST_OURS


# -- what our write replaced -----------------------------------------------------------------------------------------

RACED = copy(base={"title": "old"}, ledger={"title": (Attempt("old", "ours"),)})


def test_an_edit_that_our_write_replaced_is_decided_about_and_later_than_ours() -> None:
    sighting = seen(EARLIER, fields={"title": "ours"}, replaced={"title": "theirs"})
    what = decide(incident(NOW, title="ours"), RACED, sighting)
    assert what.changes == {"title": Change("ours", "theirs", Reason.LATEST_THEIRS)}
    assert what.overwritten == {}


def test_an_edit_that_our_write_replaced_is_kept_for_who_settles_it() -> None:
    sighting = seen(fields={"title": "ours"}, replaced={"title": "theirs"})
    what = decide(incident(title="ours"), RACED, sighting, policy=MANUAL)
    assert (what.holds["title"].kind, what.holds["title"].theirs) == (Held.REPLACED, "theirs")
    assert what.base == {"title": "ours"}


def test_it_is_the_last_of_our_writes_that_replaced_something() -> None:
    here = replace(RACED, ledger={"title": (Attempt("ours", "b"), Attempt("old", "ours"))})
    sighting = seen(EARLIER, fields={"title": "ours"}, replaced={"title": "b"})
    what = decide(incident(NOW, title="ours"), here, sighting)
    assert what.changes == {"title": Change("ours", "b", Reason.LATEST_THEIRS)}


def test_a_value_that_the_mapping_has_no_word_for_is_told_where_it_was_replaced() -> None:
    what = decide(incident(title="ours"), RACED, seen(fields={"title": "ours"}, without_words={"team": 7}))
    assert what.overwritten == {"team": Conflict(ABSENT, "7", Reason.OVERWRITTEN, open=False)}
    assert not what.echo


def test_what_was_replaced_and_stands_nowhere_is_told() -> None:
    sighting = seen(fields={"title": "newest"}, replaced={"title": "theirs"}, without_words={"team": 7})
    what = decide(incident(title="ours"), RACED, sighting)
    assert what.overwritten == {
        "team": Conflict(ABSENT, "7", Reason.OVERWRITTEN, open=False),
        "title": Conflict("newest", "theirs", Reason.OVERWRITTEN, open=False),
    }
    assert not what.echo


@pytest.mark.parametrize("value", ["old", "ours", "newest"])
def test_what_stands_somewhere_was_not_lost(value: str) -> None:
    shown = {"title": "newest" if value == "newest" else "ours"}
    what = decide(incident(title="ours"), RACED, seen(fields=shown, replaced={"title": value}))
    assert what.overwritten == {}
    assert what.changes.keys() == ({"title"} if value == "newest" else set())


def test_what_we_did_not_write_we_did_not_replace() -> None:
    sighting = seen(fields={"title": "ours", "team": "a"}, replaced={"team": "b"})
    assert decide(incident(title="ours", team="a"), RACED, sighting).overwritten == {}


# -- what is to be written -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("here", "projection", "found"),
    [
        ({"base": {"title": "a"}}, {"title": "b", "team": None}, {"title": "b"}),
        ({"base": {"title": "b"}}, {"title": "b"}, {}),
        ({"base": {"team": "x"}}, {"team": None}, {"team": None}),
        ({"base": {"team": None}}, {"team": "x"}, {"team": "x"}),
        ({}, {"team": ()}, {"team": ()}),
        ({"holds": {"title": hold(Held.IGNORED, "b", "a")}}, {"title": "b"}, {}),
        ({"holds": {"title": hold(Held.IGNORED, "b", "a", again=True)}}, {"title": "b"}, {"title": "b"}),
    ],
)
def test_what_differs_is_written_and_what_is_held_is_not(
    here: dict[str, Any], projection: Fields, found: Fields
) -> None:
    assert wanted(copy(**here), projection, mapped()) == found


def test_what_is_one_way_or_only_read_is_not_written() -> None:
    assert wanted(copy(), {"title": "b"}, mapped(ONCE)) == {}
    assert wanted(copy(), {"title": "b"}, mapped(unwritable=frozenset({"title"}))) == {}


@pytest.mark.parametrize(
    ("shown_in", "base", "says", "written"),
    [
        (Shown.COMMENT, {}, ALONE + "\n\nx", False),
        (Shown.COMMENT, {}, ALONE + "\n\nx\n\ny", True),
        (Shown.COMMENT, {ALERTS: "x"}, ALONE + "\n\nx", True),
        (Shown.DESCRIPTION, {}, ALONE + "\n\nx", True),
    ],
)
def test_no_comment_is_begun_for_what_the_ticket_says_already(
    shown_in: Shown, base: Fields, says: str, written: bool
) -> None:
    mapping = replace(mapped(), document=replace(MEMORY.document, alerts=shown_in))
    assert (ALERTS in wanted(copy(base=base), {ALERTS: says}, mapping)) is written


# -- rich texts ------------------------------------------------------------------------------------------------------


def test_an_edit_of_words_that_stand_for_something_more_is_held_and_told() -> None:
    """The picture is a link in this tool: what somebody makes of that is neither taken over nor lost without a word."""
    mapping = load("jira-issue")
    said = "Look at the ![graph](https://example.org/graph.png) first."
    projection = mapping.project({"description": said})
    shown = str(projection["description"])
    edited = shown.replace("first", "now")
    here = copy(base={"description": shown})
    sighting = seen(fields={"description": edited + "\n\nRestarted."})
    what = reconcile(incident(description=said), here, sighting, projection, mapping, NOW)
    after = said + "\n\nRestarted."
    assert what.changes == {"description": Change(said, after, Reason.THEIRS)}
    assert what.base == {"description": shown}
    found = what.holds["description"]
    theirs = edited + "\n\nRestarted."
    assert (found.kind, found.ours, found.theirs) == (Held.UNWRITABLE, after, theirs)
    assert "would be lost if it were written anew (a picture" in found.words
    assert what.conflicts == {"description": Conflict(after, theirs, Reason.UNWRITABLE, open=False)}
