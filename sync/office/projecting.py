"""Making the tables of plugins: together with the act that an event comes of, behind the journal, or anew.

A projection whose events are all its own plugin's is written in the transaction that journals them. One that others'
are needed for is brought up behind them. Either is made anew, in tables of their own that take the place of the others
in the end, where its declaration is another than the one that it was made by, and whenever somebody asks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import MetaData, Table, bindparam, select, text, update
from sqlalchemy.schema import CreateIndex, CreateTable, DropTable
from sqlalchemy.sql.elements import quoted_name

from tieline.core.acts import NotDone
from tieline.core.offer import Offer
from tieline.core.projections import Happened, Projection, Putting, Rows, code_of
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Store, Transaction
from tieline.core.strangers import guarded
from tieline.sync.office import happenings

WINDOW: Final = 5_000
"""So many entries of the journal are looked through in one transaction."""

_STATES: Final = select(t.projected).order_by(t.projected.c.name)
_STATE: Final = select(t.projected).where(t.projected.c.name == bindparam("projection"))
_LOCKED: Final = (
    select(t.projected)
    .where(t.projected.c.name.in_(bindparam("projections", expanding=True)))
    .order_by(t.projected.c.name)
    .with_for_update()
)
_HEAD: Final = select(t.journal_head.c.seq)
_NEW: Final = t.projected.insert()
_MOVE: Final = update(t.projected).where(t.projected.c.name == bindparam("projection")).values(seq=bindparam("upto"))
_BUILT: Final = update(t.projected).where(t.projected.c.name == bindparam("projection")).values(builder=bindparam("by"))
_END: Final = (
    update(t.projected)
    .where(t.projected.c.name == bindparam("projection"))
    .values(builder="", is_current=True, seq=bindparam("upto"), version=bindparam("made_by"))
)

_UNMADE: Final = (
    update(t.projected)
    .where(t.projected.c.name == bindparam("projection"))
    .values(builder="", is_current=False, version=0)
)


@dataclass(frozen=True, slots=True)
class State:
    """How far one projection has come. `seq` is the last entry that is in it; it is of no use before it is current."""

    name: str
    version: int
    is_current: bool
    seq: int
    newest: int
    """The version of the newest declaration by which they are made, or are being made."""

    def is_of(self, projection: Projection) -> bool:
        """Whether they are made, and of this declaration."""
        return self.is_current and self.version == projection.version

    def is_of_a_newer_than(self, projection: Projection) -> bool:
        """Whether a newer version of the plugin makes them or made them. Whoever is older leaves them alone: two that
        make them by turns would never be done."""
        return self.newest > projection.version and not self.is_of(projection)


LONGEST: Final = 8
"""Characters of the id of whoever began."""


@dataclass(frozen=True, slots=True)
class _Building:
    """Tables that are being made: who began, by which declaration and which code, and the last entry that is in
    them. `awaited` is the other code of the same version that waits since the last step, "" for none."""

    by: str
    version: int
    code: str
    seq: int
    awaited: str = ""

    def __str__(self) -> str:
        return ":".join([self.by, str(self.version), self.code, str(self.seq), *filter(None, [self.awaited])])

    def waits_for(self, other: _Building) -> bool:
        """Whether others are to have their turn first, who are at it by other code of the same version: one that both
        began anew by turns would never be done. Who has looked before, and finds no step made since, waits no more."""
        return (self.version, self.code) != (other.version, other.code) and (
            self.version == other.version and other.awaited != self.code
        )

    def is_of(self, projection: Projection) -> bool:
        """Whether they are made by this declaration, and by its code as it is: another one's rows are not gone on
        with."""
        return (self.version, self.code) == (projection.version, code_of(projection))

    @classmethod
    def parsed(cls, builder: str) -> _Building | None:
        """What it is written as; None where nobody makes them."""
        match builder.split(":"):
            case [by, version, code, seq, *awaited] if version.isdigit() and seq.isdigit():
                return cls(by, int(version), code, int(seq), "".join(awaited))
            case _:
                return None


def states(source: Connection | Transaction) -> dict[str, State]:
    """Every projection that there ever was."""
    return {row.name: _state(row) for row in source.execute(_STATES)}


def _state(row: Any) -> State:
    building = _Building.parsed(row.builder)
    newest = row.version if building is None else max(row.version, building.version)
    return State(row.name, row.version, row.is_current, row.seq, newest)


def lock(tx: Transaction, names: Collection[str]) -> dict[str, State]:
    """These projections, which nobody else writes until this transaction ends."""
    rows = tx.execute(_LOCKED, {"projections": sorted(names)}) if names else ()
    return {row.name: _state(row) for row in rows}


def make_all(store: Store, offer: Offer, by: str) -> bool:
    """Make those of an offer that are not made. `by` is an id of whoever does, which nobody else has. False where some
    are left to a newer version of the plugin, or to whoever else makes them meanwhile."""
    if not offer.projections:
        return True
    with store.read() as connection:
        known = states(connection)
    are_made = True
    for one in offer.projections:
        name = f"{offer.group}.{one.name}"
        state = known.get(name)
        if state is not None and state.is_of(one):
            continue
        if state is not None and state.is_of_a_newer_than(one):
            are_made = False
        elif not _go_on(store, name, one):
            are_made = make(store, name, one, by) and are_made
    return are_made


def set_aside(source: Connection | Transaction, offers: Iterable[Offer]) -> dict[str, str]:
    """Sentences, by plugin: which of these are older than what their tables are made by."""
    known = states(source)
    return {
        offer.group: _older(f"{offer.group}.{one.name}", state, one)
        for offer in offers
        for one in offer.projections
        if (state := known.get(f"{offer.group}.{one.name}")) is not None and state.is_of_a_newer_than(one)
    }


def _older(name: str, state: State, projection: Projection) -> str:
    group = name.partition(".")[0]
    return (
        f"the tables of {name} are made by version {state.newest} of the plugin, and this process has "
        f"{projection.version}, which does nothing with them: upgrade it. To go back to the older one on purpose, stop "
        f"every newer one, then: tieline plugin rebuild {group}"
    )


def begin_anew(tx: Transaction, names: Collection[str]) -> None:
    """Have these made anew, by whichever version of their plugin comes first."""
    for name in names:
        tx.execute(_UNMADE, {"projection": name})


def make(store: Store, name: str, projection: Projection, by: str) -> bool:
    """Make the tables of a projection anew, beside those in use, which they replace in the end. False where a newer
    version of the plugin does, or somebody else makes those of another declaration meanwhile."""
    building = _Building(by[:LONGEST], projection.version, code_of(projection), 0)
    with store.write() as tx:
        if not _begin(tx, name, projection, building):
            return False
    return _go_on(store, name, projection)


def _go_on(store: Store, name: str, projection: Projection) -> bool:
    """Make tables that are being made, from where whoever did so last has come: so those who do it side by side help
    each other, and a crash costs one window. False where nobody makes those of this declaration."""
    while True:
        with store.write() as tx:
            state = tx.execute(_STATE.with_for_update(), {"projection": name}).first()
            if state is None:
                return False
            building = _Building.parsed(state.builder)
            if building is None or not building.is_of(projection):
                return building is None and _state(state).is_of(projection)
            end = happenings.last(tx)
            upto = min(building.seq + WINDOW, end)
            is_last = upto == end
            if is_last:
                # A plugin that hangs over its rows is waited for here, and not once everybody waits for us.
                for table in projection.tables:
                    tx.execute(DropTable(table, if_exists=True))
                # Nobody appends from here on: what is in these tables is all there is.
                tx.hold_journal()
                end = upto = happenings.last(tx)
            fresh = {table: _beside(table) for table in projection.tables}
            _apply(tx, projection, fresh, happenings.between(tx, building.seq, upto, projection.kinds))
            if is_last:
                _take_place(tx, fresh)
                tx.execute(_END, {"projection": name, "upto": upto, "made_by": projection.version})
                return True
            tx.execute(_BUILT, {"projection": name, "by": str(replace(building, seq=upto, awaited=""))})


def _beside(table: Table) -> Table:
    return table.to_metadata(MetaData(), name=f"{table.name}__new")


def _begin(tx: Transaction, name: str, projection: Projection, building: _Building) -> bool:
    tx.lock_names([f"projection {name}"])
    known = tx.execute(_STATE, {"projection": name}).first()
    if known is not None and _state(known).is_of_a_newer_than(projection):
        return False
    others = None if known is None else _Building.parsed(known.builder)
    if others is not None and building.waits_for(others):
        tx.execute(_BUILT, {"projection": name, "by": str(replace(others, awaited=building.code))})
        return False
    if known is None:
        row = {"name": name, "version": projection.version, "is_current": False, "seq": 0, "builder": str(building)}
        tx.execute(_NEW, row)
    else:
        tx.execute(_BUILT, {"projection": name, "by": str(building)})
    # A name is one in the whole database, and this table is called otherwise in the end: that which is in use was made
    # at another entry, or by somebody else.
    apart = f"{building.by}_{tx.execute(_HEAD).scalar_one()}"
    for table in projection.tables:
        made = _beside(table)
        tx.execute(DropTable(made, if_exists=True))
        tx.execute(CreateTable(made))
        for index in made.indexes:
            index.name = quoted_name(f"{index.name}_{apart}", quote=None)
            tx.execute(CreateIndex(index))
    return True


def _take_place(tx: Transaction, fresh: Mapping[Table, Table]) -> None:
    for table, made in fresh.items():
        tx.execute(text(f"ALTER TABLE {made.name} RENAME TO {table.name}"))


def _apply(tx: Transaction, projection: Projection, tables: Mapping[Table, Table], what: Sequence[Happened]) -> None:
    putting = Putting(tx)
    for happened in what:
        rows = Rows(tx, tables, putting)
        if isinstance(happened.event, happenings.Unread):
            happened.event.refuse()
        try:
            with guarded(f"the tables of {projection.name!r}, entry {happened.seq}"):
                projection.apply(rows, happened)
        finally:
            rows.end()
    if what:
        with guarded(f"the tables of {projection.name!r}, entries {what[0].seq} to {what[-1].seq}"):
            putting.flush()


def in_step(offer: Offer) -> dict[str, Projection]:
    """The projections that are written together with the events of an offer, by name."""
    return {f"{offer.group}.{one.name}": one for one in offer.projections if offer.is_in_step(one)}


def current(source: Connection | Transaction, name: str, projection: Projection) -> State:
    """How far a projection has come. Raises NotDone for tables that are not made yet."""
    return refuse_unless_current(states(source).get(name), name, projection)


def refuse_unless_current(state: State | None, name: str, projection: Projection) -> State:
    """The same of what is known already."""
    if state is not None and state.is_of_a_newer_than(projection):
        raise NotDone(_older(name, state, projection))
    if state is None or not state.is_of(projection):
        raise NotDone(f"{name} is being made anew from the journal; ask again in a moment")
    return state


def write(tx: Transaction, offer: Offer, happened: Happened) -> None:
    """Write one event of a plugin's own into its tables."""
    for projection in offer.projections:
        if offer.is_in_step(projection) and type(happened.event) in projection.applies:
            _apply(tx, projection, {table: table for table in projection.tables}, [happened])
            tx.execute(_MOVE, {"projection": f"{offer.group}.{projection.name}", "upto": happened.seq})


def catch_up(store: Store, name: str, projection: Projection) -> int:
    """Bring one that follows others' events some way up. Answers how many entries it looked through."""
    with store.read() as connection:
        state = states(connection).get(name)
        if state is None or not state.is_of(projection) or happenings.last(connection) <= state.seq:
            return 0
    with store.write() as tx:
        locked = lock(tx, [name])[name]
        if not locked.is_of(projection):
            return 0
        upto = min(locked.seq + WINDOW, happenings.last(tx))
        own = {table: table for table in projection.tables}
        _apply(tx, projection, own, happenings.between(tx, locked.seq, upto, projection.kinds))
        tx.execute(_MOVE, {"projection": name, "upto": upto})
        return upto - locked.seq
