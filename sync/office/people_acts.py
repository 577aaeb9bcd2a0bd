"""Who commands an item, who works on it, and who is told of it, as acts."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pydantic import Field

from tieline.core import grants, standings
from tieline.core.access import PEOPLE, READ_RESTRICTED, Relation, Verdict
from tieline.core.acts import Act, NotDone
from tieline.core.arguments import Answer, Ask, HolderName, ItemName, PersonName
from tieline.core.errors import NotThere
from tieline.core.identity import Someone, called, is_id
from tieline.core.store.store import Connection, Transaction
from tieline.sync.office.asking import Lacking
from tieline.sync.office.desk import EngineDesk
from tieline.sync.records import Incident
from tieline.sync.sight import subject_of


class As(StrEnum):
    """How somebody is said to stand to an item."""

    COMMANDER = "commander"
    MEMBER = "member"
    RECEIVER = "receiver"


_ITEM: Final = "An incident, by its number or a ticket's key."
_AS: Final = "As what: who commands it, who works on it, or who is told of it."


class AddPerson(Ask):
    """Somebody who is to stand so to an item."""

    incident: ItemName = Field(description=_ITEM)
    person: PersonName = Field(description="Who: an account of this machine, or one like os:ann@db1.")
    relation: As = Field(default=As.MEMBER, description=f"{_AS} A member, without it.")


class RemovePerson(Ask):
    """Somebody who is to stand so to an item no longer."""

    incident: ItemName = Field(description=_ITEM)
    person: HolderName = Field(description="Who: an account of this machine, one like os:ann@db1, or an id.")
    relation: As = Field(default=As.MEMBER, description=f"{_AS} A member, without it.")


class Stands(Answer):
    """How somebody stands to an item from now on, or does not any more."""

    incident: str
    person: str
    relation: str
    stands: bool

    def sentence(self) -> str:
        return f"{self.person} is {'' if self.stands else 'no longer '}{self.relation} of {self.incident}"


def add(desk: EngineDesk, ask: AddPerson) -> Stands:
    """Have somebody command an incident, work on it, or be told of it: what comes with that, they may do to this one.

    Nobody gives what they may not do themselves.
    """
    item, relation, whom = desk.item(ask.incident), Relation(ask.relation.value), called(ask.person)
    _check_giving(desk, desk.seen_in, item, relation)
    known = grants.person_of(desk.seen_in, whom)
    if known is not None and "" in standings.sources(desk.seen_in, known, relation, item.id):
        raise NotDone(f"{ask.person} is {relation} of {desk.called(item)} already")

    def write(tx: Transaction) -> None:
        _check_giving(desk, tx, item, relation)
        standings.add(tx, tx.person(whom), relation, item.id, source="", at=desk.now, actor=desk.asking)

    desk.within(write)
    return Stands(incident=desk.called(item), person=ask.person, relation=relation.value, stands=True)


def remove(desk: EngineDesk, ask: RemovePerson) -> Stands:
    """Have somebody no longer command an incident, work on it, or be told of it, whoever said that they do."""
    item, relation = desk.item(ask.incident), Relation(ask.relation.value)
    whom: Someone | None = None if is_id(ask.person) else called(ask.person)
    person = ask.person if whom is None else grants.person_of(desk.seen_in, whom)
    by = [] if person is None else standings.sources(desk.seen_in, person, relation, item.id)
    if person is None or not by:
        number = desk.called(item)
        raise NotThere(f"{ask.person} is no {relation} of {number}; `tieline people show {number}` shows who is what")

    def write(tx: Transaction) -> None:
        for source in standings.sources(tx, person, relation, item.id):
            standings.remove(tx, person, relation, item.id, source=source, at=desk.now, actor=desk.asking)

    desk.within(write)
    return Stands(incident=desk.called(item), person=ask.person, relation=relation.value, stands=False)


def _check_giving(desk: EngineDesk, seen_in: Connection | Transaction, item: Incident, relation: Relation) -> None:
    """Raises Lacking for whoever may not do themselves what comes with it. That they will read it where somebody
    restricts it later is not theirs to give, and follows from their working on it."""
    rules, about = desk.engine.registry.offers.rules, subject_of(seen_in, item.id)
    for right in sorted(rules.stands[relation] - {READ_RESTRICTED}):
        verdict: Verdict = desk.may(seen_in, right, about)
        if not verdict.allowed:
            raise Lacking(right, verdict)


_EXAMPLE: Final = {"incident": "INC-1", "person": "token:example"}

# Told to no observer: who may read what is restricted is nobody else's to know.
ACTS: Final = (
    Act("people add", add, PEOPLE, ("incident", "person"), example=_EXAMPLE, travels=False, is_told=False),
    Act("people remove", remove, PEOPLE, ("incident", "person"), travels=False, is_told=False),
)
