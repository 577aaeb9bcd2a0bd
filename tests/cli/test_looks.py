"""How every command looks: in a terminal of 80 and of 140 columns, piped, without colour, and as JSON.

The looks are kept in tests/cli/looks, one file a command, with escape sequences made visible. After a change that is
meant, write them anew and look at the difference:

    TIELINE_LOOKS=write python -m pytest tests/cli/test_looks.py && git diff tests/cli/looks
"""

from __future__ import annotations

import contextlib
import io
import os
import pwd
import re
import shutil
from pathlib import Path

import click
import pytest
from tests.cli.prepared import prepare

from tieline.adapters.testing.clock import ManualClock
from tieline.cli import accounts
from tieline.cli.colours import wanted
from tieline.cli.main import cli, perform
from tieline.cli.simulation import mutants
from tieline.sync.daemon.heartbeat import SILENT

LOOKS = Path(__file__).parent / "looks"
LONGEST = 80
"""Lines from which on only the beginning is kept."""
PLANTED = ("ack-before-store", "failed-is-forgotten", "late-reading-believed", "no-ledger")
"""The planted bugs that are listed: their whole list grows with every law."""
WRITE = os.environ.get("TIELINE_LOOKS") == "write"

COMMANDS: dict[str, tuple[str, ...]] = {
    "help": ("--help",),
    "init": ("-w", "new", "init", "--tool", "memory"),
    "init-again": ("init", "--tool", "memory"),
    "plugin-new": ("plugin", "new", "notes", "--folder", "notes"),
    "adapter-new": ("adapter", "new", "mydesk", "--folder", "mydesk"),
    "adapter-prove": ("adapter", "prove", "snow"),
    "plugin-rebuild": ("plugin", "rebuild", "escalation"),
    "check": ("check",),
    "run": ("-w", "nowhere", "run"),
    "demo": ("demo", "--folder", "."),
    "status": ("status",),
    "overview": ("overview",),
    "incident": ("incident", "INC-2"),
    "connections": ("connections",),
    "incidents": ("incidents",),
    "incidents-none": ("incidents", "--search", "nobody wrote this"),
    "incidents-one": ("incidents", "INC-2"),
    "incidents-gone": ("incidents", "INC-3"),
    "items": ("items", "problem"),
    "items-unknown": ("items", "problems"),
    "why": ("why", "INC-1", "severity"),
    "history": ("history", "INC-1"),
    "output": ("output", "INC-1"),
    "history-unknown": ("history", "INC-99"),
    "conflicts": ("conflicts",),
    "conflicts-settle": ("conflicts", "settle", "INC-1", "severity", "jira-ops", "--take", "theirs"),
    "parked": ("parked",),
    "parked-retry": ("parked", "retry", "copy", "4"),
    "doubts": ("doubts",),
    "doubts-confirm": ("doubts", "confirm", "snow"),
    "proposals": ("proposals",),
    "proposals-approve": ("proposals", "approve", "PRO-BCDFGH"),
    "proposals-reject": ("proposals", "reject", "PRO-BCDFGH", "It is not true."),
    "proposals-withdraw": ("proposals", "withdraw", "PRO-BCDFGH"),
    "holds": ("holds",),
    "holds-place": ("holds", "place", "2026-CV-1834", "A lawsuit.", "--everything"),
    "holds-lift": ("holds", "lift", "HOLD-1", "It is settled."),
    "reviews": ("reviews",),
    "reviews-close": ("reviews", "close", "REV-BCDFGH", "It was right."),
    "followers": ("followers",),
    "timers": ("timers",),
    "jobs": ("jobs",),
    "jobs-show": ("jobs", "show", "JOB-1"),
    "jobs-result": ("jobs", "result", "JOB-1"),
    "jobs-cancel": ("jobs", "cancel", "JOB-1"),
    "jobs-resume": ("jobs", "resume", "JOB-1"),
    "policy": ("policy",),
    "policy-show": ("policy", "show", "escalation.limits"),
    "policy-history": ("policy", "history", "escalation.limits"),
    "policy-plan": ("policy", "plan", "escalation.limits", "limits.yaml"),
    "policy-test": ("policy", "test", "escalation.limits", "limits.yaml"),
    "policy-propose": ("policy", "propose", "escalation.limits", "limits.yaml", "--why", "faster"),
    "policy-rollback": ("policy", "rollback", "escalation.limits", "1", "--why", "slower"),
    "edit": ("edit", "INC-1", "title=Disk full on db1"),
    "edit-unknown": ("edit", "INC-1", "titel=x"),
    "comment": ("comment", "INC-1", "Old logs; deleting them."),
    "people-show": ("people", "show", "INC-2"),
    "people-add": ("people", "add", "INC-2", "bin"),
    "people-remove": ("people", "remove", "INC-2", "bin"),
    "restrict": ("restrict", "INC-2", "--reason", "an insider is suspected"),
    "restrict-refused": ("restrict", "INC-2", "--reason", "an insider is suspected"),
    "unrestrict": ("unrestrict", "INC-2", "--reason", "nobody is suspected any more"),
    "access-list": ("access", "list"),
    "access-list-nobody": ("access", "list"),
    "access-grant": ("access", "grant", "bin", "responder", "--scope", "team:storage", "--until", "2099-12-01T08:00Z"),
    "access-revoke": ("access", "revoke", "bin", "responder"),
    "access-why": ("access", "why", "bin", "incident.edit", "INC-1"),
    "access-why-not": ("access", "why", "daemon", "incident.restrict", "INC-1"),
    "access-why-act": ("access", "why", "daemon", "policy propose"),
    "access-rights": ("access", "rights", "--right", "policy"),
    "account-add": ("account", "add", "account:eva"),
    "account-password": ("account", "password"),
    "account-remove": ("account", "remove", "account:eva"),
    "token-list": ("token", "list"),
    "token-issue": ("token", "issue", "grafana on mon1", "--right", "incident.read", "--for-time", "30d"),
    "token-revoke": ("token", "revoke", "0123456789ab"),
    "api-openapi": ("api", "openapi"),
    "web": ("-w", "nowhere", "web"),
    "work": ("-w", "nowhere", "work"),
    "login": ("login", "ftp://tieline.example.com"),
    "logout": ("logout",),
    "whoami": ("whoami",),
    "mapping-list": ("mapping", "list"),
    "mapping-check": ("mapping", "check", "jira-issue"),
    "mapping-check-broken": ("mapping", "check", "broken.yaml"),
    "mapping-explain": ("mapping", "explain", "jira-issue"),
    "mapping-schema": ("mapping", "schema"),
    "audit-verify": ("audit", "verify"),
    "audit-checkpoint": ("audit", "checkpoint", "pin"),
    "store-copy": ("store", "copy", "--to", "sqlite:///copy.db"),
    "store-reopen": ("store", "reopen"),
    "store-renew-keys": ("store", "renew-keys"),
    "simulate": ("simulate", "--mutant", "nobody planted this"),
    "simulate-mutants": ("simulate", "--mutant", "list"),
    "plugins": ("plugins",),
}

GRANTED = ("access", "grant", "daemon", "security")
MANAGES = ("access", "grant", "daemon", "manager")
FIRST: dict[str, tuple[tuple[str, ...], ...]] = {
    "policy": (MANAGES, COMMANDS["policy-propose"]),
    "policy-show": (MANAGES, COMMANDS["policy-propose"]),
    "policy-history": (MANAGES, COMMANDS["policy-propose"]),
    "policy-plan": (MANAGES,),
    "policy-test": (MANAGES,),
    "policy-propose": (MANAGES,),
    "policy-rollback": (MANAGES, COMMANDS["policy-propose"]),
    "holds": (COMMANDS["holds-place"],),
    "people-show": (COMMANDS["people-add"],),
    "people-remove": (COMMANDS["people-add"],),
    "restrict": (GRANTED,),
    "unrestrict": (GRANTED, COMMANDS["restrict"]),
    "access-list": (
        GRANTED,
        ("access", "grant", "bin", "commander", "--until", "2026-11-23T20:00:00Z"),
        COMMANDS["access-grant"],
    ),
    "token-list": (
        ("token", "issue", "grafana on mon1", "--person", "bin", "--role", "viewer"),
        ("token", "issue", "deploys", "--role", "responder", "--scope", "team:shop", "--until", "2026-12-01T08:00Z"),
    ),
    "access-revoke": (("access", "grant", "bin", "responder"),),
    "access-why": (("access", "grant", "bin", "responder"),),
}
"""What was done before a command is looked at."""

SHAPES: dict[str, tuple[int, dict[str, str]]] = {
    "80 columns": (80, {}),
    "140 columns": (140, {}),
    "piped": (0, {}),
    "80 columns, NO_COLOR": (80, {"NO_COLOR": "1"}),
}


class Terminal(io.StringIO):
    """Something that says it is a terminal."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self._columns = columns

    def isatty(self) -> bool:
        return self._columns > 0


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    return folder, prepare(folder)


@pytest.fixture
def place(prepared, tmp_path, monkeypatch):
    """A copy of the workspace to work in, for a command may change it; and the clock."""
    folder: Path
    clock: ManualClock
    folder, clock = prepared
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TIELINE_WORKSPACE", "TIELINE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    (tmp_path / "loginuid").write_text(str(pwd.getpwnam("daemon").pw_uid))
    monkeypatch.setattr(accounts, "LOGIN", tmp_path / "loginuid")
    (tmp_path / "hostname").write_text("db1")
    monkeypatch.setattr(accounts, "HOST", tmp_path / "hostname")
    here = tmp_path / "here"

    def anew() -> ManualClock:
        shutil.rmtree(here, ignore_errors=True)
        shutil.copytree(folder, here)
        monkeypatch.chdir(here)
        return clock

    return anew


def shown(clock: ManualClock, arguments: tuple[str, ...], columns: int) -> str:
    """What a command writes, and its exit code where that is not 0."""
    terminal = Terminal(columns)
    with contextlib.redirect_stdout(terminal), contextlib.redirect_stderr(terminal):
        try:
            code = perform(arguments, clock)
        except SystemExit as error:
            code = int(error.code or 0)
    written = terminal.getvalue() + (f"[exit code {code}]\n" if code else "")
    return visible("".join(_shortened(written.splitlines(keepends=True))))


def _shortened(lines: list[str]) -> list[str]:
    return lines if len(lines) <= LONGEST else [*lines[: LONGEST // 2], "[…]\n"]


def visible(text: str) -> str:
    """Escape sequences as what they are, this machine's folder as `HERE` and whoever runs the tests as `OWNER`,
    hashes, which change with the engine, and what is drawn."""
    text = re.sub(r"\bRES-[A-Z]{6}\b", "RES-DRAWNN", text.replace("\x1b", "␛").replace(str(Path.cwd()), "HERE"))
    text = text.replace(f"os:{pwd.getpwuid(os.getuid()).pw_name}@", "os:OWNER@")
    text = re.sub(r"\btl_[0-9a-f]{12}_[0-9a-f]{64}\b", "tl_0123456789ab_SECRET", text)
    text = re.sub(r"\b[0-9a-f]{12}\b", "0123456789ab", text)
    text = re.sub(r"\btc_[0-9a-f]{32}\b", "tc_CODE", text)
    return re.sub(r"\b(p-)?[0-9a-f]{16,}\b", r"\1HASH", text)


def when(name: str, clock: ManualClock) -> ManualClock:
    """A store is copied when the daemon gives no sign of life any more."""
    return ManualClock(clock.now() + 2 * SILENT) if name == "store-copy" else clock


def takes_json(arguments: tuple[str, ...]) -> bool:
    command: click.Command | None = cli
    for word in arguments:
        inner = command.get_command(click.Context(command), word) if isinstance(command, click.Group) else None
        command = inner or command
    return command is not None and any(one.name == "as_json" for one in command.params)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_looks_as_it_is_kept(name, place, monkeypatch):
    monkeypatch.setattr(mutants, "MUTANTS", {bug: mutants.MUTANTS[bug] for bug in PLANTED})
    arguments = COMMANDS[name]

    def prepared_for(name: str) -> ManualClock:
        clock: ManualClock = place()
        for words in FIRST.get(name, ()):
            shown(clock, words, 80)
        return when(name, clock)

    shapes: dict[str, str] = {}
    for shape, (columns, environment) in SHAPES.items():
        with monkeypatch.context() as patched:
            clock = prepared_for(name)
            for variable, value in {**environment, **({"COLUMNS": str(columns)} if columns else {})}.items():
                patched.setenv(variable, value)
            shapes[shape] = shown(clock, arguments, columns)
    if takes_json(arguments):
        shapes["JSON"] = shown(prepared_for(name), (*arguments, "--json"), 80)
    assert "␛" not in shapes["piped"] + shapes["80 columns, NO_COLOR"] + shapes.get("JSON", "")
    assert re.sub(r"␛\[\d*m", "", shapes["80 columns"]) == shapes.pop("80 columns, NO_COLOR")
    parts = [f"──── {shape} ────\n{text}" for shape, text in shapes.items()]
    text = "\n".join([f"$ tieline {' '.join(arguments)}\n", *parts])
    kept = LOOKS / f"{name}.txt"
    if WRITE:
        kept.write_text(text, encoding="utf-8")
    assert text == kept.read_text(encoding="utf-8"), "see above how looks that are meant are kept"


def test_every_command_has_its_looks_and_no_others_are_kept():
    def leaves(command: click.Command, path: tuple[str, ...]) -> set[tuple[str, ...]]:
        if not isinstance(command, click.Group):
            return {path}
        context = click.Context(command)
        inner = {name: command.get_command(context, name) for name in command.list_commands(context)}
        own = {path} if command.invoke_without_command else set()
        return own | {leaf for name, one in inner.items() if one is not None for leaf in leaves(one, (*path, name))}

    told = {words[2:] if words[0] == "-w" else words for words in COMMANDS.values()}
    for leaf in leaves(cli, ()):
        assert any(words[: len(leaf)] == leaf for words in told), f"tieline {' '.join(leaf)} is looked at nowhere"
    assert {file.stem for file in LOOKS.iterdir()} == set(COMMANDS)


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, None),
        ({"NO_COLOR": ""}, None),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        ({"TERM": "dumb"}, False),
    ],
)
def test_who_asks_for_colours_or_none_is_heard(environment, told, place, monkeypatch):
    clock = place()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wanted() is told
    assert ("␛" in shown(clock, ("incidents",), 80)) == (told is not False)
    assert ("␛" in shown(clock, ("incidents",), 0)) == (told is True)
    assert "␛" not in shown(clock, ("incidents", "--json"), 80)
