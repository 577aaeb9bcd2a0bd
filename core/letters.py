"""What people see as one character: a flag, a joined emoji, a letter with its accents. Texts are cut between them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any


def whole_letters(text: str, size: int) -> int:
    """The end of the last whole character within the first `size` code points.

    A first character that is longer than that is parted after all.
    """
    if size >= len(text) or text.isascii():
        return min(size, len(text))
    end = max(text.rfind(" ", 0, size), text.rfind("\n", 0, size)) + 1  # characters are counted from the last word on
    for found in _letters().finditer(text, end):
        if found.end() > size:
            break
        end = found.end()
    return end or size


def beginning(text: str, size: int) -> str:
    """At most `size` code points of a text, none of its characters parted."""
    return text if len(text) <= size else text[: whole_letters(text, size)]


def letters_of(text: str) -> Sequence[str]:
    """Its characters, as people see them."""
    return text if text.isascii() else [found.group() for found in _letters().finditer(text)]


@cache
def _letters() -> Any:
    import regex  # loaded when the first text is cut: most commands never do

    return regex.compile(r"\X")
