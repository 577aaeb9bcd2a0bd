"""Have somebody agree to an edit before it becomes the incident's.

A tool tells who edited a record, and nothing proves it: an account that is shared, a rule or a stolen session may stand
behind the name. What is named here is held in that tool, and told in `tieline conflicts`, until somebody with the right
agrees or keeps the incident's value. Whatever else was edited is taken as ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tieline.core.access import RIGHTS
from tieline.core.grades import is_less
from tieline.core.hooks import Edited, Objection, hookimpl
from tieline.core.model import CATALOGUE, INCIDENT_FIELDS, ConnectionName, Value, is_over

CLOSING: Final = "closing"
LOWERING: Final = "lowering"


class Settings(BaseModel):
    """What the `review` plugin may be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hold: tuple[str, ...] = Field(
        default=(CLOSING, LOWERING),
        description="What waits: `closing` (resolved, closed, cancelled), `lowering` (a lesser severity, priority, "
        "impact or urgency), and names of fields.",
    )
    trust: tuple[ConnectionName, ...] = Field(
        default=(), description="The connections whose word is enough: nothing that is edited there waits."
    )
    right: str = Field(
        default="", description="A right that whoever agrees needs beside `conflicts.settle`, such as `incident.edit`."
    )

    @field_validator("hold")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in (CLOSING, LOWERING, *INCIDENT_FIELDS):
                raise ValueError(
                    f"{name!r} is neither `closing` nor `lowering` nor a field; the fields are "
                    f"{', '.join(INCIDENT_FIELDS)}"
                )
        if not names:
            raise ValueError("it holds nothing; name what waits, or leave the plugin out")
        return names

    @field_validator("right")
    @classmethod
    def _is_one(cls, right: str) -> str:
        if right and right not in RIGHTS:
            raise ValueError(f"there is no right {right!r}; there are {', '.join(RIGHTS)}")
        return right


class Review:
    """The plugin."""

    settings = Settings

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @hookimpl
    def tieline_review(self, edited: Edited) -> Mapping[str, Objection]:
        """What of an edit is to wait, each with the reason."""
        if edited.connection in self._settings.trust:
            return {}
        found = {name: self._why(edited, name, value) for name, value in edited.changes.items()}
        return {name: Objection(why, self._settings.right) for name, why in found.items() if why}

    def _why(self, edited: Edited, name: str, value: Value) -> str:
        hold, before = self._settings.hold, edited.fields.get(name)
        closes = name == "status" and is_over(edited.kind, value) and not is_over(edited.kind, before)
        if CLOSING in hold and closes:
            return f"{edited.editor} closed it"
        if LOWERING in hold and is_less(name, value, before):
            return f"{edited.editor} lowered it from {before} to {value if value is not None else 'nothing'}"
        if name in hold and name in CATALOGUE.get(edited.kind, {}):
            return f"{edited.editor} changed it"
        return ""


plugin = Review
