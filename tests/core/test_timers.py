"""Timers survive, fire once, and say how late they were."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from tieline.core import timers
from tieline.core.store.store import Store

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KINDS = ("escalate", "page")


def set_all(store: Store, **due: datetime) -> None:
    with store.write() as tx:
        for key, due_at in due.items():
            timers.set_timer(tx, key, "escalate", due_at, {"incident": key})


def fired(store: Store, now: datetime, limit: int = 100) -> list[str]:
    with store.write() as tx:
        return [timer.key for timer in timers.due(tx, now, limit, KINDS)]


def test_a_timer_fires_at_its_moment_and_not_before(store: Store) -> None:
    set_all(store, ack=NOON)
    assert fired(store, NOON - timedelta(microseconds=1)) == []
    assert fired(store, NOON) == ["ack"]


def test_a_timer_fires_once(store: Store) -> None:
    set_all(store, ack=NOON)
    assert fired(store, NOON) == ["ack"]
    assert fired(store, NOON + MINUTE) == []


def test_a_timer_whose_effect_failed_fires_again(store: Store) -> None:
    set_all(store, ack=NOON)
    with pytest.raises(ZeroDivisionError), store.write() as tx:
        assert len(timers.due(tx, NOON, 10, KINDS)) == 1
        raise ZeroDivisionError
    assert fired(store, NOON) == ["ack"]


def test_after_an_outage_every_timer_says_how_late_it_is(store: Store) -> None:
    set_all(store, ack=NOON, update=NOON + MINUTE)
    with store.write() as tx:
        found = timers.due(tx, NOON + 60 * MINUTE, 10, KINDS)
    assert [(timer.key, timer.late) for timer in found] == [("ack", 60 * MINUTE), ("update", 59 * MINUTE)]
    assert found[0] == timers.Timer("ack", "escalate", NOON, {"incident": "ack"}, 60 * MINUTE)


def test_the_longest_overdue_come_first_and_no_more_than_asked_for(store: Store) -> None:
    set_all(store, last=NOON, first=NOON - 2 * MINUTE, second=NOON - MINUTE)
    assert fired(store, NOON, 2) == ["first", "second"]
    assert fired(store, NOON, 2) == ["last"]


def test_setting_a_key_again_moves_its_timer(store: Store) -> None:
    set_all(store, ack=NOON)
    with store.write() as tx:
        timers.set_timer(tx, "ack", "page", NOON + MINUTE, {"round": 2})
    assert fired(store, NOON) == []
    with store.write() as tx:
        assert timers.due(tx, NOON + MINUTE, 10, KINDS) == [
            timers.Timer("ack", "page", NOON + MINUTE, {"round": 2}, timedelta(0))
        ]


def test_a_cancelled_timer_never_fires(store: Store) -> None:
    set_all(store, ack=NOON)
    with store.write() as tx:
        assert timers.cancel(tx, "ack")
        assert not timers.cancel(tx, "ack")
    assert fired(store, NOON) == []


def test_a_look_tells_whether_and_when_something_is_due(store: Store) -> None:
    with store.read() as connection:
        assert timers.next_due(connection) is None
    set_all(store, ack=NOON, update=NOON + MINUTE)
    with store.read() as connection:
        assert timers.next_due(connection) == NOON
        assert not timers.any_due(connection, NOON - MINUTE, KINDS)
        assert timers.any_due(connection, NOON, KINDS)


def test_workers_side_by_side_fire_different_timers(postgres_database: str) -> None:
    with Store.open(postgres_database) as store:
        store.migrate()
        set_all(store, first=NOON, second=NOON)
        with store.write() as one, store.write() as other:
            mine = timers.due(one, NOON, 1, KINDS)
            theirs = timers.due(other, NOON, 2, KINDS)
        assert [timer.key for timer in (*mine, *theirs)] == ["first", "second"]
        assert fired(store, NOON) == []


def test_one_that_is_put_off_is_tried_again_then_and_says_how_often_it_failed(store: Store) -> None:
    set_all(store, ack=NOON)
    for attempt in (1, 2):
        now = NOON + attempt * MINUTE
        taken: list[timers.Timer] = []
        with suppress(ZeroDivisionError), store.write() as tx:
            taken += timers.due(tx, now, 1, KINDS)
            raise ZeroDivisionError
        assert [timer.attempts for timer in taken] == [attempt - 1]
        with store.write() as tx:
            timers.put_off(tx, taken[0], now + MINUTE)
        assert fired(store, now + MINUTE - timedelta(microseconds=1)) == []
    assert fired(store, NOON + 3 * MINUTE) == ["ack"]


def test_one_that_is_put_aside_fires_no_more_until_it_is_set_anew(store: Store) -> None:
    set_all(store, ack=NOON, other=NOON)
    with store.write() as tx:
        timers.put_off(tx, timers.Timer("ack", "escalate", NOON, {}, MINUTE), None, "it failed")
    assert fired(store, NOON + 60 * MINUTE) == ["other"]
    set_all(store, ack=NOON + MINUTE)
    assert fired(store, NOON + MINUTE) == ["ack"]


def test_one_that_was_moved_meanwhile_has_not_failed(store: Store) -> None:
    set_all(store, ack=NOON)
    with store.write() as tx:
        timers.put_off(tx, timers.Timer("ack", "escalate", NOON - MINUTE, {}, MINUTE), None, "it failed")
    assert fired(store, NOON) == ["ack"]


def test_a_kind_that_nobody_knows_stays_is_told_once_and_fires_where_somebody_knows_it(store: Store) -> None:
    set_all(store, ack=NOON)
    for moment, any_strange, told in ((NOON - MINUTE, False, 0), (NOON, True, 1), (NOON + MINUTE, False, 0)):
        with store.write() as tx:
            assert timers.due(tx, moment, 10, ("page",)) == []
            assert timers.any_strange(tx, moment, ("page",)) is any_strange
            assert timers.say_strange(tx, moment, ("page",)) == told
    with store.read() as connection:
        assert not timers.any_due(connection, NOON, ("page",))
    assert fired(store, NOON + MINUTE) == ["ack"]


def test_one_that_nobody_can_read_is_put_aside_and_delays_no_other(store: Store) -> None:
    set_all(store, torn=NOON, whole=NOON)
    with store.write() as tx:
        tx.execute(text("UPDATE timer SET payload = '{\"bro' WHERE key = 'torn'"))
    assert fired(store, NOON, 1) == ["whole"]
    with store.read() as connection:
        left = [tuple(row) for row in connection.execute(text("SELECT key, parked FROM timer"))]
    assert left == [("torn", timers.UNREADABLE)]
