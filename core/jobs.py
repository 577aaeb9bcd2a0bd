"""Jobs: long work of plugins, done step by step, each step committed together with how far it has come.

    SWEEP = Job("sweep", sweep, "retention.sweep", result=Result("application/json", "retention.read"))

    def sweep(desk: Desk, ask: Sweep, so_far: Swept) -> Step | Done: ...

The function is one step: it decides at a desk, as an act does, and answers the state that the next step is told, or
what it came to. So a job that is killed goes on where it was, and each step has its effect once. How to start it is an
act that follows from the declaration.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any, Final, get_type_hints

from pydantic import BaseModel, ConfigDict

from tieline.core.acts import Act
from tieline.core.arguments import Answer, Ask, item_fields
from tieline.core.declared import Declared
from tieline.core.desk import Desk

LONGEST_STEP: Final = timedelta(minutes=10)
"""No step may be given longer than this."""

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a result."""


class State(BaseModel):
    """What a step tells the next one. Each field has a default: the first step is told these."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


@dataclass(frozen=True, slots=True)
class Step:
    """One step is done: `done` of `of` are, for people; `of` is None where nobody knows how many there are. `tells_of`
    are the ids of items of which the state tells, beside those that the step looked at."""

    state: State
    done: int = 0
    of: int | None = None
    tells_of: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """All is done. `body` is what it came to, where the job declares a result. `tells_of` are the ids of items of which
    that tells, beside those that its steps looked at: it is not there for whoever may not see all of them, and goes
    when one of them is forgotten."""

    body: bytes = b""
    tells_of: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Bound:
    """How long a job may go on before it waits for a person: in steps, for each step, and of work in all."""

    steps: int = 100_000
    step: timedelta = timedelta(seconds=30)
    total: timedelta = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Result:
    """What a job comes to: bytes of this media type, read by whoever has the right `readers`. `retention` is the class
    by which they are kept."""

    media_type: str
    readers: str
    retention: str = "results"


@dataclass(frozen=True, slots=True)
class Job(Declared):
    """One kind of long work. `run` is a step: told the desk, what was asked for, and the state of the step before."""

    run: Callable[[Any, Any, Any], Step | Done]
    result: Result | None = None
    bound: Bound = field(default_factory=Bound)
    is_alone: bool = False
    """While one runs or waits that was told the same, no other is begun: that one is answered."""
    after_restore: bool = False
    """Begun by itself, told nothing, where a store was put back in which something stands that was forgotten."""

    @property
    def state(self) -> Any:
        """The model of what a step tells the next one."""
        return get_type_hints(self.run)[list(inspect.signature(self.run).parameters)[2]]


class JobStarted(Answer):
    """A job that was started."""

    job: str

    def sentence(self) -> str:
        return f"{self.job} is started; see `tieline jobs show {self.job}`"


def label(number: int) -> str:
    """How people call a job."""
    return f"JOB-{number}"


def number_of(words: str) -> int:
    """The number of the job that is called so. Raises LookupError for what is no job's name."""
    prefix, _dash, number = words.strip().upper().partition("-")
    if prefix != "JOB" or not (number.isascii() and number.isdecimal()) or len(number) > 18:
        raise LookupError(f"{words[:40]!r} is no job; write it like JOB-12, as `tieline jobs` does")
    return int(number)


def start_of(group: str, job: Job) -> Act:
    """The act that starts a job: told what the job is told, with the same right, and about the item that it names."""

    def start(desk: Desk, ask: Ask) -> Callable[[], JobStarted]:
        named = [str(words) for one in item_fields(type(ask)) if (words := getattr(ask, one))]
        noted = desk.start(job.name, ask, desk.item(named[0]) if len(named) == 1 else None)
        return lambda: JobStarted(job=label(noted.number))

    start.__doc__ = job.help
    start.__annotations__ = {"desk": Desk, "ask": job.ask, "return": Callable[[], JobStarted]}
    declared = {one.name: getattr(job, one.name) for one in fields(Declared) if one.name not in ("name", "run")}
    return Act(name=f"{group} {job.name}", run=start, **declared)


def misfits(job: Job) -> Iterator[str]:
    """Sentences: what of a job cannot be offered."""
    try:
        state = job.state
    except (IndexError, KeyError):
        yield "its function takes the desk, what was asked for, and the state of the step before, each with its type"
        return
    if not (isinstance(state, type) and issubclass(state, State)):
        yield f"the state of its steps is a model made from State, and not {state!r}"
    elif required := sorted(name for name, one in state.model_fields.items() if one.is_required()):
        yield f"the first step has no state before it, so {', '.join(required)} of it needs a default"
    if not timedelta(0) < job.bound.step <= LONGEST_STEP:
        yield f"a step is given more than nothing and at most {LONGEST_STEP}; make steps smaller"
    if job.bound.steps < 1 or job.bound.total < job.bound.step:
        yield "its bound lets no step be done"
