"""Whoever proves the journal whole learns of which entries only what is left stands there, and by whose word."""

from __future__ import annotations

from tieline.cli.audit import named, replaced_lines
from tieline.core.journal import Replaced


def test_what_was_replaced_is_told_by_the_entry_that_says_so() -> None:
    found = [Replaced(3, 9, "dpo", is_opened=True), Replaced(5, 12, "eve", is_opened=False)]
    assert list(replaced_lines(found)) == [
        "entry 9, by dpo, replaced what these said by what is left of it: 3",
        "entry 12, by eve, replaced what these said by what is left of it: 5",
        "  no key at hand opens what is left of these, so only that entry vouches for it: 5",
    ]


def test_numbers_are_told_in_runs_and_of_many_how_many_more_there_are() -> None:
    assert named([1, 2, 3, 5, 8, 9]) == "1 to 3, 5, 8 to 9"
    assert named(range(1, 61, 2)).endswith("37, 39 and 10 more")
