"""`tieline run`: the daemon in the foreground, with structured logs; systemd or a container keeps it alive."""

from __future__ import annotations

import gc
import sys

import click

from tieline.cli.logs import set_up_logs
from tieline.cli.open import configuration_to_act


@click.command()
@click.option("--log", "log_format", type=click.Choice(["auto", "json", "text"]), default="auto", show_default=True)
@click.option("--level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True)
@click.pass_obj
def run(workspace: str, log_format: str, level: str) -> None:
    """Keep the incidents in step, until SIGTERM. SIGHUP reads the configuration again."""
    set_up_logs(log_format, level)
    from tieline.sync.daemon.daemon import Daemon

    daemon = Daemon(lambda: configuration_to_act(workspace))
    _look_for_cycles_less_often()
    sys.exit(daemon.run())


def _look_for_cycles_less_often() -> None:
    """What was imported and built lives as long as the process does, and an alert is many objects that form no cycles.
    To look for cycles among them after every 700 new ones took a seventh of a storm's CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
