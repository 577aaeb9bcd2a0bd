"""The rows of jobs: begun, taken for one step by one worker, put off, cancelled and resumed.

Whoever takes a job for a step gets a token, and what the step notes is kept only while that is the last one given, and
the job runs: of two workers that believe it is theirs, and of a step and a cancellation, one has no effect.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
    tuple_,
    update,
)

from tieline.core import holds as holds_of
from tieline.core.acts import NotDone
from tieline.core.arguments import Ask
from tieline.core.events import JobEnded, JobStarted
from tieline.core.identity import Actor, Someone
from tieline.core.jobs import LARGEST, LONGEST_STEP, Done, Job, Result, Step, label
from tieline.core.model import ABSENT, IncidentId
from tieline.core.store import tables as t
from tieline.core.store.forgetting import CERTIFICATES
from tieline.core.store.store import Connection, Transaction
from tieline.core.timers import NO_WAIT
from tieline.sync.limits import TRIES
from tieline.sync.sight import Sight

if TYPE_CHECKING:
    from tieline.sync.engine import Engine  # whoever only looks does not wait for it

RUNNING: Final = "running"
PARKED: Final = "parked"
DONE: Final = "done"
CANCELLED: Final = "cancelled"

MOST: Final = 1_000
"""Jobs of one kind that run or wait at once."""

_MILLISECOND: Final = timedelta(milliseconds=1)

GRACE: Final = timedelta(seconds=5)
"""So much longer than its bound a step is left alone."""

_OPEN: Final = (
    select(func.count()).select_from(t.job).where(t.job.c.kind == bindparam("kind"), t.job.c.status == RUNNING)
)
_UNDER_WAY: Final = (
    select(t.job.c.id, t.job.c.ask)
    .where(
        t.job.c.kind == bindparam("kind"),
        t.job.c.status.in_([RUNNING, PARKED]),
        t.job.c.incident_id.is_not_distinct_from(bindparam("item")),
    )
    .order_by(t.job.c.id)
)
_PUT_ITEM: Final = insert(t.job_item)
_ITEMS: Final = select(t.job_item.c.incident_id).where(t.job_item.c.job == bindparam("number"))
_ONE: Final = select(t.job).where(t.job.c.id == bindparam("number"))
_OF_UIDS: Final = select(t.incident.c.id).where(t.incident.c.uid.in_(bindparam("uids", expanding=True)))
_CHUNK: Final = 500
_LOCKED: Final = _ONE.with_for_update()


def begin(
    tx: Transaction, engine: Engine, kind: str, ask: Ask, item: IncidentId | None, actor: Actor, now: datetime
) -> int:
    """Begin one. Answers its number; or that of one under way that was told the same, where it is to be alone. Raises
    NotDone where too many of its kind are at work."""
    if engine.registry.offers.jobs[kind][1].is_alone:
        for row in tx.execute(_UNDER_WAY, {"kind": kind, "item": item}).all():
            if row.ask == ask.plain():
                return int(row.id)
    if tx.execute(_OPEN, {"kind": kind}).scalar_one() >= MOST:
        raise NotDone(f"{MOST:,} of {kind} run or wait already; let them end, or cancel some: `tieline jobs`")
    [number] = tx.new_ids(t.job, 1)
    started = JobStarted(job=label(number), kind=kind)
    entry = engine.record(tx, started, incident=item, actor=actor, reason=kind)
    tx.execute(
        insert(t.job),
        {
            "id": number,
            "kind": kind,
            "incident_id": item,
            "actor": tx.person(actor) if isinstance(actor, Someone) else actor,
            "ask": ask.plain(),
            "status": RUNNING,
            "state": None,
            "steps": 0,
            "done": 0,
            "of": None,
            "entry": entry,
            **dict.fromkeys(("started_at", "stepped_at"), now),
            "spent": 0,
            "ended_at": None,
            "attempts": 0,
            "next_at": None,
            "parked": "",
            "worker": "",
            "token": 0,
            "leased_until": None,
        },
    )
    if item is not None:
        tx.execute(_PUT_ITEM, {"job": number, "incident_id": item})
    return number


def visible(sight: Sight) -> ColumnElement[bool]:
    """That a job tells of nothing that they do not see; of an item at least, where they do not see everything."""
    of_it: Select[Any] = select(literal_column("1")).select_from(t.job_item).where(t.job_item.c.job == t.job.c.id)
    hidden = of_it.where(not_(sight.sees(t.job_item.c.incident_id))).correlate_except(t.job_item).exists()
    if sight.is_wide:
        return not_(hidden)
    return and_(not_(hidden), of_it.correlate_except(t.job_item).exists())


# -- a step ------------------------------------------------------------------------------------------------------------


def _is_ready() -> ColumnElement[bool]:
    job, now = t.job.c, bindparam("now", type_=t.job.c.next_at.type)
    never = bindparam("never", type_=t.job.c.next_at.type)
    mine = and_(job.worker == bindparam("by"), job.id.not_in(bindparam("busy", expanding=True)))
    return and_(
        job.status == RUNNING,
        job.kind.in_(bindparam("kinds", expanding=True)),
        or_(job.next_at.is_(None), job.next_at <= now, job.next_at > never),
        # One that waits for longer than any step may take was left by a clock that has been put back since.
        or_(job.leased_until.is_(None), job.leased_until <= now, job.leased_until > never, mine),
    )


_READY: Final = select(t.job).where(_is_ready()).order_by(t.job.c.attempts, t.job.c.stepped_at, t.job.c.id).limit(1)
_TAKE: Final = (
    update(t.job)
    .where(t.job.c.id == bindparam("number"), t.job.c.token == bindparam("was"), t.job.c.status == RUNNING)
    .values(
        token=t.job.c.token + 1,
        attempts=t.job.c.attempts + 1,
        worker=bindparam("by"),
        stepped_at=bindparam("now"),
        leased_until=bindparam("until"),
        next_at=None,
    )
)


def ready(source: Connection, now: datetime, by: str, busy: Collection[int], kinds: Iterable[str]) -> Row[Any] | None:
    """The job that has waited longest for a step, one that failed at it after the others; None where there is none.
    `busy` are those at which `by` works."""
    asked = {"now": now, "never": now + NO_WAIT, "by": by, "busy": sorted(busy), "kinds": sorted(kinds)}
    return source.execute(_READY, asked).first()


def take(tx: Transaction, row: Row[Any], job: Job, by: str, now: datetime) -> bool:
    """Take one for a step. False where somebody else did, or it does not run any more."""
    until = now + min(job.bound.step, LONGEST_STEP) + GRACE
    asked = {"number": row.id, "was": row.token, "by": by, "now": now, "until": until}
    return tx.execute(_TAKE, asked).rowcount > 0


def over_its_bound(row: Row[Any], job: Job) -> str:
    """With what sentence it is put aside before its next step; "" where that may be done."""
    if row.attempts >= TRIES:
        return (
            f"{row.attempts} times its next step was begun and did not come to its end: it takes longer than "
            f"{job.bound.step}, or ends the process"
        )
    if row.steps >= job.bound.steps:
        return f"it has done {row.steps:,} steps, and is given no more"
    if row.spent > job.bound.total / _MILLISECOND:
        return f"it works for longer than the {job.bound.total} that it is given"
    return ""


_HOLD: Final = (
    select(t.job.c.id)
    .where(t.job.c.id == bindparam("number"), t.job.c.token == bindparam("held"), t.job.c.status == RUNNING)
    .with_for_update()
)


def holds(tx: Transaction, number: int, token: int) -> bool:
    """Whether a step is still to be done by whoever has this token. From here on nobody else changes it."""
    return tx.execute(_HOLD, {"number": number, "held": token}).first() is not None


def stepped(
    tx: Transaction,
    engine: Engine,
    row: Row[Any],
    job: Job,
    came: Step | Done,
    items: Collection[IncidentId],
    began: datetime,
) -> None:
    """Keep that a step is done which was begun then, and what it came to."""
    now = engine.clock.now()
    took = max(0, (now - began) // _MILLISECOND)
    known = {*tx.execute(_ITEMS, {"number": row.id}).scalars()}
    for item in sorted({*items, *_of_uids(tx, came.tells_of)} - known):
        tx.execute(_PUT_ITEM, {"job": row.id, "incident_id": item})
    changed = {
        "steps": row.steps + 1,
        "attempts": 0,
        "worker": "",
        "leased_until": None,
        "stepped_at": now,
        "spent": row.spent + took,
    }
    if isinstance(came, Step):
        changed |= {"state": came.state.model_dump(mode="json"), "done": came.done, "of": came.of}
    else:
        changed |= {"status": DONE, "ended_at": now}
        if row.of is not None:
            changed |= {"done": row.of}
    tx.execute(update(t.job).where(t.job.c.id == row.id).values(**changed))
    if isinstance(came, Done):
        _end(
            tx, engine, row, DONE, engine.registry.offers.jobs[row.kind][0].actor, _kept(tx, row, job.result, came, now)
        )


def _of_uids(tx: Transaction, uids: Collection[str]) -> Iterator[int]:
    wanted = sorted({*uids})
    for start in range(0, len(wanted), _CHUNK):
        yield from tx.execute(_OF_UIDS, {"uids": wanted[start : start + _CHUNK]}).scalars()


def _kept(tx: Transaction, row: Row[Any], result: Result | None, came: Done, now: datetime) -> str:
    if result is None:
        return ""
    sha = hashlib.sha256(came.body).hexdigest()
    tx.execute(
        insert(t.blob),
        {
            "job": row.id,
            "sha": sha,
            "size": len(came.body),
            "media_type": result.media_type,
            "readers": result.readers,
            "retention": result.retention,
            "made_at": now,
            "body": came.body,
        },
    )
    return sha


def refuse(came: object, job: Job) -> None:
    """Raises TypeError for what no step may answer, and NotDone for a result that is too large."""
    if not isinstance(came, Step | Done):
        raise TypeError(f"a step answers Step or Done, and not {type(came).__name__}")
    if isinstance(came, Step) and not isinstance(came.state, job.state):
        raise TypeError(f"its steps tell a {job.state.__name__}, and not a {type(came.state).__name__}")
    if isinstance(came, Done) and job.result is None and came.body:
        raise TypeError("it came to something, and declares no result")
    if isinstance(came, Done) and len(came.body) > LARGEST:
        raise NotDone(f"what it came to has {len(came.body):,} bytes, and {LARGEST:,} are the most; tell less")


def _end(tx: Transaction, engine: Engine, row: Row[Any], outcome: str, actor: Actor, sha: str = "") -> None:
    ended = JobEnded(job=label(row.id), kind=row.kind, outcome=outcome, sha256=sha or ABSENT)
    engine.record(tx, ended, incident=row.incident_id, actor=actor, reason=row.kind)


def put_off(tx: Transaction, engine: Engine, row: Row[Any], token: int, next_at: datetime | None, parked: str) -> None:
    """Have it try its step again at `next_at`, or put it aside with the sentence that says why. One that was cancelled
    or taken by somebody else meanwhile stays as it is."""
    if not holds(tx, row.id, token):
        return
    changed: dict[str, Any] = {"worker": "", "leased_until": None, "next_at": next_at}
    if parked:
        changed |= {"status": PARKED, "parked": parked}
    tx.execute(update(t.job).where(t.job.c.id == row.id).values(**changed))
    if parked:
        tx.cause = row.entry
        _end(tx, engine, row, PARKED, engine.registry.offers.jobs[row.kind][0].actor)


# -- what they came to -------------------------------------------------------------------------------------------------

_BEFORE_ALL: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MADE: Final = t.blob.c.made_at.type
_EXPIRED: Final = (
    select(t.blob.c.job, t.blob.c.made_at)
    .where(
        t.blob.c.retention == bindparam("kept"),
        t.blob.c.made_at < bindparam("before", type_=_MADE),
        tuple_(t.blob.c.made_at, t.blob.c.job)
        > tuple_(bindparam("made_at", type_=_MADE), bindparam("job", type_=t.job.c.id.type)),
    )
    .order_by(t.blob.c.made_at, t.blob.c.job)
    .limit(bindparam("most", type_=Integer))
)
_TELL: Final = select(t.job_item.c.job, t.job_item.c.incident_id).where(
    t.job_item.c.job.in_(bindparam("jobs", expanding=True))
)
_DROP: Final = delete(t.blob).where(t.blob.c.job.in_(bindparam("jobs", expanding=True)))


def expired(source: Connection | Transaction, kept: str, before: datetime, most: int = MOST) -> list[int]:
    """The oldest jobs that came to something of this class before then, but for those that tell of what is held: so
    many at most. Raises ValueError for the class of certificates, which stay."""
    if kept == CERTIFICATES:
        raise ValueError(f"what is of the class {CERTIFICATES} stays")
    found = list[int]()
    after: Mapping[str, Any] = {"made_at": _BEFORE_ALL, "job": 0}
    while len(found) < most:
        rows = source.execute(_EXPIRED, {"kept": kept, "before": before, "most": most, **after}).all()
        if not rows:
            break
        found += unheld(source, [row.job for row in rows])
        after = {"made_at": rows[-1].made_at, "job": rows[-1].job}
    return found[:most]


def unheld(source: Connection | Transaction, numbers: Sequence[int]) -> list[int]:
    """Of these jobs, those that tell of nothing that is held."""
    if any(one.is_over_everything for one in holds_of.in_force(source)):
        return []
    tells = source.execute(_TELL, {"jobs": list(numbers)}).all()
    over = holds_of.over(source, {row.incident_id for row in tells})
    held = {row.job for row in tells if row.incident_id in over}
    return [number for number in numbers if number not in held]


def let_go_of_results(tx: Transaction, numbers: Collection[int]) -> None:
    """Let go of what these jobs came to; their rows, and the hash in the journal, stay."""
    if numbers:
        tx.execute(_DROP, {"jobs": sorted(numbers)})


# -- by people ---------------------------------------------------------------------------------------------------------


def found(source: Connection | Transaction, number: int) -> Row[Any] | None:
    """One of them; None where there is no such one."""
    return source.execute(_ONE, {"number": number}).first()


def named(source: Connection | Transaction, number: int) -> Row[Any]:
    """One of them. Raises LookupError."""
    row = found(source, number)
    if row is None:
        raise no_such(number)
    return row


def no_such(number: int) -> LookupError:
    """What is said of one that is not there."""
    return LookupError(f"there is no {label(number)}; see `tieline jobs`")


def hold(tx: Transaction, number: int) -> None:
    """Keep everybody else from changing one of them until this transaction ends."""
    tx.execute(_LOCKED, {"number": number})


def cancel(tx: Transaction, engine: Engine, number: int, actor: Actor) -> None:
    """Have no further step of it be done, the one included that is being done now. Raises NotDone."""
    row = named(tx, number)
    if row.status not in (RUNNING, PARKED):
        raise NotDone(f"{label(number)} is {row.status} already")
    ended = {"status": CANCELLED, "ended_at": engine.clock.now(), "worker": "", "leased_until": None, "next_at": None}
    tx.execute(update(t.job).where(t.job.c.id == number).values(**ended))
    _end(tx, engine, row, CANCELLED, actor)


def resume(tx: Transaction, number: int) -> None:
    """Have one that waits for a person go on with the step that it stopped at. Raises NotDone."""
    row = named(tx, number)
    if row.status != PARKED:
        raise NotDone(f"{label(number)} is {row.status}; only one that is parked is resumed")
    begun = {"status": RUNNING, "parked": "", "attempts": 0, "next_at": None, "spent": 0}
    tx.execute(update(t.job).where(t.job.c.id == number).values(**begun))


_RELEASE: Final = (
    update(t.job)
    .where(t.job.c.worker == bindparam("by"), t.job.c.status == RUNNING)
    .values(worker="", leased_until=None)
)


def release(tx: Transaction, by: str) -> None:
    """Leave to others what a worker had taken that stops."""
    tx.execute(_RELEASE, {"by": by})
