"""One call of a server, and what each answer means to whoever typed a command.

A call ends in one of three ways, and only the second is in doubt: it never went out (`NotReached`), it went out and
nothing came back (`Lost`), or it was answered. No redirect is followed: a token is shown to the server that was named.
"""

from __future__ import annotations

import errno
import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from tieline.cli.client.sessions import Session, knock
from tieline.cli.output import Unserved

ROOT: Final = "/api/v1/"
CONNECTS: Final = 5.0
"""Seconds that a server may take to let somebody in."""
ANSWERS: Final = 60.0
"""Seconds between two pieces of an answer."""
LARGEST: Final = 64 * 1024 * 1024
"""Bytes of an answer."""
LONGEST_SENTENCE: Final = 2_000

JSON: Final = "application/json"
SHOWN: Final = "application/vnd.tieline.shown+json"
PROBLEM: Final = "application/problem+json"


class NotReached(Unserved):
    """Nothing went out."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 4)


class Lost(Unserved):
    """It went out, and what came of it is not known."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 4)


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered. Names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def document(self) -> Any:
        """What it says, in JSON. Raises ValueError for what is none."""
        try:
            return json.loads(self.body.decode("utf-8"), parse_constant=_no_number)
        except RecursionError:
            raise ValueError("it is nested too deep") from None


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number")


class _Here(http.client.HTTPConnection):
    """Over a socket of this machine."""

    def __init__(self, session: Session) -> None:
        super().__init__("tieline")
        self._session = session

    def connect(self) -> None:
        opened, place = self._session.opened, self._session.place
        if opened is not None and opened.fileno() != -1:
            self.sock = opened
            return
        found = None if place is None else knock(place)
        if found is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "nothing listens there any more")
        self.sock = found


def call(
    session: Session, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> Reply:
    """Ask. Raises NotReached and Lost."""
    said = {
        "Accept": JSON,
        **({"Authorization": f"Bearer {session.token}"} if session.token else {}),
        **(headers or {}),
    }
    connection = _connection(session)
    try:
        try:
            connection.connect()
        except (OSError, UnicodeError) as error:
            raise NotReached(_not_reached(session, error)) from None
        if connection.sock is not None:
            connection.sock.settimeout(ANSWERS)
        try:
            connection.request(method, urlsplit(session.url).path + path, body, said)
            answer = connection.getresponse()
            found = answer.read(LARGEST + 1)
            if answer.length and len(found) <= LARGEST:
                raise http.client.IncompleteRead(found, answer.length)
        except (OSError, http.client.HTTPException) as error:
            raise Lost(f"{session.name} did not answer: {_why(error)}") from None
        if len(found) > LARGEST:
            raise Unserved(f"{session.name} answered more than {LARGEST:,} bytes; ask for less, as with --limit")
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, found)
    finally:
        connection.close()


def _connection(session: Session) -> http.client.HTTPConnection:
    if not session.url:
        return _Here(session)
    parts = urlsplit(session.url)
    if parts.scheme == "http":
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=CONNECTS)
    import ssl

    return http.client.HTTPSConnection(
        parts.hostname or "", parts.port, timeout=CONNECTS, context=ssl.create_default_context()
    )


def _not_reached(session: Session, error: Exception) -> str:
    if type(error).__name__ == "SSLCertVerificationError":
        why = getattr(error, "verify_message", "") or str(error)
        return (
            f"{session.name}: its certificate is not believed: {why}. If it is of an authority of your own, name a "
            "file with that one's certificate in SSL_CERT_FILE"
        )
    return f"{session.name} cannot be reached: {_why(error)}. Is it running, and is the address right?"


def _why(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "it takes too long"
        case socket.gaierror():
            return "its name leads to no address"
        case http.client.IncompleteRead():
            return "its answer was cut off"
        case http.client.RemoteDisconnected() | ConnectionResetError() | BrokenPipeError():
            return "it hung up"
        case OSError():
            return error.strerror or str(error) or type(error).__name__
        case _:
            return "that is no HTTP"


def refusal(session: Session, reply: Reply) -> Unserved | Wrong:
    """What an answer that is no yes means, and what to do next."""
    if 300 <= reply.status < 400:
        where = _shortened(reply.headers.get("location", ""))
        return Unserved(
            f"{session.name} sends its callers on to {where or 'elsewhere'}, where no token is shown. If that is the "
            "server, `tieline login` to it"
        )
    problem = _problem(reply)
    if problem is None:
        return _strange(session, reply)
    detail = _shortened(problem["detail"])
    wait = reply.headers.get("retry-after", "")
    kind = str(problem.get("type", "")).rpartition("/")[2]
    match reply.status:
        case 401:
            again = f" `tieline login {session.url}` takes another one." if session.url else ""
            return Unserved(f"{detail}{again}")
        case 404:
            return Unserved(detail, 5)
        case 422 if kind == "wrong-words":
            return Wrong(_fields(problem) or [("", detail)])
        case 429 | 503:
            after = f"; ask again in {wait} s" if wait.isdecimal() and len(wait) < 7 else "; ask again later"
            return Unserved(f"{detail}{after}", 4)
        case _:
            return Unserved(detail)


class Wrong(Exception):
    """What was said is not what it takes: pairs of an argument's name and a sentence."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__(problems)
        self.problems = problems


def strange(session: Session, reply: Reply) -> Unserved:
    """What answers there is no Tieline, or another one than this version knows."""
    return _strange(session, reply)


def _strange(session: Session, reply: Reply) -> Unserved:
    kind = _shortened(reply.media_type) or "nothing that says what it is"
    gone = reply.status in (502, 503, 504)
    what = "the server behind it may be down" if gone else "is the address right, and is it as new as this version?"
    return Unserved(
        f"{session.name}: what answers is not Tieline's API, or something stands in front of it: {reply.status}, "
        f"{kind}; {what}",
        4 if gone else 1,
    )


def _problem(reply: Reply) -> Mapping[str, Any] | None:
    if reply.media_type != PROBLEM:
        return None
    try:
        found = reply.document()
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("detail"), str) else None


def _fields(problem: Mapping[str, Any]) -> list[tuple[str, str]]:
    errors = problem.get("errors", [])
    return [
        (_shortened(one["field"]), _shortened(one["detail"]))
        for one in (errors if isinstance(errors, list) else [])
        if isinstance(one, dict) and isinstance(one.get("field"), str) and isinstance(one.get("detail"), str)
    ]


def _shortened(words: str) -> str:
    return words if len(words) <= LONGEST_SENTENCE else f"{words[:LONGEST_SENTENCE]}…"
