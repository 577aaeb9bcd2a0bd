"""Restricting an incident: from then on it is there only for those who may read what is restricted.

Meanwhile it is called by a label of its own, which is drawn and not counted, so that whoever knows one label learns of
no other. It stays in step with the tools that it is in: who reads it there is for those tools to say.
"""

from __future__ import annotations

import random
from typing import Final

from sqlalchemy import bindparam, select, update

from tieline.core.events import Restricted, Unrestricted
from tieline.core.identity import Actor
from tieline.core.journal import Entry
from tieline.core.model import IncidentId
from tieline.core.store import parts
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction
from tieline.sync import loading
from tieline.sync.engine import Engine

PREFIX: Final = "RES-"
WITH_ITS_WHOLE: Final = "what it is a part of was"
"""Why a part is restricted, or is so no more."""

PART: Final = "it is a part of what is restricted; that is to be there for everybody first"
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so that no label is a word, and no digits, so that none looks like a number."""
_LENGTH: Final = 6

_STATE = select(t.incident.c.restricted).where(t.incident.c.id == bindparam("incident"))
_CALLED = select(t.incident.c.label).where(t.incident.c.id == bindparam("incident"))
_SET = update(t.incident).where(t.incident.c.id == bindparam("row_id"))
_TAKEN = select(t.incident.c.id).where(t.incident.c.label == bindparam("said"))


def restrict(tx: Transaction, engine: Engine, incident: IncidentId, reason: str, *, actor: Actor) -> str:
    """Restrict an incident and its parts. Answers its label. Raises LookupError, and ValueError for one that is
    restricted."""
    _lock(tx, incident)
    if is_restricted(tx, incident):
        raise ValueError("it is restricted already")
    label = _restrict(tx, engine, incident, reason, actor)
    for part in _parts(tx, incident, restricted=False):
        _restrict(tx, engine, part, WITH_ITS_WHOLE, actor)
    return label


def unrestrict(tx: Transaction, engine: Engine, incident: IncidentId, reason: str, *, actor: Actor) -> None:
    """Have an incident be there for everybody again with its parts, under its number. Raises LookupError, and
    ValueError for one that is not restricted, or is a part of one that is."""
    _lock(tx, incident)
    if not is_restricted(tx, incident):
        raise ValueError("it is not restricted")
    if is_part_of_restricted(tx, incident):
        raise ValueError(PART)
    _unrestrict(tx, engine, incident, reason, actor)
    for part in _parts(tx, incident, restricted=True):
        _unrestrict(tx, engine, part, WITH_ITS_WHOLE, actor)


def is_part_of_restricted(seen_in: Connection | Transaction, incident: IncidentId) -> bool:
    """Whether it is restricted because it is a part of what is."""
    whole = parts.wholes(seen_in, [incident]).get(incident)
    return whole is not None and is_restricted(seen_in, IncidentId(whole))


def _parts(tx: Transaction, whole: IncidentId, *, restricted: bool) -> list[IncidentId]:
    found = [IncidentId(one) for one in parts.with_parts(tx, [whole]) if one != whole]
    for part in found:
        _lock(tx, part)
    return [part for part in found if is_restricted(tx, part) == restricted]


def _restrict(tx: Transaction, engine: Engine, incident: IncidentId, reason: str, actor: Actor) -> str:
    label = _label(tx, engine.random)
    # Not by the engine: what plugins are told of ends in figures that everybody reads.
    happened = Restricted(reason=reason, label=label)
    tx.journal(Entry(engine.clock.now(), happened.KIND, incident, None, actor, "", happened.facts()))
    tx.execute(_SET, {"row_id": incident, "restricted": True, "label": label})
    return label


def _unrestrict(tx: Transaction, engine: Engine, incident: IncidentId, reason: str, actor: Actor) -> None:
    happened = Unrestricted(reason=reason)
    tx.journal(Entry(engine.clock.now(), happened.KIND, incident, None, actor, "", happened.facts()))
    tx.execute(_SET, {"row_id": incident, "restricted": False, "label": ""})


def is_restricted(seen_in: Connection | Transaction, incident: IncidentId) -> bool:
    """Whether it is restricted now."""
    return bool(seen_in.execute(_STATE, {"incident": incident}).scalar())


def label_of(seen_in: Connection | Transaction, incident: IncidentId) -> str:
    """What it is called while it is restricted; "" while it is not."""
    return str(seen_in.execute(_CALLED, {"incident": incident}).scalar() or "")


def _lock(tx: Transaction, incident: IncidentId) -> None:
    if loading.load_incident(tx, incident, lock=True) is None:
        raise LookupError(f"there is no incident {incident}; `tieline incidents` lists those that exist")


def _label(tx: Transaction, dice: random.Random) -> str:
    while True:
        label = PREFIX + "".join(dice.choices(_LETTERS, k=_LENGTH))
        if tx.execute(_TAKEN, {"said": label}).first() is None:
            return label
