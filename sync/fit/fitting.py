"""The mapping of a connection, fitted to its tool, and kept so: what the tool tells of its fields is asked anew as it
gets old or is contradicted, and what was held is tried again when it changes, or after a while.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import bindparam, select, text

from tieline.core import journal
from tieline.core.errors import RemoteError
from tieline.core.events import Parked, Resumed
from tieline.core.port import Describer, FieldFact, Power
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction
from tieline.mappings import Fitted, fit
from tieline.sync import loading
from tieline.sync.engine import EVERYONE, Connected, Engine
from tieline.sync.fit import unfit
from tieline.sync.outcomes import Verb
from tieline.sync.records import Held, Incident, Replica, ReplicaState
from tieline.sync.road import commit, copy_states

OLD: Final = timedelta(minutes=15)
"""After which a tool is asked again what fields it has: an admin adds a priority, or takes a field off a screen."""

SLOWLY: Final = timedelta(hours=6)
"""How often a held field is tried by itself, whatever the tool says of it."""

_HELD = select(t.replica.c.id).where(t.replica.c.connection == bindparam("connection"), loading.WAITS_FOR_A_PERSON)
_PARKED = select(t.replica.c.id).where(t.replica.c.connection == bindparam("connection"), text("state = 'parked'"))
_WHY = (
    select(*journal.TOLD)
    .join(t.journal, t.journal.c.seq == t.journal_payload.c.seq)
    .where(
        t.journal.c.incident_id == bindparam("incident"),
        t.journal.c.connection == bindparam("connection"),
        t.journal.c.kind == Parked.KIND,
        t.journal.c.reason == bindparam("reason"),
    )
    .order_by(t.journal.c.seq.desc())
    .limit(1)
)
_log = structlog.get_logger("tieline.fitting")


def ask(here: Connected, now: float) -> Mapping[str, FieldFact] | None:
    """Ask the tool for its schema and fit the mapping to it; None for a tool that tells none. Raises RemoteError."""
    source = here.source
    if not (isinstance(source, Describer) and here.can(Power.DESCRIBE)):
        return None
    facts = here.ask(Verb.DESCRIBE, source.describe)
    if facts != here.facts:
        here.fitted = fit(here.whole, facts)
        here.mapping = here.fitted.mapping
    here.facts, here.facts_at, here.facts_in_doubt = facts, now, False
    return facts


def found(here: Connected) -> Fitted:
    """What was found when the tool was asked last."""
    return here.fitted or Fitted(here.mapping)


def keep(engine: Engine, here: Connected) -> None:
    """Ask anew where it is time, and try again what was held. Never raises what the tool did wrong: the mapping stays
    as it was fitted last."""
    now = engine.clock.monotonic()
    before = here.facts
    if here.facts_at is not None and (here.facts_in_doubt or now - here.facts_at >= OLD.total_seconds()):
        try:
            ask(here, now)
        except RemoteError as error:
            here.facts_at, here.facts_in_doubt = now, False
            _log.warning("schema_unknown", connection=here.name, reason=str(error))
    if here.tried_anew_at is None or before != here.facts:
        resume(engine, here)
    slowly = here.tried_anew_at is None or now - here.tried_anew_at >= SLOWLY.total_seconds()
    if slowly:
        here.tried_anew_at = now
    if slowly or before != here.facts:
        try_anew(engine, here)


def try_anew(engine: Engine, here: Connected) -> None:
    """Have every held field that the tool could not be told written once more, where its facts say nothing against."""
    with engine.store.read() as connection:
        held = list(connection.execute(_HELD, {"connection": here.name}).scalars())
    for number in held:
        with engine.store.write() as tx:
            copy = loading.lock_replica(tx, number)
            if copy is not None:
                _try_anew(tx, engine, here, copy)


def resume(engine: Engine, here: Connected) -> None:
    """Have copies that were put aside as unfit written once more: the fields there, or the mapping, may be others now.
    What was put aside for anything else waits for a person."""
    with engine.store.read() as connection:
        aside = list(connection.execute(_PARKED, {"connection": here.name}).scalars())
        found = [loading.load_replica(connection, number) for number in aside]
        unfit_ones = [one for one in found if one is not None and _is_unfit(connection, one)]
    for one in unfit_ones:
        with engine.store.write() as tx:
            copy = loading.lock_replica(tx, one.id)
            if copy is not None and (copy.state, copy.parked) == (ReplicaState.PARKED, one.parked):
                _resume(tx, engine, here, copy)


def _is_unfit(connection: Connection, copy: Replica) -> bool:
    facts = {"incident": copy.incident, "connection": copy.connection, "reason": copy_states.UNFIT}
    told = journal.facts(connection, connection.execute(_WHY, facts).first())
    return told is not None and str(told.get("sentence"))[:2000] == copy.parked


def _resume(tx: Transaction, engine: Engine, here: Connected, copy: Replica) -> None:
    now = engine.clock.now()
    sentence = f"{here.name} or its mapping may know its fields otherwise by now: what was refused is tried once more"
    engine.record(tx, Resumed(sentence=sentence), incident=copy.incident, connection=here.name)
    back = replace(copy, state=commit.resumed(copy), parked="", dirty=True, dirty_since=now, attempts=0, next_at=None)
    loading.save_replica(tx, replace(back, holds=unfit.tried_anew(copy)))
    engine.rouse(tx, here.name)


def _unsayable(here: Connected, copy: Replica, incident: Incident, names: AbstractSet[str]) -> set[str]:
    """Those of these fields that need not be tried: the mapping says so already, or what the tool told of them."""
    fields = {name: incident.fields[name] for name in names if name in incident.fields}
    kept = copy.originals or {}
    said = here.mapping.denormalize(fields, incident.fields, EVERYONE, originals=kept, present={})
    return {*here.mapping.refusals(fields, EVERYONE), *(one.field for one in said.left_out), *(names - fields.keys())}


def _try_anew(tx: Transaction, engine: Engine, here: Connected, copy: Replica) -> None:
    incident = loading.load_incident(tx, copy.incident)
    if incident is None:
        return
    waiting = {name for name, hold in copy.holds.items() if hold.kind is Held.UNWRITABLE and not hold.again}
    fields = {name: incident.fields[name] for name in waiting - _unsayable(here, copy, incident, waiting)}
    holds = {name: replace(copy.holds[name], again=True) for name in sorted(fields)}
    if not holds:
        return
    marked = commit.mark(replace(copy, holds={**copy.holds, **holds}), incident, here, engine.clock.now(), moved=False)
    unfit.tell(tx, engine, copy, marked)
    loading.save_replica(tx, marked)
    if marked.dirty:
        engine.rouse(tx, here.name)
