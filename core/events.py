"""What can happen: each kind of journal entry, with the facts that it holds for ever.

A journal is read by every later version of Tieline. So the facts of a kind are declared here and nowhere else, and a
kind whose facts become others gets the next version, and an `upcast` that says what an older one means today. Facts
are text, whole numbers, booleans, null, lists and objects of these; one that is ABSENT is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self, TypeVar, dataclass_transform

from tieline.core.model import ABSENT, OF_VISIBILITY, Absent

Fact = str | int | bool | None | Sequence["Fact"] | Mapping[str, "Fact"]
Facts = Mapping[str, Any]
Upcast = Callable[[Facts], Facts]
"""From the facts of one version of a kind to those of the next."""

VERSION: Final = "event_version"
"""Under this name stands an event's version in its payload, from the second on."""

CAUSE: Final = "cause"
"""Under this name stands, in the payload of what an act brought about, the seq of the entry that says it was done."""

EVENTS: Final[dict[str, type[Event]]] = {}
"""Every kind of Tieline's own, in the order in which they are explained."""

OF_PLUGINS: Final[dict[str, type[Event]]] = {}
"""The kinds of the plugins that are imported; see `core/plugin_events.py`."""


class Event:
    """One thing that happened. The docstring of its class is the meaning of its kind."""

    __slots__: tuple[str, ...] = ()
    KIND: ClassVar[str]
    UPCASTS: ClassVar[tuple[Upcast, ...]] = ()
    """One for each version before the present one."""

    def facts(self) -> dict[str, Any]:
        """The payload of its entry."""
        found: dict[str, Any] = {}
        for name in self.__slots__:
            value = getattr(self, name)
            if value is not ABSENT:
                found[name] = value
        if self.UPCASTS:
            found[VERSION] = len(self.UPCASTS) + 1
        return found

    @classmethod
    def from_facts(cls, facts: Facts) -> Self:
        """The event that these facts of today tell of. What an older entry lacks is ABSENT, and what a later version
        added is passed over."""
        found = cls.__new__(cls)
        for name in cls.__slots__:
            object.__setattr__(found, name, facts.get(name, ABSENT))
        return found

    # Written once, and not made anew for each kind: every command imports all of them.
    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, name) for name in self.__slots__)))

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"


E = TypeVar("E", bound=Event)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def event(kind: str, *upcasts: Upcast) -> Callable[[type[E]], type[E]]:
    """Declare a kind of event, at the version after its upcasts. Raises ValueError for a kind that is there."""

    def declared(declaration: type[E]) -> type[E]:
        if kind in EVENTS:
            raise ValueError(f"there is an event {kind!r} already: {EVENTS[kind].__name__}")
        own = declaration.__bases__ != (Event,)  # what it inherits from another one counts as well
        made = dataclass(frozen=True, slots=True, kw_only=True, eq=own, repr=own)(declaration)
        made.KIND, made.UPCASTS = kind, upcasts
        EVENTS[kind] = made
        return made

    return declared


def kind_of(kind: str) -> type[Event] | None:
    """The declaration of a kind; None for one of a plugin that is not at work here, or of a later version."""
    return EVENTS.get(kind) or OF_PLUGINS.get(kind)


class NotUpcast(ValueError):
    """A plugin's function from one version of an event's facts to the next raised something. `facts` are those that
    were written."""

    def __init__(self, message: str, facts: Facts) -> None:
        super().__init__(message)
        self.facts = facts


def today(kind: str, facts: Facts) -> Facts:
    """The facts of an entry as its kind has them today, whatever version wrote it. Of a kind that is not known here,
    and of a later version than this one, they stay as they are. Raises NotUpcast."""
    known = kind_of(kind)
    if known is None or not known.UPCASTS:
        return facts
    written = {name: value for name, value in facts.items() if name not in (VERSION, CAUSE)}
    found: Facts = written
    try:
        for upcast in known.UPCASTS[facts.get(VERSION, 1) - 1 :]:
            found = {**upcast(found)}
    except (Exception, SystemExit) as error:
        raise NotUpcast(f"the facts of {kind} cannot be made those of today", written) from error
    return {**found, CAUSE: facts[CAUSE]} if CAUSE in facts else found


# -- the life of an incident -----------------------------------------------------------------------------------------


@event("opened")
class Opened(Event):
    """a new incident, from a record or a signal; with its fields, the id it keeps for ever, and what kind of item it is
    where it is no incident"""

    fields: Mapping[str, Fact]
    uid: str | Absent = ABSENT
    item: str | Absent = ABSENT
    ref: str | Absent = ABSENT
    key: str | Absent = ABSENT
    signal: str | Absent = ABSENT
    unknown: Mapping[str, str] | Absent = ABSENT


@event("changed")
class Changed(Event):
    """fields of an incident got new values; each with before, after and reason"""

    changes: Mapping[str, Fact]
    conflicts: Mapping[str, Fact]
    signal: str | Absent = ABSENT
    title: Fact | Absent = ABSENT


@event("refused")
class Refused(Event):
    """a tool changed fields and none of it was taken; the values are kept here"""

    changes: Mapping[str, Fact]
    conflicts: Mapping[str, Fact]


# -- its copies ------------------------------------------------------------------------------------------------------


@event("create_intended")
class CreateIntended(Event):
    """a record is about to be made; with the token and what will be sent"""

    token: str
    fields: Mapping[str, Fact]
    left_out: Sequence[Sequence[str]]


@event("created")
class Created(Event):
    """a tool's record is linked to the incident"""

    ref: str
    key: str
    version: str


@event("write_intended")
class WriteIntended(Event):
    """a record is about to be written; with each field before and after"""

    version: str
    before: Mapping[str, Fact]
    after: Mapping[str, Fact]


@event("written")
class Written(Event):
    """the tool answered the write; with the version it is at now"""

    fields: Mapping[str, Fact]
    left: Mapping[str, Fact] | Absent = ABSENT
    version: str | Absent = ABSENT
    annotations: Mapping[str, Fact] | Absent = ABSENT
    comment: str | Absent = ABSENT


@event("attempted")
class Attempted(Event):
    """the tool answered the write, and shows nothing of it; with what it was to be"""

    fields: Mapping[str, Fact]
    left: Mapping[str, Fact]
    version: str
    annotations: Mapping[str, Fact]


@event("held")
class FieldHeld(Event):
    """a tool made something else of what was written, or was born with it; with both values and the sentence"""

    held: Mapping[str, Fact]


@event("overwritten")
class Overwritten(Event):
    """a write replaced what somebody had written since we looked, and nothing shows it any more; with both values, or
    with the names of the fields where the tool does not tell what it was"""

    conflicts: Mapping[str, Fact]
    untold: Sequence[str]
    sentence: str


@event("left_out")
class FieldsLeftOut(Event):
    """fields that a tool cannot show, such as a person it does not know, were left as they are there"""

    fields: Mapping[str, str]


@event("parked")
class Parked(Event):
    """a copy, a received record or a comment was put aside until a person acts; with the sentence"""

    sentence: str
    ref: str | Absent = ABSENT
    signal: str | Absent = ABSENT
    comment: int | Absent = ABSENT


@event("released")
class Released(Event):
    """a person let something parked try again"""

    what: str
    number: int | Absent = ABSENT


@event("resumed")
class Resumed(Event):
    """what a tool refused is tried once more, because its fields are others by now; with the sentence"""

    sentence: str


@event("settled")
class Settled(Event):
    """a person settled a held field"""

    field: str
    took: str
    value: Fact
    conflicts: Mapping[str, Fact]


@event("gone")
class RecordGone(Event):
    """a tool's record was deleted; the incident and its other copies stay"""

    ref: str
    merged_into: str
    heir_incident: int | None


@event("merged")
class RecordMerged(Event):
    """a tool's record was merged into another, which takes its place"""

    ref: str
    merged_into: str
    heir_incident: int | None


def _for_an_audience(facts: Facts) -> Facts:
    """Until there were audiences, a comment was internal or public."""
    known = OF_VISIBILITY.get(facts.get("visibility", ""))
    rest = {name: value for name, value in facts.items() if name != "visibility"}
    return facts if known is None else {**rest, "audience": known.value}


@event("commented", _for_an_audience)
class Commented(Event):
    """a comment was read in a tool, or written in Tieline"""

    comment: int
    audience: str


@event("comment_delivered", _for_an_audience)
class CommentDelivered(Event):
    """a comment stands in another tool"""

    comment: int
    remote: str
    audience: str


# -- its alerts ------------------------------------------------------------------------------------------------------


@event("signal_joined")
class SignalJoined(Event):
    """another signal of the group joined an incident"""

    signal: str
    title: str


@event("signal_ended")
class SignalEnded(Event):
    """a signal of the incident ended"""

    signal: str


@event("signal_held")
class SignalHeld(Event):
    """an alert flaps: its end or beginning is not followed before `until`; with how often it flapped"""

    signal: str
    title: str
    flaps: int
    until: str


@event("resolved_while_firing")
class ResolvedWhileFiring(Event):
    """somebody said that an incident is over while its alerts fire; with when it is looked at"""

    status: str
    firing: int
    again: str | None


@event("reraised")
class Reraised(Event):
    """alerts that still fired after that time belong to this incident from now on; with `instead_of` which"""

    signal: str
    signals: int
    instead_of: int


@event("ends_doubted")
class EndsDoubted(Event):
    """a source no longer lists many of its alerts, and they are not taken for ended; with the sentence"""

    missing: int
    of: int
    sentence: str


@event("ends_confirmed")
class EndsConfirmed(Event):
    """a person said that those alerts have ended; with each of them"""

    episodes: Sequence[str]


@event("ends_believed")
class EndsBelieved(Event):
    """that doubt is over: enough are listed again, were told of, or were confirmed; and how many ended"""

    missing: int
    since: str
    believed: int


@event("signal_told")
class SignalTold(Event):
    """the source of a signal was told to be quiet, or to be loud again"""

    signal: str
    act: str
    handle: str


# -- what somebody did -----------------------------------------------------------------------------------------------


@event("timer_fired")
class TimerFired(Event):
    """what a plugin had set a timer for was done, so late; what it brought about names this entry as its cause"""

    timer: str
    late_ms: int


@event("job_started")
class JobStarted(Event):
    """long work was started, which is done step by step; with what kind it is"""

    job: str
    kind: str


@event("job_ended")
class JobEnded(Event):
    """long work was ended: it is done, with the hash of what it came to, or was cancelled, or waits for a person"""

    job: str
    kind: str
    outcome: str
    sha256: str | Absent = ABSENT


@event("acted")
class Acted(Event):
    """somebody did what can be done, with these words; what it brought about names this entry as its cause. With the
    token by which a program did it for them"""

    act: str
    ask: Mapping[str, Fact]
    by_token: str | Absent = ABSENT


@event("proposed")
class Proposed(Event):
    """somebody asked for what somebody else is to approve first: the act and its words, the rights that approve it,
    why, until when, and all that would be written, with the hash of it as it is rendered"""

    proposal: str
    label: str
    act: str
    ask: Mapping[str, Fact]
    rights: Sequence[str]
    why: str
    until: str
    writes: Sequence[Fact]
    sha: str
    by_token: str | Absent = ABSENT


@event("approved")
class Approved(Event):
    """somebody approved what was proposed, by one of the rights that it takes, and these bytes of it; with the last
    approval it is carried out, and what that brings about names this entry as its cause"""

    proposal: str
    label: str
    right: str
    sha: str
    by_token: str | Absent = ABSENT


@event("withheld")
class Withheld(Event):
    """somebody wanted something to be read outside that may not be; with the sentence. Once a minute for each of them
    and each act"""

    act: str
    sentence: str


@event("cleared")
class Cleared(Event):
    """an item may be shown outside in one connection, in these bytes and in no others; with their hash, from when on,
    and the persons who approved them, who are none where it was done at once"""

    sha: str
    since: str
    approved_by: Sequence[str]


@event("rejected")
class Rejected(Event):
    """somebody said no to what was proposed; with why"""

    proposal: str
    label: str
    why: str


@event("withdrawn")
class Withdrawn(Event):
    """whoever had proposed something took it back"""

    proposal: str
    label: str


@event("expired")
class Expired(Event):
    """nobody approved in time what was proposed, which is a no"""

    proposal: str
    label: str


@event("glass_broken")
class GlassBroken(Event):
    """somebody did at once what somebody else was to approve first, and said why; it waits for a review"""

    review: str
    label: str
    act: str
    rights: Sequence[str]
    why: str
    sha: str


@event("reviewed")
class Reviewed(Event):
    """somebody else reviewed what was done at once; with what they found"""

    review: str
    label: str
    found: str


# -- Tieline itself --------------------------------------------------------------------------------------------------


@event("store_moved")
class StoreMoved(Event):
    """everything was copied into another database, which is in use from here on"""

    to: str
    rows: int


@event("store_reopened")
class StoreReopened(Event):
    """a person took a store that had moved into use again"""


@event("connection_working")
class ConnectionWorking(Event):
    """a connection works again"""

    sentence: str


@event("connection_waiting")
class ConnectionWaiting(Event):
    """a tool asked for a pause, or does not answer"""

    sentence: str


@event("connection_stopped")
class ConnectionStopped(Event):
    """a connection needs a person"""

    sentence: str


@event("reloaded")
class Reloaded(Event):
    """a new configuration is in force"""

    connections: Sequence[str]


@event("shredded")
class Shredded(Event):
    """payloads of earlier entries were deleted for good; what is left of some stands in their place, by the hash of
    that; the chain still verifies"""

    seqs: Sequence[int]
    why: str
    instead: Mapping[str, str] | Absent = ABSENT


@event("keys_renewed")
class KeysRenewed(Event):
    """the keys of the journal's payloads were lost, and others are in use: what was sealed before cannot be read"""

    was: str
    now: str


@event("incidents_forgotten")
class IncidentsForgotten(Event):
    """the keys of incidents were forgotten: what had been told of them cannot be read any more; the chain still
    verifies"""

    incidents: Sequence[int]
    why: str


@event("hold_placed")
class HoldPlaced(Event):
    """something is to be kept until somebody lifts this hold: an item, by its id; whatever a condition is true of; or
    everything, where it names neither. With the case that it is for"""

    hold: str
    item: str | None
    condition: str
    why: str
    reference: str


@event("hold_lifted")
class HoldLifted(Event):
    """a hold was lifted: what it was over may be forgotten again, as far as no other one is over it"""

    hold: str
    why: str


@event("person_forgotten")
class PersonForgotten(Event):
    """a person's name was let go of; what they did stays, done by somebody who was forgotten"""

    person: str


# -- who may do what -------------------------------------------------------------------------------------------------


@event("granted")
class Granted(Event):
    """a person got a role, everywhere or within a scope, for ever or until a time; with the rule by which
    it was granted"""

    person: str
    role: str
    scope: str
    until: str | None
    rule: str


@event("revoked")
class Revoked(Event):
    """a person no longer holds a role"""

    person: str
    role: str
    scope: str


@event("act_refused")
class ActRefused(Event):
    """somebody may not do what they tried to; with the right that they lack and the rule that decided. Once a minute
    for each of them and each act"""

    act: str
    right: str
    rule: str
    by_token: str | Absent = ABSENT


@event("policy_set")
class PolicySet(Event):
    """a policy says something else from here on: the document, its digest, which revision of it this is, and why.
    `alone` is true where nobody else was there who could have approved it"""

    policy: str
    revision: int
    document: str
    sha: str
    why: str
    alone: bool


@event("token_issued")
class TokenIssued(Event):
    """a token was issued, by which a program acts for somebody: what it is called, and what it reaches until when of
    what its owner may do. Its secret is kept nowhere"""

    token: str
    person: str
    name: str
    role: str
    rights: Sequence[str]
    scope: str
    until: str


@event("token_revoked")
class TokenRevoked(Event):
    """a token is not taken any more"""

    token: str
    person: str


@event("signed_in")
class SignedIn(Event):
    """somebody signed in with a browser: by which token, "" for a local account"""

    token: str


@event("account_added")
class AccountAdded(Event):
    """somebody got a local account, by which they sign in to the console"""

    person: str


@event("code_issued")
class CodeIssued(Event):
    """a code was issued by which somebody chooses their password anew; the one before is taken no more"""

    person: str


@event("password_chosen")
class PasswordChosen(Event):
    """somebody chose the password of their local account"""

    person: str


@event("password_closed")
class PasswordClosed(Event):
    """the store was put back from a backup in which somebody's password or code is another one than it was by then: it
    is taken no more, until they choose one by a new code"""

    person: str


@event("account_removed")
class AccountRemoved(Event):
    """somebody's local account was taken away"""

    person: str


@event("restricted")
class Restricted(Event):
    """an incident is from now on there only for those who may read what is restricted; with why, and how it is called
    meanwhile"""

    reason: str
    label: str


@event("unrestricted")
class Unrestricted(Event):
    """an incident is there for everybody again; with why"""

    reason: str


@event("related")
class Related(Event):
    """somebody commands an item from now on, works on it or is told of it; with the plugin that says so, if it is no
    person"""

    person: str
    relation: str
    source: str


@event("unrelated")
class Unrelated(Event):
    """somebody no longer stands so to an item"""

    person: str
    relation: str
    source: str


@event("restricted_read")
class RestrictedRead(Event):
    """somebody read a restricted incident; with the command. Once a minute for each of them and each incident"""

    act: str
    by_token: str | Absent = ABSENT
