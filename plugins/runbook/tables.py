"""What happened to runs, and the tables of where they stand."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer, String, Text

from tieline.core.arguments import Instant, Line, Words
from tieline.core.plugin_events import PluginEvent
from tieline.core.projections import Happened, Projection, Rows, plugin_table, subject_column
from tieline.core.store.types import Instant as InstantColumn

RUN = plugin_table(
    "runbook",
    "run",
    subject_column(primary_key=True),
    Column("incident", String(32), nullable=False),  # the id of what it is done for
    Column("runbook", String(40), nullable=False),
    Column("plan", Text, nullable=False),  # the runbook as it was when the run began
    Column("dry_run", Boolean, nullable=False),
    Column("step", Integer, nullable=False),
    Column("undo", String(400), nullable=False),  # numbers of steps that can be undone
    Column("going_back", Boolean, nullable=False),
    Column("agreed", Integer),
    Column("until", InstantColumn),  # when the gate expires
    Column("execution", String(32), nullable=False),  # the id of the step at work; "" for none
    Column("starter", Text, nullable=False),  # the id of whoever began it
    Column("answers", Text, nullable=False),  # of whoever answers for what it does
    Column("owned_store", Boolean, nullable=False),
    Column("approvals", Integer),  # how many agreed; None where nobody counted
    Column("is_free", Boolean, nullable=False),
)
ALLOWED = plugin_table(
    "runbook",
    "allowed",
    Column("seq", Integer, primary_key=True, autoincrement=False),
    subject_column(),
    Column("rule", String(40), nullable=False, index=True),
    Column("at", InstantColumn, nullable=False),
)
STEP = plugin_table(
    "runbook",
    "step",
    subject_column(primary_key=True),  # the execution's
    Column("run", String(32), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("name", String(40), nullable=False),
    Column("is_undoing", Boolean, nullable=False),
    Column("outcome", String(10), nullable=False),  # "" while it is at work
)
HALT = plugin_table("runbook", "halt", subject_column(primary_key=True), Column("why", Text, nullable=False))


class Started(PluginEvent, kind="runbook.started"):
    """a run began; with the runbook as it is then, and what it is done for"""

    incident: str
    runbook: Line
    plan: Words
    dry_run: bool


class Vouched(PluginEvent, kind="runbook.vouched"):
    """somebody answers for what a run does from here on; how many others agreed, and whether no rule is asked any more,
    since they act at once and are reviewed. `owned_store` is whether the store's file was theirs"""

    owned_store: bool
    approvals: int
    is_free: bool


class Allowed(PluginEvent, kind="runbook.allowed"):
    """a step of a run may begin; by which rule"""

    step: Line
    rule: Line


class Moved(PluginEvent, kind="runbook.moved"):
    """a run came to another place; with the step that is next, and those that can be undone"""

    step: int
    undo: tuple[int, ...]
    going_back: bool
    agreed: int | None


class Asked(PluginEvent, kind="runbook.asked"):
    """a run waits for somebody to agree to a step; until when"""

    step: Line
    until: Instant


class Approved(PluginEvent, kind="runbook.approved"):
    """somebody agreed to a step"""

    step: Line
    number: int


class Denied(PluginEvent, kind="runbook.denied"):
    """nobody agreed to a step in time, which is a no"""

    step: Line


class Began(PluginEvent, kind="runbook.began"):
    """a step of a run was handed to a runner; this is its execution"""

    run: str
    step: Line
    is_undoing: bool


class Skipped(PluginEvent, kind="runbook.skipped"):
    """a step was passed over; why"""

    step: Line
    why: Words


class Ended(PluginEvent, kind="runbook.ended"):
    """it is known what came of a step; told by its runner, or by somebody"""

    execution: str
    step: Line
    outcome: Line


class Reported(PluginEvent, kind="runbook.reported"):
    """a step that was done for this ended; with the hash of all that it wrote"""

    execution: str
    step: Line
    outcome: Line
    output_sha256: str


class Stuck(PluginEvent, kind="runbook.stuck"):
    """nobody knows what came of a step, and it is not repeated; why"""

    step: Line
    why: Words


class Paused(PluginEvent, kind="runbook.paused"):
    """no further step begins until somebody says so; why"""

    why: Words


class Resumed(PluginEvent, kind="runbook.resumed"):
    """a run goes on"""


class TakenOver(PluginEvent, kind="runbook.taken_over"):
    """a person does the rest by hand; why"""

    why: Words


class Aborted(PluginEvent, kind="runbook.aborted"):
    """a run was ended by somebody, and no further step begins; why"""

    why: Words


class Finished(PluginEvent, kind="runbook.finished"):
    """a run came to its end; how, and why"""

    outcome: Line
    why: Words


class Halted(PluginEvent, kind="runbook.halted"):
    """no step of any run begins any more; why"""

    why: Words


class Freed(PluginEvent, kind="runbook.freed"):
    """runs may go on again, once somebody resumes them"""


def _started(rows: Rows, event: Started, happened: Happened) -> None:
    rows.put(
        RUN,
        subject=happened.subject,
        incident=event.incident,
        runbook=event.runbook,
        plan=event.plan,
        dry_run=event.dry_run,
        step=0,
        undo="",
        going_back=False,
        agreed=None,
        until=None,
        execution="",
        starter=happened.actor,
        answers=happened.actor,
        owned_store=False,
        approvals=None,
        is_free=False,
    )


def _vouched(rows: Rows, event: Vouched, happened: Happened) -> None:
    rows.change(
        RUN,
        {"subject": happened.subject},
        answers=happened.actor,
        owned_store=event.owned_store,
        approvals=event.approvals,
        is_free=event.is_free,
    )


def _allowed(rows: Rows, event: Allowed, happened: Happened) -> None:
    rows.put(ALLOWED, seq=happened.seq, subject=happened.subject, rule=event.rule, at=happened.at)


def _moved(rows: Rows, event: Moved, happened: Happened) -> None:
    rows.change(
        RUN,
        {"subject": happened.subject},
        step=event.step,
        undo=",".join(map(str, event.undo)),
        going_back=event.going_back,
        agreed=event.agreed,
        execution="",
    )


def _asked(rows: Rows, event: Asked, happened: Happened) -> None:
    rows.change(RUN, {"subject": happened.subject}, until=event.until)


def _approved(rows: Rows, event: Approved, happened: Happened) -> None:
    rows.change(RUN, {"subject": happened.subject}, until=None, agreed=event.number)


def _denied(rows: Rows, _event: Denied, happened: Happened) -> None:
    rows.change(RUN, {"subject": happened.subject}, until=None)


def _began(rows: Rows, event: Began, happened: Happened) -> None:
    rows.put(
        STEP,
        subject=happened.subject,
        run=event.run,
        seq=happened.seq,
        name=event.step,
        is_undoing=event.is_undoing,
        outcome="",
    )
    rows.change(RUN, {"subject": event.run}, execution=happened.subject)


def _ended(rows: Rows, event: Ended, happened: Happened) -> None:
    rows.change(STEP, {"subject": event.execution}, outcome=event.outcome)
    rows.change(RUN, {"subject": happened.subject}, execution="")


def _over(rows: Rows, _event: Aborted | TakenOver | Finished, happened: Happened) -> None:
    rows.change(RUN, {"subject": happened.subject}, until=None)


def _halted(rows: Rows, event: Halted, happened: Happened) -> None:
    rows.put(HALT, subject=happened.subject, why=event.why)


def _freed(rows: Rows, _event: Freed, happened: Happened) -> None:
    rows.drop(HALT, subject=happened.subject)


EVENTS = (
    *(Started, Vouched, Allowed),
    *(Moved, Asked, Approved, Denied, Began, Skipped, Ended, Reported, Stuck, Paused, Resumed, TakenOver),
    *(Aborted, Finished, Halted, Freed),
)
RUNS = Projection(
    "runs",
    (RUN, STEP, ALLOWED, HALT),
    {
        Started: _started,
        Vouched: _vouched,
        Allowed: _allowed,
        Moved: _moved,
        Asked: _asked,
        Approved: _approved,
        Denied: _denied,
        Began: _began,
        Ended: _ended,
        Aborted: _over,
        TakenOver: _over,
        Finished: _over,
        Halted: _halted,
        Freed: _freed,
    },
    version=3,
)
