"""What our writes replaced, found in a tool's history: shared by the adapters of tools that refuse no write."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """One change of one field since we looked, by us or by somebody else; `before` is what the history tells of it."""

    ours: bool
    field: str
    before: T


def replaced(entries: Iterable[Entry[T]]) -> dict[str, T]:
    """By field, what stood there when our write came, where others had changed it since we looked. `entries` come
    oldest first; what others write after us replaces ours, and is none of it."""
    theirs: set[str] = set()
    found: dict[str, T] = {}
    for entry in entries:
        if not entry.ours:
            theirs.add(entry.field)
        elif entry.field in theirs:
            theirs.remove(entry.field)
            found[entry.field] = entry.before
    return found
