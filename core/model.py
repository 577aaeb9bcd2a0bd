"""The canonical model: the words every tool's records are turned into.

`Fields` are ours, `Body` (in `tieline.core.port`) is theirs; the two never mix. A field's value is plain JSON, so that
equality is plain equality. Three cases stay apart: a name missing from `Fields` is *not known* (the tool does not
carry it, or says something we cannot map), `None` is *known to be empty*, anything else is the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import ClassVar, Final, NewType, TypeVar

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


class RecordKind(str):
    """What a record in a tool is, and an item of the store, by name: one of these, or a kind that a plugin offers."""

    __slots__ = ()

    INCIDENT: ClassVar[RecordKind]
    SIGNAL: ClassVar[RecordKind]
    CHANGE: ClassVar[RecordKind]
    PROBLEM: ClassVar[RecordKind]
    EXECUTION: ClassVar[RecordKind]
    ANNOUNCEMENT: ClassVar[RecordKind]

    @property
    def value(self) -> str:
        """Its name, as plain text."""
        return str(self)


RecordKind.INCIDENT = RecordKind("incident")
RecordKind.SIGNAL = RecordKind("signal")
RecordKind.CHANGE = RecordKind("change")
RecordKind.PROBLEM = RecordKind("problem")
RecordKind.EXECUTION = RecordKind("execution")
RecordKind.ANNOUNCEMENT = RecordKind("announcement")


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


class ExecutionStatus(StrEnum):
    """The life of what a runner executes. Of what is `lost` nobody knows whether it was done."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"


class Order(StrEnum):
    """What is wanted of a runner."""

    RUN = "run"
    CANCEL = "cancel"  # while it has not begun, and as far as it can be stopped


class AnnouncementStatus(StrEnum):
    """The life of an announcement."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"  # it is approved, and published at its time
    PUBLISHED = "published"
    RETRACTED = "retracted"  # what stands there says so


class Phase(StrEnum):
    """How far those are who mend it, as status pages say it."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"


class Disruption(StrEnum):
    """How much users notice of it, as status pages say it."""

    NONE = "none"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


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

OWN_CATALOGUE: Final[Mapping[RecordKind, Mapping[str, FieldSpec]]] = {
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
    RecordKind.EXECUTION: _catalogue(
        FieldSpec("title", FieldType.TEXT, "what is executed"),
        FieldSpec("description", FieldType.RICH_TEXT, "what it is for"),
        FieldSpec("status", FieldType.CHOICE, "how far it has come, as its runner says", ExecutionStatus),
        FieldSpec("wanted", FieldType.CHOICE, "what the runner is to do", Order),
        FieldSpec("runner", FieldType.TEXT, "the connection that is to execute it, and no other"),
        FieldSpec("command", FieldType.TEXT, "what is executed, in the runner's own words"),
        FieldSpec("dry_run", FieldType.FLAG, "whether it is only tried, without an effect"),
        FieldSpec("timeout", FieldType.INTEGER, "after how many seconds the runner is to stop it"),
        FieldSpec("run", FieldType.TEXT, "what it is a step of"),
        FieldSpec("exit_code", FieldType.INTEGER, "with what number it ended"),
        FieldSpec("output", FieldType.RICH_TEXT, "what it wrote, or the end of that"),
        FieldSpec("output_sha256", FieldType.TEXT, "the hash of all that it wrote"),
    ),
    RecordKind.ANNOUNCEMENT: _catalogue(
        FieldSpec("title", FieldType.TEXT, "what is announced, in one line", audience=Audience.PUBLIC),
        FieldSpec("description", FieldType.RICH_TEXT, "what everybody reads of it", audience=Audience.PUBLIC),
        FieldSpec("phase", FieldType.CHOICE, "how far those are who mend it", Phase, Audience.PUBLIC),
        FieldSpec("disruption", FieldType.CHOICE, "how much users notice of it", Disruption, Audience.PUBLIC),
        FieldSpec("status", FieldType.CHOICE, "where it stands in its life", AnnouncementStatus, Audience.STAFF),
        FieldSpec("about", FieldType.REFERENCE, "the incident that it is about", audience=Audience.STAFF),
    ),
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
    """A kind of item, and the letters in front of its numbers.

    `statuses` are told in the order of its life: it is opened in the first, and nobody works on it any more in those
    that are `over`. Beside title, description and status it has `fields`, which may also say more of one of these
    three. What is `kept` is changed by acts of the plugin and by tools, and not by `tieline edit`.
    """

    name: str
    prefix: str
    summary: str
    statuses: ChoiceEnum
    over: frozenset[str]
    fields: tuple[FieldSpec, ...] = ()
    kept: frozenset[str] = frozenset()

    @property
    def record(self) -> RecordKind:
        """What a record of it is."""
        return RecordKind(self.name)

    @property
    def first(self) -> str:
        """The status that it is opened in."""
        return next(iter(self.statuses)).value

    @property
    def catalogue(self) -> Mapping[str, FieldSpec]:
        """All its fields."""
        return _catalogue(
            FieldSpec("title", FieldType.TEXT, "what it is, in one line"),
            FieldSpec("description", FieldType.RICH_TEXT, "what is known of it, in Markdown"),
            FieldSpec("status", FieldType.CHOICE, "where it stands in its life", self.statuses),
            *self.fields,
        )


NO_KIND: Final = "ITEM"
"""Stands in front of the numbers of items whose plugin is not at work, and in front of any other as well."""

OWN_KINDS: Final = (
    ItemKind(
        RecordKind.INCIDENT,
        "INC",
        "what is broken",
        Status,
        frozenset({Status.RESOLVED, Status.CLOSED, Status.CANCELLED}),
        tuple(INCIDENT_FIELDS.values()),
    ),
    ItemKind(
        RecordKind.CHANGE,
        "CHG",
        "what is changed",
        ChangeStatus,
        frozenset({ChangeStatus.CLOSED, ChangeStatus.CANCELLED}),
        tuple(OWN_CATALOGUE[RecordKind.CHANGE].values()),
    ),
    ItemKind(
        RecordKind.PROBLEM,
        "PRB",
        "what breaks things",
        ProblemStatus,
        frozenset({ProblemStatus.RESOLVED, ProblemStatus.CLOSED, ProblemStatus.CANCELLED}),
        tuple(OWN_CATALOGUE[RecordKind.PROBLEM].values()),
    ),
    ItemKind(
        RecordKind.EXECUTION,
        "EXE",
        "what a runner executes",
        ExecutionStatus,
        frozenset(
            {
                ExecutionStatus.SUCCEEDED,
                ExecutionStatus.FAILED,
                ExecutionStatus.CANCELLED,
                ExecutionStatus.LOST,
            }
        ),
        tuple(OWN_CATALOGUE[RecordKind.EXECUTION].values()),
        frozenset(OWN_CATALOGUE[RecordKind.EXECUTION]),
    ),
    ItemKind(
        RecordKind.ANNOUNCEMENT,
        "ANN",
        "what everybody is told",
        AnnouncementStatus,
        frozenset({AnnouncementStatus.RETRACTED}),
        tuple(OWN_CATALOGUE[RecordKind.ANNOUNCEMENT].values()),
        frozenset(OWN_CATALOGUE[RecordKind.ANNOUNCEMENT]),
    ),
)
"""The kinds of item that there are without a plugin."""


class Kinds:
    """The kinds of item that a set of plugins offers beside Tieline's own."""

    def __init__(self) -> None:
        self.items: Final[dict[RecordKind, ItemKind]] = {kind.record: kind for kind in OWN_KINDS}
        self.fields: Final[dict[RecordKind, Mapping[str, FieldSpec]]] = {**OWN_CATALOGUE}

    def learn(self, kind: ItemKind) -> None:
        """Items of this kind are known by their prefix and their fields. Raises ValueError for one that is Tieline's
        own."""
        if kind.record in OWN_CATALOGUE:
            raise ValueError(f"{kind.name!r} is a kind of Tieline's own")
        self.items[kind.record] = kind
        self.fields[kind.record] = kind.catalogue


_LOADED: Final = Kinds()
_AT_WORK: Final[ContextVar[Kinds]] = ContextVar("kinds_at_work", default=_LOADED)


@contextmanager
def kinds_at_work(kinds: Kinds) -> Iterator[None]:
    """Have numbers, fields and statuses be those of these kinds, within the `with` block and in its thread. Outside of
    one they are those of all plugins that were loaded."""
    before = _AT_WORK.set(kinds)
    try:
        yield
    finally:
        _AT_WORK.reset(before)


_T = TypeVar("_T")


class _OfKinds(Mapping[RecordKind, _T]):
    """What is told of each kind, of those that are at work as it is read."""

    def __init__(self, told: Callable[[Kinds], Mapping[RecordKind, _T]]) -> None:
        self._told = told

    def __getitem__(self, kind: RecordKind) -> _T:
        return self._told(_AT_WORK.get())[kind]

    def __contains__(self, kind: object) -> bool:
        return kind in self._told(_AT_WORK.get())

    def __iter__(self) -> Iterator[RecordKind]:
        return iter(self._told(_AT_WORK.get()))

    def __len__(self) -> int:
        return len(self._told(_AT_WORK.get()))


ITEM_KINDS: Final[Mapping[RecordKind, ItemKind]] = _OfKinds(lambda kinds: kinds.items)
"""What a store holds items of. All kinds share one series of numbers: `INC-12` and `PRB-13`, and no `PRB-12` beside.
Those of plugins are told by who is at work (`kinds_at_work`): a number is read and written in places that know of no
plugin."""

CATALOGUE: Final[Mapping[RecordKind, Mapping[str, FieldSpec]]] = _OfKinds(lambda kinds: kinds.fields)
"""The fields of every kind of record."""

PREFIX: Final = re.compile(r"[A-Z]{2,6}")

ITEM_NUMBER: Final = rf"{PREFIX.pattern}-\d+"
"""A regular expression for the number of an item of any kind, whether its plugin is at work or not."""


def learn_kind(kind: ItemKind) -> None:
    """A plugin that offers this kind was loaded. Raises ValueError for one that is Tieline's own."""
    _LOADED.learn(kind)


def fields_of(kind: RecordKind) -> Mapping[str, FieldSpec]:
    """The fields of items of a kind. Raises LookupError for one whose plugin is not at work."""
    if kind not in CATALOGUE:
        raise LookupError(f"no plugin at work offers items of the kind {kind.value!r}; see `tieline plugins`")
    return CATALOGUE[kind]


def is_over(kind: RecordKind, status: object) -> bool:
    """Whether nobody works any more on an item of this kind that is in this status."""
    return kind in ITEM_KINDS and status in ITEM_KINDS[kind].over


def shown_to(audience: Audience, fields: Fields, kind: RecordKind = RecordKind.INCIDENT) -> Fields:
    """What of an item an audience may see: the fields that are for it, or for a wider one. A field that the catalogue
    does not have is for responders."""
    known, narrowest = CATALOGUE.get(kind, {}), Audience.RESPONDERS
    return {
        name: value
        for name, value in fields.items()
        if (known[name].audience if name in known else narrowest).may_become(audience)
    }


def item_number(kind: RecordKind, item: IncidentId) -> str:
    """The number people use: `INC-12`, `PRB-13`; `ITEM-14` where its plugin is not at work."""
    return f"{ITEM_KINDS[kind].prefix if kind in ITEM_KINDS else NO_KIND}-{item}"


def incident_number(incident: IncidentId) -> str:
    """The number people use for what is known to be an incident: `INC-12`."""
    return item_number(RecordKind.INCIDENT, incident)


def parse_item_number(text: str) -> tuple[RecordKind | None, IncidentId]:
    """The kind and the id behind `PRB-12`; behind plain `12`, no kind. Raises ValueError with a sentence for people."""
    prefix, dash, digits = text.strip().upper().rpartition("-")
    kind = next((kind for kind, described in ITEM_KINDS.items() if dash and described.prefix == prefix), None)
    is_known = not dash or kind is not None or prefix == NO_KIND
    if not is_known or not (digits.isascii() and digits.isdecimal()) or len(digits) > 18:
        raise ValueError(f"{text!r} is not an incident number; write it like INC-12")
    return kind, IncidentId(int(digits))


def instant(moment: datetime) -> str:
    """The canonical text of an aware moment. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone is refused; attach the zone where it is read")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


def parse_instant(text: str) -> datetime:
    """The moment behind a canonical text. Raises ValueError for any other text."""
    if not _INSTANT.fullmatch(text):
        raise ValueError(f"{text!r} is no moment in UTC; write it like 2026-12-01T09:30:00.000000Z")
    return datetime.fromisoformat(text)
