"""What a tool makes of a write, and that every write is proved through it."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from tieline.core.model import ABSENT
from tieline.core.yaml import load_yaml
from tieline.mappings import check, explain, load
from tieline.mappings.computed import computed_places, inputs_for, settled
from tieline.mappings.document import Computed
from tieline.mappings.shape import Shape

MATRIX = {"11": "1", "12": "2", "21": "2", "13": "3", "22": "3", "31": "3", "23": "4", "32": "4", "33": "5"}


def entries_of(text: str) -> tuple[Computed, ...]:
    shape = Shape()
    found = tuple(computed_places(load_yaml(text, "acme.yaml"), shape))
    assert not shape.problems
    return found


@pytest.mark.parametrize(("impact", "urgency"), list(product("123", "123")))
def test_a_priority_loads_exactly_when_the_tool_computes_it_from_what_is_written(
    tmp_path: Path, impact: str, urgency: str
) -> None:
    overlay = tmp_path / "mine.yaml"
    overlay.write_text(
        f"fields:\n  priority:\n    write:\n      p3: {{impact: '{impact}', urgency: '{urgency}'}}\n", "utf-8"
    )
    problems = check("servicenow-incident", overlay)

    assert bool(problems) is (MATRIX[impact + urgency] != "3")
    assert {(one.file, one.line, one.code) for one in problems} <= {(str(overlay), 4, "MAP026")}


def test_the_shipped_table_is_the_one_that_servicenow_ships() -> None:
    (entry,) = load("servicenow-incident").document.computed

    for pair, priority in MATRIX.items():
        assert settled({}, {("impact",): pair[0], ("urgency",): pair[1]}, (entry,))["priority"] == priority


def test_the_finding_names_values_that_would_do(tmp_path: Path) -> None:
    overlay = tmp_path / "mine.yaml"
    overlay.write_text('fields: {priority: {write: {p4: {impact: "3", urgency: "3"}}}}\n', "utf-8")
    (problem,) = check("servicenow-incident", overlay)

    assert 'write {impact: "2", urgency: "3"}' in problem.fix


def test_an_instance_with_its_own_rules_says_so_in_the_overlay(tmp_path: Path) -> None:
    overlay = tmp_path / "mine.yaml"
    overlay.write_text(
        'fields: {priority: {write: {p1: {impact: "1", urgency: "2"}, p2: {impact: "1", urgency: "3"}}}}\n'
        'computed: {priority: {table: {"1": {"2": "1", "3": "2"}}}}\n',
        "utf-8",
    )

    assert check("servicenow-incident", overlay) == []


def test_an_instance_that_takes_the_priority_itself_says_so_in_the_overlay(tmp_path: Path) -> None:
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("fields: {priority: {write: null}}\ncomputed: {priority: null}\n", "utf-8")

    assert load("servicenow-incident", overlay).denormalize({"priority": "p1"}, {}).body == {"priority": "1"}


def test_a_place_follows_from_another_that_follows_from_a_third() -> None:
    computed = entries_of(
        "colour: {from: urgency.word, table: {high: red, low: green}, source: seen}\n"
        "urgency.word: {from: urgency.number, table: {1: high, 2: low}, source: seen}\n"
    )

    after = settled({"urgency": {"number": 2, "word": "low"}, "colour": "green"}, {("urgency", "number"): 1}, computed)
    assert after == {"urgency": {"number": 1, "word": "high"}, "colour": "red"}
    assert settled({}, {("urgency", "number"): 7}, computed)["colour"] is ABSENT


def test_what_the_tool_keeps_itself_and_what_stands_alone_is_not_taken() -> None:
    computed = entries_of(
        "opened: {source: seen}\nanswer: {only_beside: state, source: seen}\nowner.id: {from: owner, source: seen}\n"
    )

    assert settled({"opened": 1}, {("opened",): 2, ("answer",): "x"}, computed) == {"opened": 1}
    assert settled({}, {("state",): "done", ("answer",): "x"}, computed) == {"state": "done", "answer": "x"}
    assert settled({}, {("owner",): "ada"}, computed) == {"owner": {"id": "ada"}}


def test_a_field_that_follows_its_written_place_loads(tmp_path: Path) -> None:
    file = tmp_path / "acme.yaml"
    file.write_text(
        "tool: acme\nrecord: incident\nfields:\n  assignee: {from: owner.id, to: owner}\n"
        "computed:\n  owner.id: {from: owner, source: the vendor's manual}\n",
        "utf-8",
    )

    assert load(file).denormalize({"assignee": "ada@example.org"}, {}, {"ada@example.org": "7"}).body == {"owner": "7"}


def test_a_joined_field_loads_when_each_write_empties_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "acme.yaml"
    file.write_text(
        "tool: acme\nrecord: incident\nfields:\n"
        "  title: {from: [name, place], to: name, join: ', ', with: {place: null}}\n",
        "utf-8",
    )

    assert check(file) == []


def test_nothing_is_named_where_no_inputs_would_do() -> None:
    (entry,) = entries_of("colour: {from: urgency, table: {1: red}, source: seen}\n")

    assert inputs_for(entry, "red") == {"urgency": "1"}
    assert inputs_for(entry, "blue") == {}


def test_it_is_told_what_a_field_is_computed_from() -> None:
    (row,) = (one for one in explain(load("servicenow-incident")) if one.field == "priority")

    assert "computed from impact and urgency" in row.read


@pytest.mark.parametrize(
    ("words", "of"),
    [
        ("", {"impact", "urgency"}),
        ("fields: {impact: null}\n", set()),  # nobody sees whether the impact changed
        ("fields: {priority: {write: null}}\ncomputed: {priority: null}\n", set()),
    ],
)
def test_the_fields_that_show_what_another_is_computed_of(tmp_path: Path, words: str, of: set[str]) -> None:
    overlay = tmp_path / "mine.yaml"
    overlay.write_text(words, "utf-8")
    mapping = load("servicenow-incident", overlay if words else None)

    assert mapping.made_of("priority") == of
    assert mapping.made_of("title") == mapping.made_of("alerts") == frozenset()
