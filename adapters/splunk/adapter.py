"""Splunk Enterprise Security's notable events, by searches on the management port and by `notable_update`.

Events come with their correlation searches alone; what is done about them is written. They are looked for by when they
were indexed, since one may come hours after the time that it tells, and edits by their own rows. Splunk takes a write
on an event that it does not know, answers 200 to one that it refuses, and holds nothing against an older look: an event
is read before each write.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from tieline.adapters.splunk.notable import (
    FIELDS,
    LONGEST_COMMENT,
    URGENCIES,
    WRITES,
    as_text,
    changed_at,
    comments_of,
    is_ref,
    moment,
    named,
    reading_of,
    sent,
)
from tieline.adapters.splunk.settings import SplunkSettings
from tieline.core.client import Answer, Client
from tieline.core.errors import Gone, NeedsOperator, Rejected, StaleVersion, TryAgain
from tieline.core.http import asked_of_no_record
from tieline.core.listing import alone, answered, understood
from tieline.core.marks import marked
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import (
    Body,
    Cursor,
    Health,
    Page,
    Reading,
    Ref,
    RemoteComment,
    Token,
    Version,
    Workbench,
)

BEHIND: Final = timedelta(minutes=5)
"""How far what a search finds may be behind what was written: each look begins so much earlier."""
AT_ONCE: Final = 50
"""Events that one search names."""
EDITS: Final = (
    "| `incident_review` | eval written=_time | where written>={since} | stats max(written) as written by rule_id "
    "| sort 0 written | head {most}"
)
NEW: Final = "search `notable` | sort 0 _indextime | head {most} | table {fields}"
NAMED: Final = "search `notable` | where event_id in ({ids}) | table {fields}"
EDITED: Final = '| `incident_review` | where rule_id="{id}" | eval written=_time | table written reviewer comment'
ESS: Final = "SplunkEnterpriseSecuritySuite"
EDITOR: Final = "edit_notable_events"


@dataclass(frozen=True, slots=True)
class Place:
    """How far the two listings were followed: events by when they were indexed, edits by when they were made; both by
    Splunk's clock."""

    indexed: datetime
    edited: datetime

    def cursor(self) -> Cursor:
        """It as a cursor."""
        return Cursor(json.dumps([self.indexed.timestamp(), self.edited.timestamp()]))


def connect(name: ConnectionName, settings: SplunkSettings, workbench: Workbench) -> SplunkAdapter:
    """An adapter on the search head that the settings name."""
    return SplunkAdapter(name, settings, workbench)


class SplunkAdapter:
    """One connection to one Enterprise Security. It keeps its sockets, its account's name and who is who."""

    audiences = frozenset({Audience.STAFF})

    def __init__(self, name: ConnectionName, settings: SplunkSettings, workbench: Workbench) -> None:
        self._name = name
        self._settings = settings
        self._clock = workbench.clock
        self._login: str | None = None
        self._addresses = {user: address for address, user in settings.people.items()}
        """Each user's address; "" of one who has none, and is not asked for again."""
        self._client = Client(
            name, settings.url, settings, workbench, tool="Splunk", prove=lambda: settings.proof(name), timeout=60.0
        )

    def __repr__(self) -> str:
        return f"SplunkAdapter({self._name!r})"

    # Source

    def check(self) -> Health:
        about, at = self._entry("/services/authentication/current-context")
        try:
            suite, _at = self._entry(f"/services/apps/local/{ESS}")
        except Gone:
            words = f"there is no Enterprise Security at {self._settings.url}, or the account may not see it"
            raise NeedsOperator(self._name, f"{words}; name the search head that it runs on.", status=404) from None
        notes = []
        if EDITOR not in (about.get("capabilities") or ()):
            notes.append(f"The account lacks {EDITOR}: nothing is written there; give it the role ess_analyst.")
        return Health(
            as_text(about.get("username")),
            f"Enterprise Security {as_text(suite.get('version'))}",
            at - self._clock.now(),
            notes=tuple(notes),
        )

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        """The cursor is when the last event was indexed and when the last edit was made, by Splunk's clock."""
        if since is None:
            start = self._entry("/services/authentication/current-context")[1] - self._settings.history
            place = Place(start, start)
            look = place
        else:
            place = self._place(since)
            look = Place(place.indexed - BEHIND, place.edited - BEHIND)
        came, indexed, at = self._came(look.indexed)
        edited, last = self._edited(look.edited)
        rows = {as_text(row.get("event_id")): row for row in (*came, *edited)}
        told = understood(sorted(rows.values(), key=_order), partial(self._reading, at=at), named)
        upto = Place(max(place.indexed, indexed), max(place.edited, last))
        for first in range(0, max(len(told.found), 1), self._settings.page_size):
            page = told.found[first : first + self._settings.page_size]
            if first + self._settings.page_size < len(told.found):
                yield Page(page, place.cursor(), True)
            else:
                yield Page(page, upto.cursor(), False, unreadable=told.unreadable)

    def _came(self, since: datetime) -> tuple[list[dict[str, Any]], datetime, datetime]:
        """The events that were indexed since, when the last of them was, and Splunk's time."""
        most, last, found = self._settings.page_size, since, dict[str, dict[str, Any]]()
        while True:
            query = NEW.format(most=most, fields=" ".join(FIELDS))
            begin = int(last.timestamp())
            rows, at = self._searched(query, index_earliest=str(begin))
            found |= {as_text(row.get("event_id")): row for row in rows}
            last = max((when for row in rows if (when := _indexed(row)) is not None), default=last)
            if len(rows) < most:
                return list(found.values()), last, at
            if int(last.timestamp()) <= begin:
                most *= 2  # more of one second than were asked for

    def _edited(self, since: datetime) -> tuple[list[dict[str, Any]], datetime]:
        """The events that were edited since, and when the last of them was."""
        most, last, found = self._settings.page_size, since, dict[str, None]()
        while True:
            begin = last
            rows, _at = self._searched(EDITS.format(since=f"{begin.timestamp():.6f}", most=most))
            found |= dict.fromkeys(as_text(row.get("rule_id")) for row in rows)
            last = max((moment(row.get("written")) for row in rows), default=last)
            if len(rows) < most:
                break
            if last <= begin:
                most *= 2
        ids = list(found)
        shown = [row for first in range(0, len(ids), AT_ONCE) for row in self._named(ids[first : first + AT_ONCE])]
        return shown, last

    def read(self, ref: Ref) -> Reading:
        return self._found(ref)[0]

    # Adapter

    def create(self, body: Body, token: Token) -> Reading:  # noqa: ARG002 - whatever it is
        """Raises Rejected: events come with correlation searches alone."""
        raise Rejected(self._name, "Enterprise Security makes its notable events itself, and takes none from outside")

    def update(self, ref: Ref, patch: Body, seen: Version) -> Reading:
        before, row = self._found(ref)
        refused = dict(_unfit(patch, before.body))
        if refused:
            words = "; ".join(f"{name}: {why}" for name, why in refused.items())
            raise Rejected(self._name, words, refused=refused)
        if before.version != seen:
            raise StaleVersion(self._name, f"event {ref} is not as it was seen")
        said = sent(ref, patch)
        if len(said) == 1:
            return before
        self._write(said, patch)
        return self._left(ref, {**row, **{name: said[WRITES[name]] for name in patch.keys() & WRITES.keys()}})

    def _left(self, ref: Ref, row: Mapping[str, Any]) -> Reading:
        """An event as our write left it, whatever others did since: as of our own last row of edits."""
        rows, at = self._searched(EDITED.format(id=ref))
        mine = [one for one in rows if as_text(one.get("reviewer")) == self._account()]
        if not mine:
            raise TryAgain(self._name, f"the write of event {ref} was taken, and is not shown yet", maybe_done=True)
        last = max(mine, key=lambda one: float(as_text(one.get("written")) or 0))
        now = {**row, "review_time": last.get("written"), "reviewer": last.get("reviewer")}
        return answered(self._name, f"event {ref}", lambda: self._reading(now, at))

    # Commenter

    def comments(self, ref: Ref) -> list[RemoteComment]:
        self._found(ref)
        rows, _at = self._searched(EDITED.format(id=ref))
        said = sorted((one for one in rows if as_text(one.get("comment"))), key=lambda one: as_text(one.get("written")))
        return alone(self._name, f"event {ref}", lambda: comments_of(said, self._account()))

    def add_comment(self, ref: Ref, body: Any, audience: Audience, token: Token) -> RemoteComment:
        if audience not in self.audiences:
            raise Rejected(self._name, f"a comment is read by all who see the event, and not by {audience} alone")
        text = marked(str(body), token)
        if len(text) > LONGEST_COMMENT:
            words = f"a comment is {len(text):,} characters long; {LONGEST_COMMENT:,} is the most"
            raise Rejected(self._name, words)
        self._found(ref)
        self._write({"ruleUIDs": ref, "comment": text}, {})
        for one in reversed(self.comments(ref)):
            if one.token == token:
                return one
        raise TryAgain(self._name, "the comment was taken, and is not shown yet", maybe_done=True)

    # Directory

    def person_id(self, email: str) -> str | None:
        """The user with this address, or the one that the settings give it."""
        users = self._users()
        user = self._settings.people.get(email.lower())
        if user is not None:
            return user if user in users else None
        return next((user for user, address in users.items() if address and address == email.lower()), None)

    def _users(self) -> dict[str, str]:
        """Each user's address."""
        answer = self._get("/services/authentication/users", {"output_mode": "json", "count": 0})
        users: dict[str, str] = {}
        for one in self._client.part(answer, "entry", list):
            content = one.get("content") if isinstance(one, dict) else None
            if isinstance(content, dict):
                users[str(one.get("name"))] = str(content.get("email") or "").lower()
        known = {user: address if "@" in address else "" for user, address in users.items()}
        self._addresses |= {**known, **{user: address for address, user in self._settings.people.items()}}
        return users

    # What is the same for all of them

    def _account(self) -> str:
        if self._login is None:
            self._login = as_text(self._entry("/services/authentication/current-context")[0].get("username"))
        return self._login

    def _place(self, since: Cursor) -> Place:
        try:
            indexed, edited = json.loads(since)
            return Place(datetime.fromtimestamp(indexed, UTC), datetime.fromtimestamp(edited, UTC))
        except (TypeError, ValueError, OverflowError, OSError):
            raise NeedsOperator(self._name, f"the cursor {since!r:.80} is not one of ours; start anew") from None

    def _get(self, path: str, query: Mapping[str, str | int]) -> Answer:
        return self._client.get(path, dict(query), shape=dict)

    def _entry(self, path: str) -> tuple[dict[str, Any], datetime]:
        """What the first entry of a resource holds, and Splunk's time. Raises Gone where it is not there."""
        answer = self._get(path, {"output_mode": "json"})
        entries = self._client.part(answer, "entry", list)
        content = entries[0].get("content") if entries and isinstance(entries[0], dict) else None
        if not isinstance(content, dict):
            raise self._client.unlike(answer, "no entry with content")
        return content, answer.at

    def _searched(self, query: str, **bounds: str) -> tuple[list[dict[str, Any]], datetime]:
        """The rows that a search finds, and Splunk's time. An error of a search may come with 200."""
        window = int(self._settings.window.total_seconds())
        form = {"search": query, "exec_mode": "oneshot", "output_mode": "json", "count": "0"}
        form |= {"earliest_time": f"-{window}s", "latest_time": "now", **bounds}
        with asked_of_no_record():
            answer = self._client.call("POST", "/services/search/jobs", form=form, reads=True, shape=dict)
        for one in answer.json.get("messages") or ():
            if isinstance(one, dict) and one.get("type") in ("ERROR", "FATAL"):
                raise NeedsOperator(
                    self._name, f"a search was refused: {as_text(one.get('text')):.300}; check the account"
                )
        rows = self._client.part(answer, "results", list)
        if not all(isinstance(row, dict) for row in rows):
            raise self._client.unlike(answer, "no list of objects")
        return rows, answer.at

    def _named(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        known = [one for one in ids if is_ref(one)]
        if not known:
            return []
        listed = ", ".join(f'"{one}"' for one in known)
        return self._searched(NAMED.format(ids=listed, fields=" ".join(FIELDS)))[0]

    def _found(self, ref: Ref) -> tuple[Reading, dict[str, Any]]:
        if not is_ref(ref):
            raise Gone(self._name, f"there is no event {ref!r:.40}")
        rows, at = self._searched(NAMED.format(ids=f'"{ref}"', fields=" ".join(FIELDS)))
        if not rows:
            raise Gone(self._name, f"no event {ref} is found in the last {self._settings.window.days} days")
        return alone(self._name, f"event {ref}", lambda: self._reading(rows[0], at)), rows[0]

    def _write(self, form: dict[str, str], patch: Body) -> datetime:
        """Raises Rejected where Splunk says in a 200 that it took nothing."""
        answer = self._client.call("POST", "/services/notable_update", form=form)
        said = answer.json
        if isinstance(said, dict) and said.get("success") is True:
            return answer.at
        if isinstance(said, dict) and "success" not in said:
            raise self._client.unlike(answer, "neither success nor a reason")
        why = as_text(said.get("message") if isinstance(said, dict) else said)[:300] or "it gives no reason"
        fields = [name for name, option in WRITES.items() if name in patch and _is_about(why, name, option)]
        raise Rejected(self._name, f"Splunk took nothing: {why}", refused=dict.fromkeys(fields, why))

    def _reading(self, row: Mapping[str, Any], at: datetime) -> Reading:
        owner = as_text(row.get("owner"))
        if owner not in ("", "unassigned") and owner not in self._addresses:
            self._users()
            self._addresses.setdefault(owner, "")
        return reading_of(row, at, self._addresses, self._settings.web)


def _unfit(patch: Body, before: Body) -> Iterator[tuple[str, str]]:
    """What of a patch Splunk would refuse or ignore, and why."""
    for name in sorted(patch.keys() - WRITES.keys()):
        if patch[name] != before.get(name):
            yield name, "it is of the event itself, which nobody edits"
    if not str(patch.get("status", "1")).isdecimal():
        yield "status", f"{patch['status']!r:.40} is no number of a status"
    if patch.get("urgency", URGENCIES[0]) not in URGENCIES:
        yield "urgency", f"{patch['urgency']!r:.40} is none of {', '.join(URGENCIES)}"
    if not str(patch.get("disposition") or "disposition:1").startswith("disposition:"):
        yield "disposition", f"{patch['disposition']!r:.40} is none; write it as disposition:1"


def _order(row: Mapping[str, Any]) -> datetime:
    try:
        return changed_at(row)
    except (KeyError, ValueError):
        return datetime.fromtimestamp(0, UTC)


def _indexed(row: Mapping[str, Any]) -> datetime | None:
    try:
        return moment(row.get("_indextime"))
    except ValueError:
        return None


def _is_about(why: str, name: str, option: str) -> bool:
    said = why.lower()
    return name.lower() in said or option.lower() in said
