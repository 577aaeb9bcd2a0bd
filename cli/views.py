"""A command for each view: its arguments, its help, its tables and its JSON follow from the view's declaration."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import click

from tieline.cli.accounts import owner_of
from tieline.cli.declared import help_of, parameters, told, wrong_usage
from tieline.cli.open import configuration, store_of
from tieline.cli.output import brief, emit, json_option, note, say, table
from tieline.cli.rights import asker
from tieline.core.arguments import Answer, Ask
from tieline.core.declared import WrongWords
from tieline.core.shown import Fact, Note, Part, Table
from tieline.core.views import View
from tieline.sync.office import projecting
from tieline.sync.office.enquiries import Enquiries, Seen
from tieline.sync.office.look import Outside
from tieline.sync.office.own_views import OWN_VIEWS

See = Callable[[str, View, Ask], Seen]
"""Looks at something in a workspace, in the name of whoever runs the command."""


class End(Protocol):
    """What is done last, after what was seen is printed: it answers the exit code."""

    def __call__(self, answer: Any, /, *, as_json: bool) -> int: ...


def see(workspace: str, view: View, ask: Ask) -> Seen:
    """What the view shows of the workspace's store to whoever runs the command."""
    config, registry = configuration(workspace)
    offers = registry.offers
    registry.close()
    with store_of(config) as store:
        offer = offers.of_view(view.name)
        if offer is not None:
            projecting.make_all(store, offer, secrets.token_hex(8))
        enquiries = Enquiries(store, config, OWN_VIEWS, Outside(owner=owner_of(config)), offers)
        return enquiries.look(view, ask, asker(config, store, offers.rules))


def _well(_answer: Answer, *, as_json: bool) -> int:  # noqa: ARG001 - as `End` is called
    return 0


def command(view: View, look: See = see, end: End = _well) -> click.Command:
    """The command of a view. What was not said is left to the view."""
    made = click.command(view.name.rpartition(" ")[2], help=help_of(view))(_run(view, look, end))
    made.params = parameters(view)
    return json_option(made)


def group(view: View, look: See = see) -> click.Group:
    """The same where acts have their commands below it: by itself, it shows."""
    run = _run(view, look, _well)

    @click.pass_context
    def unless_below(ctx: click.Context, /, **given: Any) -> None:
        if ctx.invoked_subcommand is None:
            ctx.invoke(run, **given)

    made = click.group(view.name.rpartition(" ")[2], help=help_of(view), invoke_without_command=True)(unless_below)
    made.params = parameters(view)
    return json_option(made)


def _run(view: View, look: See, end: End) -> Callable[..., None]:
    @click.pass_obj
    def run(workspace: str, /, as_json: bool, **given: Any) -> None:
        try:
            seen = look(workspace, view, told(view, given))
        except WrongWords as wrong:
            raise wrong_usage(wrong) from None
        if as_json:
            emit(seen.facts)
        else:
            show(seen.answer.shown())
        if code := end(seen.answer, as_json=as_json):
            sys.exit(code)

    return run


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
