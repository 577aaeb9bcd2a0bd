"""A message of SNS: what it says of itself, and whether AWS signed it. Pure.

Where its certificate is says the message itself, which is anybody's word until it is proved: nothing is asked of an
address that is not SNS's own, of the region of a topic that is one of ours.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tieline.adapters.sns.settings import TOPIC
from tieline.core.errors import Forged

NOTIFICATION: Final = "Notification"
CONFIRMATION: Final = "SubscriptionConfirmation"
GOODBYE: Final = "UnsubscribeConfirmation"
SIGNED: Final = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    GOODBYE: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
"""The members that are signed, in their order; one that is missing is left out."""
_HASHES: Final = {"1": hashes.SHA1, "2": hashes.SHA256}
"""By version of the signature; a topic has 1 unless somebody says otherwise (its attribute SignatureVersion)."""
_PEM: Final = re.compile(r"/SimpleNotificationService-[0-9A-Za-z]{1,64}\.pem")
LONGEST_TOKEN: Final = 1_000


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a topic of ours, still to be proved. `host` is SNS's own in the topic's region, and `path` where on
    it the certificate is."""

    kind: str
    ident: str
    topic: str
    text: str
    token: str
    published: datetime
    host: str
    path: str
    signature: bytes
    version: str
    signed: bytes


def message_of(connection: str, body: bytes, topics: Collection[str]) -> Message:
    """What a delivery says. Raises Forged for what no topic of ours sends."""
    try:
        told: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        told = None
    texts = {name: it for name, it in told.items() if isinstance(it, str)} if isinstance(told, dict) else {}
    if texts.get("Type") not in SIGNED:
        raise Forged(connection, "this is no message of SNS; leave `RawMessageDelivery` off: a raw one is not signed")
    topic = texts.get("TopicArn", "")
    if topic not in topics:
        raise Forged(connection, f"it is of the topic {topic!r:.300}, which is none of `topics`")
    try:
        published = datetime.fromisoformat(texts["Timestamp"]).astimezone(UTC)
        signature = base64.b64decode(texts["Signature"], validate=True)
        ident, text, version = texts["MessageId"], texts["Message"], texts["SignatureVersion"]
        host, path = _certificate(connection, texts["SigningCertURL"], topic)
    except (KeyError, ValueError, OverflowError, binascii.Error) as error:
        raise Forged(connection, f"a message of SNS without what proves it: {error!s:.80}") from None
    lines = [f"{name}\n{texts[name]}\n" for name in SIGNED[texts["Type"]] if name in texts]
    return Message(
        kind=texts["Type"],
        ident=ident,
        topic=topic,
        text=text,
        token=texts.get("Token", "")[:LONGEST_TOKEN],
        published=published,
        host=host,
        path=path,
        signature=signature,
        version=version,
        signed="".join(lines).encode("utf-8", "surrogatepass"),
    )


def prove(connection: str, message: Message, certificate: x509.Certificate, now: datetime, most: timedelta) -> None:
    """Raises Forged unless this certificate, which counts now, signed it, and not longer ago than `most`."""
    algorithm = _HASHES.get(message.version)
    if algorithm is None:
        raise Forged(connection, f"its signature is of version {message.version!r:.20}; 1 and 2 are known")
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise Forged(connection, "the certificate that signed it does not count now, or our clock is wrong")
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise Forged(connection, "the certificate that signed it has no RSA key")
    try:
        key.verify(message.signature, message.signed, padding.PKCS1v15(), algorithm())
    except InvalidSignature:
        raise Forged(connection, "its signature does not prove this delivery") from None
    if abs(now - message.published) > most:
        what = f"it was published at {message.published:%Y-%m-%d %H:%M:%S} UTC"
        raise Forged(connection, f"{what}: a replay, or a clock that is wrong; `webhook_age` says how old one may be")


def host_of(topic: str) -> str:
    """SNS's own host in the region of a topic."""
    found = TOPIC.fullmatch(topic)
    region = found[1] if found is not None else ""
    return f"sns.{region}.amazonaws.com{'.cn' if topic.startswith('arn:aws-cn:') else ''}"


def _certificate(connection: str, url: str, topic: str) -> tuple[str, str]:
    host = host_of(topic)
    path = url.removeprefix(f"https://{host}")
    if path == url or _PEM.fullmatch(path) is None:
        raise Forged(connection, f"its certificate would be at {url!r:.200}, which is not SNS's own in that region")
    return host, path
