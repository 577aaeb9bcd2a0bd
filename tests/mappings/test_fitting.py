"""A mapping fitted to a live tool: what the tool cannot be told is left out, said, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tieline.core.model import Value
from tieline.core.port import FieldFact
from tieline.mappings import Mapping, fit, load

ADVICE = "add the field to the edit screen"


def fact(name: str, **others: object) -> FieldFact:
    return replace(FieldFact(name, writable=True, required=False, advice=ADVICE), **others)  # type: ignore[arg-type]  # facts by name, typed where they are read


def choices(name: str, *values: str, **others: object) -> FieldFact:
    return fact(name, choices={value: value for value in values}, **others)


def facts(*known: FieldFact) -> dict[str, FieldFact]:
    return {one.name: one for one in known}


@pytest.fixture(scope="module")
def jira() -> Mapping:
    return load("jira-issue")


@pytest.fixture(scope="module")
def servicenow() -> Mapping:
    return load("servicenow-incident")


PRIORITIES = choices("fields.priority.name", "Kritisch", "Hoch", "Medium", "Niedrig")


def test_a_tool_that_takes_everything_leaves_the_mapping_as_it_is(jira: Mapping) -> None:
    fitted = fit(jira, facts(fact("fields.summary", max_length=255), fact("fields.labels", max_length=255)))
    assert fitted.mapping is jira
    assert (fitted.unfit, fitted.remarks) == ((), ())


def test_a_word_that_the_tool_does_not_offer_is_left_out_with_a_sentence(jira: Mapping) -> None:
    fitted = fit(jira, facts(PRIORITIES)).mapping
    answer = fitted.denormalize({"title": "Disk full", "priority": "p1"}, {}, creating=True)
    assert answer.body == {"fields": {"summary": "Disk full"}}
    (left,) = answer.left_out
    assert left.field == "priority"
    assert left.sentence == (
        "priority: p1 would be written as 'Highest', and there is only Kritisch, Hoch, Medium, Niedrig; "
        "add the field to the edit screen."
    )


def test_a_word_that_it_does_offer_is_written(jira: Mapping) -> None:
    fitted = fit(jira, facts(PRIORITIES)).mapping
    answer = fitted.denormalize({"priority": "p3"}, {})
    assert answer.body == {"fields": {"priority": {"name": "Medium"}}}
    assert answer.left_out == ()


def test_what_the_tool_shows_is_read_whatever_it_takes(jira: Mapping) -> None:
    fitted = fit(jira, facts(PRIORITIES)).mapping
    assert fitted.normalize({"fields": {"priority": {"name": "Highest"}}}).fields == {"priority": "p1"}


def test_a_tool_that_writes_its_choices_in_another_case_has_them(jira: Mapping) -> None:
    known = choices("fields.priority.name", "HIGHEST", "HIGH", "MEDIUM", "LOW", "LOWEST")
    assert fit(jira, facts(known)).unfit == ()


def test_check_and_the_road_say_the_same_of_every_word(jira: Mapping) -> None:
    fitted = fit(jira, facts(PRIORITIES))
    said = {(one.field, one.word): one.sentence for one in fitted.unfit}
    for word in ("p1", "p2", "p3", "p4", "p5"):
        left = {one.field: one.sentence for one in fitted.mapping.denormalize({"priority": word}, {}).left_out}
        assert left.get("priority") == said.get(("priority", word))
    assert set(said) == {("priority", word) for word in ("p1", "p2", "p4", "p5")}


@pytest.mark.parametrize("value", [("db1",), ()])
def test_a_field_that_cannot_be_written_is_left_out_whatever_its_value(jira: Mapping, value: Value) -> None:
    fitted = fit(jira, facts(fact("fields.labels", writable=False)))
    answer = fitted.mapping.denormalize({"title": "Disk full", "tags": value}, {})
    assert answer.body == {"fields": {"summary": "Disk full"}}
    assert fitted.mapping.project({"tags": value}) == {}
    assert [(one.field, one.word) for one in fitted.unfit] == [("tags", None)]


def test_what_is_written_beside_another_field_has_a_place_of_its_own(jira: Mapping) -> None:
    """A resolution is on no edit screen: it stands on the screen of a transition."""
    fitted = fit(jira, facts(fact("fields.resolution", writable=False)))
    assert fitted.unfit == ()
    answer = fitted.mapping.denormalize({"status": "resolved", "close_code": "fixed"}, {})
    assert answer.body["fields"]["resolution"] == {"name": "Done"}


def test_a_field_that_is_taken_at_the_creation_only_is_written_there_and_refused_later(jira: Mapping) -> None:
    fitted = fit(jira, facts(fact("fields.labels", once=True))).mapping
    made = fitted.denormalize({"title": "Disk full", "tags": ("db1",)}, {}, creating=True)
    assert made.body["fields"]["labels"] == ["db1"]
    assert fitted.project({"tags": ("db1",)}) == {}
    assert list(fitted.refusals({"tags": ("db1",)})) == ["tags"]


def test_refusals_tell_what_would_have_been_meant(jira: Mapping) -> None:
    fitted = fit(jira, facts(PRIORITIES)).mapping
    assert {name: one.meant for name, one in fitted.refusals({"priority": "p1", "title": "x"}).items()} == {
        "priority": "p1"
    }
    assert fitted.refusals({"priority": "p3"}) == {}
    assert fitted.refusals({"priority": None}) == {}
    assert jira.refusals({"priority": "p1"}) == {}


def test_a_text_longer_than_the_tool_holds_is_cut_as_the_mapping_cuts(servicenow: Mapping) -> None:
    fitted = fit(servicenow, facts(fact("short_description", max_length=80))).mapping
    title = "disk " * 30
    written = fitted.denormalize({"title": title}, {})
    assert len(written.body["short_description"]) <= 80
    assert written.written["title"] == fitted.project({"title": title})["title"]
    assert fitted.normalize(written.body).fields["title"] == written.written["title"]


def test_a_wider_place_changes_no_limit(servicenow: Mapping) -> None:
    assert fit(servicenow, facts(fact("short_description", max_length=400))).mapping is servicenow


def test_a_place_too_small_to_cut_takes_what_fits_and_nothing_else(servicenow: Mapping) -> None:
    fitted = fit(servicenow, facts(fact("category", max_length=10))).mapping
    assert fitted.denormalize({"category": "network"}, {}).body == {"category": "network"}
    answer = fitted.denormalize({"category": "network and more"}, {})
    assert answer.body == {}
    assert "longer than the 10 characters" in answer.left_out[0].sentence


def test_a_word_that_would_be_cut_is_left_out(servicenow: Mapping) -> None:
    unfit = fit(servicenow, facts(fact("close_code", max_length=10))).unfit
    assert ("close_code", "fixed") in [(one.field, one.word) for one in unfit]
    assert ("close_code", "duplicate") not in [(one.field, one.word) for one in unfit]


def test_a_value_of_a_free_text_that_is_no_choice_is_left_out(servicenow: Mapping) -> None:
    fitted = fit(servicenow, facts(choices("category", "network", "database"))).mapping
    assert fitted.denormalize({"category": "network"}, {}).body == {"category": "network"}
    answer = fitted.denormalize({"title": "Disk full", "category": "storage"}, {})
    assert answer.body == {"short_description": "Disk full"}
    assert "there is no choice 'storage'" in answer.left_out[0].sentence


def test_choices_that_only_the_forms_know_of_are_remarked_and_written(servicenow: Mapping) -> None:
    fitted = fit(servicenow, facts(choices("close_code", "Solved (Permanently)", enforced=False)))
    assert fitted.unfit == ()
    assert any("takes it all the same" in one for one in fitted.remarks)
    answer = fitted.mapping.denormalize({"status": "resolved", "close_code": "fixed", "close_notes": "x"}, {})
    assert answer.body["close_code"] == "Solution provided"


def test_a_value_that_is_written_as_several_needs_them_all(servicenow: Mapping) -> None:
    fitted = fit(servicenow, facts(choices("impact", "2", "3"), choices("urgency", "1", "2", "3")))
    assert {one.word for one in fitted.unfit} == {"p1"}
    answer = fitted.mapping.denormalize({"priority": "p1", "title": "Disk full"}, {})
    assert answer.body == {"short_description": "Disk full"}
    assert [one.field for one in answer.left_out] == ["priority"]
    assert fitted.mapping.denormalize({"priority": "p2"}, {}).body == {"impact": "2", "urgency": "1"}


def test_a_required_field_says_so(jira: Mapping) -> None:
    (one, *_rest) = fit(jira, facts(replace(PRIORITIES, required=True))).unfit
    assert one.required


def test_a_tag_longer_than_the_tool_holds_is_cut_by_itself(jira: Mapping) -> None:
    """A label of Jira's holds 255 characters."""
    long = "id=/kubepods.slice/" + "x" * 290
    written = jira.denormalize({"tags": ("db1", long)}, {})
    labels = written.body["fields"]["labels"]
    assert [len(label) <= 255 for label in labels] == [True, True]
    assert labels[0] == "db1"
    assert labels[1].startswith("id=/kubepods.slice/xxx")
    assert written.written["tags"] == jira.project({"tags": ("db1", long)})["tags"] == tuple(labels)


def test_tags_are_cut_to_what_the_tool_says_it_holds(jira: Mapping) -> None:
    fitted = fit(jira, facts(fact("fields.labels", max_length=30))).mapping
    labels = fitted.denormalize({"tags": ("short", "x" * 40)}, {}).body["fields"]["labels"]
    assert max(map(len, labels)) == 30


def test_a_needed_field_that_the_tool_cannot_be_told_is_left_out_and_what_needs_it_is_tried(
    servicenow: Mapping,
) -> None:
    """Whether the tool takes a state without its code, it says itself."""
    fitted = fit(servicenow, facts(choices("close_code", "Gelöst"))).mapping
    answer = fitted.denormalize({"status": "resolved"}, {"close_code": "fixed", "close_notes": "Restarted."})
    assert answer.body == {"state": "6", "close_notes": "Restarted."}
    (left,) = answer.left_out
    assert left.field == "close_code"
    assert "is only Gelöst" in left.sentence
