"""What a restore means, as docs/how-to/operate.md tells it: the good and the bad."""

from __future__ import annotations

import shutil
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from tests.sync.deciding import decide
from tests.sync.world import World

from tieline.core.model import Audience, ConnectionName, IncidentId, instant
from tieline.core.port import Ref
from tieline.sync.build import SKEW
from tieline.sync.comments import comments, writing
from tieline.sync.intake import inbox
from tieline.sync.road import creation, deliver


def backed_up(world: World, folder: Path) -> None:
    world.engine.store.close()
    shutil.copy(folder / "world.db", folder / "backup.db")
    world.start()


def put_back(world: World, folder: Path) -> None:
    world.engine.store.close()
    for file in folder.glob("world.db*"):
        if file.suffix != ".keys":
            file.unlink()
    shutil.copy(folder / "backup.db", folder / "world.db")
    world.start()


def restore(world: World, folder: Path) -> None:
    put_back(world, folder)
    world.settle()


def closed(world: World) -> None:
    world.engine.store.close()
    world.engine.registry.close()


def test_edits_made_since_the_backup_stand(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle()
    backed_up(world, tmp_path)
    world.edit("right", title="Disk full on db1")
    world.settle()
    restore(world, tmp_path)

    assert world.shows("left", "title") == world.shows("right", "title") == "Disk full on db1"
    assert world.conflicts() == [] and world.parked() == []
    closed(world)


def test_a_copy_that_was_wanted_at_the_backup_is_not_made_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.settle(1)
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.clock.advance(31)
    while world.step("left"):
        pass
    assert world.copy("right").ref is None
    backed_up(world, tmp_path)
    world.settle()
    restore(world, tmp_path)

    assert len(world.tools["right"].rows()) == 1
    closed(world)


def _remarks(world: World, tool: str, text: str) -> list[str]:
    """Where a comment stands in a tool's copy, once for each time."""
    ref = world.copy(tool).ref
    assert ref is not None
    return [note.author for note in world.tools[tool].row(ref).notes if note.text.split("\n")[-1] == text]


@pytest.mark.parametrize("plain", [False, True], ids=["with tokens", "plain"])
@pytest.mark.parametrize("first", ["left", "right"])
def test_a_comment_that_was_copied_since_the_backup_is_known_again(tmp_path: Path, first: str, plain: bool) -> None:
    """Whichever side is read first, and so whichever number the comment is given this time."""
    world = World(tmp_path)
    for tool in world.tools.values():
        tool.plain_comments = plain
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle()
    backed_up(world, tmp_path)
    for name, text in (("left", "On it."), ("right", "Old logs; deleting them.")):
        world.tools[name].comment(str(world.copy(name).ref), text)
        world.settle()
    put_back(world, tmp_path)
    world.clock.advance(31)
    while world.step(first):
        pass
    world.settle()

    texts = ("On it.", "Old logs; deleting them.")
    assert [len(_remarks(world, name, text)) for name in world.tools for text in texts] == [1, 1, 1, 1]
    assert world.parked() == []
    closed(world)


def test_a_comment_that_a_person_lets_try_again_is_looked_for_before_it_is_written(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle()
    world.tools["left"].comment(str(world.copy("left").ref), "On it.")
    world.clock.advance(31)
    while world.step("left"):
        pass
    writing.park(world.engine, world.lanes["right"].here, _outgoing(world), "the tool refused it")
    backed_up(world, tmp_path)
    _let_try_again(world)
    world.settle()
    assert len(_remarks(world, "right", "On it.")) == 1
    put_back(world, tmp_path)
    _let_try_again(world)
    writing.deliver(world.engine, world.lanes["right"].here, _outgoing(world))
    world.settle()

    assert len(_remarks(world, "right", "On it.")) == 1 and world.parked() == []
    closed(world)


def test_a_copy_whose_first_line_somebody_took_away_is_known_by_its_token(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle()
    backed_up(world, tmp_path)
    world.tools["left"].comment(str(world.copy("left").ref), "On it.")
    world.settle()
    with world.tools["right"]._shelf.transaction() as state:
        row = state.rows[str(world.copy("right").ref)]
        row.notes[0].text = "On it."
        world.tools["right"]._touch(state, row)
    put_back(world, tmp_path)
    world.clock.advance(31)
    while world.step("right"):
        pass
    world.settle()

    assert len(_remarks(world, "left", "On it.")) == len(_remarks(world, "right", "On it.")) == 1
    assert world.parked() == []
    closed(world)


def test_an_older_comment_is_looked_for_whatever_comes_in_with_it(tmp_path: Path) -> None:
    """Comments began to be copied to the right after the backup, when somebody wrote one in Tieline."""
    world = World(tmp_path, options={"left": "comments: in", "right": "comments: in"})
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle()
    world.tools["left"].comment(str(world.copy("left").ref), "On it.")
    world.settle()
    backed_up(world, tmp_path)
    before, _, after = world.file.read_text(encoding="utf-8").rpartition("comments: in")
    world.file.write_text(f"{before}comments: both{after}", encoding="utf-8")
    world.restart()
    with world.engine.store.write() as tx:
        comments.write(tx, world.engine, IncidentId(1), "ann@example.com", "Call the vendor.", Audience.STAFF)
    world.settle()
    assert len(_remarks(world, "right", "On it.")) == 1
    put_back(world, tmp_path)
    world.clock.advance(SKEW.total_seconds())
    world.settle()
    world.tools["left"].comment(str(world.copy("left").ref), "Done.")
    world.settle()

    assert [len(_remarks(world, "right", text)) for text in ("On it.", "Done.")] == [1, 1]
    closed(world)


def _outgoing(world: World) -> comments.Outgoing:
    now = world.clock.now()
    with world.engine.store.read() as connection:
        [waits] = comments.outgoing(connection, ConnectionName("right"), now, now, 10)
    return waits


def _let_try_again(world: World) -> None:
    [aside] = world.parked()
    decide(world.engine, "parked retry", what=aside.what, number=aside.id)


def test_a_new_comment_is_not_taken_for_one_whose_number_it_was_given(tmp_path: Path) -> None:
    """What was written in Tieline since the backup is forgotten, and its number is free again."""
    world = World(tmp_path)
    world.tools["right"].plain_comments = True
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle()
    backed_up(world, tmp_path)
    with world.engine.store.write() as tx:
        comments.write(tx, world.engine, IncidentId(1), "ann@example.com", "Call the vendor.", Audience.STAFF)
    world.settle()
    world.tools["left"].comment(str(world.copy("left").ref), "Replaced the disk.")
    restore(world, tmp_path)

    assert len(_remarks(world, "right", "Replaced the disk.")) == 1
    assert len(_remarks(world, "right", "Call the vendor.")) == 1
    closed(world)


def _without_opens_in_right(world: World) -> None:
    before, _, after = world.file.read_text(encoding="utf-8").rpartition("    opens: true\n")
    world.file.write_text(before + after, encoding="utf-8")
    world.restart()
    world.settle(1)


def test_an_incident_opened_since_the_backup_knows_its_copy_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    _without_opens_in_right(world)
    backed_up(world, tmp_path)
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle()
    restore(world, tmp_path)

    [row] = world.tools["right"].rows()
    assert world.copy("right").ref == row.ref
    assert world.parked() == []
    closed(world)


def test_what_was_written_in_such_a_copy_meanwhile_stands(tmp_path: Path) -> None:
    world = World(tmp_path)
    _without_opens_in_right(world)
    backed_up(world, tmp_path)
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle()
    world.edit("right", title="Disk full on db1", description="since noon")
    restore(world, tmp_path)

    assert world.shows("left", "title", "description") == ("Disk full on db1", "since noon")
    assert world.shows("right", "title", "description") == ("Disk full on db1", "since noon")
    closed(world)


def test_a_copy_is_known_again_however_late_the_search_shows_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    _without_opens_in_right(world)
    world.tools["right"].lookup_lag = timedelta(seconds=90)
    world.restart()
    backed_up(world, tmp_path)
    world.settle(1)
    _open_a_new_one(world)
    world.settle(1)
    assert len(world.tools["right"].rows()) == 1
    restore(world, tmp_path)

    assert len(world.tools["right"].rows()) == 1
    closed(world)


def test_a_new_incident_is_looked_for_nowhere_once_everything_is_read(tmp_path: Path) -> None:
    """Only what may have been forgotten costs a search."""
    world = World(tmp_path)
    world.settle()
    asked: list[str] = []

    def listen(verb: str, _writes: bool) -> None:
        asked.append(verb)

    world.tools["right"].faults.draw = listen
    _open_a_new_one(world)
    world.settle()

    assert len(world.tools["right"].rows()) == 1
    assert "create" in asked and "find" not in asked
    closed(world)


def _open_a_new_one(world: World) -> None:
    """Opened after this process began, by whoever's clock."""
    world.clock.advance(SKEW.total_seconds())
    world.tools["left"].make({"title": "Disk full", "status": "new", "opened_at": instant(world.clock.now())})


def test_what_was_hidden_while_everything_was_read_is_looked_for(tmp_path: Path) -> None:
    """A tool may hide what it has, and show it later; somebody may have closed the copy meanwhile."""
    world = World(tmp_path)
    _without_opens_in_right(world)
    backed_up(world, tmp_path)
    world.settle(1)
    opened_at = instant(world.clock.now())
    mine = world.tools["left"].make({"title": "Disk full", "status": "new", "opened_at": opened_at}).ref
    world.settle()
    world.tools["left"].delete(mine)
    world.edit("right", status="resolved")
    put_back(world, tmp_path)
    world.settle()
    assert world.incidents() == []
    world.tools["left"].restore(mine)
    world.settle()

    [row] = world.tools["right"].rows()
    assert world.copy("right").ref == row.ref
    closed(world)


def _opens_critical_ones_in_left(world: World) -> None:
    text = world.file.read_text(encoding="utf-8")
    world.file.write_text(text.replace("opens: true", "opens: severity == 'critical'", 1), encoding="utf-8")
    world.restart()
    world.settle(1)


def _forgotten_and_put_aside(world: World, folder: Path) -> str:
    """Its copy was made since the backup, and what it was made for is not worth an incident just now."""
    _opens_critical_ones_in_left(world)
    backed_up(world, folder)
    mine = world.tools["left"].make({"title": "Disk full", "status": "new", "severity": "critical"}).ref
    world.settle()
    world.tools["left"].edit(mine, severity="low")
    world.settle()
    restore(world, folder)
    assert len(world.tools["right"].rows()) == 1 and len(world.parked()) == 1
    return mine


def _deliver_in_right(world: World) -> None:
    """Before anything else that waits there."""
    here = world.lanes["right"].here
    look_first = partial(creation.shows_strangers, world.engine, here)
    deliver.deliver(world.engine, here, look_first, world.copy("right").id)


def test_what_a_webhook_told_of_such_a_copy_has_it_looked_for_too(tmp_path: Path) -> None:
    world = World(tmp_path, options={"right": "poll_every: 12h"})  # no listing tells of it again
    mine = _forgotten_and_put_aside(world, tmp_path)
    [row] = world.tools["right"].rows()
    with world.engine.store.write() as tx:
        inbox.put(tx, ConnectionName("right"), [(Ref(row.ref), None)], asked=0, now=world.clock.now())
    world.settle()
    world.tools["left"].edit(mine, severity="critical")
    world.settle()

    assert [one.ref for one in world.tools["right"].rows()] == [row.ref] == [world.copy("right").ref]
    assert world.parked() == []
    closed(world)


def test_a_webhook_that_waits_has_such_a_copy_looked_for_too(tmp_path: Path) -> None:
    world = World(tmp_path, options={"right": "poll_every: 12h"})
    mine = _forgotten_and_put_aside(world, tmp_path)
    [row] = world.tools["right"].rows()
    world.tools["left"].edit(mine, severity="critical")
    world.clock.advance(31)
    while world.step("left"):
        pass
    with world.engine.store.write() as tx:
        inbox.forget_parked(tx, ConnectionName("right"), Ref(row.ref))
        inbox.put(tx, ConnectionName("right"), [(Ref(row.ref), None)], asked=0, now=world.clock.now())
    _deliver_in_right(world)

    assert [one.ref for one in world.tools["right"].rows()] == [row.ref] == [world.copy("right").ref]
    closed(world)


def test_such_a_copy_that_a_person_lets_try_again_is_looked_for_too(tmp_path: Path) -> None:
    world = World(tmp_path)
    mine = _forgotten_and_put_aside(world, tmp_path)
    world.tools["left"].edit(mine, severity="critical")
    world.clock.advance(31)
    while world.step("left"):
        pass
    [aside] = world.parked()
    decide(world.engine, "parked retry", what=aside.what, number=aside.id)
    _deliver_in_right(world)

    [row] = world.tools["right"].rows()
    assert world.copy("right").ref == row.ref
    closed(world)
