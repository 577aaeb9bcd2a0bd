"""A command for each view: its arguments, its help, its tables and its JSON follow from the view's declaration."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import click

from tieline.cli import commands
from tieline.cli.accounts import owner_of
from tieline.cli.commands import Do, End, Told
from tieline.cli.declared import wrong_usage
from tieline.cli.open import configuration, store_of
from tieline.cli.people import as_meant
from tieline.cli.rights import asker
from tieline.core.arguments import Ask
from tieline.core.declared import WrongWords
from tieline.core.described import described
from tieline.core.views import View
from tieline.sync.office import projecting
from tieline.sync.office.enquiries import Enquiries, Seen
from tieline.sync.office.look import Outside
from tieline.sync.office.own_views import OWN_VIEWS

See = Callable[[str, View, Ask], Seen]
"""Looks at something in a workspace, in the name of whoever runs the command."""


def see(workspace: str, view: View, ask: Ask) -> Seen:
    """What the view shows of the workspace's store to whoever runs the command."""
    config, registry = configuration(workspace)
    offers = registry.offers
    registry.close()
    with store_of(config) as store:
        offer = offers.of_view(view.name)
        if offer is not None:
            projecting.make_all(store, offer, secrets.token_hex(8))
        outside = Outside(owner=owner_of(config), plugins=registry.states)
        enquiries = Enquiries(store, config, OWN_VIEWS, outside, offers)
        return enquiries.look(view, ask, asker(config, store, offers.rules))


def command(view: View, look: See = see, end: End | None = None) -> click.Command:
    """The command of a view that this process looks at."""
    return commands.view(described(view), looking(view, look), end)


def group(view: View, look: See = see) -> click.Group:
    """The same where acts have their commands below it: by itself, it shows."""
    return commands.group(described(view), looking(view, look))


def looking(view: View, look: See = see) -> Do:
    """What looks at a view here, for whoever asks on a command line."""
    made = described(view)

    def do(workspace: str, given: Mapping[str, Any], _key: str, _why: str | None = None, /) -> Told:
        try:
            seen = look(workspace, view, view.told(as_meant(made, given)))
        except WrongWords as wrong:
            raise wrong_usage(wrong.problems) from None
        return Told(seen.facts, seen.answer.shown())

    return do
