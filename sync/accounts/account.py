"""One account at work, as each of its connections has it: calls are taken from what all of them may make, and none is
made while the tool answers nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from tieline.core.clock import Clock
from tieline.core.errors import Limit, RemoteError, TryAgain, as_sentence
from tieline.core.model import ConnectionName
from tieline.sync.accounts import circuit
from tieline.sync.accounts.circuit import Outage, Trouble, Wait, trouble_of
from tieline.sync.accounts.memory import Keeper, Memory, spent
from tieline.sync.limits import Budget, Pace

LATE: Final = 1.0
"""Seconds after its moment within which a call is made; one that comes later waits for another moment."""


class Together(TryAgain):
    """The tool was not asked, because it answers none of the account's connections. `state` is that of all of them
    meanwhile, `sentence` says why, `wait` when this one may look."""

    def __init__(self, connection: str, state: str, sentence: str, wait: timedelta) -> None:
        super().__init__(connection, sentence, wait=wait, limit=Limit.CONNECTION)
        self.state = state
        self.sentence = sentence


class Account:
    """What the connections named `everybody` share. `wake` tells one of them that something has changed."""

    def __init__(
        self,
        name: str,
        everybody: Sequence[ConnectionName],
        pace: Pace,
        keeper: Keeper,
        wake: Callable[[ConnectionName], None],
    ) -> None:
        self.name = name
        self.everybody = everybody
        self._pace = pace
        self._keeper = keeper
        self._wake = wake
        self._last = Memory(pace.burst, keeper.now())

    @property
    def left(self) -> float:
        """Calls that may be made at once, as far as is known here."""
        return max(0.0, self._pace.filled(self._last.left, self._keeper.now() - self._last.at))

    def take(self, who: ConnectionName) -> float:
        """Take a call. Answers in how many seconds it may be made. Raises Together, and StoreUnavailable."""

        def decide(memory: Memory, now: float) -> tuple[Memory, float | Together]:
            wait = circuit.waits(memory.circuit, who, now)
            if wait is not None:
                self._last = memory
                return memory, self._together(who, wait, now)
            left, at, pause = spent(memory, self._pace, now)
            self._last = Memory(left, at, memory.circuit)
            return self._last, pause

        pause = self._keeper.change(decide)
        if isinstance(pause, Together):
            raise pause
        return pause

    def look(self, who: ConnectionName) -> None:
        """Raises Together where this one may not ask the tool any more, and StoreUnavailable."""
        memory, now = self._keeper.read(), self._keeper.now()
        wait = circuit.waits(memory.circuit, who, now)
        if wait is not None:
            raise self._together(who, wait, now)

    def holds(self, who: ConnectionName) -> bool:
        """Whether this one waits with the others, whatever wait of its own it has. Raises StoreUnavailable."""
        return self._keeper.read().circuit.holds(who)

    def ask(self, who: ConnectionName) -> bool:
        """Whether this one may begin its next work. True where it is the one that looks for all of them: then it is to
        ask the tool something at once. Raises Together, and StoreUnavailable."""

        def decide(memory: Memory, now: float) -> tuple[Memory, bool | Together]:
            after, wait = circuit.asks(memory.circuit, who, self.everybody, now)
            self._last = replace(memory, circuit=after)
            return self._last, after.outage is not None if wait is None else self._together(who, wait, now)

        memory = self._keeper.read()
        after, told = decide(memory, self._keeper.now())
        if after != memory:
            told = self._keeper.change(decide)
        if isinstance(told, Together):
            raise told
        return told

    def heard(self, who: ConnectionName, error: RemoteError | None) -> None:
        """A call was made, and ended so. Raises StoreUnavailable."""
        if trouble_of(error) is not Trouble.ANSWERED or not self._last.circuit.is_news(who):
            return
        self._note(lambda now: circuit.answered(now, who))

    def met(self, who: ConnectionName, error: Exception, state: str, wait: timedelta) -> Together | None:
        """Trouble has stopped this one's work. Answers what it is to do with the others, or None where it waits alone.
        Raises StoreUnavailable."""
        now = self._keeper.now()
        status = error.status if isinstance(error, RemoteError) else None
        words = as_sentence(error)
        outage = Outage(state, f"{type(error).__name__} {status}", words, now + wait.total_seconds())
        trouble = trouble_of(error)
        after = self._note(lambda before: circuit.met(before, who, trouble, outage, self.everybody))
        waits = circuit.waits(after, who, now)
        return None if waits is None or not after.holds(who) else self._together(who, waits, now)

    def _note(self, change: Callable[[circuit.Circuit], circuit.Circuit]) -> circuit.Circuit:
        def decide(memory: Memory, _now: float) -> tuple[Memory, tuple[circuit.Circuit, circuit.Circuit]]:
            after = change(memory.circuit)
            self._last = replace(memory, circuit=after)
            return self._last, (memory.circuit, after)

        before, after = self._keeper.change(decide)
        if (before.outage is None) != (after.outage is None):
            for name in self.everybody:
                self._wake(name)
        return after

    def _together(self, who: ConnectionName, wait: Wait, now: float) -> Together:
        sentence = (
            f"The account {self.name} ({', '.join(self.everybody)}) is not answered: {wait.outage.reason} "
            "All of them wait together, and one looks again."
        )
        return Together(who, wait.outage.state, sentence, timedelta(seconds=max(0.0, wait.until - now)))


class SharedBudget(Budget):
    """One connection's part in the budget of its account."""

    def __init__(
        self, per_minute: int, clock: Clock, sleep: Callable[[float], None], account: Account, who: ConnectionName
    ) -> None:
        super().__init__(per_minute, clock, sleep)
        self.account = account
        self._who = who

    @property
    def left(self) -> float:
        return self.account.left

    def spend(self) -> None:
        """Take one call of the account's, sleeping until its moment has come. Raises Together, and StoreUnavailable."""
        self.permit()
        while (pause := self.account.take(self._who)) > 0:
            self.waited += pause
            began = self._clock.monotonic()
            self._sleep(pause)
            self.permit()
            if self._clock.monotonic() - began - pause < LATE:
                # The trouble of another one may have begun meanwhile.
                self.account.look(self._who)
                break
        self.calls += 1

    def resume(self, left: float, idle: float) -> None:
        """What the last turn left is known to the account."""
