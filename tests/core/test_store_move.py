"""A store copied into another database is the same store, and the old one says where it went."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, text

from tieline.core.errors import ConfigError
from tieline.core.journal import Entry, verify
from tieline.core.store import engines
from tieline.core.store import tables as t
from tieline.core.store.move import copy
from tieline.core.store.store import Store
from tieline.core.timers import set_timer

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def fill(store, rows=2_500):
    with store.write() as tx:
        for number in range(1, rows + 1):
            tx.journal(Entry(NOW, "opened", None, None, "test", "", {"number": number, "word": "größer ☃"}))
        tx.execute(
            insert(t.inbox),
            [
                {
                    "connection": "left",
                    "ref": f"r{number}",
                    "reading": {"float": 0.1, "text": "a\u2028b", "none": None} if number % 2 else None,
                    "asked": number,
                    "received_at": NOW + timedelta(microseconds=number),
                    "attempts": 0,
                    "parked": "",
                }
                for number in range(rows)
            ],
        )
        tx.execute(
            insert(t.delivery),
            [
                {"connection": "left", "delivery_id": f"ä{number % 7}-{number}", "received_at": NOW}
                for number in range(rows)
            ],
        )
        tx.execute(
            insert(t.incident),
            [
                {
                    "uid": str(exercise),
                    "revision": 1,
                    "fields": {"title": "größer ☃", "tags": ["a"]},
                    "stamps": {},
                    "status": "new",
                    "exercise": exercise,
                    "restricted": not exercise,
                    "opened_at": NOW,
                    "updated_at": NOW,
                }
                for exercise in (True, False)
            ],
        )
        tx.execute(insert(t.lease), {"lane": "left", "token": 7, "worker": "w", "taken_at": NOW, "memory": {}})
        tx.execute(insert(t.account), {"name": "ours", "memory": {}})
        set_timer(tx, "k", "kind", NOW, {"a": [1, 2]})


def everything(store):
    with store.read() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(table.select()).all()))
            for table in t.metadata.sorted_tables
            if table.name not in ("lease", "account")
        }


@pytest.fixture
def source(sqlite_store):
    fill(sqlite_store)
    return sqlite_store


def target_of(address, tmp_path):
    return f"sqlite:///{tmp_path / 'copy.db'}" if address.startswith("sqlite") else address


def test_every_row_arrives_and_the_journal_verifies_there(source, address, tmp_path, open_store):
    before = everything(source)
    target = open_store(target_of(address, tmp_path))
    copied = copy(source, target, at=NOW, actor="test")
    assert everything(target) == before
    assert (copied.rows["journal"], copied.rows["incident"]) == (2_500, 2)
    assert verify(target).count == 2_500
    with target.read() as connection:
        assert connection.execute(t.lease.select()).all() == [], "whose turn it was there says nothing here"
        assert connection.execute(t.account.select()).all() == [], "nor does how many calls were left"


def test_it_tells_how_far_it_is_and_the_source_says_where_it_went(source, tmp_path, open_store):
    told = []
    target = open_store(f"sqlite:///{tmp_path / 'copy.db'}")
    copied = copy(source, target, at=NOW, actor="ada", on_progress=lambda table, count: told.append((table, count)))
    assert [count for table, count in told if table == "journal"] == [1_000, 2_000, 2_500]
    assert copied.total == sum(copied.rows.values()) > 7_500
    with source.read() as connection:
        last = connection.execute(t.journal.select().order_by(t.journal.c.seq.desc())).first()
        said = connection.execute(select(t.journal_payload.c.payload).where(t.journal_payload.c.seq == last.seq))
        assert (last.kind, last.actor, last.at) == ("store_moved", "ada", NOW)
        assert json.loads(said.scalar_one()) == {"to": target.name, "rows": copied.total}


def test_a_side_that_waits_for_the_other_one_is_not_given_up(source, address, tmp_path, open_store, monkeypatch):
    """A store of a few million entries is hashed for longer than a silent worker is waited for."""
    where = target_of(address, tmp_path)
    open_store(where)
    short = tuple(one.replace("'20s'", "'50ms'") for one in engines._POSTGRES_SETTINGS)
    monkeypatch.setattr(engines, "_POSTGRES_SETTINGS", short)
    once = iter([0.2])
    with Store.open(where) as target:
        copied = copy(
            source, target, at=NOW, actor="test", on_progress=lambda _table, _count: time.sleep(next(once, 0))
        )
    assert copied.rows["journal"] == 2_500


def test_numbers_go_on_where_they_were(source, address, tmp_path, open_store):
    target = open_store(target_of(address, tmp_path), tmp_path / "target.keys")
    copy(source, target, at=NOW, actor="test")
    with target.write() as tx:
        assert tx.journal(Entry(NOW, "opened", None, None, "test", "", {})) == 2_501
        tx.execute(
            insert(t.inbox),
            {"connection": "left", "ref": "new", "asked": 0, "received_at": NOW, "attempts": 0, "parked": ""},
        )
    with target.read() as connection:
        assert connection.execute(text("SELECT max(id) FROM inbox")).scalar_one() == 2_501
    verify(target)


def test_a_store_that_has_moved_is_refused_until_a_person_says_otherwise(source, tmp_path, open_store):
    copy(source, open_store(f"sqlite:///{tmp_path / 'copy.db'}"), at=NOW, actor="test")
    with pytest.raises(ConfigError, match=rf"^{source.name}: STORE006 .* was copied into sqlite.*copy\.db, and"):
        source.migrate()
    source.migrate(moved=True)
    with source.write() as tx:
        tx.journal(Entry(NOW, "store_reopened", None, None, "test", "", {}))
    source.migrate()
    verify(source)


def test_a_store_that_has_moved_is_known_as_that_though_it_cannot_say_where_it_went(sqlite_store, tmp_path, open_store):
    copy(sqlite_store, open_store(f"sqlite:///{tmp_path / 'copy.db'}"), at=NOW, actor="test")
    with sqlite_store.write() as tx:
        tx.execute(text("DROP TRIGGER journal_payload_delete"))
        tx.execute(text("DELETE FROM journal_payload"))
    with pytest.raises(ConfigError, match=r"STORE006 .* was copied into another database, and"):
        sqlite_store.migrate()


def test_a_target_that_is_not_empty_is_refused_and_left_as_it_is(source, tmp_path, open_store):
    target = open_store(f"sqlite:///{tmp_path / 'copy.db'}")
    with target.write() as tx:
        set_timer(tx, "mine", "kind", NOW, {})
    before = everything(target)
    refused = rf"^{target.name}: STORE004 it is not empty: there are rows in timer\. Fix: copy into a new, empty"
    with pytest.raises(ConfigError, match=refused):
        copy(source, target, at=NOW, actor="test")
    assert everything(target) == before
    source.migrate()


def test_tables_that_would_be_left_behind_are_named_and_nothing_is_copied(source, address, tmp_path, open_store):
    with source.write() as tx:
        tx.execute(text("CREATE TABLE rota (id INTEGER)"))
        tx.execute(text("CREATE TABLE badge (id INTEGER)"))
        tx.execute(text("ALTER TABLE incident ADD COLUMN cost INTEGER"))
    target = open_store(target_of(address, tmp_path))
    refused = rf"^{source.name}: STORE010 .*leave behind: badge, incident\.cost, rota\. Fix: load the plugins"
    with pytest.raises(ConfigError, match=refused):
        copy(source, target, at=NOW, actor="test")
    with target.read() as connection:
        assert connection.execute(t.incident.select()).all() == []
    with source.write() as tx:
        tx.execute(text("DROP TABLE rota"))
        tx.execute(text("DROP TABLE badge"))
        tx.execute(text("ALTER TABLE incident DROP COLUMN cost"))
        tx.execute(text("CREATE VIEW exercises AS SELECT id AS number FROM incident WHERE exercise"))
        tx.execute(text("ANALYZE"))
    assert copy(source, target, at=NOW, actor="test").rows["incident"] == 2


def test_the_way_back_from_postgresql_is_the_same_way(postgres_database, tmp_path, open_store):
    source, target = open_store(postgres_database), open_store(f"sqlite:///{tmp_path / 'copy.db'}")
    fill(source, rows=3)
    with source.write() as tx:
        tx.execute(text("CREATE TABLE badge (id INTEGER)"))
        tx.execute(text("CREATE TABLE shift (id INTEGER) PARTITION BY RANGE (id)"))
        tx.execute(text("ALTER TABLE incident ADD COLUMN cost INTEGER"))
        tx.execute(text("CREATE VIEW exercises AS SELECT id AS number FROM incident WHERE exercise"))
    with pytest.raises(ConfigError, match=r"STORE010 .*leave behind: badge, incident\.cost, shift\."):
        copy(source, target, at=NOW, actor="test")
    with source.write() as tx:
        tx.execute(text("DROP TABLE badge, shift"))
        tx.execute(text("ALTER TABLE incident DROP COLUMN cost"))
    before = everything(source)
    copy(source, target, at=NOW, actor="test")
    assert everything(target) == before
    assert verify(target).count == 3


def test_rows_that_arrive_changed_are_not_kept(source, tmp_path, open_store):
    target = open_store(f"sqlite:///{tmp_path / 'copy.db'}")
    with target.write() as tx:
        tx.execute(
            text(
                "CREATE TRIGGER shorten AFTER INSERT ON delivery "
                "BEGIN UPDATE delivery SET received_at = 0 WHERE delivery_id = NEW.delivery_id; END"
            )
        )
    refused = rf"^{target.name}: STORE005 the rows of delivery .* Fix: copy again into a new, empty"
    with pytest.raises(ConfigError, match=refused):
        copy(source, target, at=NOW, actor="test")
    with target.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM journal")).scalar_one() == 0
    source.migrate()
