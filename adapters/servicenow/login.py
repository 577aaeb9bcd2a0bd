"""Proving who we are: Basic, or a token that the instance sells for a password, a refresh token or nothing more.

pysnow's OAuthClient is not used: its token call has no time-out and a session of its own, its resources take no
time-out either, and a cached one fails when the token runs out.
"""

from __future__ import annotations

from typing import Any

from tieline.adapters.servicenow.settings import Grant, OAuthSettings, ServiceNowSettings
from tieline.core.errors import NeedsOperator
from tieline.core.oauth import Bearer, Endpoint, Granted, RefreshToken, Tokens
from tieline.core.port import Workbench
from tieline.core.redaction import conceal_pair
from tieline.core.secrets import Secret


class Login:
    """Gives each session its authentication; a token is shared by all threads and bought by one."""

    def __init__(self, connection: str, settings: ServiceNowSettings, bench: Workbench) -> None:
        self._connection = connection
        self._settings = settings
        self._tokens = None
        if settings.oauth is not None:
            address = f"{settings.url}/oauth_token.do"
            self._endpoint = Endpoint(connection, settings, bench, address, timeout=settings.timeout)
            self._oauth = settings.oauth
            kept = settings.oauth.refresh_token
            self._refresh = RefreshToken(connection, kept) if kept is not None else None
            self._tokens = Tokens(bench.clock, self._buy)

    def auth(self) -> Any:
        """The requests authentication for one call. Raises NeedsOperator when a secret cannot be had."""
        from requests.auth import HTTPBasicAuth

        if self._tokens is not None:
            return Bearer(self._tokens.token())
        # As bytes: requests would encode text as Latin-1 and fail on the rest of the world's passwords.
        password = self._reveal(self._settings.password)
        conceal_pair(self._settings.username, password)
        return HTTPBasicAuth(self._settings.username.encode(), password.encode())

    def renew(self, refused: Any) -> bool:
        """Forget the token that was refused. True when there was one, so that one more try makes sense."""
        return self._tokens is not None and isinstance(refused, Bearer) and self._tokens.renew(refused.token)

    def _buy(self) -> Granted:
        oauth = self._oauth
        match oauth.grant:
            case Grant.PASSWORD:
                who = {"username": self._settings.username, "password": self._reveal(self._settings.password)}
                return self._endpoint.buy({**_grant(oauth), **who})
            case Grant.CLIENT_CREDENTIALS:
                return self._endpoint.buy(_grant(oauth))
            case Grant.REFRESH_TOKEN if self._refresh is not None:
                return self._refresh.use(lambda token: self._endpoint.buy({**_grant(oauth), "refresh_token": token}))
        raise NeedsOperator(self._connection, f"`oauth.grant: {oauth.grant.value}` lacks its `refresh_token`")

    def _reveal(self, secret: Secret | None) -> str:
        if secret is None:
            raise NeedsOperator(self._connection, "`password` is missing")
        try:
            return secret.reveal()
        except LookupError as error:
            raise NeedsOperator(self._connection, str(error)) from None


def _grant(oauth: OAuthSettings) -> dict[str, str | Secret]:
    return {"grant_type": oauth.grant.value, "client_id": oauth.client_id, "client_secret": oauth.client_secret}
