"""Webhooks: a Business Rule of yours tells that a record changed. ServiceNow has no webhooks of its own.

Make a Business Rule on the table (advanced, *async*, on insert, update and delete), put the secret into the system
property `tieline.webhook.secret` (type password2) and the address into `tieline.webhook.url`, and paste:

    (function executeRule(current) {
        var body = JSON.stringify({
            table: String(current.getTableName()),
            sys_id: String(current.getUniqueValue()),
            sys_updated_on: String(current.getValue('sys_updated_on')),
            sys_mod_count: String(current.getValue('sys_mod_count'))
        });
        var sent = String(Math.floor(new GlideDateTime().getNumericValue() / 1000));
        var secret = GlideStringUtil.base64Encode(gs.getProperty('tieline.webhook.secret'));
        var mac = new GlideCertificateEncryption().generateMac(secret, 'HmacSHA256', sent + '.' + body);
        var message = new sn_ws.RESTMessageV2();
        message.setEndpoint(gs.getProperty('tieline.webhook.url'));
        message.setHttpMethod('POST');
        message.setRequestHeader('Content-Type', 'application/json');
        message.setRequestHeader('X-Tieline-Timestamp', sent);
        message.setRequestHeader('X-Tieline-Signature', 'sha256=' + mac);
        message.setRequestBody(body);
        message.executeAsync();
    })(current);

`generateMac` answers in Base64; a signature in hex is understood too. A lost delivery is no loss: the poll finds what
no webhook told. Where scripts may not sign, `webhook_proof: shared_secret` takes the header `X-Tieline-Secret`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import orjson

from tieline.adapters.servicenow.rows import is_sys_id
from tieline.adapters.servicenow.settings import ServiceNowSettings, WebhookProof
from tieline.core.errors import Forged, NeedsOperator
from tieline.core.port import Delivery, Hint, Received, Ref
from tieline.core.secrets import Secret

SIGNATURE = "x-tieline-signature"
TIMESTAMP = "x-tieline-timestamp"
SHARED = "x-tieline-secret"
TOLERANCE = timedelta(minutes=5)


def digest(secret: str, timestamp: str, body: bytes) -> bytes:
    """The HMAC-SHA256 of `timestamp.body`."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).digest()


def verify(connection: str, settings: ServiceNowSettings, delivery: Delivery, now: datetime) -> None:
    """Raises Forged, as everything is without a secret in the settings; NeedsOperator for one that cannot be had."""
    secrets = _secrets(connection, settings)
    if settings.webhook_proof is WebhookProof.SHARED_SECRET:
        proved = _is_any(delivery.headers.get(SHARED, ""), secrets)
    else:
        timestamp = delivery.headers.get(TIMESTAMP, "")
        _check_time(connection, timestamp, now)
        macs = [digest(secret, timestamp, delivery.body) for secret in secrets]
        # Compared as text: Base64 decoding forgives bits that nobody signed.
        forms = [form for mac in macs for form in (mac.hex(), base64.b64encode(mac).decode())]
        proved = _is_any(delivery.headers.get(SIGNATURE, ""), [f"sha256={form}" for form in forms])
    if not proved:
        raise Forged(connection, "the delivery's proof does not match; does the Business Rule use the same secret?")


def parse(settings: ServiceNowSettings, delivery: Delivery) -> Received:
    """Raises ValueError with a sentence."""
    value = orjson.loads(delivery.body)
    if not isinstance(value, dict):
        raise ValueError("the delivery is no JSON object; the Business Rule sends {table, sys_id, sys_updated_on}")
    table, sys_id = value.get("table"), value.get("sys_id")
    if table != settings.table:
        raise ValueError(f"the delivery is about table {str(table)[:80]!r}; this connection is about {settings.table}")
    if not isinstance(sys_id, str) or not is_sys_id(sys_id):
        raise ValueError("the delivery has no usable `sys_id`")
    content = delivery.headers.get(TIMESTAMP, "").encode(errors="replace") + b"." + delivery.body
    return Received(hashlib.sha256(content).hexdigest(), (Hint(Ref(sys_id)),))


def _secrets(connection: str, settings: ServiceNowSettings) -> list[str]:
    given: list[Secret] = [
        secret for secret in (settings.webhook_secret, settings.retired_webhook_secret) if secret is not None
    ]
    if not given:
        raise Forged(connection, "no `webhook_secret` is set, so that no delivery can be proved; set one or poll only")
    try:
        secrets = [value for secret in given if (value := secret.reveal())]
    except LookupError as error:
        raise NeedsOperator(connection, f"the webhook's secret cannot be had: {error}") from None
    if not secrets:
        raise Forged(connection, "`webhook_secret` is empty, and an empty secret proves nothing")
    return secrets


def _is_any(shown: str, expected: list[str]) -> bool:
    # As bytes: text beyond ASCII would raise.
    given = shown.encode(errors="replace")
    return any(hmac.compare_digest(given, one.encode()) for one in expected)


def _check_time(connection: str, timestamp: str, now: datetime) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11):
        raise Forged(connection, "X-Tieline-Timestamp is missing or not in seconds since 1970")
    if abs(datetime.fromtimestamp(int(timestamp), UTC) - now) > TOLERANCE:
        raise Forged(connection, "X-Tieline-Timestamp is more than five minutes off: a replay, or a wrong clock")
