"""Amazon SNS behind the port: it is only listened to, and what its messages say is told by the connection's mapping.

A certificate that is not known yet, and a subscription that is still to be confirmed, are fetched beside the delivery
that asks for it, which is answered so that SNS sends it again: nobody's word keeps a delivery of others waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import structlog
from cryptography import x509

from tieline.adapters.sns.message import CONFIRMATION, NOTIFICATION, Message, host_of, message_of, prove
from tieline.adapters.sns.settings import SnsSettings
from tieline.adapters.webhook.adapter import Reader
from tieline.core.client import Client
from tieline.core.deliveries import Deliveries
from tieline.core.errors import Forged, Gone, RemoteError, TryAgain
from tieline.core.model import ConnectionName
from tieline.core.port import Cursor, Delivery, Health, Page, Reading, Received, Ref, Workbench

Begin = Callable[[Callable[[], None]], None]
"""Has something done, now or beside what goes on."""

MOST_CERTIFICATES: Final = 16
"""SNS replaces its own now and then."""
AGAIN: Final = timedelta(seconds=5)
EVERY: Final = 10.0
"""Seconds between two fetches of the same thing that failed."""
_log: Final = structlog.get_logger(__name__)


def beside(what: Callable[[], None]) -> None:
    """Has it done in a thread that nobody waits for."""
    threading.Thread(target=what, name="sns", daemon=True).start()


class SnsAdapter:
    """Topics of SNS. It keeps the certificates that it saw, and which subscriptions it confirmed."""

    def __init__(
        self, name: ConnectionName, settings: SnsSettings, bench: Workbench, says: Deliveries, begin: Begin = beside
    ) -> None:
        self._name = name
        self._settings = settings
        self._clock = bench.clock
        self._says = says
        self._begin = begin
        self._clients = {
            host: Client(name, f"https://{host}", settings, bench, tool="Amazon SNS")
            for host in dict.fromkeys(host_of(topic) for topic in settings.topics)
        }
        self._certificates: dict[tuple[str, str], x509.Certificate] = {}
        self._confirmed: dict[str, str] = {}
        self._begun: dict[tuple[str, ...], float] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"SnsAdapter({self._name!r})"

    # Source

    def check(self) -> Health:
        topics = ", ".join(topic.rpartition(":")[2] for topic in self._settings.topics)
        note = f"A message of a topic shows that it is subscribed to: {topics:.300}."
        return Health(account="messages only", version="Amazon SNS", notes=(note,))

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        yield Page((), since or Cursor(""))

    def read(self, ref: Ref) -> Reading:
        raise Gone(self._name, f"nothing can be asked about {ref}: its tool is only listened to")

    # Receiver

    def verify(self, delivery: Delivery, now: datetime) -> None:
        """Raises as the port says; TryAgain where a certificate is not known yet, or a subscription not confirmed."""
        message = message_of(self._name, delivery.body, self._settings.topics)
        certificate = self._certificates.get((message.host, message.path))
        if certificate is None:
            self._once(("certificate", message.host, message.path), lambda: self._learn(message.host, message.path))
            raise TryAgain(self._name, f"the certificate {message.path} is not known yet", wait=AGAIN)
        prove(self._name, message, certificate, now, self._settings.webhook_age)
        is_open = message.kind == CONFIRMATION and self._confirmed.get(message.topic) != message.token
        if is_open and self._settings.confirms:
            self._once(("confirm", message.topic, message.token), lambda: self._confirm(message))
            raise TryAgain(self._name, f"the subscription to {message.topic} is not confirmed yet", wait=AGAIN)

    def parse(self, delivery: Delivery) -> Received:
        try:
            message = message_of(self._name, delivery.body, self._settings.topics)
        except Forged as error:
            raise ValueError(str(error)) from None
        if message.kind != NOTIFICATION:
            if message.kind != CONFIRMATION or not self._settings.confirms:
                _log.warning("sns.subscription", connection=self._name, topic=message.topic, kind=message.kind)
            return Received(message.ident, (), once=True)
        told = Reader(self._says).parse(replace(delivery, body=message.text.encode("utf-8", "surrogatepass")))
        return replace(told, delivery_id=message.ident, once=True)

    # What is fetched beside

    def _once(self, what: tuple[str, ...], fetch: Callable[[], None]) -> None:
        """Begin something, unless it was begun a moment ago."""
        now = self._clock.monotonic()
        with self._lock:
            if now - self._begun.get(what, float("-inf")) < EVERY:
                return
            self._begun = {one: at for one, at in self._begun.items() if now - at < EVERY}
            if len(self._begun) >= MOST_CERTIFICATES:
                return
            self._begun[what] = now
        self._begin(fetch)

    def _learn(self, host: str, path: str) -> None:
        try:
            answer = self._clients[host].send("GET", path)
            found = x509.load_pem_x509_certificate(answer.content)
        except (RemoteError, ValueError) as error:
            _log.warning("sns.certificate", connection=self._name, path=path, error=str(error))
            return
        with self._lock:
            kept = list(self._certificates.items())[-(MOST_CERTIFICATES - 1) :]
            self._certificates = {**dict(kept), (host, path): found}

    def _confirm(self, message: Message) -> None:
        # By the token, and not by the address in the message.
        asked = {"Action": "ConfirmSubscription", "TopicArn": message.topic, "Token": message.token}
        try:
            self._clients[message.host].send("GET", f"/?{urlencode(asked)}")
        except RemoteError as error:
            _log.warning("sns.confirmation", connection=self._name, topic=message.topic, error=str(error))
            return
        self._confirmed[message.topic] = message.token


def connect(name: ConnectionName, settings: Any, bench: Workbench, begin: Begin = beside) -> SnsAdapter:
    """What `AdapterKind.connect` calls; no I/O. Raises ValueError for a mapping that is none of webhooks."""
    if bench.deliveries is None:
        raise ValueError("its mapping does not say how its messages are understood; write `deliveries:` into it")
    return SnsAdapter(name, settings, bench, bench.deliveries, begin)
