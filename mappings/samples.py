"""Values made to hurt, and the records that a write may find: what the laws of a mapping are proved on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from tieline.core.model import FieldSpec, FieldType, Value
from tieline.core.port import Body
from tieline.core.severities import SHIPPED
from tieline.core.values import money_text, parse_money
from tieline.mappings.codecs import Refused, codec
from tieline.mappings.computed import behind, input_states
from tieline.mappings.document import Document, FieldRule, When
from tieline.mappings.paths import put

IDS = {"ada@example.org": "person-1", "grace@example.org": "person-2"}
PEOPLE = {number: email for email, number in IDS.items()}

_LINES: Sequence[str] = (
    "Disk full on db1",
    "  two  spaces\tand a tab ",
    "first line\nsecond line\r\nthird",
    "@channel @Here look at [~admin] and @alliance",
    "5 * 3 * 2 <b>not bold</b> {{7*7}} [code]<script>x</script>[/code] $(id) `x`",
    "Störung: Zürich 🔥👩‍🚒 شبكة معطلة",
    "null\x00 bell\x07 escape\x1b[31m \ud800 \ufeff",
    "word " * 60,
    "x" * 300,
    "🔥" * 300,
)
_TEXTS: Sequence[str] = (
    *_LINES,
    "# Head\n\nA *soft* and **strong** `code` [link](https://example.org/a?b=c).\n\n- one\n- two\n  - in\n\n1. first",
    "> quoted\n> text\n\n```python\nprint('*not soft*')\n\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n---\n\nend",
    "line one\nline two\n\n    indented code\n\n* * *\n\n{code}x{code} h1. no heading {noformat} ||a||b||",
    "paragraph of words. " * 3000,
)
_INSTANTS: Sequence[str] = (
    "2026-11-23T19:04:37.123456Z",
    "1999-12-31T23:59:59.999999Z",
    "2024-02-29T00:00:00.000000Z",
)
_DECIMALS: Sequence[str] = (
    *("0", "-12.5", "1200", "0.0001", "0.1", "2.675", "-0.005", "9007199254740993"),
    "1234567890123456789012345.123456789",
)
_AMOUNTS: Sequence[str] = (
    "12.50",
    "0.00",
    "-3.075",
    "1200.00",
    "0.0125",
    "98765432101234567.89",
)
_LENGTHS: Sequence[int] = (5_400_000, 0, 1, 59_999, 90_061_001, 365 * 24 * 3_600_000, 2**53 - 1)
_REFERENCES: Sequence[str] = ("incident INC-12", "problem snow 9d385017c611228701d22104cc95c371", "change jira 10001")
_TAGS: Sequence[tuple[str, ...]] = ((), ("a",), ("b", "two words", "Zürich"), ("x,y", "x;y", "k=v"))


def samples(spec: FieldSpec, rule: FieldRule) -> Iterator[Value]:
    """Canonical values of a field, the empty one last."""
    if rule.values is not None or rule.parts:
        yield from dict.fromkeys([*(rule.values or ()), *rule.write_also, *rule.parts, None])
        return
    match spec.type:
        case FieldType.TEXT:
            yield from _LINES
        case FieldType.RICH_TEXT:
            yield from _TEXTS
        case FieldType.CHOICE:
            yield from (str(choice) for choice in spec.choices or ())
        case FieldType.INSTANT:
            yield from _INSTANTS
        case FieldType.PERSON:
            yield from [*IDS, "nobody@example.org"]
        case FieldType.TAGS:
            yield from _TAGS
        case FieldType.INTEGER:
            yield from (0, 1, -7, 2**31)
        case FieldType.FLAG:
            yield from (True, False)
        case FieldType.DECIMAL:
            yield from _DECIMALS
        case FieldType.MONEY:
            yield from _moneys(rule)
        case FieldType.DURATION:
            yield from _LENGTHS
        case FieldType.PERSONS:
            yield from [(*IDS,), (next(iter(IDS)),), ("nobody@example.org",), ()]
        case FieldType.REFERENCE:
            yield from [f"{rule.kind} {rule.connection} 4711"] if rule.kind else []
            yield from _REFERENCES
    yield None


def _moneys(rule: FieldRule) -> Iterator[Value]:
    """Amounts in the rule's currency, then in others, with as few and as many decimal places as there are."""
    for currency in dict.fromkeys([rule.currency or "EUR", "EUR", "JPY", "KWD"]):
        yield from (money_text(parse_money(f"{amount} {currency}")) for amount in _AMOUNTS)


def readable_words(rule: FieldRule) -> list[Value]:
    """The canonical values that the field's tables read."""
    words = [*(rule.values or ()), *rule.read_also.values()]
    return [*words, *(rule.read_else.values.values() if rule.read_else else ())]


def filled(document: Document) -> Body:
    """A record where every place that a field is read from holds something."""
    body: dict[str, Any] = {}
    for name, rule in document.rules.items():
        raw = _already_there(document.specs[name], rule)
        for path in rule.read if raw is not None else ():
            put(body, path, deepcopy(raw))
    return body


def states(document: Document, rule: FieldRule, record: Body) -> Iterator[Body]:
    """The records that a write of the field may find, as far as what it reads afterwards depends on them."""
    if rule.when is When.ONCE:
        yield {}
        return
    made = next((entry for path in rule.read if (entry := behind(path, document.computed))), None)
    for state in [record] if made is None or made.table is None else input_states(made, record):
        yield from _by_condition(rule, state)


def _by_condition(rule: FieldRule, record: Body) -> Iterator[Body]:
    if not rule.only_when:
        yield record
        return
    for holds in (True, False):
        state = deepcopy(dict(record))
        for path, allowed in rule.only_when:
            put(state, path, allowed[0] if holds else "something else")
        yield state


def _already_there(spec: FieldSpec, rule: FieldRule) -> Any:
    """A tool's value for a field, and None where none is known."""
    words: Sequence[Any] = [*(rule.values or {}).values(), *rule.read_also]
    if words:
        return words[-1]
    value = next(iter(_ALREADY.get(spec.type, samples(spec, rule))))
    written = codec(spec, rule, SHIPPED).write(value, IDS, "")
    return None if isinstance(written, Refused) else written[0]


_ALREADY: Mapping[FieldType, Sequence[Value]] = {
    FieldType.TEXT: ["Something that is there already"],
    FieldType.RICH_TEXT: ["Something that is there already."],
    FieldType.TAGS: [("already",)],
}


def frozen(value: Any) -> Value:
    """A YAML value as a field's value: lists are tags."""
    return tuple(sorted(value)) if isinstance(value, list) else value


def same(left: Value, right: Value) -> bool:
    """Equal as JSON: 1, 1.0 and true are three values."""
    return left == right and left.__class__ is right.__class__
