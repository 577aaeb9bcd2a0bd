"""Senders that play their mappings keep the contract of a source that is only listened to."""

from __future__ import annotations

from tests.adapters.webhook.driver import AzureDriver, EventsDriver, SentryDriver, StampedDriver

from tieline.adapters.testing.contract import ListeningContract


class TestAzureMonitor(ListeningContract):
    driver = AzureDriver
    tool_kind = "webhook"
    against = "a double that plays the mapping of Azure Monitor, proved by Basic"


class TestSentry(ListeningContract):
    driver = SentryDriver
    tool_kind = "webhook"
    against = "a double that plays the mapping of Sentry, proved by an HMAC"


class TestCloudEvents(ListeningContract):
    driver = EventsDriver
    tool_kind = "webhook"
    against = "a double that sends CloudEvents, proved by a token"


class TestStamped(ListeningContract):
    driver = StampedDriver
    tool_kind = "webhook"
    against = "a double that signs the time, with several alerts at once"
