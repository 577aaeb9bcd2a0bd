"""Bugs to plant where alerts become incidents, and in what becomes of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from tieline.cli.simulation.bugs.planting import Mutant, Patch, nothing, seen_by
from tieline.core.port import Act
from tieline.mappings import board as shown_alerts
from tieline.sync.alerts import absence, acts, board, flaps, judging, reraise, signals
from tieline.sync.daemon import firing
from tieline.sync.polling import poll
from tieline.sync.road import commit, deliver


def _one_incident_per_alert() -> Sequence[Patch]:
    return [seen_by(signals, "groups", standing=lambda *_args: {})]


def _late_alert_believed() -> Sequence[Patch]:
    again = signals._again

    def trusting(tx: Any, engine: Any, here: Any, signal: Any, sighting: Any, *known: Any) -> Any:
        return again(tx, engine, here, signal, replace(sighting, asked=max(sighting.asked, 1)), *known)

    return [(signals, "_again", trusting), (poll, "_ask_again", nothing)]


def _end_not_asked_for() -> Sequence[Patch]:
    return [(poll, "_ask_again", nothing)]


def _forgotten_alert_fires_on() -> Sequence[Patch]:
    return [(signals, "end_forgotten", nothing)]


def _mass_end_believed() -> Sequence[Patch]:
    judge = absence.judge

    def believing(*args: Any, **others: Any) -> absence.Verdict:
        return judge(*args, **{**others, "many": None})

    return [(absence, "judge", believing)]


def _silence_left_behind() -> Sequence[Patch]:
    wanted = acts.wanted_act

    def staying(status: Any, acted: str, **others: Any) -> str:
        act = wanted(status, acted, **others)
        return Act.ACKNOWLEDGE.value if acts.may_be_silent(acted) else act

    return [(acts, "wanted_act", staying)]


def _severity_stays() -> Sequence[Patch]:
    def as_it_is(_tx: Any, _engine: Any, incident: Any, _signal: Any) -> Any:
        return incident

    return [(judging, "rises", lambda *_args: {}), (judging, "catch_up", as_it_is)]


def _board_stale() -> Sequence[Patch]:
    return [(board, "soon", nothing)]


def _block_taken_for_an_edit() -> Sequence[Patch]:
    return [(shown_alerts, "split", lambda written: (written, None))]


def _flap_is_a_fight() -> Sequence[Patch]:
    # Holding what flaps keeps it from the breaker, too.
    return [
        seen_by(deliver, "limits", moved_by_others=lambda trail, _moved: trail),
        (flaps, "held_for", lambda *_args: timedelta(0)),
    ]


def _not_raised_again() -> Sequence[Patch]:
    return [(reraise, "look_again", nothing)]


def _timer_without_its_facts() -> Sequence[Patch]:
    def hasty(tx: Any, engine: Any, _payload: Any) -> None:
        commit.refresh_board(tx, engine, {})

    return [seen_by(firing, "commit", refresh_board=hasty)]


MUTANTS: Final[Mapping[str, Mutant]] = {
    "severity-stays": Mutant("an alert that is worse than its incident does not raise it", _severity_stays),
    "board-stale": Mutant("tickets are not told which alerts joined and ended", _board_stale),
    "block-taken-for-an-edit": Mutant("the block of alerts is taken for somebody's text", _block_taken_for_an_edit),
    "flap-is-a-fight": Mutant("an alert that flaps trips the breaker", _flap_is_a_fight),
    "not-raised-again": Mutant("what somebody resolved stays so, however long it fires", _not_raised_again),
    "timer-without-its-facts": Mutant("what is to happen later is not told what it is about", _timer_without_its_facts),
    "one-incident-per-alert": Mutant("alerts are not grouped", _one_incident_per_alert),
    "late-alert-believed": Mutant("a late webhook makes an ended alert fire again", _late_alert_believed),
    "end-not-asked-for": Mutant("an alert that only a webhook told of is never asked for again", _end_not_asked_for),
    "forgotten-alert-fires-on": Mutant("an alert that its source forgot is not ended", _forgotten_alert_fires_on),
    "mass-end-believed": Mutant("a listing that lacks most alerts ends them all", _mass_end_believed),
    "silence-left-behind": Mutant(
        "a silence is not taken back when nobody works on the incident any more",
        _silence_left_behind,
        "left,right,alertmanager",
    ),
}
