"""A Request Tracker that answers as 5.0.3 does over REST2, with what is odd about it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from tieline.adapters.testing.simulation import Request, Response, Simulator, run

QUEUE: Final = "Incidents"
ACCOUNTS: Final = {"tieline": "1-27-rt-token-4b7e", "ann": "1-29-rt-token-90ac"}
USERS: Final = {"Nobody": ("6", ""), "RT_System": ("1", ""), "tieline": ("27", "tieline@example.org")} | {
    "ann": ("29", "Ann.Doe@example.org")
}
QUEUES: Final = {QUEUE: "3", "Elsewhere": "4"}
CUSTOM_FIELDS: Final = {"2": "Tieline Key", "3": "Category", "4": "Tags"}
CATEGORIES: Final = ("network", "storage")
STATUSES: Final = ("new", "open", "stalled", "resolved", "rejected", "deleted")
AT_BIRTH: Final = ("new", "open", "resolved")
INACTIVE: Final = ("resolved", "rejected", "deleted")
UNSET: Final = "1970-01-01T00:00:00Z"
ESCALATED: Final = "Disk full, escalated"
"""The subject at which a Scrip raises the priority."""
_BASE: Final = "https://rt.example/REST/2.0"
_WRITABLE: Final = ("Queue", "Subject", "Status", "Priority", "Owner", "Due", "Starts", "Told")
_CONDITION: Final = re.compile(
    r"Queue = '(?P<queue>[^']*)'(?: AND \(LastUpdated >= '(?P<later>[^']*)' OR "
    r"\(LastUpdated >= '(?P<at>[^']*)' AND id > (?P<number>\d+)\)\))?"
)
_BY_KEY: Final = re.compile(r"'CF\.\{(?P<name>[^}]*)\}' = '(?P<value>[^']*)'")
_COMMENTS: Final = re.compile(
    r"ObjectType = 'RT::Ticket' AND ObjectId = (?P<id>\d+) AND \(Type = 'Comment' OR Type = 'Correspond'\)"
)


@dataclass
class Transaction:
    number: int
    ticket: int
    kind: str
    who: str
    at: datetime
    member: str = ""
    old: str = ""
    new: str = ""
    said: str | None = None
    media: str = "text/plain"
    files: dict[str, str] = field(default_factory=dict)
    """What it brings along, all of it text."""


@dataclass
class Ticket:
    number: int
    columns: dict[str, str]
    creator: str
    created: datetime
    updated: datetime
    fields: dict[str, list[str]] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    merged: int = 0
    last: str = ""


class RequestTrackerSimulator(Simulator):
    """Tickets of one queue, their transactions under one counter, and two privileged users with tokens."""

    def __init__(self, clock: Callable[[], datetime] | None = None) -> None:
        super().__init__(clock)
        self.tickets: dict[int, Ticket] = {}
        self.transactions: list[Transaction] = []
        self.spoilt: set[int] = set()
        """Tickets that an import left without a subject."""
        self.kept_from_us: set[str] = set()
        """Custom fields that the rights let nobody give a new ticket: they are left out without a word."""
        self.checks_in_sql = True
        """UseSQLForACLChecks: otherwise rights are looked at after the database, and no total is told."""
        self.unseen: set[int] = set()
        """Tickets and transactions that our user may not see."""
        self.takes_links = True
        self.brought: list[str] = []
        """The attachments whose content was asked for."""
        self.newest = 38
        """The number of the newest transaction: one counter for the whole server."""

    # People in the web interface, for the demo and for tests over a socket

    def control(self, action: str, arguments: Any) -> Any:
        number = int(arguments.get("id", 0))
        match action:
            case "create":
                return {"id": self._born({"Queue": QUEUE, **arguments["fields"]}, "ann").number}
            case "edit":
                return {"said": self._changed(self._effective(number), arguments["fields"], "ann")}
            case "comment":
                kind = "Correspond" if arguments.get("public") else "Comment"
                return {"transaction": self._say(self._effective(number), kind, arguments["text"], "ann").number}
            case "ticket":
                return self._shown(self._effective(number))
            case "history":
                return [vars(one) | {"at": one.at.isoformat()} for one in self._of(number)]
        raise KeyError(action)

    def respond(self, request: Request) -> Response:
        who = next((name for name, token in ACCOUNTS.items() if self._is(request, token)), "")
        if not who:
            return _message("Unauthorized", 401)
        sent: Any = None
        if request.method in ("POST", "PUT"):
            if not request.headers.get("content-type", "").startswith("application/json"):
                return _message("Unsupported Media Type", 415)
            try:
                sent = request.json()
            except ValueError:
                return _message("JSON parse error: malformed JSON string\n", 400)
        match request.method, request.path.removeprefix("/REST/2.0").strip("/").split("/"):
            case "GET", ["rt"]:
                return _answer({"Version": "5.0.3"})
            case "GET", ["user", name]:
                return self._user(name, who)
            case "POST", ["users"]:
                return self._users(sent, request)
            case "GET", ["queue", name]:
                return self._queue(name)
            case "GET", ["tickets"]:
                return self._search(request, who)
            case "GET", ["transactions"]:
                found = _COMMENTS.fullmatch(request.query.get("query", ""))
                if found is None:
                    return _message("Unknown query", 400)
                said = [one for one in self._of(int(found["id"])) if one.kind in ("Comment", "Correspond")]
                return self._listed(said, request, who)
            case "POST", ["attachments"]:
                return self._attachments(sent, request)
            case "POST", ["ticket"]:
                return self._create(sent, who)
            case method, ["ticket", number, *rest] if number.isdigit():
                return self._about(method, int(number), rest, sent, request, who)
        return _message("Not Found", 404)

    def _is(self, request: Request, token: str) -> bool:
        return request.headers.get("authorization") == f"token {token}"

    def _about(self, method: str, number: int, rest: list[str], sent: Any, request: Request, who: str) -> Response:
        known = number in self.tickets
        match method, rest:
            case "GET", ["history"]:
                return self._listed(self._of(number) if known else [], request, who)
            case "GET" | "PUT", [] if number in self._hidden_from(who):
                return _message("Forbidden", 403)
            case "POST", ["comment" | "correspond" as verb]:
                if not known:
                    return _message("Permission Denied", 400)
                return self._message(self._effective(number), verb, sent, who)
            case "GET", [] if known:
                found = self._effective(number)
                shown = self._shown(found)
                if request.query.get("fields[Queue]") == "Name":
                    shown["Queue"]["Name"] = found.columns["Queue"]
                return _answer(shown, {"ETag": f'"{self._etag(found)}"'})
            case "PUT", [] if known:
                found = self._effective(number)
                wanted = request.headers.get("if-match")
                if wanted is not None and wanted != f'"{self._etag(found)}"':
                    return _message("Precondition Failed", 412)
                return _answer(self._changed(found, sent, who))
            case "PUT", []:
                return _message("Resource does not exist; use POST to create", 404)
        return _message("Not Found", 404)

    def _hidden_from(self, who: str) -> frozenset[int]:
        return frozenset(self.unseen) if who == "tieline" else frozenset()

    # Tickets

    def _effective(self, number: int) -> Ticket:
        found = self.tickets[number]
        return self._effective(found.merged) if found.merged else found

    def _of(self, number: int) -> list[Transaction]:
        """A ticket that took another's place shows the transactions of both."""
        taken = {one.number for one in self.tickets.values() if one.merged == number} | {number}
        return [one for one in self.transactions if one.ticket in taken]

    def _etag(self, found: Ticket) -> int:
        return max(one.number for one in self._of(found.number))

    def _done(self, found: Ticket, kind: str, who: str, **told: Any) -> Transaction:
        self.newest += 1
        made = Transaction(self.newest, found.number, kind, who, self._now(), **told)
        self.transactions.append(made)
        found.updated, found.last = made.at, who
        return made

    def _now(self) -> datetime:
        return self.clock().replace(microsecond=0)

    def _create(self, sent: Mapping[str, Any], who: str) -> Response:
        if not sent.get("Queue"):
            return _message("Could not create ticket. Queue not set", 400)
        if sent["Queue"] != QUEUE:
            return _message(f"No permission to create tickets in the queue '{sent['Queue']}'", 403)
        status = sent.get("Status") or "new"
        if status not in STATUSES:
            return _message(f"Status '{status}' isn't a valid status for tickets in this queue.", 400)
        if status not in AT_BIRTH:
            return _message(f"New tickets can not have status '{status}' in this queue.", 400)
        number = self._born(sent, who).number
        told = {"type": "ticket", "id": str(number), "_url": f"{_BASE}/ticket/{number}"}
        return _answer(told, {"Location": f"/REST/2.0/ticket/{number}"}, 201)

    def _born(self, sent: Mapping[str, Any], who: str) -> Ticket:
        """Who may not own it, and what a field does not take, is left out without a word."""
        number, now = len(self.tickets) + 1, self._now()
        owner = sent.get("Owner")
        columns = {
            "Queue": QUEUE,
            "Subject": _subject(sent.get("Subject")),
            "Status": str(sent.get("Status") or "new"),
            "Priority": str(sent.get("Priority") or 0),
            "Owner": str(owner) if owner in USERS else "Nobody",
            **{name: str(sent.get(name) or UNSET) for name in ("Due", "Starts", "Told", "Started", "Resolved")},
        }
        made = self.tickets[number] = Ticket(number, columns, who, now, now)
        for name, value in (sent.get("CustomFields") or {}).items():
            values = [str(one) for one in (value if isinstance(value, list) else [value])]
            if (
                name in CUSTOM_FIELDS.values()
                and name not in self.kept_from_us
                and all(_fits(name, one) for one in values)
            ):
                made.fields[name] = values if name == "Tags" else values[:1]
        said = sent.get("Content")
        self._done(made, "Create", who, said=None if said is None else _mailed(said))
        return made

    def _changed(self, found: Ticket, sent: Mapping[str, Any], who: str) -> list[str]:
        """Each member for itself: what is refused is said between what was done."""
        said = [self._set(found, name, sent[name], who) for name in sorted(sent) if name in _WRITABLE]
        for name, value in (sent.get("CustomFields") or {}).items():
            said += self._field(found, name, value, who) if name in CUSTOM_FIELDS.values() else []
        said += [self._refer(found, url, who) for url in sent.get("AddRefersTo") or ()]
        if sent.get("MergeInto"):
            found.merged = int(sent["MergeInto"])
            self._done(self._effective(found.number), "AddLink", who)
            said.append("Merge Successful")
        return [one for one in said if one]

    def _set(self, found: Ticket, name: str, value: Any, who: str) -> str:
        before, about = found.columns[name], f"Ticket {found.number}:"
        if value is None or (name != "Subject" and value == before):
            return ""
        wanted = _subject(value) if name == "Subject" else str(value)
        if name == "Status" and wanted not in STATUSES:
            return f"{about} Status '{wanted}' isn't a valid status for this ticket."
        if name == "Owner" and wanted not in USERS:
            return f"{about} That user does not exist"
        if name == "Queue" and wanted not in QUEUES:
            return f"{about} That queue does not exist"
        if wanted == before:
            return f"{about} That is already the current value"
        found.columns[name] = wanted
        kind = "Status" if name == "Status" else "Set"
        shown = (before, wanted)
        if name == "Owner":
            shown = (USERS[before][0], USERS[wanted][0])
        elif name == "Queue":
            shown = (QUEUES[before], QUEUES[wanted])
        self._done(found, kind, who, member=name, old=shown[0], new=shown[1])
        if name == "Owner":
            self._done(found, "SetWatcher", who, member=name, old=shown[0], new=shown[1])
        if name == "Status":
            found.columns["Resolved"] = f"{self._now():%Y-%m-%dT%H:%M:%SZ}" if wanted in INACTIVE else UNSET
        if name == "Subject" and wanted == ESCALATED:
            self._set(found, "Priority", "90", "RT_System")
        return f"{about} {name} changed from '{before}' to '{wanted}'"

    def _field(self, found: Ticket, name: str, value: Any, who: str) -> list[str]:
        before = found.fields.get(name, [])
        number = next(one for one, known in CUSTOM_FIELDS.items() if known == name)
        wanted = [str(one) for one in (value if isinstance(value, list) else [] if value is None else [value])]
        if not all(_fits(name, one) for one in wanted):
            return ["Invalid value for custom field"]
        if name != "Tags":
            wanted = wanted[:1]
        found.fields[name] = wanted
        gone, come = [one for one in before if one not in wanted], [one for one in wanted if one not in before]
        if name != "Tags" and gone and come:
            self._done(found, "CustomField", who, member=number, old=gone[0], new=come[0])
            return [f"{name} {gone[0]} changed to {come[0]}"]
        for one in come:
            self._done(found, "CustomField", who, member=number, new=one)
        for one in gone:
            self._done(found, "CustomField", who, member=number, old=one)
        return [f"{one} added as a value for {name}" for one in come] + [f"{one} is no longer a value" for one in gone]

    def _refer(self, found: Ticket, url: str, who: str) -> str:
        if not self.takes_links:
            return f"Couldn't resolve '{url}' into a link."
        if url in found.links:
            return "Link already exists"
        found.links.append(url)
        self._done(found, "AddLink", who, member="RefersTo", new=url)
        return f"Ticket {found.number} refers to URI {url}."

    def _message(self, found: Ticket, verb: str, sent: Mapping[str, Any], who: str) -> Response:
        content = sent.get("Content")
        if content in ("", "0", None):
            content = None  # Perl takes a lone 0 for nothing
        elif not sent.get("ContentType"):
            return _message("ContentType is a required field for application/json", 400)
        kind = "Correspond" if verb == "correspond" else "Comment"
        made = self._say(found, kind, content, who, str(sent.get("ContentType", "text/plain")))
        words = "Correspondence added" if verb == "correspond" else "Comments added"
        return _answer([words], {"Location": f"/REST/2.0/transaction/{made.number}"}, 201)

    def _say(self, found: Ticket, kind: str, text: str | None, who: str, media: str = "text/plain") -> Transaction:
        made = self._done(found, kind, who, said=None if text is None else _mailed(text), media=media)
        if kind == "Correspond" and found.columns["Status"] in ("new", "resolved"):
            self._set(found, "Status", "open", "RT_System")
        return made

    # Answers

    def _shown(self, found: Ticket) -> dict[str, Any]:
        columns: dict[str, str | None] = {name: value for name, value in found.columns.items() if name != "Owner"}
        if found.number in self.spoilt:
            columns["Subject"] = None
        here = f"{_BASE}/ticket/{found.number}"
        queue = QUEUES[columns.pop("Queue") or QUEUE]
        offers = [{"ref": one, "_url": f"{here}/{one}"} for one in ("history", "comment", "correspond")]
        links = [{"ref": "refers-to", "type": "external", "_url": url} for url in found.links]
        return {
            **columns,
            "id": found.number,
            "Type": "ticket",
            "Queue": {"id": queue, "type": "queue", "_url": f"{_BASE}/queue/{queue}"},
            "Owner": _person(found.columns["Owner"]),
            "Creator": _person(found.creator),
            "LastUpdatedBy": _person(found.last),
            "Created": _stamp(found.created),
            "LastUpdated": _stamp(found.updated),
            "Requestor": [],
            "CustomFields": self._values(found),
            "_hyperlinks": [*offers, *links, {"ref": "lifecycle", "to": "open", "_url": here}],
        }

    def _values(self, found: Ticket) -> list[dict[str, Any]]:
        return [
            {"id": number, "name": name, "type": "customfield", "values": list(found.fields.get(name, ()))}
            for number, name in CUSTOM_FIELDS.items()
        ]

    def _user(self, name: str, who: str) -> Response:
        if name not in USERS:
            return _message("Not Found", 404)
        number, email = USERS[name]
        told = {"Name": name, "EmailAddress": email, "RealName": name, "Privileged": 1}
        return _answer(told | ({"id": int(number), "Memberships": [], "Disabled": "0"} if name == who else {}))

    def _users(self, sent: Any, request: Request) -> Response:
        wanted = {str(one.get("value", "")).lower() for one in sent if one.get("field") == "EmailAddress"}
        found = [name for name, (_, email) in USERS.items() if email and email.lower() in wanted]
        items = [{"id": name, "type": "user", "EmailAddress": USERS[name][1]} for name in found]
        return self._page(items, request, total=len(items))

    def _queue(self, name: str) -> Response:
        if name != QUEUE:
            return _message("Not Found", 404)
        fields = [{"ref": "customfield", "id": number, "name": one} for number, one in CUSTOM_FIELDS.items()]
        offers = [{"ref": "create", "type": "ticket", "_url": f"{_BASE}/ticket?Queue=3"}]
        told = {"id": 3, "Name": name, "Lifecycle": "default", "Disabled": "0"}
        return _answer({**told, "TicketCustomFields": fields, "_hyperlinks": offers})

    def _search(self, request: Request, who: str) -> Response:
        """What was merged or deleted is in no search."""
        query = request.query.get("query", "")
        found = [one for one in self.tickets.values() if not one.merged and one.columns["Status"] != "deleted"]
        if by_key := _BY_KEY.fullmatch(query):
            held = by_key["value"].lower()  # MySQL compares so
            found = [one for one in found if held in [value.lower() for value in one.fields.get(by_key["name"], ())]]
        elif chosen := _CONDITION.fullmatch(query):
            found = [one for one in found if chosen["queue"] == one.columns["Queue"] and _in_time(one, chosen)]
        else:
            return _message(f"Unknown field: {query[:40]} at RT/Tickets.pm line 3187.\n", 400)
        orders = [value for name, value in request.pairs if name == "orderby"]
        if orders[:1] == ["LastUpdated"]:
            found.sort(key=lambda one: (one.updated, one.number if "id" in orders else -one.number))
        if request.query.get("order") == "DESC":
            found.reverse()
        wanted = request.query.get("fields", "").split(",")
        items = []
        for one in found:
            shown: dict[str, Any] = {"id": str(one.number), "type": "ticket", "_url": f"{_BASE}/ticket/{one.number}"}
            shown |= {"LastUpdated": _stamp(one.updated)} if "LastUpdated" in wanted else {}
            shown |= {"CustomFields": self._values(one)} if "CustomFields" in wanted else {}
            items.append(shown)
        hidden = self._hidden_from(who)
        if not self.checks_in_sql:
            return self._page(items, request, hidden=hidden)
        items = [one for one in items if int(one["id"]) not in hidden]
        return self._page(items, request, total=len(items))

    def _listed(self, found: list[Transaction], request: Request, who: str) -> Response:
        wanted = request.query.get("fields", "").split(",")
        if request.query.get("order") == "DESC":
            found = found[::-1]
        items = []
        for one in found:
            told = {"Type": one.kind, "Field": one.member, "OldValue": one.old, "NewValue": one.new}
            told |= {"Creator": _person(one.who, bare=True), "Created": _stamp(one.at)}  # type: ignore[dict-item]
            shown = {name: value for name, value in told.items() if name in wanted}
            items.append(
                {"id": str(one.number), "type": "transaction", "_url": f"{_BASE}/transaction/{one.number}"} | shown
            )
        return self._page(items, request, hidden=self._hidden_from(who))

    def _attachments(self, sent: Any, request: Request) -> Response:
        asked = {name: {one["value"] for one in sent if one.get("field") == name} for name in ("TransactionId", "id")}
        text = any(one.get("field") == "ContentType" for one in sent)
        wanted = request.query.get("fields", "").split(",")
        if "Parent" in wanted:
            return Response(500, {"content-type": "application/json; charset=utf-8"}, b"")
        items = []
        for one in self.transactions:
            for told in self._parts_of(one):
                chosen = all(told[name] in values for name, values in asked.items() if values)
                if chosen and (not text or told["ContentType"].startswith("text/")):
                    self.brought += [told["id"]] if "Content" in wanted else []
                    shown = {name: told[name] for name in wanted if name in told}
                    items.append({"id": told["id"], "type": "attachment"} | shown)
        return self._page(items, request)

    def _parts_of(self, one: Transaction) -> list[dict[str, str]]:
        media = one.media if one.said is not None else "application/octet-stream"
        parts = [(media, "", one.said or ""), *(("text/plain", name, text) for name, text in one.files.items())]
        return [
            {
                "id": f"{one.number}{place:04}",
                "TransactionId": str(one.number),
                "ContentType": kind,
                "Filename": name,
                "Content": content,
                "ContentLength": str(len(content.encode())),
            }
            for place, (kind, name, content) in enumerate(parts)
        ]

    def _page(
        self,
        items: list[Any],
        request: Request,
        total: int | None = None,
        hidden: frozenset[int] = frozenset(),
    ) -> Response:
        """Whoever may not see everything is told no total, and what is hidden leaves its page shorter; no pages at all
        are 0.0 of them."""
        size = min(max(int(request.query.get("per_page") or 20), 1), 100)
        number = int(request.query.get("page") or 1)
        shown = [one for one in items[(number - 1) * size : number * size] if one["id"] not in map(str, hidden)]
        pages = None if total is None else -(-total // size) or 0.0
        return _answer(
            {"count": len(shown), "total": total, "pages": pages, "page": number, "per_page": size, "items": shown}
        )


def _in_time(one: Ticket, chosen: re.Match[str]) -> bool:
    if chosen["later"] is None:
        return True
    here, later = _asked(chosen["at"]), _asked(chosen["later"])
    return one.updated >= later or (one.updated >= here and one.number > int(chosen["number"]))


def _asked(text: str) -> datetime:
    """A time with its zone; of the other forms there is none that cannot mean something else, and a form that RT does
    not know means that everything is later."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _fits(name: str, value: str) -> bool:
    return name != "Category" or value in CATEGORIES


def _subject(text: Any) -> str:
    return str(text or "").replace("\n", "")[:200]


def _mailed(text: str) -> str:
    return text.replace("\r\n", "\n")


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _person(name: str, *, bare: bool = False) -> dict[str, str]:
    told = {"id": name, "type": "user", "_url": f"{_BASE}/user/{name}"}
    return told if bare else told | {"EmailAddress": USERS[name][1]}


def _answer(value: Any, headers: Mapping[str, str] | None = None, status: int = 200) -> Response:
    told = {"content-type": 'application/json; charset="utf-8"', **(headers or {})}
    return Response(status, told, json.dumps(value, ensure_ascii=False).encode())


def _message(words: str, status: int) -> Response:
    return _answer({"message": words}, status=status)


if __name__ == "__main__":
    run(RequestTrackerSimulator, __doc__ or "")
