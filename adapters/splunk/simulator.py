"""Splunk Enterprise Security's management port as a simulator, for the searches that are sent to it and no others.

An edit is a row of its own, and what an event tells of edits is the last of them. A write on an event that nobody knows
succeeds; one that is refused is answered with 200, and so is a search that fails. Values are texts; of several, a list.
Events are found by when they were indexed, in whole seconds.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs

from tieline.adapters.testing.simulation import Request, Response, Simulator, run

ACCOUNT: Final = "tieline"
PASSWORD: Final = "simulated-splunk-password-2c77"  # noqa: S105 - opens nothing but the simulator
PERSON: Final = "ada"
USERS: Final = {ACCOUNT: "tieline@example.org", PERSON: "ada@example.org", "admin": ""}
INDEXER: Final = "66D21DF4-0000-4000-8000-00000000C0DE"
STATUSES: Final = {"0": "Unassigned", "1": "New", "2": "In Progress", "3": "Pending", "4": "Resolved", "5": "Closed"}
DISPOSITIONS: Final = tuple(f"disposition:{number}" for number in range(7))
_BASIC: Final = "Basic " + base64.b64encode(f"{ACCOUNT}:{PASSWORD}".encode()).decode()
_EDITS: Final = re.compile(r"where written>=([0-9.]+) \| stats .* \| sort 0 written \| head ([0-9]+)")
_NEW: Final = re.compile(r"search `notable` \| sort 0 _indextime \| head ([0-9]+) \| table (.+)")
_NAMED: Final = re.compile(r"search `notable` \| where event_id in \((.+)\) \| table (.+)")
_OF_ONE: Final = re.compile(r'where rule_id="([^"]+)" \| eval written=_time \| table written reviewer comment')


class SplunkSimulator(Simulator):
    """Everything is in memory."""

    def __init__(self, clock: Callable[[], datetime] | None = None) -> None:
        super().__init__(clock)
        self.events: dict[str, dict[str, Any]] = {}
        self.edits: list[dict[str, str]] = []
        self.spoilt: set[str] = set()
        self.users = dict(USERS)
        self.capabilities = ["search", "edit_notable_events"]
        self.has_security = True
        self._count = 0

    def respond(self, request: Request) -> Response:
        if request.headers.get("authorization") != _BASIC:
            return Response.of({"messages": [{"type": "WARN", "text": "call not properly authenticated"}]}, 401)
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        match request.method, request.path:
            case "GET", "/services/authentication/current-context":
                return _entries((ACCOUNT, {"username": ACCOUNT, "capabilities": self.capabilities}))
            case "GET", "/services/authentication/users":
                return _entries(*((name, {"email": address, "realname": name}) for name, address in self.users.items()))
            case "GET", "/services/apps/local/SplunkEnterpriseSecuritySuite" if self.has_security:
                return _entries(("SplunkEnterpriseSecuritySuite", {"version": "7.3.2"}))
            case "POST", "/services/search/jobs":
                return self._search(form)
            case "POST", "/services/notable_update":
                return self._update(form)
        return Response.of({"messages": [{"type": "ERROR", "text": "Not Found"}]}, 404)

    def control(self, action: str, arguments: Any) -> Any:
        """`make {rule_title, …}` by a correlation search; `edit {event_id, status, owner, comment, …}` by a person."""
        match action:
            case "make":
                return self.make(arguments)
            case "edit":
                return self.change(
                    arguments["event_id"], {k: v for k, v in arguments.items() if k != "event_id"}, PERSON
                )
            case _:
                return super().control(action, arguments)

    def make(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """A correlation search makes a new event."""
        self._count += 1
        mark = hashlib.md5(f"{self._count}".encode(), usedforsecurity=False).hexdigest()
        ref = f"{INDEXER}@@notable@@{mark}"
        self.events[ref] = {
            "event_id": ref,
            "_indextime": str(int(self.clock().timestamp())),
            "search_name": "Threat - Disk full - Rule",
            "security_domain": "endpoint",
            "urgency": "medium",
            "host": "soc-1",
            **told,
        }
        return self.events[ref]

    def change(self, ref: str, told: Mapping[str, Any], by: str) -> dict[str, Any]:
        """An edit, with or without words."""
        before = self.shown(ref) if ref in self.events else {}
        row = {name: before.get(name) or "" for name in ("status", "owner", "urgency", "disposition")}
        row |= {name: str(value) for name, value in told.items() if name in row}
        row |= {"rule_id": ref, "reviewer": by, "comment": told.get("comment") or ""}
        self.edits.append({**row, "written": f"{self.clock().timestamp():.6f}"})
        return row

    def shown(self, ref: str) -> dict[str, Any]:
        """An event as the macro shows it."""
        event = {"status": "1", "owner": "unassigned", "disposition": "disposition:0", **self.events[ref]}
        mine = [one for one in self.edits if one["rule_id"] == ref]
        for row in mine[-1:]:
            event |= {name: row[name] for name in ("status", "owner", "urgency", "disposition", "reviewer")}
            event |= {"review_time": row["written"]}
        said = [one["comment"] for one in mine if one["comment"]]
        event |= {"comment": said[0] if len(said) == 1 else said} if said else {}
        event["status_label"] = STATUSES[event["status"]]
        return {**event, "status": ""} if ref in self.spoilt else event

    def _search(self, form: Mapping[str, str]) -> Response:
        query = form.get("search", "")
        if form.get("exec_mode") != "oneshot":
            return Response.of({"sid": "1700000000.1"}, 201)
        if asked := _EDITS.search(query):
            last = {one["rule_id"]: one["written"] for one in self.edits if float(one["written"]) >= float(asked[1])}
            rows = [{"rule_id": ref, "written": when} for ref, when in sorted(last.items(), key=lambda one: one[1])]
            return _results(rows[: int(asked[2])])
        if asked := _OF_ONE.search(query):
            mine = [one for one in self.edits if one["rule_id"] == asked[1]]
            return _results([{name: one[name] for name in ("written", "reviewer", "comment")} for one in mine])
        if asked := _NAMED.fullmatch(query):
            ids = re.findall(r'"([^"]+)"', asked[1])
            return _results([_table(self.shown(ref), asked[2]) for ref in reversed(self.events) if ref in ids])
        if asked := _NEW.fullmatch(query):
            since = int(form.get("index_earliest", "0"))
            rows = [self.shown(ref) for ref, one in self.events.items() if int(one["_indextime"]) >= since]
            rows.sort(key=lambda one: int(one["_indextime"]))
            return _results([_table(one, asked[2]) for one in rows[: int(asked[1])]])
        return Response.of({"results": [], "messages": [{"type": "FATAL", "text": f"Unknown search: {query}"}]})

    def _update(self, form: Mapping[str, str]) -> Response:
        if "edit_notable_events" not in self.capabilities:
            return _refused("Insufficient permissions")
        if not form.get("ruleUIDs"):
            return _refused("Need ruleUIDs or searchID")
        if form.get("newOwner", "unassigned") not in ("unassigned", *self.users):
            return Response.of("ValueError: Invalid owner value.")
        if form.get("status", "1") not in STATUSES:
            return _refused("Invalid status value")
        if form.get("disposition", DISPOSITIONS[0]) not in DISPOSITIONS:
            return _refused("Invalid disposition value")
        told = {name: form[name] for name in ("status", "urgency", "disposition", "comment") if name in form}
        if "newOwner" in form:
            told["owner"] = form["newOwner"]
        self.change(form["ruleUIDs"], told, ACCOUNT)
        return Response.of(
            {"success": True, "message": "1 event updated successfully", "success_count": 1, "failure_count": 0}
        )


def _table(row: Mapping[str, Any], names: str) -> dict[str, Any]:
    return {name: row[name] for name in names.split() if row.get(name) not in (None, "")}


def _results(rows: list[dict[str, Any]]) -> Response:
    return Response.of({"preview": False, "init_offset": 0, "messages": [], "fields": [], "results": rows})


def _entries(*entries: tuple[str, Mapping[str, Any]]) -> Response:
    return Response.of({"entry": [{"name": name, "content": dict(content)} for name, content in entries]})


def _refused(why: str) -> Response:
    return Response.of({"success": False, "message": why, "success_count": 0, "failure_count": 1})


if __name__ == "__main__":
    run(SplunkSimulator, "The notable events of Splunk Enterprise Security, simulated.")
