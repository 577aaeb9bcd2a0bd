"""The analyst in a simulated Enterprise Security, for the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from tieline.adapters.splunk.adapter import SplunkAdapter, connect
from tieline.adapters.splunk.plugin import KIND
from tieline.adapters.splunk.settings import SplunkSettings
from tieline.adapters.splunk.simulator import ACCOUNT, INDEXER, PASSWORD, PERSON, USERS, SplunkSimulator
from tieline.adapters.testing.driver import SimulatorDriver
from tieline.adapters.testing.simulation import HttpxTransport
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import Body, Ref
from tieline.core.secrets import Secret

NAME = ConnectionName("siem")


class SplunkDriver(SimulatorDriver):
    """Somebody who works in the SOC. A title is of the event itself and cannot be edited: what stands in its place is
    the owner, who has to be a user."""

    powers = KIND.powers
    secrets = (PASSWORD,)
    page_size = 3
    reads_by_address = False
    known_email = USERS[PERSON]
    writes = (("POST", "/notable_update"),)
    lacks: ClassVar[Mapping[str, str]] = {
        "act_by_itself": "nothing but a person or a search edits an event",
        "delete": "an event leaves with its index, and its edits stay",
        "merge": "events are not merged",
        "new_body": "correlation searches make the events",
        "invalid_body": "correlation searches make the events",
        "unfit_body": "correlation searches make the events",
        "patch_description": "it is of the event itself",
    }

    def __init__(self) -> None:
        super().__init__()
        self.simulator: SplunkSimulator = SplunkSimulator(self.tool_now)  # pyright: ignore[reportIncompatibleVariableOverride]

    def connect(self) -> SplunkAdapter:
        return self.connect_to(PASSWORD)

    def connect_refused(self) -> SplunkAdapter:
        return self.connect_to(PASSWORD[::-1])

    def connect_to(self, password: str, **settings: Any) -> SplunkAdapter:
        """An adapter with other settings."""
        told = SplunkSettings(
            **{
                "url": "https://splunk.example:8089",
                "username": ACCOUNT,
                "password": Secret.literal(password),
                "page_size": self.page_size,
                "window": timedelta(days=30),
                **settings,
            }
        )
        return connect(NAME, told, self.workbench(HttpxTransport(self.simulator)))

    def patch_title(self, title: str) -> Body:
        self.simulator.users.setdefault(title, "")
        return {"owner": title}

    def title_in(self, body: Body) -> str:
        return str(body["owner"])

    def description_in(self, body: Body) -> str | None:
        said = body["description"]
        return None if said is None else str(said)

    def comment_kept(self, text: str) -> str:
        return text[:4_900]

    def comment_body(self, text: str) -> Any:
        return self.comment_kept(text)

    def patch_closed(self) -> Body:
        return {"status": "5", "disposition": "disposition:1"}

    def patch_reopened(self) -> Body:
        return {"status": "2"}

    def is_open(self, body: Body) -> bool:
        return body["status"] not in ("4", "5")

    def make(self, title: str, description: str = "") -> Ref:
        self.simulator.users.setdefault(title, "")
        made = {"rule_title": title, "rule_description": description, "owner": title}
        return Ref(self.simulator.make(made)["event_id"])

    def edit(self, ref: Ref, patch: Body) -> None:
        self.simulator.change(ref, patch, PERSON)

    def spoil(self, ref: Ref) -> None:
        self.touch(ref)
        self.simulator.spoilt.add(ref)

    def missing_ref(self) -> Ref:
        return Ref(f"{INDEXER}@@notable@@00000000000000000000000000000000")

    def comment(self, ref: Ref, text: str, audience: Audience) -> str:  # noqa: ARG002 - all who see it read it
        self.simulator.change(ref, {"comment": text}, PERSON)
        return self.connect().comments(ref)[-1].id

    def public_comments(self, ref: Ref) -> Sequence[str]:  # noqa: ARG002 - nobody outside sees an event
        return ()
