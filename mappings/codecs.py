"""A field's value in both directions: one set of closures per field type.

`read` turns the tool's value into the canonical one. `write` turns a canonical value into the tool's, and says beside
it what reading that will give: so that projecting, writing and reading back cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tieline.core.model import FieldSpec, FieldType, Value
from tieline.core.severities import Severities, why_unknown
from tieline.core.values import (
    Money,
    Reference,
    decimal_text,
    money_text,
    parse_decimal,
    parse_money,
    parse_reference,
    persons,
    reference_text,
)
from tieline.mappings.convert import amounts, instants, lengths, text
from tieline.mappings.convert.lines import GUARD, clean_line, fit_line, line_out
from tieline.mappings.document import (
    Case,
    DecimalFormat,
    DurationFormat,
    FieldRule,
    InstantFormat,
    MoneyFormat,
    PersonsFormat,
    Scalar,
)
from tieline.mappings.paths import Path, getter, put

People = Mapping[str, str]


class Refused(str):
    """A sentence that says why a value could not be converted. Never a value of its own."""

    __slots__ = ()


Written = tuple[Any, Value]
"""The tool's value, and what reading it back gives."""

Read = Callable[[Any, People], Value | Refused]
Write = Callable[[Any, People, str], Written | Refused]
Project = Callable[[Any, People], Value | Refused]


@dataclass(frozen=True, slots=True)
class Codec:
    """`read(raw, people)`, `write(value, ids, link)` and `project(value, ids)`; each may answer Refused instead."""

    read: Read
    write: Write
    project: Project


def codec(spec: FieldSpec, rule: FieldRule, severities: Severities) -> Codec:
    """The codec of one rule."""
    if rule.words:
        return _words(spec, rule, severities)
    if rule.values is not None or rule.read_also or rule.write_also:
        return _table(spec, rule)
    made = _by_type(spec, rule)
    return _recased(made, rule.case) if rule.case in (Case.LOWER, Case.UPPER) else made


def _by_type(spec: FieldSpec, rule: FieldRule) -> Codec:
    makers: Mapping[FieldType, Callable[[FieldSpec, FieldRule], Codec]] = {
        FieldType.TEXT: _line,
        FieldType.RICH_TEXT: _rich_text,
        FieldType.CHOICE: _choice,
        FieldType.INSTANT: _instant,
        FieldType.PERSON: _person,
        FieldType.TAGS: _tags,
        FieldType.INTEGER: _integer,
        FieldType.FLAG: _flag,
        FieldType.DECIMAL: _decimal,
        FieldType.MONEY: _money,
        FieldType.DURATION: _duration,
        FieldType.PERSONS: _persons,
        FieldType.REFERENCE: _reference,
    }
    return makers[spec.type](spec, rule)


def _recased(inner: Codec, case: Case) -> Codec:
    """The codec of a tool that keeps values in one case: ours are told, compared and read so."""
    change = str.lower if case is Case.LOWER else str.upper

    def recase(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(sorted({change(tag) for tag in value}))
        return change(value) if isinstance(value, str) and not isinstance(value, Refused) else value

    def read(raw: Any, people: People) -> Value | Refused:
        value: Value | Refused = recase(inner.read(raw, people))
        return value

    return _both(read, lambda value, ids, link: inner.write(recase(value), ids, link))


def shown(raw: Any) -> str:
    """A foreign value in a sentence: short, on one line."""
    return line_out(repr(raw), 60)


def _both(read: Read, write: Write) -> Codec:
    def project(value: Any, ids: People) -> Value | Refused:
        written = write(value, ids, "")
        return written if isinstance(written, Refused) else written[1]

    return Codec(read, write, project)


def _meaningless(spec: FieldSpec, raw: Any) -> Refused:
    return Refused(f"{spec.name}: nothing says what {shown(raw)} means; add it under values or read_also.")


def _wordless(spec: FieldSpec, value: Any) -> Refused:
    return Refused(f"{spec.name}: this tool has no word for {shown(value)}; add it under values or write_also.")


def _table(spec: FieldSpec, rule: FieldRule) -> Codec:
    """Values by table. The keys are looked up by type as well, since 1 == True == 1.0 in Python."""
    written = dict(rule.values or {})
    readable = {(raw.__class__, raw): value for raw, value in rule.read_also.items()}
    readable |= {(raw.__class__, raw): value for value, raw in written.items()}
    folded = {raw.casefold(): value for (_, raw), value in readable.items() if isinstance(raw, str)}
    folds = rule.case is not Case.EXACT
    outgoing = {
        value: (raw, readable.get((raw.__class__, raw))) for value, raw in {**written, **rule.write_also}.items()
    }

    def read(raw: Any, _people: People) -> Value | Refused:
        try:
            return readable[raw.__class__, raw]
        except (KeyError, TypeError):
            word = folded.get(raw.casefold()) if folds and isinstance(raw, str) else None
            return _meaningless(spec, raw) if word is None else word

    def write(value: Any, _ids: People, _link: str) -> Written | Refused:
        return outgoing.get(value) or _wordless(spec, value)

    return _both(read, write)


def _words(spec: FieldSpec, rule: FieldRule, severities: Severities) -> Codec:
    """Severities by the words of monitoring; the mapping's own words go first. Read only: lint sees to it."""
    table = _table(spec, rule)

    def read(raw: Any, people: People) -> Value | Refused:
        mine = table.read(raw, people)
        if mine.__class__ is not Refused:
            return mine
        word = str(raw) if raw.__class__ is int else raw
        if word.__class__ is not str:
            return mine
        found = severities.of(word)
        return Refused(f"{spec.name}: {why_unknown(word)}") if found is None else found.value

    return Codec(read, table.write, table.project)


def _line(spec: FieldSpec, rule: FieldRule) -> Codec:
    limit = rule.limit
    short = 10**9 if limit is None else limit // 2

    def read(raw: Any, _people: People) -> Value | Refused:
        if raw.__class__ is str:
            # A text longer than the limit is read as it would be written, or it would be written back cut.
            return clean_line(raw if len(raw) < short else line_out(raw, limit)) or None
        if isinstance(raw, int | float) and not isinstance(raw, bool):
            return str(raw)
        return Refused(f"{spec.name}: {shown(raw)} is not text; point `from` at the text inside it.")

    def write(value: Any, _ids: People, _link: str) -> Written | Refused:
        if len(value) < short and value.isprintable() and "  " not in value and "@" not in value:
            line = value.strip()  # as most lines are: nothing to clean, to quiet or to cut
            return line, line or None
        line = line_out(value, limit)
        return line, (line.replace(GUARD, "") if GUARD in line else line) or None

    return _both(read, write)


def _rich_text(spec: FieldSpec, rule: FieldRule) -> Codec:
    dialect, limit = rule.text, rule.limit

    def read(raw: Any, _people: People) -> Value | Refused:
        if raw.__class__ is str or isinstance(raw, dict):
            return text.from_tool(dialect, raw, limit) or None
        return Refused(f"{spec.name}: {shown(raw)} is not text; point `from` at the text inside it.")

    def write(value: Any, _ids: People, link: str) -> Written | Refused:
        raw, back = text.written(dialect, value, limit, link)
        return raw, back or None

    def project(value: Any, _ids: People) -> Value:
        return text.project_text(dialect, value, limit) or None

    return Codec(read, write, project)


def _choice(spec: FieldSpec, _rule: FieldRule) -> Codec:
    """A tool that uses our own words."""
    words: dict[Any, str] = {str(choice): str(choice) for choice in spec.choices or ()}

    def read(raw: Any, _people: People) -> Value | Refused:
        return (words.get(raw) if raw.__class__ is str else None) or _meaningless(spec, raw)

    def write(value: Any, _ids: People, _link: str) -> Written | Refused:
        word = words.get(value)
        return (word, word) if word else _wordless(spec, value)

    return _both(read, write)


def _instant(spec: FieldSpec, rule: FieldRule) -> Codec:
    form = InstantFormat(rule.format)
    out = instants.instant_writer(form)
    exact = form is InstantFormat.RFC3339

    def read(raw: Any, _people: People) -> Value | Refused:
        try:
            moment = instants.read_instant(raw)
            # A time finer than the format is read as it would be written, or it would be written back coarser.
            return moment if exact or moment is None else instants.read_instant(out(moment))
        except ValueError:
            return Refused(f"{spec.name}: {shown(raw)} is not a time.")

    def write(value: Any, _ids: People, _link: str) -> Written | Refused:
        try:
            if exact:
                return value, instants.read_instant(value)
            raw = out(value)
            return raw, instants.read_instant(raw)
        except ValueError:
            return Refused(f"{spec.name}: {shown(value)} is not a canonical time.")

    return _both(read, write)


def _person(spec: FieldSpec, _rule: FieldRule) -> Codec:
    def read(raw: Any, people: People) -> Value | Refused:
        email = people.get(raw) if isinstance(raw, str) else None
        if email:
            return email.lower()
        return Refused(f"{spec.name}: the e-mail address of {shown(raw)} is not known, or hidden from our account.")

    def write(value: Any, ids: People, _link: str) -> Written | Refused:
        number = ids.get(value)
        if number:
            return number, value
        return Refused(f"{spec.name}: nobody here has the address {shown(value)}; create the account.")

    return _both(read, write)


def _tags(spec: FieldSpec, rule: FieldRule) -> Codec:
    separator, spaces, pairs, limit = rule.separator, rule.spaces, rule.pairs, rule.limit

    def tidy(tags: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted({line for tag in tags if (line := clean_line(tag))}))

    def sayable(tags: Iterable[str]) -> tuple[str, ...]:
        """The tags as this tool can hold them."""
        now = tidy(tags)
        if separator is not None:
            now = tidy(tag.replace(separator, " ") for tag in now)
        now = now if spaces is None else tidy(tag.replace(" ", spaces) for tag in now)
        # One that is too long is cut by itself, and the others stay as they are.
        return now if limit is None else tidy(fit_line(tag, limit) for tag in now)

    def read(raw: Any, _people: People) -> Value | Refused:
        if pairs and isinstance(raw, Mapping):
            return tidy(f"{name}={value}" for name, value in raw.items())
        if separator is not None and isinstance(raw, str):
            raw = raw.split(separator)
        if not isinstance(raw, list | tuple) or not all(isinstance(tag, str) for tag in raw):
            return Refused(f"{spec.name}: {shown(raw)} is not a list of words.")
        return sayable(raw)

    def write(value: Any, _ids: People, _link: str) -> Written | Refused:
        tags = sayable(value)
        return list(tags) if separator is None else separator.join(tags), tags

    return _both(read, write)


def _integer(spec: FieldSpec, _rule: FieldRule) -> Codec:
    def read(raw: Any, _people: People) -> Value | Refused:
        if raw.__class__ is int:
            return int(raw)
        if isinstance(raw, str) and raw.isascii() and raw.removeprefix("-").isdecimal() and len(raw) < 19:
            return int(raw)
        return Refused(f"{spec.name}: {shown(raw)} is not a whole number.")

    return _both(read, lambda value, _ids, _link: (value, value))


def _flag(spec: FieldSpec, rule: FieldRule) -> Codec:
    yes: tuple[Scalar, ...] = rule.yes or (True,)
    no: tuple[Scalar, ...] = rule.no or (False,)
    words = {(raw.__class__, raw): True for raw in yes} | {(raw.__class__, raw): False for raw in no}

    def read(raw: Any, _people: People) -> Value | Refused:
        try:
            return words[raw.__class__, raw]
        except (KeyError, TypeError):
            return Refused(f"{spec.name}: nothing says whether {shown(raw)} is yes or no; add it under yes or no.")

    return _both(read, lambda value, _ids, _link: ((yes if value else no)[0], bool(value)))


def _proved(spec: FieldSpec, convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The conversion, which says why a value is none instead of raising it."""

    def proved(raw: Any) -> Any:
        try:
            return convert(raw)
        except ValueError as wrong:
            return Refused(f"{spec.name}: {wrong}.")

    return proved


def _values(spec: FieldSpec, read: Callable[[Any], Value], write: Callable[[Any], Written]) -> Codec:
    """The codec of two conversions that need nobody's id, and raise ValueError with a sentence."""
    reads, writes = _proved(spec, read), _proved(spec, write)
    return _both(lambda raw, _people: reads(raw), lambda value, _ids, _link: writes(value))


def _decimal(spec: FieldSpec, rule: FieldRule) -> Codec:
    form, places = DecimalFormat(rule.format), rule.places

    def read(raw: Any) -> Value:
        # A number finer than the tool's is read as it would be written, or it would be written back rounded.
        return decimal_text(amounts.rounded(amounts.read_number(raw), places))

    def write(value: Any) -> Written:
        number = amounts.rounded(parse_decimal(value), places)
        said = decimal_text(number)
        return amounts.write_number(form, number, said), said

    return _values(spec, read, write)


def _money(spec: FieldSpec, rule: FieldRule) -> Codec:
    form, currency = MoneyFormat(rule.format), rule.currency
    places = amounts.places_of(form, currency, rule.places)

    def as_kept(money: Money) -> Money:
        return Money(amounts.rounded(money.amount, places), money.currency)

    def write(value: Any) -> Written:
        money = as_kept(parse_money(value))
        return amounts.write_money(form, money, currency), money_text(money)

    return _values(spec, lambda raw: money_text(as_kept(amounts.read_money(form, raw, currency))), write)


def _duration(spec: FieldSpec, rule: FieldRule) -> Codec:
    form = DurationFormat(rule.format)

    def write(value: Any) -> Written:
        length = lengths.cut(form, value)
        return lengths.write_length(form, length), length

    return _values(spec, lambda raw: lengths.read_length(form, raw), write)


def _persons(spec: FieldSpec, rule: FieldRule) -> Codec:
    """A list is read and written whole: of one that is told without somebody, that person would be taken away."""
    separator, each, by_address = rule.separator, rule.each, rule.format is PersonsFormat.ADDRESSES
    within = getter(each) if each is not None else None

    def listed(raw: Any) -> list[Any] | Refused:
        if separator is not None and isinstance(raw, str):
            raw = [part.strip() for part in raw.split(separator) if part.strip()]
        found = [within(one) if within and isinstance(one, Mapping) else one for one in raw] if _is_list(raw) else [raw]
        if all(isinstance(one, str) for one in found) and _is_list(raw):
            return found
        return Refused(f"{spec.name}: {shown(raw)} is not a list of persons; say where each stands with `each`.")

    def read(raw: Any, people: People) -> Value | Refused:
        found = listed(raw)
        if isinstance(found, Refused):
            return found
        unknown = next((one for one in found if not by_address and not people.get(one)), None)
        if unknown is not None:
            return Refused(f"{spec.name}: the e-mail address of {shown(unknown)} is not known, or hidden from us.")
        canonical: Value | Refused = _proved(spec, persons)(found if by_address else [people[one] for one in found])
        return canonical

    def write(value: Any, ids: People, _link: str) -> Written | Refused:
        unknown = next((one for one in value if not by_address and not ids.get(one)), None)
        if unknown is not None:
            return Refused(f"{spec.name}: nobody here has the address {shown(unknown)}; create the account.")
        told = [one if by_address else ids[one] for one in value]
        if separator is not None:
            return separator.join(told), value
        return (told if each is None else [_inside(each, one) for one in told]), value

    return _both(read, write)


def _is_list(raw: Any) -> bool:
    return isinstance(raw, list | tuple)


def _inside(path: Path, raw: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    put(made, path, raw)
    return made


def _reference(spec: FieldSpec, rule: FieldRule) -> Codec:
    """What the tool holds is a bare ref where the rule says of what and where, and the canonical text otherwise."""
    kind, connection = rule.kind, rule.connection

    def read(raw: Any) -> Value:
        if not isinstance(raw, str | int) or isinstance(raw, bool):
            raise ValueError(f"{shown(raw)} is no reference; point `from` at the text inside it")
        ref = str(raw).strip()
        return reference_text(Reference(kind, ref, connection) if kind else parse_reference(ref))

    def write(value: Any) -> Written:
        if not kind:
            return value, value
        found = parse_reference(value)
        if (found.kind, found.connection) != (kind, connection):
            raise ValueError(f"{value} is no {kind} of {connection}, and the tool holds nothing else here")
        return found.ref, value

    return _values(spec, read, write)
