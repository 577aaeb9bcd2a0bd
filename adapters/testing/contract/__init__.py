"""The contract: what the engine relies on, as tests that an adapter's author inherits.

    from tieline.adapters.testing.contract import AdapterContract

    class TestAcme(AdapterContract):
        driver = AcmeDriver

Tests of powers that the adapter does not claim are not collected. One whose verb the driver lacks is skipped, and
fails where CI is true. Nothing goes by vendor name. Where a tool cannot keep a promise, say so in `waivers`: the test
is still run, and a waiver that is no longer needed fails.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import ClassVar

import pytest

from tieline.adapters.testing.contract.commenting import CommentContract
from tieline.adapters.testing.contract.delivering import DeliveryContract
from tieline.adapters.testing.contract.doings import AutomaticContract, BirthContract, LeftContract
from tieline.adapters.testing.contract.expect import claims, foreign, unfilled
from tieline.adapters.testing.contract.failing import FailingContract, SecretContract, WaitingContract
from tieline.adapters.testing.contract.powers import (
    AcknowledgeContract,
    BudgetContract,
    ClaimContract,
    DescribeContract,
    LinkContract,
    OutputContract,
    PeopleContract,
)
from tieline.adapters.testing.contract.reading import (
    AgeContract,
    CheckingContract,
    HistoryContract,
    ListingContract,
    OddRecordContract,
    ReadingContract,
)
from tieline.adapters.testing.contract.trial import contract_tests
from tieline.adapters.testing.contract.writing import (
    CreatingContract,
    FailingWriteContract,
    FindingContract,
    ReplacingContract,
    UpdatingContract,
)
from tieline.adapters.testing.driver import SimulatorDriver, ToolDriver
from tieline.core.port import Source

__all__ = ["AdapterContract", "ListeningContract", "SimulatorDriver", "SourceContract", "ToolDriver"]


class _Suite:
    """The fixtures. `driver` makes the `tool`, and `adapter` is what the tool connects. Who needs more than a class to
    make a driver overrides `tool`; what the class claims still says which tests there are."""

    driver: ClassVar[type[ToolDriver] | None] = None
    """The person in the tool."""

    tool_kind: ClassVar[str] = ""
    """The tool that is proved, as its adapter names it: for the table of tools."""
    against: ClassVar[str] = ""
    """What stands behind the driver: a simulator and what that was written after, or a real server and its version."""

    waivers: ClassVar[Mapping[str, str]] = {}
    """Name of a test (without its parameters, or with them as pytest prints them) to the reason why this tool cannot
    keep it."""

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        if "driver" in vars(cls) and cls.driver is not None:
            cls._leave_out(cls.driver)
        for waived in cls.waivers:
            name = waived.partition("[")[0]
            if not hasattr(cls, name):
                raise TypeError(f"{cls.__name__}.waivers: no test of this contract is called {waived}")
            if getattr(cls, name) is None:
                raise TypeError(f"{cls.__name__}.waivers: {waived} is not about this tool, by what its driver claims")

    @classmethod
    def _leave_out(cls, driver: type[ToolDriver]) -> None:
        """Not skipped but not there: a skip is work that waits, and a power that is not claimed is none."""
        tests = {name: test for base in reversed(cls.__mro__) for name, test in contract_tests(base).items()}
        for name, test in tests.items():
            # None in its place: pytest collects what the class shows, and not what stands behind it.
            setattr(cls, name, None if foreign(test, driver) else test)

    @pytest.fixture
    def tool(self) -> ToolDriver:
        """The person in the tool."""
        if self.driver is None:
            raise NotImplementedError("name your ToolDriver: driver = AcmeDriver")
        return self.driver()

    @pytest.fixture
    def adapter(self, tool: ToolDriver) -> Source:
        """The adapter under test."""
        return tool.connect()

    @pytest.fixture(autouse=True)
    def _applies(self, request: pytest.FixtureRequest, tool: ToolDriver) -> None:
        if self.driver is not None and claims(tool) != claims(self.driver):
            pytest.fail(f"{type(tool).__name__} claims something else than its class, by which tests are collected")
        apart = foreign(request.function, tool)
        if apart:
            pytest.skip(apart)
        waits = unfilled(request.function, tool)
        if waits:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(_grow(waits))
        waiver = self.waivers.get(request.node.name) or self.waivers.get(request.function.__name__)
        if waiver:
            request.applymarker(pytest.mark.xfail(reason=waiver, strict=True))


def _grow(waits: str) -> str:
    return f"{waits}; fill it, or say in `lacks` why nobody can"


class ListeningContract(_Suite, ClaimContract, CheckingContract, SecretContract, DeliveryContract):
    """What every source owes; of one that can only be listened to, nothing more can be asked."""


class SourceContract(
    ListeningContract,
    BudgetContract,
    ReadingContract,
    AgeContract,
    ListingContract,
    OddRecordContract,
    AutomaticContract,
    FailingContract,
    WaitingContract,
    AcknowledgeContract,
    DescribeContract,
    PeopleContract,
    LinkContract,
    OutputContract,
):
    """What a tool that is only read (monitoring) owes."""


class AdapterContract(
    SourceContract,
    HistoryContract,
    CreatingContract,
    FindingContract,
    UpdatingContract,
    ReplacingContract,
    LeftContract,
    BirthContract,
    FailingWriteContract,
    CommentContract,
):
    """What a tool that is also written owes."""
