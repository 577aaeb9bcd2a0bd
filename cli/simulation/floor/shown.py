"""What must be true of what everybody reads: nothing stands there without an approval of exactly these bytes by
somebody else, nothing of what is restricted leaves, nothing after a stop or before its time; and what is withdrawn is
gone there, or said so. It is judged by the journal and by what was written to the page."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from tieline.cli.simulation.floor.account import CLEAR, Broken, Entry, Roles
from tieline.cli.simulation.floor.page import PAGE, Shown, StatusPage, body_of, token_of
from tieline.core.store.chain import canonical

AT_ONCE: Final = datetime.min.replace(tzinfo=UTC)
FIXED: Final = {"status": "resolved", "impact": "none", "body": "This announcement is withdrawn."}
"""What a page says of an announcement that is withdrawn without a reason, whatever it is about."""
REASON: Final = "This announcement is withdrawn: {why}"
SHOWN: Final = frozenset({"published", "retracted"})
NAMES: Final = {"name": "title", "status": "phase", "impact": "disruption", "body": "description"}
INTENDED: Final = frozenset({"create_intended", "write_intended"})


def sha(body: Mapping[str, str]) -> str:
    """What is approved of a body, by an account of its own."""
    return hashlib.sha256(canonical(dict(body))).hexdigest()


@dataclass(slots=True)
class Announced:
    """An announcement, as the journal tells of it up to an entry."""

    number: int
    about: str = ""
    writers: set[str] = field(default_factory=set)
    cleared: list[tuple[datetime, str]] = field(default_factory=list)
    """From when on it may be shown in which bytes, as it was approved."""
    withdrawn: str | None = None
    """In what words."""
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """Where it stands."""
        return str(self.fields.get("status"))

    @property
    def body(self) -> dict[str, str]:
        """What everybody reads of it as it is."""
        return {name: str(self.fields.get(field)) for name, field in NAMES.items()}

    def in_force(self, now: datetime) -> str:
        """In which bytes it may be shown: those that were approved last of those whose time has come."""
        return next((sha for since, sha in reversed(self.cleared) if since <= now), "")

    def take_back(self, now: datetime) -> None:
        """What was to be shown later is approved no more."""
        self.cleared = [one for one in self.cleared if one[0] <= now]


@dataclass(slots=True)
class Known:
    """What the journal tells up to an entry."""

    items: dict[int, Announced] = field(default_factory=dict)
    restricted: set[int] = field(default_factory=set)
    uids: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    is_stopped: bool = False

    def hear(self, entry: Entry) -> None:
        """Take in one entry."""
        facts, number = entry.facts, entry.incident or 0
        found = self.items.setdefault(number, Announced(number)) if number else None
        match entry.kind:
            case "opened":
                self.uids[facts["uid"]] = number
            case "restricted":
                self.restricted.add(number)
            case "unrestricted":
                self.restricted.discard(number)
            case "publishing.stopped":
                self.is_stopped = True
            case "publishing.resumed":
                self.is_stopped = False
            case "create_intended" if entry.connection == PAGE:
                self.tokens[facts["token"]] = number
        if found is not None:
            self._of(found, entry)

    def _of(self, found: Announced, entry: Entry) -> None:
        facts = entry.facts
        match entry.kind:
            case "publishing.written":
                found.about = facts["about"]
                found.writers.add(entry.actor)
                found.take_back(entry.at)
            case "acted" if facts["act"] == "publishing publish":
                found.take_back(entry.at)
            case "cleared":
                since = datetime.fromisoformat(facts["since"])
                # What waits for no time is in force from then on, whatever the clock is set to.
                found.cleared.append((since if since > entry.at else AT_ONCE, facts["sha"]))
            case "publishing.retracted":
                found.withdrawn = FIXED["body"] if facts["why"] is None else REASON.replace("{why}", facts["why"])
            case "opened":
                found.fields = dict(facts["fields"])
            case "changed":
                found.fields |= {name: change["after"] for name, change in facts["changes"].items()}

    def is_for_few(self, found: Announced) -> bool:
        """Whether it, or what it is about, is restricted."""
        return bool(self.restricted & {found.number, self.uids.get(found.about, 0)})


def told(entries: Sequence[Entry]) -> Iterator[Broken]:
    """What a journal shows by itself: whatever may be shown was approved by somebody else, in these bytes and for then,
    or at once."""
    known, roles = Known(), Roles()
    by_seq = {entry.seq: entry for entry in entries}
    proposed = {entry.facts["proposal"]: entry for entry in entries if entry.kind == "proposed"}
    given: dict[str, dict[str, str]] = defaultdict(dict)
    for entry in entries:
        roles.hear(entry)
        if entry.kind == "approved":
            given[entry.facts["proposal"]][entry.facts["right"]] = entry.actor
        if entry.kind == "cleared":
            act = by_seq.get(entry.cause or 0)
            cause = by_seq.get(act.cause or 0) if act is not None else None
            if act is None:
                yield "without approval", f"entry {entry.seq}: it may be shown, and nobody asked for that"
            elif cause is not None and cause.kind == "approved":
                proposal = cause.facts["proposal"]
                yield from _cleared(entry, act, proposed[proposal], given[proposal], known)
            yield from _in_time(entry, act)
        known.hear(entry)


def _cleared(entry: Entry, act: Entry, asked: Entry, given: Mapping[str, str], known: Known) -> Iterator[Broken]:
    writers = known.items[entry.incident or 0].writers | {act.actor}
    approvers = set(given.values())
    if CLEAR not in given or approvers & writers:
        words = (
            f"it was approved by {', '.join(sorted(approvers)) or 'nobody'}, written by {', '.join(sorted(writers))}"
        )
        yield "approved by its writer", f"entry {entry.seq}: {words}"
    if {*entry.facts["approved_by"]} != approvers:
        yield "approved by its writer", f"entry {entry.seq}: {entry.facts['approved_by']} are said to approve it"
    shown = [one for one in asked.facts["writes"] if one["does"] == "release" and one["connection"] == PAGE]
    if [sha(one["body"]) for one in shown] != [entry.facts["sha"]]:
        yield "other bytes", f"entry {entry.seq}: {entry.facts['sha']} may be shown, and {shown} was approved"


def _in_time(entry: Entry, act: Entry | None) -> Iterator[Broken]:
    """What is to be shown later may not be shown before."""
    at = None if act is None else act.facts["ask"].get("at")
    if at is not None and datetime.fromisoformat(entry.facts["since"]) < datetime.fromisoformat(at):
        yield "before its time", f"entry {entry.seq}: it may be shown since {entry.facts['since']}, and was for {at}"


def written(entries: Sequence[Entry], page: StatusPage) -> Iterator[Broken]:
    """Each write to the page was one of exactly what was approved, by then, of what may be shown, by then."""
    known, place = Known(), 0
    by_item: dict[int, Entry] = {}
    stood: dict[int, str] = {}
    writes = sorted(page.written, key=lambda one: one.seq)
    at_intent: dict[int, tuple[str, bool, bool]] = {}
    for one in writes:
        while place < len(entries) and entries[place].seq <= one.seq:
            entry = entries[place]
            if entry.kind in INTENDED and entry.connection == PAGE:
                found = known.items[entry.incident or 0]
                by_item[found.number] = entry
                at_intent[found.number] = (found.in_force(entry.at), known.is_for_few(found), known.is_stopped)
            known.hear(entry)
            place += 1
        number = known.tokens.get(one.token, 0)
        if number not in at_intent:
            yield "without approval", f"{one.body} was written, and nothing says that it was to be"
            continue
        yield from _write(one, number, at_intent[number], stood)
        stood[number] = one.body["name"]


def _write(one: Shown, number: int, then: tuple[str, bool, bool], stood: Mapping[int, str]) -> Iterator[Broken]:
    in_force, is_for_few, is_stopped = then
    if sha(one.body) != in_force:
        yield "shown unapproved", f"ANN-{number} shows {one.body}, and nobody approved that"
    is_fixed = one.verb == "update" and one.body == {"name": stood.get(number), **FIXED}
    if is_for_few and not is_fixed:
        yield "shown of few", f"ANN-{number} shows {one.body}, and is for few"
    if is_stopped and not is_fixed:
        yield "shown when stopped", f"ANN-{number} shows {one.body}, and all was stopped"


def rested(entries: Sequence[Entry], page: StatusPage, now: datetime) -> Iterator[Broken]:
    """What everybody reads once everything has come to rest: what was approved, once, and of what was withdrawn that
    it was."""
    yield from written(entries, page)
    known = Known()
    for entry in entries:
        known.hear(entry)
    tokens = Counter(token_of(one) for one in page.incidents)
    shown = {known.tokens.get(token_of(one), 0): one for one in page.incidents}
    for token, count in tokens.items():
        if count > 1:
            yield "shown twice", f"{count} incidents of the page are known by {token}"
    for one in page.incidents:
        told_there = [(update["status"], update["body"]) for update in one["incident_updates"]]
        if any(here == before for here, before in pairwise(told_there)):
            yield "told twice", f"{one['id']} told everybody {told_there}"
    for number, found in known.items.items():
        if found.status in SHOWN:
            stands = shown.get(number)
            yield from _stands(found, None if stands is None else body_of(stands), now, is_stopped=known.is_stopped)


def _stands(found: Announced, body: Mapping[str, str] | None, now: datetime, *, is_stopped: bool) -> Iterator[Broken]:
    """Whoever edits what is shown by another way has it be held: what is as it was approved stands there."""
    whole, withdrawn = found.body, found.status == "retracted"
    is_fixed = body is not None and whole == {"name": body["name"], **FIXED}
    if sha(whole) != found.in_force(now) or (is_stopped and not is_fixed) or (withdrawn and body is None):
        return
    if withdrawn and (body != whole or whole["body"] != found.withdrawn):
        yield "not withdrawn", f"ANN-{found.number} was withdrawn ({found.withdrawn}), and {body} stands there"
    elif body != whole:
        yield "never shown", f"ANN-{found.number} was approved as {whole}, and {body} stands there"
