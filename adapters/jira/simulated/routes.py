"""The REST resources of the simulated site that the adapter uses, in the shapes of the vendor's specification."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from tieline.adapters.jira.simulated.screens import FIELDS, Refused, document
from tieline.adapters.jira.simulated.search import Entry, parse
from tieline.adapters.jira.simulated.site import BOT, Issue, Project, Site
from tieline.adapters.jira.simulated.views import Views
from tieline.adapters.testing.simulation import Request, Response

TOKEN_LIFE: Final = timedelta(days=7)

Resource = Callable[["Routes", Request, "re.Match[str]"], Response]
_RESOURCES: Final[list[tuple[str, re.Pattern[str], Resource]]] = []


def resource(method: str, path: str) -> Callable[[Resource], Resource]:
    """Registers a resource; `{x}` in the path is one segment."""
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + "$")

    def register(function: Resource) -> Resource:
        _RESOURCES.append((method, pattern, function))
        return function

    return register


class Routes:
    """Finds the resource for a request and answers in JSON."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.views = Views(site)
        self.sends_comment_properties = True

    def answer(self, request: Request, path: str) -> Response:
        allowed = False
        for method, pattern, function in _RESOURCES:
            found = pattern.match(path)
            if found and method == request.method:
                return function(self, request, found)
            allowed = allowed or bool(found)
        return _words(405 if allowed else 404, "null for uri: " + path)

    def issue_of(self, found: re.Match[str]) -> Issue:
        issue = self.site.issue(found["ref"])
        if issue is None or "BROWSE_PROJECTS" in self.site.denied:
            raise NotFound("Issue does not exist or you do not have permission to see it.")
        return issue

    def project_of(self, found: re.Match[str]) -> Project:
        project = next((p for p in self.site.projects.values() if found["project"] in (p.key, p.id)), None)
        if project is None or "BROWSE_PROJECTS" in self.site.denied:
            raise NotFound(f"No project could be found with key '{found['project']}'.")
        return project

    def after_write(self, issue: Issue) -> None:
        if self.site.after_write is not None:
            self.site.after_write(issue)


class NotFound(Exception):
    """Jira's 404, in words."""


def _words(status: int, *messages: str) -> Response:
    return Response.of({"errorMessages": list(messages), "errors": {}}, status)


def _nothing(status: int = 204) -> Response:
    return Response(status, {}, b"")


def _or_404(function: Resource) -> Resource:
    def guarded(routes: Routes, request: Request, found: re.Match[str]) -> Response:
        try:
            return function(routes, request, found)
        except NotFound as error:
            return _words(404, str(error))

    return guarded


def _list(text: str | None) -> list[str]:
    return [part for part in (text or "").split(",") if part]


def _properties(sent: Any) -> dict[str, Any]:
    return {str(one["key"]): one["value"] for one in sent or []}


# -- Who and what


@resource("GET", "/myself")
def _myself(routes: Routes, _request: Request, _found: re.Match[str]) -> Response:
    return Response.of(routes.views.user(BOT))


@resource("GET", "/serverInfo")
def _server_info(routes: Routes, _request: Request, _found: re.Match[str]) -> Response:
    site = routes.site
    numbers = [1001, 0, 0] if site.cloud else [9, 12, 4]
    return Response.of(
        {
            "baseUrl": site.base,
            "version": "1001.0.0-SNAPSHOT" if site.cloud else "9.12.4",
            "versionNumbers": numbers,
            "deploymentType": "Cloud" if site.cloud else "Server",
            "buildNumber": 100300,
            "serverTime": site.stamp(site.clock()),
            "serverTitle": "Jira",
        }
    )


@resource("GET", "/mypermissions")
def _my_permissions(routes: Routes, request: Request, _found: re.Match[str]) -> Response:
    names = _list(request.query.get("permissions"))
    if not names:
        return _words(400, "The 'permissions' query parameter is required.")
    if request.query.get("projectKey") not in routes.site.projects:
        return _words(404, f"No project could be found with key '{request.query.get('projectKey')}'.")
    denied = routes.site.denied
    permissions = {
        name: {"key": name, "name": name, "type": "PROJECT", "havePermission": name not in denied} for name in names
    }
    return Response.of({"permissions": permissions})


@resource("GET", "/user/search")
def _user_search(routes: Routes, request: Request, _found: re.Match[str]) -> Response:
    """Prefix of the address or of the name; it finds by a hidden address and does not show it."""
    wanted = request.query.get("query" if routes.site.cloud else "username", "").lower()
    if not wanted:
        return _words(400, "The query parameter is required.")
    if "USER_PICKER" in routes.site.denied:
        # Cloud's documentation: without the permission the results are empty.
        return Response.of([]) if routes.site.cloud else _words(403, "You do not have permission to browse users.")
    found = [
        routes.views.user(user.id)
        for user in routes.site.users.values()
        if user.email.lower().startswith(wanted) or user.name.lower().startswith(wanted)
    ]
    return Response.of(found)


@resource("GET", "/project/{project}")
@_or_404
def _project(routes: Routes, _request: Request, found: re.Match[str]) -> Response:
    return Response.of(routes.views.project(routes.project_of(found)))


@resource("GET", "/project/{project}/statuses")
@_or_404
def _statuses(routes: Routes, _request: Request, found: re.Match[str]) -> Response:
    return Response.of(routes.views.statuses(routes.project_of(found)))


COMPUTED: Final = (
    ("status", "Status", "status"),
    ("created", "Created", "datetime"),
    ("updated", "Updated", "datetime"),
    ("resolutiondate", "Resolved", "datetime"),
    ("creator", "Creator", "user"),
    ("issuetype", "Issue Type", "issuetype"),
    ("project", "Project", "project"),
)
"""Fields that Jira fills in by itself: on no screen, and listed all the same."""


@resource("GET", "/field")
def _fields(_routes: Routes, _request: Request, _found: re.Match[str]) -> Response:
    custom = [(one, one.id.startswith("customfield_")) for one in FIELDS.values()]
    return Response.of(
        [
            {
                "id": one.id, "key": one.id, "name": one.name, "custom": is_custom, "orderable": True,
                "navigable": True, "searchable": True, "clauseNames": [one.id], "schema": one.schema(),
            }
            for one, is_custom in custom
        ]
        + [
            {
                "id": name, "key": name, "name": label, "custom": False, "orderable": False,
                "navigable": True, "searchable": True, "clauseNames": [name], "schema": {"type": kind, "system": name},
            }
            for name, label, kind in COMPUTED
        ]
    )  # fmt: skip


@resource("GET", "/issue/createmeta/{project}/issuetypes")
@_or_404
def _create_types(routes: Routes, request: Request, found: re.Match[str]) -> Response:
    types = routes.views.issue_types(routes.project_of(found))
    return _paged("issueTypes" if routes.site.cloud else "values", types, request)


@resource("GET", "/issue/createmeta/{project}/issuetypes/{type}")
@_or_404
def _create_screen(routes: Routes, request: Request, found: re.Match[str]) -> Response:
    routes.project_of(found)
    site = routes.site
    screen = site.required_screen()
    fields = [{"fieldId": name, **site.field(name).shown(required, site.base)} for name, required in screen.items()]
    return _paged("fields" if routes.site.cloud else "values", fields, request)


def _paged(name: str, entries: list[Any], request: Request) -> Response:
    start, size = int(request.query.get("startAt", 0)), int(request.query.get("maxResults", 50))
    page = {"startAt": start, "maxResults": size, "total": len(entries), name: entries[start : start + size]}
    # Recorded answers of this resource carry the vendor's notice that it will change.
    return Response.of(page, headers={"Warning": '299 - "Deprecated API"'})


# -- Search


@resource("GET", "/search/jql")
def _search(routes: Routes, request: Request, _found: re.Match[str]) -> Response:
    """Cloud only. The token is a place in the order, and holds for a week."""
    site, query = routes.site, request.query
    if not site.cloud:
        return _words(404, "null for uri: /search/jql")
    entries, place = _matching(site, query.get("jql", ""))
    size = min(int(query.get("maxResults") or 50), 100)
    start = 0
    if query.get("nextPageToken"):
        after = _page_token(site, query["nextPageToken"], query.get("jql", ""))
        start = sum(1 for entry in entries if place(entry) <= after)
    rows = entries[start : start + size]
    more = start + size < len(entries)
    answer: dict[str, Any] = {"issues": _rows(routes, rows, query), "isLast": not more}
    if more:
        held = {"after": place(rows[-1]), "jql": query.get("jql", ""), "at": site.clock().timestamp()}
        answer["nextPageToken"] = base64.urlsafe_b64encode(json.dumps(held).encode()).decode()
    return Response.of(answer)


@resource("GET", "/search")
def _old_search(routes: Routes, request: Request, _found: re.Match[str]) -> Response:
    """Data Center's; removed from Cloud."""
    site, query = routes.site, request.query
    if site.cloud:
        return _words(410, "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.")
    entries, _ = _matching(site, query.get("jql", ""))
    start, size = int(query.get("startAt") or 0), min(int(query.get("maxResults") or 50), 1000)
    rows = _rows(routes, entries[start : start + size], {**query, "properties": ""})
    return Response.of({"startAt": start, "maxResults": size, "total": len(entries), "issues": rows})


@resource("POST", "/search")
def _removed_search(_routes: Routes, _request: Request, _found: re.Match[str]) -> Response:
    return _words(410, "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.")


def _matching(site: Site, jql: str) -> tuple[list[Entry], Callable[[Entry], list[Any]]]:
    question = parse(jql, now=site.clock(), zone=site.users[BOT].time_zone, me=BOT, projects=site.projects)

    def place(entry: Entry) -> list[Any]:
        return list(entry.sort_key(question.order))

    # A deleted issue leaves the index at once; everything else shows late.
    return sorted((entry for entry in site.entries() if question.holds(entry)), key=place), place


def _page_token(site: Site, token: str, jql: str) -> list[Any]:
    try:
        held = json.loads(base64.urlsafe_b64decode(token.encode()))
        age = site.clock() - datetime.fromtimestamp(held["at"], site.clock().tzinfo)
        if held["jql"] != jql or age > TOKEN_LIFE:
            raise ValueError
        return list(held["after"])
    except (ValueError, KeyError):
        raise Refused(None, "The provided next page token is invalid or expired.") from None


def _rows(routes: Routes, entries: list[Entry], query: Mapping[str, str]) -> list[dict[str, Any]]:
    fields, properties = _list(query.get("fields")) or ["id"], _list(query.get("properties"))
    issues = [routes.site.issues[entry.id] for entry in entries]
    return [routes.views.issue(issue, fields, properties, "") for issue in issues]


@resource("POST", "/issue/bulkfetch")
def _bulk_fetch(routes: Routes, request: Request, _found: re.Match[str]) -> Response:
    body = request.json()
    wanted = body.get("issueIdsOrKeys") or []
    if not wanted or len(wanted) > 100:
        return _words(400, "Between 1 and 100 issue ids or keys must be given.")
    issues = [found for ref in wanted if (found := routes.site.issue(str(ref))) is not None]
    small = [one for one in issues if one.id not in routes.site.too_large]
    expand = ",".join(body.get("expand") or [])
    shown = [routes.views.issue(one, body.get("fields") or [], body.get("properties") or [], expand) for one in small]
    words = "The issue is too large to be fetched in bulk."
    errors = [{"id": one.id, "errorMessage": words} for one in issues if one not in small]
    return Response.of({"issues": shown, "issueErrors": errors})


# -- Issues


@resource("POST", "/issue")
def _create(routes: Routes, request: Request, _found: re.Match[str]) -> Response:
    site, body = routes.site, request.json() or {}
    fields = dict(body.get("fields") or {})
    sent_project, sent_type = fields.pop("project", None) or {}, fields.pop("issuetype", None) or {}
    project = next(
        (p for p in site.projects.values() if sent_project.get("key") == p.key or sent_project.get("id") == p.id), None
    )
    if project is None:
        raise Refused({"project": "valid project is required"})
    kinds = [n for i, n in project.issue_types.items() if i == sent_type.get("id") or n == sent_type.get("name")]
    if not kinds:
        raise Refused({"issuetype": "Specify a valid issue type"})
    issue = site.create(project, kinds[0], fields, BOT, _properties(body.get("properties")))
    routes.after_write(issue)
    return Response.of({"id": issue.id, "key": issue.key, "self": f"{site.base}/rest/api/3/issue/{issue.id}"}, 201)


@resource("GET", "/issue/{ref}")
@_or_404
def _read(routes: Routes, request: Request, found: re.Match[str]) -> Response:
    query = request.query
    issue = routes.issue_of(found)
    shown = routes.views.issue(
        issue, _list(query.get("fields")), _list(query.get("properties")), query.get("expand", "")
    )
    return Response.of(shown)


@resource("PUT", "/issue/{ref}")
@_or_404
def _edit(routes: Routes, request: Request, found: re.Match[str]) -> Response:
    issue = routes.issue_of(found)
    routes.site.edit(issue, (request.json() or {}).get("fields") or {}, BOT)
    routes.after_write(issue)
    return _nothing()


@resource("DELETE", "/issue/{ref}")
@_or_404
def _delete(routes: Routes, _request: Request, found: re.Match[str]) -> Response:
    routes.site.delete(routes.issue_of(found), BOT)
    return _nothing()


@resource("GET", "/issue/{ref}/editmeta")
@_or_404
def _edit_screen(routes: Routes, _request: Request, found: re.Match[str]) -> Response:
    routes.issue_of(found)
    site = routes.site
    return Response.of(
        {"fields": {name: site.field(name).shown(need, site.base) for name, need in site.edit_screen.items()}}
    )


@resource("PUT", "/issue/{ref}/properties/{key}")
@_or_404
def _set_property(routes: Routes, request: Request, found: re.Match[str]) -> Response:
    issue = routes.issue_of(found)
    new = found["key"] not in issue.properties
    issue.properties[found["key"]] = request.json()
    return Response.of({}, 201 if new else 200)


@resource("GET", "/issue/{ref}/transitions")
@_or_404
def _transitions(routes: Routes, request: Request, found: re.Match[str]) -> Response:
    issue = routes.issue_of(found)
    fields = "transitions.fields" in request.query.get("expand", "")
    offered = [routes.views.transition(issue, one, fields=fields) for one in routes.site.offered(issue)]
    return Response.of({"expand": "transitions", "transitions": offered})


@resource("POST", "/issue/{ref}/transitions")
@_or_404
def _transit(routes: Routes, request: Request, found: re.Match[str]) -> Response:
    issue, body = routes.issue_of(found), request.json() or {}
    wanted = str((body.get("transition") or {}).get("id", ""))
    offered = [one for one in routes.site.offered(issue) if one.id == wanted]
    if not offered:
        return _words(400, "It seems that you have tried to perform an illegal workflow operation.")
    said = [one["add"] for one in (body.get("update") or {}).get("comment") or []]
    routes.site.transition(issue, offered[0], body.get("fields") or {}, BOT, said)
    routes.after_write(issue)
    return _nothing()


# -- Comments and links


@resource("GET", "/issue/{ref}/comment")
@_or_404
def _comments(routes: Routes, request: Request, found: re.Match[str]) -> Response:
    issue = routes.issue_of(found)
    start, size = int(request.query.get("startAt") or 0), min(int(request.query.get("maxResults") or 50), 100)
    page = issue.comments[start : start + size]
    shown = [routes.views.comment(issue, one, properties=_with_properties(routes, request)) for one in page]
    return Response.of({"startAt": start, "maxResults": size, "total": len(issue.comments), "comments": shown})


@resource("POST", "/issue/{ref}/comment")
@_or_404
def _add_comment(routes: Routes, request: Request, found: re.Match[str]) -> Response:
    issue, sent = routes.issue_of(found), request.json() or {}
    body = sent.get("body")
    if routes.site.cloud:
        if document(body) is None:
            return _words(400, "Comment body can not be empty!")
    elif not isinstance(body, str) or not body.strip():
        return _words(400, "Comment body can not be empty!")
    made = routes.site.comment(issue, body, BOT, _properties(sent.get("properties")), sent.get("visibility"))
    return Response.of(routes.views.comment(issue, made, properties=False), 201)


@resource("GET", "/issue/{ref}/comment/{id}")
@_or_404
def _comment(routes: Routes, request: Request, found: re.Match[str]) -> Response:
    issue = routes.issue_of(found)
    comment = next((one for one in issue.comments if one["id"] == found["id"]), None)
    if comment is None:
        return _words(404, f"Can not find a comment for the id: {found['id']}.")
    return Response.of(routes.views.comment(issue, comment, properties=_with_properties(routes, request)))


@resource("PUT", "/issue/{ref}/comment/{id}")
@_or_404
def _edit_comment(routes: Routes, request: Request, found: re.Match[str]) -> Response:
    issue, sent = routes.issue_of(found), request.json() or {}
    comment = next((one for one in issue.comments if one["id"] == found["id"]), None)
    if comment is None:
        return _words(404, f"Can not find a comment for the id: {found['id']}.")
    if "EDIT_OWN_COMMENTS" in routes.site.denied:
        return _words(400, "You do not have the permission to edit this comment.")
    routes.site.rewrite(issue, comment, sent.get("body"), BOT, sent.get("visibility"))
    return Response.of(routes.views.comment(issue, comment, properties=False))


@resource("DELETE", "/issue/{ref}/comment/{id}")
@_or_404
def _delete_comment(routes: Routes, _request: Request, found: re.Match[str]) -> Response:
    issue = routes.issue_of(found)
    if "DELETE_OWN_COMMENTS" in routes.site.denied:
        return _words(400, "You do not have the permission to delete this comment.")
    issue.comments = [one for one in issue.comments if one["id"] != found["id"]]
    return _nothing()


@resource("GET", "/comment/{id}/properties/{key}")
def _comment_property(routes: Routes, _request: Request, found: re.Match[str]) -> Response:
    for issue in routes.site.issues.values():
        for comment in issue.comments:
            if comment["id"] == found["id"] and found["key"] in comment["_properties"]:
                return Response.of({"key": found["key"], "value": comment["_properties"][found["key"]]})
    return _words(404, "The property does not exist.")


@resource("POST", "/issue/{ref}/remotelink")
@_or_404
def _link(routes: Routes, request: Request, found: re.Match[str]) -> Response:
    issue, sent = routes.issue_of(found), request.json() or {}
    target = sent.get("object") or {}
    if not target.get("url") or not target.get("title"):
        raise Refused({name: f"'{name}' is required." for name in ("url", "title") if not target.get(name)})
    identity, new = routes.site.link(issue, sent)
    answer = {"id": int(identity), "self": f"{routes.site.base}/rest/api/3/issue/{issue.id}/remotelink/{identity}"}
    return Response.of(answer, 201 if new else 200)


def _with_properties(routes: Routes, request: Request) -> bool:
    return routes.sends_comment_properties and "properties" in request.query.get("expand", "")
