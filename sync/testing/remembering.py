"""What was ever recorded is read for ever: each version of each kind is kept in a file beside the author's test."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from pydantic import ValidationError

from tieline.core.events import CAUSE, VERSION, today
from tieline.core.plugin_events import PluginEvent
from tieline.sync.testing import story
from tieline.sync.testing.acting import fail_for
from tieline.sync.testing.ground import Ground

WRITE: Final = "TIELINE_EVENTS"
"""TIELINE_EVENTS=write adds what is new to the file, and never changes what is there."""

Kept = dict[str, dict[str, dict[str, Any]]]
"""Kind -> version -> the types of its facts, and an entry of it."""


class RememberingContract:
    """Events of every version."""

    journals: ClassVar[Path | None] = None
    """Where they are kept; beside the test, as GROUP.events.json, without this."""

    def test_what_was_ever_recorded_is_read(self, ground: Ground) -> None:
        story.tell(ground)
        beside = Path(inspect.getfile(type(self))).with_name(f"{ground.offer.group}.events.json")
        file = self.journals or beside
        kept: Kept = json.loads(file.read_text("utf-8")) if file.exists() else {}
        if os.environ.get(WRITE) == "write":
            kept = with_new(kept, ground)
            file.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", "utf-8")
        fail_for(unread(kept, ground, file))


def shape(kind: type[PluginEvent]) -> dict[str, Any]:
    """The types of its facts."""
    facts = kind.model_json_schema(mode="serialization").get("properties", {})
    return {name: {word: part for word, part in one.items() if word not in _WORDS} for name, one in facts.items()}


_WORDS: Final = frozenset({"title", "description", "examples"})
"""What is said of a fact, and may be said better."""


def version(kind: type[PluginEvent]) -> str:
    """Its version today."""
    return str(len(kind.UPCASTS) + 1)


def with_new(kept: Kept, ground: Ground) -> Kept:
    """The same, and the versions that are new."""
    samples: dict[str, Mapping[str, Any]] = {entry.kind: entry.facts for entry in reversed(ground.told())}
    found = {kind: dict(versions) for kind, versions in kept.items()}
    for kind in ground.offer.events:
        if kind.KIND in samples:
            facts = {name: value for name, value in samples[kind.KIND].items() if name != CAUSE}
            found.setdefault(kind.KIND, {}).setdefault(version(kind), {"facts": facts, "types": shape(kind)})
    return found


def unread(kept: Kept, ground: Ground, file: Path) -> Iterator[str]:
    """Sentences: what of it is not read any more, or not kept yet."""
    offered = {kind.KIND: kind for kind in ground.offer.events}
    for name, kind in offered.items():
        versions = kept.get(name, {})
        if version(kind) not in versions:
            yield f"{name} of version {version(kind)} is not in {file.name}; write it there with {WRITE}=write"
        elif versions[version(kind)]["types"] != shape(kind):
            yield f"{name} has other facts than journals hold; give it an upcast, which is its next version"
    for name, versions in kept.items():
        if name not in offered:
            yield f"{name} was recorded once, and is offered no more; journals hold it for ever"
            continue
        for number, one in versions.items():
            facts = one["facts"] if number == "1" else {**one["facts"], VERSION: int(number)}
            try:
                offered[name].from_facts(today(name, facts))
            except (ValidationError, LookupError, TypeError, ValueError) as error:
                yield f"{name} of version {number} is not read any more: {error}"
