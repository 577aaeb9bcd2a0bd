"""Tokens, by which a program acts for somebody: never with more rights than they have at that moment, and never for
ever. A token is told once, when it is issued; of its secret no more than a hash is kept.

    tl_4f1c09be77d2_8a0e…      its id, by which it is found and called, and 256 bits that nobody can guess

The form is one that scanners of repositories and logs can look for. SHA-256 is enough of a hash for a secret that was
drawn and not made up: there is nothing to try.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import bindparam, insert, or_, select, update

from tieline.core.access import OWN_RULES, Bound, Role, Rules, Scope, parse_scope
from tieline.core.errors import NotProved
from tieline.core.events import TokenIssued, TokenRevoked
from tieline.core.identity import Actor, Someone, is_proved
from tieline.core.redaction import conceal_token
from tieline.core.store import persons
from tieline.core.store import tables as t
from tieline.core.store.chain import Entry
from tieline.core.store.store import Connection, Transaction

ID: Final = re.compile(r"[0-9a-f]{12}")
FORM: Final = re.compile(r"tl_([0-9a-f]{12})_([0-9a-f]{64})")
LASTS: Final = timedelta(days=90)
"""How long a token is taken where nothing else is said."""
LASTS_AT_MOST: Final = timedelta(days=366)
TOLD_EVERY: Final = timedelta(hours=1)
"""Its last use is kept no more exactly than this."""

_NOBODY: Final = "0" * 12
_NO_HASH: Final = "0" * 64

_ROW = select(t.token, t.person.c.name.label("called")).join(t.person).where(t.token.c.id == bindparam("token_id"))
_IDENTITIES = select(t.identity.c.known_as).where(t.identity.c.person == bindparam("whose")).order_by("known_as")
_ALL = (
    select(t.token, t.person.c.name.label("called"))
    .join(t.person)
    .order_by(t.token.c.revoked_at.is_not(None), t.token.c.until, t.token.c.id)
)
_NEW = insert(t.token)
_REVOKE = (
    update(t.token)
    .where(t.token.c.id == bindparam("token_id"), t.token.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("at"))
)
_USED = (
    update(t.token)
    .where(
        t.token.c.id == bindparam("token_id"),
        or_(t.token.c.used_at.is_(None), t.token.c.used_at < bindparam("before")),
    )
    .values(used_at=bindparam("at"))
)
_OF = select(t.token.c.id).where(t.token.c.person == bindparam("whose"), t.token.c.revoked_at.is_(None))


@dataclass(frozen=True, slots=True)
class Terms:
    """What a token is called, and what it reaches until when of what its owner may do."""

    name: str
    role: Role | None
    rights: tuple[str, ...]
    scope: Scope | None
    until: datetime

    def bound(self, token: str, rules: Rules) -> Bound:
        """The bound of the token with this id."""
        carried = rules.carries[self.role] if self.role is not None else frozenset[str]()
        return Bound(token, carried | frozenset(self.rights), self.scope)

    def check(self, at: datetime) -> None:
        """Raises ValueError for one that would be over at once, or last too long."""
        if self.until <= at:
            raise ValueError(f"{self.until:%Y-%m-%d %H:%M:%S} UTC is over; name a time that is to come")
        if self.until - at > LASTS_AT_MOST:
            raise ValueError(f"a token lasts at most {LASTS_AT_MOST.days} days; issue another one by then")


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept, without its secret."""

    id: str
    person: str
    owner: str
    terms: Terms
    made_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None

    @property
    def name(self) -> str:
        return self.terms.name

    def bound(self, rules: Rules) -> Bound:
        """What it reaches of what its owner may do."""
        return self.terms.bound(self.id, rules)

    def state(self, now: datetime) -> str:
        """One word for it: `stands`, `revoked`, or `over`."""
        if self.revoked_at is not None:
            return "revoked"
        return "stands" if now < self.terms.until else "over"

    def check(self, now: datetime) -> None:
        """Raises NotProved unless it stands. Told to nobody but whoever holds its secret."""
        match self.state(now):
            case "revoked":
                raise NotProved(f"the token {self.id} ({self.name}) is revoked; have another one issued.")
            case "over":
                ended = f"{self.terms.until:%Y-%m-%d %H:%M:%S} UTC"
                raise NotProved(f"the token {self.id} ({self.name}) ended at {ended}; have another one issued.")


def _token(row: Any) -> Token:
    role = Role(row.role) if row.role else None
    terms = Terms(row.name, role, tuple(row.rights), parse_scope(row.scope), row.until)
    owner = row.called or persons.FORGOTTEN
    return Token(row.id, row.person, owner, terms, row.made_at, row.used_at, row.revoked_at)


def issue(tx: Transaction, owner: Someone, terms: Terms, *, at: datetime, actor: Actor) -> tuple[str, str]:
    """Issue a token. Answers its id, and what is told once. Raises ValueError where its terms cannot be."""
    terms.check(at)
    token_id, secret = tx.draw(6).hex(), tx.draw(32).hex()
    conceal_token(secret)
    whose, scope = tx.person(owner), "" if terms.scope is None else str(terms.scope)
    role, rights = terms.role.value if terms.role is not None else "", sorted(set(terms.rights))
    happened = TokenIssued(
        token=token_id,
        person=whose,
        name=terms.name,
        role=role,
        rights=rights,
        scope=scope,
        until=terms.until.isoformat(),
    )
    row = {
        "id": token_id,
        "person": whose,
        "name": terms.name,
        "hash": _hash(secret),
        "role": role,
        "rights": rights,
        "scope": scope,
        "made_at": at,
        "until": terms.until,
        "entry": tx.journal(Entry(at, happened.KIND, None, None, actor, "", happened.facts())),
    }
    tx.execute(_NEW, row)
    return token_id, f"tl_{token_id}_{secret}"


def revoke(tx: Transaction, token: Token, *, at: datetime, actor: Actor) -> bool:
    """Have a token not be taken any more, from this transaction on. False where it was revoked before."""
    if tx.execute(_REVOKE, {"token_id": token.id, "at": at}).rowcount == 0:
        return False
    happened = TokenRevoked(token=token.id, person=token.person)
    tx.journal(Entry(at, happened.KIND, None, None, actor, "", happened.facts()))
    return True


def let_go(tx: Transaction, person: str, *, at: datetime, actor: Actor) -> None:
    """Revoke every token of somebody."""
    for token_id in list(tx.execute(_OF, {"whose": person}).scalars()):
        revoke(tx, find(tx, token_id), at=at, actor=actor)


def revoke_again(tx: Transaction, ids: Iterable[str], *, at: datetime, actor: Actor) -> list[str]:
    """Revoke those of these tokens that stand, as they do in a backup from before they were revoked. Answers which."""
    found = [_token(row) for row in tx.execute(_ALL).all()]
    wanted = {*ids}
    return [token.id for token in found if token.id in wanted and revoke(tx, token, at=at, actor=actor)]


def held(connection: Connection | Transaction) -> list[Token]:
    """Every token, those that stand first."""
    return [_token(row) for row in connection.execute(_ALL)]


def find(connection: Connection | Transaction, token_id: str) -> Token:
    """The token of this id. Raises LookupError."""
    row = connection.execute(_ROW, {"token_id": token_id}).first()
    if row is None:
        raise LookupError(f"there is no token {token_id[:40]!r}; `tieline token list` shows those that there are")
    return _token(row)


def prove(connection: Connection, words: str, now: datetime) -> tuple[Someone, Token]:
    """Who asks, by the token that they show. Raises NotProved.

    The work is the same for every wrong one: whether there is one of its id does not show in the time that it takes.
    """
    form = FORM.fullmatch(words)
    token_id, secret = form.groups() if form is not None else (_NOBODY, "")
    row = connection.execute(_ROW, {"token_id": token_id}).first()
    known = _NO_HASH if row is None else row.hash
    if not hmac.compare_digest(_hash(secret), known) or row is None:
        raise NotProved("this is no token that stands; show one as `Authorization: Bearer tl_…`.")
    conceal_token(secret)
    found = _token(row)
    found.check(now)
    identity = next(filter(is_proved, connection.execute(_IDENTITIES, {"whose": found.person}).scalars()), None)
    if identity is None:
        raise NotProved(f"whoever the token {found.id} stood for is not known any more.")
    return Someone(found.owner, identity, found.id), found


def bound_of(
    connection: Connection | Transaction, someone: Someone, now: datetime, rules: Rules = OWN_RULES
) -> Bound | None:
    """What the token by which they ask reaches, now; None where they ask themselves. Raises NotProved."""
    if not someone.token:
        return None
    try:
        found = find(connection, someone.token)
    except LookupError as error:
        raise NotProved(str(error)) from None
    found.check(now)
    return found.bound(rules)


def check(connection: Connection | Transaction, token_id: str, now: datetime) -> None:
    """Raises NotProved unless the token of this id stands."""
    try:
        find(connection, token_id).check(now)
    except LookupError as error:
        raise NotProved(str(error)) from None


def is_stale(token: Token, now: datetime) -> bool:
    """Whether that it is used now is to be kept."""
    return token.used_at is None or token.used_at < now - TOLD_EVERY


def note_use(tx: Transaction, token: Token, now: datetime) -> None:
    """Keep that it is used."""
    tx.execute(_USED, {"token_id": token.id, "before": now - TOLD_EVERY, "at": now})


def _hash(secret: str) -> str:
    return sha256(secret.encode("ascii")).hexdigest()
