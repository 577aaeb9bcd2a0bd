"""Values that are more than a word. Each has one canonical form in plain JSON, so that equality is plain equality and
no binary fraction stands for a price.

decimal     text without exponent, grouping or a zero too many: `-12.5`, `0`
money       an amount with at least the decimal places of its currency, and its ISO 4217 code: `12.50 EUR`, `1200 JPY`
duration    whole milliseconds, never negative
persons     e-mail addresses in lower case: a sorted tuple, each once
reference   what is meant elsewhere: `problem snow 9d385017c611228701d22104cc95c371` is a kind, a connection and the ref
            there; `incident INC-12` is an item of our own

`parse_…` understands what a person may write and raises ValueError with a sentence; `…_text` answers one text for each
value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from tieline.core.currencies import PLACES
from tieline.core.model import FieldSpec, FieldType, Value

MOST_DIGITS: Final = 34
"""Digits of a number, as in IEEE 754's decimal128: more is no amount of anything."""

LONGEST: Final = 2**53 - 1
"""The longest duration in milliseconds (285,000 years): beyond it, JSON readers disagree about whole numbers."""

_DECIMAL: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_SPAN: Final = re.compile(r"([0-9]+)\s*(ms|s|m|h|d|w)")
_MILLISECONDS: Final[Mapping[str, int]] = {
    "w": 7 * 24 * 3_600_000,
    "d": 24 * 3_600_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_ADDRESS: Final = re.compile(r"[^\s@,;<>\"\x00-\x20]+@[^\s@,;<>\"\x00-\x20]+")
_LONGEST_ADDRESS: Final = 254  # RFC 5321
KIND: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""How what a reference points to may be called."""
_CONNECTION: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
_ITEM: Final = re.compile(r"(?=[A-Za-z-]*[0-9])[A-Za-z0-9-]{1,40}")
_LONGEST_REF: Final = 200


def decimal_text(number: Decimal, places: int = 0) -> str:
    """The canonical text of a number, with at least so many decimal places. Raises ValueError for what is none, and for
    more digits than anything has."""
    if not number.is_finite() or abs(number.adjusted()) > MOST_DIGITS:
        raise ValueError(f"{number} is no number with at most {MOST_DIGITS} digits; write one like -12.5")
    whole, _, part = format(number.copy_abs(), "f").partition(".")
    part = part.rstrip("0").ljust(places, "0")
    if len(whole) + len(part) > MOST_DIGITS:
        raise ValueError(f"{number} has more than {MOST_DIGITS} digits; round it")
    sign = "-" if number < 0 else ""
    return f"{sign}{whole}.{part}" if part else f"{sign}{whole}"


def parse_decimal(text: str) -> Decimal:
    """The number behind a text. Exponents and grouping are refused: nobody can say what `1,200` means."""
    if len(text) > 2 * MOST_DIGITS or not _DECIMAL.fullmatch(text):
        raise ValueError(f"{text!r:.80} is no number; write digits with a point between, like -1200.5")
    number = Decimal(text)
    decimal_text(number)
    return number


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount and the ISO 4217 code of its currency, which is one that is known."""

    amount: Decimal
    currency: str


def proved_currency(code: str) -> str:
    """The code itself. Raises ValueError where no currency has it."""
    if code not in PLACES:
        near = f"did you mean {code.upper()}?" if code.upper() in PLACES else "write one like EUR"
        raise ValueError(f"{code!r:.20} is no currency of ISO 4217; {near}")
    return code


def money_text(money: Money) -> str:
    """The canonical text: `12.50 EUR`."""
    return f"{decimal_text(money.amount, PLACES[proved_currency(money.currency)])} {money.currency}"


def parse_money(text: str) -> Money:
    """The amount behind `12.5 EUR`."""
    amount, space, currency = text.partition(" ")
    if not space:
        raise ValueError(f"{text!r:.80} is no money; write an amount and its currency, like 12.50 EUR")
    return Money(parse_decimal(amount), proved_currency(currency))


def proved_duration(milliseconds: int) -> int:
    """The number itself. Raises ValueError for one that is negative, or longer than anything lasts."""
    if not 0 <= milliseconds <= LONGEST:
        raise ValueError(f"{milliseconds} milliseconds is no length of time: it is negative, or too long")
    return milliseconds


def duration_text(milliseconds: int) -> str:
    """The text that people read: `1h 30m`, `0s`."""
    rest, said = proved_duration(milliseconds), []
    for unit, length in list(_MILLISECONDS.items())[1:]:  # a week is told in days, as no tool agrees on weeks
        count, rest = divmod(rest, length)
        if count:
            said.append(f"{count}{unit}")
    return " ".join(said) or "0s"


def parse_duration(text: str) -> int:
    """The milliseconds behind `1h 30m`, `90s`, `250ms` or `2d`; a day has 24 hours."""
    words = _SPAN.findall(text) if len(text) <= 80 else []
    if not words or _SPAN.sub("", text).strip():
        raise ValueError(f"{text!r:.80} is no length of time; write it like 1h 30m, 90s or 2d")
    return proved_duration(sum(int(count) * _MILLISECONDS[unit] for count, unit in words))


def persons(addresses: Iterable[str]) -> tuple[str, ...]:
    """The canonical list of these persons. Raises ValueError for what is no e-mail address."""
    found = {address.strip().lower() for address in addresses}
    for address in sorted(found):
        if len(address) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(address):
            raise ValueError(f"{address!r:.80} is no e-mail address; write one like ada@example.org")
    return tuple(sorted(found))


def parse_persons(text: str) -> tuple[str, ...]:
    """The persons behind addresses with commas between."""
    return persons(part for part in text.split(",") if part.strip())


@dataclass(frozen=True, slots=True)
class Reference:
    """Something elsewhere: a record of a connection, or, without one, an item of our own by its number or id."""

    kind: str
    ref: str
    connection: str = ""


def reference_text(reference: Reference) -> str:
    """The canonical text: `problem snow 9d38…`, `incident INC-12`. Raises ValueError for a part that cannot stand in
    it."""
    if not KIND.fullmatch(reference.kind):
        raise ValueError(f"{reference.kind!r:.60} names no kind of thing; write a word in lower case, like problem")
    ref = reference.ref
    if not reference.connection:
        if not _ITEM.fullmatch(ref):
            raise ValueError(f"{ref!r:.60} is no item of Tieline; write its number, like incident INC-12")
        return f"{reference.kind} {ref}"
    if not _CONNECTION.fullmatch(reference.connection):
        raise ValueError(f"{reference.connection!r:.60} is no name of a connection; write one of tieline.yaml")
    if not ref or ref != ref.strip() or not ref.isprintable() or len(ref) > _LONGEST_REF:
        raise ValueError(f"{ref!r:.60} cannot be what a tool calls a record: one line, not empty, at most 200 letters")
    return f"{reference.kind} {reference.connection} {ref}"


def parse_reference(text: str) -> Reference:
    """What `problem snow 9d38…` or `incident INC-12` points to."""
    kind, _, rest = text.partition(" ")
    first, space, ref = rest.partition(" ")
    found = Reference(kind, ref, first) if space else Reference(kind, first)
    if not first:
        what = "write a kind, a connection and the ref there, like problem snow 9d385017, or like incident INC-12"
        raise ValueError(f"{text!r:.80} refers to nothing; {what}")
    reference_text(found)
    return found


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{text!r:.80} is neither true nor false")
    return text == "true"


def _integer(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,15}", text):
        raise ValueError(f"{text!r:.80} is no whole number of at most 15 digits")
    return int(text)


_PARSERS: Final[Mapping[FieldType, Callable[[str], Value]]] = {
    FieldType.DECIMAL: lambda text: decimal_text(parse_decimal(text)),
    FieldType.MONEY: lambda text: money_text(parse_money(text)),
    FieldType.DURATION: parse_duration,
    FieldType.PERSONS: parse_persons,
    FieldType.REFERENCE: lambda text: reference_text(parse_reference(text)),
    FieldType.INTEGER: _integer,
    FieldType.FLAG: _flag,
}


def parse(kind: FieldType, text: str) -> Value:
    """The canonical value of what a person wrote for a field of this type; text itself where the type says no more.
    Raises ValueError with a sentence."""
    parser = _PARSERS.get(kind)
    return text if parser is None else parser(text.strip())


def render(kind: FieldType, value: Any) -> str:
    """A canonical value as a person reads it, and may write it again."""
    if value is None:
        return ""
    if kind is FieldType.DURATION:
        return duration_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def is_canonical(kind: FieldType, value: Any) -> bool:
    """Whether a value is the one form that a field of this type has it in."""
    wanted: type = tuple if kind.is_set else _KINDS.get(kind, str)
    if not isinstance(value, wanted) or (value.__class__ is bool) is not (wanted is bool):
        return False
    if isinstance(value, tuple) and not all(isinstance(one, str) for one in value):
        return False
    if kind not in _PROVED:
        return True
    try:
        return parse(kind, render(kind, value)) == value
    except ValueError:
        return False


def fits(spec: FieldSpec, value: Any) -> bool:
    """Whether a field can have this value. None is no value."""
    if value is None:
        return True
    if spec.choices is not None:
        return value in {choice.value for choice in spec.choices}
    return is_canonical(spec.type, value)


_KINDS: Final[Mapping[FieldType, type]] = {FieldType.INTEGER: int, FieldType.DURATION: int, FieldType.FLAG: bool}
_PROVED: Final = frozenset(
    {FieldType.DECIMAL, FieldType.MONEY, FieldType.DURATION, FieldType.PERSONS, FieldType.REFERENCE}
)
