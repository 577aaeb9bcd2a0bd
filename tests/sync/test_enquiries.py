"""What there is to see is asked for with a right, in pages, and without what whoever asks may not see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine, event, insert, update
from tests.sync.world import World

from tieline.core import grants, holds, journal, standings, tokens
from tieline.core.access import CARRIES, RIGHTS, Facts, Grant, Relation, Role, Rule, Subject, Verdict
from tieline.core.arguments import Ask
from tieline.core.declared import WrongWords
from tieline.core.desk import Look
from tieline.core.errors import NotAllowed
from tieline.core.events import Proposed
from tieline.core.identity import Someone, of_account
from tieline.core.model import Audience, ConnectionName, IncidentId
from tieline.core.offer import Offers
from tieline.core.port import Ref
from tieline.core.shown import Note, Table
from tieline.core.store import outputs
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction
from tieline.core.tokens import Terms
from tieline.core.views import Keyset, Listing, Paged, Row, View, Views
from tieline.plugins.escalation.plugin import Plugin
from tieline.plugins.escalation.policy import Settings
from tieline.sync import loading, policies, proposals, restricting
from tieline.sync.alerts import absence
from tieline.sync.alerts.absence import Belief, Doubt
from tieline.sync.comments import comments
from tieline.sync.office.enquiries import Enquiries, Seen
from tieline.sync.office.own_views import OWN_VIEWS
from tieline.sync.policies import Revision
from tieline.sync.proposals import Given, Proposal, Review, State
from tieline.sync.records import Held, Hold, ReplicaState, Stamp

ANN = of_account("ann", "db1")
OFFERS = Offers([Plugin(Settings()).tieline_offer()])
"""A plugin with a policy."""
Worlds = Callable[..., World]


@dataclass(frozen=True)
class Asking:
    """Somebody with these roles."""

    now: datetime
    roles: tuple[Role, ...] = (Role.VIEWER,)
    someone: Someone = field(default=ANN)

    def facts(self, connection: Connection | Transaction) -> Facts:
        return Facts(self.now, tuple(map(Grant, self.roles)))


def opened(world: World, count: int = 3) -> World:
    """A world with so many incidents, of which each has a copy in each tool."""
    for number in range(count):
        world.tools["left"].make({"title": f"Disk {number}", "status": "new"})
    world.settle(2)
    return world


def asks(world: World, name: str, given: dict[str, Any] | None = None, *roles: Role) -> Seen:
    who = Asking(world.clock.now(), roles or (Role.VIEWER,))
    return Enquiries(world.engine.store, world.engine.config, OWN_VIEWS, offers=OFFERS).see(name, given or {}, who)


def restrict(world: World, number: int) -> str:
    with world.engine.store.write() as tx:
        return restricting.restrict(tx, world.engine, IncidentId(number), "an insider", actor=ANN)


def told(world: World, *kinds: str) -> list[tuple[str, str, int | None, Any]]:
    with world.engine.store.read() as connection:
        return [
            (row.kind, journal.who(row), row.incident_id, journal.facts(connection, row))
            for row in connection.execute(journal.ENTRIES)
            if row.kind in kinds
        ]


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that are executed meanwhile."""
    found: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        found.append(statement)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", count)


def numbers(seen: Seen) -> list[str]:
    return [one["incident"] for one in seen.facts["items"]]


def test_pages_follow_one_another_while_incidents_are_opened(world: Worlds) -> None:
    here = opened(world(), 5)
    first = asks(here, "incidents", {"limit": 2})
    assert numbers(first) == ["INC-5", "INC-4"]
    opened(here, 2)
    second = asks(here, "incidents", {"limit": 2, "after": first.facts["next"]})
    assert numbers(second) == ["INC-3", "INC-2"]
    last = asks(here, "incidents", {"limit": 2, "after": second.facts["next"]})
    assert (numbers(last), last.facts["next"]) == (["INC-1"], None)
    assert first.answer.shown()[-1] == f"There are more: --after {first.facts['next']}"
    assert len(last.answer.shown()) == 1
    assert numbers(asks(here, "incidents", {"search": "disk", "limit": 2, "after": first.facts["next"]})) == [
        "INC-3",
        "INC-2",
    ]


def test_a_long_list_is_paged_through_without_loss(world: Worlds) -> None:
    here = world()
    with here.engine.store.write() as tx:
        stamps: dict[str, Stamp] = {}
        opening = [({"title": f"Disk {number}", "status": "new"}, stamps) for number in range(2_500)]
        loading.insert_incidents(tx, opening, [f"made {number}" for number in range(2_500)], here.clock.now())
    found, after = [], None
    while True:
        page = asks(here, "incidents", {"limit": 300, **({"after": after} if after else {})})
        found += numbers(page)
        after = page.facts["next"]
        if after is None:
            break
    assert found == [f"INC-{number}" for number in range(2_500, 0, -1)]


GIVEN: dict[str, dict[str, Any]] = {
    "why": {"incident": "INC-1", "field": "title"},
    "history": {"incident": "INC-1"},
    "items": {"kind": "incident"},
    "incident": {"incident": "INC-1"},
    "policy show": {"policy": "escalation.limits"},
    "policy history": {"policy": "escalation.limits"},
    "policy plan": {"policy": "escalation.limits", "document": "again: 20m"},
    "policy test": {"policy": "escalation.limits", "cases": "cases: []"},
    "access why": {"person": "os:ann@db1", "act": "incident.edit", "subject": "INC-1"},
    "people show": {"incident": "INC-1"},
    "jobs show": {"job": "JOB-1"},
    "jobs result": {"job": "JOB-1"},
    "output": {"execution": "INC-1"},
}
"""What a view is asked for where it takes no less."""


def a_job(tx: Transaction, now: datetime) -> None:
    """One that is parked, of the first incident, and what it came to."""
    [number] = tx.new_ids(t.job, 1)
    of_it = {"id": number, "kind": "sums.sum", "incident_id": 1, "actor": "ann", "ask": {}, "status": "parked"}
    counts = dict.fromkeys(("steps", "done", "entry", "spent", "attempts", "token"), 0)
    tx.execute(insert(t.job), {**of_it, **counts, "started_at": now, "stepped_at": now, "parked": "no", "worker": ""})
    tx.execute(insert(t.job_item), {"job": number, "incident_id": 1})
    kept = {
        "sha": "",
        "size": 0,
        "media_type": "",
        "readers": "incident.read",
        "retention": "",
        "made_at": now,
        "body": b"",
    }
    tx.execute(insert(t.blob), {"job": number, **kept})


def waiting(world: World, count: int, prefix: str = "thing") -> None:
    """So many of everything that waits for a person."""
    engine, now = world.engine, world.clock.now()
    copies = [(world.copy("left", number), world.copy("right", number)) for number in range(1, count + 1)]
    with engine.store.write() as tx:
        for number, (left, right) in enumerate(copies):
            name = f"{prefix}-{number}"
            hold = Hold(Held.CONFLICT, "ours", "theirs", now, "both sides changed it")
            loading.save_replica(tx, replace(left, holds={"title": hold, "team": hold}))
            parked = replace(right, state=ReplicaState.PARKED, parked="it has no type", holds={"title": hold})
            loading.save_replica(tx, parked)
            arrival = {"connection": "left", "ref": name, "asked": 0, "received_at": now, "parked": "unreadable"}
            tx.execute(insert(t.inbox), arrival)
            comments.write(tx, engine, IncidentId(1), ANN, name, Audience.STAFF)
            alert = {"connection": "left", "episode": name, "incident_id": 1, "group_key": "", "version": ""}
            empty: dict[str, Any] = {"fields": {}, "labels": {}, "judged": {}}
            made = tx.execute(
                insert(t.signal), {**alert, **empty, "firing": False, "seen_at": now, "parked": "it was refused"}
            )
            for about in ({"incident": 1}, {"signal": loading.new_id(made)}):
                timer = {"key": f"{name} {about}", "kind": "page", "due_at": now, "payload": about, "parked": "unknown"}
                tx.execute(insert(t.timer), timer)
            absence._save(tx, ConnectionName(name), Doubt(now, frozenset({Ref(name)}), 1, Belief.TOO_MANY, 1))
            tx.execute(insert(t.follower), {"name": name, "seq": number})
            person, items = tx.person(ANN), (IncidentId(1),)
            told = Proposed(
                proposal=name, label=name, act="edit", ask={}, rights=[], why="", until="", writes=[], sha=""
            )
            entry = engine.record(tx, told, incident=IncidentId(1), actor=ANN)
            later, none = now + timedelta(days=99), tuple[Given, ...]()
            rest = (("incident.edit",), none, "", State.OPEN, now, later, entry)
            proposals.keep(tx, Proposal(name, name, "edit", {}, person, "", {IncidentId(1): 1}, *rest))
            proposals.keep_review(tx, Review(name, name, "edit", person, items, now, None, None, entry))
            a_job(tx, now)
            outputs.keep(tx, IncidentId(1), name, "0" * 64, now, is_cut=False, agrees=True)
            works = tx.person(Someone(name, f"os:{name}@db1"))
            standings.add(tx, works, Relation.MEMBER, IncidentId(1), source="", at=now, actor=ANN)
            held = holds.Hold(1 + holds.last(tx), IncidentId(1), "", "a lawsuit", name, person, now, entry)
            holds.place(tx, held)
            tokens.issue(tx, ANN, Terms(name, Role.VIEWER, (), None, later), at=now, actor=ANN)
        before = policies.latest(tx, "escalation.limits")
        for number in range(count):
            revision = 1 + number + (0 if before is None else before.number)
            policies.add(tx, Revision("escalation.limits", revision, 1, now, "", f"again: {revision}m", "", "because"))
        tx.execute(update(t.twin).values(state="parked", parked="no right to comment"))


MOST_QUERIES = {"status": 32, "overview": 32, "connections": 40, "incident": 14}
"""Of those that put together what others show one by one: the figures of everything, and all there is about one."""


@pytest.mark.parametrize("roles", [(Role.AUDITOR,), (Role.SECURITY, Role.AUDITOR)], ids=str)
def test_a_page_is_read_in_as_many_queries_however_many_rows_it_has(roles: tuple[Role, ...], world: Worlds) -> None:
    here = opened(world(), 6)
    restrict(here, 6)
    asked: list[dict[str, int]] = []
    rows: list[dict[str, int]] = []
    for count in (1, 5):
        waiting(here, count, f"of-{count}")
        asked.append({})
        rows.append({})
        for name in OWN_VIEWS.by_name:
            given = GIVEN.get(name, {})
            asks(here, name, given, *roles)  # who reads what is restricted is journalled once a minute
            with counted() as statements:
                seen = asks(here, name, given, *roles)
            asked[-1][name] = len(statements)
            rows[-1][name] = len(seen.facts.get("items", ()))
        opened(here, 10)
    assert asked[0] == asked[1]
    assert {name: count for name, count in asked[0].items() if count > MOST_QUERIES.get(name, 12)} == {}
    of_the_plugins = ("policy", "access rights", "plugins")
    paged = [name for name, view in OWN_VIEWS.by_name.items() if issubclass(view.ask, Paged)]
    paged = [name for name in paged if name not in of_the_plugins]
    assert all(rows[0][name] < rows[1][name] for name in paged), rows


def test_a_page_of_timers_is_read_in_as_many_queries_however_many_before_it_are_hidden(world: Worlds) -> None:
    here = opened(world(), 2)
    restrict(here, 1)
    asked: list[int] = []
    for count in (10, 100):
        with here.engine.store.write() as tx:
            timer: dict[str, Any] = {"kind": "page", "due_at": here.clock.now(), "payload": {"incident": 1}}
            tx.execute(insert(t.timer), [{**timer, "key": f"{count} {number}"} for number in range(count)])
        with counted() as statements:
            assert asks(here, "timers", {"limit": 1}).facts["items"] == []
        asked.append(len(statements))
    assert asked[0] == asked[1]


@pytest.mark.parametrize("name", ["history", "conflicts", "parked", "doubts", "followers", "timers"])
def test_a_list_is_the_same_in_pages_of_any_length(name: str, world: Worlds) -> None:
    here = opened(world(), 3)
    waiting(here, 3)
    given = GIVEN.get(name, {})
    whole = asks(here, name, given).facts
    assert (whole["next"], len(whole["items"]) >= 3) == (None, True)
    assert asks(here, name, {**given, "limit": len(whole["items"])}).facts == whole, (
        "nothing follows a page that is full"
    )
    for limit in (1, 2, len(whole["items"])):
        found: list[Any] = []
        after: dict[str, str] = {}
        while True:
            page = asks(here, name, {**given, "limit": limit, **after})
            found += page.facts["items"]
            if page.facts["next"] is None:
                break
            assert len(page.facts["items"]) == limit
            assert page.answer.shown()[-1] == f"There are more: --after {page.facts['next']}"
            after = {"after": page.facts["next"]}
        assert found == whole["items"]


def test_what_was_settled_meanwhile_moves_nothing_of_the_next_page(world: Worlds) -> None:
    here = opened(world(), 3)
    waiting(here, 3)
    first = asks(here, "parked", {"limit": 2})
    with here.engine.store.write() as tx:
        tx.execute(update(t.replica).where(t.replica.c.id <= first.facts["items"][-1]["id"]).values(state="linked"))
    second = asks(here, "parked", {"limit": 1, "after": first.facts["next"]})
    assert [(one["what"], one["id"]) for one in second.facts["items"]] == [("copy", here.copy("right", 3).id)]


def test_a_parked_timer_is_of_the_incident_that_it_names_or_whose_alert_it_names(world: Worlds) -> None:
    here = opened(world(), 1)
    waiting(here, 1)
    timers = [one for one in asks(here, "parked").facts["items"] if one["what"] == "timer"]
    assert [one["incident"] for one in timers] == ["INC-1", "INC-1"]
    assert all("for INC-1: " in one["sentence"] for one in timers)


def test_a_role_that_is_over_is_said_to_be_so(world: Worlds) -> None:
    here = world()
    now = here.clock.now()
    given = Grant(Role.VIEWER, until=now + timedelta(hours=1))
    with here.engine.store.write() as tx:
        grants.grant(tx, ANN, given, at=now, actor=ANN, verdict=Verdict(True, Rule.OWNER))
    stands = asks(here, "access list", {}, Role.AUDITOR)
    here.clock.advance(3_600)
    over = asks(here, "access list", {}, Role.AUDITOR)
    assert [one.facts["grants"][0]["stands"] for one in (stands, over)] == [True, False]
    tables = [one.answer.shown()[0] for one in (stands, over)]
    assert [str(table.rows[0][-1]).endswith(" (over)") for table in tables if isinstance(table, Table)] == [False, True]


def test_how_many_fired_is_the_same_number_in_the_table_as_in_the_sentence_below_it(world: Worlds) -> None:
    here = opened(world(), 1)
    with here.engine.store.write() as tx:
        missing = frozenset({Ref("a"), Ref("b")})
        absence._save(tx, ConnectionName("left"), Doubt(here.clock.now(), missing, 9, Belief.TOO_MANY, 7))
    table, note = asks(here, "doubts").answer.shown()
    assert isinstance(table, Table)
    assert isinstance(note, Note)
    assert (table.rows[0][:3], "2 of 7 alerts" in note.sentence) == (("left", 2, 7), True)


def test_who_has_not_the_right_is_refused_and_the_journal_says_so_once(world: Worlds) -> None:
    here = opened(world(), 1)
    nobody = Asking(here.clock.now(), ())
    takes_one = {name: view for name, view in OWN_VIEWS.by_name.items() if view.needs}
    for _again in range(2):
        for name in takes_one:
            with pytest.raises(NotAllowed, match=f"ann may not .*: that takes {OWN_VIEWS[name].needs}"):
                Enquiries(here.engine.store, here.engine.config, OWN_VIEWS).see(name, GIVEN.get(name, {}), nobody)
    refused = told(here, "act_refused")
    assert [(facts["act"], facts["right"], facts["rule"]) for _kind, _who, _incident, facts in refused] == [
        (name, view.needs, "no_right") for name, view in takes_one.items()
    ]


def test_who_opened_the_store_reads_without_a_role_what_is_not_restricted_and_nothing_else(world: Worlds) -> None:
    here = opened(world(), 2)
    restrict(here, 2)

    @dataclass(frozen=True)
    class AtTheStore(Asking):
        def facts(self, connection: Connection | Transaction) -> Facts:
            return replace(super().facts(connection), opened_store=True)

    who = AtTheStore(here.clock.now(), ())
    enquiries = Enquiries(here.engine.store, here.engine.config, OWN_VIEWS)
    assert numbers(enquiries.see("incidents", {}, who)) == ["INC-1"]
    with pytest.raises(LookupError, match="there is no incident and no ticket 'INC-2'"):
        enquiries.see("incidents", {"incident": "INC-2"}, who)
    assert told(here, "act_refused", "restricted_read") == []


def test_whoever_only_claims_to_be_somebody_sees_nothing(world: Worlds) -> None:
    here = opened(world(), 1)
    claimed = Asking(here.clock.now(), (Role.ADMIN,), Someone("ann"))
    with pytest.raises(NotAllowed, match="nobody may act as 'named:ann'"):
        Enquiries(here.engine.store, here.engine.config, OWN_VIEWS).see("incidents", {}, claimed)


def test_that_a_restricted_one_is_read_is_journalled_before_it_is_shown_once_a_minute(world: Worlds) -> None:
    here = opened(world(), 2)
    label = restrict(here, 2)
    for given in ({}, {}, {"incident": label}, {"incident": "INC-1"}):
        asks(here, "incidents", given, Role.SECURITY)
    asks(here, "incidents", {})
    assert told(here, "restricted_read") == [("restricted_read", "ann", 2, {"act": "incidents"})]


COUNTS = (
    *("status", "connections", "access list", "followers", "policy", "policy show", "policy history", "policy plan"),
    *("policy test", "access rights", "token list", "plugins"),
)
SHOWS_SOMETHING_OF = [name for name in OWN_VIEWS.by_name if name not in COUNTS]
ANOTHER = {"incidents": {"search": "Disk 0"}, "items": {"search": "Disk 0"}}
"""What is asked of those that show one after the other, so that the third is not shown."""


@pytest.mark.parametrize("name", SHOWS_SOMETHING_OF)
def test_each_view_that_shows_something_of_a_restricted_one_has_that_journalled(name: str, world: Worlds) -> None:
    here = opened(world(), 1)
    waiting(here, 1)
    with here.engine.store.write() as tx:
        gone = Doubt(here.clock.now(), frozenset({Ref("thing-0")}), 1, Belief.TOO_MANY, 1)
        absence._save(tx, ConnectionName("left"), gone)
    asks(here, name, GIVEN.get(name, {}), Role.SECURITY)
    assert told(here, "restricted_read") == []
    restrict(here, 1)
    asks(here, name, GIVEN.get(name, {}), Role.SECURITY)
    assert told(here, "restricted_read") == [("restricted_read", "ann", 1, {"act": name})]


@pytest.mark.parametrize("name", SHOWS_SOMETHING_OF)
def test_what_is_not_shown_of_a_restricted_one_is_not_journalled(name: str, world: Worlds) -> None:
    here = opened(world(), 3)
    waiting(here, 2)
    restrict(here, 3)
    with here.engine.store.write() as tx:
        # What is open is what an overview shows.
        tx.execute(update(t.incident).where(t.incident.c.id == 3).values(status="resolved"))
    asks(here, name, {**GIVEN.get(name, {}), **ANOTHER.get(name, {})}, Role.SECURITY)
    assert told(here, "restricted_read") == []


def test_the_status_names_a_restricted_one_without_its_title_and_writes_nothing(world: Worlds) -> None:
    here = opened(world(), 1)
    waiting(here, 1)
    with here.engine.store.write() as tx:
        tx.execute(update(t.signal).values(firing=True))
        tx.execute(update(t.incident).values(status="resolved"))
    [firing] = asks(here, "status").facts["resolved_while_firing"]
    label = restrict(here, 1)
    [seen] = asks(here, "status", {}, Role.SECURITY).facts["resolved_while_firing"]
    assert seen == {**firing, "incident": label, "title": ""}
    assert asks(here, "status").facts["resolved_while_firing"] == []
    assert told(here, "restricted_read") == []


def test_a_version_is_another_one_for_another_sight_and_after_a_change_and_no_other(world: Worlds) -> None:
    here = opened(world(), 2)

    def versions() -> tuple[str, str]:
        return asks(here, "incidents").version, asks(here, "incidents", {}, Role.SECURITY).version

    outside, inside = versions()
    assert (outside, inside) == versions()
    restrict(here, 2)
    without, within = versions()
    assert len({outside, inside, without, within}) == 4
    here.edit("left", 2, title="Quietly")
    here.settle()
    later = versions()
    assert later[0] == without, "what is not there for them changes nothing that they see"
    assert later[1] != within


class Nothing(Ask):
    """It is told nothing."""


def broken(_look: Look, _ask: Nothing) -> Listing[Row]:
    """Answer what is no answer."""
    return Listing[Row].model_validate({"items": 7})


def of_something_hidden(_seen_in: object, _ask: object, _sight: object) -> tuple[Subject, None]:
    return Subject("RES-BCDFGH", restricted=True), None


def test_what_a_view_is_about_is_not_there_for_who_may_not_know_of_it(world: Worlds) -> None:
    here = world()
    views = Views([View("secret", broken, "incident.read", about=of_something_hidden)])
    with pytest.raises(LookupError, match="there is no RES-BCDFGH"):
        Enquiries(here.engine.store, here.engine.config, views).see("secret", {}, Asking(here.clock.now()))
    assert told(here, "act_refused") == []


def test_an_answer_that_cannot_be_is_nobody_s_wrong_words(world: Worlds) -> None:
    here = world()
    views = Views([View("broken", broken, "incident.read")])
    with pytest.raises(ValidationError):
        Enquiries(here.engine.store, here.engine.config, views).see("broken", {}, Asking(here.clock.now()))


def test_the_same_answer_has_another_version_for_who_sees_more_elsewhere(world: Worlds) -> None:
    here = opened(world(), 2)
    restrict(here, 2)
    outside, inside = (asks(here, "incidents", {"search": "Disk 0"}, role) for role in (Role.VIEWER, Role.SECURITY))
    assert outside.facts == inside.facts
    assert outside.version != inside.version


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("incidents", {"limit": 0}, "limit: Input should be greater than or equal to 1"),
    ("incidents", {"limit": "1.5"}, "limit: Input should be a valid integer"),
    ("incidents", {"status": "done"}, "status: Input should be 'new', 'in_progress'"),
    ("incidents", {"titel": "x"}, "there is no argument 'titel'"),
    ("incidents", {"search": "x" * 301}, "search: String should have at most 300 characters"),
    ("incidents", {"search": "\ud83d"}, "search: text is in UTF-8"),
    ("incidents", {"search": ["x"]}, "search: Input should be a valid string"),
    ("incidents", {"incident": "\0"}, "incident: text holds no character of the code 0"),
    ("incidents", {"incident": ""}, "incident: String should have at least 1 character"),
    *(
        (name, {**GIVEN.get(name, {}), "after": Keyset("others", int).cursor(1)}, f"take `next` of a page of `{name}`")
        for name in ("incidents", "history", "conflicts", "parked", "doubts", "followers", "timers")
    ),
    ("why", {"incident": "INC-1"}, "field: it is missing"),
    ("why", {"incident": "INC-1", "field": ""}, "field: String should have at least 1 character"),
]
NOT_THERE: list[tuple[str, dict[str, Any], str]] = [
    ("incidents", {"incident": "INC-99"}, "there is no incident and no ticket 'INC-99'"),
    ("incidents", {"connection": "lefd"}, "there is no connection 'lefd'; did you mean 'left'?"),
    ("why", {"incident": "INC-1", "field": "titel"}, "there is no field 'titel'; did you mean 'title'?"),
    ("incidentz", {}, "there is no view 'incidentz'; did you mean 'incident'?"),
]


@pytest.mark.parametrize(("rows", "error"), [(WRONG, WrongWords), (NOT_THERE, LookupError)])
def test_what_cannot_be_shown_is_said_in_a_sentence(
    world: Worlds, rows: list[tuple[str, dict[str, Any], str]], error: type[Exception]
) -> None:
    here = opened(world(), 1)
    before = journal.verify(here.engine.store).count
    for name, given, says in rows:
        with pytest.raises(error) as refused:
            asks(here, name, given)
        assert says in str(refused.value)
        assert "\n" not in str(refused.value)
    assert journal.verify(here.engine.store).count == before


def test_each_view_has_a_right_that_a_role_carries_and_says_what_it_and_each_of_its_words_is() -> None:
    for view in OWN_VIEWS.by_name.values():
        assert set(view.rights) <= RIGHTS.keys(), view.name
        assert all(any(right in carried for carried in CARRIES.values()) for right in view.rights), view.name
        assert view.summary, view.name
        assert [name for name, one in view.fields.items() if not one.description] == [], view.name
        assert view.answer.model_json_schema(mode="serialization")["type"] == "object", view.name
