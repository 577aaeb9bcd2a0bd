"""The tool itself: records, people who work on them, and the rules that a real tool has.

`MemoryTool` knows nothing of the port. Its verbs are those of a person in its user interface; the adapter calls the
same ones. Refusals are `Refused` and `LookupError`; the adapter says what they mean to the engine.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tieline.adapters.memory.faults import Faults
from tieline.adapters.memory.shelf import Act, Document, Entry, Note, Row, Shelf, State
from tieline.core import gap
from tieline.core.model import CATALOGUE, Audience, FieldSpec, FieldType, RecordKind, Status, instant, parse_instant
from tieline.core.port import Delivery

ODDITY = "yesterday"
"""The date of a spoilt record."""

EXACT = timedelta(microseconds=1)
SIGNATURE = "x-memory-signature"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Refused(Exception):
    """The tool does not take these values. `field` names the one."""

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field


class Moved(Exception):
    """The record is no longer at the version that the writer had seen."""


class MemoryTool:
    """One tool, shared by any number of adapters and people.

    `accounts` maps account to password (empty: everybody may come in). `resolution` is how coarse its time stamps are.
    Everything else exists because real tools do that. `workflow` is a rule that edits a record right after an adapter's
    write was answered, `computes` one that is part of every change; `ignored` are fields that the tool drops without a
    word, `cut` those that it shortens, `tidied` those that it rewrites, `defaults` what a new record gets that lacks
    it; `time_out` takes a record that is in progress back to new. A record is unknown to `read` until it is older than
    `replication_lag`; `plain_comments` carry no token; not every tool can tell how a record was born (`tells_birth`).
    Most refuse no write on an old version (`conditional` false), and keep a history that tells who wrote what.
    """

    def __init__(
        self,
        clock: Callable[[], datetime] | None = None,
        *,
        path: Path | None = None,
        accounts: Mapping[str, str] | None = None,
        people: Iterable[str] = (),
        webhook_secret: str = "",
        lookup_lag: timedelta = timedelta(0),
        resolution: timedelta = EXACT,
        reopens: bool = True,
        conditional: bool = True,
        system: str = "memory",
        record: RecordKind = RecordKind.INCIDENT,
    ) -> None:
        self.clock = clock or (lambda: datetime.now(UTC))
        self.skew = timedelta(0)
        self.accounts = dict(accounts or {})
        self.webhook_secret = webhook_secret
        self.lookup_lag = lookup_lag
        self.resolution = resolution
        self.reopens = reopens
        self.conditional = conditional
        self.fields = CATALOGUE[record]
        """Which fields its records have."""
        self.faults = Faults()
        self.workflow: Callable[[Document], Mapping[str, Any]] | None = None
        self.ignored: frozenset[str] = frozenset()
        self.cut: Mapping[str, int] = {}
        self.tidied: Mapping[str, Callable[[str], str]] = {}
        self.defaults: Mapping[str, Any] = {}
        self.computes: Callable[[Document], Mapping[str, Any]] | None = None
        self.time_out: timedelta | None = None
        self.tells_birth = True
        self.replication_lag = timedelta(0)
        self.plain_comments = False
        self.spoilt: set[str] = set()
        """Records in which something is odd, until somebody mends them: an import left a date that is none."""
        self.subscribers: list[Callable[[Delivery], None]] = []
        """Called with a signed webhook after every change."""
        self._shelf = Shelf(path, people, system)

    def now(self) -> datetime:
        """The time by the tool's own clock."""
        return self.clock() + self.skew

    def look(self) -> datetime:
        """The time by its own clock, once its records can be had. Raises NeedsOperator."""
        self._shelf.look()
        return self.now()

    # People

    def add_person(self, email: str) -> str:
        """The id of the person with this address, who is known from now on."""
        with self._shelf.transaction() as state:
            return state.person(email)

    def person(self, email: str) -> str | None:
        """The id of the person with exactly this address (in any case)."""
        with self._shelf.transaction() as state:
            return state.people.get(email.lower())

    def addresses(self) -> dict[str, str]:
        """Person ids to addresses."""
        with self._shelf.transaction() as state:
            return {person: email for email, person in state.people.items()}

    # Records

    def make(self, body: Mapping[str, Any], *, token: str | None = None) -> Row:
        """A new record. Raises Refused."""
        _refuse_unfit(self.fields, body, self.addresses())
        if not body.get("title"):
            raise Refused("a record needs a title", "title")
        with self._shelf.transaction() as state:
            number = state.number()
            at = self._stamp(state)
            missing = {name for name in self.defaults if body.get(name) in (None, "")}
            given = {name: value for name, value in self._kept(body).items() if name not in missing}
            kept = self._computed(_copied({**self.defaults, **given}))
            row = Row(str(number), f"MEM-{number}", kept, at, at, token=token, born=_copied(kept), status_at=at)
            state.rows[row.ref] = row
            found = _snapshot(row)
        self._tell(found.ref)
        return found

    def row(self, ref: str) -> Row:
        """A copy of the record as it is. Raises LookupError."""
        with self._ticking() as state:
            return self._told(_snapshot(_existing(state, ref)))

    def replicated(self, ref: str) -> Row:
        """As `row`, from the replica that answers an adapter's reads. Raises LookupError for a record just made."""
        row = self.row(ref)
        if self.replication_lag and parse_instant(row.made_at) > self.now() - self.replication_lag:
            raise LookupError(ref)
        return row

    def rows(self) -> list[Row]:
        """Copies of all records that exist, oldest change first."""
        with self._ticking() as state:
            kept = [_snapshot(row) for row in state.rows.values() if not row.deleted]
        return sorted(kept, key=lambda row: (row.changed_at, int(row.ref)))

    def changed_since(self, start: str) -> list[tuple[str, str]]:
        """Change stamp and ref of the records changed at or after `start`, oldest change first."""
        with self._ticking() as state:
            kept = [row for row in state.rows.values() if not row.deleted and row.changed_at >= start]
        return [(row.changed_at, row.ref) for row in sorted(kept, key=lambda row: (row.changed_at, int(row.ref)))]

    def with_token(self, token: str) -> list[Row]:
        """What the search index says: records that carry the token and are older than the index's lag, oldest first."""
        visible = instant(self.now() - self.lookup_lag) if self.lookup_lag else None
        with self._ticking() as state:
            found = [row for row in state.rows.values() if row.token == token and not row.deleted]
            return [_snapshot(row) for row in found if visible is None or row.made_at <= visible]

    def write(self, ref: str, patch: Mapping[str, Any], seen: str, author: str = "") -> Row:
        """An adapter's write on the version it has seen. Raises LookupError, Refused, and Moved if `conditional`."""
        known = self.addresses()
        with self._ticking() as state:
            row = _existing(state, ref)
            if self.conditional and str(row.version) != seen:
                raise Moved(f"record {ref} is at version {row.version}, not {seen}")
            changed = self._change(state, row, patch, known, author)
            answer = self._told(_snapshot(row))
            if self.workflow is not None:
                changed = self._change(state, row, self.workflow(_copied(row.body)), known) or changed
        if changed:
            self._tell(ref)
        return answer

    def replaced(self, ref: str, since: str, author: str) -> dict[str, Any]:
        """What this account's writes after the version `since` replaced that others had written after it: field by
        field, the last such value. Raises LookupError."""
        with self._shelf.transaction() as state:
            history = [entry for entry in _existing(state, ref).history if entry.version > int(since)]
        return gap.replaced(gap.Entry(entry.author == author, entry.name, entry.before) for entry in history)

    def edit(self, ref: str, **values: Any) -> Row:
        """A person edits some fields; None empties one. Raises LookupError and Refused."""
        known = self.addresses()
        with self._ticking() as state:
            row = _existing(state, ref)
            changed = self._change(state, row, values, known)
            found = _snapshot(row)
        if changed:
            self._tell(ref)
        return found

    def spoil(self, ref: str) -> None:
        """An import leaves something odd in the record. Raises LookupError."""
        with self._shelf.transaction() as state:
            self._touch(state, _existing(state, ref))
            self.spoilt.add(ref)
        self._tell(ref)

    def mend(self, ref: str) -> None:
        """Somebody puts a spoilt record in order again."""
        self.spoilt.discard(ref)
        with self._shelf.transaction() as state:
            row = state.rows[ref]
            if not row.deleted:
                self._touch(state, row)
        self._tell(ref)

    def delete(self, ref: str) -> None:
        """A person deletes the record. Raises LookupError."""
        with self._shelf.transaction() as state:
            _existing(state, ref).deleted = True
        self._tell(ref)

    def restore(self, ref: str) -> None:
        """A person takes the record out of the bin. Raises KeyError when there never was one."""
        with self._shelf.transaction() as state:
            row = state.rows[ref]
            row.deleted = False
            self._touch(state, row)
        self._tell(ref)

    def merge(self, ref: str, into: str) -> None:
        """A person merges one record into another. Raises LookupError."""
        with self._shelf.transaction() as state:
            row, target = _existing(state, ref), _existing(state, into)
            row.merged_into = target.ref
            self._touch(state, row)
        self._tell(ref)

    def move(self, ref: str, key: str) -> None:
        """A person moves the record to another place: its key changes, its ref does not. Raises LookupError."""
        with self._shelf.transaction() as state:
            row = _existing(state, ref)
            row.key = key
            self._touch(state, row)
        self._tell(ref)

    # Comments, links, acknowledgements

    def comment(
        self,
        ref: str,
        text: str,
        audience: Audience = Audience.STAFF,
        *,
        author: str = "somebody",
        token: str | None = None,
    ) -> Note:
        """Somebody comments. Raises LookupError."""
        with self._shelf.transaction() as state:
            row = _existing(state, ref)
            at = self._touch(state, row)
            carried = None if self.plain_comments else token
            note = Note(f"note-{state.number()}", text, author, at, audience.value, carried)
            row.notes.append(note)
        self._tell(ref)
        return note

    def rewrite(self, ref: str, note: str, text: str, audience: Audience) -> Note:
        """Somebody edits a comment. Raises LookupError."""
        with self._shelf.transaction() as state:
            row = _existing(state, ref)
            place = next((at for at, one in enumerate(row.notes) if one.id == note), None)
            if place is None:
                raise LookupError(f"{ref} has no comment {note}")
            self._touch(state, row)
            row.notes[place] = written = replace(row.notes[place], text=text, audience=audience.value)
        self._tell(ref)
        return written

    def link(self, ref: str, url: str, token: str) -> None:
        """Show a link, once per token. Raises LookupError."""
        with self._shelf.transaction() as state:
            _existing(state, ref).links.setdefault(token, url)

    def executed(self, ref: str, output: str) -> None:
        """It is executed, and writes this. Raises LookupError."""
        with self._shelf.transaction() as state:
            _existing(state, ref).wrote = output

    def acknowledge(self, ref: str, token: str, until: datetime) -> str:
        """Be quiet until then; answers with a handle. A token that was used before changes nothing."""
        with self._shelf.transaction() as state:
            acts = _existing(state, ref).acts
            if token not in acts:
                acts[token] = Act(f"act-{state.number()}", instant(until), in_force=True)
            return acts[token].handle

    def release(self, ref: str, token: str) -> str:
        """Take back every acknowledgement; answers with a handle. A token that was used before changes nothing."""
        with self._shelf.transaction() as state:
            acts = _existing(state, ref).acts
            if token not in acts:
                for act in acts.values():
                    act.in_force = False
                acts[token] = Act(f"act-{state.number()}", instant(self.now()), in_force=False)
            return acts[token].handle

    def acts_in_force(self, ref: str) -> int:
        """How many acknowledgements keep this record quiet now."""
        now = instant(self.now())
        return sum(act.in_force and act.until > now for act in self.row(ref).acts.values())

    # Webhooks

    def webhook(self, ref: str) -> Delivery:
        """The delivery that the tool sends about a record now, signed."""
        return self._signed({"ref": ref})

    def joint_webhook(self, *refs: str | None) -> Delivery:
        """One delivery about several records; None stands for one in which something is odd."""
        return self._signed({"refs": refs})

    def _signed(self, what: Mapping[str, Any]) -> Delivery:
        with self._shelf.transaction() as state:
            number = state.number()
        body = json.dumps({"id": f"delivery-{number}", "event": "changed", **what}).encode()
        at = int(self.now().timestamp())
        headers = {"content-type": "application/json", SIGNATURE: f"t={at},v1={sign(self.webhook_secret, at, body)}"}
        return Delivery(headers, body)

    def _tell(self, ref: str) -> None:
        for subscriber in self.subscribers:
            subscriber(self.webhook(ref))

    # Changing

    def _change(
        self, state: State, row: Row, patch: Mapping[str, Any], known: Mapping[str, str], author: str = "somebody"
    ) -> bool:
        """Apply a patch; a patch that changes nothing leaves the version alone. Raises Refused."""
        _refuse_unfit(self.fields, patch, known)
        self._refuse_reopening(row, patch)
        kept = self._kept(patch)
        if "title" in kept and not kept["title"]:
            raise Refused("a record needs a title", "title")
        before, after = row.body, self._computed({**row.body, **_copied(kept)})
        changed = [name for name in after if name not in before or before[name] != after[name]]
        if not changed:
            return False
        row.body, row.author = after, author
        row.authors |= dict.fromkeys(changed, author)
        row.automatic = [name for name in row.automatic if name not in changed]
        at = self._touch(state, row)
        if "status" in changed:
            row.status_at = at
        if not self.conditional:
            row.history += [
                Entry(row.version, author, name, before.get(name), after[name])
                for name in changed
                if before.get(name) != after[name]
            ]
        return True

    def _told(self, row: Row) -> Row:
        """The record as the tool's API tells it."""
        return replace(row, changed_at=ODDITY) if row.ref in self.spoilt else row

    @contextmanager
    def _ticking(self) -> Iterator[State]:
        """The state, once the tool's own clock has done what was due."""
        with self._shelf.transaction() as state:
            if self.time_out is not None:
                due = instant(self.now() - self.time_out)
                for row in state.rows.values():
                    if row.body.get("status") == Status.IN_PROGRESS and row.status_at <= due and not row.deleted:
                        self._time_out(state, row)
            yield state

    def _time_out(self, state: State, row: Row) -> None:
        self._change(state, row, {"status": Status.NEW.value}, {}, "clock")
        row.automatic = sorted({*row.automatic, "status"})

    def _computed(self, body: Document) -> Document:
        return body if self.computes is None else {**body, **self.computes(dict(body))}

    def _kept(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the tool stores of these values."""
        return {name: self._shortened(name, value) for name, value in values.items() if name not in self.ignored}

    def _shortened(self, name: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return self.tidied.get(name, str)(value[: self.cut.get(name)])

    def _refuse_reopening(self, row: Row, patch: Mapping[str, Any]) -> None:
        was, becomes = row.body.get("status"), patch.get("status")
        if not self.reopens and was == Status.CLOSED and becomes is not None and Status(becomes).is_open:
            raise Refused("a closed record cannot be opened again; make a new one")

    def _touch(self, state: State, row: Row) -> str:
        row.version += 1
        row.changed_at = self._stamp(state)
        return row.changed_at

    def _stamp(self, state: State) -> str:
        """The time of a change. Stamps never run backwards, even when the clock is set: the listing is by stamp."""
        now = self.now()
        state.last_change = max(state.last_change, instant(now - (now - _EPOCH) % self.resolution))
        return state.last_change


def sign(secret: str, at: int, body: bytes) -> str:
    """The proof of a delivery: HMAC-SHA256 over the time and the raw body, in hex."""
    return hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()


def age(row: Row, now: datetime) -> timedelta:
    """How long ago the record changed, by the tool's clock; zero when that clock was set back meanwhile."""
    return max(now - parse_instant(row.changed_at), timedelta(0))


def _existing(state: State, ref: str) -> Row:
    row = state.rows.get(ref)
    if row is None or row.deleted:
        raise LookupError(ref)
    return row


def _copied(body: Mapping[str, Any]) -> Document:
    return {name: list(value) if isinstance(value, list | tuple) else value for name, value in body.items()}


def _snapshot(row: Row) -> Row:
    """A copy that a later change does not reach."""
    return replace(
        row,
        body=_copied(row.body),
        notes=list(row.notes),
        links=dict(row.links),
        acts=dict(row.acts),
        history=list(row.history),
        automatic=list(row.automatic),
        authors=dict(row.authors),
    )


def _refuse_unfit(fields: Mapping[str, FieldSpec], values: Mapping[str, Any], people: Mapping[str, str]) -> None:
    for name, value in values.items():
        spec = fields.get(name)
        if spec is None:
            raise Refused(f"there is no field {name}", name)
        if value is not None and not _fits(spec, value, people):
            raise Refused(f"{name} cannot be {value!r:.80}", name)


def _fits(spec: FieldSpec, value: Any, people: Mapping[str, str]) -> bool:
    if spec.type.is_set:
        return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(tag, str) for tag in value)
    if not isinstance(value, str):
        return False
    if spec.type is FieldType.PERSON:
        return not value or value in people
    if spec.choices is not None:
        return not value or value in set(spec.choices)
    return True
