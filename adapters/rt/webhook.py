"""Webhooks: Request Tracker has none of its own. A Scrip tells that a ticket changed, and signs what it says.

The Scrip stands in docs/tools/rt.md, and the tests run it from there. A lost delivery is no loss: the poll
finds what no webhook told.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final

import orjson

from tieline.adapters.rt.settings import RequestTrackerSettings
from tieline.core.deliveries import Signature
from tieline.core.errors import Forged
from tieline.core.port import Delivery, Hint, Received, Ref
from tieline.core.proofs import prove_signed, revealed

SIGNATURE: Final = "x-tieline-signature"
TIMESTAMP: Final = "x-tieline-timestamp"
TOLERANCE: Final = timedelta(minutes=5)
_SIGNED: Final = Signature(SIGNATURE, ("{timestamp}", ".", "{body}"), prefix="sha256=", timestamp=TIMESTAMP)


def verify(connection: str, settings: RequestTrackerSettings, delivery: Delivery, now: datetime) -> None:
    """Raises Forged, as everything is without a secret in the settings; NeedsOperator for one that cannot be had."""
    given = [one for one in (settings.webhook_secret, settings.retired_webhook_secret) if one is not None]
    if not given:
        raise Forged(connection, "no `webhook_secret` is set, so that no delivery can be proved; set one, or poll only")
    prove_signed(connection, _SIGNED, revealed(connection, given), delivery, now, TOLERANCE)


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
