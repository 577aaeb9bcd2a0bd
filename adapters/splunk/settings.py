"""What a connection to Splunk Enterprise Security is told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from pydantic import Field, field_validator

from tieline.core.login import LOGIN, BasicOrBearer, address_alone


class SplunkSettings(BasicOrBearer):
    """The management port of the search head that Enterprise Security runs on."""

    choices = (LOGIN,)
    account_options = ("url", "username", "password", "bearer_token")

    url: str = Field(
        examples=["https://splunk.example.com:8089"], description="The management port of the search head (8089)."
    )
    web: str | None = Field(default=None, description="The address of Splunk Web, for links to a notable event.")
    window: timedelta = Field(
        default=timedelta(days=30),
        gt=timedelta(0),
        description="How old an event may be that is read, by the time that it tells; what is older is not found.",
    )
    people: Mapping[str, str] = Field(
        default={}, description="E-mail address to user name, of whoever has another address in Splunk."
    )
    page_size: int = Field(default=500, ge=1, le=10_000, description="Events asked for at once.")

    @field_validator("url", "web")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        return None if url is None else address_alone(url, "https://splunk.example.com:8089")

    @field_validator("people")
    @classmethod
    def _lower(cls, people: Mapping[str, str]) -> Mapping[str, str]:
        return {address.lower(): name for address, name in people.items()}
