"""One record that nobody understands: it is put aside by name, and the others go on."""

from tests.sync.deciding import decide

from tieline.core.port import Ref
from tieline.sync.daemon.lane import LaneState
from tieline.sync.intake import inbox
from tieline.sync.polling.poll import poll


def made(world, count=3):
    both = world()
    for number in range(count):
        both.tools["left"].make({"title": f"Disk {number} is full", "status": "new"})
    both.settle()
    return both


def test_an_odd_record_is_put_aside_by_name_and_the_page_goes_on(world):
    both = made(world)
    odd, other = both.copy("left", 1).ref, both.copy("left", 2).ref
    both.tools["left"].spoil(odd)
    both.tools["left"].edit(other, title="goes on")
    both.settle(8)
    assert both.shows("right", "title", number=2) == "goes on"
    assert both.lanes["left"].state is LaneState.WORKING
    (aside,) = both.parked()
    assert aside.what == "inbox" and odd in aside.sentence and "yesterday" in aside.sentence


def test_an_odd_record_is_told_once_however_often_it_is_listed(world):
    both = made(world)
    both.tools["left"].spoil(both.copy("left").ref)
    both.settle(12)
    assert len(both.parked()) == 1
    with both.engine.store.read() as connection:
        from sqlalchemy import func, select

        from tieline.core.store import tables as t

        told = connection.execute(select(func.count()).where(t.journal.c.kind == "parked")).scalar_one()
    assert told == 1


def test_a_record_in_order_again_is_taken_in_and_no_longer_aside(world):
    both = made(world)
    odd = both.copy("left").ref
    both.tools["left"].spoil(odd)
    both.settle(8)
    assert len(both.parked()) == 1
    both.tools["left"].mend(odd)
    both.tools["left"].edit(odd, title="in order")
    both.settle(3)
    assert both.shows("right", "title") == "in order"
    assert both.parked() == []


def test_an_odd_record_that_is_tried_again_is_read(world):
    both = made(world)
    odd = both.copy("left").ref
    both.tools["left"].edit(odd, title="said while it was odd")
    both.tools["left"].spoil(odd)
    both.settle(8)
    both.tools["left"].spoilt.clear()
    (aside,) = both.parked()
    decide(both.engine, "parked retry", what="inbox", number=aside.id)
    both.settle(2)
    assert both.shows("right", "title") == "said while it was odd"
    assert both.parked() == []


def test_a_record_without_a_name_is_put_aside_too(world):
    both = made(world)
    left = both.engine.connections["left"].source
    honest = left.changes

    def nameless(since):
        from dataclasses import replace

        from tieline.core.port import Unreadable

        for page in honest(since):
            yield replace(page, unreadable=[Unreadable(None, "row 7", "it has no 'id'")])

    left.changes = nameless
    both.tools["left"].edit(both.copy("left", 2).ref, title="goes on")
    both.settle(4)
    assert both.shows("right", "title", number=2) == "goes on"
    (aside,) = both.parked()
    assert "row 7" in aside.sentence and "it has no 'id'" in aside.sentence


def test_a_record_that_was_read_and_put_aside_stays_there_when_it_is_listed_as_it_was(world):
    both = made(world, 1)
    tool, here = both.tools["left"], both.engine.connections["left"]
    stranger = tool.make({"title": "From a forgotten time", "status": "new"}, token="tl-0123456789abcdef01234567")
    poll(both.engine, here)
    with both.engine.store.write() as tx:
        # A webhook tells of it beside the listing, and both are looked at together.
        inbox.put(tx, here.name, [(Ref(stranger.ref), None)], asked=0, now=both.clock.now())
    while not both.parked():
        both.step("left")
    # The boundary of a listing comes again; this once it is all that is told of the record.
    poll(both.engine, here)
    assert any(stranger.key in one.sentence for one in both.parked())
