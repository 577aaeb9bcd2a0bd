"""What there is to see of runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from pydantic import Field
from sqlalchemy import select

from tieline.core.arguments import Answer, Ask, ItemName, Line
from tieline.core.desk import Look
from tieline.core.errors import NotThere
from tieline.core.model import ExecutionStatus
from tieline.core.policy import Policy
from tieline.core.settings import no_such
from tieline.core.shown import Part, Table
from tieline.core.views import Listing, Moment, Row
from tieline.plugins.runbook import cacao, policy
from tieline.plugins.runbook.policy import Impact, Mode, Runbook
from tieline.plugins.runbook.tables import RUN, STEP


class Show(Ask):
    """Which run is meant."""

    run: ItemName = Field(description="A run, by its number.")


class StepShown(Row):
    """A step that began. `execution` is its item, whose output it has; `outcome` is "" while it is at work."""

    step: str
    is_undoing: bool
    execution: str
    status: str
    outcome: str


class RunShown(Answer):
    """A run, its plan and what was done of it. `incident` is None for one that is not there for whoever asks."""

    run: str
    runbook: str
    status: str
    reason: str
    incident: str | None
    dry_run: bool
    until: Moment | None
    plan: tuple[str, ...]
    steps: tuple[StepShown, ...]

    def shown(self) -> Sequence[Part]:
        rows = [
            (f"undo {one.step}" if one.is_undoing else one.step, one.execution, one.status, _outcome(one))
            for one in self.steps
        ]
        tried = " (only tried)" if self.dry_run else ""
        head = f"{self.run}  {self.runbook}{tried} for {self.incident or 'what you do not see'}: {self.status}"
        said = (self.reason,) if self.reason else ()
        return (*said, Table(head, ["step", "execution", "status", "outcome"], rows, "no step began"))


def _outcome(one: StepShown) -> str:
    if one.outcome:
        return one.outcome
    return "nobody knows" if one.status == ExecutionStatus.LOST else "at work"


def show(look: Look, ask: Show) -> RunShown:
    """A run: where it stands, and what became of each step."""
    item = look.item(ask.run)
    row = look.rows.first(select(RUN).where(RUN.c.subject == item.uid))
    if row is None:
        raise NotThere(f"{look.called(item)} was not started as a runbook")
    found = look.rows.all(select(STEP).where(STEP.c.run == item.uid).order_by(STEP.c.seq))
    called = look.called_by_id([row.incident, *(one.subject for one in found)])
    steps = [(one, look.item(called[one.subject])) for one in found if one.subject in called]
    return RunShown(
        run=look.called(item),
        runbook=row.runbook,
        status=str(item.fields["status"]),
        reason=str(item.fields.get("reason") or ""),
        incident=called.get(row.incident),
        dry_run=row.dry_run,
        until=row.until,
        plan=tuple(step.name for step in Runbook.model_validate_json(row.plan).steps),
        steps=tuple(
            StepShown(
                step=one.name,
                is_undoing=one.is_undoing,
                execution=called[one.subject],
                status=str(execution.fields["status"]),
                outcome=one.outcome,
            )
            for one, execution in steps
        ),
    )


class Export(Ask):
    """Which runbook is meant."""

    runbook: Line = Field(description="Its name.")


class Exported(Answer):
    """A runbook as a CACAO playbook."""

    playbook: Mapping[str, Any]

    def shown(self) -> Sequence[Part]:
        return (orjson.dumps(self.playbook, option=orjson.OPT_INDENT_2).decode(),)


def exported(books: Policy[policy.Books]) -> Callable[[Look, Export], Exported]:
    """The view of one of those that hold now."""

    def exported(look: Look, ask: Export) -> Exported:
        """A runbook as a CACAO 2.0 playbook, for other tools."""
        found = look.policy(books).runbooks
        if ask.runbook not in found:
            raise no_such("runbook", ask.runbook, found)
        return Exported(playbook=cacao.exported(ask.runbook, found[ask.runbook], look.now))

    return exported


class Books(Ask):
    """Which runbooks there are."""


class BookShown(Row):
    """A runbook."""

    runbook: str
    title: str
    mode: Mode
    impact: Impact
    steps: tuple[str, ...]


class BooksShown(Listing[BookShown]):
    """Runbooks, by name."""

    def shown(self) -> Sequence[Part]:
        rows = [(one.runbook, one.mode, one.impact, one.title, ", ".join(one.steps)) for one in self.items]
        head = ["runbook", "mode", "impact", "what it does", "steps"]
        return (Table("Runbooks", head, rows, "there is none; propose some as the policy runbook.books"),)


def listed(books: Policy[policy.Books]) -> Callable[[Look, Books], BooksShown]:
    """The view of those that hold now."""

    def listed(look: Look, _ask: Books) -> BooksShown:
        """The runbooks that there are."""
        return BooksShown(
            items=tuple(
                BookShown(
                    runbook=name,
                    title=one.title,
                    mode=one.mode,
                    impact=one.worst,
                    steps=tuple(step.name for step in one.steps),
                )
                for name, one in sorted(look.policy(books).runbooks.items())
            )
        )

    return listed
