"""What must be true of what somebody else approves first: nothing of it is done without an approval of exactly these
bytes, by as many others as it takes, who may; or at once, and then it waits for somebody else's review."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from tieline.cli.simulation.floor.account import Broken, Entry, Roles
from tieline.cli.simulation.floor.floor import Floor
from tieline.core.store import tables as t
from tieline.sync.office import notes

ASKS_FIRST: Final = frozenset({"rounds announce", "policy propose", "policy rollback"})
"""The acts of which somebody else is asked first."""

ENDS: Final = frozenset({"rejected", "withdrawn", "expired"})
SET: Final = "policy.approve"
BREAK_GLASS: Final = "break_glass"


@dataclass(slots=True)
class Proposal:
    """What was proposed, who approved it since, and what became of it."""

    asked: Entry
    given: dict[str, str] = field(default_factory=dict)
    """By right, who approved it."""
    became: str = ""

    @property
    def sha(self) -> str:
        """Of what would be written, as the journal tells it."""
        return notes.sha(self.asked.facts["writes"])


def told(entries: Sequence[Entry]) -> Iterator[Broken]:
    """What a journal shows by itself."""
    roles, known = Roles(), dict[str, Proposal]()
    by_seq = {entry.seq: entry for entry in entries}
    came: dict[int, list[Entry]] = defaultdict(list)
    for entry in entries:
        came[entry.cause or 0].append(entry)
    for entry in entries:
        roles.hear(entry)
        if entry.kind == "proposed":
            known[entry.facts["proposal"]] = Proposal(entry)
        elif entry.kind == "approved" or entry.kind in ENDS:
            yield from _decided(entry, known.get(entry.facts["proposal"]), roles)
        elif entry.kind == "acted" and _asks_first(entry, came[entry.seq]):
            cause = by_seq.get(entry.cause or 0)
            if cause is not None and cause.kind == "approved":
                yield from _done(entry, came[entry.seq], known.get(cause.facts["proposal"]))
            else:
                yield from _done_at_once(entry, came[entry.seq], roles)
    yield from _reviews(entries)


def _asks_first(entry: Entry, brought: Sequence[Entry]) -> bool:
    return entry.facts["act"] in ASKS_FIRST or any(one.kind == "cleared" for one in brought)


def _decided(entry: Entry, found: Proposal | None, roles: Roles) -> Iterator[Broken]:
    if found is None:
        yield "approved nothing", f"entry {entry.seq}: {entry.kind} of what nobody proposed"
        return
    facts, asked = entry.facts, found.asked
    if found.became:
        yield "decided twice", f"entry {entry.seq}: {facts['label']} was {entry.kind}, and {found.became} before"
    if entry.kind in ENDS:
        found.became = entry.kind
        if (entry.kind == "withdrawn") != (entry.actor == asked.actor):
            yield "decided by another", f"entry {entry.seq}: {facts['label']} was {entry.kind} by {entry.actor}"
        return
    if entry.at >= datetime.fromisoformat(asked.facts["until"]):
        yield "approved too late", f"entry {entry.seq}: {facts['label']} was over at {asked.facts['until']}"
    if entry.actor == asked.actor:
        yield "approved by the asker", f"entry {entry.seq}: {facts['label']} was asked for by {entry.actor} as well"
    if entry.actor in found.given.values():
        yield "approved by one", f"entry {entry.seq}: {facts['label']} was approved twice by {entry.actor}"
    if not facts["sha"] == asked.facts["sha"] == found.sha:
        yield "other bytes", f"entry {entry.seq}: {facts['label']} was approved as {facts['sha']}"
    right = facts["right"]
    if right not in asked.facts["rights"] or right in found.given:
        yield "approved nothing", f"entry {entry.seq}: {facts['label']} was approved by {right}"
    why = roles.lacks(entry.actor, right, facts.get("by_token"), entry.at)
    if why:
        yield "without right", f"entry {entry.seq}: {facts['label']} was approved, and whoever did {why}"
    found.given[right] = entry.actor
    if found.given.keys() == {*asked.facts["rights"]}:
        found.became = "approved"


def _done(entry: Entry, brought: Sequence[Entry], found: Proposal | None) -> Iterator[Broken]:
    """What was approved is done: by whoever asked, in the words that they asked for it, and in these bytes."""
    asked = None if found is None else found.asked
    if found is None or asked is None or found.became != "approved":
        yield "without approval", f"entry {entry.seq}: {entry.facts['act']} was done, and others were to approve it"
        return
    if (entry.facts["act"], entry.facts["ask"], entry.actor) != (asked.facts["act"], asked.facts["ask"], asked.actor):
        yield "without approval", f"entry {entry.seq}: {entry.facts} was done, and {asked.facts} was approved"
    yield from _other_bytes(brought, asked.facts["writes"])


def _other_bytes(brought: Sequence[Entry], writes: Sequence[Mapping[str, Any]]) -> Iterator[Broken]:
    """What was written is what was shown, word for word. Comments are looked at by `rested`."""
    for entry in brought:
        if entry.kind == "rounds.announced":
            shown: Mapping[str, Any] = next((one["facts"] for one in writes if one["does"] == "record"), {})
            bound = next((one["text"] for one in writes if one["does"] == "bind"), "")
            if any(entry.facts[name] != shown.get(name) for name in ("words", "text", "mark")):
                yield "other bytes", f"entry {entry.seq}: {entry.facts} was written, and {shown} was shown"
            if entry.facts["text"] != bound:
                yield "other bytes", f"entry {entry.seq}: {entry.facts['text']!r} was written, and {bound!r} was bound"
        if entry.kind == "policy_set":
            documents = [one["text"] for one in writes if one["does"] == "bind"]
            if [entry.facts["document"]] != documents:
                yield "other bytes", f"entry {entry.seq}: {entry.facts['document']!r} holds, and {documents} was shown"


def _done_at_once(entry: Entry, brought: Sequence[Entry], roles: Roles) -> Iterator[Broken]:
    """Who asks nobody has a right to that, and it is reviewed; or is alone with a policy."""
    policy = next((one for one in brought if one.kind == "policy_set"), None)
    if policy is not None and policy.facts["alone"]:
        others = roles.holders(SET, entry.at) - {entry.actor}
        if others:
            yield "without approval", f"entry {entry.seq}: {entry.actor} was not alone: {', '.join(sorted(others))}"
        return
    broken = [one for one in brought if one.kind == "glass_broken"]
    if not broken:
        yield "without approval", f"entry {entry.seq}: {entry.facts['act']} was done, and nobody was asked first"
        return
    why = roles.lacks(entry.actor, BREAK_GLASS, entry.facts.get("by_token"), entry.at)
    if why:
        yield "without right", f"entry {entry.seq}: the glass was broken, and whoever did it {why}"


def _reviews(entries: Sequence[Entry]) -> Iterator[Broken]:
    """What was done at once is reviewed once, and never by whoever did it. (Who may is asked as of any act.)"""
    opened = {entry.facts["review"]: entry for entry in entries if entry.kind == "glass_broken"}
    closed: set[str] = set()
    for entry in entries:
        if entry.kind != "reviewed":
            continue
        review = entry.facts["review"]
        if review not in opened or review in closed:
            yield "reviewed twice", f"entry {entry.seq}: {entry.facts['label']} does not wait for a review"
        elif opened[review].actor == entry.actor:
            yield "reviewed by its user", f"entry {entry.seq}: {entry.facts['label']} is of {entry.actor}'s own doing"
        closed.add(review)


def rested(floor: Floor, entries: Sequence[Entry]) -> Iterator[Broken]:
    """No proposal outlives its time, each of what was done at once has its review, and what everybody was told is what
    was approved."""
    now = floor.lower.clock.now()
    with floor.calm() as connection:
        open_ones = connection.execute(select(t.proposal).where(t.proposal.c.state == "open")).all()
        reviews = set(connection.execute(select(t.review.c.id)).scalars())
        bodies = {row.id: row.body for row in connection.execute(select(t.comment.c.id, t.comment.c.body))}
    for row in open_ones:
        if row.until <= now:
            yield "never ended", f"{row.label} was to end at {row.until}, and it is {now}"
    texts = {entry.cause: entry.facts["text"] for entry in entries if entry.kind == "rounds.announced"}
    for entry in entries:
        if entry.kind == "glass_broken" and entry.facts["review"] not in reviews:
            yield "no review", f"entry {entry.seq}: {entry.facts['label']} is not there"
        if entry.kind == "commented" and entry.cause in texts and bodies[entry.facts["comment"]] != texts[entry.cause]:
            body = bodies[entry.facts["comment"]]
            yield "other bytes", f"entry {entry.seq}: everybody reads {body!r}, and {texts[entry.cause]!r} was approved"
