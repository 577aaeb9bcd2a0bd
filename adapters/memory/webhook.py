"""The memory tool's webhooks: `x-memory-signature: t=SECONDS,v1=HEX` over the time and the raw body."""

from __future__ import annotations

import hmac
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from tieline.adapters.memory.tool import SIGNATURE, sign
from tieline.core.errors import Forged
from tieline.core.listing import understood
from tieline.core.port import Delivery, Hint, Received, Ref

TOLERANCE = timedelta(minutes=5)
_PROOF = re.compile(r"t=([0-9]{1,11}),v1=([0-9a-f]{64})")


def verify(connection: str, secret: str | None, delivery: Delivery, now: datetime) -> None:
    """Prove the sender. Raises Forged, which never says what the proof should have been."""
    if not secret:
        raise Forged(connection, "no webhook_secret is set, so that nothing can be proved; set it to take deliveries")
    proof = _PROOF.fullmatch(delivery.headers.get(SIGNATURE, ""))
    if proof is None:
        raise Forged(connection, f"the header {SIGNATURE} is missing or is not t=SECONDS,v1=HEX")
    at = int(proof[1])
    # The signature comes first: until it holds, the time in it is somebody's claim.
    if not hmac.compare_digest(proof[2], sign(secret, at, delivery.body)):
        raise Forged(connection, "the signature is not of this body; compare webhook_secret on both sides")
    if abs(now - datetime.fromtimestamp(at, UTC)) > TOLERANCE:
        raise Forged(connection, "the delivery was signed more than 5 minutes away from now; check both clocks")


def parse(delivery: Delivery) -> Received:
    """Understand `{"id": …, "event": …, "ref": …}`, or with `refs` for several. Raises ValueError."""
    try:
        told = json.loads(delivery.body)
    except RecursionError:
        raise ValueError("the delivery is nested too deeply") from None
    number = _text(told, "id")
    if not isinstance(told.get("refs"), list):
        return Received(number, (Hint(Ref(_text(told, "ref"))),))
    found = understood(told["refs"], lambda ref: Hint(Ref(_text({"ref": ref}, "ref"))), lambda _ref: (None, ""))
    odd = tuple(found.unreadable)
    return Received(number, tuple(found.found), incomplete=bool(odd), unreadable=odd)


def _text(told: Any, name: str) -> str:
    value = told.get(name) if isinstance(told, dict) else None
    if not isinstance(value, str) or not value:
        raise ValueError(f"the delivery has no text {name!r}")
    return value
