"""Commands about the workspace: init, check, plugins."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from tieline.cli.open import FILE, configuration, store_of
from tieline.cli.output import emit, json_option, say, table
from tieline.core.errors import TielineError
from tieline.core.port import Health
from tieline.core.registry import Registry
from tieline.core.yaml import Node
from tieline.sync import unknown
from tieline.sync.engine import Connected, Engine
from tieline.sync.explain import MOST_WORDS
from tieline.sync.preflight import left_out, missing_fields

SUGGESTED = ("grouping", "severity", "measurement")
"""Plugins that a new workspace allows: without them alerts are neither grouped nor judged."""


@click.command()
@click.option("--tool", "tools", multiple=True, help="A tool to connect to; may be repeated. Without it, asks.")
@json_option
@click.pass_obj
def init(workspace: str, tools: tuple[str, ...], as_json: bool) -> None:
    """Write a workspace: tieline.yaml with everything that has to be filled in, and the rest as comments."""
    from tieline.core.reference import example_config

    file = Path(workspace) / FILE
    if file.exists():
        raise click.UsageError(f"{file} exists already; edit it, or name another folder with --workspace")
    registry = _every_adapter()
    known = sorted(registry.adapters)
    chosen = list(tools) or _ask(known)
    for tool in chosen:
        if tool not in registry.adapters:
            raise click.UsageError(f"no adapter speaks to {tool!r}; there are {', '.join(known)}")
    text = example_config([registry.adapters[tool] for tool in chosen], SUGGESTED)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    registry.close()
    if as_json:
        emit({"file": str(file), "tools": chosen})
        return
    click.echo(f"{file} is written. Fill in addresses, export the secrets it refers to, then: tieline check")


def _ask(known: Sequence[str]) -> list[str]:
    offered = [tool for tool in known if tool != "memory"]
    answer = click.prompt(f"Which tools do you have? ({', '.join(offered)})", default="servicenow, jira")
    return [part.strip() for part in answer.split(",") if part.strip()]


def _every_adapter() -> Registry:
    """The shipped adapters; their modules are light, SDKs are imported when a connection is made."""
    from tieline.core.plugins import installed

    shipped = [point.name for point in installed() if point.value.startswith("tieline.adapters.")]
    return Registry.load({name: Node({}, 1, 1) for name in shipped})


@dataclass(frozen=True, slots=True)
class Found:
    """What `check` learnt of one connection."""

    connection: str
    tool: str
    works: bool
    account: str
    notes: tuple[str, ...]


@click.command()
@click.argument("connection", required=False)
@json_option
@click.pass_obj
def check(workspace: str, connection: str | None, as_json: bool) -> None:
    """Check the configuration, then prove every CONNECTION: address, credentials, permissions, clock, schema."""
    from tieline.core.clock import SystemClock
    from tieline.core.reference import unresolved_secrets
    from tieline.sync.build import build

    config, registry = configuration(workspace)
    missing = unresolved_secrets(config)
    if missing:
        for sentence in missing:
            say(sentence, err=True)
        sys.exit(3)
    if connection is not None and connection not in config.connections:
        raise LookupError(f"there is no connection {connection!r}; there are {', '.join(config.connections)}")
    with store_of(config) as store:
        engine = build(
            config,
            store,
            registry,
            clock=SystemClock(),
            sleep=lambda _seconds: None,
            wake=lambda _name: None,
            dice=random.Random(),  # noqa: S311 - spreads retries, guards nothing
        )
        asked = [here for name, here in engine.connections.items() if connection in (None, name)]
        with ThreadPoolExecutor(max_workers=8) as pool:
            found = list(pool.map(partial(_prove, engine), asked))
        registry.close()
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
            ["connection", "tool", "works", "account", "what to know or do"],
            [(f.connection, f.tool, f.works, f.account, "\n".join(f.notes)) for f in found],
            empty="no connections are configured; add some under `connections:`",
        )
    sys.exit(0 if all(one.works for one in found) else 1)


def _prove(engine: Engine, here: Connected) -> Found:
    risks = (*here.config.settings.risks, *([engine.registry.grouping] if here.signals else ()))
    try:
        health = here.source.check()
        notes = [
            *health.notes,
            *missing_fields(here, engine.clock.monotonic()),
            *left_out(here),
            *_unknown(engine, here, health),
            *risks,
        ]
    except TielineError as error:
        return Found(here.name, here.kind.tool, False, "", (str(error), *risks))
    if health.clock_skew is not None and abs(health.clock_skew.total_seconds()) > 60:
        notes.append(f"its clock is {health.clock_skew.total_seconds():+.0f} s from ours; nothing depends on it")
    return Found(here.name, here.kind.tool, True, f"{health.account} ({health.version})", tuple(notes))


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
