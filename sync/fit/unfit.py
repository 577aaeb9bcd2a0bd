"""Fields that a tool cannot be told: held, each with the sentence that says which screen, right or choice to look at.

They are left out of every write, and the rest is written. Two things say so: the tool's own description of its fields
(`mappings.fitting`, before the write), and its refusal (after it). Only what the tool requires, and nobody can give it,
leaves a copy unwritten. Pure, but for `tell`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from tieline.core.errors import Rejected
from tieline.core.events import FieldsLeftOut
from tieline.core.model import ABSENT, Fields
from tieline.core.port import Body
from tieline.core.store.store import Transaction
from tieline.mappings import Denormalized
from tieline.mappings import Mapping as FieldMapping
from tieline.mappings.paths import Path, getter, show
from tieline.sync import loading
from tieline.sync.engine import EVERYONE
from tieline.sync.records import Held, Hold, Incident, Replica
from tieline.sync.road.merge import ONE_WAY, Known

if TYPE_CHECKING:
    from tieline.sync.engine import Connected, Engine
    from tieline.sync.road.reconcile import Sighting


def held_back(copy: Replica) -> frozenset[str]:
    """The fields that are left out of a write, whatever needs them beside it."""
    return frozenset(name for name, hold in copy.holds.items() if hold.kind is Held.UNWRITABLE and not hold.again)


# -- before the write: by what the tool tells of its fields --------------------------------------------------------


def by_facts(copy: Replica, incident: Incident, mapping: FieldMapping, now: datetime) -> Replica:
    """The copy with a hold for each field of which the tool shows something else than the incident says, and whose
    value it cannot be told."""
    holds = _without_needless(copy, incident, mapping)
    if copy.ref is None or not mapping.unfitted:
        return copy if len(holds) == len(copy.holds) else replace(copy, holds=holds)
    for name, refusal in mapping.refusals(incident.fields, EVERYONE).items():
        known = holds.get(name)
        policy = mapping.policies.get(name)
        if (policy is not None and policy.kind in ONE_WAY) or refusal.meant == copy.base.get(name, ABSENT):
            continue
        if known is None or (known.kind is Held.UNWRITABLE and (known.again or known.words != refusal.sentence)):
            holds[name] = _hold(copy, incident.fields, name, refusal.sentence, now)
    return copy if holds == copy.holds else replace(copy, holds=holds)


def _without_needless(copy: Replica, incident: Incident, mapping: FieldMapping) -> dict[str, Hold]:
    """The copy's holds, without those of fields that the incident has come to say as the tool shows them."""
    left = [name for name, hold in copy.holds.items() if hold.kind is Held.UNWRITABLE and hold.again]
    if not left:
        return dict(copy.holds)
    meant = mapping.project({name: incident.fields.get(name) for name in left}, EVERYONE)
    needless = {name for name in left if name in meant and meant[name] == copy.base.get(name, ABSENT)}
    return {name: hold for name, hold in copy.holds.items() if name not in needless}


def at_creation(copy: Replica, fields: Fields, written: Denormalized, mapping: FieldMapping, now: datetime) -> Replica:
    """The copy with a hold for each field that it is made without, because the tool cannot be told it."""
    told = {one.field: one.sentence for one in written.left_out if one.field in mapping.unfitted}
    return with_holds(copy, fields, told, now)


# -- after a refusal: by the tool's own words ----------------------------------------------------------------------


def refused(mapping: FieldMapping, body: Body, wanted: Fields, named: Mapping[str, str]) -> Mapping[str, str]:
    """The fields to go on without, each with the tool's words; none where nothing else would be taken either.

    `named` are the members that the tool refused, `wanted` what the body was to say. A member that was not sent is one
    that the tool requires: beside a field that needs it, that field waits for it.
    """
    sent: dict[str, str] = {}
    lacking: dict[str, str] = {}
    for path, words in named.items():
        for name in _fields_at(mapping, path):
            there = any(getter(place)(body) is not ABSENT for place in _places(mapping, name))
            (sent if there else lacking)[name] = words
    if sent:
        return sent
    words = "; ".join(dict.fromkeys([*lacking.values(), *named.values()]))
    return {name: words for name, value in wanted.items() if _waits_for(mapping, name, value, lacking)}


def _waits_for(mapping: FieldMapping, name: str, value: object, lacking: Collection[str]) -> bool:
    rule = mapping.document.rules.get(name)
    if rule is None:
        return False
    beside = {*rule.needs.get(str(value), ()), *rule.takes.get(str(value), ())}
    return bool(beside & set(lacking))


def _fields_at(mapping: FieldMapping, path: str) -> list[str]:
    """The fields that are written there: at the place itself, above it or inside it."""
    return [
        name for name in sorted(mapping.writable) if any(_meets(show(place), path) for place in _places(mapping, name))
    ]


def _meets(place: str, path: str) -> bool:
    return place == path or place.startswith((f"{path}.", f"{path}[")) or path.startswith((f"{place}.", f"{place}["))


def _places(mapping: FieldMapping, name: str) -> list[Path]:
    if name not in mapping.document.rules:
        return [] if mapping.board is None else [mapping.board.path]
    rule = mapping.document.rules[name]
    parts = [path for places in rule.parts.values() for path in places]
    return [*dict.fromkeys(parts)] or ([rule.to] if rule.to is not None else [])


def go_on(
    engine: Engine, here: Connected, replica_id: int, wanted: Fields, sent: Denormalized, error: Rejected
) -> bool:
    """Hold what a refusal names, so that the rest is written at once. False when nothing else would be taken: what was
    refused is required there, or nobody says what it was."""
    with engine.store.write() as tx:
        copy = loading.lock_replica(tx, replica_id)
        incident = loading.load_incident(tx, copy.incident) if copy is not None else None
        if copy is None or incident is None:
            return True
        told = refused(here.mapping, sent.body, wanted, error.refused)
        if not told and copy.ref is not None and error.refused and "status" in wanted:
            # What a tool demands beyond a mapping's knowledge, it demands of a move: the other fields need none.
            told = {"status": "; ".join(dict.fromkeys(error.refused.values()))}
        if not told:
            return False
        held = with_holds(copy, incident.fields, told, engine.clock.now(), tried=True)
        tell(tx, engine, copy, held)
        loading.save_replica(tx, held)
        here.facts_in_doubt = True
        engine.rouse(tx, here.name)
    return True


def left_over(copy: Replica, mapping: FieldMapping, sighting: Sighting, meant: Fields, now: datetime) -> Replica:
    """The copy without what a write of several calls could not bring about: held, and neither sent nor intended.
    `meant` is what the write was to say."""
    named = sighting.reading.refused
    told = {name: words for path, words in named.items() for name in _fields_at(mapping, path)}
    if not told:
        return copy
    shown = replace(copy, observed={**copy.observed, **sighting.fields})
    held = with_holds(shown, meant, told, now, tried=True)
    intent = copy.intent
    if intent is not None and intent.fields is not None:
        intent = replace(intent, fields={n: v for n, v in intent.fields.items() if n not in told})
    ledger = {name: steps for name, steps in copy.ledger.items() if name not in told}
    base = {**{name: one for name, one in copy.base.items() if name not in told}, **_shown(sighting, told)}
    return replace(held, observed=copy.observed, intent=intent, ledger=ledger, base=base)


def _shown(sighting: Sighting, names: Collection[str]) -> Fields:
    return {name: sighting.fields[name] for name in names if name in sighting.fields}


# -- holds ---------------------------------------------------------------------------------------------------------


def with_holds(
    copy: Replica, fields: Fields, told: Mapping[str, str], now: datetime, *, tried: bool = False
) -> Replica:
    """The copy with these fields held; `tried` says that they were sent in vain."""
    holds = {name: _hold(copy, fields, name, words, now, tried=tried) for name, words in told.items()}
    return replace(copy, holds={**copy.holds, **holds}) if holds else copy


def _hold(copy: Replica, fields: Fields, name: str, words: str, now: datetime, *, tried: bool = False) -> Hold:
    known = copy.holds.get(name)
    same = known is not None and known.kind is Held.UNWRITABLE
    since = known.since if known is not None and same else now
    tries = known.tries if known is not None and same else 0
    shown: Known = copy.observed.get(name, copy.base.get(name, ABSENT))
    theirs = None if shown is ABSENT else shown
    return Hold(Held.UNWRITABLE, fields.get(name), theirs, since, words, tries + tried)


def born(copy: Replica, shown: Fields) -> Replica:
    """A copy whose record was just made without some fields: what it shows there is the tool's own, and the base."""
    unwritable = {name: hold for name, hold in copy.holds.items() if hold.kind is Held.UNWRITABLE}
    if not unwritable:
        return copy
    left = {name: replace(hold, theirs=shown.get(name)) for name, hold in unwritable.items() if name not in copy.base}
    base = {name: shown[name] for name in left if name in shown}
    others = {name: hold for name, hold in copy.holds.items() if name not in unwritable}
    return replace(copy, holds={**others, **left}, base={**copy.base, **base})


def tried(copy: Replica, written: Fields) -> Mapping[str, Hold]:
    """The copy's holds, once these fields are written all the same: what comes of it, the answer says."""
    return {
        name: replace(hold, again=False) if hold.kind is Held.UNWRITABLE and name in written else hold
        for name, hold in copy.holds.items()
    }


def tried_anew(copy: Replica) -> Mapping[str, Hold]:
    """The copy's holds, what the tool could not be told to be written once more."""
    return {
        name: replace(hold, again=True) if hold.kind is Held.UNWRITABLE else hold for name, hold in copy.holds.items()
    }


def unreadable(copy: Replica, mapping: FieldMapping) -> Mapping[str, Hold]:
    """Holds of fields that no reading tells of: they stay as they are."""
    kept = copy.holds.items()
    return {name: hold for name, hold in kept if hold.kind is Held.UNWRITABLE and name not in mapping.readable}


def tell(tx: Transaction, engine: Engine, before: Replica, after: Replica) -> None:
    """Journal what is left out of a copy from now on."""
    fresh = {
        name: hold.words
        for name, hold in after.holds.items()
        if hold.kind is Held.UNWRITABLE and (name not in before.holds or before.holds[name].words != hold.words)
    }
    if fresh:
        engine.record(
            tx,
            FieldsLeftOut(fields=fresh),
            incident=after.incident,
            connection=after.connection,
            reason=Held.UNWRITABLE.value,
        )
