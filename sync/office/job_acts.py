"""What people do to long work: end it, and have it go on."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field
from sqlalchemy import Row, select

from tieline.core.access import STORE, Subject
from tieline.core.acts import Act
from tieline.core.arguments import Answer, Ask, Line
from tieline.core.jobs import label, number_of
from tieline.core.model import IncidentId
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction
from tieline.sync.office import jobs
from tieline.sync.office.desk import EngineDesk
from tieline.sync.sight import Sight, subject_of


class OneJob(Ask):
    """One job."""

    job: Line = Field(description="The job, as `tieline jobs` calls it: JOB-12.")


class JobMoved(Answer):
    """A job that goes on, or does not."""

    job: str
    status: str

    def sentence(self) -> str:
        if self.status == jobs.CANCELLED:
            return f"{self.job} is cancelled: no further step of it is done, and what was done stays"
        return f"{self.job} goes on with the step that it stopped at"


def _about(seen_in: Connection | Transaction, ask: OneJob, sight: Sight) -> tuple[Subject, IncidentId | None]:
    row = _seen(seen_in, ask, sight)
    item = None if row is None or row.incident_id is None else IncidentId(row.incident_id)
    return STORE if item is None else subject_of(seen_in, item), item


def _seen(seen_in: Connection | Transaction, ask: OneJob, sight: Sight) -> Row[Any] | None:
    """The job that is meant; None for one that is not there for them."""
    is_it = t.job.c.id == number_of(ask.job)
    return seen_in.execute(select(t.job).where(is_it, jobs.visible(sight))).first()


def _number(desk: EngineDesk, ask: OneJob) -> int:
    """The number of the job that is meant. Raises LookupError for one that is not there for whoever asks."""
    number = number_of(ask.job)
    if _seen(desk.seen_in, ask, desk.sight) is None:
        raise jobs.no_such(number)
    return number


def cancel(desk: EngineDesk, ask: OneJob) -> JobMoved:
    """End a job: no further step of it is done."""
    number, actor = _number(desk, ask), desk.actor
    desk.within(lambda tx: jobs.cancel(tx, desk.engine, number, actor), hold=lambda tx: jobs.hold(tx, number))
    return JobMoved(job=label(number), status=jobs.CANCELLED)


def resume(desk: EngineDesk, ask: OneJob) -> JobMoved:
    """Have a job that is parked go on."""
    number = _number(desk, ask)
    desk.within(lambda tx: jobs.resume(tx, number), hold=lambda tx: jobs.hold(tx, number))
    return JobMoved(job=label(number), status=jobs.RUNNING)


ACTS: Final = (
    Act("jobs cancel", cancel, "jobs.manage", ("job",), about=_about),
    Act("jobs resume", resume, "jobs.manage", ("job",), about=_about),
)
"""What can be done to any job."""
