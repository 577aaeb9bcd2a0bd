"""The walk through all that tells of somebody who is to be forgotten, some rows at a time; what it finds, and what lets
go of it. It begins anew where it was, and is walked again for what is written meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Row,
    Table,
    Text,
    bindparam,
    cast,
    delete,
    literal_column,
    select,
    text,
    update,
)

from tieline.core import holds, journal, sealing
from tieline.core.erasing import AT_ONCE, GONE_WORDS, LET_GO, Whom, may_tell
from tieline.core.events import CAUSE, Approved, Commented, Facts, GlassBroken, Proposed, Shredded
from tieline.core.identity import Actor, is_id
from tieline.core.store import forgetting, persons
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction


class Place(NamedTuple):
    """How far it has come: in which of the places, and behind which of its rows; up to which entry the journal was
    looked at; how often all was walked before, and whether this time anything was found."""

    where: int = 0
    after: int = 0
    seq: int = 0
    walked: int = 0
    found: int = 0


FIRST: Final = Place()
MOST_WALKS: Final = 5
"""What is written while it is walked has all be walked again, so often at most."""


@dataclass(frozen=True, slots=True)
class Traces:
    """What one step let go of. `items` are those that named them; `place` is None where nothing is left to look at."""

    place: Place | None
    entries: int = 0
    values: int = 0
    items: tuple[int, ...] = ()
    copies: tuple[str, ...] = ()
    """Where tools keep their own of these."""
    looked: int = 0
    """How many rows were looked at."""
    effects: Sequence[Callable[[Transaction], object]] = field(default=(), repr=False)


# -- who is meant ------------------------------------------------------------------------------------------------------


# -- what goes after that, place by place ------------------------------------------------------------------------------

_WALKED: Final[Sequence[tuple[Table, Mapping[str, int]]]] = (
    (t.incident, {"fields": 0, "stamps": 1}),
    (
        t.replica,
        {"base": 0, "observed": 0, "originals": 0, "ledger": 2, "intent": 0, "holds": 1, "trail": 1},
    ),
    (t.comment, {}),
    (t.signal, {"fields": 0, "labels": 0, "judged": 0}),
    (t.inbox, {"reading": 0}),
    (t.timer, {"payload": 0}),
    (t.job, {"ask": 0, "state": 1}),
)
"""Tables that are walked by their numbers: each with what may name somebody, and how deep places mean something."""

_BLOBS: Final = len(_WALKED)
_PROPOSALS: Final = _BLOBS + 1
_ANSWERS: Final = _PROPOSALS + 1
_JOURNAL: Final = _ANSWERS + 1
_PLUGINS: Final = _JOURNAL + 1  # behind what they are made from
_END: Final = _PLUGINS + 1


@dataclass(frozen=True, slots=True)
class Erasing:
    """How somebody is let go of: with the texts of their comments or without, when, by whom and why."""

    texts: bool
    at: datetime
    actor: Actor
    why: str


def traces(source: Connection | Transaction, someone: Whom, place: Place, how: Erasing) -> Traces:
    """What tells of somebody from this place on, as it is now, in about as many rows as a step looks at; and what lets
    go of it."""
    found = _at(source, someone, place, how)
    while found.place is not None and found.looked < AT_ONCE:
        more = _at(source, someone, found.place, how)
        found = Traces(
            more.place,
            found.entries + more.entries,
            found.values + more.values,
            tuple(sorted({*found.items, *more.items})),
            looked=found.looked + more.looked,
            effects=(*found.effects, *more.effects),
        )
    return found


def _at(source: Connection | Transaction, someone: Whom, place: Place, how: Erasing) -> Traces:
    return _onward(place, _looked_at(source, someone, place, how))


def _looked_at(source: Connection | Transaction, someone: Whom, place: Place, how: Erasing) -> Traces:
    where, after = place.where, place.after
    if where < _BLOBS:
        return _in_rows(source, someone, where, after, texts=how.texts)
    if where == _BLOBS:
        return _in_blobs(source, someone, after)
    if where == _PROPOSALS:
        return _in_proposals(source, someone)
    if where == _ANSWERS:
        return _in_answers(source, someone)
    if where == _JOURNAL:
        return _in_journal(source, someone, place.seq, how)
    if where == _PLUGINS:
        return _in_plugins(source, someone, after)
    if where == _END and place.found and place.walked + 1 < MOST_WALKS:
        return Traces(Place(seq=place.seq, walked=place.walked + 1))
    if where == _END:
        return Traces(None, looked=AT_ONCE, effects=(lambda tx: _end(tx, someone, place.seq, how),))
    raise ValueError(f"there is no place {where}")


def _next(where: int, after: int | None) -> Place:
    return Place(where + 1) if after is None else Place(where, after)


def _onward(before: Place, found: Traces) -> Traces:
    """What is known of the walk so far goes along with where it is."""
    now = found.place
    if now is None or now.walked > before.walked:
        return found
    is_found = int(bool(before.found or found.values or found.entries or found.effects))
    return replace(found, place=Place(now.where, now.after, max(now.seq, before.seq), before.walked, is_found))


def _in_rows(source: Connection | Transaction, someone: Whom, where: int, after: int, *, texts: bool) -> Traces:
    table, columns = _WALKED[where]
    query = select(table).where(table.c.id > after).order_by(table.c.id).limit(AT_ONCE)
    rows = source.execute(query).all()
    wrote = _wrote(source, table, rows)
    found = [row for row in rows if _changed(table, columns, someone, row, wrote, texts=texts)]
    items = {item for row in found for item in _items_of(source, table, row)}

    def write(tx: Transaction) -> None:
        _write(tx, someone, where, table.c.id.in_([row.id for row in found]), texts=texts)

    return Traces(
        _next(where, rows[-1].id if len(rows) == AT_ONCE else None),
        values=len(found),
        items=tuple(sorted(items)),
        looked=len(rows),
        effects=(write,) if found else (),
    )


def _write(tx: Transaction, someone: Whom, where: int, which: ColumnElement[bool], *, texts: bool) -> None:
    """Let go of them in rows of one of the tables, as these are by now."""
    table, columns = _WALKED[where]
    rows = tx.execute(select(table).where(which).order_by(table.c.id).with_for_update()).all()
    wrote = _wrote(tx, table, rows)
    for row in rows:
        if changed := _changed(table, columns, someone, row, wrote, texts=texts):
            more = {"revision": row.revision + 1} if table is t.incident else {}
            tx.execute(update(table).where(table.c.id == row.id).values(**changed, **more))


_COPY_OF: Final = select(t.replica.c.incident_id).where(
    t.replica.c.connection == bindparam("its_connection"), t.replica.c.ref == bindparam("its_ref")
)


def _items_of(source: Connection | Transaction, table: Table, row: Row[Any]) -> set[int]:
    """The items that a row tells of."""
    if table is t.incident:
        return {row.id}
    if table is t.inbox:
        return {*source.execute(_COPY_OF, {"its_connection": row.connection, "its_ref": row.ref}).scalars()}
    if table is t.job:
        return {*source.execute(_OF_JOB, {"job": row.id}).scalars()}
    item = row.payload.get("incident") if table is t.timer and isinstance(row.payload, Mapping) else None
    item = getattr(row, "incident_id", None) if item is None else item
    return {item} if isinstance(item, int) else set()


_COMMENTED: Final = (
    select(t.journal.c.actor, *journal.TOLD)
    .join(t.journal_payload, t.journal_payload.c.seq == t.journal.c.seq)
    .where(t.journal.c.kind == Commented.KIND, t.journal.c.incident_id.in_(bindparam("items", expanding=True)))
)


def _wrote(source: Connection | Transaction, table: Table, rows: Sequence[Row[Any]]) -> dict[int, str]:
    """Who wrote these comments, by the id, as far as the journal says that: two people may be called the same."""
    found = dict[int, str]()
    items = sorted({row.incident_id for row in rows}) if table is t.comment else []
    for entry in source.execute(_COMMENTED, {"items": items}).all() if items else ():
        told = journal.as_written(source, entry)
        if told is not None and is_id(entry.actor):
            found[int(told["comment"])] = entry.actor
    return found


def _changed(
    table: Table, columns: Mapping[str, int], someone: Whom, row: Row[Any], wrote: Mapping[int, str], *, texts: bool
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, placed in columns.items():
        value = getattr(row, name)
        without = someone.without(value, placed)
        if without != value:
            found[name] = without
    if table is t.comment and row.author != persons.FORGOTTEN:
        theirs = wrote[row.id] == someone.person if row.id in wrote else row.author in someone.names
        if theirs or someone.is_meant(row.author):
            found["author"] = persons.FORGOTTEN
            if texts:
                found["body"] = GONE_WORDS
    return found


_OF_JOB: Final = select(t.job_item.c.incident_id).where(t.job_item.c.job == bindparam("job"))


def _in_blobs(source: Connection | Transaction, someone: Whom, after: int) -> Traces:
    """What jobs came to: one at a time, for one may be large. It goes where it names somebody."""
    query = select(t.blob.c.job, t.blob.c.body).where(
        t.blob.c.job > after, t.blob.c.retention != forgetting.CERTIFICATES
    )
    row = source.execute(query.order_by(t.blob.c.job).limit(1)).first()
    if row is None:
        return Traces(_next(_BLOBS, None))
    if not someone.is_in(bytes(row.body).decode("utf-8", "replace")):
        return Traces(_next(_BLOBS, row.job), looked=AT_ONCE // 4)
    gone = delete(t.blob).where(t.blob.c.job == row.job)
    return Traces(
        _next(_BLOBS, row.job),
        values=1,
        items=tuple(sorted(source.execute(_OF_JOB, {"job": row.job}).scalars())),
        looked=AT_ONCE // 4,
        effects=(lambda tx: tx.execute(gone),),
    )


def _names(source: Connection | Transaction, someone: Whom, row: Row[Any]) -> bool:
    words = sealing.told(source, row.ask, row.entry, "proposal", row.incident_id)
    return bool(someone.left(words) != words)


_OPEN: Final = select(t.proposal).where(t.proposal.c.state == "open").order_by(t.proposal.c.id)


def _in_proposals(source: Connection | Transaction, someone: Whom) -> Traces:
    """What waits for an approval and names them: its words go, and its time is over. It ends as a no."""
    gone = list(islice((row for row in source.execute(_OPEN).all() if _names(source, someone, row)), AT_ONCE))
    ended = update(t.proposal).where(t.proposal.c.id.in_([row.id for row in gone]), t.proposal.c.state == "open")
    over = ended.values(ask={}, until=t.proposal.c.asked_at)
    return Traces(
        _next(_PROPOSALS, 0 if len(gone) == AT_ONCE else None),
        values=len(gone),
        items=tuple(sorted({row.incident_id for row in gone if row.incident_id is not None})),
        effects=(lambda tx: tx.execute(over),) if gone else (),
    )


_ANSWERED: Final = (
    select(t.act_key.c.id, cast(t.act_key.c.answer, Text).label("told"), t.journal.c.incident_id)
    .join(t.journal, t.journal.c.seq == t.act_key.c.seq, isouter=True)
    .where(t.act_key.c.digest != "")
)
_SENTENCES: Final = tuple(
    column
    for table in t.metadata.sorted_tables
    for column in table.c
    if column.name in ("parked", "reason", "why") and isinstance(column.type, Text) and table is not t.journal
)
"""What says why something waits, or was done, in words."""


def _in_answers(source: Connection | Transaction, someone: Whom) -> Traces:
    """What was answered under keys, and sentences that say what is missing, and why."""
    named = (row for row in source.execute(_ANSWERED).all() if someone.is_in(row.told, by_name=True))
    gone = list(islice(named, AT_ONCE))
    items = {row.incident_id for row in gone}
    told = (
        (column.table, column, row)
        for column in _SENTENCES
        for row in source.execute(select(column.table).where(column != "")).all()
        if someone.is_in(getattr(row, column.name))
    )
    sentences = list(islice(told, AT_ONCE))
    items |= {item for table, _column, row in sentences for item in _items_of(source, table, row)}
    nothing = {"facts": {}, "sentence": forgetting.FORGOTTEN_ANSWER}

    def write(tx: Transaction) -> None:
        for row in gone:
            tx.execute(update(t.act_key).where(t.act_key.c.id == row.id).values(digest="", answer=nothing))
        for table, column, row in sentences:
            was = getattr(row, column.name)
            same = [one == getattr(row, one.name) for one in (*table.primary_key.columns, column)]
            tx.execute(update(table).where(*same).values({column.name: someone.out_of(was)}))

    return Traces(
        _next(_ANSWERS, 0 if AT_ONCE in (len(gone), len(sentences)) else None),
        values=len(gone) + len(sentences),
        items=tuple(sorted(one for one in items if one is not None)),
        effects=(write,) if gone or sentences else (),
    )


_PLUGIN_TEXTS: Final = {
    "sqlite": text(
        "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table' "
        "AND m.name LIKE '%\\_\\_%' ESCAPE '\\' AND (upper(c.type) LIKE 'TEXT%' OR upper(c.type) LIKE 'VARCHAR%') "
        "ORDER BY 1, 2"
    ),
    "postgresql": text(
        "SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid "
        "WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND NOT a.attisdropped "
        "AND c.relname LIKE '%\\_\\_%' AND a.atttypid IN ('text'::regtype, 'varchar'::regtype) ORDER BY 1, 2"
    ),
}


_OF_UIDS: Final = select(t.incident.c.id).where(t.incident.c.uid.in_(bindparam("uids", expanding=True)))


_ROW: Final = {"sqlite": "rowid", "postgresql": "ctid"}
"""By what the database itself finds a row."""


def _in_plugins(source: Connection | Transaction, someone: Whom, place: int) -> Traces:
    """What plugins derived from the journal, column by column and some rows at a time: an address or identity is
    replaced wherever it stands, whole. A row that is written meanwhile is found when all is walked again."""
    columns = source.execute(_PLUGIN_TEXTS[_dialect(source)]).all()
    with_subjects = {table for table, name in columns if name == "subject"}
    wanted = [(table, name) for table, name in columns if name != "subject"] if someone.is_known else []
    if place >= len(wanted):
        return Traces(Place(_END), looked=AT_ONCE)
    table, name = wanted[place]
    rows = _named_in(source, someone, table, name, "subject" if table in with_subjects else name)
    row = _ROW[_dialect(source)]
    change = text(f'UPDATE "{table}" SET "{name}" = :now WHERE {row} = {_AS_ROW[row]} AND "{name}" = :was')  # noqa: S608 - names of the database's own

    def write(tx: Transaction) -> None:
        for one in rows:
            tx.execute(change, {"row": one.row, "was": one.was, "now": someone.out_of(one.was)})

    uids = sorted({one.shown for one in rows}) if table in with_subjects else []
    items = {*source.execute(_OF_UIDS, {"uids": uids}).scalars()} if uids else set[int]()
    return Traces(
        Place(_PLUGINS, place if len(rows) == AT_ONCE else place + 1),
        values=len(rows),
        items=tuple(sorted(items)),
        looked=max(len(rows), 1),
        effects=(write,) if rows else (),
    )


_AS_ROW: Final = {"rowid": ":row", "ctid": "CAST(:row AS tid)"}


def _named_in(source: Connection | Transaction, someone: Whom, table: str, name: str, shown: str) -> list[Row[Any]]:
    """Some rows that name them in a column, with whatever tells of which item they are."""
    row = _ROW[_dialect(source)]
    column: ColumnElement[Any] = literal_column(f'"{name}"')
    place: ColumnElement[Any] = cast(literal_column(row), Text) if row == "ctid" else literal_column(row)
    query = select(place.label("row"), column.label("was"), literal_column(f'"{shown}"').label("shown"))
    found = source.execute(query.select_from(text(f'"{table}"')).where(may_tell(column, someone)))
    return list(islice((one for one in found if isinstance(one.was, str) and someone.is_in(one.was)), AT_ONCE))


def _dialect(source: Connection | Transaction) -> str:
    return source.dialect if isinstance(source, Transaction) else source.dialect.name


_ENTRIES: Final = (
    select(t.journal.c.actor, *journal.TOLD)
    .join(t.journal_payload, t.journal_payload.c.seq == t.journal.c.seq)
    .where(
        t.journal.c.seq > bindparam("after"),
        t.journal.c.seq <= bindparam("upto"),
        t.journal.c.kind != Shredded.KIND,
        ~LET_GO,
    )
    .order_by(t.journal.c.seq)
    .limit(AT_ONCE)
)
_NO_END: Final = 2**62


def _in_journal(source: Connection | Transaction, someone: Whom, after: int, how: Erasing) -> Traces:
    """What is left of the payloads that name somebody, of the next entries. Whatever others let go of meanwhile does
    not come back by that: it is worked out once more where it is written."""
    rows = source.execute(_ENTRIES, {"after": after, "upto": _NO_END}).all()
    last = rows[-1].seq if rows else after
    left = _left(source, someone, rows)

    def write(tx: Transaction) -> None:
        _replace_left(tx, someone, tx.execute(_ENTRIES, {"after": after, "upto": last}).all(), how)

    return Traces(
        Place(_JOURNAL if len(rows) == AT_ONCE else _PLUGINS, 0, last),
        len(left),
        items=tuple(sorted({int(row.incident_id) for row in rows if row.seq in left and row.incident_id is not None})),
        looked=len(rows),
        effects=(write,) if left else (),
    )


_NO_SHA: Final = select(t.proposal.c.id).where(t.proposal.c.sha == "")


def _left(source: Connection | Transaction, someone: Whom, rows: Sequence[Row[Any]]) -> dict[int, Facts]:
    """What is left of the payloads that name them, by their entries. The hash of what was proposed says it to whoever
    guesses: it goes as well, here and where it was approved."""
    found, guessable = dict[int, Facts](), {*source.execute(_NO_SHA).scalars()}
    for row in rows:
        told = journal.as_written(source, row)
        left = None if told is None else someone.left(told)
        if told is None or left is None:
            continue
        if row.kind == Proposed.KIND and left != told:
            guessable.add(str(told["proposal"]))
        if row.kind in (Proposed.KIND, Approved.KIND) and told["proposal"] in guessable:
            left = {**left, "sha": ""}
        if row.kind == GlassBroken.KIND and told["sha"] and _followed(source, someone, row.seq, told.get(CAUSE)):
            left = {**left, "sha": ""}
        if left != told:
            found[row.seq] = left
    return found


def _followed(source: Connection | Transaction, someone: Whom, seq: int, cause: object) -> bool:
    """Whether what was done at once, without an approval, names them."""
    near = {"after": max(seq - AT_ONCE // 2, 0), "upto": _NO_END}
    told = (journal.as_written(source, row) for row in source.execute(_ENTRIES, near).all())
    return any(one is not None and one.get(CAUSE) == cause and someone.left(one) != one for one in told)


def _replace_left(tx: Transaction, someone: Whom, rows: Sequence[Row[Any]], how: Erasing) -> None:
    """Put what is left of these in their place, and let go of what their items took from them behind the walk through
    those. Raises OnHold."""
    left = _left(tx, someone, rows)
    items = {row.incident_id for row in rows if row.seq in left and row.incident_id is not None}
    holds.refuse(tx, items)
    for where, (table, _columns) in enumerate(_WALKED) if items else ():
        item = table.c.get("id" if table is t.incident else "incident_id")
        if item is not None and table is not t.job:
            _write(tx, someone, where, item.in_(sorted(items)), texts=how.texts)
    if left:
        proposed = [str(facts["proposal"]) for facts in left.values() if "proposal" in facts and facts.get("sha") == ""]
        tx.execute(update(t.proposal).where(t.proposal.c.id.in_(proposed)).values(sha=""))
        journal.replace_in(tx, left, at=how.at, actor=how.actor, why=how.why)


def _end(tx: Transaction, someone: Whom, after: int, how: Erasing) -> None:
    """What was journalled since it was looked at goes as well, and then all that they are known by: what is journalled
    from there on knows nobody any more."""
    tx.flush()
    while rows := tx.execute(_ENTRIES, {"after": after, "upto": _NO_END}).all():
        _replace_left(tx, someone, rows, how)
        after = rows[-1].seq
    journal.forget_in(tx, someone.person, at=how.at, actor=how.actor)
