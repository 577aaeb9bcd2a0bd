"""What is wrong now, as a page: whatever strangers wrote, and without what whoever looks may not see."""

from __future__ import annotations

from tests.api.calling import ANN, BOB
from tests.sync.world import World
from tests.web.browsing import Visitor, tags, words
from tests.web.scene import HOSTILE

from tieline.core.access import Role
from tieline.core.model import IncidentId
from tieline.plugins.console.plugin import Plugin
from tieline.sync import restricting
from tieline.sync.daemon import heartbeat, processes
from tieline.sync.web.live import order_of


def opened(visitor: Visitor, **fields: str) -> None:
    visitor.world.tools["left"].make({"status": "new", **fields})
    visitor.world.settle(2)


def listed(visitor: Visitor) -> list[str]:
    page = visitor.open("/")
    found = [str(told["href"]) for tag, told in tags(page) if tag == "a" and told.get("class") == "list-title"]
    return [one.removeprefix("/incidents/") for one in found]


def test_the_worst_stands_first_and_of_two_the_newer(visitor):
    for severity in ("low", "critical", "info", "high", "critical"):
        opened(visitor, title=severity, severity=severity)
    visitor.sign_in()
    assert listed(visitor) == ["INC-6", "INC-3", "INC-5", "INC-1", "INC-2", "INC-4"]


def test_what_got_better_or_ended_moves_and_goes(visitor):
    opened(visitor, title="Worse", severity="high")
    visitor.sign_in()
    assert listed(visitor) == ["INC-2", "INC-1"]
    visitor.world.edit("left", 2, severity="info")
    visitor.world.settle(2)
    assert listed(visitor) == ["INC-1", "INC-2"]
    visitor.world.edit("left", 1, status="resolved")
    visitor.world.settle(2)
    assert listed(visitor) == ["INC-2"]


def test_what_a_stranger_wrote_is_text(visitor):
    opened(visitor, title=HOSTILE, service=HOSTILE)
    visitor.sign_in()
    page = visitor.open("/")
    assert not [tag for tag, told in tags(page) if tag == "img" or any(name.startswith("on") for name in told)]
    assert all(str(told.get("src", "")).startswith("/static/") for tag, told in tags(page) if tag == "script")
    assert "{{7*7}}" in page.text
    assert "[U+202E]gnp.exe" in page.text
    assert "\u202e" not in page.text


def test_a_restricted_incident_is_there_for_those_alone_who_may_read_it(visitor):
    restricted(visitor)
    visitor.sign_in()
    page = visitor.open("/")
    assert "Disk full" not in page.text
    assert "INC-1" not in page.text
    assert "No incident is open that you may see" in words(page)
    visitor.cookies.clear()
    visitor.grant(BOB, Role.SECURITY)
    visitor.sign_in(visitor.issue(BOB, Role.SECURITY))
    page = visitor.open("/")
    assert "Disk full" in page.text
    assert "restricted" in words(page)
    assert [who for _kind, who, _facts in visitor.journal("restricted_read")] == ["bob"]


def test_the_page_of_an_outsider_is_the_same_whether_there_is_something_restricted_or_not(visitor):
    visitor.sign_in()
    opened(visitor, title="Secret", severity="critical")
    before = listed(visitor)
    restricted(visitor, 2)
    assert before == ["INC-2", "INC-1"]
    page = words(visitor.open("/"))
    assert "1 of 1 that are open" in page
    assert "Critical 0" in page


def test_a_list_goes_on_where_it_ended(visitor):
    for number in range(60):
        visitor.world.tools["left"].make({"title": f"Number {number}", "status": "new"})
    visitor.world.settle(2)
    visitor.sign_in()
    first = visitor.open("/")
    [more] = [str(told["href"]) for tag, told in tags(first) if str(told.get("href", "")).startswith("/?after=")]
    second = visitor.open(more)
    there = [
        str(told["href"]) for page in (first, second) for tag, told in tags(page) if told.get("class") == "list-title"
    ]
    assert len(there) == len({*there}) == 61


def test_a_place_that_is_none_is_told_as_a_page(visitor):
    visitor.sign_in()
    wrong = visitor.open("/?after=nonsense")
    assert wrong.status_code == 422
    assert "that is no place in this list" in words(wrong)


def test_a_store_that_does_not_answer_is_told_with_what_still_holds(tmp_path):
    world = World(tmp_path, offers=(Plugin().tieline_offer(),))
    with Visitor(world) as visitor:
        visitor.sign_in()
        world.engine.store.close()
        (tmp_path / "world.db-wal").unlink(missing_ok=True)
        (tmp_path / "world.db").write_bytes(b"this is no database " * 100)
        down = visitor.open("/")
        assert down.status_code == 503
        assert int(down.headers["retry-after"]) >= 1
        assert "nothing of it is lost" in words(down)
        # Nobody is proved where nothing can be looked up: a stranger is told no more than this.
        assert "world.db" not in down.text
    world.engine.registry.close()


def test_an_address_that_is_no_page_is_told_as_one(visitor):
    visitor.sign_in()
    for path in ("/nothing", "/incidents", "/../etc/passwd", "/%00", "/static/x/y"):
        assert visitor.open(path).status_code == 404


def test_the_order_of_rows_is_known_again():
    assert order_of(("INC-1", "INC-2")) == order_of(("INC-1", "INC-2")) != order_of(("INC-2", "INC-1"))


def restricted(visitor: Visitor, number: int = 1) -> None:
    engine = visitor.engine
    with engine.store.write() as tx:
        restricting.restrict(tx, engine, IncidentId(number), "need to know", actor=ANN)


def test_what_is_to_run_beside_the_daemon_and_does_not_is_told_with_what_to_do(visitor):
    store, now = visitor.world.engine.store, visitor.world.clock.now()
    heartbeat.Heartbeat(store, "here:1", alone=True).beat(now)
    web, gone = heartbeat.Role.WEB, {**processes.this(), "began": "1"}
    heartbeat.Heartbeat(store, "here:2", alone=True, role=web, process=gone).beat(now)
    visitor.sign_in()
    page = words(visitor.open("/"))
    assert "Not everything that is to go on by itself does" in page
    assert "tieline web is NOT running: its process is gone" in page.replace("`", "")
    heartbeat.Heartbeat(store, "here:2", alone=True, role=web, process=processes.this()).beat(now)
    assert "Not everything" not in words(visitor.open("/"))
