"""T2: a delivery that was heard before, sent again by somebody who listened, has no second effect."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select
from tests.threats.conftest import Tally, cases
from tests.threats.receivers import Listening, with_headers

from tieline.adapters.testing.clock import ManualClock
from tieline.core.store import tables as t

MOMENTS = {"at once": 0.0, "after 4 minutes": 240.0, "after 6 minutes": 120.0, "after a day": 86_040.0}
"""Seconds to let pass before each replay: together 0 s, 4 min, 6 min and 24 h."""


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    """A daemon whose clock is moved by hand."""
    one = Listening(tmp_path_factory.mktemp("by_hand"), ManualClock())
    yield one
    one.close()


def test_a_replay_changes_nothing_however_late_it_comes(by_hand: Listening, tally: Tally) -> None:
    clock = by_hand.clock
    assert clock is not None
    rounds = cases(1, 300)
    escaped: list[str] = []
    played = 0
    for number in range(rounds):
        heard = by_hand.genuine(f"t02-{number}")
        for one in heard:
            assert by_hand.deliver(one) == 202
        stored, waiting = by_hand.stored(), by_hand.waiting()
        for moment, seconds in MOMENTS.items():
            clock.advance(seconds)
            for one in heard:
                played += 1
                if by_hand.deliver(one) not in (200, 401):
                    escaped.append(f"{one.connection} {moment}")
        # Fewer may be known: a chore forgets what is days old. And fewer may wait: a lane at work takes rows away.
        if by_hand.stored() > stored or by_hand.waiting() > waiting:
            escaped.append(f"round {number} left something behind")
    tally(played, escaped)


def test_a_restart_does_not_make_it_forget(by_hand: Listening, tally: Tally) -> None:
    heard = by_hand.genuine("t02-restart")
    for one in heard:
        by_hand.deliver(one)
    stored, waiting = by_hand.stored(), by_hand.waiting()
    by_hand.restart()
    escaped = [one.connection for one in heard if by_hand.deliver(one) != 200]
    assert by_hand.stored() <= stored
    assert by_hand.waiting() <= waiting
    tally(len(heard), escaped)


def test_a_replay_under_another_id_can_only_make_us_read(by_hand: Listening, tally: Tally) -> None:
    """PagerDuty and Jira do not sign the id of a delivery; what a new id buys is one more look at the record."""
    unsigned = [one for one in by_hand.genuine("t02-id") if one.id_header]
    assert {one.connection for one in unsigned} == {"jira", "pager"}
    escaped: list[str] = []
    for one in unsigned:
        by_hand.deliver(one)
        by_hand.deliver(with_headers(one, **{one.id_header: "another"}))
        with by_hand.daemon.engine.store.read() as connection:
            rows = connection.execute(select(t.inbox).where(t.inbox.c.connection == one.connection)).all()
        escaped += [f"{one.connection}: {row.ref} came with a record" for row in rows if row.reading is not None]
        # One look at one record, however often it is asked for.
        refs = [row.ref for row in rows]
        escaped += [f"{one.connection}: {ref} waits twice" for ref in set(refs) if refs.count(ref) > 1]
    tally(len(unsigned), escaped)
