"""Every ticket shows which alerts fire now: in place, bounded, at a cadence, and beside what people write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.sync.office import Office
from tests.sync.test_following import fire

from tieline.adapters.memory.faults import Fault
from tieline.adapters.servicenow.wire import Wire
from tieline.core.errors import Rejected
from tieline.core.model import Audience, ConnectionName
from tieline.core.options import SignalsConfig
from tieline.core.port import Ref
from tieline.core.store import tables as t
from tieline.mappings.board import ALERTS, BEGIN, joined, split
from tieline.mappings.document import Shown
from tieline.mappings.mapping import compile_mapping
from tieline.sync import explain, limits
from tieline.sync.alerts import board
from tieline.sync.alerts.board import Alert
from tieline.sync.comments import comments
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason

EVERY = SignalsConfig().tell_every


def alert(title: str, severity: str | None = "high") -> Alert:
    grade = {} if severity is None else {"severity": severity}
    return Alert({"title": title, "started_at": "2026-11-23T10:00:59.000000Z"}, grade)


def test_the_words_say_how_many_fire_the_worst_of_them_and_how_many_more() -> None:
    shown = [alert("Down", "critical"), alert("a *strange* [one](x)\nin two lines"), alert("Odd", None)]
    assert board.rendered(shown, 40, 2) == (
        "40 alerts fire now, 2 have ended:\n\n"
        "- **critical** Down, since 2026-11-23 10:00 UTC\n"
        "- **high** a \\*strange\\* [one\\](x) in two lines, since 2026-11-23 10:00 UTC\n"
        "- **unknown** Odd, since 2026-11-23 10:00 UTC\n"
        "- and 37 more"
    )
    assert board.rendered([], 0, 7) == "No alert fires now."
    assert board.rendered([alert("x" * 500)], 1, 1, ["It flaps."]).endswith("UTC\n\nIt flaps.")
    assert len(board.rendered([alert("x" * 500)], 1, 0)) < 200


def test_alerts_of_one_name_are_told_apart_by_what_they_are_labelled_with() -> None:
    ones = [replace(alert("Disk *full*"), labels={"job": "node", "instance": f"db{one}"}) for one in (1, 2)]
    said = board.rendered([*ones, replace(alert("Down"), labels={"instance": "db3"})], 3, 0)
    assert said.split("\n")[2:] == [
        "- **high** Disk \\*full\\* (instance=db1), since 2026-11-23 10:00 UTC",
        "- **high** Disk \\*full\\* (instance=db2), since 2026-11-23 10:00 UTC",
        "- **high** Down, since 2026-11-23 10:00 UTC",
    ]


def test_what_the_ticket_of_one_alert_says_already_needs_no_comment() -> None:
    alone = board.rendered([alert("Down")], 1, 0)
    assert not board.says_more(alone)
    assert not board.says_more(None)
    for more in (
        board.rendered([alert("Down")], 1, 0, ["It flaps."]),
        board.rendered([alert("Down")], 1, 1),
        board.rendered([alert("Down"), alert("Slow")], 2, 0),
        board.rendered([], 0, 1),
    ):
        assert board.says_more(more)


def test_alerts_that_open_an_incident_together_are_shown_worst_first() -> None:
    found = board.first([alert("a", "low"), alert("b", "critical"), alert("c", None)], 2)
    assert found.split("\n")[2:] == [
        "- **critical** b, since 2026-11-23 10:00 UTC",
        "- **low** a, since 2026-11-23 10:00 UTC",
        "- and 1 more",
    ]


# -- in the tickets ------------------------------------------------------------------------------------------------


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Office]:
    one = Office(tmp_path, "memory", "servicenow")
    one.settle(1)
    yield one
    one.close()


def text_in(office: Office, tool: str) -> str:
    if tool == "servicenow":
        record: Any = office.tools[tool].control("get", {"record": office.copy(tool).ref})
        return str(record["description"])
    [row] = office.tools[tool].rows()
    return str(row.body["description"])


def shown(office: Office) -> set[str]:
    """What the blocks say, without emphasis."""
    return {str(split(text_in(office, tool))[1]).replace("**", "") for tool in office.tools}


def heading(office: Office) -> set[str]:
    return {said.split("\n", 1)[0] for said in shown(office)}


def wait(office: Office, length: timedelta = EVERY) -> None:
    office.clock.advance(length.total_seconds())
    office.tick()


def rewrite(office: Office, tool: str, text: str) -> None:
    """Somebody edits the description over there."""
    if tool == "servicenow":
        ref = office.copy(tool).ref
        office.tools[tool].control("edit", {"record": ref, "fields": {"description": text}})
    else:
        office.tools[tool].edit(office.copy(tool).ref, description=text)


def test_a_ticket_shows_from_the_beginning_which_alerts_fire(desk: Office) -> None:
    fire(desk, "a", "warning")
    fire(desk, "b", "critical")
    desk.notify()
    desk.settle()
    [said] = shown(desk)
    assert said.split("\n")[0] == "2 alerts fire now:"
    assert [line.split(",")[0] for line in said.split("\n")[2:]] == [
        "- critical DiskFull: Disk of b is full",
        "- medium DiskFull: Disk of a is full",
    ]
    assert len(desk.writes("servicenow")) == 1, "it came with the ticket"


def full(office: Office, instance: str) -> Ref:
    """An alert of a rule whose summary is the same for all."""
    labels = {"alertname": "DiskFull", "service": "shop", "severity": "warning", "instance": instance}
    return office.alerts.fire(labels, {"summary": "a disk is full"}).ref


def lines_of(office: Office) -> list[str]:
    [said] = shown(office)
    return sorted(line.split(", since")[0] for line in said.split("\n")[2:])


def test_alerts_of_one_rule_are_told_apart_in_the_tickets_and_a_repeat_writes_nothing(desk: Office) -> None:
    for instance in ("db1", "db2"):
        full(desk, instance)
    desk.notify()
    desk.settle()
    wanted = [f"- medium DiskFull: a disk is full (instance={one})" for one in ("db1", "db2")]
    assert lines_of(desk) == wanted
    before = len(desk.writes())
    for _ in range(3):
        desk.notify()
        wait(desk)
    assert len(desk.writes()) == before
    full(desk, "db3")
    desk.notify()
    desk.settle()
    wait(desk)
    assert lines_of(desk) == [*wanted, "- medium DiskFull: a disk is full (instance=db3)"]


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ("{labels: {tags: red}}", False),
        ("{connections: {servicenow: {fields: [title, description, alerts]}}}", False),
        ("{connections: {servicenow: {fields: [title, description]}}}", True),
        ("{labels: {alerts: red, tags: red}}", True),
        ("{labels: {title: red}}", True),
    ],
)
def test_labels_that_are_kept_from_a_tool_are_in_no_words_for_it(tmp_path: Path, kept: str, told: bool) -> None:
    office = Office(tmp_path, "servicenow", plugins=f"{{grouping: {{}}, severity: {{}}, disclosure: {kept}}}")
    for instance in ("db1", "db2"):
        full(office, instance)
    office.settle()
    assert ("instance=db2" in str(office.incident().fields["alerts"])) is told
    office.close()


def test_joins_and_ends_are_told_at_a_cadence_and_in_place(desk: Office) -> None:
    fire(desk, "a", "critical")
    desk.settle()
    assert heading(desk) == {"One alert fires now:"}
    others = []
    for instance in "bcdefgh":
        others.append(fire(desk, instance, "warning"))
        desk.notify()
        desk.take_turns()
    assert heading(desk) == {"One alert fires now:"}, "it is not told one by one"
    before = len(desk.writes("servicenow"))
    wait(desk)
    assert heading(desk) == {"8 alerts fire now:"}
    for ref in others[:3]:
        desk.alerts.resolve(ref)
        desk.notify()
        desk.take_turns()
    wait(desk)
    assert heading(desk) == {"5 alerts fire now, 3 have ended:"}
    assert len(desk.writes("servicenow")) == before + 2
    assert {text_in(desk, tool).count(BEGIN) for tool in desk.tools} == {1}
    wait(desk, timedelta(hours=1))
    assert len(desk.writes("servicenow")) == before + 2, "when nothing changes, nothing is written"


def test_a_storm_of_one_group_is_one_write_a_cadence_and_rows_are_bounded(desk: Office) -> None:
    fire(desk, "a", "critical")
    desk.settle()
    before = len(desk.writes("servicenow"))
    for number in range(120):
        fire(desk, f"n{number}", "warning")
        if number % 10 == 9:
            desk.notify()
            desk.take_turns()
    wait(desk)
    [said] = shown(desk)
    assert said.startswith("121 alerts fire now:") and said.endswith("- and 111 more")
    assert said.split("\n")[2].startswith("- critical")
    assert len(desk.writes("servicenow")) == before + 1


def test_what_is_written_anyway_brings_the_words_along(desk: Office) -> None:
    over = fire(desk, "a", "warning")
    desk.settle()
    fire(desk, "b", "critical")
    desk.notify()
    desk.take_turns()
    before = len(desk.writes("servicenow"))
    assert heading(desk) == {"2 alerts fire now:"}, "the severity rose"
    wait(desk)
    assert len(desk.writes("servicenow")) == before
    assert over


def test_the_end_of_the_last_alert_is_one_write(desk: Office) -> None:
    over = fire(desk, "a", "warning")
    desk.settle()
    before = len(desk.writes("servicenow"))
    desk.alerts.resolve(over)
    desk.settle()
    assert heading(desk) == {"No alert fires now."}
    assert desk.incident().fields["status"] == "resolved"
    wait(desk, 3 * EVERY)
    assert len(desk.writes("servicenow")) == before + 1


@pytest.mark.parametrize("tool", ["memory", "servicenow"])
def test_what_people_write_around_the_block_survives_it_and_travels_without_it(desk: Office, tool: str) -> None:
    fire(desk, "a", "warning")
    desk.settle()
    other = next(one for one in desk.tools if one != tool)
    text, said = split(text_in(desk, tool))
    rewrite(desk, tool, f"Ann was here.\n\n{joined(text, said)}\n\nAnd Bob below.")
    desk.settle()
    assert desk.incident().fields["description"] == "Ann was here.\n\nAnd Bob below."
    assert split(text_in(desk, other))[0] == "Ann was here.\n\nAnd Bob below."
    fire(desk, "b", "warning")
    desk.settle(6)
    assert heading(desk) == {"2 alerts fire now:"}
    assert text_in(desk, tool).startswith("Ann was here.\n\n---"), "the block stands where it stood"
    assert text_in(desk, tool).endswith("---\n\nAnd Bob below.")


@pytest.mark.parametrize("tool", ["memory", "servicenow"])
def test_what_is_written_into_the_block_is_nobodys_edit_and_is_written_over(desk: Office, tool: str) -> None:
    fire(desk, "a", "warning")
    desk.settle()
    before = text_in(desk, tool)
    rewrite(desk, tool, before.replace("One alert fires now:", "Everything is fine!"))
    desk.settle()
    assert text_in(desk, tool) == before
    assert desk.incident().fields.get("description") is None
    assert "fine" not in str(desk.incident().fields["alerts"])
    with desk.engine.store.read() as connection:
        assert explain.parked(connection) == []


@pytest.mark.parametrize("tool", ["memory", "servicenow"])
def test_a_block_that_somebody_took_out_comes_back_and_their_text_stays(desk: Office, tool: str) -> None:
    fire(desk, "a", "warning")
    desk.settle()
    rewrite(desk, tool, "Only my own words.")
    desk.settle()
    assert split(text_in(desk, tool))[0] == "Only my own words."
    assert heading(desk) == {"One alert fires now:"}
    assert desk.incident().fields["description"] == "Only my own words."


@pytest.mark.parametrize("tool", ["memory", "servicenow"])
def test_people_who_write_the_text_anew_again_and_again_fight_against_nobody(desk: Office, tool: str) -> None:
    fire(desk, "a", "warning")
    desk.settle()
    for number in range(limits.BREAKER_WRITES + 2):
        rewrite(desk, tool, f"Ann's words, version {number}.")
        desk.settle(2)
    assert heading(desk) == {"One alert fires now:"}
    assert desk.incident().fields["description"] == f"Ann's words, version {limits.BREAKER_WRITES + 1}."
    with desk.engine.store.read() as connection:
        assert explain.parked(connection) == []


@pytest.mark.parametrize("tool", ["memory", "servicenow"])
def test_a_rule_that_takes_the_block_out_again_and_again_is_stopped_and_named(desk: Office, tool: str) -> None:
    fire(desk, "a", "warning")
    desk.settle()
    rewrite(desk, tool, "Ann's words.")
    for _ in range(limits.BREAKER_WRITES + 1):
        desk.settle(2)
        rewrite(desk, tool, "Ann's words.")
    desk.settle()
    with desk.engine.store.read() as connection:
        [parked] = explain.parked(connection)
    assert "alerts was set to" in parked.sentence


def test_an_edit_of_the_text_just_before_its_block_is_written_is_not_lost(
    desk: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ServiceNow refuses no write on an old version: its history is asked what the write replaced."""
    fire(desk, "a", "warning")
    desk.settle()
    fire(desk, "b", "warning")
    desk.notify()
    desk.take_turns()
    patch = Wire.patch

    def just_before(*args: Any, **others: Any) -> Any:
        monkeypatch.undo()
        rewrite(desk, "servicenow", f"Ann's words\n\n{text_in(desk, 'servicenow')}")
        return patch(*args, **others)

    monkeypatch.setattr(Wire, "patch", just_before)
    wait(desk)
    desk.settle()
    assert desk.incident().fields["description"] == "Ann's words"
    assert {split(text_in(desk, tool))[0] for tool in desk.tools} == {"Ann's words"}
    assert heading(desk) == {"2 alerts fire now:"}


def test_the_ticket_says_that_somebody_resolved_what_still_fires(desk: Office) -> None:
    fire(desk, "a", "warning")
    desk.settle()
    desk.decide("resolved")
    desk.tick()
    [said] = shown(desk)
    assert "Somebody said that this is over, and it fires. It is raised again at 2026-" in said
    wait(desk, timedelta(minutes=31))
    [said] = shown(desk)
    assert "over" not in said
    assert desk.incident().fields["status"] == "new"


def test_the_ticket_says_that_its_alert_flaps(desk: Office) -> None:
    for _ in range(3):
        ref = fire(desk, "a", "warning")
        desk.notify()
        desk.take_turns()
        desk.clock.advance(20)
        desk.alerts.resolve(ref)
        desk.notify()
        desk.take_turns()
        desk.clock.advance(20)
    wait(desk)
    [said] = shown(desk)
    assert "It flaps (2 times): what it does is followed from" in said


# -- in a comment --------------------------------------------------------------------------------------------------


COMMENTING = ["jira", "jira-jsm", "jira-dc", "pagerduty"]


@pytest.fixture(params=COMMENTING)
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Office, str]]:
    one = Office(tmp_path, request.param)
    one.settle(1)
    yield one, request.param
    one.close()


def told_on(office: Office, tool: str) -> list[str]:
    """The words of every comment on the record."""
    here = office.engine.connections[ConnectionName(tool)]
    source: Any = here.source
    return [here.mapping.from_text(one.body) for one in source.comments(office.copy(tool).ref)]


def test_one_comment_of_ours_shows_them_and_is_edited(room: tuple[Office, str]) -> None:
    office, tool = room
    fire(office, "a", "critical")
    office.settle()
    assert told_on(office, tool) == [], "the ticket of one alert says so already"
    others = [fire(office, instance, "warning") for instance in "bcd"]
    office.notify()
    office.take_turns()
    wait(office)
    [said] = told_on(office, tool)
    assert "4 alerts fire now:" in said and "Disk of a is full" in said
    for ref in others:
        office.alerts.resolve(ref)
    office.notify()
    office.take_turns()
    wait(office)
    [said] = told_on(office, tool)
    assert "One alert fires now, 3 have ended:" in said
    before = len(office.writes())
    office.settle(20)
    assert len(office.writes()) == before, "when nothing changes, nothing is written"
    with office.engine.store.read() as connection:
        assert explain.parked(connection) == []
        assert connection.execute(select(func.count()).select_from(t.comment)).scalar_one() == 0, "it is nobody's words"


def test_people_comment_beside_it(room: tuple[Office, str]) -> None:
    office, tool = room
    fire(office, "a", "critical")
    fire(office, "b", "critical")
    office.notify()
    office.settle()
    assert len(told_on(office, tool)) == 1
    with office.engine.store.write() as tx:
        comments.write(tx, office.engine, office.incident().id, "ann", "I am on it", Audience.STAFF)
    office.settle()
    over = fire(office, "c", "critical")
    office.settle()
    said = told_on(office, tool)
    assert len(said) == 2
    assert sorted("alerts fire now" in one for one in said) == [False, True]
    assert over


def test_an_answer_that_was_lost_makes_no_second_comment(tmp_path: Path) -> None:
    office = Office(tmp_path, "memory", "second")
    office.settle(1)
    pinned(office)
    fire(office, "a", "critical")
    office.settle()
    fire(office, "b", "critical")
    office.notify()
    office.take_turns()
    office.tools["memory"].faults.queue.append(Fault(only_writes=True, after_effect=True))
    wait(office)
    office.settle(20)
    [row] = office.tools["memory"].rows()
    assert [("2 alerts fire now" in note.text, note.audience) for note in row.notes] == [(True, "staff")]
    office.close()


@pytest.mark.parametrize("arrived", [True, False])
def test_a_comment_that_may_be_there_is_seen_to_though_nothing_more_is_to_be_said(
    tmp_path: Path, arrived: bool
) -> None:
    office = Office(tmp_path, "memory", "second")
    office.settle(1)
    pinned(office)
    fire(office, "a", "critical")
    office.settle()
    office.tools["memory"].faults.queue.append(Fault(only_writes=True, after_effect=arrived))
    say(office, "No alert fires now.\n\nIt flaps (6 times).")
    office.take_turns()
    say(office, f"{board.ALONE}\n\n- a")
    office.settle(20)
    [row] = office.tools["memory"].rows()
    assert [board.ALONE in note.text and "flaps" not in note.text for note in row.notes] == [True] * arrived
    assert (ALERTS in office.copy("memory").base) is arrived
    office.close()


def say(office: Office, words: str) -> None:
    with office.engine.store.write() as tx:
        commit.edit(tx, office.engine, office.incident().id, {ALERTS: words}, actor="alerts", reason=Reason.SIGNALLED)


def test_a_refused_comment_holds_nothing_else_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(tmp_path, "memory", "second")
    office.settle(1)
    pinned(office)
    fire(office, "a", "critical")
    office.settle()

    def refused(*_args: Any, **_others: Any) -> Any:
        raise Rejected("memory", "no right to comment")

    with monkeypatch.context() as denied:
        denied.setattr(office.engine.connections[ConnectionName("memory")].source, "add_comment", refused)
        fire(office, "b", "critical")
        office.settle()
        office.decide("in_progress")
        office.settle()
        [row] = office.tools["memory"].rows()
        assert row.body["status"] == "in_progress"
        assert office.copy("memory").holds["alerts"].words.endswith("no right to comment")
    fire(office, "c", "critical")
    office.settle()
    [row] = office.tools["memory"].rows()
    assert ["3 alerts fire now" in note.text for note in row.notes] == [True], "it is tried again with the next change"
    office.close()


def pinned(office: Office) -> None:
    """The memory tool shows them in a comment, too."""
    here = office.engine.connections[ConnectionName("memory")]
    document = replace(here.mapping.document, alerts=Shown.COMMENT)
    here.mapping = here.whole = compile_mapping(document)
