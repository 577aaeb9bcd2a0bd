"""Who did what to an incident, by its log: people, monitoring, or PagerDuty's own clock and rules. Pure.

The vendor's specification: an entry's agent is a user, a service or an integration; the channel of a service's entry is
`timeout` or `auto` where PagerDuty acted by itself, and `api`, `email` or `nagios` where monitoring did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tieline.core.port import Body

ITSELF: Final = frozenset({"timeout", "auto"})
CHANGES: Final[Mapping[str, str]] = {
    "trigger_log_entry": "status",
    "acknowledge_log_entry": "status",
    "unacknowledge_log_entry": "status",
    "resolve_log_entry": "status",
    "reopen_log_entry": "status",
    "assign_log_entry": "assignments",
    "escalate_log_entry": "assignments",
    "delegate_log_entry": "assignments",
    "urgency_change_log_entry": "urgency",
    "priority_change_log_entry": "priority",
}
"""The member of an incident that a kind of entry tells of."""

TEXTS: Final = ("title", "body")
"""The members that a kind of entry of its own tells of, which does not say which."""

EDITS: Final = frozenset({*CHANGES, "field_value_change_log_entry", "custom_field_value_change_log_entry"})


def agent_of(entry: Body) -> str:
    """The id of the user who acted; "" where it was no user."""
    agent = entry.get("agent")
    if not isinstance(agent, Mapping) or not str(agent.get("type", "")).startswith("user"):
        return ""
    return str(agent.get("id") or "")


def by_itself(entry: Body) -> bool:
    """Whether PagerDuty's own clock or rule acted. Unless a user does, only that takes an acknowledgement back."""
    if agent_of(entry) or entry.get("type") not in CHANGES:
        return False
    channel = entry.get("channel")
    kind = channel.get("type") if isinstance(channel, Mapping) else None
    return kind in ITSELF or entry.get("type") == "unacknowledge_log_entry"


def automatic(log: Sequence[Body], account: str | None = None) -> frozenset[str]:
    """The members whose present value PagerDuty set by itself, or because `account`, which is us, assigned the incident
    anew: that takes an acknowledgement back. `log` is the incident's, newest entry first."""
    newest: dict[str, Body] = {}
    for entry in _after_birth(log):
        newest.setdefault(CHANGES[str(entry["type"])], entry)
    return frozenset(name for name, entry in newest.items() if by_itself(entry) or _by_assigning(entry, account))


def _by_assigning(entry: Body, account: str | None) -> bool:
    return entry.get("type") == "unacknowledge_log_entry" and agent_of(entry) == (account or None)


def edited(log: Sequence[Body], account: str | None) -> frozenset[str] | None:
    """The members that a person but us has changed since the incident's birth; monitoring's doing counts as a
    person's. None where the log does not reach back to the birth."""
    birth = _birth(log)
    if birth is None:
        return None
    later = [entry for entry in log if entry.get("type") in EDITS and not _with_birth(entry, birth)]
    others = [entry for entry in later if not by_itself(entry) and agent_of(entry) != (account or None)]
    named = (CHANGES.get(str(entry["type"])) for entry in others)
    found = frozenset(member for name in named for member in ([name] if name is not None else TEXTS))
    return found - {"assignments"} if _is_assigned_as_at_birth(log, birth) else found


def _is_assigned_as_at_birth(log: Sequence[Body], birth: Body) -> bool:
    """Whether those whom the escalation policy had at the birth have it now, whoever had it in between: to assign them
    once more is how an acknowledgement is taken back."""
    told = [entry for entry in log if CHANGES.get(str(entry.get("type"))) == "assignments"]
    first = next((_assignees(entry) for entry in told if _with_birth(entry, birth)), frozenset())
    return bool(first) and first == _assignees(told[0])


def _assignees(entry: Body) -> frozenset[str]:
    told = [one for one in entry.get("assignees") or () if isinstance(one, Mapping)]
    return frozenset(str(one["id"]) for one in told if one.get("id"))


def last_by(log: Sequence[Body], account: str | None) -> bool:
    """Whether `account` made the newest entry that changes anything."""
    newest = next((entry for entry in log if entry.get("type") in EDITS), None)
    return newest is not None and agent_of(newest) == (account or None)


def assigned_last(log: Sequence[Body], account: str | None) -> tuple[str, ...]:
    """The users but `account` to whom an incident was assigned last."""
    newest = next((entry for entry in log if CHANGES.get(str(entry.get("type"))) == "assignments"), {})
    told = [one for one in newest.get("assignees") or () if isinstance(one, Mapping)]
    return tuple(str(one["id"]) for one in told if one.get("id") and one["id"] != account)


def changed_by_others(log: Sequence[Body], account: str | None, members: frozenset[str]) -> bool:
    """Whether a user who is not us was the last to change one of `members`."""
    newest: dict[str, Body] = {}
    for entry in log:
        if (name := CHANGES.get(str(entry.get("type")), "title")) in members and entry.get("type") in EDITS:
            newest.setdefault(name, entry)
    return any(agent_of(entry) not in ("", account) for entry in newest.values())


def _birth(log: Sequence[Body]) -> Body | None:
    return next((entry for entry in reversed(log) if entry.get("type") == "trigger_log_entry"), None)


def _after_birth(log: Sequence[Body]) -> Iterator[Body]:
    birth = _birth(log)
    yield from (entry for entry in log if entry.get("type") in CHANGES and not _with_birth(entry, birth))


def _with_birth(entry: Body, birth: Body | None) -> bool:
    """The escalation policy assigns a new incident in the same moment."""
    if birth is None:
        return False
    policy = CHANGES.get(str(entry.get("type"))) == "assignments" and not agent_of(entry)
    return entry is birth or (policy and entry.get("created_at") == birth.get("created_at"))


def may_be(incident: Body) -> bool:
    """Whether an incident looks as if PagerDuty had changed it by itself, so that its log is worth a call."""
    status, changer = incident.get("status"), incident.get("last_status_change_by")
    by_user = isinstance(changer, Mapping) and str(changer.get("type", "")).startswith("user")
    if status == "resolved":
        return not by_user
    if status == "triggered" and not by_user and incident.get("updated_at") != incident.get("created_at"):
        return True
    by_policy = incident.get("assigned_via") == "escalation_policy"
    return by_policy and any(at != incident.get("created_at") for at in _assigned_at(incident))


def assigned_anew_by(incident: Body) -> str:
    """The user who took an acknowledgement back, if it may have been by assigning the incident to others; else ""."""
    directly = incident.get("assigned_via") == "direct_assignment"
    later = incident.get("updated_at") != incident.get("created_at")
    if not directly or not later or incident.get("status") != "triggered":
        return ""
    return agent_of({"agent": incident.get("last_status_change_by")})


def _assigned_at(incident: Body) -> Iterator[Any]:
    for one in incident.get("assignments") or ():
        if isinstance(one, Mapping):
            yield one.get("at")
