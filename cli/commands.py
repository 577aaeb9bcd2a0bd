"""A command of its description: what it prints is the same whoever does it, this process or a server."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Protocol

import click

from tieline.cli.declared import help_of, parameters, said
from tieline.cli.output import brief, emit, json_option, note, say, table
from tieline.core.commands import Command
from tieline.core.errors import Problem
from tieline.core.shown import Fact, Note, Part, Table


@dataclass(frozen=True, slots=True)
class Told:
    """What came of it: facts for programs, what is shown to people, and `notes` for whoever stands at the terminal."""

    facts: Any
    shown: Sequence[Part]
    notes: Sequence[str] = ()


class Do(Protocol):
    """Does an act, or looks at something, in a workspace, in the name of whoever runs the command: with what stands on
    the command line, and for acts under a key, "" for none; with a reason where others who are to be asked first are
    not."""

    def __call__(
        self, workspace: str, given: Mapping[str, Any], key: str, break_glass: str | None = None, /
    ) -> Told: ...


class End(Protocol):
    """What is done last, after what was seen is printed: it answers the exit code."""

    def __call__(self, facts: Any, /, *, as_json: bool) -> int: ...


class Doing(click.Command):
    """A command, and who does it."""

    do: Do


class DoingGroup(click.Group):
    """The same where others stand below it."""

    do: Do


SHOWS_JOB: Final = "jobs show"
"""The view by which a job is waited for."""


def act(described: Command, do: Do, look: Do | None = None) -> click.Command:
    """The command of an act. What was not said is left to the act. With a `look` at jobs somebody may wait for the end
    of one that it starts."""

    @click.pass_obj
    def run(
        workspace: str,
        /,
        as_json: bool,
        key: str | None,
        break_glass: str | None = None,
        wait_for_end: bool = False,
        **given: Any,
    ) -> None:
        if key is not None and not key.strip():
            raise click.UsageError("--key is empty: name one, or leave it out to have it done each time")
        told = do(workspace, said(described, given), key or "", break_glass)
        if wait_for_end and look is not None and "job" in told.facts:
            if not as_json:
                _print(told, as_json=False)
            _wait(workspace, told.facts["job"], look, as_json=as_json)
        _print(told, as_json=as_json)

    made = click.command(_own_name(described), cls=Doing, help=help_of(described))(run)
    made.do = do
    key = click.Option(["--key"], default=None, help="Do it once, however often it is asked for under this key.")
    made.params = [*parameters(described), key, *([_broken_glass()] if described.asks_first else [])]
    if described.starts_job and look is not None:
        made.params.append(_waiting())
    return json_option(made)


def _broken_glass() -> click.Option:
    words = "Do at once what somebody else is to approve first, and say why. It is reviewed by somebody else."
    return click.Option(["--break-glass"], metavar="REASON", default=None, help=words)


def _waiting() -> click.Option:
    words = "Wait until it has ended, and show how far it has come. Exit code 1 where it is not done."
    return click.Option(["--wait", "wait_for_end"], is_flag=True, help=words)


def _wait(workspace: str, job: str, look: Do, *, as_json: bool) -> NoReturn:
    """Wait until a job has ended, show how it did, and exit with what that comes to."""
    from tieline.cli.waiting import wait_for  # draws, and is loaded only where that is asked for

    last: list[Told] = []

    def seen() -> Any:
        last[:] = [look(workspace, {"job": job}, "")]
        return last[0].facts

    code, [told] = wait_for(job, seen), last
    if as_json:
        emit(told.facts)
    elif notes := [part for part in told.shown if isinstance(part, Note)]:
        show(notes)
    else:
        say(f"{job} is {told.facts['job']['status']}, after {told.facts['job']['seconds']} s")
    sys.exit(code)


def view(described: Command, do: Do, end: End | None = None) -> click.Command:
    """The command of a view. What was not said is left to the view."""
    made = click.command(_own_name(described), cls=Doing, help=help_of(described))(_looking(described, do, end))
    made.do = do
    made.params = [*parameters(described), *([_waiting()] if described.name == SHOWS_JOB else [])]
    return json_option(made)


def group(described: Command, do: Do) -> click.Group:
    """The same where acts have their commands below it: by itself, it shows."""
    run = _looking(described, do, None)

    @click.pass_context
    def unless_below(ctx: click.Context, /, **given: Any) -> None:
        if ctx.invoked_subcommand is None:
            ctx.invoke(run, **given)

    words = help_of(described)
    made = click.group(_own_name(described), cls=DoingGroup, help=words, invoke_without_command=True)(unless_below)
    made.do = do
    made.params = parameters(described)
    return json_option(made)


def _own_name(described: Command) -> str:
    return described.name.rpartition(" ")[2]


def _looking(described: Command, do: Do, end: End | None) -> Callable[..., None]:
    @click.pass_obj
    def run(workspace: str, /, as_json: bool, wait_for_end: bool = False, **given: Any) -> None:
        if wait_for_end:
            _wait(workspace, given["job"], do, as_json=as_json)
        told = do(workspace, said(described, given), "")
        _print(told, as_json=as_json)
        if code := end(told.facts, as_json=as_json) if end is not None else 0:
            sys.exit(code)

    return run


def _print(told: Told, *, as_json: bool) -> None:
    for sentence in told.notes:
        say(sentence, err=True)
    if as_json:
        emit(told.facts)
    else:
        show(told.shown)


def show(parts: Iterable[Part]) -> None:
    """Print what is shown to people."""
    for part in parts:
        match part:
            case Table():
                table(part.title, part.columns, part.rows, empty=part.empty, whole=part.whole)
            case Note():
                note(part.about, part.sentence)
            case Fact():
                say(f"{part.name} = {brief(part.value, whole=True)}")
            case str():
                say(part)


def end_of_status(facts: Any, /, *, as_json: bool) -> int:
    """The exit code; and the file's problems below everything, where nobody reads them as JSON."""
    problems = [Problem(**one) for one in facts["file_problems"]]
    for problem in () if as_json else problems:
        say(problem, err=True)
    daemon, missing = facts["daemon"], any(one["missing"] for one in facts["roles"])
    return 3 if problems else 0 if daemon["running"] and not daemon["refused"] and not missing else 1


def end_of_why(facts: Any, /, *, as_json: bool) -> int:  # noqa: ARG001 - as others are called
    """The exit code: 0 where they may."""
    return 0 if facts["allowed"] else 1


ENDS: Final[Mapping[str, End]] = {"status": end_of_status, "access why": end_of_why}
"""What comes last, of the views of which something does."""
