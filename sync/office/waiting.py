"""Since when what happened, and what is due, waits for the plugins that are to do something about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, Select, bindparam, func, or_, select

from tieline.core.offer import Offers
from tieline.core.store import tables as t
from tieline.core.store.store import Connection

_UNREAD: Final[Select[tuple[str, datetime]]] = (
    select(t.follower.c.name, t.journal.c.at)
    .join(t.journal, t.journal.c.seq == t.follower.c.seq + 1)
    .where(t.journal.c.at < bindparam("before"), t.follower.c.name.in_(bindparam("known", expanding=True)))
    .order_by(t.follower.c.name)
)
_OVERDUE: Final[Select[tuple[str, datetime, int]]] = (
    select(t.timer.c.kind, func.min(t.timer.c.due_at), func.count())
    .where(
        t.timer.c.due_at < bindparam("before"),
        or_(t.timer.c.next_at.is_(None), t.timer.c.next_at < bindparam("before")),
        t.timer.c.parked == "",
        t.timer.c.kind.in_(bindparam("known", expanding=True)),
    )
    .group_by(t.timer.c.kind)
    .order_by(t.timer.c.kind)
)


def unread(connection: Connection, offers: Offers, before: datetime) -> Sequence[Row[Any]]:
    """Each follower that has not looked at something from `before`, with when the first of that was written."""
    if not offers.followers:
        return []
    return connection.execute(_UNREAD, {"before": before, "known": [*offers.followers]}).all()


def overdue(connection: Connection, offers: Offers, before: datetime) -> Sequence[Row[Any]]:
    """Each kind of timer of which some were due `before` and have not fired: since when, and how many. Those are none
    that failed and are tried again later, or wait for a person."""
    if not offers.timers:
        return []
    return connection.execute(_OVERDUE, {"before": before, "known": [*offers.timers]}).all()
