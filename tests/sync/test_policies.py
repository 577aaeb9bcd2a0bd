"""What a policy says is in the store: set on purpose, from one entry on, and pinned by each item."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy import Engine, event
from tests.sync.world import World

from tieline.core import grants, journal
from tieline.core.access import Grant, Role, Rule, Verdict
from tieline.core.acts import Act, NotDone
from tieline.core.arguments import Answer, Ask, Duration, ItemName
from tieline.core.declared import WrongWords
from tieline.core.desk import Desk
from tieline.core.errors import NotAllowed, PluginFault
from tieline.core.identity import Someone
from tieline.core.offer import Offer, Right
from tieline.core.policy import Policy, digest
from tieline.core.store.store import Store, Transaction
from tieline.sync import policies
from tieline.sync.office.asking import Asker
from tieline.sync.office.office import Performed, offered
from tieline.sync.office.performing import perform

Worlds = Callable[..., World]


class Limits(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    most: int = Field(default=3, ge=1)
    wait: Duration = Field(default="30m", validate_default=True)


LIMITS = Policy("limits", "how much of it there may be", Limits())


class Which(Ask):
    incident: ItemName | None = None


class Most(Answer):
    most: int

    def sentence(self) -> str:
        return f"at most {self.most}"


def most(desk: Desk, ask: Which) -> Most:
    """Say what the policy says."""
    item = desk.item(ask.incident) if ask.incident else None
    return Most(most=desk.policy(LIMITS, item).most)


def again(desk: Desk, ask: Which) -> Most:
    """Say it three times over, as it is now and of the item."""
    items = [None, desk.item(ask.incident)] if ask.incident else [None]
    return Most(most=sum(desk.policy(LIMITS, item).most for item in items * 3))


class Settle(Ask):
    incident: ItemName


def settle(desk: Desk, ask: Settle) -> Most:
    """Say in the title what the policy says, once somebody else approves it."""
    item, most = desk.item(ask.incident), desk.policy(LIMITS).most
    desk.edit(item, {"title": f"at most {most}"})
    desk.ask_first("amounts.ask", "everybody reads it")
    return Most(most=most)


OFFER = Offer(
    "amounts",
    "How much there may be.",
    acts=(
        Act("most", most, "amounts.ask", ("incident",), example={"incident": "INC-1"}),
        Act("again", again, "amounts.ask", ("incident",)),
        Act("settle", settle, "amounts.ask", ("incident",), asks_first=("amounts.ask",)),
    ),
    rights={"amounts.ask": Right("ask how much there may be", (Role.MANAGER,))},
    policies=(LIMITS,),
)
NAME = "amounts.limits"


ANN, BOB, EVE = (Someone(name, f"os:{name}@db1") for name in ("ann", "bob", "eve"))


class Team:
    """A world with people in it; Ann owns the store's file unless that is another database."""

    def __init__(self, world: Worlds, **roles: Role) -> None:
        self.world = world(offers=(OFFER,))
        self.owns = {ANN.identity}
        for name, role in {"ann": Role.ADMIN, **roles}.items():
            self.grant(Someone(name, f"os:{name}@db1"), role)
        self.world.tools["left"].make({"title": "Disk full", "status": "new"})
        self.world.settle(2)

    def grant(self, whom: Someone, role: Role, until: Any = None) -> None:
        with self.world.engine.store.write() as tx:
            given, verdict = Grant(role, None, until), Verdict(True, Rule.OWNER)
            grants.grant(tx, whom, given, at=self.world.clock.now(), actor=Someone("owner"), verdict=verdict)

    def do(self, someone: Someone, act: str, **given: Any) -> Performed:
        asker = Asker(someone, owns_store=someone.identity in self.owns, now=self.world.clock.now())
        declared = offered(self.world.engine)[act]
        return perform(self.world.engine, declared, declared.told(given), asker)

    def says(self, **asked: Any) -> int:
        return int(self.do(ANN, "amounts most", **asked).facts["most"])

    def propose(self, document: str, policy: str = NAME, by: Someone = ANN) -> Performed:
        return self.do(by, "policy propose", policy=policy, document=document, why="as ever")

    def revisions(self) -> list[policies.Revision]:
        with self.world.engine.store.read() as connection:
            return list(policies.every(connection, NAME, 9))

    def set_to(self) -> list[dict[str, Any]]:
        """What the journal says of each revision."""
        with self.world.engine.store.read() as connection:
            rows = connection.execute(journal.ENTRIES).all()
            found = [journal.facts(connection, row) for row in rows if row.kind == "policy_set"]
        return [dict(one) for one in found if one is not None]


@pytest.fixture
def here(world: Worlds) -> Team:
    """Ann alone."""
    return Team(world)


def test_what_is_shipped_holds_until_another_is_set(here: Team) -> None:
    assert here.says() == 3
    found = here.propose("most: 5  # more\n").facts
    assert (found["policy"], found["revision"]) == (NAME, 1)
    assert here.says() == 5
    [now] = here.revisions()
    assert (now.number, now.text, now.why) == (1, "most: 5  # more\n", "as ever")
    assert here.world.verified()


def test_an_item_goes_by_what_held_when_it_was_opened(here: Team) -> None:
    assert here.says(incident="INC-1") == 3
    here.propose("most: 5")
    here.world.tools["left"].make({"title": "Disk 2 full", "status": "new"})
    here.world.settle(2)
    here.propose("most: 7")
    assert [here.says(incident=f"INC-{number}") for number in (1, 2)] == [3, 5]
    assert here.says() == 7


@pytest.mark.parametrize("is_set", [False, True])
def test_an_act_asks_the_store_once_for_what_holds_now_and_once_for_what_an_item_goes_by(
    here: Team, is_set: bool
) -> None:
    if is_set:
        here.propose("most: 5")
    looks: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        looks.extend([statement] if "policy" in statement and "SELECT" in statement else [])

    event.listen(Engine, "before_cursor_execute", count)
    try:
        done = here.do(ANN, "amounts again", incident="INC-1")
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert done.facts["most"] == (5 if is_set else 3) * 3 + 9
    assert len(looks) == 2 + 1  # before it is written, it is asked whether that still holds


class Odd(BaseModel):
    most: int = 3

    @field_validator("most")
    @classmethod
    def _known(cls, most: int) -> int:
        return {3: 3, 4: 4}[most]


ODD: Policy[Any] = Policy("limits", "how much", Odd())


def test_what_a_validator_raises_that_is_no_refusal_is_told_as_the_plugins_fault(world: Worlds) -> None:
    here = Team(world)
    here.world.offers = (Offer("amounts", "How much.", policies=(ODD,)),)
    here.world.restart()
    for _ in range(2):
        with pytest.raises(
            PluginFault, match=r"the policy limits: the plugin has a fault: KeyError in test_policies\.py:\d+\. Noth"
        ):
            here.propose("most: 5")
    assert here.propose("most: 4").facts["revision"] == 1


def test_another_process_goes_by_the_same(here: Team) -> None:
    here.propose("most: 5")
    here.world.restart()
    assert here.says() == 5


def test_it_says_again_what_it_said_before(here: Team) -> None:
    for count in (4, 5):
        here.propose(f"most: {count}")
    here.do(ANN, "policy rollback", policy=NAME, revision=1, why="it was right")
    assert here.says() == 4
    assert [one.number for one in here.revisions()] == [3, 2, 1]


@pytest.mark.parametrize(
    ("document", "says_why"),
    [
        ("most: none\n", ":1:7"),
        ("most: 0", "most"),
        ("mosst: 4", "did you mean 'most'"),
        ("most: [", ":1:"),
        ("", "at least 1 character"),
        ("- 1", "the policy"),
        ("most: 1\nwait: 5 fortnights", ":2:7"),
        ("most: 1 # " + "x" * 300_000, "at most"),
    ],
)
def test_a_document_that_is_none_is_refused_where_it_is_wrong(here: Team, document: str, says_why: str) -> None:
    with pytest.raises(WrongWords) as told:
        here.propose(document)
    assert says_why in str(told.value)
    assert here.says() == 3


def test_what_there_is_not_is_told(here: Team) -> None:
    with pytest.raises(LookupError, match=r"did you mean amounts\.limits|amounts\.limits"):
        here.propose("most: 1", "amounts.limit")
    with pytest.raises(LookupError, match="has no revision 4"):
        here.do(ANN, "policy rollback", policy=NAME, revision=4, why="x")
    here.propose("most: 5")
    with pytest.raises(NotDone, match="says that already, at revision 1"):
        here.propose("most: 5")


def test_what_a_later_version_does_not_understand_is_told_and_nothing_is_guessed(world: Worlds) -> None:
    here = Team(world)
    here.propose("most: 5\nwait: 1h\n")

    class Fewer(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)
        most: int = 3

    fewer = Policy("limits", "how much", Fewer())

    def ask(desk: Desk, _ask: Which) -> Most:
        """Say what the policy says."""
        return Most(most=desk.policy(fewer).most)

    here.world.offers = (
        Offer("amounts", "How much.", (Act("most", ask, "amounts.ask"),), rights=OFFER.rights, policies=(fewer,)),
    )
    here.world.restart()
    with pytest.raises(NotDone, match=r"amounts\.limits, revision 1, is not what the plugin takes by now.*wait"):
        here.says()


def test_a_policy_of_somebody_else_is_no_business_of_a_plugin(world: Worlds) -> None:
    stranger = Policy("limits", "another", Limits(most=9))

    def ask(desk: Desk, _ask: Which) -> Most:
        """Say what another's policy says."""
        return Most(most=desk.policy(stranger).most)

    here = Team(world)
    here.world.offers = (Offer("amounts", "How much.", (Act("most", ask, "amounts.ask"),), rights=OFFER.rights),)
    here.world.restart()
    with pytest.raises(Exception, match="offers no policy 'limits'"):
        here.says()


def test_whoever_is_not_alone_asks_somebody_else_first(world: Worlds) -> None:
    here = Team(world, bob=Role.MANAGER, eve=Role.COMMANDER)
    asked = here.propose("most: 5", by=EVE)
    assert here.says() == 3
    with pytest.raises(NotAllowed):
        here.do(EVE, "proposals approve", proposal=asked.proposal)
    approved = here.do(BOB, "proposals approve", proposal=asked.proposal)
    assert approved.facts["result"] == {"policy": NAME, "revision": 1, "sha": digest("most: 5"), "alone": False}
    assert here.says() == 5
    [set_to] = here.set_to()
    assert (set_to["document"], set_to["alone"]) == ("most: 5", False)
    [one] = here.revisions()
    with here.world.engine.store.read() as connection:
        assert (one.person, one.approved_by) == (
            grants.person_of(connection, EVE),
            (grants.person_of(connection, BOB),),
        )
        called = policies.called(connection, [one])
        assert (called(one.person), [*map(called, one.approved_by)], called("")) == ("eve", ["bob"], "")


def test_what_one_person_alone_sets_is_said_to_be_so(here: Team) -> None:
    here.propose("most: 5")
    assert [one["alone"] for one in here.set_to()] == [True]
    assert [one.approved_by for one in here.revisions()] == [()]
    here.grant(BOB, Role.MANAGER, until=here.world.clock.now() + timedelta(hours=1))
    assert here.propose("most: 6").proposal
    here.world.clock.advance(3_601)
    here.propose("most: 7")
    assert here.says() == 7, "nobody else is there any more"


def test_of_two_who_propose_at_once_the_second_is_told(world: Worlds) -> None:
    here = Team(world, bob=Role.MANAGER, eve=Role.MANAGER)
    first, second = here.propose("most: 5", by=BOB), here.propose("most: 6", by=EVE)
    here.do(EVE, "proposals approve", proposal=first.proposal)
    with pytest.raises(NotDone):
        here.do(BOB, "proposals approve", proposal=second.proposal)
    assert [one.text for one in here.revisions()] == ["most: 5"]


def test_what_is_approved_is_done_by_the_policy_of_that_moment(world: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Team(world, bob=Role.MANAGER, eve=Role.MANAGER)
    asked, other = here.do(ANN, "amounts settle", incident="INC-1"), here.propose("most: 5", by=EVE)
    write, meanwhile = Store.write, [lambda: here.do(BOB, "proposals approve", proposal=other.proposal)]

    @contextmanager
    def late(store: Store) -> Iterator[Transaction]:
        while meanwhile:
            meanwhile.pop()()
        with write(store) as tx:
            yield tx

    monkeypatch.setattr(Store, "write", late)
    with pytest.raises(NotDone, match="what would be written now is not what was shown"):
        here.do(BOB, "proposals approve", proposal=asked.proposal)
    assert here.world.incident().fields["title"] == "Disk full"


def test_whoever_may_not_propose_is_refused(world: Worlds) -> None:
    here = Team(world, eve=Role.RESPONDER)
    with pytest.raises(NotAllowed):
        here.propose("most: 5", by=EVE)
    assert here.says() == 3
