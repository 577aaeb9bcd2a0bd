"""Jira behind the port. Decisions are made in the pure modules beside this one; here they meet the site."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tieline.adapters.jira import history, jql, webhook
from tieline.adapters.jira.comments import Comments
from tieline.adapters.jira.directory import KNOWN_FOR, People
from tieline.adapters.jira.history import Hands
from tieline.adapters.jira.issue import PROPERTY, milliseconds, moment_of, reading, token_of, user_ids
from tieline.adapters.jira.jql import Place
from tieline.adapters.jira.made import Made
from tieline.adapters.jira.polling import Fetched, Index, Records, passing
from tieline.adapters.jira.remarks import Remarks
from tieline.adapters.jira.schema import Schema
from tieline.adapters.jira.settings import Deployment, JiraSettings
from tieline.adapters.jira.transitions import Walker
from tieline.adapters.jira.wire import Wire
from tieline.adapters.jira.writing import Patch, Writer
from tieline.core.errors import Gone, NeedsOperator, Rejected, StaleVersion
from tieline.core.http import asked_of_no_record, looking, not_there, written
from tieline.core.letters import beginning
from tieline.core.listing import alone
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
    Replaced,
    Token,
    Version,
    Workbench,
)


class JiraAdapter:
    """One connection to one Jira project."""

    def __init__(self, name: ConnectionName, settings: JiraSettings, bench: Workbench) -> None:
        self._name = name
        self._settings = settings
        self._clock = bench.clock
        self._wire = Wire(name, settings, bench)
        self._index = Index(self._wire, settings.deployment, settings.page_size)
        self._records = Records(self._wire, settings.deployment)
        self._schema = Schema(self._wire, settings, bench.clock, self._index.first)
        walker = Walker(
            self._wire,
            self._records.with_history,
            self._index.first,
            self._afterwards,
            settings.transition_fields,
            Remarks(settings),
        )
        self._writer = Writer(self._wire, self._records, walker, self._account_id)
        self._comments = Comments(self._wire, settings)
        self._people = People(self._wire, settings.deployment, bench.clock)
        self._account: tuple[str, float] | None = None
        self._made = Made(self._index, settings, bench.clock.now, self._records.token)
        self._site = ""
        self.lookup_lag: timedelta = settings.lookup_lag

    # -- Source

    def check(self) -> Health:
        account, _ = self._myself()
        return self._schema.check(account)

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        with asked_of_no_record():
            yield from self._changes(since)

    def _changes(self, since: Cursor | None) -> Iterator[Page]:
        account, now = self._myself()
        place = self._place(since, now)
        settings = self._settings
        scope = jql.scope(settings.project, settings.issue_type, settings.jql)
        zone = _zone(account)
        if zone is None:
            raise NeedsOperator(
                self._name, f"the account's time zone {account.get('timeZone')} is unknown here; install tzdata"
            )
        query = jql.changed(scope, place.since(settings.overlap), zone)
        horizon = _milliseconds(now - settings.lookup_lag)
        return passing(self._index, self._records, query, place, settings.overlap, horizon, self._reading)

    def read(self, ref: Ref) -> Reading:
        return self._understood(self._one(ref))

    # -- Adapter

    def create(self, body: Body, token: Token) -> Reading:
        """The issue with its token in one call; then what the create screen does not take, the status above all.

        What cannot be brought about after creation is left for `update` to refuse by name: the record exists, and an
        error here would hide its ref.
        """
        patch = Patch.of(self._name, body)
        fields = {k: v for k, v in {**self._settings.create_fields, **patch.fields}.items() if v is not None}
        known = self._schema.create_fields()
        atonce = {name: value for name, value in fields.items() if name in known}
        later = Patch({name: value for name, value in fields.items() if name not in atonce}, patch.status)
        request = {
            "fields": {
                **atonce,
                "project": {"key": self._settings.project},
                "issuetype": {"name": self._settings.issue_type},
            },
            "properties": [{"key": PROPERTY, "value": {"token": token}}],
        }
        try:
            ref = str(self._wire.post("/issue", request, has=("id",)).json["id"])
        except Gone as error:
            raise not_there(error) from None
        # Just made, so it cannot be gone: a replica of the site has not caught up.
        with written(self._name, f"issue {ref} was made"):
            return self._finish(Ref(ref), later, token)

    def update(self, ref: Ref, patch: Body, seen: Version) -> Reading:
        with looking(self._name):
            before = self._one(ref)
            now = self._reading(before)
        if now.version != seen:
            raise StaleVersion(self._name, f"{now.key} is at {now.version}, not at {seen}; read it again")
        wanted = Patch.of(self._name, patch)
        done = self._writer.write(before, wanted)
        after = done.fetched
        with written(self._name, f"{now.key} was written"):
            since = milliseconds(before.issue["fields"]["updated"])
            raced = history.is_shared(after.changelog, since, self._hands())
            theirs = history.beside_ours(after.changelog, since, self._hands(), wanted.fields, after.issue["fields"])
            found = self._reading(self._without(after, theirs, before), done.notes)
            return replace(found, raced=raced, refused=done.refused)

    # -- Historian

    def replaced(self, ref: Ref, since: Version) -> Replaced | None:
        now = self._one(ref)
        lost, untold = self._lost(now, moment_of(since)), history.untold(now.changelog, moment_of(since))
        if not lost:
            return Replaced(None, untold=untold) if untold else None
        fields = history.put_back(now.issue["fields"], lost, cloud=self._cloud)
        found = self._reading(Fetched({**now.issue, "fields": fields}, now.at))
        return Replaced(found.body, found.people, untold)

    # -- Finder

    def find(self, token: Token) -> Reading | None:
        """Looks through the issues this account made within `find_within`; the match is read again from the consistent
        side."""
        for ref in self._made.carrying(token):
            try:
                found = self._one(Ref(ref))
            except Gone:
                continue
            if token_of(found.issue) == token:
                return self._understood(found)
        return None

    # -- Receiver

    def verify(self, delivery: Delivery, now: datetime) -> None:  # noqa: ARG002 - Jira signs no time; the port has one
        webhook.verify(self._name, delivery, self._webhook_secrets())

    def parse(self, delivery: Delivery) -> Received:
        return webhook.parse(delivery)

    # -- Commenter

    @property
    def audiences(self) -> frozenset[Audience]:
        return self._comments.audiences

    def comments(self, ref: Ref) -> Sequence[RemoteComment]:
        return self._comments.of(ref, self._account_id())

    def edit_comment(self, ref: Ref, comment: str, body: Any, audience: Audience) -> RemoteComment:
        with looking(self._name):
            account = self._account_id()
        return self._comments.edit(ref, comment, body, audience, account)

    def add_comment(self, ref: Ref, body: Any, audience: Audience, token: Token) -> RemoteComment:
        with looking(self._name):
            account = self._account_id()
        return self._comments.add(ref, body, audience, token, account)

    # -- Directory, Describer, Linker

    def person_id(self, email: str) -> str | None:
        with asked_of_no_record():
            return self._people.id_of(email.lower())

    def describe(self) -> Mapping[str, FieldFact]:
        return self._schema.describe()

    def link(self, ref: Ref, url: str, title: str, token: Token) -> None:
        # A field that is not sent is set to null when the globalId is met again, so every field is sent every time.
        request = {
            "globalId": f"system=tieline&id={token}",
            "application": {"type": "dev.tieline", "name": "Tieline"},
            "relationship": "is the same incident as",
            "object": {
                "url": url,
                "title": beginning(title, 255),
                "summary": "",
                "icon": {},
                "status": {"resolved": False, "icon": {}},
            },
        }
        self._wire.post(f"/issue/{quote(ref, safe='')}/remotelink", request)

    def close(self) -> None:
        """Give the sockets back."""
        self._wire.close()

    # -- How it is done

    @property
    def _cloud(self) -> bool:
        return self._settings.deployment is Deployment.CLOUD

    def _hands(self) -> Hands:
        return Hands(self._account_id(), frozenset(self._settings.automation))

    def _lost(self, fetched: Fetched, since: int) -> dict[str, Body]:
        return history.replaced(fetched.changelog, since, self._hands())

    def _afterwards(self, fetched: Fetched) -> dict[str, Body]:
        return history.afterwards(fetched.changelog, 0, self._hands())

    def _without(self, fetched: Fetched, theirs: Mapping[str, Body], *others: Fetched) -> Fetched:
        """The issue as it was before persons changed it: an older version than the one that is read next."""
        if not theirs:
            return fetched
        now: Body = fetched.issue["fields"]
        known = {str(one.issue["fields"]["status"].get("id")): one.issue["fields"]["status"] for one in others}
        if "status" in theirs and str(theirs["status"].get("from")) not in known:
            with suppress(Gone, Rejected):  # then the name has to do
                known |= self._schema.whole_statuses()
        fields = history.put_back(now, theirs, cloud=self._cloud, statuses=known)
        fields["updated"] = history.last_entry(fetched.changelog, self._hands()) or now["created"]
        return Fetched({**fetched.issue, "fields": fields}, fetched.at, fetched.changelog)

    def _finish(self, ref: Ref, later: Patch, token: Token) -> Reading:
        made = self._one(ref)
        if token_of(made.issue) != token:
            # Without its token the record could not be found again; some older servers drop it from the create call.
            self._wire.put(f"/issue/{ref}/properties/{PROPERTY}", {"token": token})
            made = self._one(ref)
        if not later.fields and not later.asks_for_move(made.issue):
            return self._as_born(made)
        try:
            done = self._writer.write(made, later)
            return replace(self._as_born(done.fetched, done.notes), refused=done.refused)
        except Rejected as error:
            refused = error.refused or dict.fromkeys(later.paths, str(error))
            return replace(self._as_born(self._one(ref), {"unfinished": str(error)}), refused=refused)

    def _as_born(self, fetched: Fetched, annotations: Mapping[str, str] | None = None) -> Reading:
        theirs = history.since_birth(fetched.changelog, self._hands())
        return self._reading(self._without(fetched, theirs or {}), annotations)

    def _one(self, ref: Ref) -> Fetched:
        """Raises Gone for a deleted issue only: Jira answers 404 as well when a permission was taken away."""
        try:
            return self._records.with_history(ref)
        except Gone:
            if self._schema.sees_project():
                raise
            raise NeedsOperator(
                self._name,
                f"issue {ref} cannot be seen, nor can project {self._settings.project}; grant Browse Projects to the "
                f"account, then run `tieline check {self._name}`.",
            ) from None

    def _reading(self, fetched: Fetched, annotations: Mapping[str, str] | None = None) -> Reading:
        volatile = frozenset(self._settings.volatile_fields)
        found = reading(fetched.issue, self._site_url(), fetched.at, self._people.emails, volatile, annotations)
        if fetched.changelog is None:
            return found
        hands = self._hands()
        theirs = history.since_birth(fetched.changelog, hands) if found.token is not None else None
        return replace(
            found,
            born=None if theirs is None else self._without(fetched, theirs).issue,
            automatic=history.by_rule(fetched.changelog, hands),
            ours=history.by_us(fetched.changelog, hands),
        )

    def _understood(self, fetched: Fetched) -> Reading:
        return alone(self._name, f"issue {fetched.issue['key']}", lambda: self._reading(fetched))

    def _place(self, since: Cursor | None, now: datetime) -> Place:
        if since is None:
            start = _milliseconds(now - self._settings.history)
            return Place(start, start)
        try:
            return Place.unpack(since)
        except ValueError as error:
            raise NeedsOperator(
                self._name, f"the stored cursor cannot be read ({error}); reset it with a backfill"
            ) from None

    def _myself(self) -> tuple[Body, datetime]:
        """The account and the tool's time. Asked at each pass: a time zone changed unnoticed would lose changes."""
        try:
            answer = self._wire.get("/myself")
        except Gone as error:
            raise NeedsOperator(self._name, f"there is no Jira at this address ({error}); check `url`") from None
        identities = user_ids(answer.json)
        if not identities:
            raise NeedsOperator(
                self._name, "the site does not say who we are; the credentials belong to nobody. Renew them"
            )
        self._account = (identities[0], self._clock.monotonic())
        return answer.json, answer.at or self._clock.now()

    def _account_id(self) -> str:
        if self._account is None or self._clock.monotonic() - self._account[1] > KNOWN_FOR:
            self._myself()
        return self._account[0] if self._account else ""

    def _site_url(self) -> str:
        """Where people open issues: not the API gateway, should the connection use it."""
        if not self._site:
            gateway = "/ex/jira/" in self._settings.url
            self._site = (
                str(self._wire.get("/serverInfo", has=("baseUrl",)).json["baseUrl"]) if gateway else self._settings.url
            )
        return self._site

    def _webhook_secrets(self) -> list[str]:
        references = (self._settings.webhook_secret, self._settings.retired_webhook_secret)
        try:
            return [secret.reveal() for secret in references if secret is not None]
        except LookupError as error:
            raise NeedsOperator(self._name, str(error)) from None


def connect(name: ConnectionName, settings: JiraSettings, bench: Workbench) -> JiraAdapter:
    """What `AdapterKind.connect` calls; no I/O, and the library is not imported yet."""
    return JiraAdapter(name, settings, bench)


def _zone(account: Body) -> ZoneInfo | None:
    """The account's zone; None where it is not known here."""
    try:
        return ZoneInfo(str(account.get("timeZone") or "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        return None


def _milliseconds(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
