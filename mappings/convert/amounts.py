"""Exact numbers and money: how tools write them, to and from `tieline.core.values`.

JSON has one kind of number and most readers make a binary fraction of it. The shortest text that means this fraction is
what the tool wrote, so that is what is read; a number that would come back as another one is not written at all.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from tieline.core.currencies import PLACES
from tieline.core.values import Money, decimal_text, parse_decimal, parse_money, proved_currency
from tieline.mappings.document import DecimalFormat, MoneyFormat

_WIDE = Context(prec=120)
_EXACT_WHOLE = 2**53


def rounded(number: Decimal, places: int | None) -> Decimal:
    """The number with at most so many decimal places; half goes to the even one."""
    if places is None:
        return number
    return number.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN, context=_WIDE)


def read_number(raw: Any) -> Decimal:
    """The number behind a text or a JSON number. Raises ValueError with a sentence."""
    if isinstance(raw, str):
        return parse_decimal(raw.strip())
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise ValueError(f"{raw!r:.60} is no number")
    if isinstance(raw, int) and abs(raw) >= 10**34:
        raise ValueError("it has more than 34 digits")
    number = Decimal(repr(raw))
    decimal_text(number)
    return number


def write_number(form: DecimalFormat | MoneyFormat, number: Decimal, text: str) -> Any:
    """A number as its format has it; `text` is its canonical text. Raises ValueError for one that a JSON number cannot
    keep."""
    if form not in (DecimalFormat.NUMBER, MoneyFormat.NUMBER):
        return text
    raw = int(number) if number == number.to_integral_value() and abs(number) <= _EXACT_WHOLE else float(number)
    if Decimal(repr(raw)) != number:
        raise ValueError(f"{text} has more digits than the tool's numbers keep; say how many `places` it has")
    return raw


def read_money(form: MoneyFormat, raw: Any, currency: str) -> Money:
    """The money behind a tool's value; `currency` is that of a tool which keeps the amount alone. Raises ValueError."""
    match form:
        case MoneyFormat.AMOUNT_CURRENCY | MoneyFormat.CURRENCY_AMOUNT:
            if not isinstance(raw, str):
                raise ValueError(f"{raw!r:.60} tells no currency; say `currency` and a `format` without one")
            code, semicolon, amount = raw.strip().partition(";")
            return Money(parse_decimal(amount), proved_currency(code)) if semicolon else parse_money(raw.strip())
        case MoneyFormat.MINOR_UNITS:
            coins = read_number(raw)
            if coins != coins.to_integral_value():
                raise ValueError(f"{raw!r:.60} is no whole number of the smallest coins of {currency}")
            return Money(coins.scaleb(-PLACES[currency], _WIDE), currency)
        case MoneyFormat.TEXT | MoneyFormat.NUMBER:
            return Money(read_number(raw), currency)


def write_money(form: MoneyFormat, money: Money, currency: str) -> Any:
    """Money as its format has it. Raises ValueError for another currency than the tool's."""
    amount = decimal_text(money.amount, PLACES[money.currency])
    match form:
        case MoneyFormat.AMOUNT_CURRENCY:
            return f"{amount} {money.currency}"
        case MoneyFormat.CURRENCY_AMOUNT:
            return f"{money.currency};{amount}"
        case _ if money.currency != currency:
            raise ValueError(f"{amount} {money.currency} is not in {currency}, which is all that the tool keeps")
        case MoneyFormat.MINOR_UNITS:
            return int(money.amount.scaleb(PLACES[currency], _WIDE))
        case MoneyFormat.TEXT | MoneyFormat.NUMBER:
            return write_number(form, money.amount, amount)


def places_of(form: MoneyFormat, currency: str, places: int | None) -> int | None:
    """How many decimal places the tool keeps; whole coins keep those of their currency."""
    if form is not MoneyFormat.MINOR_UNITS:
        return places
    return PLACES[currency] if places is None else min(places, PLACES[currency])
