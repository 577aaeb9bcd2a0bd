"""What was written while a record was executed: read once it is over, before anything says that it is."""

from __future__ import annotations

import hashlib
from typing import Final

import structlog

from tieline.core.errors import RemoteError
from tieline.core.model import is_over
from tieline.core.port import Outputs, Power, Ref
from tieline.core.redaction import redacted
from tieline.core.store import outputs
from tieline.sync import loading
from tieline.sync.engine import Connected, Engine
from tieline.sync.outcomes import Then, Verb, outcome, standing_of
from tieline.sync.records import Replica
from tieline.sync.road.reconcile import Sighting

MOST: Final = 4 * 1024 * 1024
"""Bytes of an output that are kept, from its beginning on. Its end stands in the item."""

PART: Final = 256 * 1024
"""Bytes that are asked for at once."""

_log = structlog.get_logger("tieline.road")


def keep(engine: Engine, here: Connected, copy: Replica | None, sighting: Sighting) -> None:
    """Keep what an execution wrote, where it is over and that is not kept. Raises TryAgain where it cannot be had now;
    where it cannot be had at all, its item goes on without."""
    source, told = here.source, sighting.fields.get("output_sha256")
    if copy is None or not (isinstance(source, Outputs) and here.can(Power.TELL_OUTPUT)):
        return
    if not isinstance(told, str) or not is_over(here.kind.record, sighting.fields.get("status")):
        return
    with engine.store.read() as connection:
        before = outputs.kept(connection, copy.incident)
    if before is not None and before.sha == told:
        return
    try:
        written = _read(here, source, sighting.reading.ref)
    except RemoteError as error:
        if outcome(error, standing_of(copy)).then is not Then.WITHOUT:
            raise
        _log.warning("output_unread", connection=here.name, ref=sighting.reading.ref, reason=str(error))
        return
    is_whole = len(written) <= MOST and hashlib.sha256(written).hexdigest() == told
    text = redacted(written[:MOST].decode("utf-8", "replace"))
    with engine.store.write() as tx:
        now = loading.lock_replica(tx, copy.id)
        if now is not None and not now.forgotten:
            outputs.keep(tx, now.incident, text, told, engine.clock.now(), is_whole=is_whole)


def _read(here: Connected, source: Outputs, ref: Ref) -> bytes:
    """All of it, or more than is kept."""
    written = bytearray()
    while len(written) <= MOST:
        part = here.ask(Verb.OUTPUT, source.output, ref, len(written), PART)
        if not part:
            break
        written += part
    return bytes(written)
