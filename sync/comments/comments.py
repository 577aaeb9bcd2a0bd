"""Comments as items with twins: each comment once in every copy, with its author, never wider than it was written.

A twin is known by the tool's own id of it. While a write's outcome is unknown it is known by its token, or by its first
line, which names the author and ends with the token's last digits (`INC-12#5c0ffee5`). The token follows from what is
copied: a store that was put back from a backup comes to the same one, and knows again what it copied since.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, exists, insert, or_, select, text, update

from tieline.core.events import CommentDelivered, Commented
from tieline.core.identity import PLUGIN, Actor, told_by
from tieline.core.model import ITEM_NUMBER, Audience, ConnectionName, IncidentId, RecordKind, Tlp, item_number
from tieline.core.port import Power, Reading, Ref, RemoteComment, Token
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction
from tieline.mappings import Mapping as FieldMapping
from tieline.mappings.convert.lines import clean_line
from tieline.mappings.convert.markdown import careful
from tieline.sync import loading, tokens
from tieline.sync.engine import Connected, Engine
from tieline.sync.loading import new_id
from tieline.sync.records import Replica, ReplicaState


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One comment on its way into one copy."""

    id: int
    comment: int
    incident: IncidentId
    replica: int
    ref: Ref
    token: Token
    state: str
    author: str
    origin: str
    audience: Audience
    body: str
    attempts: int
    tlp: Tlp | None = None
    kind: RecordKind = RecordKind.INCIDENT

    @property
    def number(self) -> str:
        """The number that people use for what it is a comment on."""
        return item_number(self.kind, self.incident)


def can_comment(connected: Connected) -> bool:
    """True when comments can be exchanged with this connection at all. A claim is proved once, when it is built."""
    return connected.can(Power.COMMENT)


def first_line(author: str, origin: str, number: str, token: Token) -> str:
    """The line that stands above a copied comment: who wrote it, where, and by what the copy is known again.

    The item's `number` and the comment's would not do: both are given anew after a backup was put in the store's
    place, and the next comment would be taken for one that was copied before.
    """
    # Whoever is called `~~~`, or by two lines, would hide what stands behind the name.
    return f"{careful(clean_line(author))} in {origin or 'Tieline'} ({number}#{_mark(token)}):"


def _mark(token: str) -> str:
    return token[-8:]


_COPIED = re.compile(rf"\({ITEM_NUMBER}#[0-9a-f]+\):")
_KNOWN = select(t.twin.c.remote_id).where(t.twin.c.replica_id == bindparam("replica"), t.twin.c.remote_id.is_not(None))
_KNOWN_BY_REF = (
    select(t.twin.c.remote_id)
    .join_from(t.twin, t.replica, t.twin.c.replica_id == t.replica.c.id)
    .where(
        t.replica.c.connection == bindparam("name"),
        t.replica.c.ref == bindparam("ref"),
        t.twin.c.remote_id.is_not(None),
    )
)
_SENDING = (
    select(t.twin.c.id, t.twin.c.token, t.comment.c.audience)
    .join_from(t.twin, t.comment, t.twin.c.comment_id == t.comment.c.id)
    .where(t.twin.c.replica_id == bindparam("replica"), t.twin.c.state != "linked")
    .order_by(t.twin.c.id)
)


def any_new(tx: Transaction, name: ConnectionName, reading: Reading) -> bool:
    """Whether a reading of a known copy brings comments along that its copy is not known to have: not every tool moves
    a record's version for them."""
    if not reading.comments:
        return False
    known = set(tx.execute(_KNOWN_BY_REF, {"name": name, "ref": reading.ref}).scalars())
    return any(comment.id not in known for comment in reading.comments)


def take_in(
    tx: Transaction, engine: Engine, here: Connected, replica: Replica, comments: Sequence[RemoteComment]
) -> int:
    """Store the comments of one copy that are not known yet, and wish for their twins. Answers how many were new."""
    known = set(tx.execute(_KNOWN, {"replica": replica.id}).scalars())
    fresh = [comment for comment in comments if comment.id not in known]
    if not fresh:
        return 0
    sending = list(tx.execute(_SENDING, {"replica": replica.id}))
    store_name = tokens.name_of(tx)
    new: dict[int, datetime | None] = {}
    for comment in fresh:
        body = here.mapping.from_text(comment.body)
        ours = next((row for row in sending if is_copy(comment, body, row.token)), None)
        if ours is not None:
            if not is_wider(comment, Audience(ours.audience)):
                _link(tx, ours.id, comment.id)
            sending.remove(ours)
            continue
        if comment.ours and (comment.token is not None or _COPIED.search(body.split("\n", 1)[0])):
            # A copy that we made, of a comment that this store has lost or linked already: not somebody's words.
            continue
        new[_add(tx, engine, here, replica, comment, body, store_name)] = comment.created_at
    if new:
        wish(tx, engine, replica.incident, lambda number: engine.may_be_there(new.get(number)))
    return len(new)


def is_wider(shown: RemoteComment, audience: Audience) -> bool:
    """Whether a tool shows a comment to more people than it was written for."""
    return not audience.may_become(shown.audience)


def why_untold(name: ConnectionName, audience: Audience, kept: Iterable[Audience]) -> str:
    """Why a connection that tells only these audiences apart is not told a comment: each would show it to others."""
    known = sorted(kept, key=lambda one: one.width)
    readers = " or ".join(known) or "nobody"
    return (
        f"{name} shows a comment to {readers}, and this one is for {audience} alone; write it anew for those who may "
        "read it, or leave it where it is"
    )


def is_copy(comment: RemoteComment, body: str, token: str) -> bool:
    """Whether this is the comment that was written under this token."""
    if comment.token is not None:
        return comment.token == token
    return comment.ours and f"#{_mark(token)}):" in body.split("\n", 1)[0]


def _add(
    tx: Transaction,
    engine: Engine,
    here: Connected,
    replica: Replica,
    comment: RemoteComment,
    body: str,
    store_name: str,
) -> int:
    now = engine.clock.now()
    author = clean_line(comment.author)  # somebody else's tool calls people whatever it likes
    result = tx.execute(
        insert(t.comment),
        {
            "incident_id": replica.incident,
            "author": author,
            "audience": comment.audience.value,
            "body": body.replace("\0", ""),  # PostgreSQL takes no NUL in a text
            "origin": here.name,
            "written_at": now,
        },
    )
    number = new_id(result)
    origin = tokens.origin_of_comment(here.name, comment.id)
    tx.execute(
        insert(t.twin),
        {
            "comment_id": number,
            "connection": here.name,
            "replica_id": replica.id,
            "state": "linked",
            "remote_id": comment.id,
            "token": tokens.for_comment(tx, store_name, origin, here.name, replica.ref or Ref("")),
        },
    )
    engine.record(
        tx,
        Commented(comment=number, audience=comment.audience.value),
        incident=replica.incident,
        connection=here.name,
        actor=told_by(here.name, author) if author else str(here.name),
    )
    return number


def write(tx: Transaction, engine: Engine, incident: IncidentId, author: Actor, body: str, audience: Audience) -> int:
    """A comment written in Tieline itself, by somebody or by a part of it. Answers its number."""
    result = tx.execute(
        insert(t.comment),
        {
            "incident_id": incident,
            "author": str(author).removeprefix(PLUGIN),
            "audience": audience.value,
            "body": body,
            "origin": "",
            "written_at": engine.clock.now(),
        },
    )
    number = new_id(result)
    commented = Commented(comment=number, audience=audience.value)
    engine.record(tx, commented, incident=incident, actor=author)
    # Words that are new were copied nowhere.
    wish(tx, engine, incident, lambda one: one != number and engine.may_be_there(None))
    return number


_SOURCE = t.twin.alias("source")
_MISSING = (
    select(t.comment.c.id, t.comment.c.origin, t.comment.c.written_at, _SOURCE.c.remote_id.label("source"))
    .outerjoin(_SOURCE, and_(_SOURCE.c.comment_id == t.comment.c.id, _SOURCE.c.connection == t.comment.c.origin))
    .where(
        t.comment.c.incident_id == bindparam("incident"),
        ~exists().where(and_(t.twin.c.comment_id == t.comment.c.id, t.twin.c.replica_id == bindparam("replica"))),
    )
    .order_by(t.comment.c.id)
)
_WISHED = insert(t.twin)


def wish(
    tx: Transaction, engine: Engine, incident: IncidentId, may_be_there: Callable[[int], bool] | None = None
) -> None:
    """Make a wanted twin for each comment that a linked copy lacks and may have. One that may be there already, because
    the store may have forgotten that it was copied, is looked for before it is written; `may_be_there` says of a
    comment's number whether that is so."""
    store_name = ""
    for copy in loading.load_replicas(tx, incident):
        connected = engine.connections.get(copy.connection)
        if connected is None or copy.ref is None or copy.state is ReplicaState.GONE:
            continue
        if not can_comment(connected) or not connected.config.comments.goes_out:
            continue
        for row in list(tx.execute(_MISSING, {"incident": incident, "replica": copy.id})):
            store_name = store_name or tokens.name_of(tx)
            origin = (
                tokens.origin_of_comment(ConnectionName(row.origin), row.source)
                if row.source is not None
                else tokens.origin_of_words(row.id, row.written_at)
            )
            doubted = may_be_there(row.id) if may_be_there is not None else engine.may_be_there(None)
            tx.execute(
                _WISHED,
                {
                    "comment_id": row.id,
                    "connection": copy.connection,
                    "replica_id": copy.id,
                    "state": "sending" if doubted else "wanted",
                    "token": tokens.for_comment(tx, store_name, origin, copy.connection, copy.ref),
                },
            )
            engine.rouse(tx, copy.connection)


_EARLIER = t.twin.alias("earlier")
_OUTGOING = (
    select(
        t.twin.c.id,
        t.twin.c.comment_id,
        t.comment.c.incident_id,
        t.twin.c.replica_id,
        t.replica.c.ref,
        t.replica.c.kind,
        t.twin.c.token,
        t.twin.c.state,
        t.twin.c.attempts,
        t.comment.c.author,
        t.comment.c.origin,
        t.comment.c.audience,
        t.comment.c.body,
        t.incident.c.fields,
    )
    .join_from(t.twin, t.comment, t.twin.c.comment_id == t.comment.c.id)
    .join(t.replica, t.twin.c.replica_id == t.replica.c.id)
    .join(t.incident, t.comment.c.incident_id == t.incident.c.id)
    .where(
        t.twin.c.connection == bindparam("connection"),
        # Said as the index over them says it, so that it is used.
        text("twin.state IN ('wanted', 'sending')"),
        t.replica.c.ref.is_not(None),
        t.replica.c.state != "gone",
        # One after the other: a later comment never overtakes an earlier one that has to wait.
        ~exists().where(
            and_(
                _EARLIER.c.replica_id == t.twin.c.replica_id,
                _EARLIER.c.id < t.twin.c.id,
                text("earlier.state IN ('wanted', 'sending')"),
            )
        ),
        or_(t.twin.c.next_at.is_(None), t.twin.c.next_at <= bindparam("now"), t.twin.c.next_at > bindparam("far")),
    )
    .order_by(t.twin.c.id)
    .limit(bindparam("limit"))
)


def outgoing(
    connection: Connection | Transaction, name: ConnectionName, now: datetime, far: datetime, limit: int
) -> list[Outgoing]:
    """The comments that wait to be written into this connection's copies, in the order they were made."""
    found = connection.execute(_OUTGOING, {"connection": name, "now": now, "far": far, "limit": limit})
    return [
        Outgoing(
            row.id,
            row.comment_id,
            IncidentId(row.incident_id),
            row.replica_id,
            Ref(row.ref),
            Token(row.token),
            row.state,
            row.author,
            row.origin,
            Audience(row.audience),
            row.body,
            row.attempts,
            Tlp(row.fields["tlp"]) if row.fields.get("tlp") else None,
            RecordKind(row.kind),
        )
        for row in found
    ]


_SET = update(t.twin).where(t.twin.c.id == bindparam("row_id"))
_WANTED = and_(
    t.twin.c.connection == bindparam("name"),
    # Said as the index over them says it, so that it is used.
    text("twin.state IN ('wanted', 'sending')"),
    t.twin.c.state == "wanted",
)
_ANY_WANTED = select(t.twin.c.id).where(_WANTED).limit(1)
_DOUBT_WANTED = update(t.twin).where(_WANTED).values(state="sending")


def any_wanted(connection: Connection, name: ConnectionName) -> bool:
    """True while a comment waits to be written into this connection for the first time."""
    return connection.execute(_ANY_WANTED, {"name": name}).first() is not None


def put_wanted_in_doubt(tx: Transaction, name: ConnectionName) -> None:
    """Have every comment that waits to be written into this connection looked for first."""
    tx.execute(_DOUBT_WANTED, {"name": name})


def begin(tx: Transaction, engine: Engine, item: Outgoing) -> None:
    """Write down that this comment is being sent, before it is."""
    tx.execute(_SET, {"row_id": item.id, "state": "sending", "since": engine.clock.now()})


def postpone(
    tx: Transaction, item: Outgoing, *, state: str, attempts: int, next_at: datetime | None, parked: str = ""
) -> None:
    """Put a twin back, or aside."""
    tx.execute(
        _SET,
        {"row_id": item.id, "state": state, "attempts": attempts, "next_at": next_at, "parked": parked},
    )


def finish(tx: Transaction, engine: Engine, here: Connected, item: Outgoing, written: RemoteComment) -> None:
    """The comment stands in the tool."""
    _link(tx, item.id, written.id)
    engine.record(
        tx,
        CommentDelivered(comment=item.comment, remote=written.id, audience=written.audience.value),
        incident=item.incident,
        connection=here.name,
    )


def _link(tx: Transaction, twin: int, remote: str) -> None:
    tx.execute(
        _SET,
        {"row_id": twin, "state": "linked", "remote_id": remote, "attempts": 0, "next_at": None, "parked": ""},
    )


def search(comments: Sequence[RemoteComment], mapping: FieldMapping, item: Outgoing) -> RemoteComment | None:
    """The twin of a comment whose answer was lost, among what the record holds now."""
    for comment in comments:
        if is_copy(comment, mapping.from_text(comment.body), item.token):
            return comment
    return None


def rendered(mapping: FieldMapping, item: Outgoing) -> Any:
    """The comment in the tool's own text format, under the line that says whose it is."""
    head = first_line(item.author, item.origin, item.number, item.token)
    return mapping.to_text(f"{head}\n\n{item.body}")


def retry(tx: Transaction, item: Outgoing, attempts: int, next_at: datetime | None) -> None:
    """Count a failed try; the twin keeps the state it was in."""
    tx.execute(_SET, {"row_id": item.id, "attempts": attempts, "next_at": next_at})
