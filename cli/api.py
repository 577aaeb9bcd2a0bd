"""`tieline api`: what the API says of itself."""

from __future__ import annotations

from pathlib import Path

import click

from tieline.cli.open import FILE, configuration
from tieline.cli.output import emit


@click.group()
def api() -> None:
    """The API that `tieline web` serves."""


@api.command("openapi")
@click.pass_obj
def openapi(workspace: str) -> None:
    """The API described as OpenAPI 3.1, in JSON; with what the workspace's plugins offer, where there is one."""
    from tieline.core.offer import Offers
    from tieline.sync.api import calls, openapi

    offers = Offers()
    if (Path(workspace) / FILE).exists():
        _config, registry = configuration(workspace)
        offers = registry.offers
        registry.close()
    every = calls.offered(offers)
    emit(openapi.description(calls.calls(every), offers, calls.beyond_tokens(every)))
