"""Comments: who may read them is proved, never assumed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tieline.adapters.jira.settings import JsmSettings
from tieline.adapters.jira.simulated.desk import Desk, adf
from tieline.adapters.jira.simulated.site import BOT
from tieline.core.errors import Rejected, TryAgain
from tieline.core.model import Audience
from tieline.core.port import Ref, Token

STAFF, CUSTOMERS = Audience.STAFF, Audience.CUSTOMERS


def service_request(desk: Desk) -> Ref:
    return Ref(desk.person_makes("Disk full", project="DESK"))


def public_words(desk: Desk, ref: str) -> list[object]:
    return [one["body"] for one in desk.person("get", ref)["comments"] if one.get("jsdPublic")]


@pytest.mark.parametrize("visible", [STAFF, CUSTOMERS])
def test_in_a_service_project_a_comment_is_exactly_as_wide_as_asked(desk: Desk, visible: Audience) -> None:
    ref = service_request(desk)
    made = desk.connect(kind=JsmSettings).add_comment(ref, adf("see runbook"), visible, Token("c1"))
    assert (made.audience, made.token, made.ours) == (visible, "c1", True)
    assert bool(public_words(desk, ref)) is (visible is CUSTOMERS)


def test_a_comment_whose_audience_cannot_be_proved_is_taken_back(desk: Desk) -> None:
    ref = Ref(desk.person_makes("Disk full"))
    adapter = desk.connect(kind=JsmSettings, project="OPS", issue_type="Incident")
    with pytest.raises(Rejected, match="did not come out for staff alone and was deleted again"):
        adapter.add_comment(ref, adf("attacker's address"), STAFF, Token("c1"))
    assert adapter.comments(ref) == []


def test_in_a_service_project_taken_for_a_classic_one_nothing_stays_public(desk: Desk) -> None:
    ref = service_request(desk)
    with pytest.raises(Rejected, match="was deleted again"):
        desk.connect(project="DESK").add_comment(ref, adf("attacker's address"), STAFF, Token("c1"))
    assert public_words(desk, ref) == []


def test_a_comment_that_cannot_be_taken_back_is_told(desk: Desk) -> None:
    ref = service_request(desk)
    desk.site.denied.add("DELETE_OWN_COMMENTS")
    with pytest.raises(Rejected, match="could not be deleted; delete it by hand"):
        desk.connect(project="DESK").add_comment(ref, adf("attacker's address"), STAFF, Token("c1"))


def test_a_role_does_not_hide_a_comment_from_customers(desk: Desk) -> None:
    ref = service_request(desk)
    desk.person("comment", ref, body="for the team", visibility={"type": "role", "value": "Service Desk Team"})
    assert [one.audience for one in desk.connect(kind=JsmSettings).comments(ref)] == [CUSTOMERS]


def test_on_a_site_of_staff_all_comments_count_as_internal(desk: Desk) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    desk.person("comment", ref, body="hello")
    adapter.add_comment(ref, adf("see runbook"), STAFF, Token("c1"))
    assert [one.audience for one in adapter.comments(ref)] == [STAFF, STAFF]
    assert adapter.audiences == {STAFF}


def test_in_an_open_project_an_internal_comment_needs_a_role(desk: Desk) -> None:
    ref = Ref(desk.person_makes("Disk full"))
    with pytest.raises(Rejected, match="set `internal_role`"):
        desk.connect(audience="public").add_comment(ref, adf("see runbook"), STAFF, Token("c1"))
    assert desk.connect(audience="public").audiences == {CUSTOMERS}
    adapter = desk.connect(audience="public", internal_role="Developers")
    assert adapter.audiences == desk.connect(kind=JsmSettings).audiences == {STAFF, CUSTOMERS}
    adapter.add_comment(ref, adf("see runbook"), STAFF, Token("c1"))
    adapter.add_comment(ref, adf("we are on it"), CUSTOMERS, Token("c2"))
    found = adapter.comments(ref)
    assert [(one.audience, one.token) for one in found] == [(STAFF, "c1"), (CUSTOMERS, "c2")]
    assert desk.person("get", ref)["comments"][0]["visibility"] == {"type": "role", "value": "Developers"}


def test_tokens_are_found_on_sites_that_send_no_properties_along(desk: Desk) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    desk.simulator.routes.sends_comment_properties = False
    desk.person("comment", ref, body="hello")
    made = adapter.add_comment(ref, adf("see runbook"), STAFF, Token("c1"))
    desk.calls()
    assert made.token == "c1"
    assert [one.token for one in adapter.comments(ref)] == [None, "c1"]
    assert len([path for _, path in desk.calls() if "/properties/" in path]) == 1, "only our own are asked for"


def test_a_comment_that_cannot_be_read_back_may_be_done(desk: Desk) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    desk.simulator.fail(503, method="GET", path="/comment/")
    with pytest.raises(TryAgain, match="was written, and then") as lost:
        adapter.add_comment(ref, adf("see runbook"), STAFF, Token("c1"))
    assert lost.value.maybe_done
    assert [one.token for one in adapter.comments(ref)] == ["c1"]


def test_more_than_a_page_of_comments_is_read_whole(desk: Desk) -> None:
    ref = Ref(desk.person_makes("Disk full"))
    for number in range(203):
        desk.person("comment", ref, body=f"note {number}")
    found = desk.connect().comments(ref)
    assert [one.body for one in found] == [adf(f"note {number}") for number in range(203)]


def test_an_empty_comment_is_refused(desk: Desk) -> None:
    ref = Ref(desk.person_makes("Disk full"))
    with pytest.raises(Rejected, match="can not be empty"):
        desk.connect().add_comment(ref, adf(""), STAFF, Token("c1"))


def test_a_data_center_takes_wiki_text(data_center: Desk) -> None:
    ref, adapter = Ref(data_center.person_makes("Disk full")), data_center.connect()
    adapter.add_comment(ref, "*see* runbook", STAFF, Token("c1"))
    assert [(one.body, one.token, one.ours) for one in adapter.comments(ref)] == [("*see* runbook", "c1", True)]


def test_a_comment_of_ours_is_ours_however_the_directory_writes_our_name(data_center: Desk) -> None:
    """Somebody re-synchronised the directory: the same user name came back in another case."""
    ref, adapter = Ref(data_center.person_makes("Disk full")), data_center.connect()
    adapter.add_comment(ref, "see runbook", STAFF, Token("c1"))
    data_center.person("comment", ref, body="hello")
    data_center.site.users[BOT] = replace(data_center.site.users[BOT], id=BOT.upper())
    assert [one.ours for one in adapter.comments(ref)] == [True, False]
