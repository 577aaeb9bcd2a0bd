"""What an admin writes under a connection whose `tool` is `pagerduty`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tieline.core.port import HttpSettings
from tieline.core.secrets import Secret
from tieline.core.ways import Choice, Way

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


SCOPES: Final = (
    "incidents.read",
    "incidents.write",
    "priorities.read",
    "services.read",
    "users.read",
)
"""What Tieline calls for."""


def _address(url: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("write the address alone, like https://api.eu.pagerduty.com")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError("the key would travel in the open; write an https address")
    return url.rstrip("/")


class Authentication(StrEnum):
    """How the REST key is sent: `Token token=…` for API keys, `Bearer …` for OAuth access tokens."""

    TOKEN = "token"  # noqa: S105 - the name of a scheme, not a secret
    BEARER = "bearer"


class Region(StrEnum):
    """Where the account is served."""

    US = "us"
    EU = "eu"


class OAuthSettings(BaseModel):
    """An app of the account with scoped OAuth: client credentials."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    client_id: str = Field(min_length=1, description="The app's client id.")
    client_secret: Secret = Field(description="Its secret.")
    region: Region = Field(default=Region.US, description="The account's service region.")
    subdomain: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="The account's subdomain: `acme` of acme.pagerduty.com."
    )
    scopes: tuple[str, ...] = Field(
        default=SCOPES, min_length=1, description="What is asked for; the app must have been given all of them."
    )
    token_url: str = Field(default="https://identity.pagerduty.com/oauth/token", description="Where tokens are bought.")

    @field_validator("scopes")
    @classmethod
    def _words(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"[a-z_]+(:[a-z_]+)?\.(read|write)", scope) for scope in scopes):
            raise ValueError("write scopes like incidents.read; `region` and `subdomain` say whose")
        return scopes

    @field_validator("token_url")
    @classmethod
    def _secure(cls, url: str) -> str:
        return _address(url)

    @property
    def scope(self) -> str:
        """As it is sent: the account first."""
        return " ".join((f"as_account-{self.region.value}.{self.subdomain}", *self.scopes))


LOGIN: Final = Choice(
    "How does Tieline log in?",
    (
        Way("key", "a REST API key that may write", ("api_key",)),
        Way("bearer", "an OAuth access token", ("api_key",), {"auth": Authentication.BEARER.value}),
        Way(
            "oauth",
            "scoped OAuth: an app of the account",
            ("oauth.client_id", "oauth.client_secret", "oauth.subdomain"),
        ),
    ),
)


class PagerDutySettings(HttpSettings):
    """One PagerDuty account."""

    choices = (LOGIN,)
    account_options = ("url", "api_key", "auth", "oauth")

    url: str = Field(default="https://api.pagerduty.com", description="The REST API; the EU has its own host.")
    api_key: Secret | None = Field(
        default=None,
        description="A REST API key that may write, or an OAuth access token.",
        examples=[{"env": "PAGERDUTY_API_KEY"}],  # so that a new workspace begins with it
    )
    oauth: OAuthSettings | None = Field(
        default=None, description="Scoped OAuth, instead of `api_key`; `url` must be of the same region."
    )
    auth: Authentication = Field(default=Authentication.TOKEN, description="How `api_key` is sent.")
    from_email: str = Field(
        description="The user in whose name we write, and whose key `api_key` is unless it is the account's. Give "
        "Tieline a user of its own: notes of this user count as ours."
    )
    service: str = Field(description="The id of the service that new incidents are raised on.")
    watch: tuple[str, ...] = Field(
        default=(),
        description="Ids of the services whose incidents are followed; empty means all. `service` is one of them.",
    )
    webhook_secrets: tuple[Secret, ...] = Field(
        default=(), description="The signing secrets of the webhook subscriptions; two while one is being replaced."
    )
    routing_key: Secret | None = Field(
        default=None,
        description="An Events API v2 integration key: incidents are then raised by an event, not by REST.",
    )
    events_url: str = Field(default="https://events.pagerduty.com", description="The Events API v2.")
    lookup_lag: timedelta = Field(
        default=timedelta(seconds=5),
        ge=timedelta(0),
        description="How long a new incident may need before a look-up by its key shows it.",
    )
    overlap: timedelta = Field(
        default=timedelta(minutes=5),
        ge=timedelta(seconds=5),
        description="How far each poll looks back in the log, for entries that were published late.",
    )
    page_size: int = Field(
        default=100, ge=1, le=100, description="Rows asked for at once; PagerDuty gives 100 at most."
    )
    timeout: float = Field(default=30.0, gt=0, le=600, description="Seconds that one answer may take.")

    @field_validator("url", "events_url")
    @classmethod
    def _reached(cls, url: str) -> str:
        return _address(url)

    def disagreements(self) -> Iterator[str]:
        """None or two credentials, and a region that is not the address's."""
        yield from super().disagreements()
        if (self.api_key is None) == (self.oauth is None):
            yield "give either `api_key` or `oauth`"
        if self.oauth is not None and self.auth is not Authentication.TOKEN:
            yield "`auth` says how `api_key` is sent; remove it"
        served = {"api.pagerduty.com": Region.US, "api.eu.pagerduty.com": Region.EU}.get(
            urlsplit(self.url).hostname or ""
        )
        if self.oauth is not None and served not in (None, self.oauth.region):
            yield f"`url` is of another region than `oauth.region: {self.oauth.region.value}`"

    @field_validator("from_email")
    @classmethod
    def _mail_address(cls, address: str) -> str:
        name, at, domain = address.strip().partition("@")
        if not (name and at and domain) or not address.strip().isascii() or any(c.isspace() for c in address.strip()):
            raise ValueError("write the e-mail address of a user of the account")
        return address.strip().lower()

    @field_validator("service")
    @classmethod
    def _identifier(cls, text: str) -> str:
        if not text.isalnum() or not text.isascii():
            raise ValueError("write the service's id, like PIJ90N7: the last part of its address")
        return text

    @property
    def followed(self) -> frozenset[str]:
        """The services whose incidents are followed; empty means all."""
        return frozenset((*self.watch, self.service)) if self.watch else frozenset()
