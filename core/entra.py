"""What Microsoft's services share: an application of Entra ID that buys tokens, and times with seven decimals."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from pydantic import Field, field_validator

from tieline.core.login import address_alone
from tieline.core.oauth import Endpoint, Tokens
from tieline.core.port import HttpSettings, Workbench
from tieline.core.secrets import Secret

GUID: Final = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_DECIMALS: Final = re.compile(r"(\.\d{6})\d+")


class EntraSettings(HttpSettings):
    """Settings of a service that an app registration of Entra ID may use."""

    account_options = ("url", "tenant", "client_id", "client_secret")

    url: str = Field(description="The address of the service.")
    tenant: str = Field(
        pattern=GUID + r"|[A-Za-z0-9.-]{3,253}", description="The directory: its id, or one of its domains."
    )
    client_id: str = Field(pattern=GUID, description="The application (client) id of an app registration.")
    client_secret: Secret = Field(description="One of its client secrets.")
    login_url: str = Field(
        default="https://login.microsoftonline.com",
        description="Where tokens are bought; https://login.microsoftonline.us for Azure Government.",
    )

    @field_validator("url", "login_url")
    @classmethod
    def _address(cls, url: str) -> str:
        return address_alone(url, "https://graph.microsoft.com")


def tokens(connection: str, settings: EntraSettings, bench: Workbench) -> Tokens:
    """Tokens of the application itself, for the service at `url`. Nothing is bought yet."""
    where = f"{settings.login_url}/{settings.tenant}/oauth2/v2.0/token"
    endpoint = Endpoint(connection, settings, bench, where, timeout=30.0)
    grant: dict[str, str | Secret] = {
        "grant_type": "client_credentials",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
        "scope": f"{settings.url}/.default",
    }
    return Tokens(bench.clock, lambda: endpoint.buy(grant))


def moment(text: object) -> datetime:
    """A time of one of their APIs. Raises ValueError."""
    found = datetime.fromisoformat(_DECIMALS.sub(r"\1", str(text)))
    if found.tzinfo is None:
        raise ValueError(f"{text!r:.40} has no time zone")
    return found
