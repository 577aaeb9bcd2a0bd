"""Commands about the workspace: check, plugins."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import click

from tieline.cli import views
from tieline.cli.accounts import owner_of
from tieline.cli.open import FILE, configuration, configuration_to_act, engine_on, moment, store_to_check
from tieline.cli.output import emit, harmless, json_option, note, say, table
from tieline.cli.rights import asker
from tieline.core.arguments import Ask
from tieline.core.config import ConnectionConfig
from tieline.core.errors import ConfigError, NeedsOperator, TielineError
from tieline.core.model import ConnectionName, RecordKind
from tieline.core.port import Health
from tieline.core.redaction import redacted
from tieline.core.reference import unresolved_beside, unresolved_in
from tieline.core.settings import no_such
from tieline.core.store import engines
from tieline.core.views import View
from tieline.sync import explain
from tieline.sync.alerts import unknown
from tieline.sync.daemon.heartbeat import life
from tieline.sync.engine import Connected, Engine
from tieline.sync.explain import MOST_WORDS
from tieline.sync.fit.preflight import left_out, preflight, unseen
from tieline.sync.office.enquiries import Enquiries, Seen
from tieline.sync.office.look import Outside
from tieline.sync.office.own_views import OWN_VIEWS
from tieline.sync.outcomes import Verb

PLAIN: Final = (
    "what the journal says is kept as it is, in every backup too; `keys:` names a file with which it is sealed"
)


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
    try:
        config, registry = configuration_to_act(workspace)
    except ConfigError as error:
        raise unresolved_beside(error, Path(workspace) / FILE) from None
    if connection is not None and connection not in config.connections:
        raise no_such("connection", connection, config.connections)
    broken: dict[ConnectionName, ConfigError] = {}
    with store_to_check(config) as (store, absent):
        engine = engine_on(config, store, registry, broken)
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
        if engines.is_postgres(config.store) and config.keys is None:
            say(PLAIN)
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
    signals = config.kind.record == RecordKind.SIGNAL
    return (*config.settings.risks, *([engine.registry.grouping] if signals else ()))


def _unknown(engine: Engine, here: Connected, health: Health) -> list[str]:
    """What of the alerts that may come from there nobody would know the severity of."""
    found = unknown.foreseen(engine, here, health.foreseen) if health.foreseen else ()
    return [one.sentence for one in found[:MOST_WORDS]]


def _see(workspace: str, view: View, ask: Ask) -> Seen:
    """Plugins are looked at where there is no store yet as well."""
    config, registry = configuration(workspace)
    registry.close()
    with store_to_check(config) as (store, _absent):
        outside = Outside(owner=owner_of(config), plugins=registry.states)
        who = asker(config, store, registry.offers.rules)
        return Enquiries(store, config, OWN_VIEWS, outside, registry.offers).look(view, ask, who)


plugins = views.command(OWN_VIEWS["plugins"], _see)
