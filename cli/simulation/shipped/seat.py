"""What every shipped tool of a world has in common: its clock, its line, its counters."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

from tieline.adapters.memory.faults import Faults
from tieline.adapters.memory.shelf import Note, Row
from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.simulation import Request, Response, Simulator, requests_transport
from tieline.cli.simulation.shipped.clock import ToolClock
from tieline.cli.simulation.shipped.habits import Habitual
from tieline.cli.simulation.shipped.line import Line
from tieline.cli.simulation.tickets import Oddities
from tieline.core.model import Audience
from tieline.core.port import Delivery

TOLD: Final = re.compile(r"(?:No alert fires|One alert fires|\d+ alerts fire) now")
"""How what we say of alerts begins."""


class Plug:
    """What a connection is given in place of the network, and what befalls whoever is about to call."""

    def __init__(self, line: Line, before_call: Callable[[], None], mounted: Callable[[Any], Any]) -> None:
        self.line = line
        self.before_call = before_call
        self.transport = mounted(line)


class ShippedDesk(Habitual):
    """One shipped tool. Subclasses say what its records show and how people work in it; see `Desk`."""

    account: ClassVar[str]
    texts: ClassVar[Sequence[str]]
    clearable: ClassVar[Sequence[str]] = ()
    choices: ClassVar[Mapping[str, Sequence[str]]]
    compared: ClassVar[Sequence[str]]
    never_empty: ClassVar[frozenset[str]] = frozenset({"priority"})
    """Fields that always say something."""
    skills: ClassVar[frozenset[str]] = frozenset()
    tells_replaced: ClassVar[bool] = True
    spaced: ClassVar[bool] = True
    tells_birth: ClassVar[bool] = True
    steps_of_a_write: ClassVar[int] = 1
    pins: ClassVar[bool] = True
    secrets: ClassVar[Mapping[str, Any]]
    """The settings that no configuration file may hold."""

    simulator: Simulator

    def __init__(self, clock: ManualClock, dice: random.Random, oddities: Oddities) -> None:
        super().__init__()
        self.clock = ToolClock(clock)
        self.dice = dice
        self.oddities = oddities
        self.faults = Faults()
        self.subscribers: list[Callable[[Delivery], None]] = []
        self.written = self.made = self.commented = self.overwrote = 0
        self.born: dict[str, Mapping[str, Any]] = {}
        """What each record that we made showed at its birth."""
        self.line = Line(self, clock.monotonic)
        self.transport = Plug(self.line, oddities.before_call, requests_transport)

    @property
    def busiest(self) -> int:
        return self.line.busiest

    @property
    def skew(self) -> timedelta:
        return self.clock.skew

    @skew.setter
    def skew(self, ahead: timedelta) -> None:
        self.clock.skew = ahead

    # What the line asks

    def verb(self, request: Request) -> str:
        """Which of the port's verbs a request serves."""
        raise NotImplementedError

    def target(self, request: Request) -> str | None:
        """The record that a request is about."""
        raise NotImplementedError

    def wanted(self, request: Request) -> Mapping[str, Any]:
        """The canonical fields that a request writes."""
        raise NotImplementedError

    def turns_page(self, request: Request) -> bool:
        """Whether it asks for a page of a listing that is not the first."""
        raise NotImplementedError

    def before(self, verb: str, request: Request) -> None:
        self.clock.tick()
        ref = self.target(request)
        if verb == "update" and ref is not None:
            self.oddities.before_write(ref, self.wanted(request))
        elif self.turns_page(request):
            self.faults.turn_page()

    def after(self, verb: str, request: Request, response: Response) -> None:  # noqa: ARG002 - for who counts by request
        if response.status < 300:
            if verb == "create":
                self.made += 1
                newest = self.rows()[-1]
                self.born[newest.ref] = newest.body
            self.written += verb == "update"
            self.commented += verb == "add_comment"

    def board(self, row: Row) -> str | None:
        """What its newest comment of ours about alerts says of them."""
        told = (TOLD.search(note.text) for note in reversed(row.notes) if note.author == self.account)
        return next((note.string[note.start() :] for note in told if note is not None), None)

    # What people do

    def scribble(self, ref: str, words: str) -> bool:  # noqa: ARG002 - nobody edits notes, where nothing else is said
        return False

    def did_by_itself(self, ref: str, field: str) -> bool:  # noqa: ARG002 - a habit has nothing to do with the record
        return field in self.unruly

    def can_show(self, name: str, value: Any) -> bool:
        """Whether it can be told this value at all."""
        if name == "assignee" and value is not None:
            return value in self.addresses().values()
        return value is not None or name not in self.never_empty

    def would_show(self, name: str, value: Any) -> Any:  # noqa: ARG002 - for who shows less
        return value

    def rows(self) -> list[Row]:
        raise NotImplementedError

    def row(self, ref: str) -> Row:
        found = next((row for row in self.rows() if row.ref == ref), None)
        if found is None:
            raise LookupError(ref)
        return found

    def addresses(self) -> Mapping[str, str]:
        raise NotImplementedError

    def person(self, email: str) -> str | None:
        return next((one for one, address in self.addresses().items() if address == email), None)

    def make(self, body: Mapping[str, Any]) -> Row:
        raise NotImplementedError

    def edit(self, ref: str, **values: Any) -> Row:
        raise NotImplementedError

    def comment(self, ref: str, text: str, audience: Audience, *, author: str) -> Note:
        raise NotImplementedError

    def delete(self, ref: str) -> None:
        raise NotImplementedError

    def restore(self, ref: str) -> None:
        raise NotImplementedError

    def merge(self, ref: str, into: str) -> None:
        raise NotImplementedError

    def move(self, ref: str, key: str) -> None:
        raise NotImplementedError

    @property
    def spoilt(self) -> set[str]:
        raise NotImplementedError

    def spoil(self, ref: str) -> None:
        self.clock.tick()
        self.spoilt.add(ref)
        self.touch(ref)

    def mend(self, ref: str) -> None:
        self.clock.tick()
        self.spoilt.discard(ref)
        self.touch(ref)

    def touch(self, ref: str) -> None:
        """Anything that changes a record, and nothing that is compared."""
        raise NotImplementedError

    def stray(self) -> Delivery:
        raise NotImplementedError

    def forged(self, delivery: Delivery) -> Delivery:
        raise NotImplementedError

    def signed(self, delivery: Delivery) -> Delivery:
        """Proofs without a time hold for ever."""
        return delivery

    def settle_down(self) -> None:
        """Give up every bad habit."""
        self.give_up()
        for ref in sorted(self.spoilt):
            self.mend(ref)

    def tell(self, delivery: Delivery) -> None:
        """A webhook leaves."""
        for subscriber in self.subscribers:
            subscriber(delivery)


def spoilt(delivery: Delivery, header: str) -> Delivery:
    """The delivery with the end of its proof changed."""
    proof = delivery.headers[header]
    return Delivery({**delivery.headers, header: proof[:-2] + ("00" if proof[-2:] != "00" else "11")}, delivery.body)
