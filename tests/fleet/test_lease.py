"""Turns: one at a time, and a turn that is over can write nothing."""

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta

import pytest
from tests.core.store_backends import (
    address,
    open_store,
    postgres_database,
    postgres_empty,
    postgres_server,
    store,
)

from tieline.core.errors import LeaseLost, StoreUnavailable
from tieline.core.journal import Entry, verify
from tieline.core.model import ConnectionName
from tieline.core.options import Workspace
from tieline.core.port import Ref
from tieline.core.store import engines
from tieline.core.store.store import Store
from tieline.core.timers import any_due, set_timer
from tieline.sync.daemon.jobs import lease
from tieline.sync.intake import inbox

__all__ = ["address", "open_store", "postgres_database", "postgres_empty", "postgres_server", "store"]

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEFT = ConnectionName("left")
SECOND = timedelta(seconds=1)


def entry(word):
    return Entry(NOW, word, None, None, "test", "", {})


def test_every_turn_has_a_higher_token_and_finds_what_the_last_one_left(store):
    first = lease.begin(store, LEFT, "one", NOW)
    assert (first.memory, first.idle, first.poll_soon) == ({}, None, False)
    lease.give_back(store, first, {"failures": 3}, poll_at=None, next_at=None, now=NOW + SECOND)
    second = lease.begin(store, LEFT, "two", NOW + 3 * SECOND)
    assert second.token > first.token
    assert (second.memory, second.idle) == ({"failures": 3}, 2.0)


def test_a_turn_that_was_never_given_back_is_known_as_such(store):
    lease.begin(store, LEFT, "one", NOW)
    assert lease.begin(store, LEFT, "two", NOW + SECOND).idle is None


def test_a_worker_that_wakes_up_after_its_turn_writes_nothing(store):
    frozen = lease.begin(store, LEFT, "one", NOW)
    fenced = lease.fenced(store, frozen)
    with fenced.write() as tx:
        set_timer(tx, "mine", "kind", NOW, {})
    lease.begin(store, LEFT, "two", NOW + SECOND)
    with pytest.raises(LeaseLost, match="another one has taken over"), fenced.write() as tx:
        set_timer(tx, "late", "kind", NOW, {})
        tx.journal(entry("late"))
    with store.read() as connection:
        assert inbox.head(connection) == 0
        assert any_due(connection, NOW, ["kind"])
    with pytest.raises(LeaseLost):
        lease.give_back(store, frozen, {"failures": 9}, poll_at=None, next_at=None, now=NOW)
    assert lease.begin(store, LEFT, "three", NOW).memory == {}


def test_no_turn_begins_while_a_write_of_the_turn_before_is_under_way(store):
    """Whoever only reads the token is told that it is theirs, and commits after another has begun."""
    turn = lease.begin(store, LEFT, "one", NOW)
    with ThreadPoolExecutor(1) as other:
        with lease.fenced(store, turn).write() as tx:
            taken = other.submit(lease.begin, store, LEFT, "two", NOW + SECOND)
            with pytest.raises(TimeoutError):
                taken.result(timeout=0.5)
            tx.journal(entry("before"))
        assert taken.result(timeout=10).token == turn.token + 1


def test_two_who_take_a_lane_at_once_have_different_turns(store):
    turn = lease.begin(store, LEFT, "one", NOW)
    with ThreadPoolExecutor(2) as others:
        with lease.fenced(store, turn).write() as tx:
            taken = [others.submit(lease.begin, store, LEFT, worker, NOW + SECOND) for worker in ("two", "three")]
            # Both have come as far as they can by now.
            assert wait(taken, timeout=0.5).done == set()
            tx.journal(entry("before"))
        assert sorted(one.result(timeout=10).token for one in taken) == [turn.token + 1, turn.token + 2]


def test_one_lane_says_nothing_of_another(store):
    mine = lease.begin(store, LEFT, "one", NOW)
    lease.begin(store, ConnectionName("right"), "two", NOW)
    with lease.fenced(store, mine).write() as tx:
        tx.journal(entry("mine"))


def test_before_a_call_to_a_tool_a_worker_that_was_frozen_asks_whether_it_is_still_its_turn(store):
    steady = [0.0]
    turn = lease.begin(store, LEFT, "one", NOW)
    permit = lease.permit(store, turn, lambda: steady[0])
    lease.begin(store, LEFT, "two", NOW)
    permit()  # a moment ago it was ours
    steady[0] += 30
    with pytest.raises(LeaseLost):
        permit()


def test_a_chore_is_done_by_one_of_the_workers_and_again_after_a_while(store):
    every = timedelta(seconds=10)
    assert lease.claim(store, "~sweep", every, NOW) is True
    assert lease.claim(store, "~sweep", every, NOW + SECOND) is False
    assert lease.claim(store, "~sweep", every, NOW + 10 * SECOND) is True
    assert lease.claim(store, "~other", every, NOW + 10 * SECOND) is True
    # The clock was set back by a day: nobody waits a day for the next turn.
    assert lease.claim(store, "~sweep", every, NOW - timedelta(days=1)) is True


def due(store, at):
    with store.read() as connection:
        return lease.is_due(connection, LEFT, at)


def test_a_lane_is_due_when_it_has_work_or_has_to_poll(store):
    assert due(store, NOW)  # never polled
    turn = lease.begin(store, LEFT, "one", NOW)
    lease.give_back(store, turn, {}, poll_at=NOW + 60 * SECOND, next_at=None, now=NOW)
    assert not due(store, NOW + SECOND)
    assert due(store, NOW + 60 * SECOND)
    lease.poll_soon(store, LEFT)
    assert due(store, NOW + SECOND)
    turn = lease.begin(store, LEFT, "one", NOW)
    assert turn.poll_soon
    lease.give_back(store, turn, {}, poll_at=NOW + 60 * SECOND, next_at=None, now=NOW)
    assert not due(store, NOW + SECOND)
    with store.write() as tx:
        inbox.put(tx, LEFT, [(Ref("1"), None)], asked=0, now=NOW)
    assert due(store, NOW + SECOND)


def test_a_connection_that_waits_for_its_tool_is_left_alone_until_then(store):
    turn = lease.begin(store, LEFT, "one", NOW)
    lease.give_back(store, turn, {}, poll_at=NOW, next_at=NOW + 30 * SECOND, now=NOW)
    with store.write() as tx:
        inbox.put(tx, LEFT, [(Ref("1"), None)], asked=0, now=NOW)
    assert not due(store, NOW + 29 * SECOND)
    assert due(store, NOW + 30 * SECOND)
    # What is further away than any wait of ours was written before the clock was set back.
    assert due(store, NOW - timedelta(days=1))


def test_a_worker_that_goes_silent_in_a_write_lets_go_after_as_long_as_a_lease_lasts(postgres_database, monkeypatch):
    """What it has locked keeps all others from the journal, and what it had begun is nobody's any more."""
    assert Workspace.model_fields["lease"].default == timedelta(seconds=20)
    short = tuple(one.replace("'20s'", "'200ms'") for one in engines._POSTGRES_SETTINGS)
    assert short != engines._POSTGRES_SETTINGS
    monkeypatch.setattr(engines, "_POSTGRES_SETTINGS", short)
    with Store.open(postgres_database) as silent, Store.open(postgres_database) as other:
        silent.migrate()
        with pytest.raises(StoreUnavailable), silent.write() as tx:
            tx.journal(entry("silent"))
            tx.flush()
            with other.write() as meanwhile:
                meanwhile.journal(entry("other"))
        assert verify(other).count == 1
