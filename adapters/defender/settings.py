"""What a connection to Defender XDR is told."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, field_validator

from tieline.core.entra import EntraSettings


class DefenderSettings(EntraSettings):
    """Settings of one connection: the incidents of one directory."""

    url: str = Field(
        default="https://graph.microsoft.com",
        description="Microsoft Graph; https://graph.microsoft.us for Azure Government.",
    )
    author: str = Field(
        default="tieline", min_length=1, max_length=100, description="The app registration's name, as comments show it."
    )
    people: Mapping[str, str] = Field(
        default={}, description="E-mail address to sign-in name: who may be given an incident."
    )
    status_tag: str = Field(
        default="status: ",
        max_length=30,
        description="How the tag begins that tells what Defender has no word for: on hold, closed, cancelled; empty "
        "for none.",
    )
    page_size: int = Field(default=50, ge=1, le=50, description="Incidents asked for at once.")

    @field_validator("people")
    @classmethod
    def _lower(cls, people: Mapping[str, str]) -> Mapping[str, str]:
        return {address.lower(): name.lower() for address, name in people.items()}
