"""Tokens that can be worked out again.

A copy's token follows from what opened its incident, and from the connection that the copy is made in; that of the copy
of a comment, from the comment. A store that was put back from a backup has forgotten what was made since; it opens the
same incidents from the same records and alerts, reads the same comments, comes to the same tokens, and so finds what it
made before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, select

from tieline.core.model import ConnectionName, IncidentId
from tieline.core.port import Ref, Token
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction

TOKEN_PREFIX: Final = "tl-"  # noqa: S105 - of create tokens, which are no secrets
"""How our create tokens begin, so that a record of ours is known as such even when its incident is not."""

CANDIDATES: Final = 20
"""Alerts of one incident whose tokens are looked for: any of them may have been the one that opened it."""

_NAME = select(t.journal.c.hash).order_by(t.journal.c.seq).limit(1)
_ORIGIN = select(t.incident.c.origin).where(t.incident.c.id == bindparam("incident"))
_EPISODES = (
    select(t.signal.c.connection, t.signal.c.episode)
    .where(t.signal.c.incident_id == bindparam("incident"))
    .order_by(t.signal.c.id)
    .limit(CANDIDATES)
)
_TAKEN = select(t.replica.c.token).where(t.replica.c.token.in_(bindparam("tokens", expanding=True)))
_TAKEN_BY_A_TWIN = select(t.twin.c.id).where(t.twin.c.token == bindparam("token"))


def origin_of_record(connection: ConnectionName, ref: Ref) -> str:
    """What stands for an incident that a ticket opened."""
    return f"record {connection} {ref}"


def origin_of_signal(connection: ConnectionName, episode: str) -> str:
    """What stands for an incident that an alert opened."""
    return f"signal {connection} {episode}"


def origin_of_comment(connection: ConnectionName, number: str) -> str:
    """What stands for a comment that somebody wrote in a tool; `number` is the tool's own id of it. Which incident it
    belongs to may be another one after a backup was put in the store's place: merges are seen in another order."""
    return f"comment {connection} {number}"


def origin_of_words(comment: int, written_at: datetime) -> str:
    """What stands for a comment that was written in Tieline. Its number alone may be given a second time after a backup
    was put in the store's place."""
    return f"comment {comment} {written_at.isoformat()}"


def origin_of(tx: Transaction, incident: IncidentId) -> str:
    """What opened an incident; "" for one that a person opened here."""
    return str(tx.execute(_ORIGIN, {"incident": incident}).scalar() or "")


def name_of(store: Connection | Transaction) -> str:
    """What tells this store from every other one, its copies and backups excepted: its journal's first hash. Two
    Tielines that serve the same tools never come to the same tokens. "" before anything has happened."""
    return str(store.execute(_NAME).scalar() or "")


def token(store_name: str, origin: str, connection: ConnectionName) -> Token:
    """The token of the copy that an incident or a comment of this origin gets in a connection."""
    return _token("\n".join((store_name, origin, connection)))


def free(tx: Transaction, wanted: Sequence[Token]) -> list[Token]:
    """These tokens, each replaced by the next of its series while a copy carries it: one record may open a second
    incident, after a merge for instance."""
    found = list(wanted)
    while taken := set(tx.execute(_TAKEN, {"tokens": found}).scalars()):
        found = [_token(one) if one in taken else one for one in found]
    return found


def for_comment(tx: Transaction, store_name: str, origin: str, connection: ConnectionName, ref: Ref) -> Token:
    """The token of the copy that a comment of this origin gets on a record; the next of its series while a comment
    carries it."""
    wanted = token(store_name, f"{origin} on {ref}", connection)
    while tx.execute(_TAKEN_BY_A_TWIN, {"token": wanted}).first() is not None:
        wanted = _token(wanted)
    return wanted


def candidates(connection: Connection, incident: IncidentId, here: ConnectionName) -> list[Token]:
    """The tokens under which a copy of this incident may have been made, whichever of its alerts was the first then."""
    store_name = name_of(connection)
    return [
        token(store_name, origin_of_signal(ConnectionName(row.connection), row.episode), here)
        for row in connection.execute(_EPISODES, {"incident": incident})
    ]


def _token(words: str) -> Token:
    return Token(f"{TOKEN_PREFIX}{hashlib.sha256(words.encode()).hexdigest()[:24]}")
