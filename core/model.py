"""The canonical model: the words every tool's records are turned into.

`Fields` are ours, `Body` (in `tieline.core.port`) is theirs; the two never mix. A field's value is plain JSON, so that
equality is plain equality. Three cases stay apart: a name missing from `Fields` is *not known* (the tool does not
carry it, or says something we cannot map), `None` is *known to be empty*, anything else is the value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import Final, NewType

Value = str | int | bool | None | tuple[str, ...]
Fields = Mapping[str, Value]

IncidentId = NewType("IncidentId", int)
ConnectionName = NewType("ConnectionName", str)


class Absent(Enum):
    """The third case beside a value and `None`: nothing is known of this field."""

    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent.ABSENT


class RecordKind(StrEnum):
    """What a record in a tool is."""

    INCIDENT = "incident"
    SIGNAL = "signal"
    CHANGE = "change"
    PROBLEM = "problem"


class Status(StrEnum):
    """The life of an incident. `closed` is final in tools that cannot reopen (ServiceNow)."""

    NEW = "new"
    IN_PROGRESS = "in_progress"
    ON_HOLD = "on_hold"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        return self in (Status.NEW, Status.IN_PROGRESS, Status.ON_HOLD)


class ChangeStatus(StrEnum):
    """The life of a change, as ITIL and ServiceNow tell it."""

    NEW = "new"
    ASSESS = "assess"
    AUTHORIZE = "authorize"
    SCHEDULED = "scheduled"
    IMPLEMENT = "implement"
    REVIEW = "review"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class ProblemStatus(StrEnum):
    """The life of a problem, as ITIL and ServiceNow tell it."""

    NEW = "new"
    ASSESS = "assess"
    ROOT_CAUSE = "root_cause"
    FIX_IN_PROGRESS = "fix_in_progress"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Severity(StrEnum):
    """How bad it is, as monitoring and the responders judge it."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"


class Priority(StrEnum):
    """In which order it is worked on; `p1` first."""

    P1 = "p1"
    P2 = "p2"
    P3 = "p3"
    P4 = "p4"
    P5 = "p5"


class Level(StrEnum):
    """ITIL impact and urgency."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Audience(StrEnum):
    """Whom something is for, from the narrowest to the widest. Whoever belongs to one may see what is for a wider one;
    a copy is never for a wider one than its original."""

    RESPONDERS = "responders"  # who work on this incident
    STAFF = (
        "staff"  # who works in the tools: reads ServiceNow's work notes, Jira's internal comments, PagerDuty's notes
    )
    EXECUTIVES = "executives"
    PARTNERS = "partners"
    CUSTOMERS = "customers"  # who is affected: reads ServiceNow's additional comments and Jira's replies to customers
    PUBLIC = "public"  # everybody

    @property
    def width(self) -> int:
        return _WIDTHS[self]

    @property
    def is_outside(self) -> bool:
        """True where people read it who do not work here."""
        return self.width >= Audience.PARTNERS.width

    def may_become(self, other: Audience) -> bool:
        """True when a copy for `other` shows nobody anything new: it is never wider."""
        return other.width <= self.width

    def among(self, kept: Iterable[Audience]) -> Audience | None:
        """The audience that this becomes where only those in `kept` are told apart: the one that leaves out the fewest
        and shows nobody anything new, or None."""
        return max((one for one in kept if self.may_become(one)), key=lambda one: one.width, default=None)


_WIDTHS: Final[Mapping[Audience, int]] = {audience: width for width, audience in enumerate(Audience)}

OF_VISIBILITY: Final[Mapping[str, Audience]] = {"internal": Audience.STAFF, "public": Audience.CUSTOMERS}
"""What stores, journals and files wrote before there were audiences, under `visibility`."""


class Tlp(StrEnum):
    """Traffic Light Protocol 2.0 (FIRST), from the widest to the narrowest audience."""

    CLEAR = "clear"
    GREEN = "green"
    AMBER = "amber"
    AMBER_STRICT = "amber+strict"
    RED = "red"

    @property
    def rank(self) -> int:
        return list(Tlp).index(self)


class FieldType(StrEnum):
    """How a field's value is written and compared."""

    TEXT = "text"  # one line, plain
    RICH_TEXT = "rich_text"  # Markdown
    CHOICE = "choice"  # a value of a closed enum
    INSTANT = "instant"  # UTC, `2026-11-23T19:04:37.000000Z`
    PERSON = "person"  # an e-mail address in lower case
    TAGS = "tags"  # a sorted tuple of unique strings
    INTEGER = "integer"
    FLAG = "flag"
    # The canonical forms of these are told in `core.values`.
    DECIMAL = "decimal"  # an exact number as text, `-12.5`
    MONEY = "money"  # `12.50 EUR`
    DURATION = "duration"  # whole milliseconds
    PERSONS = "persons"  # a sorted tuple of e-mail addresses in lower case
    REFERENCE = "reference"  # `problem snow 9d385017`, `incident INC-12`

    @property
    def is_set(self) -> bool:
        """True where the value is a sorted tuple of unique texts, and `()` is what an empty one says."""
        return self in (FieldType.TAGS, FieldType.PERSONS)


ChoiceEnum = type[StrEnum]


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One canonical field: its type, its values where they are a closed set, and who may be shown it."""

    name: str
    type: FieldType
    meaning: str
    choices: ChoiceEnum | None = None
    audience: Audience = Audience.RESPONDERS


def _catalogue(*specs: FieldSpec) -> Mapping[str, FieldSpec]:
    return {spec.name: spec for spec in specs}


INCIDENT_FIELDS: Final = _catalogue(
    FieldSpec("title", FieldType.TEXT, "one line that says what is broken", audience=Audience.PARTNERS),
    FieldSpec("description", FieldType.RICH_TEXT, "what is known, in Markdown", audience=Audience.STAFF),
    FieldSpec("status", FieldType.CHOICE, "where the incident stands in its life", Status, Audience.PUBLIC),
    FieldSpec("severity", FieldType.CHOICE, "how bad it is", Severity, Audience.CUSTOMERS),
    FieldSpec("priority", FieldType.CHOICE, "in which order it is worked on", Priority, Audience.EXECUTIVES),
    FieldSpec("impact", FieldType.CHOICE, "ITIL impact", Level, Audience.EXECUTIVES),
    FieldSpec("urgency", FieldType.CHOICE, "ITIL urgency", Level, Audience.EXECUTIVES),
    FieldSpec("assignee", FieldType.PERSON, "who works on it", audience=Audience.STAFF),
    FieldSpec("reporter", FieldType.PERSON, "who reported it", audience=Audience.STAFF),
    FieldSpec("team", FieldType.TEXT, "the group it is assigned to", audience=Audience.EXECUTIVES),
    FieldSpec("service", FieldType.TEXT, "the business or technical service that suffers", audience=Audience.CUSTOMERS),
    FieldSpec("category", FieldType.TEXT, "its place in the taxonomy", audience=Audience.STAFF),
    FieldSpec("tags", FieldType.TAGS, "labels", audience=Audience.STAFF),
    FieldSpec("opened_at", FieldType.INSTANT, "when it was opened", audience=Audience.CUSTOMERS),
    FieldSpec("resolved_at", FieldType.INSTANT, "when it was resolved", audience=Audience.CUSTOMERS),
    FieldSpec("hold_reason", FieldType.TEXT, "what an incident on hold waits for", audience=Audience.STAFF),
    FieldSpec("close_code", FieldType.TEXT, "how it was resolved, as a code", audience=Audience.STAFF),
    FieldSpec("close_notes", FieldType.RICH_TEXT, "how it was resolved, in words", audience=Audience.STAFF),
    FieldSpec("tlp", FieldType.CHOICE, "who may know of it", Tlp, Audience.STAFF),
    FieldSpec(
        "alerts",
        FieldType.RICH_TEXT,
        "which of its alerts fire now; kept by Tieline, and nobody's to edit",
        audience=Audience.STAFF,
    ),
)

SIGNAL_FIELDS: Final = _catalogue(
    FieldSpec("title", FieldType.TEXT, "the alert's name and summary"),
    FieldSpec("description", FieldType.RICH_TEXT, "what the rule says about it"),
    FieldSpec("firing", FieldType.FLAG, "true while the condition holds"),
    FieldSpec("suppressed", FieldType.FLAG, "true while silenced or inhibited in its source"),
    FieldSpec("severity", FieldType.CHOICE, "how bad it is", Severity),
    FieldSpec("severity_word", FieldType.TEXT, "what its source says of that, where nobody knows what it means"),
    FieldSpec("service", FieldType.TEXT, "the service it speaks of"),
    FieldSpec("tags", FieldType.TAGS, "labels as `name=value`"),
    FieldSpec("started_at", FieldType.INSTANT, "when this episode began"),
    FieldSpec("ended_at", FieldType.INSTANT, "when this episode ended"),
)

CATALOGUE: Final[Mapping[RecordKind, Mapping[str, FieldSpec]]] = {
    RecordKind.INCIDENT: INCIDENT_FIELDS,
    RecordKind.SIGNAL: SIGNAL_FIELDS,
    RecordKind.CHANGE: _catalogue(
        FieldSpec("title", FieldType.TEXT, "what is changed"),
        FieldSpec("description", FieldType.RICH_TEXT, "why and how"),
        FieldSpec("status", FieldType.CHOICE, "where the change stands in its life", ChangeStatus),
        FieldSpec("started_at", FieldType.INSTANT, "when work on it began"),
        FieldSpec("ended_at", FieldType.INSTANT, "when work on it ended"),
        FieldSpec("service", FieldType.TEXT, "what it touches"),
    ),
    RecordKind.PROBLEM: _catalogue(
        FieldSpec("title", FieldType.TEXT, "the suspected cause"),
        FieldSpec("description", FieldType.RICH_TEXT, "what is known"),
        FieldSpec("status", FieldType.CHOICE, "where the problem stands in its life", ProblemStatus),
        FieldSpec("workaround", FieldType.RICH_TEXT, "what helps until it is mended"),
    ),
}


def shown_to(audience: Audience, fields: Fields) -> Fields:
    """What of an incident an audience may see: the fields that are for it, or for a wider one. A field that the
    catalogue does not have is for responders."""
    narrowest = Audience.RESPONDERS
    return {
        name: value
        for name, value in fields.items()
        if (INCIDENT_FIELDS[name].audience if name in INCIDENT_FIELDS else narrowest).may_become(audience)
    }


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, as one tool knows them. People are matched across tools by `email`, never by name."""

    id: str
    email: str | None
    name: str


@dataclass(frozen=True, slots=True)
class Team:
    """A group that incidents are assigned to."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Service:
    """What users notice when it is down."""

    id: str
    name: str
    tier: int | None = None


class RelationKind(StrEnum):
    """How two records hang together."""

    CAUSED_BY = "caused_by_change"
    FIXED_BY = "fixed_by_change"
    PROBLEM_OF = "problem_of"
    CHILD_OF = "child_of"
    HANDED_OFF = "soc_handoff_of"
    DUPLICATE_OF = "duplicate_of"


@dataclass(frozen=True, slots=True)
class Relation:
    """A directed tie from an incident to another record, wherever that record lives."""

    incident: IncidentId
    kind: RelationKind
    connection: ConnectionName
    ref: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file on a record. `size` in bytes; content is fetched through the adapter, never kept in the store."""

    id: str
    name: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Signal:
    """An alert: evidence that opens or feeds an incident. `episode` tells two firings of one rule apart."""

    connection: ConnectionName
    episode: str
    fields: Fields
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def firing(self) -> bool:
        return self.fields.get("firing") is True


@dataclass(frozen=True, slots=True)
class ItemKind:
    """A kind of item: the letters in front of its numbers, and the statuses in which nobody works on it any more."""

    prefix: str
    over: frozenset[str]


ITEM_KINDS: Final[Mapping[RecordKind, ItemKind]] = {
    RecordKind.INCIDENT: ItemKind("INC", frozenset({Status.RESOLVED, Status.CLOSED, Status.CANCELLED})),
    RecordKind.CHANGE: ItemKind("CHG", frozenset({ChangeStatus.CLOSED, ChangeStatus.CANCELLED})),
    RecordKind.PROBLEM: ItemKind(
        "PRB", frozenset({ProblemStatus.RESOLVED, ProblemStatus.CLOSED, ProblemStatus.CANCELLED})
    ),
}
"""What a store holds items of. All kinds share one series of numbers: `INC-12` and `PRB-13`, and no `PRB-12` beside."""

ITEM_NUMBER: Final = rf"(?:{'|'.join(kind.prefix for kind in ITEM_KINDS.values())})-\d+"
"""A regular expression for the number of an item of any kind."""


def item_number(kind: RecordKind, item: IncidentId) -> str:
    """The number people use: `INC-12`, `PRB-13`."""
    return f"{ITEM_KINDS[kind].prefix}-{item}"


def incident_number(incident: IncidentId) -> str:
    """The number people use for what is known to be an incident: `INC-12`."""
    return item_number(RecordKind.INCIDENT, incident)


def parse_item_number(text: str) -> tuple[RecordKind | None, IncidentId]:
    """The kind and the id behind `PRB-12`; behind plain `12`, no kind. Raises ValueError with a sentence for people."""
    prefix, dash, digits = text.strip().upper().rpartition("-")
    kind = next((kind for kind, described in ITEM_KINDS.items() if dash and described.prefix == prefix), None)
    if (dash and kind is None) or not (digits.isascii() and digits.isdecimal()) or len(digits) > 18:
        raise ValueError(f"{text!r} is not an incident number; write it like INC-12")
    return kind, IncidentId(int(digits))


def instant(moment: datetime) -> str:
    """The canonical text of an aware moment. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone is refused; attach the zone where it is read")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_instant(text: str) -> datetime:
    """The moment behind a canonical text."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
