"""An admin's overlay: laid over a mapping that is proved, and to blame for whatever is wrong with the two together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tieline.core.errors import Place, Problem
from tieline.core.yaml import Node
from tieline.mappings.tree import entries


def lay_over(base: Node, top: Node) -> Node:
    """Blocks are merged key by key, null takes a key out, and anything else replaces what was there.

    A block that the overlay changes stands at the overlay's line from then on.
    """
    if not (isinstance(base.value, dict) and isinstance(top.value, dict)):
        return top
    merged = dict(base.value)
    for key, node in top.value.items():
        if node.value is None:
            merged.pop(key, None)
        elif key in merged:
            merged[key] = lay_over(merged[key], node)
        else:
            merged[key] = node
    return replace(top, value=merged)


def without(root: Node, *keys: str) -> Node:
    """The tree without the node behind `keys`."""
    kept = dict(entries(root))
    if len(keys) == 1:
        del kept[keys[0]]
    else:
        kept[keys[0]] = without(kept[keys[0]], *keys[1:])
    return replace(root, value=kept)


def blamed(problem: Problem, top: Node, prove: Callable[[Node], Sequence[Problem]]) -> Problem:
    """The problem at the overlay's line that is at fault.

    What was proved without the overlay is right, so a finding in a line of the mapping below is told at the smallest
    part of the overlay without which `prove` does not find it.
    """
    if problem.file == top.file:
        return problem

    def cures(*keys: str) -> bool:
        return not any(_alike(problem, other) for other in prove(without(top, *keys)))

    here, keys = top, tuple[str, ...]()
    while guilty := next((key for key in entries(here) if cures(*keys, key)), ""):
        here, keys = entries(here)[guilty], (*keys, guilty)
    return problem.at(Place(top.file, here.key_line or here.line, here.key_column or here.column))


def _alike(one: Problem, other: Problem) -> bool:
    return (one.code, one.file, one.line, one.column) == (other.code, other.file, other.line, other.column)
