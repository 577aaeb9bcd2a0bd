"""`tieline work`: what plugins do by themselves, in a process beside the daemon."""

from __future__ import annotations

import sys

import click

from tieline.cli.daemon import log_options
from tieline.cli.logs import set_up_logs
from tieline.cli.open import configuration_to_act


@click.command()
@log_options
@click.pass_obj
def work(workspace: str, log_format: str, level: str) -> None:
    """Do what plugins do by themselves, until SIGTERM. SIGHUP reads the configuration again.

    `tieline run` starts it by itself where a plugin has something to do; run it by hand beside `tieline run --alone`.
    """
    set_up_logs(log_format, level)
    from tieline.sync.daemon.beside import end_with_parent
    from tieline.sync.work.worker import Worker

    end_with_parent()
    sys.exit(Worker(lambda: configuration_to_act(workspace)).run())
