"""Whether a column holds one of many values: told to the database as one parameter, however many they are. SQLite takes
32,766 of them in a statement and PostgreSQL 65,535."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import orjson
from sqlalchemy import ARRAY, BigInteger, ColumnElement, Dialect, Integer, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

_POSTGRES: Final = "postgresql"


class _Listed(TypeDecorator[Any]):
    """Whole numbers or texts: an array of PostgreSQL's, and JSON on SQLite, which has none."""

    impl = Text
    cache_ok = True

    def __init__(self, *, of_numbers: bool) -> None:
        super().__init__()
        self.of_numbers = of_numbers

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        kind: TypeEngine[Any] = BigInteger() if self.of_numbers else Text()
        return dialect.type_descriptor(ARRAY(kind) if dialect.name == _POSTGRES else Text())

    def process_bind_param(self, value: Collection[Any] | None, dialect: Dialect) -> Any:
        listed = list(value or ())
        return listed if dialect.name == _POSTGRES else orjson.dumps(listed).decode()


class _Each(FunctionElement[Any]):
    """The values of a list, each a row."""

    name = "each"
    inherit_cache = True


@compiles(_Each)
def _in_sqlite(element: _Each, compiler: SQLCompiler, **options: Any) -> str:
    return f"(SELECT value FROM json_each({compiler.process(element.clauses, **options)}))"  # noqa: S608 - of a bound parameter


@compiles(_Each, _POSTGRES)
def _in_postgres(element: _Each, compiler: SQLCompiler, **options: Any) -> str:
    return f"(SELECT unnest({compiler.process(element.clauses, **options)}))"


def among(column: ColumnElement[Any], values: str | Collection[Any]) -> ColumnElement[bool]:
    """Whether a column of whole numbers or of texts holds one of these values, or of those that are given for the
    parameter of this name."""
    listed = _Listed(of_numbers=isinstance(column.type, Integer) or column.type.python_type is int)
    if isinstance(values, str):
        return column.bool_op("IN")(_Each(bindparam(values, type_=listed)))
    return column.bool_op("IN")(_Each(bindparam(None, list(values), type_=listed, unique=True)))


def not_among(column: ColumnElement[Any], values: str | Collection[Any]) -> ColumnElement[bool]:
    """Whether it holds something else than these."""
    return ~among(column, values)
