"""An edit in a tool that a plugin objects to waits there until somebody agrees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.core.strangers import plugin
from tests.sync.world import World

from tieline.core.access import Rule, Subject, Verdict
from tieline.core.errors import NotAllowed
from tieline.core.hooks import Edited, Objection, hookimpl
from tieline.core.model import ConnectionName
from tieline.core.registry import Limits, Registry
from tieline.core.store.store import Connection, Transaction
from tieline.sync import explain, loading
from tieline.sync.office.office import Office
from tieline.sync.office.own import OWN
from tieline.sync.records import Held


class Reviewer:
    """A plugin that objects to some fields, and remembers what it was asked."""

    def __init__(self, **objects: Objection) -> None:
        self.objects = objects
        self.asked: list[Edited] = []

    @hookimpl
    def tieline_review(self, edited: Edited) -> Mapping[str, Objection]:
        self.asked.append(edited)
        return self.objects


class Broken:
    """A plugin that cannot answer."""

    @hookimpl
    def tieline_review(self, edited: Edited) -> Mapping[str, Objection]:
        raise RuntimeError(f"no answer about {edited.number}")


CLOSED = Objection("no tool closes an incident here")


def reviewed_by(world: World, *plugins: object) -> None:
    """These are asked from now on."""
    named = [plugin(f"reviewer{number}", one) for number, one in enumerate(plugins)]
    world.engine.registry = Registry(named, limits=Limits(inline=True))


@pytest.fixture
def both(world: Callable[..., World]) -> World:
    made = world()
    made.tools["left"].make({"title": "Disk full", "status": "in_progress", "severity": "high"})
    made.settle()
    return made


def kinds(world: World) -> list[tuple[str, str]]:
    with world.engine.store.read() as connection:
        rows = connection.exec_driver_sql("SELECT kind, reason FROM journal ORDER BY seq").all()
    return [(row.kind, row.reason) for row in rows]


def decide(world: World, take: str, *, has: frozenset[str] = frozenset()) -> None:
    """Ann settles what waits on the right; she has these rights."""

    def may(_seen_in: Connection | Transaction, right: str, _subject: Subject) -> Verdict:
        return Verdict(right in has, Rule.ROLE if right in has else Rule.NO_RIGHT)

    given = {"incident": "INC-1", "field": "status", "connection": "right", "take": take}
    Office(world.engine, OWN, may=may).perform("conflicts settle", given, actor="ann@example.com")


def test_what_is_objected_to_stays_where_it_was_edited_and_waits_for_a_person(both: World) -> None:
    reviewer = Reviewer(status=CLOSED)
    reviewed_by(both, reviewer)
    both.edit("right", status="resolved", title="Disk 1 full")
    both.settle()
    assert both.shows("right", "status", "title") == ("resolved", "Disk 1 full")
    assert both.shows("left", "status", "title") == ("in_progress", "Disk 1 full")
    assert both.incident().fields["status"] == "in_progress"
    hold = both.copy("right").holds["status"]
    assert (hold.kind, hold.ours, hold.theirs) == (Held.REVIEW, "in_progress", "resolved")
    assert CLOSED.why in hold.words
    with both.engine.store.read() as connection:
        assert [one.field for one in explain.conflicts(connection)] == ["status"]
    [edited] = reviewer.asked
    assert edited.changes == {"status": "resolved", "title": "Disk 1 full"}
    assert (edited.number, edited.connection, edited.fields["severity"]) == ("INC-1", "right", "high")


def test_it_is_asked_once_and_told_once_however_often_it_is_seen(both: World) -> None:
    reviewer = Reviewer(status=CLOSED)
    reviewed_by(both, reviewer)
    both.edit("right", status="resolved")
    both.settle()
    told, writes = kinds(both), both.writes()
    both.edit("right", category="disk")
    both.settle(20)
    assert [sorted(one.changes) for one in reviewer.asked] == [["status"], ["category"]]
    assert [reason for _kind, reason in kinds(both)[len(told) :] if reason == "review"] == []
    assert both.shows("right", "status") == "resolved"
    assert both.writes() == writes + 2, "the category on the right, by a person, and on the left, by us"


def test_whoever_edited_it_may_take_it_back(both: World) -> None:
    reviewed_by(both, Reviewer(status=CLOSED))
    both.edit("right", status="resolved")
    both.settle()
    both.edit("right", status="in_progress")
    both.settle()
    assert "status" not in both.copy("right").holds
    assert both.incident().fields["status"] == "in_progress"


def test_agreeing_takes_it_everywhere(both: World) -> None:
    reviewed_by(both, Reviewer(status=CLOSED))
    both.edit("right", status="resolved")
    both.settle()
    writes = both.writes()
    decide(both, "theirs")
    both.settle()
    assert both.shows("left", "status") == both.shows("right", "status") == "resolved"
    assert both.copy("right").holds == {}
    assert both.writes() == writes + 1, "it stood on the right already"


def test_keeping_the_incident_s_value_writes_it_back(both: World) -> None:
    reviewed_by(both, Reviewer(status=CLOSED))
    both.edit("right", status="resolved")
    both.settle()
    decide(both, "ours")
    both.settle()
    assert both.shows("right", "status") == both.shows("left", "status") == "in_progress"
    assert both.copy("right").holds == {}


@pytest.mark.parametrize(("then", "writes"), [("resolved", 1), ("closed", 2)])
def test_an_edit_in_tieline_decides_as_well(both: World, then: str, writes: int) -> None:
    reviewed_by(both, Reviewer(status=CLOSED))
    both.edit("right", status="resolved")
    both.settle()
    before = both.writes()
    Office(both.engine, OWN).perform(
        "edit", {"incident": "INC-1", "changes": {"status": then}}, actor="ann@example.com"
    )
    both.settle()
    assert both.shows("left", "status") == both.shows("right", "status") == then
    assert both.copy("right").holds == {}
    assert both.writes() == before + writes


def test_the_right_that_is_named_is_asked_of_whoever_settles(both: World) -> None:
    reviewed_by(both, Reviewer(status=Objection("only a commander closes", "incident.restrict")))
    both.edit("right", status="resolved")
    both.settle()
    with pytest.raises(NotAllowed):
        decide(both, "theirs")
    assert both.incident().fields["status"] == "in_progress"
    decide(both, "theirs", has=frozenset({"incident.restrict"}))
    assert both.incident().fields["status"] == "resolved"


def test_a_hold_survives_a_restart(both: World) -> None:
    reviewed_by(both, Reviewer(status=Objection("only a commander closes", "incident.restrict")))
    both.edit("right", status="resolved")
    both.settle()
    hold = both.copy("right").holds["status"]
    both.restart()
    both.settle()
    assert both.copy("right").holds["status"] == hold
    assert both.incident().fields["status"] == "in_progress"


def test_silence_is_no_consent(both: World) -> None:
    reviewed_by(both, Reviewer(), Broken())
    both.edit("right", status="resolved", title="Disk 1 full")
    both.settle()
    assert both.incident().fields["status"] == "in_progress"
    assert {*both.copy("right").holds} == {"status", "title"}
    assert "reviewer1 gave no answer" in both.copy("right").holds["title"].words


def test_tags_that_wait_are_told_whole_and_taken_as_they_were_merged(world: Callable[..., World]) -> None:
    both = world()
    both.tools["left"].make({"title": "Disk full", "status": "new", "tags": ["a"]})
    both.settle()
    reviewed_by(both, Reviewer(tags=Objection("tags are ours")))
    both.edit("right", tags=["a", "b"])
    both.edit("left", title="Disk 1 full")
    both.settle()
    assert both.shows("left", "tags") == ["a"]
    given = {"incident": "INC-1", "field": "tags", "connection": "right", "take": "theirs"}
    Office(both.engine, OWN).perform("conflicts settle", given, actor="ann@example.com")
    both.settle()
    assert both.shows("left", "tags") == both.shows("right", "tags") == ["a", "b"]


def test_nothing_is_asked_inside_of_a_transaction(both: World) -> None:
    store, open_ones = both.engine.store, []

    class Watching(Reviewer):
        @hookimpl
        def tieline_review(self, edited: Edited) -> Mapping[str, Objection]:
            with store.write():  # it would wait for itself for ever
                open_ones.append(edited.connection)
            return {}

    reviewed_by(both, Watching())
    both.edit("right", status="resolved")
    both.settle()
    assert open_ones == [ConnectionName("right")]
    assert both.shows("left", "status") == "resolved"


def test_what_waits_was_agreed_with_nobody(world: Callable[..., World], tmp_path: Path) -> None:
    (tmp_path / "manual.yaml").write_text("policy: {status: manual}\n", encoding="utf-8")
    both = world(options={"right": "overlay: manual.yaml"})
    both.tools["left"].make({"title": "Disk full", "status": "in_progress"})
    both.settle()
    reviewed_by(both, Reviewer(status=CLOSED))
    both.edit("right", status="resolved")
    both.settle()
    both.edit("right", status="closed")
    both.settle()
    hold = both.copy("right").holds["status"]
    assert (hold.kind, hold.theirs) == (Held.REVIEW, "closed"), "nobody edited it but on the right"
    assert both.copy("right").base["status"] == "in_progress"


@pytest.mark.parametrize("take", ["ours", "theirs"])
def test_what_the_tool_shows_of_it_is_known_once_it_is_settled(both: World, take: str) -> None:
    reviewed_by(both, Reviewer(status=CLOSED))
    both.edit("right", status="resolved")
    both.settle()
    copy = both.copy("right")
    with both.engine.store.write() as tx:
        whole = replace(copy.holds["status"], theirs="closed")
        loading.save_replica(tx, replace(copy, holds={"status": whole}))
    decide(both, take)
    assert both.copy("right").base["status"] == "resolved", "whatever it stands for in the incident's words"
