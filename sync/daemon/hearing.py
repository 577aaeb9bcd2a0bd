"""What commands did beside the daemon is told to its observers: once, by whichever worker comes to it first."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from sqlalchemy import bindparam, delete, select

from tieline.core import journal
from tieline.core.hooks import Committed
from tieline.core.store import tables as t
from tieline.core.store.store import Transaction
from tieline.sync.engine import Engine

AT_ONCE: Final = 100
"""How many entries are told of in one transaction."""

_ANY: Final = select(t.unheard.c.seq).limit(1)
_NEXT: Final = (
    select(t.unheard.c.seq).order_by(t.unheard.c.seq).limit(bindparam("limit")).with_for_update(skip_locked=True)
)
_ENTRIES: Final = journal.ENTRIES.where(t.journal.c.seq.in_(bindparam("seqs", expanding=True)))
_HEARD: Final = delete(t.unheard).where(t.unheard.c.seq.in_(bindparam("seqs", expanding=True)))


def hear(engine: Engine, at_once: int = AT_ONCE) -> int:
    """Tell of what was done since the last time, oldest first. Answers how many entries that were."""
    told = 0
    with engine.store.read() as connection:
        is_any = connection.execute(_ANY).first() is not None
    while is_any:
        with engine.store.write() as tx:
            seqs = list(tx.execute(_NEXT, {"limit": at_once}).scalars())
            for row in tx.execute(_ENTRIES, {"seqs": seqs}) if seqs else ():
                tx.on_commit(partial(engine.registry.tell, _committed(tx, row)))
            tx.execute(_HEARD, {"seqs": seqs})
        told += len(seqs)
        is_any = len(seqs) == at_once
    return told


def _committed(tx: Transaction, row: Any) -> Committed:
    try:
        facts = journal.facts(tx, row) or {}
    except ValueError:
        # Somebody else wrote into the store, which is for `tieline audit verify` to say, and no reason to end here.
        facts = {}
    return Committed(row.seq, row.kind, row.incident_id, row.connection, journal.who(row), row.reason, facts)
