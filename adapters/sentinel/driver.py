"""The analyst in a simulated Sentinel workspace, for the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tieline.adapters.sentinel.adapter import SentinelAdapter, connect
from tieline.adapters.sentinel.incident import is_closed
from tieline.adapters.sentinel.plugin import KIND
from tieline.adapters.sentinel.settings import SentinelSettings
from tieline.adapters.sentinel.simulator import (
    CLIENT_ID,
    CLIENT_SECRET,
    GROUP,
    PERSON,
    PERSONS,
    SUBSCRIPTION,
    TENANT,
    WORKSPACE,
    SentinelSimulator,
)
from tieline.adapters.testing.driver import SimulatorDriver
from tieline.adapters.testing.simulation import HttpxTransport
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import Body, Ref
from tieline.core.secrets import Secret

NAME = ConnectionName("soc")


class SentinelDriver(SimulatorDriver):
    """Somebody who works in the SOC."""

    powers = KIND.powers
    secrets = (CLIENT_SECRET,)
    page_size = 3
    api = "/incidents"
    known_email = PERSONS[PERSON]
    writes = (("PUT", "/incidents"),)
    lacks: ClassVar[Mapping[str, str]] = {
        "act_by_itself": "what an automation rule does is done by an account",
        "merge": "Defender merges, not Sentinel: the other incident is closed, and nothing names the one it went into",
    }

    def __init__(self) -> None:
        super().__init__()
        self.simulator: SentinelSimulator = SentinelSimulator(self.tool_now)  # pyright: ignore[reportIncompatibleVariableOverride]

    def connect(self) -> SentinelAdapter:
        return self.connect_to(CLIENT_SECRET)

    def connect_refused(self) -> SentinelAdapter:
        return self.connect_to(CLIENT_SECRET[::-1])

    def connect_to(self, secret: str, **settings: Any) -> SentinelAdapter:
        """An adapter with other settings."""
        told = SentinelSettings(
            **{
                "url": "https://management.azure.example",
                "login_url": "https://login.azure.example",
                "tenant": TENANT,
                "client_id": CLIENT_ID,
                "client_secret": Secret.literal(secret),
                "subscription": SUBSCRIPTION,
                "resource_group": GROUP,
                "workspace": WORKSPACE,
                "people": {self.known_email: PERSON},
                "page_size": self.page_size,
                **settings,
            }
        )
        return connect(NAME, told, self.workbench(HttpxTransport(self.simulator)))

    def new_body(self, title: str, description: str = "") -> Body:
        return {
            "title": title,
            "description": self.text_kept(description) or None,
            "status": "New",
            "severity": "Medium",
        }

    def text_kept(self, text: str) -> str:
        return text[:5_000]

    def comment_kept(self, text: str) -> str:
        return text[:29_000]

    def invalid_body(self) -> Body:
        return {"title": "Disk full", "severity": "Grave"}

    def unfit_body(self, title: str) -> tuple[Body, str]:
        return {**self.new_body(title), "owner": "nobody-here"}, "owner"

    def patch_title(self, title: str) -> Body:
        return {"title": title}

    def patch_description(self, text: str | None) -> Body:
        return {"description": None if text is None else self.text_kept(text)}

    def title_in(self, body: Body) -> str:
        return str(body["title"])

    def description_in(self, body: Body) -> str | None:
        said = body["description"]
        return None if said is None else str(said)

    def patch_closed(self) -> Body:
        return {"status": "Closed", "classification": "TruePositive/SuspiciousActivity"}

    def patch_reopened(self) -> Body:
        return {"status": "Active"}

    def is_open(self, body: Body) -> bool:
        return not is_closed(str(body["status"]))

    def make(self, title: str, description: str = "") -> Ref:
        told = {"title": title, "description": description, "severity": "Medium", "status": "New"}
        return Ref(self.simulator.make(told)["name"])

    def edit(self, ref: Ref, patch: Body) -> None:
        told = dict(patch)
        if "classification" in told:
            parts = str(told["classification"]).partition("/")
            told |= {"classification": parts[0], "classificationReason": parts[2] or None}
        if "owner" in told:
            told["owner"] = {"objectId": told["owner"]}
        self.simulator.change(ref, told)

    def spoil(self, ref: Ref) -> None:
        self.touch(ref)
        self.simulator.spoilt.add(ref)

    def delete(self, ref: Ref) -> None:
        del self.simulator.incidents[ref]

    def missing_ref(self) -> Ref:
        return Ref("5c1f0000-0000-4000-8000-00000000dead")

    def comment(self, ref: Ref, text: str, audience: Audience) -> str:  # noqa: ARG002 - all who see it read it
        made = self.simulator.say(ref, self.simulator.make_name(), text, PERSON)
        return str(made["name"])

    def comment_body(self, text: str) -> Any:
        return self.comment_kept(text)

    def public_comments(self, ref: Ref) -> Sequence[str]:  # noqa: ARG002 - nobody outside sees a workspace
        return ()
