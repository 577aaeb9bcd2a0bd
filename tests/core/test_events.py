"""What the journal holds is declared, and stays readable: a kind whose facts become others gets the next version."""

from __future__ import annotations

import json
import os
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from tests.sync import golden
from tests.sync.office import Office

from tieline.core import events, journal
from tieline.core.events import CAUSE, EVENTS, Event, event, today
from tieline.core.model import ABSENT, Absent
from tieline.core.store.chain import canonical
from tieline.core.store.store import Store

SHAPES = golden.FOLDER.parent / "events.json"
"""The facts of every version of every kind. TIELINE_EVENTS=write adds what is new, and never changes what is there.
What an entry may lack is new without a version: every older entry lacks it."""


def shape(kind: type[Event]) -> dict[str, str]:
    return {one.name: str(one.type) for one in fields(kind)}  # type: ignore[arg-type]  # each of them is a dataclass


def _may_lack(kind: type[Event]) -> dict[str, str]:
    return {name: type_ for name, type_ in shape(kind).items() if type_.endswith("| Absent")}


def test_a_kind_keeps_its_facts() -> None:
    kept: dict[str, dict[str, dict[str, str]]] = json.loads(SHAPES.read_text()) if SHAPES.exists() else {}
    for kind, declared in EVENTS.items():
        known = kept.setdefault(kind, {}).setdefault(str(len(declared.UPCASTS) + 1), shape(declared))
        kept[kind][str(len(declared.UPCASTS) + 1)] = {**_may_lack(declared), **known}
    if os.environ.get("TIELINE_EVENTS") == "write":
        SHAPES.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")
    assert json.loads(SHAPES.read_text()) == kept, "a kind or a version is new: TIELINE_EVENTS=write keeps its facts"
    changed = [kind for kind, one in EVENTS.items() if kept[kind][str(len(one.UPCASTS) + 1)] != shape(one)]
    assert changed == [], "journals hold these as they were: give the kind an upcast, which is its next version"
    assert kept.keys() == EVENTS.keys(), "what was ever written is read for ever"


def entries(store: Store) -> list[tuple[str, Any]]:
    """The kind and the facts of every entry."""
    with store.read() as connection:
        return [(row.kind, journal.facts(connection, row)) for row in connection.execute(journal.ENTRIES).all()]


def misfits(rows: list[tuple[str, Any]]) -> list[str]:
    """Entries of a journal that are not as their kind is declared."""
    found = []
    for kind, facts in rows:
        if kind not in EVENTS:
            found.append(f"{kind} is not declared")
            continue
        named = {one.name: one.default is MISSING for one in fields(EVENTS[kind])}  # type: ignore[arg-type]
        found += [f"{kind} lacks {name}" for name, needed in named.items() if needed and name not in facts]
        found += [f"{kind} has {name}" for name in facts if name not in (*named, CAUSE)]
    return found


@pytest.mark.parametrize("path", sorted(golden.FOLDER.glob("*.sql.gz")), ids=lambda path: path.name.partition(".")[0])
def test_the_journals_of_older_versions_are_as_it_is_declared(path: Path, tmp_path: Path) -> None:
    golden.put(path, tmp_path)
    with Store.open(f"sqlite:///{tmp_path / 'office.db'}") as store:
        store.migrate()
        rows = entries(store)
    assert len(rows) > 10
    assert misfits(rows) == []


def test_what_happens_is_as_it_is_declared(tmp_path: Path) -> None:
    office = Office(tmp_path, "memory", "second")
    office.settle(1)
    office.fire(1)
    office.fire(2)
    golden.story(office)
    rows = entries(office.engine.store)
    office.close()
    assert {"opened", "changed", "written", "signal_ended", "commented"} <= {kind for kind, _facts in rows}
    assert misfits(rows) == []


# -- versions ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> type[Event]:
    """A kind at its third version: it had `who`, then `actor`, and has `actors` today."""
    monkeypatch.setattr(events, "EVENTS", dict(EVENTS))

    def first(facts: Any) -> Any:
        return {**{name: value for name, value in facts.items() if name != "who"}, "actor": facts["who"]}

    def second(facts: Any) -> Any:
        return {**{name: value for name, value in facts.items() if name != "actor"}, "actors": [facts["actor"]]}

    @event("tested", first, second)
    class Tested(Event):
        """a test"""

        actors: list[str]
        note: str | Absent | None = ABSENT

    return Tested


def test_what_is_absent_is_left_out_and_what_is_empty_is_not(declared: Any) -> None:
    assert declared(actors=["ann"]).facts() == {"actors": ["ann"], "event_version": 3}
    assert declared(actors=[], note=None).facts() == {"actors": [], "note": None, "event_version": 3}
    assert events.Opened(fields={}, signal="a").facts() == {"fields": {}, "signal": "a"}
    assert canonical(declared(actors=["ann"]).facts()) == b'{"actors":["ann"],"event_version":3}'


@pytest.mark.parametrize(
    "written",
    [
        {"who": "ann", "more": 1},
        {"actor": "ann", "more": 1, "event_version": 2},
        {"actors": ["ann"], "more": 1, "event_version": 3},
        {"actors": ["ann"], "more": 1, "event_version": 9},
    ],
    ids=["first", "second", "today's", "of a later Tieline"],
)
def test_every_version_is_read_as_today_s(declared: type[Event], written: Any) -> None:
    assert today(declared.KIND, written) == {"actors": ["ann"], "more": 1}


def test_a_kind_that_is_not_known_here_stays_as_it_is() -> None:
    assert today("rota.changed", {"event_version": 2, "a": 1}) == {"event_version": 2, "a": 1}
    assert today("parked", {"sentence": "x"}) == {"sentence": "x"}


def test_a_kind_is_declared_once(declared: type[Event]) -> None:
    with pytest.raises(ValueError, match="an event 'tested' already: Tested"):
        event("tested")(declared)


@pytest.mark.parametrize("kind", ["commented", "comment_delivered"])
@pytest.mark.parametrize(("before", "now"), [("internal", "staff"), ("public", "customers")])
def test_a_comment_that_was_internal_or_public_is_read_as_for_an_audience(kind: str, before: str, now: str) -> None:
    assert today(kind, {"comment": 1, "visibility": before}) == {"comment": 1, "audience": now}
    assert today(kind, {"comment": 1, "audience": "public", "event_version": 2}) == {"comment": 1, "audience": "public"}


def test_events_are_equal_where_they_are_of_one_kind_and_say_the_same() -> None:
    said = events.Changed(changes={"title": "a"}, conflicts={})
    assert said == events.Changed(changes={"title": "a"}, conflicts={})
    assert said != events.Changed(changes={"title": "b"}, conflicts={})
    assert said != events.Opened(fields={})
    assert repr(events.Opened(fields={"title": "a"})).startswith("Opened(fields={'title': 'a'}, uid=")
    one, same, other = (events.Opened(fields="a", uid=uid) for uid in ("1", "1", "2"))  # type: ignore[arg-type]
    assert len({one, same, other}) == 2
    with pytest.raises(AttributeError):
        one.uid = "3"  # type: ignore[misc]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared(Event):
    """Facts that several kinds have."""

    item: str


def test_what_a_kind_inherits_counts_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "EVENTS", dict(EVENTS))

    @event("tested.inherits")
    class Inherits(Shared):
        words: str

    one = Inherits(item="a", words="b")
    assert one == Inherits(item="a", words="b")
    assert one not in (Inherits(item="a", words="c"), Inherits(item="c", words="b"))
    assert "item='a', words='b'" in repr(one)
    assert len({one, Inherits(item="a", words="b"), Inherits(item="a", words="c")}) == 2
