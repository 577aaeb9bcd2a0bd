"""Alertmanager's webhook, version 4: one POST a group, proved by Bearer or Basic, since it signs nothing."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from typing import Any

import orjson

from tieline.adapters.alertmanager.alert import content_id, from_webhook, reading
from tieline.adapters.alertmanager.settings import AlertmanagerSettings
from tieline.core.errors import Forged
from tieline.core.port import Delivery, Hint, Received

VERSION = "4"


def proofs(connection: str, settings: AlertmanagerSettings) -> tuple[bytes, ...]:
    """Every Authorization header that proves a delivery, its scheme in lower case. Raises Forged without a secret."""
    try:
        tokens = [one.reveal() for one in (settings.webhook_token, settings.retired_webhook_token) if one is not None]
        password = settings.webhook_password.reveal() if settings.webhook_password is not None else ""
    except LookupError as error:
        raise Forged(connection, f"the webhook's secret cannot be had: {error}") from None
    # An empty secret would be proved by an empty header.
    headers = [f"bearer {token}" for token in tokens if token]
    if password:
        user = f"{settings.webhook_username}:{password}"
        headers.append(f"basic {base64.b64encode(user.encode()).decode()}")
    return tuple(header.encode("utf-8", "backslashreplace") for header in headers)


def verify(connection: str, delivery: Delivery, expected: Sequence[bytes]) -> None:
    """Raises Forged unless the Authorization header is one of those expected. Each is tried: time tells nothing."""
    scheme, _, credentials = delivery.headers.get("authorization", "").partition(" ")
    sent = f"{scheme.lower()} {credentials.strip()}".encode("utf-8", "backslashreplace")
    matches = [hmac.compare_digest(sent, proof) for proof in expected]
    if not matches:
        raise Forged(
            connection,
            "neither `webhook_token` nor `webhook_password` is set, so no webhook can be proved; set one here and "
            "in the receiver's http_config",
        )
    if any(matches):
        return
    if "token" in delivery.query and not scheme:
        # An address ends up in every log on the way, so that a token in it proves nothing.
        raise Forged(
            connection, "the token came in the address; send it as http_config.authorization in the receiver instead"
        )
    raise Forged(connection, "the Authorization header does not prove this delivery; compare it with the receiver's")


def parse(delivery: Delivery) -> Received:
    """One hint an alert, with the alert itself. Raises ValueError when this is not what Alertmanager sends."""
    try:
        group: Any = orjson.loads(delivery.body)
    except orjson.JSONDecodeError:
        raise ValueError("an Alertmanager webhook is JSON, and this is not") from None
    if not isinstance(group, dict) or not isinstance(group.get("alerts"), list):
        raise ValueError("an Alertmanager webhook has a list of `alerts`, and this has none")
    if group.get("version") != VERSION:
        raise ValueError(f"this webhook has version {str(group.get('version'))[:40]!r}; version 4 is understood")
    named = {**group, **{name: str(group.get(name) or "") for name in ("receiver", "externalURL", "groupKey")}}
    bodies = [from_webhook(alert, named) for alert in group["alerts"]]
    readings = [reading(body, link=named["externalURL"]) for body in bodies]
    return Received(
        content_id(readings),
        tuple(Hint(one.ref, one) for one in readings),
        incomplete=_left_out(group.get("truncatedAlerts")),
    )


def _left_out(truncated: Any) -> bool:
    return isinstance(truncated, int) and truncated > 0
