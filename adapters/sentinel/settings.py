"""What a connection to a Sentinel workspace is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import Field, field_validator

from tieline.core.entra import GUID, EntraSettings

_NAME: Final = r"[A-Za-z0-9._()-]{1,90}"


class SentinelSettings(EntraSettings):
    """Settings of one connection."""

    url: str = Field(
        default="https://management.azure.com",
        description="Azure Resource Manager; https://management.usgovcloudapi.net for Azure Government.",
    )
    subscription: str = Field(pattern=GUID, description="The subscription id.")
    resource_group: str = Field(pattern=_NAME, description="The resource group of the workspace.")
    workspace: str = Field(pattern=r"[A-Za-z0-9-]{4,63}", description="The Log Analytics workspace.")
    people: Mapping[str, str] = Field(
        default={}, description="E-mail address to object id in the directory: who may be given an incident."
    )
    status_label: str = Field(
        default="status: ",
        max_length=30,
        description="How the label begins that tells what Sentinel has no word for: on hold, resolved; empty for none.",
    )
    severity_label: str = Field(
        default="severity: ",
        max_length=30,
        description="How the label begins that tells critical, which Sentinel has no word for; empty for none.",
    )
    page_size: int = Field(default=100, ge=1, le=1000, description="Incidents asked for at once.")

    @field_validator("people")
    @classmethod
    def _lower(cls, people: Mapping[str, str]) -> Mapping[str, str]:
        return {address.lower(): person.lower() for address, person in people.items()}
