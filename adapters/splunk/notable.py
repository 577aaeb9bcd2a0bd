"""A notable event as a mapping reads and writes it, and as searches and `notable_update` do. Pure.

Every value of a result is a text, or a list of texts. What was done about an event stands apart from it, one row for
each edit (`incident_review`): what the event tells of that is the last of them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from tieline.core.marks import parted
from tieline.core.model import Audience
from tieline.core.port import Body, Reading, Ref, RemoteComment, Version

WRITES: Final = {"status": "status", "urgency": "urgency", "owner": "newOwner", "disposition": "disposition"}
"""What `notable_update` calls each member of a body that it changes."""
URGENCIES: Final = ("critical", "high", "medium", "low", "informational")
NOBODY: Final = "unassigned"
NO_DISPOSITION: Final = "disposition:0"
LONGEST_COMMENT: Final = 5_000
FIELDS: Final = (
    *("event_id", "_indextime", "review_time", "rule_title", "rule_description", "search_name", "security_domain"),
    *("status", "urgency", "owner", "disposition", "reviewer", "src", "dest", "user", "host"),
)
"""What is asked of an event: the rest of it is the evidence, which stays where it is."""
_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}@@notable@@[0-9A-Za-z]{1,64}")
_SECONDS: Final = re.compile(r"[0-9]{1,11}(\.[0-9]{1,9})?")


def is_ref(text: str) -> bool:
    """Whether this can be the id of a notable event; no other stands in a search."""
    return _ID.fullmatch(text) is not None


def body_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a mapping reads. Raises ValueError or KeyError for an event that is none."""
    title, status = as_text(row.get("rule_title")) or as_text(row.get("search_name")), as_text(row["status"])
    if not title or not status.isdecimal():
        raise ValueError("it has no title, or a status that is no number")
    owner, disposition = as_text(row.get("owner")), as_text(row.get("disposition"))
    return {
        "title": title,
        "description": as_text(row.get("rule_description")) or None,
        "status": status,
        "urgency": as_text(row.get("urgency")) or "unknown",
        "owner": None if owner in ("", NOBODY) else owner,
        "disposition": None if disposition in ("", NO_DISPOSITION) else disposition,
        "security_domain": as_text(row.get("security_domain")) or None,
        "src": as_text(row.get("src")) or None,
        "dest": as_text(row.get("dest")) or None,
        "user": as_text(row.get("user")) or None,
        "host": as_text(row.get("host")) or None,
        "indexed_at": moment(row["_indextime"]).isoformat(),
    }


def sent(ref: Ref, patch: Body) -> dict[str, str]:
    """The form that `notable_update` takes."""
    said = {WRITES[name]: patch[name] for name in patch.keys() & WRITES.keys()}
    if "newOwner" in said:
        said["newOwner"] = said["newOwner"] or NOBODY
    if "disposition" in said:
        said["disposition"] = said["disposition"] or NO_DISPOSITION
    return {"ruleUIDs": ref, **{name: str(value) for name, value in said.items()}}


def reading_of(row: Mapping[str, Any], at: datetime, people: Mapping[str, str], web: str | None) -> Reading:
    """An event as it stood at this time of Splunk's; `people` is user name to address, "" of whoever has none.
    Raises as `body_of`."""
    ref, body = Ref(as_text(row["event_id"])), body_of(row)
    if not is_ref(ref):
        raise ValueError("its event_id is none")
    changed = changed_at(row)
    shown = [body, changed.isoformat(), as_text(row.get("reviewer"))]
    owner = str(body["owner"] or "")
    return Reading(
        ref=ref,
        version=Version(hashlib.sha256(orjson.dumps(shown)).hexdigest()[:32]),
        body=body,
        key=ref.rpartition("@@")[2][:12],
        url=f"{web}/app/SplunkEnterpriseSecuritySuite/incident_review?form.event_id_form={ref}" if web else "",
        age=max(at - changed, timedelta(0)),
        people={owner: people[owner]} if people.get(owner) else {},
    )


def comments_of(rows: Sequence[Mapping[str, Any]], account: str) -> list[RemoteComment]:
    """What was said with the edits of an event. They have no ids: each is called by who said what, and when. What
    carries our mark is ours where our own account wrote it. Raises as `body_of`."""
    found = []
    for row in rows:
        said, by, written = as_text(row["comment"]), as_text(row.get("reviewer")), moment(row["written"])
        text, token = parted(said)
        ours = token is not None and by == account
        found.append(
            RemoteComment(
                id=hashlib.sha256(orjson.dumps([by, written.isoformat(), said])).hexdigest()[:32],
                body=text if ours else said,
                author=by,
                created_at=written,
                audience=Audience.STAFF,
                ours=by == account,
                token=token if ours else None,
            )
        )
    return found


def changed_at(row: Mapping[str, Any]) -> datetime:
    """When an event came, or was last edited. Raises ValueError or KeyError."""
    edited = as_text(row.get("review_time"))
    return max(moment(row["_indextime"]), moment(edited)) if edited else moment(row["_indextime"])


def named(row: Mapping[str, Any]) -> tuple[Ref | None, str]:
    """What an odd event still says of itself."""
    ref = as_text(row.get("event_id"))
    return (Ref(ref), ref.rpartition("@@")[2][:12]) if is_ref(ref) else (None, ref[:40])


def as_text(value: object) -> str:
    """A value as one text: of several, all of them."""
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return "" if value is None else str(value)


def moment(seconds: object) -> datetime:
    """A time in seconds since 1970. Raises ValueError."""
    text = as_text(seconds)
    if not _SECONDS.fullmatch(text):
        raise ValueError(f"{text!r:.40} are no seconds since 1970")
    return datetime.fromtimestamp(float(text), UTC)
