"""What a mapping answers: absent, empty and unknown are three things, and nothing is ever guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tieline.core.errors import ConfigError
from tieline.mappings import Mapping, Policy, PolicyKind, check, load, shipped

ADA = {"person-1": "ada@example.org"}


@pytest.fixture(scope="module")
def jira() -> Mapping:
    return load("jira-issue")


@pytest.fixture(scope="module")
def memory() -> Mapping:
    return load("memory-incident")


def acme(tmp_path: Path, fields: str, rest: str = "") -> Mapping:
    file = tmp_path / "acme.yaml"
    file.write_text(f"tool: acme\nrecord: incident\nfields:\n{fields}{rest}", "utf-8")
    return load(file)


def test_a_missing_key_is_not_known_and_null_is_known_to_be_empty(jira: Mapping) -> None:
    assert jira.normalize({"fields": {"assignee": None}}).fields == {"assignee": None}
    assert jira.normalize({"fields": {}}).fields == {}
    assert jira.normalize({}).fields == {}


def test_a_value_without_a_word_is_absent_and_told(jira: Mapping) -> None:
    answer = jira.normalize({"fields": {"priority": {"name": "Blocker"}}})

    assert answer.fields == {}
    assert [(one.field, one.value) for one in answer.unmapped] == [("priority", "Blocker")]
    assert "Blocker" in answer.unmapped[0].sentence


def test_a_body_of_an_unexpected_shape_is_told_and_never_raises(jira: Mapping) -> None:
    answer = jira.normalize(
        {"fields": {"summary": ["x"], "status": "Done", "labels": "a", "created": {"x": 1}, "assignee": 5}}
    )

    assert answer.fields == {}
    assert {one.field for one in answer.unmapped} == {"title", "tags", "opened_at"}


def test_a_person_whose_address_is_hidden_is_not_known(jira: Mapping) -> None:
    answer = jira.normalize({"fields": {"assignee": {"accountId": "5b10"}}}, {})

    assert answer.fields == {}
    assert answer.unmapped[0].field == "assignee"


def test_a_person_without_an_account_is_left_out_and_clears_nobody(jira: Mapping) -> None:
    answer = jira.denormalize({"assignee": "grace@example.org"}, {}, {})

    assert answer.body == {}
    assert answer.written == {}
    assert "grace@example.org" in answer.left_out[0].sentence
    assert jira.project({"assignee": "grace@example.org"}, {}) == {}


def test_none_clears(jira: Mapping) -> None:
    answer = jira.denormalize({"assignee": None, "description": None, "tags": None}, {})

    assert answer.body == {"fields": {"assignee": {"accountId": None}, "description": None, "labels": []}}
    assert answer.written == {"assignee": None, "description": None, "tags": ()}


def test_a_title_and_a_status_are_never_cleared(jira: Mapping) -> None:
    answer = jira.denormalize({"title": None, "status": None}, {})

    assert answer.body == {}
    assert {one.field for one in answer.left_out} == {"title", "status"}


def test_a_new_record_is_not_told_what_is_empty(jira: Mapping) -> None:
    fields = {"title": "Disk full", "assignee": None, "tags": ()}

    assert jira.denormalize(fields, fields, creating=True).body == {"fields": {"summary": "Disk full"}}


def test_the_people_that_a_write_needs_are_named(memory: Mapping) -> None:
    fields = {"assignee": "ada@example.org", "reporter": None, "title": "grace@example.org"}

    assert memory.people_in(fields) == {"ada@example.org"}


def test_a_field_that_the_mapping_does_not_carry_is_passed_over(jira: Mapping) -> None:
    answer = jira.denormalize({"tlp": "red", "opened_at": "2026-11-23T07:01:13.340000Z"}, {})

    assert (answer.body, answer.left_out) == ({}, ())


def test_a_needed_field_without_a_value_keeps_the_whole_change_back(tmp_path: Path) -> None:
    mapping = acme(
        tmp_path,
        "  title: {from: name}\n  close_code: {from: code}\n  close_notes: {from: notes}\n"
        "  impact:\n    from: impact\n    values: {high: H, medium: M, low: L}\n"
        "    needs: {high: [close_code, close_notes]}\n",
    )
    answer = mapping.denormalize({"impact": "high", "title": "x"}, {"close_code": "fixed"})

    assert answer.body == {"name": "x"}
    assert "close_notes" in answer.left_out[0].sentence


def test_constants_of_the_mapping_are_not_shared_with_the_bodies_it_makes(tmp_path: Path) -> None:
    mapping = acme(tmp_path, "  title: {from: name, with: {kind: {a: [1]}}}\n", "create: {labels: [new]}\n")
    first = mapping.denormalize({"title": "x"}, {}, creating=True).body
    first["labels"].append("spoilt")
    first["kind"]["a"].append(2)

    assert mapping.denormalize({"title": "x"}, {}, creating=True).body == {
        "name": "x",
        "kind": {"a": [1]},
        "labels": ["new"],
    }


def test_a_time_is_compared_in_the_precision_of_the_tool(tmp_path: Path) -> None:
    mapping = acme(tmp_path, "  opened_at: {from: opened, format: naive_utc}\n")

    assert mapping.denormalize({"opened_at": "2026-11-23T07:01:13.987654Z"}, {}).body == {
        "opened": "2026-11-23 07:01:13"
    }
    assert mapping.project({"opened_at": "2026-11-23T07:01:13.987654Z"}) == {"opened_at": "2026-11-23T07:01:13.000000Z"}


def test_tags_of_a_tool_without_spaces_or_lists_come_back_as_they_were_projected(tmp_path: Path) -> None:
    mapping = acme(tmp_path, "  tags: {from: labels, separator: ',', spaces: '-'}\n")
    projected = mapping.project({"tags": ("two words", "a,b")})

    assert projected == {"tags": ("a-b", "two-words")}
    assert mapping.denormalize(projected, {}).body == {"labels": "a-b,two-words"}
    assert mapping.normalize({"labels": "a-b,two-words"}).fields == projected


def test_a_text_longer_than_its_limit_is_not_written_back_cut(tmp_path: Path) -> None:
    """The tool turned out to hold more than the mapping allows: what it holds must stay as it is."""
    mapping = acme(tmp_path, "  title: {from: name, limit: 40}\n  description: {from: text, limit: 1000}\n")
    read = mapping.normalize({"name": "word " * 30, "text": "A sentence of words. " * 200}).fields

    assert mapping.project(read) == read


def test_an_overlay_changes_single_keys_and_can_take_a_field_out(tmp_path: Path) -> None:
    overlay = tmp_path / "mine.yaml"
    overlay.write_text(
        "fields:\n"
        "  category: null\n"
        "  tags: {from: u_tags, separator: ','}\n"
        "  status: {values: {on_hold: '-5'}, read_also: {on_hold: ['3']}}\n"
        "policy: {status: 'owner:snow-prod', tags: union}\n"
        "examples:\n  - {body: {state: '3', u_tags: 'b,a'}, fields: {status: on_hold, tags: [a, b]}}\n",
        "utf-8",
    )
    mapping = load("servicenow-incident", overlay)

    assert "category" not in mapping.readable
    assert mapping.policies["status"] == Policy(PolicyKind.OWNER, "snow-prod")
    assert mapping.policies["title"] == Policy(PolicyKind.LATEST)
    assert mapping.denormalize({"status": "on_hold", "tags": ("a", "b")}, {}).body == {
        "state": "-5",
        "hold_reason": "4",
        "u_tags": "a,b",
    }
    assert mapping.digest != load("servicenow-incident").digest


def test_a_text_is_proved_once_and_what_was_written_anew_is_read(tmp_path: Path) -> None:
    own, overlay = tmp_path / "own.yaml", tmp_path / "overlay.yaml"
    own.write_bytes(shipped()["memory-incident"].read_bytes())
    overlay.write_text("fields: {title: {limit: 20}}\n", "utf-8")
    before = load(own, overlay)

    assert load(own) is load(own)
    assert load(own, overlay) is before
    assert load(own) is not before

    overlay.write_text("fields: {title: {limit: 30}}\n", "utf-8")
    assert load(own, overlay).digest != before.digest
    own.write_text(own.read_text("utf-8") + "\nnonsense: 1\n", "utf-8")
    with pytest.raises(ConfigError):
        load(own, overlay)


def test_a_problem_of_an_overlay_is_reported_in_the_overlay(tmp_path: Path) -> None:
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("fields:\n  title:\n    limit: 3\n", "utf-8")

    assert [(one.file, one.line, one.code) for one in check("servicenow-incident", overlay)] == [
        (str(overlay), 3, "MAP011")
    ]


def test_a_map_that_could_oscillate_does_not_load(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="MAP016"):
        acme(
            tmp_path,
            "  status:\n    from: state\n    values: {new: open}\n    read_also: {closed: [shut]}\n"
            "    write_also: {closed: open}\n    cannot: [in_progress, on_hold, resolved, cancelled]\n",
        )


def test_the_digest_follows_what_acts_and_not_what_explains(tmp_path: Path) -> None:
    plain = acme(tmp_path, "  title: {from: name}\n").digest

    assert acme(tmp_path, "  title: {from: name}\n", "about: words\n").digest == plain
    assert acme(tmp_path, "  title: {from: named}\n").digest != plain


def test_a_time_finer_than_the_format_is_not_written_back_coarser(tmp_path: Path) -> None:
    mapping = acme(tmp_path, "  opened_at: {from: opened, format: naive_utc}\n")
    read = mapping.normalize({"opened": "2026-11-23 07:01:13.5"}).fields

    assert read == mapping.project(read) == {"opened_at": "2026-11-23T07:01:13.000000Z"}


def test_tags_that_the_tool_should_not_have_are_read_as_they_would_be_written(tmp_path: Path) -> None:
    mapping = acme(tmp_path, "  tags: {from: labels, spaces: '-'}\n")
    read = mapping.normalize({"labels": ["two words", "b"]}).fields

    assert read == mapping.project(read) == {"tags": ("b", "two-words")}


def test_a_value_that_can_be_read_and_not_be_written_is_not_projected(tmp_path: Path) -> None:
    mapping = acme(
        tmp_path,
        "  impact:\n    from: shown\n    values: {high: H, medium: M, low: L}\n"
        "    write: {high: {a: 1, b: 1}, medium: {a: 2, b: 2}}\n    cannot: [low]\n",
        "computed:\n  shown: {from: [a, b], table: {1: {1: H}, 2: {2: M}}, source: the vendor's manual}\n",
    )

    assert mapping.normalize({"shown": "L"}).fields == {"impact": "low"}
    assert mapping.project({"impact": "low"}) == {}
    assert mapping.denormalize({"impact": "medium"}, {}).body == {"a": 2, "b": 2}
    assert [one.field for one in mapping.denormalize({"impact": "low"}, {}).left_out] == ["impact"]


def test_a_word_is_read_in_upper_and_lower_case_where_the_tool_takes_both(jira: Mapping, memory: Mapping) -> None:
    assert jira.normalize({"fields": {"priority": {"name": "HIGHEST"}}}).fields == {"priority": "p1"}
    assert [one.field for one in memory.normalize({"priority": "P1"}).unmapped] == ["priority"]


def test_a_tool_that_keeps_lower_case_is_told_and_compared_so(tmp_path: Path) -> None:
    mapping = acme(tmp_path, "  tags: {from: labels, case: lower}\n  team: {from: group, case: upper}\n")
    projected = mapping.project({"tags": ("DB", "db", "Zürich"), "team": "Straße"})

    assert projected == {"tags": ("db", "zürich"), "team": "STRASSE"}
    assert mapping.denormalize({"tags": ("DB",), "team": "ops"}, {}).body == {"labels": ["db"], "group": "OPS"}
    assert mapping.normalize({"labels": ["DB"], "group": None}).fields == {"tags": ("db",), "team": None}


def test_a_refused_value_leaves_the_body_alone(tmp_path: Path) -> None:
    mapping = acme(
        tmp_path,
        "  impact:\n    from: impact\n    values: {high: H, medium: M}\n    cannot: [low]\n"
        "    write: {high: {impact: H}, medium: {impact: M}}\n",
    )
    body: dict[str, object] = {"impact": "there"}
    mapping.writers["impact"].write_into(body, "low", {}, "")

    assert body == {"impact": "there"}
