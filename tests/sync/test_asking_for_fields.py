"""When a tool is asked what fields it has, and when what was held or put aside for them is tried again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
from sqlalchemy import func, select
from tests.sync.stands import RIGHT, edit, linked, save
from tests.sync.world import World

from tieline.adapters.testing.clock import ManualClock
from tieline.core import journal
from tieline.core.errors import TryAgain
from tieline.core.port import FieldFact
from tieline.core.store import tables as t
from tieline.mappings import Fitted, fit, load
from tieline.mappings.board import ALERTS
from tieline.sync import explain
from tieline.sync.fit import fitting
from tieline.sync.outcomes import Verb
from tieline.sync.records import Held, Hold, ReplicaState
from tieline.sync.road import copy_states

MEMORY: Final = load("memory-incident")
FREE: Final = {"severity": FieldFact("severity", writable=True, required=False)}
BARRED: Final = {"severity": FieldFact("severity", writable=False, required=False)}
UNKNOWN: Final = {
    "type": "doc",
    "version": 1,
    "content": [{"type": "paragraph", "content": [{"type": "text", "text": "one"}, {"type": "strange"}]}],
}
OLD: Final = fitting.OLD.total_seconds()
SLOWLY: Final = fitting.SLOWLY.total_seconds()


class Tool:
    """A tool that tells its fields, or fails to."""

    def __init__(self) -> None:
        self.facts: Mapping[str, FieldFact] = FREE
        self.fails = False
        self.asked = 0

    def describe(self) -> Mapping[str, FieldFact]:
        self.asked += 1
        if self.fails:
            raise TryAgain("desk", "answered 500")
        return self.facts


class Store:
    """Holds nothing, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    @contextmanager
    def read(self):
        yield self

    def execute(self, statement: object, facts: Mapping[str, object]) -> Any:
        assert facts == {"connection": "desk"}
        self.asked.append("parked" if "state = 'parked'" in str(statement) else "held")
        return SimpleNamespace(scalars=lambda: iter(()))


def connected(tool: object, *, can: bool = True) -> Any:
    here = SimpleNamespace(
        name="desk",
        source=tool,
        whole=MEMORY,
        mapping=MEMORY,
        fitted=None,
        facts=None,
        facts_at=None,
        facts_in_doubt=False,
        tried_anew_at=None,
        can=lambda _power: can,
    )

    def ask(verb: Verb, describe: Any) -> Any:
        assert verb is Verb.DESCRIBE
        return describe()

    here.ask = ask
    return here


def test_a_tool_is_asked_and_the_mapping_fitted_to_what_it_tells() -> None:
    tool = Tool()
    here = connected(tool)
    assert fitting.found(here) == Fitted(MEMORY)
    here.facts_in_doubt = True
    assert fitting.ask(here, 5.0) == FREE
    assert (here.facts, here.facts_at, here.facts_in_doubt) == (FREE, 5.0, False)
    assert fitting.found(here).unfit == ()
    first = here.fitted
    fitting.ask(here, 6.0)
    assert here.fitted is first, "what says the same fits the same"
    tool.facts = BARRED
    fitting.ask(here, 7.0)
    assert here.fitted.unfit == fit(MEMORY, BARRED).unfit != ()
    assert here.mapping is here.fitted.mapping
    assert fitting.found(here) is here.fitted


@pytest.mark.parametrize(("tool", "can"), [(object, True), (Tool, False)])
def test_a_tool_that_tells_no_fields_is_not_asked(tool: type, can: bool) -> None:
    here = connected(tool(), can=can)
    assert fitting.ask(here, 5.0) is None
    assert (here.mapping, here.facts_at) == (MEMORY, None)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def engine(clock: ManualClock) -> Any:
    return SimpleNamespace(clock=clock, store=Store())


def kept(engine: Any, here: Any) -> list[str]:
    """What keeping the mapping as it should be looks for in the store."""
    engine.store.asked.clear()
    fitting.keep(engine, here)
    return list(engine.store.asked)


def test_what_was_held_and_put_aside_is_tried_at_the_start_and_when_the_fields_change(
    engine: Any, clock: ManualClock
) -> None:
    tool = Tool()
    here = connected(tool)
    fitting.ask(here, clock.monotonic())
    assert kept(engine, here) == ["parked", "held"], "at the start"
    assert kept(engine, here) == []
    clock.advance(OLD - 1)
    assert (kept(engine, here), tool.asked) == ([], 1), "it was asked just now"
    clock.advance(1)
    assert (kept(engine, here), tool.asked) == ([], 2), "it is asked again, and says the same"
    tool.facts = BARRED
    here.facts_in_doubt = True
    assert (kept(engine, here), tool.asked) == (["parked", "held"], 3)
    assert not here.facts_in_doubt


def test_what_is_held_is_tried_slowly_by_itself(engine: Any, clock: ManualClock) -> None:
    here = connected(Tool())
    assert kept(engine, here) == ["parked", "held"]
    assert here.source.asked == 0, "who was never asked at the start is not asked now"
    for _ in range(2):
        clock.advance(SLOWLY - 1)
        assert kept(engine, here) == []
        clock.advance(1)
        assert kept(engine, here) == ["held"]


def test_a_tool_that_does_not_answer_keeps_the_mapping_and_is_asked_later(engine: Any, clock: ManualClock) -> None:
    tool = Tool()
    here = connected(tool)
    fitting.ask(here, clock.monotonic())
    kept(engine, here)
    mapping, tool.fails, here.facts_in_doubt = here.mapping, True, True
    clock.advance(1)
    assert kept(engine, here) == []
    assert (here.mapping, here.facts, tool.asked) == (mapping, FREE, 2)
    clock.advance(OLD - 1)
    assert (kept(engine, here), tool.asked) == ([], 2)
    clock.advance(1)
    assert (kept(engine, here), tool.asked) == ([], 3)


# -- copies in the store -----------------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An incident with a severity that its copy in `right` does not show."""
    one = linked(tmp_path)
    edit(one, severity="high")
    save(one, dirty=False, dirty_since=None)
    yield one
    one.engine.store.close()
    one.engine.registry.close()


def at_right(world: World) -> Any:
    return world.engine.connections[RIGHT]


def roused(world: World) -> list[str]:
    """Whom the engine wakes from now on."""
    woken: list[str] = []
    world.engine.wake = woken.append
    return woken


def told(world: World, kind: str) -> list[dict[str, Any]]:
    with world.engine.store.read() as connection:
        return [one for one in explain.history(connection, world.incident().id) if one["kind"] == kind]


@pytest.mark.parametrize(
    ("tool", "parked", "is_resumed"),
    [
        ("right", [("no such column", copy_states.UNFIT)], True),
        ("right", [("x" * 3000, copy_states.UNFIT)], True),
        ("right", [("no such column", copy_states.PARKED)], False),
        ("right", [("no such column", copy_states.UNFIT), ("a right is missing", copy_states.PARKED)], False),
        ("right", [("a right is missing", copy_states.PARKED), ("no such column", copy_states.UNFIT)], True),
        ("left", [("no such column", copy_states.UNFIT)], False),
    ],
)
def test_what_was_put_aside_as_unfit_goes_on_and_nothing_else_does(
    world: World, tool: str, parked: list[tuple[str, str]], is_resumed: bool
) -> None:
    unwritable = Hold(Held.UNWRITABLE, "high", None, world.clock.now(), "it cannot be told")
    ignored = replace(unwritable, kind=Held.IGNORED)
    save(world, holds={"severity": unwritable, "title": ignored}, attempts=3, next_at=world.clock.now())
    for sentence, reason in parked:
        copy_states.park(world.engine, world.copy(tool).id, sentence, reason)
    woken = roused(world)
    fitting.resume(world.engine, at_right(world))
    copy = world.copy(tool)
    if not is_resumed:
        assert copy.state is ReplicaState.PARKED and told(world, "resumed") == [] == woken
        return
    assert (copy.state, copy.parked, copy.dirty, copy.dirty_since) == (
        ReplicaState.LINKED,
        "",
        True,
        world.clock.now(),
    )
    assert (copy.attempts, copy.next_at) == (0, None)
    assert {name: hold.again for name, hold in copy.holds.items()} == {"severity": True, "title": False}
    [entry] = told(world, "resumed")
    assert entry["connection"] == "right" and "tried once more" in entry["facts"]["sentence"]
    assert woken == ["right"]


@pytest.mark.parametrize(
    ("field", "kind", "again", "facts", "is_tried"),
    [
        ("severity", Held.UNWRITABLE, False, FREE, True),
        ("severity", Held.UNWRITABLE, True, FREE, False),
        ("severity", Held.IGNORED, False, FREE, False),
        ("severity", Held.CONFLICT, False, FREE, False),
        ("severity", Held.UNWRITABLE, False, BARRED, False),
        ("team", Held.UNWRITABLE, False, FREE, False),
    ],
)
def test_what_could_not_be_told_is_tried_anew_where_nothing_is_known_against_it(
    world: World, field: str, kind: Held, again: bool, facts: Mapping[str, FieldFact], is_tried: bool
) -> None:
    """The incident has no team any more."""
    hold = Hold(kind, "high", None, world.clock.now(), "it cannot be told", again=again)
    beside = replace(hold, kind=Held.CONFLICT, again=False)
    save(world, holds={field: hold, "title": beside})
    here = at_right(world)
    here.mapping = fit(here.whole, facts).mapping
    before, woken = world.copy("right"), roused(world)
    fitting.try_anew(world.engine, here)
    after = world.copy("right")
    if is_tried:
        assert after.holds == {field: replace(hold, again=True), "title": beside}
        assert (after.dirty, woken) == (True, ["right"])
    else:
        assert (after, woken) == (before, [])


def test_what_is_left_out_by_now_is_told_as_another_field_is_tried_anew(world: World) -> None:
    edit(world, title="Disk 1 is full")
    save(world, holds={"severity": Hold(Held.UNWRITABLE, "high", None, world.clock.now(), "it cannot be told")})
    here = at_right(world)
    here.mapping = fit(here.whole, {**FREE, "title": FieldFact("title", writable=False, required=False)}).mapping
    fitting.try_anew(world.engine, here)
    [entry] = told(world, "left_out")
    assert (entry["connection"], list(entry["facts"]["fields"])) == ("right", ["title"])


def meanwhile(world: World, act: Callable[[], object]) -> None:
    """Somebody else is faster: their transaction comes between a look and the next write."""
    store, write = world.engine.store, world.engine.store.write

    def later() -> Any:
        store.write = write  # type: ignore[method-assign]
        act()
        return write()

    store.write = later  # type: ignore[method-assign]


def remove(world: World) -> None:
    with world.engine.store.write() as tx:
        tx.execute(t.replica.delete().where(t.replica.c.connection == "right"))


def test_a_copy_that_goes_before_it_is_tried_anew_is_left_alone(world: World) -> None:
    save(world, holds={"severity": Hold(Held.UNWRITABLE, "high", None, world.clock.now(), "it cannot be told")})
    woken = roused(world)
    meanwhile(world, lambda: remove(world))
    fitting.try_anew(world.engine, at_right(world))
    assert woken == []


@pytest.mark.parametrize(
    ("act", "after"),
    [
        (remove, None),
        (lambda one: save(one, parked="somebody is to look"), (ReplicaState.PARKED, "somebody is to look")),
        (lambda one: save(one, state=ReplicaState.LINKED), (ReplicaState.LINKED, "no such column")),
    ],
    ids=["it goes", "it is put aside for something else", "a person lets it go on"],
)
def test_a_copy_that_became_another_before_it_is_resumed_is_left_as_it_is(
    world: World, act: Callable[[World], object], after: tuple[ReplicaState, str] | None
) -> None:
    copy_states.park(world.engine, world.copy("right").id, "no such column", copy_states.UNFIT)
    woken = roused(world)
    meanwhile(world, lambda: act(world))
    fitting.resume(world.engine, at_right(world))
    if after is not None:
        assert (world.copy("right").state, world.copy("right").parked) == after
    assert woken == [] == told(world, "resumed")


def test_what_was_put_aside_for_words_that_were_shredded_waits_for_a_person(world: World) -> None:
    copy_states.park(world.engine, world.copy("right").id, "no such column", copy_states.UNFIT)
    with world.engine.store.read() as connection:
        last = connection.execute(select(func.max(t.journal.c.seq))).scalar_one()
    journal.shred(world.engine.store, [last], at=world.clock.now(), actor="dpo", why="asked")
    fitting.resume(world.engine, at_right(world))
    assert world.copy("right").state is ReplicaState.PARKED


@pytest.mark.parametrize(
    ("field", "value", "mapping", "originals"),
    [
        (
            "description",
            "full",
            fit(MEMORY, {"description": FieldFact("description", writable=False, required=False)}).mapping,
            {"description": "<p>full</p>"},
        ),
        ("priority", "p9", MEMORY, {}),
        ("description", "", load("jira-issue"), {"description": UNKNOWN}),
    ],
    ids=[
        "what the tool told of it",
        "the mapping, which has no word for it",
        "what stands there, which holds more than can be said",
    ],
)
def test_what_is_known_against_a_field_is_enough_not_to_try_it(
    world: World, field: str, value: str, mapping: Any, originals: Mapping[str, object]
) -> None:
    edit(world, **{field: value})
    hold = Hold(Held.UNWRITABLE, value, None, world.clock.now(), "it cannot be told")
    save(world, holds={field: hold}, originals=originals)
    here = at_right(world)
    here.mapping = mapping
    fitting.try_anew(world.engine, here)
    assert world.copy("right").holds[field] == hold


def test_the_block_of_alerts_is_tried_anew_without_a_look_at_the_text_that_it_stands_in(world: World) -> None:
    edit(world, **{ALERTS: "1 alert fires"})
    hold = Hold(Held.UNWRITABLE, "1 alert fires", None, world.clock.now(), "it cannot be told")
    save(world, holds={ALERTS: hold})
    fitting.try_anew(world.engine, at_right(world))
    assert world.copy("right").holds == {ALERTS: replace(hold, again=True)}


@pytest.mark.parametrize(
    ("changes", "is_held", "state"),
    [
        ({"base": {"severity": "high"}}, False, ReplicaState.LINKED),
        ({"state": ReplicaState.PARKED, "parked": "somebody is to look", "originals": None}, True, ReplicaState.PARKED),
    ],
    ids=["it shows there by now", "it waits for a person"],
)
def test_nobody_is_woken_for_a_copy_that_is_not_to_be_written(
    world: World, changes: Mapping[str, Any], is_held: bool, state: ReplicaState
) -> None:
    hold = Hold(Held.UNWRITABLE, "high", None, world.clock.now(), "it cannot be told")
    shown = {**world.copy("right").base, **changes.get("base", {})}
    save(world, holds={"severity": hold}, **{**changes, "base": shown})
    woken = roused(world)
    fitting.try_anew(world.engine, at_right(world))
    after = world.copy("right")
    assert (after.holds, after.state, after.dirty) == (
        {"severity": replace(hold, again=True)} if is_held else {},
        state,
        False,
    )
    assert woken == []
