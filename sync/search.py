"""Finding incidents by words that a person sees: in their texts, persons and tags, and in the keys of their tickets.

The database narrows, on the JSON as it is kept; what is found is decided on the values, so that no name of a field and
no bracket of JSON is a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from unicodedata import normalize

from sqlalchemy import ColumnElement, Select, Text, func, or_, select, type_coerce

from tieline.core.model import CATALOGUE, FieldType, RecordKind
from tieline.core.store import tables as t
from tieline.core.store.store import Connection

_WORDS: Final = (FieldType.TEXT, FieldType.RICH_TEXT, FieldType.PERSON, FieldType.PERSONS, FieldType.TAGS)
_PAGE: Final = 500
"""Rows that are looked at together: a search that finds enough early reads no further."""


def found(connection: Connection, query: Select[tuple[int]], words: str, limit: int) -> list[int]:
    """The first incidents of a query, newest first, that have each of these words."""
    wanted = [folded(word) for word in words.split()]
    part = max(map(kept_as, words.split()), key=len, default="")
    numbers: list[int] = []
    for number, kind, fields, keys in _narrowed(connection, query, part):
        if _has_words(kind, fields, wanted, keys):
            numbers.append(number)
        if len(numbers) == limit:
            break
    return numbers


def _has_words(kind: RecordKind, fields: Mapping[str, Any], wanted: Iterable[str], keys: Iterable[str]) -> bool:
    """Whether each word stands in a text, a person, a tag or a ticket's key; `wanted` as `folded` gives them."""
    names = [name for name, spec in CATALOGUE.get(kind, {}).items() if spec.type in _WORDS]
    said = [folded(text) for name in names for text in _texts(fields.get(name))] + [folded(key) for key in keys]
    return all(any(word in text for text in said) for word in wanted)


def folded(text: str) -> str:
    """Text as it is compared: whatever its case, and whether an accent stands beside its letter or in it."""
    return normalize("NFC", normalize("NFC", text).casefold())


def kept_as(word: str) -> str:
    """The longest part of a word that every database finds in the JSON whatever its case: what is not ASCII has
    another case than databases know of, `ss` may be kept as one letter, and quotation marks, backslashes and control
    characters are kept otherwise."""
    return max(re.split(r"[^ !#-\[\]-~]+|ss", normalize("NFC", word).lower()), key=len)


def _texts(value: Any) -> Iterator[str]:
    yield from (value,) if isinstance(value, str) else value if isinstance(value, list | tuple) else ()


def _narrowed(
    connection: Connection, query: Select[tuple[int]], part: str
) -> Iterator[tuple[int, RecordKind, Mapping[str, Any], list[str]]]:
    copies = select(t.replica.c.incident_id)
    near: ColumnElement[bool] = or_(
        _contains(type_coerce(t.incident.c.fields, Text), part),
        t.incident.c.id.in_(copies.where(_contains(t.replica.c.key, part))),
    )
    page = query.add_columns(t.incident.c.kind, t.incident.c.fields).where(near).limit(_PAGE)
    while rows := connection.execute(page).all():
        last = rows[-1].id
        keys: dict[int, list[str]] = {}
        asked = select(t.replica.c.incident_id, t.replica.c.key).where(
            t.replica.c.incident_id.in_([row.id for row in rows])
        )
        for number, key in connection.execute(asked):
            keys.setdefault(number, []).append(key)
        yield from ((row.id, RecordKind(row.kind), row.fields, keys.get(row.id, [])) for row in rows)
        page = (
            query.add_columns(t.incident.c.kind, t.incident.c.fields).where(near, t.incident.c.id < last).limit(_PAGE)
        )


def _contains(text: ColumnElement[str], part: str) -> ColumnElement[bool]:
    return func.lower(text).contains(part, autoescape=True)
