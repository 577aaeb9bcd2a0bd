"""Amazon SNS keeps the contract of a source that is only listened to."""

from __future__ import annotations

from tests.adapters.sns.driver import SnsDriver

from tieline.adapters.testing.contract import ListeningContract


class TestSns(ListeningContract):
    driver = SnsDriver
    tool_kind = "sns"
    against = "a double that signs as the vendor's documentation says"
