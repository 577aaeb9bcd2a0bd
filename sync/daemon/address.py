"""The address that the daemon listens on, and why it cannot be had: each reason asks for something else to be done."""

from __future__ import annotations

import errno
import socket
from typing import Final

BACKLOG: Final = 2_048


class NotTaken(Exception):
    """The address cannot be had. `what` and `fix` are sentences, the latter without a capital."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


def take(listen: str, option: str = "server.listen") -> socket.socket:
    """Listen on `host:port` or `[host]:port`. Raises NotTaken."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # Asked first: create_server makes the same error of a name without an address as of an address that is taken.
        [found, *_others] = socket.getaddrinfo(host, int(port), family, socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise NotTaken(
            f"{option}: {host} in {listen} is no address, and no name that leads to one.",
            "write an address of this machine, like 127.0.0.1, or 0.0.0.0 for all that it has.",
        ) from None
    try:
        return socket.create_server(found[4][:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise _not_taken(listen, option, host, error) from None


def _not_taken(listen: str, option: str, host: str, error: OSError) -> NotTaken:
    match error.errno:
        case errno.EADDRINUSE:
            return NotTaken(
                f"{option}: {listen} is taken.", "stop what holds it (another Tieline?), or listen elsewhere."
            )
        case errno.EADDRNOTAVAIL:
            return NotTaken(
                f"{option}: {host} is no address of this machine.",
                "write one that it has, like 127.0.0.1, or 0.0.0.0 for all of them.",
            )
        case errno.EACCES | errno.EPERM:
            return NotTaken(
                f"{option}: this account may not listen on {listen}.",
                "choose a port from 1024 on, or give the service the right to (CAP_NET_BIND_SERVICE).",
            )
        case _:
            why = error.strerror or type(error).__name__
            return NotTaken(f"{option}: {listen} cannot be taken: {why}.", "listen on another address or port.")
