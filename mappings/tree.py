"""Typed looks into a YAML tree whose shape was checked before."""

from __future__ import annotations

from typing import Any

from tieline.core.yaml import Node


def entries(node: Node | None) -> dict[str, Node]:
    """The entries of a block; none when there is no block."""
    return node.value if node is not None and isinstance(node.value, dict) else {}


def listed(node: Node | None) -> list[Node]:
    """The items of a list; a single value counts as a list of one."""
    if node is None:
        return []
    return node.value if isinstance(node.value, list) else [node]


def word(node: Node) -> str:
    """The text of a value."""
    return node.value if isinstance(node.value, str) else str(node.plain())


def plain(keys: dict[str, Node], key: str) -> Any:
    """The value behind a key without its place, or None."""
    return keys[key].plain() if key in keys else None


def nearest_node(root: Node, *keys: str) -> Node:
    """The node behind `keys`, or the last one on the way there."""
    here = root
    for key in keys:
        if key not in entries(here):
            break
        here = entries(here)[key]
    return here
