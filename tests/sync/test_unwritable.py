"""Which fields a copy holds because its tool cannot be told them: decided from values alone, one row a rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from tieline.core.events import Event, FieldsLeftOut
from tieline.core.model import ConnectionName, Fields, IncidentId
from tieline.core.port import FieldFact, Reading, Ref, Token, Version
from tieline.mappings import Denormalized, Policy, PolicyKind, fit, load
from tieline.mappings.board import ALERTS
from tieline.mappings.outcome import LeftOut
from tieline.sync.fit import unfit
from tieline.sync.records import Attempt, Held, Hold, Incident, Intent, Replica, ReplicaState, Stamp
from tieline.sync.road.reconcile import Sighting

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=1)
MEMORY: Final = load("memory-incident")
SERVICENOW: Final = load("servicenow-incident")
JIRA: Final = load("jira-issue")
PAGERDUTY: Final = load("pagerduty-incident")
FITTED: Final = fit(
    MEMORY, {name: FieldFact(name, writable=False, required=False) for name in ("category", "severity", "urgency")}
).mapping
WORDS: Final = FITTED.refusals({"severity": "high"})["severity"].sentence


def copy(holds: Mapping[str, Hold] | None = None, **facts: Any) -> Replica:
    known: dict[str, Any] = {"ref": Ref("7"), "base": {"severity": "low"}, "holds": holds or {}, **facts}
    return Replica(1, IncidentId(1), ConnectionName("desk"), ReplicaState.LINKED, Token("t"), **known)


def hold(kind: Held = Held.UNWRITABLE, words: str = WORDS, **facts: Any) -> Hold:
    return Hold(
        **{"kind": kind, "ours": "high", "theirs": "low", "since": EARLIER, "words": words, "tries": 2, **facts}
    )


def incident(**fields: Any) -> Incident:
    return Incident(IncidentId(1), 1, fields, dict.fromkeys(fields, Stamp(NOW, "ann")), NOW)


# -- before the write ------------------------------------------------------------------------------------------------

SHOWN: Final = {"severity": "high", "title": "Disk 1"}
FRESH: Final = Hold(Held.UNWRITABLE, "high", "low", NOW, WORDS)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(copy(), {"severity": FRESH}, id="it is held"),
        pytest.param(
            copy(observed={"severity": "info"}), {"severity": replace(FRESH, theirs="info")}, id="as it shows"
        ),
        pytest.param(copy(base={}), {"severity": replace(FRESH, theirs=None)}, id="nothing is known of it"),
        pytest.param(copy(base={"severity": "high"}), {}, id="it shows there already"),
        pytest.param(copy(ref=None), {}, id="no record is there"),
        pytest.param(copy({"severity": hold()}), {"severity": hold()}, id="it is known"),
        pytest.param(
            copy({"severity": hold(words="old")}), {"severity": hold()}, id="other words, since then and as often tried"
        ),
        pytest.param(copy({"severity": hold(again=True)}), {"severity": hold()}, id="it is not to be tried again"),
        pytest.param(
            copy({"severity": hold(Held.CONFLICT, "two edits")}),
            {"severity": hold(Held.CONFLICT, "two edits")},
            id="it is held for something else",
        ),
        pytest.param(copy({"title": hold(again=True)}, base=SHOWN), {}, id="to be tried, and shows there by now"),
        pytest.param(copy({"title": hold()}, base=SHOWN), {"title": hold()}, id="not to be tried, and shows there"),
        pytest.param(
            copy({"title": hold(again=True), "team": hold(Held.CONFLICT)}, base=SHOWN),
            {"team": hold(Held.CONFLICT)},
            id="what is needless leaves the others",
        ),
        pytest.param(
            copy({"title": hold(Held.IGNORED, again=True)}, base=SHOWN),
            {"title": hold(Held.IGNORED, again=True)},
            id="to be tried, and no matter of what it takes",
        ),
        pytest.param(
            copy({"title": hold(again=True)}, base={"severity": "high"}),
            {"title": hold(again=True)},
            id="nobody knows what shows there",
        ),
    ],
)
def test_a_field_that_the_tool_cannot_be_told_is_held(before: Replica, after: Mapping[str, Hold]) -> None:
    untouched = dict(before.holds)
    held = unfit.by_facts(before, incident(severity="high", title="Disk 1"), FITTED, NOW)
    assert held.holds == after
    assert before.holds == untouched
    assert (held is before) is (after == untouched)


def test_what_is_not_held_leaves_the_fields_after_it() -> None:
    """Whichever of them it is: each in turn shows there already."""
    ours = incident(category="network", severity="high", urgency="high")
    for shown in ours.fields:
        before = copy(base={shown: ours.fields[shown]})
        assert set(unfit.by_facts(before, ours, FITTED, NOW).holds) == ours.fields.keys() - {shown}


@pytest.mark.parametrize("kind", [PolicyKind.ONCE, PolicyKind.NEVER])
def test_what_goes_one_way_is_not_held(kind: PolicyKind) -> None:
    mapping = replace(FITTED, policies={**FITTED.policies, "severity": Policy(kind)})
    before = copy()
    assert unfit.by_facts(before, incident(severity="high"), mapping, NOW) is before


def test_what_has_no_policy_is_held() -> None:
    mapping = replace(FITTED, policies={})
    assert unfit.by_facts(copy(), incident(severity="high"), mapping, NOW).holds == {"severity": FRESH}


def test_where_the_tool_takes_everything_only_what_is_needless_goes() -> None:
    kept = copy({"severity": hold(again=True)})
    assert unfit.by_facts(kept, incident(severity="high"), MEMORY, NOW) is kept
    gone = copy({"severity": hold(again=True)}, base={"severity": "high"})
    assert unfit.by_facts(gone, incident(severity="high"), MEMORY, NOW).holds == {}


def test_what_is_left_out_at_the_creation_is_held_where_the_tool_is_the_reason() -> None:
    written = Denormalized({}, {}, (LeftOut("severity", "no right"), LeftOut("title", "it is too short")))
    held = unfit.at_creation(copy(base={}), {"severity": "high"}, written, FITTED, NOW)
    assert held.holds == {"severity": Hold(Held.UNWRITABLE, "high", None, NOW, "no right")}


@pytest.mark.parametrize(
    ("held", "left_out"),
    [(hold(), True), (hold(again=True), False), (hold(Held.CONFLICT), False), (hold(Held.IGNORED), False)],
)
def test_a_write_leaves_out_what_the_tool_cannot_be_told(held: Hold, left_out: bool) -> None:
    assert unfit.held_back(copy({"severity": held})) == ({"severity"} if left_out else set())


# -- after a refusal -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mapping", "body", "wanted", "named", "told"),
    [
        pytest.param(MEMORY, {"title": "a"}, {"title": "a"}, {"title": "no"}, {"title": "no"}, id="as it is named"),
        pytest.param(MEMORY, {"title": "a"}, {"title": "a"}, {"tit": "no", "title2": "no"}, {}, id="a part of a name"),
        pytest.param(MEMORY, {"title": "a"}, {"title": "a"}, {"x": "no"}, {}, id="a member that nobody maps"),
        pytest.param(
            SERVICENOW,
            {"urgency": "1"},
            {"priority": "p2"},
            {"urgency": "no"},
            {"priority": "no"},
            id="one of its parts",
        ),
        pytest.param(
            JIRA,
            {"fields": {"priority": {"name": "High"}}},
            {"priority": "p2"},
            {"fields.priority": "no"},
            {"priority": "no"},
            id="what it lies in",
        ),
        pytest.param(
            JIRA,
            {"fields": {"labels": ["a"]}},
            {"tags": ("a",)},
            {"fields.labels[0]": "no"},
            {"tags": "no"},
            id="an element of it",
        ),
        pytest.param(
            MEMORY, {"title": "a"}, {"title": "a"}, {"title.text": "no"}, {"title": "no"}, id="what lies in it"
        ),
        pytest.param(
            SERVICENOW,
            {"state": "6", "short_description": "a"},
            {"status": "resolved", "title": "a"},
            {"close_code": "it is mandatory"},
            {"status": "it is mandatory"},
            id="what is required beside it",
        ),
        pytest.param(
            SERVICENOW,
            {"state": "6"},
            {"status": "resolved"},
            {"close_code": "one", "close_notes": "one", "cmdb_ci": "two"},
            {"status": "one; two"},
            id="all that is said, once",
        ),
        pytest.param(
            PAGERDUTY,
            {"status": "resolved"},
            {"status": "resolved"},
            {"resolution": "no"},
            {"status": "no"},
            id="what is taken beside it",
        ),
        pytest.param(
            SERVICENOW, {"state": "1"}, {"status": "new"}, {"close_code": "it is mandatory"}, {}, id="nothing needs it"
        ),
        pytest.param(
            SERVICENOW,
            {"state": "6", "urgency": "1"},
            {"status": "resolved", "priority": "p2"},
            {"urgency": "no", "close_code": "it is mandatory"},
            {"priority": "no"},
            id="what was sent first",
        ),
        pytest.param(
            MEMORY,
            {"description": "a"},
            {"nonsense": "a"},
            {"title": "it is mandatory"},
            {},
            id="a wanted field that is not mapped",
        ),
    ],
)
def test_a_refusal_names_the_fields_to_go_on_without(
    mapping: Any, body: dict[str, Any], wanted: Fields, named: dict[str, str], told: dict[str, str]
) -> None:
    assert unfit.refused(mapping, body, wanted, named) == told


def test_a_refused_description_costs_the_block_in_it_too() -> None:
    body = {"description": "a"}
    assert unfit.refused(MEMORY, body, {"description": "a"}, {"description": "no"}) == (
        dict.fromkeys(("description", ALERTS) if ALERTS in MEMORY.writable else ("description",), "no")
    )


def sighting(refused: Mapping[str, str], **fields: Any) -> Sighting:
    return Sighting(Reading(Ref("7"), Version("2"), {}, refused=refused), fields, {}, NOW, 0)


def test_what_half_of_a_write_could_not_bring_about_is_held_and_neither_sent_nor_intended() -> None:
    steps = (Attempt("low", "high"),)
    before = copy(
        intent=Intent(EARLIER, {"severity": "high", "title": "a"}),
        ledger={"severity": steps, "title": steps},
        base={"severity": "low", "title": "old"},
        observed={"severity": "low", "title": "old"},
    )
    after = unfit.left_over(
        before, MEMORY, sighting({"severity": "no"}, severity="info", title="a"), {"severity": "high"}, NOW
    )
    assert after.holds == {"severity": Hold(Held.UNWRITABLE, "high", "info", NOW, "no", 1)}
    assert after.intent == Intent(EARLIER, {"title": "a"})
    assert after.ledger == {"title": steps}
    assert after.base == {"severity": "info", "title": "old"}
    assert after.observed == before.observed


@pytest.mark.parametrize("intent", [None, Intent(EARLIER, None)])
def test_a_refused_part_that_is_not_shown_has_no_base(intent: Intent | None) -> None:
    after = unfit.left_over(copy(intent=intent), MEMORY, sighting({"severity": "no"}), {"severity": "high"}, NOW)
    assert (after.intent, after.base) == (intent, {})
    assert after.holds["severity"].theirs == "low"


def test_what_an_earlier_look_showed_stands_beside_the_hold_of_a_part_that_is_not_shown() -> None:
    before = copy(observed={"severity": "info"})
    after = unfit.left_over(before, MEMORY, sighting({"severity": "no"}, title="a"), {"severity": "high"}, NOW)
    assert after.holds["severity"].theirs == "info"


@pytest.mark.parametrize("named", [{}, {"x": "no"}])
def test_a_write_that_was_taken_whole_leaves_the_copy_as_it_is(named: dict[str, str]) -> None:
    before = copy()
    assert unfit.left_over(before, MEMORY, sighting(named, severity="high"), {}, NOW) is before


# -- holds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "tried", "since", "tries"),
    [
        (None, False, NOW, 0),
        (None, True, NOW, 1),
        (hold(words="old"), False, EARLIER, 2),
        (hold(words="old"), True, EARLIER, 3),
        (hold(Held.IGNORED), True, NOW, 1),
    ],
)
def test_since_when_and_how_often_is_counted_on(known: Hold | None, tried: bool, since: datetime, tries: int) -> None:
    other = hold(Held.CONFLICT)
    before = copy({"title": other, **({} if known is None else {"severity": known})})
    after = unfit.with_holds(before, {"severity": "high"}, {"severity": "no"}, NOW, tried=tried)
    assert after.holds == {"title": other, "severity": Hold(Held.UNWRITABLE, "high", "low", since, "no", tries)}


def test_nothing_to_hold_is_the_same_copy() -> None:
    before = copy()
    assert unfit.with_holds(before, {}, {}, NOW) is before


def test_what_a_record_made_without_a_field_shows_there_is_the_tools_own() -> None:
    other = hold(Held.ALTERED)
    before = copy(
        {"severity": hold(), "urgency": hold(), "category": hold(), "title": other},
        base={"category": "x", "title": "a"},
    )
    after = unfit.born(before, {"severity": "medium", "category": "y", "title": "b"})
    assert after.holds == {"severity": hold(theirs="medium"), "urgency": hold(theirs=None), "title": other}
    assert after.base == {"category": "x", "title": "a", "severity": "medium"}


def test_a_record_made_with_everything_stays_as_it_is() -> None:
    before = copy({"severity": hold(Held.ALTERED)}, base={})
    assert unfit.born(before, {"severity": "medium"}) is before


def test_what_is_written_all_the_same_is_tried_no_more_until_it_is_answered() -> None:
    asked, other = hold(again=True), hold(Held.IGNORED, again=True)
    before = copy({"severity": asked, "urgency": asked, "title": other})
    assert unfit.tried(before, {"severity": "high", "title": "a"}) == {
        "severity": replace(asked, again=False),
        "urgency": asked,
        "title": other,
    }


def test_what_the_tool_could_not_be_told_is_tried_anew_and_nothing_else() -> None:
    before = copy({"severity": hold(), "title": hold(Held.CONFLICT)})
    assert unfit.tried_anew(before) == {"severity": hold(again=True), "title": hold(Held.CONFLICT)}


def test_holds_of_fields_that_no_reading_tells_of_stay() -> None:
    mapping = replace(MEMORY, readable=frozenset(MEMORY.readable - {"severity", "title"}))
    before = copy({"severity": hold(), "urgency": hold(), "title": hold(Held.CONFLICT)})
    assert unfit.unreadable(before, mapping) == {"severity": hold()}


class Told:
    """Stands for the engine where only its journal is spoken to."""

    def __init__(self) -> None:
        self.entries: list[tuple[Event, dict[str, Any]]] = []

    def record(self, _tx: object, event: Event, **facts: Any) -> None:
        self.entries.append((event, facts))


@pytest.mark.parametrize(
    ("before", "after", "fresh"),
    [
        ({}, {"severity": hold()}, {"severity": WORDS}),
        ({"severity": hold(words="old")}, {"severity": hold()}, {"severity": WORDS}),
        ({"severity": hold(tries=0)}, {"severity": hold(tries=3)}, {}),
        ({}, {"severity": hold(Held.CONFLICT)}, {}),
        ({"severity": hold(Held.CONFLICT, "old")}, {"severity": hold(Held.CONFLICT)}, {}),
        ({"severity": hold()}, {}, {}),
    ],
)
def test_what_is_left_out_is_told_when_it_begins_or_has_another_reason(
    before: Mapping[str, Hold], after: Mapping[str, Hold], fresh: Mapping[str, str]
) -> None:
    engine: Any = Told()
    nowhere: Any = None
    unfit.tell(nowhere, engine, copy(before), copy(after))
    told = {"incident": 1, "connection": "desk", "reason": "unwritable"}
    assert engine.entries == ([(FieldsLeftOut(fields=fresh), told)] if fresh else [])
