"""Where a value stands in a tool's body: `a.b`, `a[0].b`, `a["dotted.key"]`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from itertools import pairwise
from typing import Any

from tieline.core.model import ABSENT
from tieline.core.port import Body

Path = tuple[str | int, ...]
Getter = Callable[[Body], Any]
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-$@:/ ")


def parse_path(text: str) -> Path:
    """The steps of a path. Raises ValueError with a sentence."""
    steps: list[str | int] = []
    rest = text
    while rest or not steps:
        step, rest = _bracket(rest, text) if rest.startswith("[") else _word(rest, text)
        steps.append(step)
        if rest.startswith("."):
            rest = rest[1:]
            if not rest or rest.startswith("["):
                raise ValueError(f"{text!r} has a dot with no name behind it")
        elif rest and not rest.startswith("["):
            raise ValueError(f"{text!r} needs a dot or a bracket before {rest!r}")
    if not isinstance(steps[0], str):
        raise ValueError(f"{text!r} must begin with a name, since a body is an object")
    return tuple(steps)


def _word(rest: str, text: str) -> tuple[str, str]:
    end = next((at for at, letter in enumerate(rest) if letter not in _PLAIN), len(rest))
    word = rest[:end]
    if not word or word != word.strip():
        raise ValueError(f"{text!r} is not a path; write it like fields.status.name or assignments[0].assignee.id")
    return word, rest[end:]


def _bracket(rest: str, text: str) -> tuple[str | int, str]:
    inner, closed, rest = rest[1:].partition("]")
    if closed and inner.isascii() and inner.isdecimal() and len(inner) < 4:
        return int(inner), rest
    if closed and len(inner) > 2 and inner[0] == inner[-1] and inner[0] in "\"'":
        return inner[1:-1], rest
    raise ValueError(f'{text!r} has a bracket that is neither a position like [0] nor a quoted name like ["a.b"]')


def getter(path: Path) -> Getter:
    """Reads a path: ABSENT where a name is missing, None where the way there is null or an empty list."""
    if len(path) == 1:
        key = str(path[0])
        return lambda body: body.get(key, ABSENT)
    return lambda body: _walk(body, path)


def _walk(here: Any, path: Path) -> Any:
    for step in path:
        if here is None:
            return None
        if isinstance(step, int):
            if not isinstance(here, list):
                return ABSENT
            here = here[step] if step < len(here) else None
        elif here.__class__ is dict or isinstance(here, Mapping):
            here = here.get(step, ABSENT)
            if here is ABSENT:
                return ABSENT
        else:
            return ABSENT
    return here


def put(target: dict[str, Any], path: Path, raw: Any) -> None:
    """Writes `raw` at a path, making the objects and one-element lists on the way."""
    if len(path) == 1:
        target[str(path[0])] = raw
        return
    here: Any = target
    for step, following in pairwise(path):
        fresh: Any = [] if isinstance(following, int) else {}
        here = _step_into(here, step, fresh)
    last = path[-1]
    if isinstance(last, int):
        _step_into(here, last, raw)
        here[last] = raw
    else:
        here[last] = raw


def put_constant(target: dict[str, Any], path: Path, constant: Any) -> None:
    """Writes a copy: the caller may change the body, and the mapping's own constants must stay as they are."""
    put(target, path, deepcopy(constant) if isinstance(constant, dict | list) else constant)


def _step_into(here: Any, step: str | int, fresh: Any) -> Any:
    if isinstance(step, int):
        while len(here) <= step:
            here.append(fresh)
        return here[step]
    if not isinstance(here.get(step), dict | list):
        here[step] = fresh
    return here[step]


def overlap(one: Path, other: Path) -> bool:
    """True when writing one place changes the other: they are the same, or one stands inside the other."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def show(path: Path) -> str:
    """The path as a person writes it."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif set(step) <= _PLAIN:
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]'
    return text
