"""Sessions of whoever signed in with a browser: opaque, and found by the hash of what the browser shows.

A session ends when nothing was done with it for a while, after a fixed time in any case, and at once when what it
stands on is gone: the token or the account by which somebody signed in, or the person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import ColumnElement, and_, bindparam, delete, insert, or_, select, update

from tieline.core import tokens
from tieline.core.errors import NotProved
from tieline.core.events import SignedIn
from tieline.core.identity import Someone, is_proved
from tieline.core.store import tables as t
from tieline.core.store.chain import Entry
from tieline.core.store.store import Connection, Transaction

IDLE: Final = timedelta(hours=8)
"""After this long without a page a session is over."""
LASTS: Final = timedelta(days=7)
"""After this long it is over in any case."""
TOLD_EVERY: Final = timedelta(minutes=1)
"""Its last use is kept no more exactly than this."""

_ROW = (
    select(t.session, t.person.c.name.label("called"), t.local_account.c.name.label("known_account"))
    .join(t.person, t.person.c.id == t.session.c.person)
    .join(t.local_account, t.local_account.c.name == t.session.c.account, isouter=True)
    .where(t.session.c.id == bindparam("session_id"))
)
_IDENTITIES = select(t.identity.c.known_as).where(t.identity.c.person == bindparam("whose")).order_by("known_as")
_NEW = insert(t.session)
_USED = (
    update(t.session)
    .where(t.session.c.id == bindparam("session_id"), t.session.c.used_at < bindparam("before"))
    .values(used_at=bindparam("at"))
)
_END = delete(t.session).where(t.session.c.id == bindparam("session_id"))
_OVER = delete(t.session).where(
    or_(t.session.c.until <= bindparam("now"), t.session.c.used_at <= bindparam("idle_since"))
)
_OF_PERSON = delete(t.session).where(t.session.c.person == bindparam("whose"))
_EVERY = delete(t.session)
_OF_ACCOUNT = delete(t.session).where(t.session.c.account == bindparam("account_name"))


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in. `id` is the hash of what their browser shows."""

    id: str
    someone: Someone
    account: str
    used_at: datetime
    made_at: datetime


def begin(tx: Transaction, someone: Someone, *, account: str, at: datetime, shown_before: str = "") -> str:
    """Have somebody be signed in, by their token or by a local account. Answers what their browser is to show; whoever
    was signed in by what it showed before is so no more."""
    tx.execute(_OVER, {"now": at, "idle_since": at - IDLE})
    if shown_before:
        tx.execute(_END, {"session_id": mark(shown_before)})
    shown = tx.draw(32).hex()
    happened = SignedIn(token=someone.token)
    tx.journal(Entry(at, happened.KIND, None, None, someone, "", happened.facts()))
    row = {
        "id": mark(shown),
        "person": tx.person(someone),
        "token": someone.token,
        "account": account,
        "made_at": at,
        "used_at": at,
        "until": at + LASTS,
    }
    tx.execute(_NEW, row)
    return shown


def prove(connection: Connection, shown: str, now: datetime) -> Session:
    """Who is signed in, by what their browser shows. Raises NotProved."""
    row = connection.execute(_ROW, {"session_id": mark(shown)}).first()
    if row is None or row.until <= now or row.used_at <= now - IDLE:
        raise NotProved("you are signed out; sign in again.")
    if row.account and row.known_account is None:
        raise NotProved("the account by which you signed in is there no more.")
    identity = next(filter(is_proved, connection.execute(_IDENTITIES, {"whose": row.person}).scalars()), None)
    if identity is None or row.called is None:
        raise NotProved("whoever signed in here is not known any more.")
    if row.token:
        tokens.check(connection, row.token, now)
    return Session(row.id, Someone(row.called, identity, row.token), row.account, row.used_at, row.made_at)


def stands(now: datetime) -> ColumnElement[bool]:
    """Of which rows somebody is signed in."""
    return and_(t.session.c.until > now, t.session.c.used_at > now - IDLE)


def is_stale(session: Session, now: datetime) -> bool:
    """Whether that it is used now is to be kept."""
    return session.used_at < now - TOLD_EVERY


def note_use(tx: Transaction, session: Session, now: datetime) -> None:
    """Keep that it is used."""
    tx.execute(_USED, {"session_id": session.id, "before": now - TOLD_EVERY, "at": now})


def end(tx: Transaction, session: Session) -> None:
    """Have somebody be signed out."""
    tx.execute(_END, {"session_id": session.id})


def let_go(tx: Transaction, person: str) -> None:
    """End every session of somebody."""
    tx.execute(_OF_PERSON, {"whose": person})


def end_all_of(tx: Transaction, account: str) -> None:
    """End every session that began by an account."""
    tx.execute(_OF_ACCOUNT, {"account_name": account})


def end_all(tx: Transaction) -> int:
    """End every session. Answers how many there were."""
    return tx.execute(_EVERY).rowcount


def mark(shown: str) -> str:
    """What a session is found by. SHA-256 is enough of a hash for a secret that was drawn and not made up."""
    return sha256(shown.encode("utf-8", "replace")).hexdigest()
