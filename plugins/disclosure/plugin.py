"""Keep fields and comments from connections that should not have them: an allow-list per connection.

A connection that is not listed gets everything its TLP ceiling allows (the engine itself sees to the ceiling). A listed
one gets exactly the fields named, and comments only as its entry says.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tieline.core.hooks import hookimpl
from tieline.core.model import INCIDENT_FIELDS, ConnectionName, Fields, Tlp, Visibility

ALWAYS = frozenset({"status"})
"""Without its status a copy would mislead whoever reads it."""


class Entry(BaseModel):
    """What one connection may have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: tuple[str, ...] = Field(description="The fields that may be copied there; `status` always may.")
    comments: Literal["all", "public", "none"] = Field(default="none", description="The comments that may.")

    @field_validator("fields")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in INCIDENT_FIELDS:
                raise ValueError(f"{name!r} is not a field; the fields are {', '.join(INCIDENT_FIELDS)}")
        return names


class Settings(BaseModel):
    """What the `disclosure` plugin may be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connections: dict[str, Entry] = Field(default={}, description="Allow-lists by connection.")


class Disclosure:
    """The plugin."""

    settings = Settings

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @hookimpl
    def tieline_disclose(
        self,
        fields: Fields,
        visibility: Visibility | None,
        connection: ConnectionName,
        ceiling: Tlp,  # noqa: ARG002 - the engine itself keeps to the ceiling
    ) -> frozenset[str]:
        """The fields that are not on the connection's list; `comment` for a comment it may not have."""
        entry = self._settings.connections.get(connection)
        if entry is None:
            return frozenset()
        if visibility is None:
            return frozenset(fields) - frozenset(entry.fields) - ALWAYS
        allowed = entry.comments == "all" or (entry.comments == "public" and visibility is Visibility.PUBLIC)
        return frozenset() if allowed else frozenset({"comment"})


plugin = Disclosure
