"""What the live account says of itself: check, describe, people."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tieline.adapters.pagerduty.adapter import PagerDuty
from tieline.adapters.pagerduty.incident import Refusal
from tieline.adapters.pagerduty.people import _Kept
from tieline.adapters.pagerduty.simulated.account import User
from tieline.adapters.pagerduty.simulated.driver import PagerDutyDriver
from tieline.adapters.pagerduty.simulator import READ_ONLY_KEY
from tieline.adapters.testing.clock import ManualClock
from tieline.core.errors import NeedsOperator
from tieline.core.model import Audience
from tieline.core.port import Token
from tieline.core.secrets import Secret


def test_a_sound_connection_has_nothing_to_note(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    tool.skew(30)
    health = adapter.check()
    assert health.account == "tieline@example.org"
    assert health.clock_skew == timedelta(seconds=30)
    assert health.notes == ()


def test_checking_changes_nothing(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    tool.make("Disk full")
    before = list(tool.account.log)
    adapter.check()
    assert tool.account.log == before


def test_a_key_that_may_not_write_asks_for_a_person(tool: PagerDutyDriver) -> None:
    with pytest.raises(NeedsOperator, match="403"):
        tool.connect(api_key=Secret.literal(READ_ONLY_KEY)).check()


def test_a_from_user_that_does_not_exist_asks_for_a_person(tool: PagerDutyDriver) -> None:
    with pytest.raises(NeedsOperator, match=r"no user stranger@example\.org"):
        tool.connect(from_email="stranger@example.org").check()


def test_a_key_of_a_user_goes_with_the_address_of_that_user(tool: PagerDutyDriver) -> None:
    mine, other = (Secret.literal(f"u+KeyOfAUser{number}") for number in (1, 2))
    for key, email in ((mine, "Tieline@example.org"), (other, tool.account.users[1].email)):
        tool.simulator.keys[key.reveal()] = "full"
        tool.simulator.owners[key.reveal()] = email
    assert tool.connect(api_key=mine).check().notes == ()
    with pytest.raises(NeedsOperator) as told:
        tool.connect(api_key=other).check()
    address = tool.account.users[1].email
    assert f"the key is one of the user {address}" in str(told.value)
    assert f"set `from_email` to {address}, or use a key of the account." in str(told.value)


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_key_of_the_account_has_no_user(tool: PagerDutyDriver, status: int) -> None:
    tool.simulator.fail(status, path="/users/me", body={"error": {"message": "no", "code": 2010}})
    assert tool.connect().check().notes == ()


def test_a_service_that_does_not_exist_or_is_disabled_asks_for_a_person(tool: PagerDutyDriver) -> None:
    with pytest.raises(NeedsOperator, match="no service PNOSUCH"):
        tool.connect(service="PNOSUCH").check()
    tool.account.services[0].status = "disabled"
    with pytest.raises(NeedsOperator, match="disabled"):
        tool.connect().check()


def test_everything_that_a_person_must_mend_is_told_at_once(tool: PagerDutyDriver) -> None:
    with pytest.raises(NeedsOperator) as told:
        tool.connect(
            from_email="stranger@example.org", service="PNOSUCH", api_key=Secret.literal(READ_ONLY_KEY)
        ).check()
    for words in ("no user stranger@example.org; set `from_email`", "no service PNOSUCH; set `service`", "403"):
        assert words in str(told.value)


def test_what_will_surprise_an_operator_is_noted(tool: PagerDutyDriver) -> None:
    tool.account.services[0].acknowledgement_timeout = 1800
    tool.account.services[0].status = "maintenance"
    tool.simulator.rest.has_priorities = False
    notes = " / ".join(tool.connect(webhook_secrets=()).check().notes)
    for words in ("turns new again by itself", "maintenance", "next poll", "no priorities"):
        assert words in notes


def test_the_schema_tells_the_accounts_own_choices(adapter: PagerDuty) -> None:
    facts = adapter.describe()
    assert list(facts["priority.summary"].choices or ()) == ["P1", "P2", "P3", "P4", "P5"]
    assert set(facts["status"].choices or ()) == {"triggered", "acknowledged", "resolved"}
    assert (facts["service.id"].choices or {})["PIJ90N7"] == "API Service"
    assert facts["title"].writable
    assert not facts["created_at"].writable


def test_an_account_without_priorities_offers_none(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    tool.simulator.rest.has_priorities = False
    fact = adapter.describe()["priority.summary"]
    assert not fact.writable
    assert fact.choices is None


def test_a_person_is_found_among_many_who_look_alike(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    tool.account.users = [
        *(User(f"PX{number}", f"Ada {number}", f"x{number}.ada@example.org") for number in range(7)),
        *tool.account.users,
    ]
    assert adapter.person_id("Ada@Example.org") == "PAM4FGS"


def test_people_are_asked_for_once_in_ten_minutes(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    def calls() -> int:
        return sum(path.startswith("/users") for _, path in tool.simulator.requests)

    adapter.person_id("ada@example.org")
    first = calls()
    adapter.person_id("ada@example.org")
    assert calls() == first
    tool.advance(601)
    adapter.person_id("ada@example.org")
    assert calls() > first


def test_a_deleted_assignee_has_no_address(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    ref = tool.make("Disk full")
    tool.account.users = [user for user in tool.account.users if user.id != "PAM4FGS"]
    assert adapter.read(ref).people == {}


def test_a_note_of_ours_is_ours_however_our_address_is_written(tool: PagerDutyDriver) -> None:
    ref, adapter = tool.make("Disk full"), tool.connect(from_email="TieLine@Example.ORG")
    assert adapter.add_comment(ref, "see runbook", Audience.STAFF, Token("c1")).ours
    tool.account.users = [replace(user, email=user.email.upper()) for user in tool.account.users]
    assert [note.ours for note in tool.connect(from_email="tieline@example.org").comments(ref)] == [True]


def test_an_answer_about_a_person_is_trusted_for_ten_minutes_and_not_a_moment_longer() -> None:
    clock = ManualClock()
    kept: _Kept[str | None] = _Kept(clock)
    assert kept.get("ada@example.org") is None
    assert kept.put("ada@example.org", None) is None
    clock.sleep(599.5)
    assert kept.get("ada@example.org") == (None,)
    clock.sleep(0.5)
    assert kept.get("ada@example.org") is None


def test_answers_that_are_kept_have_a_bound() -> None:
    kept: _Kept[int] = _Kept(ManualClock())
    for number in range(10_000):
        kept.put(str(number), number)
    assert kept.get("0") == (0,)
    assert kept.get("9999") == (9_999,)
    kept.put("one more", -1)
    assert kept.get("9999") is None
    assert kept.get("one more") == (-1,)


@pytest.mark.parametrize("asked", ["p2", {"summary": "P2"}, {"name": "P2"}, {"summary": "", "name": "p2"}])
def test_a_priority_is_found_by_whatever_names_it(adapter: PagerDuty, asked: object) -> None:
    named = adapter._priorities.names()
    identity = next(one for one, name in named.items() if name == "P2")
    assert adapter._priorities.resolve(asked) == {"id": identity, "type": "priority_reference"}


def test_a_priority_that_has_an_id_is_taken_as_it_is_and_none_is_none(
    tool: PagerDutyDriver, adapter: PagerDuty
) -> None:
    tool.simulator.requests.clear()
    asked = {"id": "PANY", "summary": "P1"}
    assert adapter._priorities.resolve(asked) == {"id": "PANY", "type": "priority_reference"}
    assert adapter._priorities.resolve(None) is None
    assert tool.simulator.requests == []


def test_an_unknown_priority_is_refused_with_those_that_there_are(adapter: PagerDuty) -> None:
    with pytest.raises(Refusal, match="no priority 'Sev-1'; it has P1, P2, P3, P4, P5"):
        adapter._priorities.resolve({"id": "", "name": "Sev-1"})
