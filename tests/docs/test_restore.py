"""What a restore means, as docs/how-to/operate.md tells it: the good and the bad."""

from __future__ import annotations

import shutil
from datetime import timedelta
from functools import partial
from pathlib import Path

from tests.sync.world import World

from tieline.core.model import ConnectionName
from tieline.core.port import Ref
from tieline.sync import creation, deliver, explain, inbox


def backed_up(world: World, folder: Path) -> None:
    world.engine.store.close()
    shutil.copy(folder / "world.db", folder / "backup.db")
    world.start()


def restore(world: World, folder: Path) -> None:
    world.engine.store.close()
    for file in folder.glob("world.db*"):
        file.unlink()
    shutil.copy(folder / "backup.db", folder / "world.db")
    world.start()
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
    world.tools["left"].make({"title": "Disk full", "status": "new"})
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
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle()

    assert len(world.tools["right"].rows()) == 1
    assert "create" in asked and "find" not in asked
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
    look_first = partial(creation.may_be_forgotten, world.engine, here)
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
    explain.release(world.engine, aside.what, aside.id, actor="ann@example.com")
    _deliver_in_right(world)

    [row] = world.tools["right"].rows()
    assert world.copy("right").ref == row.ref
    closed(world)
