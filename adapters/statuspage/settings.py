"""What a connection to a status page is told."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, field_validator

from tieline.core.login import address_alone
from tieline.core.port import HttpSettings
from tieline.core.secrets import Secret


class StatuspageSettings(HttpSettings):
    """Settings of one connection."""

    account_options = ("url", "token")

    url: str = Field(default="https://api.statuspage.io/v1", description="Where the REST API is.")
    page: str = Field(pattern=r"[A-Za-z0-9_-]{1,60}", description="The id of the page, as its API settings show it.")
    token: Secret = Field(description="An API key of an account that may manage incidents.")
    notify: bool = Field(default=True, description="Whether subscribers of the page are told of each update.")
    reach: timedelta = Field(
        default=timedelta(days=30),
        ge=timedelta(days=1),
        description="How old an incident of the page may be that is still looked at: the API lists them by when they "
        "began, and not by what changed.",
    )
    page_size: int = Field(default=100, ge=1, le=100, description="Incidents asked for at once.")

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        return address_alone(url, "https://api.statuspage.io/v1")
