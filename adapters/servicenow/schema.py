"""The live schema: sys_dictionary for the fields, sys_choice for their values, along the table's ancestors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import count

from tieline.adapters.servicenow.answers import Row
from tieline.adapters.servicenow.query import both, condition
from tieline.adapters.servicenow.wire import Wire
from tieline.core.errors import NeedsOperator
from tieline.core.port import FieldFact

_DEEPEST = 8
_COMPUTED = frozenset(
    {
        "priority",  # a data lookup on impact and urgency
        "number",
        "sys_id",
        "sys_class_name",
        "sys_mod_count",
        "sys_created_on",
        "sys_created_by",
        "sys_updated_on",
        "sys_updated_by",
    }
)


def describe(wire: Wire) -> Mapping[str, FieldFact]:
    """The fields of the table. A definition on the table itself wins over one on an ancestor."""
    tables = _lineage(wire)
    among = condition("name", "IN", ",".join(tables))
    columns = _all(
        wire,
        "sys_dictionary",
        both(among, "elementISNOTEMPTY", "ORDERBYname", "ORDERBYelement", "ORDERBYsys_id"),
        ("name", "element", "max_length", "mandatory", "read_only"),
        tables,
    )
    if not columns:
        raise NeedsOperator(
            wire.connection, f"sys_dictionary shows no field of {wire.settings.table}; give the account read access."
        )
    choices, shown = _choices(wire, tables), _shown(wire)
    facts: dict[str, FieldFact] = {}
    for table in reversed(tables):
        for column in columns:
            if column.get("name") == table:
                facts[str(column["element"])] = _fact(column, choices.get(str(column["element"])), shown)
    return facts


def _shown(wire: Wire) -> frozenset[str] | None:
    """The columns that some record shows to the account, which access rules leave out without a word; None where there
    is no record to look at."""
    listing = wire.rows(wire.settings.table, "ORDERBYDESCsys_created_on", limit=1)
    return frozenset(listing.rows[0]) if listing.rows else None


def by_name(wire: Wire, refused: Mapping[str, str]) -> dict[str, str]:
    """What a policy refused, by the columns instead of their labels. A label that no column has stays as it is."""
    tables = _lineage(wire)
    rows = _all(
        wire,
        "sys_dictionary",
        both(condition("name", "IN", ",".join(tables)), "elementISNOTEMPTY", "ORDERBYname", "ORDERBYelement"),
        ("name", "element", "column_label"),
        tables,
    )
    names = {str(row.get("column_label", "")).casefold(): str(row["element"]) for row in rows if row.get("element")}
    return {names.get(label.casefold(), label): words for label, words in refused.items()}


def _lineage(wire: Wire) -> list[str]:
    """The table and the tables it extends, itself first."""
    tables = [wire.settings.table]
    while len(tables) < _DEEPEST:
        listing = wire.rows(
            "sys_db_object", condition("name", "=", tables[-1]), limit=2, fields=("name", "super_class.name")
        )
        parent = next((row.get("super_class.name") for row in listing.rows if row.get("name") == tables[-1]), "")
        if not parent or parent in tables:
            break
        tables.append(str(parent))
    return tables


def _choices(wire: Wire, tables: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    rows = _all(
        wire,
        "sys_choice",
        both(
            condition("name", "IN", ",".join(tables)),
            "inactive=false",
            "language=en",
            "ORDERBYname",
            "ORDERBYelement",
            "ORDERBYsys_id",
        ),
        ("name", "element", "value", "label"),
        tables,
    )
    found: dict[str, Mapping[str, str]] = {}
    for table in reversed(tables):
        own: dict[str, dict[str, str]] = {}
        for row in rows:
            if row.get("name") == table and row.get("value"):
                own.setdefault(str(row.get("element")), {})[str(row["value"])] = str(row.get("label", ""))
        # A table that has choices of its own for a field does not show its ancestor's.
        found.update(own)
    return found


def _fact(column: Row, choices: Mapping[str, str] | None, shown: AbstractSet[str] | None) -> FieldFact:
    length = str(column.get("max_length", ""))
    name = str(column["element"])
    return FieldFact(
        name=name,
        writable=column.get("read_only") != "true" and name not in _COMPUTED,
        required=column.get("mandatory") == "true",
        choices=choices,
        # The forms offer the choices; the Table API takes any value.
        enforced=False,
        readable=shown is None or name in shown,
        advice=f"see {name} in the dictionary of the table, its access rules and its choice list",
        max_length=int(length) if length.isascii() and length.isdigit() and int(length) > 0 else None,
    )


def _all(wire: Wire, table: str, query: str, fields: tuple[str, ...], names: Sequence[str]) -> list[Row]:
    """All rows of a table that does not change while it is read, so that an offset is safe."""
    rows: list[Row] = []
    size = 1000
    for page in count():
        listing = wire.rows(table, query, limit=size, offset=page * size, fields=fields)
        if any(row.get("name") not in names for row in listing.rows):
            raise NeedsOperator(
                wire.connection, f"{table} answered with rows that the query excludes; give the account read access."
            )
        rows += listing.rows
        if not listing.more and (listing.more is False or len(listing.rows) < size):
            return rows
    return rows
