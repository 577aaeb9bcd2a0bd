"""The issues of a GitHub repository as a simulator.

Times are whole seconds. What the account may not do is left out without a word, and what nobody can be assigned to is
refused. Pull requests have numbers of the same row and stand in the same listing. An issue that was deleted answers
410, one that was moved elsewhere 301.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from tieline.adapters.testing.simulation import Request, Response, Simulator, run

REPOSITORY: Final = "acme/operations"
TOKEN: Final = "github_pat_simulated_5f21c09ab7"  # noqa: S105 - opens nothing but the simulator
WEBHOOK_SECRET: Final = "simulated-github-hook-77e1"  # noqa: S105 - signs nothing but the simulator's webhooks
ACCOUNT: Final = "tieline-bot"
PERSON: Final = "octocat"
LONGEST: Final = {"title": 256, "body": 65_536}
LARGEST: Final = 10_000
"""Rows behind which no page is answered by its number."""
HOST: Final = "api.github.example"
REASONS: Final = (None, "completed", "not_planned", "duplicate", "reopened")


class GithubSimulator(Simulator):
    """Everything is in memory."""

    def __init__(self, clock: Callable[[], datetime] | None = None) -> None:
        super().__init__(clock)
        self.issues: dict[int, dict[str, Any]] = {}
        self.comments: dict[int, dict[str, Any]] = {}
        self.away: dict[int, int] = {}
        """Numbers of issues that are no more, and what is answered: 410 or 301."""
        self.spoilt: set[int] = set()
        self.private = True
        self.triages = True
        """Whether our account may set labels and assignees."""
        self.assignable = {PERSON, ACCOUNT}
        self._count = 0

    def respond(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _error(401, "Bad credentials")
        path = request.path.strip("/").split("/")
        if path == ["user"]:
            return Response.of({"login": ACCOUNT, "type": "User"})
        if path[:3] != ["repos", *REPOSITORY.split("/")]:
            return _error(404, "Not Found")
        match request.method, path[3:]:
            case "GET", []:
                return Response.of(self._repository())
            case "GET", ["assignees", login]:
                return Response(204) if login in self.assignable else _error(404, "Not Found")
            case "GET", ["issues"]:
                return self._list(request)
            case "POST", ["issues"]:
                return self._post(request.json() or {})
            case _, ["issues", "comments", number]:
                return self._of_comment(request, int(number))
            case _, ["issues", number, *rest] if number.isdecimal():
                return self._of_issue(request, int(number), rest)
        return _error(404, "Not Found")

    def control(self, action: str, arguments: Any) -> Any:
        """`make {title, body}`, `edit {number, …}`, `comment {number, body}` and `delete {number}`, by a person."""
        match action:
            case "make":
                return self.make(arguments, PERSON)
            case "edit":
                return self.change(
                    int(arguments["number"]), {k: v for k, v in arguments.items() if k != "number"}, PERSON
                )
            case "comment":
                return self.say(int(arguments["number"]), arguments["body"], PERSON)
            case "delete":
                self.away[int(arguments["number"])] = 410
                return {}
            case _:
                return super().control(action, arguments)

    def make(self, said: Mapping[str, Any], by: str, *, pull_request: bool = False) -> dict[str, Any]:
        """A new issue."""
        self._count += 1
        at = self._now()
        issue = {
            "number": self._count,
            "title": said["title"],
            "body": said.get("body"),
            "state": "open",
            "state_reason": None,
            "labels": self._labels(said.get("labels") or []),
            "assignees": [{"login": one} for one in said.get("assignees") or []],
            "user": {"login": by},
            "comments": 0,
            "created_at": at,
            "updated_at": at,
            "closed_at": None,
            "html_url": f"https://github.example/{REPOSITORY}/issues/{self._count}",
        }
        if pull_request:
            issue["pull_request"] = {"url": "https://github.example/pulls"}
        self.issues[self._count] = issue
        return self.shown(self._count)

    def change(self, number: int, said: Mapping[str, Any], by: str) -> dict[str, Any]:
        """Something of an issue becomes another. Whoever it is, an edit that changes nothing moves its time."""
        issue = self.issues[number]
        known = {name: said[name] for name in ("title", "body", "state", "state_reason") if name in said}
        if self.triages or by != ACCOUNT:
            known |= {"labels": self._labels(said["labels"])} if "labels" in said else {}
            known |= {"assignees": [{"login": one} for one in said["assignees"]]} if "assignees" in said else {}
        if known.get("state") == "closed" and issue["state"] == "open":
            known |= {"closed_at": self._now(), "state_reason": said.get("state_reason") or "completed"}
        if known.get("state") == "open" and issue["state"] == "closed":
            known |= {"closed_at": None, "state_reason": "reopened"}
        issue |= {**known, "updated_at": self._now()}
        return self.shown(number)

    def say(self, number: int, body: str, by: str) -> dict[str, Any]:
        """A new comment."""
        self._count += 1
        at = self._now()
        number_of = 9_000_000 + self._count
        comment = {"id": number_of, "body": body, "user": {"login": by}, "created_at": at}
        self.comments[number_of] = {**comment, "updated_at": at, "of": number}
        self.issues[number] |= {"comments": self.issues[number]["comments"] + 1, "updated_at": at}
        return comment

    def shown(self, number: int) -> dict[str, Any]:
        """An issue as the API answers it."""
        issue = json.loads(json.dumps(self.issues[number]))
        return {**issue, "labels": None} if number in self.spoilt else dict(issue)

    def delivery(self, number: int, event: str = "issues") -> tuple[dict[str, str], bytes]:
        """The headers and the body of a webhook about an issue."""
        told = {"action": "edited", "issue": self.shown(number), "repository": {"full_name": REPOSITORY}}
        body = json.dumps(told).encode()
        proof = "sha256=" + hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
        identity = str(uuid.UUID(int=self.random.getrandbits(128)))
        return {"x-hub-signature-256": proof, "x-github-event": event, "x-github-delivery": identity}, body

    def _repository(self) -> dict[str, Any]:
        rights = {"admin": False, "push": False, "triage": self.triages, "pull": True}
        facts = {"full_name": REPOSITORY, "private": self.private, "archived": False, "has_issues": True}
        return {**facts, "permissions": rights}

    def _list(self, request: Request) -> Response:
        query = request.query
        rows = [one for number, one in self.issues.items() if number not in self.away]
        if "since" in query:
            since = datetime.fromisoformat(query["since"])
            rows = [one for one in rows if datetime.fromisoformat(one["updated_at"]) >= since]
        if "creator" in query:
            rows = [one for one in rows if one["user"]["login"] == query["creator"]]
        by = {"updated": "updated_at", "created": "created_at"}[query.get("sort", "created")]
        rows.sort(key=lambda one: (one[by], one["number"]), reverse=query.get("direction", "desc") == "desc")
        keys = [f"{one[by]} {one['number']}" for one in rows]
        return self._page([self.shown(one["number"]) for one in rows], keys, request)

    def _page(self, rows: list[dict[str, Any]], keys: list[str], request: Request) -> Response:
        """One page of them, and the link to the next: behind the last row, whatever comes before it meanwhile."""
        size = min(int(request.query.get("per_page", 30)), 100)
        if int(request.query.get("page", 1)) * size > LARGEST:
            return _error(422, "Pagination with the page parameter is not supported for large datasets")
        first = keys.index(after) + 1 if (after := request.query.get("after")) in keys else 0
        if first + size >= len(rows):
            return Response.of(rows[first:])
        host = request.headers.get("host", "")
        following = urlencode({**request.query, "after": keys[first + size - 1]})
        where = f"http{'s' if host == HOST else ''}://{host}{request.path}?{following}"
        return Response.of(rows[first : first + size], headers={"link": f'<{where}>; rel="next"'})

    def _post(self, said: Mapping[str, Any]) -> Response:
        wrong = self._wrong(said, creating=True)
        if wrong:
            return _invalid(wrong)
        if not self.triages:
            said = {name: value for name, value in said.items() if name in ("title", "body")}
        return Response.of(self.make(said, ACCOUNT), 201)

    def _of_issue(self, request: Request, number: int, rest: list[str]) -> Response:
        if self.away.get(number) == 410:
            return _error(410, "This issue was deleted")
        if self.away.get(number) == 301:
            elsewhere = {"location": "https://api.github.example/repositories/7/issues/1"}
            return Response.of({"message": "Moved Permanently"}, 301, elsewhere)
        if number not in self.issues:
            return _error(404, "Not Found")
        match request.method, rest:
            case "GET", []:
                return Response.of(self.shown(number))
            case "PATCH", []:
                said = request.json() or {}
                wrong = self._wrong(said)
                return _invalid(wrong) if wrong else Response.of(self.change(number, said, ACCOUNT))
            case "GET", ["comments"]:
                rows = [_without(one, "of") for one in self.comments.values() if one["of"] == number]
                return self._page(rows, [str(one["id"]) for one in rows], request)
            case "POST", ["comments"]:
                said = request.json() or {}
                wrong = self._wrong({"body": said.get("body") or ""}, of="IssueComment")
                return _invalid(wrong) if wrong else Response.of(self.say(number, said["body"], ACCOUNT), 201)
        return _error(404, "Not Found")

    def _of_comment(self, request: Request, number: int) -> Response:
        found = self.comments.get(number)
        if found is None:
            return _error(404, "Not Found")
        if request.method == "PATCH":
            found |= {"body": (request.json() or {})["body"], "updated_at": self._now()}
            self.issues[found["of"]]["updated_at"] = self._now()
        return Response.of(_without(found, "of"))

    def _wrong(self, said: Mapping[str, Any], *, creating: bool = False, of: str = "Issue") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        if (creating or "title" in said) and not str(said.get("title") or "").strip():
            found.append({"resource": of, "code": "missing_field", "field": "title"})
        for name, most in LONGEST.items():
            if len(str(said.get(name) or "")) > most:
                words = f"{name} is too long (maximum is {most} characters)"
                found.append({"resource": of, "code": "custom", "field": name, "message": words})
        strangers = [one for one in said.get("assignees") or [] if one not in self.assignable]
        found += [{"resource": of, "code": "invalid", "field": "assignees", "value": one} for one in strangers]
        if said.get("state", "open") not in ("open", "closed") or said.get("state_reason") not in REASONS:
            found.append({"resource": of, "code": "invalid", "field": "state"})
        return found

    def _labels(self, names: list[str]) -> list[dict[str, str]]:
        return [{"name": one} for one in dict.fromkeys(names)]

    def _now(self) -> str:
        return self.clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _without(one: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in one.items() if key != name}


def _invalid(errors: list[dict[str, Any]]) -> Response:
    return Response.of({"message": "Validation Failed", "errors": errors}, 422)


def _error(status: int, words: str) -> Response:
    return Response.of({"message": words, "documentation_url": "https://docs.github.example/rest"}, status)


def rate_limited(now: datetime, seconds: int) -> tuple[int, dict[str, str], bytes]:
    """What GitHub answers to whoever has no calls left: status, headers, body."""
    again = str(int((now + timedelta(seconds=seconds)).timestamp()))
    body = json.dumps({"message": "API rate limit exceeded for user ID 1."}).encode()
    return 403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": again, "content-type": "application/json"}, body


if __name__ == "__main__":
    run(GithubSimulator, "The issues of a GitHub repository, simulated.")
