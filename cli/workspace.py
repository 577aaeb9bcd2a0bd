"""Commands about the workspace: init, check, plugins."""

from __future__ import annotations

import difflib
import random
import re
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import click

from tieline.cli.open import FILE, clock, configuration, moment, store_to_check
from tieline.cli.output import emit, harmless, json_option, note, say, table
from tieline.core.config import ConnectionConfig
from tieline.core.errors import ConfigError, NeedsOperator, TielineError
from tieline.core.model import ConnectionName, RecordKind
from tieline.core.port import AdapterKind, Health
from tieline.core.redaction import redacted
from tieline.core.reference import secrets_of, unresolved_in
from tieline.core.registry import Registry
from tieline.core.secrets import Secret
from tieline.core.yaml import Node
from tieline.sync import explain
from tieline.sync.alerts import unknown
from tieline.sync.daemon.heartbeat import life
from tieline.sync.engine import Connected, Engine
from tieline.sync.explain import MOST_WORDS
from tieline.sync.fit.preflight import left_out, preflight, unseen
from tieline.sync.outcomes import Verb

SUGGESTED = ("grouping", "severity", "measurement")
"""Plugins that a new workspace allows: without them alerts are neither grouped nor judged."""

NONE: Final = "none"
REFERENCES: Final = {"env": r"[A-Za-z_][A-Za-z0-9_]*", "file": r"/.+", "keyring": r"[^/]+/.+"}
"""How a reference to a secret looks, by its kind."""


@click.command()
@click.option("--tool", "tools", multiple=True, help="A tool to connect to; may be repeated. Without it, asks.")
@json_option
@click.pass_obj
def init(workspace: str, tools: tuple[str, ...], as_json: bool) -> None:
    """Write a workspace: tieline.yaml with everything that has to be filled in, and the rest as comments."""
    from tieline.core.reference import example_config, variables_of

    file = Path(workspace) / FILE
    if file.exists():
        raise _exists(file)
    chosen = list(dict.fromkeys(tools)) or _ask(sorted(_adapters([]).adapters), aside=as_json)
    registry = _adapters(chosen)
    known = sorted(registry.adapters)
    for tool in chosen:
        if tool not in registry.adapters:
            raise click.UsageError(f"no adapter speaks to {tool!r}; there are {', '.join(known)}")
    kinds = [registry.adapters[tool] for tool in chosen]
    references = None if tools else _ask_where(kinds, aside=as_json)
    text = example_config(kinds, SUGGESTED, references)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        # "x" writes through no link, and over no file that came to be meanwhile.
        with file.open("x", encoding="utf-8") as written:
            written.write(text)
    except FileExistsError:
        raise _exists(file) from None
    registry.close()
    if as_json:
        emit({"file": str(file), "tools": chosen})
        return
    variables = variables_of(kinds, references)
    to_set = f", set {', '.join(variables)} in the environment" if variables else ""
    say(f"{file} is written. Fill in addresses{to_set}, then: tieline check")


def _exists(file: Path) -> click.UsageError:
    return click.UsageError(f"{file} exists already; edit it, or name another folder with --workspace")


def _ask(known: Sequence[str], *, aside: bool) -> list[str]:
    """`aside`: on standard error, where standard output is for a program."""
    offered = [tool for tool in known if tool != "memory"]

    def chosen(answer: str) -> list[str]:
        tools = list(dict.fromkeys(part.strip().lower() for part in answer.split(",") if part.strip()))
        if not tools:
            raise click.UsageError("name one at least")
        for tool in tools:
            if tool not in known:
                near = difflib.get_close_matches(tool, known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
                raise click.UsageError(f"no adapter speaks to {tool!r}; {hint}")
        return tools

    question = f"Which tools do you have? ({', '.join(offered)})"
    answered: list[str] = click.prompt(question, default="servicenow, jira", value_proc=chosen, err=aside)
    return answered


def _ask_where(kinds: Sequence[AdapterKind], *, aside: bool) -> dict[tuple[str, str], Secret]:
    """Where each secret is to be found. A secret itself has no business in a terminal's history, nor in the file."""
    wanted = [(kind.tool, name, secret) for kind in kinds for name, secret in secrets_of(kind).items()]
    if wanted:
        click.echo(
            "Where are the secrets? env:NAME, file:/path or keyring:service/name; never the secret itself.", err=aside
        )
    answers: dict[tuple[str, str], Secret | None] = {
        (tool, name): click.prompt(
            f"{tool} {name}", default=suggested.reference if suggested else NONE, value_proc=_reference, err=aside
        )
        for tool, name, suggested in wanted
    }
    return {option: answer for option, answer in answers.items() if answer is not None}


def _reference(answer: str) -> Secret | None:
    """What `env:NAME` and its like refer to. The answer is never repeated: it may be the secret."""
    if answer.strip() == NONE:
        return None
    kind, _, name = answer.strip().partition(":")
    shape = REFERENCES.get(kind)
    if shape is None or not re.fullmatch(shape, name.strip()):
        raise click.UsageError(
            "that is no reference (was it the secret itself? It was written nowhere). Say env:NAME, file:/path or "
            "keyring:service/name"
        )
    return Secret(kind, name.strip())


def _adapters(named: Sequence[str]) -> Registry:
    """The shipped adapters, and the installed plugins of these names: as in a workspace, naming a tool allows its
    plugin, and no other is imported. The modules are light; SDKs are imported when a connection is made."""
    from tieline.core.plugins import installed

    points = [point for point in installed() if point.value.startswith("tieline.adapters.") or point.name in named]
    return Registry.load({point.name: Node({}, 1, 1) for point in points})


@dataclass(frozen=True, slots=True)
class Found:
    """What `check` learnt of one connection."""

    connection: str
    tool: str
    works: bool
    account: str
    notes: list[str]
    refused: bool = False
    """True where its configuration is: a secret that is not there, a mapping that does not load."""


@click.command()
@click.argument("connection", required=False)
@json_option
@click.pass_obj
def check(workspace: str, connection: str | None, as_json: bool) -> None:
    """Check the configuration, then prove every CONNECTION: address, credentials, permissions, clock, schema."""
    from tieline.sync.build import build

    config, registry = configuration(workspace)
    if connection is not None and connection not in config.connections:
        raise LookupError(f"there is no connection {connection!r}; there are {', '.join(config.connections)}")
    broken: dict[ConnectionName, ConfigError] = {}
    with store_to_check(config) as (store, absent):
        engine = build(
            config,
            store,
            registry,
            clock=clock(),
            sleep=lambda _seconds: None,
            wake=lambda _name: None,
            dice=random.Random(),  # noqa: S311 - spreads retries, guards nothing
            broken=broken,
        )
        asked = [one for name, one in config.connections.items() if connection in (None, name)]
        with ThreadPoolExecutor(max_workers=8) as pool:
            found = list(pool.map(partial(_row, engine, broken), asked))
        registry.close()
        with store.read() as looking:
            resting = explain.resting(looking)
            alive = life(looking, moment(config, store))
    for one in found:
        if one.works and one.connection in resting:
            one.notes.append(_resumes(resting[one.connection], running=alive.running))
    if as_json:
        emit(
            [
                {"connection": f.connection, "tool": f.tool, "works": f.works, "account": f.account, "notes": f.notes}
                for f in found
            ]
        )
    else:
        table(
            "Connections",
            ["connection", "tool", "works", "account"],
            [(f.connection, f.tool, f.works, f.account) for f in found],
            empty="no connections are configured; add some under `connections:`",
        )
        for f in found:
            for sentence in f.notes:
                note(f.connection, sentence)
        if absent:
            say(absent)
    sys.exit(3 if any(one.refused for one in found) else 0 if all(one.works for one in found) else 1)


def _resumes(next_try: datetime | None, *, running: bool) -> str:
    """For a connection that works while the daemon rests from its last failure, or while there is none."""
    if not running:
        return "no daemon runs that would resume it; `tieline run` does"
    when = f"at {next_try:%H:%M:%S} UTC" if next_try is not None else "at its next try"
    return f"the daemon still rests from the last failure and resumes by itself {when}; at once on SIGHUP"


def _row(engine: Engine, broken: Mapping[ConnectionName, ConfigError], config: ConnectionConfig) -> Found:
    """What is found of one connection. Whatever it raises is its own row, and none of the others'."""
    risks = _risks(engine, config)
    missing = unresolved_in(engine.config, config)
    if config.name in broken:
        missing += [str(problem) for problem in broken[config.name].problems]
    if missing:
        return Found(config.name, config.kind.tool, False, "", [*missing, *risks], refused=True)
    try:
        return _prove(engine, engine.connections[config.name])
    except Exception as error:  # noqa: BLE001 - a strange adapter must not hide the rows of the others
        words = str(error) if isinstance(error, TielineError) else f"{type(error).__name__}: {error}"
        return Found(config.name, config.kind.tool, False, "", [harmless(redacted(words)), *risks])


def _prove(engine: Engine, here: Connected) -> Found:
    risks = _risks(engine, here.config)
    health = here.call(Verb.CHECK, here.source.check)
    notes = [*health.notes, *_unknown(engine, here, health), *risks]
    account = f"{health.account} ({health.version})"
    try:
        unproved = preflight(here, engine.clock.monotonic())
    except NeedsOperator as error:
        return Found(here.name, here.kind.tool, False, account, [harmless(redacted(str(error))), *notes])
    notes = [*filter(None, [unproved]), *unseen(here), *left_out(here), *notes]
    if health.clock_skew is not None and abs(health.clock_skew.total_seconds()) > 60:
        notes.append(f"its clock is {health.clock_skew.total_seconds():+.0f} s from ours; nothing depends on it")
    return Found(here.name, here.kind.tool, True, account, notes)


def _risks(engine: Engine, config: ConnectionConfig) -> tuple[str, ...]:
    """What is said of a connection whether or not it works."""
    signals = config.kind.record is RecordKind.SIGNAL
    return (*config.settings.risks, *([engine.registry.grouping] if signals else ()))


def _unknown(engine: Engine, here: Connected, health: Health) -> list[str]:
    """What of the alerts that may come from there nobody would know the severity of."""
    found = unknown.foreseen(engine, here, health.foreseen) if health.foreseen else ()
    return [one.sentence for one in found[:MOST_WORDS]]


@click.command()
@json_option
@click.pass_obj
def plugins(workspace: str, as_json: bool) -> None:
    """The plugins that are installed, and which of them this workspace allows."""
    _config, registry = configuration(workspace)
    states = registry.states()
    registry.close()
    if as_json:
        emit(
            [
                {
                    "name": one.name,
                    "state": one.state,
                    "reason": one.reason,
                    "distribution": one.distribution,
                    "version": one.version,
                    "origin": one.origin,
                    "hooks": one.hooks,
                    "tools": one.tools,
                }
                for one in states
            ]
        )
        return
    table(
        "Plugins",
        ["plugin", "state", "brings", "from"],
        [(one.name, one.state, [*one.tools, *one.hooks], f"{one.distribution} {one.version}") for one in states],
        empty="no plugins are installed",
    )
