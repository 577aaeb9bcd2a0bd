"""From a configuration to an engine: every connection gets its mapping, its adapter and its budget."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tieline import mappings
from tieline.core.clock import Clock
from tieline.core.config import Config, ConnectionConfig
from tieline.core.errors import ConfigError, Problem, as_sentence
from tieline.core.model import ConnectionName
from tieline.core.plugins import missing_powers
from tieline.core.port import Power, Source, Workbench
from tieline.core.registry import Registry
from tieline.core.store.store import Store
from tieline.mappings import Mapping as FieldMapping
from tieline.mappings.board import ALERTS
from tieline.sync.accounts.account import LATE, Account, Member, SharedBudget
from tieline.sync.accounts.memory import InProcess, InStore
from tieline.sync.engine import Connected, Engine
from tieline.sync.limits import Budget, Pace, repeated_reads

SKEW: Final = timedelta(minutes=10)
"""How far a tool's clock may be ahead of ours without hiding that something began before we did."""


def build(
    config: Config,
    store: Store,
    registry: Registry,
    *,
    clock: Clock,
    sleep: Callable[[float], None],
    wake: Callable[[ConnectionName], None],
    dice: random.Random,
    transports: Mapping[str, Any] | None = None,
    load_mapping: Callable[[str | Path, Path | None], FieldMapping] = mappings.load,
    in_doubt: bool = True,
    in_doubt_before: datetime | None = None,
    is_command: bool = False,
    is_alone: bool = True,
    broken: dict[ConnectionName, ConfigError] | None = None,
) -> Engine:
    """An engine ready to run. Raises ConfigError with the problems of every connection at once; given `broken`, it puts
    them there by connection, and the engine goes without those.

    `transports` replaces the network of single connections, for tests and simulations; a simulation that starts a
    thousand times has `load_mapping` remember. `in_doubt` is False for a store that knows all that was ever made from
    it, and was not put back from a backup; `in_doubt_before` says what it may have forgotten all the same, because it
    was put back earlier. `is_command` says that a daemon does the rest; `is_alone`, that no other worker serves the
    same connections.
    """
    failed: dict[ConnectionName, ConfigError] = {} if broken is None else broken
    connections: dict[ConnectionName, Connected] = {}
    accounts = {} if is_command else _accounts(config, None if is_alone else store, clock, wake)
    for name, connection in config.connections.items():
        try:
            mapping = _mapping_of(config, connection, load_mapping)
            account = None if connection.settings.only_listens else accounts.get(connection.account)
            member = None if account is None else Member(account, name)
            budget = _budget(connection, member, clock, sleep)
            transport = (transports or {}).get(name)
            bench = Workbench(clock, sleep, transport, budget.spend, deliveries=mapping.document.deliveries)
            source = _connect(config, connection, bench)
        except ConfigError as error:
            failed[name] = error
            continue
        if not (Power.EDIT_COMMENT in connection.kind.powers and connection.comments.goes_out):
            mapping = mapping.without_pins()
        again = repeated_reads(sleep)
        connections[name] = Connected(connection, source, mapping, budget, again, member, in_doubt=in_doubt)
    if failed and broken is None:
        raise ConfigError([problem for error in failed.values() for problem in error.problems])
    if in_doubt_before is None and in_doubt:
        in_doubt_before = clock.now() + SKEW
    return Engine(
        config,
        store,
        registry,
        clock,
        connections,
        wake,
        dice,
        clock.monotonic(),
        is_command=is_command,
        in_doubt_before=in_doubt_before,
        tells_labels=not any(_keeps_labels(registry, here) for here in connections.values()),
    )


def _accounts(
    config: Config, shared: Store | None, clock: Clock, wake: Callable[[ConnectionName], None]
) -> dict[str, Account]:
    """The accounts that connections ask with. `shared` is the store by which several workers know of each other."""
    members: dict[str, list[ConnectionConfig]] = {}
    for one in config.connections.values():
        if one.account and not one.settings.only_listens:
            members.setdefault(one.account, []).append(one)
    accounts: dict[str, Account] = {}
    for name, all_of_them in members.items():
        pace = Pace.of(all_of_them[0].calls_per_minute, LATE)
        keeper = (
            InProcess(pace, clock.monotonic)
            if shared is None
            else InStore(shared, name, pace, lambda: clock.now().timestamp())
        )
        accounts[name] = Account(name, [one.name for one in all_of_them], pace, keeper, wake)
    return accounts


def _budget(
    connection: ConnectionConfig, member: Member | None, clock: Clock, sleep: Callable[[float], None]
) -> Budget:
    if member is None:
        return Budget(connection.calls_per_minute, clock, sleep)
    return SharedBudget(connection.calls_per_minute, clock, sleep, member)


def _keeps_labels(registry: Registry, here: Connected) -> bool:
    """Whether the plugins keep from a connection what alerts are labelled with, and not which of them fire."""
    if here.signals:
        return False
    refused = registry.refused_fields({"tags": (), ALERTS: ""}, here.name, here.config.ceiling)
    return "tags" in refused and ALERTS not in refused


def prove_mappings(config: Config) -> None:
    """Raises ConfigError with the mistakes in every connection's mapping: asked before a store is made for them."""
    problems: list[Problem] = []
    for connection in config.connections.values():
        try:
            _mapping_of(config, connection, mappings.load)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)


def _mapping_of(
    config: Config, connection: ConnectionConfig, load: Callable[[str | Path, Path | None], FieldMapping]
) -> FieldMapping:
    with config.telling_where(f"connections.{connection.name}.mapping"):
        mapping = load(connection.mapping, connection.overlay).knowing(config.signals.severity_words)
    strangers = _unknown_owners(config, connection, mapping)
    if strangers:
        raise ConfigError(strangers)
    return mapping


def _connect(config: Config, connection: ConnectionConfig, workbench: Workbench) -> Source:
    """The adapter at work. Raises ConfigError, whatever it raises: one connection's fault is no other one's."""
    try:
        source = connection.kind.connect(connection.name, connection.settings, workbench)
    except Exception as error:
        what = f"connections.{connection.name} cannot be connected: {type(error).__name__}: {as_sentence(error)}"
        fix = f"mend what it names, then run `tieline check {connection.name}`."
        raise ConfigError([config.problem(f"connections.{connection.name}", "CFG022", what, fix)]) from error
    lacking = missing_powers(connection.kind, source)
    if lacking:
        raise ConfigError([_incapable(config, connection, lacking)])
    return source


def _incapable(config: Config, connection: ConnectionConfig, lacking: Sequence[str]) -> Problem:
    return config.problem(
        f"connections.{connection.name}.tool",
        "CFG017",
        f"connections.{connection.name}: the adapter of {connection.tool} claims powers it does not have: "
        f"{', '.join(lacking)}.",
        "this is a fault of the adapter; run its contract suite, or use another version of its package.",
    )


def _unknown_owners(config: Config, connection: ConnectionConfig, mapping: FieldMapping) -> list[Problem]:
    """Owners that are no connections here: their fields could never change again."""
    return [
        Problem(
            policy.file,
            policy.line,
            policy.column,
            "CFG024",
            f"connections.{connection.name}: {field} is owned by {policy.owner!r}, which is no connection.",
            f"the connections are {', '.join(config.connections)}.",
        )
        for field, policy in sorted(mapping.policies.items())
        if policy.owner and policy.owner not in config.connections
    ]
