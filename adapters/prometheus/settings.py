"""What an admin writes under a connection whose `tool` is `prometheus`."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, field_validator

from tieline.core.login import LOGIN, BasicOrBearer, address_alone, header_text


class PrometheusSettings(BasicOrBearer):
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
        return address_alone(url, "https://prometheus.example.com", without="/api/v1")

    @field_validator("tenant")
    @classmethod
    def _header(cls, text: str | None) -> str | None:
        return header_text(text)
