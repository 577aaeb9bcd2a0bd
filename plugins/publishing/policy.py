"""What the plugin may be told."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from tieline.core.expressions import Condition, ExpressionError, compile_condition, variables_of
from tieline.core.model import INCIDENT_FIELDS, Disruption, Fields, Phase


def compiled(condition: str) -> Condition:
    """A condition, to be held against an incident. Raises ExpressionError."""
    return compile_condition(condition, variables_of(INCIDENT_FIELDS))


def _condition(text: str) -> str:
    try:
        compiled(text)
    except ExpressionError as error:
        raise ValueError(f"{error.what} (CEL over the fields of the incident)") from None
    return text


def _with_why(text: str) -> str:
    if text.replace("{why}", "").count("{") or "}" in text.replace("{why}", ""):
        raise ValueError("it holds no braces but {why}")
    return text


class Settings(BaseModel):
    """What the `publishing` plugin may be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    legal: Annotated[str, AfterValidator(_condition)] = Field(
        default='"security" in tags || "regulatory" in tags',
        description="Of which incidents somebody with the right publishing.approve_legal approves it as well (CEL).",
    )
    retracted: Annotated[str, AfterValidator(_with_why)] = Field(
        default="This announcement is withdrawn: {why}",
        description="What is shown in place of one that is withdrawn, with the reason.",
    )
    withdrawn: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=25_000)] = Field(
        default="This announcement is withdrawn.",
        description="What is shown in place of one that is withdrawn without a reason, also of what is for few by now.",
    )

    @property
    def fixed(self) -> Fields:
        """What an announcement says that is withdrawn without a reason."""
        return {"description": self.withdrawn, "phase": Phase.RESOLVED, "disruption": Disruption.NONE}

    def is_legal(self, fields: Fields) -> bool:
        """Whether an announcement of an incident with these fields touches the law or security."""
        values: dict[str, Any] = {name: list(one) if isinstance(one, tuple) else one for name, one in fields.items()}
        return compiled(self.legal).holds(values)
