"""The roles that people hold: kept in the store, granted and revoked in one transaction with the entry that tells so.

On SQLite the owner of the store's file is admin without a grant: the file is theirs whatever we say. On PostgreSQL
nobody is, and the first to grant becomes it: that needs the database's password, names nobody but the account that
signed in, is journalled, and is over with the first. A line in a configuration file would be believed of any machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, delete, exists, insert, or_, select

from tieline.core import standings
from tieline.core.access import Bound, Facts, Grant, Role, Rule, Subject, Verdict, parse_scope
from tieline.core.errors import NotAllowed
from tieline.core.events import ActRefused, Event, Granted, Revoked, Withheld
from tieline.core.identity import Actor, Someone
from tieline.core.model import ABSENT, IncidentId
from tieline.core.store import persons
from tieline.core.store import tables as t
from tieline.core.store.chain import Entry
from tieline.core.store.persons import kept_identity
from tieline.core.store.store import Connection, Transaction

OWNER: Final = "the owner of the store's file"

_ADMINS = (
    select(t.person.c.id, t.person.c.name, t.role_grant.c.until)
    .join(t.role_grant, t.role_grant.c.person == t.person.c.id)
    .where(t.role_grant.c.role == Role.ADMIN.value, t.role_grant.c.scope == "")
    .order_by(t.person.c.name, t.person.c.id)
)
_STANDS = [
    exists().where(t.standing.c.person == t.identity.c.person, t.standing.c.relation == one.value).label(one.value)
    for one in standings.SAID
]
_OF = (
    select(t.role_grant, t.identity.c.person.label("whose"), *_STANDS)
    .select_from(t.identity.join(t.role_grant, t.identity.c.person == t.role_grant.c.person, isouter=True))
    .where(t.identity.c.known_as == bindparam("known_as"))
    .order_by(t.role_grant.c.role, t.role_grant.c.scope)
)
_HELD = (
    select(t.role_grant, t.person.c.name, t.identity.c.known_as)
    .join(t.person, t.person.c.id == t.role_grant.c.person)
    .join(t.identity, t.identity.c.person == t.person.c.id, isouter=True)
    .order_by(t.person.c.name, t.person.c.id, t.role_grant.c.role, t.role_grant.c.scope, t.identity.c.known_as)
)
_THIS = (
    t.role_grant.c.person == bindparam("whose"),
    t.role_grant.c.role == bindparam("which"),
    t.role_grant.c.scope == bindparam("within"),
)
_THERE = select(t.role_grant).where(*_THIS)
_GONE = delete(t.role_grant).where(*_THIS)
_NEW = insert(t.role_grant)
_WHOSE = select(t.role_grant).where(t.role_grant.c.person == bindparam("whose"))
_FIND = select(t.identity.c.person).where(
    or_(t.identity.c.known_as == bindparam("known_as"), t.identity.c.person == bindparam("known_as"))
)
_TOLD = select(t.lately.c.minute).where(t.lately.c.what == bindparam("thing"))
_OLD = delete(t.lately).where(or_(t.lately.c.minute < bindparam("before"), t.lately.c.what == bindparam("thing")))
_TELL = insert(t.lately)


@dataclass(frozen=True, slots=True)
class Held:
    """A role that somebody holds, with how they are called and by what they are known."""

    person: str
    name: str
    identities: tuple[str, ...]
    grant: Grant


def lock(tx: Transaction) -> None:
    """Have nobody else change who holds what until this transaction ends. Before the first journal entry."""
    tx.lock_names(["access"])


def facts_of(
    connection: Connection | Transaction,
    someone: Someone,
    now: datetime,
    *,
    owns_store: bool,
    bound: Bound | None = None,
) -> Facts:
    """What is known of somebody who acts. `owns_store` is whether the store's file is theirs, `bound` that of the token
    by which they ask."""
    rows = connection.execute(_OF, {"known_as": kept_identity(someone)}).mappings().all()
    admins = connection.execute(_ADMINS).all()
    is_owned = has_owner(connection)
    named = [persons.shown("", row.id, row.name) for row in admins if row.until is None or now < row.until]
    return Facts(
        now,
        grants=tuple(_grant(row) for row in rows if row["role"] is not None),
        owns_store=owns_store,
        any_admin=is_owned or any(row.until is None for row in admins),
        admins=(*([OWNER] if is_owned else []), *dict.fromkeys(named)),
        bound=bound,
        person=rows[0]["whose"] if rows else "",
        stands=frozenset(one for one in standings.SAID if rows and rows[0][one.value]),
    )


def toward(connection: Connection | Transaction, facts: Facts, subject: Subject) -> Facts:
    """The same of whoever asks about this: how they stand to it is known as well."""
    if not facts.stands:
        return facts
    if subject.is_any:
        return replace(facts, relations=facts.relations | facts.stands)
    if subject.item is None:
        return facts
    return replace(facts, relations=facts.relations | standings.to_item(connection, facts.person, subject.item))


def person_of(connection: Connection | Transaction, someone: Someone) -> str | None:
    """The id that stands for somebody; None for whom nobody knows yet."""
    found: str | None = connection.execute(_FIND, {"known_as": kept_identity(someone)}).scalar()
    return found


def id_of(connection: Connection | Transaction, actor: Actor) -> str:
    """What events and rows have in place of whoever acts: the id of somebody, "" for whom nobody knows yet, or the name
    of a part of Tieline."""
    return person_of(connection, actor) or "" if isinstance(actor, Someone) else actor


def has_owner(connection: Connection | Transaction) -> bool:
    """Whether the store is a file, whose owner is admin without a grant."""
    dialect = connection.dialect if isinstance(connection, Transaction) else connection.dialect.name
    return dialect == "sqlite"


def _grant(row: Any) -> Grant:
    found = row if isinstance(row, Mapping) else row._mapping
    return Grant(Role(found["role"]), parse_scope(found["scope"]), found["until"])


def held(connection: Connection | Transaction) -> list[Held]:
    """Every role that somebody holds, those that are over among them."""
    found: dict[tuple[str, str, str], Held] = {}
    for row in connection.execute(_HELD):
        key = (row.person, row.role, row.scope)
        before = found[key].identities if key in found else ()
        known = (*before, row.known_as) if row.known_as is not None else before
        found[key] = Held(row.person, row.name or persons.FORGOTTEN, known, _grant(row))
    return list(found.values())


def grant(tx: Transaction, whom: Someone, given: Grant, *, at: datetime, actor: Someone, verdict: Verdict) -> int:
    """Have somebody hold a role from now on, in place of the same one until another time. `verdict` is why it may be
    granted. Answers the entry's seq. Raises NotAllowed, ValueError."""
    if not whom.is_proved:
        raise ValueError(f"{whom.identity!r} is no identity that a sign-in proves; write it like os:ann@db1")
    if verdict.rule is Rule.FIRST_ADMIN and (given != Grant(Role.ADMIN) or whom.identity != actor.identity):
        raise NotAllowed(
            "nobody is admin here yet, and the first grant makes the one who grants it admin, for ever and of "
            f"everything: run `tieline access grant {actor.identity} admin`"
        )
    if given.until is not None and given.until <= at:
        raise ValueError(f"{given.until:%Y-%m-%d %H:%M:%S} UTC is over; name a time that is to come")
    person = tx.person(whom)
    key = {"whose": person, "which": given.role.value, "within": _scope(given)}
    before = tx.execute(_THERE, key).first()
    if before is not None and before.until is None and given.until is not None:
        _refuse_if_last(tx, _grant(before))
    until = None if given.until is None else given.until.isoformat()
    happened = Granted(person=person, role=given.role.value, scope=_scope(given), until=until, rule=verdict.rule.value)
    entry = _journal(tx, happened, at, actor)
    tx.execute(_GONE, key)
    row = {"person": person, "role": given.role.value, "scope": _scope(given), "until": given.until, "entry": entry}
    tx.execute(_NEW, row)
    return entry


def revoke(tx: Transaction, whom: Someone | str, given: Grant, *, at: datetime, actor: Someone) -> int:
    """Have somebody, by their identity or id, no longer hold a role. Answers the entry's seq. Raises LookupError where
    they do not hold it, ValueError for the last admin."""
    before = check_held(tx, whom, given)
    _refuse_if_last(tx, _grant(before))
    return _take(tx, before, at, actor)


def check_held(connection: Connection | Transaction, whom: Someone | str, given: Grant) -> Any:
    """The row of a role that somebody holds, by their identity or id. Raises LookupError where they do not."""
    known = kept_identity(whom) if isinstance(whom, Someone) else whom
    person = connection.execute(_FIND, {"known_as": known}).scalar()
    key = {"whose": person, "which": given.role.value, "within": _scope(given)}
    before = None if person is None else connection.execute(_THERE, key).first()
    if before is None:
        raise LookupError(f"{known} does not hold the role {given}; `tieline access list` shows who holds which")
    return before


def let_go(tx: Transaction, person: str, *, at: datetime, actor: Someone | str) -> None:
    """Take from somebody everything that they hold. Raises ValueError for the last admin."""
    for row in tx.execute(_WHOSE, {"whose": person}).all():
        _refuse_if_last(tx, _grant(row))
        _take(tx, row, at, actor)


def _take(tx: Transaction, row: Any, at: datetime, actor: Someone | str) -> int:
    entry = _journal(tx, Revoked(person=row.person, role=row.role, scope=row.scope), at, actor)
    tx.execute(_GONE, {"whose": row.person, "which": row.role, "within": row.scope})
    return entry


def _refuse_if_last(tx: Transaction, taken: Grant) -> None:
    """Somebody is always admin of everything, for ever. Raises ValueError where that would end."""
    if taken != Grant(Role.ADMIN) or has_owner(tx):
        return
    if sum(1 for row in tx.execute(_ADMINS) if row.until is None) == 1:
        raise ValueError(
            "that is the last admin, and without one nobody could grant anything; make somebody else admin first, "
            "for ever and of everything"
        )


def _scope(given: Grant) -> str:
    return "" if given.scope is None else str(given.scope)


def refused(
    tx: Transaction,
    someone: Someone,
    act: str,
    right: str,
    verdict: Verdict,
    incident: IncidentId | None,
    now: datetime,
) -> None:
    """Journal that somebody may not do what they tried to, once a minute for each act."""
    if is_news(tx, f"refused {tx.person(someone)} {act}", now):
        happened = ActRefused(act=act, right=right, rule=verdict.rule.value, by_token=someone.token or ABSENT)
        _journal(tx, happened, now, someone, incident)


def withheld(tx: Transaction, someone: Someone, act: str, item: IncidentId, sentence: str, now: datetime) -> None:
    """Journal that something of an item may not be read outside as somebody wanted, once a minute for each act."""
    if is_news(tx, f"withheld {tx.person(someone)} {act}", now):
        _journal(tx, Withheld(act=act, sentence=sentence), now, someone, item)


def is_news(tx: Transaction, thing: str, now: datetime) -> bool:
    """Whether this was not told of in this minute of the clock; from now on it was. `thing` names nobody."""
    minute = int(now.timestamp()) // 60
    known = tx.execute(_TOLD, {"thing": thing[:200]}).scalar()
    if known == minute:
        return False
    tx.execute(_OLD, {"before": minute, "thing": thing[:200]})
    tx.execute(_TELL, {"what": thing[:200], "minute": minute})
    return True


def _journal(
    tx: Transaction, event: Event, at: datetime, actor: Someone | str, incident: IncidentId | None = None
) -> int:
    return tx.journal(Entry(at, event.KIND, incident, None, actor, "", event.facts()))


def known_to(connection: Connection | Transaction, words: str) -> Iterator[tuple[str, str | None, tuple[str, ...]]]:
    """Whom the journal may mean by an id, an identity or a name: the id, the name, and by what they are known."""
    rows = connection.execute(_MEANT, {"words": words}).all()
    for person in dict.fromkeys(row.id for row in rows):
        of_them = [row for row in rows if row.id == person]
        yield person, of_them[0].name, tuple(row.known_as for row in of_them if row.known_as is not None)


_MEANT = (
    select(t.person.c.id, t.person.c.name, t.identity.c.known_as)
    .join(t.identity, t.identity.c.person == t.person.c.id, isouter=True)
    .where(
        t.person.c.name.is_not(None),
        or_(
            t.person.c.id == bindparam("words"),
            t.person.c.name == bindparam("words"),
            t.person.c.id.in_(select(t.identity.c.person).where(t.identity.c.known_as == bindparam("words"))),
        ),
    )
    .order_by(t.person.c.id, t.identity.c.known_as)
)
