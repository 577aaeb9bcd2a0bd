"""Words of marked text change, and the marks of those that stay are kept."""

from __future__ import annotations

import pytest

from tieline.mappings.convert.rich import PLAIN, Mark, Run, Runs, spoken
from tieline.mappings.convert.wording import reworded, steps

STRONG = frozenset({Mark.STRONG})
EM = frozenset({Mark.EM})
DOCS = "https://docs.example.org"

STEPS = [
    ("a b", "a b", [("equal", 0, 3, 0, 3)]),
    ("", "x", [("insert", 0, 0, 0, 1)]),
    ("x", "", [("delete", 0, 1, 0, 0)]),
    ("", "", []),
    ("disk full", "disk is full", [("equal", 0, 5, 0, 5), ("insert", 5, 5, 5, 8), ("equal", 5, 9, 8, 12)]),
    ("disk full", "disk full now", [("equal", 0, 9, 0, 9), ("insert", 9, 9, 9, 13)]),
    # A word is changed whole.
    ("diskette", "disk", [("replace", 0, 8, 0, 4)]),
    ("ab", "abab", [("replace", 0, 2, 0, 4)]),
    ("one two", "one tree", [("equal", 0, 4, 0, 4), ("replace", 4, 7, 4, 8)]),
    ("db1 down", "db2 down", [("replace", 0, 3, 0, 3), ("equal", 3, 8, 3, 8)]),
    ("a-b", "a-c", [("equal", 0, 2, 0, 2), ("replace", 2, 3, 2, 3)]),
    ("x y z", "x q z", [("equal", 0, 2, 0, 2), ("replace", 2, 3, 2, 3), ("equal", 3, 5, 3, 5)]),
    (
        "x b c y",
        "p q b s c z",
        [
            ("replace", 0, 1, 0, 3),
            ("equal", 1, 4, 3, 6),
            ("insert", 4, 4, 6, 8),
            ("equal", 4, 6, 8, 10),
            ("replace", 6, 7, 10, 11),
        ],
    ),
    ("a a", "a a a", [("equal", 0, 3, 0, 3), ("insert", 3, 3, 3, 5)]),
    ("a a a", "a a", [("equal", 0, 3, 0, 3), ("delete", 3, 5, 3, 3)]),
    # However often a word comes.
    (
        f"X{' a' * 150} Y",
        f"P{' a' * 150} Q",
        [("replace", 0, 1, 0, 1), ("equal", 1, 302, 1, 302), ("replace", 302, 303, 302, 303)],
    ),
    ("aa bb aa", "aa bb bb aa", [("equal", 0, 6, 0, 6), ("insert", 6, 6, 6, 9), ("equal", 6, 8, 9, 11)]),
]


@pytest.mark.parametrize(("before", "after", "expected"), STEPS)
def test_one_text_becomes_the_other_by_whole_words(
    before: str, after: str, expected: list[tuple[str, int, int, int, int]]
) -> None:
    assert steps(before, after) == expected


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("pairs", "by_words"), [(4_999, True), (5_000, False)])
def test_what_is_too_long_is_not_compared_word_by_word(pairs: int, by_words: bool, turned: bool) -> None:
    """`a b ` is four letters, and one of all those words is there before and after."""
    long, short = f"k {'a b ' * pairs}c k", "k d b e k"
    found = steps(short, long) if turned else steps(long, short)
    whole = (2, 7, 2, 4 * pairs + 3) if turned else (2, 4 * pairs + 3, 2, 7)
    assert (found[1] == ("replace", *whole)) is not by_words
    assert (len(found) == 3) is not by_words


@pytest.mark.parametrize(
    ("rich", "shown", "edited", "after"),
    [
        pytest.param((Run("a b", STRONG),), (Run("x"),), (Run("y"),), None, id="they do not belong together"),
        pytest.param((Run("a", STRONG),), (Run("a"),), (Run("a"),), (Run("a", STRONG),), id="untouched"),
        pytest.param(
            (Run("disk ", PLAIN), Run("full", STRONG)),
            (Run("disk full"),),
            (Run("disk is full"),),
            (Run("disk "), Run("is "), Run("full", STRONG)),
            id="a word that is added takes no mark away",
        ),
        pytest.param(
            (Run("disk full", STRONG),),
            (Run("disk full"),),
            (Run("disk empty"),),
            (Run("disk ", STRONG), Run("empty")),
            id="a word that changes has its own marks",
        ),
        pytest.param(
            (Run("disk full", STRONG),),
            (Run("disk full"),),
            (Run("disk "), Run("full", EM)),
            (Run("disk ", STRONG), Run("full", EM)),
            id="a mark that the edit sets",
        ),
        pytest.param(
            (Run("disk "), Run("full", STRONG)),
            (Run("disk "), Run("full", STRONG)),
            (Run("disk full"),),
            (Run("disk "), Run("full")),
            id="a mark that the edit takes away",
        ),
        pytest.param(
            (Run("see "), Run("docs", PLAIN, DOCS)),
            (Run(f"see docs ({DOCS})"),),
            (Run(f"do see docs ({DOCS})"),),
            (Run("do "), Run("see "), Run("docs", PLAIN, DOCS)),
            id="a link stays where its words stay",
        ),
        pytest.param(
            (Run("docs", STRONG, DOCS),),
            (Run(f"docs ({DOCS})"),),
            (Run(f"wiki ({DOCS})"),),
            (Run("wiki"), Run(f" ({DOCS})", STRONG)),
            id="a link of which a word changes is none",
        ),
        pytest.param(
            (Run("a", STRONG), Run(" b")),
            (Run("a b"),),
            (Run("a b", PLAIN, DOCS),),
            (Run("a b", PLAIN, DOCS),),
            id="a link that the edit sets",
        ),
    ],
)
def test_the_marks_of_words_that_stay_are_kept(rich: Runs, shown: Runs, edited: Runs, after: Runs | None) -> None:
    found = reworded(rich, shown, edited)
    assert found == after
    assert found is None or spoken(found) == spoken(edited)
