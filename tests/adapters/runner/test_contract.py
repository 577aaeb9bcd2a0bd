"""The runner behind HTTP keeps the contract."""

from __future__ import annotations

from tieline.adapters.runner.driver import RunnerDriver
from tieline.adapters.testing.contract import AdapterContract


class TestRunner(AdapterContract):
    tool_kind = "runner"
    against = "a simulator; what it speaks is ours"
    driver = RunnerDriver
