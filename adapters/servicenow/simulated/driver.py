"""A person in the simulated instance, and somebody who breaks it: for the contract suite and for end-to-end tests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from tieline.adapters.servicenow.adapter import ServiceNow, connect
from tieline.adapters.servicenow.plugin import KIND
from tieline.adapters.servicenow.settings import ServiceNowSettings
from tieline.adapters.servicenow.simulated.courier import message
from tieline.adapters.servicenow.simulator import ServiceNowSimulator
from tieline.adapters.servicenow.webhook import SIGNATURE, TIMESTAMP
from tieline.adapters.testing.driver import MISSING, SimulatorDriver
from tieline.adapters.testing.simulation import requests_transport
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import Body, Delivery, Ref
from tieline.core.secrets import Secret

ACCOUNT = "tieline"
WEBHOOK_SECRET = "the secret of the simulated Business Rule"  # noqa: S105 - of a simulator


class ServiceNowDriver(SimulatorDriver):
    """Connects as the simulated integration user; people act as Fred Luddy."""

    powers = KIND.powers
    lacks: ClassVar[Mapping[str, str]] = {
        "merge": "a duplicate is resolved and named as such; no record takes its place",
        "joint_delivery": "a business rule tells of one record",
    }
    page_size = 3
    known_email = "beth.anglin@example.com"
    tells_birth = True
    credential_headers = (SIGNATURE, TIMESTAMP)
    simulator: ServiceNowSimulator

    def __init__(self) -> None:
        super().__init__()
        # No other kind is ever assigned, which is what pyright fears of a narrower attribute.
        self.simulator = ServiceNowSimulator(clock=self.tool_now)  # pyright: ignore[reportIncompatibleVariableOverride]
        self.password = self.simulator.tables.accounts[ACCOUNT].password
        self.secrets = (self.password, WEBHOOK_SECRET)

    def settings(self, **changed: Any) -> ServiceNowSettings:
        """The settings that fit the simulator."""
        usual = {
            "url": "https://instance.example",
            "username": ACCOUNT,
            "password": Secret.literal(self.password),
            "webhook_secret": Secret.literal(WEBHOOK_SECRET),
            "page_size": self.page_size,
        }
        return ServiceNowSettings(**{**usual, **changed})

    def connect(self, **changed: Any) -> ServiceNow:
        return connect(
            ConnectionName("snow"), self.settings(**changed), self.workbench(requests_transport(self.simulator))
        )

    def connect_refused(self) -> ServiceNow:
        wrong = "a long and odd password that is wrong"
        self.secrets = (*self.secrets, wrong)
        return self.connect(password=Secret.literal(wrong))

    def connect_unproved(self) -> ServiceNow:
        return self.connect(webhook_secret=MISSING)

    def new_body(self, title: str, description: str = "") -> Body:
        return {"short_description": title, "description": description}

    def invalid_body(self) -> Body:
        return {"short_description": "resolved without saying how", "state": "6"}

    def unfit_body(self, title: str) -> tuple[Body, str]:
        self.simulator.locked = {"category"}
        return {**self.new_body(title), "category": "network"}, "category"

    def patch_title(self, title: str) -> Body:
        return {"short_description": title}

    def patch_description(self, text: str | None) -> Body:
        return {"description": text}

    def title_in(self, body: Body) -> str:
        return str(body["short_description"])

    def description_in(self, body: Body) -> str | None:
        return str(body["description"]) or None

    def make(self, title: str, description: str = "") -> Ref:
        made = self.simulator.control("create", {"fields": dict(self.new_body(title, description))})
        return Ref(made["sys_id"])

    def edit(self, ref: Ref, patch: Body) -> None:
        self.simulator.control("edit", {"record": ref, "fields": dict(patch)})

    def act_by_itself(self, ref: Ref) -> Body:
        self.simulator.control("edit", {"record": ref, "fields": {"urgency": "1"}, "user": "system"})
        return {"urgency": "2"}

    def touch(self, ref: Ref) -> None:
        # A save that changes nothing is no save, and two touches may fall into one second.
        title = self.title_in(self.simulator.control("get", {"record": ref}))
        self.edit(ref, self.patch_title(hashlib.sha256(title.encode()).hexdigest()))

    def spoil(self, ref: Ref) -> None:
        self.touch(ref)
        self.simulator.spoilt.add(ref)

    def delete(self, ref: Ref) -> None:
        self.simulator.control("delete", {"record": ref})

    def missing_ref(self) -> Ref:
        return Ref("0" * 32)

    def comment(self, ref: Ref, text: str, audience: Audience) -> str:
        entry = self.simulator.control("comment", {"record": ref, "text": text, "audience": audience})
        return str(entry["sys_id"])

    def public_comments(self, ref: Ref) -> Sequence[str]:
        entries = self.simulator.control("comments", {"record": ref})
        return [entry["value"] for entry in entries if entry["element"] == "comments"]

    def delivery(self, ref: Ref) -> Delivery:
        row = self.simulator.control("get", {"record": ref})
        headers, body = message(row, "incident", WEBHOOK_SECRET, int(self.tool_now().timestamp()))
        return Delivery(headers, body)

    def before_next_write(self, act: Callable[[], None]) -> None:
        self.simulator.before_write = act
