"""An incident of Defender XDR as a mapping reads and writes it, and as Graph does. Pure.

Defender writes some of its words in one case and some in another, so they are compared in lower case. What it has no
word for is told by a tag beside the nearest word; where a person has set another word since, that one counts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from tieline.core.entra import moment
from tieline.core.marks import Marks, parted
from tieline.core.model import Audience
from tieline.core.port import Body, Reading, Ref, RemoteComment, Version

NEAREST: Final = {"on hold": "inProgress", "closed": "resolved", "cancelled": "resolved"}
"""What Defender says for our words that it has none for."""
STATUSES: Final = ("active", "inProgress", "awaitingAction", "resolved")
MERGED: Final = "redirected"
CLASSIFICATIONS: Final = ("unknown", "truePositive", "informationalExpectedActivity", "falsePositive")
OTHER: Final = "other"
"""The determination that goes with each classification."""
LONGEST_COMMENT: Final = 1_000
_NUMBER: Final = re.compile(r"[0-9]{1,18}")


def is_ref(text: str) -> bool:
    """Whether this can be the id of an incident."""
    return _NUMBER.fullmatch(text) is not None


def body_of(told: Mapping[str, Any], marks: Marks) -> dict[str, Any]:
    """What a mapping reads. Raises ValueError, KeyError or TypeError for an incident that is none."""
    tags = [str(one) for one in told.get("customTags") or []]
    status = _known(told["status"], (*STATUSES, MERGED))
    if status is None or not isinstance(told["displayName"], str):
        raise ValueError("it has no name, or a status that is none")
    word = marks.told(tags).get("status")
    return {
        "displayName": told["displayName"],
        "description": told.get("description") or None,
        "status": word if word is not None and NEAREST.get(word) == status else status,
        "severity": str(told.get("severity") or "unknown").lower(),
        "classification": _known(told.get("classification"), CLASSIFICATIONS) or "unknown",
        "determination": told.get("determination"),
        "customTags": marks.free(tags),
        "assignedTo": told.get("assignedTo") or None,
        "createdDateTime": told.get("createdDateTime"),
    }


def sent(patch: Body, before: Body, marks: Marks) -> dict[str, Any]:
    """What Graph takes for a patch of an incident that is as `before`."""
    said = {name: patch[name] for name in ("assignedTo", "classification") if name in patch}
    if said.get("classification", before["classification"]) != before["classification"]:
        said["determination"] = OTHER if said["classification"] != "unknown" else "unknown"
    status = str(patch.get("status", before["status"]))
    if "status" in patch and NEAREST.get(status, status) != NEAREST.get(str(before["status"]), before["status"]):
        said["status"] = NEAREST.get(status, status)
    if {"status", "customTags"} & patch.keys():
        tags = list(patch.get("customTags", before["customTags"]) or ())
        said["customTags"] = marks.written(tags, {"status": status if status in NEAREST else None})
    return said


def reading_of(told: Mapping[str, Any], marks: Marks, at: datetime, people: Mapping[str, str], author: str) -> Reading:
    """An incident as it stood at this time of Graph's. Raises as `body_of`."""
    ref, body = Ref(str(told["id"])), body_of(told, marks)
    if not is_ref(ref):
        raise ValueError("its id is no number")
    changed, comments = moment(told["lastUpdateDateTime"]), told.get("comments")
    elsewhere = told.get("redirectIncidentId")
    person = str(body["assignedTo"] or "")
    address = next((one for one, name in people.items() if name == person.lower()), person.lower())
    shown = [body, changed.isoformat(), comments]
    return Reading(
        ref=ref,
        version=Version(hashlib.sha256(orjson.dumps(shown)).hexdigest()[:32]),
        body=body,
        key=f"#{ref}",
        url=str(told.get("incidentWebUrl") or ""),
        age=max(at - changed, timedelta(0)),
        people={person: address} if "@" in address else {},
        comments=None if comments is None else tuple(comments_of(comments, author)),
        merged_into=Ref(str(elsewhere)) if elsewhere else None,
    )


def comments_of(rows: list[Mapping[str, Any]], author: str) -> list[RemoteComment]:
    """The comments of an incident. They have no ids: each is called by who wrote what, and when. What carries our mark
    is ours where our application wrote it, and nobody's who copied it. Raises as `body_of`."""
    found = []
    for row in rows:
        by = str(row.get("createdByDisplayName") or row.get("createdBy") or "")
        said, written = str(row["comment"]), moment(row["createdDateTime"])
        text, token = parted(said)
        ours = token is not None and by.lower() == author.lower()
        found.append(
            RemoteComment(
                id=hashlib.sha256(orjson.dumps([by, written.isoformat(), said])).hexdigest()[:32],
                body=text if ours else said,
                author=by,
                created_at=written,
                audience=Audience.STAFF,
                ours=ours,
                token=token if ours else None,
            )
        )
    return found


def named(told: Mapping[str, Any]) -> tuple[Ref | None, str]:
    """What an odd incident still says of itself."""
    ref = str(told.get("id") or "")
    return (Ref(ref), f"#{ref}") if is_ref(ref) else (None, "")


def _known(said: object, words: tuple[str, ...]) -> str | None:
    return next((word for word in words if word.lower() == str(said).lower()), None)
