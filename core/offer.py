"""What a plugin offers: declared once, and everything else follows.

    OFFER = Offer(
        group="escalation",
        summary="Nothing waits unseen: reminders, and somebody else in the end.",
        acts=(Act("pause", pause, "escalation.pause", ("incident",), records=(Paused,)),),
        rights={"escalation.pause": Right("pause the escalation of an incident", (Role.COMMANDER,))},
        events=(Paused, Reminded),
        projections=(Projection("pauses", (PAUSE,), {Paused: paused}),),
        followers=(Follower("start", (Opened,), start),),
        timers=(TimerKind("remind", remind),),
        does=frozenset({"incident.edit", "incident.comment"}),
    )

A plugin registers it with the hook `tieline_offer`. What it offers is called by its group: `tieline escalation pause`,
the event `escalation.paused`, the timer `escalation.remind`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tieline.core import jobs
from tieline.core.access import OWN_RULES, Role, Rules
from tieline.core.acts import Act
from tieline.core.declared import Declared, faults
from tieline.core.events import Event
from tieline.core.identity import PLUGIN
from tieline.core.jobs import Job
from tieline.core.model import NO_KIND, OWN_KINDS, PREFIX, Fields, FieldType, ItemKind, Kinds, RecordKind, learn_kind
from tieline.core.pages import Page
from tieline.core.plugin_events import PluginEvent
from tieline.core.policy import Policy
from tieline.core.projections import Happened, Projection, code_of
from tieline.core.schedules import Daily
from tieline.core.views import View

GROUP: Final = re.compile(r"[a-z][a-z0-9_]{1,19}")
"""A group's name: it stands in front of a command, of a kind of event and of a table."""

NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,19}")

_LABEL: Final = "RES"
"""Stands in front of what items are called that are restricted."""

_ALERTS: Final = "alerts"
"""The field of incidents that says which alerts fire."""

_FIELD: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_STATUS: Final = re.compile(r"[a-z][a-z0-9_]{0,19}")


@dataclass(frozen=True, slots=True)
class Right:
    """A right of a plugin's own: what it lets somebody do, and the roles that it comes with beside admin."""

    does: str
    roles: tuple[Role, ...] = ()


@dataclass(frozen=True, slots=True)
class Follower:
    """What a plugin does about what happened: for each event of these kinds, in order, once, after a crash as well.

    It decides at a desk, as an act does. One that fails is tried again and in the end waits for a person; what happens
    to the same item waits behind it, and nothing else does. A rebuild does not run it.
    """

    name: str
    on: tuple[type[Event], ...]
    run: Callable[[Any, Happened], object]


@dataclass(frozen=True, slots=True)
class Due:
    """A timer that is due. `item` is the number of the item that it was set for, "" for none; `late` is how long ago
    it should have fired: never negative, large after an outage."""

    at: datetime
    late: timedelta
    item: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TimerKind:
    """What a plugin does at a time that it had set: once in the fleet, at a desk, as an act does. One with a schedule
    is set by itself, over and over; of times that passed while nobody was at work, it fires once for all of them."""

    name: str
    run: Callable[[Any, Due], object]
    schedule: Daily | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """All that one plugin offers. `does` are the rights with which its followers, timers and jobs act, and `templates`
    is the folder of what its pages are drawn by. `withdrawn` is what a withdrawn item of a kind says outside, in words
    that were fixed before it was there: what stands there may come to say that, and no more, although it is for few by
    now."""

    group: str
    summary: str
    acts: tuple[Act, ...] = ()
    views: tuple[View, ...] = ()
    rights: Mapping[str, Right] = field(default_factory=dict)
    events: tuple[type[PluginEvent], ...] = ()
    projections: tuple[Projection, ...] = ()
    followers: tuple[Follower, ...] = ()
    timers: tuple[TimerKind, ...] = ()
    policies: tuple[Policy[Any], ...] = ()
    kinds: tuple[ItemKind, ...] = ()
    jobs: tuple[Job, ...] = ()
    does: frozenset[str] = frozenset()
    pages: tuple[Page, ...] = ()
    templates: Path | None = None
    withdrawn: Mapping[str, Fields] = field(default_factory=dict)

    @property
    def actor(self) -> str:
        """By what name its followers, timers and jobs act."""
        return f"{PLUGIN}{self.group}"

    @property
    def works(self) -> bool:
        """Whether anything of it goes on by itself, so that a worker is needed."""
        return bool(self.projections or self.followers or self.timers or self.jobs)

    def is_in_step(self, projection: Projection) -> bool:
        """Whether a projection is written together with the events that it is made from: they are all its own."""
        return {*projection.applies} <= {*self.events}


class Offers:
    """What all plugins offer, by full names. Raises TypeError, with a sentence, for what cannot be offered."""

    def __init__(self, offers: Iterable[Offer] = ()) -> None:
        self.by_group: dict[str, Offer] = {}
        self.acts: dict[str, Act] = {}
        self.views: dict[str, View] = {}
        self.timers: dict[str, tuple[Offer, TimerKind]] = {}
        self.jobs: dict[str, tuple[Offer, Job]] = {}
        self.followers: dict[str, tuple[Offer, Follower]] = {}
        self.projections: dict[str, tuple[Offer, Projection]] = {}
        self.policies: dict[str, tuple[Offer, Policy[Any]]] = {}
        self.known: Kinds = Kinds()
        self.pages: dict[str, tuple[Offer, Page]] = {}
        self.rules: Rules = OWN_RULES
        for offer in offers:
            self.add(offer)

    def add(self, offer: Offer) -> None:
        """Take one in. Raises TypeError where it cannot be, and nothing of it is then."""
        wrong = [*_wrong(offer), *self._taken(offer)]
        if offer.group in self.by_group:
            wrong.insert(0, "another plugin offers a group of that name")
        taken = [page.path for page in offer.pages if page.path in self.pages]
        wrong += [f"the page {path!r}: another plugin's stands there" for path in taken]
        if wrong:
            raise TypeError(f"the offer {offer.group!r}: {'; '.join(wrong)}")
        self.by_group[offer.group] = offer
        for one in offer.projections:
            code_of(one)  # as it is loaded, and not as its files are once they were replaced
        for kind in offer.kinds:
            learn_kind(kind)
            self.known.learn(kind)
        for name, right in offer.rights.items():
            self.rules = self.rules.beside(name, right.does, right.roles)
        for act in offer.acts:
            name = f"{offer.group} {act.name}"
            self.acts[name] = replace(act, name=name)
        for job in offer.jobs:
            self.jobs[f"{offer.group}.{job.name}"] = (offer, job)
            self.acts[f"{offer.group} {job.name}"] = jobs.start_of(offer.group, job)
        for view in offer.views:
            name = f"{offer.group} {view.name}"
            self.views[name] = replace(view, name=name)
        self.timers.update({f"{offer.group}.{one.name}": (offer, one) for one in offer.timers})
        self.followers.update({f"{offer.group}.{one.name}": (offer, one) for one in offer.followers})
        self.pages.update({page.path: (offer, page) for page in offer.pages})
        self.policies.update({f"{offer.group}.{one.name}": (offer, one) for one in offer.policies})
        self.projections.update({f"{offer.group}.{one.name}": (offer, one) for one in offer.projections})

    def _taken(self, offer: Offer) -> Iterator[str]:
        """Sentences: which of its kinds of item are called as others are."""
        for kind in offer.kinds:
            if kind.record in self.kinds or kind.record == RecordKind.SIGNAL:
                yield f"another kind of item is called {kind.name!r}"
            if kind.prefix in {NO_KIND, _LABEL, *(one.prefix for one in self.kinds.values())}:
                yield f"{kind.prefix}- stands in front of other numbers; take other letters for {kind.name!r}"

    @property
    def kinds(self) -> Mapping[RecordKind, ItemKind]:
        """The kinds of item that there are with these."""
        return self.known.items

    def kind_of(self, record: RecordKind) -> ItemKind:
        """What these offer of items of a kind. Raises LookupError where none of them does, whatever else this process
        has loaded."""
        if record not in self.kinds:
            raise LookupError(f"no plugin at work offers items of the kind {record.value!r}; see `tieline plugins`")
        return self.kinds[record]

    @property
    def work(self) -> bool:
        """Whether a worker is needed for any of them."""
        return any(one.works for one in self.by_group.values())

    def of_act(self, name: str) -> Offer | None:
        """Whose an act is; None for one of Tieline's own."""
        return self.by_group.get(name.partition(" ")[0]) if name in self.acts else None

    def of_view(self, name: str) -> Offer | None:
        """Whose a view is; None for one of Tieline's own."""
        return self.by_group.get(name.partition(" ")[0]) if name in self.views else None


def _wrong(offer: Offer) -> Iterator[str]:
    group = offer.group
    if not GROUP.fullmatch(group):
        yield "a group has a name of 2 to 20 small letters, digits and underscores"
    if not offer.summary.strip():
        yield "its summary is empty, and that is what people read of it"
    yield from _wrong_rights(offer)
    for act in offer.acts:
        yield from (f"the act {act.name!r}: {words}" for words in _wrong_act(offer, act))
    for view in offer.views:
        yield from (f"the view {view.name!r}: {words}" for words in _misdeclared(offer, view))
    for job in offer.jobs:
        yield from (f"the job {job.name!r}: {words}" for words in _wrong_job(offer, job))
    for event in offer.events:
        if not event.KIND.startswith(f"{group}."):
            yield f"the event {event.KIND!r} belongs to another group; call it {group}.{event.KIND.rpartition('.')[2]}"
    for projection in offer.projections:
        yield from (f"the projection {projection.name!r}: {words}" for words in _wrong_projection(group, projection))
    for follower in offer.followers:
        if not follower.on:
            yield f"the follower {follower.name!r} follows no kind of event"
    for kind in offer.kinds:
        yield from (f"the kind {kind.name!r}: {words}" for words in _wrong_kind(kind))
    for page in offer.pages:
        yield from (f"the page {page.path!r}: {words}" for words in page.faults(offer.templates))
    yield from (f"two of its pages stand at {path!r}" for path in _twice([page.path for page in offer.pages]))
    for names in (
        [one.prefix.lower() for one in offer.kinds],
        [one.name for one in (*offer.acts, *offer.views, *offer.jobs)],
        [one.name for one in offer.projections],
        [one.name for one in offer.followers],
        [one.name for one in offer.timers],
        [one.name for one in offer.policies],
    ):
        yield from _wrong_names(names)


def _wrong_names(names: list[str]) -> Iterator[str]:
    yield from (f"{name!r} is no name: small letters, digits and -" for name in names if not NAME.fullmatch(name))
    yield from (f"two of its parts are called {name!r}" for name in _twice(names))


def _twice(names: list[str]) -> list[str]:
    return [name for name in sorted({*names}) if names.count(name) > 1]


def _wrong_rights(offer: Offer) -> Iterator[str]:
    known = {*OWN_RULES.rights, *offer.rights}
    for name in offer.rights:
        if not name.startswith(f"{offer.group}.") or name in OWN_RULES.rights:
            yield f"the right {name!r} is not called {offer.group}.something"
    yield from (f"there is no right {name!r}, with which it would act" for name in sorted(offer.does - known))


def _wrong_act(offer: Offer, act: Act) -> Iterator[str]:
    yield from _misdeclared(offer, act)
    yield from (f"{one.KIND!r} is no event that is offered" for one in act.records if one not in offer.events)
    if act.opens and act.opens not in {*(kind.name for kind in (*OWN_KINDS, *offer.kinds))}:
        yield f"there is no kind {act.opens!r}, of which it would open items"
    names = {one.name for one in offer.acts} - {act.name}
    yield from (f"there is no act {name!r}, after which it would come" for name in act.after if name not in names)
    known = {*OWN_RULES.rights, *offer.rights}
    yield from (
        f"there is no right {name!r}, of which it would ask first" for name in act.asks_first if name not in known
    )


def _wrong_job(offer: Offer, job: Job) -> Iterator[str]:
    yield from _misdeclared(offer, job)
    yield from jobs.misfits(job)
    if job.result is not None and job.result.readers not in {*OWN_RULES.rights, *offer.rights}:
        yield f"there is no right {job.result.readers!r} to read what it comes to"


def _misdeclared(offer: Offer, one: Declared) -> Iterator[str]:
    yield from faults(one)
    known = {*OWN_RULES.rights, *offer.rights}
    yield from (f"there is no right {name!r}" for name in one.rights if name not in known)


def _wrong_kind(kind: ItemKind) -> Iterator[str]:
    if not GROUP.fullmatch(kind.name):
        yield "a kind has a name of 2 to 20 small letters, digits and underscores"
    if not PREFIX.fullmatch(kind.prefix):
        yield f"its prefix {kind.prefix!r} is not 2 to 6 capital letters"
    if not kind.summary.strip():
        yield "its summary is empty, and that is what people read of it"
    statuses = [one.value for one in kind.statuses]
    yield from (f"the status {one!r} is not 1 to 20 small letters" for one in statuses if not _STATUS.fullmatch(one))
    if not statuses or kind.first in kind.over:
        yield "its first status, in which it is opened, is not there or is one of those that are over"
    yield from (f"{one!r} is over, and none of its statuses" for one in sorted(kind.over - {*statuses}))
    names = [one.name for one in kind.fields]
    yield from (f"two of its fields are called {name!r}" for name in sorted({*names}) if names.count(name) > 1)
    for one in kind.fields:
        if not _FIELD.fullmatch(one.name) or one.name == _ALERTS:
            yield f"{one.name!r} is no name of a field: small letters, digits and _, and not {_ALERTS}"
        if (one.type is FieldType.CHOICE) is (one.choices is None):
            yield f"the field {one.name!r} has choices if and only if its type is a choice"
        if one.name == "status" and one.choices is not kind.statuses:
            yield "its field status has other choices than its statuses"
    yield from (f"{name!r} is kept, and none of its fields" for name in sorted(kind.kept - kind.catalogue.keys()))


def _wrong_projection(group: str, projection: Projection) -> Iterator[str]:
    if not projection.tables:
        yield "it has no tables"
    if not projection.applies:
        yield "it is made from no kind of event"
    if projection.version < 1:
        yield "its version is a whole number from 1 on"
    for table in projection.tables:
        if not table.name.startswith(f"{group}__"):
            yield f"the table {table.name} is not one of plugin_table({group!r}, …)"
