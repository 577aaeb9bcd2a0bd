"""Lint of a field's value tables: one to one where both directions use them, complete where the values are known."""

from __future__ import annotations

from typing import Any

from tieline.core.model import FieldSpec, FieldType
from tieline.core.yaml import Node
from tieline.mappings.document import Case
from tieline.mappings.shape import Shape, nearest
from tieline.mappings.tree import entries, listed, word


def check_tables(spec: FieldSpec, keys: dict[str, Node], case: Case, shape: Shape) -> None:
    """Report every contradiction between a field's tables."""
    if spec.choices is not None:
        _check_words(spec, keys, shape)
    readers = _check_values(spec, keys, case, shape)
    _check_read_also(spec, keys, readers, case, shape)
    _check_write_also(spec, keys, readers, case, shape)
    if spec.type is FieldType.CHOICE:
        _check_coverage(spec, keys, shape)


def _check_words(spec: FieldSpec, keys: dict[str, Node], shape: Shape) -> None:
    words = {str(choice) for choice in spec.choices or ()}
    tables = [keys[key] for key in ("values", "read_also", "write_also", "needs", "takes", "write") if key in keys]
    if "read_else" in keys:
        tables.append(entries(keys["read_else"])["values"])
    for table in tables:
        for value, node in entries(table).items():
            if value not in words:
                shape.report(node, "MAP008", f"{spec.name} is never `{value}`.", nearest(value, words), at_key=True)
    for node in listed(keys.get("cannot")):
        if node.value not in words:
            shape.report(node, "MAP008", f"{spec.name} is never `{node.value}`.", nearest(word(node), words))


Readers = dict[tuple[type, Any], str]
"""The meaning of each of the tool's values."""


def _key(raw: Any, case: Case) -> tuple[type, Any]:
    """1, 1.0 and True are equal in Python and three values in JSON; two words may be one to a tool."""
    return raw.__class__, raw if case is Case.EXACT or not isinstance(raw, str) else raw.casefold()


def _check_values(spec: FieldSpec, keys: dict[str, Node], case: Case, shape: Shape) -> Readers:
    readers: Readers = {}
    for value, node in entries(keys.get("values")).items():
        other = readers.setdefault(_key(node.value, case), value)
        if other != value:
            what = (
                f"{spec.name} writes {node.value!r} for both `{other}` and `{value}`, so reading it could mean either."
            )
            shape.report(node, "MAP004", what, "keep one under values, and move the other to write_also.")
    return readers


def _check_read_also(spec: FieldSpec, keys: dict[str, Node], readers: Readers, case: Case, shape: Shape) -> None:
    for value, items in entries(keys.get("read_also")).items():
        for node in listed(items):
            if _key(node.value, case) in readers:
                what = f"{node.value!r} already means `{readers[_key(node.value, case)]}` in {spec.name}."
                shape.report(node, "MAP005", what, "give every tool value one meaning.")
            readers.setdefault(_key(node.value, case), value)


def _check_write_also(spec: FieldSpec, keys: dict[str, Node], readers: Readers, case: Case, shape: Shape) -> None:
    written = entries(keys.get("values"))
    for value, node in entries(keys.get("write_also")).items():
        if value in written:
            what = f"`{value}` of {spec.name} is written in two ways."
            shape.report(node, "MAP006", what, "keep it under values or under write_also.", at_key=True)
        elif _key(node.value, case) not in readers:
            what = f"{spec.name} would write {node.value!r}, which nothing reads back."
            shape.report(node, "MAP006", what, "write a value that stands under values.")


def _check_coverage(spec: FieldSpec, keys: dict[str, Node], shape: Shape) -> None:
    """Every canonical word is written, or the file says that this tool has none for it."""
    writes = keys.get("write")
    if "values" not in keys or (writes is not None and writes.value == "never"):
        return
    table = writes if writes is not None and isinstance(writes.value, dict) else keys["values"]
    said = {*entries(table), *entries(keys.get("write_also")), *map(word, listed(keys.get("cannot")))}
    missing = [str(choice) for choice in spec.choices or () if str(choice) not in said]
    if missing:
        what = f"{spec.name} says nothing about {', '.join(missing)}."
        fix = "add them to values or write_also, or to `cannot` when this tool has no word for them."
        shape.report(table, "MAP017", what, fix, at_key=True)
