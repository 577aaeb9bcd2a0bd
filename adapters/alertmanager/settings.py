"""What an admin writes under a connection whose `tool` is `alertmanager`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from pydantic import Field, field_validator

from tieline.core.login import LOGIN, BasicOrBearer, address_alone, header_text
from tieline.core.secrets import Secret
from tieline.core.ways import Choice, Way

WEBHOOKS: Final = Choice(
    "How do its webhooks prove that they are its own?",
    (
        Way("none", "there are none: it is only polled"),
        Way("token", "a token, sent as Bearer", ("webhook_token",)),
        Way("password", "a user name and a password (Basic)", ("webhook_username", "webhook_password")),
        Way("signature", "an HMAC, as Grafana makes it from 12.0 on", ("webhook_secrets",)),
    ),
)


class AlertmanagerSettings(BasicOrBearer):
    """One Alertmanager, or one address of a cluster of them."""

    choices = (LOGIN, WEBHOOKS)
    account_options = ("url", "username", "password", "bearer_token", "tenant")

    history: timedelta = Field(
        default=timedelta(days=1),
        description="The first poll takes in alerts that fire and began within this time; older ones stay as they are.",
    )
    url: str | None = Field(
        default=None,
        examples=["https://alertmanager.example.com"],
        description="Its address with the path before /api/v2, as in https://mimir.example.com/alertmanager or "
        "https://grafana.example.com/api/alertmanager/grafana. null where only its webhooks reach us.",
    )
    tenant: str | None = Field(default=None, description="Sent as X-Scope-OrgID, for Mimir and its kin.")
    receiver: str | None = Field(
        default=None,
        description="The receiver whose webhook points here. Polls then leave out alerts that are routed elsewhere.",
    )
    webhook_token: Secret | None = Field(
        default=None, description="What its webhook sends as Bearer (http_config.authorization.credentials)."
    )
    retired_webhook_token: Secret | None = Field(
        default=None, description="The former token, accepted while a rotation lasts."
    )
    webhook_username: str | None = Field(default=None, description="What its webhook sends as Basic user.")
    webhook_password: Secret | None = Field(default=None, description="What its webhook sends as Basic password.")
    webhook_secrets: tuple[Secret, ...] = Field(
        default=(), max_length=4, description="What Grafana's contact point signs with; two while it is replaced."
    )
    webhook_timestamp_header: str | None = Field(
        default=None, description="The contact point's timestamp header, where it has one: its time is signed, too."
    )
    webhook_age: timedelta = Field(
        default=timedelta(minutes=5),
        gt=timedelta(0),
        le=timedelta(days=1),
        description="How far the time of signing may be from ours, where it is signed. What is older is a replay.",
    )
    restart_grace: timedelta = Field(
        default=timedelta(minutes=5),
        ge=timedelta(0),
        description="How long after its start an absent alert does not count as ended: it has forgotten all, and "
        "Prometheus sends what still fires again. Longer than Prometheus' --rules.alert.resend-delay.",
    )
    page_size: int = Field(default=500, ge=1, le=10_000, description="Alerts handed on at once while polling.")
    timeout: float = Field(default=30.0, gt=0, le=600, description="Seconds that one answer may take.")

    @field_validator("url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        return address_alone(url, "https://alertmanager.example.com", without="/api/v2")

    @field_validator("webhook_timestamp_header")
    @classmethod
    def _name(cls, name: str | None) -> str | None:
        if name is not None and not (name.isascii() and name.replace("-", "").isalnum()):
            raise ValueError("write the header's name alone, like X-Grafana-Alerting-Timestamp")
        return None if name is None else name.lower()

    @field_validator("tenant")
    @classmethod
    def _header(cls, text: str | None) -> str | None:
        return header_text(text)

    def disagreements(self) -> Iterator[str]:
        """Half a credential of its webhooks, and no way at all to learn of alerts."""
        yield from super().disagreements()
        if (self.webhook_username is None) != (self.webhook_password is None):
            yield "`webhook_username` and `webhook_password` go together"
        if self.webhook_secrets and (self.webhook_token is not None or self.webhook_password is not None):
            yield "give either `webhook_secrets`, or `webhook_token` or `webhook_password`: a signature says more"
        if self.webhook_timestamp_header is not None and not self.webhook_secrets:
            yield "`webhook_timestamp_header` belongs to `webhook_secrets`"
        if self.url is None and not self.hears:
            yield "give `url` to poll it, `webhook_token` to hear its webhooks, or both"
        if self.url is None and (self.username is not None or self.bearer_token is not None):
            yield "`username` and `bearer_token` are for polling: give `url`, too"

    @property
    def hears(self) -> bool:
        """Whether a webhook could be proved."""
        return bool(self.webhook_secrets) or self.webhook_token is not None or self.webhook_password is not None

    @property
    def only_listens(self) -> bool:
        """Whether webhooks are all there is."""
        return self.url is None

    @property
    def risks(self) -> tuple[str, ...]:
        """What cannot be known without polling, beside what every connection gives up."""
        if self.url is not None:
            return super().risks
        return (
            "No `url` is set, so that only webhooks tell of alerts: one that is lost, or cut by `max_alerts`, is never "
            "seen; an end that none tells (of a silenced alert, after a restart, with `send_resolved: false`) leaves "
            "its incident open; whoever works on an incident cannot silence its alerts from here.",
        )
