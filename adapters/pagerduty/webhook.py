"""Webhooks v3: proved by HMAC over the raw bytes, and taken as hints.

PagerDuty signs no time, so that a replay cannot be told apart; all it can cause is a read.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tieline.core.errors import Forged
from tieline.core.port import Delivery, Hint, Received, Ref

MOST_SIGNATURES: Final = 16
"""PagerDuty sends one per secret, two while one is replaced; a longer list is somebody trying."""


def signature(secret: str, body: bytes) -> str:
    """One element of `X-PagerDuty-Signature`: HMAC-SHA256 of the raw body."""
    return "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def verify(connection: str, delivery: Delivery, secrets: Iterable[str]) -> None:
    """Raises Forged unless one of our secrets made one of the signatures. All are tried, so that time tells nothing."""
    header = delivery.headers.get("x-pagerduty-signature", "")
    sent = [one.strip().encode("utf-8", "surrogateescape") for one in header.split(",")[:MOST_SIGNATURES]]
    expected = [signature(secret, delivery.body).encode() for secret in secrets]
    if not expected:
        raise Forged(connection, "no `webhook_secrets` are set, so no webhook can be proved; set the subscription's")
    proofs = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in sent]
    if not any(proofs):
        raise Forged(
            connection, "X-PagerDuty-Signature does not prove this delivery; compare `webhook_secrets` with PagerDuty's"
        )


def parse(delivery: Delivery) -> Received:
    """The incident a delivery speaks of; none for `pagey.ping` and events of services. Raises ValueError."""
    try:
        sent: Any = json.loads(delivery.body)
    except (ValueError, RecursionError):
        raise ValueError("a PagerDuty webhook is JSON, and this is not") from None
    event = sent.get("event") if isinstance(sent, dict) else None
    if not isinstance(event, dict) or not isinstance(event.get("event_type"), str):
        raise ValueError("a PagerDuty v3 webhook has `event.event_type`, and this has none; is it a v2 extension?")
    identity = delivery.headers.get("x-webhook-id") or event.get("id") or hashlib.sha256(delivery.body).hexdigest()
    ref = _incident_in(event.get("data"))
    return Received(str(identity)[:255], (Hint(ref),) if ref is not None else ())


def _incident_in(data: Any) -> Ref | None:
    """The incident itself, or the one that a note, responder or status update belongs to."""
    if not isinstance(data, Mapping):
        return None
    subject = data if data.get("type") in ("incident", "incident_reference") else data.get("incident")
    identity = subject.get("id") if isinstance(subject, Mapping) else None
    sound = isinstance(identity, str) and identity.isascii() and identity.isalnum() and len(identity) <= 64
    return Ref(identity) if sound and isinstance(identity, str) else None
