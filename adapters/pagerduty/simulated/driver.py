"""Somebody who works in the simulated PagerDuty, and somebody who breaks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from tieline.adapters.pagerduty.adapter import PagerDuty, connect
from tieline.adapters.pagerduty.plugin import POWERS
from tieline.adapters.pagerduty.settings import PagerDutySettings
from tieline.adapters.pagerduty.simulator import PERSON, PagerDutySimulator
from tieline.adapters.testing.driver import MISSING, SimulatorDriver
from tieline.adapters.testing.simulation import Request, Response, requests_transport
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import Body, Delivery, Ref
from tieline.core.secrets import Secret

KEY = "u+LongAndOddKey/93fk2LQ0x"
WEBHOOK_SECRET = "whs-7Q2kd0Zl39sXp1vB"  # noqa: S105 - opens a simulator


def settings_for_tests(**changes: Any) -> PagerDutySettings:
    """The settings of a connection to the driver's simulator, with `changes`."""
    given: dict[str, Any] = {
        "api_key": Secret.literal(KEY),
        "from_email": "tieline@example.org",
        "service": "PIJ90N7",
        "webhook_secrets": (Secret.literal(WEBHOOK_SECRET),),
        "page_size": 3,
    }
    return PagerDutySettings(**{**given, **changes})


class WatchedSimulator(PagerDutySimulator):
    """Keeps whole requests, for tests of what was sent."""

    def __init__(self, clock: Callable[[], datetime], seed: int) -> None:
        super().__init__(clock, seed)
        self.seen: list[Request] = []

    def respond(self, request: Request) -> Response:
        self.seen.append(request)
        return super().respond(request)


class PagerDutyDriver(SimulatorDriver):
    """The driver of the contract."""

    powers = POWERS
    lacks: ClassVar[Mapping[str, str]] = {
        "patch_description": "PagerDuty takes a description when an incident is made, and never again",
        "joint_delivery": "a webhook is about one incident",
    }
    secrets: tuple[str, ...] = (KEY, WEBHOOK_SECRET)
    page_size = 3
    known_email = "ada@example.org"
    tells_birth = True
    signs_time = False
    credential_headers = ("x-pagerduty-signature",)
    simulator: WatchedSimulator

    def __init__(self) -> None:
        super().__init__()
        self.simulator = WatchedSimulator(self.tool_now, 7)  # pyright: ignore[reportIncompatibleVariableOverride]
        self.simulator.keys[KEY] = "full"
        self.simulator.webhooks.subscription.secrets = (WEBHOOK_SECRET,)
        self.account = self.simulator.account

    def connect(self, **changes: Any) -> PagerDuty:
        bench = self.workbench(requests_transport(self.simulator))
        return connect(ConnectionName("pd-prod"), settings_for_tests(**changes), bench)

    def connect_refused(self) -> PagerDuty:
        return self.connect(api_key=Secret.literal("u+NotTheKeyOfAnybody/77"))

    def connect_unproved(self) -> PagerDuty:
        return self.connect(webhook_secrets=(MISSING,))

    def new_body(self, title: str, description: str = "") -> Body:
        body: dict[str, Any] = {"title": title, "urgency": "high"}
        if description:
            body["body"] = {"type": "incident_body", "details": description}
        return body

    def invalid_body(self) -> Body:
        return {"title": "Disk full", "urgency": "unheard of"}

    def unfit_body(self, title: str) -> tuple[Body, str]:
        return {**self.new_body(title), "priority": {"summary": "Dreadful"}}, "priority.summary"

    def patch_title(self, title: str) -> Body:
        return {"title": title}

    def title_in(self, body: Body) -> str:
        return str(body["title"])

    def description_in(self, body: Body) -> str | None:
        details = body["body"]["details"]
        return None if details is None else str(details)

    def patch_closed(self) -> Body:
        return {"status": "resolved"}

    def patch_reopened(self) -> Body:
        return {"status": "triggered"}

    def is_open(self, body: Body) -> bool:
        return str(body["status"]) != "resolved"

    def make(self, title: str, description: str = "") -> Ref:
        made = self.account.open_incident(title, PERSON, key=self.account.new_id(""), details=description or None)
        return Ref(made.id)

    def edit(self, ref: Ref, patch: Body) -> None:
        edited = self.account.incident(ref)
        if patch.get("status") == "acknowledged":
            self.account.acknowledge(edited, PERSON)
        rest = {name: value for name, value in patch.items() if name != "status"}
        if rest:
            self.account.edit(edited, PERSON, **rest)

    def act_by_itself(self, ref: Ref) -> Body:
        working = {"status": "acknowledged"}
        self.edit(ref, working)
        self.account.services[0].acknowledgement_timeout = 1800
        self.advance(1801)
        return working

    def spoil(self, ref: Ref) -> None:
        self.touch(ref)
        self.account.spoilt.add(ref)

    def delete(self, ref: Ref) -> None:
        self.account.vanish(self.account.incident(ref))

    def merge(self, ref: Ref, into: Ref) -> None:
        self.account.merge(self.account.incident(ref), self.account.incident(into), PERSON)

    def missing_ref(self) -> Ref:
        return Ref("QNOSUCHINCIDEN")

    def comment(self, ref: Ref, text: str, audience: Audience) -> str:  # noqa: ARG002 - notes know none
        return self.account.note(self.account.incident(ref), PERSON, text).id

    def public_comments(self, ref: Ref) -> Sequence[str]:  # noqa: ARG002 - nobody outside reads notes
        return []

    def delivery(self, ref: Ref) -> Delivery:
        self.simulator.webhooks.tell("incident.triggered", self.account.incident(ref), None, PERSON)
        sent = self.simulator.webhooks.sent[-1]
        return Delivery(sent.headers, sent.body)
