"""The one door to HTTP: what an answer means, and an httpx client that goes nowhere it was not told to go.

SDKs built on requests share `outcome` and `retry_after`, so that a 429 means the same whoever sent the request.
"""

from __future__ import annotations

import math
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from tieline.core.errors import Gone, Limit, NeedsOperator, Rejected, RemoteError, StaleVersion, TryAgain
from tieline.core.redaction import conceal_pair

LONGEST_WAIT = timedelta(hours=1)
"""A Retry-After beyond this is taken for a mistake: we come back hourly rather than go silent for a year."""

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of one answer that we are willing to hold."""


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """The wait a tool asks for: Retry-After as seconds or HTTP date (RFC 9110, 10.2.3); None when absent or absurd.

    A date is held against the tool's own Date, and against our `now` only where it tells none.
    """
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - (server_date(headers) or now)).total_seconds()
    if not math.isfinite(seconds):
        return None
    return min(max(timedelta(seconds=seconds), timedelta(0)), LONGEST_WAIT)


def server_date(headers: Mapping[str, str]) -> datetime | None:
    """The tool's own clock: the Date header of its answer."""
    text = next((value for name, value in headers.items() if name.lower() == "date"), "")
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def outcome(
    connection: str,
    method: str,
    path: str,
    status: int,
    headers: Mapping[str, str],
    words: str,
    now: datetime,
) -> RemoteError | None:
    """What a status means for the daemon, or None when it is a success. `words` is what the tool says, without secrets.

    5xx after a write leaves open whether it took effect; 429 and 4xx say that it did not.
    """
    said = f"{method} {path} answered {status}" + (f": {words[:500]}" if words else "")
    writes = method.upper() not in ("GET", "HEAD", "OPTIONS")
    match status:
        case _ if 200 <= status < 300:
            return None
        case 401:
            return NeedsOperator(
                connection, f"{said}. The credentials were refused; renew them, then run `tieline check {connection}`."
            )
        case 403:
            return NeedsOperator(
                connection, f"{said}. The account lacks a permission; grant it, then run `tieline check {connection}`."
            )
        case 404 | 410:
            return Gone(connection, said)
        case 409 | 412:
            return StaleVersion(connection, said)
        case 408 | 425:
            return TryAgain(connection, said, wait=retry_after(headers, now), maybe_done=status == 408 and writes)
        case 429:
            return TryAgain(connection, said, wait=retry_after(headers, now), limit=Limit.CONNECTION)
        case _ if 300 <= status < 400:
            return NeedsOperator(connection, f"{said}. Redirects are not followed; set the final address as `url`.")
        case _ if 400 <= status < 500:
            return Rejected(connection, said)
        case _:
            return TryAgain(connection, said, wait=retry_after(headers, now), maybe_done=writes)


def too_large(connection: str, what: str, *, writes: bool, largest: int = LARGEST_ANSWER) -> RemoteError:
    """The error for an answer beyond what is held: after a write nobody knows what it said."""
    words = f"{what} answered more than {largest} bytes"
    return TryAgain(connection, words, maybe_done=True) if writes else Rejected(connection, words)


def hold_whole(response: Any, **_options: Any) -> None:
    """A hook for requests: reads a streamed answer for the library that asked. Raises OverflowError when too large.

    Read in pieces as they are unpacked: a few kilobytes of gzip may stand for gigabytes.
    """
    content = bytearray()
    for chunk in response.iter_content(65_536):
        content += chunk
        if len(content) > LARGEST_ANSWER:
            response.close()
            raise OverflowError
    response._content = bytes(content)


def same_origin(base: str, link: str) -> str:
    """`link` (absolute or relative) resolved against `base`. Raises ValueError when it leads to another origin."""
    target = urljoin(base, link)
    if _origin(base) != _origin(target):
        raise ValueError(f"a link of {urlsplit(base).netloc} leads to {urlsplit(target).netloc}; not followed")
    return target


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").rstrip("."), port


def _trust(connection: str, verify: bool | str) -> bool | ssl.SSLContext:
    """What certificates are held against: the usual authorities, or the file of one's own."""
    if isinstance(verify, bool):
        return verify
    try:
        path = Path(verify)
        return ssl.create_default_context(capath=verify) if path.is_dir() else ssl.create_default_context(cafile=verify)
    except OSError as error:
        raise NeedsOperator(connection, f"`verify_tls`: {verify} cannot be used ({error.strerror})") from None


class Client:
    """An httpx client bound to one origin: no redirects, no environment proxies, time-outs always, bounded answers."""

    def __init__(
        self,
        connection: str,
        base_url: str,
        *,
        now: Any,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float = 30.0,
        verify: bool | str = True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._connection = connection
        self._now = now
        self._base = base_url.rstrip("/")
        if auth is not None:
            conceal_pair(*auth)
        self._client = httpx.Client(
            headers=dict(headers or {}),
            auth=auth,
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0)),
            verify=_trust(connection, verify),
            follow_redirects=False,
            trust_env=False,
            transport=transport,
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int | list[str]] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send one request, once. Raises the RemoteError that the answer means; never retries."""
        url = same_origin(self._base + "/", self._base + path if path.startswith("/") else path)
        writes = method.upper() not in ("GET", "HEAD", "OPTIONS")
        try:
            with self._client.stream(method, url, params=params, json=json, headers=headers) as response:
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > LARGEST_ANSWER:
                        raise too_large(self._connection, f"{method} {path}", writes=writes)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise TryAgain(self._connection, f"{method} {path}: no connection ({type(error).__name__})") from None
        except httpx.InvalidURL:
            # httpx reads the address of a redirect even when it is not to follow it.
            words = f"{method} {path} answered with a redirect to nowhere; set the final address as `url`"
            raise NeedsOperator(self._connection, words) from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise TryAgain(
                self._connection, f"{method} {path}: the answer was lost ({type(error).__name__})", maybe_done=writes
            ) from None
        answer = httpx.Response(
            response.status_code,
            headers=[(k, v) for k, v in response.headers.items() if k not in ("content-encoding", "content-length")],
            content=bytes(body),
            request=response.request,
        )
        failure = outcome(
            self._connection, method, path, answer.status_code, answer.headers, answer.text[:500], self._now()
        )
        if failure is not None:
            raise failure
        return answer

    def close(self) -> None:
        """Give the sockets back."""
        self._client.close()
