"""Whoever reads within scopes sees the items in them, in every list and figure: those, of which `may` says so one by
one, and no trace of any other."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Column, Text, insert, select, update
from tests.sync.test_enquiries import counted
from tests.sync.world import World

from tieline.core.access import (
    CARRIES,
    READ,
    READ_RESTRICTED,
    Bound,
    Facts,
    Grant,
    Reach,
    Role,
    Scope,
    ScopeKind,
    Subject,
    may,
    parse_scope,
    reach,
)
from tieline.core.errors import NotAllowed
from tieline.core.identity import Someone, called, of_account
from tieline.core.model import ConnectionName, IncidentId
from tieline.core.port import Ref
from tieline.core.projections import RowsSeen, plugin_table, subject_column
from tieline.core.store import tables as t
from tieline.core.store.chain import Entry
from tieline.core.store.store import Connection, Transaction
from tieline.sync import explain, loading, restricting
from tieline.sync.alerts import absence
from tieline.sync.alerts.absence import Belief, Doubt
from tieline.sync.api import happenings
from tieline.sync.office.enquiries import Enquiries, Seen
from tieline.sync.office.own_views import OWN_VIEWS
from tieline.sync.sight import Sight, sight_of, subject_of

ANN = of_account("ann", "db1")
Worlds = Callable[..., World]
ITEMS = 40
TEAMS = ("", "network", "payments", "team:odd")
SCOPES = ["team:network", "team:payments", "team:team:odd", "team:nobody", "service:shop", "connection:left"]
NOTES = plugin_table("notes", "note", subject_column(primary_key=True), Column("words", Text, nullable=False))


@dataclass(frozen=True)
class Reader:
    """Somebody who holds this, and asks by a token that is bound so."""

    now: datetime
    grants: tuple[Grant, ...]
    bound: Bound | None = None
    someone: Someone = ANN

    def facts(self, _connection: Connection | Transaction) -> Facts:
        return Facts(self.now, self.grants, bound=self.bound)


def of_team(name: str, role: Role = Role.VIEWER) -> Grant:
    return Grant(role, Scope(ScopeKind.TEAM, name))


def filled(here: World, dice: random.Random) -> World:
    """A world with items of two teams, of some services, in some connections, of which some are restricted; of each
    something waits for a person."""
    engine, now = here.engine, here.clock.now()
    opening: list[Any] = []
    for number in range(ITEMS):
        fields = {"title": f"Disk {number}", "status": dice.choice(["new", "resolved"]), "team": dice.choice(TEAMS)}
        opening.append(({**fields, "service": dice.choice(["", "shop", "bank"])}, {}))
    with engine.store.write() as tx:
        made = loading.insert_incidents(tx, opening, ["" for _ in opening], now)
        tx.execute(update(t.incident).values(label=""))
        for one in made:
            for name in dice.sample(["left", "right"], dice.randint(0, 2)):
                ref = f"{name}-{one.id}"
                tx.execute(
                    insert(t.replica), {**_COPY, "incident_id": one.id, "connection": name, "ref": ref, "token": ref}
                )
                arrival = {"connection": name, "ref": ref, "asked": 0, "received_at": now, "parked": "unreadable"}
                tx.execute(insert(t.inbox), arrival)
            alert = {"connection": "right", "episode": f"alert-{one.id}", "incident_id": one.id, "group_key": "x"}
            told: dict[str, Any] = {"fields": {}, "labels": {}, "judged": {}, "version": "", "seen_at": now}
            tx.execute(insert(t.signal), {**alert, **told, "firing": True, "parked": "it was refused"})
            timer = {"kind": "page", "due_at": now, "payload": {"incident": one.id}, "parked": "unknown"}
            tx.execute(insert(t.timer), {"key": f"page:{one.id}", **timer})
            waits = {"follower": "seats.react", "seq": one.id, "attempts": 1, "parked": "it failed"}
            tx.execute(insert(t.follower_backlog), {**waits, "incident_id": one.id})
        episodes = frozenset(Ref(f"alert-{one.id}") for one in made)
        absence._save(tx, ConnectionName("right"), Doubt(now, episodes, ITEMS, Belief.TOO_MANY, ITEMS))
        tx.execute(insert(t.follower), {"name": "seats.react", "seq": 0})
        for one in dice.sample(made, ITEMS // 4):
            restricting.restrict(tx, engine, one.id, "an insider", actor=ANN)
        NOTES.metadata.create_all(tx._connection)
        tx.execute(insert(NOTES), [{"subject": one.uid, "words": one.number} for one in made])
    return here


_COPY: dict[str, Any] = {
    "state": "parked",
    "parked": "no right",
    "dirty": True,
    **{name: {} for name in ("base", "observed", "ledger", "intent", "trail")},
    "holds": {"title": ["conflict", "a", "b", 0, "", 0, False]},
    "waits": True,
}


def reads(here: World, who: Reader) -> set[int]:
    """The items that they may read, asked of each."""
    with here.engine.store.read() as connection:
        rows = connection.execute(select(t.incident)).all()
        return {row.id for row in rows if may(ANN, READ, lies(connection, row), who.facts(connection)).allowed}


def lies(connection: Connection, row: Any) -> Subject:
    """What is asked about, from the item's fields themselves."""
    copies = connection.execute(select(t.replica.c.connection).where(t.replica.c.incident_id == row.id)).scalars()
    words = [f"team:{row.fields['team']}", f"service:{row.fields['service']}", *(f"connection:{one}" for one in copies)]
    found = [parse_scope(one) for one in words if not one.endswith((":",))]
    subject = Subject(f"INC-{row.id}", row.restricted, frozenset(one for one in found if one is not None))
    assert subject_of(connection, IncidentId(row.id)).scopes == subject.scopes
    return subject


def someone_with_anything(dice: random.Random, now: datetime) -> Reader:
    def scope() -> Scope | None:
        return parse_scope(dice.choice(["", *SCOPES])) if dice.random() < 0.9 else None

    roles = [Role.VIEWER, Role.SECURITY, Role.LEGAL, Role.RESPONDER]
    until = [None, None, now - timedelta(1), now + timedelta(1)]
    grants = tuple(Grant(dice.choice(roles), scope(), dice.choice(until)) for _ in range(dice.randint(0, 3)))
    rights = dice.choice(
        [CARRIES[Role.VIEWER], CARRIES[Role.SECURITY], frozenset({READ}), frozenset({READ_RESTRICTED})]
    )
    bound = Bound("4f1c09be77d2", rights, scope()) if dice.random() < 0.4 else None
    return Reader(now, grants, bound)


def see(here: World, name: str, who: Reader, **given: Any) -> Seen:
    return Enquiries(here.engine.store, here.engine.config, OWN_VIEWS).see(name, given, who)


def pages(here: World, name: str, who: Reader, limit: int, **given: Any) -> list[Any]:
    """A whole list, in pages that are full but for the last."""
    found: list[Any] = []
    after: dict[str, str] = {}
    while True:
        page = see(here, name, who, limit=limit, **given, **after).facts
        found += page["items"]
        if page["next"] is None:
            return found
        assert len(page["items"]) == limit
        after = {"after": page["next"]}


def number_of(here: World) -> dict[str, int]:
    """The items by how anybody calls them."""
    with here.engine.store.read() as connection:
        rows = connection.execute(select(t.incident)).all()
    return {row.label or f"INC-{row.id}": row.id for row in rows}


@pytest.mark.parametrize("seed", range(3))
def test_what_is_shown_is_what_may_be_read_one_by_one(seed: int, world: Worlds) -> None:
    dice = random.Random(seed)
    here = filled(world(), dice)
    called_so = number_of(here)
    shown: set[int] = set()
    for _ in range(25):
        who = someone_with_anything(dice, here.clock.now())
        theirs = reads(here, who)
        shown.add(len(theirs))
        try:
            listed = pages(here, "incidents", who, dice.randint(1, 9))
        except NotAllowed:
            assert theirs == set()
            continue
        assert [called_so[one["incident"]] for one in listed] == sorted(theirs, reverse=True)
        found = pages(here, "incidents", who, 7, search="disk")
        assert [one["incident"] for one in found] == [one["incident"] for one in listed]
        for name in ("conflicts", "parked", "timers"):
            about = {one["incident"] for one in pages(here, name, who, 11)} - {None}
            assert {called_so[one] for one in about} <= theirs, name
        assert {called_so[one["incident"]] for one in pages(here, "timers", who, 11)} == theirs
        _figures_are_of_these(here, who, theirs)
    assert len(shown) > 4, "those who read are too much alike"


def _figures_are_of_these(here: World, who: Reader, theirs: set[int]) -> None:
    status, overview = see(here, "status", who).facts, see(here, "overview", who).facts
    with here.engine.store.read() as connection:
        sight = sight_of(connection, ANN, who.facts(connection))
        rows = {row.id: row for row in connection.execute(select(t.incident))}
        copies = [row for row in connection.execute(select(t.replica)) if row.incident_id in theirs]
        assert status["incidents_open"] == sum(rows[one].status == "new" for one in theirs)
        figures = overview["figures"]
        assert (figures["copies_behind"], figures["to_decide"]) == (len(copies), len(copies))
        assert figures["without_severity"] == len(overview["items"]) == status["incidents_open"]
        assert (status["copies_behind"], status["conflicts"]) == (len(copies), len(copies))
        assert status["signals_firing"] == len(theirs)
        parked = explain.parked(connection, sight)
        assert status["parked"] == len(parked)
        assert {one.incident for one in parked if one.what == "signal"} == theirs
        assert {one.incident for one in parked if one.what == "reaction"} == theirs
        arrivals = sorted(one.sentence.partition(":")[0] for one in parked if one.what == "inbox")
        assert arrivals == sorted(str(row.ref) for row in copies)
        doubted = explain.doubts(connection, sight)
        assert {str(one) for doubt in doubted.values() for one in doubt.episodes} == {f"alert-{one}" for one in theirs}
        assert all((doubt.firing, doubt.of) == (len(theirs), len(theirs)) for doubt in doubted.values())
        assert {number for number in rows if explain.named(connection, f"INC-{number}", sight)} == theirs
        told = [one for one in _all_happenings(connection, sight) if one.kind == "restricted"]
        assert len(told) == sum(bool(rows[one].label) for one in theirs)
        noted = RowsSeen(connection, [NOTES], sight.sees_subject).all(select(NOTES.c.words))
        assert {row.words for row in noted} == {f"INC-{one}" for one in theirs}
        [follower] = see(here, "followers", who).facts["items"]
        assert follower["parked"] == len(theirs)
        assert (follower["behind"] is None) == (not sight.is_wide)


def _all_happenings(connection: Connection, sight: Sight) -> list[happenings.Happening]:
    found: list[happenings.Happening] = []
    while page := happenings.after(connection, found[-1].seq if found else 0, sight):
        found += page
    return found


def test_one_team_sees_nothing_of_what_another_does(world: Worlds) -> None:
    here = filled(world(), random.Random(7))
    who = Reader(here.clock.now(), (of_team("network"),))
    views = ("incidents", "overview", "conflicts", "parked", "doubts", "timers", "followers", "status")
    before = {name: see(here, name, who) for name in views}
    with here.engine.store.read() as connection:
        sight = sight_of(connection, ANN, who.facts(connection))
        seq, place = happenings.last(connection, sight)
        others = [row.id for row in connection.execute(select(t.incident)) if row.fields["team"] != "network"]
    with here.engine.store.write() as tx:
        for number in others:
            item = loading.load_incident(tx, IncidentId(number), lock=True)
            assert item is not None
            loading.save_incident(tx, item, here.clock.now())
        tx.execute(
            insert(t.replica), {**_COPY, "incident_id": others[0], "connection": "elsewhere", "ref": "9", "token": "9"}
        )
        tx.execute(insert(t.inbox), {"connection": "left", "ref": "new", "asked": 0, "received_at": here.clock.now()})
        tx.execute(
            insert(t.connection),
            {"name": "elsewhere", "uid": "", "state": "stopped", "reason": "no", "since": here.clock.now()},
        )
        restricting.restrict(tx, here.engine, _unrestricted(tx, others), "an insider", actor=ANN)
        tx.journal(Entry(here.clock.now(), "connection_stopped", None, "elsewhere", "", "", {}))
    after = {name: see(here, name, who) for name in views}
    for name in views:
        assert (after[name].version, after[name].facts) == (before[name].version, before[name].facts), name
    with here.engine.store.read() as connection:
        assert happenings.after(connection, seq, sight) == []
        assert happenings.last(connection, sight) == (seq, place)


def _unrestricted(tx: Transaction, numbers: list[int]) -> IncidentId:
    rows = tx.execute(select(t.incident.c.id, t.incident.c.restricted)).all()
    return next(IncidentId(row.id) for row in rows if row.id in numbers and not row.restricted)


def test_what_is_of_another_team_is_named_in_as_many_words_and_queries_as_what_is_not_there(world: Worlds) -> None:
    here = filled(world(), random.Random(7))
    who = Reader(here.clock.now(), (of_team("network"),))
    with here.engine.store.read() as connection:
        other = next(row.id for row in connection.execute(select(t.incident)) if row.fields["team"] == "payments")
    said: list[tuple[str, list[str]]] = []
    for number in (other, ITEMS + 9):
        for name, more in (("incidents", {}), ("history", {}), ("why", {"field": "title"})):
            with counted() as statements, pytest.raises(LookupError) as no:
                see(here, name, who, incident=f"INC-{number}", **more)
            said.append((str(no.value).replace(str(number), "N"), statements))
    assert said[:3] == said[3:]


def test_a_page_is_read_in_as_many_queries_however_little_of_what_is_there_is_theirs(world: Worlds) -> None:
    asked: list[dict[str, int]] = []
    here = filled(world(), random.Random(7))
    for team in ("nobody", "network"):
        who = Reader(here.clock.now(), (of_team(team),))
        asked.append({})
        for name in ("incidents", "conflicts", "parked", "doubts", "followers"):
            with counted() as statements:
                see(here, name, who)
            asked[-1][name] = len(statements)
    # A list of nothing asks for no copies and no severities of what is in it.
    assert all(few <= many <= few + 4 for few, many in zip(asked[0].values(), asked[1].values(), strict=True)), asked


def test_who_may_read_nothing_is_told_the_same_of_everything(world: Worlds) -> None:
    here = filled(world(), random.Random(7))
    nobody = Reader(here.clock.now(), (Grant(Role.VIEWER, until=here.clock.now()),))
    said = set()
    for incident in ("INC-1", "INC-999"):
        with pytest.raises(NotAllowed) as no:
            see(here, "incidents", nobody, incident=incident)
        said.add(str(no.value))
    with pytest.raises(NotAllowed):
        see(here, "incidents", nobody)
    assert len(said) == 1


def test_a_reach_is_where_may_says_yes() -> None:
    dice, now = random.Random(5), datetime.fromisoformat("2026-11-30T12:00:00+00:00")
    scopes = [parse_scope(one) for one in SCOPES]
    for _ in range(2_000):
        who = someone_with_anything(dice, now)
        facts = Facts(
            now, who.grants, bound=who.bound, opened_store=dice.random() < 0.1, owns_store=dice.random() < 0.1
        )
        within = frozenset(one for one in dice.sample(scopes, dice.randint(0, 3)) if one is not None)
        for right in (READ, READ_RESTRICTED):
            yes = may(ANN, right, Subject(scopes=within), facts).allowed
            by_token = facts.bound is None or right in facts.bound.rights
            assert (reach(ANN, right, facts).holds(within) and by_token) == yes
    assert reach(called("ann"), READ, Facts(now, (Grant(Role.VIEWER),))) == Reach()


def test_what_moves_into_a_team_is_theirs_from_then_on(world: Worlds) -> None:
    here = world()
    here.tools["left"].make({"title": "Disk full", "status": "new"})
    here.settle()
    who = Reader(here.clock.now(), (of_team("network"),))
    assert see(here, "incidents", who).facts["items"] == []
    for team, there in (("network", 1), ("payments", 0), ("x" * 300, 0), ("two\nlines", 0), ("network", 1)):
        with here.engine.store.write() as tx:
            item = loading.load_incident(tx, IncidentId(1), lock=True)
            assert item is not None

            loading.save_incident(tx, replace(item, fields={**item.fields, "team": team}), here.clock.now())
        assert len(see(here, "incidents", who).facts["items"]) == there
