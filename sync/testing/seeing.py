"""What may be seen: nothing of what is restricted, and all of the rest, page by page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import orjson
import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import Table, bindparam, event, func, insert, select

from tieline.core.acts import NotDone
from tieline.core.arguments import item_fields
from tieline.core.declared import Declared, WrongWords
from tieline.core.model import ITEM_KINDS, RecordKind
from tieline.core.store import tables as t
from tieline.core.store.many import Many
from tieline.core.store.store import Transaction
from tieline.core.views import Paged, View
from tieline.sync.testing.acting import acts_of, fail_for
from tieline.sync.testing.ground import Ground
from tieline.sync.testing.hostility import text_arguments
from tieline.sync.testing.kinds import numbers_of
from tieline.sync.testing.readying import asked_of, is_of_own_kind, opened, ready

CANARY: Final = "canary 7f3a19"
"""Words that stand nowhere else."""

ROWS: Final = 10_000
PAGE: Final = 1_000
FEW: Final = 10
MORE_QUERIES: Final = 8
"""So many queries more may a page of PAGE rows take than one of FEW."""


class SeeingContract:
    """Views, and what acts answer."""

    def test_nothing_of_a_restricted_item_is_in_an_outsiders_answer(self, ground: Ground) -> None:
        secret, others = told_of_two(ground)
        ground.pass_time(3_600)
        hidden = [ground.incident(number) for number in secret]
        for number in reversed(secret):
            ground.restrict(number)
        words = [CANARY, *(one.uid for one in hidden), *(rf"\b{number}\b" for number in secret)]
        leak = re.compile("|".join(words))
        for view in ground.engine.registry.offers.views.values():
            open_one, hidden_one = _of_kind(view, others), _of_kind(view, secret)
            seen = ground.see(view.name, asked_of(view, open_one))
            _fail_if_told(f"the view {view.name!r}", leak, orjson.dumps(seen.facts).decode())
            for name in item_fields(view.ask):
                with pytest.raises(LookupError):
                    ground.see(view.name, {**asked_of(view, open_one), name: hidden_one})
        for act in acts_of(ground):
            _fail_if_told(f"the act {act.name!r}", leak, attempt(ground, act.name, ready(ground, act, others[0])))
            if item_fields(act.ask):
                with pytest.raises(LookupError):
                    ground.perform(act.name, asked_of(act, _of_kind(act, secret)))

    def test_no_text_of_an_item_is_in_a_row_of_anything_else(self, ground: Ground) -> None:
        secret, _others = told_of_two(ground)
        ground.edit(secret[0], title=f"{CANARY} again")
        ground.pass_time(3_600)
        uids = {ground.incident(number).uid for number in secret}
        fail_for(
            f"a row of {table.name} says what an item says, and its subject is {subject!r}: it is there for people who "
            "may not see that item"
            for table, subject, words in _told_in_rows(ground)
            if CANARY in words and subject not in uids
        )

    def test_a_list_shows_each_of_10_000_rows_once(self, ground: Ground) -> None:
        number = ground.open()
        for act in acts_of(ground):
            attempt(ground, act.name, ready(ground, act, number))
        lists = [view for view in ground.engine.registry.offers.views.values() if issubclass(view.ask, Paged)]
        if lists:
            _grow(ground, number)
        for view in lists:
            fail_for(f"the view {view.name!r} {words}" for words in _lost(ground, view, number))


def told_of_two(ground: Ground) -> tuple[list[str], list[str]]:
    """Two incidents, whatever the plugin does about each of them, and the items that it opened for each. All that is
    said of the first holds words that stand nowhere else."""
    number, other = ground.open(title=CANARY), ground.open()
    found = list[list[str]]()
    for about in (number, other):
        known = {*numbers_of(ground)}
        for act in acts_of(ground):
            # What is about no item tells of none, whatever it says.
            says = text_arguments(act) if about == number and item_fields(act.ask) else ()
            attempt(ground, act.name, ready(ground, act, about, **dict.fromkeys(says, CANARY)))
        for view in filter(is_of_own_kind, ground.engine.registry.offers.views.values()):
            if not any(prefix_of(view.kind) == one.partition("-")[0] for one in numbers_of(ground) if one not in known):
                opened(ground, view, about)
        found.append([about, *(one for one in numbers_of(ground) if one not in known)])
    return found[0], found[1]


def prefix_of(kind: str) -> str:
    """What stands in front of the numbers of a kind."""
    return ITEM_KINDS[RecordKind(kind)].prefix


def _of_kind(declared: Declared, numbers: Sequence[str]) -> str:
    """The one of these that it may be about."""
    prefix = prefix_of(declared.kind or RecordKind.INCIDENT)
    return next((one for one in numbers if one.startswith(f"{prefix}-")), numbers[0])


def attempt(ground: Ground, act: str, asked: dict[str, Any]) -> str:
    """Ask for an act, and answer what was said, whether it was done or not."""
    try:
        done = ground.perform(act, asked)
    except (NotDone, WrongWords, LookupError) as error:
        return str(error)
    return f"{done.sentence} {orjson.dumps(done.facts).decode()}"


def _fail_if_told(what: str, leak: re.Pattern[str], told: str) -> None:
    found = leak.search(told)
    if found is not None:
        pytest.fail(f"{what} tells an outsider {found[0]!r}, which is of a restricted item")


def _lost(ground: Ground, view: View, number: str) -> Iterator[str]:
    given = {name: value for name, value in asked_of(view, number).items() if name not in item_fields(view.ask)}
    (few, _next), few_queries = _page(ground, view, {**given, "limit": FEW})
    whole, following = _page(ground, view, {**given, "limit": ROWS})[0]
    if len(few) < FEW or len(whole) < PAGE or following is not None:
        yield f"shows {len(whole)} of {ROWS} rows, and something behind them: {following}"
        return
    found: list[Any] = []
    after: dict[str, Any] = {}
    while True:
        (rows, following), queries = _page(ground, view, {**given, "limit": PAGE, **after})
        found += rows
        if queries > few_queries + MORE_QUERIES:
            yield f"takes {queries} queries for {len(rows)} rows, and {few_queries} for {FEW}"
            return
        if following is None or len(found) > len(whole):
            break
        after = {"after": following}
    if found != whole:
        yield f"shows {len(found)} rows in pages, and {len(whole)} at once: some are lost, or there twice"


def _page(ground: Ground, view: View, given: Mapping[str, Any]) -> tuple[tuple[list[Any], str | None], int]:
    with _counting() as queries:
        facts = ground.see(view.name, given).facts
    return (list(facts["items"]), facts.get("next")), len(queries)


def _told_in_rows(ground: Ground) -> Iterator[tuple[Table, str, str]]:
    """Every row of the plugin's: its table, its subject, and all that it says."""
    rows = ground.rows()
    for table in (table for one in ground.offer.projections for table in one.tables):
        place = [column.name for column in table.c].index("subject")
        yield from ((table, str(row[place]), " ".join(map(str, row))) for row in rows[table.name])


@contextmanager
def _counting() -> Iterator[list[str]]:
    asked: list[str] = []

    def note(*told: Any) -> None:
        asked.append(str(told[2]))

    event.listen(Database, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Database, "before_cursor_execute", note)


def _grow(ground: Ground, number: str) -> None:
    """Have 10,000 rows in each table that has one, each of an item of its own."""
    item = ground.incident(number)
    with ground.engine.store.write() as tx:
        first = int(tx.execute(select(func.max(t.incident.c.id))).scalar_one()) + 1
        model = tx.execute(select(t.incident).where(t.incident.c.id == item.id)).one()._asdict()
        uids = [f"contract{count:08d}" for count in range(ROWS)]
        _insert(tx, t.incident, [{**model, "id": first + count, "uid": uid} for count, uid in enumerate(uids)])
        for table in (table for one in ground.offer.projections for table in one.tables):
            rows = tx.execute(select(table).order_by(*table.primary_key.columns)).all()
            if rows:
                model = rows[0]._asdict()
                missing = enumerate(uids[: ROWS - len(rows)])
                _insert(tx, table, [_another(table, model, uid, count) for count, uid in missing])


def _another(table: Table, row: Mapping[str, Any], uid: str, count: int) -> dict[str, Any]:
    keys = {column.name for column in table.primary_key.columns}
    made = {name: _moved(value, count) if name in keys else value for name, value in row.items()}
    return {**made, "subject": uid}


def _moved(value: Any, count: int) -> Any:
    """Another key for each."""
    if isinstance(value, int):
        return value + 1_000_000 + count
    return value if isinstance(value, datetime) else f"{value}-{count}"


def _insert(tx: Transaction, table: Table, rows: list[dict[str, Any]]) -> None:
    values = {column.name: bindparam(column.name, type_=column.type) for column in table.c}
    tx.execute_many(Many(insert(table).values(values)), rows)
