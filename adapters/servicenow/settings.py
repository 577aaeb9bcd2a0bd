"""What an admin writes under a connection whose `tool` is `servicenow`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from tieline.core.port import HttpSettings
from tieline.core.secrets import Secret
from tieline.core.settings import Checked
from tieline.core.ways import Choice, Way

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class WebhookProof(StrEnum):
    """How a Business Rule proves that a delivery is its own."""

    SIGNATURE = "signature"  # X-Tieline-Signature: an HMAC over time and body
    SHARED_SECRET = "shared_secret"  # noqa: S105 - the name of a scheme. X-Tieline-Secret: the secret itself


class Grant(StrEnum):
    """What a token is bought with."""

    PASSWORD = "password"  # noqa: S105 - the name of a grant
    CLIENT_CREDENTIALS = "client_credentials"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the same


class OAuthSettings(Checked):
    """An OAuth application of the instance (Application Registry)."""

    client_id: str = Field(min_length=1, description="The client id of the application registry entry.")
    client_secret: Secret = Field(description="Its client secret.")
    grant: Grant = Field(
        default=Grant.PASSWORD,
        description="What the token is bought with: the user's password, nothing else (`username` is then the entry's "
        "OAuth application user), or `refresh_token`.",
    )
    refresh_token: Secret | None = Field(
        default=None,
        description="For that grant, in a file or keyring: when the instance gives another, it goes there.",
    )

    def disagreements(self) -> Iterator[str]:
        """A grant without what it needs, and a token that could not be replaced where it is."""
        if (self.grant is Grant.REFRESH_TOKEN) != (self.refresh_token is not None):
            yield "`refresh_token` goes with `grant: refresh_token`"
        if self.refresh_token is not None and not self.refresh_token.keeps:
            yield "`refresh_token` must be {file: /path} or {keyring: service/name}: it is replaced there"


_CLIENT: Final = ("oauth.client_id", "oauth.client_secret")
LOGIN: Final = Choice(
    "How does Tieline log in?",
    (
        Way("password", "the integration user's password (Basic)", ("password",)),
        Way("oauth", "OAuth: an application, and the user's password", ("password", *_CLIENT)),
        Way(
            "client",
            "OAuth: an application alone, whose user is `username`",
            _CLIENT,
            {"oauth.grant": Grant.CLIENT_CREDENTIALS.value},
        ),
        Way(
            "refresh",
            "OAuth: an application, and a refresh token",
            (*_CLIENT, "oauth.refresh_token"),
            {"oauth.grant": Grant.REFRESH_TOKEN.value},
            kept=frozenset({"oauth.refresh_token"}),
        ),
    ),
)


class ServiceNowSettings(HttpSettings):
    """One ServiceNow instance, one table."""

    choices = (LOGIN,)
    account_options = ("url", "username", "password", "oauth")

    url: str = Field(description="The instance: https://example.service-now.com")
    username: str = Field(min_length=1, description="The integration user's user name; its time zone must be GMT.")
    password: Secret | None = Field(
        default=None,
        description="The integration user's password; needed unless `oauth` has another grant.",
        examples=[{"env": "SERVICENOW_PASSWORD"}],  # so that a new workspace begins with it
    )
    oauth: OAuthSettings | None = Field(default=None, description="With it, tokens are bought; without, Basic.")
    table: str = Field(default="incident", pattern=r"^[a-z][a-z0-9_]{0,79}$", description="The table of the incidents.")
    query: str = Field(default="", description="An encoded query that limits what is read, like `active=true`.")
    page_size: int = Field(default=200, ge=1, le=10_000, description="Records per page.")
    lag: float = Field(
        default=90.0,
        ge=0,
        le=3600,
        description="Seconds behind the tool's clock that each poll reads again: a record is stamped before it is "
        "committed, so a slow transaction appears late.",
    )
    people_fields: tuple[str, ...] = Field(
        default=("assigned_to", "opened_by", "caller_id", "resolved_by"),
        description="The fields that refer to users and are looked up for their e-mail addresses.",
    )
    closed_states: tuple[str, ...] = Field(
        default=("7",), description="The values of `state` that the instance does not let anybody leave."
    )
    automation: tuple[str, ...] = Field(
        default=("system",),
        description="User names under which the instance's own jobs save: what they change goes to no other tool.",
    )
    webhook_secret: Secret | None = Field(default=None, description="What the Business Rule signs with.")
    retired_webhook_secret: Secret | None = Field(
        default=None, description="The former secret, accepted while a rotation lasts."
    )
    webhook_proof: WebhookProof = Field(default=WebhookProof.SIGNATURE, description="How deliveries are proved.")
    timeout: float = Field(default=30.0, gt=0, le=600, description="Seconds that the tool may stay silent.")

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        parts = urlsplit(url.rstrip("/"))
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or "@" in parts.netloc
            or parts.path
            or parts.query
            or parts.fragment
        ):
            raise ValueError("write the instance's address alone, like https://example.service-now.com")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ValueError("write https: over http the password would travel in the open")
        return url.rstrip("/")

    def disagreements(self) -> Iterator[str]:
        """A password that is missing, or of no use."""
        yield from super().disagreements()
        if self.logs_in and self.password is None:
            yield "`password` is missing: add `password: {env: NAME}`, or `oauth` with a grant that needs none"
        if not self.logs_in and self.password is not None:
            yield "`password` is not used with this grant; remove it"

    @field_validator("query")
    @classmethod
    def _filter(cls, query: str) -> str:
        query = query.strip().strip("^")
        if re.search(r"(\^|^)(NQ|EQ$|EQ\^|ORDERBY|GROUPBY)", query) or re.search(r"[\r\n]", query):
            # A new query (^NQ) would escape the time condition that follows, and an order would break the paging.
            raise ValueError("^NQ, ^EQ, ORDERBY, GROUPBY and line breaks cannot stand in `query`; use conditions only")
        if query.startswith("OR"):
            raise ValueError("`query` begins with OR, which has nothing to its left")
        return query

    @property
    def logs_in(self) -> bool:
        """Whether `username` and a password are what the instance knows us by; a token may be anybody's."""
        return self.oauth is None or self.oauth.grant is Grant.PASSWORD

    @property
    def jobs(self) -> frozenset[str]:
        """The names of `automation`, in the case in which names are compared."""
        return frozenset(name.casefold() for name in self.automation)

    @property
    def window(self) -> timedelta:
        return timedelta(seconds=self.lag)
