"""The port, spoken by Request Tracker's REST2."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from itertools import count, pairwise
from typing import Any, Final
from urllib.parse import quote

from tieline.adapters.rt import checkup, ticket, webhook
from tieline.adapters.rt.settings import RequestTrackerSettings
from tieline.adapters.rt.ticket import FIELDS, Doing
from tieline.core.client import Answer, Client, Query
from tieline.core.errors import Gone, NeedsOperator, Rejected, StaleVersion
from tieline.core.http import looking, not_there, written
from tieline.core.listing import alone, fetched
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import (
    Body,
    Cursor,
    Delivery,
    FieldFact,
    Health,
    Page,
    Reading,
    Received,
    Ref,
    RemoteComment,
    Token,
    Version,
    Workbench,
)

API: Final = "/REST/2.0"
MOST: Final = 100
"""What the server gives at once, whatever it is asked for."""
REMEMBERED: Final = 2000
"""First messages that are kept: they never change, and each costs two calls."""
FARTHEST: Final = 1000
"""Pages that are looked through for one that shows something."""
AT_ONCE: Final = 8_000_000
"""Bytes of messages in one answer."""
_SHOWN: Final = {f"fields[{name}]": "EmailAddress" for name in ("Owner", "Creator", "LastUpdatedBy")} | {
    "fields[Queue]": "Name"
}
_AUDIENCES: Final = {"Comment": Audience.STAFF, "Correspond": Audience.CUSTOMERS}


def connect(name: ConnectionName, settings: RequestTrackerSettings, bench: Workbench) -> RequestTracker:
    """A connection. Nothing is sent before the first verb."""
    return RequestTracker(name, settings, bench)


class RequestTracker:
    """One queue: Adapter, Finder, Receiver, Commenter, Directory, Describer and Linker.

    A ticket's version is its ETag, the number of its newest transaction, and a write names it in If-Match.
    """

    lookup_lag = timedelta(0)
    audiences = frozenset(_AUDIENCES.values())

    def __init__(self, name: ConnectionName, settings: RequestTrackerSettings, bench: Workbench) -> None:
        self._name = name
        self._settings = settings
        self._clock = bench.clock
        self._client = Client(
            name,
            f"{settings.url}{API}",
            settings,
            bench,
            tool="Request Tracker",
            prove=lambda: settings.proof(name),
            timeout=settings.timeout,
        )
        self._first: OrderedDict[Ref, str] = OrderedDict()

    def __repr__(self) -> str:
        return f"RequestTracker({self._name!r}, {self._settings.url!r})"

    # Source

    def check(self) -> Health:
        return checkup.check(self._name, self._settings, self._client, self._clock)

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        """Behind (LastUpdated, id) of the last ticket, never by an offset: a ticket that changes moves to the end.
        The place stays `lag` behind the server's clock, and what is between is listed again."""
        place = self._place(since)
        start = place
        for turn in count():
            answer = self._next(place)
            safe = (int((answer.at - self._settings.overlap).timestamp()), 0)
            if turn == 0 and start > (int(answer.at.timestamp()), 1 << 62):
                # The server's clock was set back: its new stamps lie before our place.
                start = place = safe
                continue
            rows = self._client.part(answer, "items", list)
            stamps = [self._stamp(answer, row) for row in rows]
            if stamps != sorted(stamps) or (stamps and stamps[0] <= place):
                raise self._client.unlike(answer, "with tickets that were not asked for, or not in their order")
            found = fetched([Ref(str(number)) for _, number in stamps], self.read)
            total = _told(answer, "total")
            more = bool(rows) and (len(rows) == self._settings.page_size or total is None or total > len(rows))
            place = stamps[-1] if stamps else place
            cursor = max(start, min(place, safe) if more else safe)
            yield Page(found.found, Cursor(f"{cursor[0]}|{cursor[1]}"), more, unreadable=found.unreadable)
            if not more:
                return

    def read(self, ref: Ref) -> Reading:
        answer = self._ticket(ref)
        doings = [one for one in self._doings(ref) if one.number <= int(answer.etag)]
        automatic = ticket.by_itself(doings, self._settings.username)
        return self._reading(ref, answer, automatic=automatic)

    # Adapter

    def create(self, body: Body, token: Token) -> Reading:
        told = ticket.words(body)
        told[FIELDS] = {**told.get(FIELDS, {}), self._settings.key_field: token}
        if told.get("Content"):
            told["ContentType"] = "text/plain"
        else:
            told.pop("Content", None)
        try:
            answer = self._client.call("POST", "/ticket", body={"Queue": self._settings.queue, **told}, shape=dict)
        except Gone as error:
            raise not_there(error) from None
        except Rejected as error:
            # It quotes the value that it does not take, in whatever language.
            said = str(error)
            error.refused = {name: said for name, value in told.items() if f"'{value}'" in said}
            raise
        number = answer.json.get("id")
        if not isinstance(number, str) or not number.isdigit():
            raise self._client.unlike(answer, "no `id`")
        with written(self._name, f"ticket {number} was made"):
            reading = self._left(Ref(number), body, 0, [])
        if reading.token != token:
            # What stops the connection would have it made again afterwards.
            raise Rejected(
                self._name,
                f"ticket {number} was made, but its field {self._settings.key_field} did not keep our key, so that it "
                "could not be found again. Grant the account SetInitialCustomField and SeeCustomField on the queue.",
            )
        return reading

    def update(self, ref: Ref, patch: Body, seen: Version) -> Reading:
        told = ticket.words({name: value for name, value in patch.items() if name != "Content"})
        try:
            answer = self._client.call("PUT", _path(ref), body=told, headers={"if-match": f'"{seen}"'}, shape=list)
        except (StaleVersion, NeedsOperator) as error:
            if isinstance(error, StaleVersion) or error.status == HTTPStatus.FORBIDDEN:
                with looking(self._name):
                    self._ticket(ref)  # raises Gone for one that was deleted, merged into another, or left the queue
            raise
        with written(self._name, f"ticket {ref} was written"):
            reading = self._left(ref, patch, int(seen), [str(one) for one in answer.json])
        done = {name for name in patch if name not in (FIELDS, "Content")} | {
            f"{FIELDS}.{name}" for name in patch.get(FIELDS) or {}
        }
        if done and done == reading.refused.keys():
            raise Rejected(self._name, f"ticket {ref}: {' '.join(map(str, answer.json))}", refused=reading.refused)
        return reading

    # Finder

    def find(self, token: Token) -> Reading | None:
        if not token.isprintable() or any(one in token for one in "'\"\\"):
            return None
        query: Query = {"query": f"'CF.{{{self._settings.key_field}}}' = '{token}'", "fields": FIELDS, "orderby": "id"}
        answer = self._search({**query, "per_page": 20})
        for row in self._client.part(answer, "items", list):
            # Some databases compare without regard to case; a token does not.
            if self._key_in(row) == token:
                return self._born(Ref(str(row["id"])))
        return None

    def _born(self, ref: Ref) -> Reading | None:
        try:
            answer = self._anywhere(ref)  # who took a moved one for gone would make another
        except Gone:
            return None
        doings = [one for one in self._doings(ref) if one.number <= int(answer.etag)]
        found = self._reading(ref, answer, automatic=ticket.by_itself(doings, self._settings.username))
        whole = any(one.kind == "Create" for one in doings)
        later = [one for one in doings if one.kind != "Create"]
        return replace(found, born=ticket.undone(found.body, later, _names(answer))) if whole else found

    # Receiver

    def verify(self, delivery: Delivery, now: datetime) -> None:
        webhook.verify(self._name, self._settings, delivery, now)

    def parse(self, delivery: Delivery) -> Received:
        return webhook.parse(self._settings, delivery)

    # Commenter

    def comments(self, ref: Ref) -> Sequence[RemoteComment]:
        number = _number(self._name, ref)
        query = f"ObjectType = 'RT::Ticket' AND ObjectId = {number} AND (Type = 'Comment' OR Type = 'Correspond')"
        asked: Query = {"query": query, "fields": "Type,Creator,Created", "orderby": "id", "per_page": MOST}
        found: list[tuple[Answer, Any]] = []
        for page in count(1):
            answer = self._search({**asked, "page": page}, "/transactions")
            rows = self._client.part(answer, "items", list)
            found += [(answer, one) for one in rows]
            self._in_order(answer, [one for _, one in found[-len(rows) - 1 :]])
            if page >= min(_told(answer, "pages") or page + bool(rows), FARTHEST):
                break  # what the account may not see is left out of a page, which may be short and not the last
        if not found:
            self._ticket(ref)
        said = self._messages([str(one["id"]) for _, one in found])
        return [self._comment(answer, one, said.get(str(one["id"]), "")) for answer, one in found]

    def add_comment(self, ref: Ref, body: Any, audience: Audience, token: Token) -> RemoteComment:  # noqa: ARG002
        # There is no place for the token; it is not told as if it were there.
        verb = "correspond" if audience is Audience.CUSTOMERS else "comment"
        # RT takes a lone 0 for nothing said; at the birth of a ticket it does not.
        said = {"Content": f"{body}\n" if body == "0" else str(body), "ContentType": "text/plain"}
        try:
            answer = self._client.call("POST", f"{_path(ref)}/{verb}", body=said, shape=list)
        except Rejected as error:
            with looking(self._name):
                self._ticket(ref)  # it says "Permission Denied" of a ticket that is not there, too
            words = str(error).removeprefix(f"{self._name}: ")
            raise Rejected(self._name, f"{words} (is {verb} allowed there?)", status=error.status) from None
        number = answer.location.rpartition("/")[2]
        with written(self._name, f"a comment was written on ticket {ref}"):
            made = next((one for one in self.comments(ref) if one.id == number), None)
        if made is None:
            raise self._client.unlike(answer, f"that it wrote transaction {number!r:.40}, which is not there")
        return made

    # Directory, Describer, Linker

    def person_id(self, email: str) -> str | None:
        wanted = email.strip().lower()
        if "@" not in wanted:
            return None
        answer = self._search({"fields": "EmailAddress"}, "/users", [{"field": "EmailAddress", "value": wanted}])
        rows = self._client.part(answer, "items", list)
        return next((str(one["id"]) for one in rows if str(one.get("EmailAddress", "")).lower() == wanted), None)

    def describe(self) -> Mapping[str, FieldFact]:
        return checkup.describe(self._name, self._settings, self._client)

    def link(self, ref: Ref, url: str, title: str, token: Token) -> None:  # noqa: ARG002 - a link there is its address
        if url in _links(self._ticket(ref)):
            return
        answer = self._client.call("PUT", _path(ref), body={"AddRefersTo": [url]}, shape=list)
        with written(self._name, f"a link was written on ticket {ref}"):
            linked = _links(self._ticket(ref))
        if url not in linked:
            # It answers 200 to what it refuses, and says why in the account's language.
            said = " ".join(map(str, answer.json)) or "Request Tracker left the link out without a word"
            raise Rejected(self._name, f"ticket {ref}: {said}")

    def close(self) -> None:
        """Give the sockets back."""
        self._client.close()

    # What is the same for all of them

    def _place(self, since: Cursor | None) -> tuple[int, int]:
        if since is None:
            now = self._search({"query": f"Queue = '{self._settings.queue}'", "per_page": 1}).at
            return int((now - self._settings.history).timestamp()), 0
        at, _, number = since.partition("|")
        if not (at.isdigit() and number.isdigit()):
            words = f"the stored cursor {since[:80]!r} is not one of Request Tracker's; reset it."
            raise NeedsOperator(self._name, words)
        return int(at), int(number)

    def _search(self, query: Query, path: str = "/tickets", conditions: Any = None) -> Answer:
        """A search, which is about no record that could be gone."""
        try:
            if conditions is None:
                return self._client.get(path, query)
            return self._client.call("POST", path, query=query, body=conditions, reads=True)
        except Gone as error:
            raise not_there(error) from None

    def _after(self, place: tuple[int, int]) -> dict[str, str | int | list[str]]:
        """With the zone: a time without one is in the account's own, and most other forms count as no time at all."""
        at, number = place
        here, next_second = (f"{datetime.fromtimestamp(one, UTC):%Y-%m-%d %H:%M:%S} +0000" for one in (at, at + 1))
        later = f"(LastUpdated >= '{next_second}' OR (LastUpdated >= '{here}' AND id > {number}))"
        return {
            "query": f"Queue = '{self._settings.queue}' AND {later}",
            "fields": "LastUpdated",
            "orderby": ["LastUpdated", "id"],
            "per_page": self._settings.page_size,
        }

    def _next(self, place: tuple[int, int]) -> Answer:
        """The page behind a place. Rights are looked at after the database: where RT tells that there are more pages,
        those that show nothing are passed over."""
        asked = self._after(place)
        answer = self._search(asked)
        for page in range(2, min(_told(answer, "pages") or 0, FARTHEST) + 1):
            if self._client.part(answer, "items", list):
                break
            answer = self._search({**asked, "page": page})
        return answer

    def _in_order(self, answer: Answer, rows: Sequence[Any]) -> None:
        """Raises for what was told before, so that no server is asked for the same without end."""
        try:
            numbers = [int(one["id"]) for one in rows]
        except (KeyError, TypeError, ValueError):
            raise self._client.unlike(answer, "something without its `id`") from None
        if any(one >= following for one, following in pairwise(numbers)):
            raise self._client.unlike(answer, "what was told before, or not in its order")

    def _stamp(self, answer: Answer, row: Any) -> tuple[int, int]:
        try:
            return int(ticket.moment(row["LastUpdated"]).timestamp()), int(row["id"])
        except (KeyError, TypeError, ValueError):
            raise self._client.unlike(answer, "a ticket without its `LastUpdated` and `id`") from None

    def _ticket(self, ref: Ref) -> Answer:
        """As `_anywhere`; Gone also for one that left the queue."""
        answer = self._anywhere(ref)
        queue = answer.json.get("Queue")
        known = queue if isinstance(queue, dict) else {}
        # The setting may name a queue by its number, and RT's databases do not care about case.
        names = {str(known[one]).casefold() for one in ("Name", "id") if known.get(one)}
        if known.get("Name") and self._settings.queue.casefold() not in names:
            raise Gone(self._name, f"ticket {ref} left {self._settings.queue} for the queue {known['Name']!s:.80}")
        return answer

    def _anywhere(self, ref: Ref) -> Answer:
        """Raises Gone also for one that is marked deleted, and for one that was merged: RT shows the other one then."""
        number = _number(self._name, ref)
        try:
            answer = self._client.get(f"/ticket/{number}", _SHOWN, shape=dict)
        except NeedsOperator as error:
            if error.status == HTTPStatus.FORBIDDEN and self._shows_others():
                words = f"ticket {ref} may not be seen any more, and others of {self._settings.queue} may: it left"
                raise Gone(self._name, words, status=error.status) from None
            raise
        shown = str(self._client.part(answer, "id", object))
        if not answer.etag.isdigit() or not shown.isdigit():
            raise self._client.unlike(answer, "no ticket with an ETag")
        if answer.json.get("Status") == "deleted":
            raise Gone(self._name, f"ticket {ref} was deleted")
        if shown != ref:
            raise Gone(self._name, f"ticket {ref} was merged into ticket {shown}", merged_into=shown)
        return answer

    def _shows_others(self) -> bool:
        """Whether the account sees tickets of the queue: a right that was taken away concerns the connection."""
        found = self._search({"query": f"Queue = '{self._settings.queue}'", "per_page": MOST})
        return bool(self._client.part(found, "items", list))

    def _reading(self, ref: Ref, answer: Answer, *, automatic: frozenset[str] = frozenset()) -> Reading:
        first = self._first_message(ref)
        return alone(self._name, f"ticket {ref}", partial(self._understood, ref, answer, first, automatic))

    def _understood(self, ref: Ref, answer: Answer, first: str | None, automatic: frozenset[str]) -> Reading:
        body = ticket.body_of(answer.json, first)
        key = self._key_in(answer.json)
        return Reading(
            ref=ref,
            version=Version(answer.etag),
            body=body,
            key=f"#{ref}",
            url=f"{self._settings.url}/Ticket/Display.html?id={ref}",
            token=Token(key) if key else None,
            # Both by the server's clock: how far ours is off does not matter.
            age=max(answer.at - ticket.moment(answer.json["LastUpdated"]), timedelta(0)),
            people=ticket.people_in(answer.json),
            automatic=automatic,
            annotations={"changed by": ticket.user_in(answer.json["LastUpdatedBy"])},
        )

    def _left(self, ref: Ref, patch: Body, seen: int, said: list[str]) -> Reading:
        """The ticket as our write left it: what others did since then is taken out of it again, and its version is the
        one before theirs."""
        # One that a Scrip moves at its birth was made all the same.
        answer = self._ticket(ref) if seen else self._anywhere(ref)
        newest = int(answer.etag)
        ours, theirs = self._parted([one for one in self._doings(ref) if seen < one.number <= newest])
        now = self._reading(ref, answer, automatic=ticket.by_itself(ours, self._settings.username))
        names = _names(answer)
        body = ticket.undone(now.body, theirs, names) if theirs else now.body
        version = Version(str(min(one.number for one in theirs) - 1)) if theirs else now.version
        refused = ticket.refused(patch, body, ticket.touched(ours, names) if seen else frozenset(), " ".join(said))
        return replace(now, body=body, version=version, refused=refused)

    def _parted(self, doings: list[Doing]) -> tuple[list[Doing], list[Doing]]:
        """What we did, with what the server made of it, and what others did since."""
        doings.sort(key=lambda one: one.number)
        known = (self._settings.username, ticket.SYSTEM)
        first = next((place for place, one in enumerate(doings) if one.who not in known), len(doings))
        return doings[:first], doings[first:]

    def _doings(self, ref: Ref) -> list[Doing]:
        """The newest transactions of a ticket, newest first."""
        asked: Query = {
            "fields": "Type,Field,OldValue,NewValue,Creator",
            "orderby": "id",
            "order": "DESC",
            "per_page": MOST,
        }
        answer = self._client.get(f"{_path(ref)}/history", asked)
        rows = self._client.part(answer, "items", list)
        try:
            return [Doing.of(one) for one in rows]
        except (KeyError, TypeError, ValueError):
            raise self._client.unlike(answer, "a history that is none") from None

    def _first_message(self, ref: Ref) -> str:
        """What the ticket was opened with."""
        if ref not in self._first:
            answer = self._client.get(f"{_path(ref)}/history", {"fields": "Type", "orderby": "id", "per_page": 1})
            rows = self._client.part(answer, "items", list)
            numbers = [str(one["id"]) for one in rows if one.get("Type") == "Create"]
            self._first[ref] = self._messages(numbers).get(numbers[0], "") if numbers else ""
            while len(self._first) > REMEMBERED:
                with suppress(KeyError):
                    self._first.popitem(last=False)
        return self._first[ref]

    def _messages(self, transactions: Sequence[str]) -> dict[str, str]:
        """What was said in each of these transactions. What a message brings along is not asked for."""
        parts: dict[str, list[Mapping[str, Any]]] = {}
        for begin in range(0, len(transactions), 50):
            for one in self._parts(transactions[begin : begin + 50]):
                parts.setdefault(str(one["TransactionId"]), []).append(one)
        shown = {number: part for number, told in parts.items() if (part := ticket.said_in(told)) is not None}
        contents: dict[str, Any] = {}
        for chosen in ticket.at_once(shown.values(), AT_ONCE):
            contents |= self._contents(chosen)
        return {number: ticket.text_of(part, contents.get(str(part["id"]))) for number, part in shown.items()}

    def _parts(self, transactions: Sequence[str]) -> list[Any]:
        """The parts of messages that are text, without what they say. They are hidden with their transaction and never
        alone, so that a short page is the last."""
        asked = [
            *_any_of("TransactionId", transactions),
            {"field": "ContentType", "operator": "LIKE", "value": "text/"},
        ]
        fields = "TransactionId,ContentType,Filename,ContentLength"
        found: list[Any] = []
        for page in range(1, FARTHEST + 1):
            query: Query = {"fields": fields, "orderby": "id", "per_page": MOST, "page": page}
            answer = self._search(query, "/attachments", asked)
            rows = self._client.part(answer, "items", list)
            found += rows
            self._in_order(answer, found[-len(rows) - 1 :])
            if any("TransactionId" not in one for one in rows):
                raise self._client.unlike(answer, "a part of no transaction")
            if len(rows) < MOST:
                break
        return found

    def _contents(self, attachments: Sequence[str]) -> dict[str, Any]:
        query: Query = {"fields": "Content", "orderby": "id", "per_page": MOST}
        answer = self._search(query, "/attachments", _any_of("id", attachments))
        rows = self._client.part(answer, "items", list)
        self._in_order(answer, rows)
        return {str(one["id"]): one.get("Content") for one in rows}

    def _comment(self, answer: Answer, told: Mapping[str, Any], text: str) -> RemoteComment:
        try:
            author = ticket.user_in(told["Creator"])
            return RemoteComment(
                id=str(told["id"]),
                body=text,
                author=author,
                created_at=ticket.moment(told["Created"]),
                audience=_AUDIENCES[told["Type"]],
                ours=author == self._settings.username,
            )
        except (KeyError, TypeError, ValueError):
            raise self._client.unlike(answer, "a comment that is none") from None

    def _key_in(self, told: Mapping[str, Any]) -> str:
        fields = {one.get("name"): one.get("values") or () for one in told.get(FIELDS) or () if isinstance(one, dict)}
        return next((str(one) for one in fields.get(self._settings.key_field, ()) if one), "")


def _names(answer: Answer) -> dict[str, str]:
    return {str(one.get("id")): str(one.get("name")) for one in answer.json.get(FIELDS) or ()}


def _number(name: str, ref: Ref) -> str:
    if not (ref.isascii() and ref.isdigit() and len(ref) < 18):
        raise Gone(name, f"{ref!r:.80} is no ticket's number")
    return ref


def _path(ref: Ref) -> str:
    return f"/ticket/{quote(ref, safe='')}"


def _told(answer: Answer, name: str) -> int | None:
    """How many there are, where RT tells: it does not where an account may not see everything."""
    found = answer.json.get(name) if isinstance(answer.json, dict) else None
    return int(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def _links(answer: Answer) -> list[str]:
    offered = answer.json.get("_hyperlinks") or ()
    return [str(one.get("_url")) for one in offered if one.get("ref") == "refers-to"]


def _any_of(field: str, values: Iterable[str]) -> list[dict[str, str]]:
    return [{"field": field, "value": one, "entry_aggregator": "OR"} for one in values]
