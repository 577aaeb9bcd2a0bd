"""What a tool makes of a write: the places it fills itself, so that the laws are proved on what will be read back.

ServiceNow takes no priority: it computes one from impact and urgency. Such facts stand under `computed` in a mapping.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from tieline.core.model import ABSENT
from tieline.core.port import Body
from tieline.core.yaml import Node
from tieline.mappings.document import Computed
from tieline.mappings.paths import Path, getter, overlap, parse_path, put, show
from tieline.mappings.shape import Shape
from tieline.mappings.tree import entries, listed, plain, word


def computed_places(node: Node | None, shape: Shape) -> Iterator[Computed]:
    """The entries of the section `computed`. What does not fit is reported and left out."""
    for text, entry in entries(node).items():
        keys = entries(entry)
        try:
            path = parse_path(text)
            inputs = tuple(parse_path(word(item)) for item in listed(keys.get("from")))
            beside = parse_path(word(keys["only_beside"])) if "only_beside" in keys else None
        except ValueError as wrong:
            shape.report(entry, "MAP009", f"{wrong}.", "write names with dots between them.", at_key=True)
            continue
        if _fits(entry, keys, inputs, shape):
            yield Computed(path, inputs, plain(keys, "table"), beside, word(keys["source"]))


def _fits(entry: Node, keys: dict[str, Node], inputs: tuple[Path, ...], shape: Shape) -> bool:
    if "only_beside" in keys and (inputs or "table" in keys):
        what = "a place is either made by the tool or taken beside another."
        shape.report(keys["only_beside"], "MAP022", what, "take `only_beside` out, or `from` and `table`.", at_key=True)
        return False
    if "table" not in keys:
        if len(inputs) > 1:
            what = f"{len(inputs)} places make this one, and no table says how."
            shape.report(entry, "MAP022", what, "add `table:`, or keep the one place that it copies.", at_key=True)
        return len(inputs) < 2
    wrong = _misfit(keys["table"], len(inputs)) if inputs else keys["table"]
    if wrong is not None:
        what = f"the table is not as deep as `from` is long ({len(inputs)})."
        shape.report(wrong, "MAP022", what, "write a level for each place, and the value in the last one.", at_key=True)
    return wrong is None


def _misfit(node: Node, depth: int) -> Node | None:
    if depth == 0:
        return node if isinstance(node.value, dict | list) or node.value is None else None
    if not isinstance(node.value, dict):
        return node
    return next((wrong for inner in node.value.values() if (wrong := _misfit(inner, depth - 1))), None)


def takes_no_word(path: Path, computed: Iterable[Computed]) -> Computed | None:
    """The entry that says that the tool fills `path` itself, so that a write there is lost."""
    return next(
        (one for one in computed if not one.only_beside and path not in one.inputs and overlap(one.path, path)), None
    )


def behind(path: Path, computed: Iterable[Computed]) -> Computed | None:
    """How what stands at `path` is made of other places, if it is."""
    return next((one for one in computed if one.inputs and overlap(one.path, path)), None)


def settled(before: Body, patch: Mapping[Path, Any], computed: tuple[Computed, ...]) -> dict[str, Any]:
    """The record after the tool took `patch`: what it computes is computed, and what it takes only beside is beside."""
    body = deepcopy(dict(before))
    refused = {one.path for one in computed if one.only_beside and not _has(patch, one.only_beside)}
    changed: set[Path] = set()
    for path, raw in patch.items():
        if takes_no_word(path, computed) is None and not any(overlap(path, place) for place in refused):
            put(body, path, deepcopy(raw))
            changed.add(path)
    waiting = [one for one in computed if one.inputs]
    while due := [one for one in waiting if any(overlap(place, path) for place in one.inputs for path in changed)]:
        for one in due:
            put(body, one.path, made(one, body))
            changed.add(one.path)
            waiting.remove(one)
    return body


def _has(patch: Mapping[Path, Any], place: Path) -> bool:
    return any(overlap(path, place) for path in patch)


def made(one: Computed, body: Body) -> Any:
    """What the tool makes of the inputs in `body`; ABSENT where the table does not say."""
    found = [getter(path)(body) for path in one.inputs]
    if one.table is None:
        return found[0]
    here: Any = one.table
    for raw in found:
        here = here.get(as_key(raw), ABSENT) if isinstance(here, Mapping) else ABSENT
    return here


def as_key(raw: Any) -> str:
    """A value as the key of a table: as YAML writes it."""
    return {True: "true", False: "false"}[raw] if isinstance(raw, bool) else str(raw)


def input_states(one: Computed, body: Body) -> Iterator[dict[str, Any]]:
    """`body` with every combination that the table knows at the inputs."""
    if one.table is None:
        return
    for keys in _combinations(one.table, len(one.inputs)):
        state = deepcopy(dict(body))
        for path, key in zip(one.inputs, keys, strict=True):
            put(state, path, key)
        yield state


def inputs_for(one: Computed, wanted: Any) -> dict[str, str]:
    """Values for the inputs of which the tool makes `wanted`, by their paths; empty where there are none."""
    if one.table is None:
        return {}
    for keys in _combinations(one.table, len(one.inputs)):
        here: Any = one.table
        for key in keys:
            here = here[key]
        if here == wanted and here.__class__ is wanted.__class__:
            return {show(path): key for path, key in zip(one.inputs, keys, strict=True)}
    return {}


def _combinations(table: Mapping[str, Any], depth: int) -> Iterator[tuple[str, ...]]:
    if depth == 0:
        yield ()
        return
    for key, inner in table.items():
        for rest in _combinations(inner, depth - 1):
            yield (key, *rest)
