"""Proving who we are: Basic, or a token that the instance sells for a password, a refresh token or nothing more.

pysnow's OAuthClient is not used: its token call has no time-out and a session of its own, its resources take no
time-out either, and a cached one fails when the token runs out.
"""

from __future__ import annotations

from tieline.adapters.servicenow.settings import Grant, OAuthSettings, ServiceNowSettings
from tieline.core.errors import NeedsOperator
from tieline.core.oauth import Endpoint, Granted, RefreshToken, Tokens
from tieline.core.port import Workbench
from tieline.core.redaction import conceal_pair
from tieline.core.secrets import Secret

Pair = tuple[bytes, bytes]
"""User and password, as bytes: requests would encode text as Latin-1 and fail on the rest of the world's passwords."""


def pair(connection: str, settings: ServiceNowSettings) -> Pair:
    """What Basic shows. Raises NeedsOperator where the password cannot be had."""
    password = _password(connection, settings)
    conceal_pair(settings.username, password)
    return settings.username.encode(), password.encode()


def tokens(connection: str, settings: ServiceNowSettings, bench: Workbench) -> Tokens | None:
    """What buys the tokens of a connection, or None where it proves itself by its password."""
    oauth = settings.oauth
    if oauth is None:
        return None
    endpoint = Endpoint(connection, settings, bench, f"{settings.url}/oauth_token.do", timeout=settings.timeout)
    kept = RefreshToken(connection, oauth.refresh_token) if oauth.refresh_token is not None else None

    def buy() -> Granted:
        match oauth.grant:
            case Grant.PASSWORD:
                who = {"username": settings.username, "password": _password(connection, settings)}
                return endpoint.buy({**_grant(oauth), **who})
            case Grant.CLIENT_CREDENTIALS:
                return endpoint.buy(_grant(oauth))
            case Grant.REFRESH_TOKEN if kept is not None:
                return kept.use(lambda token: endpoint.buy({**_grant(oauth), "refresh_token": token}))
        raise NeedsOperator(connection, f"`oauth.grant: {oauth.grant.value}` lacks its `refresh_token`")

    return Tokens(bench.clock, buy)


def _password(connection: str, settings: ServiceNowSettings) -> str:
    if settings.password is None:
        raise NeedsOperator(connection, "`password` is missing")
    try:
        return settings.password.reveal()
    except LookupError as error:
        raise NeedsOperator(connection, str(error)) from None


def _grant(oauth: OAuthSettings) -> dict[str, str | Secret]:
    return {"grant_type": oauth.grant.value, "client_id": oauth.client_id, "client_secret": oauth.client_secret}
