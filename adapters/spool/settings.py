"""What a connection to a spool is told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from tieline.core.arguments import Duration
from tieline.core.port import ConnectionSettings


class SpoolSettings(ConnectionSettings):
    """Settings of one connection."""

    account_options = ("path",)

    path: Path = Field(
        description="The folder, beside this file; the runner shares it, on one file system, since jobs are moved."
    )
    page_size: int = Field(default=100, ge=1, le=1000, description="Jobs read at once.")
    output_bytes: int = Field(
        default=16_384, ge=0, le=262_144, description="So much of the end of an output is read; all of it is hashed."
    )
    keep: Duration = Field(
        default=timedelta(days=30), description="How long a job is kept once it is over. It never begins again."
    )
