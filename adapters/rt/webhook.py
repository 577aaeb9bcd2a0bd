"""Webhooks: Request Tracker has none of its own. A Scrip tells that a ticket changed, and signs what it says.

The Scrip stands in docs/tools/rt.md, and the tests run it from there. A lost delivery is no loss: the poll
finds what no webhook told.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Final

import orjson

from tieline.adapters.rt.settings import RequestTrackerSettings
from tieline.core.errors import Forged, NeedsOperator
from tieline.core.port import Delivery, Hint, Received, Ref

SIGNATURE: Final = "x-tieline-signature"
TIMESTAMP: Final = "x-tieline-timestamp"
TOLERANCE: Final = timedelta(minutes=5)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The HMAC-SHA256 of `timestamp.body`, in hex, as the header carries it."""
    mac = hmac.new(secret.encode(), timestamp.encode(errors="replace") + b"." + body, hashlib.sha256)
    return f"sha256={mac.hexdigest()}"


def verify(connection: str, settings: RequestTrackerSettings, delivery: Delivery, now: datetime) -> None:
    """Raises Forged, as everything is without a secret in the settings; NeedsOperator for one that cannot be had."""
    secrets = _secrets(connection, settings)
    timestamp = delivery.headers.get(TIMESTAMP, "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11):
        raise Forged(connection, "X-Tieline-Timestamp is missing or not in seconds since 1970")
    if abs(datetime.fromtimestamp(int(timestamp), UTC) - now) > TOLERANCE:
        raise Forged(connection, "X-Tieline-Timestamp is more than five minutes off: a replay, or a wrong clock")
    shown = delivery.headers.get(SIGNATURE, "").encode(errors="replace")
    expected = [signature(secret, timestamp, delivery.body).encode() for secret in secrets]
    if not any(hmac.compare_digest(shown, one) for one in expected):
        raise Forged(connection, "X-Tieline-Signature does not prove this delivery; has the Scrip the same secret?")


def parse(settings: RequestTrackerSettings, delivery: Delivery) -> Received:
    """Raises ValueError with a sentence."""
    told = orjson.loads(delivery.body)
    if not isinstance(told, dict):
        raise ValueError("the delivery is no JSON object; the Scrip sends {queue, ticket, transaction}")
    if told.get("queue") != settings.queue:
        queue = str(told.get("queue"))[:80]
        raise ValueError(f"the delivery is about the queue {queue!r}; this connection is about {settings.queue!r}")
    ticket = told.get("ticket")
    if isinstance(ticket, bool) or not isinstance(ticket, int) or not 0 < ticket < 1 << 53:
        raise ValueError("the delivery has no usable `ticket`")
    content = delivery.headers.get(TIMESTAMP, "").encode(errors="replace") + b"." + delivery.body
    return Received(hashlib.sha256(content).hexdigest(), (Hint(Ref(str(ticket))),))


def _secrets(connection: str, settings: RequestTrackerSettings) -> list[str]:
    given = [one for one in (settings.webhook_secret, settings.retired_webhook_secret) if one is not None]
    try:
        secrets = [value for one in given if (value := one.reveal())]
    except LookupError as error:
        raise NeedsOperator(connection, f"the webhook's secret cannot be had: {error}") from None
    if not secrets:
        raise Forged(connection, "no `webhook_secret` is set, so that no delivery can be proved; set one, or poll only")
    return secrets
