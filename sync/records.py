"""The rows the road works on, as frozen values; what is stored as JSON becomes fields here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from tieline.core.model import ConnectionName, Fields, IncidentId, RecordKind, Value, is_over, item_number
from tieline.core.port import Ref, Token, Version

RECORD: Final = "record"
"""The purpose of a copy that says what its item says, one in each connection."""

NO_VERSION = Version("")
"""Of a record that was never read."""


class ReplicaState(StrEnum):
    """Where one tool's copy stands."""

    ABSENT = "absent"  # wanted, not made yet
    IN_DOUBT = "in_doubt"  # it may be there: a create is under way, its answer was lost, or the store has forgotten it
    LINKED = "linked"
    PARKED = "parked"  # waits for a person
    GONE = "gone"  # deleted over there


class Held(StrEnum):
    """Why a field of a replica is left alone until a person acts."""

    CONFLICT = "conflict"  # both sides changed and the policy says manual
    UNMAPPED = "unmapped"  # the tool's value has no word in the mapping
    IGNORED = "ignored"  # the tool took our write and shows what it showed before
    ALTERED = "altered"  # the tool made something else of it: a default, a rule, its own clock, a cut text
    REPLACED = "replaced"  # as conflict, but our write has replaced the edit in the tool
    UNWRITABLE = "unwritable"  # the tool cannot be told the incident's value
    REVIEW = "review"  # somebody edited it in the tool, and a plugin wants a person to agree before it is taken
    DEFAULT = "default"  # the tool's own, where the record was made without a value; it waits for nobody


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who last changed a field, and when in our own clock."""

    at: datetime
    who: str


OWN_DOING: Final = frozenset({Held.IGNORED, Held.ALTERED, Held.DEFAULT})
"""Holds about what the tool itself did: nobody edited anything."""


@dataclass(frozen=True, slots=True)
class Hold:
    """One held field: both values and since when. `words` is the sentence for the person who settles it.

    `tries` counts how often ours was written in vain; `again` says that it is to be written once more. `right` is what
    whoever settles it needs beside the right to settle.
    """

    kind: Held
    ours: Value
    theirs: Any
    since: datetime
    words: str
    tries: int = 0
    again: bool = False
    right: str = ""

    @property
    def waits(self) -> bool:
        """True where a person has to act. What a tool gave a record at its birth is left as it is."""
        return self.kind is not Held.DEFAULT

    def sentence(self) -> str:
        """The words, and how often it was tried where that was more than once."""
        return f"{self.words} (tried {self.tries} times)" if self.tries > 1 else self.words


@dataclass(frozen=True, slots=True)
class Incident:
    """The canonical item as it stands in the store. `revision` grows by one with every change; `id` is its number, and
    `uid` what it is known by for ever."""

    id: IncidentId
    revision: int
    fields: Fields
    stamps: Mapping[str, Stamp]
    opened_at: datetime
    uid: str = ""
    kind: RecordKind = RecordKind.INCIDENT
    restricted: bool = False

    @property
    def number(self) -> str:
        """The number people use: `INC-12`."""
        return item_number(self.kind, self.id)

    @property
    def is_open(self) -> bool:
        """True while somebody is to work on it."""
        return not is_over(self.kind, self.fields["status"])


@dataclass(frozen=True, slots=True)
class Attempt:
    """One write of one field whose outcome is not known yet: what the tool showed before, and what we sent."""

    prior: Value
    written: Value

    @property
    def is_news(self) -> bool:
        """False for what is written back as it stood, beside something else."""
        return self.prior != self.written


@dataclass(frozen=True, slots=True)
class Intent:
    """A create that is in doubt: what is sent with it, and since when. `fields` is None where the store may have
    forgotten that the record was made, because a backup was put in its place: nobody knows with what."""

    since: datetime
    fields: Fields | None


@dataclass(frozen=True, slots=True)
class Replica:
    """One tool's copy of an incident.

    `base` is what incident and tool last agreed on, in the tool's way of saying it; `ledger` holds writes whose
    outcome is unknown; `originals` are the tool's own texts that hold more than our fields, None where nobody looked
    yet; `touched` is the journal's seq when it was last read or written.
    """

    id: int
    incident: IncidentId
    connection: ConnectionName
    state: ReplicaState
    token: Token
    ref: Ref | None = None
    key: str = ""
    url: str = ""
    base: Fields = field(default_factory=dict)
    observed: Fields = field(default_factory=dict)
    originals: Mapping[str, Any] | None = field(default_factory=dict)
    version: Version = NO_VERSION
    touched: int = 0
    ledger: Mapping[str, tuple[Attempt, ...]] = field(default_factory=dict)
    intent: Intent | None = None
    holds: Mapping[str, Hold] = field(default_factory=dict)
    trail: Mapping[str, tuple[tuple[datetime, Value], ...]] = field(default_factory=dict)
    dirty: bool = False
    dirty_since: datetime | None = None
    attempts: int = 0
    next_at: datetime | None = None
    parked: str = ""
    forgotten: bool = False
    """Its item was: what the tool shows is passed over."""
    kind: RecordKind = RecordKind.INCIDENT
    purpose: str = RECORD

    @property
    def number(self) -> str:
        """The number that people use for what it is a copy of."""
        return item_number(self.kind, self.incident)

    @property
    def intended(self) -> Fields | None:
        """What a create in doubt was sent with; None where there is no such create, or nobody knows."""
        return self.intent.fields if self.intent is not None else None

    def put_in_doubt(self, intent: Intent) -> Replica:
        """The copy that may be there: it is looked for before it is made (again)."""
        return replace(self, state=ReplicaState.IN_DOUBT, intent=intent)
