"""A double of Acme Desk, and the person who works in it. Real software needs no double: drive that instead."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from tieline.adapters.testing.driver import MISSING, SimulatorDriver
from tieline.adapters.testing.simulation import HttpxTransport, Request, Response, Simulator, run
from tieline.core.model import ConnectionName
from tieline.core.port import Body, Delivery, Ref
from tieline.core.secrets import Secret
from tieline_acme.adapter import POWERS, AcmeAdapter, AcmeSettings, connect

TOKEN = "acme-token-41f7c0"  # noqa: S105 - opens nothing but the double
HOOK_SECRET = "acme-hook-9be2a1"  # noqa: S105 - signs nothing but the double's webhooks
STATES = ("open", "working", "waiting", "solved", "closed")


class AcmeDesk(Simulator):
    """Tickets by id, and one counter for all changes."""

    def __init__(self, clock: Callable[[], datetime] | None = None) -> None:
        super().__init__(clock)
        self.tickets: dict[str, dict[str, Any]] = {}
        self.changes = 0
        self.odd: set[str] = set()
        """Tickets that an import left without the time of their last change."""

    def respond(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return Response.of({"error": "who are you?"}, 401)
        match request.method, request.path.split("/")[2:]:
            case "GET", ["me"]:
                return Response.of({"account": "tieline"})
            case "GET", ["changes"]:
                return self._listing(request.query)
            case "GET", ["tickets"]:
                wanted = request.query.get("external_id")
                found = [one for one in self.tickets.values() if one["external_id"] == wanted]
                return Response.of({"tickets": [self._shown(one) for one in found]})
            case "POST", ["tickets"]:
                return self._made(request.json())
            case _, ["tickets", ref] if ref not in self.tickets:
                return Response.of({"error": "no such ticket"}, 404)
            case "GET", ["tickets", ref]:
                return Response.of(self._shown(self.tickets[ref]))
            case "PATCH", ["tickets", ref]:
                if request.headers.get("if-match") != str(self.tickets[ref]["revision"]):
                    return Response.of({"error": "the ticket has moved on"}, 412)
                return self._changed(ref, request.json())
        return Response.of({"error": "no such address"}, 404)

    def _listing(self, query: dict[str, str]) -> Response:
        since = self.clock() - timedelta(seconds=int(query.get("within", 0)))
        after = int(query["after"]) if "after" in query else None
        found = sorted(self.tickets.values(), key=lambda one: one["change"])
        if after is None:
            # Strictly later, so that nothing of the past comes along when nothing of it was asked for.
            found = [one for one in found if datetime.fromisoformat(one["changed_at"]) > since]
        else:
            found = [one for one in found if one["change"] > after]
        page = found[: int(query["limit"])]
        more = len(found) > len(page)
        shown = [self._shown(one) for one in page]
        return Response.of({"tickets": shown, "last": page[-1]["change"] if more else self.changes, "more": more})

    def _shown(self, ticket: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in ticket.items() if name != "changed_at" or ticket["id"] not in self.odd}

    def _made(self, given: dict[str, Any]) -> Response:
        known = [one for one in self.tickets.values() if one["external_id"] == given.get("external_id") is not None]
        if known:
            return Response.of(known[0])
        if not given.get("title") or given.get("state", "open") not in STATES:
            return Response.of({"error": "a ticket needs a title and a state"}, 422)
        number = len(self.tickets) + 1
        ref = f"t{number:08}"
        blank = {"notes": None, "state": "open", "urgency": None, "external_id": None}
        self.tickets[ref] = {**blank, **given, "id": ref, "number": f"ACME-{number}", "revision": 0}
        return self._changed(ref, {}, 201)

    def _changed(self, ref: str, patch: dict[str, Any], status: int = 200) -> Response:
        self.changes += 1
        ticket = self.tickets[ref]
        stamp = {"revision": ticket["revision"] + 1, "change": self.changes, "changed_at": self.clock().isoformat()}
        self.tickets[ref] = {**ticket, **patch, **stamp}
        return Response.of(self.tickets[ref], status)


class AcmeDriver(SimulatorDriver):
    """What the contract suite needs of a person in the tool."""

    simulator: AcmeDesk
    powers = POWERS
    lacks: ClassVar[Mapping[str, str]] = {
        "merge": "Acme Desk merges no tickets",
        "unfit_body": "Acme Desk does not say which member of a ticket it refuses",
        "joint_delivery": "a webhook is about one ticket",
        "act_by_itself": "no ticket changes unless somebody changes it",
    }
    secrets = (TOKEN, HOOK_SECRET)
    page_size = 3
    credential_headers = ("x-acme-signature",)

    def __init__(self) -> None:
        super().__init__()
        self.simulator = AcmeDesk(self.tool_now)

    def connect(self) -> AcmeAdapter:
        return self._connect(TOKEN)

    def connect_refused(self) -> AcmeAdapter:
        return self._connect(TOKEN[::-1])

    def connect_unproved(self) -> AcmeAdapter:
        return self._connect(TOKEN, MISSING)

    def _connect(self, token: str, webhook_secret: Secret | None = None) -> AcmeAdapter:
        settings = AcmeSettings(
            url="https://acme.example.com",
            token=Secret.literal(token),
            webhook_secret=webhook_secret or Secret.literal(HOOK_SECRET),
            page_size=self.page_size,
        )
        return connect(ConnectionName("acme"), settings, self.workbench(HttpxTransport(self.simulator)))

    def new_body(self, title: str, description: str = "") -> Body:
        return {"title": title, "notes": description, "state": "open"}

    def invalid_body(self) -> Body:
        return {"title": "Disk full", "state": "snoozed"}

    def patch_title(self, title: str) -> Body:
        return {"title": title}

    def patch_description(self, text: str | None) -> Body:
        return {"notes": text}

    def title_in(self, body: Body) -> str:
        return str(body["title"])

    def description_in(self, body: Body) -> str | None:
        said = body["notes"]
        return None if said is None else str(said)

    def make(self, title: str, description: str = "") -> Ref:
        answer = self.simulator._made(dict(self.new_body(title, description)))
        return Ref(json.loads(answer.body)["id"])

    def edit(self, ref: Ref, patch: Body) -> None:
        self.simulator._changed(ref, dict(patch))

    def spoil(self, ref: Ref) -> None:
        self.touch(ref)
        self.simulator.odd.add(ref)

    def delete(self, ref: Ref) -> None:
        del self.simulator.tickets[ref]

    def missing_ref(self) -> Ref:
        return Ref("t99999999")

    def delivery(self, ref: Ref) -> Delivery:
        ticket = self.simulator.tickets[ref]
        body = json.dumps({"delivery": f"d-{ticket['change']}", "ticket": ref}).encode()
        at = int(self.simulator.clock().timestamp())
        proof = hmac.new(HOOK_SECRET.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
        return Delivery({"x-acme-signature": f"t={at},v1={proof}"}, body)


if __name__ == "__main__":
    run(AcmeDesk, "A double of Acme Desk")
