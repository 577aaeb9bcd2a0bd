"""What people see as one character is never parted by a cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.letters import beginning, whole_letters
from tieline.mappings.convert.lines import cut_units, fit_line

FAMILY = "👩‍👩‍👧‍👦"
FLAG = "🇩🇪"
ACCENTED = "e\u0301\u0302"
THUMB = "👍🏽"


@pytest.mark.parametrize("letter", [FAMILY, FLAG, ACCENTED, THUMB])
def test_a_cut_falls_before_a_character_that_does_not_fit_whole(letter: str) -> None:
    for size in range(3, 3 + len(letter)):
        assert beginning(f"ab {letter}", size) == "ab "
    assert beginning(f"ab {letter}x", 3 + len(letter)) == f"ab {letter}"


def test_flags_are_counted_in_pairs_however_many_there_are() -> None:
    assert beginning(FLAG * 200, 301) == FLAG * 150


def test_a_title_is_cut_between_characters() -> None:
    assert fit_line("x" * 8 + FAMILY * 3, 10 + 11) == "x" * 8 + FAMILY + "…"
    assert cut_units(FLAG * 10, 5) == FLAG


def test_a_first_character_longer_than_the_limit_is_parted() -> None:
    assert beginning("e" + "\u0301" * 50, 10) == "e" + "\u0301" * 9


letters = st.sampled_from(["a", " ", "\n", FAMILY, FLAG, ACCENTED, THUMB, "🔥"])


@given(st.lists(letters, max_size=20).map("".join), st.integers(0, 80))
def test_what_is_cut_off_begins_with_a_character_of_its_own(text: str, size: int) -> None:
    end = whole_letters(text, size)
    rest = text[end:]

    assert end <= size
    assert end < len(FAMILY) or not rest.startswith(("\u200d", "\u0301", "\u0302", "🏽"))
