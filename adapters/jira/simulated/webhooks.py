"""Webhooks out, as Jira sends them: signed, at least once, in no promised order, late when it pleases."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from tieline.adapters.jira.webhook import signature


@dataclass
class Outgoing:
    """One delivery on its way."""

    due: datetime
    headers: dict[str, str]
    body: bytes


@dataclass
class Webhooks:
    """Where deliveries go. `copies` sends each that many times under one identifier; `delay` holds it back."""

    clock: Callable[[], datetime]
    secret: str = "simulated-webhook-secret"  # noqa: S105 - a double's, not a secret
    url: str | None = None
    copies: int = 1
    delay: timedelta = timedelta(0)
    outbox: list[Outgoing] = field(default_factory=list)
    listeners: list[Callable[[Outgoing], None]] = field(default_factory=list)
    """Whoever hears of each delivery in this process, once."""
    _sent: int = 0
    _pump: threading.Thread | None = None
    _wake: threading.Event = field(default_factory=threading.Event)

    def send(self, event: dict[str, Any]) -> Outgoing:
        """Put an event on its way; nothing is sent before a pump runs."""
        self._sent += 1
        body = json.dumps({"timestamp": int(self.clock().timestamp() * 1000), **event}, ensure_ascii=False).encode()
        headers = {
            "content-type": "application/json; charset=utf-8",
            "user-agent": "Atlassian Webhook HTTP Client",
            "x-atlassian-webhook-identifier": f"simulated-{self._sent}",
            "x-atlassian-webhook-flow": "Primary",
            "x-hub-signature": signature(self.secret, body),
        }
        delivery = Outgoing(self.clock() + self.delay, headers, body)
        self.outbox += [delivery] * self.copies
        del self.outbox[:-1000]
        self._wake.set()
        for listener in self.listeners:
            listener(delivery)
        return delivery

    def aim(self, url: str, secret: str) -> None:
        """Send everything from now on to `url`, from a thread of its own."""
        self.url, self.secret = url, secret
        self.outbox.clear()
        if self._pump is None:
            self._pump = threading.Thread(target=self._run, daemon=True, name="jira-webhooks")
            self._pump.start()

    def _run(self) -> None:
        attempts: dict[int, int] = {}
        with httpx.Client(timeout=10.0, trust_env=False) as client:
            while True:
                self._wake.wait(0.2)
                self._wake.clear()
                for delivery in [one for one in self.outbox if one.due <= self.clock()]:
                    tried = attempts.get(id(delivery), 0)
                    if self._post(client, delivery, tried) or tried >= 5:
                        attempts.pop(id(delivery), None)
                        if delivery in self.outbox:
                            self.outbox.remove(delivery)
                    else:
                        attempts[id(delivery)] = tried + 1

    def _post(self, client: httpx.Client, delivery: Outgoing, tried: int) -> bool:
        """True when it need not be tried again: Jira retries time-outs, 408, 409, 425, 429 and 5xx."""
        headers = delivery.headers | ({"x-atlassian-webhook-retry": str(tried)} if tried else {})
        try:
            status = client.post(str(self.url), content=delivery.body, headers=headers).status_code
        except httpx.HTTPError:
            return False
        return status not in (408, 409, 425, 429) and status < 500
