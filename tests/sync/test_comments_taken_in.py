"""What becomes of the comments that a copy brings along: whose words are news, and which copies get them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import select, update
from tests.sync.stands import RIGHT, linked
from tests.sync.world import World

from tieline.core.model import Audience, ConnectionName, IncidentId, incident_number
from tieline.core.options import Comments
from tieline.core.port import Power, Ref, RemoteComment, Token
from tieline.core.store import tables as t
from tieline.sync import explain, tokens
from tieline.sync.comments import comments
from tieline.sync.comments.comments import first_line
from tieline.sync.records import ReplicaState

LEFT: Final = ConnectionName("left")
FIRST: Final = IncidentId(1)
SENT: Final = Token("tl-0123456789abcdef")
HEAD: Final = first_line("ann", "left", incident_number(FIRST), SENT)
OTHER_HEAD: Final = first_line("ann", "left", incident_number(FIRST), Token("tl-00000000ffffffff"))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An incident with a copy in each of two tools, and nothing said of it."""
    one = linked(tmp_path)
    yield one
    one.engine.store.close()
    one.engine.registry.close()


def said(number: str, body: str = "It is full.", **facts: Any) -> RemoteComment:
    known = {"author": "bob", "created_at": None, "audience": Audience.STAFF, **facts}
    return RemoteComment(number, body, **known)


def take_in(world: World, *brought: RemoteComment) -> int:
    """The copy in `right` brings them along."""
    here = world.engine.connections[RIGHT]
    with world.engine.store.write() as tx:
        return comments.take_in(tx, world.engine, here, world.copy("right"), brought)


def write(world: World, body: str = "We look at it.") -> int:
    """Somebody comments in Tieline."""
    with world.engine.store.write() as tx:
        return comments.write(tx, world.engine, FIRST, "ann", body, Audience.CUSTOMERS)


def rows(world: World, *columns: Any) -> list[tuple[Any, ...]]:
    with world.engine.store.read() as connection:
        found = connection.execute(select(*columns).order_by(columns[0].table.c.id)).all()
    return [tuple(row) for row in found]


def bodies(world: World) -> list[str]:
    return [body for (body,) in rows(world, t.comment.c.body)]


def twins(world: World) -> list[tuple[Any, ...]]:
    """Each twin: its comment, where it stands, its state there, and the tool's id of it."""
    columns = t.twin.c
    return rows(world, columns.comment_id, columns.connection, columns.state, columns.remote_id)


def sending(world: World, *states: str) -> None:
    """Comments of Tieline, of which one after the other is on its way to `right` in these states; `left` has them."""
    for number, state in enumerate(states, 1):
        comment = write(world, f"words {number}")
        with world.engine.store.write() as tx:
            ours = (t.twin.c.comment_id == comment) & (t.twin.c.connection == RIGHT)
            token = SENT if number == 1 else Token(f"tl-{number:016x}")
            tx.execute(update(t.twin).where(ours).values(state=state, token=token))
            tx.execute(update(t.twin).where(t.twin.c.connection == LEFT).values(state="linked"))


def standing(world: World) -> list[tuple[Any, ...]]:
    """The twins in `right`: each one's state and the tool's id of it."""
    return [(state, remote) for _comment, name, state, remote in twins(world) if name == RIGHT]


def test_words_are_kept_with_whose_they_are_and_wanted_in_the_other_tool(world: World) -> None:
    roused: list[str] = []
    world.engine.wake = roused.append
    assert take_in(world, said("c1", "It is\0 full.")) == 1
    columns = t.comment.c
    kept = rows(world, columns.incident_id, columns.author, columns.audience, columns.body, columns.origin)
    assert kept == [(1, "bob", "staff", "It is full.", "right")]
    assert rows(world, columns.written_at) == [(world.clock.now(),)]
    assert twins(world) == [(1, "right", "linked", "c1"), (1, "left", "wanted", None)]
    assert roused == ["left"]
    with world.engine.store.read() as connection:
        entry = next(one for one in explain.history(connection, FIRST) if one["kind"] == "commented")
        store_name = tokens.name_of(connection)
    assert (entry["connection"], entry["actor"]) == ("right", "bob")
    assert entry["facts"] == {"comment": 1, "audience": "staff"}
    origin = tokens.origin_of_comment(RIGHT, "c1")
    assert rows(world, t.twin.c.token) == [
        (tokens.token(store_name, f"{origin} on {world.copy(name).ref}", ConnectionName(name)),)
        for name in ("right", "left")
    ]


@pytest.mark.parametrize(
    ("called", "kept"), [("bob\0", "bob"), ("bob\ud800", "bob"), ("bob\nof the desk", "bob of the desk"), ("\0", "")]
)
def test_who_wrote_is_kept_on_one_line_that_every_store_takes(world: World, called: str, kept: str) -> None:
    take_in(world, said("c1", author=called))
    assert rows(world, t.comment.c.author) == [(kept,)]
    with world.engine.store.read() as connection:
        [entry] = [one for one in explain.history(connection, FIRST) if one["kind"] == "commented"]
    assert entry["actor"] == (kept or "right")


def test_who_wrote_where_no_author_is_told_is_the_tool(world: World) -> None:
    take_in(world, said("c1", author=""))
    with world.engine.store.read() as connection:
        [entry] = [one for one in explain.history(connection, FIRST) if one["kind"] == "commented"]
    assert entry["actor"] == "right"


def test_each_comment_is_news_once(world: World) -> None:
    assert take_in(world) == 0
    assert take_in(world, said("c1", "one")) == 1
    assert take_in(world, said("c1", "one")) == 0
    assert take_in(world, said("c1", "one"), said("c2", "two"), said("c3", "three")) == 2
    assert bodies(world) == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("name", "brought", "is_news"),
    [
        ("right", None, False),
        ("right", [], False),
        ("right", ["c1"], False),
        ("right", ["c2", "c1"], False),
        ("right", ["c1", "c3"], True),
        ("left", ["c1"], True),
        ("left", ["c9"], False),
        ("right", ["c9"], True),
    ],
)
def test_a_reading_brings_news_where_its_own_copy_is_not_known_to_have_a_comment(
    world: World, name: str, brought: list[str] | None, is_news: bool
) -> None:
    take_in(world, said("c1", "one"), said("c2", "two"))
    with world.engine.store.write() as tx:
        left = (t.twin.c.connection == LEFT) & (t.twin.c.comment_id == 1)
        tx.execute(update(t.twin).where(left).values(remote_id="c9", state="linked"))
        where = ConnectionName(name)
        ref = world.copy(name).ref
        assert ref is not None
        reading = world.engine.connections[where].source.read(ref)
        told = None if brought is None else tuple(said(number) for number in brought)
        assert comments.any_new(tx, where, replace(reading, comments=told)) is is_news
        elsewhere = replace(reading, ref=Ref("another"), comments=told)
        assert comments.any_new(tx, where, elsewhere) is bool(brought)


@pytest.mark.parametrize(
    ("comment", "is_news"),
    [
        pytest.param(said("c1", ours=True), True, id="a person by our account"),
        pytest.param(said("c1", f"{OTHER_HEAD}\n\nwords", ours=True), False, id="a copy that we made"),
        pytest.param(said("c1", "words", ours=True, token=Token("tl-7")), False, id="a copy that carries our token"),
        pytest.param(said("c1", f"{OTHER_HEAD}\n\nwords"), True, id="a person who quotes a copy"),
        pytest.param(said("c1", "words", token=Token("tl-7")), True, id="a token that somebody else set"),
        pytest.param(said("c1", f"words\n{OTHER_HEAD}", ours=True), True, id="the line of a copy further down"),
        pytest.param(said("c1", "ann (INC-12):", ours=True), True, id="a line that names no copy"),
    ],
)
def test_a_copy_of_ours_that_this_store_does_not_know_is_nobodys_words(
    world: World, comment: RemoteComment, is_news: bool
) -> None:
    assert take_in(world, comment, said("c2", "words of bob")) == is_news + 1
    assert bodies(world)[-1] == "words of bob"


@pytest.mark.parametrize("state", ["wanted", "sending", "parked"])
@pytest.mark.parametrize("known_by", [{"token": SENT}, {"body": f"{HEAD}\n\nwords 1", "ours": True}])
def test_what_was_on_its_way_is_linked_where_it_stands(world: World, state: str, known_by: dict[str, Any]) -> None:
    sending(world, state)
    assert take_in(world, said("c1", **known_by), said("c2", "news")) == 1
    assert standing(world) == [("linked", "c1"), ("linked", "c2")]


@pytest.mark.parametrize(("shown", "is_linked"), [(Audience.CUSTOMERS, False), (Audience.STAFF, True)])
def test_what_stands_wider_than_it_was_written_is_not_taken_for_delivered(
    world: World, shown: Audience, is_linked: bool
) -> None:
    sending(world, "sending")
    with world.engine.store.write() as tx:
        tx.execute(update(t.comment).values(audience="staff"))
    assert take_in(world, said("c1", token=SENT, ours=True, audience=shown)) == 0
    assert standing(world) == [("linked", "c1") if is_linked else ("sending", None)]


def test_of_two_that_stand_there_for_one_the_first_is_the_copy(world: World) -> None:
    sending(world, "sending", "sending")
    second = said("c2", token=Token(f"tl-{2:016x}"), ours=True)
    assert take_in(world, second, said("c1", token=SENT, ours=True), said("c3", token=SENT, ours=True)) == 0
    assert standing(world) == [("linked", "c1"), ("linked", "c2")]


@pytest.mark.parametrize(
    ("forgot_before", "created", "state"),
    [
        (None, None, "wanted"),
        (timedelta(), None, "sending"),
        (timedelta(), timedelta(seconds=-1), "sending"),
        (timedelta(), timedelta(seconds=1), "wanted"),
    ],
)
def test_words_as_old_as_what_the_store_forgot_are_looked_for_first(
    world: World, forgot_before: timedelta | None, created: timedelta | None, state: str
) -> None:
    now: datetime = world.clock.now()
    world.engine.in_doubt_before = None if forgot_before is None else now + forgot_before
    take_in(world, said("c1", created_at=None if created is None else now + created))
    assert twins(world)[1:] == [(1, "left", state, None)]


@pytest.mark.parametrize(("forgot", "state"), [(True, "sending"), (False, "wanted")])
def test_words_that_are_new_in_tieline_were_copied_nowhere_and_older_ones_may_have_been(
    world: World, forgot: bool, state: str
) -> None:
    older = write(world)
    with world.engine.store.write() as tx:
        tx.execute(t.twin.delete().where(t.twin.c.connection == RIGHT))
    world.engine.in_doubt_before = world.clock.now() if forgot else None
    newer = write(world)
    found = twins(world)
    assert (older, "right", state, None) in found
    assert [one for one in found if one[0] == newer] == [
        (newer, "left", "wanted", None),
        (newer, "right", "wanted", None),
    ]


def test_words_of_tieline_are_known_by_their_number_and_time(world: World) -> None:
    number = write(world)
    with world.engine.store.read() as connection:
        store_name = tokens.name_of(connection)
        [entry] = [one for one in explain.history(connection, FIRST) if one["kind"] == "commented"]
    assert (entry["connection"], entry["actor"]) == (None, "ann")
    assert entry["facts"] == {"comment": number, "audience": "customers"}
    origin = tokens.origin_of_words(number, world.clock.now())
    assert rows(world, t.twin.c.token) == [
        (tokens.token(store_name, f"{origin} on {world.copy(name).ref}", ConnectionName(name)),)
        for name in ("left", "right")
    ]


@pytest.mark.parametrize(
    ("copy", "gets"),
    [
        ({"state": ReplicaState.LINKED}, True),
        ({"state": ReplicaState.PARKED}, True),
        ({"state": ReplicaState.GONE}, False),
        ({"state": ReplicaState.ABSENT, "ref": None}, False),
        ({"connection": "former"}, False),
    ],
)
def test_a_copy_that_is_there_gets_what_it_lacks(world: World, copy: dict[str, Any], gets: bool) -> None:
    with world.engine.store.write() as tx:
        tx.execute(update(t.replica).where(t.replica.c.connection == LEFT).values(copy))
    write(world)
    assert [name for _comment, name, _state, _remote in twins(world)] == (["left", "right"] if gets else ["right"])
    write(world)
    assert len(twins(world)) == (4 if gets else 2), "each comment has one twin in each copy"


@pytest.mark.parametrize("way", Comments)
def test_comments_go_out_where_the_configuration_lets_them(world: World, way: Comments) -> None:
    left = world.engine.connections[LEFT]
    left.config = replace(left.config, comments=way)
    write(world)
    gets = ["left", "right"] if way in (Comments.BOTH, Comments.OUT) else ["right"]
    assert [name for _comment, name, _state, _remote in twins(world)] == gets


def test_a_tool_that_takes_no_comments_gets_none(world: World) -> None:
    left = world.engine.connections[LEFT]
    left.config = replace(left.config, kind=replace(left.config.kind, powers=left.kind.powers - {Power.COMMENT}))
    write(world)
    assert [name for _comment, name, _state, _remote in twins(world)] == ["right"]
