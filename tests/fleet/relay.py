"""A way to the database that can fall silent for one worker alone."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit


class Relay:
    """Hands on what one worker and its database say to each other."""

    def __init__(self, store: str) -> None:
        self._to = urlsplit(store)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open = threading.Event()
        self._open.set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        """The store's address by this way."""
        user = self._to.netloc.rpartition("@")[0]
        host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        return urlunsplit(self._to._replace(netloc=f"{user}@{host}" if user else host))

    def fall_silent(self) -> None:
        """Nothing is handed on any more, and nobody is told."""
        self._open.clear()

    def heal(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._listener.close()
        self._open.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                ours, _ = self._listener.accept()
                theirs = socket.create_connection((self._to.hostname or "127.0.0.1", self._to.port or 5432))
                for one, other in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=self._hand_on, args=(one, other), daemon=True).start()

    def _hand_on(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while said := one.recv(65_536):
                self._open.wait()
                other.sendall(said)
        _hang_up(one, other)


def _hang_up(*lines: socket.socket) -> None:
    for line in lines:
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)
        line.close()
