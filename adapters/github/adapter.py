"""GitHub's REST API of 2022-11-28: the issues of one private repository.

Issues are listed by when they changed, in whole seconds, and page by page of what changed since the last one, since a
page's number means something else as soon as somebody edits. There is no conditional write: each write is sent after a
look. What the account may not do is left out without a word (labels, assignees), so `check` asks what it may.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import orjson

from tieline.adapters.github.issue import (
    LONGEST,
    LONGEST_LABEL,
    OPEN,
    REASONS,
    author_of,
    moment,
    named,
    of_ours,
    reading_of,
    sent,
    state_of,
)
from tieline.adapters.github.settings import GithubSettings
from tieline.core.client import Answer, Client
from tieline.core.deliveries import Signature
from tieline.core.errors import Forged, Gone, NeedsOperator, Rejected, RemoteError, StaleVersion
from tieline.core.http import asked_of_no_record, retry_after, server_date
from tieline.core.listing import Listed, alone, answered, by_change
from tieline.core.login import Proof, revealed
from tieline.core.marks import Marks, marked, parted
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import (
    Body,
    Cursor,
    Delivery,
    Health,
    Hint,
    Page,
    Reading,
    Received,
    Ref,
    RemoteComment,
    Token,
    Version,
    Workbench,
)
from tieline.core.proofs import prove_signed
from tieline.core.proofs import revealed as revealed_webhook

BEHIND: Final = timedelta(seconds=10)
"""How far a listing may be behind what was written: each look begins so much earlier."""
PATIENCE: Final = timedelta(minutes=1)
"""How long to wait where it is told that there were too many calls, and not until when."""
MEMBERS: Final = {"title": "title", "body": "body", "labels": "labels", "assignees": "assignee", "state": "status"}
"""What the API calls each member of a body."""
_SIGNATURE: Final = Signature("x-hub-signature-256", prefix="sha256=")
_FIELD: Final = re.compile(r'"field":\s*"(\w+)"')
LONGEST_MARK: Final = 300
LOOK_EVERY: Final = 3_600.0
"""Seconds after which it is asked again whether the repository may be kept in step."""


def connect(name: ConnectionName, settings: GithubSettings, workbench: Workbench) -> GithubAdapter:
    """An adapter on the repository that the settings name."""
    return GithubAdapter(name, settings, workbench)


class GithubAdapter:
    """One connection to the issues of one repository. It keeps its sockets and the account's login."""

    lookup_lag = BEHIND
    audiences = frozenset({Audience.STAFF})

    def __init__(self, name: ConnectionName, settings: GithubSettings, workbench: Workbench) -> None:
        self._name = name
        self._settings = settings
        self._clock = workbench.clock
        self._repository = f"/repos/{settings.repository}"
        self._login = settings.login
        self._looked = float("-inf")
        self._marks = Marks(
            {"status": settings.status_label, "severity": settings.severity_label, "priority": settings.priority_label}
        )
        self._client = Client(
            name, settings.url, settings, workbench, tool="GitHub", prove=self._proof, too_often=_too_often
        )

    def __repr__(self) -> str:
        return f"GithubAdapter({self._name!r})"

    # Source

    def check(self) -> Health:
        answer = self._look()
        return Health(self._account(), "GitHub REST 2022-11-28", answer.at - self._clock.now())

    def _look(self) -> Answer:
        """The repository as it is. Raises NeedsOperator where it cannot be kept in step."""
        with asked_of_no_record():
            answer = self._client.get(self._repository, shape=dict)
        self._looked = self._clock.monotonic()
        said, wrong = answer.json, []
        if said.get("private") is not True or said.get("visibility", "private") != "private":
            wrong.append("others than those who work in it read its issues: only a private one is kept in step")
        if said.get("archived"):
            wrong.append("it is archived, and takes no writes")
        if said.get("has_issues") is False:
            wrong.append("its issues are switched off: see Settings, General, Features")
        rights = said.get("permissions")
        if isinstance(rights, dict) and not (rights.get("push") or rights.get("triage") or rights.get("admin")):
            wrong.append("the account may not triage there: labels and assignees would be left out without a word")
        if wrong:
            raise NeedsOperator(self._name, f"{self._settings.repository}: {'; '.join(wrong)}.")
        return answer

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        """The cursor is when the last of them changed, by GitHub's clock."""
        if since is None or self._clock.monotonic() - self._looked > LOOK_EVERY:
            now = self._look().at.replace(microsecond=0)  # GitHub's clock has whole seconds
            start = now - self._settings.history if since is None else self._place(since)
        else:
            start = self._place(since)
        yield from by_change(
            start,
            start if since is None else start - BEHIND,
            since=self._list,
            onward=self._onward,
            understand=self._reading,
            named=named,
            changed=_changed,
            is_record=lambda row: "pull_request" not in row,
        )

    def read(self, ref: Ref) -> Reading:
        answer = self._one(ref)
        return alone(self._name, f"issue {ref}", lambda: self._reading(answer.json, answer.at))

    # Adapter

    def create(self, body: Body, token: Token) -> Reading:
        self._check(body, creating=True)
        blank: Body = {"status": OPEN, "labels": []}
        said = sent({**body, "body": body.get("body")}, blank, self._marks, token)
        with asked_of_no_record():
            answer = self._write("POST", f"{self._repository}/issues", said)
        self._login = author_of(answer.json) or self._login  # whatever the settings say of it
        made = answered(self._name, "the issue", lambda: self._reading(answer.json, answer.at))
        closes = state_of(str(body.get("status") or OPEN), OPEN)
        if not closes:
            return made
        try:
            return self._patched(made.ref, closes)
        except RemoteError:
            return made  # as it was born: what is still to be written is seen by its status

    def update(self, ref: Ref, patch: Body, seen: Version) -> Reading:
        self._check(patch)
        before = self.read(ref)
        if before.version != seen:
            raise StaleVersion(self._name, f"issue {ref} is not as it was seen")
        said = sent(patch, before.body, self._marks, before.token)
        if "status" in patch:
            said |= state_of(str(patch["status"] or OPEN), str(before.body["status"]))
        return self._patched(ref, said) if said else before

    # Finder

    def find(self, token: Token) -> Reading | None:
        """The oldest of our own issues that carries it: all are looked through, the newest first."""
        found: Reading | None = None
        query = {"state": "all", "creator": self._account(), "sort": "created", "direction": "desc"}
        answer = self._rows(f"{self._repository}/issues", query)
        while True:
            for row in answer.json:
                if parted(row.get("body"))[1] == token and "pull_request" not in row:
                    found = alone(self._name, "the issue", partial(self._reading, row, answer.at))
            if not answer.following:
                return found
            answer = self._rows(answer.following)

    # Commenter, CommentEditor

    def comments(self, ref: Ref) -> list[RemoteComment]:
        with self._of(ref):
            answer = self._rows(f"{self._at(ref)}/comments", {}, of_record=True)
        found = [self._comment(row) for row in answer.json]
        while answer.following:
            answer = self._rows(answer.following, of_record=True)
            found += [self._comment(row) for row in answer.json]
        return found

    def add_comment(self, ref: Ref, body: Any, audience: Audience, token: Token) -> RemoteComment:
        if audience not in self.audiences:
            raise Rejected(self._name, f"a comment is read by all who see the repository, and not by {audience} alone")
        said = {"body": self._fitting(marked(str(body), token))}
        with self._of(ref):
            answer = self._client.call("POST", f"{self._at(ref)}/comments", body=said, shape=dict)
        return answered(self._name, "the comment", lambda: self._comment(answer.json))

    def edit_comment(self, ref: Ref, comment: str, body: Any, audience: Audience) -> RemoteComment:
        if audience not in self.audiences:
            raise Rejected(self._name, f"a comment is read by all who see the repository, and not by {audience} alone")
        if not comment.isdecimal():
            raise Gone(self._name, f"there is no comment {comment!r:.40}")
        path = f"{self._repository}/issues/comments/{comment}"
        with self._of(ref):
            before = self._client.get(path, shape=dict).json
        _text, token = of_ours({"body": None, **before}, self._account())
        said = {"body": self._fitting(marked(str(body), token) if token is not None else str(body))}
        answer = self._client.call("PATCH", path, body=said, shape=dict)
        return answered(self._name, "the comment", lambda: self._comment(answer.json))

    # Directory

    def person_id(self, email: str) -> str | None:
        """The login that the settings give, where it may be assigned."""
        login = self._settings.people.get(email.lower())
        if login is None:
            self._look()
            return None
        try:
            self._client.send("GET", f"{self._repository}/assignees/{login}")
        except Gone:
            return None
        return login

    # Receiver

    def verify(self, delivery: Delivery, now: datetime) -> None:
        if not self._settings.webhook_secrets:
            raise Forged(self._name, "no `webhook_secrets` are set, so no webhook can be proved")
        secrets = revealed_webhook(self._name, self._settings.webhook_secrets)
        prove_signed(self._name, _SIGNATURE, secrets, delivery, now, timedelta(0))  # GitHub signs no time

    def parse(self, delivery: Delivery) -> Received:
        """The issue that an event of `issues` or `issue_comment` is about; none for others."""
        told: Any = orjson.loads(delivery.body)
        place = told.get("repository") if isinstance(told, dict) else None
        if not isinstance(place, dict) or not isinstance(place.get("full_name"), str):
            raise ValueError("a webhook of GitHub names its `repository`; send it as application/json")
        identity = delivery.headers.get("x-github-delivery") or hashlib.sha256(delivery.body).hexdigest()
        issue = told.get("issue")
        if place["full_name"].lower() != self._settings.repository.lower():
            raise ValueError(f"this is about {place['full_name']!r:.140}, and not about {self._settings.repository}")
        if not isinstance(issue, dict) or "pull_request" in issue:
            return Received(identity[:255], ())
        ref, _key = named(issue)
        if ref is None:
            raise ValueError("the `issue` of this webhook has no number")
        return Received(identity[:255], (Hint(ref),))

    # What is the same for all of them

    def _proof(self) -> Proof:
        token = revealed(self._name, "token", self._settings.token)
        return Proof(
            {
                "authorization": f"Bearer {token}",
                "accept": "application/vnd.github+json",
                "x-github-api-version": "2022-11-28",
            }
        )

    def _account(self) -> str:
        if self._login is None:
            with asked_of_no_record():
                answer = self._client.get("/user", shape=dict)
            self._login = self._client.part(answer, "login", str)
        return self._login

    def _place(self, since: Cursor) -> datetime:
        try:
            return moment(since)
        except ValueError:
            raise NeedsOperator(self._name, f"the cursor {since!r:.80} is not one of ours; start anew") from None

    def _list(self, since: datetime) -> Listed:
        at = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = {"state": "all", "sort": "updated", "direction": "asc", "since": at}
        return _listed(self._rows(f"{self._repository}/issues", query))

    def _onward(self, following: str) -> Listed:
        return _listed(self._rows(following))

    def _rows(self, path: str, query: Mapping[str, str] | None = None, *, of_record: bool = False) -> Answer:
        """A page of objects: the first of a listing, or the one that an answer leads to. Raises Gone of a record
        alone."""
        told: dict[str, str | int] | None = None
        if query is not None:
            told = {**query, "per_page": self._settings.page_size}
        with nullcontext() if of_record else asked_of_no_record():
            answer = self._client.get(path, told, shape=list)
        if not all(isinstance(row, dict) for row in answer.json):
            raise self._client.unlike(answer, "no list of objects")
        return answer

    def _at(self, ref: Ref) -> str:
        if not ref.isdecimal():
            raise Gone(self._name, f"there is no issue {ref!r:.40}")
        return f"{self._repository}/issues/{ref}"

    @contextmanager
    def _of(self, ref: Ref) -> Iterator[None]:
        """Around what is asked about an issue: one that was moved to another repository is gone from this one."""
        try:
            yield
        except NeedsOperator as error:
            if error.status != 301:
                raise
            self._look()  # where the repository itself has another name by now, that is said
            raise Gone(self._name, f"issue {ref} was moved to another repository", status=301) from None

    def _one(self, ref: Ref) -> Answer:
        with self._of(ref):
            answer = self._client.get(self._at(ref), shape=dict)
        if "pull_request" in answer.json:
            raise Gone(self._name, f"{ref} is a pull request")
        return answer

    def _write(self, method: str, path: str, said: Body) -> Answer:
        """Send one write of an issue. Raises Rejected with the members that GitHub names."""
        try:
            return self._client.call(method, path, body=said, shape=dict)
        except Rejected as error:
            words = str(error).removeprefix(f"{self._name}: ")
            fields = [MEMBERS[name] for name in _FIELD.findall(words) if name in MEMBERS]
            raise Rejected(self._name, words, refused=dict.fromkeys(fields, words), status=error.status) from None

    def _patched(self, ref: Ref, said: Body) -> Reading:
        answer = self._write("PATCH", self._at(ref), said)
        return answered(self._name, f"issue {ref}", lambda: self._reading(answer.json, answer.at))

    def _reading(self, issue: Mapping[str, Any], at: datetime) -> Reading:
        return reading_of(issue, self._marks, at, self._settings.people, self._account())

    def _comment(self, row: Mapping[str, Any]) -> RemoteComment:
        text, token = of_ours(row, self._account())
        return RemoteComment(
            id=str(row["id"]),
            body=text,
            author=str((row.get("user") or {}).get("login") or ""),
            created_at=moment(row["created_at"]),
            audience=Audience.STAFF,
            ours=author_of(row) == self._account().lower(),
            token=token,
        )

    def _fitting(self, text: str) -> str:
        if len(text) > LONGEST["body"]:
            raise Rejected(self._name, f"a comment is {len(text):,} characters long; {LONGEST['body']:,} is the most")
        return text

    def _check(self, body: Body, *, creating: bool = False) -> None:
        """Raises Rejected for what the API would refuse, cut, or leave out without a word."""
        refused: dict[str, str] = {}
        if (creating or "title" in body) and not str(body.get("title") or "").strip():
            refused["title"] = "it is empty"
        for name, most in {**LONGEST, "body": LONGEST["body"] - LONGEST_MARK}.items():
            if len(str(body.get(name) or "")) > most:
                refused[name] = f"it is {len(str(body[name])):,} characters long, and {most:,} is the most"
        for name in ("severity", "priority", "status"):
            value = body.get(name)
            is_label = value is not None and value != OPEN and not (name == "status" and value in REASONS)
            if is_label and not self._marks.can_tell(name):
                refused[name] = f"no label stands for it; set `{name}_label`"
            elif is_label and len(self._marks.prefixes[name] + str(value)) > LONGEST_LABEL:
                refused[name] = f"a label is {LONGEST_LABEL} characters long at most"
        labels = [str(one) for one in body.get("labels") or ()]
        taken = sorted(set(labels) - set(self._marks.free(labels)))
        if taken:
            refused["labels"] = f"{taken[0]!r:.60} begins like the labels that stand for another field"
        elif any(len(one) > LONGEST_LABEL for one in labels):
            refused["labels"] = f"a label is {LONGEST_LABEL} characters long at most"
        if refused:
            words = "; ".join(f"{name}: {why}" for name, why in refused.items())
            raise Rejected(self._name, words, refused=refused)


def _listed(answer: Answer) -> Listed:
    return Listed(answer.json, answer.at, answer.following)


def _changed(row: Mapping[str, Any]) -> datetime | None:
    """When an issue changed, where it says so."""
    try:
        return moment(row.get("updated_at"))
    except ValueError:
        return None


def _too_often(status: int, headers: Mapping[str, str], words: str, now: datetime) -> timedelta | None:
    """GitHub answers 403 or 429, with the second at which calls are left again, or with Retry-After."""
    if status not in (403, 429):
        return None
    told = retry_after(headers, now)
    reset = headers.get("x-ratelimit-reset", "")
    if told is None and headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal() and len(reset) <= 11:
        told = max(datetime.fromtimestamp(int(reset), UTC) - (server_date(headers) or now), timedelta(seconds=1))
    return told or (PATIENCE if status == 429 or "rate limit" in words.lower() else None)
