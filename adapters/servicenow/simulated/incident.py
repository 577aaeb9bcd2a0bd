"""What an instance does to an incident that somebody saves: rules, policies, computed fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tieline.adapters.servicenow.simulated.query import Row

Rule = Callable[[Row, Row, Callable[[str], str]], None]
"""A business rule that runs before the save: the row as it will be, as it was (empty on insert), and group ids."""


class Refused(Exception):
    """The save was aborted; 403 with these words."""

    def __init__(self, detail: str, message: str = "Operation Failed") -> None:
        super().__init__(detail)
        self.message = message
        self.detail = detail


def assign_group(row: Row, before: Row, group_id: Callable[[str], str]) -> None:
    """A business rule: nobody's incident belongs to the service desk."""
    if not row["assignment_group"] and not before:
        row["assignment_group"] = group_id("Service Desk")


def normalise_title(row: Row, _before: Row, _group_id: Callable[[str], str]) -> None:
    """A business rule: titles are tidy."""
    row["short_description"] = " ".join(row["short_description"].split()).capitalize()


RULES: Mapping[str, Rule] = {"assign_group": assign_group, "normalise_title": normalise_title}


def settle(
    row: Row, before: Row, now: str, user_id: str, matrix: Mapping[tuple[str, str], str], *, data_policy: bool
) -> None:
    """Bring a changed incident in order, or raise Refused. `before` is empty on insert."""
    old, new = before.get("state", ""), row["state"]
    if old == "7" and new != "7":
        rule = f"Closed incidents stay closed^{row['sys_id']}"
        raise Refused(f"Operation against file 'incident' was aborted by Business Rule '{rule}'")
    if data_policy and new in ("6", "7"):
        demand(row, {"close_code": "Resolution code", "close_notes": "Resolution notes"})
    row["priority"] = matrix.get((row["impact"], row["urgency"]), "5")
    row["incident_state"] = new
    row["active"] = "false" if new in ("7", "8") else "true"
    if new != old:
        _move(row, old, new, now, user_id)


def _move(row: Row, old: str, new: str, now: str, user_id: str) -> None:
    if old == "3":
        row["hold_reason"] = ""
    if new == "6":
        row["resolved_at"], row["resolved_by"] = now, user_id
    if new in ("7", "8"):
        row["closed_at"], row["closed_by"] = now, user_id
    if old == "6" and new in ("1", "2", "3"):
        row["resolved_at"] = row["resolved_by"] = ""
        row["reopen_count"] = str(int(row["reopen_count"] or 0) + 1)
        row["reopened_time"], row["reopened_by"] = now, user_id


def demand(row: Row, labels: Mapping[str, str]) -> None:
    """What a data policy makes mandatory, by column and label. Raises Refused."""
    missing = [label for name, label in labels.items() if not row[name]]
    if missing:
        raise Refused(f"Data Policy Exception: The following fields are mandatory: {', '.join(missing)}")
