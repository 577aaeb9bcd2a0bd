"""Ids that never come back: numbers are labels, and a store that was put back from a backup gives them again."""

from __future__ import annotations

from datetime import datetime

from tieline.core.store.persons import Entropy
from tieline.core.store.types import to_micros


def uid(at: datetime, entropy: Entropy) -> str:
    """Thirty-two hexadecimal digits: milliseconds since 1970, so that ids sort by when they were given, and eighty
    bits that nobody can guess."""
    return f"{max(to_micros(at), 0) // 1_000:012x}{entropy(10).hex()}"
