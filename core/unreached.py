"""Why a tool was not reached, from whatever a library raised: the address, and the cause below all the wrapping."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

_TUNNEL = re.compile(r"(?:Tunnel connection failed: )?(\d{3} .{1,80})")
"""What libraries say of a proxy that answers CONNECT with anything but 200."""

_SILENT = "closed the connection without an answer"
_STRANGE = "does not answer in HTTP"


def cause(error: BaseException) -> str:
    """A few words for people: which address, and refused, unresolved, timed out or not trusted; else the class."""
    at = _address(error)
    return _said(error, f"{at} " if at else "")


def cause_at_proxy(error: BaseException, proxy: str) -> str:
    """As `cause`, where it is the proxy that was not reached or that led nowhere; "" where that is not what failed.

    httpx knows no difference between errors of connecting: what follows on TLS inside a plain tunnel is the tool's.
    """
    below = list(beneath(error))
    if not proxy:
        return ""
    refused = next((found[1] for one in below if (found := _TUNNEL.fullmatch(str(one)))), "")
    if refused:
        return f"the proxy {proxy} answered {refused} instead of leading to {_address(error) or 'the tool'}"
    inside = proxy.startswith("http:") and any(isinstance(one, ssl.SSLError) for one in below)
    if any(type(one).__name__ == "ProxyError" for one in below) or (
        type(error).__name__ in ("ConnectError", "ConnectTimeout") and not inside
    ):
        return _said(error, f"the proxy {proxy} ")
    return ""


def _said(error: BaseException, where: str) -> str:
    for one in beneath(error):
        match one:
            case ssl.SSLCertVerificationError():
                return f"{where}shows a certificate that does not verify: {one.verify_message}"
            case ssl.SSLError() if "CERTIFICATE_REQUIRED" in (one.reason or ""):
                return f"{where}asks for a client certificate: set `client_certificate`"
            case ssl.SSLError() if not one.reason:
                return f"{where}broke TLS off; if it asks for a client certificate, set `client_certificate`"
            case ssl.SSLError() if "HANDSHAKE_FAILURE" in one.reason:
                return f"{where}refused TLS; if it asks for a client certificate, set `client_certificate`"
            case ssl.SSLError():
                return f"{where}does not speak TLS as it should ({one.reason})"
            case socket.gaierror():
                return f"{where}has a name that does not resolve"
            case ConnectionRefusedError():
                return f"{where}refused the connection"
            case TimeoutError():
                return f"{where}did not answer in time"
            case http.client.RemoteDisconnected():
                return f"{where}{_SILENT}"
            case http.client.HTTPException():
                return f"{where}{_STRANGE}"
            case ConnectionError() if one.errno is not None:
                return f"{where}broke the connection off"
            case _ if type(one).__name__ == "RemoteProtocolError":
                return f"{where}{_SILENT if 'without sending' in str(one) else _STRANGE}"
    return f"{where}{type(error).__name__}".strip()


def _address(error: BaseException) -> str:
    """Scheme, host and port of what was asked; never the rest, which may hold a secret."""
    try:
        request: Any = getattr(error, "request", None)
    except RuntimeError:  # httpx: nobody set one
        return ""
    return origin(str(getattr(request, "url", "")))


def origin(url: str) -> str:
    """Scheme, host and port of an address, without anything that may be a secret; "" for none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.scheme and parts.netloc else ""


def beneath(error: BaseException) -> Iterator[BaseException]:
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
