"""Runbooks: what is done in which order, on what condition, and who has to agree."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from tieline.core.arguments import Duration
from tieline.core.expressions import ALWAYS, Condition, ExpressionError, compile_condition, variables_of
from tieline.core.model import INCIDENT_FIELDS, Fields


class Mode(StrEnum):
    """How much a runbook does by itself."""

    SUGGEST = "suggest"  # a person does each step
    CONFIRM = "confirm"  # a person agrees to each step
    AUTO = "auto"  # only steps with a gate wait for a person


class Impact(StrEnum):
    """How much harm a step may do, the least first."""

    READS = "reads"  # it changes nothing
    LOW = "low"  # what it changes is easily put right
    HIGH = "high"  # people notice it
    DESTRUCTIVE = "destructive"  # it cannot be taken back


IMPACTS: Final = tuple(Impact)


class Otherwise(StrEnum):
    """What becomes of a step whose guard does not hold."""

    STOP = "stop"  # the run fails
    SKIP = "skip"  # the next step follows


class OnFailure(StrEnum):
    """What follows a step that failed."""

    STOP = "stop"
    ROLLBACK = "rollback"  # what was done is undone, the last step first


def _condition(text: str) -> str:
    if text:
        try:
            compiled(text)
        except ExpressionError as error:
            raise ValueError(f"{error.what} (CEL over the fields of the incident)") from None
    return text


def _some_time(length: timedelta) -> timedelta:
    if length < timedelta(seconds=1):
        raise ValueError("it is a second at least")
    return length


NAME: Final = r"^[a-z][a-z0-9_-]{0,39}$"
Name = Annotated[str, StringConstraints(pattern=NAME)]
Command = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000, pattern=r"^[^\n\r\x00]*$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Wait = Annotated[Duration, AfterValidator(_some_time)]
Guard = Annotated[str, StringConstraints(max_length=1_000), AfterValidator(_condition)]

FIRST_WAIT: Final = timedelta(minutes=15)


def compiled(guard: str) -> Condition:
    """A guard, to be held against an incident. Raises ExpressionError."""
    return compile_condition(guard, variables_of(INCIDENT_FIELDS)) if guard else ALWAYS


def holds(guard: str, fields: Fields) -> bool:
    """Whether a guard holds for an incident."""
    values: dict[str, Any] = {name: list(one) if isinstance(one, tuple) else one for name, one in fields.items()}
    return compiled(guard).holds(values)


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Gate(Model):
    """A person has to agree, in time: no answer is a no."""

    ask: Text = Field(description="What they are asked.")
    expires: Wait = Field(default=FIRST_WAIT, description="After what time no answer is a no.")


class Step(Model):
    """One step. Its commands are in the runner's own words, and hold no secrets: a runner has those."""

    name: Name = Field(description="What it is called.")
    run: Command = Field(min_length=1, description="What is done.")
    runner: str = Field(default="", description="The connection that does it; the runbook's without this.")
    dry_run: Command = Field(default="", description="What only tries it, in a dry run; without it, nothing is done.")
    guard: Guard = Field(default="", description='On what condition, like `status == "in_progress"`.')
    otherwise: Otherwise = Field(default=Otherwise.STOP, description="What follows where the guard does not hold.")
    timeout: Wait = Field(default=timedelta(minutes=10), description="How long it may take.")
    idempotent: bool = Field(default=False, description="Whether it may be done again where nobody knows if it was.")
    rollback: Command = Field(default="", description="What undoes it.")
    gate: Gate | None = Field(default=None, description="Who has to agree before.")
    impact: Impact | None = Field(default=None, description="How much harm it may do; the runbook's without this.")


class Runbook(Model):
    """Steps for one situation."""

    title: Text = Field(description="What it does, in one line.")
    mode: Mode = Field(default=Mode.CONFIRM, description="How much of it is done without a person.")
    runner: str = Field(default="", description="The connection that does the steps.")
    impact: Impact = Field(
        default=Impact.DESTRUCTIVE, description="How much harm its steps may do; whoever says nothing says the most."
    )
    on_failure: OnFailure = Field(default=OnFailure.STOP, description="What follows a step that failed.")
    steps: tuple[Step, ...] = Field(min_length=1, max_length=100, description="In the order in which they are done.")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        twice = [name for name, times in Counter(step.name for step in self.steps).items() if times > 1]
        if twice:
            raise ValueError(f"two steps are called {twice[0]!r}; give each a name of its own")
        without = [step.name for step in self.steps if not self.runner_of(step)]
        if without and self.mode is not Mode.SUGGEST:
            raise ValueError(f"nobody does the step {without[0]!r}; name a connection as `runner`, there or above")
        return self

    def runner_of(self, step: Step) -> str:
        """The connection that does a step."""
        return step.runner or self.runner

    def takes_two(self, step: Step) -> bool:
        """Whether a step may do so much harm that it takes two people."""
        return (step.impact or self.impact) in (Impact.HIGH, Impact.DESTRUCTIVE)

    @property
    def worst(self) -> Impact:
        """The most harm that any of its steps may do."""
        return max((step.impact or self.impact for step in self.steps), key=IMPACTS.index)

    def gate_of(self, step: Step) -> Gate | None:
        """What a person is asked before a step, if anything."""
        if step.gate is None and self.mode is Mode.CONFIRM:
            return Gate(ask=f"Do {step.name}?")
        return step.gate

    @property
    def words(self) -> str:
        """The steps, for people."""
        return "\n".join(f"{number}. {step.name}: `{step.run}`" for number, step in enumerate(self.steps, 1))


class Books(Model):
    """Which runbooks there are, as the policy says once there is one in the store."""

    runbooks: dict[Name, Runbook] = Field(
        default={}, description="Runbooks by name. They hold until somebody has others approved as `runbook.books`."
    )
