"""How something came about: why a field has its value, and what happened to an incident."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from pydantic import Field

from tieline.core.arguments import Answer, Ask, ItemName, Line
from tieline.core.errors import ConfigError
from tieline.core.events import kind_of
from tieline.core.model import ConnectionName, fields_of
from tieline.core.plugin_events import PluginEvent
from tieline.core.settings import no_such
from tieline.core.shown import Fact, Part, Table
from tieline.core.views import Keyset, Listing, Long, Moment, Row
from tieline.mappings import load
from tieline.mappings.codecs import Refused
from tieline.sync import explain
from tieline.sync.engine import EVERYONE
from tieline.sync.office.look import EngineLook


class Why(Ask):
    """A field of an incident."""

    incident: ItemName = Field(description="An incident, by its number or a ticket's key.")
    field: Line = Field(description="The field whose value is asked about.")


class CopyOfField(Row):
    """What a copy shows of a field, and why where that is not what the incident says."""

    key: str
    shows: Any
    agreed: Any
    held: str
    waits: str
    state: str


def _unsaid(look: EngineLook, name: str, found: explain.Why) -> str:
    """Why a copy shows something else, though nothing of it is held or waits: the mapping that the file names has no
    word for the incident's value. "" where that is not so, or where there is no such mapping."""
    copy, connection = found.copies[name], look.config.connections.get(ConnectionName(name))
    if connection is None or copy["waits"] or copy["state"] != "linked" or copy["shows"] == found.value:
        return ""
    try:
        mapping = load(connection.mapping, connection.overlay)
    except ConfigError:
        return ""
    writer = mapping.writers.get(found.field)
    said = writer.project(found.value, EVERYONE) if writer is not None and writer.always else found.value
    return f"{said}" if isinstance(said, Refused) else ""


class Step(Row):
    """One step of how a field came to its value, with the entry of the journal that tells of it."""

    seq: int
    at: Moment
    what: str
    who: str
    before: Any
    after: Any
    reason: str | None


class WhyShown(Answer):
    """Why a field has its value."""

    incident: str
    field: str
    value: Any
    unknown: tuple[str, ...]
    copies: dict[ConnectionName, CopyOfField]
    steps: tuple[Step, ...]
    unreadable: int = Field(exclude=True)
    replaced: tuple[int, ...] = Field(exclude=True)

    def shown(self) -> Sequence[Part]:
        return (
            Fact(f"{self.incident}  {self.field}", self.value),
            *(f"not known: {sentence}" for sentence in self.unknown),
            Table(
                "Copies",
                ["connection", "key", "state", "shows", "agreed on", "held because"],
                [
                    (name, one.key, one.state, one.shows, one.agreed, one.held or one.waits)
                    for name, one in self.copies.items()
                ],
                "no copies",
                whole=True,
            ),
            Table(
                "How it came about",
                ["entry", "when (UTC)", "what", "who", "from", "to", "reason"],
                [(one.seq, one.at, one.what, one.who, one.before, one.after, one.reason) for one in self.steps],
                "" if self.unreadable else f"the journal has nothing about {self.field}",
                whole=True,
            ),
            *self._lost(),
            *_what_is_left(self.replaced),
        )

    def _lost(self) -> Iterator[str]:
        if self.unreadable:
            entries = "one entry" if self.unreadable == 1 else f"{self.unreadable} entries"
            yield f"what {entries} of its journal said can no longer be read: it was let go of, or its keys are lost"


def _what_is_left(entries: Sequence[int]) -> Iterator[str]:
    if entries:
        numbers = f"{'entry' if len(entries) == 1 else 'entries'} {', '.join(map(str, entries))}"
        yield f"{numbers}: what was written there was let go of, and this is what is left of it; `tieline audit verify`"


def why(look: EngineLook, ask: Why) -> WhyShown:
    """Why FIELD of INCIDENT has its value: what every copy shows, and each step with its reason."""
    item = look.item(ask.incident)
    if ask.field not in (known := fields_of(item.kind)):
        raise no_such("field", ask.field, known)
    found = explain.why(look.seen_in, item, ask.field)
    return WhyShown(
        incident=look.called(item),
        field=ask.field,
        value=found.value,
        unknown=found.unknown,
        copies={
            ConnectionName(name): CopyOfField(**{**one, "held": one["held"] or _unsaid(look, name, found)})
            for name, one in found.copies.items()
        },
        steps=tuple(
            Step(
                seq=one.seq,
                at=one.at,
                what=one.kind,
                who=one.who,
                before=one.before,
                after=one.after,
                reason=one.reason,
            )
            for one in found.steps
        ),
        unreadable=found.unreadable,
        replaced=found.replaced,
    )


class History(Long):
    """Whose history is meant."""

    incident: ItemName = Field(description="An incident, by its number or a ticket's key.")


class Change(Row):
    """What an entry says of one field."""

    field: str
    what: str
    before: Any = Field(serialization_alias="from")
    after: Any = Field(serialization_alias="to")
    reason: str | None


class Entry(Row):
    """One entry of the journal. `person` is the id of a person who acted, and `actor` how whoever acted is called."""

    seq: int
    at: Moment
    kind: str
    connection: str | None
    actor: str
    person: str | None
    reason: str
    facts: dict[str, Any]
    changes: tuple[Change, ...]


_TOLD: Final = {
    "proposed": ("label", "why"),
    "approved": ("label", "right"),
    "cleared": ("sha", "since"),
    "withheld": ("sentence",),
    "rejected": ("label", "why"),
    "withdrawn": ("label",),
    "expired": ("label",),
    "glass_broken": ("label", "why"),
    "reviewed": ("label", "found"),
}
"""What is told of these kinds, beside the act that they are about."""


class HistoryShown(Listing[Entry]):
    """What happened to an incident, the oldest first."""

    called: str = Field(exclude=True)
    ours: frozenset[str] = Field(exclude=True)
    """What is called so is a part of Tieline; a person may be called so too."""

    def shown(self) -> Sequence[Part]:
        columns = ["entry", "when (UTC)", "what", "connection", "who", "field", "from", "to", "reason"]
        rows = [row for entry in self.items for row in self._told(entry)]
        left = [entry.seq for entry in self.items if "replaced" in entry.facts]
        return (Table(self.called, columns, rows), *_what_is_left(left), *self.more())

    def _told(self, entry: Entry) -> Iterator[tuple[Any, ...]]:
        """The rows of one entry: one for each field that it tells of, and one where it tells of none."""
        who = entry.actor
        if entry.person is not None and who in self.ours:
            who = f"{who} (a person)"
        head = (entry.seq, entry.at, entry.kind, entry.connection, who)
        if not entry.changes:
            told = [part for part in (entry.reason, self._facts(entry)) if part]
            yield (*head, None, None, None, ": ".join(told if entry.kind in _TOLD else told[:1]))
        for one in entry.changes:
            yield (*head, one.field, one.before, one.after, one.reason or entry.reason)

    def _facts(self, entry: Entry) -> str:
        """What an entry of a plugin's tells, in the order in which its kind declares it; and what one tells of asking
        first."""
        if entry.kind in _TOLD:
            return ", ".join(str(entry.facts[name]) for name in _TOLD[entry.kind] if name in entry.facts)
        declared = kind_of(entry.kind)
        if not (isinstance(declared, type) and issubclass(declared, PluginEvent)):
            return ""
        facts = ((name, entry.facts.get(name)) for name in declared.model_fields)
        return ", ".join(f"{name} {fact}" for name, fact in facts if fact is not None)


_OLDEST: Final = Keyset("history", int)


def history(look: EngineLook, ask: History) -> HistoryShown:
    """What happened to INCIDENT, from the journal, oldest first."""
    item = look.item(ask.incident)
    [after] = _OLDEST.after(ask.after) if ask.after is not None else [0]
    found = explain.history(look.seen_in, item.id, after=after, limit=ask.limit + 1)
    page, following = _OLDEST.page(found, ask, lambda entry: (entry["seq"],))
    return HistoryShown(
        items=tuple(map(entry_of, page)),
        next=following,
        called=look.called(item),
        ours=frozenset({"tieline", *look.config.connections}),
    )


def entry_of(entry: dict[str, Any]) -> Entry:
    """An entry as it is told."""
    return Entry(**entry, changes=_changes(entry))


def _changes(entry: dict[str, Any]) -> tuple[Change, ...]:
    return tuple(
        Change(field=name, what=one.kind, before=one.before, after=one.after, reason=one.reason)
        for name, one in explain.changes(entry)
    )
