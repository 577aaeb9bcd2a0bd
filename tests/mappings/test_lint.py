"""Every code has one bad file, named after the fault, that says where the fault is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tieline.mappings
from tieline.core.errors import ConfigError
from tieline.mappings import check, load
from tieline.mappings.codes import CODES

GOLDEN = Path(__file__).parents[1] / "golden"
BAD_FILES = sorted((GOLDEN / "mappings").glob("*.yaml"))
BAD_OVERLAYS = sorted((GOLDEN / "overlays").glob("*.yaml"))


def expected(path: Path) -> str:
    found = re.match(r"# expect: (\d+:\d+) (MAP\d{3})", path.read_text("utf-8"))
    assert found, f"{path.name} does not say what is wrong with it"
    return f"{path}:{found[1]}: {found[2]}"


@pytest.mark.parametrize("path", BAD_FILES, ids=lambda path: path.stem)
def test_a_bad_file_is_refused_at_the_place_of_its_one_fault(path: Path) -> None:
    problems = check(path)

    assert [f"{one.file}:{one.line}:{one.column}: {one.code}" for one in problems] == [expected(path)]
    assert problems[0].what.endswith(".")
    assert problems[0].fix


@pytest.mark.parametrize("path", BAD_OVERLAYS, ids=lambda path: path.stem)
def test_a_bad_overlay_is_refused_in_its_own_lines_and_never_in_those_of_the_package(path: Path) -> None:
    text = path.read_text("utf-8")
    wanted = [f"{path}:{place}: {code}" for place, code in re.findall(r"# expect: (\d+:\d+) (MAP\d{3})", text)]
    base = re.findall(r"# over: (\S+)", text)[0]

    problems = check(base, path)

    assert [f"{one.file}:{one.line}:{one.column}: {one.code}" for one in problems] == wanted
    assert all(one.what.endswith(".") and one.fix for one in problems)


def test_every_code_has_a_bad_file() -> None:
    shown = {expected(path).rsplit(" ", 1)[1] for path in BAD_FILES}

    assert shown == set(CODES) - {"MAP000"}


def test_every_code_in_the_source_is_explained_and_none_is_left_over() -> None:
    folder = Path(tieline.mappings.__file__).parent
    used = {code for path in folder.glob("*.py") if path.name != "codes.py" for code in code_words(path)}

    assert used == set(CODES)


def code_words(path: Path) -> set[str]:
    return set(re.findall(r'"(MAP\d{3})"', path.read_text("utf-8")))


def test_all_problems_of_a_file_come_at_once(tmp_path: Path) -> None:
    file = tmp_path / "acme.yaml"
    file.write_text(
        "tool: acme\nrecord: incident\nfields:\n"
        "  title: {from: name, limt: 5}\n  titel: {from: name}\n  team: {from: a..b}\n"
        "policy: {title: newest}\n",
        "utf-8",
    )

    assert [(one.line, one.code) for one in check(file)] == [
        (4, "MAP001"),
        (5, "MAP007"),
        (6, "MAP009"),
        (7, "MAP012"),
    ]


def test_an_unknown_name_is_answered_with_the_nearest_known_one() -> None:
    with pytest.raises(ConfigError, match="did you mean `servicenow-incident`"):
        load("servicenow-incidents")


def test_a_missing_file_is_a_problem_and_not_a_crash(tmp_path: Path) -> None:
    assert [one.code for one in check(tmp_path / "none.yaml")] == ["MAP000"]


def test_a_field_that_two_values_of_one_type_could_confuse_is_kept_apart(tmp_path: Path) -> None:
    """1, 1.0 and True are equal in Python and three values in JSON."""
    file = tmp_path / "acme.yaml"
    file.write_text(
        "tool: acme\nrecord: incident\nfields:\n  impact: {from: impact, values: {high: 1, medium: true, low: '1'}}\n",
        "utf-8",
    )
    mapping = load(file)

    assert [mapping.normalize({"impact": raw}).fields.get("impact") for raw in (1, True, "1", 1.5)] == [
        "high",
        "medium",
        "low",
        None,
    ]
