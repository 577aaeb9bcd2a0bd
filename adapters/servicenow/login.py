"""Proving who we are: Basic, or a token bought with the password.

pysnow's OAuthClient is not used: its token call has no time-out and a session of its own, its resources take no
time-out either, and a cached one fails when the token runs out.
"""

from __future__ import annotations

import threading
from typing import Any

from tieline.adapters.servicenow.answers import refusal, said
from tieline.adapters.servicenow.settings import OAuthSettings, ServiceNowSettings
from tieline.core.clock import Clock
from tieline.core.errors import NeedsOperator, TryAgain
from tieline.core.redaction import conceal_pair, conceal_token
from tieline.core.route import Route, blocked
from tieline.core.secrets import Secret
from tieline.core.unreached import cause

_LONGEST = 86_400.0
"""Seconds after which a token is bought again, whatever the instance says of it."""

_EARLY = 60.0
"""Seconds before its end that a token counts as used up, so that none expires on its way."""


class Login:
    """Gives each session its authentication; a token is shared by all threads and bought by one."""

    def __init__(self, connection: str, settings: ServiceNowSettings, clock: Clock) -> None:
        self._connection = connection
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._token: str | None = None
        self._ends = 0.0

    def auth(self, session: Any, way: Route) -> Any:
        """The requests authentication for one call. Raises NeedsOperator when a secret cannot be had."""
        from requests.auth import HTTPBasicAuth

        if self._settings.oauth is None:
            # As bytes: requests would encode text as Latin-1 and fail on the rest of the world's passwords.
            password = self._reveal(self._settings.password)
            conceal_pair(self._settings.username, password)
            return HTTPBasicAuth(self._settings.username.encode(), password.encode())
        return _Bearer(self._fresh_token(session, way, self._settings.oauth))

    def renew(self) -> bool:
        """Forget the token. True when there was one, so that one more try makes sense."""
        with self._lock:
            had, self._token = self._token is not None, None
        return had

    def _fresh_token(self, session: Any, way: Route, oauth: OAuthSettings) -> str:
        with self._lock:
            if self._token is None or self._clock.monotonic() >= self._ends:
                self._token, lifetime = self._buy(session, way, oauth)
                self._ends = self._clock.monotonic() + max(0.0, lifetime - _EARLY)
            return self._token

    def _buy(self, session: Any, way: Route, oauth: OAuthSettings) -> tuple[str, float]:
        import requests

        form = {
            "grant_type": "password",
            "client_id": oauth.client_id,
            "client_secret": self._reveal(oauth.client_secret),
            "username": self._settings.username,
            "password": self._reveal(self._settings.password),
        }
        try:
            answer = said(
                session.post(
                    f"{self._settings.url}/oauth_token.do",
                    data=form,
                    headers={"accept": "application/json"},
                    timeout=(min(self._settings.timeout, 10.0), self._settings.timeout),
                    allow_redirects=False,
                    stream=True,
                ),
                1 << 20,
            )
        except (requests.exceptions.RequestException, OverflowError) as error:
            # Not `maybe_done`: whatever became of the token, the write it was for has not been sent.
            failure = blocked(self._connection, "POST /oauth_token.do", error, way)
            raise failure or TryAgain(self._connection, f"POST /oauth_token.do: no answer ({cause(error)})") from None
        return self._token_in(answer)

    def _token_in(self, answer: Any) -> tuple[str, float]:
        granted = answer.json or {}
        token = granted.get("access_token")
        if answer.status == 200 and isinstance(token, str) and token:
            conceal_token(token)
            if not token.isascii() or not token.isprintable():
                raise NeedsOperator(self._connection, "the token that it gives fits into no header; check `url`")
            return token, _seconds(granted.get("expires_in"))
        if answer.status in (400, 401, 403):
            # OAuth says invalid_grant or invalid_client with any of the three (RFC 6749, 5.2).
            raise NeedsOperator(
                self._connection,
                f"POST /oauth_token.do answered {answer.status}: the instance gives no token. Renew the credentials or "
                f"the application registry entry, then run `tieline check {self._connection}`.",
            )
        failure = refusal(self._connection, "GET", "/oauth_token.do", answer, answer.headers, self._clock.now())
        raise failure or TryAgain(self._connection, "POST /oauth_token.do answered without a token")

    def _reveal(self, secret: Secret) -> str:
        try:
            return secret.reveal()
        except LookupError as error:
            raise NeedsOperator(self._connection, str(error)) from None


def _seconds(lifetime: Any) -> float:
    """How long a token lasts: what the instance says, within reason. A token that ends early is bought again."""
    if isinstance(lifetime, bool) or not isinstance(lifetime, int | float) or lifetime != lifetime:
        return 0.0
    return float(min(max(lifetime, 0), _LONGEST))


class _Bearer:
    """A requests authentication; a callable is all it asks for. Its repr does not show the token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request
