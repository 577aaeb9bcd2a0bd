"""What was read as one block goes back to the pieces that it was read from."""

from __future__ import annotations

import pytest

from tieline.mappings.convert.rich import Blocks, Items, Paragraph, Quote, Run
from tieline.mappings.convert.sharing import shared


def said(words: str) -> Paragraph:
    return Paragraph((Run(words),))


def listed(*words: str, start: int = 0) -> Items:
    return Items(bool(start), start or 1, tuple((said(one),) for one in words))


ONE, TWO = (listed("a", "b"),), (listed("c"), said("below"))


@pytest.mark.parametrize(
    ("now", "first", "second"),
    [
        ((listed("a", "b", "c"), said("below")), ONE, TWO),
        ((listed("a", "b", "c", "d"), said("below")), ONE, (listed("c", "d"), said("below"))),
        ((listed("a", "b", "new", "c"), said("below")), (listed("a", "b", "new"),), TWO),
        ((listed("a", "other", "c"), said("below")), (listed("a", "other"),), TWO),
        ((listed("a", "b", "c"), said("below, more")), ONE, (listed("c"), said("below, more"))),
        ((listed("c"), said("below")), (), TWO),
        ((said("above"), listed("a", "b", "c"), said("below")), (said("above"), *ONE), TWO),
    ],
)
def test_each_piece_gets_its_own_entries_back(now: Blocks, first: Blocks, second: Blocks) -> None:
    assert shared([ONE, TWO], now) == [first, second]


def test_a_numbered_list_keeps_the_number_it_begins_with() -> None:
    pieces: list[Blocks] = [(listed("a", start=3),), (listed("b", start=7),)]

    assert shared(pieces, (listed("a", "b", "c", start=3),)) == [pieces[0], (listed("b", "c", start=7),)]


def test_quotations_are_gone_into() -> None:
    pieces: list[Blocks] = [(Quote((said("a"), listed("x"))),), (Quote((listed("y"),)),)]

    now = (Quote((said("a"), listed("x", "y", "z"))),)

    assert shared(pieces, now) == [pieces[0], (Quote((listed("y", "z"),)),)]


def test_a_piece_that_shows_nothing_gets_nothing() -> None:
    assert shared([(), ONE], (listed("a", "b", "c"),)) == [(), (listed("a", "b", "c"),)]


@pytest.mark.parametrize(
    ("pieces", "now", "expected"),
    [
        pytest.param(
            [(listed("a"),), (said("b"),)],
            (said("x"), said("b")),
            [(said("x"),), (said("b"),)],
            id="what became something else stays in its place",
        ),
        pytest.param(
            [(said("a"),), (said("b"),)],
            (said("x"), said("a"), said("b")),
            [(said("x"), said("a")), (said("b"),)],
            id="what is new in front of everything stands with the first",
        ),
        pytest.param(
            [(listed("a"), listed("b", start=2)), (listed("c"),)],
            (listed("a"), listed("b", start=2), listed("c")),
            [(listed("a"), listed("b", start=2)), (listed("c"),)],
            id="lists of two kinds stand apart",
        ),
        pytest.param(
            [(listed("a", start=3),), (listed("b"),)],
            (listed("a", start=3), listed("b", "c")),
            [(listed("a", start=3),), (listed("b", "c"),)],
            id="only a numbered list has a number",
        ),
        pytest.param(
            [(said("a"),)],
            (listed("x", start=5),),
            [(listed("x", start=1),)],
            id="a new list begins with one",
        ),
        pytest.param(
            [(Quote((listed("a", start=4),)), listed("b", start=9))],
            (Quote((listed("a", "x", start=4),)), listed("b", start=9)),
            [(Quote((listed("a", "x", start=4),)), listed("b", start=9))],
            id="the number of a list in a quotation",
        ),
        pytest.param(
            [(said("a"), said("b"), said("c")), (said("d"),)],
            (said("x"), said("y"), said("z"), said("d")),
            [(said("x"), said("y"), said("z")), (said("d"),)],
            id="each that changed stands where it stood",
        ),
        pytest.param(
            [(said("a"),), (said("b"),), (said("c"),)],
            (said("x"), said("y"), said("z")),
            [(said("x"),), (said("y"),), (said("z"),)],
            id="all that changed go to their own pieces",
        ),
        pytest.param(
            [(said("a"),), (said("b"),)],
            (said("a"), said("x"), said("y"), said("b")),
            [(said("a"), said("x"), said("y")), (said("b"),)],
            id="what is new stands with the piece before it",
        ),
        pytest.param(
            [tuple(said("same") for _ in range(201)), (said("last"),)],
            (*(said("same") for _ in range(201)), said("last, changed")),
            [tuple(said("same") for _ in range(201)), (said("last, changed"),)],
            id="however often a block comes",
        ),
        pytest.param(
            [(said("first"),), tuple(said("same") for _ in range(201))],
            (said("first"), said("new"), *(said("same") for _ in range(201))),
            [(said("first"), said("new")), tuple(said("same") for _ in range(201))],
            id="however often a block comes behind what is new",
        ),
    ],
)
def test_each_piece_keeps_what_is_its_own(pieces: list[Blocks], now: Blocks, expected: list[Blocks]) -> None:
    assert shared(pieces, now) == expected
