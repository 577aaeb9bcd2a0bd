"""Jira in a world: a simulated site, the people who work on its issues, and how the issues look in canonical words."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar, Final

from tieline.adapters.jira.simulated.people import User
from tieline.adapters.jira.simulated.screens import RESOLUTIONS
from tieline.adapters.jira.simulated.screens import Refused as RefusedByJira
from tieline.adapters.jira.simulated.site import BOT, Issue
from tieline.adapters.jira.simulator import API_TOKEN, WEBHOOK_SECRET, JiraSimulator
from tieline.adapters.jira.webhook import signature
from tieline.adapters.memory.shelf import Entry, Note, Row
from tieline.adapters.memory.tool import Refused
from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.simulation import Request
from tieline.cli.simulation.people import bare
from tieline.cli.simulation.shipped.seat import TOLD, ShippedDesk, spoilt
from tieline.cli.simulation.shipped.texts import adf, wiki, words
from tieline.cli.simulation.staff import PEOPLE
from tieline.cli.simulation.tickets import Oddities
from tieline.core.model import Audience, instant
from tieline.core.port import Delivery
from tieline.core.secrets import Secret

PRIORITY: Final = {"Highest": "p1", "High": "p2", "Medium": "p3", "Low": "p4", "Lowest": "p5"}
STATUS: Final = {"new": "new", "indeterminate": "in_progress", "done": "resolved"}
NARROWER: Final = {"on_hold": "in_progress", "closed": "resolved", "cancelled": "resolved"}
NAMES: Final = {"summary": "title", "description": "description", "status": "status", "labels": "tags"}

_ISSUE: Final = re.compile(r"/rest/api/[23]/issue/(\d+)")
_VERBS: Final = (
    ("GET", re.compile(r"/search"), "changes"),
    ("POST", re.compile(r"/issue/bulkfetch$"), "changes"),
    ("POST", re.compile(r"/issue$"), "create"),
    ("GET", re.compile(r"/issue/\d+$"), "read"),
    ("PUT", re.compile(r"/issue/\d+$"), "update"),
    ("POST", re.compile(r"/issue/\d+/transitions$"), "update"),
    ("GET", re.compile(r"/issue/\d+/comment"), "comments"),
    ("POST", re.compile(r"/issue/\d+/comment$"), "add_comment"),
    ("DELETE", re.compile(r"/issue/\d+/comment/"), "add_comment"),
    ("PUT", re.compile(r"/issue/\d+/properties/"), "link"),
    ("POST", re.compile(r"/issue/\d+/remotelink$"), "link"),
)


class JiraDesk(ShippedDesk):
    """Cloud, a project of a software team. Each transition is a write of its own, and a walk takes up to four."""

    account = BOT
    texts = ("title", "description")
    clearable = ("description",)
    choices: ClassVar = {"status": ("new", "in_progress", "resolved"), "priority": ("p1", "p2", "p3", "p4")}
    compared = ("title", "description", "status", "priority", "assignee", "tags")
    spaced = False
    skills = frozenset({"delete", "move"})
    steps_of_a_write = 4
    secrets: ClassVar = {
        "api_token": Secret.literal(API_TOKEN),
        "webhook_secret": Secret.literal(WEBHOOK_SECRET),
    }
    cloud = True
    project = "OPS"
    simulator: JiraSimulator

    def __init__(self, clock: ManualClock, dice: random.Random, oddities: Oddities, search_lag: timedelta) -> None:
        super().__init__(clock, dice, oddities)
        self.simulator = JiraSimulator(self.clock.now, cloud=self.cloud)
        self.site = self.simulator.site
        self.site.search_lag, self.site.indexing = search_lag, self.clock.elapsed
        self.site.webhooks.listeners.append(lambda sent: self.tell(Delivery(sent.headers, sent.body)))
        for email in PEOPLE:
            name = email.partition("@")[0]
            self.site.users[f"712020-{name}"] = User(f"712020-{name}", email, name.title())

    # What the line asks

    def verb(self, request: Request) -> str:
        for method, pattern, verb in _VERBS:
            if method == request.method and pattern.search(request.path):
                return verb
        return "ask"

    def target(self, request: Request) -> str | None:
        found = _ISSUE.match(request.path)
        return found[1] if found else None

    def wanted(self, request: Request) -> Mapping[str, Any]:
        sent = request.json() or {}
        names = {NAMES.get(name, name): None for name in sent.get("fields") or {}}
        return {**names, "status": None} if "transition" in sent else names

    def turns_page(self, request: Request) -> bool:
        return "nextPageToken" in request.query or request.query.get("startAt", "0") != "0"

    # What it shows

    def rows(self) -> list[Row]:
        found = [self._row(issue) for issue in self.site.issues.values()]
        return sorted(found, key=lambda row: (row.changed_at, int(row.ref)))

    def row(self, ref: str) -> Row:
        return self._row(self._issue(ref))

    def addresses(self) -> Mapping[str, str]:
        return {user.id: user.email.lower() for user in self.site.users.values()}

    def would_show(self, name: str, value: Any) -> Any:
        match name, value:
            case "status", str():
                return self._narrower(value)
            case "description", str():
                return bare(value)
            case "tags", list() | tuple():
                return tuple(tag.replace(" ", "_") for tag in value)
            case _:
                return value

    def _narrower(self, status: str) -> str:
        return NARROWER.get(status, status)

    def _status(self, issue: Issue) -> str:
        return STATUS[self.site.status(issue).category]

    def _row(self, issue: Issue) -> Row:
        fields, held = issue.fields, issue.properties.get("tieline") or {}
        assignee, priority = fields.get("assignee"), fields.get("priority")
        body: dict[str, Any] = {
            "title": fields.get("summary"),
            "description": words(fields.get("description")),
            "status": self._status(issue),
            "priority": PRIORITY[priority["name"]] if priority else None,
            "assignee": assignee["_user"] if assignee else None,
            "tags": list(fields.get("labels") or []),
        }
        return Row(
            issue.id,
            issue.key,
            body,
            made_at=instant(issue.created),
            changed_at=instant(issue.updated),
            version=len(issue.histories) + len(issue.comments),
            token=held.get("token"),
            notes=[self._note(one) for one in issue.comments],
            history=list(self._history(issue)),
        )

    def _note(self, comment: Mapping[str, Any]) -> Note:
        public = comment.get("jsdPublic") is True
        visible = Audience.CUSTOMERS if public else Audience.STAFF
        text = words(comment["body"]) or ""
        return Note(comment["id"], text, comment["_author"], instant(comment["_created"]), visible.value)

    def _history(self, issue: Issue) -> Iterator[Entry]:
        for number, history in enumerate(issue.histories):
            for item in history["items"]:
                name = NAMES.get(item.get("fieldId", ""), "")
                if name in self.texts:
                    before, after = words(item["fromString"]), words(item["toString"])
                    yield Entry(number, history["_author"], name, before, after)

    # What people do

    def make(self, body: Mapping[str, Any]) -> Row:
        fields: dict[str, Any] = {"summary": body["title"]}
        if body.get("description"):
            fields["description"] = self._text(body["description"])
        if body.get("tags"):
            fields["labels"] = [tag.replace(" ", "_") for tag in body["tags"]]
        project = self.site.projects[self.project]
        issue = self._done(
            lambda by: self.site.create(project, next(iter(project.issue_types.values())), fields, by, {})
        )
        return self._row(issue)

    def edit(self, ref: str, **values: Any) -> Row:
        issue = self._issue(ref)
        status = values.pop("status", None)
        if status is not None:
            self._transit(issue, status)
        if values:
            fields = dict(self._field(name, value) for name, value in values.items())
            self._done(lambda by: self.site.edit(issue, fields, by))
        return self._row(issue)

    def comment(self, ref: str, text: str, audience: Audience, *, author: str) -> Note:  # noqa: ARG002 - it is one of its users
        issue = self._issue(ref)
        hidden = {"sd.public.comment": {"internal": audience is Audience.STAFF}}
        properties = hidden if issue.project.service else {}
        return self._note(self._done(lambda by: self.site.comment(issue, self._text(text), by, properties)))

    def scribble(self, ref: str, more: str) -> bool:
        issue = self._issue(ref)
        told = [one for one in issue.comments if one["_author"] == self.account and self._tells(one)]
        if not told:
            return False
        said = words(told[-1]["body"]) or ""
        self._done(lambda by: self.site.rewrite(issue, told[-1], self._text(f"{said} {more}"), by))
        return True

    def _tells(self, comment: Mapping[str, Any]) -> bool:
        return TOLD.search(words(comment["body"]) or "") is not None

    def delete(self, ref: str) -> None:
        issue = self._issue(ref)
        self._done(lambda by: self.site.delete(issue, by))

    def move(self, ref: str, key: str) -> None:  # noqa: ARG002 - the site gives keys
        """To another project and back, so that it stays among those that are followed: its key is another one."""
        issue, home = self._issue(ref), self.site.projects[self.project]
        self._done(lambda by: self.site.move(issue, self.site.projects["WEB"], by))
        self._done(lambda by: self.site.move(issue, home, by))

    @property
    def spoilt(self) -> set[str]:
        return self.site.spoilt

    def touch(self, ref: str) -> None:
        issue = self.site.issues.get(ref)
        if issue is not None:
            text = self._text(f"touched {len(issue.histories)}")
            self._done(lambda by: self.site.edit(issue, {"environment": text}, by))

    def stray(self) -> Delivery:
        body = json.dumps({"webhookEvent": "jira:issue_updated", "issue": {"id": "4040404"}}).encode()
        return Delivery({"x-hub-signature": signature(WEBHOOK_SECRET, body)}, body)

    def forged(self, delivery: Delivery) -> Delivery:
        return spoilt(delivery, "x-hub-signature")

    def _issue(self, ref: str) -> Issue:
        found = self.site.issues.get(ref)
        if found is None:
            raise LookupError(ref)
        return found

    def _done(self, act: Any) -> Any:
        self.clock.tick()
        try:
            return act(self.person(self.dice.choice(PEOPLE)))
        except RefusedByJira as refused:
            raise Refused(str(refused.body)) from None

    def _transit(self, issue: Issue, status: str) -> None:
        """People see buttons, and press one that leads there; where none does, they leave it."""
        workflow = issue.project.workflow
        leading = [one for one in self.site.offered(issue) if self._leads(workflow.status(one.to), status)]
        if not leading:
            raise Refused(f"nothing leads from {self.site.status(issue).name} to {status}")
        chosen = self.dice.choice(leading)
        fields = {"resolution": {"name": self.dice.choice(tuple(RESOLUTIONS.values()))}} if chosen.screen else {}
        self._done(lambda by: self.site.transition(issue, chosen, fields, by))

    def _leads(self, to: Any, status: str) -> bool:
        return STATUS[to.category] == status

    def _field(self, name: str, value: Any) -> tuple[str, Any]:
        match name:
            case "title":
                return "summary", value
            case "description":
                return name, self._text(value) if value else None
            case "priority":
                return name, {"name": next(word for word, meant in PRIORITY.items() if meant == value)}
            case "assignee":
                return name, None if value is None else {"accountId" if self.cloud else "name": value}
            case "tags":
                return "labels", [tag.replace(" ", "_") for tag in value]
            case _:
                raise Refused(f"there is no field {name}")

    def _text(self, text: str) -> Any:
        return adf(text) if self.cloud else wiki(text)


class DataCenterDesk(JiraDesk):
    """Jira Data Center: wiki markup, pages by position, people by name."""

    cloud = False
    secrets: ClassVar = {"pat": Secret.literal(API_TOKEN), "webhook_secret": Secret.literal(WEBHOOK_SECRET)}


class ServiceDesk(JiraDesk):
    """Jira Service Management: customers read comments that are not internal; there is a status for waiting."""

    project = "DESK"
    skills = frozenset({"delete"})
    choices: ClassVar = {"status": ("new", "in_progress", "on_hold", "resolved"), "priority": ("p1", "p2", "p3", "p4")}
    _STATUS: ClassVar = {
        "Open": "new",
        "Work in progress": "in_progress",
        "Pending": "on_hold",
        "Completed": "resolved",
        "Closed": "closed",
        "Canceled": "cancelled",
    }

    def _narrower(self, status: str) -> str:
        return status

    def _status(self, issue: Issue) -> str:
        name = self.site.status(issue).name
        return self._STATUS.get(name) or STATUS[self.site.status(issue).category]

    def _leads(self, to: Any, status: str) -> bool:
        return self._STATUS.get(to.name) == status
