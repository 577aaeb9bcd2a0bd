"""What is remembered of an account, and where: in this process, or in a row of the store that every worker changes.

Either way one change follows the other, each decided on what the one before it left.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import bindparam, select, text, update

from tieline.core.store import tables as t
from tieline.core.store.store import Store, Transaction
from tieline.sync.accounts.circuit import CLOSED, Circuit, Outage
from tieline.sync.limits import Pace

T = TypeVar("T")

AHEAD: Final = 5.0
"""Seconds by which the last call may seem to lie ahead: workers' clocks differ by less, and more is one set back."""


@dataclass(frozen=True, slots=True)
class Memory:
    """`left` calls could be made at the moment `at`; less than none are left while calls wait for their moment."""

    left: float
    at: float
    circuit: Circuit = CLOSED


def spent(memory: Memory, pace: Pace, now: float) -> tuple[float, float, float]:
    """Take one call: what is left, at which moment, and in how many seconds the call may be made.

    Each call has a moment of its own, after those of all that were asked for before it: whoever asks for one call at a
    time waits for at most one of each other.
    """
    at = max(now, memory.at) if memory.at - now < AHEAD else now
    left = pace.filled(memory.left, at - memory.at) - 1
    return left, at, max(0.0, at - now - left / pace.rate) if left < 0 else 0.0


def as_facts(memory: Memory) -> dict[str, Any]:
    """The same as plain JSON."""
    return asdict(memory)


def from_facts(facts: Mapping[str, Any]) -> Memory:
    """What such JSON says."""
    circuit = facts["circuit"]
    outage = None if circuit["outage"] is None else Outage(**_with_tuples(circuit["outage"]))
    return Memory(facts["left"], facts["at"], Circuit(**{**_with_tuples(circuit), "outage": outage}))


def _with_tuples(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, (list, tuple)) else value for name, value in facts.items()}


Decide = Callable[[Memory, float], tuple[Memory, T]]
"""From what is remembered, and the time, to what is to be remembered and what is answered."""


Fence = Callable[[Transaction], None]
"""Raises LeaseLost where whoever changes something may not do so any more."""


def unfenced(_tx: Transaction) -> None:
    """Nobody else could have taken over."""


class Keeper(Protocol):
    """Where it is remembered."""

    def read(self) -> Memory:
        """What is remembered now. Raises StoreUnavailable."""
        ...

    def change(self, decide: Decide[T], fence: Fence) -> T:
        """Remember something else. Raises StoreUnavailable."""
        ...

    def now(self) -> float:
        """The time of all who share it, in seconds."""
        ...


class InProcess:
    """For connections that are all served here. `now` is in seconds and never runs backwards."""

    def __init__(self, pace: Pace, now: Callable[[], float]) -> None:
        self._lock = threading.Lock()
        self._now = now
        self._memory = Memory(pace.burst, now())

    def read(self) -> Memory:
        return self._memory

    def change(self, decide: Decide[T], fence: Fence) -> T:  # noqa: ARG002 - nobody takes over within a process
        with self._lock:
            self._memory, answer = decide(self._memory, self._now())
        return answer

    def now(self) -> float:
        return self._now()


class InStore:
    """For connections that are served by several workers. `now` is the time of all of them."""

    def __init__(self, store: Store, account: str, pace: Pace, now: Callable[[], float]) -> None:
        self._store = store
        self._account = account
        self._pace = pace
        self._now = now

    def read(self) -> Memory:
        with self._store.read() as connection:
            found = connection.execute(_LOOK, {"row_name": self._account}).scalar()
        return self._beginning() if found is None else from_facts(found)

    def change(self, decide: Decide[T], fence: Fence) -> T:
        with self._store.write() as tx:
            fence(tx)
            found = tx.execute(_LOCKED, {"row_name": self._account}).scalar()
            if found is None:
                tx.execute(_FIRST, {"name": self._account, "memory": as_facts(self._beginning())})
                found = tx.execute(_LOCKED, {"row_name": self._account}).scalar_one()
            before = from_facts(found)
            # Asked only here, where nobody else can have changed it later and with an earlier time.
            after, answer = decide(before, self._now())
            if after != before:
                tx.execute(_SET, {"row_name": self._account, "memory": as_facts(after)})
        return answer

    def now(self) -> float:
        return self._now()

    def _beginning(self) -> Memory:
        return Memory(self._pace.burst, self._now())


_LOOK = select(t.account.c.memory).where(t.account.c.name == bindparam("row_name"))
_LOCKED = _LOOK.with_for_update()
_SET = update(t.account).where(t.account.c.name == bindparam("row_name"))
_FIRST = text("INSERT INTO account (name, memory) VALUES (:name, :memory) ON CONFLICT (name) DO NOTHING").bindparams(
    bindparam("memory", type_=t.account.c.memory.type)
)
