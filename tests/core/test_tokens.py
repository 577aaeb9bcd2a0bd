"""Tokens: told once, kept as hashes, taken until they are over or revoked, and never after."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tieline.core import journal, tokens
from tieline.core.access import OWN_RULES, Role, Scope, ScopeKind
from tieline.core.errors import NotProved
from tieline.core.identity import Someone, called, of_account
from tieline.core.redaction import redacted
from tieline.core.store import tables as t
from tieline.core.store.store import Store
from tieline.core.tokens import Terms, Token

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
MOMENT = timedelta(seconds=1)
ANN = of_account("ann", "db1")
GRAFANA = called("token:grafana")
SHOP = Scope(ScopeKind.TEAM, "shop")


def terms(**said: Any) -> Terms:
    kept: dict[str, Any] = {"name": "grafana", "role": None, "rights": ("incident.read",), "scope": None}
    return Terms(**{**kept, "until": NOW + tokens.LASTS, **said})


def issue(store: Store, owner: Someone = ANN, **said: Any) -> str:
    with store.write() as tx:
        _id, told = tokens.issue(tx, owner, terms(**said), at=NOW, actor=ANN)
    return told


def prove(store: Store, told: str, now: datetime = NOW) -> tuple[Someone, Token]:
    with store.read() as connection:
        return tokens.prove(connection, told, now)


def revoke(store: Store, told: str) -> bool:
    with store.write() as tx:
        return tokens.revoke(tx, tokens.find(tx, told.split("_")[1]), at=NOW, actor=ANN)


def journalled(store: Store) -> list[tuple[str, Any]]:
    with store.read() as connection:
        return [(row.kind, journal.facts(connection, row)) for row in connection.execute(journal.ENTRIES)]


def test_a_token_stands_for_whoever_it_was_issued_for(store: Store) -> None:
    told = issue(store, role=Role.VIEWER, rights=("incident.edit",), scope=SHOP)
    someone, token = prove(store, told)
    assert (someone.name, someone.identity, someone.token) == ("ann", "os:ann@db1", token.id)
    assert tokens.FORM.fullmatch(told)
    assert str(token.bound(OWN_RULES)) == "incident.read, incident.edit, policy.read of team:shop"
    assert prove(store, issue(store, GRAFANA))[0].identity == "token:grafana"


def test_two_tokens_have_nothing_in_common(store: Store) -> None:
    assert len({part for told in (issue(store), issue(store)) for part in told.split("_")[1:]}) == 4


def test_its_secret_stands_in_nothing_that_is_kept_and_in_no_message(store: Store) -> None:
    told = issue(store)
    secret = told.split("_")[2]
    with store.read() as connection:
        rows = [list(map(str, row)) for table in t.metadata.sorted_tables for row in connection.execute(select(table))]
    assert secret not in json.dumps(rows)
    assert secret not in json.dumps(journalled(store))
    assert redacted(f"they showed {told}") != f"they showed {told}"
    assert [kind for kind, _facts in journalled(store)] == ["token_issued"]


def test_it_is_taken_until_it_is_over(store: Store) -> None:
    told = issue(store, until=NOW + timedelta(hours=1))
    prove(store, told, NOW + timedelta(hours=1) - MOMENT)
    with pytest.raises(NotProved, match=r"the token [0-9a-f]{12} \(grafana\) ended at 2026-11-30 13:00:00 UTC; have"):
        prove(store, told, NOW + timedelta(hours=1))


def test_it_is_over_once_it_is_revoked(store: Store) -> None:
    told, other = issue(store), issue(store)
    assert revoke(store, told)
    assert not revoke(store, told)
    with pytest.raises(NotProved, match=r"the token [0-9a-f]{12} \(grafana\) is revoked"):
        prove(store, told)
    prove(store, other)
    assert [kind for kind, _facts in journalled(store)] == ["token_issued", "token_issued", "token_revoked"]


@pytest.mark.parametrize("wrong", ["", "tl_", "a" * 10_000, "tl_000000000000_" + "0" * 64, "Bearer x", "é", "\x00"])
def test_what_is_no_token_proves_nobody(store: Store, wrong: str) -> None:
    issue(store)
    with pytest.raises(NotProved, match="this is no token that stands") as refused:
        prove(store, wrong)
    assert wrong not in str(refused.value) or not wrong or wrong == "tl_"


def test_a_wrong_secret_proves_nobody_and_tells_no_more_than_a_wrong_id(store: Store) -> None:
    told = issue(store)
    head, last = told[:-1], told[-1]
    revoke(store, told)
    with pytest.raises(NotProved) as wrong:
        prove(store, head + ("0" if last != "0" else "1"))
    with pytest.raises(NotProved) as unknown:
        prove(store, "tl_" + "0" * 12 + told[15:])
    assert str(wrong.value) == str(unknown.value)


@pytest.mark.parametrize(
    ("until", "words"), [(NOW, "is over; name a time that is to come"), (NOW + timedelta(days=367), "at most 366 days")]
)
def test_it_ends_within_a_year(store: Store, until: datetime, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        issue(store, until=until)
    issue(store, until=NOW + timedelta(days=366))


def test_whoever_is_forgotten_is_stood_for_by_no_token(store: Store) -> None:
    told, other = issue(store), issue(store, GRAFANA)
    journal.forget(store, "os:ann@db1", at=NOW, actor="dpo")
    with pytest.raises(NotProved):
        prove(store, told)
    prove(store, other)
    assert [kind for kind, _facts in journalled(store)][-2:] == ["token_revoked", "person_forgotten"]


def test_what_nobody_is_known_by_any_more_stands_for_nobody(store: Store) -> None:
    told = issue(store)
    with store.write() as tx:
        tx.execute(t.identity.delete())
    with pytest.raises(NotProved, match="is not known any more"):
        prove(store, told)


def test_its_last_use_is_kept_to_the_hour(store: Store) -> None:
    told = issue(store)
    used = []
    for minutes in (0, 30, 59, 61):
        now = NOW + timedelta(minutes=minutes)
        token = prove(store, told, now)[1]
        if tokens.is_stale(token, now):
            with store.write() as tx:
                tokens.note_use(tx, token, now)
        used.append(prove(store, told, now)[1].used_at)
    assert used == [NOW, NOW, NOW, NOW + timedelta(minutes=61)]


def test_the_bound_is_asked_for_at_that_moment(store: Store) -> None:
    told = issue(store, until=NOW + timedelta(hours=1))
    someone, token = prove(store, told)
    with store.read() as connection:
        assert tokens.bound_of(connection, someone, NOW) == token.bound(OWN_RULES)
        assert tokens.bound_of(connection, ANN, NOW) is None
        with pytest.raises(NotProved, match="ended at"):
            tokens.bound_of(connection, someone, NOW + timedelta(hours=1))
        with pytest.raises(NotProved, match="there is no token"):
            tokens.bound_of(connection, Someone("ann", "os:ann@db1", "0" * 12), NOW)
