"""Letting go of a person: who is meant and by what they are found, and what tells of them, place by place.

What somebody holds goes first, and by what they are known goes last: until then it is what the rest is found by, so
that nothing else has to keep it. Only whole values are taken for a person: what others wrote in a text may be about
others, and stays as it is. Of what the journal tells all but these values stays, so that what is made from it does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, NewType

import orjson
from sqlalchemy import (
    ColumnElement,
    Row,
    Table,
    Text,
    bindparam,
    cast,
    delete,
    false,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    update,
)

from tieline.core import grants, holds, journal, sealing
from tieline.core.acts import NotDone
from tieline.core.events import Approved, Facts, Proposed, Shredded
from tieline.core.identity import Actor, Someone, called, is_id
from tieline.core.store import forgetting, persons
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction

Place = NewType("Place", tuple[int, int])
"""How far it has come: in which of the places, and behind which of its rows."""

FIRST: Final = Place((0, 0))
AT_ONCE: Final = 200
"""Rows, or entries of the journal, that are looked at in a step."""

GONE_WORDS: Final = "(forgotten)"

_ADDRESS: Final = "address:"
_CASE: Final = "erasing:"
_GONE: Final = "gone:"
"""Behind it the hash of an address that is not taken in any more, whichever tool tells of it."""

_IS_ADDRESS: Final = re.compile(r"[^\s@:]+@[^\s@:]+\.[^\s@:]+")
_NAMING: Final = frozenset({"account", "addresses", "author", "by", "called", "name", "person", "who"})
"""Under these a payload has what somebody is called; anywhere else the same word may mean something else."""


@dataclass(frozen=True, slots=True)
class Whom:
    """Somebody, by all that they are found by. `words` are addresses and identities, in small letters; `names` is what
    they are called."""

    person: str
    words: frozenset[str]
    names: frozenset[str]

    def is_meant(self, value: object) -> bool:
        return isinstance(value, str) and value.casefold() in self.words

    def left(self, payload: Any, under: str = "") -> Any:
        """What is left of a payload: other words in the place of their addresses and identities, and of their name
        where a name stands."""
        if isinstance(payload, Mapping):
            return {
                self.left(name): self.left(value, name if name in _NAMING else "") for name, value in payload.items()
            }
        if isinstance(payload, list | tuple):
            return [self.left(one, under) for one in payload]
        if under == "addresses" and isinstance(payload, str) and "," in payload:
            return ",".join(self.left(one.strip()) for one in payload.split(","))
        if self.is_meant(payload):
            return GONE_WORDS
        return persons.FORGOTTEN if under and isinstance(payload, str) and payload in self.names else payload

    def without(self, value: Any, placed: int = 0) -> Any:
        """The same without them. In lists down to the depth `placed` every place means something, and stays."""
        if self.is_meant(value):
            return None
        if isinstance(value, Mapping):
            return {name: self.without(one, placed) for name, one in value.items()}
        if isinstance(value, list):
            kept = value if placed > 0 else [one for one in value if not self.is_meant(one)]
            return [self.without(one, placed - 1) for one in kept]
        return value


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


def is_address(words: str) -> bool:
    """Whether that is an e-mail address, by which somebody is meant who never acted here."""
    return bool(_IS_ADDRESS.fullmatch(words)) and not is_id(words)


def addresses_in(words: str) -> tuple[str, ...]:
    """The addresses of a list with commas. Raises NotDone for what is none."""
    found = tuple(dict.fromkeys(one.strip().casefold() for one in words.split(",") if one.strip()))
    for one in found:
        if not is_address(one):
            raise NotDone(f"{one[:60]!r} is no e-mail address; write them like ann@example.com, with a comma between")
    return found


def meant(source: Connection | Transaction, words: str) -> str | None:
    """The id of whoever is meant by an id, an identity, a name or an address; None for an address of which nothing is
    known yet. Raises NotDone for whom the journal does not know, and for a name that several have."""
    looked = f"{_ADDRESS}{words.casefold()}" if is_address(words) else persons.kept(words)
    found = list(grants.known_to(source, looked))
    if len(found) > 1:
        several = "; ".join(f"{one} ({', '.join(known) or 'of before'})" for one, _name, known in found)
        raise NotDone(f"several are called {words!r}: {several}. Name one of them by the id")
    if not found and not is_address(words):
        raise NotDone(
            f"the journal knows nobody called {words[:60]!r}; name them by an id, an identity like os:ann@db1, or an "
            "e-mail address"
        )
    return found[0][0] if found else None


_KNOWN: Final = select(t.identity.c.known_as).where(t.identity.c.person == bindparam("whose"))
_NAME: Final = select(t.person.c.name).where(t.person.c.id == bindparam("whose"))
_BY_CASE: Final = select(t.identity.c.person).where(t.identity.c.known_as == bindparam("known_as"))


def whom(source: Connection | Transaction, person: str) -> Whom:
    """Somebody, by all that they are known by."""
    known = [one for one in source.execute(_KNOWN, {"whose": person}).scalars() if not one.startswith((_CASE, _GONE))]
    name = source.execute(_NAME, {"whose": person}).scalar()
    return _whom(person, known, name)


def _whom(person: str, known: Collection[str], name: str | None) -> Whom:
    addresses = {one.removeprefix(_ADDRESS) for one in known if one.startswith(_ADDRESS)}
    names = {called(one).name for one in known if not one.startswith(_ADDRESS)} | ({name} if name else set())
    addresses |= {one.casefold() for one in names if is_address(one)}
    return Whom(person, frozenset(one.casefold() for one in {*known, *addresses}), frozenset(names))


def of_case(source: Connection | Transaction, case: str) -> str | None:
    """The id of whoever is let go of by a case; None once that is done, and where there is no such one."""
    found: str | None = source.execute(_BY_CASE, {"known_as": f"{_CASE}{case}"}).scalar()
    return found


_ACTED: Final = (
    select(t.journal.c.incident_id)
    .where(t.journal.c.actor == bindparam("whose"), t.journal.c.incident_id.is_not(None))
    .distinct()
)
_STANDS: Final = select(t.standing.c.incident_id).where(t.standing.c.person == bindparam("whose"))


def refuse(source: Connection | Transaction, named: str, addresses: Collection[str]) -> None:
    """Raises OnHold where an item is held that whoever is meant did something about, that they stand to, or that names
    them; NotDone for nobody."""
    person, found = meant(source, named), set[int]()
    if person is not None:
        found |= {*source.execute(_ACTED, {"whose": person}).scalars()}
        found |= {*source.execute(_STANDS, {"whose": person}).scalars()}
    someone = whom(source, person) if person is not None else _whom("", (), None)
    words = {*someone.words, *addresses, *([named.casefold()] if is_address(named) else [])}
    if words:
        found |= {*source.execute(select(t.incident.c.id).where(_tells(t.incident.c.fields, words))).scalars()}
    holds.refuse(source, found)


def _tells(column: Any, words: Collection[str]) -> Any:
    lower = func.lower(cast(column, Text))
    return or_(false(), *(lower.contains(orjson.dumps(one).decode()[1:-1], autoescape=True) for one in sorted(words)))


_THERE: Final = select(t.identity.c.known_as).where(t.identity.c.known_as.in_(bindparam("marks", expanding=True)))


def forgotten(source: Connection | Transaction, addresses: Collection[str]) -> frozenset[str]:
    """Which of these addresses are not taken in any more."""
    marks = {_mark(one): one for one in addresses}
    if not marks:
        return frozenset()
    return frozenset(marks[one] for one in source.execute(_THERE, {"marks": sorted(marks)}).scalars())


_ANY_GONE: Final = select(t.identity.c.known_as).where(t.identity.c.known_as.between(_GONE, f"{_GONE}~")).limit(1)


def keeps_somebody_out(source: Connection | Transaction) -> bool:
    """Whether any address is not taken in any more."""
    return source.execute(_ANY_GONE).first() is not None


def without_forgotten(source: Connection | Transaction, value: Any) -> Any:
    """What a tool tells, with other words in the place of each address that is not taken in any more."""
    found = forgotten(source, {*_addresses_of(value)})
    return Whom("", frozenset(one.casefold() for one in found), frozenset()).left(value) if found else value


def _addresses_of(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _addresses_of(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _addresses_of(one)
    elif isinstance(value, str) and "@" in value and is_address(value):
        yield value


def _mark(address: str) -> str:
    return f"{_GONE}{sha256(f'tieline {address.casefold()}'.encode('utf-8', 'replace')).hexdigest()}"


# -- what goes first ---------------------------------------------------------------------------------------------------


def begin(tx: Transaction, words: str, addresses: Collection[str], case: str, *, at: datetime, actor: Actor) -> str:
    """Take from somebody all that they hold, and keep by what they are found until the rest is gone. Answers the id.
    Whoever calls it has locked grants and holds. Raises NotDone, OnHold, and ValueError for the last admin."""
    refuse(tx, words, addresses)
    person = meant(tx, words)
    if person is None:
        person = tx.person(Someone(words.casefold(), f"{_ADDRESS}{words.casefold()}"))
    journal.take_from(tx, person, at=at, actor=actor)
    known = {*tx.execute(_KNOWN, {"whose": person}).scalars()}
    under_way = sorted(one.removeprefix(_CASE) for one in known if one.startswith(_CASE))
    if under_way:  # the first that is done takes away by what the others would be found
        raise NotDone(f"they are being forgotten already, by {under_way[0]}")
    for one in (f"{_CASE}{case}", *(f"{_ADDRESS}{address}" for address in addresses)):
        if one in known:
            continue
        if tx.execute(_BY_CASE, {"known_as": one}).scalar() is not None:
            raise NotDone(f"{one.partition(':')[2]} is of somebody else who is let go of; wait until that is done")
        tx.execute(insert(t.identity), {"known_as": one, "person": person})
    _keep_out(tx, person, {_mark(one) for one in whom(tx, person).words if is_address(one)})
    return person


def _keep_out(tx: Transaction, person: str, marks: Collection[str]) -> None:
    there = {*tx.execute(_THERE, {"marks": sorted(marks)}).scalars()}
    for one in sorted({*marks} - there):
        tx.execute(insert(t.identity), {"known_as": one, "person": person})


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
    where, after = place
    if where < _BLOBS:
        return _in_rows(source, someone, where, after, texts=how.texts)
    if where == _BLOBS:
        return _in_blobs(source, someone, after)
    if where == _PROPOSALS:
        return _in_proposals(source, someone)
    if where == _ANSWERS:
        return _in_answers(source, someone)
    if where == _JOURNAL:
        return _in_journal(source, someone, after, how)
    if where == _PLUGINS:
        return _in_plugins(source, someone, after)
    if where == _END:
        return Traces(None, looked=AT_ONCE, effects=(lambda tx: _end(tx, someone, after, how),))
    raise ValueError(f"there is no place {where}")


def _next(where: int, after: int | None) -> Place:
    return Place((where + 1, 0) if after is None else (where, after))


def _in_rows(source: Connection | Transaction, someone: Whom, where: int, after: int, *, texts: bool) -> Traces:
    table, columns = _WALKED[where]
    query = select(table).where(table.c.id > after).order_by(table.c.id).limit(AT_ONCE)
    rows = source.execute(query).all()
    found = {row.id: row for row in rows if _changed(table, columns, someone, row, texts=texts)}
    items = {int(row.id if table is t.incident else getattr(row, "incident_id", None) or 0) for row in found.values()}

    def write(tx: Transaction) -> None:
        for number in sorted(found):
            row = tx.execute(select(table).where(table.c.id == number).with_for_update()).first()
            changed = {} if row is None else _changed(table, columns, someone, row, texts=texts)
            if row is not None and changed:
                more = {"revision": row.revision + 1} if table is t.incident else {}
                tx.execute(update(table).where(table.c.id == number).values(**changed, **more))

    return Traces(
        _next(where, rows[-1].id if len(rows) == AT_ONCE else None),
        values=len(found),
        items=tuple(sorted(items - {0})),
        looked=len(rows),
        effects=(write,) if found else (),
    )


def _changed(table: Table, columns: Mapping[str, int], someone: Whom, row: Row[Any], *, texts: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, placed in columns.items():
        value = getattr(row, name)
        without = someone.without(value, placed)
        if without != value:
            found[name] = without
    if table is t.comment and (row.author in someone.names or someone.is_meant(row.author)):
        found["author"] = persons.FORGOTTEN
        if texts:
            found["body"] = GONE_WORDS
    return found


def _in_blobs(source: Connection | Transaction, someone: Whom, after: int) -> Traces:
    """What jobs came to: one at a time, for one may be large. It goes where it names somebody."""
    query = select(t.blob.c.job, t.blob.c.body).where(
        t.blob.c.job > after, t.blob.c.retention != forgetting.CERTIFICATES
    )
    row = source.execute(query.order_by(t.blob.c.job).limit(1)).first()
    if row is None:
        return Traces(_next(_BLOBS, None))
    body = bytes(row.body).decode("utf-8", "replace").casefold()
    tells = any(one in body for one in someone.words)
    gone = delete(t.blob).where(t.blob.c.job == row.job)
    effects = (lambda tx: tx.execute(gone),) if tells else ()
    return Traces(_next(_BLOBS, row.job), values=int(tells), looked=AT_ONCE // 4, effects=effects)


def _names(source: Connection | Transaction, someone: Whom, row: Row[Any]) -> bool:
    words = sealing.told(source, row.ask, row.entry, "proposal", row.incident_id)
    return bool(someone.left(words) != words)


_OPEN: Final = select(t.proposal).where(t.proposal.c.state == "open").order_by(t.proposal.c.id)


def _in_proposals(source: Connection | Transaction, someone: Whom) -> Traces:
    """What waits for an approval and names them: its words go, and its time is over. It ends as a no."""
    gone = [row.id for row in source.execute(_OPEN) if _names(source, someone, row)]
    ended = update(t.proposal).where(t.proposal.c.id.in_(gone))
    over = ended.values(ask={}, until=t.proposal.c.asked_at)
    return Traces(_next(_PROPOSALS, None), values=len(gone), effects=(lambda tx: tx.execute(over),) if gone else ())


def _in_answers(source: Connection | Transaction, someone: Whom) -> Traces:
    """What was answered under keys, and sentences that say what is missing."""
    told = _tells(t.act_key.c.answer, {*someone.words, *(one.casefold() for one in someone.names if len(one) > 2)})
    count = len(source.execute(select(t.act_key.c.id).where(told)).all())
    gone = update(t.act_key).where(told)
    nothing = {"facts": {}, "sentence": forgetting.FORGOTTEN_ANSWER}

    def write(tx: Transaction) -> None:
        tx.execute(gone.values(digest="", answer=nothing))
        for column in (t.replica.c.parked, t.twin.c.parked, t.inbox.c.parked, t.job.c.parked, t.connection.c.reason):
            words = {column.name: GONE_WORDS}
            tx.execute(update(column.table).where(_tells(column, someone.words)).values(**words))

    return Traces(_next(_ANSWERS, None), values=count, effects=(write,))


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


def _in_plugins(source: Connection | Transaction, someone: Whom, last: int) -> Traces:
    """What plugins derived from the journal: an address or identity is replaced wherever it stands."""
    columns = source.execute(_PLUGIN_TEXTS[_dialect(source)]).all()
    words = re.compile("|".join(map(re.escape, sorted(someone.words, key=len, reverse=True))), re.IGNORECASE)

    def write(tx: Transaction) -> None:
        for table, name in columns:
            column: ColumnElement[str] = literal_column(f'"{name}"')
            if name == "subject" or not someone.words:
                continue
            told = select(column.label("was")).select_from(text(f'"{table}"')).where(_tells(column, someone.words))
            for was in tx.execute(told.distinct()).scalars().all():
                changed = text(f'UPDATE "{table}" SET "{name}" = :now WHERE "{name}" = :was')  # noqa: S608 - names of the database's own
                tx.execute(changed, {"was": was, "now": words.sub(GONE_WORDS, was)})

    return Traces(Place((_END, last)), looked=AT_ONCE, effects=(write,))


def _dialect(source: Connection | Transaction) -> str:
    return source.dialect if isinstance(source, Transaction) else source.dialect.name


_ENTRIES: Final = (
    select(t.journal.c.actor, *journal.TOLD)
    .join(t.journal_payload, t.journal_payload.c.seq == t.journal.c.seq)
    .where(t.journal.c.seq > bindparam("after"), t.journal.c.kind != Shredded.KIND)
    .order_by(t.journal.c.seq)
    .limit(AT_ONCE)
)


def _in_journal(source: Connection | Transaction, someone: Whom, after: int, how: Erasing) -> Traces:
    """What is left of the payloads that name somebody, of the next entries."""
    rows = source.execute(_ENTRIES, {"after": after}).all()
    last = rows[-1].seq if rows else after
    left = _left(source, someone, rows)
    return Traces(
        Place((_JOURNAL if len(rows) == AT_ONCE else _PLUGINS, last)),
        len(left),
        items=tuple(sorted({int(row.incident_id) for row in rows if row.seq in left and row.incident_id is not None})),
        looked=len(rows),
        effects=(lambda tx: _replace(tx, left, how),) if left else (),
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
        if left != told:
            found[row.seq] = left
    return found


def _replace(tx: Transaction, left: Mapping[int, Facts], how: Erasing) -> None:
    if left:
        proposed = [str(facts["proposal"]) for facts in left.values() if "proposal" in facts and facts.get("sha") == ""]
        tx.execute(update(t.proposal).where(t.proposal.c.id.in_(proposed)).values(sha=""))
        journal.replace_in(tx, left, at=how.at, actor=how.actor, why=how.why)


def _end(tx: Transaction, someone: Whom, after: int, how: Erasing) -> None:
    """What was journalled since it was looked at goes as well, and then all that they are known by: what is journalled
    from there on knows nobody any more."""
    tx.flush()
    while rows := tx.execute(_ENTRIES, {"after": after}).all():
        left = _left(tx, someone, rows)
        holds.refuse(tx, {row.incident_id for row in rows if row.seq in left and row.incident_id is not None})
        _replace(tx, left, how)
        after = rows[-1].seq
    marks = [one for one in tx.execute(_KNOWN, {"whose": someone.person}).scalars() if one.startswith(_GONE)]
    journal.forget_in(tx, someone.person, at=how.at, actor=how.actor)
    _keep_out(tx, someone.person, marks)
