"""Statuspage's REST API v1. An incident of the page is a record, and its newest update is its text.

Whoever writes a status or a text adds an update, and each mails every subscriber: so both are sent together, after a
look, and what stands there already is not sent again. There is no key and no conditional write. What was made carries
our token in its metadata, which is looked for in each incident where the listing does not show it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import orjson

from tieline.adapters.statuspage.settings import StatuspageSettings
from tieline.core.client import Answer, Client
from tieline.core.errors import Gone, Limit, NeedsOperator, Rejected, StaleVersion, TryAgain
from tieline.core.http import asked_of_no_record
from tieline.core.listing import alone, answered, understood
from tieline.core.login import Proof, revealed
from tieline.core.model import ConnectionName, Disruption, Phase
from tieline.core.port import Body, Cursor, Health, Page, Reading, Ref, Token, Version, Workbench

LATE: Final = timedelta(seconds=30)
"""How long a request may still be at work there of which the answer was lost."""

LONGEST: Final = {"name": 255, "body": 25_000}
CHOICES: Final = {"status": frozenset(Phase), "impact": frozenset(Disruption)}
_CALM_DOWN: Final = 420
"""What the API answers, beside 429, to whoever asks too often."""


def connect(name: ConnectionName, settings: StatuspageSettings, workbench: Workbench) -> StatuspageAdapter:
    """An adapter on the page that the settings name."""
    return StatuspageAdapter(name, settings, workbench)


class StatuspageAdapter:
    """One connection to one page. It keeps nothing but its sockets."""

    lookup_lag = LATE

    def __init__(self, name: ConnectionName, settings: StatuspageSettings, workbench: Workbench) -> None:
        self._name = name
        self._settings = settings
        self._clock = workbench.clock
        self._page = f"/pages/{quote(settings.page, safe='')}"
        self._client = Client(name, settings.url, settings, workbench, tool="Statuspage", prove=self._proof)

    def __repr__(self) -> str:
        return f"StatuspageAdapter({self._name!r})"

    # Source

    def check(self) -> Health:
        with asked_of_no_record():
            answer = self._send("GET", self._page)
            self._list(1)
        return Health(str(answer.json.get("name", "")), "Statuspage v1", answer.at - self._clock.now())

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        """Pages of one listing, in the order of what changed last. The cursor is when that was, by the page's clock."""
        rows, at = self._rows()
        start = at - self._settings.history if since is None else self._place(since)
        stamped = [(_changed(row) or at, row) for row in rows]
        recent = [row for when, row in sorted(stamped, key=lambda pair: pair[0]) if when >= start]
        told = understood(recent, lambda row: (_changed(row) or at, self._reading(row, at)), _named)
        found, size = told.found, self._settings.page_size
        for first in range(0, max(len(found), 1), size):
            part = found[first : first + size]
            upto = max([start, *(when for when, _reading in part)])
            more = first + size < len(found)
            odd = () if more else told.unreadable
            yield Page([reading for _when, reading in part], Cursor(upto.isoformat()), more, unreadable=odd)

    def read(self, ref: Ref) -> Reading:
        answer = self._send("GET", self._at(ref))
        return alone(self._name, f"read: incident {ref}", lambda: self._reading(answer.json, answer.at))

    # Adapter

    def create(self, body: Body, token: Token) -> Reading:
        if not str(body.get("name") or "").strip():
            raise Rejected(self._name, "create: an incident has no name", refused={"name": "it is empty"})
        self._check(body)
        said = {**_said(body), "metadata": {"tieline": {"token": token}}}
        with asked_of_no_record():
            answer = self._write("POST", f"{self._page}/incidents", said)
        return answered(self._name, "create", lambda: self._reading(answer.json, answer.at))

    def update(self, ref: Ref, patch: Body, seen: Version) -> Reading:
        self._check(patch)
        before = self.read(ref)
        if before.version != seen:
            raise StaleVersion(self._name, f"update: incident {ref} is not as it was seen")
        news = {name: value for name, value in patch.items() if value != before.body.get(name)}
        if not news:
            return before
        if "body" in news and not str(news["body"] or "").strip():
            raise Rejected(self._name, "update: what was told cannot be emptied", refused={"body": "it is empty"})
        if news.keys() & {"status", "body"}:
            news = {"status": before.body["status"], "body": before.body["body"], **news}
        answer = self._write("PATCH", self._at(ref), _said(news))
        return answered(self._name, f"update: incident {ref}", lambda: self._reading(answer.json, answer.at))

    # Finder

    def find(self, token: Token) -> Reading | None:
        """The oldest that carries it: each is looked at of which the listing does not show what it carries."""
        for row in reversed(self._rows()[0]):
            ref, _key = _named(row)
            if "metadata" in row and _token(row) != token:
                continue
            try:
                reading = None if ref is None else self.read(ref)
            except Gone:
                continue
            if reading is not None and reading.token == token:
                return reading
        return None

    # What is the same for all of them

    def _rows(self) -> tuple[list[Mapping[str, Any]], datetime]:
        """The incidents that began within our reach, newest first, and when they were listed."""
        found: dict[str, Mapping[str, Any]] = {}
        number, size, begun = 1, self._settings.page_size, None
        while True:
            rows, at = self._list(number)
            begun = begun or at
            found |= {str(row.get("id")): row for row in rows if str(row.get("id")) not in found}
            oldest = _moment(rows[-1].get("created_at")) if rows else None
            if len(rows) < size or (oldest is not None and oldest < begun - self._settings.reach):
                return list(found.values()), begun
            number += 1

    def _list(self, number: int) -> tuple[list[Mapping[str, Any]], datetime]:
        path, size = f"{self._page}/incidents", str(self._settings.page_size)
        with asked_of_no_record():
            answer = self._send("GET", path, query={"page": str(number), "per_page": size}, shape=list)
        if not all(isinstance(row, dict) for row in answer.json):
            raise self._client.unlike(answer, "no list of incidents")
        return answer.json, answer.at

    def _write(self, method: str, path: str, said: Body) -> Answer:
        """Send one write. One whose answer is lost is left time before anybody looks what came of it."""
        try:
            return self._send(method, path, {"incident": {**said, "deliver_notifications": self._settings.notify}})
        except TryAgain as error:
            if error.maybe_done and error.wait is None:
                error.wait = LATE
            raise

    def _send(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        *,
        query: Mapping[str, str] | None = None,
        shape: type[dict[Any, Any] | list[Any]] = dict,
    ) -> Answer:
        try:
            return self._client.call(method, path, query=query, body=body, shape=shape)
        except Rejected as error:
            if error.status != _CALM_DOWN:
                raise
            raise TryAgain(self._name, str(error), limit=Limit.CONNECTION, status=_CALM_DOWN) from None

    def _proof(self) -> Proof:
        return Proof({"authorization": f"OAuth {revealed(self._name, 'token', self._settings.token)}"})

    def _at(self, ref: Ref) -> str:
        return f"{self._page}/incidents/{quote(ref, safe='')}"

    def _place(self, since: Cursor) -> datetime:
        found = _moment(since)
        if found is None:
            raise NeedsOperator(self._name, f"the cursor {since!r:.80} is not one of ours; start anew")
        return found

    def _check(self, body: Body) -> None:
        """Raises Rejected for what the API would refuse, or cut."""
        for name, value in body.items():
            said = "" if value is None else str(value)
            if len(said) > LONGEST.get(name, len(said)):
                why = f"it is {len(said):,} characters long, and {LONGEST[name]:,} is the most"
            elif name in CHOICES and value is not None and said not in CHOICES[name]:
                why = f"{said!r:.40} is none of {', '.join(sorted(CHOICES[name]))}"
            else:
                continue
            raise Rejected(self._name, f"{name}: {why}", refused={name: why})

    def _reading(self, row: Mapping[str, Any], at: datetime) -> Reading:
        ref, updates = row["id"], row["incident_updates"]
        if not (isinstance(ref, str) and ref and isinstance(updates, list)):
            raise ValueError("it has no id or no updates")
        changed = _changed(row)
        if changed is None:
            raise ValueError("nothing says when it changed last")
        last = max(updates, key=lambda one: str(one["created_at"]), default={"body": ""})
        body = {"name": row["name"], "status": row["status"], "impact": row["impact"], "body": last["body"] or ""}
        if not (isinstance(body["name"], str) and isinstance(body["status"], str)):
            raise ValueError("it has no name or no status")
        shown = [body, [[one["id"], one["body"], one["status"]] for one in updates], changed.isoformat()]
        return Reading(
            ref=Ref(ref),
            version=Version(hashlib.sha256(orjson.dumps(shown)).hexdigest()[:32]),
            body=body,
            key=ref[:60],
            url=str(row.get("shortlink") or ""),
            token=_token(row),
            age=max(at - changed, timedelta(0)),
        )


def _said(body: Body) -> dict[str, Any]:
    """What is sent of a body: the impact that is shown is said by overriding what follows from components."""
    return {"impact_override" if name == "impact" else name: value for name, value in body.items()}


def _changed(row: Mapping[str, Any]) -> datetime | None:
    """When it, or one of its updates, was changed last."""
    updates = row.get("incident_updates")
    parts = [row, *(one for one in updates if isinstance(one, dict))] if isinstance(updates, list) else [row]
    return max((when for one in parts if (when := _moment(one.get("updated_at"))) is not None), default=None)


def _token(row: Mapping[str, Any]) -> Token | None:
    metadata = row.get("metadata")
    ours = metadata.get("tieline") if isinstance(metadata, Mapping) else None
    token = ours.get("token") if isinstance(ours, Mapping) else None
    return Token(token) if isinstance(token, str) else None


def _moment(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None


def _named(row: Mapping[str, Any]) -> tuple[Ref | None, str]:
    ref = row.get("id")
    return (Ref(ref), ref[:60]) if isinstance(ref, str) and ref else (None, "")
