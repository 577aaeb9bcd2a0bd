"""Encoded queries, built from conditions whose values cannot break out."""

from __future__ import annotations

import re


def condition(field: str, operator: str, value: str) -> str:
    """One condition. Raises ValueError for a value that ServiceNow would run as a script or that a line break splits.

    A caret separates conditions, so that one inside a value is doubled.
    """
    if value.lstrip().lower().startswith("javascript:"):
        raise ValueError("a value that begins with javascript: would be run by the instance")
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError("control characters cannot stand in a query")
    return f"{field}{operator}{value.replace('^', '^^')}"


def both(*conditions: str) -> str:
    """All of the conditions; empty ones are left out."""
    return "^".join(part for part in conditions if part)


def fields_in(query: str) -> frozenset[str]:
    """The names of the fields that an encoded query speaks of, before any dot-walk."""
    parts = re.split(r"\^(?:OR)?", query.replace("^^", ""))
    return frozenset(match[0] for part in parts if (match := re.match(r"[a-z][a-z0-9_]*", part)))
