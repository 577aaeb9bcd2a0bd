"""Long work of plugins: how it is, how far it has come, and what it came to."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import Field
from sqlalchemy import and_, case, func, or_, select, text

from tieline.core.arguments import Answer, Ask, Line
from tieline.core.jobs import label, number_of
from tieline.core.model import IncidentId
from tieline.core.shown import Fact, Note, Part, Table
from tieline.core.store import persons
from tieline.core.store import tables as t
from tieline.core.store.store import Connection
from tieline.core.views import Keyset, Listing, Moment, Paged, Row
from tieline.sync.office.jobs import GRACE, PARKED, RUNNING, no_such, visible
from tieline.sync.office.look import EngineLook
from tieline.sync.sight import Sight, called_by_number

_LISTED: Final = (
    select(t.job, t.person.c.id.label("person"), t.person.c.name, t.blob.c.sha, t.blob.c.size, t.blob.c.media_type)
    .outerjoin(t.person, t.job.c.actor == t.person.c.id)
    .outerjoin(t.blob, t.blob.c.job == t.job.c.id)
    .order_by(t.job.c.id.desc())
)


class Jobs(Paged):
    """Which jobs are meant."""

    running: bool = Field(default=False, description="Only those that run, or wait for a person.")


class JobSeen(Row):
    """Long work. `done` of `of` is how far it has come, where that is known; `seconds` is how long it has taken, and
    `waits_seconds` for how long its next step has been due. `stuck` is true where a step takes longer than it may."""

    job: str
    kind: str
    incident: str | None
    status: str
    steps: int
    done: int
    of: int | None
    by: str
    since: Moment
    seconds: int
    waits_seconds: int
    stuck: bool
    attempts: int
    parked: str

    @property
    def progress(self) -> str:
        """How far it has come, for people."""
        return f"{self.done:,}" if self.of is None else f"{self.done:,} of {self.of:,}"

    @property
    def now(self) -> str:
        """How it is, for people."""
        return "stuck" if self.stuck else self.status

    def what_to_do(self) -> str:
        """The sentence for whoever looks after it; "" where nothing is to be done."""
        if self.parked:
            return (
                f"{self.parked}. `tieline jobs resume {self.job}` has it go on, and `tieline jobs cancel {self.job}` "
                "ends it"
            )
        if self.stuck:
            return (
                "its step takes longer than it may, or the worker that did it is gone; it is begun anew, and put aside "
                "when that is so again"
            )
        return ""


class JobsSeen(Listing[JobSeen]):
    """Long work, the last that was started first."""

    def shown(self) -> Sequence[Part]:
        columns = ["job", "kind", "incident", "state", "done", "by", "since (UTC)", "took", "waits"]
        rows = [
            (
                one.job,
                one.kind,
                one.incident,
                one.now,
                one.progress,
                one.by,
                one.since,
                f"{one.seconds} s",
                f"{one.waits_seconds} s" if one.status == RUNNING else "",
            )
            for one in self.items
        ]
        notes = (Note(one.job, words) for one in self.items if (words := one.what_to_do()))
        return (Table("Jobs", columns, rows, empty="no job was started"), *notes, *self.more())


_NEWEST: Final = Keyset("jobs", int)


def jobs(look: EngineLook, ask: Jobs) -> JobsSeen:
    """Long work of plugins, and how far it has come."""
    query = _LISTED.where(visible(look.sight))
    if ask.after is not None:
        query = query.where(t.job.c.id < _NEWEST.after(ask.after)[0])
    if ask.running:
        query = query.where(t.job.c.status.in_((RUNNING, PARKED)))
    page, following = _NEWEST.page(look.seen_in.execute(query.limit(ask.limit + 1)).all(), ask, lambda row: (row.id,))
    return JobsSeen(items=_seen(look, page), next=following)


def _seen(look: EngineLook, rows: Sequence[Any]) -> tuple[JobSeen, ...]:
    called = called_by_number(look.seen_in, look.sight, [_about(row) for row in rows])
    look.shows(_about(row) for row in rows)
    return tuple(_one(row, called, look.now) for row in rows)


def _about(row: Any) -> IncidentId | None:
    return None if row.incident_id is None else IncidentId(row.incident_id)


def _one(row: Any, called: dict[IncidentId, str], now: datetime) -> JobSeen:
    about = _about(row)
    is_held = row.leased_until is not None
    due = row.leased_until if is_held else row.next_at or row.stepped_at
    waits = max(timedelta(0), now - due) if row.status == RUNNING else timedelta(0)
    return JobSeen(
        job=label(row.id),
        kind=row.kind,
        incident=None if about is None else called.get(about),
        status=row.status,
        steps=row.steps,
        done=row.done,
        of=row.of,
        by=persons.shown(row.actor, row.person, row.name),
        since=row.started_at,
        seconds=int(((row.ended_at or now) - row.started_at).total_seconds()),
        waits_seconds=int(waits.total_seconds()),
        stuck=row.status == RUNNING and is_held and row.leased_until < now,
        attempts=row.attempts,
        parked=row.parked,
    )


class OneJob(Ask):
    """One job."""

    job: Line = Field(description="The job, as `tieline jobs` calls it: JOB-12.")


class JobShown(Answer):
    """One job, and what it came to."""

    job: JobSeen
    result_sha256: str | None
    result_bytes: int | None
    result_media_type: str | None

    def shown(self) -> Sequence[Part]:
        one = self.job
        facts = [
            Fact("kind", one.kind),
            *([Fact("incident", one.incident)] if one.incident is not None else []),
            Fact("state", one.now),
            Fact("done", one.progress),
            Fact("steps", one.steps),
            Fact("by", one.by),
            Fact("since", one.since.isoformat()),
            Fact("took", f"{one.seconds} s"),
        ]
        if self.result_sha256 is not None:
            facts += [Fact("result", f"{self.result_bytes:,} bytes of {self.result_media_type}")]
            facts += [Fact("sha256", self.result_sha256)]
        words = one.what_to_do()
        return (*facts, *([Note(one.job, words)] if words else []))


def show(look: EngineLook, ask: OneJob) -> JobShown:
    """One job: how it is, how far it has come, and what it came to."""
    row = _named(look, ask)
    [seen] = _seen(look, [row])
    return JobShown(job=seen, result_sha256=row.sha, result_bytes=row.size, result_media_type=row.media_type)


def _named(look: EngineLook, ask: OneJob) -> Any:
    number = number_of(ask.job)
    row = look.seen_in.execute(_LISTED.where(visible(look.sight), t.job.c.id == number)).first()
    if row is None:
        raise no_such(number)
    return row


class JobResult(Answer):
    """What a job came to. `body` is its bytes in base64, and `sha256` the hash of these bytes."""

    job: str
    media_type: str
    sha256: str
    bytes: int
    retention: str
    made_at: Moment
    body: str

    def shown(self) -> Sequence[Part]:
        return (Fact("sha256", self.sha256), Fact("bytes", self.bytes), Fact("media type", self.media_type))


def result(look: EngineLook, ask: OneJob) -> JobResult:
    """What a job came to: its bytes, with their hash. The right to read them is the one that its plugin names."""
    row = _named(look, ask)
    blob = look.seen_in.execute(select(t.blob).where(t.blob.c.job == row.id)).first()
    if blob is None:
        raise LookupError(f"{label(row.id)} is {row.status}, and came to nothing that is kept")
    look.require(blob.readers)
    look.shows(map(IncidentId, look.seen_in.execute(_TELLS.where(t.job_item.c.job == row.id)).scalars()))
    return JobResult(
        job=label(row.id),
        media_type=blob.media_type,
        sha256=blob.sha,
        bytes=blob.size,
        retention=blob.retention,
        made_at=blob.made_at,
        body=b64encode(blob.body).decode(),
    )


_TELLS: Final = select(t.job_item.c.incident_id)


def counted(seen_in: Connection, sight: Sight, now: datetime) -> dict[str, int]:
    """How many run, are stuck, and wait for a person."""
    job = t.job.c
    is_stuck = and_(job.status == RUNNING, job.leased_until < now - GRACE)
    figures = select(
        func.count(case((job.status == RUNNING, 1))),
        func.count(case((is_stuck, 1))),
        func.count(case((job.status == PARKED, 1))),
    ).where(or_(text("status = 'running'"), text("status = 'parked'")), visible(sight))
    running, stuck, parked = seen_in.execute(figures).one()
    return {"jobs_running": running, "jobs_stuck": stuck, "jobs_parked": parked}
