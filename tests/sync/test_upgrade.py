"""A store that an older version wrote goes on under this one: nothing is lost, nothing comes twice."""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from tests.sync.golden import FOLDER, TOOLS, at_the_beginning, make, opened

from tieline.core import journal
from tieline.core.identity import of_account
from tieline.core.model import ConnectionName
from tieline.core.port import Ref
from tieline.core.store import schema
from tieline.core.store import tables as t
from tieline.sync import explain, loading, tokens
from tieline.sync.alerts import absence
from tieline.sync.records import Intent, ReplicaState

STORES = sorted(FOLDER.glob("*.sql.gz"))


def described(office):
    """Every incident with its copies, without what a look at a tool leaves behind."""
    with office.engine.store.read() as connection:
        return [
            (
                incident.id,
                incident.revision,
                incident.fields,
                [(copy.ref, _agreed(copy), copy.holds) for copy in copies],
            )
            for incident, copies in explain.incidents(connection)
        ]


def _agreed(copy):
    """The copy's base. An older version did not look for the block of alerts; that there is none is found by a look."""
    return {name: value for name, value in copy.base.items() if (name, value) != ("alerts", None)}


def versions(office):
    return {tool: [(row.ref, row.version, len(row.notes)) for row in office.tools[tool].rows()] for tool in TOOLS}


@pytest.fixture(params=STORES, ids=lambda path: path.name.partition(".")[0])
def old(request, tmp_path):
    """A store of each schema that there was, and what was known of it."""
    office, known = opened(request.param, tmp_path)
    yield office, known
    office.close()


def test_there_is_a_store_of_every_schema_up_to_the_present_one():
    from alembic.script import ScriptDirectory

    revisions = {one.revision for one in ScriptDirectory(str(schema._MIGRATIONS)).walk_revisions()}
    missing = revisions - {path.name.removesuffix(".sql.gz") for path in STORES} - {schema.REVISION}
    assert missing == set(), "write it with the version that has this schema: python -m tests.sync.golden"
    assert STORES != []


def test_it_is_brought_to_the_present_schema_with_its_journal_whole(old):
    office, known = old
    with office.engine.store.read() as connection:
        assert schema.revision_of(connection) == schema.REVISION
        counted = {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in t.metadata.tables.items()
        }
    assert journal.verify(office.engine.store).count >= known["journal"]
    assert all(counted[name] > 0 for name in ("incident", "replica", "comment", "twin", "signal", "journal"))


def test_comments_that_were_internal_are_for_staff_and_those_that_were_public_for_customers(old, request):
    office, _known = old
    with closing(sqlite3.connect(":memory:")) as database:
        dump = request.node.callspec.params["old"]
        database.executescript(gzip.decompress(dump.read_bytes()).decode())
        columns = {row[1] for row in database.execute("PRAGMA table_info(comment)")}
        word = "visibility" if "visibility" in columns else "audience"
        before = dict(database.execute(f"SELECT id, {word} FROM comment").fetchall())
    with office.engine.store.read() as connection:
        after = dict(connection.execute(select(t.comment.c.id, t.comment.c.audience)).tuples().all())
    now_called = {"internal": "staff", "public": "customers"}
    assert after == {number: now_called.get(said, said) for number, said in before.items()}
    assert set(after.values()) == {"staff", "customers"}


def test_every_item_has_an_id_of_its_own_and_every_row_points_to_one_that_is_there(old):
    office, _known = old
    with office.engine.store.read() as connection:
        items = connection.execute(select(t.incident.c.uid, t.incident.c.kind, t.incident.c.opened_at)).all()
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
        assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    assert len({item.uid for item in items}) == len(items)
    assert {int(item.uid[:12], 16) for item in items} == {int(item.opened_at.timestamp() * 1000) for item in items}
    assert {(len(item.uid), item.kind) for item in items} == {(32, "incident")}


def test_a_poll_of_what_is_known_brings_nothing_new(old):
    office, _known = old
    before, shown = described(office), versions(office)
    office.settle()
    assert described(office) == before
    assert versions(office) == shown


def test_edits_and_comments_are_carried_on(old):
    office, _known = old
    office.settle()
    with office.engine.store.read() as connection:
        found = explain.incidents(connection)
    copies = next(copies for one, copies in found if one.fields["status"] == "in_progress")
    refs = {str(copy.connection): copy.ref for copy in copies}
    assert all(copy.state is ReplicaState.LINKED for copy in copies)
    office.tools["second"].edit(refs["second"], title="Disk 1 is full after the upgrade")
    office.tools["memory"].comment(refs["memory"], "still cleaning", author="ann")
    said = len(office.tools["second"].row(refs["second"]).notes)
    office.settle()
    assert office.tools["memory"].row(refs["memory"]).body["title"] == "Disk 1 is full after the upgrade"
    assert len(office.tools["second"].row(refs["second"]).notes) == said + 1


def test_an_alert_that_ends_after_the_upgrade_ends_its_incident(old):
    office, _known = old
    for alert in list(office.alerts.state.alerts.values()):
        alert.ends = alert.updated = office.clock.now()
    office.notify()
    office.settle()
    with office.engine.store.read() as connection:
        assert {one.fields["status"] for one, _copies in explain.incidents(connection)} == {"resolved"}


def test_a_store_that_is_made_now_is_of_the_present_schema(tmp_path):
    """The maker works on the day on which the schema is to change."""
    assert make(tmp_path / "made").name == f"{schema.REVISION}.sql.gz"
    assert sum(file.stat().st_size for file in Path(tmp_path / "made").iterdir()) < 60_000


def test_ends_that_were_doubted_still_are(tmp_path):
    """They were kept as a timer until schema 0005."""
    payload = {
        "since": "2026-11-23T19:00:00+00:00",
        "episodes": ["a", "ü"],
        "of": 20,
        "reason": "too_many",
        "confirmed": ["a"],
    }
    with closing(sqlite3.connect(tmp_path / "office.db")) as database:
        database.executescript(gzip.decompress((FOLDER / "0004.sql.gz").read_bytes()).decode())
        database.execute(
            "INSERT INTO timer (key, kind, due_at, payload) VALUES ('doubt:alerts', 'doubt', 253370764800000000, ?)",
            [json.dumps(payload)],
        )
        database.commit()
    office = at_the_beginning(tmp_path)
    with office.engine.store.read() as connection:
        found = absence.doubts(connection)
        timers = connection.execute(select(t.timer.c.key).where(t.timer.c.kind == "doubt")).all()
    office.close()

    since = datetime(2026, 11, 23, 19, tzinfo=UTC)
    episodes, confirmed = frozenset(map(Ref, ("a", "ü"))), frozenset({Ref("a")})
    assert found == {"alerts": absence.Doubt(since, episodes, 20, absence.Belief.TOO_MANY, 20, confirmed)}
    assert timers == []


def test_a_create_in_doubt_still_is(tmp_path):
    """Until schema 0006 its state was called otherwise, and an intent without fields meant that nobody knows them."""
    with closing(sqlite3.connect(tmp_path / "office.db")) as database:
        database.executescript(gzip.decompress((FOLDER / "0005.sql.gz").read_bytes()).decode())
        (known, unknown) = (row[0] for row in database.execute("SELECT id FROM replica ORDER BY id LIMIT 2").fetchall())
        for number, fields in ((known, '{"title":"Disk full"}'), (unknown, "{}")):
            database.execute(
                "UPDATE replica SET state = 'creating', ref = NULL, intent = ? WHERE id = ?",
                [f'{{"fields":{fields},"since":1795000000.0}}', number],
            )
        database.commit()
    office = at_the_beginning(tmp_path)
    with office.engine.store.read() as connection:
        copies = [loading.load_replica(connection, number) for number in (known, unknown)]
    office.close()

    since = datetime.fromtimestamp(1795000000, UTC)
    assert [copy.state for copy in copies if copy is not None] == [ReplicaState.IN_DOUBT] * 2
    assert [copy.intent for copy in copies if copy is not None] == [
        Intent(since, {"title": "Disk full"}),
        Intent(since, None),
    ]


def test_a_copy_of_before_waits_for_a_person_where_one_of_its_holds_does(tmp_path):
    """Until schema 0008 that was looked for in the text of the holds."""
    default = '"priority":["default",null,"p5",1795000000.0,"",1,false]'
    escaped = '"title":["default",null,"a\\":[\\"conflict\\",",1795000000.0,"",1,false]'
    conflict = '"title":["conflict","a","b",1795000000.0,"",0,false]'
    kept = {"{}": False, f"{{{default}}}": False, f"{{{escaped}}}": False, f"{{{default},{conflict}}}": True}
    with closing(sqlite3.connect(tmp_path / "office.db")) as database:
        database.executescript(gzip.decompress((FOLDER / "0007.sql.gz").read_bytes()).decode())
        numbers = [row[0] for row in database.execute("SELECT id FROM replica ORDER BY id LIMIT 4").fetchall()]
        for number, holds in zip(numbers, kept, strict=True):
            database.execute("UPDATE replica SET holds = ? WHERE id = ?", [holds, number])
        database.commit()
    office = at_the_beginning(tmp_path)
    with office.engine.store.read() as connection:
        found = connection.execute(
            select(t.replica.c.id, t.replica.c.waits).where(t.replica.c.id.in_(numbers)).order_by(t.replica.c.id)
        ).all()
    office.close()
    assert [row.waits for row in found] == list(kept.values())


@pytest.mark.parametrize("path", STORES, ids=lambda path: path.name.partition(".")[0])
def test_what_opened_an_incident_is_known_without_the_journals_words(path, tmp_path):
    """Until schema 0009 it was read in the payload of the entry that opened it."""
    office, _known = opened(path, tmp_path)
    with office.engine.store.read() as connection:
        found = connection.execute(select(t.incident.c.origin)).scalars().all()
        rows = connection.execute(journal.ENTRIES.where(t.journal.c.kind == "opened")).all()
        opened_by = [(row.actor, journal.facts(connection, row)) for row in rows]
    office.close()
    assert sorted(found) == sorted(f"signal {actor} {facts['signal']}" for actor, facts in opened_by if facts)


def test_what_a_ticket_opened_is_known_after_an_upgrade(tmp_path):
    with closing(sqlite3.connect(tmp_path / "office.db")) as database:
        database.executescript(gzip.decompress((FOLDER / "0008.sql.gz").read_bytes()).decode())
        seq, number = database.execute("SELECT seq, incident_id FROM journal WHERE kind = 'opened' LIMIT 1").fetchone()
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {trigger}")
        database.execute("UPDATE journal SET connection = 'memory' WHERE seq = ?", [seq])
        database.execute("""UPDATE journal_payload SET payload = '{"ref":"R 1"}' WHERE seq = ?""", [seq])
        database.commit()
    office = at_the_beginning(tmp_path)
    with office.engine.store.write() as tx:
        found = tokens.origin_of(tx, number)
    office.close()
    assert found == tokens.origin_of_record(ConnectionName("memory"), Ref("R 1"))


def test_whoever_acted_before_stays_in_the_journal_and_whoever_is_called_so_now_is_somebody_else(old):
    """Until schema 0012 whoever acted was found by their name."""
    office, _known = old

    def called(name: str) -> list[str]:
        with office.engine.store.read() as connection:
            return list(connection.execute(select(t.person.c.id).where(t.person.c.name == name)).scalars())

    def told() -> list[tuple[int, str]]:
        with office.engine.store.read() as connection:
            return [(row.seq, journal.who(row)) for row in connection.execute(journal.ENTRIES)]

    before, history = called("ann"), told()
    ann = of_account("ann", "db1")
    for _ in range(2):
        with office.engine.store.write() as tx:
            tx.journal(journal.Entry(office.clock.now(), "released", None, None, ann, "", {"what": "copy"}))
    assert told()[: len(history)] == history
    assert len(called("ann")) == len(before) + 1
    assert set(called("ann")) >= set(before)
    for one in before:
        journal.forget(office.engine.store, one, at=office.clock.now(), actor="dpo")
    assert "ann" not in {who for _seq, who in told()[: len(history)]} or not before
    assert len(called("ann")) == 1
