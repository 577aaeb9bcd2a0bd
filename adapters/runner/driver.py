"""The person at a simulated runner, for the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from tieline.adapters.runner.adapter import RunnerAdapter, connect
from tieline.adapters.runner.plugin import KIND
from tieline.adapters.runner.settings import RunnerSettings
from tieline.adapters.runner.simulator import TOKEN, RunnerSimulator
from tieline.adapters.testing.driver import SimulatorDriver
from tieline.adapters.testing.executions import ExecutionDriver
from tieline.adapters.testing.simulation import HttpxTransport
from tieline.core.model import ConnectionName
from tieline.core.port import Body, Ref
from tieline.core.secrets import Secret

NAME = ConnectionName("runner")


class RunnerDriver(ExecutionDriver, SimulatorDriver):
    """Somebody who edits what executions are called."""

    powers = KIND.powers
    runner = NAME
    secrets = (TOKEN,)
    page_size = 3
    writes = (("POST", "/executions"), ("PATCH", "/executions"))
    lacks: ClassVar[Mapping[str, str]] = {
        "act_by_itself": "a runner is no clock of the tool's: what it does is a change like any other",
        "merge": "no execution becomes part of another",
    }

    def __init__(self) -> None:
        super().__init__()
        self.simulator: RunnerSimulator = RunnerSimulator(self.tool_now)  # pyright: ignore[reportIncompatibleVariableOverride]

    def connect(self) -> RunnerAdapter:
        return self._connect(TOKEN)

    def connect_refused(self) -> RunnerAdapter:
        return self._connect("Wr0ng-" + TOKEN)

    def _connect(self, token: str) -> RunnerAdapter:
        settings = RunnerSettings(
            url="https://runner.example/api", token=Secret.literal(token), page_size=self.page_size
        )
        return connect(NAME, settings, self.workbench(HttpxTransport(self.simulator)))

    def make(self, title: str, description: str = "") -> Ref:
        return Ref(self.simulator.make(self.new_body(title, description)))

    def edit(self, ref: Ref, patch: Body) -> None:
        self.simulator.change(ref, **patch)

    def write_output(self, ref: Ref, output: bytes) -> None:
        self.simulator.end(ref, 0, output.decode())

    def spoil(self, ref: Ref) -> None:
        self.simulator.change(ref, odd={"status": None})

    def delete(self, ref: Ref) -> None:
        del self.simulator.rows[ref]

    def missing_ref(self) -> Ref:
        return Ref("x999999")
