"""What a connection to a runner is told."""

from __future__ import annotations

from pydantic import Field, field_validator

from tieline.core.login import address_alone
from tieline.core.port import HttpSettings
from tieline.core.secrets import Secret


class RunnerSettings(HttpSettings):
    """Settings of one connection."""

    account_options = ("url", "token")

    url: str = Field(description="Where the runner is, like https://runner.example.com/api.")
    token: Secret = Field(description="The bearer token that it asks for.")
    page_size: int = Field(default=100, ge=1, le=1000, description="Executions asked for at once.")

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        return address_alone(url, "https://runner.example.com/api")
