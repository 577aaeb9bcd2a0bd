"""Stores as older versions of Tieline left them, to be opened by this one.

    python -m tests.sync.golden

writes the store of the present schema to `tests/golden/stores`, once for each schema and before it is changed: the
database as gzipped SQL, and beside it what the tools held at that moment, and the keys of the journal.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.sync.office import Office

from tieline.adapters.memory.shelf import Act, Row, note_of
from tieline.core import journal
from tieline.core.model import Audience
from tieline.core.port import Ref
from tieline.core.store import schema

KEYS = "office.db.keys"
FOLDER = Path(__file__).parents[1] / "golden" / "stores"
TOOLS = ("memory", "second")
"""Two ticket tools of one kind, so that there is somewhere to carry an edit to."""


def at_the_beginning(folder: Path) -> Office:
    """The office on the store in this folder, if there is one: an Alertmanager where two alerts fire."""
    office = Office(folder, *TOOLS)
    office.fire(1)
    office.fire(2)
    return office


def story(office: Office) -> None:
    """Alerts become tickets, which are worked on; one alert ends; one copy waits for a person."""
    over = office.fire(3)
    office.notify()
    office.settle()
    first, second = (Ref(row.ref) for row in office.tools["memory"].rows()[:2])
    memory, other = office.tools["memory"], office.tools["second"]
    memory.edit(first, status="in_progress", team="storage")
    memory.comment(first, "The *log* partition: cleaning up", Audience.CUSTOMERS, author="ann")
    other.comment(other.rows()[0].ref, "internal: db1 is next", author="bob")
    office.settle()
    other.ignored = frozenset({"category"})
    memory.edit(second, title="Disk 2 is almost full again", category="storage")
    office.settle()
    other.ignored = frozenset()
    office.alerts.resolve(over)
    office.notify()
    office.settle()


def make(folder: Path) -> Path:
    """The store of the present schema, as `folder/REVISION.sql.gz` and `.json`. Answers the first."""
    with tempfile.TemporaryDirectory() as name:
        office = at_the_beginning(Path(name))
        story(office)
        held = {
            "seconds": office.clock.monotonic(),
            "journal": journal.verify(office.engine.store).count,
            "keys": json.loads((Path(name) / KEYS).read_bytes()),
            "tools": {tool: _held(office.tools[tool]) for tool in TOOLS},
        }
        office.close()
        with closing(sqlite3.connect(Path(name) / "office.db")) as database:
            statements = "\n".join(database.iterdump())
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{schema.REVISION}.sql.gz"
    target.write_bytes(gzip.compress(statements.encode(), mtime=0))
    target.with_name(f"{schema.REVISION}.json").write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")
    return target


def put(dump: Path, folder: Path) -> Mapping[str, Any]:
    """That store into a folder, as `office.db`, with its keys; and what else was known of it."""
    with closing(sqlite3.connect(folder / "office.db")) as database:
        database.executescript(gzip.decompress(dump.read_bytes()).decode())
    known: Mapping[str, Any] = json.loads(
        dump.with_name(dump.name.removesuffix(".sql.gz") + ".json").read_text("utf-8")
    )
    if "keys" in known:
        (folder / KEYS).write_text(json.dumps(known["keys"]), encoding="utf-8")
    return known


def opened(dump: Path, folder: Path) -> tuple[Office, Mapping[str, Any]]:
    """This version's engine on that store, with the tools as they were; and what else was known of it."""
    known = put(dump, folder)
    office = at_the_beginning(folder)
    office.clock.advance(known["seconds"])
    for tool, held in known["tools"].items():
        _hold(office.tools[tool], held)
    return office, known


def _held(tool: Any) -> dict[str, Any]:
    with tool._shelf.transaction() as state:
        return {**asdict(state), "rows": {ref: asdict(row) for ref, row in state.rows.items()}}


def _hold(tool: Any, held: Mapping[str, Any]) -> None:
    with tool._shelf.transaction() as state:
        state.counter, state.last_change, state.people = held["counter"], held["last_change"], held["people"]
        for ref, row in held["rows"].items():
            notes = [note_of(note) for note in row["notes"]]
            acts = {token: Act(**act) for token, act in row["acts"].items()}
            state.rows[ref] = Row(**{**row, "notes": notes, "acts": acts})


if __name__ == "__main__":
    sys.stdout.write(f"{make(FOLDER)}\n")
