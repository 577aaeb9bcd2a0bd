"""Letting go of a person: who is meant and by what they are found, and what tells of them, place by place.

What somebody holds goes first, and by what they are known goes last: until then it is what the rest is found by, so
that nothing else has to keep it. Only whole values are taken for a person: what others wrote in a text may be about
others, and stays as it is. Of what the journal tells all but these values stays, so that what is made from it does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import (
    ColumnElement,
    Row,
    Table,
    Text,
    and_,
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
    true,
    update,
)

from tieline.core import grants, holds, journal, sealing
from tieline.core.acts import NotDone
from tieline.core.events import CAUSE, Approved, Commented, Facts, GlassBroken, Opened, Proposed, Shredded
from tieline.core.identity import Actor, Someone, called, is_id
from tieline.core.store import forgetting, persons
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction, keys_of
from tieline.core.store.tombstones import Tombstone, sealed_person


class Place(NamedTuple):
    """How far it has come: in which of the places, and behind which of its rows; up to which entry the journal was
    looked at; how often all was walked before, and whether this time anything was found."""

    where: int = 0
    after: int = 0
    seq: int = 0
    walked: int = 0
    found: int = 0


FIRST: Final = Place()
MOST_WALKS: Final = 5
"""What is written while it is walked has all be walked again, so often at most."""

AT_ONCE: Final = 200
"""Rows, or entries of the journal, that are looked at in a step."""

GONE_WORDS: Final = "(forgotten)"

_ADDRESSES: Final = "addresses"
_ADDRESS: Final = "address:"
_CASE: Final = "erasing:"
_MARKED: Final = "marked:"
_NOBODY: Final = "nobody:"
_DONE: Final = "erased:"
"""Behind it a case by which somebody was forgotten, in this store as it is."""

_GONE: Final = "gone:"
"""Behind it the hash of an address that is not taken in any more, whichever tool tells of it. They are nobody's: by its
address nobody finds what somebody did who was forgotten. With nothing behind it, it says that there are any."""

_IS_ADDRESS: Final = re.compile(r"[^\s@:]+@[^\s@:]+\.[^\s@:]+")
_LIKE_ADDRESS: Final = re.compile(r"[\w.+%&#$!*~^`|-]+@[\w-]+(?:\.[\w-]+)+")
_NAMING: Final = frozenset({"account", "author", "by", "person", "who"})
"""Under these a payload has what somebody is called; anywhere else the same word may mean something else."""

_BEFORE: Final = r"(?:(?<![\w.+%&#$!*~^`|@-])(?<!\w')|(?<=\\[nrt])|(?<=\\u00[23][0-9a-f]))"
_BEHIND: Final = r"(?![\w@-]|\.\w)"
"""Between these an address or an identity is whole: a text may name somebody else whose own ends or begins with it. A
letter before it may be the end of what JSON writes for a line's end."""


@dataclass(frozen=True, slots=True)
class Whom:
    """Somebody, by all that they are found by. `words` are addresses and identities, in small letters; `names` is what
    they are called, as far as nobody else is; `marks` are hashes of addresses that nobody knows any more."""

    person: str
    words: frozenset[str]
    names: frozenset[str]
    marks: frozenset[str] = frozenset()

    @property
    def is_known(self) -> bool:
        """Whether they are found in a text by anything."""
        return bool(self.words or self.marks)

    def is_meant(self, value: object) -> bool:
        if not isinstance(value, str):
            return False
        return value.casefold() in self.words or bool(
            self.marks and "@" in value and is_address(value) and mark(value) in self.marks
        )

    def left(self, payload: Any, under: str = "") -> Any:
        """What is left of a payload: other words in the place of their addresses and identities, and of their name
        where a name stands."""
        if isinstance(payload, Mapping):
            return {
                self.left(name): self.left(value, name if name in _NAMING or name == _ADDRESSES else "")
                for name, value in payload.items()
            }
        if isinstance(payload, list | tuple):
            return [self.left(one, under) for one in payload]
        if under == _ADDRESSES and isinstance(payload, str) and "," in payload:
            return ",".join(self.left(one.strip()) for one in payload.split(","))
        if self.is_meant(payload):
            return GONE_WORDS
        return persons.FORGOTTEN if under and isinstance(payload, str) and payload in self.names else payload

    def is_in(self, text: str, *, by_name: bool = False) -> bool:
        """Whether a text has one of their addresses or identities, or of their names, whole."""
        found = _pattern(self.words | {one.casefold() for one in self.names if by_name})
        is_found = found is not None and found.search(text.casefold()) is not None
        return is_found or next(self._marked(text), None) is not None

    def out_of(self, text: str) -> str:
        """A text with other words in the place of each of their addresses and identities."""
        for start, end in reversed([*self._marked(text)]):
            text = text[:start] + GONE_WORDS + text[end:]
        found = _pattern(self.words)
        if found is None:
            return text
        folded = [(letter, place) for place, one in enumerate(text) for letter in one.casefold()]
        kept, at = "", 0
        for match in found.finditer("".join(letter for letter, _place in folded)):
            kept += text[at : folded[match.start()][1]] + GONE_WORDS
            at = folded[match.end() - 1][1] + 1
        return kept + text[at:]

    def _marked(self, text: str) -> Iterator[tuple[int, int]]:
        """Where addresses stand that have one of the marks."""
        for found in _LIKE_ADDRESS.finditer(text) if self.marks else ():
            start, end = found.span()
            escaped = [start + 1, start + 5] if text[:start].endswith("\\") else []
            whole = next((one for one in (start, *escaped) if mark(text[one:end]) in self.marks), None)
            if whole is not None:
                yield whole, end

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


@lru_cache(maxsize=16)
def _pattern(words: frozenset[str]) -> re.Pattern[str] | None:
    """What finds each of these words in a text in small letters, whole, also as JSON in ASCII has it; None for none."""
    written = {*words, *(json.dumps(one)[1:-1] for one in words), *(json.dumps(one.upper())[1:-1] for one in words)}
    known = sorted({one.casefold() for one in written if one}, key=lambda one: (-len(one), one))
    return re.compile(f"{_BEFORE}(?:{'|'.join(map(re.escape, known))}){_BEHIND}") if known else None


@dataclass(frozen=True, slots=True)
class Again:
    """Somebody who is to be forgotten again: by which case, what was asked for then, and the sentence of a hold that
    keeps it from being done, "" for none."""

    reference: str
    told: Mapping[str, Any]
    held: str


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
    if is_address(words):
        ids = {f"{_ADDRESS}{words.casefold()}", *_called_by(source, words.casefold())}
        found = list({one[0]: one for looked in sorted(ids) for one in grants.known_to(source, looked)}.values())
    else:
        found = list(grants.known_to(source, persons.kept(words)))
    if len(found) > 1:
        several = "; ".join(f"{one} ({', '.join(known) or 'of before'})" for one, _name, known in found)
        raise NotDone(f"several are called {words!r}: {several}. Name one of them by the id")
    if not found and not is_address(words):
        raise NotDone(
            f"the journal knows nobody called {words[:60]!r}; name them by an id, an identity like os:ann@db1, or an "
            "e-mail address"
        )
    return found[0][0] if found else None


_ADDRESSED: Final = select(t.person.c.id, t.person.c.name).where(t.person.c.name.contains("@"))
_TOLD_OF: Final = select(t.identity.c.person, t.identity.c.known_as).where(
    t.identity.c.known_as.startswith("told:"), t.identity.c.known_as.contains("@")
)


def _called_by(source: Connection | Transaction, address: str) -> set[str]:
    """The ids of those who are called by an address, in small letters, here or by a tool. No database's idea of small
    letters is asked: SQLite knows those of ASCII."""
    found = {row.id for row in source.execute(_ADDRESSED) if row.name.casefold() == address}
    told = {row.person for row in source.execute(_TOLD_OF) if row.known_as.split(":", 2)[-1].casefold() == address}
    return found | told


_KNOWN: Final = select(t.identity.c.known_as).where(t.identity.c.person == bindparam("whose"))
_NAME: Final = select(t.person.c.name).where(t.person.c.id == bindparam("whose"))
_NAMESAKES: Final = select(t.person.c.name).where(
    t.person.c.name.in_(bindparam("names", expanding=True)), t.person.c.id != bindparam("whose")
)
_BY_CASE: Final = select(t.identity.c.person).where(t.identity.c.known_as == bindparam("known_as"))


def whom(source: Connection | Transaction, person: str) -> Whom:
    """Somebody, by all that they are known by."""
    rows = {one for one in source.execute(_KNOWN, {"whose": person}).scalars() if not one.startswith(_CASE)}
    marked = {one for one in rows if one.startswith(_MARKED)}
    name = source.execute(_NAME, {"whose": person}).scalar()
    marks = frozenset(one.removeprefix(_MARKED) for one in marked)
    someone = replace(_whom(person, rows - marked, name), marks=marks)
    asked = {"whose": person, "names": sorted(someone.names)}
    return replace(someone, names=someone.names - {*source.execute(_NAMESAKES, asked).scalars()})


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
    person = meant(source, named)
    someone = whom(source, person) if person is not None else _whom("", (), None)
    words = {*someone.words, *addresses, *([named.casefold()] if is_address(named) else [])}
    _refuse(source, replace(someone, words=frozenset(words)))


def _refuse(source: Connection | Transaction, someone: Whom) -> None:
    found = {*source.execute(_ACTED, {"whose": someone.person}).scalars()} if someone.person else set[int]()
    found |= {*source.execute(_STANDS, {"whose": someone.person}).scalars()} if someone.person else set()
    query = select(t.incident.c.id, cast(t.incident.c.fields, Text).label("told"))
    for row in source.execute(query.where(_may_tell(t.incident.c.fields, someone))):
        if someone.is_in(row.told):
            found.add(row.id)
    holds.refuse(source, found)


def _may_tell(column: Any, someone: Whom) -> Any:
    """Which rows are to be looked at for somebody: all, where a word has letters that SQLite does not make small."""
    if not all(map(str.isascii, someone.words)):
        return true()
    words, lower = {*someone.words, *(["@"] if someone.marks else [])}, func.lower(cast(column, Text))
    return or_(false(), *(lower.contains(orjson.dumps(one).decode()[1:-1], autoescape=True) for one in sorted(words)))


_THERE: Final = select(t.identity.c.known_as).where(t.identity.c.known_as.in_(bindparam("marks", expanding=True)))


def forgotten(source: Connection | Transaction, addresses: Collection[str]) -> frozenset[str]:
    """Which of these addresses are not taken in any more."""
    marks = {one: mark(one) for one in addresses}
    if not marks:
        return frozenset()
    there = {*source.execute(_THERE, {"marks": sorted({*marks.values()})}).scalars()}
    return frozenset(one for one, mark in marks.items() if mark in there)


def keeps_somebody_out(source: Connection | Transaction) -> bool:
    """Whether any address is not taken in any more."""
    return bool(source.execute(_THERE, {"marks": [_GONE]}).first())


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


def mark(address: str) -> str:
    """The hash by which an address is known that nobody knows any more."""
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
    _keep_out(tx, {mark(one) for one in whom(tx, person).words if is_address(one)})
    return person


_PERSONS: Final = select(t.person.c.id)
_CALLED: Final = select(t.identity.c.person, t.identity.c.known_as).where(t.identity.c.known_as.contains("@"))
_CASES: Final = select(t.identity.c.known_as).where(
    or_(t.identity.c.known_as.startswith(_CASE), t.identity.c.known_as.startswith(_DONE))
)


def outstanding(source: Connection | Transaction) -> list[Tombstone]:
    """What was forgotten of people by what lies beside the keys, and stands in this store as if nobody had asked: it
    was put back from a backup that was made before."""
    kept = _tombstones(source)
    if not kept:
        return []
    known = {one.partition(":")[2] for one in source.execute(_CASES).scalars()}
    return [one for one in kept if one.case not in known]


def _tombstones(source: Connection | Transaction) -> tuple[Tombstone, ...]:
    keys = keys_of(source)
    return () if keys is None else keys.tombstones.kept()


def _whom_of(source: Connection | Transaction, one: Tombstone) -> Whom:
    """Whoever was forgotten by a case, as far as this store knows them. Nobody is called by the marks alone."""
    people = {person for person in source.execute(_PERSONS).scalars() if sealed_person(person) == one.person}
    if not people:
        called = [(row.person, row.known_as.split(":")[-1]) for row in source.execute(_CALLED)]
        people = {person for person, words in called if is_address(words) and mark(words) in one.marks}
    someone = whom(source, min(people)) if people else _whom("", (), None)
    return replace(someone, marks=frozenset(one.marks))


def refuse_again(source: Connection | Transaction, one: Tombstone) -> None:
    """Raises OnHold as `refuse` does."""
    _refuse(source, _whom_of(source, one))


def begin_again(tx: Transaction, one: Tombstone, *, at: datetime, actor: Actor) -> None:
    """Begin with somebody who was forgotten before this store was put back, as `begin` does; nothing where it has begun
    already. Raises OnHold, and ValueError for the last admin."""
    if one.case not in {found.case for found in outstanding(tx)}:
        return
    someone = _whom_of(tx, one)
    _refuse(tx, someone)
    person = someone.person
    if not person:
        person = tx.person(Someone(persons.FORGOTTEN, f"{_CASE}{one.case}"))
        tx.execute(update(t.person).where(t.person.c.id == person).values(name=None))
    else:
        journal.take_from(tx, person, at=at, actor=actor)
        tx.execute(insert(t.identity), {"known_as": f"{_CASE}{one.case}", "person": person})
    marked = {f"{_MARKED}{found}" for found in one.marks}
    taken = {*tx.execute(_THERE, {"marks": sorted(marked)}).scalars()}
    if marked - taken:
        tx.execute(insert(t.identity), [{"known_as": known_as, "person": person} for known_as in sorted(marked - taken)])
    addresses = {word for word in someone.words if is_address(word)}
    _keep_out(tx, {*one.marks, *map(mark, addresses)})


def keep_beside(tx: Transaction, case: str, told: Mapping[str, Any]) -> None:
    """Keep beside the keys that somebody is forgotten by this case, so that a backup does not bring them back. `told`
    is what was asked for and agreed to. Raises StoreUnavailable where it cannot be kept."""
    keys, person = keys_of(tx), of_case(tx, case)
    if keys is None or person is None:
        return
    someone = whom(tx, person)
    marks = {*someone.marks, *(mark(word) for word in someone.words if is_address(word))}
    keys.tombstones.keep(Tombstone(case, sealed_person(person), tuple(sorted(marks)), dict(told)))


def end(tx: Transaction, case: str) -> None:
    """Say that this store has forgotten somebody by this case."""
    known_as = f"{_DONE}{case}"
    if not tx.execute(_THERE, {"marks": [known_as]}).first():
        tx.execute(insert(t.identity), {"known_as": known_as, "person": _nobody(tx)})


def _nobody(tx: Transaction) -> str:
    nobody = tx.person(Someone(persons.FORGOTTEN, _NOBODY))
    tx.execute(update(t.person).where(t.person.c.id == nobody).values(name=None))
    return nobody


_LET_GO: Final = (
    select(t.journal_forgotten.c.entry)
    .where(t.journal_forgotten.c.incident_id == t.journal.c.incident_id, t.journal_forgotten.c.entry > t.journal.c.seq)
    .correlate(t.journal)
    .exists()
)
"""What is told of an item that was let go of since: its key is to be forgotten, and may be known for a moment more."""

_OPENED: Final = (
    select(t.incident.c.id, t.incident.c.uid, t.journal_payload.c.sealed)
    .join(t.journal, and_(t.journal.c.incident_id == t.incident.c.id, t.journal.c.kind == Opened.KIND))
    .join(t.journal_payload, t.journal_payload.c.seq == t.journal.c.seq)
    .where(t.incident.c.id > bindparam("after"), t.journal_payload.c.sealed.is_not(None), ~_LET_GO)
    .order_by(t.incident.c.id)
    .limit(AT_ONCE)
)
_COUNTED: Final = select(t.journal_head.c.forgotten)


def has_lost_keys(source: Connection | Transaction) -> bool:
    """Whether the keys have forgotten more than this store knows of: it was put back from a backup made before."""
    keys = keys_of(source)
    return keys is not None and keys.fresh().forgotten > int(source.execute(_COUNTED).scalar_one())


def items_outstanding(source: Connection | Transaction, after: int) -> tuple[list[str], int | None]:
    """Of some items behind this number, the ids of those of which the key was forgotten and this store says nothing of
    that; and behind which number to go on, None where there are no more."""
    keys = keys_of(source)
    rows = source.execute(_OPENED, {"after": after}).all() if keys is not None else []
    if keys is None or not rows:
        return [], None
    tree = keys.fresh()
    gone = [row.uid for row in rows if tree.has_forgotten(row.id, bytes(row.sealed))]
    return gone, rows[-1].id if len(rows) == AT_ONCE else None


def _keep_out(tx: Transaction, marks: Collection[str]) -> None:
    there = {*tx.execute(_THERE, {"marks": sorted(marks)}).scalars()}
    new = sorted({*marks} - there)
    if new:
        nobody = tx.person(Someone(persons.FORGOTTEN, _GONE))
        tx.execute(update(t.person).where(t.person.c.id == nobody).values(name=None))
        tx.execute(insert(t.identity), [{"known_as": one, "person": nobody} for one in new])


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
    return _onward(place, _looked_at(source, someone, place, how))


def _looked_at(source: Connection | Transaction, someone: Whom, place: Place, how: Erasing) -> Traces:
    where, after = place.where, place.after
    if where < _BLOBS:
        return _in_rows(source, someone, where, after, texts=how.texts)
    if where == _BLOBS:
        return _in_blobs(source, someone, after)
    if where == _PROPOSALS:
        return _in_proposals(source, someone)
    if where == _ANSWERS:
        return _in_answers(source, someone)
    if where == _JOURNAL:
        return _in_journal(source, someone, place.seq, how)
    if where == _PLUGINS:
        return _in_plugins(source, someone, after)
    if where == _END and place.found and place.walked + 1 < MOST_WALKS:
        return Traces(Place(seq=place.seq, walked=place.walked + 1))
    if where == _END:
        return Traces(None, looked=AT_ONCE, effects=(lambda tx: _end(tx, someone, place.seq, how),))
    raise ValueError(f"there is no place {where}")


def _next(where: int, after: int | None) -> Place:
    return Place(where + 1) if after is None else Place(where, after)


def _onward(before: Place, found: Traces) -> Traces:
    """What is known of the walk so far goes along with where it is."""
    now = found.place
    if now is None or now.walked > before.walked:
        return found
    is_found = int(bool(before.found or found.values or found.entries or found.effects))
    return replace(found, place=Place(now.where, now.after, max(now.seq, before.seq), before.walked, is_found))


def _in_rows(source: Connection | Transaction, someone: Whom, where: int, after: int, *, texts: bool) -> Traces:
    table, columns = _WALKED[where]
    query = select(table).where(table.c.id > after).order_by(table.c.id).limit(AT_ONCE)
    rows = source.execute(query).all()
    wrote = _wrote(source, table, rows)
    found = [row for row in rows if _changed(table, columns, someone, row, wrote, texts=texts)]
    items = {item for row in found for item in _items_of(source, table, row)}

    def write(tx: Transaction) -> None:
        _write(tx, someone, where, table.c.id.in_([row.id for row in found]), texts=texts)

    return Traces(
        _next(where, rows[-1].id if len(rows) == AT_ONCE else None),
        values=len(found),
        items=tuple(sorted(items)),
        looked=len(rows),
        effects=(write,) if found else (),
    )


def _write(tx: Transaction, someone: Whom, where: int, which: ColumnElement[bool], *, texts: bool) -> None:
    """Let go of them in rows of one of the tables, as these are by now."""
    table, columns = _WALKED[where]
    rows = tx.execute(select(table).where(which).order_by(table.c.id).with_for_update()).all()
    wrote = _wrote(tx, table, rows)
    for row in rows:
        if changed := _changed(table, columns, someone, row, wrote, texts=texts):
            more = {"revision": row.revision + 1} if table is t.incident else {}
            tx.execute(update(table).where(table.c.id == row.id).values(**changed, **more))


_COPY_OF: Final = select(t.replica.c.incident_id).where(
    t.replica.c.connection == bindparam("its_connection"), t.replica.c.ref == bindparam("its_ref")
)


def _items_of(source: Connection | Transaction, table: Table, row: Row[Any]) -> set[int]:
    """The items that a row tells of."""
    if table is t.incident:
        return {row.id}
    if table is t.inbox:
        return {*source.execute(_COPY_OF, {"its_connection": row.connection, "its_ref": row.ref}).scalars()}
    if table is t.job:
        return {*source.execute(_OF_JOB, {"job": row.id}).scalars()}
    item = row.payload.get("incident") if table is t.timer and isinstance(row.payload, Mapping) else None
    item = getattr(row, "incident_id", None) if item is None else item
    return {item} if isinstance(item, int) else set()


_COMMENTED: Final = (
    select(t.journal.c.actor, *journal.TOLD)
    .join(t.journal_payload, t.journal_payload.c.seq == t.journal.c.seq)
    .where(t.journal.c.kind == Commented.KIND, t.journal.c.incident_id.in_(bindparam("items", expanding=True)))
)


def _wrote(source: Connection | Transaction, table: Table, rows: Sequence[Row[Any]]) -> dict[int, str]:
    """Who wrote these comments, by the id, as far as the journal says that: two people may be called the same."""
    found = dict[int, str]()
    items = sorted({row.incident_id for row in rows}) if table is t.comment else []
    for entry in source.execute(_COMMENTED, {"items": items}).all() if items else ():
        told = journal.as_written(source, entry)
        if told is not None and is_id(entry.actor):
            found[int(told["comment"])] = entry.actor
    return found


def _changed(
    table: Table, columns: Mapping[str, int], someone: Whom, row: Row[Any], wrote: Mapping[int, str], *, texts: bool
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, placed in columns.items():
        value = getattr(row, name)
        without = someone.without(value, placed)
        if without != value:
            found[name] = without
    if table is t.comment and row.author != persons.FORGOTTEN:
        theirs = wrote[row.id] == someone.person if row.id in wrote else row.author in someone.names
        if theirs or someone.is_meant(row.author):
            found["author"] = persons.FORGOTTEN
            if texts:
                found["body"] = GONE_WORDS
    return found


_OF_JOB: Final = select(t.job_item.c.incident_id).where(t.job_item.c.job == bindparam("job"))


def _in_blobs(source: Connection | Transaction, someone: Whom, after: int) -> Traces:
    """What jobs came to: one at a time, for one may be large. It goes where it names somebody."""
    query = select(t.blob.c.job, t.blob.c.body).where(
        t.blob.c.job > after, t.blob.c.retention != forgetting.CERTIFICATES
    )
    row = source.execute(query.order_by(t.blob.c.job).limit(1)).first()
    if row is None:
        return Traces(_next(_BLOBS, None))
    if not someone.is_in(bytes(row.body).decode("utf-8", "replace")):
        return Traces(_next(_BLOBS, row.job), looked=AT_ONCE // 4)
    gone = delete(t.blob).where(t.blob.c.job == row.job)
    return Traces(
        _next(_BLOBS, row.job),
        values=1,
        items=tuple(sorted(source.execute(_OF_JOB, {"job": row.job}).scalars())),
        looked=AT_ONCE // 4,
        effects=(lambda tx: tx.execute(gone),),
    )


def _names(source: Connection | Transaction, someone: Whom, row: Row[Any]) -> bool:
    words = sealing.told(source, row.ask, row.entry, "proposal", row.incident_id)
    return bool(someone.left(words) != words)


_OPEN: Final = select(t.proposal).where(t.proposal.c.state == "open").order_by(t.proposal.c.id)


def _in_proposals(source: Connection | Transaction, someone: Whom) -> Traces:
    """What waits for an approval and names them: its words go, and its time is over. It ends as a no."""
    gone = list(islice((row for row in source.execute(_OPEN).all() if _names(source, someone, row)), AT_ONCE))
    ended = update(t.proposal).where(t.proposal.c.id.in_([row.id for row in gone]), t.proposal.c.state == "open")
    over = ended.values(ask={}, until=t.proposal.c.asked_at)
    return Traces(
        _next(_PROPOSALS, 0 if len(gone) == AT_ONCE else None),
        values=len(gone),
        items=tuple(sorted({row.incident_id for row in gone if row.incident_id is not None})),
        effects=(lambda tx: tx.execute(over),) if gone else (),
    )


_ANSWERED: Final = (
    select(t.act_key.c.id, cast(t.act_key.c.answer, Text).label("told"), t.journal.c.incident_id)
    .join(t.journal, t.journal.c.seq == t.act_key.c.seq, isouter=True)
    .where(t.act_key.c.digest != "")
)
_SENTENCES: Final = tuple(
    column
    for table in t.metadata.sorted_tables
    for column in table.c
    if column.name in ("parked", "reason", "why") and isinstance(column.type, Text) and table is not t.journal
)
"""What says why something waits, or was done, in words."""


def _in_answers(source: Connection | Transaction, someone: Whom) -> Traces:
    """What was answered under keys, and sentences that say what is missing, and why."""
    named = (row for row in source.execute(_ANSWERED).all() if someone.is_in(row.told, by_name=True))
    gone = list(islice(named, AT_ONCE))
    items = {row.incident_id for row in gone}
    told = (
        (column.table, column, row)
        for column in _SENTENCES
        for row in source.execute(select(column.table).where(column != "")).all()
        if someone.is_in(getattr(row, column.name))
    )
    sentences = list(islice(told, AT_ONCE))
    items |= {item for table, _column, row in sentences for item in _items_of(source, table, row)}
    nothing = {"facts": {}, "sentence": forgetting.FORGOTTEN_ANSWER}

    def write(tx: Transaction) -> None:
        for row in gone:
            tx.execute(update(t.act_key).where(t.act_key.c.id == row.id).values(digest="", answer=nothing))
        for table, column, row in sentences:
            was = getattr(row, column.name)
            same = [one == getattr(row, one.name) for one in (*table.primary_key.columns, column)]
            tx.execute(update(table).where(*same).values({column.name: someone.out_of(was)}))

    return Traces(
        _next(_ANSWERS, 0 if AT_ONCE in (len(gone), len(sentences)) else None),
        values=len(gone) + len(sentences),
        items=tuple(sorted(one for one in items if one is not None)),
        effects=(write,) if gone or sentences else (),
    )


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


_OF_UIDS: Final = select(t.incident.c.id).where(t.incident.c.uid.in_(bindparam("uids", expanding=True)))


_ROW: Final = {"sqlite": "rowid", "postgresql": "ctid"}
"""By what the database itself finds a row."""


def _in_plugins(source: Connection | Transaction, someone: Whom, place: int) -> Traces:
    """What plugins derived from the journal, column by column and some rows at a time: an address or identity is
    replaced wherever it stands, whole. A row that is written meanwhile is found when all is walked again."""
    columns = source.execute(_PLUGIN_TEXTS[_dialect(source)]).all()
    with_subjects = {table for table, name in columns if name == "subject"}
    wanted = [(table, name) for table, name in columns if name != "subject"] if someone.is_known else []
    if place >= len(wanted):
        return Traces(Place(_END), looked=AT_ONCE)
    table, name = wanted[place]
    rows = _named_in(source, someone, table, name, "subject" if table in with_subjects else name)
    row = _ROW[_dialect(source)]
    change = text(f'UPDATE "{table}" SET "{name}" = :now WHERE {row} = {_AS_ROW[row]} AND "{name}" = :was')  # noqa: S608 - names of the database's own

    def write(tx: Transaction) -> None:
        for one in rows:
            tx.execute(change, {"row": one.row, "was": one.was, "now": someone.out_of(one.was)})

    uids = sorted({one.shown for one in rows}) if table in with_subjects else []
    items = {*source.execute(_OF_UIDS, {"uids": uids}).scalars()} if uids else set[int]()
    return Traces(
        Place(_PLUGINS, place if len(rows) == AT_ONCE else place + 1),
        values=len(rows),
        items=tuple(sorted(items)),
        looked=max(len(rows), 1),
        effects=(write,) if rows else (),
    )


_AS_ROW: Final = {"rowid": ":row", "ctid": "CAST(:row AS tid)"}


def _named_in(source: Connection | Transaction, someone: Whom, table: str, name: str, shown: str) -> list[Row[Any]]:
    """Some rows that name them in a column, with whatever tells of which item they are."""
    row = _ROW[_dialect(source)]
    column: ColumnElement[Any] = literal_column(f'"{name}"')
    place: ColumnElement[Any] = cast(literal_column(row), Text) if row == "ctid" else literal_column(row)
    query = select(place.label("row"), column.label("was"), literal_column(f'"{shown}"').label("shown"))
    found = source.execute(query.select_from(text(f'"{table}"')).where(_may_tell(column, someone)))
    return list(islice((one for one in found if isinstance(one.was, str) and someone.is_in(one.was)), AT_ONCE))


def _dialect(source: Connection | Transaction) -> str:
    return source.dialect if isinstance(source, Transaction) else source.dialect.name


_ENTRIES: Final = (
    select(t.journal.c.actor, *journal.TOLD)
    .join(t.journal_payload, t.journal_payload.c.seq == t.journal.c.seq)
    .where(
        t.journal.c.seq > bindparam("after"),
        t.journal.c.seq <= bindparam("upto"),
        t.journal.c.kind != Shredded.KIND,
        ~_LET_GO,
    )
    .order_by(t.journal.c.seq)
    .limit(AT_ONCE)
)
_NO_END: Final = 2**62


def _in_journal(source: Connection | Transaction, someone: Whom, after: int, how: Erasing) -> Traces:
    """What is left of the payloads that name somebody, of the next entries. Whatever others let go of meanwhile does
    not come back by that: it is worked out once more where it is written."""
    rows = source.execute(_ENTRIES, {"after": after, "upto": _NO_END}).all()
    last = rows[-1].seq if rows else after
    left = _left(source, someone, rows)

    def write(tx: Transaction) -> None:
        _replace_left(tx, someone, tx.execute(_ENTRIES, {"after": after, "upto": last}).all(), how)

    return Traces(
        Place(_JOURNAL if len(rows) == AT_ONCE else _PLUGINS, 0, last),
        len(left),
        items=tuple(sorted({int(row.incident_id) for row in rows if row.seq in left and row.incident_id is not None})),
        looked=len(rows),
        effects=(write,) if left else (),
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
        if row.kind == GlassBroken.KIND and told["sha"] and _followed(source, someone, row.seq, told.get(CAUSE)):
            left = {**left, "sha": ""}
        if left != told:
            found[row.seq] = left
    return found


def _followed(source: Connection | Transaction, someone: Whom, seq: int, cause: object) -> bool:
    """Whether what was done at once, without an approval, names them."""
    near = {"after": max(seq - AT_ONCE // 2, 0), "upto": _NO_END}
    told = (journal.as_written(source, row) for row in source.execute(_ENTRIES, near).all())
    return any(one is not None and one.get(CAUSE) == cause and someone.left(one) != one for one in told)


def _replace_left(tx: Transaction, someone: Whom, rows: Sequence[Row[Any]], how: Erasing) -> None:
    """Put what is left of these in their place, and let go of what their items took from them behind the walk through
    those. Raises OnHold."""
    left = _left(tx, someone, rows)
    items = {row.incident_id for row in rows if row.seq in left and row.incident_id is not None}
    holds.refuse(tx, items)
    for where, (table, _columns) in enumerate(_WALKED) if items else ():
        item = table.c.get("id" if table is t.incident else "incident_id")
        if item is not None and table is not t.job:
            _write(tx, someone, where, item.in_(sorted(items)), texts=how.texts)
    if left:
        proposed = [str(facts["proposal"]) for facts in left.values() if "proposal" in facts and facts.get("sha") == ""]
        tx.execute(update(t.proposal).where(t.proposal.c.id.in_(proposed)).values(sha=""))
        journal.replace_in(tx, left, at=how.at, actor=how.actor, why=how.why)


def _end(tx: Transaction, someone: Whom, after: int, how: Erasing) -> None:
    """What was journalled since it was looked at goes as well, and then all that they are known by: what is journalled
    from there on knows nobody any more."""
    tx.flush()
    while rows := tx.execute(_ENTRIES, {"after": after, "upto": _NO_END}).all():
        _replace_left(tx, someone, rows, how)
        after = rows[-1].seq
    journal.forget_in(tx, someone.person, at=how.at, actor=how.actor)
