"""Keep fields and comments from connections that should not have them.

Three rules, and each can only take away: a field with a TLP label of its own stays out of connections whose ceiling is
below it, a connection with an allow-list gets exactly the fields named and comments only as its entry says, and one
that an audience reads gets what this audience may see. The label of the incident as a whole is the engine's own
business, and `status` goes everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tieline.core.hooks import hookimpl
from tieline.core.model import CATALOGUE, Audience, ConnectionName, Fields, RecordKind, Tlp, shown_to

ALWAYS = frozenset({"status"})
"""Without its status a copy would mislead whoever reads it."""


def _check_names(names: Iterable[str]) -> None:
    known = dict.fromkeys(name for kind, fields in CATALOGUE.items() if kind != RecordKind.SIGNAL for name in fields)
    for name in names:
        if name not in known:
            raise ValueError(f"{name!r} is not a field; the fields are {', '.join(known)}")


class Entry(BaseModel):
    """What one connection may have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: tuple[str, ...] | None = Field(
        default=None, description="The fields that may be copied there; `status` always may."
    )
    audience: Audience | None = Field(
        default=None, description="Who reads there: fields and comments that are for somebody narrower stay out."
    )
    comments: Literal["all", "public", "none"] | None = Field(
        default=None,
        description="The comments that may; `public` are those for customers and wider. Without it, those for "
        "`audience`, and none where that is not said.",
    )

    @field_validator("fields")
    @classmethod
    def _known(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        _check_names(names or ())
        return names

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.fields is None and self.audience is None:
            raise ValueError("it says neither which `fields` may be copied there nor which `audience` reads there")
        return self

    def keeps_out(self, kind: RecordKind, fields: Fields) -> frozenset[str]:
        """The fields that may not be copied there."""
        listed = fields.keys() if self.fields is None else set(self.fields)
        shown = fields if self.audience is None else shown_to(self.audience, fields, kind)
        return frozenset(fields.keys() - (listed & shown.keys()) - ALWAYS)

    def takes(self, written_for: Audience) -> bool:
        """Whether a comment for these readers may be copied there."""
        if self.audience is not None and not written_for.may_become(self.audience):
            return False
        if self.comments is None:
            return self.audience is not None
        return self.comments == "all" or (self.comments == "public" and written_for.may_become(Audience.CUSTOMERS))


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
        self, fields: Fields, audience: Audience | None, connection: ConnectionName, ceiling: Tlp, kind: RecordKind
    ) -> frozenset[str]:
        """The fields that are labelled above the ceiling, not on the list or for others; `comment` for one it may not
        have."""
        entry = self._settings.connections.get(connection)
        if audience is not None:
            return frozenset() if entry is None or entry.takes(audience) else frozenset({"comment"})
        labels = self._settings.labels
        above = frozenset(name for name in fields if name in labels and labels[name].rank > ceiling.rank)
        return above | (entry.keeps_out(kind, fields) if entry is not None else frozenset())


plugin = Disclosure
