"""Local accounts: by what somebody signs in with a browser who has a name and a password here.

Nobody but its owner ever knows a password: whoever adds an account is told a code, once, and hands it over; with that
the owner chooses one. An account belongs to a person by their identity, and is called as that is: `account:ann` signs
in as `ann`, and `os:ann@db1` as `ann@db1`.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, select, update

from tieline.core import passwords, sessions
from tieline.core.errors import NotProved
from tieline.core.events import AccountAdded, AccountRemoved, CodeIssued, Event, PasswordChosen, PasswordClosed
from tieline.core.identity import Actor, Someone, is_proved
from tieline.core.redaction import conceal_token
from tieline.core.store import tables as t
from tieline.core.store.chain import Entry
from tieline.core.store.store import Connection, Transaction

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,59}")
CODE_LASTS: Final = timedelta(days=3)
"""How long a code is taken by which a password is chosen."""
DEVICE_LASTS: Final = timedelta(days=180)
"""How long a browser is known in which somebody signed in."""
MARK: Final = 16
"""Letters of what stands for an account in a note."""
KINDS: Final = ("account:", "os:")

_DAY: Final = re.compile(r"[0-9]{1,7}")
_NO_HASH: Final = "0" * 64
_WRONG: Final = "the name and the password do not belong together."
_WRONG_CODE: Final = "the name and the code do not belong together, or the code is over."

_ROW = (
    select(t.local_account, t.person.c.name.label("called"))
    .join(t.person, t.person.c.id == t.local_account.c.person)
    .where(t.local_account.c.name == bindparam("account_name"))
)
_IDENTITIES = select(t.identity.c.known_as).where(t.identity.c.person == bindparam("whose")).order_by("known_as")
_NEW = insert(t.local_account)
_CODE = (
    update(t.local_account)
    .where(t.local_account.c.name == bindparam("account_name"))
    .values(hash="", code=bindparam("new_code"), code_until=bindparam("new_until"))
)
_CHOSEN = (
    update(t.local_account)
    .where(t.local_account.c.name == bindparam("account_name"), t.local_account.c.code == bindparam("by_code"))
    .values(hash=bindparam("new_hash"), code="", code_until=None)
)
_CLOSED = (
    update(t.local_account)
    .where(t.local_account.c.name == bindparam("account_name"))
    .values(hash="", code="", code_until=None)
)
_GONE = delete(t.local_account).where(t.local_account.c.name == bindparam("account_name"))
_EVERY = select(t.local_account).order_by(t.local_account.c.name)
_OF = select(t.local_account.c.name).where(t.local_account.c.person == bindparam("whose"))


@dataclass(frozen=True, slots=True)
class Proved:
    """Whoever signed in by an account, and what it is called."""

    someone: Someone
    account: str


def account_name(words: str) -> str:
    """Which account is meant by what somebody typed. Whatever counts tries by name counts by this: other spellings of
    one name are one name."""
    return words.replace("\0", "").strip().lower()[:60]


def name_of(identity: str) -> str:
    """What the account of somebody is called. Raises ValueError for who can have none."""
    name = next((identity.removeprefix(kind) for kind in KINDS if identity.startswith(kind)), "").lower()
    if not NAME.fullmatch(name):
        raise ValueError(
            f"{identity[:60]!r} can have no account: write account:ann, or os:ann@db1 for an account of a machine; a "
            "name is of small letters, digits and . _ - @, 60 at most"
        )
    return name


def add(tx: Transaction, owner: Someone, *, at: datetime, actor: Actor) -> tuple[str, str]:
    """Give somebody an account. Answers what it is called, and the code by which they choose a password. Raises
    ValueError where there is one."""
    name = name_of(owner.identity)
    if _row(tx, name) is not None:
        raise ValueError(f"there is an account {name!r} already; `tieline account password` has a new one chosen")
    person, code = tx.person(owner), _draw(tx)
    entry = _journal(tx, AccountAdded(person=person), at, actor)
    kept = {"name": name, "person": person, "hash": "", "code": _mark(code), "code_until": at + CODE_LASTS}
    tx.execute(_NEW, {**kept, "made_at": at, "entry": entry})
    return name, code


def renew(tx: Transaction, identity: str, *, at: datetime, actor: Actor) -> tuple[str, str]:
    """Have somebody choose a password anew: the one before is taken no more, and who signed in by it is signed out.
    Answers what the account is called, and the code. Raises LookupError."""
    name = name_of(identity)
    row, code = _there(tx, name), _draw(tx)
    tx.execute(_CODE, {"account_name": name, "new_code": _mark(code), "new_until": at + CODE_LASTS})
    sessions.end_all_of(tx, name)
    _journal(tx, CodeIssued(person=row.person), at, actor)
    return name, code


def remove(tx: Transaction, identity: str, *, at: datetime, actor: Actor) -> str:
    """Take somebody's account away, and sign them out of it. Answers what it was called. Raises LookupError."""
    name = name_of(identity)
    row = _there(tx, name)
    sessions.end_all_of(tx, name)
    tx.execute(_GONE, {"account_name": name})
    _journal(tx, AccountRemoved(person=row.person), at, actor)
    return name


def let_go(tx: Transaction, person: str) -> None:
    """Take the accounts of a person away who is forgotten."""
    for name in list(tx.execute(_OF, {"whose": person}).scalars()):
        sessions.end_all_of(tx, name)
        tx.execute(_GONE, {"account_name": name})


def marks(connection: Connection | Transaction) -> dict[str, str]:
    """By what stands for an account, what stands for all that proves its owner now. Neither tells anything of it."""
    found = connection.execute(_EVERY).all()
    return {_mark(one.name)[:MARK]: _mark(f"{one.person} {one.hash} {one.code}")[:MARK] for one in found}


def close_again(
    tx: Transaction, noted: Mapping[str, str], *, at: datetime, actor: Actor
) -> tuple[list[str], list[str]]:
    """Of a store that was put back from a backup: take away whatever account was gone when `noted`, and close those
    whose password or code was another one by then. Answers the names of both."""
    now, removed, closed = marks(tx), list[str](), list[str]()
    for row in list(tx.execute(_EVERY)):
        mark = _mark(row.name)[:MARK]
        if mark not in noted:
            tx.execute(_GONE, {"account_name": row.name})
            _journal(tx, AccountRemoved(person=row.person), at, actor)
            removed.append(row.name)
        elif noted[mark] != now[mark]:
            tx.execute(_CLOSED, {"account_name": row.name})
            _journal(tx, PasswordClosed(person=row.person), at, actor)
            closed.append(row.name)
    return removed, closed


def prove(connection: Connection, name: str, password: str) -> Proved:
    """Who signs in. Raises NotProved, for every reason in the same words and after the same work."""
    row = _row(connection, name)
    if not passwords.fits("" if row is None else row.hash, password) or row is None:
        raise NotProved(_WRONG)
    return _proved(connection, row)


def device(account: str, kept: str, drawn: str, at: datetime) -> str:
    """What a browser shows from now on by which the owner of an account signed in: `drawn`, the day, and a mark that
    only who has the store can make. It goes with the password: `kept` is its hash."""
    return _device(account, kept, drawn, str(at.toordinal()))


def _device(account: str, kept: str, drawn: str, day: str) -> str:
    mark = hmac.new(kept.encode(), f"a device of {account} {drawn} {day}".encode(), sha256).hexdigest()
    return f"{drawn}.{day}.{mark}"


def new_device(connection: Connection, account: str, drawn: str, at: datetime) -> str:
    """The same for the password that stands; "" where none does."""
    row = _row(connection, account)
    return "" if row is None or not row.hash else device(row.name, row.hash, drawn, at)


def knows_device(connection: Connection, name: str, shown: str, now: datetime) -> bool:
    """Whether the owner of that account signed in by this browser before, and not too long ago."""
    drawn, _, rest = shown.partition(".")
    day = rest.partition(".")[0]
    if not _DAY.fullmatch(day) or abs(now.toordinal() - int(day)) > DEVICE_LASTS.days:
        return False
    row = _row(connection, name)
    if row is None or not row.hash:
        return False
    known = _device(row.name, row.hash, drawn, day)
    return hmac.compare_digest(known.encode("utf-8", "replace"), shown.encode("utf-8", "replace"))


def owner_of_code(connection: Connection, name: str, code: str, now: datetime) -> Proved:
    """Who may choose a password by a code. Raises NotProved."""
    row = _row(connection, name)
    known = _NO_HASH if row is None or not row.code else row.code
    is_right = hmac.compare_digest(_mark(code), known)
    if not is_right or row is None or row.code_until is None or row.code_until <= now:
        raise NotProved(_WRONG_CODE)
    return _proved(connection, row)


def choose(tx: Transaction, owner: Proved, code: str, kept: str, *, at: datetime) -> None:
    """Keep the hash of the password that somebody chose, once for a code. Raises NotProved."""
    row = _row(tx, owner.account)
    if row is None or row.code_until is None or row.code_until <= at:
        raise NotProved(_WRONG_CODE)
    told = {"account_name": owner.account, "by_code": _mark(code), "new_hash": kept}
    if tx.execute(_CHOSEN, told).rowcount == 0:
        raise NotProved(_WRONG_CODE)
    _journal(tx, PasswordChosen(person=row.person), at, owner.someone)


def _proved(connection: Connection, row: Any) -> Proved:
    identity = next(filter(is_proved, connection.execute(_IDENTITIES, {"whose": row.person}).scalars()), None)
    if identity is None or row.called is None:
        raise NotProved(_WRONG)
    return Proved(Someone(row.called, identity), row.name)


def _row(connection: Connection | Transaction, name: str) -> Any | None:
    return connection.execute(_ROW, {"account_name": account_name(name)}).first()


def _there(tx: Transaction, name: str) -> Any:
    row = _row(tx, name)
    if row is None:
        raise LookupError(f"there is no account {name!r}; `tieline account add` makes one")
    return row


def _draw(tx: Transaction) -> str:
    code = f"tc_{tx.draw(16).hex()}"
    conceal_token(code)
    return code


def _mark(code: str) -> str:
    return sha256(code.strip().encode("utf-8", "replace")).hexdigest()


def _journal(tx: Transaction, event: Event, at: datetime, actor: Actor) -> int:
    return tx.journal(Entry(at, event.KIND, None, None, actor, "", event.facts()))
