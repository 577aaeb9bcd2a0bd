"""The runner behind HTTP keeps the contract."""

from __future__ import annotations

from tieline.adapters.runner.driver import RunnerDriver
from tieline.adapters.testing.contract import AdapterContract


class TestRunner(AdapterContract):
    driver = RunnerDriver
