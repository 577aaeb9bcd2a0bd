"""The file of a memory tool: what cannot be one is told of with what to do, and nothing is written while one looks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tieline.adapters.memory.adapter import MemoryAdapter, connect
from tieline.adapters.memory.settings import MemorySettings
from tieline.adapters.testing.clock import ManualClock
from tieline.core.errors import NeedsOperator
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import Ref, Token, Workbench

NAME = ConnectionName("left")
EMPTY = {"rows": {}, "counter": 0, "last_change": "", "people": {}}


def on_file(path: Path) -> MemoryAdapter:
    clock = ManualClock()
    return connect(NAME, MemorySettings(path=path, people=("ada@example.org",)), Workbench(clock, clock.sleep))


def a_folder(path: Path) -> Path:
    path.mkdir()
    return path


def below_a_file(path: Path) -> Path:
    path.write_text("")
    return path / "tool.json"


def holding(text: bytes) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_bytes(text)
        return path

    return write


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (a_folder, "is a folder; name a JSON file"),
        (below_a_file, "stands below what is no folder; name a file in a folder"),
        *(
            (holding(text), "does not hold what the memory tool writes; restore it, or name another file")
            for text in (
                b"not json",
                b"\xff",
                b"[]",
                b'{"rows": []}',
                b'{"rows": {"1": {}}}',
                b'{"ours": 1}',
                json.dumps(EMPTY | {"people": []}).encode(),
                json.dumps(EMPTY | {"counter": "1"}).encode(),
                b"[" * 100_000,
            )
        ),
    ],
)
def test_what_cannot_be_its_file_is_told_of(place: Callable[[Path], Path], words: str, tmp_path: Path) -> None:
    path = place(tmp_path / "tool.json")
    adapter = on_file(path)
    asked: list[Callable[[], object]] = [
        adapter.check,
        lambda: list(adapter.changes(None)),
        lambda: adapter.read(Ref("1")),
    ]
    for ask in asked:
        with pytest.raises(NeedsOperator) as caught:
            ask()
        assert str(caught.value).startswith(f"left: `path` names {path}, which ") and words in str(caught.value)


def test_a_look_writes_nothing(tmp_path: Path) -> None:
    on_file(tmp_path / "new" / "tool.json").check()
    assert list(tmp_path.iterdir()) == []


def test_people_of_the_settings_are_known_on_a_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "tool.json"
    path.write_text(json.dumps(EMPTY | {"people": {"bob@example.org": "person-1"}}))
    adapter = on_file(path)
    assert (adapter.person_id("Ada@example.org"), adapter.person_id("bob@example.org")) == ("person-2", "person-1")


def test_comments_of_a_file_from_before_there_were_audiences_are_read_as_todays(tmp_path: Path) -> None:
    path = tmp_path / "tool.json"
    adapter = on_file(path)
    ref = adapter.create({"title": "Disk full"}, Token("t")).ref
    for audience in (Audience.STAFF, Audience.CUSTOMERS):
        adapter.add_comment(ref, f"for {audience}", audience, Token(f"c-{audience}"))
    state = json.loads(path.read_text())
    for note in state["rows"][ref]["notes"]:
        note["visibility"] = {"staff": "internal", "customers": "public"}[note.pop("audience")]
    path.write_text(json.dumps(state))
    assert [one.audience for one in on_file(path).comments(ref)] == [Audience.STAFF, Audience.CUSTOMERS]
