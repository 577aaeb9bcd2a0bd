"""The state of a simulated Jira site: issues, their history, and what the search index has seen of them so far."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from tieline.adapters.jira.issue import plain
from tieline.adapters.jira.simulated.people import User
from tieline.adapters.jira.simulated.screens import (
    CREATE_SCREEN,
    EDIT_SCREEN,
    FIELDS,
    PRIORITIES,
    FieldDefinition,
    Refused,
    read,
)
from tieline.adapters.jira.simulated.search import Entry
from tieline.adapters.jira.simulated.webhooks import Webhooks
from tieline.adapters.jira.simulated.workflows import SERVICE, SOFTWARE, Status, Transition, WorkflowScheme

BOT: Final = "5b10a2844c20165700ede21g"
PERSON: Final = "712020-anna"
AUTOMATION: Final = "557058-automation"
"""The account under which the site's automation rules write."""


@dataclass
class Project:
    id: str
    key: str
    name: str
    issue_types: dict[str, str]
    service: bool = False
    own_workflow: WorkflowScheme | None = None
    """What an administrator made of the usual workflow."""

    @property
    def workflow(self) -> WorkflowScheme:
        return self.own_workflow or (SERVICE if self.service else SOFTWARE)


@dataclass
class Issue:
    """One issue as the database holds it. Times are moments; they are shown in the asking account's zone."""

    id: str
    key: str
    project: Project
    issue_type: str
    status: str
    creator: str
    created: datetime
    updated: datetime
    fields: dict[str, Any]
    properties: dict[str, Any] = field(default_factory=dict)
    comments: list[dict[str, Any]] = field(default_factory=list)
    histories: list[dict[str, Any]] = field(default_factory=list)
    links: dict[str, dict[str, Any]] = field(default_factory=dict)
    indexed: list[tuple[datetime, Entry]] = field(default_factory=list)


@dataclass
class Site:
    """Everything behind the REST API. The switches are what tests and the demo turn.

    search_lag      how long the index needs to show a change; `lagging` says it for single issues
    too_large       ids of issues that a bulk fetch cannot bring, and says so beside the others
    spoilt          ids of issues whose `updated` is a null, as an import left it
    drops_properties  creation answers with success and forgets the entity properties
    ignores         fields that an edit answers with 204 for and leaves alone
    after_write     a post-function: called with an issue after a write through REST, may edit it as the system
    whole_seconds   stamps without milliseconds, as Data Center on MySQL keeps them
    """

    clock: Callable[[], datetime]
    cloud: bool = True
    base: str = "https://simulated.atlassian.net"
    search_lag: timedelta = timedelta(0)
    indexing: Callable[[], datetime] | None = None
    """The time by which the index lags, where somebody sets the site's clock."""
    lagging: dict[str, timedelta] = field(default_factory=dict)
    too_large: set[str] = field(default_factory=set)
    spoilt: set[str] = field(default_factory=set)
    drops_properties: bool = False
    ignores: set[str] = field(default_factory=set)
    after_write: Callable[[Issue], None] | None = None
    whole_seconds: bool = False
    required_at_creation: set[str] = field(default_factory=set)
    create_screen: dict[str, bool] = field(default_factory=lambda: dict(CREATE_SCREEN))
    edit_screen: dict[str, bool] = field(default_factory=lambda: dict(EDIT_SCREEN))
    """Field ids to whether they are required; an administrator may take one off."""
    priorities: dict[str, str] = field(default_factory=lambda: dict(PRIORITIES))
    """The priority scheme of all projects, by id; other sites have other names, or other languages."""
    denied: set[str] = field(default_factory=set)
    """Permissions that the account lacks."""
    before_write: list[Callable[[], None]] = field(default_factory=list)
    """Called once, right before the next write through REST: somebody else is faster."""

    def __post_init__(self) -> None:
        self.webhooks = Webhooks(self.clock)
        self.users = {
            one.id: one
            for one in (
                User(BOT, "tieline@example.com", "Tieline"),
                User(PERSON, "anna@example.com", "Anna Ops", "America/New_York"),
                User("712020-mia", "mia@example.com", "Mia Krystof", "Asia/Jerusalem"),
                User("712020-hidden", "otto@example.com", "Otto Hidden", hidden=True),
                User(AUTOMATION, "", "Automation for Jira", hidden=True, app=True),
                User("712020-left", "left@example.com", "Lena Left", active=False),
            )
        }
        self.projects = {
            "OPS": Project("10000", "OPS", "Operations", {"10001": "Incident", "10002": "Task"}),
            "WEB": Project("10001", "WEB", "Website", {"10001": "Incident", "10003": "Bug"}),
            "DESK": Project("10002", "DESK", "Service desk", {"10004": "[System] Incident"}, service=True),
        }
        self.issues: dict[str, Issue] = {}
        self.moved_keys: dict[str, str] = {}
        self._next_id = 10000
        self._numbers: dict[str, int] = {}
        self._comment_id = 18000
        self._history_id = 20000
        self._link_id = 30000

    # -- Looking

    def issue(self, ref: str) -> Issue | None:
        """By id or key; a key the issue had before it was moved still leads to it."""
        if ref in self.issues:
            return self.issues[ref]
        identity = self.moved_keys.get(ref)
        return next((one for one in self.issues.values() if one.key == ref or one.id == identity), None)

    def status(self, issue: Issue) -> Status:
        return issue.project.workflow.status(issue.status)

    def offered(self, issue: Issue) -> list[Transition]:
        return [] if "TRANSITION_ISSUES" in self.denied else issue.project.workflow.offered(issue.status)

    def stamp(self, moment: datetime, viewer: str = BOT) -> str:
        """In the viewer's offset without a colon: `2023-03-27T20:54:15.878+0300`."""
        local = moment.astimezone(ZoneInfo(self.users[viewer].time_zone))
        return f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond // 1000:03d}{local:%z}"

    def person(self, value: Any) -> dict[str, Any] | None:
        """A user value as written. Raises ValueError for nobody."""
        if not isinstance(value, dict):
            raise ValueError("data was not an object")
        identity = value.get("accountId", value.get("id")) if self.cloud else value.get("name")
        if identity is None:
            return None
        user = self.users.get(str(identity))
        if user is None or not user.active:
            raise ValueError(f"User '{identity}' cannot be assigned issues.")
        return {"_user": user.id}

    def entries(self) -> list[Entry]:
        """The index as it stands now."""
        now = self._indexing()
        shown = [
            [entry for at, entry in issue.indexed if at <= now - self.lagging.get(issue.id, self.search_lag)]
            for issue in self.issues.values()
        ]
        return [versions[-1] for versions in shown if versions]

    def field(self, name: str) -> FieldDefinition:
        """A field as this site has it."""
        known = FIELDS[name]
        return replace(known, options=self.priorities) if name == "priority" else known

    def required_screen(self) -> dict[str, bool]:
        """The create screen, with what it requires."""
        return {**self.create_screen, **dict.fromkeys(self.required_at_creation, True)}

    def _read(self, fields: Mapping[str, Any], screen: Mapping[str, bool]) -> dict[str, Any]:
        return read(fields, screen, self.field, rich=self.cloud, base=self.base, person=self.person)

    # -- Changing

    def create(
        self, project: Project, issue_type: str, fields: Mapping[str, Any], by: str, properties: Mapping[str, Any]
    ) -> Issue:
        """Raises Refused."""
        screen = self.required_screen()
        missing = {
            name: f"{name.capitalize()} is required."
            for name, required in screen.items()
            if required and fields.get(name) is None and name != "summary"
        }
        if missing:
            raise Refused(missing)
        values = self._read({"summary": None, **fields}, screen)
        now = self._now()
        self._next_id += 1
        issue = Issue(
            str(self._next_id), self._key(project), project, issue_type, project.workflow.initial, by, now, now, {}
        )
        usual = "3" if "3" in self.priorities else next(iter(self.priorities))
        defaults = {"priority": self.field("priority").option(usual, self.base)}
        issue.fields = {
            **dict.fromkeys({**EDIT_SCREEN, **self.edit_screen}), "resolution": None, "resolutiondate": None,
            **defaults, "labels": [], "reporter": {"_user": by}, **values,
        }  # fmt: skip
        if not self.drops_properties:
            issue.properties = copy.deepcopy(dict(properties))
        self.issues[issue.id] = issue
        self._changed(issue, "jira:issue_created", by, [], at=now)
        return issue

    def edit(self, issue: Issue, fields: Mapping[str, Any], by: str) -> None:
        """Raises Refused."""
        values = self._read(fields, self.edit_screen)
        self._set(issue, {k: v for k, v in values.items() if k not in self.ignores or by != BOT}, by)

    def transition(
        self,
        issue: Issue,
        transition: Transition,
        fields: Mapping[str, Any],
        by: str,
        said: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Raises Refused when a required field of the screen is empty. `said` are comments inside the transition."""
        if transition.asks_for_words and not said:
            raise Refused(None, "A comment is required for this transition.")
        values = self._read(fields, transition.screen)
        empty = {
            name: f"{name.capitalize()} is required."
            for name, required in transition.screen.items()
            if required and (not said if name == "comment" else values.get(name, issue.fields.get(name)) is None)
        }
        if empty:
            raise Refused(empty)
        before, after = self.status(issue), issue.project.workflow.status(transition.to)
        issue.status = transition.to
        values |= dict.fromkeys(transition.clears)
        if after.category != "done":
            values["resolutiondate"] = None
        elif before.category != "done":
            values["resolutiondate"] = self._now()
        change = {
            "field": "status", "fieldtype": "jira", "fieldId": "status",
            "from": before.id, "fromString": before.name, "to": after.id, "toString": after.name,
        }  # fmt: skip
        self._set(issue, values, by, [change])
        for one in said:
            held = {str(held["key"]): held["value"] for held in one.get("properties") or []}
            self.comment(issue, one["body"], by, held, one.get("visibility"))

    def comment(
        self, issue: Issue, body: Any, by: str, properties: Mapping[str, Any], restricted: Any = None
    ) -> dict[str, Any]:
        """Public by default in a service project, as the vendor's own documentation warns."""
        self._comment_id += 1
        comment: dict[str, Any] = {
            "id": str(self._comment_id), "_author": by, "body": body, "_created": self._now(),
            "_properties": copy.deepcopy(dict(properties)),
        }  # fmt: skip
        if restricted:
            comment["visibility"] = restricted
        if issue.project.service:
            hidden = (properties.get("sd.public.comment") or {}).get("internal") is True
            comment["jsdPublic"] = not hidden
        issue.comments.append(comment)
        self._changed(issue, "comment_created", by, [])
        return comment

    def rewrite(self, issue: Issue, comment: dict[str, Any], body: Any, by: str, restricted: Any = None) -> None:
        """An edit that says nothing of a restriction takes it away."""
        comment["body"] = body
        comment.pop("visibility", None)
        if restricted:
            comment["visibility"] = restricted
        self._changed(issue, "comment_updated", by, [])

    def link(self, issue: Issue, request: Mapping[str, Any]) -> tuple[str, bool]:
        """The link's id, and whether it is new. What an update does not send becomes null."""
        known = request.get("globalId")
        found = next((one for one in issue.links.values() if known and one["globalId"] == known), None)
        if found is None:
            self._link_id += 1
            found = issue.links[str(self._link_id)] = {"id": self._link_id}
        new = len(found) == 1
        sent = request.get("object") or {}
        found.update(
            {
                "globalId": known,
                "application": request.get("application"),
                "relationship": request.get("relationship"),
                "object": {name: sent.get(name) for name in ("url", "title", "summary", "icon", "status")},
            }
        )
        self._changed(issue, "jira:issue_updated", BOT, [])
        return str(found["id"]), new

    def move(self, issue: Issue, project: Project, by: str) -> None:
        """To another project: the key changes, the id stays, the old key still leads here."""
        before = issue.key
        self.moved_keys[before] = issue.id
        issue.project, issue.key = project, self._key(project)
        change = {"field": "Key", "fieldtype": "jira", "from": None, "fromString": before, "toString": issue.key}
        self._changed(issue, "jira:issue_updated", by, [change])

    def delete(self, issue: Issue, by: str) -> None:
        self._announce(issue, "jira:issue_deleted", by, [])
        del self.issues[issue.id]

    def _set(
        self, issue: Issue, values: Mapping[str, Any], by: str, changes: list[dict[str, Any]] | None = None
    ) -> None:
        items = list(changes or [])
        for name, value in values.items():
            if issue.fields.get(name) != value:
                items.append(
                    {
                        "field": name, "fieldtype": "jira", "fieldId": name,
                        "from": _identity(issue.fields.get(name)), "fromString": self._told(issue.fields.get(name)),
                        "to": _identity(value), "toString": self._told(value),
                    }
                )  # fmt: skip
            issue.fields[name] = value
        if items:
            self._changed(issue, "jira:issue_updated", by, items)

    def _told(self, value: Any) -> str | None:
        """What a changelog calls `fromString` and `toString`: labels in a row, of a rich text the words."""
        if isinstance(value, dict) and "_user" in value:
            return self.users[value["_user"]].name
        if isinstance(value, dict) and value.get("type") == "doc":
            return "\n".join(plain(block) for block in value["content"])
        if isinstance(value, dict):
            return str(value.get("name") or value.get("value") or "…")
        if isinstance(value, list):
            return " ".join(str(one) for one in value)
        return None if value is None else str(value)

    def _changed(
        self, issue: Issue, event: str, by: str, items: list[dict[str, Any]], *, at: datetime | None = None
    ) -> None:
        now = at or self._now()
        issue.updated = now
        if items:
            self._history_id += 1
            history = {"id": str(self._history_id), "_author": by, "_created": now, "items": items}
            issue.histories.append(history)
        issue.indexed.append((self._indexing(), self._entry(issue)))
        del issue.indexed[:-50]
        self._announce(issue, event, by, items)

    def _announce(self, issue: Issue, event: str, by: str, items: list[dict[str, Any]]) -> None:
        user = self.users[by].shown(self.cloud, self.base)
        body: dict[str, Any] = {"webhookEvent": event, "user": user, "issue": {"id": issue.id, "key": issue.key}}
        body["issue"]["fields"] = {"summary": issue.fields.get("summary"), "status": {"name": self.status(issue).name}}
        if items:
            body["changelog"] = {"id": str(self._history_id), "items": items}
        self.webhooks.send(body)

    def _entry(self, issue: Issue) -> Entry:
        status = self.status(issue)
        return Entry(
            issue.id, issue.key, issue.project.key, issue.issue_type, status.name, status.id, issue.creator,
            _milliseconds(issue.created), _milliseconds(issue.updated), tuple(issue.fields.get("labels") or ()),
        )  # fmt: skip

    def _key(self, project: Project) -> str:
        self._numbers[project.key] = self._numbers.get(project.key, 0) + 1
        return f"{project.key}-{self._numbers[project.key]}"

    def _indexing(self) -> datetime:
        return self.clock() if self.indexing is None else self.indexing()

    def _now(self) -> datetime:
        now = self.clock().astimezone(UTC)
        return now.replace(microsecond=0 if self.whole_seconds else now.microsecond // 1000 * 1000)


def _milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _identity(value: Any) -> str | None:
    """What a changelog calls `from` and `to`: the id of an option or a person; texts and labels have none."""
    if not isinstance(value, dict):
        return None
    identity = value.get("_user") or value.get("id")
    return None if identity is None else str(identity)
