"""Why a tool was not reached, from whatever a library raised: the address, and the cause below all the wrapping."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit


def cause(error: BaseException) -> str:
    """A few words for people: which address, and refused, unresolved, timed out or not trusted; else the class."""
    at = _address(error)
    where = f"{at} " if at else ""
    for one in _below(error):
        match one:
            case ssl.SSLCertVerificationError():
                return f"{where}shows a certificate that does not verify: {one.verify_message}"
            case ssl.SSLError():
                return f"{where}does not speak TLS as it should ({one.reason})"
            case socket.gaierror():
                return f"{where}has a name that does not resolve"
            case ConnectionRefusedError():
                return f"{where}refused the connection"
            case TimeoutError():
                return f"{where}did not answer in time"
    return f"{where}{type(error).__name__}".strip()


def _address(error: BaseException) -> str:
    """Scheme, host and port of what was asked; never the rest, which may hold a secret."""
    try:
        request: Any = getattr(error, "request", None)
    except RuntimeError:  # httpx: nobody set one
        return ""
    parts = urlsplit(str(getattr(request, "url", "")))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else ""


def _below(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it was raised from, the outermost first, each once."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        below = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
        waiting += [deeper for deeper in below if isinstance(deeper, BaseException)]
