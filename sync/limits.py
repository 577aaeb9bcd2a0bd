"""How fast and how often: budgets per connection, waits after failures, and the oscillation breaker.

Time is an argument, so that a simulated hour costs nothing; that is why the budget is ours and not a library's.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from tieline.core.clock import Clock
from tieline.core.errors import TryAgain
from tieline.core.model import Fields, Value

TRIES: Final = 5
"""Deterministic failures of one record before it is parked."""

GIVE_UP: Final = 20
"""Transient failures of one record, on a connection that works for others, before it is parked."""

REFUSED: Final = GIVE_UP // TRIES
"""What a refusal counts among them: one that comes after many transient failures is still the first."""

FIRST_WAIT: Final = timedelta(seconds=1)
LONGEST_WAIT: Final = timedelta(minutes=5)

UNTOLD_WAIT: Final = timedelta(minutes=1)
"""After a 429 that does not say when to come back: the window over which most tools count."""

BREAKER_WINDOW: Final = timedelta(minutes=10)
BREAKER_WRITES: Final = 4
"""The same value written to the same field this often within the window, with another in between, is a loop."""

WRITES_PER_HOUR: Final = 120
"""To one replica, whatever the fields: more is not a person's doing."""


READ_TRIES: Final = 3
"""A read that fails for a moment is repeated at once: cheaper than putting its record back."""


def repeated_reads(sleep: Callable[[float], None]) -> Retrying:
    """How reads are repeated: only what is transient, and not where the tool wants to be left alone for a while."""
    return Retrying(
        sleep=sleep,
        stop=stop_after_attempt(READ_TRIES),
        wait=wait_exponential(multiplier=0.2, max=2),
        retry=retry_if_exception(
            lambda error: isinstance(error, TryAgain) and error.wait is None and error.limit is None
        ),
        reraise=True,
    )


@dataclass(frozen=True, slots=True)
class Pace:
    """How a bucket of calls fills: `burst` may be made at once, and `rate` more with each second.

    What may be spent at once is taken off the pace, so that no minute, wherever it begins, sees a call too many. That
    costs a twentieth of the pace; a larger burst would cost more.
    """

    burst: float
    rate: float

    @classmethod
    def of(cls, per_minute: int, late: float = 0.0) -> Pace:
        """So many calls in any minute, where each is made at most `late` seconds after its moment has come."""
        burst = max(1.0, float(per_minute // 20))
        return cls(burst, (per_minute + 1 - burst) / (60.0 + late))

    def filled(self, left: float, idle: float) -> float:
        """What there is `idle` seconds after so many calls were left. A clock that was set back gives nothing."""
        return min(self.burst, left + max(0.0, idle) * self.rate)


class Budget:
    """Calls per minute to one tool, as a bucket that fills steadily; `spend` waits for its turn."""

    def __init__(self, per_minute: int, clock: Clock, sleep: Callable[[float], None]) -> None:
        self._pace = Pace.of(per_minute)
        self._clock = clock
        self._sleep = sleep
        self._tokens = self._pace.burst
        self._at = clock.monotonic()
        self.waited = 0.0
        self.calls = 0
        self.permit: Callable[[], None] = lambda: None
        """Asked before each call; raises when whoever calls may not go on."""

    @property
    def left(self) -> float:
        """Calls that may be made at once, for the metrics."""
        self._fill()
        return self._tokens

    def spend(self) -> None:
        """Take one call, sleeping until there is one. Adapters spend before each request."""
        self.permit()
        self._fill()
        missing = 1 - self._tokens
        if missing > 0:
            pause = missing / self._pace.rate
            self.waited += pause
            self._sleep(pause)
            self.permit()
            self._fill()
        self._tokens -= 1
        self.calls += 1

    def resume(self, left: float, idle: float) -> None:
        """Go on with what another worker left over, `idle` seconds ago: the tool counts the calls of all of them."""
        self._tokens = self._pace.filled(left, idle)
        self._at = self._clock.monotonic()

    def _fill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = self._pace.filled(self._tokens, now - self._at)
        self._at = now


def doubled(failures: int) -> timedelta:
    """A wait that doubles with each failure in a row, up to LONGEST_WAIT."""
    wait: timedelta = min(FIRST_WAIT * 2 ** min(failures, 16), LONGEST_WAIT)
    return wait


def wait_after(attempts: int, dice: random.Random, error: TryAgain | None = None) -> timedelta:
    """How long to wait after the `attempts`-th failure in a row: what the tool asked for, else doubling with jitter."""
    if error is not None and error.wait is not None:
        return error.wait + timedelta(seconds=dice.random())
    ceiling = doubled(attempts)
    if error is not None and error.limit is not None:
        return max(ceiling, UNTOLD_WAIT) + timedelta(seconds=dice.random())
    return ceiling * (0.5 + dice.random() / 2)


FARTHEST: Final = timedelta(hours=2)
"""No wait of ours is longer: a moment further away comes from a clock that stepped back."""


def is_due(next_at: datetime | None, now: datetime) -> bool:
    """True when a wait is over. A moment further away than the longest wait comes from a clock that stepped back."""
    return next_at is None or next_at <= now or next_at - now > FARTHEST


Trail = Mapping[str, tuple[tuple[datetime, Value], ...]]


def extend_trail(trail: Trail, written: Fields, now: datetime) -> Trail:
    """Remember what was written when; steps older than an hour are forgotten."""
    horizon = now - timedelta(hours=1)
    kept = {name: tuple(step for step in steps if step[0] > horizon) for name, steps in trail.items()}
    for name, value in written.items():
        kept[name] = (*kept.get(name, ()), (now, _short(value)))
    return {name: steps for name, steps in kept.items() if steps}


def moved_by_others(trail: Trail, moved: Mapping[str, datetime]) -> Trail:
    """The trail without the fields that alerts have moved since we last wrote them; `moved` says when. A loop is two
    sides that answer each other: an alert that goes off and on is answered by nobody, and the tool did not change it
    back."""
    return {name: steps for name, steps in trail.items() if name not in moved or (steps and steps[-1][0] > moved[name])}


def oscillation(trail: Trail, written: Fields, now: datetime) -> str:
    """The sentence about a loop that writing `written` would continue, or "" when there is none."""
    for name, value in sorted(written.items()):
        recent = [step for at, step in trail.get(name, ()) if now - at < BREAKER_WINDOW]
        if recent.count(_short(value)) >= BREAKER_WRITES:
            return (
                f"{name} was set to {_short(value)!r} {recent.count(_short(value))} times within "
                f"{int(BREAKER_WINDOW.total_seconds() // 60)} minutes and the tool changed it back each time; "
                "something there works against this value. Find the rule, then run `tieline parked retry`."
            )
    total = sum(len(steps) for steps in trail.values())
    if total > WRITES_PER_HOUR:
        return f"{total} fields were written within an hour; that is not a person's doing. Find out who changes them."
    return ""


def _short(value: Value) -> Value:
    return value[:200] if isinstance(value, str) else value
