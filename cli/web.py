"""`tieline web`: the console and the API in the foreground, in a process of its own beside the daemon."""

from __future__ import annotations

import sys

import click

from tieline.cli.accounts import of_peer, owner_of, owns_store
from tieline.cli.daemon import log_options
from tieline.cli.logs import set_up_logs
from tieline.cli.open import configuration_to_act


@click.command()
@log_options
@click.pass_obj
def web(workspace: str, log_format: str, level: str) -> None:
    """Serve the console, and the API under /api/v1, until SIGTERM. SIGHUP reads the configuration again.

    The daemon runs beside it: `tieline run` starts it by itself where `web.beside_run` says so; run it by hand, or as a
    unit of its own, where it does not.
    """
    set_up_logs(log_format, level)
    from tieline.sync.api.serving import Web
    from tieline.sync.daemon.beside import end_with_parent

    end_with_parent()
    sys.exit(Web(lambda: configuration_to_act(workspace), owns_store, owner_of, account=of_peer).run())
