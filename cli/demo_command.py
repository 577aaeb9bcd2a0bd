"""`tieline demo`: set the stage, play the story, judge it. Exit code 1 when any check fails."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tieline.cli.output import emit, json_option

if TYPE_CHECKING:
    from tieline.cli.demo.stage import Stage
    from tieline.cli.demo.verdict import Check

ACCOUNTS = {
    "servicenow": "the password of the simulated integration",
    "jira": "simulated-api-token",
    "pagerduty": "simulated-pagerduty-key",
    "pager_from": "tieline@example.org",
    "pager_service": "PIJ90N7",
}
"""What the simulated tools ask for; none of it opens anything else."""


@click.command()
@click.option("--folder", default=".demo", show_default=True, type=click.Path(file_okay=False), help="Where it lives.")
@click.option("--keep", is_flag=True, help="Leave everything running until Ctrl-C, to look around.")
@json_option
def demo(folder: str, keep: bool, as_json: bool) -> None:
    """Watch real alerts live through three simulated tools.

    The daemon and the adapters are the real ones, and so are the SDKs behind them. The tools are simulated, on this
    machine; nothing leaves it. A folder that no demo made is refused.
    """
    from tieline.cli.demo.folder import FolderRefused, prepared

    try:
        with prepared(Path(folder).resolve()) as place:
            sys.exit(_play(place, keep, as_json))
    except FolderRefused as error:
        raise click.UsageError(str(error)) from None


def _play(place: Path, keep: bool, as_json: bool) -> int:
    """Play it in this folder. Answers the exit code."""
    from tieline.cli.demo.stage import DemoFailed, Stage
    from tieline.cli.demo.story import Story
    from tieline.cli.demo.verdict import judge

    began = time.monotonic()

    def tell(words: str, seconds: float) -> None:
        if not as_json:
            click.echo(f"  {click.style('✓', fg='green')} {words} {click.style(f'{seconds:.1f} s', dim=True)}")

    with Stage(place, ACCOUNTS) as stage:
        try:
            if not as_json:
                click.secho("Tieline: one incident in ServiceNow, Jira and PagerDuty", bold=True)
            opening = time.monotonic()
            stage.start_tools()
            stage.write_workspace()
            stage.start_daemon()
            tell(
                "ServiceNow, Jira, PagerDuty and Alertmanager are simulated; `tieline run` is real",
                time.monotonic() - opening,
            )
            Story(stage, tell).play()
            checks = judge(stage)
        except DemoFailed as error:
            if as_json:
                emit({"error": str(error), "exit_code": 1})
            click.secho(f"  ✗ {error}", fg="red", err=True)
            click.echo(f"Logs and workspace are in {place}", err=True)
            return 1
        stays = keep and all(check.holds for check in checks)
        if not stays:
            checks += _ended(stage)
        _show(checks, time.monotonic() - began, as_json)
        if stays:
            click.echo(f"Still running; try `tieline -w {place} incidents`. Ctrl-C ends it.", err=as_json)
            _until_interrupted()
            checks = _ended(stage)
            for check in checks:
                click.secho(f"{check.what}: {check.found}", fg="red", err=True)
    return 0 if all(check.holds for check in checks) else 1


def _ended(stage: Stage) -> list[Check]:
    """Stop the daemon; a check that fails where it did not end as it should."""
    from tieline.cli.demo.verdict import Check

    code = stage.stop_daemon()
    log = stage.folder / "daemon.log"
    return [Check("the daemon stops when it is told to", f"it ended with {code}; see {log}", False)] if code else []


def _show(checks: Sequence[Check], seconds: float, as_json: bool) -> None:
    from tieline.cli.output import table

    if as_json:
        whole = all(check.holds for check in checks)
        emit({"whole": whole, "checks": [{"what": c.what, "found": c.found, "holds": c.holds} for c in checks]})
        return
    click.echo()
    table(
        "What the tools show in the end",
        ["check", "found", ""],
        [(check.what, check.found, "holds" if check.holds else "FAILS") for check in checks],
        empty="",
    )
    click.echo(f"{seconds:.0f} s")


def _until_interrupted() -> None:
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        click.echo()
