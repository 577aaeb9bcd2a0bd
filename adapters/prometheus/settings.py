"""What an admin writes under a connection whose `tool` is `prometheus`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from tieline.core.port import HttpSettings
from tieline.core.secrets import Secret
from tieline.core.ways import Choice, Way

LOGIN: Final = Choice(
    "How does Tieline log in?",
    (
        Way("none", "it asks for nothing"),
        Way("password", "a user name and a password (Basic)", ("username", "password")),
        Way("bearer", "a token, sent as Bearer", ("bearer_token",)),
    ),
)


class PrometheusSettings(HttpSettings):
    """One Prometheus whose alerts are polled."""

    choices = (LOGIN,)
    account_options = ("url", "username", "password", "bearer_token", "tenant")

    history: timedelta = Field(
        default=timedelta(days=1),
        description="The first poll takes in alerts that fire and began within this time; older ones stay as they are.",
    )
    url: str = Field(
        description="Its address with the path before /api/v1, as in https://mimir.example.com/prometheus."
    )
    username: str | None = Field(default=None, description="For Basic authentication, with `password`.")
    password: Secret | None = Field(default=None, description="For Basic authentication, with `username`.")
    bearer_token: Secret | None = Field(default=None, description="Sent as Bearer, instead of `username`.")
    tenant: str | None = Field(default=None, description="Sent as X-Scope-OrgID, for Mimir and its kin.")
    pending: bool = Field(
        default=False, description="Take in alerts whose condition holds, but not yet for as long as the rule asks."
    )
    restart_grace: timedelta = Field(
        default=timedelta(minutes=10),
        ge=timedelta(0),
        description="How long after its start an absent alert does not count as ended: rules have to be evaluated, "
        "and alerts to be restored, first. Longer than the longest `for` of the rules.",
    )
    needs_targets: bool = Field(
        default=True,
        description="An absent alert counts as ended only while at least one target is scraped: without data no "
        "condition holds. False for one that only evaluates rules over data pushed to it.",
    )
    page_size: int = Field(default=500, ge=1, le=10_000, description="Alerts handed on at once.")
    timeout: float = Field(default=30.0, gt=0, le=600, description="Seconds that one answer may take.")

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("write its address alone, like https://prometheus.example.com")
        if "@" in parts.netloc:
            raise ValueError("credentials belong in `username` and `password`, not in the address")
        return url.rstrip("/").removesuffix("/api/v1")

    @field_validator("tenant")
    @classmethod
    def _header(cls, text: str | None) -> str | None:
        if text is not None and not (text and text.isascii() and text.isprintable()):
            raise ValueError("only printable ASCII can stand here; it is sent as a header")
        return text

    @field_validator("username")
    @classmethod
    def _user(cls, text: str | None) -> str | None:
        # Sent as UTF-8 (RFC 7617), where a colon ends the name.
        if text is not None and not (text and text.isprintable() and ":" not in text):
            raise ValueError("write a name of printable characters, without a colon")
        return text

    def disagreements(self) -> Iterator[str]:
        """Half a credential, or two."""
        yield from super().disagreements()
        if (self.username is None) != (self.password is None):
            yield "`username` and `password` go together"
        if self.username is not None and self.bearer_token is not None:
            yield "give either `username` with `password`, or `bearer_token`"
