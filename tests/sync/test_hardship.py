"""When things go wrong in odd ways: each of these once lost, doubled or stopped something."""

from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs
from tests.sync.deciding import decide

from tieline.adapters.memory.faults import Fault
from tieline.core.errors import ConfigError
from tieline.core.model import Tlp
from tieline.core.port import Power, Receiver
from tieline.sync import explain, loading
from tieline.sync.daemon.lane import LaneState
from tieline.sync.intake import inbox
from tieline.sync.polling.poll import poll
from tieline.sync.records import ReplicaState
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason
from tieline.sync.road.read import read


def opened(world, **options):
    made = world(**options)
    made.tools["left"].make({"title": "Disk full", "status": "new"})
    made.settle()
    return made


def edit(world, **fields):
    with world.engine.store.write() as tx:
        commit.edit(tx, world.engine, world.incident().id, fields, actor="ann", reason=Reason.EDITED)


def test_one_refusal_after_a_few_failures_puts_nothing_aside(world):
    both = opened(world)
    right = both.tools["right"].faults
    right.queue += [Fault(status=503, only_writes=True) for _ in range(4)] + [Fault(status=401, only_writes=True)]
    both.edit("left", title="Disk full on db1")
    for _ in range(12):
        both.settle(1)
        assert both.parked() == []
    assert right.queue == [] and both.shows("right", "title") == "Disk full on db1"


def test_records_that_are_not_answered_stop_nothing_while_the_tool_answers(world):
    both = opened(world)
    for number in range(4):
        both.tools["left"].make({"title": f"Disk {number} full", "status": "new"})
    both.settle()
    both.tools["right"].faults.draw = lambda verb, _writes: Fault(status=500) if verb == "update" else None
    for row in both.tools["left"].rows():
        both.tools["left"].edit(row.ref, title=f"{row.body['title']} on db1")
    seen = set()
    for _ in range(4):
        both.settle(1)
        seen.add(both.lanes["right"].state)
    assert seen == {LaneState.WORKING}
    both.edit("right", category="storage")
    both.settle()
    assert both.shows("left", "category") == "storage"


def test_credentials_that_everything_is_refused_with_put_nothing_aside_however_often(world):
    both = opened(world)
    calls = []

    def refuse(verb, _writes):
        calls.append(verb)
        # The write, and then the check whether it is the connection's trouble; the next check is answered.
        return Fault(status=401) if verb == "update" or calls[-2:] == ["update", "check"] else None

    both.tools["right"].faults.draw = refuse
    both.edit("left", title="Disk full on db1")
    for _ in range(8):
        both.clock.advance(301)
        both.settle(2)
    assert calls.count("update") > 5 and both.parked() == []
    both.tools["right"].faults.draw = lambda _verb, _writes: None
    both.clock.advance(301)
    both.settle()
    assert both.shows("right", "title") == "Disk full on db1"


def test_a_comment_that_is_put_aside_stands_in_the_journal(world):
    both = opened(world)
    both.tools["right"].faults.draw = lambda verb, _writes: Fault(status=401) if verb == "add_comment" else None
    both.tools["left"].comment(both.copy("left").ref, "is it the log again?")
    both.settle(12)
    [aside] = both.parked()
    with both.engine.store.read() as connection:
        told = [entry for entry in explain.history(connection, both.incident().id) if entry["kind"] == "parked"]
    assert [entry["facts"]["sentence"] for entry in told] == [aside.sentence]


@pytest.mark.parametrize("status", [400, 404, 409, 418])
def test_a_poll_answered_oddly_stops_that_connection_and_no_other(world, status):
    both = opened(world)
    both.tools["right"].faults.draw = lambda verb, _writes: Fault(status=status) if verb == "changes" else None
    both.edit("left", title="goes on")
    both.settle(3)
    assert both.lanes["right"].state.value == "stopped"
    assert both.lanes["left"].state.value == "working"
    both.tools["right"].faults.heal()
    both.clock.advance(400)
    both.settle()
    assert both.shows("right", "title") == "goes on"


def doubt(world):
    """A world in which the right tool made a record and the answer was lost."""
    both = world()
    both.tools["right"].faults.queue.append(Fault(only_writes=True, after_effect=True))
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.clock.advance(31)
    for _ in range(10):
        both.step("left")
    both.step("right")
    both.step("right")
    assert both.copy("right").state is ReplicaState.IN_DOUBT
    return both


def test_a_label_raised_while_a_create_is_in_doubt_and_lowered_again_makes_no_second_record(world):
    both = doubt(world)
    edit(both, tlp=Tlp.RED.value)
    both.settle()
    edit(both, tlp=Tlp.GREEN.value)
    both.settle()
    assert len(both.tools["right"].rows()) == 1


def test_a_create_that_nobody_can_look_for_waits_for_a_person_whatever_happens_meanwhile(world):
    both = world()
    right = both.engine.connections[next(name for name in both.engine.connections if name == "right")]
    blind = replace(right.config.kind, powers=right.config.kind.powers - {Power.FIND})
    right.config = replace(right.config, kind=blind)
    both.tools["right"].faults.queue.append(Fault(only_writes=True))
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle()
    assert both.copy("right").state is ReplicaState.PARKED
    edit(both, title="Disk still full")
    both.settle()
    assert both.copy("right").state is ReplicaState.PARKED
    assert both.tools["right"].rows() == []


def test_releasing_a_create_in_doubt_looks_for_the_record_first(world):
    from tieline.sync.road import copy_states

    both = doubt(world)
    copy_states.park(both.engine, both.copy("right").id, "somebody parked it")
    decide(both.engine, "parked retry", what="copy", number=both.copy("right").id)
    both.settle()
    assert len(both.tools["right"].rows()) == 1
    assert both.copy("right").state is ReplicaState.LINKED


def test_the_look_up_lag_counts_from_when_the_call_ended(world):
    both = world()
    right = both.tools["right"]
    right.lookup_lag = timedelta(seconds=60)
    both.restart()
    right.faults.ambushes.append(lambda: both.clock.advance(40))
    right.faults.queue.append(Fault(only_writes=True, after_effect=True))
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle(12)
    assert len(right.rows()) == 1


def test_a_record_of_ours_that_the_store_does_not_know_opens_nothing(world):
    both = world()
    both.tools["left"].make({"title": "from another life", "status": "new"}, token="tl-0123456789")
    both.settle()
    assert both.incidents() == []
    assert "tl-0123456789" in both.parked()[0].sentence


def test_one_404_is_not_a_deletion(world):
    both = opened(world)
    both.tools["right"].faults.queue.append(Fault(status=404, only_writes=True))
    both.edit("left", title="still there")
    both.settle()
    assert both.copy("right").state is ReplicaState.LINKED
    assert both.shows("right", "title") == "still there"


@pytest.mark.parametrize("status", [503, 429])
def test_writes_that_never_landed_are_no_oscillation(world, status):
    both = opened(world)
    both.tools["right"].faults.queue.append(Fault(status=status, only_writes=True, times=6))
    both.edit("left", title="at last")
    both.settle(40)
    assert both.parked() == []
    assert both.shows("right", "title") == "at last"


def test_a_poll_slower_than_its_interval_leaves_room_for_the_rest(world):
    both = opened(world)

    def slow(verb, _writes):
        if verb == "changes":
            both.clock.advance(45)

    both.tools["right"].faults.draw = slow
    both.edit("left", title="gets through")
    for _ in range(60):
        for name in both.lanes:
            both.step(name)
        both.clock.advance(1)
    assert both.shows("right", "title") == "gets through"


def test_a_record_that_may_not_be_read_does_not_stop_its_connection(world):
    both = opened(world)
    other = both.tools["left"].make({"title": "Another", "status": "new"})
    both.settle()
    both.tools["right"].faults.queue.append(Fault(status=403, only_writes=True, times=50))
    both.edit("left", number=1, title="forbidden there")
    both.settle(3)
    both.tools["right"].edit(both.copy("right", 2).ref, title="seen all the same")
    both.settle(4)
    assert both.tools["left"].row(other.ref).body["title"] == "seen all the same"


def test_a_hint_that_comes_while_its_record_is_read_is_not_lost(world):
    both = opened(world)
    name = both.engine.connections["right"].name
    ref = both.copy("right").ref
    now = both.clock.now()
    with both.engine.store.write() as tx:
        inbox.put(tx, name, [(ref, None)], asked=0, now=now)
    with both.engine.store.read() as connection:
        (item,) = inbox.waiting(connection, name, now, 10)
    both.clock.advance(1)
    with both.engine.store.write() as tx:
        inbox.put(tx, name, [(ref, None)], asked=0, now=both.clock.now())
        inbox.done(tx, item)
    with both.engine.store.read() as connection:
        assert len(inbox.waiting(connection, name, both.clock.now(), 10)) == 1


def test_a_parked_hint_is_woken_by_the_next_one(world):
    both = opened(world)
    name = both.engine.connections["right"].name
    ref = both.copy("right").ref
    with both.engine.store.write() as tx:
        inbox.put(tx, name, [(ref, None)], asked=0, now=both.clock.now())
    with both.engine.store.read() as connection:
        (item,) = inbox.waiting(connection, name, both.clock.now(), 10)
    with both.engine.store.write() as tx:
        inbox.later(tx, item, 5, None, "it failed five times")
        inbox.put(tx, name, [(ref, None)], asked=0, now=both.clock.now())
    assert both.parked() == []


def test_an_emptied_status_is_held_and_the_rest_goes_on(world):
    both = opened(world)
    both.edit("right", status=None, title="still told")
    both.settle()
    assert both.shows("left", "title", "status") == ("still told", "new")
    assert [one.field for one in both.conflicts()] == ["status"]
    assert both.parked() == []


def test_a_connection_that_works_again_after_a_restart_says_so(world):
    from tieline.sync import explain

    both = opened(world)
    both.tools["right"].faults.queue.append(Fault(status=401, times=2))
    both.settle(1)
    both.tools["right"].faults.heal()
    both.restart()
    both.settle(1)
    with both.engine.store.read() as connection:
        assert explain.status(connection, both.clock.now())["connections"]["right"]["state"] == "working"


def test_settling_a_held_field_with_ours_writes_ours(world):
    both = opened(world)
    both.tools["right"].ignored = frozenset({"team"})
    both.edit("left", team="Storage")
    both.settle()
    both.tools["right"].ignored = frozenset()
    both.settle_conflict("right", "team", theirs=False)
    both.settle()
    assert both.shows("right", "team") == "Storage"


def test_comments_arrive_in_the_order_they_were_written(world):
    both = opened(world)
    ref = both.copy("left").ref
    both.tools["left"].comment(ref, "first")
    both.tools["right"].faults.queue.append(Fault(status=503, only_writes=True))
    both.settle(1)
    both.tools["left"].comment(ref, "second")
    both.settle()
    notes = [note.text for note in both.tools["right"].row(both.copy("right").ref).notes]
    assert [("first" in note, "second" in note) for note in notes] == [(True, False), (False, True)]


def test_a_comment_for_a_deleted_copy_is_nobodys_trouble(world):
    both = opened(world)
    both.tools["right"].delete(both.copy("right").ref)
    both.edit("left", title="gone over there")
    both.settle()
    both.tools["left"].comment(both.copy("left").ref, "still talking")
    both.settle()
    assert both.parked() == []


def test_a_copy_is_never_saved_from_before_somebody_elses_change(world):
    """On PostgreSQL two processes may hold the same copy: the incident's lock makes them take turns."""
    both = opened(world)
    if both.engine.store.name.startswith("sqlite"):
        with both.engine.store.write() as tx:
            assert loading.lock_replica(tx, both.copy("right").id) is not None
        return
    import threading

    held, done = threading.Event(), threading.Event()

    def other() -> None:
        held.wait(10)
        edit(both, title="important")
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with both.engine.store.write() as tx:
        copy = loading.lock_replica(tx, both.copy("right").id)
        held.set()
        assert not done.wait(0.5)
        assert copy is not None
        loading.save_replica(tx, replace(copy, dirty=False))
    thread.join(10)
    both.settle()
    assert both.shows("right", "title") == "important"


def test_an_old_edit_that_waited_in_the_inbox_is_still_the_older_one(world):
    both = opened(world)
    both.edit("left", title="the earlier edit")
    both.clock.advance(31)
    both.lanes["left"].poll_at = None
    both.step("left")
    both.restart()
    both.clock.advance(1800)
    both.edit("right", title="the later edit")
    both.clock.advance(1800)
    both.settle()
    assert both.shows("left", "title") == both.shows("right", "title") == "the later edit"


def test_an_owner_that_is_no_connection_is_refused_at_the_start(world, tmp_path):
    (tmp_path / "owned.yaml").write_text("policy: {severity: 'owner:nobody'}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="nobody"):
        world(options={"left": "overlay: owned.yaml"})


def test_a_read_that_fails_for_a_moment_is_repeated_at_once(world):
    both = opened(world)
    both.tools["right"].faults.queue.append(Fault(status=503, times=2))
    sighting = read(both.engine, both.engine.connections["right"], both.copy("right").ref)
    assert sighting.fields["title"] == "Disk full"


def test_webhooks_that_went_silent_are_noticed_by_the_poll(world, monkeypatch):
    monkeypatch.setenv("HOOK", "a secret")
    secret = "webhook_secret: {env: HOOK}"
    both = opened(world, options={"left": secret, "right": secret})
    left = both.engine.connections[both.copy("left").connection]
    delivery = both.tools["left"].webhook(both.copy("left").ref)
    assert isinstance(left.source, Receiver)
    with both.engine.store.write() as tx:
        inbox.accept(tx, left.name, left.source.parse(delivery), both.clock.now())

    def silent():
        return both.lanes["left"].silent_since is not None

    both.settle(2)
    assert not silent()
    both.clock.advance(2 * 3600)
    both.edit("left", title="nobody announced this")
    both.settle(1)
    assert silent()
    both.settle(3)
    assert silent(), "a poll that finds nothing new does not prove that they come"
    delivery = both.tools["left"].webhook(both.copy("left").ref)
    with both.engine.store.write() as tx:
        inbox.accept(tx, left.name, left.source.parse(delivery), both.clock.now())
    both.settle(1)
    assert not silent()
    both.clock.advance(2 * 3600)
    both.edit("left", title="nobody announced this either")
    both.settle(1)
    assert silent()
    both.clock.step(-5 * 3600)
    both.settle(2)
    assert not silent(), "the clock was put back: nobody knows by it when the last one came"


def test_a_record_that_fails_every_time_is_put_aside_after_five_tries_and_the_others_go_on(world):
    both = opened(world)
    poison = both.tools["left"].make({"title": "poison", "status": "new"})
    left = both.engine.connections[both.copy("left").connection]
    honest = left.mapping

    class Choking:
        """A mapping with a bug: it chokes on one record."""

        def __getattr__(self, name):
            return getattr(honest, name)

        def normalize(self, body, people):
            if body["title"] == "poison":
                raise ZeroDivisionError("a bug in somebody's conversion")
            return honest.normalize(body, people)

    left.mapping = Choking()
    both.edit("left", title="goes on")
    both.settle(15)
    assert both.shows("right", "title") == "goes on"
    (parked,) = both.parked()
    assert poison.ref in parked.sentence
    assert (
        "a mistake in Tieline, a mapping or a plugin: a bug in somebody's conversion; the line `record_failed`"
        in parked.sentence
    )


def test_an_adapter_that_breaks_at_one_record_is_told_in_words(world):
    both = opened(world)

    def breaks(*_args):
        raise KeyError("priority")

    both.engine.connections[both.copy("right").connection].source.update = breaks
    both.edit("left", title="goes on")
    with capture_logs() as logs:
        both.settle(15)
    (parked,) = both.parked()
    broke = "right: its adapter broke at `update`: 'priority'; the line `record_failed` of the log tells where"
    assert parked.sentence.startswith(broke)
    assert "KeyError" not in parked.sentence
    assert any("KeyError: 'priority'" in one["error"] for one in logs if one["event"] == "record_failed")


def test_a_field_that_a_tool_drops_at_a_create_is_held_and_cleared_nowhere(world):
    both = world()
    both.tools["right"].ignored = frozenset({"team"})
    both.tools["left"].make({"title": "Disk full", "status": "new", "team": "storage"})
    both.settle()
    assert both.shows("left", "team") == "storage"
    assert "team" in both.copy("right").holds


def test_a_field_that_a_tool_empties_at_a_create_is_held_and_cleared_nowhere(world):
    both = world()
    make = both.tools["right"].make
    both.tools["right"].make = lambda body, **others: make({**body, "team": None}, **others)
    both.tools["left"].make({"title": "Disk full", "status": "new", "team": "storage"})
    both.settle()
    assert both.shows("left", "team") == "storage"
    assert "team" in both.copy("right").holds


def test_a_listed_record_that_a_lagging_replica_denies_is_not_forgotten(world):
    both = world()
    both.settle()
    tool, left = both.tools["left"], both.engine.connections["left"]
    tool.replication_lag = timedelta(seconds=25)
    row = tool.make({"title": "Disk full", "status": "new"})
    both.clock.advance(5)
    tool.make({"title": "Later", "status": "new"})
    poll(both.engine, left)
    with both.engine.store.write() as tx:
        # A webhook announces it beside the listing, so that it is read; and the listing's cursor ends behind it.
        inbox.put(tx, left.name, [(row.ref, None)], asked=0, now=both.clock.now())
    for _ in range(10):
        both.step("left")
    both.settle()
    assert {incident.fields["title"] for incident, _copies in both.incidents()} == {"Disk full", "Later"}


def test_a_copy_that_was_gone_and_is_listed_is_back(world):
    both = opened(world)
    tool, ref = both.tools["right"], both.copy("right").ref
    tool.delete(ref)
    both.settle()
    both.edit("left", title="still here")
    both.settle()
    assert both.copy("right").state is ReplicaState.GONE
    with tool._shelf.transaction() as state:
        # As if it had never been away: the same version, and no word about it.
        state.rows[ref].deleted = False
    both.settle()
    assert both.copy("right").state is ReplicaState.LINKED
    assert both.shows("right", "title") == "still here"
