"""`tieline run`: the daemon in the foreground, with structured logs; systemd or a container keeps it alive."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import click

from tieline.cli.logs import set_up_logs
from tieline.cli.open import configuration_to_act

if TYPE_CHECKING:
    from tieline.sync.daemon.daemon import Daemon

C = TypeVar("C", bound=Callable[..., object])


def log_options(command: C) -> C:
    """The options of a command that runs on and logs."""
    formats, levels = click.Choice(["auto", "json", "text"]), click.Choice(["debug", "info", "warning", "error"])
    command = click.option("--level", type=levels, default="info", show_default=True)(command)
    return click.option("--log", "log_format", type=formats, default="auto", show_default=True)(command)


@click.command()
@log_options
@click.option(
    "--alone", is_flag=True, help="Start no process beside it: `tieline work` and `tieline web` run by themselves."
)
@click.pass_obj
def run(workspace: str, log_format: str, level: str, alone: bool) -> None:
    """Keep the incidents in step, until SIGTERM. SIGHUP reads the configuration again.

    What plugins do by themselves goes on in a process beside it, which is started, watched and ended with it; and so
    does the API, where `web.beside_run` says so.
    """
    set_up_logs(log_format, level)
    from tieline.sync.daemon.beside import Beside
    from tieline.sync.daemon.daemon import Daemon

    daemon = Daemon(lambda: configuration_to_act(workspace))
    if not alone:
        words = [sys.executable, "-m", "tieline.cli.main", "--workspace", workspace]
        logs = ["--log", log_format, "--level", level]
        daemon.beside += [
            Beside("work", [*words, "work", *logs], lambda: daemon.engine.registry.offers.work),
            Beside(
                "web", [*words, "web", *logs], lambda: daemon.engine.config.web.beside_run, given=partial(_door, daemon)
            ),
        ]
    _look_for_cycles_less_often()
    sys.exit(daemon.run())


def _door(daemon: Daemon) -> object:
    """Where `tieline web` stands, which no reload changes."""
    web = daemon.engine.config.web
    return web.listen, bool(web.certificate)


def _look_for_cycles_less_often() -> None:
    """What was imported and built lives as long as the process does, and an alert is many objects that form no cycles.
    To look for cycles among them after every 700 new ones took a seventh of a storm's CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
