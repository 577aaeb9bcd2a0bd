"""What answers of HTTP mean, the same whoever sent the request: `core.client` through httpx, or an SDK (`core.sdk`)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from tieline.core.errors import Gone, Limit, NeedsOperator, Rejected, RemoteError, StaleVersion, TryAgain, as_sentence
from tieline.core.unreached import origin

if TYPE_CHECKING:
    import httpx

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
        moment = _date(text)
        if moment is None:
            return None
        seconds = (moment - (server_date(headers) or now)).total_seconds()
    # Bounded as a number: a span of time cannot hold what a header can.
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST_WAIT.total_seconds())) if math.isfinite(seconds) else None


def server_date(headers: Mapping[str, str]) -> datetime | None:
    """The tool's own clock: the Date header of its answer."""
    return _date(next((value for name, value in headers.items() if name.lower() == "date"), ""))


def _date(text: str) -> datetime | None:
    """An HTTP date in UTC, or None. The parser raises many things, and a zone may lead beyond the calendar."""
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def outcome(
    connection: str,
    method: str,
    path: str,
    status: int,
    headers: Mapping[str, str],
    words: str,
    now: datetime,
    url: str = "",
) -> RemoteError | None:
    """What a status means for the daemon, or None when it is a success. `words` is what the tool says, without secrets;
    `url` is the configured address, which is named where something else seems to stand there.

    5xx after a write leaves open whether it took effect; 429 and 4xx say that it did not. A 404 is believed of an
    answer in JSON, or of one without words: a page was written by something that stands in between.
    """
    foreign = _is_foreign(headers)
    there = at_origin(url) if foreign or 300 <= status < 400 else ""
    said = f"{method} {path}{there} answered {status}" + (f": {words[:500]}" if words else "")
    writes = method.upper() not in ("GET", "HEAD", "OPTIONS")
    match status:
        case _ if 200 <= status < 300:
            return None
        case 401:
            advice = (
                f"{as_sentence(said)} The credentials were refused; renew them, then run `tieline check {connection}`."
            )
            return NeedsOperator(connection, advice, status=status)
        case 403:
            advice = (
                f"{as_sentence(said)} The account lacks a permission; grant it, then run `tieline check {connection}`."
            )
            return NeedsOperator(connection, advice, status=status)
        case 407:
            asked = "A proxy in between asks for credentials: give `proxy.username` and `proxy.password`, or renew them"
            advice = f"{as_sentence(said)} {asked}."
            return NeedsOperator(connection, advice, status=status)
        case 402 | 405 | 451:
            advice = f"{as_sentence(said)} Look at `url`, at what stands in between, and at the account's plan."
            return NeedsOperator(connection, advice, status=status)
        case 404 | 410 if foreign:
            advice = f"{as_sentence(said)} The page is not the tool's; check `url` and what stands in between."
            return TryAgain(connection, advice, maybe_done=writes, status=status)
        case 404 | 410:
            return Gone(connection, said, status=status)
        case 409 | 412:
            return StaleVersion(connection, said, status=status)
        case 408 | 421 | 423 | 425:
            maybe = status == 408 and writes
            return TryAgain(connection, said, wait=retry_after(headers, now), maybe_done=maybe, status=status)
        case 429:
            wait = retry_after(headers, now)
            return TryAgain(connection, said, wait=wait, limit=Limit.CONNECTION, status=status)
        case _ if 300 <= status < 400:
            leads = origin(next((value for name, value in headers.items() if name.lower() == "location"), ""))
            met = as_sentence(f"{said} and leads to {leads}" if leads else said)
            advice = f"{met} Redirects are not followed; set the final address as `url`, or log in there."
            return NeedsOperator(connection, advice, status=status)
        case _ if 400 <= status < 500:
            return Rejected(connection, said, status=status)
        case _:
            return TryAgain(connection, said, wait=retry_after(headers, now), maybe_done=writes, status=status)


def is_page(headers: Mapping[str, str]) -> bool:
    """True for a web page, of which a sentence had better quote nothing."""
    return "html" in next((value for name, value in headers.items() if name.lower() == "content-type"), "").lower()


def at_origin(url: str) -> str:
    """` at https://host:port`, behind the path of a call; nothing where no address is known."""
    return f" at {origin(url)}" if url else ""


def _is_foreign(headers: Mapping[str, str]) -> bool:
    """True for an answer that says of itself that it is no JSON."""
    media = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    return bool(media.strip()) and "json" not in media.lower()


def not_there(error: Gone) -> NeedsOperator:
    """The error for a 404 that answers a call about no record: a create, a search, a list."""
    words = str(error).removeprefix(f"{error.connection}: ")
    return NeedsOperator(
        error.connection,
        f"{as_sentence(words)} No record can be gone there: look at `url`, at where new records go, and at what stands "
        f"in between, then run `tieline check {error.connection}`.",
        status=error.status,
    )


@contextmanager
def looking(connection: str) -> Iterator[None]:
    """Around a look on the way to a write: what is refused there is the look, and none of the values to be written."""
    try:
        yield
    except Rejected as error:
        words = str(error).removeprefix(f"{connection}: ")
        raise NeedsOperator(connection, f"{as_sentence(words)} Nothing was written.", status=error.status) from None


@contextmanager
def asked_of_no_record() -> Iterator[None]:
    """Around what is asked about no record: a 404 says there that something else answered."""
    try:
        yield
    except Gone as error:
        raise not_there(error) from None


@contextmanager
def written(connection: str, what: str) -> Iterator[None]:
    """Around what follows an effective write in the same verb: whatever goes wrong now, `what` is done, and an error
    that says otherwise would have it done twice, or forgotten."""
    try:
        yield
    except TryAgain as error:
        words = f"{what}, and then: {error}"
        raise TryAgain(connection, words, wait=error.wait, maybe_done=True, limit=error.limit) from None
    except RemoteError as error:
        raise TryAgain(connection, f"{what}, and then: {error}", maybe_done=True) from None


def too_large(connection: str, what: str, *, writes: bool) -> RemoteError:
    """The error for an answer beyond what is held: after a write nobody knows what it said."""
    words = f"{what} answered more than {LARGEST_ANSWER} bytes"
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


def read_whole(response: httpx.Response) -> bytes:
    """The same for httpx: what a streamed answer holds. Raises OverflowError when too large."""
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > LARGEST_ANSWER:
            raise OverflowError
    return bytes(content)


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


def sendable(connection: str, option: str, value: str) -> str:
    """A value that a header can carry. Raises NeedsOperator, without the value: libraries name the whole header."""
    if not value.isascii() or not value.isprintable():
        raise NeedsOperator(connection, f"`{option}` has characters that a header cannot carry; store it anew")
    return value


def words_of(body: bytes | bytearray) -> str:
    """The beginning of an answer; of a text in JSON, as Alertmanager's errors are, the text. The charset it claims is
    not asked: there are some that raise."""
    words = bytes(body[:2000]).decode("utf-8", "replace").strip()
    if words[:1] == words[-1:] == '"':
        with suppress(ValueError):
            words = str(json.loads(words))
    return words[:500]
