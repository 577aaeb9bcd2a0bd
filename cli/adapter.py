"""`tieline adapter`: the files of an adapter, to write one's own from, and a proof of one against a real tool."""

from __future__ import annotations

import json
import secrets
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tieline.cli.output import emit, harmless, json_option, note, say, table
from tieline.core.errors import ConfigError, TielineError
from tieline.core.model import ConnectionName

if TYPE_CHECKING:
    from tieline.cli.proving.report import Proof


@click.group()
def adapter() -> None:
    """Teach Tieline a tool, and prove what it was taught."""


@adapter.command()
@click.argument("name")
@click.option("--folder", type=click.Path(file_okay=False), help="Where to; tieline-NAME without this.")
@json_option
def new(name: str, folder: str | None, as_json: bool) -> None:
    """Write an adapter that works, to be changed into that of the tool NAME.

    It is a distribution of its own: settings, the five verbs and what it can do beside them, a mapping, a simulator of
    the tool, and the contract that it keeps. A folder that is there already is refused.
    """
    from tieline.cli.scaffold import ADAPTER, write

    write(ADAPTER, "adapter", name, folder, as_json=as_json)


@adapter.command()
@click.argument("connection")
@click.option("--colleague", help="A connection to the same sandbox by another account: who edits at the same time.")
@click.option("--address", help="The sandbox's place, as HOST/PROJECT: given here, it is not asked for.")
@click.option(
    "--patience",
    type=click.FloatRange(0, 3600),
    default=61.0,
    show_default=True,
    help="Seconds that one test waits at once; what takes longer is not asked.",
)
@click.option("--report", type=click.Path(dir_okay=False), help="Write what was found there, without naming anybody.")
@json_option
@click.pass_obj
def prove(
    workspace: str,
    connection: str,
    colleague: str | None,
    address: str | None,
    patience: float,
    report: str | None,
    as_json: bool,
) -> None:
    """Prove CONNECTION against your own sandbox: what an adapter owes, asked of the real tool.

    It makes some hundred records there whose titles begin with a mark, where the connection makes its records, edits
    them, and closes them in the end. The connection says `environment: sandbox`; nothing else of the workspace may use
    that place. Nothing is done that could lock an account. The report holds sentences of the contract, without values
    and without the tool's own words: it names nobody, as far as that can be told. Read it, and send it to us.
    """
    if find_spec("pytest") is None:
        raise TielineError("the contract is written with pytest, which is not installed: pip install pytest")
    from tieline.cli.open import clock, configuration_to_act, engine_on, moment, store_to_check
    from tieline.cli.proving import proof as proving
    from tieline.cli.proving import report as reports
    from tieline.cli.proving.sandbox import Sandbox
    from tieline.core.settings import no_such
    from tieline.sync.daemon.heartbeat import life
    from tieline.sync.fit.preflight import preflight

    config, registry = configuration_to_act(workspace)
    for name in filter(None, (connection, colleague)):
        if name not in config.connections:
            raise no_such("connection", name, config.connections)
    named = config.connections[ConnectionName(connection)]
    other = None if colleague is None else config.connections[ConnectionName(colleague)]
    with store_to_check(config) as (store, _absent):
        broken: dict[ConnectionName, ConfigError] = {}
        engine = engine_on(config, store, registry, broken)
        for one in filter(None, (named, other)):
            if one.name in broken:
                raise broken[one.name]
        with store.read() as looking:
            served = life(looking, moment(config, store)).running
            proving.check_is_sandbox(config, named, looking, served=served)
        here = engine.connections[named.name]
        health = here.source.check()
        accounts = [health.account]
        if other is not None:
            accounts.append(engine.connections[other.name].source.check().account)
            proving.check_is_colleague(named, other, (accounts[0], accounts[1]))
        preflight(here, engine.clock.monotonic())
        proving.check_can_be_fenced(named.name, here.mapping)
        registry.close()
    place = proving.place_of(named)
    _ask(named.name, named.tool, place, health.account, address)
    sandbox = Sandbox(named, here.mapping, clock(), here.budget.spend, secrets.token_hex(3), patience)
    click.echo(f"titles begin with {sandbox.fence.strip()}, should this be cut off", err=True)
    if report is not None:
        Path(report).write_text("", encoding="utf-8")  # before anything is made: it may be a place nobody can write to
    found = proving.prove(sandbox, health, other, tieline=version("tieline"), begins=_tell)
    both = [named, *([other] if other is not None else [])]
    others = {place: "<place>", place.partition("/")[0]: "<host>", sandbox.mark: "<mark>"}
    others |= dict.fromkeys([one.name for one in both], "<connection>") | dict.fromkeys(accounts, "<account>")
    document = reports.for_strangers(found, reports.telling([one.settings for one in both], others))
    if report is not None:
        Path(report).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if as_json:
        emit(document)
    else:
        _show(found, report)
    sys.exit(0 if found.holds and not found.left else 1)


def _ask(connection: str, tool: str, place: str, account: str, given: str | None) -> None:
    """Raises TielineError where it is not confirmed which instance this is."""
    if given is None:
        say(f"{connection} is {tool} at {place}, as {account}.")
        say("Some hundred records are made there, edited, and closed in the end.")
        given = click.prompt("To go on, type that place", default="", show_default=False)
    if given.strip().lower() != place:
        raise TielineError(f"{connection} is at {place}, and not at {given!r}: nothing was made")


def _tell(test: str) -> None:
    from tieline.cli.proving.report import in_words

    if sys.stderr.isatty():
        click.echo(f"  {in_words(test)}", err=True)


def _show(found: Proof, report: str | None) -> None:
    from tieline.cli.proving.report import in_words, milliseconds, reasons

    verdict = found.verdict
    otherwise = {**verdict.broken, **verdict.crashed}
    table(
        "What it does otherwise",
        ["what", "how"],
        [(in_words(name), harmless(words)) for name, words in sorted(otherwise.items())],
        empty=f"all {len(verdict.kept)} that it was asked hold",
    )
    table(
        "Not asked",
        ["why", "how many"],
        [(harmless(words), str(count)) for words, count in reasons(verdict.skipped)],
        empty="everything was asked",
    )
    for name, writes in (("reads", False), ("writes", True)):
        took = milliseconds(found.took, writes=writes)
        if took is not None:
            say(f"{name}: {took[0]} ms in the median, {took[1]} ms at most")
    say(f"{len(verdict.kept)} hold, {len(otherwise)} otherwise, {len(verdict.skipped)} not asked")
    say(f"{found.closed} records were closed again")
    for record, why in found.left.items():
        note(record, f"is still open: {why}")
    if report is not None:
        say(f"{report} names nobody, as far as that can be told: read it before you send it")
