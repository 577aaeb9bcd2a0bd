"""Lint of where a mapping writes: no place has two owners, and none is one that the tool fills itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tieline.core.yaml import Node
from tieline.mappings.computed import behind, takes_no_word
from tieline.mappings.document import Computed, FieldRule, When
from tieline.mappings.paths import Path, overlap, parse_path, show
from tieline.mappings.shape import Shape
from tieline.mappings.tree import entries


class Place(NamedTuple):
    """A place that a field's rule writes, and the line to name."""

    path: Path
    node: Node
    constant: bool


def check_places(
    top: Mapping[str, Node], rules: Mapping[str, FieldRule], computed: tuple[Computed, ...], shape: Shape
) -> None:
    """Report every place that two fields write, that a constant rewrites, or that takes no word of ours."""
    fields = entries(top["fields"])
    places = {name: list(_places(fields[name], rule)) for name, rule in rules.items() if rule.when is not When.NEVER}
    _check_collisions(fields, places, shape)
    for name, written in places.items():
        for place in written:
            _check_constant(name, place, rules, computed, shape)
            _check_owner(name, place.path, place.node, computed, shape)
            _check_company(rules[name], place, places, computed, shape)
    for text, node in entries(top.get("create")).items():
        _check_owner("`create`", parse_path(text), node, computed, shape)


def _places(field: Node, rule: FieldRule) -> Iterator[Place]:
    keys = entries(field)
    if rule.parts:
        for parts in entries(keys["write"]).values():
            yield from (Place(parse_path(text), node, False) for text, node in entries(parts).items())
    elif rule.to is not None:
        yield Place(rule.to, keys.get("to") or keys.get("write") or keys.get("from") or field, False)
    for text, node in entries(keys.get("with")).items():
        yield Place(parse_path(text), node, True)


def _check_collisions(fields: Mapping[str, Node], places: Mapping[str, list[Place]], shape: Shape) -> None:
    """Two fields that write one place would overwrite each other for ever."""
    owners: list[tuple[Path, str]] = []
    for name, written in places.items():
        paths = sorted({place.path for place in written if not place.constant}, key=show)
        for path in paths:
            other = next((owner for owned, owner in owners if overlap(owned, path)), None)
            if other is not None:
                what = f"{name} and {other} both write {show(path)}."
                shape.report(fields[name], "MAP021", what, "let one of them `write: never`.", at_key=True)
        owners += [(path, name) for path in paths]


def _check_constant(
    name: str, place: Place, rules: Mapping[str, FieldRule], computed: tuple[Computed, ...], shape: Shape
) -> None:
    """A write that changes another field changes what nobody asked for; what the tool computes of it is its own."""
    own = rules[name]
    if place.constant and own.to is not None and overlap(place.path, own.to):
        what = f"{name} writes {show(place.path)} twice, as its value and as a constant."
        shape.report(place.node, "MAP024", what, "take the constant out.", at_key=True)
        return
    made_of = {path for read in own.read if (entry := behind(read, computed)) for path in entry.inputs}
    if not place.constant and (not own.parts or place.path in {*own.read, *made_of}):
        return
    for other, rule in rules.items():
        if other != name and any(overlap(place.path, path) for path in _stands_at(rule)):
            what = f"writing {name} would also change {other}, which stands at {show(place.path)}."
            shape.report(place.node, "MAP024", what, "write a place where no field stands.", at_key=True)
            return


def _stands_at(rule: FieldRule) -> Iterator[Path]:
    yield from rule.read
    if rule.to is not None:
        yield rule.to
    yield from (path for path, _ in rule.only_when)


def _check_owner(name: str, path: Path, node: Node, computed: tuple[Computed, ...], shape: Shape) -> None:
    owner = takes_no_word(path, computed)
    if owner is None:
        return
    made = f"makes of {' and '.join(map(show, owner.inputs))}" if owner.inputs else "fills by itself"
    fix = f"write {' and '.join(map(show, owner.inputs))} instead, or" if owner.inputs else "say"
    shape.report(
        node,
        "MAP023",
        f"{name} is written at {show(path)}, which the tool {made}: what we write there is lost.",
        f"{fix} `write: never`; if this tool does take it, take {show(owner.path)} out of `computed`.",
        at_key=True,
    )


def _check_company(
    rule: FieldRule, place: Place, places: Mapping[str, list[Place]], computed: tuple[Computed, ...], shape: Shape
) -> None:
    """A place that is taken only beside another is written by that other's company, or by the same rule."""
    for one in computed:
        if one.only_beside is None or not overlap(one.path, place.path) or rule.when is When.NEEDED:
            continue
        beside = one.only_beside
        if not any(overlap(other.path, beside) for other in places[rule.name]):
            what = f"{rule.name} is written alone, and the tool takes {show(place.path)} only beside {show(beside)}."
            fix = f"say `write: needed`, and let the field that writes {show(beside)} need or take it."
            shape.report(place.node, "MAP023", what, fix, at_key=True)
