"""Which server does what a command asks for, and how it is shown who asks.

    -w FOLDER, or tieline.yaml here    its `tieline web`, over a socket on which the kernel says who asks
    TIELINE_URL                        that one, with the token of TIELINE_TOKEN_FILE or of a login
    otherwise                          the one that was logged in to last

Tokens stand in one file that nobody else may read.
"""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tieline.cli.client import keeping
from tieline.cli.output import Unserved
from tieline.core import socket_place
from tieline.core.redaction import conceal_token

URL: Final = "TIELINE_URL"
TOKEN_FILE: Final = "TIELINE_TOKEN_FILE"  # noqa: S105 - a name
LARGEST: Final = 256 * 1024
"""Bytes of a file that holds tokens."""
LONGEST_TOKEN: Final = 1_000
KNOCK: Final = 2.0
"""Seconds that a server of this machine may take to let somebody in."""


@dataclass(frozen=True, slots=True)
class Session:
    """A server. `opened` is a connection to the one of a workspace; of any other, `url` and `token` stand."""

    url: str = ""
    token: str = field(default="", repr=False)
    workspace: str = ""
    place: Path | None = None
    opened: socket.socket | None = field(default=None, repr=False, compare=False)

    @property
    def name(self) -> str:
        """What it is called in sentences."""
        return self.url or f"tieline web of {Path(self.workspace).resolve()}"


def address(words: str) -> str:
    """The address of a server, in the one form in which it is kept. Raises Unserved."""
    try:
        parts = urlsplit(words.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    plain = words.isprintable() and words.isascii() and " " not in words.strip()
    if not plain or parts.scheme not in ("https", "http") or not host or parts.query or parts.fragment:
        raise Unserved(f"{words[:200]!r} is no address of a server; write it like https://tieline.example.com")
    if parts.username is not None:
        raise Unserved("an address holds no name and no password: show a token, which `tieline login` asks for")
    shown = f"[{host}]" if ":" in host else host
    usual = {"https": 443, "http": 80}[parts.scheme]
    path = parts.path.rstrip("/").removesuffix("/api/v1")
    return f"{parts.scheme}://{shown}{'' if port in (None, usual) else f':{port}'}{path}"


def is_open(url: str) -> bool:
    """Whether what is said to that server may be read on the way."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" or host == "localhost":
        return False
    from ipaddress import ip_address

    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True


def chosen(workspace: str, *, named: bool, said: bool, environment: Mapping[str, str] = os.environ) -> Session | None:
    """The server that does it; None where this process opens the store. `named` is true where somebody named the
    workspace, and `said` where that was on the command line. Raises Unserved."""
    url = "" if said else environment.get(URL, "")
    if url:
        return _of_environment(address(url), environment)
    if named or Path(workspace, "tieline.yaml").exists():
        return beside(workspace)
    current, known = stored()
    return Session(current, known[current].token) if current in known else None


def beside(workspace: str) -> Session | None:
    """The server of a workspace on this machine, where one answers."""
    for place in socket_place.candidates(Path(workspace)):
        if socket_place.is_trusted(place) and (opened := knock(place)) is not None:
            return Session(workspace=workspace, place=place, opened=opened)
    return None


def knock(place: Path) -> socket.socket | None:
    """A connection to whoever listens there; None for nobody."""
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    opened.settimeout(KNOCK)
    try:
        with socket_place.short(place.parent) as folder:
            opened.connect(f"{folder}/{place.name}")
    except OSError:
        opened.close()
        return None
    return opened


def _of_environment(url: str, environment: Mapping[str, str]) -> Session:
    file = environment.get(TOKEN_FILE, "")
    if not file:
        known = stored()[1].get(url)
        if known is None:
            raise Unserved(f"{url}: no token is known. Run `tieline login {url}`, or name a file in {TOKEN_FILE}")
        return Session(url, known.token)
    if is_open(url):
        raise Unserved(_in_the_open(url))
    return Session(url, token_in(Path(file)))


def _in_the_open(url: str) -> str:
    return (
        f"{url}: no TLS is spoken there, and whoever is on the way could read the token. Write https://, or let "
        f"`tieline login {url} --plain-http` say that this is meant"
    )


def check_open(url: str, *, is_meant: bool) -> None:
    """Raises Unserved for a server to which a token would go in the open, unless that is meant."""
    if is_open(url) and not is_meant:
        raise Unserved(_in_the_open(url))


def token_in(file: Path) -> str:
    """The token that a file holds. Raises Unserved for one that everybody may read, and for what is none."""
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            words = opened.read(LONGEST_TOKEN + 1)
    except OSError as error:
        raise Unserved(f"{file}: {error.strerror}. Name a file that holds the token") from None
    if stat.S_ISREG(mode) and mode & stat.S_IROTH:
        raise Unserved(f"{file}: everybody on this machine may read the token; `chmod o-r {file}`, and renew it")
    return token_of(words, str(file))


def token_of(words: bytes, source: str) -> str:
    """The token that somebody gave. Raises Unserved for what is none."""
    found = words.decode("ascii", "replace").strip()
    if not found or len(words) > LONGEST_TOKEN or not found.isascii() or not found.isprintable() or " " in found:
        raise Unserved(f"{source} holds no token, which is written like tl_0123456789ab_…")
    # Its secret: its id is how it is called.
    conceal_token(found.rpartition("_")[2])
    return found


@dataclass(frozen=True, slots=True)
class Known:
    """What is kept of a login."""

    token: str = field(repr=False)
    plain_http: bool = False


def file() -> Path:
    """Where logins are kept."""
    given = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(given) if given.startswith("/") else Path.home() / ".config") / "tieline" / "sessions.json"


def stored() -> tuple[str, dict[str, Known]]:
    """The server that was logged in to last, "" for none; and all that are known. Raises Unserved."""
    place = file()
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return "", {}
    except OSError as error:
        raise Unserved(f"{place}: {error.strerror}; logins are kept there") from None
    with os.fdopen(descriptor, "rb") as opened:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise Unserved(
                f"{place}: others may read or write it, and it holds tokens. `chmod 600 {place}`, and have those "
                "tokens revoked that others may have read"
            )
        words = opened.read(LARGEST + 1)
    try:
        return _understood(json.loads(words))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise Unserved(f"{place} cannot be read as what it is; remove it, and log in again") from None


def _understood(told: Any) -> tuple[str, dict[str, Known]]:
    known: dict[str, Known] = {}
    for url, one in told["sessions"].items():
        known[address(url)] = Known(token_of(str(one["token"]).encode(), str(file())), one["plain_http"] is True)
    return str(told["current"]), known


Servers = tuple[str, Mapping[str, Known]]
"""The server that was logged in to last, "" for none; and all that are known."""


def change(by: Callable[[str, Mapping[str, Known]], Servers]) -> Servers:
    """Change which servers are known, by what they are at that moment: of several that do so at once, each builds on
    the one before. Answers what is known then. Raises Unserved."""
    place = file()
    try:
        with keeping.alone(place):
            current, known = by(*stored())
            keep(current, known)
    except OSError as error:
        raise Unserved(f"{place}: {error.strerror}; logins are kept there, and they are as before") from None
    return current, known


def keep(current: str, known: Mapping[str, Known]) -> None:
    """Write down which servers are known. Raises Unserved."""
    place = file()
    sessions = {url: {"token": one.token, "plain_http": one.plain_http} for url, one in known.items()}
    try:
        keeping.keep(place, {"current": current, "sessions": sessions})
    except OSError as error:
        raise Unserved(f"{place}: {error.strerror}; logins are kept there, and they are as before") from None
