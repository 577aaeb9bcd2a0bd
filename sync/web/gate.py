"""The gate: who is signed in, by an opaque cookie; signing in and out; and what keeps out other sites and those who
guess.

Whatever changes something shows a mark that only our own pages have (against forgery from another site), comes from
our own address, and is never cached.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from tieline.core.local_accounts import account_name
from tieline.core.sessions import LASTS
from tieline.sync.api.problems import Kind, Problem
from tieline.sync.api.rates import Delays, Rates, source_of

ATTEMPTS_PER_MINUTE: Final = 6
ATTEMPTS_AT_ONCE: Final = 12
"""Signing in with something wrong: of one address."""
DEVICE_AT_ONCE: Final = 12
"""Of one browser in which the owner of a name signed in before: so many at once, and then a wait that grows. One that
has to wait counts as any other browser meanwhile: whoever copied what it shows keeps its owner out nowhere else."""
PAIR_AT_ONCE: Final = 6
NAME_AT_ONCE: Final = 100
"""Of one name from one address, and of one name from everywhere: so many at once, and then a wait that grows. It takes
several addresses to have a name wait: of what one comes to, as much is forgiven to the name meanwhile."""
FIRST_WAIT: Final = 10.0
LONGEST_WAIT: Final = 3_600.0
HALF_FORGIVEN: Final = 6 * 3_600.0
"""Seconds."""

VISIT: Final = "visit"
SESSION: Final = "session"
DEVICE: Final = "device"


@dataclass(frozen=True, slots=True)
class Cookies:
    """How cookies are called and set. Under TLS a browser takes them from this very host alone (`__Host-`)."""

    is_secure: bool

    def name(self, what: str) -> str:
        """What one is called."""
        return f"__Host-tieline-{what}" if self.is_secure else f"tieline-{what}"

    def of(self, headers: Mapping[str, str], what: str) -> str:
        """What a browser shows; "" for nothing, and for several of one name, of which one is somebody else's."""
        wanted = self.name(what)
        pairs = (one.strip().partition("=") for one in headers.get("cookie", "").split(";"))
        found = [value for name, _, value in pairs if name == wanted]
        return found[0] if len(found) == 1 else ""

    def set(self, what: str, value: str, seconds: int | None) -> str:
        """The header that sets one; with 0 seconds it takes it back, and with None it lasts as long as the browser."""
        age = "" if seconds is None else f"; Max-Age={seconds}"
        secure = "; Secure" if self.is_secure else ""
        return f"{self.name(what)}={value}; Path=/; HttpOnly; SameSite=Lax{age}{secure}"

    def session(self, shown: str) -> str:
        """The header that has a browser be signed in; or signed out, for ""."""
        return self.set(SESSION, shown, int(LASTS.total_seconds()) if shown else 0)


def mark_of(shown: str) -> str:
    """What the forms of a session, or of a visit before it, carry: nobody knows it who does not know the cookie."""
    return hmac.new(shown.encode(), b"a form of tieline", sha256).hexdigest()


def new_visit() -> str:
    """What stands for a browser before anybody signed in."""
    return secrets.token_hex(16)


class NotOurs(Problem):
    """What another site sent, or a form of another sign-in: nobody is asked whether it may be done."""

    def __init__(self, detail: str) -> None:
        super().__init__(Kind.NOT_ALLOWED, detail)


def check_mark(shown: str, told: str) -> None:
    """Raises NotOurs for a form of another sign-in."""
    if not shown or not hmac.compare_digest(mark_of(shown), told.encode("ascii", "replace").decode()):
        raise NotOurs(
            "this form is none of this sign-in: have the browser keep cookies, load the page again and send it"
        )


def check_origin(headers: Mapping[str, str]) -> None:
    """Raises NotOurs for what another site sends (Fetch Metadata; RFC 6454 where a browser says no more)."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        raise NotOurs("another site sent this, and nothing was done")
    origin = headers.get("origin")
    if origin is not None and _host_of(origin) != headers.get("host", "").lower():
        raise NotOurs(
            "this came from another address than it was sent to, and nothing was done; a proxy in between has to pass "
            "`Host` on as the browser sent it"
        )


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


class Guesses:
    """Counts what was wrong, by address and by name; and by itself of a browser in which the owner of that name signed
    in before, so that nobody shuts them out by guessing. One thread's: the loop of the server."""

    def __init__(self) -> None:
        self._addresses = Rates(ATTEMPTS_PER_MINUTE, ATTEMPTS_AT_ONCE)
        self._devices = Delays(DEVICE_AT_ONCE, FIRST_WAIT, LONGEST_WAIT, HALF_FORGIVEN)
        self._pairs = Delays(PAIR_AT_ONCE, FIRST_WAIT, LONGEST_WAIT, HALF_FORGIVEN)
        self._names = Delays(NAME_AT_ONCE, FIRST_WAIT, LONGEST_WAIT, HALF_FORGIVEN)

    def wait(self, address: str, name: str, now: float) -> float:
        """Seconds until somebody may try; 0 for now. The same whether there is somebody of that name or not."""
        wait = self._addresses.wait(source_of(address), now)
        if name:
            wait = max(wait, self._pairs.wait(_pair(address, name), now), self._names.wait(_of_name(name), now))
        return wait

    def take(self, address: str, name: str, now: float) -> None:
        """Take one of each, before it is looked at: those that are looked at at the same time count as well."""
        self._addresses.take(source_of(address), now)
        if name:
            self._pairs.take(_pair(address, name), now)
            self._names.take(_of_name(name), now)

    def right(self, address: str, name: str) -> None:
        """What was taken last was right, and counts for nothing of that name."""
        self._pairs.give_back(_pair(address, name))
        self._names.give_back(_of_name(name))

    def take_device(self, device: str, name: str, now: float) -> bool:
        """Take one of a browser that may be known, before that is looked up. Answers whether there was one; where not,
        none is taken."""
        if self._devices.wait(_of_device(device, name), now):
            return False
        self._devices.take(_of_device(device, name), now)
        return True

    def right_device(self, device: str, name: str) -> None:
        """What was taken last of a browser was right, and counts for nothing."""
        self._devices.give_back(_of_device(device, name))

    def unknown_device(self, device: str, name: str) -> None:
        """Nobody of that name signed in by it. Nothing of it is remembered: whoever makes many up has none forgotten
        that is known."""
        self._devices.drop(_of_device(device, name))


def _of_name(name: str) -> str:
    return sha256(account_name(name).encode("utf-8", "replace")).hexdigest()


def _pair(address: str, name: str) -> str:
    return f"{source_of(address)} {_of_name(name)}"


def _of_device(device: str, name: str) -> str:
    return f"{sha256(device.encode('utf-8', 'replace')).hexdigest()} {_of_name(name)}"


def back(told: str) -> str:
    """Where somebody comes from: an address of ours, as it is written; "/" for anything else."""
    # What begins with one slash has no host in it, whatever follows (RFC 3986, 4.2).
    is_ours = told.startswith("/") and not told.startswith("//")
    return told[:2000] if is_ours and told.isascii() and told.isprintable() and "\\" not in told else "/"
