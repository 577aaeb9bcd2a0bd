"""The door between the engine and one tool. Terms are defined here, once.

record      a thing in a tool: an incident, an issue, an alert
Ref         the record's immutable id there (`sys_id`, Jira's numeric id); never a key or number that can move
Body        the tool's own JSON of a record; only an adapter and a mapping look inside
Version     an opaque stamp that differs whenever the record differs
Token       our create token: written inside the create call, so that a lost answer can be found again
Cursor      an opaque place in a tool's stream of changes, in the tool's own clock
Reading     a body with its ref and its version, at a time

Adapters raise only the errors of `tieline.core.errors`. They never retry a write: whoever called them knows the intent
and finds out what became of it. They may retry a read a bounded number of times.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, NewType, Protocol, runtime_checkable
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from tieline.core.clock import Clock
from tieline.core.deliveries import Deliveries
from tieline.core.letters import beginning
from tieline.core.model import Audience, ConnectionName, RecordKind
from tieline.core.secrets import Secret
from tieline.core.settings import Checked, Forms
from tieline.core.ways import Choice

_LONGEST_KEY: Final = 60
"""Characters of a key beside which what tells it apart has room."""

Body = Mapping[str, Any]  # JSON of somebody else's making; any shape, which is why it is never compared
Ref = NewType("Ref", str)
Version = NewType("Version", str)
Token = NewType("Token", str)
Cursor = NewType("Cursor", str)


WHOLE: Final = frozenset({"*"})
"""Every member of a body."""


class Power(StrEnum):
    """What an adapter can do beyond reading. The contract suite tests exactly the powers that are claimed."""

    WRITE = "write"  # Adapter: create (but for `AdapterKind.creates`) and update
    WRITE_IF_UNCHANGED = "write_if_unchanged"  # the tool itself refuses a write on an old version
    FIND = "find"  # Finder
    RECEIVE = "receive"  # Receiver
    COMMENT = "comment"  # Commenter
    EDIT_COMMENT = "edit_comment"  # CommentEditor
    ACKNOWLEDGE = "acknowledge"  # Acknowledger
    DESCRIBE = "describe"  # Describer
    PEOPLE = "people"  # Directory
    LINK = "link"  # Linker
    REOPEN = "reopen"  # a closed record can be opened again
    TELL_OUTPUT = "tell_output"  # Outputs: for a tool that executes something
    TELL_REPLACED = "tell_replaced"  # Historian: for a tool without WRITE_IF_UNCHANGED


@dataclass(frozen=True, slots=True)
class RemoteComment:
    """A comment as its tool holds it. `body` is in the tool's own text format; `id` is immutable there.

    `ours` is true when the tool proves that we wrote it (its author is the connection's own account).
    `token` is the token passed to `add_comment`, where the tool can carry one.
    """

    id: str
    body: Any
    author: str
    created_at: datetime | None
    audience: Audience
    ours: bool = False
    token: Token | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One record as it stood when the tool answered.

    `key` and `url` are what people call it and where they open it. `token` is our create token, if it carries one.
    `age` is how long before its answer the tool last changed the record, both by the tool's own clock: the only way
    to place an edit in time without comparing two clocks. `people` maps the tool's ids of the persons in `body` to
    e-mail addresses in lower case. `comments` is None when they were not part of the answer and must be asked for.
    `annotations` are hints the tool sent along (last editor and the like), for people only. `raced`, in the answer to
    an `update`, says that somebody changed the record between the look and the write, so that the write may have
    replaced something: then the Historian is asked what.

    `born`, on a record that carries our token, is the body that it had right after its create: `body` itself where
    nobody touched it since, rebuilt from the tool's history where it tells, None where nobody can say. It lacks what
    somebody changed since, where nobody can say what stood there: that counts as we sent it. `automatic` names the
    members of the body, as the mapping's paths begin behind `fields.`, whose present value the tool's own clock or rule
    set and no person: PagerDuty's acknowledgement that timed out. `ours` names those that our own account was the last
    to set, where the tool tells (`WHOLE` where nobody else changed the record since): what a write whose answer was
    lost left there.

    `refused`, in the answer to a write of several calls, are the members of the body that the tool refused, as in
    `Rejected.refused`, while it took the rest.
    """

    ref: Ref
    version: Version
    body: Body
    key: str = ""
    url: str = ""
    token: Token | None = None
    age: timedelta | None = None
    people: Mapping[str, str] = field(default_factory=dict)
    comments: tuple[RemoteComment, ...] | None = None
    merged_into: Ref | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    raced: bool = False
    born: Body | None = None
    automatic: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)
    ours: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Replaced:
    """What a write of ours replaced that others had written since we looked.

    `body` is the record as it is now, with those values put back into their places, and `people` are the persons it
    names, as in a Reading. Where the tool's history does not tell the values, `untold` is the sentence that says why
    and what an operator can do about it; `body` is then None, or lacks them. It is None as well where nothing was
    replaced. `ours` are the members that our own account was the last to set, as in a Reading, where only the history
    tells.
    """

    body: Body | None
    people: Mapping[str, str] = field(default_factory=dict)
    untold: str = ""
    ours: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that a listing shows and that cannot be understood: named, so that the others go on without it.

    `ref` is None where not even that is told; `key` is what people call it, and `apart` what tells it from others that
    are called so, in a few words. `sentence` says what is odd about it.
    """

    ref: Ref | None
    key: str
    sentence: str
    apart: str = ""

    @property
    def called(self) -> str:
        """What it is found by; "" where nothing of it is told."""
        return f"{beginning(self.key, _LONGEST_KEY)} {self.apart}".strip() or self.ref or ""


@dataclass(frozen=True, slots=True)
class Page:
    """Readings, oldest change first, and the cursor that stands after them.

    Committing `cursor` says: everything before it has been stored. `more` is false on the last page of this pass.
    `absent` are those of the readings that are ends which the tool did not tell: it only leaves the record out. Whoever
    marks them has the cursor of `core.episodes`, so that an end that is not believed can be kept in it.
    `unreadable` are records that belong to the page and could not be understood (`core.listing` builds readings one
    by one): each is asked for alone, and put aside by name when that fails too. The cursor stands after them as well.
    """

    readings: Sequence[Reading]
    cursor: Cursor
    more: bool = False
    absent: frozenset[Ref] = frozenset()
    unreadable: Sequence[Unreadable] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """What `check()` found. `clock_skew` is the tool's clock minus ours; `notes` are sentences for an operator.

    `foreseen` are bodies of what a source of signals may raise, as far as it tells: what fires, or what its rules say.
    `tieline check` says of them what nobody would understand.
    """

    account: str
    version: str
    clock_skew: timedelta | None = None
    notes: tuple[str, ...] = ()
    foreseen: tuple[Body, ...] = ()


@runtime_checkable
class Source(Protocol):
    """A tool that can be read. A source of signals (monitoring) is a Source; a ticket tool is an Adapter."""

    def check(self) -> Health:
        """Prove address, credentials, permissions and schema. Raises NeedsOperator with the sentence to act on."""
        ...

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        """Pages of records changed at or after `since`; None starts the tool's `history` setting ago, by its own clock.
        A comment is a change: where it moves no version, the reading carries the comments.

        At least one page comes, possibly without readings, so that a cursor always exists. The boundary is
        inclusive: a record may come twice, never not at all. An error is raised, never an empty page.
        """
        ...

    def read(self, ref: Ref) -> Reading:
        """One record, from the tool's strongly consistent side. Raises Gone."""
        ...


@runtime_checkable
class Adapter(Source, Protocol):
    """A tool whose records can be written."""

    def create(self, body: Body, token: Token) -> Reading:
        """Make one record that carries `token`; answers with the record as it was born.

        What differs there from `body` is the tool's doing: a default, a field that is not on the screen, a rule. What a
        person did to it since is left to the next reading. Raises Rejected, or TryAgain(maybe_done=…) when the answer
        was lost.
        """
        ...

    def update(self, ref: Ref, patch: Body, seen: Version) -> Reading:
        """Write only the fields in `patch`, if the record is still at `seen`; answers with the record as this write
        left it.

        What differs there from `patch` is the tool's doing: it ignored, cut or computed something. What a person did
        after the write is left to the next reading, so whoever has to read back takes it out of the answer and answers
        with a version that the next reading does not have. Raises StaleVersion when it moved, Gone, Rejected with the
        tool's own words, or TryAgain(maybe_done=…).
        """
        ...


@runtime_checkable
class Historian(Protocol):
    """Tells afterwards what a write replaced, in a tool that refuses no write on an old version."""

    def replaced(self, ref: Ref, since: Version) -> Replaced | None:
        """What our own writes since `since` replaced of what others wrote since then; None when that is nothing.

        Asked after an `update` whose answer was `raced`, and after one whose answer was lost. An edit of a field that
        we did not write, or that came after our write, is not replaced. Raises Gone.
        """
        ...


@runtime_checkable
class Finder(Protocol):
    """Looks a record up by its create token."""

    lookup_lag: timedelta
    """How long a record may exist before `find` sees it. Zero means strongly consistent."""

    def find(self, token: Token) -> Reading | None:
        """The record that carries exactly `token`, verified on the record itself, or None. With several, the oldest."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """One HTTP request as it came in: header names in lower case, body as raw bytes."""

    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hint:
    """What a webhook tells: something about `ref` changed. `reading` is there if the webhook itself is the record."""

    ref: Ref
    reading: Reading | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """A verified, parsed webhook. `delivery_id` is the tool's own id of it, else a hash of its content."""

    delivery_id: str
    hints: tuple[Hint, ...]
    incomplete: bool = False
    """True when something is missing: the tool says it left something out (Alertmanager's truncatedAlerts), or part of
    it could not be understood. Poll at once."""
    unreadable: tuple[Unreadable, ...] = ()
    """The records among those it tells of that could not be understood. The others are taken in."""
    cut: int = 0
    """How many more there are that it does not tell, where it says so (Alertmanager's truncatedAlerts)."""
    once: bool = False
    """True when `delivery_id` is one that no other delivery has: what comes under it again within seven days says
    nothing. Otherwise a source that can only be listened to may fire a second time in the same words."""

    @property
    def lost(self) -> int:
        """How many records it tells of, or says that there are, without their being taken in."""
        return len(self.unreadable) + self.cut


@runtime_checkable
class Greeter(Protocol):
    """A Receiver whose senders ask by OPTIONS whether they may send, before they do. Pure, as a Receiver."""

    def greet(self, headers: Mapping[str, str]) -> Mapping[str, str] | None:
        """What is answered to a request with these headers (their names in lower case); None where nobody asks here."""
        ...


@runtime_checkable
class Receiver(Protocol):
    """Understands the tool's webhooks. Both methods are pure: no I/O, so that the HTTP thread may call them."""

    def verify(self, delivery: Delivery, now: datetime) -> None:
        """Prove the sender from the raw bytes, before anything is parsed. Raises Forged; NeedsOperator where our own
        secret is referred to and cannot be had, and TryAgain while what proves the sender is fetched beside: then
        nobody is proved to be a forger, and the sender comes back."""
        ...

    def parse(self, delivery: Delivery) -> Received:
        """Understand a verified delivery. Raises ValueError with a sentence when it is not what the tool sends.

        Its body is JSON: what the sender wrote that JSON cannot say (NaN, half a surrogate pair, bytes that are not
        UTF-8) has become text by now, and what was nested too deeply null.
        """
        ...


@runtime_checkable
class Commenter(Protocol):
    """Reads and writes comments. `body` is the tool's own text format (the mapping converts)."""

    @property
    def audiences(self) -> frozenset[Audience]:
        """Those that the tool tells apart: each comment there is for one of them, and shown to nobody wider."""
        ...

    def comments(self, ref: Ref) -> Sequence[RemoteComment]:
        """All comments of a record, oldest first. Raises Gone."""
        ...

    def add_comment(self, ref: Ref, body: Any, audience: Audience, token: Token) -> RemoteComment:
        """Write one comment for exactly this audience, one of `audiences`, proved by what the tool answers or by
        reading it back. Raises Rejected when it cannot be had: the comment is never shown wider."""
        ...


@runtime_checkable
class CommentEditor(Protocol):
    """Writes a comment of ours anew, in its place."""

    def edit_comment(self, ref: Ref, comment: str, body: Any, audience: Audience) -> RemoteComment:
        """Give the comment with this id, which is ours, another body; it is as wide as asked, or the edit is Rejected.
        Raises Gone where the record or the comment is not there."""
        ...


class Act(StrEnum):
    """What can be done to a signal in its source."""

    ACKNOWLEDGE = "acknowledge"  # someone works on it: be quiet until `until`
    RESOLVE = "resolve"  # it is over: take back what ACKNOWLEDGE did
    RELEASE = "release"  # nobody works on it any more: be loud again


@runtime_checkable
class Acknowledger(Protocol):
    """Carries a decision about an incident back to the monitoring that raised it. Idempotent per `token`."""

    def acknowledge(self, ref: Ref, act: Act, *, until: datetime, note: str, token: Token) -> str:
        """Do `act` on the signal `ref`; `note` carries our incident's number. Answers the source's handle of the act
        (a silence's id), or "" where there is none. Repeating it with the same token changes nothing. Raises Gone for
        a signal that it does not know (any more), if it cannot be acknowledged without. An ACKNOWLEDGE that raises
        anything but TryAgain with `maybe_done` has set no silence."""
        ...


@runtime_checkable
class Directory(Protocol):
    """Finds people by e-mail."""

    def person_id(self, email: str) -> str | None:
        """The tool's id of the active person with this address, or None. Answers may be cached for minutes."""
        ...


@dataclass(frozen=True, slots=True)
class FieldFact:
    """One field as the live tool describes it. `choices` maps stored value to label; None where values are free.

    `writable` says that our account can set it at all, `once` that it is taken when a record is made and not later;
    `required` that no record is made without it. `max_length` counts UTF-16 units; of a list, those of each element.
    `enforced` is false where the tool takes a value that is none of the choices, and only its forms do not offer it.
    `readable` is false where the tool has the field and does not show it to our account.
    `advice` tells an admin where to change that: the screen, the right, the list.
    """

    name: str
    writable: bool
    required: bool
    choices: Mapping[str, str] | None = None
    max_length: int | None = None
    once: bool = False
    enforced: bool = True
    readable: bool = True
    advice: str = ""


@runtime_checkable
class Describer(Protocol):
    """Tells the live schema, so that a mapping can be checked against it before it writes."""

    def describe(self) -> Mapping[str, FieldFact]:
        """The fields of the mapped record type, by the paths that mappings read and write (`from`, `to`). Every path of
        the mapping must lead to one of them, and what a value map writes must be a choice of the one at `to`."""
        ...


@runtime_checkable
class Linker(Protocol):
    """Ties a record to something outside the tool."""

    def link(self, ref: Ref, url: str, title: str, token: Token) -> None:
        """Show a link to `url` on the record, once per token."""
        ...


@runtime_checkable
class Outputs(Protocol):
    """Tells what was written while a record was executed."""

    def output(self, ref: Ref, start: int, most: int) -> bytes:
        """What was written from its byte `start` on: at most so many bytes, and none behind its end. Raises Gone."""
        ...


class ConnectionSettings(Checked):
    """What every connection has. An adapter's settings inherit from it; secrets are `tieline.core.secrets.Secret`."""

    choices: ClassVar[tuple[Choice, ...]] = ()
    """What may be given in several ways, of which one is chosen: `tieline init` asks which, and for that one alone."""

    account_options: ClassVar[tuple[str, ...]] = ()
    """The options that say where the tool is and who logs in: the same in all connections of one `account`. Tools whose
    settings inherit them from one class may share an account; those without any have none to share."""

    history: timedelta = Field(
        default=timedelta(0), description="How far back the first poll looks; zero means from now on."
    )

    @property
    def risks(self) -> tuple[str, ...]:
        """What these settings give up, as sentences: `tieline check` and `tieline status` show them to everyone."""
        return ()

    @property
    def only_listens(self) -> bool:
        """True where there is nothing to ask: all that is known of the tool is what its webhooks say. Then it is not
        polled, no record is read, and of its powers only RECEIVE is left."""
        return False


DIRECT: Final = "direct"
"""As the address of a proxy: none, whatever the environment says."""


class ProxySettings(Checked):
    """An HTTP proxy."""

    url: str = Field(description="Its address, like http://proxy.example.com:3128; `direct` for none.")
    username: str | None = Field(default=None, description="For Basic authentication at the proxy, with `password`.")
    password: Secret | None = Field(default=None, description="For Basic authentication at the proxy.")

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        if url == DIRECT:
            return url
        parts = urlsplit(url)
        if "@" in parts.netloc:
            raise ValueError("credentials belong in `username` and `password`, not in the address")
        place = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+)(:\d{1,5})?", parts.netloc)
        if parts.scheme not in ("http", "https") or place is None or parts.path.strip("/") or parts.query:
            raise ValueError("write the proxy's address alone, like http://proxy.example.com:3128, or `direct`")
        return url.rstrip("/")

    @field_validator("username")
    @classmethod
    def _user(cls, text: str | None) -> str | None:
        if text is not None and not (text and text.isascii() and text.isprintable() and ":" not in text):
            raise ValueError("write a name of printable ASCII characters, without a colon")
        return text

    def disagreements(self) -> Iterator[str]:
        """A name without a password, or the other way round."""
        if (self.username is None) != (self.password is None):
            yield "`username` and `password` go together"


class HttpSettings(ConnectionSettings):
    """What every connection to a tool behind HTTP has."""

    verify_tls: Annotated[bool | str, Forms("true, false or the path of a CA bundle")] = Field(
        default=True, description="True, or the path of a CA bundle."
    )
    ca_file: Path | None = Field(
        default=None,
        description="A file of authorities in PEM, which take the place of the usual ones: your own CA, and that of a "
        "proxy that looks into TLS.",
    )
    client_certificate: Path | None = Field(
        default=None, description="Our certificate with its chain, in PEM, for a tool that asks for one (mutual TLS)."
    )
    client_key: Path | None = Field(
        default=None, description="The key of `client_certificate`, where it stands in a file of its own."
    )
    client_key_passphrase: Secret | None = Field(default=None, description="What opens an encrypted key.")
    proxy: ProxySettings | None = Field(
        default=None, description="The proxy to this tool; without it, HTTPS_PROXY, HTTP_PROXY and NO_PROXY count."
    )

    @property
    def authorities(self) -> bool | str:
        """What certificates are held against, as libraries take it."""
        return str(self.ca_file) if self.ca_file is not None else self.verify_tls

    def disagreements(self) -> Iterator[str]:
        """What is said twice of whom to trust, and what belongs to a certificate that is not there."""
        yield from super().disagreements()
        if self.ca_file is not None and self.verify_tls is not True:
            yield "give either `ca_file` or `verify_tls`"
        if self.client_certificate is None and (self.client_key or self.client_key_passphrase):
            yield "`client_key` and `client_key_passphrase` belong to a `client_certificate`"

    @property
    def risks(self) -> tuple[str, ...]:
        """Certificates that are not verified."""
        if self.verify_tls is False:
            return (
                "certificates are not verified (`verify_tls: false`): anybody on the way can read the credentials and "
                "change the answers.",
            )
        return ()


def _free() -> None:
    """A call that counts against no budget."""


def _nothing(_writes: bool, /) -> AbstractContextManager[None]:
    return nullcontext()


class Cut(Exception):
    """The line is cut on purpose, and the answer of a request is lost."""


@dataclass(frozen=True, slots=True)
class Workbench:
    """What an adapter gets from outside itself, so that a simulation can own it: time, and how long to wait.

    An adapter calls `spend` before each request it sends: it takes one call from the connection's budget, and waits
    for its turn where that is used up.
    """

    clock: Clock
    sleep: Callable[[float], None]
    transport: Any = None
    """In tests and simulations: an `httpx.BaseTransport` or a requests `BaseAdapter` used instead of the network."""
    spend: Callable[[], None] = _free
    around: Callable[[bool], AbstractContextManager[None]] = _nothing
    """What stands around each request, for whoever proves an adapter against a real tool; it is told whether the
    request writes, and raises Cut where the answer is to be lost."""
    deliveries: Deliveries | None = None
    """What the connection's mapping says of webhooks, for an adapter that is told by it how its tool sends them."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What an adapter does, in a few words each: its row in the table of tools. What a power stands behind is filled
    where that power is claimed, and nowhere else.

    `title` is the tool as people call it, `through` what it is asked by; `finds` what our own create is found by
    (Power.FIND), `proof` what proves a webhook (Power.RECEIVE), `acts` what is done to a signal (Power.ACKNOWLEDGE).
    `limits` are sentences: what cannot be done, and why.
    """

    title: str
    through: str
    reads: str
    writes: str = ""
    finds: str = ""
    proof: str = ""
    comments: str = ""
    acts: str = ""
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdapterKind:
    """What a plugin registers: a tool, its settings, its powers and how to connect."""

    tool: str
    record: RecordKind
    settings: type[ConnectionSettings]
    connect: Callable[[ConnectionName, Any, Workbench], Source]
    powers: frozenset[Power]
    mapping: str
    """The name of the default mapping shipped for it."""
    text: str = "plain"
    """The text dialect of comments: plain, markdown, jira_wiki, jira_adf, servicenow_journal."""
    calls_per_minute: int = 600
    """The default budget, below what the vendor allows."""
    copies: Callable[[ConnectionName], str] | None = None
    """What is copied into a connection of this name where its `copies` does not say: a condition; without it, all."""
    creates: bool = True
    """False where records come to be in the tool alone: nothing is copied into it; what is there is kept in step."""
    readers: Audience = Audience.RESPONDERS
    """The widest audience that reads what stands there. To one outside nothing leaves but what is for it and what
    somebody approved byte for byte."""
    summary: Summary | None = None
    """For the table of tools; the adapters that come with Tieline have one."""
    look_at: str = ""
    """Where a person looks when the tool answers success and does something else: its rights, screens and rules."""
