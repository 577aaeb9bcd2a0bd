"""A token is the one's whom the instance gave it to, whatever `username` says."""

from __future__ import annotations

import pytest
from tests.adapters.test_oauth import CLIENT, SECRET, ServiceNowByClient

from tieline.adapters.servicenow.simulated.driver import ServiceNowDriver
from tieline.adapters.testing.tokens import Client
from tieline.core.model import Audience
from tieline.core.port import WHOLE, Token

OWNER = "beth.anglin"


@pytest.fixture
def driver() -> ServiceNowByClient:
    """The OAuth application user is another than `username`."""
    driver = ServiceNowByClient()
    driver.desk.clients[CLIENT] = Client(SECRET, OWNER)
    return driver


def test_what_is_written_under_the_tokens_name_is_ours(driver: ServiceNowByClient) -> None:
    adapter = driver.connect()
    made = adapter.create(driver.new_body("Disk full"), Token("a-token-of-ours"))
    assert made.ours == WHOLE
    said = adapter.add_comment(made.ref, "A word of ours", Audience.STAFF, Token("another-token"))
    assert (said.author, said.ours) == (OWNER, True)
    assert not adapter.update(made.ref, driver.patch_title("Disk fuller"), adapter.read(made.ref).version).raced


def test_check_tells_that_the_token_is_somebody_elses(driver: ServiceNowByClient) -> None:
    driver.make("Disk full")
    found = driver.connect().check()
    assert found.account == OWNER
    assert f"the token is {OWNER}'s, and `username` says tieline" in "\n".join(found.notes)
    assert "the token is" not in "\n".join(driver.connect(username=OWNER.title()).check().notes)


@pytest.mark.parametrize("hides", ["the table", "the row", "that the condition is ignored"])
def test_username_is_believed_where_the_instance_does_not_tell(driver: ServiceNowByClient, hides: str) -> None:
    simulator = driver.simulator
    users = simulator.tables.rows["sys_user"]
    match hides:
        case "the table":
            simulator.unreadable = {"sys_user"}
        case "the row":
            simulator.hidden = {simulator.tables.user_id(OWNER)}
        case _:
            for row in users.values():
                row["user_name"] = OWNER
    assert driver.connect()._wire.account() == "tieline"


def test_a_log_in_asks_nobody_who_it_is() -> None:
    driver = ServiceNowDriver()
    assert driver.connect()._wire.account() == "tieline"
    assert list(driver.simulator.requests) == []


@pytest.mark.parametrize("write", ["create", "update"])
def test_whose_the_token_is_is_asked_before_the_first_write(driver: ServiceNowByClient, write: str) -> None:
    ref = driver.make("Disk full")
    seen = driver.connect().read(ref).version
    fresh, simulator = driver.connect(), driver.simulator
    simulator.requests.clear()
    if write == "create":
        fresh.create(driver.new_body("Disk full"), Token("a-token-of-ours"))
    else:
        fresh.update(ref, driver.patch_title("Disk fuller"), seen)
    paths = [path for _method, path in simulator.requests]
    verbs = [method for method, _path in simulator.requests]
    asked = next(place for place, path in enumerate(paths) if "sys_user" in path)
    assert asked < next(
        place for place, verb in enumerate(verbs) if verb in ("POST", "PATCH") and "incident" in paths[place]
    )
