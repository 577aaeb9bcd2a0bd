"""An issue as a mapping reads and writes it, and as the API does. Pure.

What people see of an issue is its text and its labels. Our mark is a comment of HTML at the end of a text, which is not
shown; what GitHub has no member for is a label with a prefix. `status` is one word: an open issue is what its label
says, a closed one what its reason says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from tieline.core.marks import Marks, marked, parted
from tieline.core.port import Body, Reading, Ref, Token, Version

OPEN: Final = "open"
REASONS: Final = frozenset({"completed", "not_planned", "duplicate"})
LONGEST: Final = {"title": 256, "body": 65_536}
LONGEST_LABEL: Final = 50


def of_ours(row: Mapping[str, Any], account: str) -> tuple[str, Token | None]:
    """What an issue or a comment says, and our token. What somebody else wrote carries none, whatever it says."""
    text = row["body"]
    return parted(text) if author_of(row) == account.lower() else (text or "", None)


def author_of(row: Mapping[str, Any]) -> str:
    """Who wrote it, in lower case; "" where nobody is told."""
    return str((row.get("user") or {}).get("login") or "").lower()


def body_of(issue: Mapping[str, Any], marks: Marks, text: str) -> dict[str, Any]:
    """What a mapping reads. Raises ValueError, KeyError or TypeError for an issue that is none."""
    labels = [_label(one) for one in issue["labels"]]
    told = marks.told(labels)
    assignees = [str(one["login"]) for one in issue["assignees"]]
    if not isinstance(issue["title"], str) or issue["state"] not in ("open", "closed"):
        raise ValueError("it has no title, or a state that is none")
    closed = issue["state"] == "closed"
    return {
        "title": issue["title"],
        "body": text or None,
        "status": str(issue.get("state_reason") or "completed") if closed else told.get("status") or OPEN,
        "severity": told.get("severity"),
        "priority": told.get("priority"),
        "labels": marks.free(labels),
        "assignee": assignees[0] if assignees else None,
        "reporter": (issue.get("user") or {}).get("login"),
        "created_at": issue["created_at"],
        "closed_at": issue.get("closed_at"),
    }


def sent(patch: Body, before: Body, marks: Marks, token: Token | None) -> dict[str, Any]:
    """What the API takes for a patch of an issue that is as `before`, without its state."""
    said: dict[str, Any] = {}
    if "title" in patch:
        said["title"] = patch["title"]
    if "body" in patch:
        text = str(patch["body"] or "")
        said["body"] = marked(text, token) if token is not None else text
    if "assignee" in patch:
        said["assignees"] = [patch["assignee"]] if patch["assignee"] else []
    after = {**before, **patch}
    if any(patch.get(name) != before.get(name) for name in patch.keys() & {"labels", "severity", "priority", "status"}):
        status = str(after.get("status") or OPEN)
        told = {
            "status": None if status == OPEN or status in REASONS else status,
            "severity": after.get("severity"),
            "priority": after.get("priority"),
        }
        said["labels"] = marks.written(list(after.get("labels") or ()), told)
    return said


def state_of(status: str, before: str) -> dict[str, Any]:
    """What the API takes for a status, where it opens or closes the issue, or gives another reason."""
    closes, was_closed = status in REASONS, before in REASONS
    if closes:
        return {"state": "closed", "state_reason": status} if status != before else {}
    return {"state": "open", "state_reason": "reopened"} if was_closed else {}


def reading_of(
    issue: Mapping[str, Any], marks: Marks, at: datetime, people: Mapping[str, str], account: str
) -> Reading:
    """An issue as it stood at this time of the tool's; `account` is ours. Raises as `body_of`."""
    number = issue["number"]
    if not isinstance(number, int) or isinstance(number, bool):
        raise ValueError("it has no number")
    text, token = of_ours(issue, account)
    body, changed = body_of(issue, marks, text), moment(issue["updated_at"])
    shown = [body, changed.isoformat(), issue.get("comments")]
    return Reading(
        ref=Ref(str(number)),
        version=Version(hashlib.sha256(orjson.dumps(shown)).hexdigest()[:32]),
        body=body,
        key=f"#{number}",
        url=str(issue.get("html_url") or ""),
        token=token,
        age=max(at - changed, timedelta(0)),
        people={
            shown: address
            for address, login in people.items()
            for shown in (body["assignee"], body["reporter"])
            if shown is not None and shown.lower() == login.lower()
        },
    )


def moment(text: object) -> datetime:
    """A time of the API's. Raises ValueError."""
    found = datetime.fromisoformat(str(text))
    if found.tzinfo is None:
        raise ValueError(f"{text!r:.40} has no time zone")
    return found


def named(issue: Mapping[str, Any]) -> tuple[Ref | None, str]:
    """What an odd issue still says of itself."""
    number = issue.get("number")
    sound = isinstance(number, int) and not isinstance(number, bool)
    return (Ref(str(number)), f"#{number}") if sound else (None, "")


def _label(one: object) -> str:
    return str(one["name"]) if isinstance(one, Mapping) else str(one)
