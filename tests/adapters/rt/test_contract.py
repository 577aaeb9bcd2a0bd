"""Request Tracker keeps the contract, against its simulator."""

from __future__ import annotations

from tieline.adapters.rt.simulated.driver import RequestTrackerDriver
from tieline.adapters.testing.contract import AdapterContract


class TestRequestTracker(AdapterContract):
    tool_kind = "rt"
    against = "a simulator, held against the real one"
    driver = RequestTrackerDriver
