"""What is acknowledged here shows there, and what people did there stays theirs. All shows ten seconds late."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tieline.adapters.nagios.adapter import NagiosAdapter
from tieline.adapters.nagios.simulated.driver import PASSWORD, NagiosDriver
from tieline.adapters.nagios.simulator import Account, NagiosSimulator
from tieline.core.errors import Gone, NeedsOperator, TryAgain
from tieline.core.port import Act, Ref, Token


def acknowledge(adapter: NagiosAdapter, ref: Ref, until: datetime, token: str = "t-1", note: str = "INC-1") -> None:
    adapter.acknowledge(ref, Act.ACKNOWLEDGE, until=until, note=note, token=Token(token))


def release(adapter: NagiosAdapter, ref: Ref, until: datetime) -> None:
    adapter.acknowledge(ref, Act.RELEASE, until=until, note="INC-1", token=Token("t-2"))


@pytest.fixture
def later(driver: NagiosDriver) -> datetime:
    return driver.now() + timedelta(hours=4)


def writes(nagios: NagiosSimulator) -> int:
    return sum(method == "POST" for method, _ in nagios.requests)


def test_an_acknowledgement_is_sticky_and_says_why(
    adapter: NagiosAdapter, driver: NagiosDriver, nagios: NagiosSimulator, later: datetime
) -> None:
    ref = driver.make("DISK CRITICAL")
    acknowledge(adapter, ref, later)
    acknowledge(adapter, ref, later)
    [comment] = nagios.comments
    assert (comment.author, comment.text, writes(nagios)) == ("tieline", f"INC-1 [{ref} t-1]", 1)
    driver.touch(ref)
    assert driver.acts_in_force(ref) == 1
    acknowledge(driver.connect(sticky=False), driver.make("DISK CRITICAL"), later)
    assert nagios.objects["db2!disk"].acknowledgement == 1


def test_what_is_taken_back_at_once_is_waited_for_and_can_be_made_again(
    adapter: NagiosAdapter, driver: NagiosDriver, nagios: NagiosSimulator, later: datetime
) -> None:
    ref = driver.make("DISK CRITICAL")
    acknowledge(adapter, ref, later)
    release(driver.connect(), ref, later)  # another process, which does not know what was just sent
    assert nagios.objects["db1!disk"].acknowledgement == 0
    acknowledge(adapter, ref, later)
    release(adapter, ref, later)
    release(adapter, ref, later)
    acknowledge(adapter, ref, later)
    assert nagios.objects["db1!disk"].acknowledgement == 2


def test_a_nagios_that_writes_no_status_leaves_it_to_be_tried_again(
    adapter: NagiosAdapter, driver: NagiosDriver, nagios: NagiosSimulator, later: datetime
) -> None:
    ref = driver.make("DISK CRITICAL")
    nagios.is_up = False
    with pytest.raises(TryAgain, match="does not write its status anew"):
        release(adapter, ref, later)
    driver.advance(600)
    with pytest.raises(TryAgain, match="is it running"):
        adapter.read(ref)


@pytest.mark.parametrize("persistent", [False, True])
def test_what_a_person_acknowledged_is_left_alone(
    adapter: NagiosAdapter, driver: NagiosDriver, nagios: NagiosSimulator, later: datetime, persistent: bool
) -> None:
    ref = driver.make("DISK CRITICAL")
    nagios.acknowledge("db1!disk", "ann", "looking", persistent=persistent)
    nagios.write()
    acknowledge(adapter, ref, later)
    release(adapter, ref, later)
    assert (writes(nagios), [one.author for one in nagios.comments]) == (0, ["ann"])


def test_a_person_who_acknowledges_beside_us_is_left_alone(
    adapter: NagiosAdapter, driver: NagiosDriver, nagios: NagiosSimulator, later: datetime
) -> None:
    ref = driver.make("DISK CRITICAL")
    acknowledge(adapter, ref, later)
    nagios.acknowledge("db1!disk", "ann", "über")  # told as "", and a person's all the same
    release(adapter, ref, later)
    assert driver.acts_in_force(ref) == 1


def test_what_stayed_of_an_episode_before_is_nobodys(
    adapter: NagiosAdapter, driver: NagiosDriver, nagios: NagiosSimulator, later: datetime
) -> None:
    driver.make("DISK CRITICAL")
    nagios.acknowledge("db1!disk", "ann", "looking", persistent=True)
    driver.advance(60)
    nagios.report("db1!disk", 0, "DISK OK")
    driver.advance(60)
    again = driver.fail_check("db1!disk", 2, "DISK CRITICAL")
    acknowledge(adapter, again, later)
    release(adapter, again, later)
    assert driver.acts_in_force(again) == 0


def test_a_problem_that_is_over_is_gone(adapter: NagiosAdapter, driver: NagiosDriver, later: datetime) -> None:
    ref = driver.make("DISK CRITICAL")
    driver.delete(ref)
    with pytest.raises(Gone):
        acknowledge(adapter, ref, later)
    release(adapter, ref, later)


def test_a_moment_that_is_over_acknowledges_nothing(
    adapter: NagiosAdapter, driver: NagiosDriver, nagios: NagiosSimulator
) -> None:
    acknowledge(adapter, driver.make("DISK CRITICAL"), driver.now())
    assert writes(nagios) == 0


def test_a_missing_right_is_named(driver: NagiosDriver, nagios: NagiosSimulator, later: datetime) -> None:
    ref = driver.make("DISK CRITICAL")
    nagios.accounts["tieline"] = Account(PASSWORD, commands=False)
    with pytest.raises(NeedsOperator, match="authorized_for_all_service_commands"):
        acknowledge(driver.connect(), ref, later)
    nagios.hears = False
    with pytest.raises(NeedsOperator, match="check_external_commands"):
        acknowledge(driver.connect(), ref, later)


def test_a_page_that_says_something_else_is_no_success(
    adapter: NagiosAdapter, driver: NagiosDriver, nagios: NagiosSimulator, later: datetime
) -> None:
    ref = driver.make("DISK CRITICAL")
    nagios.fail(200, raw=b"<html>An error occurred</html>", path="/cmd.cgi")
    with pytest.raises(TryAgain) as raised:
        acknowledge(adapter, ref, later)
    assert raised.value.maybe_done


@pytest.mark.parametrize("note", ["x" * 40_000, "[INC-1] 🔥 ] [", "a\x00b\nc", '"; remove() //', "<b>|$(id)`id`"])
def test_whatever_the_note_says_ours_is_found_again(
    adapter: NagiosAdapter, driver: NagiosDriver, later: datetime, note: str
) -> None:
    ref = driver.make("DISK CRITICAL")
    acknowledge(adapter, ref, later, note=note)
    assert driver.acts_in_force(ref) == 1
    release(adapter, ref, later)
    assert driver.acts_in_force(ref) == 0
