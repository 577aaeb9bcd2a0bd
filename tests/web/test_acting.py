"""Doing something from a page: forms made from what acts declare, without a script; what was wrong stands at its field,
and nothing that somebody wrote is lost."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from tests.api.calling import ANN, BOB
from tests.sync.test_proposals import Notices
from tests.web.browsing import OURS, Visitor, mark, tags, words
from tests.web.scene import HOSTILE

from tieline.core.access import Role
from tieline.core.identity import of_account
from tieline.sync.office.asking import Asker
from tieline.sync.office.office import offered
from tieline.sync.office.performing import perform


def filled(page: httpx.Response) -> dict[str, str]:
    """What a browser would send of the form of an act, as it came."""
    form = page.text[page.text.index('class="panel-body" method="post"') :]
    found: dict[str, str] = {}
    for tag, told in tags(httpx.Response(200, text=form)):
        if tag == "input" and told.get("name") and told.get("type") not in ("checkbox", "radio"):
            found[str(told["name"])] = str(told.get("value") or "")
    for name, inside in re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>\n(.*?)</textarea>', form, re.DOTALL):
        found[name] = httpx.Response(200, text=inside).text
    for name, inside in re.findall(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', inside)
        found[name] = chosen[1] if chosen else ""
    return found


def sent(visitor: Visitor, path: str, page: httpx.Response, **changed: str) -> httpx.Response:
    return visitor.request("POST", path, data={**filled(page), **changed}, headers=OURS)


@pytest.fixture
def signed(visitor: Visitor) -> Visitor:
    visitor.sign_in()
    return visitor


def edit_form(visitor: Visitor) -> httpx.Response:
    return visitor.open("/do/edit?incident=INC-1&next=%2Fincidents%2FINC-1")


def acted(visitor: Visitor) -> list[Any]:
    return [facts["ask"] for _kind, _who, facts in visitor.journal("acted")]


def test_fields_are_changed_and_only_those_that_somebody_changed(signed):
    form = edit_form(signed)
    done = sent(signed, "/do/edit", form, **{"changes.title": "Disk full on db1", "changes.severity": "high"})
    assert (done.status_code, done.headers["location"]) == (303, "/incidents/INC-1")
    assert acted(signed) == [{"incident": "INC-1", "changes": {"title": "Disk full on db1", "severity": "high"}}]
    page = signed.open("/incidents/INC-1")
    assert "INC-1 changed; its copies follow" in words(page)
    assert "Disk full on db1" in words(page)
    assert "INC-1 changed" not in words(signed.open("/incidents/INC-1"))


def test_what_is_wrong_stands_at_its_field_and_what_was_written_stays(signed):
    refused = sent(signed, "/do/edit", edit_form(signed), **{"changes.title": "two\nlines", "changes.team": "Night"})
    assert refused.status_code == 422
    assert "title is one line of plain text" in words(refused)
    title = next(told for tag, told in tags(refused) if told.get("id") == "f-changes-title")
    assert title["aria-invalid"] == "true"
    assert filled(refused)["changes.team"] == "Night"
    assert acted(signed) == []
    # What was changed before is still known to be changed.
    done = sent(signed, "/do/edit", refused, **{"changes.title": "one line"})
    assert done.status_code == 303
    assert acted(signed) == [{"incident": "INC-1", "changes": {"title": "one line", "team": "Night"}}]


@pytest.mark.parametrize("told", ["9" * 5_000, "9" * 30, "1.0", "-1", "\u0661"])
def test_a_form_with_an_odd_revision_is_refused(signed, told):
    refused = sent(signed, "/do/edit", edit_form(signed), revision=told, **{"changes.title": "Mine"})
    assert refused.status_code == 400
    assert "the form names no revision of anything" in words(refused)
    assert acted(signed) == []


def test_a_form_in_which_nothing_was_changed_says_so(signed):
    refused = sent(signed, "/do/edit", edit_form(signed))
    assert (refused.status_code, "changes: it holds nothing; say at least one" in words(refused)) == (422, True)


def test_a_form_that_was_sent_twice_is_done_once(signed):
    form = signed.open("/do/comment?incident=INC-1")
    for _ in range(2):
        assert sent(signed, "/do/comment", form, body="Only once.").status_code == 303
    assert len(acted(signed)) == 1


def test_what_changed_under_somebodys_hand_is_not_overwritten(signed):
    form = edit_form(signed)
    signed.world.edit("left", 1, severity="critical")
    signed.world.settle(2)
    refused = sent(signed, "/do/edit", form, **{"changes.title": "Mine"})
    assert refused.status_code == 412
    assert "it changed meanwhile" in words(refused)
    assert filled(refused)["changes.title"] == "Mine"
    assert sent(signed, "/do/edit", refused).status_code == 303
    assert acted(signed) == [{"incident": "INC-1", "changes": {"title": "Mine"}}]


def test_whoever_may_not_is_told_who_may_and_keeps_what_was_written(visitor):
    visitor.grant(BOB, Role.VIEWER)
    visitor.sign_in(visitor.issue(BOB, Role.VIEWER))
    page = visitor.open("/incidents/INC-1")
    assert "that takes incident.comment, which comes with" in words(page)
    form = visitor.open("/do/comment?incident=INC-1")
    refused = sent(visitor, "/do/comment", form, body="Let me in.")
    assert refused.status_code == 403
    assert "bob may not comment" in words(refused)
    assert filled(refused)["body"] == "Let me in."
    assert [facts["act"] for _kind, _who, facts in visitor.journal("act_refused")] == ["comment"]


def test_a_comment_for_customers_is_for_them_and_a_note_is_not(visitor):
    visitor.grant(BOB, Role.COMMANDER)
    visitor.sign_in(visitor.issue(BOB, Role.COMMANDER))
    page = visitor.open("/incidents/INC-1")
    told = {"mark": mark(page), "incident": "INC-1", "next": "/incidents/INC-1#comments"}
    for audience, body in (("staff", "Between us."), ("customers", "We are at it.")):
        done = visitor.request("POST", "/do/comment", data={**told, "audience": audience, "body": body}, headers=OURS)
        assert (done.status_code, done.headers["location"]) == (303, "/incidents/INC-1#comments")
    page = words(visitor.open("/incidents/INC-1"))
    assert "Public: customers read this bob" in page
    assert "Internal: staff bob" in page


def test_a_held_field_is_settled_from_the_page(world, tmp_path):
    (tmp_path / "manual.yaml").write_text("policy: {title: manual}\n", encoding="utf-8")
    overlay = "overlay: manual.yaml"
    here = world(options={"left": overlay, "right": overlay}, offers=_offers())
    here.tools["left"].make({"title": "Disk full", "status": "new"})
    here.settle(2)
    here.edit("left", title="Disk full on db1")
    here.edit("right", title="Disk full on db2")
    here.settle(2)
    with Visitor(here) as visitor:
        visitor.sign_in()
        page = visitor.open("/incidents/INC-1")
        assert "Title waits for a person" in words(page)
        forms = re.findall(r'action="/do/conflicts/settle".*?</form>', page.text, re.DOTALL)
        assert len(forms) == 2
        told = {
            str(one["name"]): str(one["value"])
            for tag, one in tags(httpx.Response(200, text=forms[1]))
            if tag == "input"
        }
        assert told["take"] == "theirs"
        done = visitor.request("POST", "/do/conflicts/settle", data=told, headers=OURS)
        assert done.status_code == 303
        assert "settled by ann" in words(visitor.open("/incidents/INC-1"))
        here.settle(2)
        assert here.conflicts() == []


def _offers():
    from tieline.plugins.console.plugin import Plugin

    return (Plugin().tieline_offer(),)


def test_what_no_token_reaches_has_no_form(signed):
    for path in ("/do/token/issue", "/do/account/remove", "/do/nothing", "/do/", "/do/edit/more"):
        assert signed.open(path).status_code == 404
        assert signed.send_form(path, signed.open("/")).status_code == 404


def test_a_form_without_an_incident_asks_for_one(signed):
    form = signed.open("/do/comment")
    assert "An incident, by its number or a ticket's key." in words(form)
    refused = sent(signed, "/do/comment", form, body="x")
    assert refused.status_code == 422
    lost = sent(signed, "/do/comment", form, body="x", incident="INC-99")
    assert lost.status_code == 404
    assert "there is no incident and no ticket 'INC-99'" in words(lost)
    assert filled(lost)["body"] == "x"


def test_hostile_text_comes_back_as_it_was_written_and_as_text(signed):
    done = sent(signed, "/do/comment", signed.open("/do/comment?incident=INC-1"), body=HOSTILE)
    assert done.status_code == 303
    page = signed.open("/incidents/INC-1")
    assert not [tag for tag, told in tags(page) if tag == "img" or any(name.startswith("on") for name in told)]
    form = signed.open("/do/edit", cookie=f"tieline-session={signed.cookies['tieline-session']}")
    assert form.status_code == 200
    refused = sent(signed, "/do/comment", signed.open("/do/comment?incident=INC-1"), body=HOSTILE, audience="<b>")
    assert refused.status_code == 422
    assert "\u202e" in refused.text, "what is changed stays what it is"
    assert not [tag for tag, _told in tags(refused) if tag in ("img", "b") and "<b>" in tag]


def test_what_the_owner_of_the_store_asked_for_is_approved_from_a_form(world):
    here = world(offers=(*_offers(), Notices().offer()))
    here.tools["left"].make({"title": "Disk full", "status": "new"})
    here.settle(2)
    owner = of_account("owner", "db1")
    with Visitor(here) as visitor:
        asker = Asker(owner, visitor.owns_store(owner), here.clock.now(), owns=visitor.owns_store)
        act = offered(here.engine)["notices say"]
        asked = perform(here.engine, act, act.told({"incident": "INC-1", "words": "All is well"}), asker)
        visitor.sign_in(visitor.issue(ANN, rights=["incident.read", "proposals.decide", "notices.approve"]))
        form = visitor.open(f"/do/proposals/approve?proposal={asked.proposal}")
        done = sent(visitor, "/do/proposals/approve", form, proposal=asked.proposal)
        assert (done.status_code, words(done)) == (303, "")
        assert "notices say" in str(visitor.journal("acted"))
