"""What a connection to the memory tool is told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from tieline.core.port import ConnectionSettings
from tieline.core.secrets import Secret


class MemorySettings(ConnectionSettings):
    """Settings of one connection. Without `path` the records live and die with this process."""

    account_options = ("path", "user", "password")

    path: Path | None = Field(default=None, description="A JSON file that keeps the records and may be shared.")
    user: str = Field(default="tieline", description="The user under whose name we write.")
    password: Secret | None = Field(default=None, description="The user's password, where the tool asks for one.")
    webhook_secret: Secret | None = Field(default=None, description="The key with which the tool signs its webhooks.")
    page_size: int = Field(default=100, ge=1, le=1000, description="Records asked for at once.")
    people: tuple[str, ...] = Field(default=(), description="E-mail addresses of the people whom the tool knows.")
    lookup_lag: timedelta = Field(default=timedelta(0), description="How late its search sees a new record.")
