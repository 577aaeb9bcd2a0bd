"""Which comments wait to be written into a tool, in which order, and which one holds up the others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from sqlalchemy import insert, select, update

from tieline.core.model import Audience, ConnectionName, IncidentId, Tlp
from tieline.core.port import Ref, Token
from tieline.core.store import tables as t
from tieline.core.store.store import Store
from tieline.sync.comments import comments
from tieline.sync.comments.comments import Outgoing

NOW: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
FAR: Final = timedelta(hours=2)
DESK, OTHER = ConnectionName("desk"), ConnectionName("other")
EMPTY: Final = ("base", "observed", "ledger", "intent", "holds", "trail")


@pytest.fixture
def store() -> Iterator[Store]:
    """Two incidents with a copy in `desk`, the first of them in `other` too; three comments of the first, one of the
    second. Nothing is wanted yet."""
    with Store.open("sqlite://") as opened:
        opened.migrate()
        with opened.write() as tx:
            for number, fields in ((1, {"tlp": "amber"}), (2, {})):
                row = {
                    "id": number,
                    "uid": f"u{number}",
                    "revision": 1,
                    "fields": fields,
                    "stamps": {},
                    "status": "new",
                }
                tx.execute(insert(t.incident), {**row, "opened_at": NOW, "updated_at": NOW})
            for number, (incident, name) in enumerate(((1, DESK), (2, DESK), (1, OTHER)), 1):
                row = {
                    "id": number,
                    "incident_id": incident,
                    "connection": name,
                    "state": "linked",
                    "token": f"r{number}",
                }
                tx.execute(insert(t.replica), {**row, "ref": f"ref {number}", **{one: {} for one in EMPTY}})
            for number, incident in ((1, 1), (2, 1), (3, 1), (4, 2)):
                row = {
                    "id": number,
                    "incident_id": incident,
                    "author": "ann",
                    "audience": "staff",
                    "origin": "snow",
                }
                tx.execute(insert(t.comment), {**row, "body": f"words {number}", "written_at": NOW})
        yield opened


def twin(store: Store, comment: int, replica: int = 1, state: str = "wanted", **facts: Any) -> None:
    name = OTHER if replica == 3 else DESK
    row = {"comment_id": comment, "connection": name, "replica_id": replica, "state": state}
    with store.write() as tx:
        tx.execute(insert(t.twin), {**row, "token": f"t{comment}-{replica}", **facts})


def waiting(store: Store, limit: int = 10, name: ConnectionName = DESK) -> list[Outgoing]:
    with store.read() as connection:
        return comments.outgoing(connection, name, NOW, NOW + FAR, limit)


def states(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.execute(select(t.twin.c.state).order_by(t.twin.c.id)).scalars())


def test_what_waits_is_known_with_all_that_is_written(store: Store) -> None:
    twin(store, 1, state="sending", attempts=3)
    assert waiting(store) == [
        Outgoing(
            id=1,
            comment=1,
            incident=IncidentId(1),
            replica=1,
            ref=Ref("ref 1"),
            token=Token("t1-1"),
            state="sending",
            author="ann",
            origin="snow",
            audience=Audience.STAFF,
            body="words 1",
            attempts=3,
            tlp=Tlp.AMBER,
        )
    ]


def test_an_incident_without_a_label_has_none(store: Store) -> None:
    twin(store, 4, 2)
    assert [one.tlp for one in waiting(store)] == [None]


@pytest.mark.parametrize(
    ("state", "waits"), [("wanted", True), ("sending", True), ("linked", False), ("parked", False)]
)
def test_what_is_written_or_put_aside_does_not_wait(store: Store, state: str, waits: bool) -> None:
    twin(store, 1, state=state)
    assert len(waiting(store)) == waits
    assert waiting(store, name=OTHER) == []


@pytest.mark.parametrize(("seconds", "is_due"), [(-1, True), (0, True), (1, False), (7200, False), (7201, True)])
def test_a_comment_is_due_at_its_time_or_where_the_clock_was_set_back(store: Store, seconds: int, is_due: bool) -> None:
    twin(store, 1, next_at=NOW + timedelta(seconds=seconds))
    assert len(waiting(store)) == is_due


@pytest.mark.parametrize(
    ("copy", "waits"), [({}, True), ({"ref": None}, False), ({"state": "gone"}, False), ({"state": "parked"}, True)]
)
def test_a_comment_waits_for_a_copy_that_is_there(store: Store, copy: dict[str, Any], waits: bool) -> None:
    twin(store, 1)
    with store.write() as tx:
        tx.execute(update(t.replica).where(t.replica.c.id == 1).values(copy or {"key": "OPS-1"}))
    assert len(waiting(store)) == waits


@pytest.mark.parametrize(
    ("first", "second_waits"),
    [
        ({"state": "wanted"}, False),
        ({"state": "sending"}, False),
        ({"state": "wanted", "next_at": NOW + timedelta(minutes=1)}, False),
        ({"state": "linked"}, True),
        ({"state": "parked"}, True),
    ],
)
def test_a_later_comment_never_overtakes_one_that_waits_for_the_same_copy(
    store: Store, first: dict[str, Any], second_waits: bool
) -> None:
    twin(store, 1, **first)
    twin(store, 2)
    twin(store, 3)
    found = [one.comment for one in waiting(store)]
    assert (2 in found) is second_waits
    assert 3 not in found


def test_the_comments_of_other_copies_go_on(store: Store) -> None:
    twin(store, 1)
    twin(store, 2)
    twin(store, 4, 2)
    twin(store, 2, 3)
    assert [one.comment for one in waiting(store)] == [1, 4]
    assert [one.comment for one in waiting(store, limit=1)] == [1]
    assert [one.comment for one in waiting(store, name=OTHER)] == [2]


def test_what_waits_for_the_first_time_is_put_in_doubt_in_one_tool(store: Store) -> None:
    for comment, replica, state in (
        (1, 1, "wanted"),
        (2, 1, "parked"),
        (3, 1, "linked"),
        (4, 2, "wanted"),
        (1, 3, "wanted"),
    ):
        twin(store, comment, replica, state)
    with store.read() as connection:
        assert comments.any_wanted(connection, DESK)
    with store.write() as tx:
        comments.put_wanted_in_doubt(tx, DESK)
    assert states(store) == ["sending", "parked", "linked", "sending", "wanted"]
    with store.read() as connection:
        assert not comments.any_wanted(connection, DESK), "what is in doubt is not there for the first time"
        assert comments.any_wanted(connection, OTHER)


def test_a_comment_is_put_back_as_it_was_or_aside(store: Store) -> None:
    twin(store, 1, state="sending")
    [item] = waiting(store)
    later = NOW + timedelta(minutes=1)
    with store.write() as tx:
        comments.retry(tx, item, 4, later)
        told = tx.execute(select(t.twin)).one()
        assert (told.state, told.attempts, told.next_at, told.parked) == ("sending", 4, later, "")
        comments.postpone(tx, item, state="parked", attempts=5, next_at=None, parked="why")
        told = tx.execute(select(t.twin)).one()
        assert (told.state, told.attempts, told.next_at, told.parked) == ("parked", 5, None, "why")
