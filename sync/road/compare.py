"""Hold every copy against its incident, as the tools show them now: the look that trusts no stored state.

Change detection never notices a difference that was there before it began to look; this does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tieline.core.errors import Gone
from tieline.core.model import ConnectionName, Fields, IncidentId
from tieline.core.port import Power
from tieline.sync import explain
from tieline.sync.engine import Connected, Engine
from tieline.sync.outcomes import Verb
from tieline.sync.road.merge import ONE_WAY
from tieline.sync.road.reconcile import LATEST


@dataclass(frozen=True, slots=True)
class Compared:
    """One copy: how many fields were compared, and those that differ as (incident, tool)."""

    incident: IncidentId
    connection: ConnectionName
    key: str
    fields: int
    differ: dict[str, tuple[Any, Any]]
    missing: bool = False


def compare(engine: Engine, *, limit: int = 10_000) -> Iterator[Compared]:
    """Read every copy from its tool and compare it field by field with what it should show.

    Fields that the mapping does not write, or that a policy keeps one-way, are the tool's own and not compared.
    """
    with engine.store.read() as connection:
        found = explain.incidents(connection, limit=limit)
    for incident, copies in found:
        for copy in copies:
            here = engine.connections.get(copy.connection)
            if here is None or copy.ref is None or not here.can(Power.WRITE):
                continue
            try:
                reading = here.call(Verb.READ, here.source.read, copy.ref)
            except Gone:
                yield Compared(incident.id, here.name, copy.key, 0, {}, missing=True)
                continue
            shown = here.mapping.normalize(reading.body, reading.people).fields
            wanted = here.mapping.project(incident.fields, _people(engine, here, incident.fields))
            names = [
                name
                for name in sorted(here.mapping.writable)
                if name in wanted and name in shown and here.mapping.policies.get(name, LATEST).kind not in ONE_WAY
            ]
            differ = {name: (wanted[name], shown[name]) for name in names if wanted[name] != shown[name]}
            yield Compared(incident.id, here.name, reading.key, len(names), differ)


def _people(engine: Engine, here: Connected, fields: Fields) -> Mapping[str, str]:
    return here.ids_of(here.mapping.people_in(fields), engine.clock.monotonic())
