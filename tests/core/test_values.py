"""One form for each value: what is equal is written alike, and what is none is refused with a sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.currencies import PLACES
from tieline.core.model import FieldType, Value, instant, parse_instant
from tieline.core.values import (
    LONGEST,
    MOST_DIGITS,
    Money,
    Reference,
    decimal_text,
    duration_text,
    is_canonical,
    money_text,
    parse,
    parse_decimal,
    parse_duration,
    parse_money,
    parse_reference,
    persons,
    reference_text,
    render,
)

NUMBERS = st.decimals(min_value=-(10**15), max_value=10**15, places=6, allow_nan=False)


@given(NUMBERS, st.integers(0, 9))
def test_equal_numbers_have_one_text(number: Decimal, zeros: int) -> None:
    longer = format(number, "f") + "0" * zeros

    assert decimal_text(parse_decimal(longer)) == decimal_text(number)
    assert Decimal(decimal_text(number)) == number


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("12.50", "12.5"),
        ("+3", "3"),
        ("-0.0", "0"),
        ("007", "7"),
        ("1200", "1200"),
        ("9" * MOST_DIGITS, "9" * MOST_DIGITS),
        ("-0." + "0" * 32 + "1", "-0." + "0" * 32 + "1"),
    ],
)
def test_a_number_is_told_without_what_says_nothing(written: str, canonical: str) -> None:
    assert parse(FieldType.DECIMAL, written) == canonical


@pytest.mark.parametrize(
    "written",
    [
        "",
        "1,200",
        "1 200",
        "1e3",
        "12.",
        ".5",
        "--1",
        "NaN",
        "Infinity",
        "٣",
        "0x10",
        "1_000",
        "9" * 35,
        "0." + "1" * 34,
    ],
)
def test_what_is_no_exact_number_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"number|digits"):
        parse(FieldType.DECIMAL, written)


@pytest.mark.parametrize("number", [Decimal("NaN"), Decimal("-Infinity"), Decimal("1E+40"), Decimal("1E-40")])
def test_what_has_no_text_of_that_kind_is_refused(number: Decimal) -> None:
    with pytest.raises(ValueError, match="at most 34 digits"):
        decimal_text(number)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("12.5 EUR", "12.50 EUR"),
        ("12.500 EUR", "12.50 EUR"),
        ("0.0125 EUR", "0.0125 EUR"),
        ("12 EUR", "12.00 EUR"),
        ("1200.00 JPY", "1200 JPY"),
        ("1.5 KWD", "1.500 KWD"),
        ("-0 USD", "0.00 USD"),
    ],
)
def test_money_has_the_places_of_its_currency_and_more_only_where_they_count(written: str, canonical: str) -> None:
    assert parse(FieldType.MONEY, written) == canonical


@given(NUMBERS, st.sampled_from(sorted(PLACES)))
def test_money_reads_back(amount: Decimal, currency: str) -> None:
    said = money_text(Money(amount, currency))

    assert parse_money(said) == Money(amount, currency)
    assert parse(FieldType.MONEY, said) == said


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("12.50", "like 12.50 EUR"),
        ("12.50 eur", "did you mean EUR"),
        ("12.50 XYZ", "no currency of ISO 4217"),
        ("EUR 12.50", "is no number"),
        ("12,50 EUR", "is no number"),
        ("$12.50", "like 12.50 EUR"),
        ("12.50  EUR", "no currency"),
    ],
)
def test_what_is_no_money_is_refused_with_what_to_write(written: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(FieldType.MONEY, written)


@given(st.integers(0, LONGEST))
def test_a_length_of_time_is_read_as_it_is_shown(milliseconds: int) -> None:
    assert parse_duration(duration_text(milliseconds)) == milliseconds


@pytest.mark.parametrize(
    ("written", "milliseconds", "shown"),
    [
        ("1h 30m", 5_400_000, "1h 30m"),
        ("90m", 5_400_000, "1h 30m"),
        ("250ms", 250, "250ms"),
        ("1w", 604_800_000, "7d"),
        ("0s", 0, "0s"),
        ("1d1h1m1s1ms", 90_061_001, "1d 1h 1m 1s 1ms"),
    ],
)
def test_lengths_of_time_as_people_write_them(written: str, milliseconds: int, shown: str) -> None:
    assert parse(FieldType.DURATION, written) == milliseconds
    assert render(FieldType.DURATION, milliseconds) == shown


@pytest.mark.parametrize("written", ["", "90", "1.5h", "-1h", "1h and 2m", "1y", "h", "9" * 30 + "d"])
def test_what_is_no_length_of_time_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="length of time"):
        parse_duration(written)


def test_persons_are_sorted_and_each_stands_once() -> None:
    assert parse(FieldType.PERSONS, "Grace@example.org, ada@example.org,grace@EXAMPLE.org,") == (
        "ada@example.org",
        "grace@example.org",
    )
    assert parse(FieldType.PERSONS, "") == ()


@pytest.mark.parametrize("address", ["ada", "a b@example.org", "a@b@c", "<ada@example.org>", "@", "x" * 250 + "@e.org"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="no e-mail address"):
        persons([address])


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("incident INC-12", Reference("incident", "INC-12")),
        (
            "problem snow 9d385017c611228701d22104cc95c371",
            Reference("problem", "9d385017c611228701d22104cc95c371", "snow"),
        ),
        ("change my-jira 10001", Reference("change", "10001", "my-jira")),
        ("page wiki two words", Reference("page", "two words", "wiki")),
    ],
)
def test_a_reference_is_an_item_or_a_record(text: str, reference: Reference) -> None:
    assert parse_reference(text) == reference
    assert reference_text(reference) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "incident",
        "incident ",
        "Problem snow 1",
        "problem snow ",
        "problem snow",
        "problem Snow 1",
        "a b \tc",
        "x " * 300,
    ],
)
def test_what_refers_to_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_reference(text)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (FieldType.DECIMAL, "12.5"),
        (FieldType.MONEY, "12.50 EUR"),
        (FieldType.DURATION, 90),
        (FieldType.PERSONS, ("ada@example.org", "grace@example.org")),
        (FieldType.PERSONS, ()),
        (FieldType.REFERENCE, "incident INC-12"),
        (FieldType.INTEGER, 7),
        (FieldType.FLAG, True),
        (FieldType.TAGS, ("b", "a")),
        (FieldType.TEXT, "words"),
    ],
)
def test_a_value_in_its_one_form_is_known_and_read_as_it_is_shown(kind: FieldType, value: Value) -> None:
    assert is_canonical(kind, value)
    if kind not in (FieldType.TAGS, FieldType.TEXT):
        assert parse(kind, render(kind, value)) == value


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (FieldType.DECIMAL, "12.50"),
        (FieldType.DECIMAL, 12),
        (FieldType.DECIMAL, 12.5),
        (FieldType.MONEY, "12.5 EUR"),
        (FieldType.MONEY, "12.50"),
        (FieldType.DURATION, -1),
        (FieldType.DURATION, True),
        (FieldType.DURATION, "1h"),
        (FieldType.DURATION, LONGEST + 1),
        (FieldType.PERSONS, ("grace@example.org", "ada@example.org")),
        (FieldType.PERSONS, ("Ada@example.org",)),
        (FieldType.PERSONS, ["ada@example.org"]),
        (FieldType.PERSONS, (1,)),
        (FieldType.REFERENCE, "nothing"),
        (FieldType.INTEGER, True),
        (FieldType.FLAG, 1),
        (FieldType.TEXT, 1),
    ],
)
def test_any_other_form_of_a_value_is_none(kind: FieldType, value: Any) -> None:
    assert not is_canonical(kind, value)


def test_nothing_is_shown_of_what_is_empty() -> None:
    assert render(FieldType.MONEY, None) == ""
    assert render(FieldType.FLAG, False) == "false"
    assert parse(FieldType.FLAG, "false") is False
    with pytest.raises(ValueError, match="neither true nor false"):
        parse(FieldType.FLAG, "yes")
    with pytest.raises(ValueError, match="no whole number"):
        parse(FieldType.INTEGER, "1.5")


@given(st.datetimes(timezones=st.timezones()).filter(lambda moment: 1 < moment.year < 9999))
def test_a_moment_has_one_text_and_is_read_from_no_other(moment: datetime) -> None:
    text = instant(moment)

    assert (parse_instant(text), len(text)) == (moment.astimezone(UTC), 27)
    for other in (text[:-1], f"{text}\n", text.replace("T", " "), text[:19] + "Z", text[:10], f"{text[:-1]}+00:00"):
        with pytest.raises(ValueError, match="write it like"):
            parse_instant(other)
