"""What may be shown outside: an item stands where others read it in the bytes that somebody approved, and in no others.

Asked right before anything is sent, in the transaction that says that it will be, whoever changed the item and by
whatever way: what is restricted, what is labelled for few, what was halted and what nobody approved stays here.
Of what is for few by now, and while all is halted, one thing may still be told where it stands: that it is withdrawn,
in words that are fixed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import bindparam, delete, exists, insert, select

from tieline.core.errors import Rejected
from tieline.core.model import (
    CATALOGUE,
    Fields,
    FieldType,
    IncidentId,
    RecordKind,
    Tlp,
    parse_item_number,
    shown_to,
)
from tieline.core.port import Body, Power
from tieline.core.store import tables as t
from tieline.core.store.chain import canonical
from tieline.core.store.store import Connection, Transaction
from tieline.core.values import parse_reference
from tieline.sync import loading
from tieline.sync.engine import Connected, Engine
from tieline.sync.records import Incident

OUTSIDE: Final = "outside"
"""What is halted: all that leaves for where others read it."""

WIDEST: Final = Tlp.GREEN
"""What is labelled higher is for few (TLP 2.0), whatever a connection may hold."""

AT_ONCE: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Since when something is shown that waits for no time: whatever the clock is set to, that time has come."""

_NOTHING: Final[Body] = MappingProxyType({})
_RELEASE: Final = insert(t.release)
_IN_FORCE: Final = (
    select(t.release.c.sha)
    .where(
        t.release.c.incident_id == bindparam("item"),
        t.release.c.connection == bindparam("connection_name"),
        t.release.c.since <= bindparam("now", type_=t.release.c.since.type),
    )
    .order_by(t.release.c.entry.desc())
    .limit(1)
)
_FOR_LATER: Final = delete(t.release).where(
    t.release.c.incident_id == bindparam("item"),
    t.release.c.since > bindparam("now", type_=t.release.c.since.type),
)
_HALTED: Final = select(exists().where(t.halt.c.what == OUTSIDE))


def places(engine: Engine, kind: RecordKind) -> list[Connected]:
    """Where items of a kind are shown to others, by name."""
    return [
        one
        for _name, one in sorted(engine.connections.items())
        if one.kind.record == kind and one.kind.readers.is_outside and one.can(Power.WRITE)
    ]


def rendered(here: Connected, fields: Fields) -> Body:
    """All that would stand there of these fields. Raises ValueError for what cannot."""
    shown = shown_to(here.kind.readers, fields, here.kind.record)
    made = here.whole.denormalize(shown, shown, creating=True)
    for left in made.left_out:
        raise ValueError(f"{here.name} cannot be told: {left.sentence}")
    return made.body


def sha(body: Body) -> str:
    """Another one as soon as anything of it is."""
    return hashlib.sha256(canonical(dict(body))).hexdigest()


def withdrawal(engine: Engine, kind: RecordKind, fields: Fields) -> Fields:
    """What these fields say that an item of this kind says which is withdrawn, in words that a plugin fixed before any
    was there; nothing where they say something else."""
    declared = (offer.withdrawn.get(kind.value, {}) for offer in engine.registry.offers.by_group.values())
    return next((one for one in declared if one and all(fields.get(name) == one[name] for name in one)), {})


def _is_withdrawal(engine: Engine, here: Connected, item: Incident, sent: Body) -> bool:
    """Whether nothing is sent but the fixed words, whatever else it is that the item says: nobody learns more of it."""
    fixed = withdrawal(engine, item.kind, item.fields)
    try:
        return bool(fixed) and _is_part(sent, rendered(here, fixed))
    except ValueError:
        return False


def refusal(
    seen_in: Connection | Transaction,
    engine: Engine,
    here: Connected,
    item: Incident,
    now: datetime,
    sent: Body = _NOTHING,
) -> str:
    """Why an item may not be shown in this connection, for a person; "" where it may, and where nobody outside reads
    it. `sent` is what is about to be."""
    if not here.kind.readers.is_outside:
        return ""
    why = for_few(seen_in, item.id)
    stopped = is_halted(seen_in)
    if (why or stopped) and not _is_withdrawal(engine, here, item, sent):
        if why:
            return f"{item.number} {why}, and nothing of that is shown in {here.name}, which is read outside"
        return f"{item.number} is not shown in {here.name}: all that is read outside was stopped"
    approved = seen_in.execute(_IN_FORCE, {"item": item.id, "connection_name": here.name, "now": now}).scalar()
    try:
        whole = rendered(here, item.fields)
    except ValueError as error:
        return f"{item.number}: {error}"
    if approved != sha(whole) or not _is_part(sent, whole):
        return f"{item.number} is not shown in {here.name} as it is now: nobody has approved these words for that"
    return ""


def for_few(seen_in: Connection | Transaction, item: IncidentId) -> str:
    """Why an item, or what it is about, is for few as things are: the rest of a sentence; "" where it is not."""
    found = loading.load_incident(seen_in, item)
    if found is None:
        return "is not there any more"
    if found.restricted:
        return "is restricted"
    label = found.fields.get("tlp")
    if label is not None and Tlp(str(label)).rank > WIDEST.rank:
        return f"is TLP:{str(label).upper()}"
    whys = (for_few(seen_in, other) for other in _about(found))
    return next((f"is about what {why}" for why in whys if why), "")


def _about(item: Incident) -> Iterator[IncidentId]:
    for name, spec in CATALOGUE.get(item.kind, {}).items():
        value = item.fields.get(name)
        if spec.type is FieldType.REFERENCE and isinstance(value, str):
            named = parse_reference(value)
            if not named.connection:
                _kind, number = parse_item_number(named.ref)
                if number < item.id:  # an item is about what was there before it, and never about itself
                    yield number


def _is_part(some: Any, whole: Any) -> bool:
    if isinstance(some, Mapping) and isinstance(whole, Mapping):
        return all(_is_part(value, whole.get(name)) for name, value in some.items())
    return bool(some == whole)


def refuse(tx: Transaction, engine: Engine, here: Connected, item: Incident, sent: Body) -> None:
    """Raises Rejected for what may not be sent."""
    why = refusal(tx, engine, here, item, engine.clock.now(), sent)
    if why:
        raise Rejected(here.name, why)


# -- approved, and stopped ---------------------------------------------------------------------------------------------


def release(tx: Transaction, item: IncidentId, here: Connected, sha: str, since: datetime, entry: int) -> None:
    """Have an item be shown there in these bytes, from then on."""
    row = {"incident_id": item, "connection": here.name, "entry": entry, "since": since, "sha": sha}
    tx.execute(_RELEASE, row)


def take_back(tx: Transaction, item: IncidentId, now: datetime) -> None:
    """Have nothing be approved that was to be shown later."""
    tx.execute(_FOR_LATER, {"item": item, "now": now})


def is_halted(seen_in: Connection | Transaction) -> bool:
    """Whether nothing leaves for others to read."""
    return bool(seen_in.execute(_HALTED).scalar())


def halt(tx: Transaction, now: datetime) -> None:
    """Have nothing leave any more."""
    if not is_halted(tx):
        tx.execute(insert(t.halt).values(what=OUTSIDE, since=now))


def parked(tx: Transaction, engine: Engine) -> list[int]:
    """The copies, where others read them, that are put aside."""
    outside = [one.name for one in engine.connections.values() if one.kind.readers.is_outside]
    found = select(t.replica.c.id).where(t.replica.c.state == "parked", t.replica.c.connection.in_(outside))
    return list(tx.execute(found.order_by(t.replica.c.id)).scalars())


def go_on(tx: Transaction) -> None:
    """Have it leave again."""
    tx.execute(delete(t.halt).where(t.halt.c.what == OUTSIDE))
