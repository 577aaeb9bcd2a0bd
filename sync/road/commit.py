"""Change an incident in one transaction: its fields, its journal, and a dirty mark on every copy that now differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from tieline.core.events import Attempted, Changed, FieldHeld, Opened, Overwritten, Refused, Written
from tieline.core.identity import Actor, told_by
from tieline.core.model import (
    ABSENT,
    ITEM_KINDS,
    Absent,
    ConnectionName,
    Fields,
    IncidentId,
    RecordKind,
    Signal,
    Status,
    parse_instant,
)
from tieline.core.port import Power
from tieline.core.store.store import Transaction
from tieline.mappings.board import ALERTS
from tieline.mappings.texts import originals
from tieline.sync import loading, restricting, tokens
from tieline.sync.alerts import acts, board, vigil
from tieline.sync.comments import comments
from tieline.sync.engine import EVERYONE, Connected, Engine, expression_value
from tieline.sync.fit import unfit
from tieline.sync.records import OWN_DOING, Held, Incident, Intent, Replica, ReplicaState, Stamp
from tieline.sync.road import reviewing
from tieline.sync.road.merge import Reason
from tieline.sync.road.reconcile import Change, Conflict, Decision, Moment, Sighting, reconcile, wanted
from tieline.sync.road.reviewing import Reviews

OWN_REASONS: Final = frozenset({Reason.IGNORED, Reason.ALTERED})
"""What becomes of a field that was written and does not show it."""


def take_in(
    tx: Transaction,
    engine: Engine,
    here: Connected,
    replica: Replica,
    sighting: Sighting,
    moment: Moment = Moment.LATER,
    *,
    reviews: Reviews,
) -> None:
    """Reconcile one sighting of a known copy and commit what follows from it. Raises NotReviewed.

    The decision is made inside the transaction, on the incident as it is now: nobody can come in between.
    """
    incident = loading.load_incident(tx, replica.incident, lock=True)
    if incident is None:
        raise RuntimeError(f"replica {replica.id} belongs to no incident")
    now = engine.clock.now()
    projection = here.mapping.project(incident.fields, EVERYONE)
    decision = reconcile(
        incident, replica, sighting, projection, here.mapping, now, moment, here.kind.look_at or "its rules and rights"
    )
    editor = _editor(here, sighting)
    edits = {name: step.after for name, step in decision.changes.items()}
    decision = reviewing.held(decision, reviews.of(here, incident, editor, edits), incident, replica, now)
    seq = max(replica.touched, sighting.asked, _tell_own_doing(tx, engine, here, replica, sighting, decision, moment))
    if decision.changes or decision.conflicts:
        happened = Changed if decision.changes else Refused
        changes = {name: _told(change) for name, change in decision.changes.items()}
        seq = engine.record(
            tx,
            happened(changes=changes, conflicts=_told_conflicts(decision.conflicts)),
            incident=incident.id,
            connection=here.name,
            actor=editor,
            reason=_main_reason(decision),
        )
    if decision.overwritten or sighting.untold:
        seq = engine.record(
            tx,
            Overwritten(
                conflicts=_told_conflicts(decision.overwritten),
                untold=sorted(replica.ledger) if sighting.untold else [],
                sentence=sighting.untold,
            ),
            incident=incident.id,
            connection=here.name,
            reason=Reason.OVERWRITTEN.value,
        )
    reading = sighting.reading
    seen = replace(
        replica,
        state=replica.state if replica.state is ReplicaState.PARKED else ReplicaState.LINKED,
        ref=reading.ref,
        key=reading.key or replica.key,
        url=reading.url or replica.url,
        base=decision.base,
        observed={**replica.observed, **sighting.fields},
        originals=originals(here.mapping.texts, reading.body, replica.originals or {}),
        version=reading.version,
        touched=seq,
        ledger={},
        intent=None,
        holds={**unfit.unreadable(replica, here.mapping), **decision.holds},
        parked=replica.parked if replica.state is ReplicaState.PARKED else "",
    )
    if decision.changes:
        incident = change(tx, engine, incident, decision.changes, str(here.name), sighting.edited_at or now)
    spread(tx, engine, incident, here=seen, moved=bool(decision.changes))
    if replica.ref is None or replica.state is ReplicaState.GONE:
        # What was written while there was no copy, or while it was in the bin, is missing there.
        comments.wish(tx, engine, incident.id)


def _editor(here: Connected, sighting: Sighting) -> Actor:
    """Who edited a record, where the tool says so."""
    editor = sighting.reading.annotations.get("editor")
    return told_by(here.name, editor) if editor else str(here.name)


def _tell_own_doing(
    tx: Transaction,
    engine: Engine,
    here: Connected,
    replica: Replica,
    sighting: Sighting,
    decision: Decision,
    moment: Moment,
) -> int:
    """Journal what became of our own write, and what the tool kept or set by itself. Answers the last seq."""
    seq = 0
    if moment is Moment.WRITTEN and replica.ledger:
        tried = {name: steps[-1].written for name, steps in replica.ledger.items() if steps[-1].is_news}
        took = {name: value for name, value in tried.items() if decision.reasons.get(name) not in OWN_REASONS}
        became = (Written if took else Attempted)(
            fields=loading.plain(took),
            left=loading.plain({name: value for name, value in tried.items() if name not in took}),
            version=sighting.reading.version,
            annotations=dict(sighting.reading.annotations),
        )
        seq = engine.record(tx, became, incident=replica.incident, connection=here.name)
    fresh = {
        name: hold
        for name, hold in decision.holds.items()
        if hold.kind in OWN_DOING and hold.kind is not Held.DEFAULT and hold is not replica.holds.get(name)
    }
    if fresh:
        held = {
            name: {
                "ours": _told_value(hold.ours),
                "shows": _told_value(hold.theirs),
                "kind": hold.kind.value,
                "sentence": hold.sentence(),
            }
            for name, hold in sorted(fresh.items())
        }
        reason = decision.reasons[min(fresh)].value
        seq = engine.record(tx, FieldHeld(held=held), incident=replica.incident, connection=here.name, reason=reason)
    return seq


def change(
    tx: Transaction,
    engine: Engine,
    incident: Incident,
    changes: Mapping[str, Change],
    who: Actor,
    at: datetime,
) -> Incident:
    """The incident with these fields changed, saved at its next revision."""
    fields = {**incident.fields, **{name: step.after for name, step in changes.items()}}
    stamps = {**incident.stamps, **{name: Stamp(at, str(who)) for name in changes}}
    changed = loading.save_incident(tx, replace(incident, fields=fields, stamps=stamps), engine.clock.now())
    if "status" in changes and incident.kind == RecordKind.INCIDENT:
        vigil.watch(tx, engine, changed, changes["status"].before, who)
    return changed


def edit(
    tx: Transaction,
    engine: Engine,
    incident_id: IncidentId,
    fields: Fields,
    *,
    actor: Actor,
    reason: Reason,
    by: Signal | None = None,
) -> Incident:
    """Change an incident from inside Tieline: a person at the console, or its signals, of which `by` is the one that
    did it. Raises LookupError."""
    incident = loading.load_incident(tx, incident_id, lock=True)
    if incident is None:
        raise LookupError(f"there is no incident {incident_id}; run `tieline incidents` to see those that exist")
    changes = {
        name: Change(incident.fields.get(name, ABSENT), value, reason)
        for name, value in fields.items()
        if incident.fields.get(name, ABSENT) != value
    }
    if not changes:
        return incident
    told = {name: _told(step) for name, step in changes.items()}
    happened = Changed(changes=told, conflicts={})
    if by is not None:
        happened = replace(happened, signal=by.episode, title=by.fields.get("title") or "")
    engine.record(tx, happened, incident=incident.id, actor=actor, reason=reason.value)
    incident = change(tx, engine, incident, changes, actor, engine.clock.now())
    spread(tx, engine, incident)
    return incident


def refresh_board(tx: Transaction, engine: Engine, payload: Mapping[str, Any]) -> None:
    """It is time to say which alerts of an incident fire now."""
    incident = loading.load_incident(tx, IncidentId(int(payload["incident"])), lock=True)
    if incident is not None:
        says = {ALERTS: board.words(tx, engine, incident.id, Status(str(incident.fields["status"])))}
        edit(tx, engine, incident.id, says, actor=str(payload["connection"]), reason=Reason.SIGNALLED)


def open_incident(
    tx: Transaction, engine: Engine, fields: Fields, *, actor: str, at: datetime, origin: Replica
) -> Incident:
    """A new item that a ticket opened: `origin`, its first copy. With it come the copies it is to get."""
    now = engine.clock.now()
    fields = {"status": ITEM_KINDS[origin.kind].first, **fields}
    opened_by = tokens.origin_of_record(origin.connection, origin.ref) if origin.ref is not None else ""
    stamps = dict.fromkeys(fields, Stamp(at, actor))
    incident = loading.insert_incident(tx, fields, stamps, now, kind=origin.kind, origin=opened_by)
    happened = Opened(
        fields=loading.plain(incident.fields),
        uid=incident.uid,
        item=_told_kind(incident.kind),
        ref=origin.ref or "",
        key=origin.key,
    )
    seq = _journal_opened(tx, engine, incident, origin.connection, actor, happened)
    first = loading.insert_replica(tx, replace(origin, incident=incident.id, touched=max(seq, origin.touched)))
    spread(tx, engine, incident, here=first)
    return incident


def open_item(
    tx: Transaction,
    engine: Engine,
    kind: RecordKind,
    fields: Fields,
    *,
    actor: Actor,
    reason: Reason,
    part_of: IncidentId | None = None,
) -> Incident:
    """A new item that an act opens, in the first status of its kind where the fields say no other, and the copies it
    is to get. A part of one that is restricted is so from its beginning on. Raises LookupError without its whole."""
    now = engine.clock.now()
    fields = {"status": ITEM_KINDS[kind].first, **fields}
    stamps = dict.fromkeys(fields, Stamp(now, str(actor)))
    whole = None if part_of is None else loading.load_incident(tx, part_of, lock=True)
    if part_of is not None and whole is None:
        raise LookupError(f"there is no item {part_of} of which that could be a part")
    incident = loading.insert_incident(tx, fields, stamps, now, kind=kind, part_of=part_of)
    if whole is not None and whole.restricted:
        restricting.restrict(tx, engine, incident.id, restricting.WITH_ITS_WHOLE, actor=actor)
        incident = replace(incident, restricted=True)
    happened = Opened(fields=loading.plain(incident.fields), uid=incident.uid, item=_told_kind(kind))
    engine.record(tx, happened, incident=incident.id, actor=actor, reason=reason.value)
    spread(tx, engine, incident)
    return incident


def _told_kind(kind: RecordKind) -> str | Absent:
    """What an entry says of what was opened: nothing of an incident."""
    return ABSENT if kind == RecordKind.INCIDENT else kind.value


@dataclass(frozen=True, slots=True)
class Opening:
    """An incident to open: its fields, and the signal that opens it. `unknown` are the fields of which its source says
    something that nobody knows the meaning of, each with that word, or with "" where it says nothing."""

    fields: Fields
    signal: str
    unknown: Mapping[str, str] = field(default_factory=dict)


def open_incidents(
    tx: Transaction, engine: Engine, openings: Sequence[Opening], *, source: ConnectionName
) -> list[Incident]:
    """New incidents that a source's signals open, in this order, and the copies they are to get: a storm writes them at
    once."""
    now, actor = engine.clock.now(), str(source)
    stamp = Stamp(now, actor)
    fields = [{"status": Status.NEW.value, **opening.fields} for opening in openings]
    origins = [tokens.origin_of_signal(source, opening.signal) for opening in openings]
    incidents = loading.insert_incidents(tx, [(each, dict.fromkeys(each, stamp)) for each in fields], origins, now)
    for incident, opening in zip(incidents, openings, strict=True):
        unknown = dict(opening.unknown) or ABSENT
        happened = Opened(
            fields=loading.plain(incident.fields), uid=incident.uid, signal=opening.signal, unknown=unknown
        )
        _journal_opened(tx, engine, incident, None, actor, happened)
    missing = [
        (incident, connected, origin)
        for incident, origin in zip(incidents, origins, strict=True)
        for connected in engine.connections.values()
        if _should_copy(connected, incident, ())
    ]
    wishes = _wishes(tx, engine, missing)
    loading.insert_replicas(tx, wishes)
    for name in dict.fromkeys(wish.connection for wish in wishes):
        engine.rouse(tx, name)
    return incidents


def _journal_opened(
    tx: Transaction,
    engine: Engine,
    incident: Incident,
    connection: ConnectionName | None,
    actor: str,
    happened: Opened,
) -> int:
    return engine.record(
        tx,
        happened,
        incident=incident.id,
        connection=connection,
        actor=actor,
        reason=Reason.OPENED.value,
    )


def spread(
    tx: Transaction, engine: Engine, incident: Incident, *, here: Replica | None = None, moved: bool = True
) -> None:
    """Mark every copy that no longer shows the incident, wish for the copies that are missing, wake their lanes.

    `here` is the copy that was just seen; it is saved in any case. `moved` says that the incident itself changed.
    """
    now = engine.clock.now()
    copies = loading.load_replicas(tx, incident.id) if moved or here is None else [here]
    for stored in copies:
        copy = here if here is not None and stored.id == here.id else stored
        connected = engine.connections.get(copy.connection)
        marked = copy if connected is None else mark(copy, incident, connected, now, moved=moved)
        wanted_again = marked.dirty and not copy.dirty and marked.state is ReplicaState.ABSENT
        if connected is not None and wanted_again and _may_be_there(engine, connected, incident):
            marked = marked.put_in_doubt(Intent(now, None))
        if marked is not stored or copy is here:
            unfit.tell(tx, engine, copy, marked)
            loading.save_replica(tx, marked)
        if marked.dirty:
            engine.rouse(tx, marked.connection)
    if moved:
        _wish_for_copies(tx, engine, incident, copies)
        acts.follow(tx, engine, incident)


def _wish_for_copies(tx: Transaction, engine: Engine, incident: Incident, copies: Sequence[Replica]) -> None:
    """Copies that the configuration wants and that are not there yet."""
    wanting = [one for one in engine.connections.values() if _should_copy(one, incident, copies)]
    if not wanting:
        return
    origin = tokens.origin_of(tx, incident.id)
    for wish in _wishes(tx, engine, [(incident, one, origin) for one in wanting]):
        loading.insert_replica(tx, wish)
        engine.rouse(tx, wish.connection)


def mark(copy: Replica, incident: Incident, connected: Connected, now: datetime, *, moved: bool) -> Replica:
    """The copy with its dirty mark as it should be. A parked copy gets another chance when the incident moves on."""
    copy = _tried_anew(_overtaken(copy, incident), incident)
    copy = unfit.by_facts(copy, incident, connected.mapping, now)
    match copy.state:
        case ReplicaState.GONE:
            needs = False
        case ReplicaState.PARKED if not moved or _create_in_doubt(copy, connected):
            needs = False
        case ReplicaState.IN_DOUBT:
            needs = True
        case _ if copy.ref is None:
            needs = incident.is_open
        case _:
            projection = connected.mapping.project(incident.fields, EVERYONE)
            needs = connected.can(Power.WRITE) and bool(wanted(copy, projection, connected.mapping))
    if needs == copy.dirty:
        return copy
    if needs and copy.state is ReplicaState.PARKED:
        return replace(copy, state=resumed(copy), parked="", dirty=True, dirty_since=now, attempts=0, next_at=None)
    return replace(copy, dirty=needs, dirty_since=now if needs else None, attempts=0, next_at=None)


def _overtaken(copy: Replica, incident: Incident) -> Replica:
    """An edit that waits for somebody to agree waits no longer when the incident says something else than it did: the
    tool is to show that."""
    moved = {
        name for name, hold in copy.holds.items() if hold.kind is Held.REVIEW and hold.ours != incident.fields.get(name)
    }
    if not moved:
        return copy
    shown = {name: value for name, value in copy.observed.items() if name in moved}
    left = {name: hold for name, hold in copy.holds.items() if name not in moved}
    return replace(copy, holds=left, base={**copy.base, **shown})


def _tried_anew(copy: Replica, incident: Incident) -> Replica:
    """What was held because the tool does not take it is written once more when the incident says something else."""
    holds = {
        name: replace(hold, ours=incident.fields.get(name), tries=0, again=True)
        for name, hold in copy.holds.items()
        if hold.kind in (*OWN_DOING, Held.UNWRITABLE)
        and hold.ours != incident.fields.get(name)
        # A tool that does not keep our block as one would get another beside it each time.
        and not (name == ALERTS and hold.kind in OWN_DOING and hold.theirs is None)
    }
    return replace(copy, holds={**copy.holds, **holds}) if holds else copy


def _create_in_doubt(copy: Replica, connected: Connected) -> bool:
    """A create that nobody can look for: only a person may say that it is to be tried again."""
    return copy.ref is None and copy.intent is not None and not connected.can(Power.FIND)


def resumed(copy: Replica) -> ReplicaState:
    """The state in which a parked copy goes on. With an intent, a record may exist: it is looked for first."""
    if copy.ref is not None:
        return ReplicaState.LINKED
    return ReplicaState.IN_DOUBT if copy.intent is not None else ReplicaState.ABSENT


def _should_copy(connected: Connected, incident: Incident, copies: Sequence[Replica]) -> bool:
    return (
        connected.kind.record == incident.kind
        and connected.can(Power.WRITE)
        and all(copy.connection != connected.name for copy in copies)
        and incident.is_open
        and connected.config.copies.holds({name: expression_value(value) for name, value in incident.fields.items()})
    )


def _wishes(tx: Transaction, engine: Engine, missing: Sequence[tuple[Incident, Connected, str]]) -> list[Replica]:
    """Copies to be made, each of an incident, in a connection, for an origin ("" for none that could be met again)."""
    if not missing:
        return []
    now, store_name = engine.clock.now(), tokens.name_of(tx)
    series = [
        tokens.token(store_name, origin, connected.name) if origin else engine.new_token()
        for _incident, connected, origin in missing
    ]
    wishes = [
        Replica(
            id=0,
            incident=incident.id,
            connection=connected.name,
            kind=incident.kind,
            state=ReplicaState.ABSENT,
            token=token,
            dirty=True,
            dirty_since=now,
        )
        for (incident, connected, _origin), token in zip(missing, tokens.free(tx, series), strict=True)
    ]
    return [
        wish.put_in_doubt(Intent(now, None)) if origin and _may_be_there(engine, connected, incident) else wish
        for wish, (incident, connected, origin) in zip(wishes, missing, strict=True)
    ]


def _may_be_there(engine: Engine, connected: Connected, incident: Incident) -> bool:
    """Whether a copy is to be looked for before it is made, because the store may have forgotten that it was."""
    if not connected.can(Power.FIND):
        return False
    opened_at = incident.fields.get("opened_at") if engine.in_doubt_before is not None else None
    return engine.may_be_there(parse_instant(opened_at) if isinstance(opened_at, str) else None)


def _main_reason(decision: Decision) -> str:
    """The word for the journal's reason column: that of the first change, else of the first conflict."""
    for name in (*decision.changes, *decision.conflicts):
        return decision.reasons[name].value
    return Reason.SAME.value


def _told_conflicts(conflicts: Mapping[str, Conflict]) -> dict[str, Any]:
    return {
        name: {
            "kept": _told_value(conflict.kept),
            "lost": _told_value(conflict.lost),
            "reason": conflict.reason.value,
            "open": conflict.open,
        }
        for name, conflict in conflicts.items()
    }


def _told(step: Change) -> dict[str, Any]:
    return {
        "before": _told_value(step.before),
        "after": _told_value(step.after),
        "reason": step.reason.value,
    }


def _told_value(value: Any) -> Any:
    if value is ABSENT:
        return {"absent": True}
    return list(value) if isinstance(value, tuple) else value
