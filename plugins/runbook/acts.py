"""What people do with runs, and what the plugin does about it.

A step begins in one place, `_go_on`: in the transaction in which the run is locked and found to be running, and nothing
is halted. So once an abort, a pause or a halt is carried out, no further step begins. What began is an item of its own,
an execution, whose record in the runner is made once, whatever is cut off; the runner says what came of it. Where
nobody does, the run is stuck, and the step is not repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from pydantic import Field
from sqlalchemy import func, select

from tieline.core.access import Standing
from tieline.core.acts import NotDone
from tieline.core.arguments import Answer, Ask, Document, ItemName, Line
from tieline.core.desk import Desk, Item
from tieline.core.model import Audience, ExecutionStatus, FieldSpec, FieldType, ItemKind, Order, RecordKind
from tieline.core.offer import Due
from tieline.core.policy import Policy, as_yaml
from tieline.core.projections import Happened
from tieline.core.settings import no_such
from tieline.plugins.runbook import cacao, machine, tables
from tieline.plugins.runbook.machine import Execute, Finish, Outcome, Place, RunStatus, Skip
from tieline.plugins.runbook.policy import Books, Mode, Name, Runbook, Step, holds
from tieline.plugins.runbook.rules import Action, Automation, judge
from tieline.plugins.runbook.tables import ALLOWED, HALT, RUN, STEP

KIND: Final = ItemKind(
    "run",
    "RUN",
    "A runbook that is carried out.",
    RunStatus,
    frozenset(machine.OVER),
    (
        FieldSpec("runbook", FieldType.TEXT, "which runbook it is"),
        FieldSpec("dry_run", FieldType.FLAG, "whether its steps are only tried"),
        FieldSpec("reason", FieldType.TEXT, "why it stands where it does"),
    ),
    kept=frozenset({"status", "runbook", "dry_run", "reason"}),
)

WHY: Final = 300
"""Characters of why a policy is to say something else."""

APPROVE: Final = "runbook.approve"
START: Final = "runbook.start"
POLICY: Final = "runbook.automation"
GLASS: Final = "break-glass"
"""Stands for the rule where none was asked, and somebody answers for that in a review."""
MOST: Final = 1_000
"""As many as ever agree: of runs of which nobody counted."""
GATE: Final = "gate"
TIMEOUT: Final = "timeout"
GRACE: Final = timedelta(minutes=1)
"""How much later than its runner Tieline gives a step up."""

_BEGINS_IN: Final = (RunStatus.RUNNING,)
_CAN_BE_TAKEN: Final = (RunStatus.RUNNING, RunStatus.WAITING, RunStatus.PAUSED, RunStatus.STUCK)


class Start(Ask):
    """A runbook to be carried out."""

    runbook: Line = Field(description="Its name.")
    incident: ItemName = Field(description="What it is done for, by its number or a ticket's key.")
    dry_run: bool = Field(default=False, description="Only try it: nothing has an effect.")


class OfRun(Ask):
    """A run."""

    run: ItemName = Field(description="A run, by its number.")


class OfRunWhy(OfRun):
    """A run, and why."""

    why: Line = Field(description="Why, for whoever asks later.")


class Halt(Ask):
    """That nothing is done any more."""

    why: Line = Field(description="Why, for whoever asks later.")


class Free(Ask):
    """That runs may go on again."""


class Import(Ask):
    """A playbook that is to be a runbook."""

    document: Document = Field(description="The file with the playbook, CACAO 2.0 in JSON.")
    name: Name | None = Field(default=None, description="What the runbook is to be called; as the playbook, without.")
    runner: Name | None = Field(default=None, description="The connection that does its steps; its agents, without.")


class Brought(Answer):
    """A playbook that is a runbook. `left` is what of it is not carried over."""

    runbook: str
    steps: tuple[str, ...]
    left: tuple[str, ...]

    def sentence(self) -> str:
        left = f" Not carried over: {'; '.join(self.left)}." if self.left else ""
        return f"{self.runbook} is a runbook with the steps {', '.join(self.steps)}.{left}"


class Said(StrEnum):
    """What a person says of what was done."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    AGAIN = "again"  # it is to be done again


class Settle(OfRun):
    """What came of it."""

    outcome: Said = Field(description="What came of it; again is for a step that may be done twice.")
    why: Line = Field(description="How you know, for whoever asks later.")


class Run(Answer):
    """Where a run stands."""

    run: str
    status: RunStatus
    words: str

    def sentence(self) -> str:
        return f"{self.run}: {self.words}"


class Everything(Answer):
    """Whether steps begin at all."""

    is_halted: bool

    def sentence(self) -> str:
        if self.is_halted:
            return "no step of any run begins; what is at work goes on to its end"
        return "steps may begin again; `tieline runbook resume RUN` has a run go on that was stopped by it"


class Runbooks:
    """What the plugin does, by the policy that says which runbooks there are."""

    def __init__(self, books: Policy[Books], automation: Policy[Automation]) -> None:
        self._books, self._automation = books, automation

    # -- what people do --------------------------------------------------------------------------------------------

    def start(self, desk: Desk, ask: Start) -> Callable[[], Run]:
        """Have a runbook be carried out for an incident. One that may do harm begins once somebody else approves it."""
        books = desk.policy(self._books).runbooks
        runbook = books.get(ask.runbook)
        if runbook is None:
            raise no_such("runbook", ask.runbook, books)
        incident = desk.item(ask.incident)
        if not incident.is_open:
            raise NotDone(f"{desk.called(incident)} is over; a runbook is carried out for what is open")
        _refuse_if_halted(desk)
        by_hand = runbook.mode is Mode.SUGGEST
        status = RunStatus.BY_HAND if by_hand else RunStatus.RUNNING
        made = desk.open(
            KIND.name,
            {
                "title": f"{ask.runbook}: {runbook.title}",
                "description": runbook.words,
                "status": status,
                "runbook": ask.runbook,
                "dry_run": ask.dry_run,
            },
            of=incident,
        )
        plan = runbook.model_dump_json()
        desk.record(tables.Started(incident=incident.uid, runbook=ask.runbook, plan=plan, dry_run=ask.dry_run), made)
        if not by_hand:
            self._answer(desk, incident, made, ask.runbook, runbook, dry_run=ask.dry_run)
        words = "a person does its steps, in this order" if by_hand else "it is carried out"
        return lambda: Run(run=desk.called(made), status=status, words=f"{words}: {runbook.title}")

    def approve(self, desk: Desk, ask: OfRun) -> Run:
        """Agree to the step that a run waits for. Of one that may do harm, whoever began the run does not alone."""
        item, row, runbook = self._of(desk, ask.run)
        if item.fields["status"] != RunStatus.WAITING or row.until is None:
            raise NotDone(f"{desk.called(item)} waits for nobody; it is {item.fields['status']}")
        if row.until <= desk.now:
            raise NotDone(f"{desk.called(item)} was to be agreed to until {row.until:%H:%M:%S} UTC; it is too late")
        _refuse_if_halted(desk)
        step = runbook.steps[row.step]
        desk.record(tables.Approved(step=step.name, number=row.step), item)
        desk.cancel_timer(GATE, item)
        done = self._to(desk, item, RunStatus.RUNNING, f"{step.name} begins")
        if runbook.takes_two(step) and desk.person == row.starter:
            left = row.until - desk.now
            desk.ask_first(
                APPROVE, f"whoever began {desk.called(item)} does not agree to {step.name} alone", lasts=left
            )
        return done

    def pause(self, desk: Desk, ask: OfRunWhy) -> Run:
        """Have no further step begin until somebody resumes the run."""
        item, _row, _runbook = self._of(desk, ask.run)
        _must_be(desk, item, (RunStatus.RUNNING, RunStatus.WAITING))
        desk.record(tables.Paused(why=ask.why), item)
        desk.cancel_timer(GATE, item)
        return self._to(desk, item, RunStatus.PAUSED, f"no further step begins: {ask.why}")

    def resume(self, desk: Desk, ask: OfRun) -> Run:
        """Have a run go on that was paused."""
        item, row, runbook = self._of(desk, ask.run)
        _must_be(desk, item, (RunStatus.PAUSED,))
        _refuse_if_halted(desk)
        desk.record(tables.Resumed(), item)
        self._answer_on(desk, item, row, runbook)
        return self._to(desk, item, RunStatus.RUNNING, "it goes on")

    def takeover(self, desk: Desk, ask: OfRunWhy) -> Run:
        """Do the rest of a run by hand: no further step begins, and the one that waits in its runner is called back."""
        item, row, _runbook = self._of(desk, ask.run)
        _must_be(desk, item, _CAN_BE_TAKEN)
        desk.record(tables.TakenOver(why=ask.why), item)
        self._call_back(desk, item, row)
        words = "you do the rest; say how it ended with `tieline runbook settle`"
        return self._to(desk, item, RunStatus.BY_HAND, words)

    def abort(self, desk: Desk, ask: OfRunWhy) -> Run:
        """End a run: no further step begins, and the one that waits in its runner is called back."""
        item, row, _runbook = self._of(desk, ask.run)
        _must_be(desk, item, (*_CAN_BE_TAKEN, RunStatus.BY_HAND))
        desk.record(tables.Aborted(why=ask.why), item)
        self._call_back(desk, item, row)
        at_work = " One is at work, and its runner is told to stop it." if row.execution else ""
        return self._to(desk, item, RunStatus.ABORTED, f"no further step begins.{at_work}")

    def settle(self, desk: Desk, ask: Settle) -> Run:
        """Say what came of a step of which nobody knows it, or of what was done by hand."""
        item, row, runbook = self._of(desk, ask.run)
        _must_be(desk, item, (RunStatus.STUCK, RunStatus.BY_HAND))
        if item.fields["status"] == RunStatus.BY_HAND:
            if ask.outcome is Said.AGAIN:
                raise NotDone("what was done by hand has succeeded or failed")
            status = RunStatus(ask.outcome)
            desk.record(tables.Finished(outcome=status, why=ask.why), item)
            return self._to(desk, item, status, f"it has {status}")
        place = _place(row)
        step = runbook.steps[place.undo[-1] if place.going_back else place.step]
        if ask.outcome is Said.AGAIN:
            if not step.idempotent:
                raise NotDone(f"{step.name} may not be done twice; look what came of it, and say succeeded or failed")
            desk.record(
                tables.Moved(step=place.step, undo=place.undo, going_back=place.going_back, agreed=place.agreed), item
            )
            return self._to(desk, item, RunStatus.RUNNING, f"{step.name} is done again")
        after = self._ended(desk, item, row, runbook, Outcome(ask.outcome), row.execution)
        if isinstance(after, Finish):
            return self._finish(desk, item, row, after)
        return self._to(desk, item, RunStatus.RUNNING, "it goes on")

    def bring(self, desk: Desk, ask: Import) -> Brought:
        """Propose a CACAO playbook as a runbook. What would change what is done is refused, and the rest that is not
        carried over is named."""
        found = cacao.imported(ask.document, ask.name or "", ask.runner or "")
        books = desk.policy(self._books)
        together = Books.model_validate({"runbooks": {**books.runbooks, found.name: found.runbook}})
        left = f"; not carried over: {', '.join(found.left)}" if found.left else ""
        why = f"{found.name} from a CACAO playbook{left}"
        desk.propose(self._books, as_yaml(together), why if len(why) <= WHY else f"{why[: WHY - 1]}…")
        steps = tuple(step.name for step in found.runbook.steps)
        return Brought(runbook=found.name, steps=steps, left=found.left)

    def halt(self, desk: Desk, ask: Halt) -> Everything:
        """Have no step of any run begin, until somebody frees them."""
        if _halted(desk) is not None:
            raise NotDone("nothing begins already")
        desk.record(tables.Halted(why=ask.why))
        return Everything(is_halted=True)

    def free(self, desk: Desk, _ask: Free) -> Everything:
        """Let steps begin again. Runs that were stopped meanwhile go on once somebody resumes them."""
        if _halted(desk) is None:
            raise NotDone("nothing is halted")
        desk.record(tables.Freed())
        return Everything(is_halted=False)

    def _answer(self, desk: Desk, incident: Item, run: Item, name: str, runbook: Runbook, *, dry_run: bool) -> None:
        """Have whoever asks answer for a run that begins, as far as the policy allows it; the last that is noted."""
        standing = desk.standing(incident, START)
        if dry_run:
            # What has no effect may be tried by whoever has the right to.
            desk.record(tables.Vouched(owned_store=standing.owns_store, approvals=0, is_free=False), run)
            return
        others, refused = self._takes(desk, incident, name, runbook, standing)
        if refused is not None and not desk.breaks_glass:
            desk.refuse(START, *refused)
        is_free = desk.breaks_glass and (refused is not None or others > 0)
        desk.record(tables.Vouched(owned_store=standing.owns_store, approvals=others, is_free=is_free), run)
        if others or is_free:
            each = "another person agrees" if others == 1 else f"{others} others agree"
            why = refused[1] if refused is not None else f"the impact of {name} is {runbook.worst}, and {each} first"
            desk.ask_first((APPROVE,) * max(1, others), why)

    def _answer_on(self, desk: Desk, run: Item, row: Any, runbook: Runbook) -> None:
        """Have whoever asks answer for a run from here on. Who agreed has agreed, and nobody is asked anew."""
        called = desk.called_by_id([row.incident]).get(row.incident)
        if called is None:
            return
        incident = desk.item(called)
        standing, agreed = desk.standing(incident, START), MOST if row.approvals is None else row.approvals
        if not row.dry_run and not row.is_free:
            others, refused = self._takes(desk, incident, row.runbook, runbook, standing)
            if refused is not None:
                desk.refuse(START, *refused)
            if others > agreed:
                few = f"it takes {others} others who agree by now, and {agreed} did"
                raise NotDone(f"{few}: abort {desk.called(run)} and have {row.runbook} begin anew, which asks them")
        told = tables.Vouched(owned_store=standing.owns_store, approvals=agreed, is_free=row.is_free)
        desk.record(told, run)

    def _takes(
        self, desk: Desk, incident: Item, name: str, runbook: Runbook, standing: Standing
    ) -> tuple[int, tuple[str, str] | None]:
        """How many others agree to the steps of a runbook; and the rule and the sentence where one of them is refused
        to whoever asks."""
        automation, signed_in, takes = desk.policy(self._automation), _signed_in(desk, standing), 0
        alike = {(step.impact or runbook.impact, runbook.runner_of(step)): step for step in runbook.steps}
        refused: tuple[str, str] | None = None
        for step in alike.values():
            action = _action(desk, incident, name, runbook, step, standing)
            said = judge(automation, action.model_copy(update={"signed_in": signed_in}), _begun(desk))
            takes = max(takes, said.more.get("approvals", 0))
            if not said.allowed and refused is None:
                words = f"{step.name} of {name} is not done: {said.sentence} (`tieline policy show {POLICY}`)"
                refused = said.rule, words
        return takes, refused

    def _verdict(self, desk: Desk, row: Any, runbook: Runbook, step: Step, incident: Item | None) -> str:
        """By which rule a step may begin now. Raises NotDone where it may not."""
        if row.is_free:
            return GLASS
        if incident is None:
            raise NotDone("what it is done for is there no more")
        standing = desk.standing(incident, START, row.answers, owned_store=row.owned_store)
        if not standing.may:
            raise NotDone("whoever answers for it may not have runbooks be carried out any more")
        agreed = MOST if row.approvals is None else row.approvals
        action = _action(desk, incident, row.runbook, runbook, step, standing)
        begins = action.model_copy(update={"begins": True, "approvals": agreed})
        said = judge(desk.policy(self._automation), begins, _begun(desk))
        if not said.allowed:
            raise NotDone(said.sentence)
        return said.rule

    # -- what it does by itself ------------------------------------------------------------------------------------

    def follow(self, desk: Desk, happened: Happened) -> None:
        """Go on with a run that may, or that a runner told of."""
        item = desk.item(happened.item)
        if item.kind == KIND.record:
            row = desk.rows.first(select(RUN).where(RUN.c.subject == item.uid))
            if row is not None and not row.execution:
                self._go_on(desk, item, row)
        elif item.kind == RecordKind.EXECUTION:
            self._hear(desk, item)

    def gate(self, desk: Desk, due: Due) -> None:
        """Nobody agreed in time: that is a no."""
        item, row, runbook = self._of(desk, due.item)
        if item.fields["status"] != RunStatus.WAITING or row.until is None or row.until > desk.now:
            return
        name = runbook.steps[row.step].name
        desk.record(tables.Denied(step=name), item)
        self._to(desk, item, RunStatus.DENIED, f"nobody agreed to {name} in time", row)

    def timeout(self, desk: Desk, due: Due) -> None:
        """A runner did not say in time what came of a step."""
        execution = desk.item(due.item)
        found = self._run_of(desk, execution)
        if found is None:
            return
        item, row, runbook = found
        desk.edit(execution, {"wanted": Order.CANCEL})
        self._stuck(desk, item, row, runbook, "its runner did not say in time what came of it")

    def _hear(self, desk: Desk, execution: Item) -> None:
        """A runner said something of a step."""
        found = self._run_of(desk, execution)
        if found is None or execution.is_open:
            return
        item, row, runbook = found
        match execution.fields["status"]:
            case ExecutionStatus.SUCCEEDED:
                outcome = Outcome.SUCCEEDED
            case ExecutionStatus.FAILED:
                outcome = Outcome.FAILED
            case ExecutionStatus.CANCELLED:
                outcome = Outcome.CANCELLED
            case lost:
                self._report(desk, row, execution, str(lost))
                self._stuck(desk, item, row, runbook, "its runner does not know what came of it")
                return
        desk.cancel_timer(TIMEOUT, execution)
        after = self._ended(desk, item, row, runbook, outcome, execution.uid)
        self._report(desk, row, execution, outcome)
        status = item.fields["status"]
        if not item.is_open or status == RunStatus.BY_HAND:
            return
        if isinstance(after, Finish):
            self._finish(desk, item, row, after)
        elif status == RunStatus.STUCK:
            # Now it is known, and nobody has to say it.
            self._to(desk, item, RunStatus.RUNNING, "its runner said at last what came of the step")
        elif status == RunStatus.RUNNING:
            self._begin(desk, item, row, runbook, after)

    def _go_on(self, desk: Desk, item: Item, row: Any) -> None:
        if item.fields["status"] in _BEGINS_IN:
            runbook = Runbook.model_validate_json(row.plan)
            self._begin(desk, item, row, runbook, _place(row))

    def _begin(self, desk: Desk, item: Item, row: Any, runbook: Runbook, place: Place) -> None:
        """The only way in which a step begins. The run is looked at, and so is what halts all of them."""
        why = _halted(desk)
        if why is not None:
            self._rest(desk, item, row, f"everything is halted: {why}")
            return
        called = desk.called_by_id([row.incident]).get(row.incident)
        incident = desk.item(called) if called is not None else None
        fields = incident.fields if incident is not None else {}
        while isinstance(
            move := machine.next_move(runbook, place, lambda guard: holds(guard, fields), dry_run=row.dry_run), Skip
        ):
            desk.record(tables.Skipped(step=runbook.steps[move.step].name, why=move.why), item)
            place = machine.passed(place, move.step)
            _moved(desk, item, place)
        match move:
            case Execute():
                self._execute(desk, item, row, runbook, move, incident)
            case machine.Ask():
                until = desk.now + move.gate.expires
                desk.record(tables.Asked(step=runbook.steps[move.step].name, until=until), item)
                desk.set_timer(GATE, until, item)
                words = f"{move.gate.ask} `tieline runbook approve {desk.called(item)}`, until {until:%H:%M} UTC"
                self._to(desk, item, RunStatus.WAITING, words, row)
            case machine.Pause(why):
                self._rest(
                    desk, item, row, f"{why}; mend it and `tieline runbook resume {desk.called(item)}`, or abort"
                )
            case Finish():
                self._finish(desk, item, row, move)

    def _rest(self, desk: Desk, item: Item, row: Any, why: str) -> None:
        desk.record(tables.Paused(why=why), item)
        self._to(desk, item, RunStatus.PAUSED, why, row)

    def _execute(
        self, desk: Desk, item: Item, row: Any, runbook: Runbook, move: Execute, incident: Item | None
    ) -> None:
        step = runbook.steps[move.step]
        if not row.dry_run and not move.is_undoing:
            try:
                rule = self._verdict(desk, row, runbook, step, incident)
            except NotDone as error:
                why = f"{step.name} is not done: {error}; `tieline runbook resume {desk.called(item)}` asks again"
                self._rest(desk, item, row, why)
                return
            desk.record(tables.Allowed(step=step.name, rule=rule), item)
        undoing = "undo " if move.is_undoing else ""
        made = desk.open(
            RecordKind.EXECUTION,
            {
                "title": f"{row.runbook}: {undoing}{step.name}",
                "wanted": Order.RUN,
                "runner": runbook.runner_of(step),
                "command": move.command,
                "dry_run": row.dry_run,
                "timeout": int(step.timeout.total_seconds()),
                "run": desk.called(item),
            },
            of=item,
        )
        desk.record(tables.Began(run=item.uid, step=step.name, is_undoing=move.is_undoing), made)
        desk.set_timer(TIMEOUT, desk.now + step.timeout + GRACE, made)

    def _ended(
        self, desk: Desk, item: Item, row: Any, runbook: Runbook, outcome: Outcome, execution: str
    ) -> Place | Finish:
        place = _place(row)
        step = runbook.steps[place.undo[-1] if place.going_back else place.step]
        desk.record(tables.Ended(execution=execution, step=step.name, outcome=outcome), item)
        after = machine.ended(runbook, place, outcome, dry_run=row.dry_run)
        if isinstance(after, Place):
            _moved(desk, item, after)
        return after

    def _report(self, desk: Desk, row: Any, execution: Item, outcome: str) -> None:
        """Have the incident's history tell of it, too."""
        incident = desk.called_by_id([row.incident]).get(row.incident)
        if incident is not None:
            step = desk.rows.first(select(STEP).where(STEP.c.subject == execution.uid))
            sha = str(execution.fields.get("output_sha256") or "")
            name = step.name if step is not None else "a step"
            told = tables.Reported(execution=execution.uid, step=name, outcome=outcome, output_sha256=sha)
            desk.record(told, desk.item(incident))

    def _stuck(self, desk: Desk, item: Item, row: Any, runbook: Runbook, why: str) -> None:
        if not item.is_open or item.fields["status"] in (RunStatus.STUCK, RunStatus.BY_HAND):
            return
        place = _place(row)
        step = runbook.steps[place.undo[-1] if place.going_back else place.step]
        desk.record(tables.Stuck(step=step.name, why=why), item)
        words = f"{step.name}: {why}. It is not done again; look, and say it with `tieline runbook settle`"
        self._to(desk, item, RunStatus.STUCK, words, row)

    def _finish(self, desk: Desk, item: Item, row: Any, move: Finish) -> Run:
        desk.record(tables.Finished(outcome=move.status, why=move.why), item)
        return self._to(desk, item, move.status, move.why or f"it has {move.status}", row)

    def _call_back(self, desk: Desk, item: Item, row: Any) -> None:
        desk.cancel_timer(GATE, item)
        called = desk.called_by_id([row.execution] if row.execution else [])
        for name in called.values():
            execution = desk.item(name)
            if execution.is_open:
                desk.edit(execution, {"wanted": Order.CANCEL})

    def _to(self, desk: Desk, item: Item, status: RunStatus, words: str, row: Any = None) -> Run:
        """Have a run stand there. With its row, whoever works on the incident is told."""
        desk.edit(item, {"status": status, "reason": words[:300]})
        incident = desk.called_by_id([row.incident]).get(row.incident) if row is not None else None
        if incident is not None:
            desk.comment(desk.item(incident), f"{desk.called(item)} ({row.runbook}): {words}.", Audience.STAFF)
        return Run(run=desk.called(item), status=status, words=words)

    # -- what there is ---------------------------------------------------------------------------------------------

    def _of(self, desk: Desk, name: str) -> tuple[Item, Any, Runbook]:
        item = desk.item(name)
        row = desk.rows.first(select(RUN).where(RUN.c.subject == item.uid))
        if row is None:
            raise NotDone(f"{desk.called(item)} was not started as a runbook")
        return item, row, Runbook.model_validate_json(row.plan)

    def _run_of(self, desk: Desk, execution: Item) -> tuple[Item, Any, Runbook] | None:
        """The run that an execution is a step of, while nobody has said what came of it."""
        step = desk.rows.first(select(STEP).where(STEP.c.subject == execution.uid))
        run = desk.called_by_id([step.run]).get(step.run) if step is not None and not step.outcome else None
        if run is None:
            return None
        item, row, runbook = self._of(desk, run)
        return (item, row, runbook) if row.execution == execution.uid else None


def _action(desk: Desk, incident: Item, name: str, runbook: Runbook, step: Step, standing: Standing) -> Action:
    return Action(
        runbook=name,
        impact=step.impact or runbook.impact,
        runner=runbook.runner_of(step),
        service=str(incident.fields.get("service") or ""),
        at=desk.now,
        roles=tuple(sorted(standing.roles)),
        teams=tuple(sorted(standing.teams)),
        relations=tuple(sorted(standing.relations)),
    )


def _signed_in(desk: Desk, standing: Standing) -> timedelta | None:
    """How long ago whoever asks signed in; None for a program. Of whoever asked before and is not here, it was looked
    at then."""
    if not standing.is_here:
        return timedelta(0)
    return None if standing.signed_in_at is None else desk.now - standing.signed_in_at


def _begun(desk: Desk) -> Callable[[str, datetime], int]:
    """How many steps began by a rule since some time."""

    def count(rule: str, since: datetime) -> int:
        asked = select(func.count()).select_from(ALLOWED).where(ALLOWED.c.rule == rule, ALLOWED.c.at > since)
        found = desk.rows.first(asked)
        return int(found[0]) if found is not None else 0

    return count


def _place(row: Any) -> Place:
    undo = tuple(int(number) for number in row.undo.split(",") if number)
    return Place(row.step, undo, row.going_back, row.agreed)


def _moved(desk: Desk, item: Item, place: Place) -> None:
    desk.record(tables.Moved(step=place.step, undo=place.undo, going_back=place.going_back, agreed=place.agreed), item)


def _halted(desk: Desk) -> str | None:
    row = desk.rows.first(select(HALT))
    return None if row is None else str(row.why)


def _refuse_if_halted(desk: Desk) -> None:
    why = _halted(desk)
    if why is not None:
        raise NotDone(f"no step of any run begins: {why}; `tieline runbook free` ends that")


def _must_be(desk: Desk, item: Item, statuses: tuple[RunStatus, ...]) -> None:
    if item.fields["status"] not in statuses:
        raise NotDone(f"{desk.called(item)} is {item.fields['status']}; that is for one that is {', '.join(statuses)}")
