"""What each table lets go of when an item is forgotten. A table that is added says so here, or a test fails.

The journal's payloads go with their key (see `core/journal.py`). What plugins derived from them goes with them, and
so does what was only kept for the item: answers, words that wait for somebody, what is to happen, what jobs came to.
Of the item itself its number stays, with its status and when it was; of its copies, where they are: the tools keep
theirs, and what they tell of these later is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Text, and_, bindparam, delete, or_, select, text, type_coerce, update

from tieline.core.model import ITEM_KINDS, ItemKind, RecordKind
from tieline.core.store import tables as t

if TYPE_CHECKING:
    from tieline.core.store.store import Transaction

Forget = Callable[["Transaction", Sequence[int]], object]
"""Lets go of what a table holds of these items."""

FORGOTTEN_TITLE: Final = "(forgotten)"
"""What an item is called that was."""

FORGOTTEN_COPY: Final = "the item is forgotten here; the tool keeps its own"

CERTIFICATES: Final = "certificates"
"""The class of results that only say what was forgotten: they stay."""

FORGOTTEN_ANSWER: Final = "it was done, and what was answered then is forgotten with the item that it was about"

_CHUNK: Final = 400
_UIDS: Final = select(t.incident.c.uid).where(t.incident.c.id.in_(bindparam("items", expanding=True)))
_PROJECTED: Final = select(t.projected.c.name).order_by(t.projected.c.name).with_for_update()
_WITH_SUBJECTS: Final = {
    "sqlite": text(
        "SELECT m.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c "
        "WHERE m.type = 'table' AND c.name = 'subject' AND m.name LIKE '%\\_\\_%' ESCAPE '\\' ORDER BY 1"
    ),
    "postgresql": text(
        "SELECT c.relname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid "
        "WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND a.attname = 'subject' "
        "AND NOT a.attisdropped AND c.relname LIKE '%\\_\\_%' ORDER BY 1"
    ),
}


def _plugin_rows(tx: Transaction, items: Sequence[int]) -> None:
    """The rows of all plugins, those that are being made anew too; their tables are held meanwhile."""
    tx.execute(_PROJECTED)
    uids = list(tx.execute(_UIDS, {"items": list(items)}).scalars())
    for name in tx.execute(_WITH_SUBJECTS[tx.dialect]).scalars().all():
        gone = text(f'DELETE FROM "{name}" WHERE subject IN :uids')  # noqa: S608 - a name of the database's own
        tx.execute(gone.bindparams(bindparam("uids", expanding=True)), {"uids": uids})


def _timers(tx: Transaction, items: Sequence[int]) -> None:
    """What is to happen to them. What it is about stands in the payload, as JSON writes it."""
    about = type_coerce(t.timer.c.payload, Text)
    for item in items:
        for rest in (",", "}"):
            tx.execute(delete(t.timer).where(about.contains(f'"incident":{item}{rest}', autoescape=True)))


def _answers(tx: Transaction, items: Sequence[int]) -> None:
    """What was answered about them, or about nothing that can be told. That it was done is known on."""
    of_them = select(t.journal.c.seq).where(
        or_(t.journal.c.incident_id.is_(None), t.journal.c.incident_id.in_(bindparam("items", expanding=True)))
    )
    gone = update(t.act_key).where(or_(t.act_key.c.seq.is_(None), t.act_key.c.seq.in_(of_them)))
    tx.execute(gone.values(digest="", answer={"facts": {}, "sentence": FORGOTTEN_ANSWER}), {"items": list(items)})


def _of_item(table: Any) -> Forget:
    gone = delete(table).where(table.c.incident_id.in_(bindparam("items", expanding=True)))
    return lambda tx, items: tx.execute(gone, {"items": list(items)})


def _proposals(tx: Transaction, items: Sequence[int]) -> None:
    """Their words go, and of what waits for an approval the time is over: it ends as a no, as at any other time."""
    of_whom = select(t.proposal.c.id, t.proposal.c.incident_id, t.proposal.c["items"])
    wanted = {*items}
    for row in tx.execute(of_whom).all():
        if {row.incident_id, *_numbers(row.items)} & wanted:
            tx.execute(update(t.proposal).where(t.proposal.c.id == row.id).values(ask={}))
            waits = update(t.proposal).where(t.proposal.c.id == row.id, t.proposal.c.state == "open")
            tx.execute(waits.values(until=t.proposal.c.asked_at))


def _numbers(items: Any) -> set[int]:
    """The items that it names, however they are written."""
    names = items if isinstance(items, Mapping) else [one[0] if isinstance(one, list) else one for one in items]
    return {int(one) for one in names if str(one).isdecimal()}


_TELL: Final = select(t.job_item.c.job).where(t.job_item.c.incident_id.in_(bindparam("items", expanding=True)))


def _jobs(tx: Transaction, items: Sequence[int]) -> None:
    """What jobs were told, and tell their next step. Those that run cannot go on, and end; but for the one whose step
    this is."""
    asked, mine = {"items": list(items)}, [tx.job] if tx.job is not None else []
    tells = and_(t.job.c.id.in_(_TELL), t.job.c.id.not_in(mine))
    tx.execute(update(t.job).where(tells).values(ask={}, state=None, parked=""), asked)
    ended = update(t.job).where(tells, t.job.c.status.in_(["running", "parked"]))
    tx.execute(ended.values(status="cancelled", ended_at=t.job.c.stepped_at, worker="", leased_until=None), asked)


def _blobs(tx: Transaction, items: Sequence[int]) -> None:
    gone = delete(t.blob).where(t.blob.c.job.in_(_TELL), t.blob.c.retention != CERTIFICATES)
    tx.execute(gone, {"items": list(items)})


_REFS: Final = select(t.replica.c.connection, t.replica.c.ref).where(
    t.replica.c.incident_id.in_(bindparam("items", expanding=True)), t.replica.c.ref.is_not(None)
)
_RECEIVED: Final = delete(t.inbox).where(
    t.inbox.c.connection == bindparam("its_connection"), t.inbox.c.ref == bindparam("its_ref")
)


def _received(tx: Transaction, items: Sequence[int]) -> None:
    """What came in about its records and is not taken in, or waits for a person."""
    for row in tx.execute(_REFS, {"items": list(items)}).all():
        tx.execute(_RECEIVED, {"its_connection": row.connection, "its_ref": row.ref})


def _doubts(tx: Transaction, items: Sequence[int]) -> None:
    """Its alerts, where they are among those whose ends are doubted."""
    of_them = select(t.signal.c.episode).where(t.signal.c.incident_id.in_(items))
    theirs = {*tx.execute(of_them).scalars()}
    for row in tx.execute(select(t.doubt)).all() if theirs else ():
        left = {
            "episodes": [one for one in row.episodes if one not in theirs],
            "confirmed": [one for one in row.confirmed if one not in theirs],
        }
        if left["episodes"] != row.episodes or left["confirmed"] != row.confirmed:
            tx.execute(update(t.doubt).where(t.doubt.c.connection == row.connection).values(**left))


_COMMENTS: Final = select(t.comment.c.id).where(t.comment.c.incident_id.in_(bindparam("items", expanding=True)))


def _twins(tx: Transaction, items: Sequence[int]) -> None:
    tx.execute(delete(t.twin).where(t.twin.c.comment_id.in_(_COMMENTS)), {"items": list(items)})


_SAID: Final = ("base", "observed", "originals", "ledger", "intent", "holds", "trail")


def _copies(tx: Transaction, items: Sequence[int]) -> None:
    """What they said. Where they are is known on, so that nobody takes one for a record that was never seen."""
    nothing: dict[str, Any] = {name: {} for name in _SAID}
    rest = {"dirty": False, "dirty_since": None, "waits": False, "attempts": 0, "next_at": None}
    gone = update(t.replica).where(t.replica.c.incident_id.in_(items)).values(**nothing, **rest)
    tx.execute(gone.values(state="gone", forgotten=True, parked=FORGOTTEN_COPY, version="", url=""))


_UNKNOWN_RANK: Final = 35
_KEPT: Final = select(t.incident).where(t.incident.c.id.in_(bindparam("items", expanding=True)))


def _items(tx: Transaction, items: Sequence[int]) -> None:
    """All that they say, but how they ended. One that is open ends."""
    for row in tx.execute(_KEPT, {"items": list(items)}).all():
        kind = ITEM_KINDS.get(RecordKind(row.kind))
        ended = row.status if kind is None or row.status in kind.over else _end_of(kind)
        left = {"fields": {"title": FORGOTTEN_TITLE, "status": ended}, "stamps": {}, "status": ended}
        rest = {"rank": _UNKNOWN_RANK, "team": "", "service": "", "revision": row.revision + 1}
        tx.execute(update(t.incident).where(t.incident.c.id == row.id).values(**left, **rest))


def _end_of(kind: ItemKind) -> str:
    ends = [str(one) for one in kind.statuses if one in kind.over]
    return "closed" if "closed" in ends else ends[-1]


_JOURNAL: Final = "its payloads go with the item's key, or are shredded"
_NO_ITEM: Final = "it holds nothing that an item says"

FORGETS: Final[Mapping[str, Forget | str]] = {
    "projected": _plugin_rows,
    "timer": _timers,
    "act_key": _answers,
    "proposal": _proposals,
    "follower_backlog": _of_item(t.follower_backlog),
    "release": _of_item(t.release),
    "output_part": _of_item(t.output_part),
    "output": _of_item(t.output),
    "blob": _blobs,
    "job": _jobs,
    "inbox": _received,
    "doubt": _doubts,
    "signal": _of_item(t.signal),
    "grouping": _of_item(t.grouping),
    "relation": _of_item(t.relation),
    "standing": _of_item(t.standing),
    "twin": _twins,
    "comment": _of_item(t.comment),
    "replica": _copies,
    "incident": _items,
    **dict.fromkeys(["journal", "journal_payload", "journal_head", "journal_forgotten", "journal_shredded"], _JOURNAL),
    **dict.fromkeys(["delivery", "cursor", "connection", "lease", "account", "left_out", "policy"], _NO_ITEM),
    **dict.fromkeys(["review", "follower", "job_item", "lately", "unheard", "legal_hold", "halt"], _NO_ITEM),
    **dict.fromkeys(["person", "identity", "role_grant", "token", "local_account", "session"], _NO_ITEM),
}
"""By table: how it lets go, or why there is nothing to let go of."""


_HELD: Final = (
    select(t.incident.c.id)
    .where(t.incident.c.id.in_(bindparam("items", expanding=True)))
    .order_by(t.incident.c.id)
    .with_for_update()
)


def forget(tx: Transaction, items: Sequence[int]) -> None:
    """Let go of what all tables hold of these items, in the order in which everybody takes locks."""
    for start in range(0, len(items), _CHUNK):
        tx.execute(_HELD, {"items": list(items[start : start + _CHUNK])})
    for found in FORGETS.values():
        if not isinstance(found, str):
            for start in range(0, len(items), _CHUNK):
                found(tx, items[start : start + _CHUNK])
