"""An incident of Sentinel as a mapping reads and writes it, and as the API does. Pure.

A write replaces the whole of an incident, so it is made of what was read and what is to change. What Sentinel has no
word for is told by a label beside the nearest word; where a person has set another word since, that one counts. Closing
takes a classification, and for three of the four its reason: both are one member here.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from tieline.core.entra import GUID, moment
from tieline.core.marks import Marks
from tieline.core.port import Body, Reading, Ref, Token, Version

NEAREST: Final[Mapping[str, Mapping[str, str]]] = {
    "status": {"on hold": "Active", "resolved": "Closed", "closed": "Closed"},
    "severity": {"critical": "High"},
}
"""What Sentinel says for our words that it has none for. `closed` tells one that was closed without a finding from one
that was called off."""
SEVERITIES: Final = ("High", "Medium", "Low", "Informational")
UNDETERMINED: Final = "Undetermined"
"""A status of ours: closed, and nothing was found out."""
STATUSES: Final = ("New", "Active", "Closed", UNDETERMINED)
CLASSIFICATIONS: Final = frozenset(
    {
        "TruePositive/SuspiciousActivity",
        "BenignPositive/SuspiciousButExpected",
        "FalsePositive/IncorrectAlertLogic",
        "FalsePositive/InaccurateData",
        UNDETERMINED,
    }
)
LABEL_OF_OURS: Final = "tieline:"
LONGEST: Final = {"description": 5_000, "classificationComment": 5_000}
LONGEST_COMMENT: Final = 30_000

_SPACE: Final = uuid.UUID("3f6d9f5e-4f0f-5a43-9c8e-6b0a9d1b7a52")


def ref_of(token: Token) -> Ref:
    """The name of an incident, or of a comment, that is made with this token."""
    return Ref(str(uuid.uuid5(_SPACE, token)))


def is_ref(text: str) -> bool:
    """Whether this can be a name."""
    return re.fullmatch(GUID, text) is not None and text == text.lower()


def is_closed(status: str) -> bool:
    """Whether a status of ours is of a closed incident."""
    return NEAREST["status"].get(status, status) in ("Closed", UNDETERMINED)


def body_of(told: Mapping[str, Any], marks: Marks) -> dict[str, Any]:
    """What a mapping reads, of `properties`. Raises ValueError, KeyError or TypeError for an incident that is none."""
    labels = [str(one["labelName"]) for one in told.get("labels") or []]
    if not isinstance(told["title"], str) or told["status"] not in STATUSES or told["severity"] not in SEVERITIES:
        raise ValueError("it has no title, or a status or severity that is none")
    said = marks.told(labels)
    classification = _classification(told)
    status = _word("status", told["status"], said)
    owner = told.get("owner") or {}
    return {
        "title": told["title"],
        "description": told.get("description") or None,
        "status": UNDETERMINED
        if status == "Closed" and classification == UNDETERMINED
        else _CLOSED.get(status, status),
        "severity": _word("severity", told["severity"], said),
        "classification": classification,
        "classificationComment": told.get("classificationComment") or None,
        "labels": [one for one in marks.free(labels) if not one.startswith(LABEL_OF_OURS)],
        "owner": str(owner["objectId"]).lower() if owner.get("objectId") else None,
        "createdTimeUtc": told.get("createdTimeUtc"),
        "firstActivityTimeUtc": told.get("firstActivityTimeUtc"),
    }


def born(token: Token) -> dict[str, Any]:
    """`properties` of an incident before anything is said of it but by whom it is made."""
    label = {"labelName": f"{LABEL_OF_OURS}{token}", "labelType": "User"}
    return {"title": "", "severity": "Medium", "status": "New", "labels": [label]}


def merged(told: Mapping[str, Any], patch: Body, marks: Marks) -> dict[str, Any]:
    """All of `properties` that a write sends: what was read, and the patch."""
    body = {**body_of(told, marks), **patch}
    said = {name: told[name] for name in _KEPT if told.get(name) is not None}
    said |= {"title": body["title"], "description": body["description"] or ""}
    status, severity = str(body["status"]), str(body["severity"])
    said["severity"] = NEAREST["severity"].get(severity, severity)
    said["status"] = "Closed" if is_closed(status) else NEAREST["status"].get(status, status)
    for name in _OF_CLOSING:
        said.pop(name, None)
    if is_closed(status):
        said |= _closing(status, body)
    if "owner" in patch:
        said["owner"] = dict.fromkeys(_OWNER) | {"objectId": body["owner"]}
    called_off = said.get("classification") == UNDETERMINED and status != UNDETERMINED
    words = {
        "status": "closed" if status == "Closed" and called_off else status if status in NEAREST["status"] else None,
        "severity": severity if severity in NEAREST["severity"] else None,
    }
    return {**said, "labels": _labels(told, marks.written(list(body["labels"]), words))}


def reading_of(incident: Mapping[str, Any], marks: Marks, at: datetime, people: Mapping[str, str]) -> Reading:
    """An incident as it stood at this time of the tool's. Raises as `body_of`."""
    told = incident["properties"]
    ref, body = Ref(str(incident["name"]).lower()), body_of(incident["properties"], marks)
    changed = moment(told["lastModifiedTimeUtc"])
    if not is_ref(ref):
        raise ValueError("its name is no GUID")
    number = told.get("incidentNumber")
    return Reading(
        ref=ref,
        version=Version(str(incident["etag"])),
        body=body,
        key=f"#{number}" if number is not None else "",
        url=str(told.get("incidentUrl") or ""),
        token=_token(told, ref),
        age=max(at - changed, timedelta(0)),
        people=_people(told.get("owner") or {}, people),
    )


def named(incident: Mapping[str, Any]) -> tuple[Ref | None, str]:
    """What an odd incident still says of itself."""
    name = str(incident.get("name") or "").lower()
    told = incident.get("properties")
    number = told.get("incidentNumber") if isinstance(told, Mapping) else None
    return Ref(name) if is_ref(name) else None, f"#{number}" if number is not None else name


_KEPT: Final = ("owner", "firstActivityTimeUtc", "lastActivityTimeUtc")
"""What a write has to repeat, for what it leaves out is lost."""
_CLOSED: Final = {"closed": "Closed"}
_OF_CLOSING: Final = ("classification", "classificationReason", "classificationComment")
_OWNER: Final = ("objectId", "email", "assignedTo", "userPrincipalName")


def _word(member: str, native: str, said: Mapping[str, str | None]) -> str:
    """Our word for what stands there: the label's, as long as the native word is still the one beside it."""
    word = said.get(member)
    return word if word is not None and NEAREST[member].get(word) == native else native


def _classification(told: Mapping[str, Any]) -> str | None:
    given = told.get("classification")
    if not given:
        return None
    reason = told.get("classificationReason")
    return f"{given}/{reason}" if reason else str(given)


def _closing(status: str, body: Body) -> dict[str, str]:
    """What is told of an incident that is closed, and of no other."""
    given = UNDETERMINED if status == UNDETERMINED else str(body["classification"] or UNDETERMINED)
    told = dict(zip(_OF_CLOSING, (*given.partition("/")[::2], body["classificationComment"]), strict=True))
    return {name: value for name, value in told.items() if value}


def _labels(told: Mapping[str, Any], names: list[str]) -> list[dict[str, str]]:
    """Labels as they are sent: those of these names, what rules have set, and our token."""
    before = {str(one["labelName"]): str(one.get("labelType") or "User") for one in told.get("labels") or []}
    kept = [name for name, kind in before.items() if kind != "User" or name.startswith(LABEL_OF_OURS)]
    return [{"labelName": one, "labelType": before.get(one, "User")} for one in dict.fromkeys([*kept, *names])]


def _token(told: Mapping[str, Any], ref: Ref) -> Token | None:
    """Our token: the label that says it is ours, where the name was made of it."""
    for one in told.get("labels") or []:
        token = Token(str(one["labelName"]).removeprefix(LABEL_OF_OURS))
        if token != one["labelName"] and ref_of(token) == ref:
            return token
    return None


def _people(owner: Mapping[str, Any], people: Mapping[str, str]) -> dict[str, str]:
    person = str(owner.get("objectId") or "").lower()
    if not person:
        return {}
    known = next((address for address, one in people.items() if one == person), None)
    address = known or str(owner.get("email") or owner.get("userPrincipalName") or "").lower()
    return {person: address} if "@" in address else {}
