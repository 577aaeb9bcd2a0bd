"""What must be true of acts, plugins, rights and keys. A broken promise is a kind and a sentence.

Everything is judged by the journal, by an account of its own: which roles somebody held at that entry, which tokens
stood, what a follower was to be told of, and when a timer was to fire.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select

from tieline.cli.simulation.floor.floor import Floor
from tieline.cli.simulation.floor.rounds import ACTOR, COMMAND, RESPOND
from tieline.core import journal
from tieline.core.access import CARRIES, Role
from tieline.core.identity import PLUGIN
from tieline.core.model import Audience
from tieline.core.store import tables as t
from tieline.sync.office import projecting

Broken = tuple[str, str]

NEEDS: Final[Mapping[str, str]] = {
    "edit": "incident.edit",
    "conflicts settle": "conflicts.settle",
    "parked retry": "parked.release",
    "doubts confirm": "doubts.confirm",
    "token issue": "access.token",
    "token revoke": "access.token",
    "rounds promise": RESPOND,
    "rounds forget": RESPOND,
    "rounds hand-over": COMMAND,
    "rounds take": COMMAND,
    "escalation snooze": "escalation.snooze",
}
COMES_WITH: Final[Mapping[str, frozenset[Role]]] = {
    RESPOND: frozenset({Role.RESPONDER, Role.COMMANDER, Role.ADMIN}),
    COMMAND: frozenset({Role.COMMANDER, Role.ADMIN}),
    "escalation.snooze": frozenset({Role.RESPONDER, Role.COMMANDER, Role.SECURITY, Role.MANAGER, Role.ADMIN}),
}
"""The rights that plugins offer, and the roles that they come with."""

CAUSES: Final[Mapping[str, tuple[str, ...]]] = {
    "rounds.promised": ("acted",),
    "rounds.forgotten": ("acted",),
    "rounds.handed_over": ("acted",),
    "rounds.taken": ("acted",),
    "rounds.seen": ("opened", "changed", "commented", "rounds.promised"),
    "rounds.looked": ("timer_fired",),
    "escalation.snoozed": ("acted",),
    "escalation.reminded": ("timer_fired",),
    "escalation.expired": ("timer_fired",),
    "escalation.alarmed": ("timer_fired",),
}
"""What each kind of event comes of."""

FOLLOWED: Final = frozenset({"opened", "changed", "commented", "rounds.promised"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the journal."""

    seq: int
    at: datetime
    kind: str
    incident: int | None
    actor: str
    facts: Mapping[str, Any]

    @property
    def cause(self) -> int | None:
        """The entry that brought it about."""
        found: int | None = self.facts.get("cause")
        return found


def entries_of(floor: Floor) -> list[Entry]:
    """The journal as it is."""
    with floor.calm() as connection:
        return [
            Entry(row.seq, row.at, row.kind, row.incident_id, row.actor, journal.facts(connection, row) or {})
            for row in connection.execute(_ENTRIES).all()
        ]


_ENTRIES: Final = (
    select(*journal.TOLD, t.journal.c.at, t.journal.c.actor)
    .join_from(t.journal, t.journal_payload, t.journal.c.seq == t.journal_payload.c.seq)
    .order_by(t.journal.c.seq)
)


def told(entries: Sequence[Entry]) -> Iterator[Broken]:
    """What a journal shows by itself, whenever it is looked at."""
    yield from _rights(entries)
    yield from _causes(entries)
    yield from _wholes(entries)
    yield from _slots(entries)
    yield from _followed_in_order(entries)
    yield from _timers_fired(entries)


def rested(floor: Floor) -> Iterator[Broken]:
    """What must be true once plugins have nothing left to do."""
    entries = entries_of(floor)
    yield from told(entries)
    yield from _keys(floor, entries)
    yield from _missed(entries)
    yield from _timers_missed(entries, floor.lower.clock.now())
    yield from _at_rest(floor)
    yield from _made_anew(floor)


# -- rights --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Roles:
    """Who holds what, as the journal tells it up to an entry."""

    held: dict[tuple[str, str], datetime | None] = field(default_factory=dict)
    tokens: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)

    def hear(self, entry: Entry) -> None:
        """Take in one entry."""
        facts = entry.facts
        match entry.kind:
            case "granted":
                until = None if facts["until"] is None else datetime.fromisoformat(facts["until"])
                self.held[facts["person"], facts["role"]] = until
            case "revoked":
                self.held.pop((facts["person"], facts["role"]), None)
            case "token_issued":
                self.tokens[facts["token"]] = facts
            case "token_revoked":
                self.revoked.add(facts["token"])

    def lacks(self, person: str, right: str, token: str | None, at: datetime) -> str:
        """Why somebody may not do what needs this right, at that time; "" where they may."""
        roles = {role for (one, role), until in self.held.items() if one == person and (until is None or at < until)}
        if not roles & {role.value for role in _roles_with(right)}:
            return f"held no role that carries {right}, but {', '.join(sorted(roles)) or 'none'}"
        if token is None:
            return ""
        terms = self.tokens.get(token)
        if terms is None or terms["person"] != person:
            return f"used the token {token}, which is not theirs"
        if token in self.revoked:
            return f"used the token {token}, which was revoked"
        if at >= datetime.fromisoformat(terms["until"]):
            return f"used the token {token}, which was over at {terms['until']}"
        reaches = right in terms["rights"] or terms["role"] in {role.value for role in _roles_with(right)}
        return "" if reaches else f"used the token {token}, which does not reach {right}"


def _roles_with(right: str) -> frozenset[Role]:
    return COMES_WITH.get(right) or frozenset(role for role, rights in CARRIES.items() if right in rights)


def _rights(entries: Sequence[Entry]) -> Iterator[Broken]:
    """Nobody does anything that they have no right to at that moment."""
    roles = Roles()
    for entry in entries:
        if entry.kind == "acted" and entry.actor.startswith("p-"):
            act, ask = entry.facts["act"], entry.facts["ask"]
            why = roles.lacks(entry.actor, _needed(act, ask), entry.facts.get("by_token"), entry.at)
            if why:
                yield "without right", f"entry {entry.seq}: {act} was done at {entry.at}, and whoever did it {why}"
        roles.hear(entry)


def _needed(act: str, ask: Mapping[str, Any]) -> str:
    if act != "comment":
        return NEEDS[act]
    audience = Audience(ask.get("audience") or (Audience.CUSTOMERS if ask.get("public") else Audience.STAFF))
    return "comment.publish" if audience.is_outside else "incident.comment"


# -- what comes of what --------------------------------------------------------------------------------------------


def _causes(entries: Sequence[Entry]) -> Iterator[Broken]:
    """Whatever an act or a plugin brings about names an earlier entry as its cause, of the kind that it comes of, and
    by the same actor where that was an act."""
    by_seq = {entry.seq: entry for entry in entries}
    for entry in entries:
        if entry.cause is None:
            if entry.kind != "timer_fired" and (entry.kind in CAUSES or entry.actor.startswith(PLUGIN)):
                yield "no cause", f"entry {entry.seq}, {entry.kind} by {entry.actor}, names no cause"
            continue
        cause = by_seq.get(entry.cause)
        if cause is None or cause.seq >= entry.seq:
            yield "no cause", f"entry {entry.seq}, {entry.kind}, names the cause {entry.cause}, which is none"
            continue
        if cause.kind not in CAUSES.get(entry.kind, (cause.kind,)):
            yield "no cause", f"entry {entry.seq}, {entry.kind}, names {cause.kind} as its cause"
        if cause.kind == "acted" and cause.actor != entry.actor:
            yield "no cause", f"entry {entry.seq}, {entry.kind} by {entry.actor}, comes of an act of {cause.actor}"


def _wholes(entries: Sequence[Entry]) -> Iterator[Broken]:
    """An act is done whole: handing over is an event, an edit and a comment, once each."""
    came: dict[int, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        if entry.cause is not None:
            came[entry.cause][entry.kind] += 1
    for entry in entries:
        if entry.kind == "acted" and entry.facts["act"] in CAME:
            wanted, found = CAME[entry.facts["act"]], came[entry.seq]
            if any(found[kind] != 1 for kind in wanted):
                yield "done in part", f"entry {entry.seq}, {entry.facts['act']}, brought about {dict(found)}"


CAME: Final[Mapping[str, tuple[str, ...]]] = {
    "rounds hand-over": ("rounds.handed_over", "changed", "commented"),
    "rounds promise": ("rounds.promised",),
    "rounds forget": ("rounds.forgotten",),
    "rounds take": ("rounds.taken",),
    "escalation snooze": ("escalation.snoozed",),
    "edit": ("changed",),
    "comment": ("commented",),
}


def _slots(entries: Sequence[Entry]) -> Iterator[Broken]:
    """Nobody takes what somebody else has."""
    taken = Counter(entry.facts["slot"] for entry in entries if entry.kind == "rounds.taken")
    for slot, times in taken.items():
        if times > 1:
            yield "taken twice", f"slot {slot} was taken {times} times"


def _keys(floor: Floor, entries: Sequence[Entry]) -> Iterator[Broken]:
    """What was asked for under one key was done once where it was answered, and once at most where it was not."""
    done = Counter(
        (entry.facts["act"], said)
        for entry in entries
        if entry.kind == "acted" and (said := _said(entry.facts["ask"])) is not None
    )
    for key, kept in floor.kept.items():
        times = sum(done[kept.act, said] for given in kept.tried if (said := _said(given)) is not None)
        if times > 1 or (kept.given is not None and _said(kept.given) is not None and times != 1):
            yield "key done twice", f"{kept.act} {kept.tried} was done {times} times under {key}"
    by_seq = {entry.seq: entry for entry in entries}
    for key, kept in floor.kept.items():
        for answer in kept.answers:
            entry = by_seq.get(answer.seq or 0)
            if entry is None or entry.kind != "acted" or entry.facts["act"] != kept.act:
                yield "no entry", f"{kept.act} under {key} was answered with entry {answer.seq}, which does not say so"


def _said(ask: Mapping[str, Any]) -> str | None:
    """The words of somebody who asks, which nobody else says."""
    said = ask.get("words") or ask.get("body") or ask.get("changes") or ask.get("why")
    return None if said is None else str(said)


# -- followers and timers ------------------------------------------------------------------------------------------


def _followed(entries: Sequence[Entry]) -> Iterator[Entry]:
    """What the follower is told of."""
    yield from (entry for entry in entries if entry.kind in FOLLOWED and entry.actor != ACTOR)


def _followed_in_order(entries: Sequence[Entry]) -> Iterator[Broken]:
    """A follower repeats nothing with effect, tells of nothing that did not happen, and what happened to one item it is
    told of in order."""
    known = {entry.seq for entry in _followed(entries)}
    seen: set[int] = set()
    last: dict[int | None, int] = {}
    for entry in entries:
        if entry.kind != "rounds.seen":
            continue
        told_of = entry.facts["entry"]
        if told_of in seen:
            yield "followed twice", f"entry {told_of} was reacted to again by entry {entry.seq}"
        if told_of not in known or entry.cause != told_of:
            yield "followed nothing", f"entry {entry.seq} reacts to {told_of}, and comes of {entry.cause}"
        if told_of < last.get(entry.incident, 0):
            yield "out of order", f"entry {told_of} was reacted to after entry {last[entry.incident]} of the same item"
        seen.add(told_of)
        last[entry.incident] = max(told_of, last.get(entry.incident, 0))


def _missed(entries: Sequence[Entry]) -> Iterator[Broken]:
    """A follower misses nothing."""
    seen = {entry.facts["entry"] for entry in entries if entry.kind == "rounds.seen"}
    for entry in _followed(entries):
        if entry.seq not in seen:
            yield "not followed", f"entry {entry.seq}, {entry.kind}, was never reacted to"


LONGEST_FREEZE: Final = timedelta(minutes=30)
"""More than passes between a look at the clock and the commit of whoever is frozen meanwhile."""

SETS: Final = frozenset({"rounds.promised", "rounds.seen", "rounds.looked"})


def _timers_fired(entries: Sequence[Entry]) -> Iterator[Broken]:
    """Each timer that was set fires once at most, not before its time, and says how late it is."""
    set_for: dict[str, datetime] = {}
    by_seq = {entry.seq: entry for entry in entries}
    for entry in entries:
        words = entry.facts.get("words", "")
        if entry.kind == "rounds.looked":
            due, late = datetime.fromisoformat(entry.facts["due"]), entry.facts["late_ms"]
            if set_for.pop(words, None) != due:
                yield "fired wrongly", f"entry {entry.seq}: {words} fired for {due}, and was not set for then"
            if late < 0 or due + timedelta(milliseconds=late) > entry.at:
                yield "fired early", f"entry {entry.seq}: {words} was due at {due}, and fired at {entry.at}"
            if entry.at - due - timedelta(milliseconds=late) > LONGEST_FREEZE:
                yield (
                    "wrong lateness",
                    f"entry {entry.seq}: {words} was due at {due}, says {late} ms late at {entry.at}",
                )
            cause = by_seq.get(entry.cause or 0)
            if cause is None or cause.facts.get("late_ms") != late:
                yield "wrong lateness", f"entry {entry.seq}: {words} was {late} ms late, and the journal says otherwise"
        if entry.kind == "rounds.forgotten" and set_for.pop(words, None) is None:
            yield "taken twice", f"entry {entry.seq} takes back {words}, which was not promised any more"
        if entry.kind in SETS and entry.facts["next"] is not None:
            set_for[words] = datetime.fromisoformat(entry.facts["next"])


def _timers_missed(entries: Sequence[Entry], now: datetime) -> Iterator[Broken]:
    """None that is due is lost."""
    waits: dict[str, datetime] = {}
    for entry in entries:
        if entry.kind in ("rounds.looked", "rounds.forgotten"):
            waits.pop(entry.facts["words"], None)
        if entry.kind in SETS and entry.facts["next"] is not None:
            waits[entry.facts["words"]] = datetime.fromisoformat(entry.facts["next"])
    for words, due in waits.items():
        if due <= now:
            yield "never fired", f"{words} was due at {due}, and it is {now}"


def _at_rest(floor: Floor) -> Iterator[Broken]:
    """Nothing of a plugin's waits or has failed."""
    now = floor.lower.clock.now()
    with floor.calm() as connection:
        behind = connection.execute(select(t.follower_backlog)).all()
        late = connection.execute(select(t.timer).where(t.timer.c.due_at <= now)).all()
        head = connection.execute(select(t.journal_head.c.seq)).scalar_one()
        cursors = connection.execute(select(t.follower)).all()
    for row in behind:
        yield "waits", f"entry {row.seq} waits for {row.follower}: {row.parked or row.attempts}"
    for row in late:
        if row.kind.partition(".")[0] in floor.lower.groups:
            yield "never fired", f"{row.kind} {row.key} was due at {row.due_at}, and it is {now}: {row.parked}"
    for row in cursors:
        if row.seq != head:
            yield "not followed", f"{row.name} stands at {row.seq}, and the journal at {head}"


# -- tables --------------------------------------------------------------------------------------------------------


def _made_anew(floor: Floor) -> Iterator[Broken]:
    """Tables that are made anew from the journal are those that were kept in step, or behind it."""
    offers = floor.hands[0].engine.registry.offers
    before = rows_of(floor)
    for name, (_offer, projection) in offers.projections.items():
        projecting.make(floor.lower.store, name, projection, "again")
    for name, rows in rows_of(floor).items():
        if rows != before[name]:
            words = f"{name} holds {_only(before[name], rows)} and made anew {_only(rows, before[name])}"
            yield "rebuilt otherwise", words


def _only(some: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    return [row for row in some if row not in others][:3]


def rows_of(floor: Floor) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of the tables of every plugin at work."""
    offers = floor.hands[0].engine.registry.offers
    tables = [table for _offer, one in offers.projections.values() for table in one.tables]
    with floor.calm() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
            for table in tables
        }
