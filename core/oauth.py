"""Access tokens by OAuth 2.0: bought when needed, renewed before they end, one purchase at a time for all threads.

SDKs bring OAuth of their own, without time-outs, with sessions of their own, and with no thought for a refresh token
that is good for one use. Those change hands here: the new one takes the old one's place where the user keeps it,
before its access token is used.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from tieline.core.clock import Clock
from tieline.core.errors import NeedsOperator, RemoteError, TryAgain
from tieline.core.http import outcome, read_whole
from tieline.core.port import HttpSettings, Workbench
from tieline.core.redaction import conceal_token
from tieline.core.route import blocked, route
from tieline.core.secrets import Secret
from tieline.core.unreached import cause

LONGEST: Final = 86_400.0
"""Seconds after which a token is bought again, whatever the tool says of it."""

EARLY: Final = 60.0
"""Seconds before its end that a token counts as used up, so that none expires on its way."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What a token endpoint gave. `lifetime` in seconds; `refresh_token` is "" where it gave no other one."""

    token: str
    lifetime: float
    refresh_token: str = ""

    def __repr__(self) -> str:
        return f"Granted(lifetime={self.lifetime:.0f})"


class Tokens:
    """The access token of one connection, for all its threads. `buy` raises a RemoteError."""

    def __init__(self, clock: Clock, buy: Callable[[], Granted]) -> None:
        self._clock = clock
        self._buy = buy
        self._lock = threading.Lock()
        self._token = ""
        self._ends = 0.0

    def token(self) -> str:
        """A token that is still good for a while. Who comes while another thread buys waits for that one's."""
        with self._lock:
            if not self._token or self._clock.monotonic() >= self._ends:
                self._token = ""
                granted = self._buy()
                self._token = granted.token
                self._ends = self._clock.monotonic() + max(granted.lifetime - EARLY, granted.lifetime / 2)
            return self._token

    def renew(self, refused: str) -> bool:
        """Forget a token that was refused before its time, unless another thread has. True where there was one."""
        with self._lock:
            if self._token == refused:
                self._token = ""
        return bool(refused)


class Endpoint:
    """Where tokens are bought. `as_json` for those that take JSON in place of a form."""

    def __init__(
        self,
        connection: str,
        settings: HttpSettings,
        bench: Workbench,
        url: str,
        *,
        timeout: float,
        as_json: bool = False,
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._bench = bench
        self._url = url
        self._timeout = timeout
        self._as_json = as_json

    def buy(self, grant: Mapping[str, str | Secret]) -> Granted:
        """One purchase. Not `maybe_done` when it fails: whatever became of the token, the write it was for has not
        been sent. Raises NeedsOperator where a person is needed."""
        form = {name: self._plain(value) for name, value in grant.items()}
        what = f"POST {self._url}"
        way = route(self._connection, self._settings, self._url)
        self._bench.spend()
        try:
            with (
                httpx.Client(
                    headers={"accept": "application/json"},
                    timeout=httpx.Timeout(self._timeout, connect=min(self._timeout, 10.0)),
                    verify=way.context(),
                    proxy=way.proxy or None,
                    follow_redirects=False,
                    trust_env=False,
                    transport=self._bench.transport,
                ) as client,
                client.stream(
                    "POST", self._url, json=form if self._as_json else None, data=None if self._as_json else form
                ) as response,
            ):
                content = read_whole(response)
        except (httpx.HTTPError, httpx.InvalidURL, OverflowError) as error:
            # `from None`: the library's exceptions carry the request with all that is secret in it.
            failure = blocked(self._connection, what, error, way)
            raise failure or TryAgain(self._connection, f"{what}: no answer ({cause(error)})") from None
        return self._granted(what, response, content)

    def _granted(self, what: str, response: httpx.Response, content: bytes) -> Granted:
        try:
            said = json.loads(content)
        except (ValueError, RecursionError):
            said = None
        said = said if isinstance(said, dict) else {}
        if response.status_code != 200:
            raise self._refusal(what, response, said)
        token, renewed = said.get("access_token"), said.get("refresh_token")
        if not isinstance(token, str) or not token:
            words = f"{what} answered 200 without a token (a login or maintenance page?); check that address."
            raise TryAgain(self._connection, words, status=200)
        conceal_token(token)
        if not token.isascii() or not token.isprintable():
            raise NeedsOperator(self._connection, f"{what} gave a token that fits into no header; check the address")
        renewed = renewed if isinstance(renewed, str) else ""
        conceal_token(renewed)
        return Granted(token, _seconds(said.get("expires_in")), renewed)

    def _refusal(self, what: str, response: httpx.Response, said: Mapping[str, Any]) -> RemoteError:
        code = said.get("error")
        named = f" ({code})" if isinstance(code, str) and re.fullmatch(r"[a-z_]{1,40}", code) else ""
        status = response.status_code
        if status in (400, 401, 403):
            # OAuth says invalid_grant or invalid_client with any of the three (RFC 6749, 5.2).
            return NeedsOperator(
                self._connection,
                f"{what} answered {status}{named}: the tool gives no token. Renew the credentials, or what was "
                f"registered and consented to there, then run `tieline check {self._connection}`.",
                status=status,
            )
        # As a read: nothing was written, whatever became of this.
        failure = outcome(self._connection, "GET", self._url, status, response.headers, "", self._bench.clock.now())
        if isinstance(failure, TryAgain | NeedsOperator):
            failure.args = (str(failure).replace(f"GET {self._url}", what),)
            return failure
        return NeedsOperator(self._connection, f"{what} answered {status}, which no token endpoint does", status=status)

    def _plain(self, value: str | Secret) -> str:
        if isinstance(value, str):
            return value
        try:
            return value.reveal()
        except LookupError as error:
            raise NeedsOperator(self._connection, str(error)) from None


class RefreshToken:
    """A refresh token in a place of the user's, where the next one is put when the tool gives another."""

    def __init__(self, connection: str, kept: Secret) -> None:
        self._connection = connection
        self._kept = kept
        self._unsaved = ""
        self._spent = ""
        """What was in that place when the unsaved one was given for it."""

    def use(self, buy: Callable[[str], Granted]) -> Granted:
        """Buy with the token that is good now, and keep what is given for it. No other process does so meanwhile."""
        try:
            with self._kept.alone():
                # First of all: a token that cannot be kept would be lost, and with it the consent of a person.
                self._kept.check_keeping()
                there = self._kept.reveal(passing=True)
                # Unless a person has put another one there since.
                used = self._unsaved if self._unsaved and there == self._spent else there
                granted = buy(used)
                if granted.refresh_token not in ("", used):
                    self._unsaved, self._spent = granted.refresh_token, there
                    self._kept.keep(granted.refresh_token)
                self._unsaved = ""
                return granted
        except LookupError as error:
            raise NeedsOperator(self._connection, str(error)) from None


class Bearer:
    """A requests authentication; a callable is all it asks for. Its repr does not show the token."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


def _seconds(lifetime: Any) -> float:
    """How long a token lasts: what the tool says, within reason. A token that ends early is bought again."""
    if isinstance(lifetime, str) and lifetime.isascii() and lifetime.isdigit():
        lifetime = int(lifetime[:9])
    if isinstance(lifetime, bool) or not isinstance(lifetime, int | float) or lifetime != lifetime:
        return 0.0
    return float(min(max(lifetime, 0), LONGEST))
