"""The person in a simulated repository, for the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tieline.adapters.github.adapter import GithubAdapter, connect
from tieline.adapters.github.issue import REASONS
from tieline.adapters.github.plugin import KIND
from tieline.adapters.github.settings import GithubSettings
from tieline.adapters.github.simulator import PERSON, REPOSITORY, TOKEN, WEBHOOK_SECRET, GithubSimulator
from tieline.adapters.testing.driver import MISSING, SimulatorDriver
from tieline.adapters.testing.simulation import HttpxTransport
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import Body, Delivery, Ref
from tieline.core.secrets import Secret

NAME = ConnectionName("issues")


class GithubDriver(SimulatorDriver):
    """Somebody who works in the repository."""

    powers = KIND.powers
    secrets = (TOKEN, WEBHOOK_SECRET)
    page_size = 3
    known_email = "ada@example.org"
    signs_time = False
    credential_headers = ("x-hub-signature-256",)
    writes = (("POST", "/issues"), ("PATCH", "/issues"))
    lacks: ClassVar[Mapping[str, str]] = {
        "act_by_itself": "what a workflow does is done by an account",
        "merge": "a duplicate is closed as one; no issue takes its place",
        "joint_delivery": "a webhook is about one issue",
    }

    def __init__(self) -> None:
        super().__init__()
        self.simulator: GithubSimulator = GithubSimulator(self.tool_now)  # pyright: ignore[reportIncompatibleVariableOverride]

    def connect(self) -> GithubAdapter:
        return self.connect_to(TOKEN)

    def connect_refused(self) -> GithubAdapter:
        return self.connect_to(TOKEN[::-1])

    def connect_unproved(self) -> GithubAdapter:
        return self.connect_to(TOKEN, webhook_secrets=(MISSING,))

    def connect_to(self, token: str, **settings: Any) -> GithubAdapter:
        """An adapter with other settings."""
        told = GithubSettings(
            **{
                "url": "https://api.github.example",
                "repository": REPOSITORY,
                "token": Secret.literal(token),
                "webhook_secrets": (Secret.literal(WEBHOOK_SECRET),),
                "people": {self.known_email: PERSON},
                "page_size": self.page_size,
                **settings,
            }
        )
        return connect(NAME, told, self.workbench(HttpxTransport(self.simulator)))

    def new_body(self, title: str, description: str = "") -> Body:
        return {"title": title, "body": self.text_kept(description) or None, "status": "open"}

    def text_kept(self, text: str) -> str:
        return text[:65_000]

    def invalid_body(self) -> Body:
        return {"title": "Disk full", "assignee": "nobody-here"}

    def unfit_body(self, title: str) -> tuple[Body, str]:
        return {**self.new_body(title), "assignee": "nobody-here"}, "assignee"

    def patch_title(self, title: str) -> Body:
        return {"title": title}

    def patch_description(self, text: str | None) -> Body:
        return {"body": None if text is None else self.text_kept(text)}

    def title_in(self, body: Body) -> str:
        return str(body["title"])

    def description_in(self, body: Body) -> str | None:
        said = body["body"]
        return None if said is None else str(said)

    def patch_closed(self) -> Body:
        return {"status": "completed"}

    def patch_reopened(self) -> Body:
        return {"status": "open"}

    def is_open(self, body: Body) -> bool:
        return body["status"] not in REASONS

    def make(self, title: str, description: str = "") -> Ref:
        return Ref(str(self.simulator.make({"title": title, "body": description}, PERSON)["number"]))

    def edit(self, ref: Ref, patch: Body) -> None:
        self.simulator.change(int(ref), patch, PERSON)

    def spoil(self, ref: Ref) -> None:
        self.touch(ref)
        self.simulator.spoilt.add(int(ref))

    def delete(self, ref: Ref) -> None:
        self.simulator.away[int(ref)] = 410

    def missing_ref(self) -> Ref:
        return Ref("999999")

    def comment(self, ref: Ref, text: str, audience: Audience) -> str:  # noqa: ARG002 - all who see it read it
        return str(self.simulator.say(int(ref), text, PERSON)["id"])

    def comment_body(self, text: str) -> Any:
        return self.text_kept(text)

    def public_comments(self, ref: Ref) -> Sequence[str]:  # noqa: ARG002 - nobody outside sees a private repository
        return ()

    def delivery(self, ref: Ref) -> Delivery:
        headers, body = self.simulator.delivery(int(ref))
        return Delivery(headers, body)
