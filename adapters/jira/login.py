"""Access tokens of Atlassian: a service account's, or those that somebody's consent lasts for (3LO)."""

from __future__ import annotations

from tieline.adapters.jira.settings import JiraSettings, OAuthSettings
from tieline.core.oauth import Endpoint, Granted, RefreshToken, Tokens
from tieline.core.port import Workbench
from tieline.core.secrets import Secret


def tokens(connection: str, settings: JiraSettings, bench: Workbench) -> Tokens | None:
    """What buys the tokens of a connection, or None where it proves itself otherwise."""
    oauth = settings.oauth
    if oauth is None:
        return None
    # The one address that takes JSON, as its pages show it.
    endpoint = Endpoint(connection, settings, bench, oauth.token_url, timeout=settings.timeout, as_json=True)
    if oauth.refresh_token is None:
        return Tokens(bench.clock, lambda: endpoint.buy(_grant(oauth, "client_credentials")))
    kept = RefreshToken(connection, oauth.refresh_token)

    def refresh() -> Granted:
        return kept.use(lambda token: endpoint.buy({**_grant(oauth, "refresh_token"), "refresh_token": token}))

    return Tokens(bench.clock, refresh)


def _grant(oauth: OAuthSettings, kind: str) -> dict[str, str | Secret]:
    return {"grant_type": kind, "client_id": oauth.client_id, "client_secret": oauth.client_secret}
