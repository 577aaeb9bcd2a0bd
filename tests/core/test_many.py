"""One statement for many rows means the same as one statement a row, on both databases."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import bindparam, delete, insert, select, text
from sqlalchemy.exc import IntegrityError

from tieline.core.store import tables as t
from tieline.core.store.many import Many

AT = datetime(2026, 1, 5, 8, tzinfo=UTC)
INTO = Many.into(t.incident)
UIDS = count()


def row(number):
    return {
        "id": number,
        "uid": f"u{next(UIDS)}",
        "kind": "incident",
        "revision": 1,
        "fields": {"title": f"{number} ü", "tags": ["a"]},
        "stamps": {},
        "status": "new",
        "rank": 35,
        "team": "",
        "service": "",
        "exercise": True,
        "restricted": False,
        "label": "",
        "part_of": None,
        "origin": "",
        "opened_at": AT,
        "updated_at": AT,
    }


def test_many_rows_read_back_as_those_written_one_by_one(store):
    with store.write() as tx:
        first, second = tx.new_ids(t.incident, 2)
        assert tx.execute_many(INTO, [row(first)]) == 1
        tx.execute(insert(t.incident), row(second))
    with store.read() as connection:
        one, other = connection.execute(select(t.incident).order_by(t.incident.c.id)).mappings().all()
    assert {**one, "id": 0, "uid": "", "fields": one["fields"]["tags"]} == {
        **other,
        "id": 0,
        "uid": "",
        "fields": other["fields"]["tags"],
    }
    assert one["fields"]["title"] == f"{first} ü"


def test_new_ids_are_free_and_the_database_goes_on_after_them(store):
    with store.write() as tx:
        numbers = list(tx.new_ids(t.incident, 3))
        tx.execute_many(INTO, [row(number) for number in numbers])
        plain = {name: value for name, value in row(0).items() if name != "id"}
        next_one = tx.execute(insert(t.incident), plain).inserted_primary_key[0]
    assert len({*numbers, next_one}) == 4
    assert next_one == max(numbers) + 1


def test_a_number_that_was_given_in_a_forgotten_past_names_nothing_else(sqlite_store):
    sqlite_store.given.items = 41
    for store in (sqlite_store, sqlite_store.guarded(lambda _tx: None)):
        with store.write() as tx:
            assert list(tx.new_ids(t.incident, 2)) == [42, 43]
            assert list(tx.new_ids(t.inbox, 1)) == [1]


def test_an_id_tells_when_it_was_given_and_is_given_once(sqlite_store):
    with sqlite_store.write() as tx:
        first, second, later = (tx.new_uid(AT + timedelta(milliseconds=ms)) for ms in (0, 0, 1))
    assert {len(bytes.fromhex(one)) for one in (first, second, later)} == {16}
    assert int(first[:12], 16) == AT.timestamp() * 1_000
    assert first != second
    assert max(first, second) < later


def test_it_answers_how_many_rows_it_touched(store):
    gone = Many(delete(t.incident).where(t.incident.c.id == bindparam("row_id")))
    with store.write() as tx:
        numbers = tx.new_ids(t.incident, 2)
        tx.execute_many(INTO, [row(number) for number in numbers])
        assert tx.execute_many(gone, []) == 0
        assert tx.execute_many(gone, [{"row_id": number} for number in (*numbers, 99_999)]) == 2


def test_row_by_row_it_answers_what_each_one_touched_or_does_nothing(store):
    gone = Many(delete(t.incident).where(t.incident.c.id == bindparam("row_id")))
    with store.write() as tx:
        numbers = tx.new_ids(t.incident, 2)
        tx.execute_many(INTO, [row(number) for number in numbers])
        each = tx.execute_each(gone, [{"row_id": number} for number in (numbers[0], 99_999, numbers[1], numbers[0])])
        left = tx.execute(select(t.incident.c.id)).scalars().all()
        here = tx.dialect == "sqlite"
    assert (each, list(left)) == (([1, 0, 1, 0], []) if here else (None, list(numbers)))


def test_row_by_row_a_failure_is_sqlalchemys(store):
    into = Many.into(t.incident)
    with pytest.raises(IntegrityError), store.write() as tx:
        if tx.execute_each(into, [row(1), row(1)]) is None:
            tx.execute_many(into, [row(1), row(1)])


def test_names_may_be_locked_twice_and_in_any_order(store):
    with store.write() as tx:
        tx.lock_names(["b", "a", "b"])
        tx.lock_names(["a"])
        tx.lock_names([])


def test_a_name_is_locked_for_all_other_transactions_until_this_one_ends(postgres_database, open_store):
    store = open_store(postgres_database)
    free = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 7))")

    def taken(*names):
        with store.write() as tx:
            return [name for name in names if not tx.execute(free, {"name": name}).scalar_one()]

    with store.write() as tx:
        tx.lock_names(["b", "a"])
        assert taken("a", "b", "c") == ["a", "b"]
    assert taken("a", "b", "c") == []


def test_a_column_that_the_database_fills_may_be_left_out(store):
    into = Many.into(t.incident, without=("id",))
    with store.write() as tx:
        tx.execute_many(into, [{name: value for name, value in row(0).items() if name != "id"} for _ in range(2)])
        assert len(set(tx.execute(select(t.incident.c.id)).scalars())) == 2


def test_a_column_that_only_sqlalchemy_would_fill_may_not(store):
    with pytest.raises(ValueError, match=r"no value: .*exercise"), store.write() as tx:
        tx.execute_many(Many.into(t.incident, without=("exercise",)), [row(1)])


def test_a_parameter_may_be_named_twice(store):
    gone = Many(
        delete(t.incident).where((t.incident.c.id == bindparam("n")) | (t.incident.c.revision == bindparam("n")))
    )
    with store.write() as tx:
        numbers = tx.new_ids(t.incident, 2)
        tx.execute_many(INTO, [{**row(numbers[0]), "revision": 7}, {**row(numbers[1]), "revision": 8}])
        assert tx.execute_many(gone, [{"n": 8}, {"n": numbers[0]}]) == 2


def test_a_statement_in_words_is_run_for_many_rows(store):
    rename = Many(text("UPDATE incident SET status = :status WHERE id = :row_id"))
    with store.write() as tx:
        numbers = tx.new_ids(t.incident, 2)
        tx.execute_many(INTO, [row(number) for number in numbers])
        tx.execute_many(rename, [{"row_id": number, "status": f"s{number}"} for number in numbers])
        assert set(tx.execute(select(t.incident.c.status)).scalars()) == {f"s{number}" for number in numbers}


def test_a_row_that_lacks_a_value_is_refused(store):
    with pytest.raises(KeyError), store.write() as tx:
        tx.execute_many(INTO, [{"id": 1}])


def test_what_the_database_refuses_is_the_same_error_as_of_one_statement(store):
    with store.write() as tx:
        [number] = tx.new_ids(t.incident, 1)
        tx.execute_many(INTO, [row(number)])
    with pytest.raises(IntegrityError), store.write() as tx:
        tx.execute_many(INTO, [row(number)])
