"""Who may do what: a table of cases, and what holds for every combination of roles."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.access import (
    CARRIES,
    OWN_RULES,
    READ_RESTRICTED,
    RIGHTS,
    STANDING,
    STORE,
    Bound,
    Duty,
    Facts,
    Grant,
    Relation,
    Role,
    Rule,
    Scope,
    ScopeKind,
    Subject,
    Verdict,
    may,
    parse_scope,
    proved,
    standing,
)
from tieline.core.identity import Someone, is_proved, of_account, told_by

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ANN = of_account("ann", "db1")
STORAGE = Scope(ScopeKind.TEAM, "storage")
JIRA = Scope(ScopeKind.CONNECTION, "jira-ops")
DISK = Subject("INC-1", scopes=frozenset({STORAGE, JIRA}))
SECRET = Subject("RES-BCDFGH", restricted=True, scopes=frozenset({STORAGE}))
HOSTILE = ["", "a b", "`reboot`", "$(reboot)", "ann\nadmin", "\x1b[2J", "\u202eann", "é" * 500, "{0}", "%s", "os:", "'"]

MOMENT = timedelta(seconds=1)


def facts(*grants: Grant, **known: object) -> Facts:
    return Facts(NOW, grants=grants, **known)  # type: ignore[arg-type]


def by_token(
    *grants: Grant, rights: Iterable[str] = ("incident.edit",), scope: Scope | None = None, **known: object
) -> Facts:
    return facts(*grants, bound=Bound("4f1c09be77d2", frozenset(rights), scope), **known)


CASES: dict[str, tuple[str, Subject, Facts, Rule]] = {
    "nothing": ("incident.edit", DISK, facts(), Rule.NO_RIGHT),
    "a role": ("incident.edit", DISK, facts(Grant(Role.RESPONDER)), Rule.ROLE),
    "a role without the right": ("incident.edit", DISK, facts(Grant(Role.VIEWER)), Rule.NO_RIGHT),
    "one of several": ("incident.edit", DISK, facts(Grant(Role.VIEWER), Grant(Role.SERVICE)), Rule.ROLE),
    "in scope": ("incident.edit", DISK, facts(Grant(Role.RESPONDER, STORAGE)), Rule.ROLE),
    "out of scope": (
        "incident.edit",
        DISK,
        facts(Grant(Role.RESPONDER, Scope(ScopeKind.TEAM, "network"))),
        Rule.OUT_OF_SCOPE,
    ),
    "of another kind of scope": (
        "incident.edit",
        DISK,
        facts(Grant(Role.RESPONDER, Scope(ScopeKind.SERVICE, "storage"))),
        Rule.OUT_OF_SCOPE,
    ),
    "a scope is not the store": ("store.move", STORE, facts(Grant(Role.ADMIN, STORAGE)), Rule.OUT_OF_SCOPE),
    "not over": ("incident.edit", DISK, facts(Grant(Role.RESPONDER, until=NOW + MOMENT)), Rule.ROLE),
    "just over": ("incident.edit", DISK, facts(Grant(Role.RESPONDER, until=NOW)), Rule.EXPIRED),
    "over, and held elsewhere": (
        "incident.edit",
        DISK,
        facts(Grant(Role.SERVICE, until=NOW), Grant(Role.SERVICE, Scope(ScopeKind.TEAM, "network"))),
        Rule.EXPIRED,
    ),
    "the owner": ("store.move", STORE, facts(owns_store=True), Rule.OWNER),
    "the owner and what is restricted": ("incident.edit", SECRET, facts(owns_store=True), Rule.HIDDEN),
    "the owner and restricting": ("incident.restrict", DISK, facts(owns_store=True), Rule.NO_RIGHT),
    "security": (READ_RESTRICTED, SECRET, facts(Grant(Role.SECURITY)), Rule.ROLE),
    "security of another team": (
        READ_RESTRICTED,
        SECRET,
        facts(Grant(Role.SECURITY, Scope(ScopeKind.TEAM, "network"))),
        Rule.HIDDEN,
    ),
    "security that is over": (READ_RESTRICTED, SECRET, facts(Grant(Role.SECURITY, until=NOW)), Rule.HIDDEN),
    "an admin and what is restricted": ("incident.edit", SECRET, facts(Grant(Role.ADMIN)), Rule.HIDDEN),
    "an admin who is security as well": (
        "store.move",
        SECRET,
        facts(Grant(Role.ADMIN), Grant(Role.SECURITY)),
        Rule.ROLE,
    ),
    "reads, and may not change": ("incident.edit", SECRET, facts(Grant(Role.LEGAL)), Rule.NO_RIGHT),
    "its commander": ("incident.edit", SECRET, facts(relations=frozenset({Relation.COMMANDER})), Rule.RELATION),
    "whoever is to receive it": (
        READ_RESTRICTED,
        SECRET,
        facts(relations=frozenset({Relation.RECEIVER})),
        Rule.RELATION,
    ),
    "its author": ("incident.edit", DISK, facts(relations=frozenset({Relation.AUTHOR})), Rule.NO_RIGHT),
    "its author has the duty": (
        "comment.publish",
        DISK,
        facts(
            Grant(Role.COMMUNICATIONS),
            relations=frozenset({Relation.AUTHOR}),
            duties=frozenset({Duty.NOT_THE_AUTHOR}),
        ),
        Rule.DUTY,
    ),
    "the owner has the duty": (
        "comment.publish",
        DISK,
        facts(owns_store=True, relations=frozenset({Relation.AUTHOR}), duties=frozenset({Duty.NOT_THE_AUTHOR})),
        Rule.DUTY,
    ),
    "somebody else's duty": (
        "comment.publish",
        DISK,
        facts(Grant(Role.COMMUNICATIONS), duties=frozenset({Duty.NOT_THE_AUTHOR})),
        Rule.ROLE,
    ),
    "who opened the store": ("incident.read", DISK, facts(opened_store=True), Rule.OPENED),
    "who opened the store, by a role as well": (
        "incident.read",
        DISK,
        facts(Grant(Role.VIEWER), opened_store=True),
        Rule.ROLE,
    ),
    "who opened the store, and what is restricted": ("incident.read", SECRET, facts(opened_store=True), Rule.HIDDEN),
    "who opened the store, and more than reading": ("incident.edit", DISK, facts(opened_store=True), Rule.NO_RIGHT),
    "nobody is admin": ("access.grant", STORE, facts(any_admin=False), Rule.FIRST_ADMIN),
    "nobody is admin, and nothing else follows": ("incident.edit", DISK, facts(any_admin=False), Rule.NO_RIGHT),
    "somebody is admin": ("access.grant", STORE, facts(), Rule.NO_RIGHT),
    "by a token that reaches it": ("incident.edit", DISK, by_token(Grant(Role.RESPONDER)), Rule.ROLE),
    "by a token within its scope": ("incident.edit", DISK, by_token(Grant(Role.RESPONDER), scope=STORAGE), Rule.ROLE),
    "by a token of another scope": (
        "incident.edit",
        DISK,
        by_token(Grant(Role.RESPONDER), scope=Scope(ScopeKind.TEAM, "network")),
        Rule.BOUND,
    ),
    "by a token of a scope, to the store": (
        "parked.release",
        STORE,
        by_token(Grant(Role.ADMIN), rights={"parked.release"}, scope=STORAGE),
        Rule.BOUND,
    ),
    "by a token that does not reach it": ("incident.comment", DISK, by_token(Grant(Role.RESPONDER)), Rule.BOUND),
    "by a token of somebody who may not": ("incident.edit", DISK, by_token(Grant(Role.VIEWER)), Rule.NO_RIGHT),
    "by a token of somebody whose role is over": (
        "incident.edit",
        DISK,
        by_token(Grant(Role.RESPONDER, until=NOW)),
        Rule.EXPIRED,
    ),
    "by a token of the owner": ("incident.edit", DISK, by_token(owns_store=True), Rule.OWNER),
    "by a token that does not read what is restricted": (
        "incident.edit",
        SECRET,
        by_token(Grant(Role.SECURITY)),
        Rule.HIDDEN,
    ),
    "by a token that does": (
        "incident.edit",
        SECRET,
        by_token(Grant(Role.SECURITY), rights={"incident.edit", READ_RESTRICTED}),
        Rule.ROLE,
    ),
    "by a token that reads what its owner does not": (
        "incident.edit",
        SECRET,
        by_token(Grant(Role.RESPONDER), rights={"incident.edit", READ_RESTRICTED}),
        Rule.HIDDEN,
    ),
    "by a token, issuing another one": (
        "access.token",
        STORE,
        by_token(Grant(Role.ADMIN), rights={"access.token", "access.tokens"}),
        Rule.BOUND,
    ),
    "no such right": ("incident.*", DISK, facts(Grant(Role.ADMIN), owns_store=True), Rule.UNKNOWN_RIGHT),
}
YES = {Rule.OWNER, Rule.ROLE, Rule.RELATION, Rule.OPENED, Rule.FIRST_ADMIN}


@pytest.mark.parametrize("case", CASES)
def test_what_decides(case: str) -> None:
    right, subject, known, rule = CASES[case]
    verdict = may(ANN, right, subject, known)
    assert (verdict.rule, verdict.allowed) == (rule, rule in YES)
    assert bool(verdict.sentence) != verdict.allowed


def test_every_rule_decides_somewhere() -> None:
    decides = {rule for _right, _subject, _known, rule in CASES.values()} | {Rule.NOT_PROVED, Rule.PROVED}
    assert decides | {Rule.POLICY} == set(Rule), "a policy of a plugin decides behind all of them"
    assert Rule.POLICY not in decides


def test_what_somebody_is_to_an_item_is_what_stands_now_and_reaches_it() -> None:
    known = facts(
        Grant(Role.RESPONDER, STORAGE),
        Grant(Role.COMMANDER, Scope(ScopeKind.TEAM, "shop")),
        Grant(Role.SECURITY, until=NOW),
    )
    found = standing(may(ANN, "incident.edit", DISK, known), DISK, known)
    assert found.may
    assert (found.roles, found.teams) == (frozenset({Role.RESPONDER}), frozenset({"storage", "shop"}))
    owned = replace(known, owns_store=True)
    assert standing(may(ANN, "incident.edit", DISK, owned), DISK, owned).roles == {Role.RESPONDER, Role.ADMIN}


def test_what_a_token_does_not_reach_is_told_with_what_it_reaches() -> None:
    known = by_token(Grant(Role.RESPONDER), rights=["incident.read", "access.token"], scope=STORAGE)
    assert may(ANN, "incident.edit", DISK, known).sentence == (
        "ann may change the fields of an incident (INC-1), and the token 4f1c09be77d2 does not reach that: it is bound "
        "to incident.read of team:storage. Have another one issued, with `--right incident.edit`."
    )
    assert may(ANN, "access.token", DISK, known).sentence.endswith(
        "and no token does: use the command `tieline token` as yourself."
    )


@pytest.mark.parametrize(
    "claimed", [Someone("ann"), told_by("jira-ops", "ann"), told_by("jira-ops", "os:ann@db1"), Someone("a", "os:")]
)
def test_who_is_only_said_to_be_somebody_may_do_nothing(claimed: Someone) -> None:
    everything = Facts(NOW, tuple(map(Grant, Role)), frozenset(Relation), owns_store=True, any_admin=False)
    for right in RIGHTS:
        assert may(claimed, right, DISK, everything).rule is Rule.NOT_PROVED
    assert (proved(claimed).allowed, proved(ANN)) == (False, Verdict(True, Rule.PROVED))


def test_two_who_are_called_the_same_are_not_the_same() -> None:
    anns = [
        of_account("ann", "db1"),
        of_account("ann", "db2"),
        told_by("jira-ops", "ann"),
        told_by("snow", "ann"),
        Someone("ann"),
    ]
    assert len({one.identity for one in anns}) == len(anns)
    assert [is_proved(one.identity) for one in anns] == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("right", "known", "told"),
    [
        (
            "incident.edit",
            facts(admins=("cleo", "dan")),
            "ann may not change the fields of an incident (INC-1): that takes incident.edit, which comes with "
            "responder, commander, security, admin or service. Ask cleo or dan for "
            "`tieline access grant os:ann@db1 responder`",
        ),
        (
            "incident.edit",
            facts(Grant(Role.RESPONDER, until=NOW - MOMENT), admins=("cleo",)),
            "The role responder ended at 2026-11-30 11:59:59 UTC. Ask cleo for",
        ),
        (
            "incident.edit",
            facts(Grant(Role.RESPONDER, Scope(ScopeKind.TEAM, "network"))),
            "The role responder of team:network does not reach it. Ask an admin for",
        ),
        (
            "incident.restrict",
            facts(owns_store=True, admins=("cleo",)),
            "ann may grant it, to themselves as well: `tieline access grant os:ann@db1 ",
        ),
        (
            "incident.edit",
            facts(any_admin=False),
            "Nobody is admin here yet: whoever opens the store first becomes it with "
            "`tieline access grant os:ann@db1 admin`",
        ),
    ],
)
def test_a_no_says_who_could_and_what_to_ask_for(right: str, known: Facts, told: str) -> None:
    assert told in may(ANN, right, DISK, known).sentence


def test_what_is_hidden_is_told_like_what_is_not_there() -> None:
    told = {may(ANN, right, SECRET, facts(Grant(Role.ADMIN))).sentence for right in RIGHTS}
    assert told == {"there is no RES-BCDFGH."}


grants = st.lists(
    st.builds(
        Grant,
        st.sampled_from(Role),
        st.sampled_from([None, STORAGE, JIRA, Scope(ScopeKind.TEAM, "network")]),
        st.sampled_from([None, NOW - MOMENT, NOW, NOW + MOMENT]),
    ),
    max_size=6,
)
subjects = st.builds(
    Subject, st.just("INC-1"), st.booleans(), st.frozensets(st.sampled_from([STORAGE, JIRA]), max_size=2)
)
relations = st.frozensets(st.sampled_from(Relation))
rights = st.sampled_from(sorted(RIGHTS))


@given(grants, subjects, relations, rights, st.booleans())
def test_no_combination_of_roles_gives_what_none_of_them_carries(held, subject, standing, right, owns) -> None:
    verdict = may(ANN, right, subject, Facts(NOW, tuple(held), standing, owns_store=owns))
    stands = [one for one in held if one.stands(NOW) and (one.scope is None or one.scope in subject.scopes)]
    carried = {right for one in stands for right in CARRIES[one.role]} | {
        right for one in standing for right in STANDING[one]
    }
    carried |= CARRIES[Role.ADMIN] if owns else frozenset()
    hidden = subject.restricted and READ_RESTRICTED not in carried
    assert verdict.allowed == (right in carried and not hidden)


@given(grants, subjects, rights)
def test_what_is_over_gives_nothing(held, subject, right) -> None:
    over = tuple(Grant(one.role, one.scope, NOW) for one in held)
    assert not may(ANN, right, subject, Facts(NOW, over)).allowed


@given(grants, st.sampled_from(Role), subjects, rights)
def test_one_more_role_takes_nothing_away(held, more, subject, right) -> None:
    before = may(ANN, right, subject, Facts(NOW, tuple(held)))
    after = may(ANN, right, subject, Facts(NOW, (*held, Grant(more))))
    assert after.allowed or not before.allowed


def test_every_right_comes_with_a_role_and_every_role_with_rights() -> None:
    assert {right for role in Role for right in CARRIES[role]} == set(RIGHTS)
    assert set(CARRIES) == set(Role)
    assert set(STANDING) == set(Relation)
    assert all(OWN_RULES.roles_with(right) for right in RIGHTS)


def test_whoever_may_restrict_sees_what_they_restricted() -> None:
    assert all(READ_RESTRICTED in CARRIES[role] for role in OWN_RULES.roles_with("incident.restrict"))


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_inert(name: str) -> None:
    someone = of_account(name, "db1")
    for right in RIGHTS:
        for subject in (DISK, Subject(name, restricted=True), Subject(name)):
            verdict = may(someone, right, subject, facts(admins=(name,)))
            assert not verdict.allowed
    assert not may(someone, name, DISK, facts(Grant(Role.ADMIN))).allowed


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_pasted_into_a_shell_is_one_word(name: str) -> None:
    sentence = may(of_account(name, "db1"), "incident.edit", DISK, facts()).sentence
    command = sentence.partition("`tieline ")[2].rpartition("`")[0]
    assert shlex.split(command) == ["access", "grant", f"os:{name}@db1", "responder"]


@pytest.mark.parametrize("words", ["team:storage", "connection:jira-ops", "service:the shop", "team:a:b"])
def test_a_scope_is_read_as_it_is_written(words: str) -> None:
    assert str(parse_scope(words)) == words


@pytest.mark.parametrize(
    "words", ["team", "team:", "team: ", ":storage", "Team:a", "room:a", "team:a\nb", "team:" + "a" * 200]
)
def test_what_is_no_scope_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match="is no scope: write one of team:NAME, connection:NAME, service:NAME"):
        parse_scope(words)


def test_no_scope_is_everything() -> None:
    assert parse_scope("") is None


def test_a_right_of_a_plugin_comes_with_its_roles_and_with_admin() -> None:
    rules = OWN_RULES.beside("escalation.pause", "pause the escalation of an incident", [Role.COMMANDER])
    by_commander = Facts(NOW, grants=(Grant(Role.COMMANDER),), rules=rules)
    by_viewer = Facts(NOW, grants=(Grant(Role.VIEWER),), rules=rules)
    assert may(ANN, "escalation.pause", STORE, by_commander).by == "commander"
    assert may(ANN, "escalation.pause", STORE, Facts(NOW, owns_store=True, rules=rules)).rule is Rule.OWNER
    refused = may(ANN, "escalation.pause", STORE, by_viewer)
    assert refused.rule is Rule.NO_RIGHT
    assert "may not pause the escalation of an incident: that takes escalation.pause" in refused.sentence
    assert "commander" in refused.sentence
    assert may(ANN, "escalation.pause", STORE, Facts(NOW, grants=by_commander.grants)).rule is Rule.UNKNOWN_RIGHT
    with pytest.raises(ValueError, match=r"there is a right 'incident\.edit' already: change the fields"):
        OWN_RULES.beside("incident.edit", "edit", [])
