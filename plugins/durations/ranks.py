"""Which of n sorted values say something of a quantile, without assuming how they are distributed. Pure.

The value at rank k is below the q-quantile with the probability that at least k of n are: a binomial one. So two ranks
enclose the quantile with a probability that is known, whatever the values are (Conover, Practical Nonparametric
Statistics, 3.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, comb, floor, sqrt
from statistics import NormalDist
from typing import Final

CONFIDENCE: Final = 0.95
EXACT: Final = 500
"""Up to so many values the binomial probabilities are added up; beyond, the normal distribution is as good."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """Ranks from 1 on, of sorted values: the quantile's own, and those that enclose it; None where no value does, since
    there are too few."""

    at: int
    low: int | None
    high: int | None


def ranks(n: int, percent: int) -> Ranks:
    """The ranks of one percentile among `n` values. Raises ValueError where there are none."""
    if n < 1 or not 0 < percent < 100:
        raise ValueError(f"there is no {percent}th percentile of {n} values")
    at = ceil(n * percent / 100)
    low, high = _exact(n, percent / 100) if n <= EXACT else _normal(n, percent / 100)
    return Ranks(at, low, high)


def _exact(n: int, q: float) -> tuple[int | None, int | None]:
    tail, below, low = (1 - CONFIDENCE) / 2, 0.0, None
    for k in range(n + 1):
        below += comb(n, k) * q**k * (1 - q) ** (n - k)
        if below <= tail:
            low = k + 1
        if below >= 1 - tail:
            return low, k + 1 if k + 1 <= n else None
    return low, None


def _normal(n: int, q: float) -> tuple[int, int]:
    wide = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * sqrt(n * q * (1 - q))
    return max(1, floor(n * q - wide)), min(n, ceil(n * q + wide) + 1)
