"""What goes on by itself is shown: how far plugins have come, what waits for a person, and what is to happen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs
from tests.sync.deciding import decide
from tests.sync.test_offers import SEATS, opened
from tests.sync.world import World

from tieline.core.access import Facts, Grant, Role
from tieline.core.desk import Desk
from tieline.core.events import Opened
from tieline.core.identity import Someone, of_account
from tieline.core.offer import Follower
from tieline.core.projections import Happened
from tieline.core.store import tables as t
from tieline.sync.office.enquiries import Enquiries
from tieline.sync.office.own_views import OWN_VIEWS

Worlds = Callable[..., World]


@dataclass
class Viewer:
    someone: Someone
    now: datetime

    def facts(self, _connection: Any) -> Facts:
        return Facts(self.now, grants=(Grant(Role.VIEWER),))


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as lines:
        yield lines


def see(world: World, view: str, **given: Any) -> Any:
    enquiries = Enquiries(world.engine.store, world.engine.config, OWN_VIEWS)
    return enquiries.see(view, given, Viewer(of_account("ann", "db1"), world.clock.now())).facts


def failing(world: Worlds, broken: list[bool]) -> World:
    """A plugin that fails until nothing is broken any more, and what it failed at is parked."""

    def react(_desk: Desk, _happened: Happened) -> None:
        if broken:
            raise RuntimeError("no")

    one = opened(world, replace(SEATS, followers=(Follower("react", (Opened,), react),), timers=()))
    for _ in range(20):
        one.clock.advance(7200)
        one.work()
    return one


def test_what_a_plugin_failed_at_waits_for_a_person_who_lets_it_try_again(world: Worlds) -> None:
    broken = [True]
    one = failing(world, broken)
    (parked,) = see(one, "parked")["items"]
    assert (parked["what"], parked["incident"]) == ("reaction", "INC-1")
    assert parked["sentence"].startswith("seats.react: what it does about entry ")
    assert parked["sentence"].endswith(f"When that is mended: tieline parked retry reaction {parked['id']}")
    (follower,) = see(one, "followers")["items"]
    assert (follower["follower"], follower["behind"], follower["waiting"], follower["parked"]) == (
        "seats.react",
        0,
        0,
        1,
    )
    broken.clear()
    decide(one.engine, "parked retry", what="reaction", number=parked["id"])
    one.work()
    one.work()
    assert see(one, "parked")["items"] == []
    with pytest.raises(LookupError, match="reaction 1 is not parked"):
        decide(one.engine, "parked retry", what="reaction", number=1)


def test_a_reaction_of_a_plugin_that_is_away_is_not_let_go_in_vain(world: Worlds) -> None:
    one = failing(world, [True])
    (parked,) = see(one, "parked")["items"]
    one.offers = ()
    one.restart()
    with pytest.raises(ValueError, match=r"no plugin at work has the follower seats\.react\. Allow it again"):
        decide(one.engine, "parked retry", what="reaction", number=parked["id"])


def test_a_follower_that_nobody_runs_falls_behind(world: Worlds) -> None:
    one = opened(world)
    one.offers = ()
    one.edit("left", title="Another title")
    one.settle(1)
    (follower,) = see(one, "followers")["items"]
    assert follower["behind"] >= 1
    assert follower["since"] is not None


def test_timers_come_in_pages_the_soonest_first_without_those_of_what_is_hidden(world: Worlds) -> None:
    one = opened(world, count=5)
    everything = see(one, "timers")["items"]
    assert [one["timer"] for one in everything] == ["seats.look"] * 5
    assert sorted(one["incident"] for one in everything) == [f"INC-{number}" for number in range(1, 6)]
    paged, after = list[Any](), None
    while True:
        page = see(one, "timers", limit=2, **({} if after is None else {"after": after}))
        paged += page["items"]
        after = page["next"]
        if after is None:
            break
    assert paged == everything
    assert see(one, "timers", overdue=True)["items"] == []
    with one.engine.store.write() as tx:
        tx.execute(update(t.incident).where(t.incident.c.id.in_([1, 2, 4])).values(restricted=True, label="RES-BCDFGH"))
    assert [timer["incident"] for timer in see(one, "timers", limit=2)["items"]] == ["INC-3", "INC-5"]
