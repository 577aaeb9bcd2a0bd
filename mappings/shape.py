"""Holds a YAML tree against a schema and says, with its position, all that does not fit."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any

from tieline.core.errors import Problem
from tieline.core.yaml import Node
from tieline.mappings.schema import Schema

_WORDS = {
    "object": "a block of `key: value` lines",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


def type_name(value: Any) -> str:
    """The JSON Schema name of a node's value."""
    match value:
        case bool():
            return "boolean"
        case None:
            return "null"
        case dict():
            return "object"
        case list():
            return "array"
        case str():
            return "string"
        case int():
            return "integer"
        case _:
            return "number"


def nearest(word: str, known: Iterable[str]) -> str:
    """A sentence that names the known word most like a wrong one."""
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, 1, 0.6)
    return f"did you mean `{close[0]}`?" if close else f"known are: {', '.join(choices)}."


def finding(node: Node, code: str, what: str, fix: str, *, at_key: bool = False) -> Problem:
    """A finding at a node, or at the key it stands behind."""
    line, column = (node.key_line, node.key_column) if at_key and node.key_line else (node.line, node.column)
    return Problem(node.file, line, column, code, what, fix)


class Shape:
    """Collects problems, each in the file that its node came from: with an overlay there are two."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def report(self, node: Node, code: str, what: str, fix: str, *, at_key: bool = False) -> None:
        """Add one finding at a node, or at the key it stands behind."""
        self.problems.append(finding(node, code, what, fix, at_key=at_key))

    def check(self, node: Node, schema: Schema, name: str = "the file") -> None:
        """Report what of `node` does not fit `schema`."""
        if not schema.keys() - {"description"}:
            return
        kinds = schema.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        kind = type_name(node.value)
        if kind not in kinds and not (kind == "integer" and "number" in kinds):
            wanted = " or ".join(_WORDS[one] for one in kinds)
            self.report(node, "MAP002", f"{name} is {_WORDS.get(kind, 'empty')}.", f"write {wanted}.")
            return
        for what, fix in _bounds(node.value, schema, name):
            self.report(node, "MAP002", what, fix)
        if isinstance(node.value, dict):
            self._check_object(node, node.value, schema, name)
        elif isinstance(node.value, list):
            for item in node.value:
                self.check(item, schema.get("items", {}), f"an entry of {name}")

    def _check_object(self, node: Node, entries: dict[str, Node], schema: Schema, name: str) -> None:
        known = schema.get("properties", {})
        others = schema.get("additionalProperties", {})
        for key in schema.get("required", []):
            if key not in entries:
                self.report(node, "MAP003", f"{name} has no `{key}`.", f"add `{key}:`.")
        for key, entry in entries.items():
            if key in known:
                self.check(entry, known[key], f"`{key}`")
            elif others is False:
                self.report(entry, "MAP001", f"{name} has no key `{key}`.", nearest(key, known), at_key=True)
            else:
                self.check(entry, others, f"`{key}`")


def _bounds(value: Any, schema: Schema, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and "enum" in schema and value not in schema["enum"]:
        yield f"{name} cannot be `{value}`.", nearest(value, schema["enum"])
    if isinstance(value, str) and len(value) < schema.get("minLength", 0):
        yield f"{name} is empty.", "write it, or take the line out."
    if isinstance(value, list) and len(value) < schema.get("minItems", 0):
        yield f"{name} is an empty list.", "fill it, or take it out."
    if isinstance(value, dict) and len(value) < schema.get("minProperties", 0):
        yield f"{name} is empty.", "fill it, or take it out."
    if isinstance(value, int) and value < schema.get("minimum", value):
        yield f"{name} is {value}.", f"write at least {schema['minimum']}."
