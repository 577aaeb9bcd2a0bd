"""Every code of the reference, provoked once: the message names the line and the column where the mistake is."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.core.strangers import Strangers, strangers
from tests.docs.test_reference import first_cells

from tieline.cli.main import cli
from tieline.cli.open import configuration
from tieline.core.config import load_text
from tieline.core.errors import ConfigError, Problem
from tieline.core.journal import Entry
from tieline.core.store.store import Store
from tieline.sync.daemon.daemon import Daemon, only_daemon
from tieline.sync.daemon.running import unchangeable

__all__ = ["strangers"]

HERE = "§"
"""Marks in a file the place that the message must name. It is taken out before anything reads the file."""
GOLDEN = Path(__file__).parents[1] / "golden"
MEMORY = "connections:\n  left:\n    tool: memory\n"
IN_FILE = "tieline: 1\nstore: §sqlite:///tieline.db\n" + MEMORY


@dataclass(frozen=True)
class Mistake:
    """A workspace with one mistake, and who meets it."""

    code: str
    files: dict[str, str]
    meets: Callable[[Path], object]


def check(folder: Path) -> None:
    """As `tieline check --json`, whose notes are sentences: a mistake of one connection is told in its row."""
    result = CliRunner().invoke(cli, ["-w", str(folder), "check", "--json"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    for row in json.loads(result.output):
        for note in row["notes"]:
            found = re.match(r"(?:.*?: )?(\S+):(\d+):(\d+): ([A-Z]+\d{3}) (.*) Fix: (.*)", note)
            if found:
                raise ConfigError([Problem(found[1], int(found[2]), int(found[3]), found[4], found[5], found[6])])


def command(*words: str) -> Callable[[Path], object]:
    def meets(folder: Path) -> None:
        named = [word.replace("FOLDER", str(folder)) for word in words]
        result = CliRunner().invoke(cli, ["-w", str(folder), *named], standalone_mode=False)
        if result.exception is not None:
            raise result.exception

    return meets


def daemon(folder: Path) -> None:
    Daemon(lambda: configuration(str(folder))).run()


def beside_another_daemon(folder: Path) -> None:
    config, _registry = configuration(str(folder))
    held = only_daemon(config)
    assert held
    daemon(folder)


def over_a_strange_file(folder: Path) -> None:
    with sqlite3.connect(folder / "tieline.db") as other:
        other.execute("CREATE TABLE theirs (what TEXT)")
    daemon(folder)


def checked_over_a_strange_file(folder: Path) -> None:
    with pytest.raises(ConfigError, match="STORE008"):
        over_a_strange_file(folder)
    check(folder)


def changed(statement: str) -> Callable[[Path], object]:
    """A store of ours that somebody else wrote into."""

    def meets(folder: Path) -> None:
        with Store.open(f"sqlite:///{folder}/tieline.db") as store:
            store.migrate()
        with sqlite3.connect(folder / "tieline.db") as other:
            other.execute(statement)
        command("status")(folder)

    return meets


def after_it_was_copied(folder: Path) -> None:
    with Store.open(f"sqlite:///{folder}/tieline.db") as store:
        store.migrate()
    command("store", "copy", "--to", f"sqlite:///{folder}/other.db")(folder)
    daemon(folder)


def without_its_keys(folder: Path) -> None:
    with Store.open(f"sqlite:///{folder}/tieline.db") as store:
        store.migrate()
        with store.write() as tx:
            tx.journal(
                Entry(datetime(2026, 11, 23, tzinfo=UTC), "reloaded", None, None, "ann", "", {"connections": []})
            )
    (folder / "tieline.db.keys").unlink()
    daemon(folder)


def with_what_is_no_keys(folder: Path) -> None:
    (folder / "my.keys").write_text("swordfish", "utf-8")
    daemon(folder)


def where_nothing_can_be_made(folder: Path) -> None:
    (folder / "file").write_text("", "utf-8")
    daemon(folder)


def moved_under_a_daemon(folder: Path) -> None:
    after, _registry = configuration(str(folder))
    before, _registry = load_text("tieline: 1\n" + MEMORY, folder / "tieline.yaml")
    raise ConfigError(unchangeable(before, after, listens_at="server"))


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def on_a_taken_port(folder: Path) -> None:
    with taken_port() as port:
        file = folder / "tieline.yaml"
        file.write_text(file.read_text("utf-8").replace("PORT", str(port)), "utf-8")
        daemon(folder)


def refused_adapter(strangers: Strangers) -> None:
    mark = "from tieline.core.hooks import hookimpl\nfrom dataclasses import replace\n"
    made = (
        "from tieline.adapters.memory import plugin\n"
        "def connect(name, settings, workbench):\n    {body}\n"
        "@hookimpl\ndef tieline_adapters():\n    "
        "return [replace(one, tool='{tool}', connect=connect) for one in [plugin.KIND]]\n"
    )
    bodies = {"raising": "raise RuntimeError('no such site')", "powerless": "return object()"}
    strangers.install("strangers", {tool: mark + made.format(tool=tool, body=body) for tool, body in bodies.items()})


def one(code: str, meets: Callable[[Path], object], text: str, **others: str) -> Mistake:
    return Mistake(code, {"tieline.yaml": text, **{f"{name}.yaml": body for name, body in others.items()}}, meets)


MISTAKES = [
    one("CFG017", check, "tieline: 1\nconnections:\n  left:\n    tool: §powerless\n"),
    one("CFG022", check, "tieline: 1\nconnections:\n  §left:\n    poll_every: 5s\n    tool: raising\n"),
    one(
        "CFG024",
        check,
        "tieline: 1\n" + MEMORY + "    overlay: mine.yaml\n",
        mine="fields:\n  title: {limit: 200}\npolicy:\n  severity: manual\n  title: §owner:nobody\n",
    ),
    one(
        "CFG024",
        check,
        "tieline: 1\n" + MEMORY + "    mapping: own.yaml\n",
        own="tool: memory\nrecord: incident\nfields:\n  title: {from: title}\npolicy: {title: §'owner:nobody'}\n",
    ),
    one("MAP000", check, "tieline: 1\n" + MEMORY + "    mapping: §memory-incidant\n"),
    one(
        "MAP028",
        check,
        "tieline: 1\n" + MEMORY + "    overlay: mine.yaml\n",
        mine="policy: {severity: manual}\nfields:\n  description: {§write: never}\n",
    ),
    one("RUN001", on_a_taken_port, "tieline: 1\nserver:\n  listen: §127.0.0.1:PORT\n" + MEMORY),
    one("RUN002", beside_another_daemon, IN_FILE),
    one("RUN003", where_nothing_can_be_made, "tieline: 1\nstore: §sqlite:///file/here/tieline.db\n" + MEMORY),
    one("RUN004", moved_under_a_daemon, "tieline: 1\nstore: §sqlite:///other.db\n" + MEMORY),
    one("RUN004", moved_under_a_daemon, "tieline: 1\nserver: {listen: §'127.0.0.1:1'}\n" + MEMORY),
    one("STORE001", daemon, "tieline: 1\nstore: §postgresql://db:port/x\n" + MEMORY),
    one("STORE001", command("status"), "tieline: 1\nstore: §postgresql://db:port/x\n" + MEMORY),
    one("STORE001", check, "tieline: 1\nstore: §postgresql://db:port/x\n" + MEMORY),
    one("STORE002", changed("UPDATE alembic_version SET version_num = '9999'"), IN_FILE),
    one("STORE006", after_it_was_copied, IN_FILE),
    one("STORE007", command("status"), IN_FILE),
    one("STORE007", command("incidents"), f"§{IN_FILE.replace(HERE, '').replace('store', '# store')}"),
    one("STORE008", over_a_strange_file, IN_FILE),
    *(one("STORE009", meets, IN_FILE.replace("tieline.db", ".")) for meets in (daemon, check, command("status"))),
    one("STORE011", without_its_keys, IN_FILE),
    one("STORE011", without_its_keys, "tieline: 1\nkeys: §elsewhere.keys\n" + MEMORY),
    one("STORE012", with_what_is_no_keys, "tieline: 1\nkeys: §my.keys\n" + MEMORY),
    one("RUN004", moved_under_a_daemon, "tieline: 1\nkeys: §other.keys\n" + MEMORY),
    one("CFG018", daemon, "tieline: 1\nkeys: §.\n" + MEMORY),
    one("STORE008", checked_over_a_strange_file, IN_FILE),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.code)
def test_a_mistake_is_told_at_its_line_and_column(mistake: Mistake, tmp_path: Path, strangers: Strangers) -> None:
    refused_adapter(strangers)
    wanted = [place(tmp_path / name, text) for name, text in mistake.files.items() if HERE in text]
    for name, text in mistake.files.items():
        (tmp_path / name).write_text(text.replace(HERE, ""), "utf-8")
    with pytest.raises(ConfigError) as caught:
        mistake.meets(tmp_path)
    found = [(one.file, one.line, one.column) for one in caught.value.problems]
    assert [one.code for one in caught.value.problems] == [mistake.code]
    assert found == wanted, str(caught.value)


def place(file: Path, text: str) -> tuple[str, int, int]:
    before = text[: text.index(HERE)]
    return str(file), before.count("\n") + 1, len(before) - before.rfind("\n")


ELSEWHERE = {
    "CFG000": "no file is there that would have lines",
    "CFG026": "it stands beside what refuses the file, as test_check plays",
    "CFG028": "only a plugin meets it that is wrong in itself, as test_offer_faults plays",
    "CFG030": "no file is at fault, but the process, as test_registry plays",
    "CFG029": "only a tool of a plugin's kind meets it, where that plugin is not at work",
    "CFG001": "a file that cannot be read has none either",
    "STORE003": "only a migration of ours that fails, which test_store_schema plays",
    "STORE004": "the address stands on the command line",
    "RUN005": "only the web process meets it, as test_serving plays",
    "STORE010": "it is about what stands in a database",
    "STORE005": "a fault of the database that is copied into; its address stands on the command line",
    "JOURNAL001": "the file is named on the command line, and is no text",
    "JOURNAL002": "the file is named on the command line, and is no text",
}


def test_every_code_of_the_reference_has_its_place_proved() -> None:
    """The golden files name the place of their one mistake in their first line, and `test_yaml` does so of YAML's."""
    golden = {path.stem[:6] for path in (GOLDEN / "config").glob("*.yaml")}
    mappings = {re.findall(r"MAP\d{3}", path.read_text("utf-8"))[0] for path in (GOLDEN / "mappings").glob("*.yaml")}
    proved = {*golden, *mappings, *(one.code for one in MISTAKES), *ELSEWHERE}
    codes = first_cells("configuration.md", "## Codes") | first_cells("mappings.md", "## Codes")
    assert {code for code in codes if not code.startswith("YAML")} - proved == set()
