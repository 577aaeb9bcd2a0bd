"""Somebody who works in Request Tracker over REST2, and somebody who breaks it: in the simulated one, or a real one."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from tieline.adapters.rt.adapter import RequestTracker, connect
from tieline.adapters.rt.plugin import POWERS
from tieline.adapters.rt.settings import RequestTrackerSettings
from tieline.adapters.rt.simulator import ACCOUNTS, ESCALATED, QUEUE, RequestTrackerSimulator
from tieline.adapters.rt.webhook import SIGNATURE, TIMESTAMP
from tieline.adapters.testing.driver import MISSING, SimulatorDriver
from tieline.adapters.testing.simulation import HttpxTransport, Request, Response
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import Body, Delivery, Ref
from tieline.core.secrets import Secret

HOOK_SECRET: Final = "rt-hook-6e1b90"  # noqa: S105 - signs nothing but what the tests send


class PeopleOfRequestTracker(SimulatorDriver):
    """Ann works over the same REST2, in whatever answers it; `tokens` are what she and we show."""

    powers = POWERS
    lacks: ClassVar[Mapping[str, str]] = {
        "patch_description": "the first message of a ticket is never rewritten",
        "joint_delivery": "a Scrip tells of one ticket",
    }
    writes = (("POST", "/ticket"), ("PUT", ""))
    page_size = 3
    known_email = "ann.doe@example.org"
    tells_birth = True
    credential_headers = (SIGNATURE, TIMESTAMP)

    def __init__(self, url: str, tokens: Mapping[str, str]) -> None:
        super().__init__()
        self.url = url
        self.tokens = tokens
        self.secrets = (tokens["tieline"], HOOK_SECRET)

    def connect(self, **changed: Any) -> RequestTracker:
        usual: dict[str, Any] = {
            "url": self.url,
            "username": "tieline",
            "token": Secret.literal(self.secrets[0]),
            "queue": QUEUE,
            "webhook_secret": Secret.literal(HOOK_SECRET),
            "page_size": self.page_size,
        }
        settings = RequestTrackerSettings(**{**usual, **changed})
        return connect(ConnectionName("rt"), settings, self.workbench(HttpxTransport(self.simulator)))

    def connect_refused(self) -> RequestTracker:
        return self.connect(token=Secret.literal(self.secrets[0][::-1]))

    def connect_unproved(self) -> RequestTracker:
        return self.connect(webhook_secret=MISSING)

    def person(self, method: str, path: str, body: Any = None, query: tuple[tuple[str, str], ...] = ()) -> Any:
        """What ann does, past all faults."""
        headers = {"authorization": f"token {self.tokens['ann']}", "content-type": "application/json"}
        sent = b"" if body is None else json.dumps(body).encode()
        answer: Response = self.simulator.respond(Request(method, f"/REST/2.0{path}", query, headers, sent))
        if not 200 <= answer.status < 300:
            raise AssertionError(f"{method} {path} of a person was answered {answer.status}: {answer.body[:500]!r}")
        return json.loads(answer.body) | {"_of": dict(answer.headers)} if answer.body[:1] == b"{" else answer

    def new_body(self, title: str, description: str = "") -> Body:
        return {"Subject": title, "Content": description}

    def invalid_body(self) -> Body:
        return {"Subject": "Disk full", "Status": "snoozed"}

    def unfit_body(self, title: str) -> tuple[Body, str]:
        return {**self.new_body(title), "CustomFields": {"Category": ["nonsense"]}}, "CustomFields.Category"

    def patch_title(self, title: str) -> Body:
        return {"Subject": title}

    def title_in(self, body: Body) -> str:
        return str(body["Subject"])

    def description_in(self, body: Body) -> str | None:
        return str(body["Content"]) or None

    def text_kept(self, text: str) -> str:
        # Messages are kept as mail is: with the ends of lines that Unix has.
        return text.replace("\r\n", "\n")

    def patch_closed(self) -> Body:
        return {"Status": "resolved"}

    def patch_reopened(self) -> Body:
        return {"Status": "open"}

    def is_open(self, body: Body) -> bool:
        return body["Status"] not in ("resolved", "rejected")

    def make(self, title: str, description: str = "") -> Ref:
        asked = {"Queue": QUEUE, "Subject": title, "Content": description, "ContentType": "text/plain"}
        return Ref(self.person("POST", "/ticket", asked)["id"])

    def edit(self, ref: Ref, patch: Body) -> None:
        self.person("PUT", f"/ticket/{ref}", dict(patch))

    def touch(self, ref: Ref) -> None:
        title = self.person("GET", f"/ticket/{ref}")["Subject"]
        self.edit(ref, self.patch_title(f"{title[:150]}, touched"))

    def delete(self, ref: Ref) -> None:
        self.edit(ref, {"Status": "deleted"})

    def merge(self, ref: Ref, into: Ref) -> None:
        self.edit(ref, {"MergeInto": into})

    def act_by_itself(self, ref: Ref) -> Body:
        self.edit(ref, {"Subject": ESCALATED})
        return {"Priority": "10"}

    def missing_ref(self) -> Ref:
        return Ref("999999")

    def comment(self, ref: Ref, text: str, audience: Audience) -> str:
        verb = "correspond" if audience is Audience.CUSTOMERS else "comment"
        answer = self.person("POST", f"/ticket/{ref}/{verb}", {"Content": text, "ContentType": "text/plain"})
        places = {name.lower(): value for name, value in answer.headers.items()}
        return str(places["location"].rpartition("/")[2])

    def public_comments(self, ref: Ref) -> Sequence[str]:
        shown = self.person("GET", f"/ticket/{ref}/history", None, (("fields", "Type"), ("per_page", "100")))
        numbers = [one["id"] for one in shown["items"] if one["Type"] == "Correspond"]
        asked = [{"field": "TransactionId", "value": one, "entry_aggregator": "OR"} for one in numbers]
        if not asked:
            return []
        told = self.person("POST", "/attachments", asked, (("fields", "Content"), ("per_page", "100")))
        return [str(one.get("Content", "")) for one in told["items"]]

    def links(self, ref: Ref) -> Sequence[str]:
        offered = self.person("GET", f"/ticket/{ref}")["_hyperlinks"]
        return [one["_url"] for one in offered if one["ref"] == "refers-to"]


class RequestTrackerDriver(PeopleOfRequestTracker):
    """The simulated one."""

    simulator: RequestTrackerSimulator

    def __init__(self) -> None:
        super().__init__("https://rt.example", ACCOUNTS)
        # No other kind is ever assigned, which is what pyright fears of a narrower attribute.
        self.simulator = RequestTrackerSimulator(self.tool_now)  # pyright: ignore[reportIncompatibleVariableOverride]

    def spoil(self, ref: Ref) -> None:
        self.touch(ref)
        self.simulator.spoilt.add(int(ref))

    def delivery(self, ref: Ref) -> Delivery:
        body = json.dumps({"queue": QUEUE, "ticket": int(ref), "transaction": self.simulator.newest}).encode()
        at = str(int(self.tool_now().timestamp()))
        proof = hmac.new(HOOK_SECRET.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
        return Delivery({TIMESTAMP: at, SIGNATURE: f"sha256={proof}"}, body)
