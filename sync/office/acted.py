"""The entry that says that somebody did what can be done, with these words."""

from __future__ import annotations

from typing import Any

from tieline.core.acts import Act
from tieline.core.arguments import Ask, person_fields
from tieline.core.events import Acted
from tieline.core.identity import Actor, Someone, called, is_id
from tieline.core.journal import Entry
from tieline.core.model import ABSENT, IncidentId
from tieline.core.store.store import Transaction
from tieline.sync.engine import Engine


def tell(tx: Transaction, engine: Engine, act: Act, ask: Ask, actor: Actor, about: IncidentId | None) -> int:
    """Journal it. Answers the entry's seq, which whatever it brings about names as its cause."""
    token = actor.token if isinstance(actor, Someone) else ""
    acted = Acted(act=act.name, ask=journalled(tx, ask), by_token=token or ABSENT)
    if act.is_told:
        return engine.record(tx, acted, incident=about, actor=actor, reason=act.name)
    return tx.journal(Entry(engine.clock.now(), acted.KIND, about, None, actor, act.name, acted.facts()))


def journalled(tx: Transaction, ask: Ask) -> dict[str, Any]:
    """What was asked, with ids in the place of persons."""
    said = ask.plain()
    named = {name: said[name] for name in person_fields(type(ask)) if said.get(name) and not is_id(said[name])}
    return {**said, **{name: tx.person(called(identity)) for name, identity in named.items()}}
