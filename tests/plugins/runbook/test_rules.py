"""What may be done by itself: decided from facts alone, and then at work, when a run begins and when each step does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.plugins.runbook.bench import ANN, BOB, Bench

from tieline.core import grants, journal
from tieline.core.access import Grant, Role, Rule, Scope, ScopeKind, Verdict
from tieline.core.acts import NotDone
from tieline.core.declared import WrongWords
from tieline.core.errors import NotAllowed
from tieline.core.identity import Someone
from tieline.core.policy import Policy
from tieline.plugins.runbook.rules import Action, Automation, judge
from tieline.sync.office.office import offered
from tieline.sync.office.performing import perform

EVE = Someone("eve", "os:eve@here")
RULES = """
environments: {production: [shell], test: [other]}
freezes:
  - {name: year-end, begins: 2026-12-20T00:00:00Z, ends: 2027-01-02T00:00:00Z, environments: [production]}
rules:
  - name: by-day
    impact: low
    environments: [production]
    who: {roles: [responder, commander], teams: [storage]}
    hours: {days: [mon, tue, wed, thu, fri], opens: "09:00", closes: "17:00", zone: Europe/Vienna}
    rate: {most: 2, per: 1h}
  - {name: anybody-tries, impact: destructive, environments: [test]}
  - {name: harm, impact: destructive, runbooks: [wipe], who: {roles: [commander]}, approvals: 2, step_up: 15m}
"""
MONDAY = datetime(2026, 11, 23, 10, tzinfo=UTC)
A_STEP: dict[str, Any] = {
    "runbook": "restart",
    "impact": "low",
    "runner": "shell",
    "at": MONDAY,
    "roles": ["responder"],
    "signed_in": "1m",
}


def rules() -> Automation:
    return Policy("automation", "", Automation()).read(RULES)


@pytest.mark.parametrize(
    ("given", "rule", "reason"),
    [
        ({}, "by-day", "allowed"),
        ({"roles": ["admin"]}, "by-day", "who"),
        ({"roles": [], "teams": ["storage"]}, "by-day", "allowed"),
        ({"impact": "high"}, "", "no_rule"),
        ({"runner": "unlisted"}, "", "no_rule"),
        ({"runner": "other", "impact": "destructive"}, "anybody-tries", "allowed"),
        ({"at": MONDAY.replace(hour=16)}, "by-day", "hours"),
        ({"at": MONDAY.replace(hour=15, minute=59)}, "by-day", "allowed"),
        ({"at": MONDAY.replace(day=22)}, "by-day", "hours"),
        ({"at": MONDAY.replace(month=12, day=21)}, "year-end", "frozen"),
        ({"at": MONDAY.replace(month=12, day=21), "impact": "reads"}, "by-day", "allowed"),
        ({"at": MONDAY.replace(month=12, day=21), "runner": "other"}, "anybody-tries", "allowed"),
        ({"begins": True, "begun": {"by-day": 1}}, "by-day", "allowed"),
        ({"begins": True, "begun": {"by-day": 2}}, "by-day", "rate"),
        ({"runbook": "wipe", "impact": "high", "roles": ["commander"]}, "harm", "allowed"),
        ({"runbook": "wipe", "impact": "high", "roles": ["commander"], "signed_in": None}, "harm", "step_up"),
        ({"runbook": "wipe", "impact": "high", "roles": ["commander"], "signed_in": "16m"}, "harm", "step_up"),
        (
            {"runbook": "wipe", "impact": "high", "roles": ["commander"], "begins": True, "approvals": 1},
            "harm",
            "approvals",
        ),
        (
            {"runbook": "wipe", "impact": "high", "roles": ["commander"], "begins": True, "approvals": 2},
            "harm",
            "allowed",
        ),
    ],
)
def test_the_first_rule_that_is_about_a_step_decides(given: dict[str, Any], rule: str, reason: str) -> None:
    action = Action.model_validate({**A_STEP, **given})
    said = judge(rules(), action, lambda name, _since: action.begun.get(name, 0))
    assert (said.rule, said.reason, said.allowed) == (rule, reason, reason == "allowed"), said.sentence


def test_without_a_word_of_its_impact_a_step_is_destructive_and_without_rules_nothing_is_done() -> None:
    action = Action(runbook="x", at=MONDAY)
    assert judge(Automation(), action, lambda _rule, _since: 0).more == {"approvals": 1}
    assert judge(Automation(rules=()), action, lambda _rule, _since: 0).reason == "no_rule"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("rules: [{name: a, impact: low, environments: [prod]}]", "there is no environment 'prod'"),
        ("rules: [{name: a, impact: low}, {name: a, impact: high}]", "two of them are called 'a'"),
        ("rules: [{name: a}]", "impact"),
        ('rules: [{name: a, impact: low, hours: {opens: "17:00", closes: "09:00"}}]', "closes later than it opens"),
        ("rules: [{name: a, impact: low, hours: {zone: Mars}}]", "'Mars' is no zone"),
        ("freezes: [{name: a, begins: 2026-12-02T00:00:00Z, ends: 2026-12-01T00:00:00Z}]", "ends later"),
    ],
)
def test_rules_that_cannot_be_meant_are_not_taken(document: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Policy("automation", "", Automation()).read(document)


# -- at work -----------------------------------------------------------------------------------------------------------

BOOKS = """
restart:
  title: Restart the database
  impact: low
  mode: auto
  runner: shell
  on_failure: rollback
  steps:
    - {name: stop, run: stop, rollback: start}
    - {name: start, run: start}
wipe:
  title: What cannot be taken back
  mode: auto
  runner: other
  steps:
    - {name: wipe, run: wipe}
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, BOOKS)
    yield made
    made.close()


def set_rules(bench: Bench, document: str) -> None:
    done = bench.ask("policy propose", ANN, policy="runbook.automation", document=document, why="so it is")
    bench.decide(done.proposal, BOB)


def hold(bench: Bench, whom: Someone, role: Role, scope: Scope | None = None) -> None:
    verdict = Verdict(True, Rule.OWNER)
    with bench.engine.store.write() as tx:
        grants.grant(tx, whom, Grant(role, scope), at=bench.clock.now(), actor=ANN, verdict=verdict)


def refusals(bench: Bench) -> list[dict[str, Any]]:
    with bench.engine.store.read() as connection:
        rows = [row for row in connection.execute(journal.ENTRIES) if row.kind == "act_refused"]
        return [dict(journal.facts(connection, row) or {}) for row in rows]


COMMANDERS = "rules: [{name: commanders, impact: destructive, who: {roles: [commander]}}]"


def test_what_no_rule_is_for_is_refused_to_whoever_has_the_right_and_that_is_journalled(bench: Bench) -> None:
    set_rules(bench, COMMANDERS)
    with pytest.raises(NotAllowed, match="commanders is for commander, and whoever answers for it is none"):
        bench.do("start", ANN, runbook="restart", incident=bench.incident())
    [told] = refusals(bench)
    assert (told["act"], told["right"], told["rule"]) == ("runbook start", "runbook.start", "policy")
    bench.settle()
    assert bench.waiting() == []


def test_an_admin_does_it_by_breaking_the_glass_alone_and_that_is_reviewed(bench: Bench) -> None:
    set_rules(bench, COMMANDERS)
    done = bench.do("start", ANN, runbook="restart", incident=bench.incident(), break_glass="nobody else is awake")
    bench.settle(2)
    assert done.review.startswith("REV-")
    assert [bench.does(), bench.does()] == ["stop", "start"]


def test_each_step_is_judged_anew_when_it_begins(bench: Bench) -> None:
    run = bench.run("restart", bench.incident())
    set_rules(bench, "freezes: [{name: release, begins: 2020-01-01T00:00:00Z, ends: 2099-01-01T00:00:00Z}]")
    bench.does()
    assert (bench.status(run), bench.waiting()) == ("paused", [])
    assert "start is not done: release lasts until 2099-01-01" in bench.fields(run)["reason"]
    assert "runbook.paused" in bench.told(run)
    with pytest.raises(NotAllowed, match="release lasts"):
        bench.do("resume", run=run)
    set_rules(bench, "freezes: []")
    bench.do("resume", run=run)
    bench.settle(2)
    assert bench.waiting() == ["start"]


def test_what_was_done_is_undone_in_a_freeze_as_well(bench: Bench) -> None:
    run = bench.run("restart", bench.incident())
    bench.does()
    set_rules(bench, "freezes: [{name: release, begins: 2020-01-01T00:00:00Z, ends: 2099-01-01T00:00:00Z}]")
    bench.does(1)
    assert bench.does() == "start"
    assert bench.status(run) == "rolled_back"


def test_a_run_of_somebody_whose_role_ended_goes_no_further_before_another_answers_for_it(bench: Bench) -> None:
    hold(bench, EVE, Role.RESPONDER)
    incident = bench.incident()
    run = str(bench.do("start", EVE, runbook="restart", incident=incident).facts["run"])
    bench.settle(2)
    with bench.engine.store.write() as tx:
        grants.revoke(tx, EVE, Grant(Role.RESPONDER), at=bench.clock.now(), actor=ANN)
    bench.does()
    assert (bench.status(run), bench.waiting()) == ("paused", [])
    assert "may not have runbooks be carried out any more" in bench.fields(run)["reason"]
    bench.do("resume", BOB, run=run)
    bench.settle(2)
    assert bench.waiting() == ["start"]


def test_no_more_steps_begin_within_a_time_than_a_rule_says(bench: Bench) -> None:
    set_rules(bench, "rules: [{name: few, impact: low, rate: {most: 1, per: 1h}}]")
    run = bench.run("restart", bench.incident())
    bench.does()
    assert (bench.status(run), bench.waiting()) == ("paused", [])
    assert "by few 1 in 1h begin at most" in bench.fields(run)["reason"]
    bench.clock.advance(3_601)
    bench.do("resume", run=run)
    bench.settle(2)
    assert bench.waiting() == ["start"]


def test_as_many_others_agree_as_a_rule_says_and_never_one_twice_or_oneself(bench: Bench) -> None:
    set_rules(bench, "rules: [{name: two, impact: destructive, approvals: 2}]")
    hold(bench, EVE, Role.COMMANDER)
    proposed = bench.do("start", ANN, runbook="wipe", incident=bench.incident())
    assert "2 others with the right runbook.approve approve it" in proposed.sentence
    first = bench.decide(proposed.proposal, BOB).facts
    assert (first["done"], first["lacking"]) == (False, ["runbook.approve"])
    with pytest.raises(NotDone, match="It takes somebody else as well"):
        bench.decide(proposed.proposal, BOB)
    with pytest.raises(NotAllowed, match="its author may not"):
        bench.decide(proposed.proposal, ANN)
    run = str(bench.decide(proposed.proposal, EVE).facts["result"]["run"])
    bench.settle(2)
    assert (bench.status(run), bench.waiting("other")) == ("running", ["wipe"])


def test_a_run_that_fewer_agreed_to_than_it_takes_by_now_goes_no_further(bench: Bench) -> None:
    run = bench.run("restart", bench.incident())
    set_rules(bench, "rules: [{name: one, impact: destructive, approvals: 1}]")
    bench.does()
    assert (bench.status(run), bench.waiting()) == ("paused", [])
    assert "one takes 1 others who agree, and 0 did" in bench.fields(run)["reason"]
    with pytest.raises(NotDone, match="it takes 1 others who agree by now, and 0 did: abort"):
        bench.do("resume", run=run)


def test_a_run_that_began_by_breaking_the_glass_is_resumed_as_it_was(bench: Bench) -> None:
    set_rules(bench, COMMANDERS)
    bench.do("start", runbook="restart", incident=bench.incident(), break_glass="nobody else is awake")
    bench.settle(2)
    bench.do("pause", run="RUN-2", why="lunch")
    bench.does()
    bench.do("resume", run="RUN-2")
    bench.settle(2)
    assert bench.does() == "start"


def test_a_program_does_not_do_what_takes_somebody_who_signed_in(bench: Bench) -> None:
    set_rules(bench, "rules: [{name: fresh, impact: low, step_up: 15m}]")
    incident = bench.incident()
    act = offered(bench.engine)["runbook start"]
    ask = act.told({"runbook": "restart", "incident": incident})
    late = replace(bench.asker(), signed_in_at=bench.clock.now() - timedelta(minutes=16))
    with pytest.raises(NotAllowed, match="signed in within 15m; sign in again"):
        perform(bench.engine, act, ask, late)
    assert perform(bench.engine, act, ask, bench.asker()).proposal == ""


CASES = """
cases:
  - name: a responder by day
    given: {runbook: restart, impact: low, runner: shell, at: 2026-11-23T10:00:00Z, roles: [responder]}
    expect: {allowed: true, rule: by-day, reason: allowed, approvals: 0}
  - name: at night
    given: {runbook: restart, impact: low, runner: shell, at: 2026-11-23T22:00:00Z, roles: [responder]}
    expect: {allowed: false, reason: hours}
"""


def tried(bench: Bench, cases: str, **given: Any) -> Any:
    return bench.look("policy test", ANN, policy="runbook.automation", cases=cases, **given)


def test_rules_are_tried_with_cases_before_they_are_proposed(bench: Bench) -> None:
    found = tried(bench, CASES, document=RULES)["cases"]
    assert [(one["allowed"], one["rule"], one["reason"]) for one in found] == [
        (True, "by-day", "allowed"),
        (False, "by-day", "hours"),
    ]
    with pytest.raises(NotDone, match="'at night': allowed was to be no and is yes: harmless allows it"):
        tried(bench, CASES.replace(", rule: by-day", ""))


@pytest.mark.parametrize(
    ("cases", "error", "words"),
    [
        ("cases: [{name: a, given: {runbok: x}, expect: {allowed: true}}]", WrongWords, "the case 'a'"),
        ("cases: [{name: a, given: {}}]", WrongWords, "expect"),
        ("cases: 3", WrongWords, "cases"),
        (CASES.replace("approvals: 0", "aprovals: 0"), NotDone, "aprovals was to be 0, and it says nothing of that"),
        (CASES.replace("approvals: 0", "approvals: false"), NotDone, "approvals was to be no and is 0"),
    ],
)
def test_cases_that_cannot_be_held_against_rules_are_told(
    bench: Bench, cases: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        tried(bench, cases, document=RULES)


def test_a_policy_that_says_nothing_of_what_may_be_has_no_cases(bench: Bench) -> None:
    with pytest.raises(WrongWords, match="not what may be"):
        bench.look("policy test", ANN, policy="runbook.books", cases=CASES)


def test_whoever_is_on_call_holds_a_role_of_the_team(bench: Bench) -> None:
    set_rules(bench, "rules: [{name: on-call, impact: low, who: {teams: [storage]}}]")
    incident = bench.incident(team="storage")
    hold(bench, EVE, Role.RESPONDER)
    with pytest.raises(NotAllowed, match="on-call is for the team storage"):
        bench.do("start", EVE, runbook="restart", incident=incident)
    hold(bench, EVE, Role.RESPONDER, Scope(ScopeKind.TEAM, "storage"))
    assert bench.do("start", EVE, runbook="restart", incident=incident).proposal == ""
