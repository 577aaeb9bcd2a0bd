"""Runs, from their start to their end, with the real spool between them and their runner."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select
from structlog.testing import capture_logs
from tests.plugins.runbook.bench import ANN, BOB, Bench

from tieline.adapters.runner.simulator import TOKEN
from tieline.adapters.testing.simulation import Fault, Response
from tieline.core import grants, journal
from tieline.core.access import Grant, Role, Rule, Verdict
from tieline.core.acts import NotDone
from tieline.core.declared import WrongWords
from tieline.core.errors import NotAllowed, NotThere
from tieline.core.identity import Someone
from tieline.core.store import tables as t
from tieline.core.store.forgetting import forget
from tieline.core.store.parts import with_parts
from tieline.sync import explain, restricting
from tieline.sync.road import outputs
from tieline.sync.sight import WHOLE

BOOKS = """
restart:
  title: Restart the database
  impact: low
  mode: auto
  runner: shell
  steps:
    - {name: drain, run: drain db1, rollback: undrain db1, timeout: 5m}
    - {name: stop, run: stop db1, dry_run: stop --check db1, idempotent: true}
    - {name: begin, run: start db1, guard: 'status != "resolved"'}
undo:
  title: Something that is undone
  impact: low
  mode: auto
  runner: shell
  on_failure: rollback
  steps:
    - {name: one, run: one, rollback: not one}
    - {name: two, run: two, rollback: not two}
    - {name: three, run: three}
guarded:
  title: For those that are worked on
  impact: low
  mode: auto
  runner: shell
  steps:
    - {name: first, run: first, guard: 'status == "in_progress"', otherwise: skip}
    - {name: second, run: second, guard: 'status == "in_progress"'}
odd:
  title: With a guard that not every incident can answer
  impact: low
  mode: auto
  runner: shell
  steps:
    - {name: one, run: one, guard: '100 / (size(title) - 4) > 0', otherwise: skip}
    - {name: two, run: two}
asked:
  title: With a gate
  impact: low
  mode: auto
  runner: shell
  steps:
    - {name: wipe, run: wipe, gate: {ask: Is the backup there?, expires: 10m}}
confirmed:
  title: Each step is agreed to
  impact: low
  runner: shell
  steps:
    - {name: one, run: one}
    - {name: two, run: two}
advice:
  title: A person does it
  impact: low
  mode: suggest
  steps:
    - {name: look, run: look at it}
elsewhere:
  title: By another runner
  impact: low
  mode: auto
  runner: other
  steps:
    - {name: one, run: one}
served:
  title: By a service
  impact: low
  mode: auto
  runner: http
  steps:
    - {name: one, run: one}
    - {name: two, run: two}
wipe:
  title: What cannot be taken back
  mode: auto
  runner: shell
  steps:
    - {name: look, run: look, dry_run: look, impact: reads}
    - {name: wipe, run: wipe, gate: {ask: Is the backup there?, expires: 10m}}
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, BOOKS)
    yield made
    made.close()


def test_a_run_does_its_steps_one_after_the_other_each_once(bench: Bench) -> None:
    incident = bench.incident()
    run = bench.run("restart", incident)
    assert (run, bench.waiting()) == ("RUN-2", ["drain db1"])
    assert bench.does() == "drain db1"
    assert bench.waiting() == ["stop db1"]
    assert bench.does() == "stop db1"
    assert bench.does() == "start db1"
    assert bench.status(run) == "succeeded"
    assert bench.begun() == ["drain db1", "start db1", "stop db1"]
    assert [one["outcome"] for one in bench.see("show", run=run)["steps"]] == ["succeeded"] * 3
    journal.verify(bench.engine.store)


def test_its_output_stands_in_the_history_with_its_hash(bench: Bench) -> None:
    incident = bench.incident()
    run = bench.run("restart", incident)
    bench.does(output="drained **3** sessions\n")
    sha = hashlib.sha256(b"drained **3** sessions\n").hexdigest()
    with bench.engine.store.read() as connection:
        found = explain.one_named(connection, incident)
        [told] = [one for one in explain.history(connection, found.id) if one["kind"] == "runbook.reported"]
    assert (told["facts"]["step"], told["facts"]["outcome"], told["facts"]["output_sha256"]) == (
        "drain",
        "succeeded",
        sha,
    )
    execution = bench.see("show", run=run)["steps"][0]["execution"]
    assert bench.fields(execution)["output"] == "```\ndrained **3** sessions\n```"
    assert bench.fields(execution)["output_sha256"] == sha


def output(bench: Bench, run: str, someone: Someone = ANN, **given: Any) -> Any:
    """What the first step of a run wrote, as somebody sees it."""
    execution = bench.see("show", run=run)["steps"][0]["execution"]
    return bench.look("output", someone, execution=execution, **given)


def test_all_that_a_step_wrote_is_kept_sealed_and_read_in_parts(bench: Bench) -> None:
    run, wrote = bench.run("restart", bench.incident()), "canary-7f3 \u00fc **drained**\n" * 4_000
    bench.does(output=wrote)
    found = output(bench, run)
    assert (found["part"], found["parts"], found["is_whole"]) == (1, 4, True)
    assert found["sha256"] == hashlib.sha256(wrote.encode()).hexdigest()
    assert found["bytes"] == len(wrote.encode())
    assert "".join(output(bench, run, part=part)["text"] for part in range(1, 5)) == wrote
    with pytest.raises(NotThere, match="has no part 5"):
        output(bench, run, part=5)
    with bench.engine.store.read() as connection:
        parts = connection.execute(select(t.output_part.c.body)).scalars().all()
    assert not any(b"canary" in part for part in parts)


def test_of_a_long_output_the_beginning_is_kept_and_it_is_said_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "MOST", 10)
    run = bench.run("restart", bench.incident())
    bench.does(output="0123456789abcdef")
    found = output(bench, run)
    assert (found["text"], found["bytes"], found["is_whole"], found["agrees"]) == ("0123456789", 10, False, True)


def test_what_a_step_wrote_is_there_when_it_is_said_to_be_over(bench: Bench) -> None:
    run = bench.run("served", bench.incident())
    [name] = bench.service.rows
    bench.service.control("end", {"id": name, "exit_code": 0, "output": "done"})
    fault = Fault(Response(503), "GET", "/output", times=100)
    bench.service.faults.append(fault)
    bench.settle(3)
    assert bench.see("show", run=run)["steps"][0]["outcome"] == "", "it is asked for again"
    bench.restart()
    bench.service.faults.clear()
    bench.settle(12)
    assert (bench.see("show", run=run)["steps"][0]["outcome"], output(bench, run)["text"]) == ("succeeded", "done")


def test_a_runner_that_keeps_no_output_holds_up_no_run(bench: Bench) -> None:
    run = bench.run("served", bench.incident())
    [name] = bench.service.rows
    bench.service.faults.append(Fault(Response(404), "GET", "/output", times=100))
    bench.service.control("end", {"id": name, "exit_code": 0, "output": "done"})
    bench.settle(4)
    assert bench.see("show", run=run)["steps"][0]["outcome"] == "succeeded"
    with pytest.raises(NotThere, match="nothing is kept that it wrote"):
        output(bench, run)


def test_the_output_that_was_kept_first_stays_whatever_its_runner_tells_later(bench: Bench) -> None:
    run = bench.run("served", bench.incident())
    [name] = bench.service.rows
    bench.service.control("end", {"id": name, "exit_code": 0, "output": "deleted 3 rows"})
    bench.settle(3)
    with capture_logs() as logs:
        bench.service.control("end", {"id": name, "exit_code": 0, "output": "did nothing"})
        bench.settle(3)
    assert output(bench, run)["text"] == "deleted 3 rows"
    refused = [one["reason"] for one in logs if one["event"] == "output_refused"]
    assert refused == [outputs.LATER]


def test_an_output_of_which_a_part_came_is_read_again_until_it_has_the_hash(bench: Bench) -> None:
    run = bench.run("served", bench.incident())
    [name] = bench.service.rows
    part = Response.of({"base64": "ZG8="})
    for answer in (part, Response.of({"base64": ""}), Response.of({"base64": ""})):
        bench.service.faults.append(Fault(answer, "GET", "/output"))
    bench.service.control("end", {"id": name, "exit_code": 0, "output": "done"})
    bench.settle(3)
    found = output(bench, run)
    assert (found["text"], found["is_whole"], found["agrees"]) == ("do", False, False)
    for text in ("do", "done", "done"):
        bench.service.change(name)
        bench.settle(3)
        found = output(bench, run)
        assert (found["text"], found["is_whole"], found["agrees"]) == (text, text == "done", text == "done")


def test_who_may_not_read_an_incident_reads_no_output_and_it_is_forgotten_with_it(bench: Bench) -> None:
    incident = bench.incident()
    run = bench.run("restart", incident)
    bench.does(output="canary")
    with bench.engine.store.write() as tx:
        found = explain.one_named(tx, incident)
        restricting.restrict(tx, bench.engine, found.id, "need to know", actor=ANN)
    with pytest.raises(LookupError) as refused:
        bench.look("output", BOB, execution="EXE-3")
    assert "canary" not in str(refused.value)
    with bench.engine.store.write() as tx:
        forget(tx, sorted(with_parts(tx, [found.id])))
        assert tx.execute(select(t.output_part)).all() == []
        assert tx.execute(select(t.output)).all() == []
    assert run == "RUN-2"


def test_no_secret_that_is_known_here_stands_in_an_output(bench: Bench) -> None:
    run = bench.run("restart", bench.incident())
    bench.does(output=f"curl: 403, Authorization: Bearer {TOKEN}\n")
    execution = bench.see("show", run=run)["steps"][0]["execution"]
    assert bench.fields(execution)["output"] == "```\ncurl: 403, Authorization: Bearer ***\n```"
    assert output(bench, run)["text"] == "curl: 403, Authorization: Bearer ***\n"
    with bench.engine.store.read() as connection:
        assert TOKEN not in str(connection.execute(journal.ENTRIES).all())


@pytest.mark.parametrize("restarts", [True, False])
def test_whatever_is_cut_off_no_step_begins_twice(bench: Bench, restarts: bool) -> None:
    incident = bench.incident()
    bench.do("start", runbook="restart", incident=incident)
    for _ in range(3):
        for part in (bench.work, bench.lanes_run, bench.work):
            part()
            if restarts:
                bench.restart()
        bench.clock.advance(31)
        bench.lanes_run()
        assert len(bench.waiting()) == 1
        bench.end(bench.take())
        if restarts:
            bench.restart()
        bench.clock.advance(31)
        bench.lanes_run()
    bench.settle()
    assert bench.begun() == ["drain db1", "start db1", "stop db1"]
    assert bench.status("RUN-2") == "succeeded"


def test_after_an_abort_no_further_step_begins(bench: Bench) -> None:
    run = bench.run("restart", bench.incident())
    job = bench.take()
    assert "at work" in bench.do("abort", run=run, why="wrong database").sentence
    bench.end(job)
    bench.settle()
    assert (bench.status(run), bench.begun()) == ("aborted", ["drain db1"])
    bench.restart()
    bench.settle(40)
    assert bench.begun() == ["drain db1"]
    for act in ("resume", "approve"):
        with pytest.raises(NotDone):
            bench.do(act, run=run)


def test_an_abort_calls_back_what_waits_in_the_runner(bench: Bench) -> None:
    run = bench.run("restart", bench.incident())
    bench.do("abort", run=run, why="wrong database")
    bench.settle()
    assert (bench.waiting(), bench.begun()) == ([], ["drain db1"])
    assert bench.see("show", run=run)["steps"][0]["outcome"] == "cancelled"


def test_what_was_aborted_before_it_reached_its_runner_is_never_done(bench: Bench) -> None:
    incident = bench.incident()
    run = str(bench.do("start", runbook="restart", incident=incident).facts["run"])
    bench.work()
    bench.do("abort", run=run, why="wrong database")
    bench.settle()
    assert (bench.waiting(), bench.begun()) == ([], ["drain db1"])


def test_a_paused_run_goes_on_when_somebody_says_so(bench: Bench) -> None:
    run = bench.run("restart", bench.incident())
    bench.do("pause", run=run, why="lunch")
    bench.does()
    assert (bench.status(run), bench.waiting()) == ("paused", [])
    bench.do("resume", run=run)
    bench.settle(2)
    assert (bench.status(run), bench.waiting()) == ("running", ["stop db1"])


def test_a_takeover_leaves_the_rest_to_a_person(bench: Bench) -> None:
    run = bench.run("restart", bench.incident())
    bench.do("takeover", run=run, why="I know better")
    bench.settle()
    assert (bench.status(run), bench.waiting()) == ("by_hand", [])
    with pytest.raises(NotDone, match="succeeded or failed"):
        bench.do("settle", run=run, outcome="again", why="x")
    bench.do("settle", run=run, outcome="succeeded", why="done by hand")
    bench.settle()
    assert (bench.status(run), bench.begun()) == ("succeeded", ["drain db1"])


@pytest.mark.parametrize("how", ["lost", "silent"])
def test_what_nobody_knows_is_not_repeated(bench: Bench, how: str) -> None:
    run = bench.run("restart", bench.incident())
    job = bench.take()
    if how == "lost":
        bench.end(job, None)
        bench.settle(4)
    else:
        bench.settle(4, 200)
    assert bench.status(run) == "stuck"
    assert "not done again" in bench.fields(run)["reason"]
    bench.restart()
    bench.settle(20, 300)
    assert (bench.status(run), bench.begun()) == ("stuck", ["drain db1"])
    with pytest.raises(NotDone, match="may not be done twice"):
        bench.do("settle", run=run, outcome="again", why="try")
    bench.do("settle", run=run, outcome="succeeded", why="I looked")
    bench.settle(3)
    assert (bench.status(run), bench.waiting()) == ("running", ["stop db1"])


@pytest.mark.parametrize(("done", "outcome"), [(2, "succeeded"), (0, "failed")])
def test_what_somebody_says_of_a_step_ends_the_run_as_it_would_by_itself(bench: Bench, done: int, outcome: str) -> None:
    incident = bench.incident()
    run = bench.run("restart", incident)
    for _ in range(done):
        bench.does()
    bench.take()
    bench.settle(4, 700)
    assert bench.status(run) == "stuck"
    bench.do("settle", run=run, outcome=outcome, why="I looked")
    bench.settle(1)
    assert bench.status(run) == outcome
    assert "runbook.finished" in bench.told(run)
    assert bench.told(incident).count("commented") == 2, "that it is stuck, and how it ended"


def test_a_runner_that_says_it_late_is_believed(bench: Bench) -> None:
    run = bench.run("restart", bench.incident())
    job = bench.take()
    bench.settle(4, 200)
    assert bench.status(run) == "stuck"
    bench.end(job)
    bench.settle(3)
    assert (bench.status(run), bench.waiting()) == ("running", ["stop db1"])


def test_only_what_may_be_done_twice_is_done_again_when_somebody_says_so(bench: Bench) -> None:
    run = bench.run("restart", bench.incident())
    bench.does()
    bench.end(bench.take(), None)
    bench.settle(3)
    assert bench.status(run) == "stuck"
    bench.do("settle", run=run, outcome="again", why="it may")
    bench.settle(3)
    assert bench.waiting() == ["stop db1"]
    assert bench.begun() == ["drain db1", "stop db1", "stop db1"]


def test_what_was_done_is_undone_the_last_step_first(bench: Bench) -> None:
    run = bench.run("undo", bench.incident())
    bench.does()
    bench.does()
    bench.does(1)
    assert [bench.does(), bench.does()] == ["not two", "not one"]
    assert bench.status(run) == "rolled_back"


def test_what_cannot_be_undone_is_told(bench: Bench) -> None:
    run = bench.run("undo", bench.incident())
    bench.does()
    bench.does(1)
    bench.does(1)
    assert (bench.status(run), bench.fields(run)["reason"]) == (
        "failed",
        "one could not be undone; what it did stands",
    )


def test_a_failed_step_ends_a_run_that_is_not_undone(bench: Bench) -> None:
    run = bench.run("restart", bench.incident())
    bench.does(3)
    assert (bench.status(run), bench.begun()) == ("failed", ["drain db1"])


def test_a_guard_is_held_against_the_incident_as_it_is_then(bench: Bench) -> None:
    incident = bench.incident()
    run = bench.run("guarded", incident)
    assert (bench.status(run), bench.waiting()) == ("failed", [])
    assert "the guard of second does not hold" in bench.fields(run)["reason"]
    assert "runbook.skipped" in bench.told(run)


def test_a_guard_that_cannot_be_answered_is_neither_yes_nor_no(bench: Bench) -> None:
    incident = bench.incident(title="Disk")
    run = bench.run("odd", incident)
    assert (bench.status(run), bench.waiting()) == ("paused", [])
    assert "the guard of one cannot be answered" in bench.fields(run)["reason"]
    bench.tool.edit(bench.tool.rows()[0].ref, title="Disk full")
    bench.settle(2)
    bench.do("resume", run=run)
    bench.settle(2)
    assert (bench.status(run), bench.waiting()) == ("running", ["one"])


def test_a_gate_that_nobody_answers_is_a_no(bench: Bench) -> None:
    run = bench.run("asked", bench.incident())
    assert (bench.status(run), bench.waiting()) == ("waiting", [])
    bench.settle(4, 200)
    assert bench.status(run) == "denied"
    with pytest.raises(NotDone):
        bench.do("approve", run=run)
    bench.settle()
    assert bench.waiting() == []


def test_an_answer_that_comes_too_late_is_a_no_even_before_the_timer(bench: Bench) -> None:
    run = bench.run("asked", bench.incident())
    bench.clock.advance(3_600)
    with pytest.raises(NotDone, match="too late"):
        bench.do("approve", run=run)


def test_a_step_that_somebody_agreed_to_is_done(bench: Bench) -> None:
    run = bench.run("asked", bench.incident())
    bench.do("approve", run=run)
    bench.settle(2)
    assert bench.does() == "wipe"
    assert bench.status(run) == "succeeded"


def test_each_step_is_agreed_to_by_itself(bench: Bench) -> None:
    run = bench.run("confirmed", bench.incident())
    bench.do("approve", run=run)
    bench.settle(2)
    assert bench.does() == "one"
    assert (bench.status(run), bench.waiting()) == ("waiting", [])


def test_what_is_only_suggested_is_done_by_nobody_else(bench: Bench) -> None:
    run = bench.run("advice", bench.incident())
    bench.settle()
    assert (bench.status(run), bench.fields(run)["description"]) == ("by_hand", "1. look: `look at it`")
    assert bench.begun() == []


def test_a_dry_run_does_only_what_has_no_effect(bench: Bench) -> None:
    run = bench.run("restart", bench.incident(), dry_run=True)
    assert bench.waiting() == ["stop --check db1"]
    [job] = (bench.spool / "queue").iterdir()
    assert (job / "dry_run").read_text() == "true"
    bench.does()
    assert (bench.status(run), bench.begun()) == ("succeeded", ["stop --check db1"])


def test_while_everything_is_halted_nothing_begins(bench: Bench) -> None:
    incident = bench.incident()
    run = bench.run("restart", incident)
    bench.do("halt", why="a bad release of the runner")
    bench.does()
    assert (bench.status(run), bench.waiting()) == ("paused", [])
    wanted: dict[str, dict[str, Any]] = {
        "resume": {"run": run},
        "start": {"runbook": "restart", "incident": incident},
    }
    for act, given in wanted.items():
        with pytest.raises(NotDone, match="a bad release of the runner"):
            bench.do(act, **given)
    bench.do("free")
    bench.settle()
    assert bench.waiting() == []
    bench.do("resume", run=run)
    bench.settle(2)
    assert bench.waiting() == ["stop db1"]


def test_a_step_goes_to_its_own_runner_alone(bench: Bench) -> None:
    bench.run("elsewhere", bench.incident())
    assert (bench.waiting(), bench.waiting("other")) == ([], ["one"])


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_service_whose_answer_is_lost_does_each_step_once(bench: Bench, after_effect: bool) -> None:
    incident = bench.incident()
    bench.service.lose(method="POST", after_effect=after_effect)
    run = bench.run("served", incident)
    for command in ("one", "two"):
        bench.settle(3)
        [name] = [name for name, row in bench.service.rows.items() if row["status"] == "queued"]
        assert bench.service.rows[name]["command"] == command
        bench.service.control("take", {"id": name})
        bench.settle(2)
        bench.restart()
        bench.service.control("end", {"id": name, "exit_code": 0, "output": "done"})
        bench.settle(3)
    assert bench.status(run) == "succeeded"
    assert [row["command"] for row in bench.service.rows.values()] == ["one", "two"]


def test_a_service_is_told_to_stop_and_says_what_came_of_it(bench: Bench) -> None:
    run = bench.run("served", bench.incident())
    bench.do("abort", run=run, why="wrong")
    bench.settle(3)
    [row] = bench.service.rows.values()
    assert (row["status"], row["wanted"]) == ("cancelled", "cancel")
    assert bench.see("show", run=run)["steps"][0]["outcome"] == "cancelled"


def test_a_run_keeps_the_runbook_that_it_began_with(bench: Bench) -> None:
    run = bench.run("restart", bench.incident())
    bench.file.write_text(bench.file.read_text().replace("stop db1", "destroy db1"))
    bench.restart()
    bench.does()
    assert bench.waiting() == ["stop db1"]
    assert bench.see("show", run=run)["plan"] == ["drain", "stop", "begin"]


def test_what_may_do_harm_begins_once_somebody_else_approves_it(bench: Bench) -> None:
    incident = bench.incident()
    proposed = bench.do("start", runbook="wipe", incident=incident)
    bench.settle()
    assert "the impact of wipe is destructive" in proposed.sentence
    assert bench.waiting() == []
    with pytest.raises(NotAllowed, match="its author may not"):
        bench.decide(proposed.proposal, ANN)
    run = str(bench.decide(proposed.proposal, BOB).facts["result"]["run"])
    bench.settle(2)
    assert bench.waiting() == ["look"]
    assert bench.status(run) == "running"


def test_what_nobody_calls_harmless_is_destructive(bench: Bench) -> None:
    [wipe] = [one for one in bench.see("list")["items"] if one["runbook"] == "wipe"]
    assert wipe["impact"] == "destructive"
    assert bench.do("start", runbook="restart", incident=bench.incident()).proposal == ""


def test_what_has_no_effect_asks_nobody(bench: Bench) -> None:
    incident = bench.incident()
    assert bench.do("start", runbook="wipe", incident=incident, dry_run=True).proposal == ""
    assert bench.do("start", runbook="advice", incident=incident).proposal == ""


def gated(bench: Bench) -> str:
    """A run of ann's that waits for somebody to agree to what may do harm."""
    proposed = bench.do("start", runbook="wipe", incident=bench.incident())
    run = str(bench.decide(proposed.proposal, BOB).facts["result"]["run"])
    bench.settle(2)
    bench.does()
    assert (bench.status(run), bench.waiting()) == ("waiting", [])
    return run


def test_whoever_began_a_run_does_not_agree_alone_to_what_may_do_harm(bench: Bench) -> None:
    run = gated(bench)
    proposed = bench.do("approve", run=run)
    bench.settle(1)
    assert f"whoever began {run} does not agree to wipe alone" in proposed.sentence
    assert (bench.status(run), bench.waiting()) == ("waiting", [])
    with pytest.raises(NotAllowed, match="its author may not"):
        bench.decide(proposed.proposal, ANN)
    bench.decide(proposed.proposal, BOB)
    bench.settle(2)
    assert bench.waiting() == ["wipe"]


def test_somebody_else_agrees_at_once(bench: Bench) -> None:
    run = gated(bench)
    assert bench.do("approve", BOB, run=run).proposal == ""
    bench.settle(2)
    assert bench.waiting() == ["wipe"]


def test_whoever_is_alone_may_break_the_glass_and_it_is_reviewed(bench: Bench) -> None:
    run = gated(bench)
    done = bench.do("approve", run=run, break_glass="the disk is full, and nobody else is awake")
    bench.settle(2)
    assert done.review.startswith("REV-")
    assert bench.waiting() == ["wipe"]


def test_what_was_asked_for_of_a_gate_ends_with_it(bench: Bench) -> None:
    run = gated(bench)
    proposed = bench.do("approve", run=run)
    bench.clock.advance(11 * 60)
    with pytest.raises(NotDone, match="nobody had approved it"):
        bench.decide(proposed.proposal, BOB)
    bench.settle()
    assert (bench.status(run), bench.waiting()) == ("denied", [])


NEW = """
runbooks:
  restart:
    title: Restart the database, gently
    mode: auto
    impact: low
    runner: shell
    steps:
      - {name: ask, run: ask db1}
"""


def propose(bench: Bench, document: str) -> str:
    done = bench.ask("policy propose", ANN, policy="runbook.books", document=document, why="gentler")
    return str(done.proposal)


def test_runbooks_are_a_policy_which_somebody_else_approves(bench: Bench) -> None:
    incident = bench.incident()
    proposal = propose(bench, NEW)
    before = bench.run("restart", incident)
    assert bench.waiting() == ["drain db1"]
    bench.decide(proposal, BOB)
    bench.restart()
    assert bench.does() == "drain db1"
    assert bench.waiting() == ["stop db1"], "a run keeps the runbook that it began with"
    bench.do("abort", run=before, why="enough")
    bench.settle(1)
    bench.run("restart", incident)
    assert bench.waiting() == ["ask db1"]
    assert [one["runbook"] for one in bench.see("list")["items"]] == ["restart"]
    with pytest.raises(LookupError, match="there is no runbook 'wipe'"):
        bench.do("start", runbook="wipe", incident=incident)


def test_whoever_proposes_runbooks_does_not_approve_them(bench: Bench) -> None:
    proposal = propose(bench, NEW)
    with pytest.raises(NotAllowed, match="its author may not"):
        bench.decide(proposal, ANN)


def test_a_runbook_that_nobody_could_carry_out_is_not_proposed(bench: Bench) -> None:
    with pytest.raises(WrongWords, match="nobody does the step 'ask'"):
        propose(bench, NEW.replace("    runner: shell\n", ""))


def test_a_playbook_is_proposed_as_a_runbook_and_leaves_as_one(bench: Bench) -> None:
    told = bench.see("export", runbook="wipe")["playbook"]
    told["labels"] = ["disk"]
    done = bench.do("import", document=orjson.dumps(told).decode(), name="wipe-again", runner="other")
    assert [one["runbook"] for one in bench.see("list")["items"] if one["runbook"].startswith("wipe")] == ["wipe"]
    with pytest.raises(NotAllowed, match="its author may not"):
        bench.decide(done.proposal, ANN)
    answer = bench.decide(done.proposal, BOB).facts["result"]
    assert answer == {"runbook": "wipe-again", "steps": ["look", "wipe"], "left": ["the playbook's labels"]}
    names = [one["runbook"] for one in bench.see("list")["items"]]
    assert {"restart", "wipe", "wipe-again"} <= {*names}, "the others stay"
    again = bench.see("export", runbook="wipe-again")["playbook"]
    assert [part["type"] for part in again["workflow"].values()] == ["start", "action", "action", "action", "end"]


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"runbook": "restrat"}, LookupError, "there is no runbook 'restrat'; did you mean"),
        ({"incident": "INC-99"}, LookupError, "there is no incident"),
    ],
)
def test_what_is_not_there_is_told(bench: Bench, given: dict[str, Any], error: type[Exception], words: str) -> None:
    asked = {"runbook": "restart", "incident": bench.incident(), **given}
    with pytest.raises(error, match=words):
        bench.do("start", **asked)


def test_what_is_over_is_not_begun_for(bench: Bench) -> None:
    incident = bench.incident()
    with pytest.raises(LookupError, match="is of the kind incident"):
        bench.do("pause", run=incident, why="x")
    bench.tool.edit(bench.tool.rows()[0].ref, status="resolved")
    bench.settle()
    with pytest.raises(NotDone, match="INC-1 is over"):
        bench.do("start", runbook="restart", incident=incident)


@pytest.mark.parametrize("later", [False, True])
def test_who_may_not_read_an_incident_reads_nothing_of_its_run(bench: Bench, later: bool) -> None:
    incident = bench.incident()
    with bench.engine.store.write() as tx:
        found = explain.one_named(tx, incident)
        security = Grant(Role.SECURITY)
        grants.grant(tx, ANN, security, at=bench.clock.now(), actor=ANN, verdict=Verdict(True, Rule.OWNER))
    if not later:
        with bench.engine.store.write() as tx:
            incident = restricting.restrict(tx, bench.engine, found.id, "need to know", actor=ANN)
    bench.run("restart", incident)
    bench.settle()
    if later:
        with bench.engine.store.write() as tx:
            restricting.restrict(tx, bench.engine, found.id, "need to know", actor=ANN)
    with bench.engine.store.read() as connection:
        restricted = [item.restricted for item, _copies in explain.incidents(connection, sight=WHOLE)]
    assert len(restricted) > 2 and all(restricted)
