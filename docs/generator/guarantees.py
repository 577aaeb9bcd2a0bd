"""guarantees.md: what is promised, the tests that hold it, and the figures of the last long run in `docs/figures/`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.markdown import code, table

FIGURES = Path(__file__).parents[1] / "figures"
Results = Mapping[str, Any]
NOT_RUN = "not run for this version"


@dataclass(frozen=True, slots=True)
class Promise:
    """One row: in words, what is not promised, the tests of `make test`, the figure reached and how to repeat it."""

    words: str
    but: str
    tests: Sequence[str]
    figure: Callable[[Results], str] = lambda _results: "in every run of the tests"
    command: str = "make test"


def results() -> Results:
    """Every file of figures by its name without `.json`."""
    return {file.stem: json.loads(file.read_text("utf-8")) for file in sorted(FIGURES.glob("*.json"))}


def _count(number: int) -> str:
    return f"{number:,}"


_SCHEDULED = (
    ("simulation", "SQLite"),
    ("simulation-postgresql", "PostgreSQL"),
    ("shipped", "SQLite by the shipped adapters"),
    ("shipped-postgresql", "PostgreSQL by the shipped adapters"),
)


def _schedules(found: Results) -> str:
    said = []
    for name, words in _SCHEDULED:
        one = found.get(name)
        if one:
            said.append(f"{_count(one['schedules'])} schedules on {words}, {one['failures']} failures")
    return "; ".join(said) or NOT_RUN


def _faults(found: Results) -> str:
    faults = sum((Counter(found.get(name, {}).get("faults", {})) for name, _words in _SCHEDULED), Counter[str]())
    if not faults:
        return NOT_RUN
    return f"{_schedules(found)}; {_count(sum(faults.values()))} faults of {len(faults)} kinds in them"


def _mutants(found: Results) -> str:
    hunt = found.get("mutants")
    if not hunt:
        return NOT_RUN
    needed = [count for count in hunt["mutants"].values() if count]
    late = max(needed, default=0)
    return f"{len(needed)} of {len(hunt['mutants'])} planted bugs found, the last of them after {late} schedules"


def _crash(part: str, what: str) -> Callable[[Results], str]:
    def said(found: Results) -> str:
        parts = [
            f"{name.partition(', ')[2]}: {_count(one['clean'])} of {_count(one['ran'])} {what} clean"
            + (f", {one['twice_clean']} of {one['twice']} killed twice" if one.get("twice") else "")
            for name, one in sorted(found.get("crash", {}).items())
            if name.startswith(part)
        ]
        return "; ".join(parts) or NOT_RUN

    return said


def _kept(found: Results) -> str:
    runs = list(found.get("kept", {}).values())
    if not runs:
        return NOT_RUN
    total = {name: sum(run[name] for run in runs) for name in ("kills", "acknowledged", "lost", "twice")}
    return (
        f"{_count(total['kills'])} deaths, {_count(total['acknowledged'])} acknowledged alerts, "
        f"{total['lost']} lost, {total['twice']} doubled"
    )


def _troubles(found: Results) -> str:
    said = []
    for name, one in sorted(found.get("faults", {}).items()):
        if "acknowledged" in one:
            said.append(f"{name}: {one['lost']} of {_count(one['acknowledged'])} acknowledged alerts lost")
        elif "ran" in one:
            said.append(f"{name}: {_count(one['clean'])} of {_count(one['ran'])} failing calls clean")
    return "; ".join(said) or NOT_RUN


def _storm(found: Results) -> str:
    runs = list(found.get("storm", {}).values())
    if not runs:
        return NOT_RUN
    return "; ".join(
        f"{_count(run['alerts'])} alerts: {run['largest_mib']} MiB at most, {run['mib_per_10000_alerts']} MiB more "
        f"for every 10,000 in the last 80 %"
        for run in runs
    )


def _order(found: Results) -> str:
    run = found.get("order")
    if not run:
        return NOT_RUN
    return (
        f"{_count(run['operations'])} operations by {run['workers']} workers, {run['kills']} kills, {run['pauses']} "
        f"pauses: {run['inversions']} out of order, {run['missing']} missing"
    )


def _limits(found: Results) -> str:
    runs: Mapping[str, Mapping[str, Any]] = found.get("limits", {})
    if not runs:
        return NOT_RUN
    return "; ".join(
        f"{name}: {_count(one['calls'])} calls, {one['refused']} refused, at most {one['most_refused_in_a_window']} in "
        f"a window, {one['early']} early, {one['used'] * 100:.0f} % used"
        for name, one in runs.items()
    )


def _tampering(found: Results) -> str:
    run = found.get("journal", {}).get("journal")
    if not run:
        return NOT_RUN
    return (
        f"{_count(run['entries'])} entries, {_count(run['changes'])} changes, each by itself: in "
        f"{_count(run['named'])} the entry was named"
    )


def _poison(found: Results) -> str:
    run = found.get("poison", {}).get("poison")
    if not run:
        return NOT_RUN
    return (
        f"{_count(run['records'])} records, {run['listed']} of {run['poison']} bad ones listed; the others took "
        f"{run['p99_seconds']} s at the 99th percentile, {run['p99_seconds_without_poison']} s without them; "
        f"{run['released']} released, {run['missing_after_release']} missing then"
    )


def _deliveries(found: Results) -> str:
    runs = found.get("deliveries", {})
    if not runs:
        return NOT_RUN
    many, orders = runs["shuffled"], runs["orders"]
    ends = ", ".join(f"{number} end of {what}" for what, number in orders["ends"].items())
    return (
        f"{_count(many['deliveries'])} deliveries of {_count(many['events'])} events, {_count(many['known_already'])} "
        f"known already: {many['differing']} of {_count(many['records'])} records differ; {orders['orders']} orders of "
        f"six webhooks: {ends}"
    )


def _partition(found: Results) -> str:
    run = found.get("partition", {}).get("partition")
    if not run:
        return NOT_RUN
    return (
        f"{_count(run['queued'])} changes that waited {run['hours_away']:.0f} h: written in {run['seconds']:.0f} s "
        f"({run['least_seconds']:.0f} s at the tool's limit), "
        f"{run['written_twice'] + run['records_made_twice']} twice, {run['differ']} differ"
    )


def _threats(found: Results) -> str:
    played = found.get("threats", {})
    if not played:
        return NOT_RUN
    cases = sum(one["cases"] for one in played.values())
    return f"{_count(cases)} hostile cases, {sum(one['escaped'] for one in played.values())} came through"


PROMISES: Sequence[Promise] = (
    Promise(
        "**No acknowledged event is lost.** A webhook that was answered 2xx is in a committed transaction, on disk.",
        "Events that were answered 503, or never sent.",
        (
            "tests/crash/test_kept.py",
            "tests/core/test_store_trouble.py::test_every_commit_reaches_the_disk_and_references_are_checked",
        ),
        _kept,
        "python -m tests.crash kept --kills 500",
    ),
    Promise(
        "**No change is lost.** When everything works again, every change made in a tool is in every copy, or is "
        "listed as held or parked with its reason.",
        "Changes that a tool's API does not show.",
        (
            "tests/simulation/test_simulation.py",
            "tests/sync/test_convergence.py::Road",
            "tests/sync/test_acts.py::test_an_alert_that_its_source_hides_for_a_while_is_silenced_when_it_is_back",
        ),
        _faults,
        "tieline simulate --schedules 10000",
    ),
    Promise(
        "**No record is made twice**, wherever a process is killed and whatever answer is lost.",
        "After an old backup is restored, a group of alerts whose first one has ended since. In a tool "
        "without a "
        "search, an ambiguous create waits for a person. A tool that makes a record and answers 429 is believed.",
        (
            "tests/crash/test_matrix.py",
            "tests/sync/test_road.py::test_a_create_whose_answer_was_lost_makes_no_second_record",
        ),
        _crash("matrix", "points"),
        "python -m tests.crash matrix --twice 200",
    ),
    Promise(
        "**Convergence.** Within three polls after everything works again, all copies agree, field by field as each "
        "tool can show them, and nothing is written any more.",
        "Rules in two tools that fight: they are stopped and named.",
        (
            "tests/simulation/test_simulation.py",
            "tests/sync/test_road.py::test_nothing_is_written_when_nothing_happens",
        ),
        _schedules,
        "tieline simulate --schedules 10000",
    ),
    Promise(
        "**No echo.** A change crosses to each copy once; what we wrote is known by value and ledger.",
        "",
        (
            "tests/mappings/test_lint.py::test_a_bad_file_is_refused_at_the_place_of_its_one_fault",
            "tests/sync/test_road.py::test_two_rules_that_fight_are_parked_with_the_values_they_saw",
        ),
        _schedules,
        "tieline simulate --schedules 10000",
    ),
    Promise(
        "**No silent overwrite.** A person's value gives way only to a newer one or by policy, and the journal keeps "
        "both.",
        "In a tool without conditional writes there is one round trip between our look and our write. An edit in it is "
        "not prevented: it is found afterwards in the tool's history and put back or told (Jira; ServiceNow, by value "
        "where the account may read `sys_audit`, else by name). PagerDuty's log does not tell it.",
        (
            "tests/sync/test_merge.py::test_no_persons_value_is_lost_without_a_word",
            "tests/sync/test_road.py::test_an_edit_made_just_before_our_write_is_not_overwritten_unseen",
            "tests/sync/test_overwriting.py::test_it_is_put_back_after_a_lost_answer_too",
        ),
        _schedules,
        "tieline simulate --schedules 10000",
    ),
    Promise(
        "**Order.** What is written to one tool about one incident keeps its order, and two workers never write at "
        "once.",
        "Order between incidents. A worker that freezes in the microseconds between asking for its turn and the call.",
        (
            "tests/fleet/test_workers.py::test_a_connection_has_one_worker_at_a_time",
            "tests/fleet/test_processes.py"
            "::test_workers_that_are_killed_or_frozen_past_their_lease_lose_double_and_reorder_nothing",
            "tests/fleet/test_order.py::test_operations_of_workers_that_are_killed_and_frozen_are_never_overtaken",
            "tests/simulation/test_simulation.py"
            "::test_a_worker_that_was_frozen_does_nothing_in_a_turn_that_another_one_has_taken_over",
        ),
        _order,
        "python -m tests.fleet.order --operations 1000000 --workers 4",
    ),
    Promise(
        "**Twice is once, late changes nothing.** Deliveries that are doubled, late or out of order have the effect "
        "of one.",
        "The times of an alert's incident: they are those of the episode that was heard of first.",
        (
            "tests/daemon/test_server.py::test_the_same_delivery_twice_is_stored_once",
            "tests/soak/test_deliveries.py"
            "::test_deliveries_that_come_five_times_shuffled_and_a_day_late_end_as_quiet_ones",
            "tests/soak/test_deliveries.py::test_every_order_of_five_webhooks_has_the_same_end",
            "tests/sync/test_signals.py::test_a_storm_whose_ends_overtook_its_beginnings_is_not_doubted",
        ),
        _deliveries,
        "python -m tests.soak deliveries",
    ),
    Promise(
        "**One bad record holds up no other**, and is listed with its reason until a person releases it.",
        "A record over which an adapter stumbles while it lists many stops that connection, by name.",
        (
            "tests/sync/test_road.py::test_refused_values_park_that_record_and_no_other",
            "tests/sync/test_road.py::test_a_stopped_connection_keeps_its_work_and_heals_by_itself",
            "tests/soak/test_poison.py::test_one_bad_record_in_a_hundred_is_listed_and_holds_up_no_other",
        ),
        _poison,
        "python -m tests.soak poison",
    ),
    Promise(
        "**Bounded memory** in a storm: what does not fit is answered 503 with a time to come back.",
        "That every alert is accepted at once.",
        (
            "tests/crash/test_trouble.py::test_a_storm_against_a_slow_tool_takes_bounded_memory",
            "tests/daemon/test_server.py::test_a_full_queue_answers_503_with_the_time_to_come_back",
        ),
        _storm,
        "python -m tests.crash storm",
    ),
    Promise(
        "**Nothing is deleted or closed in bulk** because a tool answers empty, in part, or not at all.",
        "Fewer alerts than `signals.doubt_from` (10) that a source stops listing count as ended. More of them stay "
        "open until they are listed again or a person confirms their end, also when it is true.",
        (
            "tests/sync/test_road.py::test_a_deleted_copy_deletes_nothing_else",
            "tests/sync/test_absence.py",
            "tests/sync/test_absence.py::test_an_alertmanager_that_forgot_everything_resolves_nothing",
            "tests/real/test_alertmanager_live.py::test_a_real_restart_with_an_empty_state_resolves_nothing",
        ),
        _schedules,
        "tieline simulate --schedules 10000",
    ),
    Promise(
        "**Clocks may be wrong.** No decision compares the clocks of two machines; workers go by their database's.",
        "After a restore, whether something began before it is read from its tool's stamp, with ten minutes' grace.",
        (
            "tests/sync/test_road.py::test_clocks_that_are_a_day_apart_change_nothing",
            "tests/fleet/test_lease.py::test_a_chore_is_done_by_one_of_the_workers_and_again_after_a_while",
        ),
        _schedules,
        "tieline simulate --schedules 10000",
    ),
    Promise(
        "**Any kill is a clean end.** The next start needs no manual step, a killed migration included.",
        "",
        (
            "tests/crash/test_matrix.py",
            "tests/crash/test_matrix.py::test_a_migration_killed_at_any_statement_ends_as_an_undisturbed_one",
        ),
        _crash("migration", "points of a migration"),
        "python -m tests.crash migration",
    ),
    Promise(
        "**A store in trouble is loud and harmless.** Full, read-only, locked, failing, cut off: intake answers 503, "
        "nothing "
        "acknowledged is lost, and it goes on by itself.",
        "",
        (
            "tests/crash/test_trouble.py",
            "tests/fleet/test_workers.py::test_workers_whose_database_connections_are_cut_go_on",
        ),
        _troubles,
        "make soak",
    ),
    Promise(
        "**The journal is complete and shows tampering.** Each act has one entry; one that is changed, removed or "
        "moved is named. So is one whose payload was let go of in part, with who did that: what is left in its place "
        "has to be sealed, and to open with the keys where they are at hand.",
        "Somebody who rewrites everything after the last checkpoint kept elsewhere. Where nothing is sealed, or the "
        "keys are not at hand, what an entry says is left of another one is as good as whoever wrote it; it is named.",
        (
            "tests/core/test_journal.py::test_every_changed_field_is_found_and_its_entry_named",
            "tests/core/test_journal.py::test_entries_cut_off_together_with_the_head_are_found",
            "tests/core/test_sealed.py::test_what_is_put_in_the_place_of_a_payload_by_whoever_has_no_key_is_found",
            "tests/soak/test_tampering.py::test_every_change_to_every_entry_of_some_is_found_and_named",
        ),
        _tampering,
        "python -m tests.soak journal",
    ),
    Promise(
        "**A seed plays the same everywhere**: any hash seed, any time zone, both stores.",
        "",
        ("tests/simulation/test_simulation.py::test_a_seed_plays_the_same_under_any_hash_seed_and_time_zone",),
    ),
    Promise(
        "**A restored backup** overwrites no edit, and knows again what was made since.",
        "What was decided or written in Tieline since then is lost. A copy of what ended meanwhile is listed, and not "
        "taken over. In a tool whose comments carry no token, a copied one is copied again when somebody took away its "
        "first line.",
        (
            "tests/docs/test_restore.py::test_edits_made_since_the_backup_stand",
            "tests/docs/test_restore.py::test_a_copy_that_was_wanted_at_the_backup_is_not_made_again",
            "tests/docs/test_restore.py::test_an_incident_opened_since_the_backup_knows_its_copy_again",
            "tests/docs/test_restore.py::test_a_comment_that_was_copied_since_the_backup_is_known_again",
            "tests/docs/test_restore.py::test_a_new_comment_is_not_taken_for_one_whose_number_it_was_given",
        ),
    ),
    Promise(
        "**A store that is copied to PostgreSQL** is the same there, row for row, and refused here.",
        "",
        (
            "tests/core/test_store_move.py::test_every_row_arrives_and_the_journal_verifies_there",
            "tests/core/test_store_move.py::test_a_store_that_has_moved_is_refused_until_a_person_says_otherwise",
        ),
    ),
    Promise(
        "**Hostile input stays input**: each [threat](threats.md) has its defence and a test that attacks it.",
        "What does not exist yet (a console, roles, exports) has no defence either.",
        ("tests/docs/test_explanation.py",),
        _threats,
        "TIELINE_SOAK=true python -m pytest tests/threats",
    ),
    Promise(
        "**The proof can fail.** Bugs are planted in the engine and faults in adapters, and each has to be found.",
        "",
        ("tests/simulation/test_simulation.py", "tests/adapters/test_saboteurs.py"),
        _mutants,
        "tieline simulate --mutant all --schedules 1000",
    ),
    Promise(
        "**Rate limits are kept, and used.** No minute sees more calls than `calls_per_minute`, of a connection or "
        "of all that share its account, whichever workers serve them; a limit that nobody "
        "told us of is met once in each of its windows, and no call comes before the moment that the tool named. What "
        "one record or one kind of call is refused holds up no other.",
        "The window of a limit that the tool does not tell: the first pause is then a minute.",
        (
            "tests/soak/test_limits.py::test_a_declared_limit_is_never_met_and_is_used",
            "tests/fleet/test_accounts.py::test_two_workers_make_together_no_more_calls_than_the_account_has",
            "tests/soak/test_limits.py::test_an_unknown_limit_is_met_once_in_a_window_and_is_used",
            "tests/soak/test_limits.py::test_an_issue_that_may_not_be_written_again_yet_holds_up_no_other",
        ),
        _limits,
        "python -m tests.soak limits",
    ),
    Promise(
        "**A day without a tool** costs no change and no second write. What waited is written within 1.2 of the time "
        "that the tool's limit asks for, once the tool has answered again; it is asked every five minutes.",
        "",
        ("tests/soak/test_partition.py::test_what_waited_for_a_day_is_written_once_and_soon",),
        _partition,
        "python -m tests.soak partition",
    ),
    Promise(
        "**An older store is read on, a newer one is refused** and left alone. A store of each schema is kept, with "
        "what the tools held then; a poll brings nothing twice, and edits are carried on.",
        "PostgreSQL: what is kept are SQLite's.",
        (
            "tests/sync/test_upgrade.py",
            "tests/core/test_store_schema.py::test_a_database_newer_than_the_code_is_refused_and_left_alone",
        ),
    ),
    Promise(
        "**A silence lasts no longer than the work.** What somebody works on is silent; what may be silent because of "
        "us is loud again when nobody does, also where the call was never answered, or the alert ended and fired "
        "again in between.",
        "After a restore, what was silenced since the backup runs out by itself (`signals.silence_for`).",
        (
            "tests/sync/test_signals.py::test_a_flap_that_reopens_an_incident_takes_its_silence_back",
            "tests/sync/test_signals.py::test_a_silence_whose_setting_was_never_answered_is_taken_back",
            "tests/sync/test_acts.py::test_no_silence_outlives_the_work_and_none_is_forgotten",
            "tests/sync/test_acts.py::test_what_may_have_been_taken_back_is_silenced_again",
            "tests/simulation/test_simulation.py",
        ),
        _schedules,
        "tieline simulate --schedules 10000",
    ),
)

LIMITS = """
## How far the proof reaches

- ServiceNow, Jira and PagerDuty were never spoken to. Their adapters are held against simulators that we wrote from the
  vendors' specifications and from recorded answers; the recordings of the tests were made against those simulators.
  Prometheus, Alertmanager and PostgreSQL are real in the tests.
- The simulation replaces network, tools, time and chance, and nothing of the engine. It sees no real disk and no
  real socket: that is what the crash matrix and the processes that are really killed are for.
- 0 failures in 10,000 schedules bound the rate of what they can see at 3 in 10,000, with 95 % confidence.
- The simulation seldom puts an incident back between the call that silences an alert and its answer: an engine that
  forgets such a silence passed a thousand schedules. The tests of promise 24 hold that, and not the planted bugs.
- A daemon that runs for weeks was not watched; the longest run was a storm of 200,000 alerts.
- A migration that is killed is tried with a made-up next revision; the stores of older schemas are opened by the tests.
"""


def page() -> str:
    """The page as it stands with the figures that there are."""
    found = results()
    rows = [
        (
            str(number),
            promise.words,
            promise.but,
            "<br>".join(code(test) for test in promise.tests),
            promise.figure(found),
            code(promise.command),
        )
        for number, promise in enumerate(PROMISES, 1)
    ]
    columns = ("", "promise", "not promised", "held by these tests", "figure of the last long run", "repeat it with")
    return (
        "# What is promised, and what proves it\n\n"
        'At-least-once and idempotent, never "exactly once" over somebody else\'s API. Each promise names the tests '
        "that fail "
        "without it; they are part of `make test`. The figures are from the long forms (`make soak`, hours), whose "
        "results are "
        "kept in `docs/figures/`; `make figures` takes them over from `.soak/` and writes this page anew.\n\n"
        f"{table(columns, rows)}\n\n{LIMITS.strip()}\n"
    )
