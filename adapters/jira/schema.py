"""What the live site allows and demands: the preflight check and the description of the mapped issue type."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

from tieline.adapters.jira import jql
from tieline.adapters.jira.naming import unknown_fields, unknown_transitions
from tieline.adapters.jira.settings import Deployment, JiraSettings, Readers
from tieline.adapters.jira.wire import NotThere, Wire
from tieline.core.clock import Clock
from tieline.core.errors import Gone, NeedsOperator, Rejected, as_sentence
from tieline.core.looks import Looks
from tieline.core.port import Body, FieldFact, Health

NEEDED: Final = ("BROWSE_PROJECTS", "CREATE_ISSUES", "EDIT_ISSUES", "TRANSITION_ISSUES", "ADD_COMMENTS")
USEFUL: Final = {
    "LINK_ISSUES": "links to other tools cannot be shown",
    "USER_PICKER": "(Browse users and groups) nobody is found by address, and the assignee cannot be written",
    "ASSIGN_ISSUES": "the assignee cannot be written",
    "EDIT_OWN_COMMENTS": "the comment that shows which alerts fire cannot be kept up to date",
    "DELETE_OWN_COMMENTS": "a comment that came out wider than meant cannot be taken back",
}
FILLED: Final = frozenset(
    {"project", "issuetype", "summary", "description", "reporter", "priority", "labels", "assignee"}
)
"""Fields that we fill ourselves, that a mapping fills as a rule, or that Jira fills (the reporter is the account)."""

STATUSES_KEPT: Final = 600.0
"""Seconds that the statuses of the project are trusted."""

LIMITS: Final = {"summary": 255, "description": 32767, "labels": 255}
"""Characters, as Jira enforces them; of labels, each."""


class Schema:
    """Reads the site's own description of the project and issue type that the connection is about."""

    def __init__(self, wire: Wire, settings: JiraSettings, clock: Clock, first: Callable[[str], list[str]]) -> None:
        """`first` finds the id of an issue by JQL, if there is one."""
        self._wire = wire
        self._first = first
        self._settings = settings
        self._clock = clock
        self._create: dict[str, Body] | None = None
        self._whole: tuple[dict[str, Body], float] | None = None

    def check(self, account: Body) -> Health:
        """Raises NeedsOperator with everything that a person must mend. What a site of the other deployment or another
        project would say of the rest means nothing."""
        info = self._wire.get("/serverInfo", has=("deploymentType",))
        self._dialect(info.json)
        self._create = None
        looks, none = Looks(self._wire.connection), list[str]()
        try:
            notes = [*looks.at(self._permissions, none), *looks.at(self._project, none)]
        except NotThere as error:
            raise NeedsOperator(
                self._wire.connection, f"{as_sentence(error.words or error)} Check `project` and `url`."
            ) from None
        looks.at(lambda: self._unfilled(self.create_fields()), None)
        looks.conclude()
        notes += unknown_fields(self._wire, self._settings)
        notes += unknown_transitions(self._wire, self._settings, self._statuses, self._first)
        zone = account.get("timeZone")
        notes.append(f"the account's time zone is {zone}" if zone else "the account shows no time zone; UTC is assumed")
        if self._settings.webhook_secret is None:
            notes.append("no `webhook_secret` is set: changes are found by polling only")
        skew = None if info.at is None else info.at - self._clock.now()
        name = (
            account.get("emailAddress") or account.get("displayName") or account.get("accountId") or account.get("name")
        )
        return Health(str(name), str(info.json.get("version", "")), _rounded(skew), tuple(notes))

    def create_fields(self) -> dict[str, Body]:
        """The create screen's fields by id. Kept until the next `check`."""
        if self._create is None:
            path = f"/issue/createmeta/{quote(self._settings.project)}/issuetypes"
            found = [one for one in self._listed(path) if _same(one.get("name"), self._settings.issue_type)]
            if not found:
                raise NeedsOperator(
                    self._wire.connection,
                    f"project {self._settings.project} has no issue type “{self._settings.issue_type}” that the "
                    "account may create; set `issue_type` to one that it has, or grant Create Issues.",
                )
            fields = self._listed(f"{path}/{quote(str(found[0]['id']))}")
            self._create = {str(one.get("fieldId") or one.get("key")): one for one in fields}
        return self._create

    def describe(self) -> Mapping[str, FieldFact]:
        """The fields by the paths that mappings use: `fields.summary`, `fields.priority.name`, `fields.status.name`."""
        self._create = None
        created, edited = self.create_fields(), self._edit_fields()
        facts: dict[str, FieldFact] = {}
        for name, field in {**(edited or {}), **created}.items():
            once = edited is not None and name not in edited
            known = _facts(name, field, self._settings.deployment)
            where = f"screen of issue type {self._settings.issue_type} in project {self._settings.project}"
            advice = f"put it on the edit {where}" if once else f"see {name} in the field configuration of the {where}"
            facts.update({path: replace(fact, once=once, advice=advice) for path, fact in known.items()})
        statuses = self._statuses()
        facts["fields.status.name"] = FieldFact(
            "fields.status.name", True, False, {name: name for name in statuses.values()}
        )
        facts["fields.status.id"] = FieldFact("fields.status.id", True, False, statuses)
        for field in self._wire.get_list("/field").json:
            path = f"fields.{field['id']}"
            if not any(known == path or known.startswith(path + ".") for known in facts):
                facts[path] = FieldFact(path, writable=False, required=False, advice=self._screens(str(field["id"])))
        return facts

    def _screens(self, name: str) -> str:
        settings = self._settings
        where = f"issue type {settings.issue_type} in project {settings.project}"
        return f"put {name} on the create and edit screens of {where}, or take it out of the mapping"

    def _edit_fields(self) -> dict[str, Body] | None:
        """The edit screen's fields, as some issue of the type shows them; None where nobody can say."""
        scope = jql.scope(self._settings.project, self._settings.issue_type, "")
        found = self._first(f"{scope} ORDER BY updated DESC")
        if not found:
            return None
        try:
            answer = self._wire.get(f"/issue/{quote(found[0], safe='')}/editmeta", has=("fields",))
        except Gone:
            return None
        fields = answer.json["fields"]
        # An issue in a state that is closed to edits shows none.
        return fields if isinstance(fields, dict) and fields else None

    def sees_project(self) -> bool:
        """Whether the account may browse the project: tells a deleted issue from a permission taken away."""
        try:
            return self._permitted(("BROWSE_PROJECTS",))["BROWSE_PROJECTS"]
        except NotThere as error:
            return not error.words  # in its own words Jira says that it knows no such project

    def _dialect(self, info: Body) -> None:
        cloud = info.get("deploymentType") == "Cloud"
        if cloud != (self._settings.deployment is Deployment.CLOUD):
            wanted = "jira" if cloud else "jira-dc"
            raise NeedsOperator(
                self._wire.connection,
                f"the site is Jira {info.get('deploymentType') or 'Server'}; set `tool: {wanted}` for this connection.",
            )

    def _permissions(self) -> list[str]:
        held = self._permitted((*NEEDED, *USEFUL))
        lacking = [name for name in NEEDED if not held[name]]
        if lacking:
            raise NeedsOperator(
                self._wire.connection,
                f"the account lacks {', '.join(lacking)} in project {self._settings.project}; grant it in the "
                f"project's permission scheme, then run `tieline check {self._wire.connection}`.",
            )
        return [f"without {name} {effect}" for name, effect in USEFUL.items() if not held[name]]

    def _permitted(self, names: tuple[str, ...]) -> dict[str, bool]:
        query = {"projectKey": self._settings.project, "permissions": ",".join(names)}
        held = self._wire.get("/mypermissions", query, has=("permissions",)).json["permissions"]
        return {name: bool((held.get(name) or {}).get("havePermission")) for name in names}

    def _project(self) -> list[str]:
        project = self._wire.get(f"/project/{quote(self._settings.project)}", has=("key",)).json
        service = project.get("projectTypeKey") == "service_desk"
        if service and self._settings.audience is not Readers.JSM:
            raise NeedsOperator(
                self._wire.connection,
                f"project {self._settings.project} is a service project, whose customers read comments that are not "
                "marked internal; set `audience: jsm` (or `tool: jira-jsm`).",
            )
        if not service and self._settings.audience is Readers.JSM:
            raise NeedsOperator(
                self._wire.connection,
                f"project {self._settings.project} is no service project; set `audience: internal` or `public`.",
            )
        return []

    def _unfilled(self, fields: Mapping[str, Body]) -> None:
        unfilled = [
            f"{field.get('name')} ({name})"
            for name, field in fields.items()
            if field.get("required")
            and not field.get("hasDefaultValue")
            and name not in FILLED
            and name not in self._settings.create_fields
        ]
        if unfilled:
            raise NeedsOperator(
                self._wire.connection,
                f"creating a {self._settings.issue_type} in {self._settings.project} requires {', '.join(unfilled)}; "
                "give a value in `create_fields`, or make the field optional.",
            )

    def whole_statuses(self) -> dict[str, Body]:
        """The project's statuses by id, with their categories. Kept for `STATUSES_KEPT`."""
        now = self._clock.monotonic()
        if self._whole is None or now - self._whole[1] > STATUSES_KEPT:
            types = self._wire.get_list(f"/project/{quote(self._settings.project)}/statuses").json
            found = {str(status["id"]): status for one in types for status in one.get("statuses") or []}
            self._whole = (found, now)
        return self._whole[0]

    def _statuses(self) -> dict[str, str]:
        types = self._wire.get_list(f"/project/{quote(self._settings.project)}/statuses").json
        return {
            str(status["id"]): str(status["name"])
            for one in types
            if _same(one.get("name"), self._settings.issue_type)
            for status in one.get("statuses") or []
        }

    def _listed(self, path: str) -> Iterator[Body]:
        """Every entry of a paged list; Cloud and Data Center name the list differently."""
        start = 0
        while True:
            try:
                page = self._wire.get(path, {"startAt": start, "maxResults": 50}, has=("total",)).json
            except (Gone, Rejected) as error:
                raise NeedsOperator(
                    self._wire.connection, f"the create screen cannot be read ({error}); check `project`."
                ) from None
            entries: list[Body] = next(
                (
                    page[name]
                    for name in ("issueTypes", "fields", "values", "results")
                    if isinstance(page.get(name), list)
                ),
                [],
            )
            yield from entries
            start += len(entries)
            if not entries or page.get("isLast") or start >= int(page.get("total") or 0):
                return


def _facts(name: str, field: Body, deployment: Deployment) -> dict[str, FieldFact]:
    allowed = field.get("allowedValues")
    required = bool(field.get("required")) and not field.get("hasDefaultValue")
    schema: Any = field.get("schema") or {}
    if schema.get("type") == "user":
        path = f"fields.{name}.{'accountId' if deployment is Deployment.CLOUD else 'name'}"
        return {path: FieldFact(path, True, required)}
    if not isinstance(allowed, list) or schema.get("type") == "array":
        path = f"fields.{name}"
        return {path: FieldFact(path, True, required, None, LIMITS.get(name))}
    facts: dict[str, FieldFact] = {}
    for part in ("id", "name", "value"):
        choices = {
            str(one[part]): str(one.get("name") or one.get("value") or one[part])
            for one in allowed
            if isinstance(one, dict) and part in one
        }
        if choices:
            path = f"fields.{name}.{part}"
            facts[path] = FieldFact(path, True, required, choices)
    return facts


def _same(left: Any, right: str) -> bool:
    return isinstance(left, str) and left.casefold() == right.casefold()


def _rounded(skew: timedelta | None) -> timedelta | None:
    """The Date header has whole seconds; less than one is no skew."""
    return None if skew is None else (skew if abs(skew) > timedelta(seconds=1) else timedelta(0))
