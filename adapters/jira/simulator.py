"""A double of Jira: `python -m tieline.adapters.jira.simulator [--port N]`.

Cloud v3 by default; `JiraSimulator(cloud=False)` is a Data Center with v2. What is nasty about the real thing is nasty
here: a late index, JQL to the minute in the account's zone, transitions that depend on where the issue stands, screens
that require fields, comments that are public by default. The switches are in `simulator.site` (see `Site`) and below.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from tieline.adapters.jira.simulated.routes import Routes
from tieline.adapters.jira.simulated.screens import Refused
from tieline.adapters.jira.simulated.site import BOT, PERSON, Issue, Site
from tieline.adapters.testing.simulation import Request, Response, Simulator, run
from tieline.adapters.testing.tokens import TokenDesk

EMAIL: Final = "tieline@example.com"
API_TOKEN: Final = "simulated-api-token"  # noqa: S105 - opens nothing but this double
WEBHOOK_SECRET: Final = "simulated-webhook-secret"  # noqa: S105 - the same

Handler = Callable[..., Response]


class JiraSimulator(Simulator):
    """One site. `fails_as_nobody`: refused credentials see an empty world instead of a 401, as some searches do.
    `writes_per_issue`: writes that one issue takes within two seconds before it answers 429."""

    def __init__(
        self,
        clock: Callable[[], datetime] | None = None,
        seed: int = 0,
        *,
        cloud: bool = True,
        email: str = EMAIL,
        api_token: str = API_TOKEN,
    ) -> None:
        super().__init__(clock, seed)
        self.site = Site(lambda: self.clock(), cloud)
        self.fails_as_nobody = False
        self.writes_per_issue: int | None = None
        self._credentials = {
            "Basic " + base64.b64encode(f"{email}:{api_token}".encode()).decode(),
            f"Bearer {api_token}",
        }
        self.token_path = "/oauth/token"  # noqa: S105 - an address
        self.desk = TokenDesk(
            lambda: self.clock(),
            lambda: f"eyJ{self.random.getrandbits(160):x}",
            lifetime=3600,
            grants=frozenset({"client_credentials", "refresh_token"}),
            rotates=True,
        )
        self.routes = Routes(self.site)
        self._writes: dict[str, list[datetime]] = {}

    def respond(self, request: Request) -> Response:
        if request.path == self.token_path and self.site.cloud:
            return self.desk.grant(request)
        root = f"/rest/api/{3 if self.site.cloud else 2}"
        through, slash, path = request.path.removeprefix("/ex/jira/").partition("/")
        if request.path == f"/ex/jira/{through}{slash}{path}" and self.site.cloud:
            # The gateway knows tokens only; the site itself knows everything else.
            if self.desk.holder(request.headers.get("authorization", "").removeprefix("Bearer ")) is None:
                return Response.of({"code": 401, "message": "Unauthorized"}, 401)
            headers = {**request.headers, "authorization": next(iter(self._credentials))}
            request = replace(request, path=f"/{path}", headers=headers)
        if not request.path.startswith(root):
            return Response(
                404, {"content-type": "text/html"}, b"<html><title>Oops, you've found a dead link.</title></html>"
            )
        if request.headers.get("authorization") not in self._credentials:
            return self._stranger(request)
        path = request.path.removeprefix(root)
        limited = self._limited(request.method, path)
        if limited is not None:
            return limited
        if request.method in ("POST", "PUT", "DELETE") and path != "/issue/bulkfetch":
            self._others_first()
        try:
            return self.routes.answer(request, path)
        except Refused as refused:
            return Response.of(refused.body, 400)
        except ValueError as error:
            return Response.of({"errorMessages": [str(error)], "errors": {}}, 400)

    def _stranger(self, request: Request) -> Response:
        if self.fails_as_nobody and "/search" in request.path:
            nobody = {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED", "X-AUSERNAME": "anonymous"}
            return Response.of({"issues": [], "isLast": True, "total": 0}, 200, nobody)
        words = "Client must be authenticated to access this resource."
        return Response.of(
            {"errorMessages": [words], "errors": {}}, 401, {"WWW-Authenticate": 'OAuth realm="simulated"'}
        )

    def _limited(self, method: str, path: str) -> Response | None:
        """Two seconds' window per issue, for writes only."""
        found = re.match(r"/issue/([^/]+)", path)
        if self.writes_per_issue is None or method == "GET" or not found or path == "/issue/bulkfetch":
            return None
        now = self.clock()
        recent = [at for at in self._writes.get(found[1], ()) if now - at < timedelta(seconds=2)]
        if len(recent) >= self.writes_per_issue:
            headers = {"Retry-After": "2", "RateLimit-Reason": "jira-per-issue-on-write", "X-RateLimit-Remaining": "0"}
            return Response.of({"errorMessages": ["Rate limit exceeded."], "errors": {}}, 429, headers)
        self._writes[found[1]] = [*recent, now]
        return None

    def _others_first(self) -> None:
        waiting, self.site.before_write = self.site.before_write, []
        for act in waiting:
            act()

    # -- What people do

    def control(self, action: str, arguments: Any) -> Any:
        """create {project, issue_type, fields}; edit {ref, fields}; transition {ref, to}; comment {ref, body,
        internal}; move {ref, project}; delete {ref}; get {ref}; list; webhook {url, secret, copies, delay}; set
        {search_lag, ignores, whole_seconds, time_zone, writes_per_issue}.

        A refusal (the Jira user interface's red box) comes back as {"refused": …}.
        """
        if action not in _ACTIONS:
            raise KeyError(action)
        try:
            return _ACTIONS[action](self, arguments)
        except Refused as refused:
            return {"refused": refused.body}

    def _issue(self, arguments: Any) -> Issue:
        issue = self.site.issue(str(arguments["ref"]))
        if issue is None:
            raise KeyError(arguments["ref"])
        return issue

    def _shown(self, issue: Issue) -> Any:
        return self.routes.views.issue(issue, ["*all"], ["tieline"], "")

    def _create(self, arguments: Any) -> Any:
        project = self.site.projects[arguments.get("project", "OPS")]
        kind = arguments.get("issue_type") or next(iter(project.issue_types.values()))
        return self._shown(self.site.create(project, kind, arguments.get("fields") or {}, PERSON, {}))

    def _edit(self, arguments: Any) -> Any:
        issue = self._issue(arguments)
        self.site.edit(issue, arguments["fields"], arguments.get("by", PERSON))
        return self._shown(issue)

    def _transition(self, arguments: Any) -> Any:
        """People see buttons, and fill the resolution in when asked: straight to a status that is offered."""
        issue = self._issue(arguments)
        target = issue.project.workflow.named(arguments["to"])
        found = [one for one in self.site.offered(issue) if one.to == target.id]
        if not found:
            raise Refused(None, f"{target.name} is not offered from {self.site.status(issue).name}")
        fields = {"resolution": {"name": "Done"}} if "resolution" in found[0].screen else {}
        by = arguments.get("by", PERSON)
        self.site.transition(issue, found[0], {**fields, **(arguments.get("fields") or {})}, by)
        return self._shown(issue)

    def _comment(self, arguments: Any) -> Any:
        issue, body = self._issue(arguments), arguments["body"]
        if self.site.cloud and isinstance(body, str):
            text = [{"type": "text", "text": body}] if body else []
            body = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": text}]}
        properties = (
            {"sd.public.comment": {"internal": bool(arguments.get("internal"))}} if issue.project.service else {}
        )
        made = self.site.comment(issue, body, PERSON, properties, arguments.get("visibility"))
        return self.routes.views.comment(issue, made, properties=True)

    def _move(self, arguments: Any) -> Any:
        issue = self._issue(arguments)
        self.site.move(issue, self.site.projects[arguments["project"]], PERSON)
        return self._shown(issue)

    def _delete(self, arguments: Any) -> Any:
        self.site.delete(self._issue(arguments), PERSON)
        return {}

    def _get(self, arguments: Any) -> Any:
        issue = self._issue(arguments)
        comments = [self.routes.views.comment(issue, one, properties=True) for one in issue.comments]
        return {**self._shown(issue), "comments": comments, "remotelinks": list(issue.links.values())}

    def _list(self, arguments: Any) -> Any:
        key = arguments.get("project")
        return [self._shown(one) for one in self.site.issues.values() if key in (None, one.project.key)]

    def _webhook(self, arguments: Any) -> Any:
        hooks = self.site.webhooks
        hooks.copies = int(arguments.get("copies", hooks.copies))
        hooks.delay = timedelta(seconds=float(arguments.get("delay", hooks.delay.total_seconds())))
        hooks.aim(arguments["url"], arguments.get("secret", hooks.secret))
        return {}

    def _set(self, arguments: Any) -> Any:
        site = self.site
        if "search_lag" in arguments:
            site.search_lag = timedelta(seconds=float(arguments["search_lag"]))
        if "ignores" in arguments:
            site.ignores = set(arguments["ignores"])
        if "whole_seconds" in arguments:
            site.whole_seconds = bool(arguments["whole_seconds"])
        if "time_zone" in arguments:
            site.users[BOT].time_zone = arguments["time_zone"]
        if "writes_per_issue" in arguments:
            self.writes_per_issue = arguments["writes_per_issue"]
        return {}


_ACTIONS: Final[dict[str, Callable[[JiraSimulator, Any], Any]]] = {
    "create": JiraSimulator._create,
    "edit": JiraSimulator._edit,
    "transition": JiraSimulator._transition,
    "comment": JiraSimulator._comment,
    "move": JiraSimulator._move,
    "delete": JiraSimulator._delete,
    "get": JiraSimulator._get,
    "list": JiraSimulator._list,
    "webhook": JiraSimulator._webhook,
    "set": JiraSimulator._set,
}


if __name__ == "__main__":
    run(JiraSimulator, "A double of Jira Cloud.")
