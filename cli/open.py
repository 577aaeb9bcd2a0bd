"""Opening a workspace: its configuration, its plugins, its store."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from tieline.cli.main import CLOCK
from tieline.core.clock import Clock, SystemClock
from tieline.core.config import Config, load_workspace, mappings_named, store_named
from tieline.core.errors import ConfigError, Problem
from tieline.core.model import ConnectionName
from tieline.core.offer import Offers
from tieline.core.registry import Registry
from tieline.core.store import engines
from tieline.core.store.store import Store

if TYPE_CHECKING:
    from tieline.sync.engine import Engine

FILE = "tieline.yaml"

STORE_UNKNOWN: Final = (
    "which store is meant is not known, so that nothing of it is shown. "
    "A daemon at work goes on with what it read before"
)


def clock() -> Clock:
    """The clock of the commands: the one that `cli` was called with as its `obj`, or else the machine's."""
    context = click.get_current_context(silent=True)
    given = context.meta.get(CLOCK) if context is not None else None
    return given if given is not None else SystemClock()


def moment(config: Config, store: Store) -> datetime:
    """Now, by the clock that the daemons on this store go by: they write moments that are compared with it."""
    if engines.is_postgres(config.store):
        from tieline.sync.daemon.jobs.clock import StoreClock

        return StoreClock(store).now()
    return clock().now()


def configuration(workspace: str) -> tuple[Config, Registry]:
    """The workspace's configuration and the plugins it allows. Raises ConfigError with every problem."""
    file = Path(workspace) / FILE
    if not file.exists():
        raise ConfigError(
            [
                Problem(
                    str(file),
                    1,
                    1,
                    "CFG000",
                    "there is no workspace here.",
                    "run `tieline init` here, or name the folder with --workspace.",
                )
            ]
        )
    return load_workspace(file)


def configuration_to_act(workspace: str) -> tuple[Config, Registry]:
    """The same for whoever acts on all of it: where the file is refused, what is wrong with its mappings is told as
    well."""
    try:
        return configuration(workspace)
    except ConfigError as refused:
        raise _with_mappings(refused, Path(workspace) / FILE) from None


def _with_mappings(refused: ConfigError, file: Path) -> ConfigError:
    from tieline import mappings
    from tieline.core.reference import in_order

    found = [
        problem if problem.line else problem.at(named.place)
        for named in mappings_named(file)
        for problem in mappings.check(named.mapping, named.overlay)
    ]
    return ConfigError(in_order(dict.fromkeys([*refused.problems, *found]), file), refused.follows)


def configuration_to_look(workspace: str) -> tuple[Config, Offers, tuple[Problem, ...]]:
    """The same for whoever only looks, with what plugins offer. Where the file is refused: no more than the store that
    it names, and every problem. Raises ConfigError with them where that cannot be told either."""
    try:
        config, registry = configuration(workspace)
    except ConfigError as refused:
        try:
            return store_named(Path(workspace) / FILE), Offers(), refused.problems
        except (ConfigError, OSError):
            raise ConfigError(refused.problems, STORE_UNKNOWN) from None
    registry.close()
    return config, registry.offers, ()


@contextmanager
def store_to_check(config: Config) -> Iterator[tuple[Store, str]]:
    """The workspace's store, or one that is gone afterwards where there is none yet; and the sentence that says so."""
    with config.telling_where("store"):
        file = engines.file_of(config.store)
    if file is None or file.exists():
        with store_of(config) as store:
            yield store, ""
        return
    with Store.open("sqlite://") as passing:
        passing.migrate()
        yield passing, f"there is no store at {file} yet; `tieline run` makes it"


@contextmanager
def store_of(config: Config, *, moved: bool = False, sealed: bool = False) -> Iterator[Store]:
    """The workspace's store, at the schema this version knows; one that was copied away only if `moved`, and one whose
    keys are not there only if nothing is read that was sealed with them (`sealed`).

    None is made where none is: whoever looks would take an empty one, and a typo, for the truth.
    """
    with config.telling_where("store"):
        store = Store.open(config.store, create=False, keys=config.keys)
    try:
        with config.telling_where("store"):
            store.migrate(moved=moved, sealed=sealed)
        yield store
    finally:
        store.close()


def engine_on(
    config: Config, store: Store, registry: Registry, broken: dict[ConnectionName, ConfigError] | None = None
) -> Engine:
    """An engine without lanes: enough to look at the tools, and to change the store, as the daemon would. Raises
    ConfigError with the problems of every connection; given `broken`, it puts them there."""
    from tieline.sync.build import build
    from tieline.sync.daemon.bell import ringer

    return build(
        config,
        store,
        registry,
        clock=clock(),
        sleep=lambda _seconds: None,
        wake=ringer(config, store),
        dice=random.Random(),  # noqa: S311 - spreads retries, guards nothing
        is_command=True,
        broken=broken,
    )
