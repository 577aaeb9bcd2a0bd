"""Acknowledging: one silence, for one alert, ours alone, as long as somebody works on the incident."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tieline.adapters.alertmanager.adapter import AlertmanagerAdapter
from tieline.adapters.alertmanager.simulated.driver import AlertmanagerDriver
from tieline.adapters.alertmanager.simulator import AlertmanagerSimulator
from tieline.core.errors import Gone, Rejected, TryAgain
from tieline.core.port import Act, Ref, Token

DISK = {"alertname": "DiskFull", "path": 'C:\\ "x"', "note": "a|b.*", "severity": "critical"}
TOKEN = Token("tieline-INC-12-5")
HOURS = timedelta(hours=4)


def acknowledge(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, ref: Ref, token: Token = TOKEN, hours: float = 4
) -> str:
    until = driver.now() + timedelta(hours=hours)
    return adapter.acknowledge(ref, Act.ACKNOWLEDGE, until=until, note="INC-12 is worked on", token=token)


def undo(adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, ref: Ref, act: Act = Act.RELEASE) -> None:
    adapter.acknowledge(ref, act, until=driver.now(), note="INC-12", token=TOKEN)


def test_a_silence_matches_every_label_exactly_and_names_the_incident(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    ref = am.fire(DISK).ref
    other = am.fire({**DISK, "note": "aXb"}).ref
    made = am.state.silences[acknowledge(adapter, driver, ref)]
    assert {(matcher.name, matcher.value, matcher.regex) for matcher in made.matchers} == {
        (name, value, False) for name, value in DISK.items()
    }
    assert made.comment.startswith("INC-12 is worked on [")
    assert made.author == "tieline"
    assert (driver.acts_in_force(ref), driver.acts_in_force(other)) == (1, 0)


def test_asking_again_prolongs_the_same_silence(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    ref = am.fire(DISK).ref
    first = acknowledge(adapter, driver, ref)
    driver.advance(3 * 3600)
    second = acknowledge(adapter, driver, ref)
    assert first == second
    assert am.state.silences[first].ends == driver.now() + HOURS


def test_a_silence_that_lasts_long_enough_is_not_touched(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    ref = am.fire(DISK).ref
    acknowledge(adapter, driver, ref)
    am.requests.clear()
    acknowledge(adapter, driver, ref, hours=2)
    assert am.requests == [("GET", "/api/v2/silences")]


def test_another_incident_has_a_silence_of_its_own(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    ref = am.fire(DISK).ref
    first = acknowledge(adapter, driver, ref)
    assert acknowledge(adapter, driver, ref, Token("tieline-INC-12-55")) != first
    assert acknowledge(adapter, driver, ref) == first
    undo(adapter, driver, ref)
    assert driver.acts_in_force(ref) == 0


def test_an_expired_silence_is_made_anew(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    ref = am.fire(DISK).ref
    first = acknowledge(adapter, driver, ref)
    driver.advance(5 * 3600)
    assert acknowledge(adapter, driver, ref) != first
    assert driver.acts_in_force(ref) == 1


def test_a_lost_answer_does_not_make_two_silences(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    ref = am.fire(DISK).ref
    am.lose(method="POST", path="/silences")
    with pytest.raises(TryAgain) as lost:
        acknowledge(adapter, driver, ref)
    assert lost.value.maybe_done
    acknowledge(adapter, driver, ref)
    assert len(am.state.silences) == 1


@pytest.mark.parametrize("act", [Act.RELEASE, Act.RESOLVE])
def test_letting_go_takes_back_ours_and_nobody_elses(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator, act: Act
) -> None:
    ref = am.fire(DISK).ref
    other = am.fire({**DISK, "severity": "info"}).ref
    acknowledge(adapter, driver, other)
    by_hand = am.silence(ref, comment=f"copied from tieline [{ref} {TOKEN}]")
    ours = acknowledge(adapter, driver, ref)
    undo(adapter, driver, ref, act)
    assert am.state.silenced_by(am.state.alerts[ref[:16]], driver.now()) == [by_hand]
    assert am.state.silences[ours].state(driver.now()) == "expired"
    assert driver.acts_in_force(other) == 1


def test_letting_go_takes_back_every_one_although_one_is_taken_back_meanwhile(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    """A person removes one of two between our look and our call: it is answered with 404, and the other is ours too."""
    ref = am.fire(DISK).ref
    acknowledge(adapter, driver, ref)
    acknowledge(adapter, driver, ref, Token("tieline-INC-12-55"))
    am.fail(404, method="DELETE", path="/silence/", after_effect=True)
    undo(adapter, driver, ref)
    assert [method for method, _ in am.requests].count("DELETE") == 2
    assert driver.acts_in_force(ref) == 0


def test_a_silence_whose_removal_something_in_between_denied_is_taken_back_later(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    ref = am.fire(DISK).ref
    acknowledge(adapter, driver, ref)
    acknowledge(adapter, driver, ref, Token("tieline-INC-12-55"))
    am.fail(404, method="DELETE", path="/silence/")
    with pytest.raises(TryAgain, match="could not be taken back") as asked:
        undo(adapter, driver, ref)
    assert asked.value.maybe_done
    assert driver.acts_in_force(ref) == 1, "the other one is taken back all the same"
    undo(adapter, driver, ref)
    assert driver.acts_in_force(ref) == 0


def test_letting_go_works_after_the_alert_has_ended(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    ref = am.fire(DISK).ref
    ours = acknowledge(adapter, driver, ref)
    am.resolve(ref)
    undo(adapter, driver, ref)
    undo(adapter, driver, ref)
    assert am.state.silences[ours].state(driver.now()) == "expired"
    assert [method for method, _ in am.requests].count("DELETE") == 1


def test_an_alert_that_ended_cannot_be_acknowledged(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    ref = am.fire(DISK).ref
    am.resolve(ref)
    with pytest.raises(Gone):
        acknowledge(adapter, driver, ref)
    assert am.state.silences == {}


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_silence_ends_when_we_mean_it_although_the_clocks_differ(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator, hours: int
) -> None:
    driver.skew(hours * 3600)
    ref = am.fire(DISK).ref
    made = am.state.silences[acknowledge(adapter, driver, ref)]
    assert made.state(driver.tool_now()) == "active"
    assert made.ends - driver.tool_now() == HOURS


def test_what_alertmanager_refuses_is_rejected_with_its_words(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    ref = am.fire(DISK).ref
    with pytest.raises(Rejected, match="end time can't be in the past"):
        acknowledge(adapter, driver, ref, hours=-1)
