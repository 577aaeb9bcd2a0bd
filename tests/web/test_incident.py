"""One incident and the tools, as pages: what each copy shows, and nothing of what whoever looks may not see."""

from __future__ import annotations

from sqlalchemy import text
from tests.api.calling import BOB
from tests.web.browsing import tags, words
from tests.web.test_overview import restricted

from tieline.core.access import Role
from tieline.core.store import outputs


def test_a_page_says_where_each_copy_stands(visitor):
    visitor.sign_in()
    visitor.world.edit("right", title="Disk full on db1")
    page = words(visitor.open("/incidents/INC-1"))
    assert "Copies, side by side" in page
    visitor.world.settle(2)
    page = words(visitor.open("/incidents/INC-1"))
    assert "Changed by right theirs title Disk full → Disk full on db1" in page.replace(" by right  ", " by right ")


def test_an_incident_is_found_by_the_key_of_a_ticket(visitor):
    visitor.sign_in()
    key = visitor.world.copy("left").key
    assert "Disk full" in words(visitor.open(f"/incidents/{key}"))


def test_a_restricted_incident_is_told_as_one_that_is_not_there(visitor):
    visitor.grant(BOB, Role.SECURITY)
    visitor.sign_in()
    restricted(visitor)
    hidden, absent = visitor.open("/incidents/INC-1"), visitor.open("/incidents/INC-9")
    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert words(hidden).replace("INC-1", "INC-9") == words(absent)
    assert visitor.open("/do/edit?incident=INC-1").status_code == 404
    streams = [visitor.open(f"/live?page=%2Fincidents%2FINC-{number}").text for number in (1, 9)]
    assert streams[0] == streams[1]
    assert "event: over" in streams[0]
    visitor.cookies.clear()
    visitor.sign_in(visitor.issue(BOB, Role.SECURITY))
    label = next(
        str(told["href"])
        for tag, told in tags(visitor.open("/"))
        if str(told.get("href", "")).startswith("/incidents/R")
    )
    assert "restricted" in words(visitor.open(label))


def test_what_was_written_stands_there_as_it_is_for_those_who_may_see_it(visitor):
    visitor.sign_in()
    wrote = "<script>alert(1)</script> {{ 7 * 7 }} \x1b[31m"
    with visitor.engine.store.write() as tx:
        outputs.keep(tx, 1, wrote * 2_000, "0" * 64, visitor.world.clock.now(), is_cut=True, agrees=False)
    page = visitor.open("/outputs/INC-1")
    assert (page.status_code, "<script>alert(1)" in page.text) == (200, False)
    shown = words(page)
    assert "<script>alert(1)</script> {{ 7 * 7 }}" in shown
    assert "Not all that was written is kept" in shown and "Part 1 of 3" in shown
    assert "Part 3 of 3" in words(visitor.open("/outputs/INC-1?part=3"))
    assert visitor.open("/outputs/INC-1?part=4").status_code == 404
    restricted(visitor)
    assert visitor.open("/outputs/INC-1").status_code == 404


def test_an_address_that_a_tool_tells_is_no_link_unless_it_can_be_one(visitor):
    visitor.sign_in()
    with visitor.engine.store.write() as tx:
        tx.execute(text("UPDATE replica SET url = 'javascript:alert(1)' WHERE connection = 'left'"), {})
        tx.execute(text("UPDATE replica SET url = 'https://tool.example/1' WHERE connection = 'right'"), {})
    for path in ("/", "/incidents/INC-1"):
        links = [str(told.get("href")) for tag, told in tags(visitor.open(path)) if tag == "a"]
        assert "https://tool.example/1" in links
        assert not [one for one in links if one.startswith("javascript")]


def test_the_tools_are_told_with_what_waits_for_them(visitor):
    visitor.sign_in()
    page = words(visitor.open("/connections"))
    assert "left memory" in page
    assert "Nothing waits to be written." in page
    visitor.world.edit("left", title="Disk full on db1")
    visitor.world.clock.advance(31)
    while visitor.world.step("left"):
        pass
    assert "1 change waits to be written" in words(visitor.open("/connections"))
