"""What two people changed in different blocks stands together. Each letter is a block."""

from __future__ import annotations

import pytest

from tieline.mappings.convert.threeway import Merged, merge

TOGETHER = [
    ("abc", "abc", "abc", "abc"),
    ("abc", "abc", "abd", "abd"),
    ("abc", "axc", "abc", "axc"),
    ("abc", "xbc", "abz", "xbz"),
    ("abc", "axc", "axc", "axc"),
    ("abc", "a", "abcd", "ad"),
    ("abc", "abXc", "ab", "abX"),
    ("abc", "abXc", "ac", "aXc"),
    ("abc", "aXbc", "ac", "aXc"),
    ("abc", "Xabc", "abcY", "XabcY"),
    ("abcd", "aXcd", "abYd", "aXYd"),
    ("abcdef", "aXdef", "abcdYf", "aXdYf"),
    ("abcdefgh", "XcdeYh", "abZfgh", "XZYh"),
    # Two insertions at one place stand one behind the other; what both begin with stands once.
    ("ab", "Xab", "Yab", "XYab"),
    ("abc", "abXc", "abYc", "abXYc"),
    ("abc", "abXYc", "abXZc", "abXYZc"),
    ("abc", "abXc", "abXc", "abXc"),
    ("ab", "aXb", "aXYb", "aXYb"),
    ("ab", "aXYb", "aXb", "aXYb"),
    ("", "X", "Y", "XY"),
]
APART = [
    ("abc", "axc", "ayc", "axc", "ayc"),
    ("abc", "ac", "aYc", "ac", "aYc"),
    ("abc", "aXc", "c", "aXc", "c"),
    ("abcd", "aXd", "abYd", "aXd", "abYd"),
    ("abcd", "abXcd", "aYd", "abXcd", "aYd"),
    ("abcdef", "aXf", "abYdZf", "aXf", "abYdZf"),
    ("abcdef", "aXYef", "abcZf", "aXYef", "abcZf"),
]


@pytest.mark.parametrize("prefer_theirs", [True, False])
@pytest.mark.parametrize(("base", "ours", "theirs", "both"), TOGETHER)
def test_changes_of_different_blocks_stand_together(
    base: str, ours: str, theirs: str, both: str, prefer_theirs: bool
) -> None:
    assert merge(base, ours, theirs, prefer_theirs=prefer_theirs) == Merged(tuple(both), clashed=False)


@pytest.mark.parametrize(("base", "ours", "theirs", "mine", "yours"), APART)
def test_of_one_block_that_both_changed_one_version_stands(
    base: str, ours: str, theirs: str, mine: str, yours: str
) -> None:
    assert merge(base, ours, theirs, prefer_theirs=False) == Merged(tuple(mine), clashed=True)
    assert merge(base, ours, theirs, prefer_theirs=True) == Merged(tuple(yours), clashed=True)
    assert merge(base, theirs, ours, prefer_theirs=True) == Merged(tuple(mine), clashed=True)
