"""Keep fields and comments from connections that should not have them.

Two rules, and each can only take away: a field with a TLP label of its own stays out of connections whose ceiling is
below it, and a connection with an allow-list gets exactly the fields named and comments only as its entry says. The
label of the incident as a whole is the engine's own business, and `status` goes everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tieline.core.hooks import hookimpl
from tieline.core.model import INCIDENT_FIELDS, ConnectionName, Fields, Tlp, Visibility

ALWAYS = frozenset({"status"})
"""Without its status a copy would mislead whoever reads it."""


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        if name not in INCIDENT_FIELDS:
            raise ValueError(f"{name!r} is not a field; the fields are {', '.join(INCIDENT_FIELDS)}")


class Entry(BaseModel):
    """What one connection may have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: tuple[str, ...] = Field(description="The fields that may be copied there; `status` always may.")
    comments: Literal["all", "public", "none"] = Field(default="none", description="The comments that may.")

    @field_validator("fields")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        _check_names(names)
        return names


class Settings(BaseModel):
    """What the `disclosure` plugin may be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connections: dict[ConnectionName, Entry] = Field(default={}, description="Allow-lists by connection.")
    labels: dict[str, Tlp] = Field(default={}, description="TLP labels of single fields, like `close_notes: red`.")

    @field_validator("labels")
    @classmethod
    def _labelled(cls, labels: dict[str, Tlp]) -> dict[str, Tlp]:
        _check_names(labels)
        if wrong := sorted(ALWAYS & labels.keys()):
            raise ValueError(f"{', '.join(wrong)} cannot be kept back")
        return labels


class Disclosure:
    """The plugin."""

    settings = Settings

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @hookimpl
    def tieline_disclose(
        self, fields: Fields, visibility: Visibility | None, connection: ConnectionName, ceiling: Tlp
    ) -> frozenset[str]:
        """The fields that are labelled above the ceiling or not on the list; `comment` for one it may not have."""
        entry = self._settings.connections.get(connection)
        if visibility is not None:
            return frozenset() if entry is None or _may_have(entry, visibility) else frozenset({"comment"})
        labels = self._settings.labels
        above = {name for name in fields if name in labels and labels[name].rank > ceiling.rank}
        unlisted = fields.keys() - set(entry.fields) - ALWAYS if entry is not None else set()
        return frozenset(above | unlisted)


def _may_have(entry: Entry, visibility: Visibility) -> bool:
    return entry.comments == "all" or (entry.comments == "public" and visibility is Visibility.PUBLIC)


plugin = Disclosure
