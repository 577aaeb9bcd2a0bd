"""A command for each act: its arguments, its help, its words and its JSON follow from the act's declaration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from tieline.cli import commands
from tieline.cli.commands import Told
from tieline.cli.declared import wrong_usage
from tieline.cli.people import as_meant
from tieline.core.acts import Act
from tieline.core.arguments import Ask
from tieline.core.declared import WrongWords
from tieline.core.described import described
from tieline.sync.office.office import Performed

Perform = Callable[[str, Act, Ask, str], Performed]
"""Does an act in a workspace, in the name of whoever runs the command, once for a key."""


def command(act: Act, perform: Perform) -> click.Command:
    """The command of an act that this process does."""
    made = described(act)

    def do(workspace: str, given: Mapping[str, Any], key: str) -> Told:
        try:
            done = perform(workspace, act, act.told(as_meant(made, given)), key)
        except WrongWords as wrong:
            raise wrong_usage(wrong.problems) from None
        return Told(done.facts, (done.sentence,))

    return commands.act(made, do)
