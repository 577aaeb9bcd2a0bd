"""What an admin writes under a connection whose `tool` is `pagerduty`."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from tieline.core.port import HttpSettings
from tieline.core.secrets import Secret

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Authentication(StrEnum):
    """How the REST key is sent: `Token token=…` for API keys, `Bearer …` for OAuth access tokens."""

    TOKEN = "token"  # noqa: S105 - the name of a scheme, not a secret
    BEARER = "bearer"


class PagerDutySettings(HttpSettings):
    """One PagerDuty account."""

    url: str = Field(default="https://api.pagerduty.com", description="The REST API; the EU has its own host.")
    api_key: Secret = Field(description="A REST API key that may write, or an OAuth access token.")
    auth: Authentication = Field(default=Authentication.TOKEN, description="How `api_key` is sent.")
    from_email: str = Field(
        description="The user in whose name we write. Give Tieline a user of its own: notes of this user count as ours."
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
    def _address(cls, url: str) -> str:
        parts = urlsplit(url)
        if not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("write the address alone, like https://api.eu.pagerduty.com")
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ValueError("the key would travel in the open; write an https address")
        return url.rstrip("/")

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
