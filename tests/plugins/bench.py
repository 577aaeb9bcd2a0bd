"""A workspace of one ticket tool and something beside it, and a plugin at work in it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tieline.adapters.memory.tool import MemoryTool
from tieline.adapters.testing.clock import ManualClock
from tieline.core.config import load_text
from tieline.core.store.store import Store
from tieline.sync import explain
from tieline.sync.build import build
from tieline.sync.daemon.firing import fire_timers
from tieline.sync.daemon.lane import Lane
from tieline.sync.engine import Engine
from tieline.sync.work.turn import turn


class Bench:
    """`restart` is a crash: only the store and the tools remain. `desk` is the ticket tool."""

    group: str
    """The plugin's."""

    def __init__(self, folder: Path, workspace: str) -> None:
        self.clock, self.dice = ManualClock(), random.Random(0)
        self.tool = MemoryTool(self.clock.now)
        self.file = folder / "tieline.yaml"
        self.file.write_text(workspace, encoding="utf-8")
        self.engine: Engine

    def beside(self) -> Mapping[str, Any]:
        """How the tools beside it are reached, by their connections."""
        return {}

    def start(self) -> None:
        config, registry = load_text(self.file.read_bytes(), self.file)
        store = Store.open(config.store)
        store.migrate()
        self.engine = build(
            config,
            store,
            registry,
            clock=self.clock,
            sleep=self.clock.advance,
            wake=lambda _name: None,
            dice=self.dice,
            transports={"desk": self.tool, **self.beside()},
        )
        self.lanes = [Lane(self.engine, here) for here in self.engine.connections.values()]

    def close(self) -> None:
        self.engine.store.close()
        self.engine.registry.close()

    def restart(self) -> None:
        self.close()
        self.start()

    def settle(self, rounds: int = 6, seconds: float = 31) -> None:
        """Have everything come to rest, while so much time passes in each round."""
        for _ in range(rounds):
            self.clock.advance(seconds)
            self.lanes_run()
            self.work()

    def lanes_run(self) -> None:
        for lane in self.lanes:
            for _ in range(50):
                if not lane.step():
                    break
        fire_timers(self.engine, self.clock.now())

    def work(self) -> None:
        offer = self.engine.registry.offers.by_group[self.group]
        for _ in range(50):
            if not turn(self.engine, offer, "bench"):
                return

    def incident(self, **fields: Any) -> str:
        made = self.tool.make({"title": "Disk full", "status": "new", **fields})
        self.settle(2)
        with self.engine.store.read() as connection:
            return explain.one_named(connection, made.key).number
