"""The tools, each with how it is: its state, how far it was read, what it is still to be told, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import func, select, text

from tieline.core.arguments import Answer
from tieline.core.shown import Note, Part, Table
from tieline.core.store import tables as t
from tieline.core.views import Moment, Row
from tieline.sync.accounts import memory
from tieline.sync.daemon.heartbeat import ago, life
from tieline.sync.limits import Pace
from tieline.sync.office.look import EngineLook
from tieline.sync.records import ReplicaState
from tieline.sync.views.status import Status, of_connections


class ConnectionWhole(Row):
    """A connection. `state` is working, waiting, stopped, or why nobody asks it. `polled_at` is when it was last asked;
    null for never. `polls_every_seconds` is null for one that only listens. `circuit` is closed where it is called,
    open where nobody calls it until it answers again, and not known where one process keeps it to itself. `budget` are
    calls a minute, and `left` how many could be made at once as it was last seen, where that is known."""

    connection: str
    tool: str
    account: str
    state: str
    reason: str
    since: Moment | None
    next_try_at: Moment | None
    polled_at: Moment | None
    polls_every_seconds: int | None
    circuit: str
    budget: int
    left: int | None
    behind: int
    oldest_behind_seconds: int
    waiting_in: int
    parked: int
    held: int
    what_to_do: tuple[str, ...]

    @property
    def is_well(self) -> bool:
        """Whether nobody has to look at it."""
        return self.state == "working" and not (self.what_to_do or self.parked or self.held)


class ConnectionsShown(Answer):
    """Every connection, those in trouble first."""

    as_of: Moment
    daemon_runs: bool
    daemon: str
    connections: tuple[ConnectionWhole, ...]

    def shown(self) -> Sequence[Part]:
        columns = ["connection", "tool", "state", "asked", "to be written", "to be read", "parked", "held"]
        rows = [self._row(one) for one in self.connections]
        return (
            *([] if self.daemon_runs else [self.daemon]),
            Table("Connections", columns, rows, "no connections are configured"),
            *self._notes(),
        )

    def _row(self, one: ConnectionWhole) -> tuple[Any, ...]:
        asked = "never" if one.polled_at is None else f"{ago(self.as_of - one.polled_at)} ago"
        return one.connection, one.tool, one.state, asked, one.behind, one.waiting_in, one.parked, one.held

    def _notes(self) -> Iterator[Note]:
        for one in self.connections:
            yield from (Note(one.connection, sentence) for sentence in one.what_to_do)


_ORDER: Final = {"stopped": 0, "waiting": 1, "working": 3}


def connections(look: EngineLook, _ask: Status) -> ConnectionsShown:
    """The tools: how each is, what waits for it, and what to do next."""
    daemon = life(look.seen_in, look.now)
    now = of_connections(look, daemon)
    known, polled = _kept(look, t.connection), _kept(look, t.cursor)
    accounts = _accounts(look)
    behind, parked, held = _behind(look), _counted(look, _IS_PARKED), _counted(look, text("waits"))
    inbox = _arrived(look)
    found = []
    for name, one in now.items():
        config = look.config.connections.get(name)
        row, cursor = known.get(name), polled.get(name)
        account = (config.account if config is not None else "") or str(name)
        kept = accounts.get(account)
        late, oldest = behind.get(name, (0, 0))
        found.append(
            ConnectionWhole(
                connection=name,
                tool="" if config is None else config.tool,
                account="" if account == name else account,
                state=one.state,
                reason=one.reason,
                since=None if row is None else row.since,
                next_try_at=None if row is None or one.state != row.state else row.next_at,
                polled_at=None if cursor is None else cursor.polled_at,
                polls_every_seconds=None
                if config is None or one.only_listens
                else int(config.poll_every.total_seconds()),
                circuit=_circuit(kept),
                budget=0 if config is None else config.calls_per_minute,
                left=None if kept is None or config is None else _left(kept, config.calls_per_minute),
                behind=late,
                oldest_behind_seconds=oldest,
                waiting_in=inbox.get(name, 0),
                parked=parked.get(name, 0),
                held=held.get(name, 0),
                what_to_do=tuple(dict.fromkeys(one.what_to_do())),
            )
        )
    return ConnectionsShown(
        as_of=look.now,
        daemon_runs=daemon.running and not daemon.refused,
        daemon=daemon.refused or daemon.sentence(),
        connections=tuple(sorted(found, key=lambda one: (_ORDER.get(one.state, 2), one.is_well, one.connection))),
    )


def _kept(look: EngineLook, table: Any) -> Mapping[str, Any]:
    return {row[0]: row for row in look.seen_in.execute(select(table))}


_IS_PARKED: Final = text(f"state = '{ReplicaState.PARKED.value}'")


def _behind(look: EngineLook) -> dict[str, tuple[int, int]]:
    """By connection: copies that are still to be written, and the seconds that the first of them waits."""
    r = t.replica.c
    query = select(r.connection, func.count(), func.min(r.dirty_since)).where(text("dirty")).group_by(r.connection)
    rows = look.seen_in.execute(look.sight.within(query, r.incident_id))
    return {
        name: (count, 0 if at is None else max(0, int((look.now - at).total_seconds()))) for name, count, at in rows
    }


def _counted(look: EngineLook, which: Any) -> dict[str, int]:
    r = t.replica.c
    query = select(r.connection, func.count()).where(which).group_by(r.connection)
    rows = look.seen_in.execute(look.sight.within(query, r.incident_id))
    return {row[0]: row[1] for row in rows}


def _arrived(look: EngineLook) -> dict[str, int]:
    """By connection: what came in and is still to be taken over."""
    i = t.inbox.c
    query = select(i.connection, func.count()).where(text("inbox.parked = ''")).group_by(i.connection)
    seen = look.sight.sees_record(i.connection, i.ref)
    return {row[0]: row[1] for row in look.seen_in.execute(query.where(seen))}


def _accounts(look: EngineLook) -> dict[str, memory.Memory]:
    """What the workers that share the store remember of each account."""
    return {row.name: memory.from_facts(row.memory) for row in look.seen_in.execute(select(t.account)) if row.memory}


def _circuit(kept: memory.Memory | None) -> str:
    if kept is None:
        return "not known"
    return "closed" if kept.circuit.outage is None else "open"


def _left(kept: memory.Memory, per_minute: int) -> int:
    pace = Pace.of(per_minute)
    return max(0, int(min(pace.burst, kept.left)))
