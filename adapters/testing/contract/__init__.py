"""The contract: what the engine relies on, as tests that an adapter's author inherits.

    from tieline.adapters.testing.contract import AdapterContract

    class TestAcme(AdapterContract):
        @pytest.fixture
        def tool(self):
            return AcmeDriver()

The tests skip by claimed power and by the driver's verbs, never by vendor name. Where a tool cannot keep a promise,
say so in `waivers`: the test is still run, and a waiver that is no longer needed fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest

from tieline.adapters.testing.contract.commenting import CommentContract
from tieline.adapters.testing.contract.delivering import DeliveryContract
from tieline.adapters.testing.contract.doings import AutomaticContract, BirthContract, LeftContract
from tieline.adapters.testing.contract.expect import missing
from tieline.adapters.testing.contract.failing import FailingContract, SecretContract, WaitingContract
from tieline.adapters.testing.contract.powers import (
    AcknowledgeContract,
    ClaimContract,
    DescribeContract,
    LinkContract,
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
from tieline.adapters.testing.contract.writing import (
    CreatingContract,
    FailingWriteContract,
    FindingContract,
    ReplacingContract,
    UpdatingContract,
)
from tieline.adapters.testing.driver import SimulatorDriver, ToolDriver
from tieline.core.port import Source

__all__ = ["AdapterContract", "SimulatorDriver", "SourceContract", "ToolDriver"]


class _Suite:
    """The fixtures. An author overrides `tool`; `adapter` is what the tool connects."""

    waivers: ClassVar[Mapping[str, str]] = {}
    """Name of a test (without its parameters, or with them as pytest prints them) to the reason why this tool cannot
    keep it."""

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        for waived in cls.waivers:
            if not hasattr(cls, waived.partition("[")[0]):
                raise TypeError(f"{cls.__name__}.waivers: no test of this contract is called {waived}")

    @pytest.fixture
    def tool(self) -> ToolDriver:
        """The person in the tool. Override it."""
        raise NotImplementedError("override the fixture `tool` with your ToolDriver")

    @pytest.fixture
    def adapter(self, tool: ToolDriver) -> Source:
        """The adapter under test."""
        return tool.connect()

    @pytest.fixture(autouse=True)
    def _applies(self, request: pytest.FixtureRequest, tool: ToolDriver) -> None:
        reason = missing(request.function, tool)
        if reason:
            pytest.skip(reason)
        waiver = self.waivers.get(request.node.name) or self.waivers.get(request.function.__name__)
        if waiver:
            request.applymarker(pytest.mark.xfail(reason=waiver, strict=True))


class SourceContract(
    _Suite,
    ClaimContract,
    CheckingContract,
    ReadingContract,
    AgeContract,
    ListingContract,
    OddRecordContract,
    AutomaticContract,
    FailingContract,
    WaitingContract,
    SecretContract,
    DeliveryContract,
    AcknowledgeContract,
    DescribeContract,
    PeopleContract,
    LinkContract,
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
