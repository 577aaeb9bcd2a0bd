"""`tieline api`: what the API says of itself."""

from __future__ import annotations

import click

from tieline.cli.output import emit


@click.group()
def api() -> None:
    """The API that `tieline web` serves."""


@api.command("openapi")
def openapi() -> None:
    """The API described as OpenAPI 3.1, in JSON."""
    from tieline.sync.api import calls, openapi
    from tieline.sync.office.own import OWN
    from tieline.sync.office.own_views import OWN_VIEWS

    emit(openapi.description(calls.calls([*OWN.by_name.values(), *OWN_VIEWS.by_name.values()])))
