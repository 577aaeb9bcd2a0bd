"""The second floor of one world: the processes in which plugins work, the people who ask for acts, and what they hold.

Everything here is drawn from dice that are thrown anew for each step, so that a world with a second floor takes the
same steps as the same world without one, and others between them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol

from sqlalchemy import bindparam, select

from tieline.adapters.testing.clock import ManualClock
from tieline.cli.simulation.fate import Fate, Killed
from tieline.cli.simulation.floor.page import StatusPage
from tieline.cli.simulation.floor.rounds import GROUP
from tieline.cli.simulation.people import HERE, TEXTS, Chronicle, Remark
from tieline.cli.simulation.store import SimulatedStore
from tieline.core import grants, journal
from tieline.core.access import GRANT, STORE, Grant, Role, Rule, Subject, Verdict
from tieline.core.acts import Act, NotDone
from tieline.core.declared import WrongWords
from tieline.core.errors import NotAllowed, NotProved, StoreUnavailable
from tieline.core.identity import PLUGIN, Someone
from tieline.core.jobs import label
from tieline.core.model import Audience, IncidentId, RecordKind
from tieline.core.offer import Offer
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction
from tieline.sync import explain
from tieline.sync.engine import Engine
from tieline.sync.office import jobs
from tieline.sync.office.asking import Asked as AskedFor
from tieline.sync.office.asking import Asker, asking
from tieline.sync.office.office import Changed, KeyReused, Performed
from tieline.sync.office.own import OWN
from tieline.sync.office.performing import perform
from tieline.sync.office.stepping import step
from tieline.sync.proposals import State
from tieline.sync.work.turn import turn

PLUGINS: Final = (GROUP, "escalation")

BOSS: Final = Someone("boss", "os:boss@floor")
ANN: Final = Someone("ann", "os:ann@floor")
BOB: Final = Someone("bob", "os:bob@floor")
CAT: Final = Someone("cat", "os:cat@floor")
DAN: Final = Someone("dan", "os:dan@floor")
PAT: Final = Someone("pat", "os:pat@floor")
"""Who publishes, where there is a page."""
LEX: Final = Someone("lex", "os:lex@floor")
"""Who restricts what is announced, where there is a page."""
PEOPLE: Final = (ANN, BOB, CAT)
DECIDERS: Final = (ANN, CAT, DAN, BOSS)
"""Who decides about what others ask for."""
ROLES: Final = (Role.VIEWER, Role.RESPONDER, Role.COMMANDER)
HIGHER: Final = (Role.COMMANDER, Role.MANAGER)
"""The roles that Dan is given and taken."""

TURNS: Final = 80
"""Turns after which a plugin has come to rest, or never does."""


class Lower(Protocol):
    """What the second floor stands on."""

    clock: ManualClock
    fate: Fate
    store: SimulatedStore
    people: Chronicle
    dead: list[str]
    alerts: Any
    groups: tuple[str, ...]

    pages: dict[str, StatusPage]

    @property
    def always(self) -> tuple[str, ...]:
        """The plugins that are at work whatever is set aside."""
        ...

    @property
    def dice(self) -> random.Random: ...

    @property
    def is_gated(self) -> bool:
        """Whether what closes or lowers in a tool waits there until somebody agrees."""
        ...

    def engine_of(self, groups: tuple[str, ...]) -> Engine:
        """A new engine with these plugins."""
        ...

    def somebody_edits(self) -> str:
        """Somebody edits a record in a tool."""
        ...

    def tick(self) -> None:
        """What is due happens."""
        ...

    def restart_all(self) -> None:
        """Every worker starts anew, with the plugins of now."""
        ...


@dataclass
class Hand:
    """A process in which plugins work, or in which people's acts are carried out."""

    name: str
    engine: Engine = field(init=False)
    starts: int = 0

    @property
    def by(self) -> str:
        """An id of this life of the process, which nobody else has."""
        return f"{self.name}, life {self.starts}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody was told that somebody else is to approve first: under which label, about which item."""

    label: str
    who: Someone
    incident: str


@dataclass
class Kept:
    """What somebody asked for under a key, each time that it was something else, and what they were answered. The last
    of `tried` that was answered is `given`."""

    who: Someone
    act: str
    tried: list[Mapping[str, Any]]
    given: Mapping[str, Any] | None = None
    answers: list[Performed] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A token that somebody was told."""

    owner: Someone
    id: str
    words: str


class Floor:
    """One world's second floor. `start` makes its processes anew from the store."""

    def __init__(self, lower: Lower, hands: int) -> None:
        self.lower = lower
        self.hands = [Hand(f"hand {number + 1}") for number in range(hands)]
        self.web = Hand("web")
        self.kept: dict[str, Kept] = {}
        """By key."""
        self.tickets: list[Ticket] = []
        self.asked: list[Asked] = []
        self.reviews: list[tuple[str, Someone]] = []
        """What was done at once: the label of what is to be reviewed, and who did it."""
        self.lost: list[tuple[Someone, Role]] = []
        """Roles that somebody lost in the midst of something."""
        self.wrong: list[tuple[str, str]] = []
        """Promises that were seen broken when it happened: their kind, and a sentence."""
        self.revision: int | None = None
        """The revision of the item that somebody asks about, when its act is about to be written."""
        self._asks_about: IncidentId | None = None
        self.said = 0
        """How often somebody has said something that nobody had said before."""
        self._noted = 0
        self.is_restless = False
        """Whether plugins went on for ever."""
        self.rests = False
        """Whether plugins do nothing for now, so that it shows whether everybody else has come to rest."""
        self.start()

    # -- processes -------------------------------------------------------------------------------------------------

    def start(self, *hands: Hand) -> None:
        """Start these processes, or all of them, on whatever the store holds."""
        for hand in hands or (*self.hands, self.web):
            hand.engine = self.lower.engine_of(self.lower.groups)
            hand.starts += 1

    def begin(self) -> None:
        """What there was before the schedule begins: people with their roles, and plugins at work."""
        fate, self.lower.store.fate = self.lower.store.fate, None
        try:
            self.grant(BOSS, Role.ADMIN, None)
            self.grant(ANN, Role.RESPONDER, None)
            self.grant(CAT, Role.COMMANDER, None)
            for role in HIGHER:
                self.grant(DAN, role, None)
            if self.lower.always:
                self.grant(PAT, Role.COMMUNICATIONS, None)
                self.grant(LEX, Role.LEGAL, None)
            self._turns(self.hands[0])
        finally:
            self.lower.store.fate = fate

    def offers(self, hand: Hand) -> list[Offer]:
        """What the plugins of a process offer."""
        return [hand.engine.registry.offers.by_group[group] for group in (*self.lower.groups, *self.lower.always)]

    def _turns(self, hand: Hand) -> bool:
        worked = False
        for offer in self.offers(hand):
            worked = turn(hand.engine, offer, hand.name) or worked
            worked = step(hand.engine, hand.by, group=offer.group) or worked
        return worked

    def work(self, hand: Hand, times: int = 1) -> None:
        """A few turns of every plugin, by one process; it may die, or freeze, in any of them."""
        for _ in range(times):
            if not self.at_work(hand, partial(self._turns, hand)):
                return

    def settle(self) -> None:
        """Let every process work until nothing is left to be done."""
        for hand in () if self.is_restless else self.hands:
            for _ in range(TURNS):
                if not self.at_work(hand, partial(self._turns, hand)):
                    break
            else:
                self.is_restless = True
                self.wrong.append(("restless plugin", f"{hand.name} has not come to rest after {TURNS} turns"))

    def at_work(self, hand: Hand, work: Callable[[], bool]) -> bool:
        """Let a process do something. A dead one is started again, and a store that fails is waited for."""
        store = self.lower.store
        before, store.at_work = store.at_work, True
        try:
            return work()
        except StoreUnavailable as error:
            self.lower.clock.advance(error.wait.total_seconds())
            return True
        except Killed:
            self.start(hand)
            return True
        except Exception as error:  # noqa: BLE001 - whatever leaves a turn is a finding
            self.lower.dead.append(f"{hand.name} died: {type(error).__name__}: {error}")
            self.start(hand)
            return False
        finally:
            store.at_work = before
            self.note()

    @contextmanager
    def disturbed(self, chance: float, places: Sequence[int], meanwhile: Callable[[], object]) -> Iterator[None]:
        """Perhaps whoever is at work freezes at one of these next reads and writes, and this happens meanwhile."""
        fate, store, dice = self.lower.fate, self.lower.store, self.lower.dice
        if dice.random() >= chance:
            yield
            return

        def freeze(_where: str) -> None:
            self.note()
            fate.counts["frozen upstairs"] += 1
            at_work, store.at_work = store.at_work, False
            try:
                meanwhile()
            finally:
                store.at_work = at_work
            self.look_at_revision()

        with fate.freezing(dice.choice(places), freeze):
            yield

    # -- people ----------------------------------------------------------------------------------------------------

    def asker(self, someone: Someone, rules: Any) -> Asker:
        """Somebody who asks now."""
        return Asker(someone, False, self.lower.clock.now(), rules=rules)

    def act(self, name: str) -> Act | None:
        """The act of this name, where its plugin is at work."""
        offered = self.web.engine.registry.offers.acts
        return OWN.by_name.get(name) or offered.get(name)

    def do(
        self,
        who: Someone,
        name: str,
        given: Mapping[str, Any],
        key: str = "",
        revision: int | None = None,
        why: str | None = None,
    ) -> tuple[Performed | None, str]:
        """Somebody asks for one act; at once, where they say why. Answers what they are answered, and what they see in
        words."""
        act = self.act(name)
        if act is None:
            return None, ", and nobody knows that"
        engine = self.web.engine
        try:
            told = act.told(given)
            with self._spoilt():
                asker = self.asker(who, engine.registry.offers.rules)
                done = perform(engine, act, told, asker, key=key, revision=revision, break_glass=why)
        except StoreUnavailable as error:
            self.lower.clock.advance(error.wait.total_seconds())
            return None, ", and sees an error"
        except Killed:
            self.start(self.web)
            return None, ", and the process dies"
        except (NotAllowed, NotProved):
            return None, ", and may not"
        except KeyReused:
            return None, ", and has used the key for something else"
        except Changed:
            return None, ", and it has changed"
        except (NotDone, WrongWords, LookupError, ValueError):
            return None, ", and it cannot be done"
        except Exception as error:  # noqa: BLE001 - whatever an act ends in that is no answer is a finding
            self.lower.dead.append(f"{name} ended in {type(error).__name__}: {error}")
            return None, ", and it fails"
        finally:
            self.note()
        return done, self._remembered(who, given, done)

    def _remembered(self, who: Someone, given: Mapping[str, Any], done: Performed) -> str:
        """What whoever is answered sees of it."""
        if done.again:
            return ", once more"
        if done.proposal:
            about = given.get("incident") or given.get("announcement") or ""
            self.asked.append(Asked(done.proposal, who, str(about)))
            return f", and somebody else is to approve it: {done.proposal}"
        if done.review:
            self.reviews.append((done.review, who))
            return f", and breaks the glass: {done.review}"
        return ""

    def waiting(self) -> list[Asked]:
        """What nobody has decided about yet."""
        with self.calm() as connection:
            open_ones = {*connection.execute(_OPEN).scalars()}
        return [one for one in self.asked if one.label in open_ones]

    def jobs(self) -> list[str]:
        """What the jobs are called that there are."""
        with self.calm() as connection:
            return [label(number) for number in connection.execute(_JOBS).scalars()]

    def let_go(self) -> None:
        """The boss has every job go on that waits for a person."""
        with self.calm() as connection:
            parked = connection.execute(_PARKED).scalars().all()
        for number in parked:
            self.do(BOSS, "jobs resume", {"job": label(number)})

    @contextmanager
    def _spoilt(self) -> Iterator[None]:
        store = self.lower.store
        before, store.at_work = store.at_work, True
        try:
            yield
        finally:
            store.at_work = before

    def watch_revision(self, item: IncidentId | None) -> None:
        """Look at the revision of this item whenever somebody may have changed it."""
        self._asks_about = item
        self.look_at_revision()

    def look_at_revision(self) -> None:
        """Look at the revision of the item that somebody asks about."""
        if self._asks_about is None:
            self.revision = None
            return
        with self.calm() as connection:
            self.revision = connection.execute(
                select(t.incident.c.revision).where(t.incident.c.id == self._asks_about)
            ).scalar()

    def words(self, what: str) -> str:
        """Words that nobody has said before."""
        self.said += 1
        return f"{what} {self.said}"

    # -- roles -----------------------------------------------------------------------------------------------------

    def grant(self, whom: Someone, role: Role, until: datetime | None) -> bool:
        """The boss has somebody hold a role. False where that cannot be."""
        verdict = Verdict(True, Rule.FIRST_ADMIN if whom == BOSS else Rule.ROLE)
        at = self.lower.clock.now()
        return self._by_boss(
            lambda tx: grants.grant(tx, whom, Grant(role, None, until), at=at, actor=BOSS, verdict=verdict),
            asks=whom != BOSS,
        )

    def revoke(self, whom: Someone, role: Role) -> bool:
        """The boss has somebody no longer hold a role. False where they do not."""
        at = self.lower.clock.now()
        return self._by_boss(lambda tx: grants.revoke(tx, whom, Grant(role), at=at, actor=BOSS))

    def _by_boss(self, change: Callable[[Transaction], object], *, asks: bool = True) -> bool:
        store = self.lower.store
        asked = AskedFor(self.asker(BOSS, self.web.engine.registry.offers.rules), GRANT, _about_all)
        try:
            if not asks:
                with store.write() as tx:
                    grants.lock(tx)
                    change(tx)
                return True
            with asking(store, asked, "access") as guarded, guarded.write() as tx:
                change(tx)
        except (LookupError, ValueError, NotAllowed):
            return False
        except StoreUnavailable:
            return False
        except Killed:
            self.start(self.web)
            return False
        return True

    # -- what is known afterwards ----------------------------------------------------------------------------------

    @contextmanager
    def calm(self) -> Iterator[Connection]:
        """Look at the store, of which no fault comes."""
        store = self.lower.store
        before, store.at_work = store.at_work, False
        try:
            with store.read() as connection:
                yield connection
        finally:
            store.at_work = before

    def note(self) -> None:
        """Tell the chronicle what acts and plugins have written since the last time: it was written in Tieline."""
        with self.calm() as connection:
            rows = connection.execute(_NEWS, {"after": self._noted}).all()
            for row in rows:
                self._noted = row.seq
                facts = journal.facts(connection, row) or {}
                if row.connection is None and row.actor.startswith(("p-", PLUGIN)):
                    self._note(connection, row, facts)

    def _note(self, connection: Connection, row: Any, facts: Mapping[str, Any]) -> None:
        people, ref = self.lower.people, str(row.incident_id)
        for name, change in (facts.get("changes") or {}).items():
            if name in TEXTS:
                people.wrote(HERE, ref, name, change["after"])
            else:
                people.changes += 1
        if row.kind == "commented":
            body = connection.execute(select(t.comment.c.body).where(t.comment.c.id == facts["comment"])).scalar()
            if body is not None and not row.actor.startswith(f"{PLUGIN}escalation"):
                people.remarks.append(Remark(body, HERE, ref, Audience(facts["audience"])))

    def forget(self) -> None:
        """An old backup took the store's place: what was answered since is not known there."""
        self.kept.clear()
        self.tickets.clear()
        self.asked.clear()
        self.reviews.clear()
        self.lost.clear()
        with self.calm() as connection:
            self._noted = connection.execute(select(t.journal_head.c.seq)).scalar_one()
        self.start()

    def some_item(self, kind: RecordKind = RecordKind.INCIDENT) -> IncidentId | None:
        """One of the items of a kind, if there are any."""
        with self.calm() as connection:
            found = explain.incidents(connection, limit=1000, kind=kind)
        return self.lower.dice.choice(found)[0].id if found else None


_OPEN: Final = select(t.proposal.c.label).where(t.proposal.c.state == State.OPEN.value)
_JOBS: Final = select(t.job.c.id).order_by(t.job.c.id)
_PARKED: Final = select(t.job.c.id).where(t.job.c.status == jobs.PARKED).order_by(t.job.c.id)
_NEWS: Final = (
    select(*journal.TOLD, t.journal.c.connection, t.journal.c.actor)
    .join_from(t.journal, t.journal_payload, t.journal.c.seq == t.journal_payload.c.seq)
    .where(t.journal.c.seq > bindparam("after"), t.journal.c.kind.in_(("changed", "commented")))
    .order_by(t.journal.c.seq)
)


def _about_all(_asker: Asker, _seen_in: object) -> tuple[Subject, None]:
    return STORE, None
