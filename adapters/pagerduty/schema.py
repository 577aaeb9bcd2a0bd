"""What the live account says of itself: proof that the connection can do its work, and the fields of an incident."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from urllib.parse import quote

from tieline.adapters.pagerduty.people import Priorities, Users
from tieline.adapters.pagerduty.settings import PagerDutySettings
from tieline.adapters.pagerduty.wire import Answer, Wire
from tieline.core.errors import Gone, NeedsOperator, Rejected
from tieline.core.looks import Looks
from tieline.core.port import Body, FieldFact, Health

NOBODY = "TIELINECHECK"
"""The id of no incident. A write to it tells whether the key may write, and changes nothing."""


def check(
    wire: Wire,
    settings: PagerDutySettings,
    users: Users,
    priorities: Priorities,
    now: Callable[[], datetime],
) -> Health:
    """Raises NeedsOperator with the sentence to act on, TryAgain when PagerDuty cannot be asked."""
    log = wire.get("/log_entries", {"limit": 1})
    looks = Looks(wire.connection)
    nothing: Body = {}
    looks.at(lambda: _user(wire, settings, users), None)
    looks.at(lambda: _owner(wire, settings), None)
    service = looks.at(lambda: _service(wire, settings), nothing)
    looks.at(lambda: _may_write(wire), None)
    looks.conclude()
    skew = log.at - now() if log.at is not None else None
    notes = (*_of_service(service), *_of_settings(settings, priorities))
    return Health(settings.from_email, "PagerDuty REST API v2", skew, notes)


def _user(wire: Wire, settings: PagerDutySettings, users: Users) -> None:
    if users.id_of(settings.from_email) is None:
        raise NeedsOperator(
            wire.connection,
            f"the account has no user {settings.from_email}; set `from_email` to one, best a user of Tieline's own.",
        )


def _owner(wire: Wire, settings: PagerDutySettings) -> None:
    """What is written with a user's key is written in that user's name, whatever `From` says: our own notes would not
    be known for ours. A key of the account has no user, and is refused here."""
    try:
        user = wire.get("/users/me").json.get("user")
    except (Gone, Rejected, NeedsOperator):
        return
    owner = str(user.get("email") or "").strip().lower() if isinstance(user, dict) else ""
    if owner and owner != settings.from_email:
        raise NeedsOperator(
            wire.connection,
            f"the key is one of the user {owner}, in whose name everything is written with it, and `from_email` is "
            f"{settings.from_email}; set `from_email` to {owner}, or use a key of the account.",
        )


def _service(wire: Wire, settings: PagerDutySettings) -> Body:
    path = f"/services/{quote(settings.service, safe='')}"
    try:
        service = wire.object_in(wire.get(path), "service", path)
    except Gone:
        raise NeedsOperator(
            wire.connection,
            f"the account has no service {settings.service}; set `service` to the last part of a service's address.",
        ) from None
    if service.get("status") == "disabled":
        raise NeedsOperator(
            wire.connection, f"the service {service.get('name')} is disabled and raises no incidents; enable it."
        )
    return service


def _may_write(wire: Wire) -> Answer | None:
    try:
        return wire.put(f"/incidents/{NOBODY}", {"incident": {"type": "incident_reference"}})
    except (Gone, Rejected):
        return None  # it looked for the incident: the key may write, and `from_email` was taken


def _of_service(service: Body) -> Iterator[str]:
    timeout = service.get("acknowledgement_timeout")
    if timeout:
        yield (
            f"{service.get('name')} takes acknowledgements back after {timeout} s: "
            "an incident in progress turns new again by itself"
        )
    if service.get("auto_resolve_timeout"):
        yield f"{service.get('name')} resolves incidents by itself after {service['auto_resolve_timeout']} s"
    if service.get("status") == "maintenance":
        yield f"{service.get('name')} is in maintenance: it raises no incidents now"


def _of_settings(settings: PagerDutySettings, priorities: Priorities) -> Iterator[str]:
    if not settings.webhook_secrets:
        yield "no `webhook_secrets`: changes are seen at the next poll, not at once"
    for secret in (*settings.webhook_secrets, *([settings.routing_key] if settings.routing_key else [])):
        try:
            secret.reveal()
        except LookupError as error:
            yield str(error)
    if not priorities.names():
        yield "the account has no priorities: incidents are made and updated without one"


def describe(wire: Wire, priorities: Priorities) -> Mapping[str, FieldFact]:
    """By the names that mappings use. People are too many to list. Asks anew, whatever was kept."""
    priorities.forget()
    names = priorities.names()
    services = {
        str(row["id"]): str(row.get("name") or row.get("summary") or "")
        for row in wire.rows("/services", "services", {})
        if row.get("id")
    }
    return {
        "title": FieldFact("title", writable=True, required=True, max_length=1024),
        "resolution": FieldFact("resolution", writable=True, required=False),
        "body.details": FieldFact("body.details", writable=True, required=False),
        "status": _choice("status", {one: one for one in ("triggered", "acknowledged", "resolved")}),
        "urgency": _choice("urgency", {"high": "high", "low": "low"}),
        "priority.id": _choice("priority.id", names, _PRIORITIES),
        "priority.summary": _choice("priority.summary", {name: name for name in names.values()}, _PRIORITIES),
        "service.id": _choice("service.id", services),
        "service.summary": FieldFact(
            "service.summary", writable=False, required=False, choices={one: one for one in services.values()} or None
        ),
        "assignments[0].assignee.id": FieldFact("assignments[0].assignee.id", writable=True, required=False),
        **{name: FieldFact(name, writable=False, required=False) for name in _READ_ONLY},
    }


_READ_ONLY = (
    "id",
    "incident_number",
    "incident_key",
    "html_url",
    "created_at",
    "updated_at",
    "resolved_at",
    "last_status_change_at",
    "teams[0].summary",
    "escalation_policy.summary",
)


_PRIORITIES = "give the account's priorities (Incident Priorities, in its settings) these names, or map `priority` away"


def _choice(name: str, choices: Mapping[str, str], advice: str = "") -> FieldFact:
    return FieldFact(name, writable=bool(choices), required=False, choices=dict(choices) or None, advice=advice)
