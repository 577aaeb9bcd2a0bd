"""What an incident's JSON means, and what a write must look like. Pure: every decision here is a value.

Facts used: PUT answers without `body`, so only GET answers are compared; `assignments` is emptied at resolution; a
resolved source of a merge names its target in `resolve_reason`; an acknowledged incident goes back to triggered when
it is escalated again, not by its status alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tieline.core.port import Body, Reading, Ref, Token, Version

TRIGGERED: Final = "triggered"
ACKNOWLEDGED: Final = "acknowledged"
RESOLVED: Final = "resolved"

ON_CREATE: Final = frozenset(
    {
        "title",
        "service",
        "priority",
        "urgency",
        "body",
        "assignments",
        "incident_type",
        "escalation_policy",
        "conference_bridge",
    }
)
ON_UPDATE: Final = frozenset(
    {
        "title",
        "service",
        "priority",
        "urgency",
        "status",
        "resolution",
        "assignments",
        "incident_type",
        "escalation_policy",
        "escalation_level",
        "conference_bridge",
    }
)

_MOVING: Final = frozenset(
    {
        "updated_at", "last_status_change_at", "pending_actions", "alert_counts", "alert_grouping", "occurrence",
        "log_entries", "html_url", "self",
    }
)  # fmt: skip
"""Members that move without anybody writing them: alerts pour in, the window of a grouping closes, how rare an incident
is is counted anew, an account gets another name. They must not make every write stale."""

MEANT: Final = ("title", "status", "urgency", "priority", "assignments")
"""What people and we change in an incident."""

_WITH_STATUS: Final = (
    "resolved_at",
    "acknowledgements",
    "last_status_change_at",
    "last_status_change_by",
    "updated_at",
)

_OTHERS: Final = frozenset({"priority", "user", "service", "team", "escalation_policy", "incident"})
"""Other things that an answer may hold as a whole."""

_UNTITLED: Final = frozenset({"id", "type"})


class Refusal(ValueError):
    """A write that PagerDuty has no way to take; the message says which part and why, and `members` name it."""

    def __init__(self, words: str, *members: str) -> None:
        super().__init__(words)
        self.members = members

    @property
    def refused(self) -> dict[str, str]:
        return dict.fromkeys(self.members, str(self))


def moment(text: Any) -> datetime | None:
    """An instant as PagerDuty writes it: with `Z` or an offset, with or without fractions."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def version_of(incident: Body) -> Version:
    """A hash of everything that means something. `updated_at` cannot serve: it counts whole seconds."""
    lasting = {name: _identity(value) for name, value in incident.items() if name not in _MOVING}
    text = json.dumps(lasting, sort_keys=True, separators=(",", ":"), default=str)
    return Version(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32])


def _identity(value: Any) -> Any:
    """Another thing is its id, told as a reference or whole: a user that is renamed, or a priority that is given
    another colour, does not change the incident."""
    if isinstance(value, Mapping):
        kind = str(value.get("type", ""))
        if value.get("id") and (kind.endswith("_reference") or kind in _OTHERS):
            return [value["id"], kind.removesuffix("_reference")]
        return {name: _identity(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_identity(inner) for inner in value]
    return value


def people_in(incident: Body) -> tuple[str, ...]:
    """The ids of the users it is assigned to or acknowledged by."""
    assigned = [entry.get("assignee") for entry in _entries(incident, "assignments")]
    acknowledged = [entry.get("acknowledger") for entry in _entries(incident, "acknowledgements")]
    found = [one for one in (*assigned, *acknowledged) if isinstance(one, Mapping) and one.get("id")]
    return tuple(dict.fromkeys(str(one["id"]) for one in found if "user" in str(one.get("type", "user"))))


def merged_into(incident: Body) -> Ref | None:
    """The incident that took this one's place."""
    reason = incident.get("resolve_reason")
    if not isinstance(reason, Mapping) or reason.get("type") != "merge_resolve_reason":
        return None
    target = reason.get("incident")
    return Ref(str(target["id"])) if isinstance(target, Mapping) and target.get("id") else None


def reading_of(incident: Body, at: datetime | None, people: Mapping[str, str], token: Token | None = None) -> Reading:
    """The reading of a GET answer that came at `at` by the tool's clock.

    A resolved incident is assigned to nobody, whoever worked on it; that says nothing of the incident, so the empty
    list is left out: the assignee of the other copies is not wiped by a resolution.
    """
    body = dict(incident)
    if body.get("status") == RESOLVED and not body.get("assignments"):
        body.pop("assignments", None)
    key = incident.get("incident_key")
    number = incident.get("incident_number")
    changer = incident.get("last_status_change_by")
    return Reading(
        ref=Ref(str(incident["id"])),
        version=version_of(incident),
        body=body,
        key=f"#{number}" if number is not None else "",
        url=str(incident.get("html_url") or ""),
        token=token or (Token(key) if isinstance(key, str) and key else None),
        age=_age(incident, at),
        people=people,
        merged_into=merged_into(incident),
        annotations={"status_changed_by": str(changer.get("summary") or "")} if isinstance(changer, Mapping) else {},
    )


def _age(incident: Body, at: datetime | None) -> timedelta | None:
    changed = [moment(incident.get(name)) for name in ("updated_at", "last_status_change_at", "created_at")]
    known = [one for one in changed if one is not None]
    return max(at - max(known), timedelta(0)) if at is not None and known else None


def _entries(incident: Body, name: str) -> list[Mapping[str, Any]]:
    return [entry for entry in incident.get(name) or [] if isinstance(entry, Mapping)]


def creation(body: Body, service: str, token: Token) -> tuple[dict[str, Any], dict[str, Any]]:
    """What POST takes, and what must follow by PUT because POST cannot. Raises Refusal."""
    _known(body, ON_CREATE | ON_UPDATE)
    first = {name: value for name, value in body.items() if name in ON_CREATE and value is not None}
    first.setdefault("service", reference(service, "service_reference"))
    if not first.get("assignments"):
        first.pop("assignments", None)
    first |= {"type": "incident", "incident_key": token}
    later = {name: body[name] for name in ("status", "resolution") if body.get(name) is not None}
    if later.get("status") in (None, TRIGGERED):
        later = {}
    return first, later


def change(before: Body, patch: Body) -> dict[str, Any]:
    """What PUT must carry so that `before` becomes what `patch` says; empty when it says so already. Raises Refusal."""
    if "body" in patch:
        words = "the description of an incident cannot be changed after its creation; write a note instead"
        raise Refusal(words, "body")
    _known(patch, ON_UPDATE)
    wanted = {name: value for name, value in patch.items() if not _same(name, value, before.get(name))}
    if "status" not in wanted and before.get("status") == patch.get("status"):
        wanted.pop("resolution", None)
    if "resolution" in wanted and wanted.get("status") != RESOLVED:
        raise Refusal("a `resolution` can be written only together with `status: resolved`", "resolution")
    if "assignments" in wanted and not wanted["assignments"]:
        words = "an open incident is always assigned to somebody; assign it to another person instead"
        raise Refusal(words, "assignments")
    unacknowledges = wanted.get("status") == TRIGGERED and before.get("status") == ACKNOWLEDGED
    if unacknowledges and not wanted.keys() & {"assignments", "escalation_policy"}:
        # The status alone is ignored; calling the first responders again is what takes an acknowledgement back.
        wanted["escalation_level"] = 1
    return wanted


def reopens(before: Body, change: Body) -> bool:
    """Whether a change opens an incident that is resolved."""
    return before.get("status") == RESOLVED and change.get("status") in (TRIGGERED, ACKNOWLEDGED)


def differing(one: Body, other: Body) -> frozenset[str]:
    """The members that mean something and say another thing in `one` than in `other`."""
    names = (name for name in MEANT if name in one and _meaning(name, one[name]) != _meaning(name, other.get(name)))
    # A resolved incident is assigned to nobody, whoever worked on it.
    gone = {"assignments"} if RESOLVED in (one.get("status"), other.get("status")) else set()
    return frozenset(names) - gone


def as_left(answer: Body, now: Body) -> Body:
    """The incident as the answer to a write shows it. `now` is a later look, of which an answer leaves members out."""
    left = {name: answer[name] for name in (*MEANT, *_WITH_STATUS) if name in answer}
    return {**now, **left}


def reference(identity: str, kind: str) -> dict[str, str]:
    return {"id": identity, "type": kind}


def assignees(value: Any) -> list[dict[str, Any]]:
    """Assignments as PUT and POST take them: references only."""
    entries = [entry["assignee"] for entry in value or [] if isinstance(entry, Mapping) and "assignee" in entry]
    return [{"assignee": reference(str(entry["id"]), "user_reference")} for entry in entries if entry.get("id")]


def for_users(identities: Sequence[str]) -> list[dict[str, Any]]:
    """Assignments to these users."""
    return [{"assignee": reference(identity, "user_reference")} for identity in identities]


def _known(body: Body, names: frozenset[str]) -> None:
    unknown = sorted(body.keys() - names - _UNTITLED)
    if unknown:
        words = f"PagerDuty takes no {', '.join(f'`{name}`' for name in unknown)}; take it out of the mapping"
        raise Refusal(words, *unknown)


def _same(name: str, wanted: Any, present: Any) -> bool:
    return name in _UNTITLED or (name != "resolution" and _meaning(name, wanted) == _meaning(name, present))


def _meaning(name: str, value: Any) -> Any:
    """What a member says: an id for a reference, the set of people for assignments."""
    if name == "assignments":
        return sorted(str(entry["assignee"]["id"]) for entry in assignees(value))
    if isinstance(value, Mapping) and value.get("id"):
        return str(value["id"])
    return value
