"""What an admin writes under a connection whose `tool` is `icinga`."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, field_validator

from tieline.core.login import LOGIN, BasicOrBearer, address_alone
from tieline.core.secrets import Secret


class IcingaSettings(BasicOrBearer):
    """The API of one Icinga 2 master. Its certificate is of Icinga's own authority: give `ca_file`."""

    choices = (LOGIN,)
    account_options = ("url", "username", "password", "bearer_token")

    history: timedelta = Field(
        default=timedelta(days=1),
        description="The first poll takes in problems that began within this time; older ones stay as they are.",
    )
    url: str = Field(
        examples=["https://icinga.example.com:5665"], description="The address of its API, without /v1 at the end."
    )
    vars: tuple[str, ...] = Field(
        default=(),
        description="Custom variables of hosts and services that are taken over as labels. No others are kept: they "
        "hold passwords as well.",
    )
    web: str | None = Field(
        default=None,
        description="The address of Icinga Web 2, as in https://icinga.example.com/icingaweb2, for links to a problem.",
    )
    author: str = Field(default="tieline", min_length=1, description="Who acknowledges, as Icinga shows it.")
    sticky: bool = Field(
        default=True,
        description="An acknowledgement stays until recovery; false ends it when the state changes at all.",
    )
    notify: bool = Field(default=False, description="Icinga tells its contacts of each acknowledgement.")
    webhook_token: Secret | None = Field(
        default=None, description="What a NotificationCommand sends as Bearer; without it, problems come by polling."
    )
    page_size: int = Field(default=500, ge=1, le=10_000, description="Problems handed on at once while polling.")
    timeout: float = Field(default=30.0, gt=0, le=600, description="Seconds that one answer may take.")

    @field_validator("url", "web")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        return None if url is None else address_alone(url, "https://icinga.example.com:5665", without="/v1")
