"""The classes: for which items what time is the shortest, and what the longest, that anything of them is kept. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tieline.core.arguments import Duration
from tieline.core.expressions import ALWAYS, Condition, ExpressionError, compile_condition, variables_of
from tieline.core.model import INCIDENT_FIELDS, Fields
from tieline.core.store.forgetting import CERTIFICATES

VARIABLES: Final = {**variables_of(INCIDENT_FIELDS), "kind": str, "restricted": bool}


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@lru_cache(maxsize=256)
def compiled(when: str) -> Condition:
    """A condition of a class. Raises ExpressionError."""
    return compile_condition(when, VARIABLES) if when else ALWAYS


class Class(_Model):
    """How long what is kept, counted from when it was over."""

    when: str = Field(
        default="",
        description="Which items are of it: CEL over the fields of an incident, `kind` and `restricted`. Without it, "
        "all that are of none before.",
    )
    minimum: Duration = Field(default=timedelta(), description="Nothing is forgotten before.")
    maximum: Duration | None = Field(default=None, description="It is forgotten after that; without it, never.")

    @field_validator("when")
    @classmethod
    def _is_a_condition(cls, when: str) -> str:
        try:
            compiled(when)
        except ExpressionError as error:
            raise ValueError(str(error)) from None
        return when

    @model_validator(mode="after")
    def _some_time(self) -> Self:
        if self.maximum is not None and self.maximum < self.minimum:
            raise ValueError("its minimum is over its maximum: nothing could be kept so long and no longer")
        return self


YEAR: Final = timedelta(days=365)
SHIPPED: Final = {
    "security": Class(when="restricted", minimum=YEAR, maximum=7 * YEAR),
    "severe": Class(when='severity == "critical" || severity == "high"', minimum=YEAR, maximum=7 * YEAR),
    "others": Class(minimum=timedelta(days=90), maximum=3 * YEAR),
}


class Settings(_Model):
    """What the `retention` plugin may be told."""

    classes: dict[str, Class] = Field(
        default_factory=lambda: dict(SHIPPED),
        description="By name, the most particular first: an item is of the first whose condition is true of it. The "
        "last has none.",
    )
    results: dict[str, Duration] = Field(
        default_factory=lambda: {"results": YEAR},
        description="How long what jobs came to is kept, by its class. What says what was forgotten stays.",
    )
    ask_above: int = Field(
        default=100, ge=0, description="A sweep that would forget more items than this waits until it is allowed."
    )

    @model_validator(mode="after")
    def _each_has_one(self) -> Self:
        if CERTIFICATES in self.results:
            raise ValueError(f"results.{CERTIFICATES} would be forgotten, and say what was; leave it out")
        names = [*self.classes]
        if not names or self.classes[names[-1]].when:
            raise ValueError("the last of `classes` has no condition: every item is of one")
        for name in names[:-1]:
            if not self.classes[name].when:
                raise ValueError(f"classes.{name} has no condition, so that nothing is of those after it")
        return self

    @property
    def shortest(self) -> timedelta | None:
        """The shortest maximum of all; None where nothing has one."""
        return min((one.maximum for one in self.classes.values() if one.maximum is not None), default=None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of which class an item is, and why; and from when on it may be forgotten, and when it is, None for never or for
    one that is not over."""

    name: str
    why: str
    earliest: datetime | None
    latest: datetime | None

    def is_due(self, now: datetime) -> bool:
        """Whether it is kept for too long."""
        return self.latest is not None and self.latest <= now

    def may_go(self, now: datetime) -> bool:
        """Whether it was kept for long enough."""
        return self.earliest is not None and self.earliest <= now


def judged(settings: Settings, fields: Fields, facts: dict[str, Any], ended_at: datetime | None) -> Verdict:
    """What becomes of an item that says this, is of this `kind` and `restricted` or not, and was over then. One of
    which a condition cannot be answered may not go: it may be of that class, or of one after it."""
    try:
        name, why = next(
            (name, why) for name, one in settings.classes.items() if (why := _why(one, {**fields, **facts}))
        )
    except ExpressionError as error:
        return Verdict("unknown", f"it cannot be said of which class it is: {error}", None, None)
    found = settings.classes[name]
    if ended_at is None:
        return Verdict(name, why, None, None)
    latest = None if found.maximum is None else ended_at + found.maximum
    return Verdict(name, why, ended_at + found.minimum, latest)


def _why(one: Class, seen: Fields) -> str:
    if not one.when:
        return "it is of none before"
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in seen.items()}
    return one.when if compiled(one.when).holds(plain) else ""
