"""A small world for tests: memory tools, the real road, a clock that is moved by hand. `settle()` lets everything come
to rest; a test then says what the tools show."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.sync.deciding import decide

from tieline.adapters.memory.plugin import UNCONDITIONAL
from tieline.adapters.memory.tool import MemoryTool
from tieline.adapters.testing.clock import ManualClock
from tieline.core import journal
from tieline.core.config import load_text
from tieline.core.errors import StoreUnavailable
from tieline.core.model import ConnectionName, IncidentId, RecordKind
from tieline.core.offer import Offer
from tieline.core.port import Token
from tieline.core.store.store import Store
from tieline.sync import explain
from tieline.sync.build import build
from tieline.sync.daemon.firing import fire_timers
from tieline.sync.daemon.lane import Lane
from tieline.sync.engine import Engine
from tieline.sync.records import Incident, Replica
from tieline.sync.work.turn import turn

PEOPLE = ("ann@example.com", "bob@example.com")


class World:
    """Tools named by connection, and one engine between them. `restart` is a crash: only store and tools remain.

    The tool `blunt` refuses no write on an old version; `problems` are those of them that hold problems, or what
    `kinds` says, told in the words of problems; `offers` are what plugins offer.
    """

    def __init__(
        self,
        folder: Path,
        tools: tuple[str, ...] = ("left", "right"),
        *,
        options: Mapping[str, str] | None = None,
        top: str = "",
        store: str = "",
        seed: int = 0,
        blunt: str = "",
        problems: tuple[str, ...] = (),
        offers: tuple[Offer, ...] = (),
        kinds: Mapping[str, RecordKind] | None = None,
    ) -> None:
        self.offers = offers
        self.kinds = kinds or {}
        self.clock = ManualClock()
        self.random = random.Random(seed)
        self.blunt = ConnectionName(blunt)
        self.tools = {
            name: MemoryTool(
                self.clock.now,
                people=PEOPLE,
                conditional=name != blunt,
                record=RecordKind.PROBLEM if name in problems else RecordKind.INCIDENT,
            )
            for name in tools
        }
        lines = ["tieline: 1", f"store: {store or 'sqlite:///world.db'}", top, "connections:"]
        for name in tools:
            tool = "memory-problem" if name in problems else "memory"
            lines += [f"  {name}:", f"    tool: {tool}", "    opens: true", "    history: 1d"]
            lines += [f"    {line}" for line in (options or {}).get(name, "").splitlines()]
        self.file = folder / "tieline.yaml"
        self.file.write_text("\n".join(lines), encoding="utf-8")
        self._tokens = 0
        self.engine: Engine
        self.lanes: dict[str, Lane] = {}
        self.start()

    def start(self) -> None:
        """Start the engine on whatever the store holds."""
        config, registry = load_text(self.file.read_bytes(), self.file)
        for offer in self.offers:
            registry.offers.add(offer)
        store = Store.open(config.store)
        store.migrate()
        self.engine = build(
            config,
            store,
            registry,
            clock=self.clock,
            sleep=self.clock.advance,
            wake=lambda _name: None,
            dice=self.random,
            transports=self.tools,
        )
        self.engine.new_token = self._token
        if self.blunt:
            here = self.engine.connections[self.blunt]
            here.config = replace(here.config, kind=replace(here.kind, powers=UNCONDITIONAL))
        for name, kind in self.kinds.items():
            here = self.engine.connections[ConnectionName(name)]
            here.config = replace(here.config, kind=replace(here.kind, record=kind))
        self.lanes = {name: Lane(self.engine, here) for name, here in self.engine.connections.items()}

    def _token(self) -> Token:
        self._tokens += 1
        return Token(f"tl-{self._tokens:06d}-{self.random.getrandbits(32):08x}")

    def restart(self) -> None:
        """Forget everything that is not in the store, as a killed process does."""
        self.engine.store.close()
        self.start()

    def step(self, name: str) -> bool:
        """One step of one lane; a store that does not answer is a step that did nothing."""
        try:
            return self.lanes[name].step()
        except StoreUnavailable:
            return False

    def settle(self, rounds: int = 8) -> None:
        """Let polls come due and every lane run dry, a few times."""
        for _ in range(rounds):
            self.clock.advance(31)
            for lane in self.lanes.values():
                for _ in range(50):
                    if not self.step(lane.here.name):
                        break
            fire_timers(self.engine, self.clock.now())
            self.work()

    def work(self) -> None:
        """Have every plugin do what it does by itself, until nothing is left to be done."""
        for offer in self.offers:
            for _ in range(50):
                if not turn(self.engine, offer, "world"):
                    break

    # -- what people see -------------------------------------------------------------------------------------------

    def incidents(self) -> list[tuple[Incident, list[Replica]]]:
        """Every incident with its copies, oldest first."""
        with self.engine.store.read() as connection:
            return list(reversed(explain.incidents(connection, limit=10_000)))

    def incident(self, number: int = 1) -> Incident:
        """One incident."""
        with self.engine.store.read() as connection:
            found = explain.one_incident(connection, IncidentId(number))
        assert found is not None
        return found[0]

    def copy(self, tool: str, number: int = 1) -> Replica:
        """One tool's copy of an incident."""
        with self.engine.store.read() as connection:
            found = explain.one_incident(connection, IncidentId(number))
        assert found is not None
        return next(copy for copy in found[1] if copy.connection == tool)

    def shows(self, tool: str, *fields: str, number: int = 1) -> Any:
        """What a tool shows of an incident: one value, or several."""
        ref = self.copy(tool, number).ref
        assert ref is not None
        body = self.tools[tool].row(ref).body
        values = tuple(body.get(name) for name in fields)
        return values[0] if len(values) == 1 else values

    def edit(self, tool: str, number: int = 1, **fields: Any) -> None:
        """Somebody edits the record in a tool."""
        ref = self.copy(tool, number).ref
        assert ref is not None
        self.tools[tool].edit(ref, **fields)

    def writes(self) -> int:
        """How many versions all records of all tools have been through: it grows with every write, whoever's."""
        return sum(row.version for tool in self.tools.values() for row in tool.rows())

    def conflicts(self) -> list[explain.OpenConflict]:
        with self.engine.store.read() as connection:
            return explain.conflicts(connection)

    def parked(self) -> list[explain.Parked]:
        with self.engine.store.read() as connection:
            return explain.parked(connection)

    def verified(self) -> int:
        """Entries of the journal, all of them whole."""
        return journal.verify(self.engine.store).count

    def settle_conflict(self, tool: str, field: str, *, theirs: bool, number: int = 1) -> None:
        take = "theirs" if theirs else "ours"
        decide(self.engine, "conflicts settle", incident=str(number), field=field, connection=tool, take=take)
