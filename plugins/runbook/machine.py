"""What a run does next. Pure: it decides, and others act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from tieline.core.expressions import ExpressionError
from tieline.plugins.runbook.policy import Gate, OnFailure, Otherwise, Runbook


class RunStatus(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    WAITING = "waiting"  # for somebody to agree
    PAUSED = "paused"
    STUCK = "stuck"  # nobody knows what came of a step, and somebody has to say
    BY_HAND = "by_hand"  # a person does the rest
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DENIED = "denied"
    ROLLED_BACK = "rolled_back"
    ABORTED = "aborted"


OVER = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.DENIED, RunStatus.ROLLED_BACK, RunStatus.ABORTED})


class Outcome(StrEnum):
    """What came of a step."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"  # it was called back before it began


@dataclass(frozen=True, slots=True)
class Place:
    """How far a run has come. `step` is the number of the one that is next, or at work; `undone` are those still to be
    undone, the next one last, once it is going back. `agreed` is the number of a step that somebody agreed to."""

    step: int = 0
    undo: tuple[int, ...] = ()
    going_back: bool = False
    agreed: int | None = None


@dataclass(frozen=True, slots=True)
class Execute:
    """A step begins."""

    step: int
    command: str
    is_undoing: bool = False


@dataclass(frozen=True, slots=True)
class Skip:
    """A step is passed over."""

    step: int
    why: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Somebody has to agree first."""

    step: int
    gate: Gate


@dataclass(frozen=True, slots=True)
class Pause:
    """Nobody can tell what is next, and somebody has to see to it."""

    why: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The run is over."""

    status: RunStatus
    why: str = ""


Move = Execute | Skip | Ask | Pause | Finish


def next_move(runbook: Runbook, place: Place, holds: Callable[[str], bool], *, dry_run: bool) -> Move:
    """What follows at this place; `holds` says whether a guard does, or raises ExpressionError."""
    if place.going_back:
        if not place.undo:
            return Finish(RunStatus.ROLLED_BACK)
        return Execute(place.undo[-1], runbook.steps[place.undo[-1]].rollback, is_undoing=True)
    if place.step >= len(runbook.steps):
        return Finish(RunStatus.SUCCEEDED)
    step = runbook.steps[place.step]
    try:
        is_met = holds(step.guard)
    except ExpressionError as error:
        return Pause(f"the guard of {step.name} cannot be answered ({error.what}): {step.guard}")
    if not is_met:
        if step.otherwise is Otherwise.SKIP:
            return Skip(place.step, f"its guard does not hold: {step.guard}")
        return Finish(RunStatus.FAILED, f"the guard of {step.name} does not hold: {step.guard}")
    if dry_run:
        return Execute(place.step, step.dry_run) if step.dry_run else Skip(place.step, "it cannot be tried")
    gate = runbook.gate_of(step)
    if gate is not None and place.agreed != place.step:
        return Ask(place.step, gate)
    return Execute(place.step, step.run)


def passed(place: Place, step: int) -> Place:
    """The place behind a step that was passed over."""
    return replace(place, step=step + 1, agreed=None)


def ended(runbook: Runbook, place: Place, outcome: Outcome, *, dry_run: bool) -> Place | Finish:
    """The place once the step at work has ended, or how the run ends with it."""
    if place.going_back:
        if outcome is not Outcome.SUCCEEDED:
            name = runbook.steps[place.undo[-1]].name
            return Finish(RunStatus.FAILED, f"{name} could not be undone; what it did stands")
        return replace(place, undo=place.undo[:-1])
    step = runbook.steps[place.step]
    if outcome is Outcome.SUCCEEDED:
        undo = (*place.undo, place.step) if step.rollback and not dry_run else place.undo
        return replace(passed(place, place.step), undo=undo)
    if runbook.on_failure is OnFailure.ROLLBACK and place.undo:
        return replace(place, going_back=True, agreed=None)
    return Finish(
        RunStatus.FAILED, f"{step.name} has {outcome}" if outcome is Outcome.FAILED else f"{step.name} was called back"
    )
