"""The simulated account's webhooks (v3): signed with every secret, in order, on demand twice or late.

They are kept in `sent` for in-process tests; where a subscription has an address, a thread posts them there and
repeats on 429, 5xx and lost answers, as PagerDuty does for 48 hours (here: a bounded number of times).
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from tieline.adapters.pagerduty.simulated.account import Account, Incident, Note
from tieline.adapters.pagerduty.simulated.shapes import (
    incident_reference,
    priority_reference,
    reference,
    user_reference,
    utc,
)
from tieline.adapters.pagerduty.webhook import signature

REPEATS: Final = 20


@dataclass(frozen=True)
class Sent:
    """One delivery as it leaves: header names in lower case."""

    headers: dict[str, str]
    body: bytes


@dataclass
class Subscription:
    """`twice` repeats each delivery under the same id; `late` holds them back until `release`."""

    secrets: tuple[str, ...] = ()
    url: str = ""
    twice: bool = False
    late: bool = False
    held: list[Sent] = field(default_factory=list)


class Webhooks:
    """Announces what happens in an account."""

    def __init__(self, account: Account, clock: Callable[[], datetime]) -> None:
        self._account = account
        self._clock = clock
        self._waiting: queue.Queue[tuple[str, Sent]] = queue.Queue()
        self._thread: threading.Thread | None = None
        self.subscription = Subscription()
        self.sent: list[Sent] = []
        self.listeners: list[Callable[[Sent], None]] = []
        """Whoever hears of each delivery in this process, once."""

    def tell(self, kind: str, incident: Incident, note: Note | None, by: str | None) -> None:
        """Build, sign and send one event."""
        data = self._note(incident, note) if note is not None else self._incident(incident)
        self.send(kind, data, user_reference(self._account, by) if by else None)

    def send(self, kind: str, data: dict[str, Any], agent: dict[str, Any] | None = None) -> Sent:
        """`agent` may be null: a rule acted."""
        event = {
            "id": self._account.new_id("01", 24),
            "event_type": kind,
            "resource_type": kind.split(".", 1)[0],
            "occurred_at": self._clock().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "agent": agent,
            "client": {"name": "PagerDuty"} if agent else None,
            "data": data,
        }
        body = json.dumps({"event": event}, ensure_ascii=False).encode("utf-8", "surrogatepass")
        sent = Sent(self._headers(body), body)
        if self.subscription.late:
            self.subscription.held.append(sent)
        else:
            self._out(sent)
        for listener in self.listeners:
            listener(sent)
        return sent

    def wait(self) -> None:
        """Return when everything that was announced has been posted or given up."""
        self._waiting.join()

    def release(self) -> None:
        """Let out what was held back, in order."""
        held, self.subscription.held = self.subscription.held, []
        self.subscription.late = False
        for sent in held:
            self._out(sent)

    def _headers(self, body: bytes) -> dict[str, str]:
        return {
            "content-type": "application/json",
            "user-agent": "PagerDuty-Webhook/V3.0",
            "x-webhook-id": self._account.new_id("wh", 20),
            "x-webhook-subscription": "PSUBSCR",
            "x-pagerduty-signature": ",".join(signature(secret, body) for secret in self.subscription.secrets),
        }

    def _out(self, sent: Sent) -> None:
        for _ in range(2 if self.subscription.twice else 1):
            self.sent.append(sent)
            if self.subscription.url:
                self._post_soon(self.subscription.url, sent)

    def _post_soon(self, url: str, sent: Sent) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._post_all, daemon=True, name="pagerduty-webhooks")
            self._thread.start()
        self._waiting.put((url, sent))

    def _post_all(self) -> None:
        with httpx.Client(timeout=5.0, trust_env=False) as client:
            while True:
                url, sent = self._waiting.get()
                for attempt in range(REPEATS):
                    if _delivered(client, url, sent):
                        break
                    time.sleep(min(0.1 * 2**attempt, 5.0))
                self._waiting.task_done()

    def _incident(self, incident: Incident) -> dict[str, Any]:
        service = self._account.service(incident.service)
        shown = incident_reference(incident)
        return {
            "id": incident.id,
            "type": "incident",
            "self": shown["self"],
            "html_url": shown["html_url"],
            "number": incident.number,
            "status": incident.status,
            "incident_key": incident.key,
            "created_at": utc(incident.created_at),
            "title": incident.title,
            "service": reference("service", incident.service, service.name if service else "", "services"),
            "assignees": [user_reference(self._account, user) for user, _ in incident.assignees],
            "escalation_policy": reference("escalation_policy", "PEPOLIC", "Default", "escalation_policies"),
            "teams": [],
            "priority": priority_reference(self._account, incident.priority),
            "urgency": incident.urgency,
            "conference_bridge": None,
            "resolve_reason": None,
        }

    def _note(self, incident: Incident, note: Note) -> dict[str, Any]:
        return {
            "incident": incident_reference(incident),
            "id": note.id,
            "content": note.content,
            "trimmed": False,
            "type": "incident_note",
        }


def _delivered(client: httpx.Client, url: str, sent: Sent) -> bool:
    """Whether to stop trying: taken, or refused for good (a 4xx other than 429 is dropped at once)."""
    try:
        status = client.post(url, content=sent.body, headers=sent.headers).status_code
    except httpx.HTTPError:
        return False
    return status < 500 and status != 429
