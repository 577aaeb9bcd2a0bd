"""Places where everybody reads what a plugin's items say: one in memory for each kind of which something is for people
outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from tieline import mappings
from tieline.core.model import CATALOGUE, OWN_CATALOGUE, Audience, RecordKind
from tieline.core.offer import Offer
from tieline.core.port import AdapterKind, Power
from tieline.core.yaml import load_yaml
from tieline.mappings import Mapping
from tieline.mappings.loading import prove

_BEFORE: Final = "outside-"


def kinds(make: Callable[[], Offer] | None) -> list[str]:
    """The kinds of item that a plugin's acts open, and of which something is for people outside."""
    if make is None:
        return []
    offer = make()
    catalogues = {**OWN_CATALOGUE, **{kind.record: kind.catalogue for kind in offer.kinds}}
    opened = sorted({act.opens for act in offer.acts} & {kind.value for kind in catalogues})
    return [kind for kind in opened if any(spec.audience.is_outside for spec in catalogues[RecordKind(kind)].values())]


def called(kind: str) -> str:
    """The connection where items of a kind are read, its tool and its mapping."""
    return f"{_BEFORE}{kind}"


def place_of(tool: AdapterKind, kind: str) -> AdapterKind:
    """The tool in memory, as one where everybody reads items of a kind."""
    record, connect = RecordKind(kind), tool.connect
    holding: Any = partial(connect, record=record)  # type: ignore[call-arg]  # what the tool in memory may be told
    return replace(
        tool,
        tool=called(kind),
        record=record,
        connect=holding,
        powers=frozenset({Power.WRITE, Power.FIND, Power.WRITE_IF_UNCHANGED}),
        mapping=called(kind),
        readers=Audience.PUBLIC,
    )


def mapping(source: str | Path, overlay: Path | None) -> Mapping:
    """The mapping of such a place, in the canonical words; any other one as it is shipped."""
    kind = str(source).removeprefix(_BEFORE)
    return mappings.load(source, overlay) if kind == str(source) else _whole(RecordKind(kind))


@cache
def _whole(kind: RecordKind) -> Mapping:
    names = [spec.name for spec in CATALOGUE[kind].values() if spec.audience.is_outside]
    text = f"tool: memory\nrecord: {kind.value}\ntext: markdown\nfields:\n"
    return prove(load_yaml(text + "".join(f"  {name}: {{from: {name}}}\n" for name in names), kind.value), kind.value)
