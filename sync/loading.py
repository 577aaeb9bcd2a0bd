"""Between rows and records: loading and saving incidents and replicas inside one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Row, bindparam, insert, select, text, update

from tieline.core.access import ScopeKind, parse_scope
from tieline.core.model import ConnectionName, Fields, IncidentId, RecordKind, Severity, Value
from tieline.core.port import Ref, Token, Version
from tieline.core.store import tables as t
from tieline.core.store.among import among
from tieline.core.store.many import Many
from tieline.core.store.store import Connection, Transaction
from tieline.sync.records import RECORD, Attempt, Held, Hold, Incident, Intent, Replica, ReplicaState, Stamp

_INCIDENT = select(t.incident).where(t.incident.c.id == bindparam("incident"))
_INCIDENT_FOR_UPDATE = _INCIDENT.with_for_update()
_INCIDENTS_FOR_UPDATE = (
    select(t.incident).where(among(t.incident.c.id, "incidents")).order_by(t.incident.c.id).with_for_update()
)
_REPLICAS = (
    select(t.replica)
    .where(t.replica.c.incident_id == bindparam("incident"), t.replica.c.purpose == RECORD)
    .order_by(t.replica.c.id)
)
_ALL: Final = select(t.incident).where(among(t.incident.c.id, "incidents")).order_by(t.incident.c.id)
_ALL_REPLICAS: Final = (
    select(t.replica)
    .where(t.replica.c.incident_id.in_(bindparam("incidents", expanding=True)), t.replica.c.purpose == RECORD)
    .order_by(t.replica.c.id)
)
_AT_ONCE: Final = 10_000
"""Numbers that one query names."""
_REPLICA = select(t.replica).where(t.replica.c.id == bindparam("replica"))
_INCIDENT_OF = select(t.replica.c.incident_id).where(t.replica.c.id == bindparam("replica"))
_LOCK = select(t.incident.c.id).where(t.incident.c.id == _INCIDENT_OF.scalar_subquery()).with_for_update()
_BY_REF = select(t.replica).where(
    t.replica.c.connection == bindparam("connection"),
    t.replica.c.ref == bindparam("ref"),
    t.replica.c.kind == bindparam("kind"),
)
_BY_TOKEN = select(t.replica).where(t.replica.c.token == bindparam("token"))
_INCIDENTS = Many.into(t.incident)
_NEW_REPLICAS = Many.into(t.replica, without=["id"])
_UPDATE_REPLICA = update(t.replica).where(t.replica.c.id == bindparam("row_id"))
_UPDATE_INCIDENT = update(t.incident).where(
    t.incident.c.id == bindparam("row_id"), t.incident.c.revision == bindparam("row_revision")
)

_RANKS: Final[Mapping[object, int]] = {
    severity: 10 * number for number, severity in enumerate(reversed(Severity), start=1)
}
UNKNOWN_RANK: Final = 35
"""The rank of what nobody knows to be harmless: below what is known to be bad."""


def rank_of(fields: Fields) -> int:
    """How bad an item is: the larger, the worse."""
    return _RANKS.get(fields.get("severity"), UNKNOWN_RANK)


WAITS_FOR_A_PERSON: Final = text("waits")
"""Of a copy: that one of its fields is held until a person acts."""


def load_incident(connection: Connection | Transaction, incident: IncidentId, *, lock: bool = False) -> Incident | None:
    """The incident, locked against other writers where `lock` asks for it."""
    row = connection.execute(_INCIDENT_FOR_UPDATE if lock else _INCIDENT, {"incident": incident}).first()
    return None if row is None else _incident(row)


def lock_incident(tx: Transaction, incident: IncidentId) -> None:
    """Hold an incident until this transaction ends. Whoever changes its signals holds it before them and before the
    journal, so that no two wait for one another. SQLite's writer is alone anyway."""
    if tx.dialect != "sqlite":
        load_incident(tx, incident, lock=True)


def load_incidents(tx: Transaction, incidents: Sequence[IncidentId]) -> dict[IncidentId, Incident]:
    """These incidents, locked against other writers, in the order of their numbers."""
    found = tx.execute(_INCIDENTS_FOR_UPDATE, {"incidents": list(incidents)}) if incidents else ()
    return {IncidentId(row.id): _incident(row) for row in found}


def load_replicas(connection: Connection | Transaction, incident: IncidentId) -> list[Replica]:
    """The copies that say what one item says."""
    return [replica_of(row) for row in connection.execute(_REPLICAS, {"incident": incident})]


def load_with_copies(
    connection: Connection | Transaction, incidents: Sequence[IncidentId]
) -> list[tuple[Incident, list[Replica]]]:
    """These items in this order, each with the copies that say what it says: two queries, however many they are."""
    items: dict[int, Incident] = {}
    copies: dict[int, list[Replica]] = {}
    for start in range(0, len(incidents), _AT_ONCE):
        these = {"incidents": incidents[start : start + _AT_ONCE]}
        items |= {row.id: _incident(row) for row in connection.execute(_ALL, these)}
        for row in connection.execute(_ALL_REPLICAS, these):
            copies.setdefault(row.incident_id, []).append(replica_of(row))
    return [(items[number], copies.get(number, [])) for number in incidents if number in items]


def load_replica(connection: Connection | Transaction, replica: int) -> Replica | None:
    """One copy, by its row id."""
    row = connection.execute(_REPLICA, {"replica": replica}).first()
    return None if row is None else replica_of(row)


def lock_replica(tx: Transaction, replica: int) -> Replica | None:
    """One copy, with its incident locked first: whoever changes a copy holds its incident, so that no change made at
    the same time by another process is overwritten by a row read before it."""
    if tx.dialect != "sqlite" and tx.execute(_LOCK, {"replica": replica}).first() is None:
        return None
    # Read after the lock is held, by a statement of its own, which sees what the last holder wrote. SQLite's writer is
    # alone and has nothing to wait for.
    return load_replica(tx, replica)


def replica_by_ref(
    connection: Connection | Transaction, name: ConnectionName, kind: RecordKind, ref: Ref
) -> Replica | None:
    """The copy that stands for a record of this kind."""
    row = connection.execute(_BY_REF, {"connection": name, "ref": ref, "kind": kind.value}).first()
    return None if row is None else replica_of(row)


def replica_by_token(connection: Connection | Transaction, token: Token) -> Replica | None:
    """The copy that a record carrying our token belongs to."""
    row = connection.execute(_BY_TOKEN, {"token": token}).first()
    return None if row is None else replica_of(row)


_RESTRICTED = select(t.incident.c.restricted).where(t.incident.c.id == bindparam("incident"))


def known_as(tx: Transaction, replica: Replica) -> tuple[str, IncidentId | None]:
    """How what a copy belongs to is called where everybody reads it, and its number: of a restricted one, neither."""
    if tx.execute(_RESTRICTED, {"incident": replica.incident}).scalar():
        return "another incident", None
    return replica.number, replica.incident


def insert_incident(
    tx: Transaction,
    fields: Fields,
    stamps: Mapping[str, Stamp],
    now: datetime,
    *,
    kind: RecordKind = RecordKind.INCIDENT,
    origin: str = "",
    exercise: bool = False,
    part_of: IncidentId | None = None,
) -> Incident:
    """A new item at revision 1. `origin` is what opened it; see `tokens`."""
    [number], uid = tx.new_ids(t.incident, 1), tx.new_uid(now)
    tx.execute(
        insert(t.incident),
        {
            "id": number,
            "uid": uid,
            "kind": kind.value,
            "revision": 1,
            "fields": _plain(fields),
            "stamps": _stamps(stamps),
            "status": str(fields.get("status") or "new"),
            "rank": rank_of(fields),
            **_scopes(fields),
            "exercise": exercise,
            "restricted": False,
            "label": "",
            "part_of": part_of,
            "origin": origin,
            "opened_at": now,
            "updated_at": now,
        },
    )
    return Incident(IncidentId(number), 1, dict(fields), dict(stamps), now, uid, kind)


def insert_incidents(
    tx: Transaction, opening: Sequence[tuple[Fields, Mapping[str, Stamp]]], origins: Sequence[str], now: datetime
) -> list[Incident]:
    """New incidents at revision 1, numbered in this order, each with what opened it."""
    made = [
        Incident(IncidentId(number), 1, dict(fields), dict(stamps), now, tx.new_uid(now))
        for number, (fields, stamps) in zip(tx.new_ids(t.incident, len(opening)), opening, strict=True)
    ]
    tx.execute_many(
        _INCIDENTS,
        [
            {
                "id": one.id,
                "uid": one.uid,
                "kind": one.kind.value,
                "revision": 1,
                "fields": _plain(one.fields),
                "stamps": _stamps(one.stamps),
                "status": str(one.fields.get("status") or "new"),
                "rank": rank_of(one.fields),
                **_scopes(one.fields),
                "exercise": False,
                "restricted": False,
                "label": "",
                "part_of": None,
                "origin": origin,
                "opened_at": now,
                "updated_at": now,
            }
            for one, origin in zip(made, origins, strict=True)
        ],
    )
    return made


def save_incident(tx: Transaction, incident: Incident, now: datetime) -> Incident:
    """Store changed fields at the next revision. Raises RuntimeError when it moved: a lock was missing."""
    result = tx.execute(
        _UPDATE_INCIDENT,
        {
            "row_id": incident.id,
            "row_revision": incident.revision,
            "revision": incident.revision + 1,
            "fields": _plain(incident.fields),
            "stamps": _stamps(incident.stamps),
            "status": str(incident.fields.get("status") or "new"),
            "rank": rank_of(incident.fields),
            **_scopes(incident.fields),
            "updated_at": now,
        },
    )
    if result.rowcount != 1:
        raise RuntimeError(f"incident {incident.id} moved under a transaction that had locked it")
    return replace(incident, revision=incident.revision + 1)


def _scopes(fields: Fields) -> dict[str, str]:
    """The scopes that an item lies in by its fields. What no scope can name is none."""
    return {kind.value: _scope(kind, str(fields.get(kind.value) or "")) for kind in (ScopeKind.TEAM, ScopeKind.SERVICE)}


def _scope(kind: ScopeKind, name: str) -> str:
    try:
        scope = parse_scope(f"{kind}:{name}")
    except ValueError:
        scope = None
    return "" if scope is None else scope.name


def insert_replica(tx: Transaction, replica: Replica) -> Replica:
    """A new copy; its `id` is assigned here."""
    result = tx.execute(
        insert(t.replica),
        {**_whose(replica), **_state(replica)},
    )
    return replace(replica, id=new_id(result))


def insert_replicas(tx: Transaction, replicas: Sequence[Replica]) -> None:
    """New copies; the database numbers them."""
    tx.execute_many(
        _NEW_REPLICAS,
        [{**_whose(one), **_state(one)} for one in replicas],
    )


def save_replica(tx: Transaction, replica: Replica) -> None:
    """Store everything about a copy."""
    tx.execute(_UPDATE_REPLICA, {"row_id": replica.id, **_state(replica)})


_WANTED = (
    t.replica.c.connection == bindparam("name"),
    text("dirty"),
    t.replica.c.state == ReplicaState.ABSENT.value,
)
_ANY_WANTED = select(t.replica.c.id).where(*_WANTED).limit(1)
_PUT_WANTED_IN_DOUBT = update(t.replica).where(*_WANTED)


def any_wanted(connection: Connection, name: ConnectionName) -> bool:
    """True while a copy waits to be made in this connection."""
    return connection.execute(_ANY_WANTED, {"name": name}).first() is not None


def put_wanted_in_doubt(tx: Transaction, name: ConnectionName, now: datetime) -> None:
    """Have every copy that waits to be made in this connection looked for first."""
    state = ReplicaState.IN_DOUBT.value
    tx.execute(_PUT_WANTED_IN_DOUBT, {"name": name, "state": state, "intent": _intent(Intent(now, None))})


def new_id(result: Any) -> int:
    """The key of the row that an insert made."""
    key: Sequence[int] = result.inserted_primary_key
    return int(key[0])


def _whose(replica: Replica) -> dict[str, Any]:
    """What never changes of a copy."""
    return {
        "incident_id": replica.incident,
        "connection": replica.connection,
        "purpose": replica.purpose,
        "kind": replica.kind.value,
    }


def _state(replica: Replica) -> dict[str, Any]:
    return {
        "state": replica.state.value,
        "token": replica.token,
        "ref": replica.ref,
        "key": replica.key,
        "url": replica.url,
        "base": _plain(replica.base),
        "observed": _plain(replica.observed),
        "originals": replica.originals,
        "version": replica.version,
        "touched": replica.touched,
        "ledger": {
            name: [[_json(a.prior), _json(a.written)] for a in attempts] for name, attempts in replica.ledger.items()
        },
        "intent": _intent(replica.intent),
        "holds": {
            name: [
                hold.kind.value,
                _json(hold.ours),
                _json(hold.theirs),
                hold.since.timestamp(),
                hold.words,
                hold.tries,
                hold.again,
                *([hold.right] if hold.right else []),
            ]
            for name, hold in replica.holds.items()
        },
        "waits": any(hold.waits for hold in replica.holds.values()),
        "trail": {
            name: [[at.timestamp(), _json(value)] for at, value in steps] for name, steps in replica.trail.items()
        },
        "dirty": replica.dirty,
        "dirty_since": replica.dirty_since,
        "attempts": replica.attempts,
        "next_at": replica.next_at,
        "parked": replica.parked,
        "forgotten": replica.forgotten,
    }


def _intent(intent: Intent | None) -> dict[str, Any]:
    if intent is None:
        return {}
    fields = None if intent.fields is None else _plain(intent.fields)
    return {"fields": fields, "since": intent.since.timestamp()}


def _stored_intent(stored: Mapping[str, Any]) -> Intent | None:
    if not stored:
        return None
    fields = stored["fields"]
    return Intent(_moment(stored["since"]), None if fields is None else _fields(fields))


def replica_of(row: Row[Any]) -> Replica:
    """The copy that a whole row of the table says."""
    return Replica(
        id=row.id,
        incident=IncidentId(row.incident_id),
        connection=ConnectionName(row.connection),
        purpose=row.purpose,
        kind=RecordKind(row.kind),
        state=ReplicaState(row.state),
        token=Token(row.token),
        ref=Ref(row.ref) if row.ref is not None else None,
        key=row.key,
        url=row.url,
        base=_fields(row.base),
        observed=_fields(row.observed),
        originals=row.originals,
        version=Version(row.version),
        touched=row.touched,
        ledger={
            name: tuple(Attempt(_value(prior), _value(written)) for prior, written in attempts)
            for name, attempts in row.ledger.items()
        },
        intent=_stored_intent(row.intent or {}),
        holds={
            # Stores of before the tries were counted hold five values, and few holds name a right.
            name: Hold(Held(kind), _value(ours), _value(theirs), _moment(since), words, *counted)
            for name, (kind, ours, theirs, since, words, *counted) in row.holds.items()
        },
        trail={name: tuple((_moment(at), _value(value)) for at, value in steps) for name, steps in row.trail.items()},
        dirty=bool(row.dirty),
        dirty_since=row.dirty_since,
        attempts=row.attempts,
        next_at=row.next_at,
        parked=row.parked,
        forgotten=bool(row.forgotten),
    )


def _incident(row: Row[Any]) -> Incident:
    return Incident(
        id=IncidentId(row.id),
        revision=row.revision,
        fields=_fields(row.fields),
        stamps={name: Stamp(_moment(at), who) for name, (at, who) in row.stamps.items()},
        opened_at=row.opened_at,
        uid=row.uid,
        kind=RecordKind(row.kind),
        restricted=bool(row.restricted),
    )


def _stamps(stamps: Mapping[str, Stamp]) -> dict[str, list[Any]]:
    return {name: [stamp.at.timestamp(), stamp.who] for name, stamp in stamps.items()}


def _moment(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)


def _plain(fields: Fields) -> dict[str, Any]:
    return {name: _json(value) for name, value in fields.items()}


def _json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _value(value: Any) -> Value:
    return tuple(value) if isinstance(value, list) else value


def _fields(stored: Mapping[str, Any]) -> dict[str, Value]:
    return {name: _value(value) for name, value in stored.items()}


def plain(fields: Fields | Iterable[tuple[str, Value]]) -> dict[str, Any]:
    """Fields as JSON, for the journal and for people."""
    return {name: _json(value) for name, value in dict(fields).items()}
