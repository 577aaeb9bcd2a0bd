"""The shapes of JSON that the reference shows, and whether a document has one of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from tests.docs.pages import DOCS

PAGE = DOCS / "reference" / "cli.md"


def documented() -> dict[str, list[Any]]:
    """The shapes of each command, by its path; those of errors under ""."""
    head, *sections = re.split(r"(?m)^## `([^`]+)`$", PAGE.read_text("utf-8"))
    return {"": _shapes(head)} | {
        path: found for path, text in zip(sections[::2], sections[1::2], strict=True) if (found := _shapes(text))
    }


def _shapes(text: str) -> list[Any]:
    return [json.loads(block) for block in re.findall(r"(?ms)^```json\n(.*?)^```$", text)]


def faults(path: str, document: str) -> list[str]:
    """What is wrong with a document that a command printed; nothing where one of its shapes fits."""
    value = json.loads(document)
    told = [list(misfits(shape, value, "$")) for shape in documented()[path]]
    return min(told, key=len)


def misfits(shape: Any, value: Any, place: str) -> Iterator[str]:
    """Where a value is not what a shape says."""
    match shape, value:
        case list(), list():
            for number, one in enumerate(value):
                yield from misfits(shape[0], one, f"{place}[{number}]")
        case dict(), dict():
            yield from _names(shape, value, place)
        case str(), _ if _is(shape, value):
            return
        case _:
            yield f"{place} is {value!r}, and not {shape!r}"


def _names(shape: Mapping[str, Any], value: Mapping[str, Any], place: str) -> Iterator[str]:
    anything = next((inner for name, inner in shape.items() if name.startswith("<")), None)
    for name, inner in value.items():
        known = shape.get(name, shape.get(f"{name}?", anything))
        if known is None:
            yield f"{place}.{name} is not in the shape"
        else:
            yield from misfits(known, inner, f"{place}.{name}")
    yield from (f"{place}.{name} is missing" for name in shape if name[-1] not in ">?" and name not in value)


def _is(words: str, value: Any) -> bool:
    kinds: Mapping[str, Callable[[Any], bool]] = {
        "text": lambda one: isinstance(one, str),
        "integer": lambda one: isinstance(one, int) and not isinstance(one, bool),
        "number": lambda one: isinstance(one, int | float) and not isinstance(one, bool),
        "boolean": lambda one: isinstance(one, bool),
        "null": lambda one: one is None,
        "moment": _is_moment,
        "anything": lambda _one: True,
    }
    return any(kinds[word](value) for word in words.split(" or "))


def _is_moment(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
