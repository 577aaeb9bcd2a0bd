"""The webhook that a Business Rule of the simulated instance sends: over real HTTP, from a thread, late or twice."""

from __future__ import annotations

import base64
import json
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from tieline.adapters.servicenow.simulated.query import Row
from tieline.adapters.servicenow.webhook import SHARED, SIGNATURE, TIMESTAMP, digest

Send = Callable[[Mapping[str, str], bytes], None]


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where to, signed with what. `copies` of each, `delay` seconds late."""

    url: str
    secret: str
    copies: int = 1
    delay: float = 0.0
    shared: bool = False


def message(row: Row, table: str, secret: str, at: int, *, shared: bool = False) -> tuple[dict[str, str], bytes]:
    """Headers and body as the sample Business Rule makes them; `at` in seconds since 1970."""
    content = {name: row[name] for name in ("sys_id", "sys_updated_on", "sys_mod_count")}
    body = json.dumps({"table": table, **content}).encode()
    headers = {"content-type": "application/json", TIMESTAMP: str(at)}
    if shared:
        return {**headers, SHARED: secret}, body
    mac = base64.b64encode(digest(secret, str(at), body)).decode()
    return {**headers, SIGNATURE: f"sha256={mac}"}, body


class Courier:
    """Delivers in the background, in order. A delivery that nobody takes is lost, as the real one is."""

    def __init__(self, webhook: Webhook) -> None:
        self.webhook = webhook
        self.lost = 0
        self._queue: queue.SimpleQueue[tuple[Mapping[str, str], bytes] | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True, name="servicenow-webhooks")
        self._thread.start()

    def post(self, headers: Mapping[str, str], body: bytes) -> None:
        for _ in range(self.webhook.copies):
            self._queue.put((headers, body))

    def stop(self) -> None:
        """Forget what is not delivered, and wait for the thread."""
        self._stopped.set()
        self._queue.put(None)
        self._thread.join(timeout=10)

    def _work(self) -> None:
        with httpx.Client(timeout=5.0, trust_env=False) as client:
            while (item := self._queue.get()) is not None and not self._stopped.wait(self.webhook.delay):
                headers, body = item
                try:
                    client.post(self.webhook.url, headers=dict(headers), content=body)
                except httpx.HTTPError:
                    self.lost += 1
