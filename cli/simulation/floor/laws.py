"""What must be true of acts, plugins, rights and keys. A broken promise is a kind and a sentence.

Everything is judged by the journal, by an account of its own: which roles somebody held at that entry, which tokens
stood, what a follower was to be told of, and when a timer was to fire.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select

from tieline.cli.simulation.floor import approvals, shown
from tieline.cli.simulation.floor.account import NEEDS, Broken, Entry, Roles
from tieline.cli.simulation.floor.deeds import STEPS, VISIT, came_to
from tieline.cli.simulation.floor.floor import Floor
from tieline.cli.simulation.floor.rounds import ACTOR, ROUNDS_TERMS
from tieline.core import journal
from tieline.core.identity import PLUGIN
from tieline.core.jobs import label
from tieline.core.model import Audience, IncidentId
from tieline.core.store import tables as t
from tieline.sync import explain, loading
from tieline.sync.office import projecting

CAUSES: Final[Mapping[str, tuple[str, ...]]] = {
    "rounds.promised": ("acted",),
    "rounds.forgotten": ("acted",),
    "rounds.handed_over": ("acted",),
    "rounds.taken": ("acted",),
    "rounds.seen": ("opened", "changed", "commented", "rounds.promised"),
    "rounds.looked": ("timer_fired",),
    "rounds.announced": ("acted",),
    "rounds.visited": ("acted",),
    "rounds.stepped": ("job_started",),
    "cleared": ("acted",),
    "publishing.written": ("acted",),
    "publishing.scheduled": ("acted",),
    "publishing.published": ("acted", "timer_fired"),
    "publishing.retracted": ("acted",),
    "publishing.stopped": ("acted",),
    "publishing.resumed": ("acted",),
    "escalation.snoozed": ("acted",),
    "escalation.reminded": ("timer_fired",),
    "escalation.expired": ("timer_fired",),
    "escalation.alarmed": ("timer_fired",),
}
"""What each kind of event comes of."""

FOLLOWED: Final = frozenset({"opened", "changed", "commented", "rounds.promised"})


def entries_of(floor: Floor) -> list[Entry]:
    """The journal as it is."""
    with floor.calm() as connection:
        return [
            Entry(
                row.seq,
                row.at,
                row.kind,
                row.incident_id,
                row.actor,
                row.connection,
                journal.facts(connection, row) or {},
            )
            for row in connection.execute(_ENTRIES).all()
        ]


_ENTRIES: Final = (
    select(*journal.TOLD, t.journal.c.at, t.journal.c.actor, t.journal.c.connection)
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
    yield from approvals.told(entries)
    yield from shown.told(entries)
    yield from _jobs(entries)
    yield from _terms(entries)


def rested(floor: Floor) -> Iterator[Broken]:
    """What must be true once plugins have nothing left to do."""
    entries = entries_of(floor)
    yield from told(entries)
    yield from _keys(floor, entries)
    yield from _missed(entries)
    yield from _timers_missed(entries, floor.lower.clock.now())
    yield from _at_rest(floor)
    yield from approvals.rested(floor, entries)
    yield from _jobs_at_rest(floor, entries)
    yield from _visits(floor, entries)
    for page in floor.lower.pages.values():
        yield from shown.rested(entries, page, floor.lower.clock.now())
    if floor.lower.is_gated:
        yield from _gated(entries)
    yield from _made_anew(floor)


# -- rights --------------------------------------------------------------------------------------------------------


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
    "rounds announce": ("rounds.announced", "commented"),
    "rounds patrol": ("job_started",),
    "rounds visit": ("opened", "rounds.visited"),
    "policy propose": ("policy_set",),
    "policy rollback": ("policy_set",),
    "proposals approve": ("approved",),
    "proposals reject": ("rejected",),
    "proposals withdraw": ("withdrawn",),
    "reviews close": ("reviewed",),
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
        (entry.kind, entry.facts["act"], said)
        for entry in entries
        if entry.kind in ("acted", "proposed") and (said := _said(entry.facts["ask"])) is not None
    )
    for key, kept in floor.kept.items():
        said_each = [said for given in kept.tried if (said := _said(given)) is not None]
        asked, acted = (sum(done[kind, kept.act, said] for said in said_each) for kind in ("proposed", "acted"))
        # What somebody else approves first is asked for once, and done later, or not.
        times = asked or acted
        if times > 1 or (kept.given is not None and _said(kept.given) is not None and times != 1):
            yield "key done twice", f"{kept.act} {kept.tried} was done {times} times under {key}"
    by_seq = {entry.seq: entry for entry in entries}
    for key, kept in floor.kept.items():
        for answer in kept.answers:
            entry = by_seq.get(answer.seq or 0)
            kind = "proposed" if answer.proposal else "acted"
            if entry is None or entry.kind != kind or entry.facts["act"] != kept.act:
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
        if row.kind.partition(".")[0] in (*floor.lower.groups, *floor.lower.always):
            yield "never fired", f"{row.kind} {row.key} was due at {row.due_at}, and it is {now}: {row.parked}"
    for row in cursors:
        if row.seq != head:
            yield "not followed", f"{row.name} stands at {row.seq}, and the journal at {head}"


# -- jobs, policies, items of another kind -------------------------------------------------------------------------


def _jobs(entries: Sequence[Entry]) -> Iterator[Broken]:
    """Each step of a job is done once, in order, and none after its end; and it comes to what its steps told."""
    marks: dict[int, list[int]] = {}
    starts: dict[str, Entry] = {}
    over: dict[int, str] = {}
    for entry in entries:
        match entry.kind:
            case "job_started":
                starts[entry.facts["job"]], marks[entry.seq] = entry, []
            case "rounds.stepped":
                cause, number = entry.cause or 0, entry.facts["number"]
                if cause in over:
                    yield "step after the end", f"entry {entry.seq}: step {number} was done after it was {over[cause]}"
                if number != len(marks.get(cause, ())):
                    done = len(marks.get(cause, ()))
                    yield "step done wrongly", f"entry {entry.seq}: step {number} was done, where {done} were"
                marks.setdefault(cause, []).append(entry.facts["mark"])
            case "job_ended" if entry.facts["outcome"] != "parked":
                start = starts[entry.facts["job"]].seq
                if start in over:
                    yield "step after the end", f"entry {entry.seq}: {entry.facts['job']} was {over[start]} before"
                over[start] = entry.facts["outcome"]
                if over[start] == "done" and len(marks[start]) != STEPS:
                    yield "step done wrongly", f"{entry.facts['job']} is done, with {len(marks[start])} steps"


def _jobs_at_rest(floor: Floor, entries: Sequence[Entry]) -> Iterator[Broken]:
    """Every job has ended, and what it came to is what its steps told."""
    words: dict[int, str] = {
        entry.cause or 0: entry.facts["words"] for entry in entries if entry.kind == "rounds.stepped"
    }
    marks: dict[int, list[int]] = defaultdict(list)
    for entry in entries:
        if entry.kind == "rounds.stepped":
            marks[entry.cause or 0].append(entry.facts["mark"])
    with floor.calm() as connection:
        rows = connection.execute(select(t.job, t.blob.c.body).outerjoin(t.blob, t.blob.c.job == t.job.c.id)).all()
    there = {row.entry for row in rows}
    ended = {entry.facts["job"] for entry in entries if entry.kind == "job_ended"}
    for entry in entries:
        if entry.kind == "job_started" and entry.seq not in there and entry.facts["job"] not in ended:
            yield "job never ended", f"{entry.facts['job']} was started at entry {entry.seq}, and is nowhere"
    for row in rows:
        if row.status not in ("done", "cancelled"):
            yield "job never ended", f"{label(row.id)} is {row.status} after {row.steps} steps: {row.parked}"
        if row.status == "done" and row.body != came_to(words.get(row.entry, ""), tuple(marks[row.entry])):
            yield "step done wrongly", f"{label(row.id)} came to {row.body!r}, and its steps told {marks[row.entry]}"


def _terms(entries: Sequence[Entry]) -> Iterator[Broken]:
    """Everybody goes by the terms that hold at that entry, and where they go by those of an item, by the ones that held
    when it began."""
    holds, pinned = 0, dict[int, int]()
    for entry in entries:
        if entry.incident is not None:
            pinned.setdefault(entry.incident, holds)
        if entry.kind == "policy_set" and entry.facts["policy"] == ROUNDS_TERMS:
            holds = int(entry.facts["document"].partition(":")[2])
        if entry.facts.get("mark", holds) != holds:
            words = f"{entry.kind} was done by the terms {entry.facts['mark']}, where {holds} held"
            yield "wrong terms", f"entry {entry.seq}: {words}"
        wanted = pinned.get(entry.incident or 0, holds)
        if entry.facts.get("pinned", wanted) != wanted:
            words = f"{entry.kind} took {entry.facts['pinned']} for the terms of its item, and they were {wanted}"
            yield "wrong terms", f"entry {entry.seq}: {words}"


OVER: Final = frozenset({"resolved", "closed", "cancelled"})
GRADES: Final[Mapping[str, Sequence[str | None]]] = {
    "severity": (None, "low", "medium", "high", "critical"),
    "priority": (None, "p4", "p3", "p2", "p1"),
}
"""The grades that people set in a simulated world, the least first."""


def _gated(entries: Sequence[Entry]) -> Iterator[Broken]:
    """Nothing that was edited in a tool closes an item or lowers one, but what somebody who may agreed to."""
    fields: dict[int | None, dict[str, Any]] = defaultdict(dict)
    for entry in entries:
        known = fields[entry.incident]
        if entry.kind == "opened":
            known |= entry.facts["fields"]
        if entry.kind != "changed":
            continue
        after = {name: change["after"] for name, change in entry.facts["changes"].items()}
        # What alerts say, no person edited; and what an act brings about, somebody agreed to.
        if entry.connection is not None and "signal" not in entry.facts and entry.cause is None:
            for name, value in after.items():
                if _waits(name, known.get(name), value):
                    words = f"{name} became {value!r} instead of {known.get(name)!r} by {entry.connection}"
                    yield "not agreed to", f"entry {entry.seq}: {words}, and nobody agreed"
        known |= after


def _waits(name: str, before: Any, after: Any) -> bool:
    """Whether a new value waits for somebody to agree."""
    if name == "status":
        return after in OVER and before not in OVER
    grades = GRADES.get(name, ())
    return before in grades and after in grades and grades.index(after) < grades.index(before)


def _visits(floor: Floor, entries: Sequence[Entry]) -> Iterator[Broken]:
    """An item of a plugin's kind is there once, as it was opened and as people changed it since."""
    wanted: dict[int, dict[str, Any]] = {}
    for entry in entries:
        if entry.kind == "opened" and entry.facts.get("item") == VISIT.name:
            wanted[entry.incident or 0] = dict(entry.facts["fields"])
        if entry.kind == "changed" and entry.incident in wanted:
            changes = entry.facts["changes"]
            wanted[entry.incident] |= {name: change["after"] for name, change in changes.items()}
    with floor.calm() as connection:
        found = {
            one.id: loading.plain(one.fields)
            for one, _copies in explain.incidents(connection, limit=10_000, kind=VISIT.record)
        }
    for number in sorted(wanted.keys() | found.keys()):
        told, is_so = _said_of(wanted.get(number)), _said_of(found.get(IncidentId(number)))
        if told != is_so:
            yield "other item", f"{VISIT.prefix}-{number} is {is_so}, and the journal tells {told}"


def _said_of(fields: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if fields is None else {name: value for name, value in fields.items() if value is not None}


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
