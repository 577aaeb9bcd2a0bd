"""Alertmanager's webhook, and Grafana's: one POST a group, proved by Bearer or Basic, or by Grafana's HMAC."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from tieline.adapters.alertmanager.alert import apart, content_id, from_webhook, is_as_told, named, reading
from tieline.adapters.alertmanager.settings import AlertmanagerSettings
from tieline.core.deliveries import Signature
from tieline.core.errors import Forged, NeedsOperator
from tieline.core.listing import understood
from tieline.core.port import Delivery, Hint, Received
from tieline.core.proofs import prove_signed, revealed

VERSIONS: Final = {"4": "Alertmanager and Mimir", "1": "Grafana"}
"""Grafana's has members of its own beside all of Alertmanager's: panelURL, values, a silenceURL."""

MOST_CUT: Final = 1_000_000
"""A group has no more alerts than that, whatever a sender says: it is added up."""


def proofs(connection: str, settings: AlertmanagerSettings) -> tuple[bytes, ...]:
    """Every Authorization header that proves a delivery, its scheme in lower case. Raises NeedsOperator for a secret
    that cannot be had."""
    try:
        tokens = [one.reveal() for one in (settings.webhook_token, settings.retired_webhook_token) if one is not None]
        password = settings.webhook_password.reveal() if settings.webhook_password is not None else ""
    except LookupError as error:
        raise NeedsOperator(connection, f"the webhook's secret cannot be had: {error}") from None
    # An empty secret would be proved by an empty header.
    headers = [f"bearer {token}" for token in tokens if token]
    if password:
        user = f"{settings.webhook_username}:{password}"
        headers.append(f"basic {base64.b64encode(user.encode()).decode()}")
    return tuple(header.encode("utf-8", "backslashreplace") for header in headers)


def check(connection: str, settings: AlertmanagerSettings) -> None:
    """Raises NeedsOperator when no webhook could be proved."""
    if settings.webhook_secrets:
        revealed(connection, settings.webhook_secrets)
    elif not proofs(connection, settings):
        raise NeedsOperator(connection, "the webhook's secret is empty, so that no webhook can be proved; set one.")


def verify_signed(connection: str, settings: AlertmanagerSettings, delivery: Delivery, now: datetime) -> None:
    """Raises Forged unless Grafana signed it with one of the secrets: the body, or the time, a colon and the body where
    the contact point names a header for the time (Grafana 12, hex without a prefix)."""
    at = settings.webhook_timestamp_header or ""
    signs = ("{timestamp}", ":", "{body}") if at else ("{body}",)
    signature = Signature("x-grafana-alerting-signature", signs, timestamp=at)
    prove_signed(
        connection, signature, revealed(connection, settings.webhook_secrets), delivery, now, settings.webhook_age
    )


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
    """One hint an alert, with the alert itself; an odd alert costs none of the others. Raises ValueError when this is
    not what Alertmanager sends."""
    try:
        group: Any = orjson.loads(delivery.body)
    except orjson.JSONDecodeError:
        raise ValueError("an Alertmanager webhook is JSON, and this is not") from None
    alerts = _alerts(group)
    named_group = {**group, **{name: str(group.get(name) or "") for name in ("receiver", "externalURL", "groupKey")}}
    told = understood(alerts, lambda alert: (alert, from_webhook(alert, named_group)), named, apart)
    readings = [reading(body, link=named_group["externalURL"]) for _alert, body in told.found]
    changed = not all(is_as_told(body, alert) for alert, body in told.found)
    cut = _cut(group.get("truncatedAlerts"))
    return Received(
        content_id(readings, told.unreadable),
        tuple(Hint(one.ref, one) for one in readings),
        incomplete=changed or bool(told.unreadable) or cut > 0,
        unreadable=tuple(told.unreadable),
        cut=cut,
    )


def _alerts(group: Any) -> list[Any]:
    """The alerts of a group. Raises ValueError with a sentence that says what was sent instead."""
    if isinstance(group, dict) and "evalMatches" in group:
        raise ValueError(
            "this is Grafana's legacy alerting; use a contact point of type webhook of its present alerting"
        )
    if not isinstance(group, dict) or not isinstance(group.get("alerts"), list):
        raise ValueError("an Alertmanager webhook has a list of `alerts`, and this has none")
    version = str(group.get("version"))
    if version not in VERSIONS:
        known = " and ".join(f"{number} ({sender})" for number, sender in VERSIONS.items())
        raise ValueError(f"this webhook has version {version[:40]!r}; understood are {known}")
    alerts: list[Any] = group["alerts"]
    return alerts


def _cut(truncated: Any) -> int:
    """How many alerts were left out: `true`, which no Alertmanager sends, is one at least."""
    return min(max(int(truncated), 0), MOST_CUT) if isinstance(truncated, int) else 0
