"""Events API v2: raise, acknowledge and resolve an alert by its `dedup_key`, and announce changes.

An event is taken in (202) before anything comes of it, and one that finds nothing to act on is dropped with the same
202: whoever needs proof looks at the incident. A 429 means that the event was dropped and may be sent again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import httpx

from tieline.adapters.pagerduty.settings import PagerDutySettings
from tieline.core.client import Client
from tieline.core.errors import NeedsOperator, Rejected, RemoteError, TryAgain, as_sentence
from tieline.core.letters import beginning
from tieline.core.model import instant
from tieline.core.port import Workbench
from tieline.core.secrets import Secret

LONGEST_KEY: Final = 255
LONGEST_SUMMARY: Final = 1024
LARGEST_EVENT: Final = 512 * 1024
"""Bytes; a larger event is refused whole."""


class EventSeverity(StrEnum):
    """What the Events API knows. A service may derive an incident's urgency from it."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Events:
    """One integration of a service, by its routing key."""

    def __init__(self, connection: str, url: str, routing_key: Secret, settings: PagerDutySettings, bench: Workbench):
        self._connection = connection
        self._key = routing_key
        self._client = Client(connection, url, settings, bench, tool="PagerDuty", timeout=settings.timeout)

    def trigger(
        self,
        dedup_key: str,
        summary: str,
        *,
        source: str,
        severity: EventSeverity,
        details: Mapping[str, Any] | None = None,
        link: str = "",
    ) -> None:
        """Open an alert, or add to the open one with this key. Repeating it changes nothing while the alert is open."""
        payload: dict[str, Any] = {
            "summary": beginning(summary, LONGEST_SUMMARY),
            "source": source,
            "severity": severity.value,
            "custom_details": dict(details or {}),
        }
        event: dict[str, Any] = {"event_action": "trigger", "payload": payload, "client": "Tieline"}
        if link:
            event["links"] = [{"href": link, "text": "Tieline"}]
        self._enqueue(dedup_key, event)

    def acknowledge(self, dedup_key: str) -> None:
        """Acknowledge the open alert with this key; nothing happens when there is none."""
        self._enqueue(dedup_key, {"event_action": "acknowledge"})

    def resolve(self, dedup_key: str) -> None:
        """Resolve the open alert with this key; nothing happens when there is none."""
        self._enqueue(dedup_key, {"event_action": "resolve"})

    def announce(
        self,
        summary: str,
        *,
        source: str,
        at: datetime,
        details: Mapping[str, Any] | None = None,
        links: Sequence[tuple[str, str]] = (),
    ) -> None:
        """A change event: shown beside the service's incidents, notifies nobody. `links` are (address, text).

        It carries no key: sending it twice shows it twice.
        """
        payload = {
            "summary": beginning(summary, LONGEST_SUMMARY),
            "source": source,
            "timestamp": instant(at),
            "custom_details": dict(details or {}),
        }
        self._post("/v2/change/enqueue", {"payload": payload, "links": [{"href": h, "text": t} for h, t in links]})

    def close(self) -> None:
        """Give the sockets back."""
        self._client.close()

    def _enqueue(self, dedup_key: str, event: Mapping[str, Any]) -> None:
        if not dedup_key or len(dedup_key) > LONGEST_KEY:
            raise Rejected(self._connection, f"a dedup_key has 1 to {LONGEST_KEY} characters, not {len(dedup_key)}")
        self._post("/v2/enqueue", {**event, "dedup_key": dedup_key})

    def _post(self, path: str, event: Mapping[str, Any]) -> None:
        try:
            key = self._key.reveal()
        except LookupError as error:
            raise NeedsOperator(self._connection, str(error)) from None
        body = {**event, "routing_key": key}
        size = len(httpx.Request("POST", "https://size", json=body).content)
        if size > LARGEST_EVENT:
            raise Rejected(self._connection, f"an event of {size} bytes; PagerDuty takes {LARGEST_EVENT} at most")
        try:
            answer = self._client.send("POST", path, body=body)
        except RemoteError as error:
            error.args = (str(error).replace(key, "***"),)  # the key travels in the body, and an answer may quote it
            if isinstance(error, Rejected) and "routing" in str(error).lower():
                raise NeedsOperator(
                    self._connection, f"{as_sentence(error)} Renew `routing_key`: the integration's key was refused."
                ) from None
            raise
        if answer.status_code != 202:
            raise TryAgain(self._connection, f"POST {path} answered {answer.status_code}, not 202", maybe_done=True)
