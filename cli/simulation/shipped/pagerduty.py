"""PagerDuty in a world: a simulated account, its people, and how its incidents look in canonical words."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from tieline.adapters.memory.shelf import Note, Row
from tieline.adapters.memory.tool import Refused
from tieline.adapters.pagerduty.simulated.account import PRIORITIES, Incident, Refusal, User
from tieline.adapters.pagerduty.simulator import DEMO_KEY, DEMO_WEBHOOK_SECRET, PagerDutySimulator
from tieline.adapters.pagerduty.webhook import signature
from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.simulation import Request
from tieline.cli.simulation.shipped.seat import ShippedDesk, spoilt
from tieline.cli.simulation.staff import PEOPLE
from tieline.cli.simulation.tickets import Oddities
from tieline.core.model import Audience, instant
from tieline.core.port import Delivery
from tieline.core.secrets import Secret

STATUS: Final = {"triggered": "new", "acknowledged": "in_progress", "resolved": "resolved"}
NARROWER: Final = {"on_hold": "in_progress", "closed": "resolved", "cancelled": "resolved"}
TURNS: Final = frozenset(
    f"{kind}_log_entry" for kind in ("trigger", "acknowledge", "unacknowledge", "resolve", "reopen")
)
"""What the log has of an incident's status."""
NAMES: Final = {"title": "title", "status": "status", "priority": "priority", "assignments": "assignee"}


class PagerDutyDesk(ShippedDesk):
    """One account. Nothing in it tells what a write replaced: see the adapter's own words about that gap."""

    account = "PXPGF42"
    texts = ("title",)
    choices: ClassVar = {"status": ("new", "in_progress", "resolved"), "priority": ("p1", "p2", "p3", "p4")}
    compared = ("title", "status", "priority", "assignee")
    never_empty = frozenset({"assignee"})
    skills = frozenset({"merge"})
    tells_replaced = False
    tells_birth = False
    steps_of_a_write = 2
    secrets: ClassVar = {
        "api_key": Secret.literal(DEMO_KEY),
        "webhook_secrets": (Secret.literal(DEMO_WEBHOOK_SECRET),),
    }
    simulator: PagerDutySimulator

    def __init__(self, clock: ManualClock, dice: random.Random, oddities: Oddities) -> None:
        super().__init__(clock, dice, oddities)
        self.simulator = PagerDutySimulator(self.clock.now, 7)
        self.simulator.webhooks.listeners.append(lambda sent: self.tell(Delivery(sent.headers, sent.body)))
        held = self.simulator.account
        held.users += [User(f"P{email[:3].upper()}", email[:3].title(), email) for email in PEOPLE]
        held.on_call = f"P{PEOPLE[0][:3].upper()}"

    # What the line asks

    def verb(self, request: Request) -> str:
        match (request.method, *request.path.strip("/").split("/")):
            case ("GET", "log_entries"):
                return "changes"
            case ("GET", "incidents"):
                return "find"
            case ("GET", "incidents", _):
                return "read"
            case ("POST", "incidents"):
                return "create"
            case ("PUT", "incidents", _):
                return "update"
            case ("GET", "incidents", _, "notes"):
                return "comments"
            case ("POST", "incidents", _, "notes"):
                return "add_comment"
            case _:
                return "ask"

    def target(self, request: Request) -> str | None:
        parts = request.path.strip("/").split("/")
        return parts[1] if parts[0] == "incidents" and len(parts) > 1 else None

    def wanted(self, request: Request) -> Mapping[str, Any]:
        return {NAMES.get(name, name): None for name in (request.json() or {}).get("incident") or {}}

    def turns_page(self, request: Request) -> bool:
        return request.query.get("offset", "0") != "0"

    # What it shows

    def rows(self) -> list[Row]:
        found = [self._row(one) for one in self.simulator.account.incidents.values()]
        return sorted(found, key=lambda row: (row.changed_at, int(row.key[1:])))

    def row(self, ref: str) -> Row:
        return self._row(self._incident(ref))

    def addresses(self) -> Mapping[str, str]:
        return {user.id: user.email.lower() for user in self.simulator.account.users}

    def would_show(self, name: str, value: Any) -> Any:
        return NARROWER.get(value, value) if name == "status" and isinstance(value, str) else value

    def did_by_itself(self, ref: str, field: str) -> bool:
        """Whoever assigns an acknowledged incident anew has its acknowledgement taken back."""
        turns = [one.type for one in self.simulator.account.log if one.incident == ref and one.type in TURNS]
        back = field == "status" and turns[-1:] == ["unacknowledge_log_entry"]
        return back or super().did_by_itself(ref, field)

    def _row(self, one: Incident) -> Row:
        body: dict[str, Any] = {
            "title": one.title,
            "status": STATUS[one.status],
            "priority": PRIORITIES[one.priority].lower() if one.priority else None,
        }
        if one.open:
            # Whatever is over is assigned to nobody, which says nothing of who worked on it.
            body["assignee"] = one.assignees[0][0] if one.assignees else None
        return Row(
            one.id,
            f"#{one.number}",
            body,
            made_at=instant(one.created_at),
            changed_at=instant(one.updated_at),
            version=sum(entry.incident == one.id for entry in self.simulator.account.log),
            token=one.key if one.key and one.key.startswith("tl-") else None,
            notes=[
                Note(note.id, note.content, note.user, instant(note.at), Audience.STAFF.value) for note in one.notes
            ],
            merged_into=one.merged_into,
        )

    # What people do

    def make(self, body: Mapping[str, Any]) -> Row:
        self.clock.tick()
        made = self.simulator.account.open_incident(
            body["title"], self._somebody(), key=self.simulator.account.new_id("", 32).lower()
        )
        return self._row(made)

    def edit(self, ref: str, **values: Any) -> Row:
        account, one, by = self.simulator.account, self._incident(ref), self._somebody()
        self.clock.tick()
        try:
            for name, value in values.items():
                match name:
                    case "status":
                        self._turn(one, value, by)
                    case "title":
                        account.edit(one, by, title=value)
                    case "priority":
                        chosen = next(identity for identity, word in PRIORITIES.items() if word.lower() == value)
                        account.edit(one, by, priority=chosen)
                    case "assignee" if value and one.open:
                        account.assign(one, by, (value,))
        except Refusal as refusal:
            raise Refused(str(refusal)) from None
        return self._row(one)

    def comment(self, ref: str, text: str, audience: Audience, *, author: str) -> Note:  # noqa: ARG002 - notes know neither
        self.clock.tick()
        self.simulator.account.note(self._incident(ref), self._somebody(), text)
        return self.row(ref).notes[-1]

    def merge(self, ref: str, into: str) -> None:
        self.clock.tick()
        source, target = self._incident(ref), self._incident(into)
        if not source.open:
            raise Refused("what is over is merged with nothing")
        try:
            self.simulator.account.merge(source, target, self._somebody())
        except Refusal as refusal:
            raise Refused(str(refusal)) from None

    @property
    def spoilt(self) -> set[str]:
        return self.simulator.account.spoilt

    def touch(self, ref: str) -> None:
        one = self.simulator.account.incidents.get(ref)
        if one is not None:
            bridge = {"conference_number": f"+1-{len(self.simulator.account.log)}"}
            self.simulator.account.edit(one, self._somebody(), conference_bridge=bridge)

    def stray(self) -> Delivery:
        data = {"id": "QNOSUCHINCIDEN", "type": "incident"}
        body = json.dumps({"event": {"id": "01STRAY", "event_type": "incident.triggered", "data": data}}).encode()
        return Delivery({"x-pagerduty-signature": signature(DEMO_WEBHOOK_SECRET, body)}, body)

    def forged(self, delivery: Delivery) -> Delivery:
        return spoilt(delivery, "x-pagerduty-signature")

    def _incident(self, ref: str) -> Incident:
        found = self.simulator.account.incidents.get(ref)
        if found is None:
            raise LookupError(ref)
        return found

    def _somebody(self) -> str:
        return self.person(self.dice.choice(PEOPLE)) or ""

    def _turn(self, one: Incident, status: str, by: str) -> None:
        account = self.simulator.account
        match STATUS[one.status], status:
            case "new", "in_progress":
                account.acknowledge(one, by)
            case "in_progress", "new":
                account.assign(one, by, (account.on_call,))
            case "resolved", "new" | "in_progress":
                account.reopen(one, by, acknowledged=status == "in_progress")
            case "new" | "in_progress", "resolved":
                account.resolve(one, by)
            case _:
                raise Refused(f"it is {status} already")
