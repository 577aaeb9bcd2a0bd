"""A sender that plays a mapping, for the contract: it fires alerts, and says so by webhook."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from tests.adapters.webhook.senders import SECRET, SENDERS

from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.contract import ToolDriver
from tieline.adapters.testing.driver import MISSING
from tieline.adapters.webhook.adapter import WebhookAdapter, connect
from tieline.adapters.webhook.settings import WebhookSettings
from tieline.core.deliveries import Deliveries
from tieline.core.model import ConnectionName
from tieline.core.port import Delivery, Power, Ref, Workbench
from tieline.core.secrets import Secret
from tieline.mappings import load

NAME = ConnectionName("anything")


class WebhookDriver(ToolDriver):
    """Titles are what the tool's people wrote."""

    tool = ""
    powers = frozenset({Power.RECEIVE})
    lacks: ClassVar[Mapping[str, str]] = {
        "connect_refused": "nobody logs in: it is only listened to",
        "fail": "nothing is asked of it",
        "joint_delivery": "it tells of one alert at a time",
    }
    secrets = (SECRET,)
    signs_time = False
    signs_body = False
    tells_time = False
    credential_headers = ("authorization",)

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.sender = SENDERS[self.tool]
        self.told: dict[Ref, Any] = {}
        self.adapter = self._connected(Secret.literal(SECRET))

    def connect(self) -> WebhookAdapter:
        return self._connected(Secret.literal(SECRET))

    def connect_unproved(self) -> WebhookAdapter:
        return self._connected(MISSING)

    def _connected(self, secret: Secret) -> WebhookAdapter:
        settings = WebhookSettings.model_validate(self.sender.settings(secret))
        bench = Workbench(self.clock, self.clock.sleep, deliveries=self.deliveries())
        return connect(NAME, settings, bench)

    def deliveries(self) -> Deliveries:
        """What the mapping says."""
        found = load(self.sender.mapping).document.deliveries
        assert found is not None
        return found

    def make(self, title: str, description: str = "") -> Ref:
        told = self.sender.tell(f"a{len(self.told)}", True, title)
        [hint] = self.adapter.parse(self.sender.delivery(told)).hints
        self.told[hint.ref] = told
        return hint.ref

    def delivery(self, ref: Ref) -> Delivery:
        return self.sender.delivery(self.told[ref], number=f"{self.now():%H%M%S}-{ref}")

    def now(self) -> datetime:
        return self.clock.now()

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)


class AzureDriver(WebhookDriver):
    """Proved by Basic."""

    tool = "azure-monitor"


class SentryDriver(WebhookDriver):
    """Proved by HMAC over the body."""

    tool = "sentry"
    signs_body = True
    credential_headers = ("sentry-hook-signature",)


class EventsDriver(WebhookDriver):
    """CloudEvents, of which a batch tells of several, proved by Bearer."""

    tool = "cloudevents"
    lacks: ClassVar[Mapping[str, str]] = {
        name: why for name, why in WebhookDriver.lacks.items() if name != "joint_delivery"
    }

    def joint_delivery(self, ref: Ref) -> Delivery:
        odd = {**self.told[ref], "specversion": "0.3"}
        true = self.delivery(ref)
        headers = {**true.headers, "content-type": "application/cloudevents-batch+json; charset=utf-8"}
        return replace(true, headers=headers, body=json.dumps([odd, self.told[ref]]).encode())


class StampedDriver(SentryDriver):
    """A sender of our own whose HMAC covers the time and is written in Base64, with several alerts at a time."""

    signs_time = True
    credential_headers = ("x-signature",)
    lacks = EventsDriver.lacks

    def deliveries(self) -> Deliveries:
        found = load("webhook-alert", Path(__file__).with_name("stamped.yaml")).document.deliveries
        assert found is not None
        return found

    def make(self, title: str, description: str = "") -> Ref:
        ref = Ref(f"a{len(self.told)}")
        self.told[ref] = {"id": ref, "status": "firing", "title": title}
        return ref

    def delivery(self, ref: Ref) -> Delivery:
        return self._signed([self.told[ref]])

    def joint_delivery(self, ref: Ref) -> Delivery:
        return self._signed([{"status": "firing", "title": "without a name"}, self.told[ref]])

    def _signed(self, alerts: list[Any]) -> Delivery:
        body = json.dumps({"alerts": alerts, "version": 1}).encode()
        at = str(int(self.now().timestamp()))
        made = hmac.new(SECRET.encode(), at.encode() + b"." + body, hashlib.sha512)
        return Delivery({"x-signature": f"t={at}, v1={base64.b64encode(made.digest()).decode()}"}, body)
