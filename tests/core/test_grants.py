"""Roles in the store, on both databases: granted, revoked, told of, and never the last admin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tieline.core import grants, journal
from tieline.core.access import GRANT, STORE, Grant, Role, Rule, Scope, ScopeKind, Verdict, may
from tieline.core.errors import NotAllowed
from tieline.core.identity import Someone, of_account, told_by
from tieline.core.journal import Entry
from tieline.core.store import tables as t
from tieline.core.store.store import Store

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ANN, BOB = of_account("ann", "db1"), of_account("bob", "db1")
STORAGE = Scope(ScopeKind.TEAM, "storage")
ADMIN = Grant(Role.ADMIN)
BY_ROLE = Verdict(True, Rule.ROLE)
FIRST = Verdict(True, Rule.FIRST_ADMIN)


def give(store: Store, whom: Someone, given: Grant, verdict: Verdict = BY_ROLE) -> None:
    with store.write() as tx:
        grants.grant(tx, whom, given, at=NOW, actor=ANN, verdict=verdict)


def take(store: Store, whom: Someone | str, given: Grant) -> None:
    with store.write() as tx:
        grants.revoke(tx, whom, given, at=NOW, actor=ANN)


def known(store: Store, someone: Someone, now: datetime = NOW) -> Any:
    with store.read() as connection:
        return grants.facts_of(connection, someone, now, owns_store=False)


def told(store: Store) -> list[tuple[str, Any]]:
    with store.read() as connection:
        return [(row.kind, journal.facts(connection, row)) for row in connection.execute(journal.ENTRIES)]


def has_owner(store: Store) -> bool:
    return "sqlite" in store.name


def test_who_got_a_role_has_it_until_it_is_taken(store: Store) -> None:
    give(store, ANN, ADMIN)
    give(store, BOB, Grant(Role.RESPONDER, STORAGE, NOW + timedelta(hours=8)))
    assert known(store, BOB).grants == (Grant(Role.RESPONDER, STORAGE, NOW + timedelta(hours=8)),)
    take(store, BOB, Grant(Role.RESPONDER, STORAGE))
    assert known(store, BOB).grants == ()
    (_, _first), (kind, granted), (gone, revoked) = told(store)
    assert (kind, gone) == ("granted", "revoked")
    assert (granted["role"], granted["scope"], granted["until"], granted["rule"]) == (
        "responder",
        "team:storage",
        "2026-11-30T20:00:00+00:00",
        "role",
    )
    assert revoked == {"person": granted["person"], "role": "responder", "scope": "team:storage"}
    assert granted["person"].startswith("p-")
    journal.verify(store)


def test_a_role_that_is_granted_again_has_the_later_time(store: Store) -> None:
    give(store, ANN, ADMIN)
    for until in (NOW + timedelta(hours=1), None, NOW + timedelta(hours=2)):
        give(store, BOB, Grant(Role.RESPONDER, None, until))
        assert known(store, BOB).grants == (Grant(Role.RESPONDER, None, until),)


def test_nobody_has_what_another_of_that_name_has(store: Store) -> None:
    give(store, ANN, ADMIN)
    give(store, BOB, Grant(Role.SECURITY))
    for other in (of_account("bob", "db2"), told_by("jira-ops", "bob"), Someone("bob")):
        with store.write() as tx:
            tx.journal(Entry(NOW, "changed", 1, None, other, "", {}))
        assert known(store, other).grants == ()
    with store.read() as connection:
        assert [row.name for row in connection.execute(select(t.person))].count("bob") == 4


def test_only_who_signs_in_gets_a_role(store: Store) -> None:
    for claimed in (told_by("jira-ops", "bob"), Someone("bob")):
        with pytest.raises(ValueError, match="is no identity that a sign-in proves"):
            give(store, claimed, ADMIN)


def test_a_role_that_would_be_over_at_once_is_not_granted(store: Store) -> None:
    with pytest.raises(ValueError, match="is over; name a time that is to come"):
        give(store, BOB, Grant(Role.VIEWER, None, NOW))


def test_what_nobody_holds_cannot_be_taken(store: Store) -> None:
    give(store, ANN, ADMIN)
    for whom, given in ((BOB, ADMIN), (ANN, Grant(Role.ADMIN, STORAGE)), (ANN, Grant(Role.VIEWER))):
        with pytest.raises(LookupError, match="does not hold the role"):
            take(store, whom, given)


def test_who_is_admin_first_is_whoever_asks(store: Store) -> None:
    before = known(store, ANN)
    assert before.any_admin is has_owner(store)
    if not has_owner(store):
        assert may(ANN, GRANT, STORE, before).rule is Rule.FIRST_ADMIN
    for whom, given in ((BOB, ADMIN), (ANN, Grant(Role.VIEWER)), (ANN, Grant(Role.ADMIN, STORAGE))):
        with pytest.raises(NotAllowed, match="run `tieline access grant os:ann@db1 admin`"):
            give(store, whom, given, FIRST)
    give(store, ANN, ADMIN, FIRST)
    after = known(store, BOB)
    assert after.any_admin
    assert "ann" in after.admins
    assert may(BOB, GRANT, STORE, after).rule is Rule.NO_RIGHT


def test_who_is_admin_for_a_while_is_not_the_one_that_there_always_is(store: Store) -> None:
    give(store, BOB, Grant(Role.ADMIN, None, NOW + timedelta(hours=1)))
    give(store, BOB, Grant(Role.ADMIN, STORAGE))
    assert known(store, ANN).any_admin is has_owner(store)


def test_the_last_admin_stays(store: Store) -> None:
    give(store, ANN, ADMIN)
    give(store, BOB, Grant(Role.ADMIN, None, NOW + timedelta(hours=1)))
    give(store, BOB, Grant(Role.ADMIN, STORAGE))
    acts = [
        lambda: take(store, ANN, ADMIN),
        lambda: give(store, ANN, Grant(Role.ADMIN, None, NOW + timedelta(hours=1))),
        lambda: journal.forget(store, "ann", at=NOW, actor="dpo"),
    ]
    if has_owner(store):
        take(store, ANN, ADMIN)  # the owner of the file is admin without a grant
        return
    for act in acts:
        with pytest.raises(ValueError, match="that is the last admin"):
            act()
    assert known(store, ANN).grants == (ADMIN,)
    give(store, BOB, ADMIN)
    take(store, ANN, ADMIN)
    assert known(store, ANN).any_admin


def test_whoever_is_forgotten_holds_nothing_and_is_nobody(store: Store) -> None:
    give(store, ANN, ADMIN)
    give(store, BOB, Grant(Role.SECURITY))
    journal.forget(store, "os:bob@db1", at=NOW, actor=ANN)
    assert known(store, BOB).grants == ()
    with store.read() as connection:
        assert {one.name for one in grants.held(connection)} == {"ann"}
        assert "os:bob@db1" not in {row.known_as for row in connection.execute(select(t.identity))}
        row = connection.execute(select(t.person).where(t.person.c.name.is_(None))).one()
    assert [kind for kind, _facts in told(store)][-2:] == ["revoked", "person_forgotten"]
    assert row.id == told(store)[-1][1]["person"]
    give(store, BOB, Grant(Role.VIEWER))
    with store.read() as connection:
        assert {one.person for one in grants.held(connection) if one.name == "bob"} != {row.id}


def test_who_is_meant_is_asked_where_several_have_the_name(store: Store) -> None:
    for other in (ANN, told_by("jira-ops", "ann")):
        with store.write() as tx:
            tx.journal(Entry(NOW, "changed", 1, None, other, "", {}))
    with pytest.raises(LookupError, match=r"several are called 'ann': .*told:jira-ops:ann.*Name one of them by the id"):
        journal.forget(store, "ann", at=NOW, actor="dpo")
    journal.forget(store, "told:jira-ops:ann", at=NOW, actor="dpo")
    journal.forget(store, "ann", at=NOW, actor="dpo")
    with store.read() as connection:
        assert [row.name for row in connection.execute(select(t.person))] == [None, None]


def test_a_refusal_is_journalled_once_a_minute(store: Store) -> None:
    no = Verdict(False, Rule.NO_RIGHT)

    def refused(someone: Someone, act: str, seconds: int) -> None:
        with store.write() as tx:
            grants.refused(tx, someone, act, "incident.edit", no, None, NOW + timedelta(seconds=seconds))

    for seconds in (0, 30, 59):
        refused(ANN, "edit", seconds)
    refused(ANN, "comment", 59)
    refused(BOB, "edit", 59)
    refused(ANN, "edit", 60)
    assert [facts["act"] for kind, facts in told(store) if kind == "act_refused"] == ["edit", "comment", "edit", "edit"]
    with store.read() as connection:
        assert len(connection.execute(select(t.lately)).all()) == 1
