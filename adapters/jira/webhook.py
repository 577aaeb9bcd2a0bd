"""Jira's webhooks: proved by HMAC over the raw bytes, and taken as hints."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from typing import Any

from tieline.core.errors import Forged
from tieline.core.port import Delivery, Hint, Received, Ref


def signature(secret: str, body: bytes) -> str:
    """The value of `X-Hub-Signature` (WebSub): HMAC-SHA256 of the raw body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def verify(connection: str, delivery: Delivery, secrets: Iterable[str]) -> None:
    """Raises Forged unless one of the secrets signed these bytes. Every secret is tried, so that time tells nothing."""
    sent = delivery.headers.get("x-hub-signature", "").encode("utf-8", "surrogateescape")
    results = [hmac.compare_digest(sent, signature(secret, delivery.body).encode()) for secret in secrets]
    if not results:
        raise Forged(connection, "no `webhook_secret` is set, so no webhook can be proved; set one here and in Jira")
    if not any(results):
        raise Forged(connection, "X-Hub-Signature does not prove this delivery; compare `webhook_secret` with Jira's")


def parse(delivery: Delivery) -> Received:
    """The issues a delivery speaks of. Raises ValueError when it is not a Jira webhook."""
    try:
        event: Any = json.loads(delivery.body)
    except (ValueError, RecursionError):
        raise ValueError("a Jira webhook is JSON, and this is not") from None
    if not isinstance(event, dict) or not isinstance(event.get("webhookEvent"), str):
        raise ValueError("a Jira webhook has a `webhookEvent`, and this has none")
    refs = [Ref(ref) for ref in dict.fromkeys(_issue_ids(event))]
    identity = delivery.headers.get("x-atlassian-webhook-identifier") or hashlib.sha256(delivery.body).hexdigest()
    return Received(identity, tuple(Hint(ref) for ref in refs))


def _issue_ids(event: dict[str, Any]) -> Iterable[str]:
    """The numeric ids: of the issue itself, or of both ends of an issue link."""
    issue = event.get("issue")
    link = event.get("issueLink")
    candidates = [
        issue.get("id") if isinstance(issue, dict) else None,
        *([link.get("sourceIssueId"), link.get("destinationIssueId")] if isinstance(link, dict) else []),
    ]
    for candidate in candidates:
        if isinstance(candidate, str | int) and not isinstance(candidate, bool) and _numeric(str(candidate)):
            yield str(candidate)


def _numeric(text: str) -> bool:
    return text.isascii() and text.isdecimal()
