"""Letting go of a person: who is meant, by what they are found, and who was let go of before a backup was put back.
What tells of them, place by place, is found in `core.traces`.

What somebody holds goes first, and by what they are known goes last: until then it is what the rest is found by, so
that nothing else has to keep it. Only whole values are taken for a person: what others wrote in a text may be about
others, and stays as it is. Of what the journal tells all but these values stays, so that what is made from it does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

import orjson
from sqlalchemy import (
    Text,
    and_,
    bindparam,
    cast,
    false,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from tieline.core import grants, holds, journal
from tieline.core.acts import NotDone
from tieline.core.events import Opened
from tieline.core.identity import Actor, Someone, called, is_id
from tieline.core.store import persons
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction, keys_of
from tieline.core.store.tombstones import Tombstone, sealed_person

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
    for row in source.execute(query.where(may_tell(t.incident.c.fields, someone))):
        if someone.is_in(row.told):
            found.add(row.id)
    holds.refuse(source, found)


def may_tell(column: Any, someone: Whom) -> Any:
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
        tx.execute(
            insert(t.identity), [{"known_as": known_as, "person": person} for known_as in sorted(marked - taken)]
        )
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


LET_GO: Final = (
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
    .where(t.incident.c.id > bindparam("after"), t.journal_payload.c.sealed.is_not(None), ~LET_GO)
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
