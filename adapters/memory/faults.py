"""What goes wrong between the adapter and the memory tool, as if there were a network between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tieline.core.errors import Gone, RemoteError, TryAgain
from tieline.core.http import not_there, outcome


@dataclass
class Fault:
    """The next `times` calls (or writes only) fail. Status 0 is a connection that breaks, 200 an answer of nonsense.

    `after_effect` lets the tool act before the answer is lost. `believed`: the adapter takes a 404 for what it says
    where it answers a create too, as one would that nobody held against the contract.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    only_writes: bool = False
    after_effect: bool = False
    believed: bool = False

    def error(self, connection: str, verb: str, *, writes: bool, now: datetime) -> RemoteError:
        """What the adapter raises."""
        if self.status == 0:
            return TryAgain(connection, f"{verb}: the connection broke before the answer came", maybe_done=writes)
        method = "POST" if writes else "GET"
        meaning = outcome(connection, method, verb, self.status, self.headers, "", now)
        if isinstance(meaning, Gone) and verb == "create" and not self.believed:
            return not_there(meaning)
        nonsense = f"{verb}: answered {self.status} with something that is no record; is there a proxy in between?"
        return meaning or TryAgain(connection, nonsense, maybe_done=writes, status=self.status)


@dataclass
class Faults:
    """The switches. A simulation sets `draw` and decides call by call; tests queue faults and ambushes."""

    queue: list[Fault] = field(default_factory=list)
    ambushes: list[Callable[[], None]] = field(default_factory=list)
    """What somebody does right before the tool takes the adapter's next write."""
    followers: list[Callable[[], None]] = field(default_factory=list)
    """What somebody does right after the tool took the adapter's next write."""
    draw: Callable[[str, bool], Fault | None] | None = None
    """Asked with the verb and whether it writes, when no queued fault applies."""
    turn: Callable[[], None] | None = None
    """What happens in the tool while an adapter turns from one page of a listing to the next."""

    asked: int = 0
    """How many calls there were."""

    def next(self, verb: str, *, writes: bool) -> Fault | None:
        """The fault of this call, if any."""
        self.asked += 1
        for fault in self.queue:
            if writes or not fault.only_writes:
                fault.times -= 1
                if fault.times <= 0:
                    self.queue.remove(fault)
                return fault
        return self.draw(verb, writes) if self.draw is not None else None

    def spring(self) -> None:
        """Let those act who lie in ambush."""
        while self.ambushes:
            self.ambushes.pop(0)()

    def follow(self) -> None:
        """Let those act who waited for a write."""
        while self.followers:
            self.followers.pop(0)()

    def turn_page(self) -> None:
        """Let happen what happens between two pages."""
        if self.turn is not None:
            self.turn()

    def heal(self) -> None:
        """Everything works again."""
        self.queue.clear()
        self.ambushes.clear()
        self.followers.clear()
        self.draw = self.turn = None
