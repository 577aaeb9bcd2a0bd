"""A Sentinel workspace as a simulator.

A PUT replaces the whole: what it leaves out is lost, but for what the service itself keeps. An `etag` that is given has
to be the present one, and one that is left out lets the last writer win. A comment moves its incident's `etag` and its
time. The names in answers are not always in the case in which they were asked for, and times have seven decimals.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from tieline.adapters.testing.simulation import Request, Response, Simulator, run
from tieline.adapters.testing.tokens import Client, TokenDesk
from tieline.core.entra import moment

TENANT: Final = "5c1f0000-0000-4000-8000-00000000d1ec"
CLIENT_ID: Final = "5c1f0000-0000-4000-8000-0000000c11e7"
CLIENT_SECRET: Final = "simulated-azure-secret~71c0e2"  # noqa: S105 - opens nothing but the simulator
SUBSCRIPTION: Final = "5c1f0000-0000-4000-8000-0000000005b5"
GROUP: Final = "security"
WORKSPACE: Final = "acme-soc"
SCOPE: Final = "https://management.azure.example/.default"
SERVICE: Final = "5c1f0000-0000-4000-8000-000000005e4f"
"""The object id of our application."""
PERSON: Final = "5c1f0000-0000-4000-8000-0000000000ad"
PERSONS: Final = {PERSON: "ada@example.org"}
REASONS: Final = {
    "TruePositive": ("SuspiciousActivity",),
    "BenignPositive": ("SuspiciousButExpected",),
    "FalsePositive": ("IncorrectAlertLogic", "InaccurateData"),
    "Undetermined": (None,),
}
MOST_COMMENTS: Final = 100
RESPONDER: Final = ("Microsoft.SecurityInsights/*/read", "Microsoft.SecurityInsights/incidents/*")
_INCIDENTS: Final = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.OperationalInsights/workspaces/"
    f"{WORKSPACE}/providers/Microsoft.SecurityInsights/incidents"
).lower()
_RIGHTS: Final = _INCIDENTS.rpartition("/providers/")[0] + "/providers/microsoft.authorization/permissions"
_SINCE: Final = re.compile(r"\(?properties/lastModifiedTimeUtc (g[et]) (\S+?)\)?")
_LONGEST: Final = {"description": 5_000, "classificationComment": 5_000, "message": 30_000}


class SentinelSimulator(Simulator):
    """Everything is in memory."""

    def __init__(self, clock: Callable[[], datetime] | None = None) -> None:
        super().__init__(clock)
        self.incidents: dict[str, dict[str, Any]] = {}
        self.spoilt: set[str] = set()
        self.actions: tuple[str, ...] = RESPONDER
        self.desk = TokenDesk(
            self.clock, lambda: f"token-{self.make_name()}", lifetime=3_599, grants=frozenset({"client_credentials"})
        )
        self.desk.clients[CLIENT_ID] = Client(CLIENT_SECRET, SERVICE, frozenset({SCOPE}))
        self._comments: dict[str, dict[str, dict[str, Any]]] = {}
        self._count = 0

    def respond(self, request: Request) -> Response:
        path = request.path.lower().rstrip("/")
        if path == f"/{TENANT}/oauth2/v2.0/token":
            return self.desk.grant(request)
        by = self.desk.holder(request.headers.get("authorization", "").removeprefix("Bearer "))
        if by is None:
            return _error(401, "InvalidAuthenticationToken", "The access token is invalid.")
        if "api-version" not in request.query:
            return _error(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
        if path == _RIGHTS:
            return Response.of({"value": [{"actions": list(self.actions), "notActions": []}]})
        if not f"{path}/".startswith(f"{_INCIDENTS}/"):
            return _error(404, "ResourceNotFound", "The Resource was not found.")
        match path.removeprefix(_INCIDENTS).strip("/").split("/"):
            case [""] if request.method == "GET":
                return self._list(request)
            case [name]:
                return self._of_incident(request, name, by)
            case [name, "comments"] if request.method == "GET" and name in self.incidents:
                return self._page(list(self._comments[name].values()), request)
            case [name, "comments", comment] if name in self.incidents:
                return self._of_comment(request, name, comment, by)
        return _error(404, "NotFound", "The incident does not exist.")

    def control(self, action: str, arguments: Any) -> Any:
        """`make {title, …}`, `edit {name, …}`, `comment {name, message}` and `delete {name}`, by a person."""
        match action:
            case "make":
                return self.make(arguments)
            case "edit":
                return self.change(arguments["name"], {k: v for k, v in arguments.items() if k != "name"})
            case "comment":
                return self.say(arguments["name"], self.make_name(), arguments["message"], PERSON)
            case "delete":
                del self.incidents[arguments["name"]]
                return {}
            case _:
                return super().control(action, arguments)

    def make(self, told: Mapping[str, Any], name: str = "") -> dict[str, Any]:
        """A new incident."""
        self._count += 1
        name = name or self.make_name()
        at = self._now()
        kept = {
            "incidentNumber": self._count,
            "createdTimeUtc": at,
            "incidentUrl": f"https://portal.azure.example/#asset/Incident/{name}",
            "providerName": "Azure Sentinel",
        }
        self._comments[name] = {}
        self.incidents[name] = {"name": name, "properties": {**_written(told), **kept}}
        return self._changed(name)

    def change(self, name: str, told: Mapping[str, Any]) -> dict[str, Any]:
        """Something of an incident becomes another, by a person in the portal."""
        properties = self.incidents[name]["properties"]
        self.incidents[name]["properties"] = {**properties, **_written({**properties, **told})}
        return self._changed(name)

    def say(self, name: str, comment: str, message: str, by: str) -> dict[str, Any]:
        """A comment, new or said anew."""
        at = self._now()
        known = self._comments[name].get(comment, {"properties": {"createdTimeUtc": at}})["properties"]
        person = PERSONS.get(by)
        author = {"objectId": by, "email": person, "userPrincipalName": person, "name": person or "tieline"}
        told = {**known, "message": message, "lastModifiedTimeUtc": at, "author": known.get("author", author)}
        self._comments[name][comment] = {"name": comment, "etag": self.make_name(), "properties": told}
        self._changed(name)
        return self._comments[name][comment]

    def messages(self, name: str) -> list[str]:
        """What is said about an incident, in its order."""
        return [one["properties"]["message"] for one in self._comments[name].values()]

    def shown(self, name: str) -> dict[str, Any]:
        """An incident as the API answers it."""
        incident = json.loads(json.dumps(self.incidents[name]))
        told = incident["properties"]
        told["additionalData"] = {"commentsCount": len(self._comments[name]), "alertsCount": 0}
        if name in self.spoilt:
            told["status"] = None
        where = f"{_INCIDENTS.replace('operationalinsights', 'OperationalIinsights')}/{name.upper()}"
        return {"id": where, "type": "Microsoft.SecurityInsights/Incidents", **incident}

    def _list(self, request: Request) -> Response:
        rows = list(self.incidents)
        if "$filter" in request.query:
            asked = _SINCE.fullmatch(request.query["$filter"])
            if asked is None:
                return _error(400, "BadRequest", "Invalid filter.")
            after, since = asked[1] == "gt", moment(asked[2])
            rows = [one for one in rows if (when := moment(self._when(one))) > since or (when == since and not after)]
        if request.query.get("$orderby") == "properties/lastModifiedTimeUtc asc":
            rows.sort(key=self._when)
        return self._page([self.shown(one) for one in rows], request)

    def _page(self, rows: list[dict[str, Any]], request: Request) -> Response:
        """One page of them, and the whole address of the next: behind the last row, whatever comes before it."""
        size = min(int(request.query.get("$top", 50)), 1000)
        names = [one["name"] for one in rows]
        after = request.query.get("$skipToken")
        first = names.index(after) + 1 if after in names else 0
        shown: dict[str, Any] = {"value": rows[first : first + size]}
        if first + size < len(rows):
            query = {**request.query, "$skipToken": names[first + size - 1]}
            asked = "&".join(f"{quote(name)}={quote(value)}" for name, value in query.items())
            shown["nextLink"] = f"https://{request.headers.get('host', '')}{request.path}?{asked}"
        return Response.of(shown)

    def _of_incident(self, request: Request, name: str, by: str) -> Response:
        there = self.incidents.get(name)
        if request.method == "GET":
            return Response.of(self.shown(name)) if there else _error(404, "NotFound", "The incident does not exist.")
        if request.method != "PUT" or by != SERVICE:
            return _error(405, "MethodNotAllowed", "The method is not allowed.")
        said = request.json() or {}
        told: dict[str, Any] = said.get("properties") or {}
        wrong = _wrong(told)
        if wrong:
            return _error(400, "BadRequest", wrong)
        if there is None:
            if "etag" in said:
                return _conflict(name)
            self.make(told, name)
            return Response.of(self.shown(name), 201)
        if said.get("etag", there["etag"]) != there["etag"]:
            return _conflict(name)
        kept = {name: value for name, value in there["properties"].items() if name not in _WRITABLE}
        by_rules = [one for one in there["properties"]["labels"] if one["labelType"] == "AutoAssigned"]
        there["properties"] = {**kept, **_written(told)}
        written = there["properties"]["labels"]
        there["properties"]["labels"] = written + [one for one in by_rules if one not in written]
        self._changed(name)
        return Response.of(self.shown(name))

    def _of_comment(self, request: Request, name: str, comment: str, by: str) -> Response:
        there = self._comments[name].get(comment)
        if request.method == "GET":
            return Response.of(there) if there else _error(404, "NotFound", "The comment does not exist.")
        said = request.json() or {}
        message = (said.get("properties") or {}).get("message")
        if not message or len(message) > _LONGEST["message"]:
            return _error(400, "BadRequest", "The message is empty, or too long.")
        if there is None and len(self._comments[name]) >= MOST_COMMENTS:
            return _error(400, "BadRequest", "The limit of comments was reached.")
        if there is not None and said.get("etag", there["etag"]) != there["etag"]:
            return _conflict(comment)
        return Response.of(self.say(name, comment, message, by), 201 if there is None else 200)

    def _changed(self, name: str) -> dict[str, Any]:
        self.incidents[name]["etag"] = f'"{self.make_name()}"'
        self.incidents[name]["properties"]["lastModifiedTimeUtc"] = self._now()
        return self.shown(name)

    def _when(self, name: str) -> str:
        return str(self.incidents[name]["properties"]["lastModifiedTimeUtc"])

    def make_name(self) -> str:
        """A GUID that nothing has."""
        return str(uuid.UUID(int=self.random.getrandbits(128)))

    def _now(self) -> str:
        return f"{self.clock().astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"


_WRITABLE: Final = (
    "title",
    "description",
    "severity",
    "status",
    "classification",
    "classificationReason",
    "classificationComment",
    "owner",
    "labels",
    "firstActivityTimeUtc",
    "lastActivityTimeUtc",
)


def _written(told: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of what was sent."""
    said = {name: told[name] for name in _WRITABLE if told.get(name) is not None}
    person = (said.get("owner") or {}).get("objectId")
    address = PERSONS.get(person or "")
    owner = {"objectId": person, "email": address, "userPrincipalName": address, "assignedTo": address}
    labels = {one["labelName"]: one.get("labelType") or "User" for one in said.get("labels") or []}
    said["labels"] = [{"labelName": name, "labelType": kind} for name, kind in labels.items()]
    return {**said, "owner": owner}


def _wrong(told: Mapping[str, Any]) -> str:
    if not str(told.get("title") or "").strip():
        return "The title is required."
    if told.get("severity") not in ("High", "Medium", "Low", "Informational"):
        return "The severity is required."
    if told.get("status") not in ("New", "Active", "Closed"):
        return "The status is required."
    if told["status"] == "Closed" and told.get("classification") not in REASONS:
        return "A classification is required to close an incident."
    if told.get("classification") and told.get("classificationReason") not in REASONS[told["classification"]]:
        return "The classificationReason does not belong to the classification."
    if (told.get("owner") or {}).get("objectId") not in (None, *PERSONS):
        return "The owner does not exist in the directory."
    return next((f"{name} is too long" for name, most in _LONGEST.items() if len(str(told.get(name) or "")) > most), "")


def _conflict(name: str) -> Response:
    return _error(409, "Conflict", f"Newer version of resource '{name}' exists. Data was not saved")


def _error(status: int, code: str, words: str) -> Response:
    return Response.of({"error": {"code": code, "message": words}}, status)


if __name__ == "__main__":
    run(SentinelSimulator, "The incidents of a Sentinel workspace, simulated.")
