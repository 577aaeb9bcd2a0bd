"""Projections: tables that a plugin derives from what happened, for its acts and views to read.

    PAUSE = plugin_table("escalation", "pause", subject_column(primary_key=True), Column("until", Instant))

    def paused(rows: Rows, event: Paused, happened: Happened) -> None:
        rows.put(PAUSE, subject=happened.subject, until=event.until)

    Projection("pauses", (PAUSE,), {Paused: paused})

Nothing else writes these tables, so that they can be made anew from the journal, and are: where `version` is another
than the one they were made by, where the plugin was away, where the store was copied. Every table has a column
`subject`, which says whose the row is: whoever may not see an item sees none of its rows, and forgetting the item takes
them.
"""

from __future__ import annotations

import hashlib
import importlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnClause,
    ColumnElement,
    Float,
    LargeBinary,
    MetaData,
    Numeric,
    Row,
    Select,
    Table,
    TableClause,
    Text,
    and_,
    bindparam,
    delete,
    select,
)
from sqlalchemy import update as plain_update
from sqlalchemy.sql import ClauseElement, visitors
from sqlalchemy.sql.elements import Over, TextClause
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import AliasedReturnsRows

from tieline.core.events import Event
from tieline.core.model import IncidentId
from tieline.core.store.many import Many
from tieline.core.store.store import Connection, Transaction

SUBJECT: Final = "subject"
"""The column that says whose a row is: an item's id, or a thing such as `rota:payments`."""

NAME: Final = re.compile(r"[a-z][a-z0-9_]*")

LONGEST: Final = 40
"""Characters of a table's name, with its group."""

LONGEST_INDEX: Final = 54
"""Characters of an index's name. PostgreSQL knows 63 of any, and 9 say who made it."""


def subject_column(*, primary_key: bool = False) -> Column[str]:
    """The column that says whose a row is."""
    return Column(SUBJECT, Text, primary_key=primary_key, nullable=False)


def plugin_table(group: str, name: str, *columns: Column[Any]) -> Table:
    """A table of the plugin that offers this group. Raises TypeError for one that cannot be kept alike everywhere."""
    table = Table(f"{group}__{name}", MetaData(), *columns)
    wrong = [
        *([] if NAME.fullmatch(group) and NAME.fullmatch(name) else ["its name is small letters, digits and _"]),
        *([] if len(table.name) <= LONGEST else [f"its name, {table.name}, has more than {LONGEST} characters"]),
        *(
            f"the index of {', '.join(index.columns.keys())} has a name of more than {LONGEST_INDEX} characters"
            for index in table.indexes
            if len(str(index.name)) > LONGEST_INDEX
        ),
        *([] if SUBJECT in table.c else [f"it has no column {SUBJECT!r}, which says whose a row is"]),
        *([] if table.primary_key.columns else ["it has no primary key"]),
        *(
            f"{column.name}: a number that is not whole is rounded in another way by each database"
            for column in table.c
            if isinstance(column.type, Float | Numeric)
        ),
        *(
            f"{column.name}: bytes are no fact of an event"
            for column in table.c
            if isinstance(column.type, LargeBinary)
        ),
        *(
            f"{column.name}: what a row holds is said by whoever writes it, and not by a default"
            for column in table.c
            if column.default is not None or column.server_default is not None or column.onupdate is not None
        ),
        *(f"{column.name}: rows of others come and go without asking" for column in table.c if column.foreign_keys),
    ]
    if wrong:
        raise TypeError(f"the table {name!r} of {group!r}: {'; '.join(wrong)}")
    return table


@dataclass(frozen=True, slots=True)
class Happened:
    """One entry of the journal, as projections and followers are told of it. `item` is the number by which people, and
    a desk, know the item that it is about, "" for none; `subject` is the id that item has for ever; `actor` is
    somebody's id, or the name of a connection or a part of Tieline."""

    seq: int
    at: datetime
    event: Event
    incident: IncidentId | None
    item: str
    subject: str
    actor: str
    reason: str


Apply = Callable[["Rows", Any, Happened], None]
"""Writes what one event means for the tables: called with the rows, the event, and the entry that tells of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Tables, and what each kind of event means for them. `version` grows with every change of either.

    One that is made from its plugin's own events alone is written together with them; one that others' are needed for
    follows a moment later.
    """

    name: str
    tables: tuple[Table, ...]
    applies: Mapping[type[Event], Apply]
    version: int = 1

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that it is made from."""
        return tuple(event.KIND for event in self.applies)

    def apply(self, rows: Rows, happened: Happened) -> None:
        """Write what happened into the tables."""
        self.applies[type(happened.event)](rows, happened.event, happened)


@cache
def code_of(projection: Projection) -> str:
    """What stands for the code that writes the tables of a projection: another one as soon as any module of its package
    is another, as far as these are loaded."""
    modules = {apply.__module__ for apply in projection.applies.values()}
    packages = {getattr(sys.modules.get(name), "__package__", None) or name for name in modules}
    inside = tuple(f"{one}." for one in packages)
    found = hashlib.sha256()
    # Others may import meanwhile: the names are taken at once.
    for name in sorted(one for one in tuple(sys.modules) if one in modules | packages or one.startswith(inside)):
        file = getattr(sys.modules.get(name), "__file__", None)
        if file is not None:
            found.update(f"{name}\n".encode())
            found.update(_source(file))
    return found.hexdigest()[:6]


def _source(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError:
        return b""


class Putting:
    """Rows that are put one after the other and written together. Of use for one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._written_by: Many | None = None
        self._rows: list[Mapping[str, Any]] = []

    def put(self, many: Many, row: Mapping[str, Any]) -> None:
        """Have this row written, after those before it."""
        if many is not self._written_by:
            self.flush()
            self._written_by = many
        self._rows.append(row)

    def flush(self) -> None:
        """Write what waits."""
        if self._written_by is not None and self._rows:
            waiting, self._rows = self._rows, []
            self._tx.execute_many(self._written_by, waiting)


class Rows:
    """The rows of one projection, for whoever writes them. Raises PermissionError for a table of somebody else's.

    What is put is written together with what is put next, and before anything else is done here.
    """

    def __init__(self, tx: Transaction, tables: Mapping[Table, Table], putting: Putting) -> None:
        """`tables` are the projection's own, each with the one that is written in its place."""
        self._tx = tx
        self._tables = tables
        self._putting = putting
        self._is_over = False

    def end(self) -> None:
        """It is written: from now on these rows are nobody's to change here."""
        self._is_over = True

    def put(self, table: Table, **values: Any) -> None:
        """Have a row with these values: a new one, or new values for the one that has this primary key."""
        self._putting.put(_put(self._own(table), tuple(sorted(values)), self._tx.dialect), values)

    def change(self, table: Table, where: Mapping[str, Any], **values: Any) -> int:
        """Give new values to the rows that are so. Answers how many they are."""
        many = _change(self._own(table), tuple(sorted(where)), tuple(sorted(values)))
        row = {f"is_{name}": value for name, value in where.items()}
        self._putting.flush()
        return self._tx.execute_many(many, [{**row, **{f"new_{name}": value for name, value in values.items()}}])

    def drop(self, table: Table, **where: Any) -> int:
        """Take away the rows that are so. Answers how many they were."""
        many = _drop(self._own(table), tuple(sorted(where)))
        self._putting.flush()
        return self._tx.execute_many(many, [{f"is_{name}": value for name, value in where.items()}])

    def find(self, table: Table, **where: Any) -> Sequence[Row[Any]]:
        """The rows that are so, in the order of their primary keys."""
        statement = _find(self._own(table), tuple(sorted(where)))
        self._putting.flush()
        return self._tx.execute(statement, {f"is_{name}": value for name, value in where.items()}).all()

    def _own(self, table: Table) -> Table:
        if self._is_over:
            raise TypeError("what happened is written; write rows only within the function that is given them")
        if table not in self._tables:
            raise PermissionError(f"the table {table.name} belongs to somebody else")
        return self._tables[table]


def _insert(dialect: str) -> Any:
    """The database's own, which knows what is there. What speaks to the other is not loaded for it."""
    return importlib.import_module(f"sqlalchemy.dialects.{dialect}").insert


@cache
def _put(table: Table, names: tuple[str, ...], dialect: str) -> Many:
    keys = [column.name for column in table.primary_key.columns]
    values = {name: bindparam(name, type_=table.c[name].type) for name in names}
    rest = [name for name in names if name not in keys]
    made = _insert(dialect)(table).values(values)
    if rest:
        made = made.on_conflict_do_update(index_elements=keys, set_={name: made.excluded[name] for name in rest})
    else:
        made = made.on_conflict_do_nothing(index_elements=keys)
    return Many(made)


@cache
def _change(table: Table, where: tuple[str, ...], names: tuple[str, ...]) -> Many:
    values = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in names}
    return Many(plain_update(table).where(_is(table, where)).values(values))


@cache
def _drop(table: Table, where: tuple[str, ...]) -> Many:
    return Many(delete(table).where(_is(table, where)))


@cache
def _find(table: Table, where: tuple[str, ...]) -> Any:
    return select(table).where(_is(table, where)).order_by(*table.primary_key.columns)


def _is(table: Table, where: tuple[str, ...]) -> Any:
    return and_(True, *(table.c[name] == bindparam(f"is_{name}", type_=table.c[name].type) for name in where))


class RowsSeen:
    """The rows that a plugin's act or view may read: those of its own tables, of items that whoever asks sees."""

    def __init__(
        self,
        source: Connection | Transaction,
        tables: Iterable[Table],
        sees: Callable[[ColumnElement[str]], ColumnElement[bool] | None],
        noted: Callable[[Table], object] = lambda _table: None,
        shown: Callable[[Iterable[str]], object] | None = None,
    ) -> None:
        """`sees` says of a column which of its subjects are there for them, None for each; `noted` is told of each
        table that is read, and `shown`, where anybody wants to know, of whose rows an answer was made."""
        self._source = source
        self._tables = frozenset(tables)
        self._sees = sees
        self._noted = noted
        self._shown = shown

    def all(self, query: Any, **values: Any) -> Sequence[Row[Any]]:
        """The rows of a `select` over own tables. Raises PermissionError for one that reaches further."""
        tables = _tables_of(query)
        for table in tables:
            if table not in self._tables:
                raise PermissionError(f"the table {table.name} belongs to somebody else")
            self._noted(table)
        for table in tables:
            # An outer join has rows that have no subject on its other side, and hides nothing there.
            seen = self._sees(table.c[SUBJECT])
            query = query if seen is None else query.where(seen)
        if self._shown is not None:
            self._shown(subject for row in self._source.execute(_whose(query, tables), values) for subject in row)
        return self._source.execute(query, values).all()

    def first(self, query: Any, **values: Any) -> Row[Any] | None:
        """The first row, or None."""
        return next(iter(self.all(query.limit(1), **values)), None)


def _whose(query: Select[Any], tables: Sequence[Table]) -> Select[Any]:
    """Whose the rows are that a query answers, or makes its figures of."""
    subjects = [table.c[SUBJECT] for table in tables]
    if _is_plain(query):
        return query.with_only_columns(*subjects, maintain_column_froms=True)
    found = select(*subjects).select_from(*query.get_final_froms()).distinct()
    return found if query.whereclause is None else found.where(query.whereclause)


def _is_plain(query: Select[Any]) -> bool:
    """Whether each row that it answers is one of each table."""
    made = [one for column in query.selected_columns for one in visitors.iterate(column)]
    is_made = any(isinstance(one, FunctionElement | Over) for one in made)
    kept: Any = query
    return not (is_made or kept._group_by_clauses or kept._distinct or kept._having_criteria)


def _tables_of(query: ClauseElement) -> list[Table]:
    """The tables that a query reads. Raises PermissionError for one whose tables cannot be known, or hidden, one by
    one."""
    if not isinstance(query, Select):
        raise PermissionError("a query of a plugin is one `select`")
    found: list[Table] = []
    for element in visitors.iterate(query):
        if isinstance(element, TextClause) or (isinstance(element, ColumnClause) and _is_text(element)):
            raise PermissionError("a query of a plugin is built of its own tables' columns, and not of text")
        if element is not query and getattr(element, "is_select", False):
            raise PermissionError("a query of a plugin is one `select`, without another one inside")
        if isinstance(element, AliasedReturnsRows) and not getattr(element.element, "is_select", False):
            raise PermissionError("a query of a plugin calls a table by its own name, and not by another one")
        if isinstance(element, TableClause) and not isinstance(element, Table):
            raise PermissionError(f"the table {element.name} belongs to somebody else")
        if isinstance(element, Table) and element not in found:
            found.append(element)
    return found


def _is_text(column: ColumnClause[Any]) -> bool:
    """Whether it is copied into the statement as it is. `count()` counts `*`."""
    return column.is_literal and column.name != "*"
