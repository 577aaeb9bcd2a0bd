"""How the simulated account shows itself in JSON: the shapes of PagerDuty's REST API v2."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from tieline.adapters.pagerduty.simulated.account import (
    Account,
    Alert,
    Incident,
    LogEntry,
    Note,
    Service,
    User,
)

API = "https://api.pagerduty.com"
SITE = "https://acme.pagerduty.com"


def utc(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at is not None else None


def local(at: datetime, zone: tzinfo) -> str:
    """Log entries and notes are rendered in the account's zone unless another is asked for."""
    shown = at.astimezone(zone)
    return shown.strftime("%Y-%m-%dT%H:%M:%SZ") if zone is UTC else shown.isoformat(timespec="seconds")


def reference(kind: str, identity: str, summary: str, folder: str) -> dict[str, Any]:
    return {
        "id": identity,
        "type": f"{kind}_reference",
        "summary": summary,
        "self": f"{API}/{folder}/{identity}",
        "html_url": f"{SITE}/{folder}/{identity}",
    }


def user_reference(account: Account, identity: str | None) -> dict[str, Any]:
    if identity is None:
        service = account.services[0]
        return reference("service", service.id, service.name, "services")
    user = account.user(identity)
    return reference("user", identity, user.name if user else "Deleted user", "users")


def incident_reference(incident: Incident) -> dict[str, Any]:
    return reference("incident", incident.id, f"[#{incident.number}] {incident.title}", "incidents")


def priority_reference(account: Account, identity: str | None) -> dict[str, Any] | None:
    if identity is None or identity not in account.priorities:
        return None
    return reference("priority", identity, account.priorities[identity], "priorities")


def incident_json(account: Account, incident: Incident, *, whole: bool = False, body: bool = False) -> dict[str, Any]:
    """`whole` is the answer to a single GET; `body` comes only when asked for by `include[]=body`, and after POST."""
    service = account.service(incident.service)
    shown: dict[str, Any] = {
        **incident_reference(incident),
        "type": "incident",
        "incident_number": incident.number,
        "title": incident.title,
        "description": incident.title,
        "created_at": utc(incident.created_at),
        "updated_at": utc(incident.updated_at),
        "status": incident.status,
        "incident_key": incident.key,
        "service": reference("service", incident.service, service.name if service else "", "services"),
        "assignments": 7
        if incident.id in account.spoilt
        else [{"at": utc(at), "assignee": user_reference(account, user)} for user, at in incident.assignees],
        "assigned_via": "escalation_policy" if incident.by_policy else "direct_assignment",
        "last_status_change_at": utc(incident.status_at),
        "last_status_change_by": user_reference(account, incident.status_by),
        "resolved_at": utc(incident.resolved_at),
        "first_trigger_log_entry": _first_entry(account, incident),
        "alert_counts": {
            "all": len(incident.alerts),
            "triggered": sum(alert.status == "triggered" for alert in incident.alerts),
            "resolved": sum(alert.status == "resolved" for alert in incident.alerts),
        },
        "is_mergeable": incident.open,
        "incident_type": {"name": "incident_default"},
        "escalation_policy": reference("escalation_policy", "PEPOLIC", "Default", "escalation_policies"),
        "teams": [],
        "pending_actions": [],
        "acknowledgements": [
            {"at": utc(at), "acknowledger": user_reference(account, user)} for user, at in incident.acknowledgements
        ],
        "priority": priority_reference(account, incident.priority),
        "urgency": incident.urgency,
    }
    if whole:
        shown |= {
            "resolve_reason": _resolve_reason(account, incident),
            "conference_bridge": incident.conference_bridge,
            "incidents_responders": [],
            "responder_requests": [],
            "subscriber_requests": [],
            "alert_grouping": None,
            "occurrence": {"count": len(account.incidents), "since": utc(account.now() - timedelta(days=30))},
        }
    if body:
        shown["body"] = {"type": "incident_body", "details": incident.details}
    return shown


def _first_entry(account: Account, incident: Incident) -> dict[str, Any] | None:
    entry = next((entry for entry in account.log if entry.incident == incident.id), None)
    return reference("trigger_log_entry", entry.id, entry.summary, "log_entries") if entry else None


def _resolve_reason(account: Account, incident: Incident) -> dict[str, Any] | None:
    target = account.incidents.get(incident.merged_into or "")
    return {"type": "merge_resolve_reason", "incident": incident_reference(target)} if target else None


def entry_json(account: Account, entry: LogEntry, zone: tzinfo) -> dict[str, Any]:
    incident = account.incidents.get(entry.incident)
    service = account.service(entry.service)
    return {
        **reference("log_entry", entry.id, entry.summary, "log_entries"),
        "type": entry.type,
        "created_at": local(entry.at, zone),
        "agent": user_reference(account, entry.agent),
        "channel": {"type": entry.channel},
        "service": reference("service", entry.service, service.name if service else "", "services"),
        "incident": incident_reference(incident) if incident else None,
        "teams": [],
        "contexts": [],
        **({"assignees": [user_reference(account, one) for one in entry.assignees]} if entry.assignees else {}),
    }


def note_json(account: Account, note: Note, zone: tzinfo) -> dict[str, Any]:
    return {
        "id": note.id,
        "user": user_reference(account, note.user),
        "channel": {"summary": "The PagerDuty website or APIs"},
        "content": note.content,
        "created_at": local(note.at, zone),
        "updated_at": local(note.at, zone),
    }


def alert_json(incident: Incident, alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "type": "alert",
        "summary": alert.summary,
        "status": alert.status,
        "alert_key": alert.key,
        "created_at": utc(alert.at),
        "severity": "critical",
        "suppressed": False,
        "incident": incident_reference(incident),
    }


def user_json(user: User) -> dict[str, Any]:
    return {
        **reference("user", user.id, user.name, "users"),
        "type": "user",
        "name": user.name,
        "email": user.email,
        "time_zone": "Europe/Berlin",
        "role": "user",
        "contact_methods": [],
        "notification_rules": [],
        "teams": [],
    }


def service_json(service: Service) -> dict[str, Any]:
    return {
        **reference("service", service.id, service.name, "services"),
        "type": "service",
        "name": service.name,
        "status": service.status,
        "acknowledgement_timeout": service.acknowledgement_timeout,
        "auto_resolve_timeout": service.auto_resolve_timeout,
        "alert_creation": "create_alerts_and_incidents",
        "escalation_policy": reference(
            "escalation_policy", service.escalation_policy, "Default", "escalation_policies"
        ),
        "teams": [],
    }


def priority_json(account: Account, identity: str) -> dict[str, Any]:
    name = account.priorities[identity]
    return {**reference("priority", identity, name, "priorities"), "type": "priority", "name": name}
