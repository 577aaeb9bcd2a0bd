"""Reads what a mapping says of webhooks, and reports what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from tieline.core.deliveries import BODY, ENVELOPE, Algorithm, Deliveries, Encoding, Form, Signature, Spot
from tieline.core.model import ABSENT
from tieline.core.yaml import Node
from tieline.mappings.paths import Path, getter, parse_path, show
from tieline.mappings.shape import Shape
from tieline.mappings.tree import entries, listed, plain, word

ALL: Final = Spot("*", lambda body: body, ((),))
"""The whole delivery."""

_NAMED: Final = re.compile(r"(\{[A-Za-z0-9-]+\})")
_HEADER: Final = re.compile(r"[A-Za-z0-9-]+")


def deliveries_of(node: Node | None, shape: Shape, read: Iterable[Path] = ()) -> Deliveries | None:
    """What `deliveries` says; None where there is none. `read` are the places that fields are read from."""
    if node is None:
        return None
    keys = entries(node)
    signature, once_header = _signature(keys.get("signature"), shape), _header(keys, "once_header", shape)
    if signature is not None and once_header and f"{{{once_header}}}" not in signature.signs:
        what = "the header that no two deliveries share is not signed, so that a replay could come with another."
        fix = "write it into `signs` in braces where its sender signs it, or name places by `once`."
        shape.report(keys["once_header"], "MAP003", what, fix, at_key=True)
    found = Deliveries(
        episode=tuple(_episode(keys["episode"], shape)),
        form=Form(word(keys["form"])) if "form" in keys else Form.JSON,
        alerts=_first(keys.get("alerts"), shape),
        once=tuple(ALL if word(one) == ALL.path else _spot(one, shape) for one in listed(keys.get("once"))),
        once_header=once_header,
        leaves_out=tuple(_left_out(keys.get("leaves_out"), shape)),
        labels=tuple(_labels(keys.get("labels"), shape)),
        key=_first(keys.get("key"), shape),
        url=_first(keys.get("url"), shape),
        signature=signature,
    )
    return replace(found, around=_around([*read, *_looked_at(found)]))


def _looked_at(says: Deliveries) -> Iterator[Path]:
    """The places that are looked at in each alert."""
    spots = [*says.episode, *(spot for spot, _values in says.leaves_out), *(spot for _label, spot in says.labels)]
    for spot in (*spots, says.key, says.url):
        yield from spot.members if spot is not None else ()


def _around(places: Iterable[Path]) -> frozenset[str] | None:
    """The members of the envelope among these places; None for all of it."""
    inside = [place[1:2] for place in places if place[0] == ENVELOPE]
    names = frozenset(str(name) for step in inside for name in step)
    return None if () in inside else names


def _episode(node: Node, shape: Shape) -> Iterator[Spot]:
    kinds = [(kind, _first(places, shape)) for kind, places in entries(node).items()]
    if not kinds:
        yield from (_spot(one, shape) for one in listed(node))
        return
    known = [(kind, spot) for kind, spot in kinds if spot is not None]

    def read(body: Mapping[str, Any]) -> Any:
        for kind, spot in known:
            if _holds(found := spot.read(body)):
                return f"{kind}:{found}"
        return ABSENT

    yield _either([spot for _kind, spot in known], read)


def _first(node: Node | None, shape: Shape) -> Spot | None:
    """The first of several places that holds something."""
    spots = [_spot(one, shape) for one in listed(node)]
    if len(spots) <= 1:
        return spots[0] if spots else None

    def read(body: Mapping[str, Any]) -> Any:
        return next((found for found in (spot.read(body) for spot in spots) if _holds(found)), ABSENT)

    return _either(spots, read)


def _either(spots: list[Spot], read: Callable[[Mapping[str, Any]], Any]) -> Spot:
    members = tuple(place for spot in spots for place in spot.members)
    return Spot(" or ".join(spot.path for spot in spots), read, members)


def _holds(found: Any) -> bool:
    return isinstance(found, str | int | float) and not isinstance(found, bool) and found != ""


def _header(keys: dict[str, Node], key: str, shape: Shape) -> str:
    """The name of a header in lower case; "" where none is said."""
    if key not in keys:
        return ""
    name = word(keys[key])
    if not _HEADER.fullmatch(name):
        shape.report(keys[key], "MAP002", f"`{name}` is no name of a header.", "write it alone: X-Hub-Signature-256.")
    return name.lower()


def _spot(node: Node, shape: Shape, text: str = "") -> Spot:
    try:
        path = parse_path(text or word(node))
    except ValueError as wrong:
        shape.report(node, "MAP009", f"{wrong}.", "write names with dots between them.", at_key=bool(text))
        path = ("?",)
    return Spot(show(path), getter(path), (path,))


def _left_out(node: Node | None, shape: Shape) -> Iterator[tuple[Spot, tuple[Any, ...]]]:
    for path, values in entries(node).items():
        yield _spot(values, shape, path), tuple(one.plain() for one in listed(values))


def _labels(node: Node | None, shape: Shape) -> Iterator[tuple[str, Spot]]:
    for name, places in entries(node).items():
        spot = _first(places, shape)
        if spot is not None:
            yield name, spot


def _signature(node: Node | None, shape: Shape) -> Signature | None:
    if node is None:
        return None
    keys = entries(node)
    return Signature(
        header=_header(keys, "header", shape),
        signs=_signed(keys, shape),
        algorithm=Algorithm(word(keys["algorithm"])) if "algorithm" in keys else Algorithm.SHA256,
        encoding=Encoding(word(keys["encoding"])) if "encoding" in keys else Encoding.HEX,
        prefix=plain(keys, "prefix") or "",
        separator=plain(keys, "separator") or ",",
        timestamp=_header(keys, "timestamp", shape),
        timestamp_prefix=plain(keys, "timestamp_prefix") or "",
    )


def _signed(keys: dict[str, Node], shape: Shape) -> tuple[str, ...]:
    """The parts of what is signed. A time that is not among them proves nothing: whoever replays sends another."""
    text = word(keys["signs"]) if "signs" in keys else f"{{{BODY}}}"
    parts = tuple(part.lower() if _NAMED.fullmatch(part) else part for part in _NAMED.split(text) if part)
    timed = "{timestamp}" in parts
    if f"{{{BODY}}}" not in parts:
        what = "what is signed leaves the body out, so that anybody could change it."
        shape.report(keys["signs"], "MAP003", what, "write `{body}` where the body stands in it.")
    if "timestamp" in keys and not timed:
        what = "the time of signing is not signed, so that anybody could set it anew."
        fix = "write `{timestamp}` into `signs` where it stands, or take `timestamp` out."
        shape.report(keys["timestamp"], "MAP003", what, fix, at_key=True)
    if timed and "timestamp" not in keys:
        what = "`{timestamp}` is signed, and nothing says where it stands."
        shape.report(keys["signs"], "MAP003", what, "add `timestamp:` with the name of its header.")
    if "timestamp_prefix" in keys and "timestamp" not in keys:
        what = "`timestamp_prefix` says what stands before a time, and `timestamp` does not say where that is."
        shape.report(keys["timestamp_prefix"], "MAP003", what, "add `timestamp:`, or take it out.", at_key=True)
    return parts
