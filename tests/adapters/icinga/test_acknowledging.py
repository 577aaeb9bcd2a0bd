"""What is acknowledged here shows there, and what people did there stays theirs."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tieline.adapters.icinga.adapter import IcingaAdapter
from tieline.adapters.icinga.simulated.driver import PASSWORD, IcingaDriver
from tieline.adapters.icinga.simulator import IcingaSimulator
from tieline.core.errors import Gone, NeedsOperator, TryAgain
from tieline.core.port import Act, Ref, Token


def acknowledge(adapter: IcingaAdapter, ref: Ref, until: datetime, token: str = "t-1", note: str = "INC-1") -> None:
    adapter.acknowledge(ref, Act.ACKNOWLEDGE, until=until, note=note, token=Token(token))


def release(adapter: IcingaAdapter, ref: Ref, until: datetime) -> None:
    adapter.acknowledge(ref, Act.RELEASE, until=until, note="INC-1", token=Token("t-2"))


@pytest.fixture
def later(driver: IcingaDriver) -> datetime:
    return driver.now() + timedelta(hours=4)


def writes(icinga: IcingaSimulator) -> int:
    return sum(path.startswith("/v1/actions/") for _, path in icinga.requests)


def test_an_acknowledgement_is_sticky_ends_by_itself_and_says_why(
    adapter: IcingaAdapter, driver: IcingaDriver, icinga: IcingaSimulator, later: datetime
) -> None:
    ref = driver.make("DISK CRITICAL")
    acknowledge(adapter, ref, later)
    [comment] = icinga.state.comments
    assert (comment.author, comment.text) == ("tieline", f"INC-1 [{ref} t-1]")
    assert (driver.at(ref).acknowledgement, driver.at(ref).expiry) == (2, later.timestamp().__trunc__())
    driver.touch(ref)
    assert driver.acts_in_force(ref) == 1
    acknowledge(driver.connect(sticky=False), driver.make("DISK CRITICAL"), later)
    assert icinga.state.objects["db2!disk"].acknowledgement == 1


@pytest.mark.parametrize("hours", [-1, 1])
def test_it_ends_by_icingas_clock(adapter: IcingaAdapter, driver: IcingaDriver, hours: int, later: datetime) -> None:
    driver.skew(hours * 3600)
    ref = driver.make("DISK CRITICAL")
    acknowledge(adapter, ref, later)
    assert abs(driver.at(ref).expiry - (later + timedelta(hours=hours)).timestamp()) < 2


def test_a_longer_one_takes_its_place_and_a_shorter_one_does_not(
    adapter: IcingaAdapter, driver: IcingaDriver, icinga: IcingaSimulator, later: datetime
) -> None:
    ref = driver.make("DISK CRITICAL")
    for hours in (1, 4, 2):
        acknowledge(adapter, ref, driver.now() + timedelta(hours=hours))
    assert abs(driver.at(ref).expiry - later.timestamp()) < 2
    assert writes(icinga) == 3  # made; taken back and made again; left alone


def test_what_a_person_acknowledged_is_left_alone(
    adapter: IcingaAdapter, driver: IcingaDriver, icinga: IcingaSimulator, later: datetime
) -> None:
    ref = driver.make("DISK CRITICAL")
    icinga.acknowledge("db1!disk", "ann", "looking")
    acknowledge(adapter, ref, later)
    release(adapter, ref, later)
    assert (writes(icinga), [one.author for one in icinga.state.comments]) == (0, ["ann"])


def test_a_person_who_acknowledges_after_ours_ran_out_is_left_alone(
    adapter: IcingaAdapter, driver: IcingaDriver, icinga: IcingaSimulator
) -> None:
    ref = driver.make("DISK CRITICAL")
    acknowledge(adapter, ref, driver.now() + timedelta(minutes=1))
    driver.advance(70)
    icinga.acknowledge("db1!disk", "ann", "looking")
    assert len(icinga.state.shown(icinga.now())) == 2
    release(adapter, ref, driver.now())
    assert driver.acts_in_force(ref) == 1


def test_a_person_who_is_quicker_is_seen(
    adapter: IcingaAdapter, driver: IcingaDriver, icinga: IcingaSimulator, later: datetime
) -> None:
    ref = driver.make("DISK CRITICAL")
    driver.before_next_write(lambda: icinga.acknowledge("db1!disk", "ann", "looking"))
    with pytest.raises(TryAgain, match="somebody has just acknowledged") as raised:
        acknowledge(adapter, ref, later)
    assert not raised.value.maybe_done
    acknowledge(adapter, ref, later)
    assert [one.author for one in icinga.state.comments] == ["ann"]


def test_a_problem_that_recovers_meanwhile_is_gone(
    adapter: IcingaAdapter, driver: IcingaDriver, later: datetime
) -> None:
    ref = driver.make("DISK CRITICAL")
    driver.before_next_write(lambda: driver.delete(ref))
    with pytest.raises(Gone):
        acknowledge(adapter, ref, later)
    release(adapter, ref, later)


def test_an_acknowledgement_of_the_next_episode_is_not_taken_back(
    adapter: IcingaAdapter, driver: IcingaDriver, later: datetime
) -> None:
    ref = driver.make("DISK CRITICAL")
    driver.advance(60)
    driver.delete(ref)
    driver.advance(60)
    again = driver.fail_check("db1!disk", 2, "DISK CRITICAL")
    acknowledge(adapter, again, later)
    release(adapter, ref, later)
    assert driver.acts_in_force(again) == 1


def test_a_moment_that_is_over_acknowledges_nothing(
    adapter: IcingaAdapter, driver: IcingaDriver, icinga: IcingaSimulator
) -> None:
    acknowledge(adapter, driver.make("DISK CRITICAL"), driver.now())
    assert writes(icinga) == 0


def test_a_missing_permission_is_named(driver: IcingaDriver, later: datetime) -> None:
    ref = driver.make("DISK CRITICAL")
    driver.simulator.users["tieline"] = (PASSWORD, ("status/query", "objects/query/*"))
    with pytest.raises(NeedsOperator, match="lacks actions/acknowledge-problem"):
        acknowledge(driver.connect(), ref, later)


def test_success_with_a_refusal_inside_is_none(
    adapter: IcingaAdapter, driver: IcingaDriver, icinga: IcingaSimulator, later: datetime
) -> None:
    ref = driver.make("DISK CRITICAL")
    icinga.fail(200, body={"results": [{"code": 500, "status": "Attempted to…"}]}, path="/v1/actions/")
    with pytest.raises(TryAgain) as raised:
        acknowledge(adapter, ref, later)
    assert raised.value.maybe_done
    driver.heal()


@pytest.mark.parametrize("note", ["x" * 40_000, "[INC-1] 🔥 ] [", "a\x00b", '"; remove() //'])
def test_whatever_the_note_says_ours_is_found_again(
    adapter: IcingaAdapter, driver: IcingaDriver, later: datetime, note: str
) -> None:
    ref = driver.make("DISK CRITICAL")
    acknowledge(adapter, ref, later, note=note)
    release(adapter, ref, later)
    assert driver.acts_in_force(ref) == 0
