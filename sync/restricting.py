"""Restricting an incident: from then on it is there only for those who may read what is restricted.

Meanwhile it is called by a label of its own, which is drawn and not counted, so that whoever knows one label learns of
no other. It stays in step with the tools that it is in: who reads it there is for those tools to say.
"""

from __future__ import annotations

import random
from typing import Final

from sqlalchemy import bindparam, select, update

from tieline.core.events import Restricted, Unrestricted
from tieline.core.identity import Someone
from tieline.core.journal import Entry
from tieline.core.model import IncidentId
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction
from tieline.sync import loading
from tieline.sync.engine import Engine

PREFIX: Final = "RES-"
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so that no label is a word, and no digits, so that none looks like a number."""
_LENGTH: Final = 6

_STATE = select(t.incident.c.restricted).where(t.incident.c.id == bindparam("incident"))
_SET = update(t.incident).where(t.incident.c.id == bindparam("row_id"))
_TAKEN = select(t.incident.c.id).where(t.incident.c.label == bindparam("said"))


def restrict(tx: Transaction, engine: Engine, incident: IncidentId, reason: str, *, actor: Someone) -> str:
    """Restrict an incident. Answers its label. Raises LookupError, and ValueError for one that is restricted."""
    _lock(tx, incident)
    if is_restricted(tx, incident):
        raise ValueError("it is restricted already")
    label = _label(tx, engine.random)
    # Not by the engine: what plugins are told of ends in figures that everybody reads.
    happened = Restricted(reason=reason, label=label)
    tx.journal(Entry(engine.clock.now(), happened.KIND, incident, None, actor, "", happened.facts()))
    tx.execute(_SET, {"row_id": incident, "restricted": True, "label": label})
    return label


def unrestrict(tx: Transaction, engine: Engine, incident: IncidentId, reason: str, *, actor: Someone) -> None:
    """Have an incident be there for everybody again, under its number. Raises LookupError, and ValueError for one that
    is not restricted."""
    _lock(tx, incident)
    if not is_restricted(tx, incident):
        raise ValueError("it is not restricted")
    happened = Unrestricted(reason=reason)
    tx.journal(Entry(engine.clock.now(), happened.KIND, incident, None, actor, "", happened.facts()))
    tx.execute(_SET, {"row_id": incident, "restricted": False, "label": ""})


def is_restricted(seen_in: Connection | Transaction, incident: IncidentId) -> bool:
    """Whether it is restricted now."""
    return bool(seen_in.execute(_STATE, {"incident": incident}).scalar())


def _lock(tx: Transaction, incident: IncidentId) -> None:
    if loading.load_incident(tx, incident, lock=True) is None:
        raise LookupError(f"there is no incident {incident}; `tieline incidents` lists those that exist")


def _label(tx: Transaction, dice: random.Random) -> str:
    while True:
        label = PREFIX + "".join(dice.choices(_LETTERS, k=_LENGTH))
        if tx.execute(_TAKEN, {"said": label}).first() is None:
            return label
