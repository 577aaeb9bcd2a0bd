"""The inbox: what came in is durable before anybody is told so, and nothing else happens here.

A webhook is a hint (something about this record changed); a poll brings whole readings. Equal hints collapse, a
delivery seen before changes nothing, and a row is deleted only in the transaction that acts on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, exists, func, or_, select, text, update

from tieline.core import erasing
from tieline.core.model import OF_VISIBILITY, Audience, ConnectionName
from tieline.core.port import Page, Reading, Received, Ref, RemoteComment, Token, Version
from tieline.core.store import tables as t
from tieline.core.store.among import among
from tieline.core.store.many import Many
from tieline.core.store.store import Connection, Transaction

Reader = Connection | Transaction


class Contested(Exception):
    """Two processes store the same delivery at one moment. Stored alone, it waits for the other and is known."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Everything in the inbox about one record: its rows, and the newest reading if no hint asks for a fresh one."""

    connection: ConnectionName
    ref: Ref
    rows: tuple[tuple[int, datetime], ...]
    """Each row's id and when it came in: a row that was renewed meanwhile is not the one that was looked at."""
    reading: Reading | None
    asked: int
    attempts: int

    @property
    def received_at(self) -> datetime:
        """When the newest of it came in."""
        return self.rows[-1][1]


_HEAD = select(func.coalesce(func.max(t.journal.c.seq), 0))
_DELIVERY = text(
    "INSERT INTO delivery (connection, delivery_id, received_at) VALUES (:connection, :delivery_id, :received_at) "
    "ON CONFLICT DO NOTHING"
).bindparams(bindparam("received_at", type_=t.delivery.c.received_at.type))
# Joined to nothing, so that the index over the time is taken and not the one over all that a connection ever sent.
_OF_CONNECTION = t.delivery.c.connection.concat("") == bindparam("connection")
_NEWEST = (
    select(t.delivery.c.received_at)
    .where(_OF_CONNECTION, t.delivery.c.received_at > bindparam("since"))
    .order_by(t.delivery.c.received_at.desc())
    .limit(1)
)
_LAST = select(t.delivery.c.delivery_id).where(_OF_CONNECTION, t.delivery.c.received_at == _NEWEST.scalar_subquery())
_STORED = select(t.delivery.c.delivery_id).where(
    t.delivery.c.connection == bindparam("connection"), t.delivery.c.delivery_id.in_(bindparam("ids", expanding=True))
)
_DELIVERIES = Many(_DELIVERY)
_ROWS = Many.into(t.inbox, without=["id"])
_HINT = text(
    "INSERT INTO inbox (connection, ref, reading, asked, received_at, attempts, parked) "
    "VALUES (:connection, :ref, NULL, 0, :received_at, 0, '') ON CONFLICT (connection, ref) WHERE reading IS NULL "
    "DO UPDATE SET received_at = excluded.received_at, attempts = 0, next_at = NULL, parked = ''"
).bindparams(bindparam("received_at", type_=t.inbox.c.received_at.type))

_ASK_LATER = text(
    "INSERT INTO inbox (connection, ref, reading, asked, received_at, attempts, next_at, parked) "
    "VALUES (:connection, :ref, NULL, 0, :received_at, :attempts, :next_at, '') "
    "ON CONFLICT (connection, ref) WHERE reading IS NULL DO NOTHING"
).bindparams(
    bindparam("received_at", type_=t.inbox.c.received_at.type), bindparam("next_at", type_=t.inbox.c.next_at.type)
)

_MOVE_CURSOR = text(
    "INSERT INTO cursor (connection, cursor, polled_at) VALUES (:connection, :cursor, :polled_at) "
    "ON CONFLICT (connection) DO UPDATE SET cursor = excluded.cursor, polled_at = excluded.polled_at"
).bindparams(bindparam("polled_at", type_=t.cursor.c.polled_at.type))


def head(connection: Reader) -> int:
    """The journal's last seq: a clock that no machine can set wrong."""
    return int(connection.execute(_HEAD).scalar_one())


def accept(tx: Transaction, name: ConnectionName, received: Received, now: datetime) -> bool:
    """Store one verified delivery. False when it was stored before: then nothing changes."""
    delivery = {"connection": name, "delivery_id": received.delivery_id[:200], "received_at": now}
    if tx.execute_many(_DELIVERIES, [delivery]) == 0:
        return False
    put(tx, name, ((hint.ref, hint.reading) for hint in received.hints), asked=0, now=now)
    return True


def accept_all(tx: Transaction, items: Sequence[tuple[ConnectionName, Received]], now: datetime) -> list[bool]:
    """Store many verified deliveries at once. Answers which of them were new. Raises Contested, and then this
    transaction must not be committed, when another process stores one of them at this moment."""
    if len(items) == 1:
        return [accept(tx, *items[0], now)]
    rows = [
        {"connection": name, "delivery_id": received.delivery_id[:200], "received_at": now} for name, received in items
    ]
    touched = tx.execute_each(_DELIVERIES, rows)
    results = _insert_new(tx, rows) if touched is None else [one == 1 for one in touched]
    new = [item for item, is_new in zip(items, results, strict=True) if is_new]
    for name in dict.fromkeys(name for name, _received in new):
        hints = [hint for one, received in new if one == name for hint in received.hints]
        put(tx, name, ((hint.ref, hint.reading) for hint in hints), asked=0, now=now)
    return results


def last_delivery(tx: Transaction, name: ConnectionName, since: datetime) -> str:
    """The id under which `anew` had the last delivery stored; "" where there was none `since` then, and where two were
    stored at one moment and nobody knows which of them came later."""
    places = {one: _place(one) for one in tx.execute(_LAST, {"connection": name, "since": since}).scalars()}
    newest = max(places.values(), default=0)
    last = [one for one, place in places.items() if place == newest]
    return last[0] if len(last) == 1 else ""


def anew(said: str, place: int, mark: str) -> str:
    """An id for a delivery that says what may have been said before; `place` is its place in the commit."""
    return f"{said}@{place}.{mark}"


def says(delivery_id: str) -> str:
    """What the delivery with an id of `anew` says."""
    return delivery_id.rpartition("@")[0]


def _place(delivery_id: str) -> int:
    place = delivery_id.rpartition("@")[2].partition(".")[0]
    return int(place) if place.isdecimal() else 0


def _insert_new(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Two statements for all of them, where each is a round trip: which are stored, then those that are not."""
    seen: set[tuple[str, str]] = set()
    for name in dict.fromkeys(row["connection"] for row in rows):
        ids = [row["delivery_id"] for row in rows if row["connection"] == name]
        seen.update((name, found) for found in tx.execute(_STORED, {"connection": name, "ids": ids}).scalars())
    new: dict[tuple[str, str], Mapping[str, Any]] = {}
    results: list[bool] = []
    for row in rows:
        key = (row["connection"], row["delivery_id"])
        results.append(key not in seen and key not in new)
        if results[-1]:
            new[key] = row
    if tx.execute_many(_DELIVERIES, list(new.values())) != len(new):
        raise Contested
    return results


def put(
    tx: Transaction, name: ConnectionName, items: Iterable[tuple[Ref, Reading | None]], *, asked: int, now: datetime
) -> None:
    """Rows for hints and readings."""
    readings: list[dict[str, Any]] = []
    hints: list[dict[str, Any]] = []
    for ref, reading in items:
        if reading is None:
            hints.append({"connection": name, "ref": ref, "received_at": now})
        else:
            readings.append({**_row(name, reading, asked, now), "ref": ref})
    if hints:
        tx.execute(_HINT, hints)
    if readings and erasing.keeps_somebody_out(tx):
        readings = [{**row, "reading": erasing.without_forgotten(tx, row["reading"])} for row in readings]
    tx.execute_many(_ROWS, readings)


# What such a record says is not even taken in to be looked at.
_FORGOTTEN = select(t.replica.c.ref).where(
    t.replica.c.connection == bindparam("name"),
    t.replica.c.ref.in_(bindparam("refs", expanding=True)),
    text("forgotten"),
)


def forgotten_refs(tx: Transaction, name: ConnectionName, refs: Iterable[Ref]) -> frozenset[Ref]:
    """Those of these records whose items are forgotten."""
    return frozenset(map(Ref, tx.execute(_FORGOTTEN, {"name": name, "refs": list(refs)}).scalars()))


def _row(name: ConnectionName, reading: Reading, asked: int, now: datetime) -> dict[str, Any]:
    return {
        "connection": name,
        "ref": reading.ref,
        "reading": encode(reading),
        "asked": asked,
        "received_at": now,
        "attempts": 0,
        "next_at": None,
        "parked": "",
    }


def put_page(
    tx: Transaction,
    name: ConnectionName,
    page: Page,
    news: Iterable[tuple[Ref, Reading | None]],
    asked: int,
    now: datetime,
) -> None:
    """What a page tells that is new, and the cursor after it: in one transaction, or not at all."""
    put(tx, name, news, asked=asked, now=now)
    tx.execute(_MOVE_CURSOR, {"connection": name, "cursor": page.cursor, "polled_at": now})


_WAITING = (
    select(t.inbox)
    .where(
        t.inbox.c.connection == bindparam("connection"),
        text("inbox.parked = ''"),
        or_(t.inbox.c.next_at.is_(None), t.inbox.c.next_at <= bindparam("now"), t.inbox.c.next_at > bindparam("far")),
    )
    .order_by(t.inbox.c.id)
    .limit(bindparam("limit"))
)


def waiting(connection: Reader, name: ConnectionName, now: datetime, limit: int) -> list[Waiting]:
    """What waits for this connection, grouped by record, in order of arrival."""
    far = now + timedelta(hours=2)
    found = connection.execute(_WAITING, {"connection": name, "now": now, "far": far, "limit": limit}).all()
    groups: dict[str, list[Any]] = {}
    for row in found:
        groups.setdefault(row.ref, []).append(row)
    return [_group(name, Ref(ref), members) for ref, members in groups.items()]


def _group(name: ConnectionName, ref: Ref, members: Sequence[Any]) -> Waiting:
    asks_fresh = any(row.reading is None for row in members)
    newest = members[-1]
    return Waiting(
        connection=name,
        ref=ref,
        rows=tuple((row.id, row.received_at) for row in members),
        reading=None if asks_fresh else decode(newest.reading),
        asked=newest.asked,
        attempts=max(row.attempts for row in members),
    )


_WAITING_REFS = select(t.inbox.c.ref).where(
    t.inbox.c.connection == bindparam("connection"),
    text("inbox.parked = ''"),
    among(t.inbox.c.ref, "refs"),
)


def waiting_refs(connection: Reader, name: ConnectionName, refs: Sequence[Ref]) -> frozenset[Ref]:
    """Those of these records about which anything waits, due or not."""
    return frozenset(connection.execute(_WAITING_REFS, {"connection": name, "refs": list(refs)}).scalars())


def one_by_one(connection: Reader, name: ConnectionName, now: datetime, limit: int) -> list[Waiting]:
    """What waits for a source of signals, each row by itself: there every reading counts, not only the newest."""
    far = now + timedelta(hours=2)
    found = connection.execute(_WAITING, {"connection": name, "now": now, "far": far, "limit": limit})
    return [_group(name, Ref(row.ref), [row]) for row in found]


_BROUGHT = _WAITING.where(t.inbox.c.reading.is_not(None))


def brought(connection: Reader, name: ConnectionName, now: datetime, limit: int) -> list[Waiting]:
    """What waits for a source of signals and is all there: nothing has to be asked for."""
    far = now + timedelta(hours=2)
    found = connection.execute(_BROUGHT, {"connection": name, "now": now, "far": far, "limit": limit})
    return [_group(name, Ref(row.ref), [row]) for row in found]


_LATER_READING = (
    select(t.inbox.c.id)
    .where(
        t.inbox.c.id > bindparam("after"),
        t.inbox.c.connection == bindparam("connection"),
        t.inbox.c.reading.is_not(None),
    )
    .limit(1)
)


def has_reading_after(connection: Reader, name: ConnectionName, row: int) -> bool:
    """True when a reading came in after this row."""
    return connection.execute(_LATER_READING, {"connection": name, "after": row}).first() is not None


_HINTS = (
    t.inbox.c.connection == bindparam("name"),
    t.inbox.c.ref == bindparam("record"),
    t.inbox.c.reading.is_(None),
    t.inbox.c.parked == "",
)
_ASKED_FOR = select(func.count()).where(*_HINTS)
_HURRY = update(t.inbox).where(*_HINTS, t.inbox.c.next_at > bindparam("by"))


def ask(tx: Transaction, name: ConnectionName, ref: Ref, now: datetime, by: datetime) -> None:
    """Have this record read now, unless a hint waits already that has it read before `by`: one that would wait longer,
    because its comments were refused for a while, is due now."""
    if tx.execute(_ASKED_FOR, {"name": name, "record": ref}).scalar_one():
        tx.execute(_HURRY, {"name": name, "record": ref, "by": by, "next_at": None})
    else:
        put(tx, name, [(ref, None)], asked=0, now=now)


_ASKED_REFS = select(t.inbox.c.ref).where(
    t.inbox.c.connection == bindparam("connection"),
    t.inbox.c.reading.is_(None),
    among(t.inbox.c.ref, "refs"),
)
_READ = t.inbox.alias("read")
_ASIDE = select(t.inbox.c.ref).where(
    t.inbox.c.connection == bindparam("connection"),
    text("inbox.parked <> ''"),
    t.inbox.c.reading.is_(None),
    # Whoever was read and put aside all the same was not odd, and is not taken in anew at the same version.
    ~exists().where(
        _READ.c.connection == t.inbox.c.connection,
        _READ.c.ref == t.inbox.c.ref,
        _READ.c.reading.is_not(None),
        _READ.c.parked != "",
    ),
)
_PUT_ASIDE = update(t.inbox).where(
    t.inbox.c.connection == bindparam("row_connection"),
    t.inbox.c.ref == bindparam("row_ref"),
    t.inbox.c.reading.is_(None),
)


def asked_refs(tx: Transaction, name: ConnectionName, refs: Sequence[Ref]) -> frozenset[Ref]:
    """Those of these records that are to be read, or were put aside when they were."""
    return frozenset(tx.execute(_ASKED_REFS, {"connection": name, "refs": list(refs)}).scalars())


def refs_aside(tx: Transaction, name: ConnectionName) -> frozenset[Ref]:
    """The records that were asked for and put aside because they could not be read."""
    return frozenset(tx.execute(_ASIDE, {"connection": name}).scalars())


def put_aside(tx: Transaction, name: ConnectionName, ref: Ref, sentence: str) -> None:
    """Put a hint aside with the sentence that says why."""
    tx.execute(_PUT_ASIDE, {"row_connection": name, "row_ref": ref, "parked": sentence[:2000]})


_DONE = delete(t.inbox).where(t.inbox.c.id == bindparam("row_id"), t.inbox.c.received_at == bindparam("row_at"))
_ALL_DONE = Many(_DONE)
_FORGET_PARKED = delete(t.inbox).where(
    t.inbox.c.connection == bindparam("row_connection"), t.inbox.c.ref == bindparam("row_ref"), t.inbox.c.parked != ""
)
_LATER = update(t.inbox).where(t.inbox.c.id == bindparam("row_id"), t.inbox.c.received_at == bindparam("row_at"))


_FAILED = select(t.inbox.c.ref, t.inbox.c.reading).where(
    t.inbox.c.connection == bindparam("connection"),
    or_(t.inbox.c.parked != "", t.inbox.c.attempts > 0),
    t.inbox.c.reading.is_not(None),
)


def failed_versions(tx: Transaction, name: ConnectionName) -> dict[str, str]:
    """The records that failed and wait, or were put aside, and at which version: a poll need not bring them again."""
    return {row.ref: row.reading["version"] for row in tx.execute(_FAILED, {"connection": name})}


def done(tx: Transaction, item: Waiting) -> None:
    """Take the rows out: their effect is part of this transaction."""
    tx.execute(_DONE, [{"row_id": row, "row_at": at} for row, at in item.rows])


def all_done(tx: Transaction, items: Sequence[Waiting]) -> None:
    """Take the rows of a batch out."""
    if items:
        tx.execute_many(_ALL_DONE, [{"row_id": row, "row_at": at} for item in items for row, at in item.rows])


def later(tx: Transaction, item: Waiting, attempts: int, next_at: datetime | None, parked: str = "") -> None:
    """Put the rows back, or aside with the sentence that says why: then in place of what was put aside before."""
    if parked:
        forget_parked(tx, item.connection, item.ref)
    tx.execute(
        _LATER,
        [
            {"row_id": row, "row_at": at, "attempts": attempts, "next_at": next_at, "parked": parked[:2000]}
            for row, at in item.rows
        ],
    )


def ask_later(tx: Transaction, item: Waiting, attempts: int, now: datetime, next_at: datetime) -> None:
    """Ask for a record once more, of which a part could not be had. A hint that has come in since asks sooner."""
    values = {"connection": item.connection, "ref": item.ref, "received_at": now, "attempts": attempts}
    tx.execute(_ASK_LATER, {**values, "next_at": next_at})


_WAITS = select(t.inbox.c.id).where(t.inbox.c.connection == bindparam("connection"), text("inbox.parked = ''")).limit(1)


def any_waits(connection: Reader, name: ConnectionName) -> bool:
    """True while anything waits for this connection, due or not, that is not put aside."""
    return connection.execute(_WAITS, {"connection": name}).first() is not None


_STRANGERS = (
    select(t.inbox.c.id)
    .where(
        t.inbox.c.connection == bindparam("connection"),
        ~exists().where(t.replica.c.connection == t.inbox.c.connection, t.replica.c.ref == t.inbox.c.ref),
    )
    .limit(1)
)


def has_strangers(connection: Reader, name: ConnectionName) -> bool:
    """True while something waits or is put aside about a record that is nobody's copy as far as the store knows; one
    that we made and the store forgot may be among them."""
    return connection.execute(_STRANGERS, {"connection": name}).first() is not None


def forget_parked(tx: Transaction, name: ConnectionName, ref: Ref) -> None:
    """Drop what was put aside about a record: what it waited for has happened."""
    tx.execute(_FORGET_PARKED, {"row_connection": name, "row_ref": ref})


def forget_deliveries(tx: Transaction, before: datetime) -> int:
    """Drop delivery ids older than any sender's retries (PagerDuty: 48 h). Answers how many."""
    return tx.execute(
        delete(t.delivery).where(t.delivery.c.received_at < bindparam("before")), {"before": before}
    ).rowcount


def encode(reading: Reading) -> dict[str, Any]:
    """A reading as JSON. What few readings have stands only in those."""
    rare: dict[str, Any] = {}
    if reading.born is not None:
        # Of most records nothing has changed since: the body is not stored twice.
        rare["born"] = None if reading.born == reading.body else reading.born
    if reading.automatic:
        rare["automatic"] = sorted(reading.automatic)
    if reading.ours:
        rare["ours"] = sorted(reading.ours)
    return {
        **rare,
        "ref": reading.ref,
        "version": reading.version,
        "body": reading.body,
        "key": reading.key,
        "url": reading.url,
        "token": reading.token,
        "age": reading.age.total_seconds() if reading.age is not None else None,
        "people": dict(reading.people),
        "comments": None if reading.comments is None else [_encode_comment(comment) for comment in reading.comments],
        "merged_into": reading.merged_into,
        "annotations": dict(reading.annotations),
    }


def decode(stored: Mapping[str, Any]) -> Reading:
    """The reading behind its JSON."""
    return Reading(
        ref=Ref(stored["ref"]),
        version=Version(stored["version"]),
        body=stored["body"],
        key=stored["key"],
        url=stored["url"],
        token=Token(stored["token"]) if stored["token"] is not None else None,
        age=timedelta(seconds=stored["age"]) if stored["age"] is not None else None,
        people=stored["people"],
        comments=None if stored["comments"] is None else tuple(map(_decode_comment, stored["comments"])),
        merged_into=Ref(stored["merged_into"]) if stored["merged_into"] is not None else None,
        annotations=stored["annotations"],
        born=(stored["born"] or stored["body"]) if "born" in stored else None,
        automatic=frozenset(stored.get("automatic", ())),
        ours=frozenset(stored.get("ours", ())),
    )


def _encode_comment(comment: RemoteComment) -> dict[str, Any]:
    return {
        "id": comment.id,
        "body": comment.body,
        "author": comment.author,
        "created_at": comment.created_at.isoformat() if comment.created_at else None,
        "audience": comment.audience.value,
        "ours": comment.ours,
        "token": comment.token,
    }


def _decode_comment(stored: Mapping[str, Any]) -> RemoteComment:
    return RemoteComment(
        id=stored["id"],
        body=stored["body"],
        author=stored["author"],
        created_at=datetime.fromisoformat(stored["created_at"]) if stored["created_at"] else None,
        audience=Audience(stored["audience"]) if "audience" in stored else OF_VISIBILITY[stored["visibility"]],
        ours=stored["ours"],
        token=Token(stored["token"]) if stored["token"] is not None else None,
    )
