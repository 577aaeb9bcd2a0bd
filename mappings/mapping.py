"""A mapping at work: body to fields and fields to body, compiled to closures when it is loaded."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from tieline.core.model import ABSENT, Absent, Fields, FieldType, RecordKind, Severity, Value
from tieline.core.port import WHOLE, Body
from tieline.core.severities import SHIPPED, Severities
from tieline.mappings.board import ALERTS, Board, split
from tieline.mappings.codecs import People, Refused, codec
from tieline.mappings.computed import behind
from tieline.mappings.convert import text
from tieline.mappings.document import Document, PersonsFormat, Policy, PolicyKind, Shown, When
from tieline.mappings.outcome import Denormalized, LeftOut, Normalized, Refusal, Unmapped
from tieline.mappings.paths import Path, put_constant
from tieline.mappings.reading import Reader, reader
from tieline.mappings.texts import RichText, rich_texts
from tieline.mappings.writing import Writer, writer, writes

NOBODY: People = MappingProxyType({})

DESCRIPTION: Final = "description"

NOBODYS: Final = Policy(PolicyKind.OWNER)
"""The block of alerts belongs to no connection: what is edited there stands nowhere else, and is written over."""


@dataclass(frozen=True, slots=True)
class Unfitted:
    """How a field would be written if the tool took it. `late` says why it does not after the creation, else ""."""

    writer: Writer
    late: str = ""


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
    texts: MappingOf[str, RichText]
    document: Document = field(repr=False)
    writers: MappingOf[str, Writer] = field(repr=False)
    _readers: tuple[Reader, ...] = field(repr=False)
    _needy: tuple[str, ...] = field(repr=False)
    unfitted: MappingOf[str, Unfitted] = field(default_factory=dict, repr=False)
    """In a mapping that was fitted to a tool: the fields that it cannot be told, or not all of."""
    board: Board | None = field(default=None, repr=False)
    """The block of the description that shows which alerts fire, where the tool has one."""

    def normalize(self, body: Body, people: People = NOBODY) -> Normalized:
        """The fields that a body holds. `people` leads from the tool's person ids to e-mail addresses."""
        fields: dict[str, Value] = {}
        unmapped: list[Unmapped] = []
        for name, read in self._readers:
            value = read(body, people)
            if value is ABSENT:
                continue
            if isinstance(value, Unmapped):
                unmapped.append(value)
            else:
                fields[name] = value
        if self.board is not None and DESCRIPTION in fields:
            fields[ALERTS] = self.board.said(body)
        return Normalized(fields, tuple(unmapped))

    def denormalize(
        self,
        wanted: Fields,
        incident: Fields,
        ids: People = NOBODY,
        *,
        creating: bool = False,
        link: str = "",
        originals: MappingOf[str, Any] = MappingProxyType({}),
        without: Collection[str] = (),
        present: Body | None = None,
    ) -> Denormalized:
        """The body that writes `wanted`; `incident` holds all fields, for those that a wanted value needs beside it.

        `ids` leads from e-mail addresses to the tool's person ids. `link` is where a text that had to be cut goes on.
        `originals` are the tool's own texts that hold more than we can say: what nobody touched of them stays.
        What is in `without` is left out, also where a wanted value needs it: the tool has refused it, and says itself
        whether it takes the other without it.
        `present` is the record as it is, where `splices` asks for it.
        """
        body: dict[str, Any] = {}
        written: dict[str, Value] = {}
        left_out: list[LeftOut] = []
        if creating:
            for path, constant in self.document.create.items():
                put_constant(body, path, constant)
        writers = self.writers
        wanted, incident = self._without_blocks(wanted), self._without_blocks(incident)
        chosen, company = self._with_company(wanted, incident, ids, left_out, without)
        for name, value in (chosen | company if company else chosen).items():
            writer = writers[name]
            if creating and (value is None or value == ()):
                continue  # a new record is empty, and some tools refuse to be told so
            if not writer.always:
                reason = _untimely(writer, creating=creating, company=name in company)
                if reason:
                    left_out.append(LeftOut(name, reason))
                    continue
            if name in originals and name in self.texts:
                over = self.texts[name].over(originals[name], str(value or ""), link)
                if over.body != originals[name]:
                    writer.put_into(body, over.body)
                    written[name] = over.back or None
                left_out += [LeftOut(name, f"{name}: {sentence}") for sentence in over.held[:1]]
                continue
            back = writer.write_into(body, value, ids, link)
            if back.__class__ is Refused:
                left_out.append(LeftOut(name, str(back)))
            elif writer.readable:
                written[name] = back
        takes_board = self.board is not None and ALERTS not in without and DESCRIPTION not in without
        if self.board is not None and takes_board and (ALERTS in wanted or DESCRIPTION in written):
            says = self._board_says(self.board, incident, ids)
            there = body if DESCRIPTION in written or creating else present
            if there is None:
                raise ValueError("a block is written into the text as it stands, which was not given")
            left_out += _put_board(self.board, body, self.board.text_in(there), says)
            if not any(one.field == ALERTS for one in left_out):
                written[ALERTS] = says
                if there is present:
                    # Whoever edits it between that look and this write is replaced, and has to be found.
                    written |= self._as_it_stands(present)
        return Denormalized(body, written, tuple(left_out))

    def _as_it_stands(self, present: Body) -> Fields:
        said = self.normalize(present).fields
        return {DESCRIPTION: said[DESCRIPTION]} if DESCRIPTION in said else {}

    def splices(self, wanted: Fields) -> bool:
        """Whether writing these fields takes the record as it is: its block changes, and nobody's text around it."""
        return self.board is not None and ALERTS in wanted

    def _board_says(self, board: Board, incident: Fields, ids: People) -> str | None:
        """What the block says beside the incident's own description, in whatever state the tool's is."""
        description = incident.get(DESCRIPTION)
        scratch: dict[str, Any] = {}
        if description is not None:
            self.writers[DESCRIPTION].write_into(scratch, description, ids, "")
        return board.shown(incident.get(ALERTS), board.text_in(scratch))

    def _without_blocks(self, fields: Fields) -> Fields:
        """A text that was copied with its block from another record goes without it."""
        described = fields.get(DESCRIPTION)
        if self.board is None or not isinstance(described, str):
            return fields
        bare, said = split(described)
        return fields if said is None and bare == described else {**fields, DESCRIPTION: bare or None}

    def _with_company(
        self, wanted: Fields, incident: Fields, ids: People, left_out: list[LeftOut], without: Collection[str]
    ) -> tuple[dict[str, Value], dict[str, Value]]:
        """The wanted fields that can be written, and what the tool wants or takes beside them."""
        writers = self.writers
        chosen = {name: value for name, value in wanted.items() if name in writers and name not in without}
        company: dict[str, Value] = {}
        for name in self._needy:
            if name not in chosen:
                continue
            value, writer = str(chosen[name]), writers[name]
            needs = [one for one in writer.needs.get(value, ()) if one not in without]
            takes = [one for one in writer.takes.get(value, ()) if one not in without]
            if not needs and not takes:
                continue
            found = {one: self._known(one, chosen, incident, ids) for one in needs}
            for one in [one for one, known in found.items() if known is ABSENT]:
                # A mapping says what a form asks for. Whether the tool takes the one without the other, it says itself.
                sentence = self._untellable(one, chosen, incident, ids)
                if sentence:
                    left_out.append(LeftOut(one, sentence))
                    del found[one]
            if ABSENT in found.values():
                missing = sorted(one for one, known in found.items() if known is ABSENT)
                what = f"{name}: {value} needs {' and '.join(missing)}, which nobody filled in"
                left_out.append(LeftOut(name, f"{what}; fill it in, or give it a default in the mapping."))
                del chosen[name]
                continue
            found |= {one: self._known(one, chosen, incident, ids) for one in takes}
            company |= {one: known for one, known in found.items() if not isinstance(known, Absent)}
        return chosen, company

    def _known(self, name: str, chosen: Fields, incident: Fields, ids: People) -> Value | Absent:
        """The first of the wanted value, the incident's and the default that the tool can hold; else ABSENT."""
        writer = self.writers[name]
        for source in (chosen, incident, self.document.defaults):
            value = source.get(name)
            if value is not None and writer.project(value, ids).__class__ is not Refused:
                return value
        return ABSENT

    def _untellable(self, name: str, chosen: Fields, incident: Fields, ids: People) -> str:
        """Why the tool cannot be told any of the values that there are for a field; "" where there is none to tell."""
        if name not in self.unfitted:
            return ""
        values = [value for source in (chosen, incident, self.document.defaults) if (value := source.get(name))]
        told = [self.writers[name].project(value, ids) for value in values]
        return next((str(one) for one in told if isinstance(one, Refused)), "")

    def knowing(self, words: MappingOf[str, Severity]) -> Mapping:
        """The same mapping where an installation adds words to the table of severities."""
        return compile_mapping(self.document, Severities(words)) if words else self

    def project(self, fields: Fields, ids: People = NOBODY) -> Fields:
        """What the tool would read back if `fields` were written to an existing record.

        Fields are absent that it cannot read, does not write on their own, or has no word for.
        """
        projected: dict[str, Value] = {}
        writers = self.writers
        fields = self._without_blocks(fields)
        for name, value in fields.items():
            writer = writers.get(name)
            if writer is None or not writer.always or not writer.readable:
                continue
            result = writer.project(value, ids)
            if not isinstance(result, Refused):
                projected[name] = result
        if self.board is not None and ALERTS in fields and self._takes_texts(ids):
            projected[ALERTS] = self._board_says(self.board, fields, ids)
        if self.pins and fields.get(ALERTS) is not None:
            projected[ALERTS] = fields[ALERTS]
        return projected

    @property
    def pins(self) -> bool:
        """Whether the tool shows alerts in a comment of ours."""
        return self.document.alerts is Shown.COMMENT and ALERTS in self.writable

    def without_pins(self) -> Mapping:
        """The same mapping where the connection has no comment to edit."""
        return replace(self, writable=self.writable - {ALERTS}) if self.pins else self

    def _takes_texts(self, ids: People) -> bool:
        """Whether the tool can be told a description at all: a mapping that was fitted to it knows."""
        return not isinstance(self.writers[DESCRIPTION].project("a description", ids), Refused)

    def refusals(self, fields: Fields, ids: People = NOBODY) -> MappingOf[str, Refusal]:
        """What this tool cannot be told of these fields at an update, though the mapping has words for it: empty for a
        mapping that was not fitted."""
        found: dict[str, Refusal] = {}
        for name, one in self.unfitted.items():
            value = fields.get(name)
            if value in (None, ()) or not one.writer.always or not one.writer.readable:
                continue
            meant = one.writer.project(value, ids)
            if not isinstance(meant, Refused):
                told = self.writers[name].project(value, ids)
                sentence = str(told) if isinstance(told, Refused) else one.late
                if sentence:
                    found[name] = Refusal(meant, sentence)
        return found

    def to_text(self, markdown: str, link: str = "") -> Any:
        """A comment's body in the tool's dialect, cut to its limit; `link` is where a cut one goes on."""
        return text.to_tool(self.document.text, markdown, self.document.text_limit, link)

    def from_text(self, body: Any) -> str:
        """The Markdown of a comment's body."""
        return text.comment_from_tool(self.document.text, body)

    def read_from(self, members: frozenset[str]) -> frozenset[str]:
        """The fields read from these members of a body, or of its `fields`."""
        if members == WHOLE:
            return self.readable
        return frozenset(
            name for name, rule in self.document.rules.items() if any(_member(path) in members for path in rule.read)
        )

    def made_of(self, name: str) -> frozenset[str]:
        """The fields that show what the tool computes a field of; none where it does not compute it, or where something
        that it computes it of is shown by no field."""
        rules = self.document.rules
        read = rules[name].read if name in rules else ()
        entry = next((one for path in read if (one := behind(path, self.document.computed))), None)
        if entry is None:
            return frozenset()
        shown = [{other for other, rule in rules.items() if place in rule.read} for place in entry.inputs]
        return frozenset().union(*shown) if all(shown) else frozenset()

    def people_in(self, fields: Fields) -> frozenset[str]:
        """The e-mail addresses that writing `fields` needs ids for."""
        named = (fields.get(name) for name in self._person_fields())
        return frozenset(
            one for value in named for one in ((value,) if isinstance(value, str) else _each(value)) if one
        )

    def _person_fields(self) -> tuple[str, ...]:
        """The writable fields for which the tool has to know somebody."""
        specs, rules = self.document.specs, self.document.rules
        known = (FieldType.PERSON, FieldType.PERSONS)
        return tuple(
            name
            for name in self.writers
            if specs[name].type in known and rules[name].format is not PersonsFormat.ADDRESSES
        )


def _each(value: Value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


def _member(path: Path) -> str:
    """The member of the record that a path leads into; Jira keeps them all in `fields`."""
    steps = [str(step) for step in path]
    return steps[1] if len(steps) > 1 and steps[0] == "fields" else steps[0]


def _put_board(board: Board, body: dict[str, Any], there: str, says: str | None) -> list[LeftOut]:
    """Write a text with its block; or say that the text there, which is people's, leaves no room for it."""
    if says is not None and not board.fits(there, says):
        return [LeftOut(ALERTS, "alerts: the description there leaves no room for the block that shows which fire.")]
    board.put_in(body, there, says)
    return []


def _untimely(writer: Writer, *, creating: bool, company: bool) -> str:
    """Why a field is not written now, or ""."""
    if writer.when is When.ONCE and not creating:
        return f"{writer.name}: it is written when the record is created and never again."
    if writer.when is When.NEEDED and not company:
        return f"{writer.name}: this tool takes it only beside another field that needs it."
    return ""


def compile_mapping(document: Document, severities: Severities = SHIPPED) -> Mapping:
    """Turn a document that passed lint into closures."""
    specs = document.specs
    codecs = {name: codec(specs[name], rule, severities) for name, rule in document.rules.items()}
    rules = document.rules.values()
    readers = tuple(Reader(rule.name, reader(specs[rule.name], rule, codecs[rule.name])) for rule in rules if rule.read)
    writers = {rule.name: writer(specs[rule.name], rule, codecs[rule.name]) for rule in rules if writes(rule)}
    board, texts = _board(document), rich_texts(document.specs, rules)
    policies = {name: document.policies.get(name, Policy()) for name in document.rules}
    shown = frozenset[str]() if board is None else frozenset({ALERTS})
    pinned = frozenset({ALERTS}) if document.alerts is Shown.COMMENT else shown
    if board is not None:
        readers = tuple(board.reading(one) if one.name == DESCRIPTION else one for one in readers)
        texts[DESCRIPTION] = replace(texts[DESCRIPTION], get=board.bare)
        policies[ALERTS] = NOBODYS
    return Mapping(
        name=document.name,
        tool=document.tool,
        record=document.record,
        digest=document.digest,
        text=str(document.text),
        policies=MappingProxyType(policies),
        readable=frozenset(reads.name for reads in readers) | shown,
        writable=frozenset(writers) | pinned,
        once=frozenset(name for name, writer in writers.items() if writer.when is When.ONCE),
        texts=MappingProxyType(texts),
        document=document,
        writers=MappingProxyType(writers),
        _readers=readers,
        _needy=tuple(name for name, writer in writers.items() if writer.needs or writer.takes),
        board=board,
    )


def _board(document: Document) -> Board | None:
    rule = document.rules.get(DESCRIPTION)
    if document.alerts is not Shown.DESCRIPTION or rule is None or rule.to is None:
        return None
    return Board.at(rule.to, rule.text, rule.limit)
