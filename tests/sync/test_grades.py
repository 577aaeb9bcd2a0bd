"""How bad alerts are, compared: by laws that hold for whatever they say."""

from __future__ import annotations

from enum import StrEnum

from hypothesis import given
from hypothesis import strategies as st

from tieline.core.grades import GRADED
from tieline.core.model import Fields, Level, Priority, Severity
from tieline.sync.alerts import grades
from tieline.sync.alerts.grades import Standing


def _word(words: type[StrEnum]) -> st.SearchStrategy[str | None]:
    return st.sampled_from([None, *(word.value for word in words)])


GRADES = st.fixed_dictionaries(
    {"severity": _word(Severity), "priority": _word(Priority), "impact": _word(Level), "urgency": _word(Level)}
).map(grades.grade)
OWN = st.frozensets(st.sampled_from(sorted(GRADED)))

P1 = {"severity": "critical", "priority": "p1", "impact": "high", "urgency": "high"}
P3 = {"severity": "medium", "priority": "p3", "impact": "medium", "urgency": "medium"}
THEIRS = frozenset(GRADED)


@given(st.lists(GRADES, max_size=5))
def test_nothing_is_above_the_worst_of_them(found: list[Fields]) -> None:
    worst = grades.worst(found)
    assert all(grades.above(one, worst) == {} for one in found)
    assert grades.worst([worst, *found]) == worst


@given(GRADES, GRADES, OWN, GRADES)
def test_a_raise_lowers_nothing_and_is_done_once(
    fields: Fields, now: Fields, own: frozenset[str], heard: Fields
) -> None:
    rise = grades.raised(Standing(fields, own, heard), now)
    after = {**fields, **rise}
    assert grades.above(fields, after) == {}
    assert grades.raised(Standing(after, own, heard), now) == {}


@given(GRADES, GRADES, OWN)
def test_an_alert_that_is_no_worse_than_those_before_moves_nothing_that_a_person_set(
    fields: Fields, now: Fields, own: frozenset[str]
) -> None:
    assert grades.raised(Standing(fields, own, now), now).keys() <= own


@given(GRADES, GRADES, OWN, GRADES)
def test_coming_down_never_raises_and_never_below_what_fires(
    fields: Fields, firing: Fields, own: frozenset[str], heard: Fields
) -> None:
    after = {**fields, **grades.lowered(Standing(fields, own, heard), firing)}
    assert grades.above(after, fields) == {}
    assert grades.above(firing, after).keys() <= grades.above(firing, fields).keys()


def test_the_words_are_compared_as_people_do() -> None:
    assert grades.raised(Standing(P3, THEIRS, P3), P1) == P1
    assert grades.raised(Standing(P1, THEIRS, P1), P3) == {}
    assert grades.raised(Standing({}, frozenset(), {}), P3) == P3, "what nobody knew becomes known"
    assert grades.lowered(Standing(P1, THEIRS, P1), P3) == P3
    assert grades.lowered(Standing(P1, frozenset(), P1), P3) == {}, "a person set it"
    assert grades.lowered(Standing(P1, THEIRS, P1), {}) == {}, "unknown is not low"


def test_what_a_person_took_down_is_raised_by_a_worse_alert_only() -> None:
    taken_down = {**P3, "severity": "low", "priority": "p5"}
    assert grades.raised(Standing(taken_down, frozenset(), P3), P3) == {}
    assert grades.raised(Standing(taken_down, frozenset(), P3), P1) == P1
    assert grades.raised(Standing(taken_down, frozenset(), P1), P1) == {}


def test_each_field_is_followed_by_itself() -> None:
    nobody_knows = {"urgency": "high"}
    assert grades.worst([P3, nobody_knows]) == {**P3, "urgency": "high"}
    assert grades.raised(Standing(P3, THEIRS, P3), nobody_knows) == nobody_knows
    assert grades.raised(Standing(nobody_knows, THEIRS, nobody_knows), P3) == {
        name: value for name, value in P3.items() if name != "urgency"
    }
