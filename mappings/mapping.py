"""A mapping at work: body to fields and fields to body, compiled to closures when it is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from tieline.core.model import ABSENT, CATALOGUE, Absent, Fields, FieldType, RecordKind, Value
from tieline.core.port import Body
from tieline.mappings.codecs import Codec, People, Refused, codec
from tieline.mappings.convert import text
from tieline.mappings.document import Document, FieldRule, Policy, When
from tieline.mappings.outcome import Denormalized, LeftOut, Normalized, Unmapped
from tieline.mappings.paths import Path, put
from tieline.mappings.reading import Reader, reader

NOBODY: People = MappingProxyType({})
EMPTY_TAGS: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Writer:
    """One writable field. `parts` replaces the value at `to` where one canonical value is several of the tool's."""

    name: str
    to: Path
    codec: Codec
    once: bool
    readable: bool
    parts: MappingOf[str, MappingOf[Path, Any]]
    needs: MappingOf[str, tuple[str, ...]]
    beside: MappingOf[Path, Any]
    clear: Any
    clearable: bool
    is_tags: bool

    def refusal(self, value: Value, ids: People) -> str:
        """Why `value` cannot be written, or ""."""
        result = self.expressed(value, ids)
        return str(result) if result.__class__ is Refused else ""

    def expressed(self, value: Value, ids: People) -> Value | Refused:
        """What the tool reads back after `value` was written."""
        if value is None:
            if self.is_tags:
                return EMPTY_TAGS
            return None if self.clearable else Refused(f"{self.name}: this tool does not let it be empty.")
        return self.codec.project(value, ids)

    def put_into(self, body: dict[str, Any], value: Value, ids: People, link: str) -> Refused | None:
        """Write `value` into `body`, or say why not and leave `body` alone."""
        if value is None:
            if self.is_tags:
                value = EMPTY_TAGS
            elif not self.clearable:
                return Refused(f"{self.name}: this tool does not let it be empty.")
            else:
                put(body, self.to, self.clear)
                return None
        if self.parts:
            return self._put_parts(body, value)
        raw = self.codec.write(value, ids, link)
        if raw.__class__ is Refused:
            return Refused(raw)
        put(body, self.to, raw)
        for path, constant in self.beside.items():
            put(body, path, constant)
        return None

    def _put_parts(self, body: dict[str, Any], value: Value) -> Refused | None:
        parts = self.parts.get(str(value))
        if parts is None:
            return Refused(f"{self.name}: this tool has no word for {value}; add it under write.")
        for path, raw in parts.items():
            put(body, path, raw)
        return None


@dataclass(frozen=True, slots=True)
class Mapping:
    """Body and fields of one record kind in one tool. Immutable and free of I/O, so any thread may use it.

    `readable` and `writable` are the fields it carries in each direction; those in `once` are written at creation only.
    """

    name: str
    tool: str
    record: RecordKind
    digest: str
    text: str
    policies: MappingOf[str, Policy]
    readable: frozenset[str]
    writable: frozenset[str]
    once: frozenset[str]
    document: Document = field(repr=False)
    _readers: tuple[Reader, ...] = field(repr=False)
    _writers: MappingOf[str, Writer] = field(repr=False)

    def normalize(self, body: Body, people: People = NOBODY) -> Normalized:
        """The fields that a body holds. `people` leads from the tool's person ids to e-mail addresses."""
        fields: dict[str, Value] = {}
        unmapped: list[Unmapped] = []
        for name, read in self._readers:
            value = read(body, people)
            if isinstance(value, Unmapped):
                unmapped.append(value)
            elif value is not ABSENT:
                fields[name] = value
        return Normalized(fields, tuple(unmapped))

    def denormalize(
        self, wanted: Fields, incident: Fields, ids: People = NOBODY, *, creating: bool = False, link: str = ""
    ) -> Denormalized:
        """The body that writes `wanted`; `incident` holds all its fields, for those that a wanted value needs beside it.

        `ids` leads from e-mail addresses to the tool's person ids. `link` is where a text that had to be cut goes on.
        """
        body: dict[str, Any] = {}
        written: dict[str, Value] = {}
        left_out: list[LeftOut] = []
        if creating:
            for path, constant in self.document.create.items():
                put(body, path, constant)
        for name, value in self._with_needs(wanted, incident, ids, left_out):
            writer = self._writers[name]
            if writer.once and not creating:
                left_out.append(LeftOut(name, f"{name}: it is written when the record is created and never again."))
                continue
            refusal = writer.put_into(body, value, ids, link)
            if refusal is not None:
                left_out.append(LeftOut(name, str(refusal)))
            elif writer.readable:
                written[name] = writer.expressed(value, ids)
        return Denormalized(body, written, tuple(left_out))

    def _with_needs(
        self, wanted: Fields, incident: Fields, ids: People, left_out: list[LeftOut]
    ) -> Iterator[tuple[str, Value]]:
        """The fields to write: what is wanted, and what the tool wants beside it."""
        writers = self._writers
        chosen = {name: value for name, value in wanted.items() if name in writers}
        for name, value in list(chosen.items()):
            needs = writers[name].needs.get(value) if writers[name].needs else None  # type: ignore[arg-type]
            for needed in needs or ():
                found = self._needed(needed, chosen, incident, ids)
                if found is ABSENT:
                    sentence = (
                        f"{name}: {value} needs {needed}, which nobody filled in; fill it in or give it a default."
                    )
                    left_out.append(LeftOut(name, sentence))
                    chosen.pop(name, None)
                    break
                chosen[needed] = found
        yield from chosen.items()

    def _needed(self, name: str, chosen: Fields, incident: Fields, ids: People) -> Value | Absent:
        """The first of the wanted value, the incident's and the default that the tool can hold; else ABSENT."""
        writer = self._writers[name]
        for source in (chosen, incident, self.document.defaults):
            value = source.get(name)
            if value is not None and not writer.refusal(value, ids):
                return value
        return ABSENT

    def project(self, fields: Fields, ids: People = NOBODY) -> Fields:
        """What the tool would read back if `fields` were written to an existing record.

        Fields are absent that it cannot read, cannot write any more (`once`), or has no word for.
        """
        projected: dict[str, Value] = {}
        writers = self._writers
        for name, value in fields.items():
            writer = writers.get(name)
            if writer is None or writer.once or not writer.readable:
                continue
            result = writer.expressed(value, ids)
            if result.__class__ is not Refused:
                projected[name] = result
        return projected

    def to_text(self, markdown: str, link: str = "") -> Any:
        """A comment's body in the tool's dialect, cut to its limit; `link` is where a cut one goes on."""
        return text.to_tool(self.document.text, markdown, self.document.text_limit, link)

    def from_text(self, body: Any) -> str:
        """The Markdown of a comment's body."""
        return text.from_tool(self.document.text, body)

    def people_in(self, fields: Fields) -> frozenset[str]:
        """The e-mail addresses that writing `fields` needs ids for."""
        return frozenset(
            value for name in self._person_fields() if isinstance(value := fields.get(name), str) and value
        )

    def _person_fields(self) -> tuple[str, ...]:
        specs = CATALOGUE[self.record]
        return tuple(name for name in self._writers if specs[name].type is FieldType.PERSON)


def compile_mapping(document: Document) -> Mapping:
    """Turn a document that passed lint into closures."""
    specs = CATALOGUE[document.record]
    codecs = {name: codec(specs[name], rule) for name, rule in document.rules.items()}
    rules = document.rules.values()
    readers = tuple(Reader(rule.name, reader(specs[rule.name], rule, codecs[rule.name])) for rule in rules if rule.read)
    writers = {rule.name: _writer(rule, codecs[rule.name], specs[rule.name].type) for rule in rules if _writes(rule)}
    return Mapping(
        name=document.name,
        tool=document.tool,
        record=document.record,
        digest=document.digest,
        text=str(document.text),
        policies=MappingProxyType({name: document.policies.get(name, Policy()) for name in document.rules}),
        readable=frozenset(reads.name for reads in readers),
        writable=frozenset(writers),
        once=frozenset(name for name, writer in writers.items() if writer.once),
        document=document,
        _readers=readers,
        _writers=MappingProxyType(writers),
    )


def _writes(rule: FieldRule) -> bool:
    return rule.when is not When.NEVER and (rule.to is not None or bool(rule.parts))


def _writer(rule: FieldRule, made: Codec, kind: FieldType) -> Writer:
    to = rule.to or ()
    return Writer(
        name=rule.name,
        to=to,
        codec=made,
        once=rule.when is When.ONCE,
        readable=bool(rule.read),
        parts=rule.parts,
        needs=rule.needs,
        beside=rule.beside,
        clear=rule.clear,
        clearable=rule.clearable,
        is_tags=kind is FieldType.TAGS,
    )
