"""Lengths of time: how tools write them, to and from whole milliseconds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from tieline.core.values import proved_duration
from tieline.mappings.convert.amounts import read_number
from tieline.mappings.document import DurationFormat

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - ServiceNow's zero of a length, in no zone
_CLOCK: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_WORDS: Final = re.compile(r"(?:([0-9]{1,12})h)?\s*(?:([0-9]{1,12})m)?\s*(?:([0-9]{1,12})s)?")
_DAYS: Final = re.compile(r"[0-9]\s*[wd]")
_ISO: Final = re.compile(
    r"P(?:([0-9]{1,9})W)?(?:([0-9]{1,9})D)?"
    r"(?:T(?:([0-9]{1,12})H)?(?:([0-9]{1,12})M)?(?:([0-9]{1,12})(?:[.,]([0-9]{1,9}))?S)?)?"
)
UNITS: Final[Mapping[DurationFormat, int]] = {
    DurationFormat.MILLISECONDS: 1,
    DurationFormat.SECONDS: 1_000,
    DurationFormat.MINUTES: 60_000,
    DurationFormat.SINCE_1970: 1_000,
    DurationFormat.HOURS_MINUTES: 60_000,
    DurationFormat.ISO8601: 1,
}
"""The milliseconds of what a format cannot divide."""


def cut(form: DurationFormat, milliseconds: int) -> int:
    """A length as the format can say it."""
    return milliseconds - milliseconds % UNITS[form]


def read_length(form: DurationFormat, raw: Any) -> int:
    """The milliseconds behind a tool's value, cut to what the format can say. Raises ValueError with a sentence."""
    reader = _READERS.get(form)
    if reader is None:
        found = int(read_number(raw) * UNITS[form])
    elif isinstance(raw, str) and len(raw) <= 80:
        found = reader(raw.strip())
    else:
        raise ValueError(f"{raw!r:.60} is no length of time")
    return cut(form, proved_duration(found))


def write_length(form: DurationFormat, milliseconds: int) -> Any:
    """A length that was cut to its format, as the tool writes it. Raises ValueError for one that it cannot say."""
    hours, minutes, seconds = milliseconds // 3_600_000, milliseconds // 60_000 % 60, milliseconds // 1_000 % 60
    match form:
        case DurationFormat.MILLISECONDS | DurationFormat.SECONDS | DurationFormat.MINUTES:
            return milliseconds // UNITS[form]
        case DurationFormat.SINCE_1970:
            try:
                return str(_EPOCH + timedelta(milliseconds=milliseconds))
            except OverflowError:
                raise ValueError("it is longer than the tool can say, which counts up to the year 9999") from None
        case DurationFormat.HOURS_MINUTES:
            return " ".join(f"{count}{unit}" for count, unit in ((hours, "h"), (minutes, "m")) if count) or "0m"
        case DurationFormat.ISO8601:
            rest = f".{milliseconds % 1_000:03}".rstrip("0").rstrip(".")
            parts = ((hours, "H", ""), (minutes, "M", ""), (seconds, "S", rest))
            return "PT" + ("".join(f"{count}{more}{unit}" for count, unit, more in parts if count or more) or "0S")


def _since_1970(text: str) -> int:
    if not _CLOCK.fullmatch(text):
        raise ValueError(f"{text!r:.60} is no length of time like 1970-01-01 00:20:00")
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1)


def _hours_minutes(text: str) -> int:
    if _DAYS.search(text):
        raise ValueError(f"{text!r:.60} is told in working days, whose length only the tool knows; read it in seconds")
    found = _WORDS.fullmatch(text)
    if found is None or not text:
        raise ValueError(f"{text!r:.60} is no length of time like 1h 30m")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return (hours * 3_600 + minutes * 60 + seconds) * 1_000


def _iso8601(text: str) -> int:
    found = _ISO.fullmatch(text)
    if found is None or text[-1:] in ("P", "T"):
        raise ValueError(f"{text!r:.60} is no length of time like PT1H30M; years and months have none")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[:5])
    whole = ((weeks * 7 + days) * 24 + hours) * 3_600 + minutes * 60 + seconds
    return whole * 1_000 + int((found[6] or "0").ljust(3, "0")[:3])


_READERS: Final[Mapping[DurationFormat, Callable[[str], int]]] = {
    DurationFormat.SINCE_1970: _since_1970,
    DurationFormat.HOURS_MINUTES: _hours_minutes,
    DurationFormat.ISO8601: _iso8601,
}
