"""A topic of SNS that signs as AWS does, with a certificate of its own, for the contract."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, ClassVar

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from tieline.adapters.sns.adapter import SnsAdapter, connect
from tieline.adapters.sns.message import NOTIFICATION, SIGNED
from tieline.adapters.sns.settings import SnsSettings
from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.contract import ToolDriver
from tieline.core.errors import TryAgain
from tieline.core.model import ConnectionName
from tieline.core.port import Delivery, Power, Ref, Workbench
from tieline.mappings import load

NAME = ConnectionName("alarms")
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
HOST = "sns.eu-west-1.amazonaws.com"
PEM = "/SimpleNotificationService-0f3a5c.pem"


@cache
def key_of(name: str) -> rsa.RSAPrivateKey:
    """A key; the name alone tells one from another."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(name: str, at: datetime) -> bytes:
    """A certificate that counts around this time."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    key = key_of(name)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(at - timedelta(days=2)).not_valid_after(at + timedelta(days=30))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class Amazon(httpx.BaseTransport):
    """SNS as far as it is asked: certificates, and confirmations."""

    def __init__(self, clock: ManualClock) -> None:
        self.pems = {PEM: certificate("aws", clock.now())}
        self.asked: list[str] = []
        self.down = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        if self.down:
            return httpx.Response(503, request=request)
        if request.url.path in self.pems:
            return httpx.Response(200, content=self.pems[request.url.path], request=request)
        if request.url.path == "/" and request.url.params.get("Action") == "ConfirmSubscription":
            return httpx.Response(200, content=b"<ConfirmSubscriptionResponse/>", request=request)
        return httpx.Response(404, request=request)


class SnsDriver(ToolDriver):
    """Somebody who has alarms of CloudWatch sent to a topic."""

    powers = frozenset({Power.RECEIVE})
    lacks: ClassVar[Mapping[str, str]] = {
        "connect_refused": "nobody logs in: it is only listened to",
        "connect_unproved": "what proves a message is public",
        "fail": "nothing is asked of it",
        "joint_delivery": "it tells of one alarm at a time",
    }
    tells_time = False
    signs_bytes = False

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.amazon = Amazon(self.clock)
        self.alarms: dict[Ref, dict[str, Any]] = {}
        self.version = "2"
        self._count = 0

    def connect(self) -> SnsAdapter:
        adapter = self.connect_to(webhook_age=timedelta(minutes=5))
        with suppress(TryAgain):  # as after a message that was sent again: the certificate is known
            adapter.verify(self.message(NOTIFICATION, {"Message": "{}"}), self.now())
        return adapter

    def connect_to(self, **settings: Any) -> SnsAdapter:
        """An adapter that knows nothing yet, and fetches at once what it misses."""
        bench = Workbench(
            self.clock,
            self.clock.sleep,
            self.amazon,
            self.take,
            deliveries=load("cloudwatch-alarm").document.deliveries,
        )
        return connect(NAME, SnsSettings(**{"topics": (TOPIC,), **settings}), bench, lambda fetch: fetch())

    def message(self, kind: str, told: Mapping[str, str], *, by: str = "aws", url: str = "") -> Delivery:
        """A message as SNS sends and signs it."""
        self._count += 1
        said = {
            "Type": kind,
            "MessageId": f"{self._count:08x}-0000-4000-8000-000000000000",
            "TopicArn": TOPIC,
            "Timestamp": f"{self.now():%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
            **told,
        }
        signed = "".join(f"{name}\n{said[name]}\n" for name in SIGNED[kind] if name in said).encode()
        algorithm = hashes.SHA1() if self.version == "1" else hashes.SHA256()
        signature = key_of(by).sign(signed, padding.PKCS1v15(), algorithm)
        said |= {
            "SignatureVersion": self.version,
            "Signature": base64.b64encode(signature).decode(),
            "SigningCertURL": url or f"https://{HOST}{PEM}",
        }
        return Delivery({"content-type": "text/plain; charset=UTF-8"}, json.dumps(said).encode())

    def make(self, title: str, description: str = "") -> Ref:
        arn = f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{len(self.alarms)}"
        alarm = {"AlarmName": title, "AlarmDescription": description, "AlarmArn": arn, "NewStateValue": "ALARM"}
        [hint] = self.connect_to().parse(self.message(NOTIFICATION, {"Message": json.dumps(alarm)})).hints
        self.alarms[hint.ref] = alarm
        return hint.ref

    def delivery(self, ref: Ref) -> Delivery:
        return self.message(NOTIFICATION, {"Message": json.dumps(self.alarms[ref]), "Subject": "ALARM"})

    def unproved(self, delivery: Delivery) -> Delivery:
        said = json.loads(delivery.body)
        del said["Signature"]
        return replace(delivery, body=json.dumps(said).encode())

    def proved_by(self, proof: Delivery, other: Delivery) -> Delivery:
        said = {**json.loads(other.body), "Signature": json.loads(proof.body)["Signature"]}
        return replace(other, body=json.dumps(said).encode())

    def now(self) -> datetime:
        return self.clock.now()

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
