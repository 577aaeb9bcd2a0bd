"""Money, decimals, durations, persons and references in a tool's own forms: the laws hold for each of them.

The catalogue has no such field yet, so these tests bring their own.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.currencies import PLACES
from tieline.core.errors import ConfigError
from tieline.core.expressions import ExpressionError, compile_condition, variables_of
from tieline.core.model import CATALOGUE, Fields, FieldSpec, FieldType, RecordKind, Value
from tieline.core.port import FieldFact
from tieline.core.values import Money, decimal_text, money_text
from tieline.core.yaml import load_yaml
from tieline.mappings import Mapping, explain
from tieline.mappings.fitting import fit
from tieline.mappings.loading import prove
from tieline.mappings.overlay import lay_over

OWN = {
    spec.name: spec
    for spec in (
        FieldSpec("cost", FieldType.MONEY, "what it has cost"),
        FieldSpec("rate", FieldType.DECIMAL, "how many a second"),
        FieldSpec("spent", FieldType.DURATION, "how long people worked on it"),
        FieldSpec("watchers", FieldType.PERSONS, "who wants to know"),
        FieldSpec("cause", FieldType.REFERENCE, "the problem behind it"),
    )
}
FIELDS = {**CATALOGUE, RecordKind.INCIDENT: {**CATALOGUE[RecordKind.INCIDENT], **OWN}}
IDS = {"ada@example.org": "u1", "grace@example.org": "u2"}
PEOPLE = {number: email for email, number in IDS.items()}


def acme(fields: str, rest: str = "") -> Mapping:
    text = f"tool: acme\nrecord: incident\nfields:\n  title: {{from: name}}\n  {fields}\n{rest}"
    return prove(load_yaml(text.encode(), "acme.yaml"), "acme", FIELDS)


def refused(fields: str, rest: str = "") -> list[tuple[int, str]]:
    with pytest.raises(ConfigError) as raised:
        acme(fields, rest)
    return [(one.line, one.code) for one in raised.value.problems]


def read(mapping: Mapping, body: dict[str, Any]) -> Value | str:
    """What the body says in the one own field, or the sentence that says why it says nothing."""
    answer = mapping.normalize(body, PEOPLE)
    return answer.unmapped[0].sentence if answer.unmapped else next(iter(answer.fields.values()))


def written(mapping: Mapping, name: str, value: Value) -> Any:
    """What is sent for a value, or the sentence that says why nothing is."""
    answer = mapping.denormalize({name: value}, {}, IDS)
    return answer.left_out[0].sentence if answer.left_out else answer.body["x"]


RULES = {
    "cost": [
        "cost: {from: x}",
        "cost: {from: x, format: currency_amount}",
        "cost: {from: x, format: currency_amount, places: 4}",
        "cost: {from: x, format: text, currency: EUR}",
        "cost: {from: x, format: text, currency: JPY, places: 0}",
        "cost: {from: x, format: number, currency: EUR, places: 2}",
        "cost: {from: x, format: minor_units, currency: KWD}",
    ],
    "rate": [
        "rate: {from: x}",
        "rate: {from: x, places: 2}",
        "rate: {from: x, format: number}",
        "rate: {from: x, format: number, places: 0}",
    ],
    "spent": [
        *(f"spent: {{from: x, format: {form}}}" for form in ("milliseconds", "seconds", "minutes")),
        *(f"spent: {{from: x, format: {form}}}" for form in ("since_1970", "hours_minutes", "iso8601")),
    ],
    "watchers": [
        "watchers: {from: x}",
        'watchers: {from: x, separator: ","}',
        'watchers: {from: x, separator: ",", format: addresses}',
        "watchers: {from: x, each: accountId}",
        "watchers: {from: x, each: user.email, format: addresses}",
    ],
    "cause": ["cause: {from: x}", "cause: {from: x, kind: problem, connection: snow}"],
}
NUMBERS = st.decimals(min_value=-(10**12), max_value=10**12, places=5, allow_nan=False)
VALUES: dict[str, st.SearchStrategy[Value]] = {
    "cost": st.builds(lambda amount, code: money_text(Money(amount, code)), NUMBERS, st.sampled_from(sorted(PLACES))),
    "rate": NUMBERS.map(decimal_text),
    "spent": st.integers(0, 2**53 - 1),
    "watchers": st.sets(st.sampled_from([*IDS, "nobody@example.org"])).map(lambda some: tuple(sorted(some))),
    "cause": st.sampled_from(["incident INC-12", "problem snow 4711", "problem jira 4711", "change snow a b"]),
}
RAW: st.SearchStrategy[Any] = st.one_of(
    *(st.floats(), st.integers(), st.booleans(), st.text(max_size=20), NUMBERS.map(float), NUMBERS.map(str)),
    st.lists(st.one_of(st.text(max_size=5), st.none())),
    st.dictionaries(st.text(max_size=3), st.integers()),
)
CASES = [pytest.param(name, acme(rule), id=rule) for name, rules in RULES.items() for rule in rules]


@pytest.mark.parametrize(("name", "mapping"), CASES)
@given(st.data())
def test_what_is_written_reads_back_as_what_was_meant_and_writes_nothing_more(
    name: str, mapping: Mapping, data: st.DataObject
) -> None:
    value = data.draw(VALUES[name])
    once = mapping.project({name: value}, IDS)
    answer = mapping.denormalize({name: value}, {}, IDS)

    assert answer.written == once
    assert mapping.project(once, IDS) == once
    if once:
        assert mapping.normalize(answer.body, PEOPLE).fields == once
    else:
        assert answer.left_out
        assert answer.body == {}


@pytest.mark.parametrize(("name", "mapping"), CASES)
@given(raw=RAW)
def test_whatever_stands_there_is_read_so_that_nothing_is_written_or_said_to_be_nothing(
    name: str, mapping: Mapping, raw: Any
) -> None:
    answer = mapping.normalize({"x": raw}, PEOPLE)

    if answer.unmapped:
        assert answer.unmapped[0].sentence.startswith(f"{name}: ")
        assert answer.unmapped[0].sentence.endswith(".")
    else:
        meant = mapping.project(answer.fields, IDS)
        assert meant == answer.fields or not meant


@pytest.mark.parametrize(
    ("rule", "raw", "value", "again"),
    [
        ("cost: {from: x, format: currency_amount}", "USD;12.50", "12.50 USD", "USD;12.50"),
        ("cost: {from: x, format: currency_amount}", "JPY;1200", "1200 JPY", "JPY;1200"),
        ("cost: {from: x}", "12.5 EUR", "12.50 EUR", "12.50 EUR"),
        ("cost: {from: x, format: number, currency: EUR}", 12.5, "12.50 EUR", 12.5),
        ("cost: {from: x, format: number, currency: EUR}", 12, "12.00 EUR", 12),
        ("cost: {from: x, format: text, currency: EUR}", "12.5", "12.50 EUR", "12.50"),
        ("cost: {from: x, format: minor_units, currency: EUR}", 1250, "12.50 EUR", 1250),
        ("cost: {from: x, format: minor_units, currency: KWD}", "1250", "1.250 KWD", 1250),
        ("rate: {from: x, format: number}", 0.1, "0.1", 0.1),
        ("rate: {from: x, format: number}", 1e22, "10000000000000000000000", 1e22),
        ("rate: {from: x}", "0.10", "0.1", "0.1"),
        ("rate: {from: x, places: 2}", "2.675", "2.68", "2.68"),
        ("rate: {from: x, places: 2}", 2.665, "2.66", "2.66"),
        ("spent: {from: x, format: seconds}", 5400, 5_400_000, 5400),
        ("spent: {from: x, format: seconds}", "5400", 5_400_000, 5400),
        ("spent: {from: x, format: milliseconds}", 90.0, 90, 90),
        ("spent: {from: x, format: since_1970}", "1970-01-01 00:20:00", 1_200_000, "1970-01-01 00:20:00"),
        ("spent: {from: x, format: since_1970}", "1970-01-03 01:00:00", 176_400_000, "1970-01-03 01:00:00"),
        ("spent: {from: x, format: hours_minutes}", "1h 30m", 5_400_000, "1h 30m"),
        ("spent: {from: x, format: hours_minutes}", "90m", 5_400_000, "1h 30m"),
        ("spent: {from: x, format: iso8601}", "P1DT1.25S", 86_401_250, "PT24H1.25S"),
        ("watchers: {from: x}", ["u2", "u1"], ("ada@example.org", "grace@example.org"), ["u1", "u2"]),
        ('watchers: {from: x, separator: ","}', "u2, u1,", ("ada@example.org", "grace@example.org"), "u1,u2"),
        ("watchers: {from: x, each: id}", [{"id": "u1", "n": 1}], ("ada@example.org",), [{"id": "u1"}]),
        ('watchers: {from: x, separator: ";", format: addresses}', "B@e.o;a@e.o", ("a@e.o", "b@e.o"), "a@e.o;b@e.o"),
        ("watchers: {from: x}", None, (), []),
        ("cause: {from: x, kind: problem, connection: snow}", "4711", "problem snow 4711", "4711"),
        ("cause: {from: x, kind: change, connection: jira}", 10001, "change jira 10001", "10001"),
        ("cause: {from: x}", "incident INC-12", "incident INC-12", "incident INC-12"),
    ],
)  # fmt: skip
def test_values_as_the_tools_write_them(rule: str, raw: Any, value: Value, again: Any) -> None:
    mapping = acme(rule)

    assert read(mapping, {"x": raw}) == value
    assert written(mapping, rule.partition(":")[0], value) == again


@pytest.mark.parametrize(
    ("rule", "raw", "why"),
    [
        ("cost: {from: x}", 12.5, "tells no currency"),
        ("cost: {from: x}", "12.50", "like 12.50 EUR"),
        ("cost: {from: x, format: currency_amount}", "usd;12.50", "did you mean USD"),
        ("cost: {from: x, format: minor_units, currency: EUR}", 12.5, "no whole number of the smallest coins"),
        ("cost: {from: x, format: number, currency: EUR}", True, "is no number"),
        ("rate: {from: x}", float("nan"), "no number"),
        ("rate: {from: x}", 10**40, "34 digits"),
        ("rate: {from: x}", "1,200.00", "write digits with a point"),
        ("spent: {from: x, format: seconds}", -1, "negative"),
        ("spent: {from: x, format: seconds}", 1e300, "number|length"),
        ("spent: {from: x, format: since_1970}", "00:20:00", "like 1970-01-01"),
        ("spent: {from: x, format: since_1970}", "1970-02-31 00:00:00", "day"),
        ("spent: {from: x, format: since_1970}", "1969-12-31 00:00:00", "negative"),
        ("spent: {from: x, format: hours_minutes}", "1d 2h", "working days"),
        ("spent: {from: x, format: hours_minutes}", "soon", "like 1h 30m"),
        ("spent: {from: x, format: iso8601}", "P1M", "years and months"),
        ("spent: {from: x, format: iso8601}", "PT", "like PT1H30M"),
        ("watchers: {from: x}", ["u1", "u9"], "'u9' is not known"),
        ("watchers: {from: x}", "u1", "not a list of persons"),
        ("watchers: {from: x}", [{"id": "u1"}], "with `each`"),
        ("watchers: {from: x, each: id}", [{"name": "u1"}], "not a list of persons"),
        ("watchers: {from: x, format: addresses}", ["ada"], "no e-mail address"),
        ("cause: {from: x}", "4711", "refers to|no item"),
        ("cause: {from: x, kind: problem, connection: snow}", {"value": "1"}, "point `from`"),
    ],
)
def test_what_says_nothing_is_told_with_why(rule: str, raw: Any, why: str) -> None:
    answer = acme(rule).normalize({"x": raw}, PEOPLE)

    assert not answer.fields
    assert re.search(why, answer.unmapped[0].sentence), answer.unmapped[0].sentence


@pytest.mark.parametrize(
    ("rule", "value", "why"),
    [
        ("cost: {from: x, format: text, currency: EUR}", "12.50 USD", "not in EUR"),
        ("cost: {from: x, format: minor_units, currency: EUR}", "12.50 USD", "not in EUR"),
        ("rate: {from: x, format: number}", "1234567890123456789.123", "say how many `places`"),
        ("spent: {from: x, format: since_1970}", 2**53 - 1, "year 9999"),
        ("watchers: {from: x}", ("ada@example.org", "nobody@example.org"), "nobody here has the address"),
        ("cause: {from: x, kind: problem, connection: snow}", "problem jira 1", "is no problem of snow"),
        ("cause: {from: x, kind: problem, connection: snow}", "incident INC-1", "is no problem of snow"),
    ],
)
def test_what_the_tool_cannot_be_told_is_left_out_and_said(rule: str, value: Value, why: str) -> None:
    assert why in written(acme(rule), rule.partition(":")[0], value)


def test_persons_are_asked_for_by_their_addresses_unless_the_tool_holds_these() -> None:
    both: Fields = {"watchers": ("ada@example.org", "grace@example.org"), "assignee": "eve@example.org"}

    assert acme("watchers: {from: x}").people_in(both) == {"ada@example.org", "grace@example.org"}
    assert acme("watchers: {from: x, format: addresses}").people_in(both) == set()


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("cost: {from: x, format: number}", (5, "MAP003")),
        ("cost: {from: x, currency: EUR}", (5, "MAP018")),
        ("cost: {from: x, format: text, currency: eur}", (5, "MAP002")),
        ("cost: {from: x, format: seconds}", (5, "MAP002")),
        ("cost: {from: x, format: sometimes}", (5, "MAP002")),
        ("rate: {from: x, currency: EUR}", (5, "MAP018")),
        ("spent: {from: x, places: 2}", (5, "MAP018")),
        ("watchers: {from: x, each: a..b}", (5, "MAP009")),
        ("team: {from: x, each: id}", (5, "MAP018")),
        ("cause: {from: x, kind: problem}", (5, "MAP003")),
        ("cause: {from: x, connection: snow}", (5, "MAP003")),
        ("cause: {from: x, kind: Problem, connection: snow}", (5, "MAP002")),
        ("rate: {from: x, places: -1}", (5, "MAP002")),
    ],
)
def test_a_rule_that_says_nothing_about_its_type_is_refused_where_it_stands(rule: str, found: tuple[int, str]) -> None:
    assert refused(rule) == [found]


def test_an_overlay_adds_such_a_field() -> None:
    base = load_yaml(b"tool: acme\nrecord: incident\nfields:\n  title: {from: name}\n", "acme.yaml")
    top = load_yaml(b"fields:\n  cost: {from: u_cost, format: currency_amount}\n", "overlay.yaml")
    mapping = prove(lay_over(base, top), "acme", FIELDS)

    assert mapping.normalize({"u_cost": "EUR;12.50"}).fields == {"cost": "12.50 EUR"}
    with pytest.raises(ConfigError, match="no field of the record kind"):
        prove(lay_over(base, top), "acme")


def test_two_changes_of_a_list_of_persons_may_both_stand_and_of_money_not() -> None:
    assert str(acme("watchers: {from: x}", "policy: {watchers: union}").policies["watchers"]) == "union"
    assert refused("cost: {from: x}", "policy: {cost: union}") == [(6, "MAP012")]


def test_the_explanation_says_how_the_tool_writes_a_value() -> None:
    rules = [
        "cost: {from: a, format: number, currency: EUR, places: 2}",
        "watchers: {from: b, each: accountId}",
        "cause: {from: c, kind: problem, connection: snow}",
        "spent: {from: d, format: seconds}",
    ]
    said = {row.field: row.read for row in explain(acme("\n  ".join(rules)))}

    assert said["cost"] == "as number, in EUR, to 2 places"
    assert said["watchers"] == "as ids, each at accountId"
    assert said["cause"] == "a problem of snow"
    assert said["spent"] == "as seconds"
    assert said["title"] == "as it is"


def test_a_list_of_persons_that_is_longer_than_the_tools_text_is_not_cut() -> None:
    facts = {"x": FieldFact("x", writable=True, required=False, max_length=40)}
    mapping = fit(acme('watchers: {from: x, separator: ",", format: addresses}'), facts).mapping

    assert written(mapping, "watchers", ("ada@example.org",)) == "ada@example.org"
    several = ("ada@example.org", "eve@example.org", "grace@example.org")
    assert "longer than the 40 characters" in written(mapping, "watchers", several)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("cost.amount > 100", True),
        ("cost.amount >= 120.5 && cost.currency == 'EUR'", True),
        ("cost.amount > 1000.0", False),
        ("cost.currency == 'USD'", False),
        ("rate < 1.0", True),
        ("rate == 0.25", True),
        ("rate > 0.5", False),
        ("spent > 3600000", True),
        ("watchers.exists(one, one == 'ada@example.org')", True),
        ("'eve@example.org' in watchers", False),
        ("cause.startsWith('problem snow ')", True),
    ],
)
def test_a_condition_compares_them(condition: str, holds: bool) -> None:
    values = {
        "cost": "120.50 EUR",
        "rate": "0.25",
        "spent": 5_400_000,
        "watchers": ("ada@example.org",),
        "cause": "problem snow 4711",
    }
    compiled = compile_condition(condition, variables_of(FIELDS[RecordKind.INCIDENT]))

    assert compiled.holds(values) is holds
    assert compiled.holds({}) is False


def test_a_condition_on_what_is_not_there_can_be_asked_for() -> None:
    variables = variables_of(FIELDS[RecordKind.INCIDENT])

    assert compile_condition("rate == null && spent == null", variables).holds({})
    assert compile_condition("!has(cost.amount)", variables).holds({})
    assert not compile_condition("!(rate > 1.0)", variables).holds({})


def test_a_whole_number_beside_a_decimal_is_refused_with_what_to_write() -> None:
    with pytest.raises(ExpressionError, match=r"write it with a point, like 1\.0"):
        compile_condition("rate < 1", variables_of(FIELDS[RecordKind.INCIDENT]))


def test_the_shipped_catalogue_is_what_mappings_are_proved_on() -> None:
    folder = Path(__file__).parents[2] / "mappings"
    memory = prove(load_yaml((folder / "memory-incident.yaml").read_bytes(), "memory"), "memory-incident")

    assert memory.document.specs is CATALOGUE[RecordKind.INCIDENT]
