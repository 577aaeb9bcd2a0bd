"""What an admin writes under a connection whose `tool` is `zabbix`."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, field_validator

from tieline.core.login import address_alone
from tieline.core.port import HttpSettings
from tieline.core.secrets import Secret


class ZabbixSettings(HttpSettings):
    """The frontend of one Zabbix, whose API is asked."""

    account_options = ("url", "token")

    history: timedelta = Field(
        default=timedelta(days=1),
        description="The first poll takes in problems that began within this time; older ones stay as they are.",
    )
    url: str = Field(
        examples=["https://zabbix.example.com/zabbix"],
        description="The address of the frontend, without /api_jsonrpc.php at the end.",
    )
    token: Secret = Field(description="An API token of the account that Tieline uses.")
    suppress: bool = Field(
        default=False,
        description="What is acknowledged is suppressed there as well, until an end; from Zabbix 6.2 on.",
    )
    close: bool = Field(
        default=False,
        description="The problems of an incident that was resolved are closed there, where their trigger allows it.",
    )
    webhook_token: Secret | None = Field(
        default=None, description="What the media type sends as Bearer; without it, problems come by polling."
    )
    page_size: int = Field(default=500, ge=1, le=10_000, description="Problems handed on at once while polling.")
    timeout: float = Field(default=30.0, gt=0, le=600, description="Seconds that one answer may take.")

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        return address_alone(url, "https://zabbix.example.com/zabbix", without="/api_jsonrpc.php")
