"""A ticket as mappings see it, and a patch as REST2 takes it. Pure.

REST2 answers with custom fields as a list and takes them by name: here they are by name, each with the list of its
values. Dates that are not set are in 1970, nobody is called Nobody, and what is not text is told by a link.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from tieline.adapters.rt.markup import text_in
from tieline.core.port import Body

UNSET: Final = "1970-01-01T00:00:00Z"
NOBODY: Final = "Nobody"
SYSTEM: Final = "RT_System"
"""The user whose doing is that of Scrips and jobs of the server."""
LONGEST_SUBJECT: Final = 200
LONGEST_MESSAGE: Final = 2_000_000
"""Bytes of a message that is brought whole."""
TOGETHER: Final = 50
"""Messages that are asked for at once: each stands in the query."""
FIELDS: Final = "CustomFields"
_DATES: Final = ("Due", "Starts", "Started", "Resolved", "Told")
_SAID_WITH: Final = frozenset({"Comment", "Correspond"})


@dataclass(frozen=True, slots=True)
class Doing:
    """One transaction: who did what to which member (a column's name, or the number of a custom field)."""

    number: int
    kind: str
    who: str
    member: str
    old: str
    new: str

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Doing:
        """Raises KeyError and ValueError for one that is none."""
        member, old, new = (str(told.get(name) or "") for name in ("Field", "OldValue", "NewValue"))
        return cls(int(told["id"]), str(told["Type"]), user_in(told["Creator"]), member, old, new)


def user_in(told: Any) -> str:
    """The name of a user that an answer refers to. Raises ValueError."""
    name = told.get("id") if isinstance(told, dict) else None
    if not isinstance(name, str) or not name:
        raise ValueError(f"{told!r:.80} is no user")
    return name


def moment(text: str) -> datetime:
    """A stamp of the server. Raises ValueError for one that is none, and for one that is not set."""
    found = datetime.fromisoformat(text)
    if text == UNSET or found.tzinfo is None:
        raise ValueError(f"{text!r:.80} is no time")
    return found.astimezone(UTC)


def body_of(told: Mapping[str, Any], first: str | None) -> dict[str, Any]:
    """A ticket for a mapping; `first` is its first message. Raises KeyError and ValueError for an odd one."""
    body = {name: value for name, value in told.items() if not name.startswith("_")}
    body |= {name: None for name in _DATES if told.get(name) in (UNSET, "")}
    body[FIELDS] = {
        str(one["name"]): [value for value in one.get("values") or () if value is not None]
        for one in told.get(FIELDS) or ()
    }
    owner = user_in(told["Owner"])
    for name in ("Subject", "Status"):
        if not isinstance(told[name], str):
            raise ValueError(f"its {name} is {told[name]!r:.80}")
    return body | {"id": str(told["id"]), "Owner": None if owner == NOBODY else {"id": owner}, "Content": first}


def people_in(told: Mapping[str, Any]) -> dict[str, str]:
    """The addresses of those whom a ticket names, by their names."""
    users = [told.get(name) for name in ("Owner", "Creator", "LastUpdatedBy")]
    found = {one["id"]: str(one.get("EmailAddress") or "") for one in users if isinstance(one, dict) and "id" in one}
    return {name: email.strip().lower() for name, email in found.items() if "@" in email}


def words(patch: Body) -> dict[str, Any]:
    """What REST2 takes for a patch: it passes over a null, except for custom fields."""
    told = dict(patch)
    if "Owner" in told:
        owner = told["Owner"]
        told["Owner"] = (owner.get("id") if isinstance(owner, Mapping) else owner) or NOBODY
    for name in _DATES:
        if name in told:
            told[name] = told[name] or UNSET
    if "Subject" in told:
        told["Subject"] = told["Subject"] or ""
    if FIELDS in told:
        told[FIELDS] = {name: _value(given) for name, given in (told[FIELDS] or {}).items()}
    return told


def _value(given: Any) -> Any:
    """A field that takes one value is cleared by null, one that takes several by no values."""
    if not isinstance(given, list):
        return given
    held = [str(one) for one in given if one is not None]
    return held if held or not given else None


def refused(patch: Body, body: Body, changed: frozenset[str], said: str) -> dict[str, str]:
    """The members of a patch that the ticket does not show although nobody came between, and that no transaction of
    ours touched: by the paths of mappings, each with what the server said. RT answers 200, and does the rest."""
    return {
        path: said or "Request Tracker left it out without a word"
        for path, wanted, found in _compared(patch, body)
        if not _alike(wanted, found) and path not in changed
    }


def _compared(patch: Body, body: Body) -> Iterable[tuple[str, Any, Any]]:
    for name, wanted in patch.items():
        if name == FIELDS:
            held = body.get(FIELDS) or {}
            yield from ((f"{FIELDS}.{field}", value, held.get(field, [])) for field, value in (wanted or {}).items())
        elif name != "Content":
            yield name, wanted, body.get(name)


def _alike(wanted: Any, found: Any) -> bool:
    return bool(_plain(wanted) == _plain(found))


def _plain(value: Any) -> Any:
    """What two forms of the same have in common: RT compares nothing, and trims and counts as it likes."""
    match value:
        case Mapping():
            return value.get("id")
        case list():
            return sorted(str(one).strip() for one in value if one not in (None, "")) or None
        case str() if value in ("", UNSET):
            return None
        case str() if value[4:5] == "-" and value[10:11] in ("T", " "):
            try:
                return moment(value)
            except ValueError:
                return value
        case str() | int() | float():
            return str(value).strip()
    return value


def touched(doings: Iterable[Doing], names: Mapping[str, str]) -> frozenset[str]:
    """The members that these transactions were about, by the paths of mappings. `names` are those of custom fields."""
    return frozenset(f"{FIELDS}.{names.get(one.member, '')}" if _of_field(one) else one.member for one in doings)


def _of_field(doing: Doing) -> bool:
    return doing.kind == "CustomField"


def undone(body: Mapping[str, Any], doings: Iterable[Doing], names: Mapping[str, str]) -> dict[str, Any]:
    """The body before these transactions. People and queues are told by number there, so that an owner who was
    changed is left out: nobody can say who it was."""
    left = {**body, FIELDS: {name: list(values) for name, values in body[FIELDS].items()}}
    for one in sorted(doings, key=lambda doing: doing.number, reverse=True):
        if _of_field(one):
            values = left[FIELDS].setdefault(names.get(one.member, ""), [])
            if one.new in values:
                values.remove(one.new)
            if one.old:
                values.append(one.old)
        elif one.member in ("Owner", "Queue"):
            left.pop(one.member, None)
        elif one.member in left and one.kind in ("Set", "Status"):
            left[one.member] = _before(one)
    return left


def _before(doing: Doing) -> str | None:
    """What stood there: dates are told in the server's or the database's form."""
    if doing.member not in _DATES:
        return doing.old
    text = doing.old.replace(" ", "T")
    return None if not text or text.startswith("1970-01-01") else text if text.endswith("Z") else f"{text}Z"


def by_itself(doings: Iterable[Doing], account: str) -> frozenset[str]:
    """The members whose present value a Scrip or a job of the server set. Where a person's words to the requestors
    opened the ticket, it was that person."""
    newest: dict[str, bool] = {}
    spoke = ""
    for one in sorted(doings, key=lambda doing: doing.number):
        if one.member and one.kind in ("Set", "Status"):
            answered = one.member == "Status" and spoke not in ("", account)
            newest[one.member] = one.who == SYSTEM and not answered
        if one.who != SYSTEM:
            spoke = one.who if one.kind in _SAID_WITH else ""
    return frozenset(member for member, itself in newest.items() if itself)


def said_in(parts: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Of the parts of a message the one that says it: plain text, or else HTML, and no file."""
    said = [one for one in parts if not one.get("Filename")]
    kinds = ("text/plain", "text/html")
    return next((one for kind in kinds for one in said if str(one.get("ContentType", "")).startswith(kind)), None)


def at_once(parts: Iterable[Mapping[str, Any]], most: int) -> Iterator[list[str]]:
    """The numbers of the parts to ask for together: so many that their bytes stay below `most`, and none that is longer
    than LONGEST_MESSAGE."""
    chosen: list[str] = []
    bytes_held = 0
    for one in parts:
        length = _length(one)
        if length > LONGEST_MESSAGE:
            continue
        if chosen and (bytes_held + length > most or len(chosen) == TOGETHER):
            yield chosen
            chosen, bytes_held = [], 0
        chosen.append(str(one["id"]))
        bytes_held += length
    if chosen:
        yield chosen


def text_of(part: Mapping[str, Any], content: Any) -> str:
    """What the part of a message says: its plain text, or its HTML without the mark-up."""
    if _length(part) > LONGEST_MESSAGE:
        return f"(A message of {_length(part) // 1_000_000} MB, which is too long to be shown here: read it there.)"
    if not isinstance(content, str):
        return ""
    return text_in(content) if str(part.get("ContentType", "")).startswith("text/html") else content


def _length(part: Mapping[str, Any]) -> int:
    """In bytes. An import may have left it out; then it counts as none."""
    told = str(part.get("ContentLength") or "0").strip()
    return int(told) if told.isascii() and told.isdigit() and len(told) < 16 else 0
