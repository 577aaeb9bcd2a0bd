"""Whatever listens at an address and is no tool: it reads a request to its end, says some bytes, and is gone.

To the end, because a socket that is closed over unread bytes resets the connection: how much of a request has come
with the first read is chance, and a caller would be told now the one cause and now the other.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_LENGTH = re.compile(rb"^content-length: *(\d+)\r$", re.IGNORECASE | re.MULTILINE)
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


@contextmanager
def stranger(words: bytes = b"", *, resets: bool = False) -> Iterator[str]:
    """The address of something that answers every request with these bytes and hangs up, or resets the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        answering = threading.Thread(target=_answer_all, args=(listening, words, resets), daemon=True)
        answering.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    answering.join(10)


def _answer_all(listening: socket.socket, words: bytes, resets: bool) -> None:
    with suppress(OSError):
        while True:
            caller, _ = listening.accept()
            with caller, suppress(OSError):
                caller.settimeout(5)
                _read_request(caller)
                caller.sendall(words)
                if resets:
                    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)


def _read_request(caller: socket.socket) -> None:
    request = b""
    while b"\r\n\r\n" not in request:
        request += caller.recv(65_536) or b"\r\n\r\n"
    head, _, body = request.partition(b"\r\n\r\n")
    length = _LENGTH.search(head + b"\r")
    missing = (int(length[1]) if length else 0) - len(body)
    while missing > 0 and (more := caller.recv(missing)):
        missing -= len(more)
