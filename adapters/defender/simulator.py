"""Microsoft Graph's security incidents as a simulator.

Incidents are made by Defender alone, and listed newest first, by when they were made. Comments have no ids, and each
new one is answered with all of them. Nothing is refused because it is old. Without the header that asks for all words,
a status that was added later is `unknownFutureValue`. Words are written in either case.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from tieline.adapters.testing.simulation import Request, Response, Simulator, run
from tieline.adapters.testing.tokens import Client, TokenDesk
from tieline.core.entra import moment

TENANT: Final = "acme.example"
CLIENT_ID: Final = "5c1f0000-0000-4000-8000-0000000c11e7"
CLIENT_SECRET: Final = "simulated-graph-secret~9b30aa"  # noqa: S105 - opens nothing but the simulator
SCOPE: Final = "https://graph.example/.default"
ACCOUNT: Final = "tieline"
PERSON: Final = "ada@example.org"
STATUSES: Final = ("active", "inprogress", "resolved", "redirected", "awaitingaction")
DETERMINATIONS: Final = {
    "unknown": {"unknown"},
    "truepositive": {
        "multistagedattack",
        "malicioususeractivity",
        "compromisedaccount",
        "malware",
        "phishing",
        "unwantedsoftware",
        "other",
    },
    "informationalexpectedactivity": {"securitytesting", "lineofbusinessapplication", "confirmedactivity", "other"},
    "falsepositive": {"notmalicious", "notenoughdatatovalidate", "other"},
}
_PATH: Final = "/v1.0/security/incidents"
_SINCE: Final = re.compile(r"lastUpdateDateTime (g[et]) (\S+)")
_WRITABLE: Final = {"assignedTo", "classification", "determination", "status", "customTags"}


class DefenderSimulator(Simulator):
    """Everything is in memory."""

    def __init__(self, clock: Callable[[], datetime] | None = None) -> None:
        super().__init__(clock)
        self.incidents: dict[str, dict[str, Any]] = {}
        self.spoilt: set[str] = set()
        self.desk = TokenDesk(
            self.clock,
            lambda: f"token-{self.random.getrandbits(96):x}",
            lifetime=3_599,
            grants=frozenset({"client_credentials"}),
        )
        self.desk.clients[CLIENT_ID] = Client(CLIENT_SECRET, ACCOUNT, frozenset({SCOPE}))
        self._count = 900

    def respond(self, request: Request) -> Response:
        if request.path == f"/{TENANT}/oauth2/v2.0/token":
            return self.desk.grant(request)
        by = self.desk.holder(request.headers.get("authorization", "").removeprefix("Bearer "))
        if by is None:
            return _error(401, "InvalidAuthenticationToken", "Access token is empty.")
        if not f"{request.path}/".startswith(f"{_PATH}/"):
            return _error(404, "ResourceNotFound", "Resource not found for the segment.")
        match request.path.removeprefix(_PATH).strip("/").split("/"):
            case [""] if request.method == "GET":
                return self._list(request)
            case [ref, *_rest] if ref not in self.incidents:
                return _error(404, "NotFound", f"Incident {ref} was not found.")
            case [ref] if request.method == "GET":
                return Response.of(self._shown(ref, request))
            case [ref] if request.method == "PATCH":
                wrong = self._wrong(self.incidents[ref], request.json() or {})
                if wrong:
                    return _error(400, "BadRequest", wrong)
                self.change(ref, request.json() or {})
                return Response.of(self._shown(ref, request))
            case [ref, "comments"] if request.method == "POST":
                return self._comment(ref, request.json() or {}, by)
        return _error(405, "MethodNotAllowed", "The method is not allowed.")

    def control(self, action: str, arguments: Any) -> Any:
        """`make {displayName, …}`, `edit {id, …}`, `comment {id, comment}` and `merge {id, into}`, by Defender and by a
        person."""
        match action:
            case "make":
                return self.make(arguments)
            case "edit":
                return self.change(arguments["id"], {k: v for k, v in arguments.items() if k != "id"})
            case "comment":
                return self.say(arguments["id"], arguments["comment"], PERSON)
            case "merge":
                return self.merge(arguments["id"], arguments["into"])
            case _:
                return super().control(action, arguments)

    def make(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """A new incident, as Defender's correlation makes it."""
        self._count += 1
        ref = str(self._count)
        at = self._now()
        self.incidents[ref] = {
            "id": ref,
            "tenantId": TENANT,
            "status": "Active",
            "severity": "medium",
            "classification": "unknown",
            "determination": "unknown",
            "customTags": [],
            "systemTags": [],
            "assignedTo": None,
            "description": None,
            "redirectIncidentId": None,
            "createdDateTime": at,
            "incidentWebUrl": f"https://security.example/incidents/{ref}?tid={TENANT}",
            "comments": [],
            **told,
            "lastUpdateDateTime": at,
        }
        return self.incidents[ref]

    def change(self, ref: str, told: Mapping[str, Any]) -> dict[str, Any]:
        """Something of an incident becomes another."""
        self.incidents[ref] |= {**told, "lastUpdateDateTime": self._now()}
        return self.incidents[ref]

    def merge(self, ref: str, into: str) -> dict[str, Any]:
        """Defender finds that two are one."""
        return self.change(ref, {"status": "redirected", "redirectIncidentId": into})

    def say(self, ref: str, comment: str, by: str) -> dict[str, Any]:
        """A new comment."""
        made = {
            "@odata.type": "#microsoft.graph.security.alertComment",
            "comment": comment,
            "createdByDisplayName": by,
            "createdDateTime": self._now(),
        }
        self.incidents[ref]["comments"].append(made)
        self.change(ref, {})
        return made

    def _shown(self, ref: str, request: Request) -> dict[str, Any]:
        incident: dict[str, Any] = json.loads(json.dumps(self.incidents[ref]))
        all_words = "include-unknown-enum-members" in request.headers.get("prefer", "")
        if incident["status"] == "awaitingAction" and not all_words:
            incident["status"] = "unknownFutureValue"
        return {**incident, "status": None} if ref in self.spoilt else incident

    def _list(self, request: Request) -> Response:
        rows = sorted(self.incidents.values(), key=lambda one: int(one["id"]), reverse=True)
        if "$filter" in request.query:
            asked = _SINCE.fullmatch(request.query["$filter"])
            if asked is None:
                return _error(400, "BadRequest", "Invalid filter clause.")
            after, since = asked[1] == "gt", moment(asked[2])
            rows = [
                one
                for one in rows
                if (when := moment(one["lastUpdateDateTime"])) > since or (when == since and not after)
            ]
        size, first = int(request.query.get("$top", 50)), int(request.query.get("$skip", 0))
        if not 1 <= size <= 50:
            return _error(400, "BadRequest", "The limit of '50' for Top query has been exceeded.")
        told: dict[str, Any] = {"value": [self._shown(one["id"], request) for one in rows[first : first + size]]}
        if first + size < len(rows):
            query = {**request.query, "$skip": str(first + size)}
            asked_on = "&".join(f"{quote(name)}={quote(value)}" for name, value in query.items())
            told["@odata.nextLink"] = f"https://{request.headers.get('host', '')}{_PATH}?{asked_on}"
        return Response.of(told)

    def _comment(self, ref: str, said: Mapping[str, Any], by: str) -> Response:
        if not said.get("comment") or len(said["comment"]) > 1_000:
            return _error(400, "BadRequest", "The comment is empty, or too long.")
        self.say(ref, said["comment"], by)
        return Response.of({"value": self.incidents[ref]["comments"]})

    def _wrong(self, incident: Mapping[str, Any], said: Mapping[str, Any]) -> str:
        if said.keys() - _WRITABLE:
            return f"{sorted(said.keys() - _WRITABLE)[0]} cannot be changed."
        after = {**incident, **said}
        if str(after["status"]).lower() not in STATUSES:
            return "The status is unknown."
        fitting = DETERMINATIONS.get(str(after["classification"]).lower())
        if fitting is None or str(after["determination"]).lower() not in fitting:
            return "The determination does not belong to the classification."
        return ""

    def _now(self) -> str:
        text = f"{self.clock().astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"
        return text.rstrip("0").rstrip(".") + "Z" if text.endswith("0") else f"{text}7Z"


def _error(status: int, code: str, words: str) -> Response:
    return Response.of({"error": {"code": code, "message": words, "innerError": {}}}, status)


if __name__ == "__main__":
    run(DefenderSimulator, "The incidents of Microsoft Defender XDR, simulated.")
