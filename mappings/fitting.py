"""A mapping, fitted to a live tool: what the tool cannot be told is left out of each write, and said.

This one function decides for `tieline check`, which prints `unfit`, and for the road, which writes through the fitted
mapping, so that they cannot disagree. Reading stays as it is: what a tool shows can be read whatever it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from tieline.core.model import FieldSpec, FieldType, Value
from tieline.core.port import FieldFact
from tieline.mappings.codecs import People, Refused, shown
from tieline.mappings.convert.lines import units
from tieline.mappings.document import Case, Document, FieldRule, When
from tieline.mappings.lint import SHORTEST_LINE, SHORTEST_TEXT
from tieline.mappings.mapping import Mapping, Unfitted, compile_mapping
from tieline.mappings.paths import Path, show
from tieline.mappings.writing import Writer, writes

Facts = MappingOf[str, FieldFact]

_OFFERED: Final = 12
"""Choices named in a sentence."""

_CUT: Final = frozenset({FieldType.TEXT, FieldType.RICH_TEXT, FieldType.TAGS})
"""What is cut where it is too long; of a set, each element by itself."""


@dataclass(frozen=True, slots=True)
class Unfit:
    """One thing that the tool cannot be told: a field, or one of its words. `required` says that it makes no record
    without the field."""

    field: str
    word: str | None
    sentence: str
    required: bool


@dataclass(frozen=True, slots=True)
class Fitted:
    """The mapping as this tool takes it, what it cannot be told, and what it takes against its own forms."""

    mapping: Mapping
    unfit: tuple[Unfit, ...] = ()
    remarks: tuple[str, ...] = ()


_WHOLE: Final = frozenset(
    {FieldType.DECIMAL, FieldType.MONEY, FieldType.DURATION, FieldType.PERSONS, FieldType.REFERENCE}
)
"""What says something else, or nothing, where a letter is missing."""


def fit(mapping: Mapping, facts: Facts) -> Fitted:
    """Fit a mapping to a tool's own description of its fields, by the names that mappings use in `from`."""
    document = _shortened(mapping.document, facts)
    whole = mapping if document is mapping.document else compile_mapping(document)
    specs, writers = document.specs, dict(whole.writers)
    unfitted: dict[str, Unfitted] = {}
    unfit: list[Unfit] = []
    remarks: list[str] = []
    for rule in document.rules.values():
        found = _judged(specs[rule.name], rule, facts) if writes(rule) else _Judgement()
        unfit += found.unfit
        remarks += found.remarks
        if found.restricts:
            unfitted[rule.name] = Unfitted(writers[rule.name], found.late)
            writers[rule.name] = _restricted(writers[rule.name], found)
    if unfitted:
        whole = replace(whole, writers=MappingProxyType(writers), unfitted=MappingProxyType(unfitted))
    return Fitted(whole, tuple(unfit), tuple(remarks))


# -- what the facts say of a rule ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Judgement:
    """What a tool cannot be told of one field. `barred` is the sentence that stands for all of its values; `late` the
    one for a field that is taken at the creation only."""

    unfit: tuple[Unfit, ...] = ()
    remarks: tuple[str, ...] = ()
    barred: str = ""
    late: str = ""
    words: MappingOf[str, str] = field(default_factory=dict)
    refuses: Callable[[Any], str] | None = None

    @property
    def restricts(self) -> bool:
        return bool(self.barred or self.late or self.words or self.refuses)


def _judged(spec: FieldSpec, rule: FieldRule, facts: Facts) -> _Judgement:
    known = [(path, fact) for path in _places(rule) if (fact := _fact(path, facts)) is not None]
    if rule.when is not When.NEEDED:
        # What is only written beside another field has a place of its own: the screen of a transition.
        for path, fact in known:
            if not fact.writable:
                sentence = _advised(f"{rule.name}: {show(path)} cannot be written there", fact)
                return _Judgement(unfit=(Unfit(rule.name, None, sentence, fact.required),), barred=sentence)
    late = next((fact for _path, fact in known if fact.once and rule.when is When.ALWAYS), None)
    words, unfit, remarks = _words(rule, known)
    sentence = _advised(f"{rule.name}: it is taken when the record is made, and not later", late) if late else ""
    return _Judgement(
        unfit=(*unfit, *((Unfit(rule.name, None, sentence, False),) if sentence else ())),
        remarks=remarks,
        late=sentence,
        words=words,
        refuses=_refusing(spec, rule, known),
    )


def _places(rule: FieldRule) -> list[Path]:
    paths = [path for parts in rule.parts.values() for path in parts]
    return [*dict.fromkeys(paths)] or ([rule.to] if rule.to is not None else [])


def _fact(path: Path, facts: Facts) -> FieldFact | None:
    """The fact about a place, or about what the place lies in."""
    name = show(path)
    if name in facts:
        return facts[name]
    above = [known for known in facts if name.startswith((f"{known}.", f"{known}["))]
    return facts[max(above, key=len)] if above else None


def _words(
    rule: FieldRule, known: list[tuple[Path, FieldFact]]
) -> tuple[dict[str, str], tuple[Unfit, ...], tuple[str, ...]]:
    """The words of a table that the tool does not offer, or has no room for."""
    facts = {show(path): fact for path, fact in known}
    refused: dict[str, str] = {}
    unfit: list[Unfit] = []
    remarks: list[str] = []
    for word, raws in _tables(rule):
        for path, raw in raws:
            fact = facts.get(show(path))
            what = _unlike(rule, word, raw, fact) if fact is not None else ""
            if not what or fact is None or word in refused:
                continue
            if fact.choices is not None and not fact.enforced and not _too_long(raw, fact):
                remarks.append(_advised(f"{what}, and takes it all the same", fact))
                continue
            refused[word] = _advised(what, fact)
            unfit.append(Unfit(rule.name, word, refused[word], fact.required))
    return refused, tuple(unfit), tuple(remarks)


def _tables(rule: FieldRule) -> Iterator[tuple[str, list[tuple[Path, Any]]]]:
    """Each canonical word and what is written for it, where."""
    for word, parts in rule.parts.items():
        yield word, list(parts.items())
    if not rule.parts and rule.to is not None:
        for word, raw in {**(rule.values or {}), **rule.write_also}.items():
            yield word, [(rule.to, raw)]


def _unlike(rule: FieldRule, word: str, raw: Any, fact: FieldFact) -> str:
    if fact.choices is not None and not _offered(rule, raw, fact.choices):
        return f"{rule.name}: {word} would be written as {raw!r}, and there {_listed(fact.choices)}"
    if _too_long(raw, fact):
        return (
            f"{rule.name}: {word} would be written as {raw!r:.60}, and there is room for {fact.max_length} characters"
        )
    return ""


def _too_long(raw: Any, fact: FieldFact) -> bool:
    return isinstance(raw, str) and fact.max_length is not None and units(raw) > fact.max_length


def _offered(rule: FieldRule, raw: Any, choices: MappingOf[str, str]) -> bool:
    if str(raw) in choices:
        return True
    return rule.case is not Case.EXACT and str(raw).casefold() in {choice.casefold() for choice in choices}


def _listed(choices: MappingOf[str, str]) -> str:
    names = list(choices)
    more = f" and {len(names) - _OFFERED} more" if len(names) > _OFFERED else ""
    return f"is only {', '.join(names[:_OFFERED])}{more}" if names else "is no choice at all"


def _advised(what: str, fact: FieldFact) -> str:
    return f"{what}; {fact.advice}." if fact.advice else f"{what}."


def _refusing(spec: FieldSpec, rule: FieldRule, known: list[tuple[Path, FieldFact]]) -> Callable[[Any], str] | None:
    """Why a value that stands in no table does not fit, or "". None where every value fits."""
    fact = next((fact for path, fact in known if path == rule.to), None)
    if fact is None or rule.values is not None or rule.write_also or rule.parts:
        return None
    choices = fact.choices if fact.enforced else None
    short = fact.max_length is not None and (spec.type in _WHOLE or fact.max_length < _shortest(spec.type))
    room = fact.max_length if short else None
    if choices is None and room is None:
        return None

    def why_not(raw: Any) -> str:
        if choices is not None and not _offered(rule, raw, choices):
            return _advised(f"{rule.name}: there is no choice {shown(raw)}; it {_listed(choices)}", fact)
        if room is not None and isinstance(raw, str) and units(raw) > room:
            return _advised(f"{rule.name}: {shown(raw)} is longer than the {room} characters there", fact)
        return ""

    return why_not


def _shortest(type_: FieldType) -> int:
    """The shortest limit that leaves room for a beginning and the mark that it was cut."""
    return SHORTEST_TEXT if type_ is FieldType.RICH_TEXT else SHORTEST_LINE


# -- the mapping that follows from it ------------------------------------------------------------------------------


def _shortened(document: Document, facts: Facts) -> Document:
    """The document with limits no wider than the tool's own: a text too long is cut where the mapping cuts."""
    specs = document.specs
    rules = dict(document.rules)
    for name, rule in document.rules.items():
        fact = _fact(rule.to, facts) if rule.to is not None and writes(rule) else None
        room = fact.max_length if fact is not None and specs[name].type in _CUT else None
        if room is None or rule.values is not None or room < _shortest(specs[name].type):
            continue
        if rule.limit is None or room < rule.limit:
            rules[name] = replace(rule, limit=room)
    return document if rules == document.rules else replace(document, rules=rules)


def _restricted(writer: Writer, found: _Judgement) -> Writer:
    if found.barred:
        return _barred(writer, found.barred)
    refuse = _why_not(found)
    write, codec = writer.write, writer.codec

    def checked_write(value: Any, ids: People, link: str) -> Any:
        sentence = found.words.get(value) if isinstance(value, str) else None
        if sentence is not None:
            return Refused(sentence)
        written = write(value, ids, link)
        return written if isinstance(written, Refused) else refuse(written[0]) or written

    def checked_project(value: Any, ids: People) -> Value | Refused:
        sentence = found.words.get(value) if isinstance(value, str) else None
        if sentence is not None:
            return Refused(sentence)
        if found.refuses is None:
            return codec.project(value, ids)
        written = write(value, ids, "")
        return written if isinstance(written, Refused) else refuse(written[0]) or written[1]

    checked = replace(writer, write=checked_write, codec=replace(codec, write=checked_write, project=checked_project))
    return replace(checked, when=When.ONCE, always=False) if found.late else checked


def _why_not(found: _Judgement) -> Callable[[Any], Refused | None]:
    def refuse(raw: Any) -> Refused | None:
        sentence = found.refuses(raw) if found.refuses is not None else ""
        return Refused(sentence) if sentence else None

    return refuse


def _barred(writer: Writer, sentence: str) -> Writer:
    def refuse(*_args: Any) -> Refused:
        return Refused(sentence)

    codec = replace(writer.codec, write=refuse, project=refuse)
    return replace(writer, write=refuse, codec=codec, parts=MappingProxyType({}), clearable=False, is_set=False)
