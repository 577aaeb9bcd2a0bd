"""The analyst in a simulated Defender XDR, for the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tieline.adapters.defender.adapter import DefenderAdapter, connect
from tieline.adapters.defender.incident import NEAREST
from tieline.adapters.defender.plugin import KIND
from tieline.adapters.defender.settings import DefenderSettings
from tieline.adapters.defender.simulator import (
    ACCOUNT,
    CLIENT_ID,
    CLIENT_SECRET,
    PERSON,
    TENANT,
    DefenderSimulator,
)
from tieline.adapters.testing.driver import SimulatorDriver
from tieline.adapters.testing.simulation import HttpxTransport
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import Body, Ref
from tieline.core.secrets import Secret

NAME = ConnectionName("xdr")


class DefenderDriver(SimulatorDriver):
    """Somebody who works in Defender. A title cannot be edited there: what stands in its place is who works on it."""

    powers = KIND.powers
    secrets = (CLIENT_SECRET,)
    page_size = 3
    api = "/incidents"
    known_email = PERSON
    writes = (("PATCH", "/incidents"), ("POST", "/incidents"))
    lacks: ClassVar[Mapping[str, str]] = {
        "act_by_itself": "what Defender's correlation does to an incident's status is told as a merge",
        "delete": "incidents are not deleted",
        "new_body": "Defender makes its incidents itself",
        "invalid_body": "Defender makes its incidents itself",
        "unfit_body": "Defender makes its incidents itself",
        "patch_description": "Defender writes it itself",
    }

    def __init__(self) -> None:
        super().__init__()
        self.simulator: DefenderSimulator = DefenderSimulator(self.tool_now)  # pyright: ignore[reportIncompatibleVariableOverride]

    def connect(self) -> DefenderAdapter:
        return self.connect_to(CLIENT_SECRET)

    def connect_refused(self) -> DefenderAdapter:
        return self.connect_to(CLIENT_SECRET[::-1])

    def connect_to(self, secret: str, **settings: Any) -> DefenderAdapter:
        """An adapter with other settings."""
        told = DefenderSettings(
            **{
                "url": "https://graph.example",
                "login_url": "https://login.example",
                "tenant": TENANT,
                "client_id": CLIENT_ID,
                "client_secret": Secret.literal(secret),
                "author": ACCOUNT,
                "people": {self.known_email: PERSON},
                "page_size": self.page_size,
                **settings,
            }
        )
        return connect(NAME, told, self.workbench(HttpxTransport(self.simulator)))

    def patch_title(self, title: str) -> Body:
        return {"assignedTo": title}

    def title_in(self, body: Body) -> str:
        return str(body["assignedTo"])

    def description_in(self, body: Body) -> str | None:
        said = body["description"]
        return None if said is None else str(said)

    def comment_kept(self, text: str) -> str:
        return text[:900]

    def comment_body(self, text: str) -> Any:
        return self.comment_kept(text)

    def patch_closed(self) -> Body:
        return {"status": "resolved", "classification": "truePositive"}

    def patch_reopened(self) -> Body:
        return {"status": "active"}

    def is_open(self, body: Body) -> bool:
        return NEAREST.get(str(body["status"]), body["status"]) not in ("resolved", "redirected")

    def make(self, title: str, description: str = "") -> Ref:
        made = {"displayName": title, "description": description or None, "assignedTo": title}
        return Ref(self.simulator.make(made)["id"])

    def edit(self, ref: Ref, patch: Body) -> None:
        self.simulator.change(ref, patch)

    def spoil(self, ref: Ref) -> None:
        self.touch(ref)
        self.simulator.spoilt.add(ref)

    def merge(self, ref: Ref, into: Ref) -> None:
        self.simulator.merge(ref, into)

    def missing_ref(self) -> Ref:
        return Ref("999999")

    def comment(self, ref: Ref, text: str, audience: Audience) -> str:  # noqa: ARG002 - all who see it read it
        self.simulator.say(ref, text, PERSON)
        return self.connect().comments(ref)[-1].id

    def public_comments(self, ref: Ref) -> Sequence[str]:  # noqa: ARG002 - nobody outside sees an incident
        return ()
