"""Who sent a webhook: proved by a token, by Basic, or by an HMAC over its raw bytes."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from tieline.core.deliveries import BODY, Encoding, Signature
from tieline.core.errors import Forged, NeedsOperator
from tieline.core.port import Delivery
from tieline.core.secrets import Secret
from tieline.core.settings import show_duration

MOST_SIGNATURES: Final = 16
"""One per secret, two while one is replaced; a longer list is somebody trying."""

LONGEST_TIME: Final = 40
MILLISECONDS: Final = 100_000_000_000
"""From this number on, a time since 1970 is one of milliseconds: as seconds it would be the year 5138."""


def revealed(connection: str, secrets: Sequence[Secret]) -> list[str]:
    """What the secrets say; an empty one would be proved by an empty header. Raises NeedsOperator."""
    try:
        found = [text for text in (one.reveal() for one in secrets) if text]
    except LookupError as error:
        raise NeedsOperator(connection, f"the webhook's secret cannot be had: {error}") from None
    if not found:
        raise NeedsOperator(connection, "the webhook's secret is empty, so that no webhook can be proved; set one.")
    return found


def prove_signed(
    connection: str,
    signature: Signature,
    secrets: Sequence[str],
    delivery: Delivery,
    now: datetime,
    most: timedelta,
) -> None:
    """Raises Forged unless one of the secrets made one of the signatures, and where the time is signed, not longer ago
    than `most`."""
    at = _signed_at(connection, signature, delivery)
    sent = _elements(delivery, signature.header, signature.separator, signature.prefix)
    expected = [_hmac(signature, secret, delivery, at) for secret in secrets]
    prove(connection, expected, sent, signature.header)
    if at:
        _check_age(connection, at, now, most)


def prove_basic(connection: str, username: str, passwords: Sequence[str], delivery: Delivery) -> None:
    """Raises Forged unless it comes with this name and one of these passwords."""
    pairs = [base64.b64encode(f"{username}:{one}".encode()).decode() for one in passwords]
    prove(connection, pairs, credentials(delivery, "basic"), "Authorization")


def prove_bearer(connection: str, token: Secret | None, delivery: Delivery) -> None:
    """Raises Forged unless it shows `webhook_token` as Bearer, and NeedsOperator where that cannot be had."""
    if token is None:
        raise Forged(connection, "`webhook_token` is not set, so no webhook can be proved; set one")
    prove(connection, revealed(connection, [token]), credentials(delivery, "bearer"), "Authorization")


def prove(connection: str, expected: Sequence[str], sent: Sequence[str], where: str) -> None:
    """Raises Forged unless one of what was sent is one of what is expected. Each is tried: time tells nothing."""
    matches = [hmac.compare_digest(_bytes(ours), _bytes(theirs)) for ours in expected for theirs in sent]
    if not any(matches):
        raise Forged(connection, f"{where} does not prove this delivery; compare the secret here with the sender's")


def credentials(delivery: Delivery, scheme: str) -> list[str]:
    """What the Authorization header holds, where it is of this scheme."""
    said, _, rest = delivery.headers.get("authorization", "").partition(" ")
    return [rest.strip()] if said.lower() == scheme else []


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _elements(delivery: Delivery, header: str, separator: str, prefix: str) -> list[str]:
    """What a header holds behind its prefix."""
    parts = [part.strip() for part in delivery.headers.get(header, "").split(separator)[:MOST_SIGNATURES]]
    return [part.removeprefix(prefix) for part in parts if part.startswith(prefix)]


def _signed_at(connection: str, signature: Signature, delivery: Delivery) -> str:
    """The time of signing as it was sent; "" where none is signed."""
    if not signature.timestamp:
        return ""
    told = _elements(delivery, signature.timestamp, signature.separator, signature.timestamp_prefix)
    if not told or not told[0]:
        raise Forged(connection, f"{signature.timestamp} does not tell when this delivery was signed")
    return told[0]


def _hmac(signature: Signature, secret: str, delivery: Delivery, at: str) -> str:
    made = hmac.new(secret.encode(), digestmod=str(signature.algorithm))
    for part in signature.signs:
        name = part[1:-1] if part.startswith("{") and part.endswith("}") else ""
        if name == BODY:
            made.update(delivery.body)
        elif name == "timestamp":
            made.update(_bytes(at))
        else:
            made.update(_bytes(delivery.headers.get(name, "") if name else part))
    return made.hexdigest() if signature.encoding is Encoding.HEX else base64.b64encode(made.digest()).decode()


def _check_age(connection: str, text: str, now: datetime, most: timedelta) -> None:
    """Raises Forged for a delivery that was signed long ago, or long ahead."""
    at: datetime | None = None
    if len(text) <= LONGEST_TIME:
        with suppress(ValueError, OverflowError, OSError):
            at = _moment(text)
    if at is None:
        raise Forged(connection, f"{text[:LONGEST_TIME]!r} is not a time at which this delivery was signed")
    if abs(now - at) > most:
        what = f"it was signed at {at:%Y-%m-%d %H:%M:%S} UTC, more than {show_duration(most)} from now"
        raise Forged(connection, f"{what}: a replay, or a clock that is wrong, the sender's or ours")


def _moment(text: str) -> datetime:
    if text.isascii() and text.isdecimal():
        number = int(text)
        return datetime.fromtimestamp(number / 1000 if number >= MILLISECONDS else number, UTC)
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at.astimezone(UTC)
