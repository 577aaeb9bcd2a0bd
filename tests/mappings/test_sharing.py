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
