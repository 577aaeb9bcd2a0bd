"""A command for each act: its arguments, its help, its words and its JSON follow from the act's declaration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from tieline.cli.declared import help_of, parameters, told, wrong_usage
from tieline.cli.output import emit, json_option, say
from tieline.core.acts import Act
from tieline.core.arguments import Ask
from tieline.core.declared import WrongWords
from tieline.sync.office.office import Performed

Perform = Callable[[str, Act, Ask, str], Performed]
"""Does an act in a workspace, in the name of whoever runs the command, once for a key."""


def command(act: Act, perform: Perform) -> click.Command:
    """The command of an act. What was not said is left to the act."""

    @click.pass_obj
    def run(workspace: str, /, as_json: bool, key: str | None, **given: Any) -> None:
        if key is not None and not key.strip():
            raise click.UsageError("--key is empty: name one, or leave it out to have it done each time")
        try:
            done = perform(workspace, act, told(act, given), key or "")
        except WrongWords as wrong:
            raise wrong_usage(wrong) from None
        if as_json:
            emit(done.facts)
        else:
            say(done.sentence)

    made = click.command(act.name.rpartition(" ")[2], help=help_of(act))(run)
    made.params = [
        *parameters(act),
        click.Option(["--key"], default=None, help="Do it once, however often it is asked for under this key."),
    ]
    return json_option(made)
