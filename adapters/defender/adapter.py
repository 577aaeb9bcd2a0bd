"""Microsoft Defender XDR's incidents over Microsoft Graph v1.0.

Defender makes its incidents itself; what is done about them is written. Nothing that it answers can be held against a
write, so each is sent after a look. A listing has no order that is documented: all of it is read before any is told,
and each look begins a while before the last one's end.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from tieline.adapters.defender.incident import (
    CLASSIFICATIONS,
    LONGEST_COMMENT,
    MERGED,
    NEAREST,
    STATUSES,
    comments_of,
    is_ref,
    named,
    reading_of,
    sent,
)
from tieline.adapters.defender.settings import DefenderSettings
from tieline.core.client import Answer, Client
from tieline.core.entra import moment, tokens
from tieline.core.errors import Gone, NeedsOperator, Rejected, StaleVersion
from tieline.core.http import asked_of_no_record
from tieline.core.listing import alone, answered, understood
from tieline.core.marks import Marks, marked
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import Body, Cursor, Health, Page, Reading, Ref, RemoteComment, Token, Version, Workbench

BEHIND: Final = timedelta(minutes=10)
"""How far a listing may be behind what was written: each look begins so much earlier."""
INCIDENTS: Final = "/v1.0/security/incidents"
_ALL_WORDS: Final = {"prefer": "include-unknown-enum-members"}
"""Without it, an incident that waits for somebody is told as of an unknown status."""


def connect(name: ConnectionName, settings: DefenderSettings, workbench: Workbench) -> DefenderAdapter:
    """An adapter on the directory that the settings name."""
    return DefenderAdapter(name, settings, workbench)


class DefenderAdapter:
    """One connection to the incidents of one directory."""

    audiences = frozenset({Audience.STAFF})

    def __init__(self, name: ConnectionName, settings: DefenderSettings, workbench: Workbench) -> None:
        self._name = name
        self._settings = settings
        self._clock = workbench.clock
        self._marks = Marks({"status": settings.status_tag})
        bought = tokens(name, settings, workbench)
        self._client = Client(name, settings.url, settings, workbench, tool="Microsoft Graph", tokens=bought)

    def __repr__(self) -> str:
        return f"DefenderAdapter({self._name!r})"

    # Source

    def check(self) -> Health:
        skew = self._first().at - self._clock.now()
        note = "Whether the application may write (SecurityIncident.ReadWrite.All) shows at the first write."
        return Health(self._settings.client_id, "Microsoft Graph v1.0", skew, notes=(note,))

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        """The cursor is when the last of them changed, by Defender's clock."""
        start = self._first().at - self._settings.history if since is None else self._place(since)
        upto = start
        look = (start if since is None else start - BEHIND).astimezone(UTC)
        query: dict[str, str | int | list[str]] = {
            "$filter": f"lastUpdateDateTime ge {look:%Y-%m-%dT%H:%M:%S.%fZ}",
            "$top": self._settings.page_size,
        }
        rows, at = self._listed(query)
        told = understood(sorted(rows, key=lambda row: _changed(row) or look), partial(self._reading, at=at), named)
        size, upto = self._settings.page_size, start
        for first in range(0, max(len(told.found), 1), size):
            page = told.found[first : first + size]
            upto = max([upto, *(at - one.age for one in page if one.age is not None)])
            is_last = first + size >= len(told.found)
            yield Page(page, Cursor(upto.isoformat()), not is_last, unreadable=told.unreadable if is_last else [])

    def _listed(self, query: dict[str, str | int | list[str]]) -> tuple[list[dict[str, Any]], datetime]:
        """All of a listing, in no order that is documented, and when it was begun by Defender's clock."""
        answer = self._get(INCIDENTS, query)
        rows, at = [], answer.at
        while True:
            page = self._client.part(answer, "value", list)
            if not all(isinstance(row, dict) for row in page):
                raise self._client.unlike(answer, "no list of objects")
            rows += page
            following = str(answer.json.get("@odata.nextLink") or "")
            if not following:
                return rows, at
            answer = self._get(following)

    def read(self, ref: Ref) -> Reading:
        answer = self._client.call("GET", self._at(ref), headers=_ALL_WORDS, shape=dict)
        return alone(self._name, f"incident {ref}", lambda: self._reading(answer.json, answer.at))

    # Adapter

    def create(self, body: Body, token: Token) -> Reading:  # noqa: ARG002 - whatever it is
        """Raises Rejected: Defender takes no incident from outside."""
        raise Rejected(self._name, "Defender makes its incidents itself, and takes none from outside")

    def update(self, ref: Ref, patch: Body, seen: Version) -> Reading:
        before = self.read(ref)
        refused = dict(_unfit(patch, before.body, self._marks))
        if refused:
            words = "; ".join(f"{name}: {why}" for name, why in refused.items())
            raise Rejected(self._name, words, refused=refused)
        if before.version != seen:
            raise StaleVersion(self._name, f"incident {ref} is not as it was seen")
        said = sent(patch, before.body, self._marks)
        if not said:
            return before
        answer = self._client.call("PATCH", self._at(ref), body=said, headers=_ALL_WORDS, shape=dict)
        return answered(self._name, f"incident {ref}", lambda: self._reading(answer.json, answer.at))

    # Commenter

    def comments(self, ref: Ref) -> list[RemoteComment]:
        return list(self.read(ref).comments or ())

    def add_comment(self, ref: Ref, body: Any, audience: Audience, token: Token) -> RemoteComment:
        if audience not in self.audiences:
            raise Rejected(self._name, f"a comment is read by all who see the incident, and not by {audience} alone")
        text = marked(str(body), token)
        if len(text) > LONGEST_COMMENT:
            words = f"a comment is {len(text):,} characters long; {LONGEST_COMMENT:,} is the most"
            raise Rejected(self._name, words)
        said = {"@odata.type": "microsoft.graph.security.alertComment", "comment": text}
        answer = self._client.call("POST", f"{self._at(ref)}/comments", body=said)
        return answered(self._name, "the comment", lambda: self._of(answer, token))

    def _of(self, answer: Answer, token: Token) -> RemoteComment:
        """The comment with our token among all of the incident's, which are the answer."""
        rows = answer.json["value"] if isinstance(answer.json, dict) else answer.json
        return next(one for one in reversed(comments_of(rows, self._settings.author)) if one.token == token)

    # Directory

    def person_id(self, email: str) -> str | None:
        """The sign-in name that the settings give: the directory itself is another service, with rights of its own."""
        self._first()
        return self._settings.people.get(email.lower())

    # What is the same for all of them

    def _first(self) -> Answer:
        """The first incident, for whoever asks whether Graph answers at all."""
        return self._get(INCIDENTS, {"$top": 1})

    def _get(self, path: str, query: dict[str, str | int | list[str]] | None = None) -> Answer:
        with asked_of_no_record():
            return self._client.call("GET", path, query=query, headers=_ALL_WORDS, shape=dict)

    def _place(self, since: Cursor) -> datetime:
        try:
            return moment(since)
        except ValueError:
            raise NeedsOperator(self._name, f"the cursor {since!r:.80} is not one of ours; start anew") from None

    def _at(self, ref: Ref) -> str:
        if not is_ref(ref):
            raise Gone(self._name, f"there is no incident {ref!r:.40}")
        return f"{INCIDENTS}/{ref}"

    def _reading(self, told: Any, at: datetime) -> Reading:
        return reading_of(told, self._marks, at, self._settings.people, self._settings.author)


def _unfit(patch: Body, before: Body, marks: Marks) -> Iterator[tuple[str, str]]:
    """What of a patch Defender would refuse, or say in other words, and why."""
    fixed = patch.keys() - {"status", "classification", "customTags", "assignedTo"}
    for name in sorted(fixed):
        if patch[name] != before.get(name):
            yield name, "Defender writes it itself"
    status = patch.get("status", before["status"])
    if before["status"] == MERGED and status != MERGED:
        yield "status", "the incident was merged into another one"
    elif status not in (*STATUSES, *NEAREST, before["status"]):
        yield "status", f"{status!r:.40} is none of {', '.join((*STATUSES, *NEAREST))}"
    elif status in NEAREST and not marks.can_tell("status"):
        yield "status", "no tag stands for it; set `status_tag`"
    if patch.get("classification", "unknown") not in CLASSIFICATIONS:
        yield "classification", f"{patch['classification']!r:.60} is none of {', '.join(CLASSIFICATIONS)}"
    tags = [str(one) for one in patch.get("customTags") or ()]
    taken = sorted(set(tags) - set(marks.free(tags)))
    if taken:
        yield "customTags", f"{taken[0]!r:.60} begins like the tag that stands for the status"


def _changed(row: dict[str, Any]) -> datetime | None:
    """When an incident changed, where it says so."""
    try:
        return moment(row.get("lastUpdateDateTime"))
    except ValueError:
        return None
