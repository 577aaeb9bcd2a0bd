"""What was written while a record was executed: read once it is over, before anything says that it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from tieline.core.errors import RemoteError
from tieline.core.model import is_over
from tieline.core.port import Outputs, Power
from tieline.core.redaction import longest, redacted
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

MOST_CALLS: Final = MOST // PART + 2
"""In which a runner that answers all it is asked for gives what is kept, a part more, and says that it has no more."""

LATER: Final = (
    "its runner tells another output than the one that was kept first, and that one stays; ask whoever runs it which "
    "of the two was written"
)

_log = structlog.get_logger("tieline.road")


def keep(engine: Engine, here: Connected, copy: Replica | None, sighting: Sighting) -> None:
    """Keep what an execution wrote, where it is over and that is not kept. Raises TryAgain where it cannot be had now;
    where it cannot be had at all, its item goes on without."""
    source, told = here.source, sighting.fields.get("output_sha256")
    if copy is None or not (here.can(Power.TELL_OUTPUT) and isinstance(source, Outputs)):
        return
    if not isinstance(told, str) or not is_over(here.kind.record, sighting.fields.get("status")):
        return
    with engine.store.read() as connection:
        before = outputs.kept(connection, copy.incident)
    if before is not None and before.sha != told:
        _log.warning("output_refused", connection=here.name, ref=sighting.reading.ref, reason=LATER)
        return
    if before is not None and (before.agrees or before.is_cut):
        return
    try:
        found = read(lambda start, most: here.ask(Verb.OUTPUT, source.output, sighting.reading.ref, start, most))
    except RemoteError as error:
        if outcome(error, standing_of(copy)).then is not Then.WITHOUT:
            raise
        _log.warning("output_unread", connection=here.name, ref=sighting.reading.ref, reason=str(error))
        return
    agrees = found.has_ended and hashlib.sha256(found.written).hexdigest() == told
    text, is_cut = shown(found)
    with engine.store.write() as tx:
        now = loading.lock_replica(tx, copy.id)
        if now is None or now.forgotten:
            return
        before = outputs.kept(tx, now.incident)
        if before is None or (before.sha == told and agrees and not before.agrees):
            outputs.keep(tx, now.incident, text, told, engine.clock.now(), is_cut=is_cut, agrees=agrees)


@dataclass(frozen=True, slots=True)
class Found:
    """What a runner answered. `has_ended` says that it had no more."""

    written: bytes
    has_ended: bool


def read(ask: Callable[[int, int], bytes]) -> Found:
    """An output from its beginning on: all of it, or a part more than is kept. `ask` is told from which byte on, and
    how many at most."""
    written = bytearray()
    for _ in range(MOST_CALLS):
        part = ask(len(written), PART)
        if not part:
            return Found(bytes(written), has_ended=True)
        written += part
        if len(written) >= MOST + PART:
            break
    return Found(bytes(written), has_ended=False)


def shown(found: Found) -> tuple[str, bool]:
    """What is kept of it, without the secrets that are known, and whether its end was cut off because it is long."""
    text = redacted(found.written.decode("utf-8", "replace"))
    if not found.has_ended:
        # The beginning of a secret may stand at the end, and be known as none.
        text = text[: max(0, len(text) - longest())]
    kept = text.encode()
    is_cut = len(kept) > MOST or len(found.written) > MOST
    return kept[:MOST].decode("utf-8", "ignore"), is_cut
