"""The ground of the contract for plugins: an engine, one tool in memory, a clock that is moved by hand, and a store
that a process may be killed at."""

from __future__ import annotations

import random
import shutil
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import select

from tieline.core import grants, journal
from tieline.core.access import Facts, Grant, Role, Rule, Verdict
from tieline.core.acts import Act
from tieline.core.arguments import item_fields
from tieline.core.config import load_text
from tieline.core.errors import StoreUnavailable
from tieline.core.events import CAUSE, Cleared
from tieline.core.identity import Someone
from tieline.core.model import (
    ConnectionName,
    IncidentId,
    RecordKind,
    item_number,
    parse_instant,
)
from tieline.core.offer import Offer
from tieline.core.port import Adapter, Body, Ref, Token
from tieline.core.registry import Registry
from tieline.core.settings import Findings
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Store, Transaction
from tieline.core.testing.clock import ManualClock
from tieline.core.views import Views
from tieline.core.yaml import Node
from tieline.sync import explain, proposals, restricting
from tieline.sync.build import build
from tieline.sync.daemon.firing import fire_timers
from tieline.sync.daemon.lane import Lane
from tieline.sync.engine import Engine
from tieline.sync.office.asking import Asker
from tieline.sync.office.enquiries import Enquiries, Seen
from tieline.sync.office.office import Office, Performed, make_tables, offered
from tieline.sync.office.own import OWN
from tieline.sync.office.own_views import OWN_VIEWS
from tieline.sync.office.performing import perform
from tieline.sync.office.stepping import step
from tieline.sync.proposals import State
from tieline.sync.records import Incident
from tieline.sync.road import clearance
from tieline.sync.testing import outside
from tieline.sync.work.turn import turn

DESK: Final = ConnectionName("desk")
OWNER: Final = Someone("owner", "os:owner@contract")
NOBODY: Final = Someone("nobody", "os:nobody@contract")
APPROVERS: Final = tuple(Someone(f"approver {count}", f"os:approver-{count}@contract") for count in range(4))
"""Who are asked first: as many as there may be rights that it takes."""
TURNS: Final = 60
"""Turns after which a plugin has come to rest, or never does."""

STEPS: Final = 40
"""Steps of jobs within a turn."""

FIELDS: Final[Body] = {"title": "Disk full", "status": "new", "severity": "critical"}


class Killed(BaseException):
    """The process ends here, and nothing of it is there any more."""


class Restless(Exception):
    """A plugin goes on for ever."""


@dataclass(slots=True)
class Fate:
    """What becomes of one of the commits to come: of the `at`th, before it is kept or right after that."""

    at: int = 0
    is_kept: bool = False
    raises: Callable[[], BaseException] = Killed
    commits: int = 0

    @contextmanager
    def over(self, write: Callable[[], Any]) -> Iterator[Transaction]:
        with write() as tx:
            yield tx
            self.commits += 1
            if self.commits == self.at and not self.is_kept:
                raise self.raises()
        if self.commits == self.at and self.is_kept:
            raise self.raises()


class MortalStore(Store):
    """A store whose commits may be the last."""

    fate: Fate = Fate()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        with self.fate.over(super().write) as tx:
            yield tx


def _nothing(_ground: Ground) -> None:
    """Nothing happens beside what the contract has happen."""


def unavailable() -> BaseException:
    """What a store raises that takes no writes."""
    return StoreUnavailable("the contract has the store take no writes")


def _may_all(someone: Someone) -> bool:
    return someone.identity in {one.identity for one in (OWNER, *APPROVERS)}


@dataclass(frozen=True, slots=True)
class Person:
    """Whoever asks the contract's questions."""

    asker: Asker

    @property
    def someone(self) -> Someone:
        return self.asker.someone

    @property
    def now(self) -> datetime:
        return self.asker.now

    def facts(self, connection: Connection | Transaction) -> Facts:
        return self.asker.facts(connection)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the journal."""

    seq: int
    kind: str
    incident: int | None
    actor: str
    facts: Mapping[str, Any]

    @property
    def cause(self) -> int | None:
        """The entry that brought it about."""
        found: int | None = self.facts.get(CAUSE)
        return found


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands of an item where it is read outside, and what somebody else has approved for that."""

    number: str
    now: str
    """The hash of it; "" where there is nothing."""
    approved: tuple[str, ...]
    """The hashes of all that ever was, and is in force by now: the last one is to stand there."""


_BESIDE: Final = "sqlite:///contract.db"


class Databases(Protocol):
    """Where the grounds of the contract keep what they hold, when that is not in files."""

    def fresh(self) -> str:
        """The address of an empty database."""

    def copied(self, address: str) -> str:
        """The address of another one that holds the same. Nobody works on either meanwhile."""


class Ground:
    """One plugin at work, or none. `restart` is a crash: only the store and the tool's records remain."""

    def __init__(
        self,
        folder: Path,
        make: Callable[[], Offer] | None,
        clock: ManualClock | None = None,
        databases: Databases | None = None,
        address: str = "",
    ) -> None:
        """`databases` make the one that it stands on; without any that is a file in its folder, as `address` says."""
        self.databases = databases
        self.address = address or (_BESIDE if databases is None else databases.fresh())
        self.folder = folder
        self.make = make
        self.beside: tuple[Callable[[], Offer], ...] = ()
        """What other plugins offer that are at work there."""
        self.around: Callable[[Ground], None] = _nothing
        """What happens there whenever time passes, beside what the contract has happen."""
        self.clock = clock or ManualClock()
        self.random = random.Random(0)  # noqa: S311 - a story, and no secret
        self._tokens = count(1)
        self.engine: Engine
        self.outside = outside.kinds(make)
        """The kinds of its items that are read outside, each in a place of its own."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tieline.yaml").write_text(
            f"tieline: 1\nstore: {self.address}\nconnections:\n  desk:\n    tool: memory\n"
            f"    path: '{folder}/desk.json'\n    opens: true\n    history: 1d\n    people: [ann@example.com]\n"
            + "".join(
                f"  {outside.called(kind)}:\n    tool: {outside.called(kind)}\n    path: '{folder}/{kind}.json'\n"
                for kind in self.outside
            ),
            encoding="utf-8",
        )
        self.begin()

    def begin(self) -> None:
        """Start the engine on whatever the store holds."""
        file = self.folder / "tieline.yaml"
        config, registry = load_text(file.read_bytes(), file, self._provide)
        store = MortalStore.open(config.store)
        store.migrate()
        self.engine = build(
            config,
            store,
            registry,
            clock=self.clock,
            sleep=self.clock.advance,
            wake=lambda _name: None,
            dice=self.random,
            load_mapping=outside.mapping,
        )
        self.lanes = [Lane(self.engine, here) for here in self.engine.connections.values()]

    def _provide(self, allowed: Mapping[str, Node], findings: Findings) -> Registry:
        registry = Registry.load(allowed, findings=findings)
        for make in (*([self.make] if self.make is not None else []), *self.beside):
            registry.offers.add(make())
        tool = registry.adapters["memory"]
        places = {outside.called(kind): outside.place_of(tool, kind) for kind in self.outside}
        registry.adapters = {**registry.adapters, **places}
        return registry

    def admit(self) -> None:
        """Have others be known who may approve what somebody asks for."""
        for someone in APPROVERS:
            with self.engine.store.write() as tx:
                given, verdict = Grant(Role.ADMIN), Verdict(True, Rule.OWNER)
                grants.grant(tx, someone, given, at=self.clock.now(), actor=OWNER, verdict=verdict)

    def close(self) -> None:
        """Let go of the store."""
        self.engine.store.close()
        self.engine.registry.close()

    def restart(self) -> None:
        """Forget everything that is not in the store, as a killed process does."""
        self.close()
        self.begin()

    def copied(self, folder: Path) -> Ground:
        """The same as it is now, elsewhere."""
        self.close()
        shutil.copytree(self.folder, folder)
        address = self.address if self.databases is None else self.databases.copied(self.address)
        self.begin()
        other = Ground(folder, self.make, ManualClock(self.clock.now()), self.databases, address)
        other.around = self.around
        return other

    @property
    def offer(self) -> Offer:
        """What the plugin offers. Raises LookupError where it is set aside."""
        return next(iter(self.engine.registry.offers.by_group.values()))

    # -- what happens ----------------------------------------------------------------------------------------------

    @property
    def _tool(self) -> Adapter:
        source = self.engine.connections[DESK].source
        if not isinstance(source, Adapter):
            raise TypeError("the tool of the contract takes writes")
        return source

    def open(self, **fields: Any) -> str:
        """Somebody opens a record in the tool. Answers the number of its incident, once nothing is left to be done."""
        number = self.arrive(**fields)
        self.work()
        return number

    def arrive(self, **fields: Any) -> str:
        """Somebody opens a record in the tool, and the plugin has not done anything about it yet."""
        made = self._tool.create({**FIELDS, **fields}, Token(f"contract-{next(self._tokens)}-{self.random.random()}"))
        self.poll()
        with self.engine.store.read() as connection:
            query = select(t.replica.c.incident_id).where(t.replica.c.ref == made.ref, t.replica.c.connection == DESK)
            found = connection.execute(query).scalar_one()
        return f"INC-{found}"

    def edit(self, number: str, **fields: Any) -> None:
        """Somebody edits the record in the tool."""
        with self.engine.store.read() as connection:
            query = select(t.replica.c.ref).where(t.replica.c.incident_id == self.incident(number).id)
            ref = Ref(connection.execute(query).scalar_one())
        self._tool.update(ref, fields, self._tool.read(ref).version)
        self.settle()

    def settle(self) -> None:
        """Let the poll come due, and everything come to rest."""
        self.poll()
        self.around(self)
        self.work()

    def poll(self) -> None:
        """Let the poll come due, while the plugin does nothing by itself."""
        self.clock.advance(31)
        for lane in self.lanes:
            for _ in range(TURNS):
                if not lane.step():
                    break
        fire_timers(self.engine, self.clock.now())

    def work(self) -> None:
        """Have the plugin do what it does by itself. Raises Restless where that never ends."""
        if self.make is None:
            return
        for _ in range(TURNS):
            if not self.turn("contract"):
                return
        raise Restless(
            f"{self.offer.group} does not come to rest: what it does by itself brings about more of the same"
        )

    def turn(self, by: str) -> bool:
        """One turn of the plugin's, and steps of its jobs. True where there may be more."""
        is_more = turn(self.engine, self.offer, by)
        for _ in range(STEPS):
            if not step(self.engine, by, group=self.offer.group):
                return is_more
        return True

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)
        self.settle()

    def restrict(self, number: str) -> None:
        """Have an item be there for nobody who has no business with it."""
        with self.engine.store.write() as tx:
            restricting.restrict(tx, self.engine, self.incident(number).id, "contract", actor=OWNER)

    # -- what is asked ---------------------------------------------------------------------------------------------

    def person(self, someone: Someone = OWNER) -> Person:
        """The owner of the store, or somebody who may do nothing."""
        rules = self.engine.registry.offers.rules
        return Person(Asker(someone, _may_all(someone), self.clock.now(), rules=rules, owns=_may_all))

    def perform(self, act: str, given: Mapping[str, Any], someone: Someone = OWNER, key: str = "") -> Performed:
        """Do one act of the plugin's, as a call does, and have it approved where others are asked first. Raises what
        that does."""
        done = self.ask(act, given, someone, key)
        self.approve(done.proposal)
        return done

    def ask(self, act: str, given: Mapping[str, Any], someone: Someone = OWNER, key: str = "") -> Performed:
        """Ask for one act of the plugin's, as a call does. Raises what that does."""
        declared = self.engine.registry.offers.acts[act]
        return perform(self.engine, declared, declared.told(given), self.person(someone).asker, key=key)

    def approve(self, proposal: str, *who: Someone) -> None:
        """Have others approve what was asked for, until it is done; "" is nothing. Raises what that does."""
        for someone in self._undecided(proposal, *who):
            declared = OWN["proposals approve"]
            perform(self.engine, declared, declared.told({"proposal": proposal}), self.person(someone).asker)

    def _undecided(self, proposal: str, *who: Someone) -> Iterator[Someone]:
        for someone in who or APPROVERS:
            with self.engine.store.read() as connection:
                found = proposals.find(connection, proposal)
            if found is not None and found.state is State.OPEN:
                yield someone

    def perform_unguarded(self, act: str, given: Mapping[str, Any], key: str) -> Performed:
        """The same without asking whether they may, so that each commit is one of the store's own."""
        done = self._unguarded(self.engine.registry.offers.acts[act], given, OWNER, key)
        for someone in self._undecided(done.proposal):
            self._unguarded(OWN["proposals approve"], {"proposal": done.proposal}, someone, key)
        return done

    def _unguarded(self, declared: Act, given: Mapping[str, Any], someone: Someone, key: str) -> Performed:
        asker = self.person(someone).asker
        make_tables(self.engine, declared)
        office = Office(self.engine, offered(self.engine), asker.sight, asker.may, lambda: asker)
        return office.do(declared, declared.told(given), actor=someone, key=key)

    def see(self, view: str, given: Mapping[str, Any], someone: Someone = OWNER) -> Seen:
        """Ask for one view of the plugin's. Raises what that does."""
        offers = self.engine.registry.offers
        enquiries = Enquiries(self.engine.store, self.engine.config, Views(offers.views.values()), offers=offers)
        return enquiries.see(view, given, self.person(someone))

    def start(self, job: str, number: str) -> str:
        """Start a job of the plugin's with its example, about this item where it names one. Answers its label."""
        act = self.engine.registry.offers.acts[f"{self.offer.group} {job}"]
        named = {name: number for name in item_fields(act.ask) if name in (act.example or {})}
        return str(self.perform(act.name, {**(act.example or {}), **named}).facts["job"])

    def cancel(self, job: str) -> None:
        """Cancel a job."""
        act = OWN["jobs cancel"]
        perform(self.engine, act, act.told({"job": job}), self.person().asker)

    def result(self, job: str, someone: Someone = OWNER) -> bytes:
        """What a job came to. Raises what the view does."""
        offers = self.engine.registry.offers
        enquiries = Enquiries(self.engine.store, self.engine.config, OWN_VIEWS, offers=offers)
        return b64decode(enquiries.see("jobs result", {"job": job}, self.person(someone)).facts["body"])

    # -- what there is ---------------------------------------------------------------------------------------------

    def incident(self, number: str) -> Incident:
        """One item, by its number."""
        with self.engine.store.read() as connection:
            found = explain.one_incident(connection, IncidentId(int(number.rpartition("-")[2])))
        if found is None:
            raise LookupError(f"there is no {number}")
        return found[0]

    @property
    def kinds(self) -> list[str]:
        """The kinds of item that the plugin offers, and those of Tieline's own that its acts open."""
        own = [kind.name for kind in self.offer.kinds]
        return own + sorted({act.opens for act in self.offer.acts} - {"", *own})

    def shown(self) -> Iterator[Shown]:
        """What is read outside of the plugin's items, and what is to be."""
        cleared: dict[int | None, list[str]] = {}
        for one in self.entries():
            is_in_force = one.kind == Cleared.KIND and parse_instant(one.facts["since"]) <= self.clock.now()
            if is_in_force and one.facts["approved_by"]:
                cleared.setdefault(one.incident, []).append(one.facts["sha"])
        for kind in self.outside:
            here = self.engine.connections[ConnectionName(outside.called(kind))]
            query = select(t.replica.c.incident_id, t.replica.c.ref).where(t.replica.c.connection == here.name)
            with self.engine.store.read() as connection:
                refs = {row.incident_id: row.ref for row in connection.execute(query)}
            for number in self.numbers(kind):
                item = self.incident(number).id
                now = "" if refs.get(item) is None else clearance.sha(here.source.read(Ref(refs[item])).body)
                yield Shown(number, now, tuple(cleared.get(item, ())))

    def held(self) -> list[str]:
        """Why copies are put aside."""
        with self.engine.store.read() as connection:
            return [one.sentence for one in explain.parked(connection)]

    def numbers(self, kind: str) -> list[str]:
        """The numbers of the items of a kind, the oldest first."""
        query = select(t.incident.c.id).where(t.incident.c.kind == kind).order_by(t.incident.c.id)
        with self.engine.store.read() as connection:
            return [item_number(RecordKind(kind), IncidentId(found)) for found in connection.execute(query).scalars()]

    def entries(self) -> list[Entry]:
        """The journal."""
        with self.engine.store.read() as connection:
            return [
                Entry(row.seq, row.kind, row.incident_id, row.actor, journal.facts(connection, row) or {})
                for row in connection.execute(journal.ENTRIES).all()
            ]

    def told(self) -> list[Entry]:
        """Those of the plugin's own."""
        return [one for one in self.entries() if one.kind.startswith(f"{self.offer.group}.")]

    def counts(self) -> Counter[tuple[str, int | None]]:
        """How often what happened, to which item: acts, timers, comments and all."""
        return Counter((one.kind, one.incident) for one in self.entries())

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """The rows of the plugin's tables."""
        tables = [table for one in self.offer.projections for table in one.tables]
        with self.engine.store.read() as connection:
            return {
                table.name: [
                    tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))
                ]
                for table in tables
            }

    def failures(self) -> list[str]:
        """What of the plugin's failed and is tried again, or waits for a person."""
        with self.engine.store.read() as connection:
            behind = connection.execute(select(t.follower_backlog)).all()
            late = connection.execute(select(t.timer).where(t.timer.c.attempts > 0)).all()
            failed = connection.execute(select(t.job).where(t.job.c.attempts > 0)).all()
        told = [f"the follower {row.follower} failed at entry {row.seq}" for row in behind]
        told += [f"the timer {row.kind} failed" for row in late]
        return told + [f"the job {row.kind} failed" for row in failed]

    def jobs(self) -> list[tuple[str, str, int, str | None]]:
        """The plugin's jobs: each with its kind, how it is, its steps, and the hash of what it came to."""
        query = select(t.job, t.blob.c.sha).outerjoin(t.blob, t.blob.c.job == t.job.c.id).order_by(t.job.c.id)
        with self.engine.store.read() as connection:
            return [(row.kind, row.status, row.steps, row.sha) for row in connection.execute(query)]
