"""`tieline people`, `restrict` and `unrestrict`: who has to do with an incident, and who may know of it."""

from __future__ import annotations

import click

from tieline.cli import views
from tieline.cli.acts import command
from tieline.cli.decide import do_without_tools
from tieline.sync.office.own import OWN
from tieline.sync.office.own_views import OWN_VIEWS

restrict = command(OWN["restrict"], do_without_tools)
unrestrict = command(OWN["unrestrict"], do_without_tools)


@click.group()
def people() -> None:
    """Who commands an incident, who works on it, and who is told of it."""


people.add_command(views.command(OWN_VIEWS["people show"]))
for _name in ("people add", "people remove"):
    people.add_command(command(OWN[_name], do_without_tools))
