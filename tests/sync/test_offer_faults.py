"""What cannot be offered is told with what is wrong with it, and nothing of it is at work."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Column, Float, Integer
from tests.sync.test_offers import SEATS, Looked, Taken, edited, look, take, watch

from tieline.core import events
from tieline.core.access import Role
from tieline.core.acts import Act
from tieline.core.events import Changed
from tieline.core.hooks import hookimpl
from tieline.core.offer import Follower, Offer, Offers, Right, TimerKind
from tieline.core.plugin_events import PluginEvent
from tieline.core.plugins import Plugin
from tieline.core.projections import Projection, plugin_table, subject_column
from tieline.core.registry import Registry
from tieline.core.settings import Findings

OTHERS = plugin_table("others", "table", subject_column(primary_key=True))


class Foreign(PluginEvent, kind="others.happened"):
    """something happened to others"""


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"group": "Seats!"}, "a group has a name of 2 to 20 small letters"),
        ({"summary": " "}, "its summary is empty"),
        ({"rights": {"take": Right("take")}}, "the right 'take' is not called seats.something"),
        ({"rights": {"incident.edit": Right("edit")}}, "the right 'incident.edit' is not called seats.something"),
        ({"rights": {}}, "the act 'take': there is no right 'seats.take'"),
        ({"does": frozenset({"incident.eat"})}, "there is no right 'incident.eat', with which it would act"),
        ({"events": (Looked,)}, "the act 'take': 'seats.taken' is no event that is offered"),
        ({"events": (Taken, Looked, Foreign)}, "the event 'others.happened' belongs to another group"),
        ({"followers": (Follower("watch", (), watch),)}, "the follower 'watch' follows no kind of event"),
        ({"timers": (TimerKind("Look!", look),)}, "'Look!' is no name"),
        ({"timers": (TimerKind("look", look), TimerKind("look", look))}, "two of its parts are called 'look'"),
        ({"acts": (Act("take", take, "seats.take", ("nothing",)),)}, "it has no argument 'nothing'"),
        ({"projections": (Projection("p", (), {}),)}, "it has no tables; .*it is made from no kind of event"),
        ({"projections": (Projection("p", (OTHERS,), {Changed: edited}),)}, "the table others__table is not one of"),
        ({"projections": (replace(SEATS.projections[0], version=0),)}, "its version is a whole number from 1 on"),
    ],
)
def test_an_offer_that_is_wrong_is_refused(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(TypeError, match=f"the offer .*{why}"):
        Offers([replace(SEATS, **changed)])


def test_one_group_is_offered_once() -> None:
    with pytest.raises(TypeError, match="another plugin offers a group of that name"):
        Offers([SEATS, SEATS])


def test_a_wrong_offer_is_a_problem_of_the_file_and_the_others_are_at_work() -> None:
    class Good:
        @hookimpl
        def tieline_offer(self) -> Offer:
            return SEATS

    class Bad:
        @hookimpl
        def tieline_offer(self) -> Offer:
            return replace(SEATS, group="x")

    class Odd:
        @hookimpl
        def tieline_offer(self) -> Any:
            return ["nothing"]

    findings = Findings("tieline.yaml")
    plugins = [Plugin("good", Good()), Plugin("bad", Bad()), Plugin("odd", Odd())]
    registry = Registry(plugins, findings=findings)
    assert list(registry.offers.by_group) == ["seats"]
    assert registry.offers.rules.roles_with("seats.take") == [Role.RESPONDER, Role.ADMIN]
    told = sorted(f"{one.code} {one.what}" for one in findings.problems)
    assert len(told) == 2
    assert told[0].startswith("CFG028 the plugin 'bad' cannot offer what it has: the offer 'x': a group has a name")
    assert told[1] == "CFG028 the plugin 'odd' cannot offer what it has: it answers list, not an Offer."


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ((Column("seat", Integer, primary_key=True),), "it has no column 'subject'"),
        ((subject_column(),), "it has no primary key"),
        ((subject_column(primary_key=True), Column("share", Float)), "share: a number that is not whole is rounded"),
        ((subject_column(primary_key=True), Column("seats", Integer, default=1)), "seats: what a row holds is said by"),
    ],
)
def test_a_table_that_cannot_be_kept_alike_everywhere_is_refused(columns: tuple[Any, ...], why: str) -> None:
    with pytest.raises(TypeError, match=why):
        plugin_table("seats", "odd", *columns)


def test_a_name_that_is_too_long_for_a_database_is_refused() -> None:
    with pytest.raises(TypeError, match=r"its name, seats__x+, has more than 40 characters"):
        plugin_table("seats", "x" * 34, subject_column(primary_key=True))
    with pytest.raises(TypeError, match=r"the index of c+ has a name of more than 54 characters"):
        plugin_table("seats", "odd", subject_column(primary_key=True), Column("c" * 42, Integer, index=True))


@pytest.mark.parametrize(
    ("kind", "fields", "why"),
    [
        ("taken", {"seat": int}, 'write kind="group.what_happened"'),
        ("seats." + "x" * 40, {"seat": int}, "in at most 40 small letters"),
        ("seats.sat", {"share": float}, "a float has no one way to be written"),
        ("seats.sat", {"who": set[str]}, "a set comes in another order each time"),
        ("seats.taken", {"seat": int}, "test_offers.Taken is of that kind already"),
    ],
)
def test_an_event_that_cannot_be_journalled_is_refused(kind: str, fields: dict[str, Any], why: str) -> None:
    body = {"__annotations__": fields, "__doc__": "somebody sat down", "__module__": __name__}
    with pytest.raises(TypeError, match=why):
        type("Sat", (PluginEvent,), body, kind=kind)
    assert "seats.sat" not in events.OF_PLUGINS


def test_an_event_is_read_as_it_is_today() -> None:
    class Sat(PluginEvent, kind="seats.sat_down", upcasts=(lambda facts: {"seat": facts["chair"], "row": None},)):
        """somebody sat down"""

        seat: int
        row: int | None

    assert events.today("seats.sat_down", {"chair": 7}) == {"seat": 7, "row": None}
    assert events.today("seats.sat_down", Sat(seat=7, row=2).facts()) == {"seat": 7, "row": 2}
    assert Sat.from_facts({"seat": 7, "row": 1, "of_a_later_version": True}) == Sat(seat=7, row=1)
