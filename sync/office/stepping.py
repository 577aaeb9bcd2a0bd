"""A step of a job: taken, decided at a desk, and committed together with how far the job has come by it.

taken with a token -> decided on a snapshot -> still held by that token -> what was noted, and the next state
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Row

from tieline.core.errors import StoreUnavailable
from tieline.core.jobs import Job, label
from tieline.core.model import kinds_at_work
from tieline.core.offer import Offer
from tieline.core.redaction import redacted
from tieline.core.store.store import Transaction
from tieline.sync.engine import Engine
from tieline.sync.limits import TRIES, doubled
from tieline.sync.office import following, jobs
from tieline.sync.office.desk import EngineDesk

AtWork = Callable[[Row[Any], Job], AbstractContextManager[object]]
"""Around a step, of whoever wants to know what is at work."""


def _unseen(_row: Row[Any], _job: Job) -> AbstractContextManager[object]:
    return nullcontext()


def step(engine: Engine, by: str, *, busy: Collection[int] = (), group: str = "", at_work: AtWork = _unseen) -> bool:
    """Do one step of whichever job has waited longest; of the offer of this group, where one is named. False where none
    was to be done. `by` is an id of whoever does, which nobody else has, and `busy` are the jobs at which they work.

    Raises StoreUnavailable.
    """
    with kinds_at_work(engine.registry.offers.known):
        return _step(engine, by, busy, group, at_work)


def _step(engine: Engine, by: str, busy: Collection[int], group: str, at_work: AtWork) -> bool:
    offers = engine.registry.offers
    kinds = [name for name, (offer, _job) in offers.jobs.items() if group in ("", offer.group)]
    if not kinds:
        return False
    now = engine.clock.now()
    with engine.store.read() as connection:
        row = jobs.ready(connection, now, by, busy, kinds)
    if row is None:
        return False
    offer, job = offers.jobs[row.kind]
    with at_work(row, job):
        parked = jobs.over_its_bound(row, job)
        with engine.store.write() as tx:
            is_taken = jobs.take(tx, row, job, by, now)
            if is_taken and parked:
                jobs.put_off(tx, engine, row, row.token + 1, None, parked)
        if is_taken and parked:
            _tell(row, row.attempts, parked, None)
        elif is_taken:
            _do(engine, offer, job, row, now)
    return True


def _do(engine: Engine, offer: Offer, job: Job, row: Row[Any], began: datetime) -> None:
    token = row.token + 1

    def run(desk: EngineDesk) -> None:
        ask = job.told(row.ask)
        came = job.run(desk, ask, job.state.model_validate(row.state or {}))
        jobs.refuse(came, job)
        items = {*desk.looked_at}
        desk.within(lambda tx: jobs.stepped(tx, engine, row, job, came, items, began))

    def claim(tx: Transaction) -> bool:
        tx.job = row.id
        return jobs.holds(tx, row.id, token)

    def cause(_tx: Transaction) -> int:
        return int(row.entry)

    try:
        whose = following.whose_of(offer, row.kind)
        following.do_by_itself(engine, whose, run, claim, cause)
    except StoreUnavailable:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's code may raise anything; it waits, and no other job does
        attempts = row.attempts + 1
        sentence = redacted(following.why("its next step", attempts, error)) if _is_last(attempts) else ""
        again = None if sentence else engine.clock.now() + doubled(attempts)
        with engine.store.write() as tx:
            jobs.put_off(tx, engine, row, token, again, sentence)
        _tell(row, attempts, sentence, error)


def _is_last(attempts: int) -> bool:
    return attempts >= TRIES


def _tell(row: Row[Any], attempts: int, parked: str, error: BaseException | None) -> None:
    facts = {"job": label(row.id), "kind": row.kind, "attempts": attempts, "parked": parked}
    structlog.get_logger("tieline.jobs").error("job_failed", **facts, exc_info=error)
