"""What two people changed in different items of a list, blocks of a quotation or rows of a table stands together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.mappings.convert import markdown
from tieline.mappings.convert.joining import joined

NESTED = "- a\n  - x\n  - y\n- b"
TABLE = "| h | i |\n| --- | --- |\n| a | b |\n| c | d |"


def both(base: str, ours: str, theirs: str, *, prefer_theirs: bool = True) -> tuple[str, bool]:
    found = joined(*map(markdown.parse, (base, ours, theirs)), prefer_theirs=prefer_theirs)
    return markdown.settled(found.blocks)[1], found.clashed


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "now"),
    [
        pytest.param("- a\n- b\n- c", "- A\n- b\n- c", "- a\n- b\n- C", "- A\n- b\n- C", id="two items"),
        pytest.param("- a\n- b", "- A\n- b", "- a\n- B", "- A\n- B", id="items beside each other"),
        pytest.param("- a\n- b", "- A\n- b", "- a\n- b\n- c", "- A\n- b\n- c", id="one more item"),
        pytest.param("- a\n- b\n- c", "- b\n- c", "- a\n- b\n- C", "- b\n- C", id="one item less"),
        pytest.param("1. a\n2. b", "1. A\n2. b", "1. a\n2. B", "1. A\n2. B", id="numbers"),
        pytest.param(
            NESTED, "- a\n  - X\n  - y\n- b", "- a\n  - x\n  - Y\n- b", "- a\n  - X\n  - Y\n- b", id="inside an item"
        ),
        pytest.param(
            NESTED, "- A\n  - x\n  - y\n- b", "- a\n  - x\n  - Y\n- b", "- A\n  - x\n  - Y\n- b", id="item and list"
        ),
        pytest.param("> a\n>\n> b", "> A\n>\n> b", "> a\n>\n> B", "> A\n>\n> B", id="a quotation"),
        pytest.param("> - a\n> - b", "> - A\n> - b", "> - a\n> - B", "> - A\n> - B", id="a list in a quotation"),
        pytest.param(
            TABLE,
            TABLE.replace("a", "A"),
            TABLE.replace("d", "D"),
            TABLE.replace("a", "A").replace("d", "D"),
            id="rows",
        ),
        pytest.param(
            TABLE, TABLE.replace("c", "C"), TABLE.replace("d", "D"), TABLE.replace("c | d", "C | D"), id="a row"
        ),
        pytest.param("x\n\n- a\n- b", "X\n\n- A\n- b", "x\n\n- a\n- B", "X\n\n- A\n- B", id="beside another block"),
    ],
)
def test_changes_of_different_parts_stand_together(base: str, ours: str, theirs: str, now: str) -> None:
    assert both(base, ours, theirs) == (now, False)
    assert both(base, theirs, ours) == (now, False)


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "mine", "yours"),
    [
        pytest.param("- a\n- b", "- A\n- b", "- Z\n- B", "- A\n- B", "- Z\n- B", id="one item of both"),
        pytest.param(
            TABLE,
            TABLE.replace("c", "C"),
            TABLE.replace("c | d", "X | D"),
            TABLE.replace("c | d", "C | D"),
            TABLE.replace("c | d", "X | D"),
            id="one cell of both",
        ),
        pytest.param("- a\n- b", "1. A\n2. b", "- a\n- B", "1. A\n2. b", "- a\n- B", id="another kind of list"),
        pytest.param("- a", "A", "- B", "A", "- B", id="no list any more"),
        pytest.param("- a\n\nx", "- A\n\nX", "- B\n\nY", "- A\n\nX", "- B\n\nY", id="beside what has no parts"),
    ],
)
def test_of_what_both_changed_one_version_stands(base: str, ours: str, theirs: str, mine: str, yours: str) -> None:
    assert both(base, ours, theirs, prefer_theirs=False) == (mine, True)
    assert both(base, ours, theirs, prefer_theirs=True) == (yours, True)


ITEM = st.sampled_from(["a", "b", "c", "d", "e"])
LIST = st.lists(ITEM, min_size=1, max_size=5).map(lambda items: "\n".join(f"- {item}" for item in items))


@given(LIST, LIST)
def test_a_side_that_changed_nothing_gives_way(base: str, changed: str) -> None:
    assert both(base, base, changed) == (changed, False)
    assert both(base, changed, base) == (changed, False)
    assert both(base, changed, changed) == (changed, False)


@given(LIST, LIST, LIST)
def test_what_either_side_wrote_anew_stands_unless_they_clash(base: str, ours: str, theirs: str) -> None:
    merged, clashed = both(base, ours, theirs)
    if not clashed:
        news = {*ours.split("\n"), *theirs.split("\n")} - {*base.split("\n")}
        assert news <= {*merged.split("\n")}
