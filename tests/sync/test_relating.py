"""A plugin says who works on an item: by its own word, beside what people say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.sync.world import World

from tieline.core import grants, standings
from tieline.core.access import Relation, Rule
from tieline.core.acts import Act
from tieline.core.arguments import Answer, Ask, ItemName, PersonName
from tieline.core.declared import WrongWords
from tieline.core.desk import Desk
from tieline.core.identity import called
from tieline.core.model import IncidentId
from tieline.core.offer import Offer, Right
from tieline.sync.office.asking import Asker
from tieline.sync.office.office import offered
from tieline.sync.office.performing import perform
from tieline.sync.sight import subject_of

ANN, EVA = called("os:ann@db1"), called("os:eva@db1")


class Page(Ask):
    """Whom to page about what."""

    incident: ItemName
    person: PersonName


class Paged(Answer):
    """Whoever was paged."""

    person: str

    def sentence(self) -> str:
        return f"{self.person} is paged"


def page(desk: Desk, ask: Page) -> Paged:
    """Have somebody work on it."""
    desk.relate(desk.item(ask.incident), ask.person, Relation.MEMBER)
    return Paged(person=ask.person)


def relieve(desk: Desk, ask: Page) -> Paged:
    """Have somebody work on it no longer."""
    desk.unrelate(desk.item(ask.incident), ask.person, Relation.MEMBER)
    return Paged(person=ask.person)


def invent(desk: Desk, ask: Page) -> Paged:
    """Have somebody work on it who is called so in a tool."""
    desk.relate(desk.item(ask.incident), "eva@example.com", Relation.MEMBER)
    return Paged(person=ask.person)


OFFER = Offer(
    "pager",
    "Who is on call works on it.",
    acts=tuple(Act(one.__name__, one, "pager.page", ("incident", "person")) for one in (page, relieve, invent)),
    rights={"pager.page": Right("page somebody")},
)


class Pager:
    """A world with one incident, and Ann, who owns the store."""

    def __init__(self, world: Callable[..., World]) -> None:
        self.world = world(offers=(OFFER,))
        self.world.tools["left"].make({"title": "Disk full", "status": "new"})
        self.world.settle(2)

    def do(self, name: str) -> str:
        engine, who = self.world.engine, Asker(ANN, owns_store=True, now=self.world.clock.now())
        act = offered(engine)[name]
        return perform(engine, act, act.told({"incident": "INC-1", "person": EVA.identity}), who).sentence

    def said_by(self) -> list[str]:
        with self.world.engine.store.read() as connection:
            return [one.source for one in standings.of_item(connection, IncidentId(1))]

    def may_edit(self) -> tuple[bool, Rule]:
        who = Asker(EVA, owns_store=False, now=self.world.clock.now())
        with self.world.engine.store.read() as connection:
            verdict = who.may(connection, "incident.edit", subject_of(connection, IncidentId(1)))
        return verdict.allowed, verdict.rule


def test_whoever_a_plugin_says_works_on_it_may_do_that(world: Callable[..., World]) -> None:
    here = Pager(world)
    assert here.may_edit() == (False, Rule.NO_RIGHT)
    for _again in range(2):
        assert here.do("pager page") == "os:eva@db1 is paged"
    assert (here.said_by(), here.may_edit()) == (["pager"], (True, Rule.RELATION))
    here.do("people add")
    assert sorted(here.said_by()) == ["", "pager"]
    here.do("pager relieve")
    assert (here.said_by(), here.may_edit()) == ([""], (True, Rule.RELATION)), "a person said so as well"
    here.do("pager page")
    here.do("people remove")
    assert (here.said_by(), here.may_edit()) == ([], (False, Rule.NO_RIGHT))


def test_whoever_a_tool_calls_so_gets_nothing(world: Callable[..., World]) -> None:
    here = Pager(world)
    with pytest.raises(WrongWords, match=r"'eva@example\.com' is nobody who could sign in"):
        here.do("pager invent")
    with here.world.engine.store.read() as connection:
        assert grants.person_of(connection, replace(EVA, identity="eva@example.com")) is None
    assert here.said_by() == []
