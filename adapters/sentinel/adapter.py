"""Microsoft Sentinel's incidents over Azure Resource Manager, API version 2024-09-01.

An incident and a comment are written under names that the writer gives, so that a write which is sent again meets what
it made; every other write carries the `etag` of what was seen. Incidents are listed by when they changed, and each look
goes on where the last page ended, since a page's place means something else as soon as somebody edits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, Final

from tieline.adapters.sentinel.incident import (
    CLASSIFICATIONS,
    LONGEST,
    LONGEST_COMMENT,
    NEAREST,
    SEVERITIES,
    STATUSES,
    UNDETERMINED,
    body_of,
    born,
    is_ref,
    merged,
    named,
    reading_of,
    ref_of,
)
from tieline.adapters.sentinel.settings import SentinelSettings
from tieline.core.client import Answer, Client
from tieline.core.entra import moment, tokens
from tieline.core.errors import Gone, NeedsOperator, Rejected, StaleVersion
from tieline.core.http import asked_of_no_record
from tieline.core.listing import Listed, alone, answered, by_change
from tieline.core.marks import Marks, marked, parted
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import Body, Cursor, Health, Page, Reading, Ref, RemoteComment, Token, Version, Workbench

BEHIND: Final = timedelta(minutes=5)
"""How far a listing may be behind what was written: each look begins so much earlier."""
VERSION: Final[Mapping[str, str]] = {"api-version": "2024-09-01"}
_RIGHTS: Final = {"api-version": "2022-04-01"}
NEEDED: Final = (
    "Microsoft.SecurityInsights/incidents/read",
    "Microsoft.SecurityInsights/incidents/write",
    "Microsoft.SecurityInsights/incidents/comments/read",
    "Microsoft.SecurityInsights/incidents/comments/write",
)
"""What the application has to be allowed: the role Microsoft Sentinel Responder holds all of it."""


def connect(name: ConnectionName, settings: SentinelSettings, workbench: Workbench) -> SentinelAdapter:
    """An adapter on the workspace that the settings name."""
    return SentinelAdapter(name, settings, workbench)


class SentinelAdapter:
    """One connection to the incidents of one workspace."""

    lookup_lag = timedelta(0)  # by its name, an incident is found at once
    audiences = frozenset({Audience.STAFF})

    def __init__(self, name: ConnectionName, settings: SentinelSettings, workbench: Workbench) -> None:
        self._name = name
        self._settings = settings
        self._clock = workbench.clock
        self._workspace = (
            f"/subscriptions/{settings.subscription}/resourceGroups/{settings.resource_group}"
            f"/providers/Microsoft.OperationalInsights/workspaces/{settings.workspace}"
        )
        self._incidents = f"{self._workspace}/providers/Microsoft.SecurityInsights/incidents"
        self._marks = Marks({"status": settings.status_label, "severity": settings.severity_label})
        self._client = Client(
            name,
            settings.url,
            settings,
            workbench,
            tool="Azure Resource Manager",
            tokens=tokens(name, settings, workbench),
        )

    def __repr__(self) -> str:
        return f"SentinelAdapter({self._name!r})"

    # Source

    def check(self) -> Health:
        self._first()
        with asked_of_no_record():
            rights = f"{self._workspace}/providers/Microsoft.Authorization/permissions"
            answer = self._client.get(rights, _RIGHTS, shape=dict)
        lacks = [right for right in NEEDED if not _allows(self._client.part(answer, "value", list), right)]
        if lacks:
            words = f"the application may not {', '.join(lacks)}; give it the role Microsoft Sentinel Responder there"
            raise NeedsOperator(self._name, f"{self._settings.workspace}: {words}.")
        return Health(self._settings.client_id, "Microsoft Sentinel 2024-09-01", answer.at - self._clock.now())

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        """The cursor is when the last of them changed, by Sentinel's clock."""
        start = self._first().at - self._settings.history if since is None else self._place(since)
        yield from by_change(
            start,
            start if since is None else start - BEHIND,
            since=self._list,
            onward=self._onward,
            understand=self._reading,
            named=named,
            changed=_changed,
        )

    def read(self, ref: Ref) -> Reading:
        answer = self._client.get(self._at(ref), VERSION, shape=dict)
        return alone(self._name, f"incident {ref}", lambda: self._reading(answer.json, answer.at))

    # Adapter

    def create(self, body: Body, token: Token) -> Reading:
        """Under the name that the token makes: what is there already is what an earlier try has made."""
        blank = born(token)
        self._check(body, body_of({**blank, "title": "-"}, self._marks), creating=True)
        there = self.find(token)
        if there is not None:
            return there
        with asked_of_no_record():
            return self._put(ref_of(token), merged(blank, body, self._marks))

    def update(self, ref: Ref, patch: Body, seen: Version) -> Reading:
        answer = self._client.get(self._at(ref), VERSION, shape=dict)
        before = alone(self._name, f"incident {ref}", lambda: self._reading(answer.json, answer.at))
        self._check(patch, before.body)
        if before.version != seen:
            raise StaleVersion(self._name, f"incident {ref} is not as it was seen")
        if all(before.body.get(name) == value for name, value in patch.items()):
            return before
        return self._put(ref, merged(answer.json["properties"], patch, self._marks), seen)

    # Finder

    def find(self, token: Token) -> Reading | None:
        try:
            found = self.read(ref_of(token))
        except Gone:
            return None
        return found if found.token in (None, token) else None

    # Commenter, CommentEditor

    def comments(self, ref: Ref) -> list[RemoteComment]:
        page = self._listed(self._client.get(f"{self._at(ref)}/comments", VERSION, shape=dict))
        found = [self._comment(row) for row in page.rows]
        while page.following:
            page = self._onward(page.following)
            found += [self._comment(row) for row in page.rows]
        return found

    def add_comment(self, ref: Ref, body: Any, audience: Audience, token: Token) -> RemoteComment:
        return self._say(ref, ref_of(token), marked(str(body), token), audience)

    def edit_comment(self, ref: Ref, comment: str, body: Any, audience: Audience) -> RemoteComment:
        if not is_ref(comment):
            raise Gone(self._name, f"there is no comment {comment!r:.40}")
        before = self._client.get(f"{self._at(ref)}/comments/{comment}", VERSION, shape=dict).json
        found = alone(self._name, f"comment {comment}", lambda: self._comment(before))
        text = str(body) if found.token is None else marked(str(body), found.token)
        return self._say(ref, Ref(comment), text, audience, before.get("etag"))

    # Directory

    def person_id(self, email: str) -> str | None:
        """The object id that the settings give: the directory itself is another service, with rights of its own."""
        self._first()
        return self._settings.people.get(email.lower())

    # What is the same for all of them

    def _first(self) -> Answer:
        """The first incident of the workspace, for whoever asks whether it answers at all."""
        with asked_of_no_record():
            return self._client.get(self._incidents, {**VERSION, "$top": 1}, shape=dict)

    def _place(self, since: Cursor) -> datetime:
        try:
            return moment(since)
        except ValueError:
            raise NeedsOperator(self._name, f"the cursor {since!r:.80} is not one of ours; start anew") from None

    def _list(self, since: datetime) -> Listed:
        at = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        query: dict[str, str | int | list[str]] = {
            **VERSION,
            "$filter": f"(properties/lastModifiedTimeUtc ge {at})",
            "$orderby": "properties/lastModifiedTimeUtc asc",
            "$top": self._settings.page_size,
        }
        with asked_of_no_record():
            return self._listed(self._client.get(self._incidents, query, shape=dict))

    def _onward(self, following: str) -> Listed:
        with asked_of_no_record():
            return self._listed(self._client.get(following, shape=dict))

    def _listed(self, answer: Answer) -> Listed:
        rows = self._client.part(answer, "value", list)
        if not all(isinstance(row, dict) for row in rows):
            raise self._client.unlike(answer, "no list of objects")
        return Listed(rows, answer.at, str(answer.json.get("nextLink") or ""))

    def _at(self, ref: Ref) -> str:
        if not is_ref(ref):
            raise Gone(self._name, f"there is no incident {ref!r:.40}")
        return f"{self._incidents}/{ref}"

    def _put(self, ref: Ref, told: Mapping[str, Any], seen: Version | None = None) -> Reading:
        said = {"properties": told} if seen is None else {"etag": seen, "properties": told}
        answer = self._client.call("PUT", self._at(ref), query=VERSION, body=said, shape=dict)
        return answered(self._name, f"incident {ref}", lambda: self._reading(answer.json, answer.at))

    def _say(self, ref: Ref, comment: Ref, text: str, audience: Audience, etag: str | None = None) -> RemoteComment:
        if audience not in self.audiences:
            raise Rejected(self._name, f"a comment is read by all who see the workspace, and not by {audience} alone")
        if len(text) > LONGEST_COMMENT:
            words = f"a comment is {len(text):,} characters long; {LONGEST_COMMENT:,} is the most"
            raise Rejected(self._name, words)
        said = {"properties": {"message": text}} | ({"etag": etag} if etag else {})
        answer = self._client.call("PUT", f"{self._at(ref)}/comments/{comment}", query=VERSION, body=said, shape=dict)
        return answered(self._name, "the comment", lambda: self._comment(answer.json))

    def _reading(self, incident: Mapping[str, Any], at: datetime) -> Reading:
        return reading_of(incident, self._marks, at, self._settings.people)

    def _comment(self, row: Mapping[str, Any]) -> RemoteComment:
        told, ident = row["properties"], str(row["name"]).lower()
        text, token = parted(told["message"])
        ours = token is not None and ref_of(token) == ident
        author = told.get("author") or {}
        return RemoteComment(
            id=ident,
            body=text if ours else str(told["message"]),
            author=str(author.get("name") or author.get("userPrincipalName") or ""),
            created_at=moment(told["createdTimeUtc"]),
            audience=Audience.STAFF,
            ours=ours,
            token=token if ours else None,
        )

    def _check(self, patch: Body, before: Body, *, creating: bool = False) -> None:
        """Raises Rejected for what the API would refuse, cut, or say in other words."""
        refused = dict(_unfit({**patch, **({"title": patch.get("title")} if creating else {})}, self._marks))
        after = {**before, **patch}
        found_nothing = after["classification"] in (None, UNDETERMINED)
        if after["status"] == "Closed" and found_nothing and not self._marks.can_tell("status"):
            words = "without `status_label` an incident that is closed without a finding reads as called off"
            refused.setdefault("classification", words)
        if refused:
            words = "; ".join(f"{name}: {why}" for name, why in refused.items())
            raise Rejected(self._name, words, refused=refused)


def _unfit(body: Body, marks: Marks) -> Iterator[tuple[str, str]]:
    """What of a body does not fit into an incident, and why."""
    if "title" in body and not str(body["title"] or "").strip():
        yield "title", "it is empty"
    for name, most in LONGEST.items():
        if len(str(body.get(name) or "")) > most:
            yield name, f"it is {len(str(body[name])):,} characters long, and {most:,} is the most"
    for name, words in (("status", STATUSES), ("severity", SEVERITIES)):
        value = body.get(name)
        if name in body and value not in (*words, *NEAREST[name]):
            yield name, f"{value!r:.40} is none of {', '.join((*words, *NEAREST[name]))}"
        elif value in NEAREST[name] and not marks.can_tell(name):
            yield name, f"no label stands for it; set `{name}_label`"
    if body.get("classification") is not None and body["classification"] not in CLASSIFICATIONS:
        yield "classification", f"{body['classification']!r:.60} is none of {', '.join(sorted(CLASSIFICATIONS))}"
    if body.get("owner") is not None and not is_ref(str(body["owner"])):
        yield "owner", "a person is named by the object id"
    labels = [str(one) for one in body.get("labels") or ()]
    taken = sorted(set(labels) - set(marks.free(labels)))
    if taken:
        yield "labels", f"{taken[0]!r:.60} begins like the labels that stand for another field"


def _changed(row: Mapping[str, Any]) -> datetime | None:
    """When an incident changed, where it says so."""
    try:
        return moment(row["properties"]["lastModifiedTimeUtc"])
    except (KeyError, TypeError, ValueError):
        return None


def _allows(granted: Iterable[Any], right: str) -> bool:
    """Whether one of the grants allows a right: by its actions, which may hold `*`, and not by its notActions."""
    return any(
        isinstance(one, dict) and _names(one.get("actions"), right) and not _names(one.get("notActions"), right)
        for one in granted
    )


def _names(patterns: Any, right: str) -> bool:
    return any(fnmatchcase(right.lower(), str(one).lower()) for one in patterns or ())
