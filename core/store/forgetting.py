"""What each table lets go of when an item is forgotten. A table that is added says so here, or a test fails.

The journal's payloads go with their key (see `core/journal.py`). What plugins derived from them goes with them, and
so does what was only kept for the item: answers, words that wait for somebody, what is to happen, what jobs came to.
The item itself and its copies stay, as the tools tell of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Text, bindparam, delete, or_, select, text, type_coerce, update

from tieline.core.store import tables as t

if TYPE_CHECKING:
    from tieline.core.store.store import Transaction

Forget = Callable[["Transaction", Sequence[int]], object]
"""Lets go of what a table holds of these items."""

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
    """What jobs were told, and tell their next step. Those that run cannot go on, and end."""
    asked = {"items": list(items)}
    tx.execute(update(t.job).where(t.job.c.id.in_(_TELL)).values(ask={}, state=None, parked=""), asked)
    ended = update(t.job).where(t.job.c.id.in_(_TELL), t.job.c.status.in_(["running", "parked"]))
    tx.execute(ended.values(status="cancelled", ended_at=t.job.c.stepped_at, worker="", leased_until=None), asked)


def _blobs(tx: Transaction, items: Sequence[int]) -> None:
    tx.execute(delete(t.blob).where(t.blob.c.job.in_(_TELL)), {"items": list(items)})


_ITEM: Final = "it stays, and so do its copies: the tools tell of it"
_JOURNAL: Final = "its payloads go with the item's key, or are shredded"
_NO_ITEM: Final = "it holds nothing that an item says"

FORGETS: Final[Mapping[str, Forget | str]] = {
    "projected": _plugin_rows,
    "timer": _timers,
    "act_key": _answers,
    "proposal": _proposals,
    "follower_backlog": _of_item(t.follower_backlog),
    "release": _of_item(t.release),
    "blob": _blobs,
    "job": _jobs,
    **dict.fromkeys(["incident", "replica", "comment", "twin", "signal", "grouping", "relation", "inbox"], _ITEM),
    **dict.fromkeys(["journal", "journal_payload", "journal_head", "journal_forgotten", "journal_shredded"], _JOURNAL),
    **dict.fromkeys(["delivery", "cursor", "connection", "lease", "account", "doubt", "left_out", "policy"], _NO_ITEM),
    **dict.fromkeys(["review", "follower", "job_item", "lately", "unheard", "halt"], _NO_ITEM),
    **dict.fromkeys(["person", "identity", "role_grant", "token", "local_account", "session"], _NO_ITEM),
}
"""By table: how it lets go, or why there is nothing to let go of."""


def forget(tx: Transaction, items: Sequence[int]) -> None:
    """Let go of what all tables hold of these items, in the order in which everybody takes locks."""
    for found in FORGETS.values():
        if not isinstance(found, str):
            for start in range(0, len(items), _CHUNK):
                found(tx, items[start : start + _CHUNK])
