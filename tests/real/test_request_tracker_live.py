"""The adapter of Request Tracker against a real one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import httpx
import pytest
from tests.real.request_tracker import Desk, request_tracker
from tests.real.servers import Receiver, receiver

from tieline.adapters.rt.simulated.driver import HOOK_SECRET, PeopleOfRequestTracker
from tieline.adapters.testing.contract import AdapterContract
from tieline.adapters.testing.contract.trial import contract_tests
from tieline.adapters.testing.real import MovedClock, Relay
from tieline.core.port import Delivery, Ref

pytestmark = pytest.mark.real


@dataclass
class Live:
    """A real server and the receiver of its Scrip."""

    desk: Desk
    hooks: Receiver


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with receiver() as (hooks, url), request_tracker(url, HOOK_SECRET) as desk:
        yield Live(desk, hooks)


class LiveDriver(PeopleOfRequestTracker):
    lacks: ClassVar[Mapping[str, str]] = {
        **PeopleOfRequestTracker.lacks,
        "spoil": "the real server takes no odd ticket",
    }

    def __init__(self, live: Live) -> None:
        super().__init__(live.desk.url, live.desk.tokens)
        self.live = live
        self.ours = MovedClock()
        self.clock = self.ours
        client = httpx.Client(base_url=live.desk.url, trust_env=False, timeout=30.0)
        asked, told = ("authorization", "content-type", "if-match"), ("content-type", "date", "etag", "location")
        self.simulator = Relay(client, asked=asked, told=told)
        self._ahead = 0.0
        self._set()

    def delivery(self, ref: Ref) -> Delivery:
        return self.live.hooks.about(f'"ticket":{ref},')

    def advance(self, seconds: float) -> None:
        self.ours.moved += seconds
        self._set()

    def skew(self, seconds: float) -> None:
        self._ahead = seconds
        self._set()

    def _set(self) -> None:
        self.live.desk.ahead(self.ours.moved + self._ahead)


IN_EVERY_RUN = frozenset(
    f"test_{name}"
    for name in (
        "check_names_the_account",
        "check_asks_for_a_person_when_credentials_are_refused",
        "two_edits_in_one_second_have_two_versions",
        "a_missing_record_is_gone",
        "a_deleted_record_is_gone",
        "a_merged_record_names_the_one_that_took_its_place",
        "the_age_is_the_time_since_the_last_change",
        "only_what_changed_after_the_cursor_is_listed",
        "a_burst_in_one_second_is_listed_whole",
        "an_edit_moves_a_record_to_the_end",
        "the_listing_and_the_record_agree",
        "what_was_created_reads_back",
        "every_field_of_a_new_record_arrives",
        "what_the_tool_refuses_is_rejected",
        "a_refusal_names_the_member_that_was_refused",
        "a_record_is_found_by_its_token",
        "a_create_with_a_lost_answer_is_found_again",
        "a_write_on_an_old_version_changes_nothing",
        "writing_to_a_deleted_record_says_gone",
        "a_closed_record_opens_again",
        "what_a_person_does_after_our_write_is_left_to_the_next_reading",
        "a_record_tells_how_it_was_born",
        "what_the_tool_does_by_itself_is_told",
        "a_comment_reads_back",
        "a_persons_comment_is_not_ours",
        "an_internal_comment_is_never_shown_wider",
        "comments_of_a_missing_record_say_gone",
        "a_person_is_found_by_address",
        "a_link_is_shown_once_per_token",
        "a_true_delivery_is_taken",
    )
)
"""What RT itself answers decides of these. The others take minutes there: they are asked where TIELINE_SOAK is true."""


class TestContract(AdapterContract):
    tool_kind = "rt"
    against = "a real Request Tracker 5.0.3 of Debian 12"
    driver = LiveDriver

    @pytest.fixture
    def tool(self, live: Live) -> LiveDriver:
        return LiveDriver(live)


assert contract_tests(TestContract).keys() >= IN_EVERY_RUN
if os.environ.get("TIELINE_SOAK") != "true":
    for left_out in contract_tests(TestContract).keys() - IN_EVERY_RUN:
        setattr(TestContract, left_out, None)
