"""Ranks that enclose a quantile."""

from __future__ import annotations

import random

import pytest

from tieline.plugins.durations.ranks import EXACT, Ranks, ranks


@pytest.mark.parametrize(
    ("n", "percent", "found"),
    [
        # The exact ranks of tables (Conover, table A3): the median of 10 lies between the 2nd and the 9th.
        (10, 50, Ranks(5, 2, 9)),
        (20, 50, Ranks(10, 6, 15)),
        (100, 50, Ranks(50, 40, 61)),
        (5, 50, Ranks(3, None, None)),
        (1, 50, Ranks(1, None, None)),
        (20, 90, Ranks(18, 15, None)),  # 14 or fewer of 20 are below: 0.011; 15 or fewer: 0.043
        (100, 90, Ranks(90, 84, 96)),
    ],
)
def test_the_ranks_are_those_of_the_tables(n: int, percent: int, found: Ranks) -> None:
    assert ranks(n, percent) == found


@pytest.mark.parametrize("percent", [50, 90])
@pytest.mark.parametrize("n", [30, EXACT, EXACT + 1, 5_000])
def test_they_enclose_the_quantile_as_often_as_they_say(n: int, percent: int) -> None:
    dice, hits, rounds = random.Random(n * percent), 0, 400
    found = ranks(n, percent)
    assert found.low is not None
    for _ in range(rounds):
        values = sorted(dice.random() for _ in range(n))
        above = 1.0 if found.high is None else values[found.high - 1]
        hits += values[found.low - 1] <= percent / 100 <= above
    assert hits / rounds >= 0.92  # 0.95 less three standard errors of 400 rounds


@pytest.mark.parametrize(("n", "percent"), [(0, 50), (10, 0), (10, 100)])
def test_of_nothing_there_is_no_quantile(n: int, percent: int) -> None:
    with pytest.raises(ValueError, match="there is no"):
        ranks(n, percent)
