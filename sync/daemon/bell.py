"""The bell between processes: whoever changes the store beside the daemon tells it which lanes have work by now.

On SQLite it is a socket beside the store's file, on PostgreSQL a channel of the database. As every wake-up it carries
nothing but a name and may be lost: that costs a sweep.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from sqlalchemy import text

from tieline.core.config import Config
from tieline.core.errors import StoreUnavailable
from tieline.core.model import ConnectionName
from tieline.core.socket_place import short
from tieline.core.store import engines
from tieline.core.store.store import Store

CHANNEL: Final = "tieline_bell"
LONGEST: Final = 1_000
"""Bytes of a name that is heard."""

_SUFFIX: Final = ".bell"


def ringer(config: Config, store: Store) -> Callable[[ConnectionName], None]:
    """What wakes the lanes of a daemon on this store from another process."""
    file = engines.file_of(config.store)
    if file is not None:
        return lambda name: ring(file, name)
    if engines.is_postgres(config.store):
        return lambda name: _notify(store, name)
    return lambda _name: None


def ring(file: Path, name: str) -> None:
    """Tell whoever listens beside this SQLite file; nobody may."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out, short(file.parent) as folder:
        out.setblocking(False)
        out.sendto(name.encode(), f"{folder}/{file.name}{_SUFFIX}")


def _notify(store: Store, name: str) -> None:
    with suppress(StoreUnavailable), store.write() as tx:
        tx.execute(text("SELECT pg_notify(:channel, :name)"), {"channel": CHANNEL, "name": name})


class Bell:
    """What the daemon hears on a SQLite file, of which it is the only one."""

    def __init__(self, file: Path) -> None:
        """Raises OSError where there can be none."""
        self._file = file
        self._place = file.with_name(f"{file.name}{_SUFFIX}")
        self._place.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            with short(file.parent) as folder:
                self._socket.bind(f"{folder}/{self._place.name}")
        except OSError:
            self._socket.close()
            raise

    def heard(self) -> ConnectionName:
        """The lane that it was rung for, waited for; "" where it is to end."""
        return ConnectionName(self._socket.recv(LONGEST).decode("utf-8", "replace"))

    def end(self) -> None:
        """Have whoever waits go on."""
        ring(self._file, "")

    def close(self) -> None:
        """Nobody hears any more."""
        self._place.unlink(missing_ok=True)
        self._socket.close()
