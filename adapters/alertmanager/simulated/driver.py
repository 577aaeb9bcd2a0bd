"""A person, a rule and a webhook in a simulated Alertmanager."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import ClassVar

from tieline.adapters.alertmanager.adapter import AlertmanagerAdapter, connect
from tieline.adapters.alertmanager.settings import AlertmanagerSettings
from tieline.adapters.alertmanager.simulated.notify import Webhook
from tieline.adapters.alertmanager.simulated.state import ALERTMANAGER, Kin
from tieline.adapters.alertmanager.simulator import AlertmanagerSimulator
from tieline.adapters.testing.driver import MISSING, SimulatorDriver
from tieline.adapters.testing.simulation import HttpxTransport
from tieline.core.episodes import Episode
from tieline.core.model import ConnectionName
from tieline.core.port import Body, Delivery, Power, Ref
from tieline.core.secrets import Secret

API_TOKEN = "kV7-api-token-that-nobody-may-see"  # noqa: S105 - opens nothing but the simulator
HOOK_TOKEN = "Qz3-hook-token-that-nobody-may-see"  # noqa: S105


class AlertmanagerDriver(SimulatorDriver):
    """Titles are the annotation `summary`: what people can change of an alert that fires on."""

    powers = frozenset({Power.RECEIVE, Power.ACKNOWLEDGE})
    lacks: ClassVar[Mapping[str, str]] = {
        "merge": "an alert is never merged into another",
        "act_by_itself": "what becomes of an alert is said by those who post it",
    }
    simulator: AlertmanagerSimulator
    secrets = (API_TOKEN, HOOK_TOKEN)
    reads_by_address = False
    page_size = 3
    signs_body = False
    signs_time = False
    credential_headers: tuple[str, ...] = ("authorization",)

    def __init__(self, kin: Kin = ALERTMANAGER) -> None:
        super().__init__()
        self.posted: list[Delivery] = []
        self.statuses: list[int] = []
        """What the receiver of webhooks answers next; 200 when it is empty."""
        self.simulator = AlertmanagerSimulator(  # pyright: ignore[reportIncompatibleVariableOverride]
            self.tool_now,
            webhook=Webhook("https://tieline.example/hooks/am", {"authorization": f"Bearer {HOOK_TOKEN}"}),
            credentials=f"Bearer {API_TOKEN}",
            post=self._post,
            kin=kin,
        )
        self._made = 0

    def _post(self, _url: str, headers: Mapping[str, str], body: bytes) -> int:
        self.posted.append(Delivery(headers, body))
        return self.statuses.pop(0) if self.statuses else 200

    def settings(self, **others: object) -> AlertmanagerSettings:
        given: dict[str, object] = {
            "url": "http://alertmanager.example:9093",
            "bearer_token": Secret.literal(API_TOKEN),
            "webhook_token": Secret.literal(HOOK_TOKEN),
            "page_size": self.page_size,
            "history": 0,
        }
        return AlertmanagerSettings.model_validate(given | others)

    def connect(self, **others: object) -> AlertmanagerAdapter:
        return connect(ConnectionName("am"), self.settings(**others), self.workbench(HttpxTransport(self.simulator)))

    def connect_refused(self) -> AlertmanagerAdapter:
        return self.connect(bearer_token=Secret.literal("Wr0ng-" + API_TOKEN))

    def connect_unproved(self) -> AlertmanagerAdapter:
        return self.connect(webhook_token=MISSING)

    def make(self, title: str, description: str = "") -> Ref:
        self._made += 1
        labels = {"alertname": "DiskFull", "service": "billing", "instance": f"db{self._made}", "severity": "critical"}
        return self.simulator.fire(labels, {"summary": title, "description": description}).ref

    def title_in(self, body: Body) -> str:
        return str(body["annotations"]["summary"])

    def touch(self, ref: Ref) -> None:
        alert = self.simulator.state.alerts[Episode.parse(ref).fingerprint]
        self._made += 1
        self.simulator.fire(alert.labels, {**alert.annotations, "description": f"touch {self._made}"})

    def spoil(self, ref: Ref) -> None:
        """A member is null. The fingerprint and the start are there, so that the alert can be named."""
        self.simulator.state.alerts[Episode.parse(ref).fingerprint].odd = {"labels": None}

    def joint_delivery(self, ref: Ref) -> Delivery:
        self.spoil(self.make("Disk full on another one"))
        self.posted.clear()
        self.simulator.webhook.log.clear()
        self.simulator.webhook.group_by = ("alertname",)
        self.simulator.flush()
        return next(one for one in self.posted if Episode.parse(ref).fingerprint.encode() in one.body)

    def delete(self, ref: Ref) -> None:
        self.simulator.resolve(ref)

    def missing_ref(self) -> Ref:
        return Ref("0123456789abcdef@2026-01-01T00:00:00.000Z")

    def acts_in_force(self, ref: Ref) -> int:
        state = self.simulator.state
        return len(state.silenced_by(state.alerts[Episode.parse(ref).fingerprint], self.tool_now()))

    def delivery(self, ref: Ref) -> Delivery:
        self.simulator.webhook.log.clear()
        self.simulator.webhook.group_by = ("instance",)
        self.simulator.flush()
        return next(one for one in self.posted if Episode.parse(ref).fingerprint.encode() in one.body)


class SigningDriver(AlertmanagerDriver):
    """A contact point of Grafana's that signs, with the time of signing in a header of its own."""

    signs_body = True
    signs_time = True
    credential_headers = ("x-grafana-alerting-signature", "x-signed-at")

    def connect(self, **others: object) -> AlertmanagerAdapter:
        secrets = {"webhook_token": None, "webhook_secrets": (Secret.literal(HOOK_TOKEN),)}
        return super().connect(**{**secrets, "webhook_timestamp_header": "X-Signed-At", **others})

    def connect_unproved(self) -> AlertmanagerAdapter:
        return self.connect(webhook_secrets=(MISSING,))

    def delivery(self, ref: Ref) -> Delivery:
        told = super().delivery(ref)
        at = str(int(self.tool_now().timestamp()))
        proof = hmac.new(HOOK_TOKEN.encode(), at.encode() + b":" + told.body, hashlib.sha256).hexdigest()
        return Delivery({"x-grafana-alerting-signature": proof, "x-signed-at": at}, told.body)
