"""Who may do what is asked by every command that writes, in its own transaction; a no is told and journalled."""

from __future__ import annotations

import click
import pytest
from tests.cli.acting import HOST, Machine, machine, prepared

from tieline.cli.main import COMMANDS, cli
from tieline.core.access import RIGHTS

__all__ = ["machine", "prepared"]

ASKED: dict[tuple[str, ...], tuple[tuple[str, ...], str]] = {
    ("edit",): (("INC-1", "title=Disk is full"), "incident.edit"),
    ("comment",): (("INC-1", "on it"), "incident.comment"),
    ("comment", "--public"): (("INC-1", "on it"), "comment.publish"),
    ("comment", "--audience=partners"): (("INC-1", "on it"), "comment.publish"),
    ("comment", "--audience=executives"): (("INC-1", "on it"), "incident.comment"),
    ("conflicts", "settle"): (("INC-1", "severity", "jira-ops", "--take", "theirs"), "conflicts.settle"),
    ("parked", "retry"): (("copy", "4"), "parked.release"),
    ("doubts", "confirm"): (("snow",), "doubts.confirm"),
    ("plugin", "rebuild"): (("escalation",), "plugins.rebuild"),
    ("people", "add"): (("INC-1", "bin"), "incident.people"),
    ("people", "remove"): (("INC-1", "bin"), "incident.people"),
    ("restrict",): (("INC-1", "--reason", "an insider"), "incident.restrict"),
    ("unrestrict",): (("INC-1", "--reason", "over"), "incident.restrict"),
    ("store", "copy"): (("--to", "sqlite:///copy.db"), "store.move"),
    ("store", "reopen"): ((), "store.move"),
    ("store", "renew-keys"): ((), "store.keys"),
    ("policy",): ((), "policy.read"),
    ("policy", "show"): (("escalation.limits",), "policy.read"),
    ("policy", "history"): (("escalation.limits",), "policy.read"),
    ("policy", "plan"): (("escalation.limits", __file__), "policy.read"),
    ("policy", "test"): (("escalation.limits", __file__), "policy.read"),
    ("policy", "propose"): (("escalation.limits", __file__, "--why", "x"), "policy.propose"),
    ("policy", "rollback"): (("escalation.limits", "1", "--why", "x"), "policy.propose"),
    ("access", "list"): ((), "access.read"),
    ("access", "grant"): (("daemon", "admin"), "access.grant"),
    ("access", "revoke"): (("daemon", "admin"), "access.grant"),
    ("access", "why"): (("bin", "incident.edit"), "access.read"),
    ("jobs", "cancel"): (("JOB-1",), "jobs.manage"),
    ("jobs", "resume"): (("JOB-1",), "jobs.manage"),
    ("token", "issue"): (("grafana",), "access.token"),
    ("token", "issue", "--person=bin"): (("grafana",), "access.tokens"),
    ("token", "revoke"): ((), "access.token_end"),
    ("proposals", "approve"): (("PRO-BCDFGH",), "proposals.decide"),
    ("proposals", "reject"): (("PRO-BCDFGH", "no"), "proposals.decide"),
    ("proposals", "withdraw"): (("PRO-BCDFGH",), "proposals.decide"),
    ("holds",): ((), "holds.read"),
    ("holds", "place"): (("2026-CV-1834", "A lawsuit.", "--everything"), "holds.place"),
    ("holds", "lift"): (("HOLD-1", "It is settled."), "holds.lift"),
    ("reviews", "close"): (("REV-BCDFGH", "it was right"), "reviews.close"),
    ("account", "add"): (("account:ann",), "access.accounts"),
    ("account", "password"): ((), "access.account"),
    ("account", "password", "--person=account:ann"): ((), "access.accounts"),
    ("account", "remove"): (("account:ann",), "access.accounts"),
}
NOT_ASKED = {
    # They look, and show nobody what is restricted; or they work on files and not on the store.
    *(
        ("init",),
        ("check",),
        ("run",),
        ("demo",),
        ("status",),
        ("overview",),
        ("incident",),
        ("connections",),
        ("incidents",),
        ("items",),
        ("login",),
        ("logout",),
        ("whoami",),
        ("why",),
        ("history",),
        ("output",),
        ("conflicts",),
    ),
    *(("parked",), ("doubts",), ("audit", "verify"), ("audit", "checkpoint"), ("simulate",), ("plugins",)),
    *(
        ("token", "list"),
        ("access", "rights"),
        ("plugin", "new"),
        ("adapter", "new"),
        ("adapter", "prove"),
        ("proposals",),
        ("reviews",),
    ),
    ("people", "show"),
    *(("web",), ("api", "openapi"), ("work",), ("followers",), ("timers",)),
    *(("jobs",), ("jobs", "show"), ("jobs", "result")),
    *(("mapping", name) for name in ("list", "check", "explain", "schema")),
}


def issued(machine: Machine, person: str) -> str:
    """The id of a token that the owner of the file issued for somebody."""
    with machine.owner():
        return str(machine.read("token", "issue", "grafana", "--person", person)["id"])


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        return {path}
    context = click.Context(command)
    own = {path} if command.invoke_without_command else set()
    inner = {name: command.get_command(context, name) for name in command.list_commands(context)}
    return own | {leaf for name, one in inner.items() if one is not None for leaf in leaves(one, (*path, name))}


def test_every_command_asks_or_only_looks() -> None:
    asked = {tuple(word for word in words if not word.startswith("-")) for words in ASKED}
    assert leaves(cli) == asked | NOT_ASKED
    assert {right for _more, right in ASKED.values()} <= set(RIGHTS)
    assert COMMANDS


@pytest.mark.parametrize("words", ASKED, ids=" ".join)
def test_whoever_has_no_right_is_refused_and_the_journal_says_so_once(words: tuple[str, ...], machine: Machine) -> None:
    if words == ("store", "copy"):
        machine.clock = type(machine.clock)(machine.clock.now().replace(hour=23))  # no daemon works by then
    more, right = ASKED[words]
    if words == ("token", "revoke"):
        more = (issued(machine, "daemon"),)
    before = machine.rows()
    for _again in range(3):
        code, told = machine.run(*words, *more)
        assert code == 1, told
        assert f"that takes {right}, which comes with" in told
        assert f"`tieline access grant os:daemon@{HOST}" in told
        assert "Traceback" not in told
    ((_kind, who, _incident, facts),) = machine.journal("act_refused")
    assert who == "daemon"
    assert facts == {"act": " ".join(one for one in words if one[0] != "-"), "right": right, "rule": "no_right"}
    assert machine.rows() == before + 1, "nothing else was done"


def test_a_refusal_is_told_as_json_as_well(machine: Machine) -> None:
    told = machine.read("edit", "INC-1", "title=x")
    assert told["exit_code"] == 1
    assert told["error"].startswith("daemon may not change the fields of an incident (INC-1): that takes incident.edit")


def test_whoever_got_a_role_does_what_comes_with_it_and_no_more(machine: Machine) -> None:
    machine.grant("daemon", "responder")
    assert machine.run("edit", "INC-1", "title=Disk is full")[0] == 0
    assert machine.run("comment", "INC-1", "on it")[0] == 0
    assert machine.run("comment", "INC-1", "on it", "--public")[0] == 1
    assert machine.run("access", "grant", "daemon", "admin")[0] == 1
    with machine.owner():
        assert machine.run("access", "revoke", "daemon", "responder")[0] == 0
    assert machine.run("edit", "INC-1", "title=Disk is not full")[0] == 1


def test_the_owner_of_the_file_is_admin_without_a_grant(machine: Machine) -> None:
    with machine.owner():
        assert machine.run("edit", "INC-1", "title=Disk is full")[0] == 0
        assert machine.run("access", "why", "daemon", "access.grant") == (
            0,
            f"yes: os:daemon@{HOST} may grant and revoke roles, by the rule owner (admin)\n",
        )
        assert "owns the store's file, and is admin without a grant." in machine.run("access", "list")[1]
    assert machine.run("access", "why", "daemon", "access.grant")[0] == 1


def test_a_grant_may_be_bound_and_may_end(machine: Machine) -> None:
    machine.grant("daemon", "responder", "--scope", "connection:jira-ops", "--until", "2026-11-23T20:00:00Z")
    assert machine.run("edit", "INC-1", "title=Disk is full")[0] == 0
    code, told = machine.run("doubts", "confirm", "snow")
    assert (code, "The role responder of connection:jira-ops does not reach it." in told) == (1, True)
    machine.clock.advance(3_600)
    code, told = machine.run("edit", "INC-1", "title=Disk is not full")
    assert (code, "responder of connection:jira-ops ended at 2026-11-23 20:00:00 UTC." in told) == (1, True)


def test_whoever_is_admin_within_a_scope_grants_that_scope_alone(machine: Machine) -> None:
    machine.grant("daemon", "admin", "--scope", "team:storage")
    assert machine.run("access", "grant", "bin", "responder", "--scope", "team:storage")[0] == 0
    assert machine.run("access", "grant", "bin", "responder", "--scope", "team:network")[0] == 1
    assert machine.run("access", "grant", "bin", "responder")[0] == 1


def test_a_tool_s_editor_of_that_name_has_nothing_of_it(machine: Machine) -> None:
    machine.grant("daemon", "responder")
    with machine.owner():
        code, told = machine.run("access", "why", "told:jira-ops:daemon", "incident.edit")
    assert (code, "this machine has no account 'told:jira-ops:daemon'" in told) == (1, True)
    with machine.owner():
        assert machine.run("access", "why", "os:daemon@elsewhere", "incident.edit")[0] == 1
        assert machine.run("access", "why", "daemon", "incident.edit", "INC-1")[0] == 0


def test_everybody_may_ask_what_they_may_themselves(machine: Machine) -> None:
    code, told = machine.run("access", "why", "daemon", "incident.edit", "INC-1")
    assert (code, told.startswith("no, by the rule no_right: daemon may not change the fields")) == (1, True)
    assert machine.journal("act_refused") == []


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("access", "grant", "nobody-here", "admin"), 1, "this machine has no account 'nobody-here'"),
        (("access", "grant", "os:", "admin"), 1, "this machine has no account 'os:'"),
        (("access", "grant", "daemon", "king"), 2, "'king' is not one of"),
        (("access", "grant", "daemon", "admin", "--scope", "room:a"), 2, "'room:a' is no scope"),
        (
            ("access", "grant", "daemon", "admin", "--until", "tomorrow"),
            2,
            "until: 'tomorrow' is no time; write it like 2026",
        ),
        (
            ("access", "grant", "daemon", "admin", "--until", "2026-11-23T19:04:00"),
            2,
            "until: 2026-11-23T19:04:00 has no zone",
        ),
        (("access", "grant", "daemon", "admin", "--until", "2001-01-01T00:00:00Z"), 1, "is over; name a time"),
        (("access", "revoke", "daemon", "admin"), 5, f"os:daemon@{HOST} does not hold the role admin"),
        (("access", "revoke", "p-none", "admin"), 5, "p-none does not hold the role admin"),
        (("access", "why", "daemon", "incident.edti"), 5, "incident.edit"),
        (("access", "why", "daemon", "incident.edit", "INC-99"), 5, "there is no incident and no ticket 'INC-99'"),
        (("restrict", "INC-1", "--reason", " "), 2, "an empty reason says nothing"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
def test_what_was_mistyped_is_said(words: tuple[str, ...], code: int, told: str, machine: Machine) -> None:
    with machine.owner():
        found = machine.run(*words)
    assert (found[0], told in found[1], "Traceback" in found[1]) == (code, True, False), found


@pytest.mark.parametrize("verb", ["grant", "revoke"])
def test_the_usage_names_the_role_as_the_words_beside_it_do(verb: str) -> None:
    command = cli.get_command(click.Context(cli), "access")
    assert isinstance(command, click.Group)
    assert "PERSON ROLE" in command.commands[verb].get_usage(click.Context(command.commands[verb], info_name=verb))
