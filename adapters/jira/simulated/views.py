"""How the simulated site shows what it holds: the JSON of issues, comments, transitions and screens."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tieline.adapters.jira.simulated.site import Issue, Project, Site
from tieline.adapters.jira.simulated.workflows import Transition


class Views:
    """JSON for one site, in its deployment's dialect."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._looks = 0

    @property
    def _rest(self) -> str:
        return f"{self._site.base}/rest/api/{3 if self._site.cloud else 2}"

    def user(self, identity: str) -> dict[str, Any]:
        return self._site.users[identity].shown(self._site.cloud, self._site.base)

    def issue(self, issue: Issue, fields: Iterable[str], properties: Iterable[str], expand: str) -> dict[str, Any]:
        wanted = list(fields) or ["*all"]
        shown: dict[str, Any] = {
            "expand": "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations",
            "id": issue.id,
            "self": f"{self._rest}/issue/{issue.id}",
            "key": issue.key,
            "fields": self._chosen(self._fields(issue), wanted),
        }
        names = [name for name in properties if name in issue.properties]
        if names:
            shown["properties"] = {name: issue.properties[name] for name in names}
        if "changelog" in expand.split(","):
            histories = [self._history(one) for one in reversed(issue.histories)]
            shown["changelog"] = {
                "startAt": 0,
                "maxResults": len(histories),
                "total": len(histories),
                "histories": histories,
            }
        return shown

    def comment(self, issue: Issue, comment: dict[str, Any], *, properties: bool) -> dict[str, Any]:
        author = self.user(comment["_author"])
        stamp = self._site.stamp(comment["_created"])
        shown: dict[str, Any] = {
            "self": f"{self._rest}/issue/{issue.id}/comment/{comment['id']}",
            "id": comment["id"],
            "author": author,
            "body": comment["body"],
            "updateAuthor": author,
            "created": stamp,
            "updated": stamp,
            **{name: comment[name] for name in ("visibility", "jsdPublic") if name in comment},
        }
        if properties:
            shown["properties"] = [{"key": key, "value": value} for key, value in comment["_properties"].items()]
        return shown

    def transition(self, issue: Issue, transition: Transition, *, fields: bool) -> dict[str, Any]:
        target = issue.project.workflow.status(transition.to)
        shown: dict[str, Any] = {
            "id": transition.id,
            "name": transition.name,
            "to": target.shown(self._site.base, 3 if self._site.cloud else 2),
            "hasScreen": bool(transition.screen),
            "isGlobal": not transition.sources,
            "isInitial": False,
            "isAvailable": True,
            "isConditional": False,
            "isLooped": False,
        }
        if fields:
            shown["fields"] = {
                name: self._site.field(name).shown(required, self._site.base)
                for name, required in transition.screen.items()
            }
        return shown

    def project(self, project: Project) -> dict[str, Any]:
        return {
            "self": f"{self._rest}/project/{project.id}",
            "id": project.id,
            "key": project.key,
            "name": project.name,
            "projectTypeKey": "service_desk" if project.service else "software",
            "simplified": False,
            "style": "classic",
            "issueTypes": self.issue_types(project),
        }

    def issue_types(self, project: Project) -> list[dict[str, Any]]:
        return [
            {
                "self": f"{self._rest}/issuetype/{identity}",
                "id": identity,
                "name": name,
                "description": "",
                "subtask": False,
            }
            for identity, name in project.issue_types.items()
        ]

    def statuses(self, project: Project) -> list[dict[str, Any]]:
        shown = [one.shown(self._site.base, 3) for one in project.workflow.statuses]
        names = ("self", "id", "name", "subtask")
        return [{**{name: one[name] for name in names}, "statuses": shown} for one in self.issue_types(project)]

    def _history(self, history: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": history["id"],
            "author": self.user(history["_author"]),
            "created": self._site.stamp(history["_created"]),
            "items": history["items"],
        }

    def _fields(self, issue: Issue) -> dict[str, Any]:
        site = self._site
        types = {name: identity for identity, name in issue.project.issue_types.items()}
        project = {"self": f"{self._rest}/project/{issue.project.id}", "id": issue.project.id, "key": issue.project.key}
        return {
            **{name: self._value(value) for name, value in issue.fields.items()},
            "project": {**project, "name": issue.project.name, "projectTypeKey": "software"},
            "issuetype": {"id": types.get(issue.issue_type, "10001"), "name": issue.issue_type, "subtask": False},
            "status": site.status(issue).shown(site.base, 3 if site.cloud else 2),
            "creator": self.user(issue.creator),
            "created": site.stamp(issue.created),
            "updated": None if issue.id in site.spoilt else site.stamp(issue.updated),
            "votes": {"self": f"{self._rest}/issue/{issue.key}/votes", "votes": 0, "hasVoted": False},
            "issuelinks": [],
            "subtasks": [],
            "comment": {"comments": [], "total": len(issue.comments)},
            **self._by_themselves(issue),
        }

    def _by_themselves(self, issue: Issue) -> dict[str, Any]:
        """Fields that nobody writes and that are not the same at the next look."""
        site = self._site
        self._looks += 1
        stale = "true" if self._looks % 2 else "false"
        shown: dict[str, Any] = {
            "customfield_10000": f'{{pullrequest={{dataType=pullrequest, state=OPEN}}, json={{"isStale":{stale}}}}}',
            "customfield_10019": f"0|i{self._looks:04d}:",
        }
        if issue.project.service:
            age = (site.clock() - issue.created).days
            friendly = "Today" if age == 0 else "Yesterday" if age == 1 else f"{issue.created:%d/%b/%y}"
            moved = {"iso8601": site.stamp(issue.created), "friendly": f"{friendly} {issue.created:%I:%M %p}"}
            shown["customfield_10010"] = {
                "requestType": {"id": "11", "name": "Report an incident"},
                "currentStatus": {"status": site.status(issue).name, "statusDate": moved},
            }
        return shown

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict) and "_user" in value:
            return self.user(value["_user"])
        return self._site.stamp(value) if isinstance(value, datetime) else value

    @staticmethod
    def _chosen(fields: dict[str, Any], wanted: list[str]) -> dict[str, Any]:
        everything = bool({"*all", "*navigable"} & set(wanted))
        left_out = {name[1:] for name in wanted if name.startswith("-")}
        return {
            name: value for name, value in fields.items() if (everything or name in wanted) and name not in left_out
        }
