"""Announcements, from their draft to a page: in the words that somebody else approved, and in no others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.plugins.publishing.bench import COMMANDER, LAWYER, PUBLISHER, TEXT, WRITER, Bench

from tieline.core.access import Role
from tieline.core.acts import NotDone
from tieline.core.declared import WrongWords
from tieline.core.desk import Desk
from tieline.core.errors import NotAllowed, PluginFault
from tieline.core.identity import of_account
from tieline.core.model import Audience, IncidentId
from tieline.core.store import tables as t
from tieline.plugins.publishing.acts import Announcement, Publish
from tieline.plugins.publishing.tables import STOP, WORDS
from tieline.plugins.publishing.tables import WRITER as WRITER_ROWS
from tieline.sync import explain
from tieline.sync.office.office import offered
from tieline.sync.office.performing import perform
from tieline.sync.road import ceiling, clearance, commit
from tieline.sync.road.merge import Reason

OWNER = of_account("olga", "db1")
SHOWN = ("Payments fail", "investigating", TEXT)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def edit(bench: Bench, item: str, **fields: Any) -> None:
    """Change an item by whatever way there may be: the engine's own."""
    with bench.engine.store.write() as tx:
        found = explain.one_named(tx, item)
        commit.edit(tx, bench.engine, found.id, fields, actor="somebody", reason=Reason.EDITED)


# -- approved ----------------------------------------------------------------------------------------------------------


def test_nothing_is_shown_before_somebody_else_approves_these_words(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    bench.settle()
    asked = bench.do(PUBLISHER, "publishing publish", announcement=name)
    bench.settle()
    assert (bench.shown(), bench.fields(name)["status"]) == ([], "draft")
    assert "publishing.approve" in asked.sentence
    [waiting] = [one for one in bench.see("proposals", COMMANDER)["items"] if one["proposal"] == asked.proposal]
    [released] = [one for one in waiting["writes"] if one["does"] == "release"]
    assert (released["connection"], released["body"]["body"]) == ("page", TEXT)
    bench.approve(asked.proposal)
    bench.settle()
    assert (bench.shown(), bench.fields(name)["status"]) == ([SHOWN], "published")
    assert bench.page.mailed == [TEXT]


def test_the_history_says_who_wrote_it_who_approved_it_and_which_bytes(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    bench.publish(name)
    told = {one["kind"]: one for one in bench.entries(name)}
    assert [(kind, told[kind]["actor"]) for kind in ("publishing.written", "approved", "cleared")] == [
        ("publishing.written", "wil"),
        ("approved", "cat"),
        ("cleared", "pat"),
    ]
    with bench.engine.store.read() as connection:
        item = explain.one_named(connection, name)
        sent = clearance.sha(clearance.rendered(bench.engine.connections["page"], item.fields))  # type: ignore[index]
    assert told["cleared"]["facts"]["sha"] == sent
    assert len(told["cleared"]["facts"]["approved_by"]) == 1


def test_whoever_wrote_it_or_asked_for_it_does_not_approve_it(bench: Bench) -> None:
    for one in (WRITER, PUBLISHER):
        bench.grant(one, Role.COMMANDER)
    proposal = bench.ask(bench.draft(bench.incident()))
    for one in (WRITER, PUBLISHER):
        with pytest.raises(NotAllowed, match="its author may not"):
            bench.approve(proposal, one)
    bench.settle()
    assert bench.shown() == []


def test_who_may_not_publish_is_told_so_and_it_is_journalled(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    with pytest.raises(NotAllowed, match=r"publishing\.publish, which comes with communications"):
        bench.do(WRITER, "publishing publish", announcement=name)
    refused = bench.entries(name)[-1]
    assert (refused["kind"], refused["facts"]["act"]) == ("act_refused", "publishing publish")


def test_an_approver_whose_role_ended_approves_nothing(bench: Bench) -> None:
    proposal = bench.ask(bench.draft(bench.incident()))
    bench.grant(COMMANDER, Role.BUSINESS)
    bench.revoke(COMMANDER, Role.COMMANDER)
    with pytest.raises(NotAllowed, match="cat may not"):
        bench.approve(proposal)
    assert bench.shown() == []


def test_whoever_commands_the_incident_approves_what_is_announced_of_it_and_of_no_other(bench: Bench) -> None:
    mine, other = bench.incident(), bench.incident()
    commands = of_account("ian", "db1")
    bench.grant(OWNER, Role.ADMIN)
    bench.do(OWNER, "people add", incident=mine, person=commands.identity, relation="commander")
    asked, elsewhere = bench.ask(bench.draft(mine)), bench.ask(bench.draft(other))
    with pytest.raises(LookupError):
        bench.approve(elsewhere, commands)
    assert [one["proposal"] for one in bench.see("proposals", commands)["items"]] == [asked]
    bench.approve(asked, commands)
    bench.settle()
    assert bench.shown() == [SHOWN]
    bench.do(OWNER, "people remove", incident=mine, person=commands.identity, relation="commander")
    with pytest.raises(LookupError):
        bench.approve(bench.ask(bench.draft(mine)), commands)


def test_who_commands_and_asks_for_it_still_does_not_approve_it(bench: Bench) -> None:
    mine = bench.incident()
    bench.grant(OWNER, Role.ADMIN)
    bench.do(OWNER, "people add", incident=mine, person=PUBLISHER.identity, relation="commander")
    with pytest.raises(NotAllowed, match="its author may not"):
        bench.approve(bench.ask(bench.draft(mine)), PUBLISHER)


def test_an_edit_voids_what_was_asked_for(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    proposal = bench.ask(name)
    bench.do(WRITER, "publishing write", announcement=name, text="Everything is lost.")
    with pytest.raises(NotDone, match="what would be written now is not what was shown"):
        bench.approve(proposal)
    bench.settle()
    assert bench.shown() == []


def test_what_goes_on_with_the_incident_voids_nothing(bench: Bench) -> None:
    incident = bench.incident()
    proposal = bench.ask(bench.draft(incident))
    edit(bench, incident, description="db1 is being replaced")
    bench.approve(proposal)
    bench.settle()
    assert bench.shown() == [SHOWN]


@pytest.mark.parametrize("how", ["said", "tagged"])
def test_what_touches_the_law_takes_a_lawyer_as_well(bench: Bench, how: str) -> None:
    incident = bench.incident()
    if how == "tagged":
        edit(bench, incident, tags=("regulatory",))
    proposal = bench.ask(bench.draft(incident, legal=how == "said"))
    bench.approve(proposal)
    bench.settle()
    assert bench.shown() == []
    bench.approve(proposal, LAWYER)
    bench.settle()
    assert bench.shown() == [SHOWN]


def test_who_breaks_the_glass_publishes_at_once_and_is_reviewed(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    bench.grant(PUBLISHER, Role.SECURITY)
    bench.do(PUBLISHER, "publishing publish", announcement=name, break_glass="people lose money")
    bench.settle()
    assert bench.shown() == [SHOWN]
    [review] = bench.see("reviews", COMMANDER)["items"]
    assert review["act"] == "publishing publish"
    assert next(one for one in bench.entries(name) if one["kind"] == "cleared")["facts"]["approved_by"] == []


# -- refused by the engine ---------------------------------------------------------------------------------------------


def test_what_is_labelled_for_few_is_not_even_asked_for(bench: Bench) -> None:
    incident = bench.incident()
    name = bench.draft(incident)
    for label in ("amber+strict", "red", "amber"):
        edit(bench, incident, tlp=label)
        with pytest.raises(NotDone, match=f"is about what is TLP:{label.upper()}".replace("+", r"\+")):
            bench.ask(name)
    told = bench.entries(name)[-1]
    assert (told["kind"], told["facts"]["act"], told["actor"]) == ("withheld", "publishing publish", "pat")


@pytest.mark.parametrize("rises", ["label", "restriction"])
@pytest.mark.parametrize("later", [False, True])
def test_what_becomes_for_few_after_the_approval_does_not_leave(bench: Bench, rises: str, later: bool) -> None:
    incident = bench.incident()
    name = bench.draft(incident)
    if later:
        bench.publish(name)
        bench.do(WRITER, "publishing write", announcement=name, text="db1 leaks.")
    bench.approve(bench.ask(name))
    if rises == "label":
        edit(bench, incident, tlp="amber")
    else:
        bench.restrict(incident)
    bench.settle()
    assert bench.shown() == ([SHOWN] if later else [])
    [why] = bench.held()
    assert ("TLP:AMBER" if rises == "label" else "is restricted") in why
    assert [one["kind"] for one in bench.entries(name)].count("parked") == 1


def test_a_label_that_rises_while_the_page_is_written_holds_it_back(bench: Bench) -> None:
    incident = bench.incident()
    name = bench.draft(incident)
    bench.approve(bench.ask(name))
    here, lane = bench.engine.connections["page"], bench.lanes[1]  # type: ignore[index]
    asked = bench.engine.registry.refused_fields

    def slow(*args: Any, **options: Any) -> frozenset[str]:
        edit(bench, incident, tlp="red")  # after the first look at it, and before what is sent is told
        return asked(*args, **options)

    object.__setattr__(bench.engine.registry, "refused_fields", slow)
    bench.clock.advance(1)
    while lane.step():
        pass
    assert (bench.shown(), here.name) == ([], "page")
    assert "TLP:RED" in bench.held()[0]


def test_words_that_nobody_approved_do_not_leave_whoever_wrote_them(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    bench.publish(name)
    edit(bench, name, description="We are sorry: everything is lost.")
    bench.settle()
    assert bench.shown() == [SHOWN]
    assert "nobody has approved these words" in bench.held()[0]
    edit(bench, name, description=TEXT)
    bench.settle()
    assert bench.page.mailed == [TEXT]


def test_what_was_approved_before_is_approved_no_more_once_something_else_was(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    bench.publish(name)
    bench.publish(name, "correct", text="It is the certificate.")
    edit(bench, name, description=TEXT)
    bench.settle()
    assert bench.shown() == [("Payments fail", "investigating", "It is the certificate.")]


def test_only_what_everybody_may_read_is_written(bench: Bench) -> None:
    incident = bench.incident(description="the key is hunter2")
    name = bench.draft(incident)
    bench.publish(name)
    assert "hunter2" not in str(bench.page.incidents)
    assert incident not in str(bench.page.incidents)
    here = bench.engine.connections["page"]  # type: ignore[index]
    assert {*ceiling.may_leave(bench.engine, here, bench.fields(name))} == {
        *("title", "description", "phase", "disruption")
    }


def test_no_act_has_anything_be_read_outside_without_asking(bench: Bench) -> None:
    name = bench.draft(bench.incident())

    def hasty(desk: Desk, ask: Publish) -> Announcement:
        """Show an announcement and ask nobody."""
        desk.release(desk.item(ask.announcement), {"title": "Payments fail", "description": TEXT})
        return Announcement(announcement=ask.announcement, words="it is shown")

    act = replace(offered(bench.engine)["publishing publish"], run=hasty)
    with pytest.raises(PluginFault, match="asked nobody first"):
        perform(bench.engine, act, act.told({"announcement": name}), bench.asker(PUBLISHER))
    bench.settle()
    assert bench.shown() == []


def test_nothing_is_announced_of_what_is_restricted(bench: Bench) -> None:
    incident = bench.incident()
    bench.restrict(incident)
    bench.grant(WRITER, Role.SECURITY)
    with pytest.raises(NotDone, match="nothing is announced of it"):
        bench.draft(incident)


def test_a_comment_does_not_reach_what_is_read_outside(bench: Bench) -> None:
    incident = bench.incident()
    desk = bench.engine.connections["desk"]  # type: ignore[index]
    desk.config = replace(desk.config, kind=replace(desk.kind, readers=Audience.PUBLIC))
    bench.do(WRITER, "comment", incident=incident, body="the key is hunter2")
    bench.settle()
    assert "hunter2" not in str(bench.tool.rows())
    assert "a comment is nothing that was approved for that" in bench.held()[0]


# -- stopped -----------------------------------------------------------------------------------------------------------


def test_after_a_stop_nothing_leaves_that_was_approved_before(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    bench.approve(bench.ask(name))
    bench.do(PUBLISHER, "publishing stop", why="somebody has stolen a session")
    bench.settle()
    assert bench.shown() == []
    assert "all that is read outside was stopped" in bench.held()[0]
    assert bench.see("publishing show", announcement=name)["stopped"] == "somebody has stolen a session"
    bench.restart()
    bench.settle()
    assert bench.shown() == []
    bench.do(COMMANDER, "publishing resume")
    bench.settle()
    assert (bench.shown(), bench.held()) == ([SHOWN], [])


def test_while_it_is_stopped_nothing_is_asked_for_or_approved(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    proposal = bench.ask(name)
    bench.do(PUBLISHER, "publishing stop", why="a leak")
    with pytest.raises(NotDone, match="nothing is published: a leak"):
        bench.approve(proposal)
    with pytest.raises(NotDone, match="nothing is published: a leak"):
        bench.ask(name)
    with pytest.raises(NotAllowed, match=r"publishing\.resume"):
        bench.do(PUBLISHER, "publishing resume")
    with pytest.raises(NotDone, match="already"):
        bench.do(PUBLISHER, "publishing stop", why="a leak")


def test_while_it_is_stopped_what_stands_there_is_withdrawn_in_the_fixed_words(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    bench.publish(name)
    bench.approve(bench.ask(name, "correct", text="It is the certificate."))
    bench.do(PUBLISHER, "publishing stop", why="somebody has stolen a session")
    bench.settle()
    assert (bench.shown(), len(bench.held())) == ([SHOWN], 1)
    with pytest.raises(NotDone, match="it can be withdrawn without a reason"):
        bench.ask(name, "retract", why="db1 was broken into")
    bench.approve(bench.ask(name, "retract"))
    bench.settle()
    assert bench.shown() == [("Payments fail", "resolved", "This announcement is withdrawn.")]
    assert bench.held() == []
    bench.do(COMMANDER, "publishing resume")
    bench.settle()
    assert bench.page.mailed == [TEXT, "This announcement is withdrawn."]


def test_while_it_is_stopped_no_other_word_leaves_with_what_is_withdrawn(bench: Bench) -> None:
    said, titled, never = (bench.draft(bench.incident(), title=title) for title in ("One", "Two", "Three"))
    for name in (said, titled):
        bench.publish(name)
    bench.approve(bench.ask(said, "retract", why="db1 was broken into"))
    bench.approve(bench.ask(never))
    bench.do(PUBLISHER, "publishing stop", why="a leak")
    edit(bench, titled, title="db1 was broken into")
    for name in (titled, never):
        bench.approve(bench.ask(name, "retract"))
    bench.settle()
    bench.settle(5, 120)
    assert {one[0]: one[2] for one in bench.shown()} == {"One": TEXT, "Two": TEXT}
    assert ["was stopped" in why for why in bench.held()] == [True, True]
    bench.approve(bench.ask(said, "retract"))
    bench.settle()
    assert {one[0]: one[2] for one in bench.shown()} == {"One": "This announcement is withdrawn.", "Two": TEXT}


# -- later -------------------------------------------------------------------------------------------------------------


def test_an_embargo_ends_at_its_time_and_not_before(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    bench.publish(name, at=bench.later(hours=2).isoformat())
    assert (bench.shown(), bench.fields(name)["status"]) == ([], "scheduled")
    bench.restart()
    bench.settle(3, 3600)
    assert (bench.shown(), bench.fields(name)["status"]) == ([SHOWN], "published")
    assert bench.page.mailed == [TEXT]


@pytest.mark.parametrize("how", ["written", "dropped", "labelled", "stopped"])
def test_at_the_end_of_an_embargo_what_is_not_approved_any_more_stays(bench: Bench, how: str) -> None:
    incident = bench.incident()
    name = bench.draft(incident)
    bench.publish(name, at=bench.later(hours=2).isoformat())
    match how:
        case "written":
            bench.do(WRITER, "publishing write", announcement=name, text="Other words.")
            bench.do(WRITER, "publishing write", announcement=name, text=TEXT)
        case "dropped":
            bench.do(PUBLISHER, "publishing retract", announcement=name, why="no longer true")
        case "labelled":
            edit(bench, incident, tlp="red")
        case _:
            bench.do(PUBLISHER, "publishing stop", why="a leak")
    bench.settle(3, 3600)
    assert bench.shown() == []
    if how in ("written", "dropped"):
        edit(bench, name, status="published", description=TEXT, phase="investigating", disruption="minor")
        bench.settle()
        assert bench.shown() == []


def test_an_embargo_on_a_correction_leaves_what_is_shown(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    bench.publish(name)
    bench.do(WRITER, "publishing write", announcement=name, text="It works again.", phase="resolved")
    bench.publish(name, at=bench.later(hours=2).isoformat())
    assert bench.shown() == [SHOWN]
    bench.settle(3, 3600)
    assert bench.shown() == [("Payments fail", "resolved", "It works again.")]
    assert bench.page.mailed == [TEXT, "It works again."]


def test_no_embargo_lies_in_the_past(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    with pytest.raises(NotDone, match="is over; name a time that comes"):
        bench.ask(name, at=bench.later(hours=-1).isoformat())
    proposal = bench.ask(name, at=bench.later(minutes=5).isoformat())
    bench.clock.advance(600)
    with pytest.raises(NotDone, match="is over; name a time that comes"):
        bench.approve(proposal)


# -- corrected and withdrawn -------------------------------------------------------------------------------------------


def test_a_correction_is_approved_like_anything_else(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    bench.publish(name)
    proposal = bench.ask(name, "correct", text="It is the certificate.", phase="identified")
    bench.settle()
    assert bench.shown() == [SHOWN]
    bench.approve(proposal)
    bench.settle()
    assert bench.shown() == [("Payments fail", "identified", "It is the certificate.")]
    assert bench.page.mailed == [TEXT, "It is the certificate."]


def test_a_correction_is_shown_although_the_clock_was_set_back_since_the_words_before(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    bench.publish(name)
    bench.clock.step(-7200)
    bench.approve(bench.ask(name, "correct", text="It is the certificate."))
    bench.clock.step(7200)
    bench.settle()
    assert (bench.page.mailed, bench.held()) == ([TEXT, "It is the certificate."], [])


def test_what_is_to_be_shown_at_once_is_although_the_clock_is_set_back(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    proposal = bench.ask(name)
    bench.approve(proposal)
    bench.clock.step(-7200)
    bench.settle()
    assert (bench.shown(), bench.held()) == ([SHOWN], [])


def test_a_correction_that_was_asked_for_is_void_once_somebody_writes(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    bench.publish(name)
    proposal = bench.ask(name, "correct", text="It is the certificate.")
    bench.do(WRITER, "publishing write", announcement=name, text="It is db1.")
    with pytest.raises(NotDone, match="words that nobody is shown yet"):
        bench.approve(proposal)
    assert bench.see("publishing show", announcement=name)["fields"][1]["written"] == "It is db1."


def test_what_is_withdrawn_says_so_where_it_is_shown(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    bench.publish(name)
    bench.publish(name, "retract", why="It was another service")
    assert bench.shown() == [("Payments fail", "resolved", "This announcement is withdrawn: It was another service")]
    assert bench.fields(name)["status"] == "retracted"
    with pytest.raises(NotDone, match="was withdrawn; draft another one"):
        bench.do(WRITER, "publishing write", announcement=name, text="It works.")


def held_of(bench: Bench, name: str) -> list[str]:
    return [one for one in bench.held() if name in one]


def become_for_few(bench: Bench, incident: str, how: str) -> None:
    if how != "restricted":
        edit(bench, incident, tlp=how)
        return
    bench.restrict(incident)
    for one in (PUBLISHER, COMMANDER):  # what is announced of it is restricted with it
        bench.grant(one, Role.SECURITY)


@pytest.mark.parametrize("how", ["amber", "red", "restricted"])
def test_what_is_for_few_by_now_is_withdrawn_in_the_fixed_words(bench: Bench, how: str) -> None:
    incident = bench.incident()
    name = bench.draft(incident)
    bench.publish(name)
    become_for_few(bench, incident, how)
    proposal = bench.ask(name, "retract")
    bench.settle()
    assert bench.shown() == [SHOWN]
    bench.approve(proposal)
    bench.settle()
    assert bench.shown() == [("Payments fail", "resolved", "This announcement is withdrawn.")]
    assert held_of(bench, name) == []
    assert bench.page.mailed == [TEXT, "This announcement is withdrawn."]


def test_who_breaks_the_glass_withdraws_at_once_what_is_for_few_by_now(bench: Bench) -> None:
    incident = bench.incident()
    name = bench.draft(incident)
    bench.publish(name)
    become_for_few(bench, incident, "restricted")
    bench.do(PUBLISHER, "publishing retract", announcement=name, break_glass="nobody is awake")
    bench.settle()
    assert bench.shown() == [("Payments fail", "resolved", "This announcement is withdrawn.")]
    assert [one["act"] for one in bench.see("reviews", COMMANDER)["items"]] == ["publishing retract"]


def test_of_what_is_for_few_by_now_no_reason_is_told(bench: Bench) -> None:
    incident = bench.incident()
    name = bench.draft(incident)
    bench.publish(name)
    edit(bench, incident, tlp="red")
    with pytest.raises(NotDone, match=r"is about what is TLP:RED.*it can be withdrawn without a reason"):
        bench.ask(name, "retract", why="db1 was broken into")
    with pytest.raises(NotDone, match="is about what is TLP:RED"):
        bench.ask(name, "correct", text="This announcement is withdrawn.")
    bench.settle()
    assert bench.shown() == [SHOWN]


def test_of_what_is_for_few_nothing_is_withdrawn_where_it_never_stood(bench: Bench) -> None:
    incident = bench.incident()
    name = bench.draft(incident)
    bench.approve(bench.ask(name))
    edit(bench, incident, tlp="red")
    bench.settle()
    bench.approve(bench.ask(name, "retract"))
    bench.settle()
    bench.settle(5, 120)
    assert bench.page.incidents == []


def test_with_what_is_withdrawn_of_what_is_for_few_no_other_word_leaves(bench: Bench) -> None:
    incident = bench.incident()
    name = bench.draft(incident)
    bench.publish(name)
    edit(bench, incident, tlp="red")
    edit(bench, name, title="db1 was broken into")
    bench.approve(bench.ask(name, "retract"))
    bench.settle()
    assert bench.shown() == [SHOWN]
    assert "is about what is TLP:RED" in held_of(bench, name)[0]


def test_what_was_never_shown_is_dropped_without_asking_anybody(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    bench.do(PUBLISHER, "publishing retract", announcement=name, why="a false alarm")
    bench.settle()
    assert (bench.shown(), bench.fields(name)["status"]) == ([], "retracted")


# -- the page ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_nobody_knows_the_outcome_of_is_never_told_twice(bench: Bench, method: str, after_effect: bool) -> None:
    name = bench.draft(bench.incident())
    told = [TEXT]
    if method == "PATCH":
        bench.publish(name)
        bench.page.lose(method=method, after_effect=after_effect)
        bench.publish(name, "correct", text="It is the certificate.")
        told = [TEXT, "It is the certificate."]
    else:
        bench.page.lose(method=method, after_effect=after_effect)
        bench.publish(name)
    bench.settle(8)
    assert bench.page.mailed == told
    assert bench.shown() == [("Payments fail", "investigating", told[-1])]


def test_what_the_page_does_late_is_waited_for_and_not_told_twice(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    bench.publish(name)
    bench.page.lose(method="PATCH", after_effect=False)
    bench.approve(bench.ask(name, "correct", text="It is the certificate."))
    bench.settle(5, 4)
    bench.page.change(bench.page.incidents[0]["id"], {"status": "investigating", "body": "It is the certificate."})
    bench.settle(4)
    assert bench.page.mailed == [TEXT, "It is the certificate."]


def test_what_somebody_writes_on_the_page_itself_is_held_and_told(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    bench.publish(name)
    bench.page.change(bench.page.incidents[0]["id"], {"status": "resolved", "body": "All good!!"})
    bench.settle()
    assert bench.fields(name)["phase"] == "investigating"
    held = bench.see("conflicts")["items"]
    assert {one["field"] for one in held} == {"phase", "description"}
    assert bench.shown() == [("Payments fail", "resolved", "All good!!")]


@pytest.mark.parametrize(("status", "words"), [(401, "credentials were refused"), (404, "404")])
def test_a_page_that_refuses_us_or_is_not_there_is_told_and_what_is_approved_waits(
    bench: Bench, status: int, words: str
) -> None:
    name = bench.draft(bench.incident())
    bench.page.fail(status, path="/pages/", times=10_000)
    bench.publish(name)
    with bench.engine.store.read() as connection:
        told = explain.status(connection, bench.clock.now())["connections"]["page"]
    assert words in str(told)
    bench.page.faults.clear()
    bench.settle(6, 120)
    assert (bench.shown(), bench.page.mailed) == ([SHOWN], [TEXT])


# -- bad words ---------------------------------------------------------------------------------------------------------


def test_words_that_cannot_be_shown_are_refused(bench: Bench) -> None:
    incident = bench.incident()
    wrong: tuple[dict[str, Any], ...] = (
        {"text": ""},
        {"text": " \n "},
        {"text": "x" * 25_001},
        {"title": "x" * 256},
        {"title": "  "},
        {"phase": "over"},
    )
    for words in wrong:
        with pytest.raises(WrongWords):
            bench.draft(incident, **words)


def test_hostile_words_are_shown_as_they_were_approved(bench: Bench) -> None:
    text = "<script>alert(1)</script> {{7*7}} **bold** \u202eexe {why} $(reboot)\n\n- one\n- two 🔥"
    name = bench.draft(bench.incident(), text=text, title="{why} <b>fails</b>")
    bench.publish(name)
    assert bench.shown() == [("{why} <b>fails</b>", "investigating", text)]
    bench.publish(name, "retract", why="{title} & <i>more</i>")
    assert bench.shown()[0][2] == "This announcement is withdrawn: {title} & <i>more</i>"
    assert bench.held() == []


def test_nothing_is_told_to_be_over_of_which_nobody_was_told(bench: Bench) -> None:
    with pytest.raises(NotDone, match="of which nobody was told"):
        bench.ask(bench.draft(bench.incident(), phase="resolved"))


def test_without_a_page_there_is_nothing_to_approve(bench: Bench) -> None:
    name = bench.draft(bench.incident())
    bench.engine.connections.pop("page")  # type: ignore[attr-defined]
    with pytest.raises(NotDone, match="no connection shows"):
        bench.ask(name)


def test_what_is_forgotten_is_approved_no_more(bench: Bench) -> None:
    from tieline.core.store import forgetting

    name = bench.draft(bench.incident())
    bench.publish(name)
    with bench.engine.store.write() as tx:
        item = explain.one_named(tx, name)
        forgetting.forget(tx, [item.id])
        assert tx.execute(t.release.select().where(t.release.c.incident_id == IncidentId(item.id))).first() is None


def test_what_is_made_anew_from_the_journal_is_what_was_there(bench: Bench) -> None:
    def rows() -> list[list[Any]]:
        with bench.engine.store.read() as connection:
            return [sorted(map(tuple, connection.execute(select(one)).all())) for one in (WORDS, WRITER_ROWS, STOP)]

    bench.grant(COMMANDER, Role.ADMIN)
    shown, dropped = (bench.draft(bench.incident()) for _ in range(2))
    bench.publish(shown)
    bench.do(PUBLISHER, "publishing write", announcement=shown, text="It works again.")
    bench.publish(shown, at=bench.later(hours=1).isoformat())
    bench.do(PUBLISHER, "publishing retract", announcement=dropped, why="a false alarm")
    bench.do(PUBLISHER, "publishing stop", why="a leak")
    live = rows()
    bench.do(COMMANDER, "plugin rebuild", plugin="publishing")
    bench.settle()
    assert rows() == live
    assert [len(one) for one in live] == [2, 3, 1]
