"""A command for each act: its arguments, its help, its words and its JSON follow from the act's declaration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import click

from tieline.cli import commands
from tieline.cli.commands import Do, Told
from tieline.cli.declared import wrong_usage
from tieline.cli.people import as_meant
from tieline.core.acts import Act
from tieline.core.arguments import Ask
from tieline.core.declared import WrongWords
from tieline.core.described import described
from tieline.sync.office.office import Performed


class Perform(Protocol):
    """Does an act in a workspace, in the name of whoever runs the command, once for a key. `break_glass` is why others
    who are to be asked first are not."""

    def __call__(
        self, workspace: str, act: Act, ask: Ask, /, key: str, break_glass: str | None = None
    ) -> Performed: ...


def command(act: Act, perform: Perform, look: Do | None = None) -> click.Command:
    """The command of an act that this process does. With a `look` at jobs somebody may wait for one that it starts."""
    made = described(act)

    def do(workspace: str, given: Mapping[str, Any], key: str, break_glass: str | None = None, /) -> Told:
        try:
            done = perform(workspace, act, act.told(as_meant(made, given)), key, break_glass)
        except WrongWords as wrong:
            raise wrong_usage(wrong.problems) from None
        return Told(done.facts, (done.sentence,))

    return commands.act(made, do, look)
