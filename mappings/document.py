"""What a mapping file says, as values: the rules of its fields, its policies and its examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from tieline.core.deliveries import Deliveries
from tieline.core.model import FieldSpec, FieldType, RecordKind
from tieline.mappings.paths import Path

Scalar = str | int | float | bool


class PolicyKind(StrEnum):
    """Who wins when a field was changed on more than one side."""

    OWNER = "owner"  # one connection's value always wins
    LATEST = "latest"  # the change made last
    UNION = "union"  # tags: additions and removals of both sides
    ONCE = "once"  # taken or written when a copy is made, and left alone afterwards
    NEVER = "never"  # not synchronised: neither taken from a linked copy nor written to it
    MANUAL = "manual"  # a person decides


@dataclass(frozen=True, slots=True)
class Policy:
    """A field's policy. `owner` is a connection's name, and empty for every kind but OWNER."""

    kind: PolicyKind = PolicyKind.LATEST
    owner: str = ""
    file: str = field(default="", compare=False, repr=False)
    line: int = field(default=0, compare=False, repr=False)
    column: int = field(default=0, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.kind}:{self.owner}" if self.owner else str(self.kind)


class TextDialect(StrEnum):
    """How a tool writes rich text."""

    MARKDOWN = "markdown"
    PLAIN = "plain"
    SERVICENOW_JOURNAL = "servicenow_journal"
    SERVICENOW_HTML = "servicenow_html"
    JIRA_WIKI = "jira_wiki"
    JIRA_ADF = "jira_adf"


class InstantFormat(StrEnum):
    """How a tool writes a time; reading understands all of them, writing uses the named one."""

    RFC3339 = "rfc3339"  # 2026-11-23T07:01:13.340000Z
    RFC3339_SECONDS = "rfc3339_seconds"  # 2026-11-23T07:01:13Z
    RFC3339_MILLISECONDS = "rfc3339_milliseconds"  # 2026-11-23T07:01:13.340Z
    JIRA = "jira"  # 2026-11-23T07:01:13.340+0000
    NAIVE_UTC = "naive_utc"  # 2026-11-23 07:01:13
    EPOCH_SECONDS = "epoch_seconds"
    EPOCH_MILLISECONDS = "epoch_milliseconds"
    EPOCH_FLOAT = "epoch_float"


class DecimalFormat(StrEnum):
    """How a tool writes an exact number; reading understands both."""

    TEXT = "text"  # "12.5"
    NUMBER = "number"  # 12.5, where its binary fraction is still that number


class MoneyFormat(StrEnum):
    """How a tool writes an amount of money. All but the first two need `currency`: they do not tell it."""

    AMOUNT_CURRENCY = "amount_currency"  # "12.50 EUR"
    CURRENCY_AMOUNT = "currency_amount"  # "EUR;12.50", as ServiceNow takes it
    TEXT = "text"  # "12.50"
    NUMBER = "number"  # 12.5
    MINOR_UNITS = "minor_units"  # 1250: whole cents


class DurationFormat(StrEnum):
    """How a tool writes a length of time. What is finer is cut off."""

    MILLISECONDS = "milliseconds"  # 5400000
    SECONDS = "seconds"  # 5400, as in Jira's worklog
    MINUTES = "minutes"  # 90
    SINCE_1970 = "since_1970"  # "1970-01-01 01:30:00", as ServiceNow keeps it
    HOURS_MINUTES = "hours_minutes"  # "1h 30m", as Jira's fields of time take it; days there are working days
    ISO8601 = "iso8601"  # "PT1H30M"


class PersonsFormat(StrEnum):
    """What a tool's list of persons holds."""

    IDS = "ids"  # its own ids of them
    ADDRESSES = "addresses"  # their e-mail addresses


Format = InstantFormat | DecimalFormat | MoneyFormat | DurationFormat | PersonsFormat

FORMATS: Final[Mapping[FieldType, tuple[Format, ...]]] = {
    FieldType.INSTANT: tuple(InstantFormat),
    FieldType.DECIMAL: tuple(DecimalFormat),
    FieldType.MONEY: tuple(MoneyFormat),
    FieldType.DURATION: tuple(DurationFormat),
    FieldType.PERSONS: tuple(PersonsFormat),
}
"""The formats of each type that has some; the first is meant where a rule says none."""


class Case(StrEnum):
    """What a tool makes of upper and lower case."""

    EXACT = "exact"  # it keeps both apart
    FOLDED = "folded"  # it takes a word of a table in either, and answers with its own
    LOWER = "lower"  # it keeps the value in lower case
    UPPER = "upper"  # it keeps the value in upper case


class Shown(StrEnum):
    """Where a tool shows which alerts of an incident fire. It is kept up to date there, and is nobody's to edit."""

    DESCRIPTION = "description"  # in a block of the description
    COMMENT = "comment"  # in one comment of ours, which is edited


class When(StrEnum):
    """When a field is written to the tool."""

    ALWAYS = "always"
    ONCE = "once"  # at creation only
    NEEDED = "needed"  # only beside a field whose `needs` or `takes` asks for it: Jira's resolution
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class ReadElse:
    """A second place to look when the first holds a word nobody mapped: Jira's status category."""

    path: Path
    values: Mapping[Scalar, str]


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One field, both directions. Tables lead from canonical to tool value unless their name says `read`."""

    name: str
    read: tuple[Path, ...] = ()
    to: Path | None = None
    when: When = When.ALWAYS
    values: Mapping[str, Scalar] | None = None
    read_also: Mapping[Scalar, str] = field(default_factory=dict)
    words: bool = False
    read_else: ReadElse | None = None
    write_also: Mapping[str, Scalar] = field(default_factory=dict)
    parts: Mapping[str, Mapping[Path, Scalar]] = field(default_factory=dict)
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    takes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    limit: int | None = None
    case: Case = Case.EXACT
    text: TextDialect = TextDialect.MARKDOWN
    format: Format = InstantFormat.RFC3339
    currency: str = ""
    places: int | None = None
    each: Path | None = None
    kind: str = ""
    connection: str = ""
    beside: Mapping[Path, Any] = field(default_factory=dict)
    clear: Any = None
    clearable: bool = True
    join: str | None = None
    separator: str | None = None
    spaces: str | None = None
    pairs: bool = False
    yes: tuple[Scalar, ...] = ()
    no: tuple[Scalar, ...] = ()
    only_when: tuple[tuple[Path, tuple[Scalar, ...]], ...] = ()
    line: int = 1
    column: int = 1
    file: str = ""

    @property
    def looked_at(self) -> tuple[Path, ...]:
        """Where a body is looked at to read the field."""
        otherwise = () if self.read_else is None else (self.read_else.path,)
        return (*self.read, *otherwise, *(path for path, _values in self.only_when))


@dataclass(frozen=True, slots=True)
class Computed:
    """A place that the tool fills, whatever we write there: with what it makes of `inputs`, or as it likes without any.

    `table` leads from the inputs' values, level by level and as text, to the value; without one it is the input's own.
    `only_beside` is another matter: there the tool takes our value, in a write that also holds that other place.
    """

    path: Path
    inputs: tuple[Path, ...] = ()
    table: Mapping[str, Any] | None = None
    only_beside: Path | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """A record from reality: what its body means, and optionally what a write of `write` must send."""

    because: str
    body: Mapping[str, Any]
    people: Mapping[str, str]
    fields: Mapping[str, Any] | None
    unmapped: tuple[str, ...]
    write: Mapping[str, Any] | None
    writes: Mapping[str, Any] | None
    creating: bool
    line: int
    column: int
    file: str


@dataclass(frozen=True, slots=True)
class Document:
    """A mapping file after lint, with its overlay applied. `specs` are the fields that a record of this kind has."""

    name: str
    tool: str
    record: RecordKind
    specs: Mapping[str, FieldSpec]
    text: TextDialect
    text_limit: int | None
    rules: Mapping[str, FieldRule]
    policies: Mapping[str, Policy]
    defaults: Mapping[str, str]
    create: Mapping[Path, Any]
    computed: tuple[Computed, ...]
    examples: tuple[Example, ...]
    digest: str
    alerts: Shown | None = None
    deliveries: Deliveries | None = None
