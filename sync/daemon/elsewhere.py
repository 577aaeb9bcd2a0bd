"""Daemons that were started from a file before `store` was changed in it: they go on with the store that it named.

A daemon on SQLite keeps a file beside its store, so as to be the only one there. By these files the stores are found
that daemons ever worked on, in the file's folder and in that of the store it names now, and each is looked into for
signs of life. What lies in other folders, or in PostgreSQL, is not found.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from tieline.core.config import SQLITE, Config
from tieline.core.errors import ConfigError, StoreUnavailable
from tieline.core.store import engines
from tieline.core.store.store import Store
from tieline.sync.daemon.heartbeat import life

_SUFFIX: Final = ".daemon"

MOST: Final = 20
"""Stores that are looked into."""


def lock_of(file: Path) -> Path:
    """What a daemon holds while it works on this SQLite file."""
    return file.with_name(f"{file.name}{_SUFFIX}")


def stores_left(config: Config, now: datetime) -> list[str]:
    """The addresses of the stores that daemons work on which were started from this file, and which it does not name
    now. Raises ConfigError for a store that is no address."""
    others = sorted(_others(config), key=_written_at, reverse=True)[:MOST]
    return sorted(address for file in others if _is_worked_on(address := f"{SQLITE}{file}", config, now))


def sentence(address: str, file: str) -> str:
    """For people, with what to do."""
    return (
        f"A daemon that was started from {file} works on {address}, which `store` does not name any more. Stop that "
        "one before another is started, or every change is made by both; or write its store back."
    )


def why_it_waits(store: Store, config: Config, now: datetime) -> list[str]:
    """Sentences, where what was just done waits: no daemon is there that would carry it on. None where one is."""
    with store.read() as connection:
        daemon = life(connection, now)
    if daemon.running:
        return []
    left = [sentence(address, config.file.name) for address in stores_left(config, now)]
    return [f"This waits in the store: {daemon.sentence()}", *left]


def _others(config: Config) -> Iterator[Path]:
    named = engines.file_of(config.store)
    folders = dict.fromkeys([config.file.parent.resolve(), *([] if named is None else [named.parent])])
    for folder in folders:
        for lock in folder.glob(f"*{_SUFFIX}"):
            file = lock.with_name(lock.name.removesuffix(_SUFFIX))
            if file != named and file.is_file():
                yield file


def _written_at(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _is_worked_on(address: str, config: Config, now: datetime) -> bool:
    try:
        with Store.open(address, create=False) as store, store.read() as connection:
            return life(connection, now).runs_from(config.file)
    except (ConfigError, StoreUnavailable):
        return False  # of another program, or of another version of ours, and nobody can tell
