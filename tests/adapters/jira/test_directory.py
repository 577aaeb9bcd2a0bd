"""Who is meant by an address: the one person who has it, and nobody who only looks like them."""

from __future__ import annotations

import pytest

from tieline.adapters.jira.simulated.desk import Desk
from tieline.adapters.jira.simulated.people import User
from tieline.core.errors import NeedsOperator
from tieline.core.secrets import Secret

ADDRESS = "ann@example.com"
LIKE_IT = "ann@example.com.au"
WRONG = Secret.literal("not-the-token")


def found(desk: Desk, *people: User) -> str | None:
    desk.site.users = {one.id: one for one in people}
    return desk.connect().person_id(ADDRESS)


def test_an_address_that_begins_like_the_one_that_is_asked_for_is_somebody_elses(desk: Desk) -> None:
    other, ann = User("1-ann-au", LIKE_IT, "Ann of Australia"), User("2-ann", ADDRESS, "Ann")
    assert found(desk, other, ann) == "2-ann"
    assert found(desk, other) is None


@pytest.mark.parametrize("shown", ["Ann@Example.com", "ANN@EXAMPLE.COM"])
def test_an_address_is_the_same_in_every_case(desk: Desk, shown: str) -> None:
    assert found(desk, User("1-ann-au", LIKE_IT, "Ann of Australia"), User("2-ann", shown, "Ann")) == "2-ann"


def test_whoever_hides_their_address_is_taken_for_its_owner_only_where_nobody_else_was_found(desk: Desk) -> None:
    hidden = User("1-hidden", ADDRESS, "Ann", hidden=True)
    assert found(desk, hidden) == "1-hidden"
    assert found(desk, hidden, User("2-hidden", LIKE_IT, "Ann of Australia", hidden=True)) is None
    assert found(desk, User("1-shown", LIKE_IT, "Ann of Australia"), hidden) is None
    assert found(desk, hidden, User("2-ann", ADDRESS, "Ann")) == "2-ann"


def test_no_app_is_taken_for_a_person_who_hides_the_address(desk: Desk) -> None:
    assert found(desk, User("1-app", ADDRESS, "Automation", hidden=True, app=True)) is None


def test_on_a_data_center_nobody_is_taken_for_the_owner_of_a_hidden_address(data_center: Desk) -> None:
    assert found(data_center, User("ann", ADDRESS, "Ann", hidden=True)) is None
    assert found(data_center, User("ann", ADDRESS, "Ann")) == "ann"


@pytest.mark.parametrize(("waited", "asked"), [(599.5, 0), (600.0, 1)])
@pytest.mark.parametrize("before", [0.0, 1000.0])
def test_an_answer_is_trusted_for_ten_minutes_and_not_a_moment_longer(
    desk: Desk, before: float, waited: float, asked: int
) -> None:
    desk.clock.advance(before)
    adapter = desk.connect()
    adapter.person_id("anna@example.com")
    desk.clock.advance(waited)
    desk.calls()
    adapter.person_id("anna@example.com")
    assert len(desk.calls()) == asked


def test_only_who_may_not_browse_people_finds_nobody_and_other_refusals_are_told(desk: Desk) -> None:
    adapter = desk.connect(api_token=WRONG)
    with pytest.raises(NeedsOperator):
        adapter.person_id(ADDRESS)
