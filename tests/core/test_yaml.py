"""Strict YAML: places, refusals, and bombs that fail before they go off."""

from __future__ import annotations

import pytest

from tieline.core.errors import ConfigError, Problem
from tieline.core.yaml import load_yaml


def problems(text: str | bytes) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load_yaml(text, "x.yaml")
    return list(caught.value.problems)


def codes(text: str | bytes) -> list[str]:
    return [problem.code for problem in problems(text)]


def test_every_value_and_every_key_has_its_place() -> None:
    root = load_yaml("a: 1\nb:\n  - x\n  - {c: true}\n", "x.yaml")
    assert isinstance(root.value, dict)
    b = root.value["b"]
    assert (root.value["a"].line, root.value["a"].column, root.value["a"].key_line) == (1, 4, 1)
    assert (b.key_line, b.key_column, b.line, b.column) == (2, 1, 3, 3)
    assert isinstance(b.value, list)
    assert isinstance(b.value[1].value, dict)
    c = b.value[1].value["c"]
    assert (c.line, c.column, c.key_line, c.key_column) == (4, 9, 4, 6)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("'12'", "12"),
        ('"true"', "true"),
        ("2026-11-23", "2026-11-23"),
        ("1.2.3", "1.2.3"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("12e4567", "12e4567"),
        ("1_000", "1_000"),
        ("10:30", "10:30"),
        ("é😀", "é😀"),
    ],
)
def test_plain_words_are_what_yaml_1_2_says(text: str, value: object) -> None:
    found = load_yaml(f"key: {text}", "x.yaml").plain()["key"]
    assert (found, type(found)) == (value, type(value))


def test_a_key_is_the_text_that_stands_there() -> None:
    assert load_yaml("{no: 1, 10: 2, true: 3, 1.50: 4}", "x.yaml").plain() == {"no": 1, "10": 2, "true": 3, "1.50": 4}


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert load_yaml("", "x.yaml").plain() == {}
    assert load_yaml(b"\xef\xbb\xbf# only a comment\n", "x.yaml").plain() == {}


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        (b"a: 1\nb: \xff\n", "YAML001", (2, 1)),
        ("a: " + "x" * 1024 * 1024, "YAML002", (1, 1)),
        ("a: [1, 2\nb: 3", "YAML003", (2, 2)),
        ("a: 1\n---\nb: 2\n", "YAML004", (2, 1)),
        ("a: " + "[" * 40 + "]" * 40, "YAML005", (1, 35)),
        ("? [a]\n: 1\n", "YAML006", (1, 3)),
        ("a: 1\n<<: {b: 2}\n", "YAML007", (2, 1)),
        ("a: 1\nb: 2\na: 3\n", "YAML008", (3, 1)),
        ("a: &x 1\nb: *x\n", "YAML009", (1, 4)),
        ("a: !!python/object:os.system x\n", "YAML010", (1, 4)),
    ],
)
def test_what_is_refused_is_refused_at_its_place(text: str | bytes, code: str, place: tuple[int, int]) -> None:
    first = problems(text)[0]
    assert (first.code, (first.line, first.column)) == (code, place)
    assert first.fix


def test_all_problems_of_a_file_come_at_once() -> None:
    assert codes("a: &x 1\nb: *x\na: 2\nc: !t 3\n") == ["YAML009", "YAML009", "YAML008", "YAML010"]


def test_a_bomb_is_refused_before_anything_is_expanded() -> None:
    aliases = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20))
    merges = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 25))
    assert set(codes(aliases)) == {"YAML009"}
    assert set(codes(merges)) == {"YAML007", "YAML009"}


def test_a_tower_of_brackets_is_refused_at_the_thirty_third() -> None:
    assert codes("[" * 500_000) == ["YAML005"]
    assert codes("a: " * 1 + "{b: " * 500 + "1" + "}" * 500) == ["YAML005"]


def test_a_tag_that_only_says_text_is_refused_too() -> None:
    assert codes("a: !!str 1\n") == ["YAML010"]


@pytest.mark.parametrize(
    "text", ["a: \x00", "\t- a", "a: 'open", "a: |\n b\n\te: 1", "%YAML x\n---\na", "a: \ud800", "a: [", "- a\nb: 1"]
)
def test_broken_text_is_a_problem_and_no_traceback(text: str) -> None:
    assert codes(text) == ["YAML003"]
