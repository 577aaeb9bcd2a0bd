"""The simulated REST API v2: the routes that Tieline uses, with PagerDuty's limits and refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from tieline.adapters.pagerduty.simulated import shapes
from tieline.adapters.pagerduty.simulated.account import Account, Incident, Refusal, User
from tieline.adapters.testing.simulation import Request, Response

LONGEST_RANGE: Final = timedelta(days=184)
MONTH: Final = timedelta(days=30)
MOST_NOTES: Final = 2000
LONGEST_TITLE: Final = 1024

Row = dict[str, Any]


class Rest:
    """`ignores` are members that PUT takes without effect; `rule` edits an incident after each of our writes."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.ignores: set[str] = set()
        self.rule: Callable[[Incident], None] | None = None
        self.has_priorities = True
        self.zone: tzinfo = ZoneInfo("America/New_York")
        self.log_lag = timedelta(0)

    def answer(self, request: Request) -> Response:
        """Raises Refusal."""
        match (request.method, *request.path.strip("/").split("/")):
            case ("GET", "incidents"):
                return self._listed(request, "incidents", self._incidents(request), self._shown)
            case ("POST", "incidents"):
                return self._create(request)
            case ("GET", "incidents", identity):
                incident = self.account.incident(identity)
                body = ("include[]", "body") in request.pairs
                return Response.of({"incident": shapes.incident_json(self.account, incident, whole=True, body=body)})
            case ("PUT", "incidents", identity):
                return self._update(request, identity)
            case ("PUT", "incidents", identity, "merge"):
                return self._merge(request, identity)
            case ("GET", "incidents", identity, "notes"):
                notes = reversed(self.account.incident(identity).notes)
                return Response.of({"notes": [shapes.note_json(self.account, note, self.zone) for note in notes]})
            case ("PUT", "incidents", identity, "notes", note):
                return self._edited_note(request, identity, note)
            case ("POST", "incidents", identity, "notes"):
                return self._note(request, identity)
            case ("GET", "incidents", identity, "alerts"):
                incident = self.account.incident(identity)
                return self._listed(
                    request, "alerts", incident.alerts, lambda alert: shapes.alert_json(incident, alert)
                )
            case ("GET", "log_entries"):
                return self._log(request)
            case ("GET", "incidents", identity, "log_entries"):
                return self._log(request, self.account.incident(identity).id)
            case _:
                return self._directory(request)

    def _directory(self, request: Request) -> Response:
        match (request.method, *request.path.strip("/").split("/")):
            case ("GET", "users"):
                wanted = request.query.get("query", "").lower()
                users = [u for u in self.account.users if wanted in u.email.lower() or wanted in u.name.lower()]
                return self._listed(request, "users", users, shapes.user_json)
            case ("GET", "users", identity):
                user = self.account.user(identity)
                if user is None:
                    raise Refusal(404, 2100, "Not Found")
                return Response.of({"user": shapes.user_json(user)})
            case ("GET", "services"):
                return self._listed(request, "services", self.account.services, shapes.service_json)
            case ("GET", "services", identity):
                service = self.account.service(identity)
                if service is None:
                    raise Refusal(404, 2100, "Not Found")
                return Response.of({"service": shapes.service_json(service)})
            case ("GET", "priorities"):
                if not self.has_priorities:
                    raise Refusal(402, 2014, "Account does not have the abilities to perform the action.")
                listed = list(self.account.priorities)
                return self._listed(request, "priorities", listed, lambda one: shapes.priority_json(self.account, one))
            case _:
                raise Refusal(404, 2100, "Not Found")

    def _listed(self, request: Request, name: str, rows: Iterable[Any], shown: Callable[[Any], Row]) -> Response:
        limit, offset = _number(request, "limit", 25), _number(request, "offset", 0)
        limit = min(limit, 100)
        if offset + limit > 10_000:
            raise Refusal(400, 2001, "Invalid Input Provided", "Offset must be less than 10000")
        everything = list(rows)
        return Response.of(
            {
                name: [shown(row) for row in everything[offset : offset + limit]],
                "limit": limit,
                "offset": offset,
                "total": len(everything) if request.query.get("total") == "true" else None,
                "more": offset + limit < len(everything),
            }
        )

    def _shown(self, incident: Incident) -> Row:
        return shapes.incident_json(self.account, incident)

    def _incidents(self, request: Request) -> list[Incident]:
        found = list(self.account.incidents.values())
        query = request.query
        if query.get("date_range") != "all":
            now = self.account.now()
            since = self._time(query.get("since"), 2004) or now - MONTH
            until = self._time(query.get("until"), 2005) or now
            if until - since > LONGEST_RANGE:
                raise Refusal(400, 2004, "Invalid Input Provided", "Date range must be 6 months or less")
            found = [one for one in found if since <= one.created_at <= until]
        if "incident_key" in query:
            key = query["incident_key"]
            found = [one for one in found if one.key == key or any(alert.key == key for alert in one.alerts)]
        for name, member in (("statuses[]", "status"), ("urgencies[]", "urgency"), ("service_ids[]", "service")):
            wanted = [value for pair, value in request.pairs if pair == name]
            found = [one for one in found if not wanted or getattr(one, member) in wanted]
        oldest_first = query.get("sort_by", "created_at:desc").endswith("asc")
        return found if oldest_first else found[::-1]

    def _log(self, request: Request, incident: str | None = None) -> Response:
        since = self._time(request.query.get("since"), 2004)
        until = self._time(request.query.get("until"), 2005)
        zone = ZoneInfo(request.query["time_zone"]) if "time_zone" in request.query else self.zone
        shown_zone: tzinfo = UTC if str(zone) == "UTC" else zone
        # An incident's own log is complete at once; it is the account's that is published late.
        lag = timedelta(0) if incident else self.log_lag
        entries = self.account.entries(since, until, self.account.now() - lag)
        listed = [entry for entry in entries if incident in (None, entry.incident)]
        return self._listed(
            request, "log_entries", listed, lambda entry: shapes.entry_json(self.account, entry, shown_zone)
        )

    def _time(self, text: str | None, code: int) -> datetime | None:
        """A time without a zone is read in the account's."""
        if text is None:
            return None
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise Refusal(400, code, "Invalid Input Provided", f"{text} is no time") from None
        return at if at.tzinfo else at.replace(tzinfo=self.zone)

    def _requester(self, request: Request) -> User:
        email = request.headers.get("from", "")
        if not email:
            raise Refusal(400, 2001, "Invalid Input Provided", "From header is required")
        user = self.account.user_by_email(email)
        if user is None:
            raise Refusal(400, 1008, "Requester User Not Found")
        return user

    def _body(self, request: Request, name: str) -> Row:
        try:
            body = request.json()
        except ValueError:
            body = None
        inner = body.get(name) if isinstance(body, dict) else None
        if not isinstance(inner, dict):
            raise Refusal(400, 2001, "Invalid Input Provided", f"{name} is missing")
        return inner

    def _create(self, request: Request) -> Response:
        by = self._requester(request)
        wanted = self._body(request, "incident")
        service = self.account.service(str((wanted.get("service") or {}).get("id")))
        key = wanted.get("incident_key")
        errors = [*_title_errors(wanted.get("title")), *self._value_errors(wanted)]
        if service is None:
            errors.append("Service not found")
        taken = [one for one in self.account.incidents.values() if one.open and key and one.key == key]
        if service is not None and any(one.service == service.id for one in taken):
            errors.append("Open incident with matching dedup key already exists on this service")
        if errors or service is None:
            raise Refusal(400, 2001, "Invalid Input Provided", *errors)
        incident = self.account.open_incident(
            str(wanted["title"]),
            by.id,
            service=service.id,
            urgency=str(wanted.get("urgency") or "high"),
            key=str(key) if key else self.account.new_id("", 32).lower(),
            details=(wanted.get("body") or {}).get("details"),
            priority=self._priority(wanted.get("priority")),
            assignees=_users(wanted.get("assignments")),
        )
        self._apply_rule(incident)
        return Response.of({"incident": shapes.incident_json(self.account, incident, body=True)}, 201)

    def _update(self, request: Request, identity: str) -> Response:
        by = self._requester(request)
        incident = self.account.incident(identity)
        wanted = {name: value for name, value in self._body(request, "incident").items() if name not in self.ignores}
        errors = [*(_title_errors(wanted["title"]) if "title" in wanted else ()), *self._value_errors(wanted)]
        if "assignments" in wanted and not _users(wanted["assignments"]):
            errors.append("Assignments must not be empty")
        if "resolution" in wanted and wanted.get("status") != "resolved":
            errors.append("Resolution may only be given when resolving")
        if errors:
            raise Refusal(400, 2001, "Invalid Input Provided", *errors)
        self._set_status(incident, wanted, by.id)
        self._set_members(incident, wanted, by.id)
        self._apply_rule(incident)
        return Response.of({"incident": shapes.incident_json(self.account, incident)})

    def _set_status(self, incident: Incident, wanted: Row, by: str) -> None:
        match (incident.status, wanted.get("status")):
            case ("resolved", "resolved"):
                raise Refusal(400, 1001, "Incident Already Resolved")
            case ("resolved", "triggered" | "acknowledged" as status):
                self.account.reopen(incident, by, acknowledged=status == "acknowledged")
            case ("acknowledged", "acknowledged"):
                raise Refusal(400, 1002, "Incident Already Acknowledged")
            case ("triggered", "acknowledged"):
                self.account.acknowledge(incident, by)
            case (_, "resolved"):
                self.account.resolve(incident, by)
            case _:
                # `triggered` alone does not take an acknowledgement back; escalating again does.
                if incident.status == "acknowledged" and wanted.get("escalation_level"):
                    self.account.unacknowledge(incident, by)

    def _set_members(self, incident: Incident, wanted: Row, by: str) -> None:
        changed: Row = {}
        if wanted.get("title", incident.title) != incident.title:
            changed["title"] = wanted["title"]
        if wanted.get("urgency", incident.urgency) != incident.urgency:
            changed["urgency"] = wanted["urgency"]
        if "priority" in wanted and self._priority(wanted["priority"]) != incident.priority:
            changed["priority"] = self._priority(wanted["priority"])
        if "service" in wanted and wanted["service"].get("id") != incident.service:
            changed["service"] = wanted["service"]["id"]
        if "conference_bridge" in wanted:
            changed["conference_bridge"] = wanted["conference_bridge"]
        if changed:
            self.account.edit(incident, by, **changed)
        users = _users(wanted.get("assignments"))
        if users and users != tuple(user for user, _ in incident.assignees):
            if not incident.open:
                raise Refusal(400, 1001, "Incident Already Resolved")
            self.account.assign(incident, by, users)

    def _value_errors(self, wanted: Row) -> list[str]:
        errors = []
        if wanted.get("urgency") not in (None, "high", "low"):
            errors.append("Urgency must be high or low")
        if wanted.get("status") not in (None, "triggered", "acknowledged", "resolved"):
            errors.append("Status is not valid")
        if wanted.get("priority") is not None and not self.has_priorities:
            errors.append("Priority is not available to this account")
        elif wanted.get("priority") is not None and self._priority(wanted["priority"]) is None:
            errors.append("Priority not found")
        if any(self.account.user(user) is None for user in _users(wanted.get("assignments"))):
            errors.append("Assignee not found")
        return errors

    def _priority(self, value: Any) -> str | None:
        if isinstance(value, dict):
            return value["id"] if value.get("id") in self.account.priorities else None
        return self.account.priority_id(value)

    def _merge(self, request: Request, identity: str) -> Response:
        by = self._requester(request)
        target = self.account.incident(identity)
        try:
            sources = request.json()["source_incidents"]
        except (ValueError, KeyError, TypeError):
            raise Refusal(400, 2001, "Invalid Input Provided", "source_incidents is missing") from None
        for source in sources:
            self.account.merge(self.account.incident(str(source["id"])), target, by.id)
        return Response.of({"incident": shapes.incident_reference(target)})

    def _edited_note(self, request: Request, identity: str, number: str) -> Response:
        self._requester(request)
        incident = self.account.incident(identity)
        content = self._body(request, "note").get("content")
        if not isinstance(content, str) or not content.strip():
            raise Refusal(400, 2001, "Invalid Input Provided", "Content cannot be empty")
        note = next((one for one in incident.notes if one.id == number), None)
        if note is None:
            raise Refusal(404, 2100, "Not Found")
        note.content = content
        return Response.of({"note": shapes.note_json(self.account, note, self.zone)})

    def _note(self, request: Request, identity: str) -> Response:
        by = self._requester(request)
        incident = self.account.incident(identity)
        content = self._body(request, "note").get("content")
        if not isinstance(content, str) or not content.strip():
            raise Refusal(400, 2001, "Invalid Input Provided", "Content cannot be empty")
        if len(incident.notes) >= MOST_NOTES:
            raise Refusal(400, 2001, "Invalid Input Provided", "The incident has reached its limit of notes")
        note = self.account.note(incident, by.id, content)
        return Response.of({"note": shapes.note_json(self.account, note, self.zone)})

    def _apply_rule(self, incident: Incident) -> None:
        if self.rule is not None:
            self.rule(incident)


def _number(request: Request, name: str, default: int) -> int:
    try:
        number = int(request.query.get(name, default))
    except ValueError:
        number = -1
    if number < 0:
        raise Refusal(400, 2001, "Invalid Input Provided", f"{name} must be a number")
    return number


def _title_errors(title: Any) -> list[str]:
    if not isinstance(title, str) or not title.strip():
        return ["Title cannot be empty"]
    return [f"Title is too long (maximum is {LONGEST_TITLE} characters)"] if len(title) > LONGEST_TITLE else []


def _users(value: Any) -> tuple[str, ...]:
    return tuple(
        str(entry["assignee"]["id"]) for entry in value or () if isinstance(entry, dict) and "assignee" in entry
    )
