"""Times: every dialect our tools write, to and from the canonical text (`tieline.core.model.instant`).

Dialects met in practice: 0 to 9 decimals, `Z`, `+03:00`, Jira's `+0300`, ServiceNow's naive `2019-09-05 00:42:29` (UTC
when read with sysparm_display_value=false), epoch seconds, milliseconds and floats, and Alertmanager's
`0001-01-01T00:00:00Z`, which means "not yet".
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from tieline.mappings.document import InstantFormat

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM = 10**11  # as seconds that would be the year 5138
_LONGEST = 40


def read_instant(raw: Any) -> str | None:
    """The canonical text, or None for "no time" (`0001-01-01`). Raises ValueError for what is not a time."""
    if raw.__class__ is str:
        return _from_text(raw)
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise ValueError("is not a time")
    return _from_number(raw)


def canonical(moment: datetime) -> str:
    """Same as `tieline.core.model.instant`, for a moment in UTC, at a third of its cost."""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


# The same times come by at every poll. What is no time is not remembered, however often it comes.
@lru_cache(1024)
def _from_text(raw: str) -> str | None:
    if len(raw) > _LONGEST:
        raise ValueError("is not a time")
    if raw.startswith("0001-01-01"):
        return None
    if len(raw) == 27 and raw[-1] == "Z" and raw[10] == "T" and raw[19] == ".":
        datetime.fromisoformat(raw)
        return raw
    if raw.replace(".", "", 1).isdecimal() and raw.isascii() and len(raw) > 8:
        return _from_number(float(raw))
    moment = datetime.fromisoformat(raw.strip())  # since 3.11 with any decimals, cut to six, and `+0300`
    return canonical(moment if moment.tzinfo is None else moment.astimezone(UTC))


def _from_number(raw: float) -> str:
    factor = 1_000 if abs(raw) >= _MILLISECONDS_FROM else 1_000_000
    try:
        return canonical(_EPOCH + timedelta(microseconds=round(raw * factor)))
    except (OverflowError, ValueError) as wrong:
        raise ValueError("is a number too large for a time") from wrong


def _epoch(text: str) -> int:
    """Microseconds since 1970."""
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)


_WRITERS: dict[InstantFormat, Callable[[str], Any]] = {
    InstantFormat.RFC3339: lambda text: text,
    InstantFormat.RFC3339_SECONDS: lambda text: text[:19] + "Z",
    InstantFormat.RFC3339_MILLISECONDS: lambda text: text[:23] + "Z",
    InstantFormat.JIRA: lambda text: text[:23] + "+0000",
    InstantFormat.NAIVE_UTC: lambda text: f"{text[:10]} {text[11:19]}",
    InstantFormat.EPOCH_SECONDS: lambda text: _epoch(text) // 1_000_000,
    InstantFormat.EPOCH_MILLISECONDS: lambda text: _epoch(text) // 1_000,
    InstantFormat.EPOCH_FLOAT: lambda text: _epoch(text) / 1_000_000,
}


def instant_writer(form: InstantFormat) -> Callable[[str], Any]:
    """Writes a canonical text in a tool's dialect. What is finer than its precision is cut off, never rounded up."""
    return _WRITERS[form]
