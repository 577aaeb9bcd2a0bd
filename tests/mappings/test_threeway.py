"""What two people changed in different blocks stands together. Each letter is a block."""

from __future__ import annotations

from itertools import product

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
    # What is inserted in front of a block that the other side changed or took away stands there, on either side.
    ("abc", "ayc", "aXbc", "aXyc"),
    ("abc", "ac", "aXbc", "aXc"),
    ("abc", "ab", "abXc", "abX"),
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


def edits(side: str) -> list[tuple[str, ...]]:
    """Everything that one side can do to two blocks: keep, drop or change each, and insert in front of it or behind."""
    kinds = [("a", "b"), ("a",), ("b",), (), ("a", "?"), ("?", "b"), ("?",)]
    found = []
    for kept in kinds:
        for gaps in product((False, True), repeat=len(kept) + 1):
            blocks: list[str] = []
            for place, block in enumerate((*kept, "")):
                blocks += [f"{side}+{place}"] if gaps[place] else []
                blocks += [block.replace("?", f"{side}{place}")] if block else []
            found.append(tuple(blocks))
    return found


def test_what_one_side_took_away_or_changed_never_comes_back_whatever_the_other_did() -> None:
    base = ("a", "b")
    for ours, theirs in product(edits("L"), edits("R")):
        merged = merge(base, ours, theirs, prefer_theirs=True)
        if merged.clashed:
            continue
        kept = {block for block in base if block in ours and block in theirs}
        assert {*merged.blocks} == kept | ({*ours, *theirs} - {*base}), (ours, theirs)
        for side in (ours, theirs):
            assert [one for one in merged.blocks if one in side] == [one for one in side if one in merged.blocks]
