"""The door for accounts of this machine: a socket in the file system, at whose other end the kernel says who stands.

No token is shown there, and none can be stolen: a command beside `tieline web` finds the socket by the workspace that
it is run in. A folder that takes no socket has none, and commands then do everything themselves.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tieline.core.identity import Someone
from tieline.core.socket_place import short
from tieline.sync.api.stalled import StalledDoor
from tieline.sync.daemon.address import BACKLOG
from tieline.sync.intake.slow_clients import QuietServer

PEER: Final = "tieline.peer"
"""Under this name whoever stands at the other end is in the `state` of a request."""

UNMAPPED: Final = 65_534
"""The number of whoever has none here, as from another container: that is anybody."""

_NO_LOGIN: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Peer:
    """Whoever connected: the account that their process runs as, and the one that logged in where Linux keeps that."""

    uid: int
    login: int | None


@dataclass(frozen=True, slots=True)
class Local:
    """Whoever a call from this machine is of. `could_open` is true of whom nothing keeps from the store itself."""

    someone: Someone
    owns_store: bool
    could_open: bool


class Listener:
    """A socket that listens, and its name for as long as it is nobody else's."""

    def __init__(self, path: Path) -> None:
        """Raises OSError where there can be none."""
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        beside = f"{path.name}.{os.getpid()}"
        try:
            with short(path.parent) as folder:
                self.socket.bind(f"{folder}/{beside}")
                # Whoever connects is known, and what they may is asked then.
                Path(folder, beside).chmod(0o666)
                self.socket.listen(BACKLOG)
                self._mark = _mark(Path(folder, beside))
                Path(folder, beside).replace(Path(folder, path.name))
        except OSError:
            self.socket.close()
            raise

    def close(self) -> None:
        """Nobody connects any more."""
        with suppress(OSError):
            if _mark(self.path) == self._mark:
                self.path.unlink()
        self.socket.close()


def _mark(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


def peer_of(connected: socket.socket) -> Peer:
    """Who stands at the other end, as the kernel says."""
    size = struct.calcsize("3i")
    pid, uid, _gid = struct.unpack("3i", connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return Peer(uid, _login_of(pid))


def _login_of(pid: int) -> int | None:
    try:
        number = int(Path(f"/proc/{pid}/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return None if number == _NO_LOGIN else number


class Knowing(StalledDoor):
    """The door, which knows who stands in it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.app_state = {**self.app_state, PEER: peer_of(transport.get_extra_info("socket"))}


class TwoDoors(QuietServer):
    """The server, with a second door where `local` listens. TLS is not spoken there."""

    local: Listener | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.local is not None:
            calls = asyncio.get_running_loop()
            self.servers.append(await calls.create_server(self._door, sock=self.local.socket))

    def _door(self) -> Knowing:
        return Knowing(self.config, self.server_state, self.lifespan.state)
