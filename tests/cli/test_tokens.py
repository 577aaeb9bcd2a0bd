"""`tieline token`: told once, handed out by whoever may do what it reaches, and seen by those it concerns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.cli.acting import HOST, Machine, machine, prepared

__all__ = ["machine", "prepared"]

TOLD = re.compile(r"tl_[0-9a-f]{12}_[0-9a-f]{64}")


def issue(machine: Machine, *words: str) -> str:
    """The id of a token that is issued."""
    return str(machine.read("token", "issue", *words)["id"])


def responder(machine: Machine, name: str = "daemon") -> None:
    machine.grant(name, "responder")
    machine.log_in(name)


def files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_token_is_told_once_and_its_secret_lies_in_no_file(machine: Machine) -> None:
    responder(machine)
    code, written = machine.run("token", "issue", "grafana", "--role", "responder", "--key", "k")
    (told,) = TOLD.findall(written)
    assert code == 0
    assert written.startswith(f"the token {told[3:15]} (grafana) acts for os:daemon@{HOST} until ")
    code, again = machine.run("token", "issue", "grafana", "--role", "responder", "--key", "k")
    assert (code, TOLD.findall(again)) == (0, [])
    assert f"It was told once and is kept nowhere: revoke it with `tieline token revoke {told[3:15]}`." in again
    assert machine.read("token", "issue", "grafana", "--role", "responder", "--key", "k")["token"] == ""
    assert told[16:].encode() not in files(machine.folder)
    assert [one["id"] for one in machine.read("token", "list")["items"]] == [told[3:15]]


def test_without_more_words_it_reads_for_ninety_days(machine: Machine) -> None:
    responder(machine)
    said = machine.read("token", "issue", "grafana")
    now = machine.clock.now()
    assert said["reaches"] == "incident.read, policy.read"
    (kind, who, _incident, facts) = machine.journal("token_issued")[0]
    assert (kind, who, facts["role"], facts["rights"]) == ("token_issued", "daemon", "viewer", [])
    assert 89 <= (type(now).fromisoformat(facts["until"]) - now).days <= 90


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--until", "2099-01-01T00:00:00Z"), "a token lasts at most 366 days"),
        (("--until", "2020-01-01T00:00:00Z"), "is over; name a time that is to come"),
        (("--until", "2027-01-01"), "has no zone"),
        (("--for-time", "400d"), "a token lasts at most 366 days"),
        (("--for-time", "0s"), "is over; name a time that is to come"),
        (("--for-time", "1d", "--until", "2027-01-01T00:00:00Z"), "write one of the two"),
        (("--right", "incident.reed"), "did you mean 'incident.read'?"),
        (("--right", "access.token"), "no token reaches access.token"),
        (("--right", "access.tokens"), "no token reaches access.tokens"),
        (("--scope", "shop"), "'shop' is no scope"),
        (("--person", "nobody-here"), "this machine has no account 'nobody-here'"),
        (("--person", "told:jira-ops:ann"), "this machine has no account"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_issued(machine: Machine, words: tuple[str, ...], sentence: str) -> None:
    with machine.owner():
        code, written = machine.run("token", "issue", "grafana", *words)
        assert code in (1, 2), written
        assert sentence in written
        assert "Traceback" not in written
        assert machine.read("token", "list")["items"] == []


def test_who_issues_one_for_somebody_else_may_do_all_that_it_reaches(machine: Machine) -> None:
    with machine.owner():
        code, written = machine.run("token", "issue", "x", "--person", "bin", "--role", "security")
        assert code == 1
        assert "you have not incident.read_restricted, incident.restrict yourself" in written
        assert machine.read("token", "list")["items"] == []
        issue(machine, "deploys", "--person", "token:deploys", "--role", "service")
    machine.grant("daemon", "admin", "--scope", "team:shop")
    code, written = machine.run("token", "issue", "x", "--person", "bin", "--role", "responder")
    assert code == 1, "an admin of one team issues none for everything"
    machine.grant("daemon", "security")
    code, written = machine.run("token", "issue", "mine", "--role", "security")
    assert code == 0, written


def test_a_token_is_seen_and_revoked_by_its_owner_and_by_an_admin(machine: Machine) -> None:
    responder(machine, "bin")
    bins = issue(machine, "of bin")
    responder(machine)
    own = issue(machine, "of daemon")
    assert [one["id"] for one in machine.read("token", "list")["items"]] == [own]
    never = machine.run("token", "revoke", "0" * 12)
    others = machine.run("token", "revoke", bins)
    assert never[0] == others[0] == 5
    assert never[1].replace("0" * 12, bins) == others[1], "one of somebody else is not there"
    assert machine.run("token", "revoke", own) == (0, f"the token {own} (of daemon) is not taken any more\n")
    assert machine.run("token", "revoke", own) == (0, f"the token {own} (of daemon) was revoked before\n")
    with machine.owner():
        assert {one["id"]: one["state"] for one in machine.read("token", "list")["items"]} == {
            bins: "stands",
            own: "revoked",
        }
        assert machine.run("token", "revoke", bins)[0] == 0
    assert [facts["token"] for _kind, _who, _incident, facts in machine.journal("token_revoked")] == [own, bins]


def test_a_whole_token_that_is_pasted_is_revoked_and_not_kept(machine: Machine) -> None:
    responder(machine)
    told = machine.read("token", "issue", "leaked")["token"]
    assert machine.run("token", "revoke", told)[0] == 0
    assert told[16:].encode() not in files(machine.folder)
    code, written = machine.run("token", "revoke", told[:-1])
    assert code == 2
    assert told[16:-1] not in written
