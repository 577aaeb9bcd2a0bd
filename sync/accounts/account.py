"""One account at work, as each of its connections has it: calls are taken from what all of them may make, and none is
made while the tool answers nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, TypeVar

from tieline.core.clock import Clock
from tieline.core.errors import Limit, RemoteError, TryAgain, as_sentence
from tieline.core.model import ConnectionName
from tieline.sync.accounts import circuit
from tieline.sync.accounts.circuit import Circuit, Outage, Trouble, Wait, trouble_of
from tieline.sync.accounts.memory import Decide, Fence, Keeper, Memory, spent, unfenced
from tieline.sync.limits import Budget, Pace

T = TypeVar("T")

LATE: Final = 1.0
"""Seconds after its moment within which a call is made; one that comes later waits for another moment."""


class Together(TryAgain):
    """The tool was not asked, because it answers none of the account's connections. `state` is that of all of them
    meanwhile, `sentence` says why, `wait` when this one may look."""

    def __init__(self, connection: str, state: str, sentence: str, wait: timedelta) -> None:
        super().__init__(connection, sentence, wait=wait, limit=Limit.CONNECTION)
        self.state = state
        self.sentence = sentence


@dataclass(slots=True)
class Account:
    """What the connections named `everybody` share. `wake` tells one of them that something has changed."""

    name: str
    everybody: Sequence[ConnectionName]
    pace: Pace
    keeper: Keeper
    wake: Callable[[ConnectionName], None]
    last: Memory = field(init=False)
    """What is remembered, as far as is known here."""

    def __post_init__(self) -> None:
        self.last = Memory(self.pace.burst, self.keeper.now())


class Member:
    """One connection's part in its account."""

    def __init__(self, account: Account, who: ConnectionName) -> None:
        self.account = account
        self.who = who
        self.fence: Fence = unfenced
        """Begins each change in the store: what a turn that is over believes to know is refused there."""

    @property
    def left(self) -> float:
        """Calls that may be made at once, as far as is known here."""
        last = self.account.last
        return max(0.0, self.account.pace.filled(last.left, self.account.keeper.now() - last.at))

    def take(self) -> float:
        """Take a call. Answers in how many seconds it may be made. Raises Together, and StoreUnavailable."""

        def decide(memory: Memory, now: float) -> tuple[Memory, float | Together]:
            wait = circuit.waits(memory.circuit, self.who, now)
            if wait is not None:
                return memory, self._together(wait, now)
            left, at, pause = spent(memory, self.account.pace, now)
            return Memory(left, at, memory.circuit), pause

        pause = self._change(decide)
        if isinstance(pause, Together):
            raise pause
        return pause

    def look(self) -> None:
        """Raises Together where this one may not ask the tool any more, and StoreUnavailable."""
        memory, now = self.account.keeper.read(), self.account.keeper.now()
        wait = circuit.waits(memory.circuit, self.who, now)
        if wait is not None:
            raise self._together(wait, now)

    def holds(self) -> bool:
        """Whether this one waits with the others, whatever wait of its own it has. Raises StoreUnavailable."""
        return self.account.keeper.read().circuit.holds(self.who)

    def ask(self) -> bool:
        """Whether this one may begin its next work. True where it is the one that looks for all of them: then it is to
        ask the tool something at once. Raises Together, and StoreUnavailable."""

        def decide(memory: Memory, now: float) -> tuple[Memory, bool | Together]:
            after, wait = circuit.asks(memory.circuit, self.who, self.account.everybody, now)
            told = after.outage is not None if wait is None else self._together(wait, now)
            return replace(memory, circuit=after), told

        memory = self.account.keeper.read()
        after, told = decide(memory, self.account.keeper.now())
        if after != memory:
            told = self._change(decide)
        if isinstance(told, Together):
            raise told
        return told

    def heard(self, error: RemoteError | None) -> None:
        """A call was made, and ended so. Raises StoreUnavailable."""
        if trouble_of(error) is Trouble.ANSWERED and self.account.last.circuit.is_news(self.who):
            self._note(lambda now: circuit.answered(now, self.who))

    def met(self, error: Exception, state: str, wait: timedelta) -> Together | None:
        """Trouble has stopped this one's work. Answers what it is to do with the others, or None where it waits alone.
        Raises StoreUnavailable."""
        now, trouble = self.account.keeper.now(), trouble_of(error)
        status = error.status if isinstance(error, RemoteError) else None
        outage = Outage(state, f"{type(error).__name__} {status}", as_sentence(error), now + wait.total_seconds())
        after = self._note(lambda before: circuit.met(before, self.who, trouble, outage, self.account.everybody))
        told = circuit.waits(after, self.who, now)
        return None if told is None or not after.holds(self.who) else self._together(told, now)

    def _note(self, change: Callable[[Circuit], Circuit]) -> Circuit:
        def decide(memory: Memory, _now: float) -> tuple[Memory, tuple[Circuit, Circuit]]:
            after = change(memory.circuit)
            return replace(memory, circuit=after), (memory.circuit, after)

        before, after = self._change(decide)
        if (before.outage is None) != (after.outage is None):
            for name in self.account.everybody:
                self.account.wake(name)
        return after

    def _change(self, decide: Decide[T]) -> T:
        def remember(memory: Memory, now: float) -> tuple[Memory, T]:
            self.account.last, answer = decide(memory, now)
            return self.account.last, answer

        return self.account.keeper.change(remember, self.fence)

    def _together(self, wait: Wait, now: float) -> Together:
        sentence = (
            f"The account {self.account.name} ({', '.join(self.account.everybody)}) is not answered: "
            f"{wait.outage.reason} All of them wait together, and one looks again."
        )
        return Together(self.who, wait.outage.state, sentence, timedelta(seconds=max(0.0, wait.until - now)))


class SharedBudget(Budget):
    """One connection's part in the budget of its account."""

    def __init__(self, per_minute: int, clock: Clock, sleep: Callable[[float], None], member: Member) -> None:
        super().__init__(per_minute, clock, sleep)
        self._member = member

    @property
    def left(self) -> float:
        return self._member.left

    def spend(self) -> None:
        """Take one call of the account's, sleeping until its moment has come. Raises Together, and StoreUnavailable."""
        self.permit()
        while (pause := self._member.take()) > 0:
            self.waited += pause
            began = self._clock.monotonic()
            self._sleep(pause)
            self.permit()
            if self._clock.monotonic() - began - pause < LATE:
                # The trouble of another one may have begun meanwhile.
                self._member.look()
                break
        self.calls += 1

    def resume(self, left: float, idle: float) -> None:
        """What the last turn left is known to the account."""
