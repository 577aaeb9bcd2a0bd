"""The command line: what people and programs get, and the exit codes that scripts rely on."""

import json
import os
import pwd
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import insert, select, update
from tests.sync.world import World

from tieline.cli import accounts
from tieline.cli import main as cli_main
from tieline.cli.main import COMMANDS, cli
from tieline.cli.open import clock, configuration
from tieline.cli.output import report
from tieline.core import journal
from tieline.core.journal import Entry, Someone
from tieline.core.model import IncidentId
from tieline.core.store import tables as t
from tieline.core.store.store import Store
from tieline.sync import explain, loading
from tieline.sync.daemon import processes
from tieline.sync.daemon.daemon import only_daemon
from tieline.sync.daemon.heartbeat import Heartbeat


def run(*arguments, workspace):
    """Run a command as `tieline` does, errors turned into sentences and exit codes included."""
    result = CliRunner().invoke(cli, ["-w", str(workspace), *arguments], standalone_mode=True)
    if isinstance(result.exception, Exception):
        return report(result.exception), result.output
    return result.exit_code, result.stdout if "--json" in arguments else result.output


@pytest.fixture
def workspace(tmp_path: Path):
    """A workspace in which one incident lives in two tools, and one field waits for a person."""
    (tmp_path / "manual.yaml").write_text("policy: {severity: manual}\n", encoding="utf-8")
    options: dict[str, str] = {"left": "overlay: manual.yaml", "right": "overlay: manual.yaml"}
    world = World(tmp_path, options=options)
    world.tools["left"].make({"title": "Disk full [bold]x[/bold] \x1b[31m", "status": "new"})
    world.settle()
    world.edit("left", severity="low")
    world.edit("right", severity="high")
    world.settle()
    world.engine.store.close()
    world.engine.registry.close()
    return tmp_path


def test_every_command_is_listed_and_has_help():
    for name in COMMANDS:
        result = CliRunner().invoke(cli, [name, "--help"])
        assert result.exit_code == 0, name
        assert "Usage:" in result.output


def test_help_loads_nothing_heavy():
    code = "import sys; from tieline.cli import main; heavy = {'sqlalchemy', 'rich', 'pydantic', 'httpx', 'requests'}; "
    import subprocess

    done = subprocess.run(
        [sys.executable, "-c", f"{code}sys.exit(bool(heavy & sys.modules.keys()))"], check=False, capture_output=True
    )
    assert done.returncode == 0


STATUS = """
import sys
from click.testing import CliRunner
from tieline.cli.main import cli

assert CliRunner().invoke(cli, ["-w", sys.argv[1], "status", "--json"]).exit_code == 1  # no daemon works there
heavy = "alembic httpx requests jira pysnow pagerduty structlog rich tieline.mappings.mapping tieline.sync.road.commit"
print(*[name for name in heavy.split() if name in sys.modules])
"""


def workspace_with_many_tools(folder):
    lines = ["tieline: 1", "plugins: [grouping, severity, measurement, escalation, runbook]", "connections:"]
    lines += [
        "  alerts: {tool: alertmanager, url: 'http://127.0.0.1:9'}",
        "  rules: {tool: prometheus, url: 'http://x'}",
    ]
    lines += ["  snow: {tool: servicenow, url: 'https://x', username: t, password: {env: X}}"]
    lines += ["  jira: {tool: jira, url: 'https://x', email: a@b.example, api_token: {env: X}, project: OPS}"]
    lines += ["  pager: {tool: pagerduty, api_key: {env: X}, from_email: a@b.example, service: PIJ90N7}"]
    (folder / "tieline.yaml").write_text("\n".join(lines), encoding="utf-8")
    with Store.open(f"sqlite:///{folder / 'tieline.db'}") as store:
        store.migrate()


def test_looking_waits_for_no_adapter_no_engine_and_no_tool_of_another_command(tmp_path):
    import subprocess

    workspace_with_many_tools(tmp_path)
    done = subprocess.run([sys.executable, "-c", STATUS, str(tmp_path)], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


LOOK = """
import sys
from tieline.cli.main import perform
from tieline.core.plugin_events import PluginEvent

assert perform(["-w", sys.argv[1], *sys.argv[2:], "--json"]) == 0
of_views = "tieline.sync.views."
print(*sorted(name.removeprefix(of_views) for name in sys.modules if name.startswith(of_views)))
heavy = "prometheus_client tenacity alembic httpx sqlalchemy.dialects.postgresql cryptography"
print(*[name for name in heavy.split() if name in sys.modules])
print(*[event.KIND for event in PluginEvent.__subclasses__() if event.__pydantic_complete__])
"""


@pytest.mark.parametrize(
    ("words", "view"), [(["incidents"], "incidents"), (["timers"], "work"), (["overview"], "at_work overview")]
)
def test_looking_loads_the_view_that_was_asked_for_and_makes_no_model_that_it_does_not_fill(tmp_path, words, view):
    import subprocess

    workspace_with_many_tools(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(tmp_path), *words], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.splitlines()[-3:]) == (0, [view, "", ""]), done.stderr + done.stdout


PROBE = """
import gc, sys, types
import click
from tieline.cli import main

@click.command()
def probe():
    print(gc.isenabled(), gc.get_freeze_count() > 0)

class Loaded(types.ModuleType):
    def __getattr__(self, name):
        print(gc.isenabled())
        return probe

sys.modules["probe"] = Loaded("probe")
main.COMMANDS["probe"] = ("probe", "probe", "Look at the collector.")
main.OF_THIS_MACHINE.add("probe")
sys.argv = ["tieline", "probe"]
main.main()
"""


def test_nothing_is_collected_while_a_command_is_loaded_and_everything_once_it_runs():
    import subprocess

    done = subprocess.run([sys.executable, "-c", PROBE], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, ["False", "True", "True"]), done.stderr


def test_a_misspelt_command_is_answered_with_the_right_one(tmp_path):
    code, output = run("incidnets", workspace=tmp_path)
    assert code == 2
    assert "incidents" in output


def test_without_a_workspace_the_way_to_one_is_said(tmp_path):
    code, _output = run("status", workspace=tmp_path / "nowhere")
    assert code == 3


def test_status_counts_what_is_there(workspace):
    code, output = run("status", "--json", workspace=workspace)
    found = json.loads(output)
    assert code == 1, "no daemon works there"
    assert (found["incidents_open"], found["conflicts"], found["parked"]) == (1, 1, 0)
    assert set(found["connections"]) == {"left", "right"}


def test_incidents_are_shown_with_their_copies_and_hostile_text_is_only_text(workspace):
    code, output = run("incidents", workspace=workspace)
    assert code == 0
    assert "INC-1" in output
    assert "[bold]x[/bold]" in output
    assert "\x1b[31m" not in output


def test_why_names_both_sides_and_the_reason(workspace):
    code, output = run("why", "INC-1", "severity", "--json", workspace=workspace)
    found = json.loads(output)
    assert code == 0
    assert {found["copies"][name]["shows"] for name in ("left", "right")} == {"low", "high"}
    assert "manual" in {step["reason"] for step in found["steps"]}


def test_why_says_that_entries_can_no_longer_be_read(workspace):
    config, _registry = configuration(str(workspace))
    with Store.open(config.store) as store:
        with store.read() as connection:
            seqs = [entry["seq"] for entry in explain.history(connection, IncidentId(1))]
        journal.shred(store, seqs, at=clock().now(), actor="ann", why="asked for")
    _code, output = run("why", "INC-1", "severity", workspace=workspace)
    assert f"what {len(seqs)} entries of its journal said can no longer be read" in output
    assert "has nothing about" not in output


@pytest.mark.parametrize(("number", "code"), [("INC-99", 5), ("99", 5), ("nonsense", 5)])
def test_what_is_not_there_has_its_own_exit_code(workspace, number, code):
    assert run("why", number, "title", workspace=workspace)[0] == code


def test_a_conflict_is_listed_settled_and_gone(workspace):
    _code, output = run("conflicts", "--json", workspace=workspace)
    (held,) = json.loads(output)["items"]
    assert held["field"] == "severity"
    arguments = ("conflicts", "settle", held["incident"], "severity", held["connection"], "--take", "theirs")
    assert run(*arguments, workspace=workspace)[0] == 0
    assert json.loads(run("conflicts", "--json", workspace=workspace)[1])["items"] == []
    assert run(*arguments, workspace=workspace)[0] == 5


@pytest.mark.parametrize(
    ("command", "follows"),
    [
        (("run",), "nothing was started"),
        (("check",), "no connection was asked"),
        (("incidents",), "there is nothing to show"),
        (("why", "INC-1", "title"), "there is nothing to show"),
        (("history", "INC-1"), "there is nothing to show"),
        (("plugins",), "there is nothing to show"),
        (("conflicts",), "nothing was done"),
        (("conflicts", "settle", "INC-1", "title", "left", "--take", "ours"), "nothing was done"),
        (("parked", "retry", "copy", "1"), "nothing was done"),
        (("edit", "INC-1", "title=x"), "nothing was changed"),
        (("comment", "INC-1", "x"), "nothing was changed"),
        (("store", "copy", "--to", "sqlite:///b.db"), "nothing was changed"),
        (("audit", "verify"), "nothing was done"),
    ],
)
def test_a_refused_file_is_told_with_what_that_means_for_the_command(tmp_path, capsys, command, follows):
    (tmp_path / "tieline.yaml").write_text("tieline: 1\nstroe: x\n", encoding="utf-8")
    assert run(*command, workspace=tmp_path)[0] == 3
    assert capsys.readouterr().err.splitlines()[-1] == f"1 problem; {follows}"


def test_an_edit_and_a_comment_are_journalled_under_the_account_that_made_them(workspace, monkeypatch, tmp_path):
    def logged_in(uid):
        (tmp_path / "loginuid").write_text(str(uid))
        monkeypatch.setattr(accounts, "LOGIN", tmp_path / "loginuid")

    # Nobody signs as somebody else: neither option nor variable.
    for name in ("USER", "LOGNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "the chief")
    logged_in(pwd.getpwnam("daemon").pw_uid)
    assert run("edit", "INC-1", "title=Disk is full", workspace=workspace)[0] == 0
    logged_in(pwd.getpwnam("nobody").pw_uid)
    assert run("comment", "INC-1", "on it", workspace=workspace)[0] == 0
    logged_in(4_000_000_000)
    assert run("comment", "INC-1", "me too", workspace=workspace)[0] == 0
    logged_in(accounts.NOBODY)
    assert run("edit", "INC-1", "title=Disk is not full", workspace=workspace)[0] == 0
    monkeypatch.setattr(accounts, "LOGIN", tmp_path / "nowhere")
    assert run("edit", "INC-1", "title=Disk may be full", workspace=workspace)[0] == 0
    assert run("edit", "INC-1", "title=x", "--as", "ann", workspace=workspace)[0] == 2
    history = json.loads(run("history", "INC-1", "--json", workspace=workspace)[1])["items"]
    me = pwd.getpwuid(os.getuid()).pw_name
    told = [entry["actor"] for entry in history if entry["kind"] in ("changed", "commented")]
    assert told[-5:] == ["daemon", "nobody", "uid 4000000000", me, me]


def test_a_person_who_is_called_like_a_part_of_ours_is_told_from_it(workspace):
    store = Store.open(f"sqlite:///{workspace}/world.db")
    for name in ("tieline", "left", "ann"):
        with store.write() as tx:
            tx.journal(Entry(datetime.now(UTC), "released", 1, None, Someone(name), "", {"what": "copy"}))
    store.close()
    history = json.loads(run("history", "INC-1", "--json", workspace=workspace)[1])["items"]
    assert [entry["actor"] for entry in history][-3:] == ["tieline", "left", "ann"]
    assert [(entry["person"] or "")[:2] for entry in history][-3:] == ["p-"] * 3
    assert history[0]["person"] is None
    _code, table = run("history", "INC-1", workspace=workspace)
    told = " ".join(table.split())
    assert ("tieline (a person)" in told, "left (a person)" in told, "ann (a person)" in told) == (True, True, False)


def test_an_incident_is_edited_and_commented_by_the_key_of_a_ticket_of_it(workspace):
    (incident,) = json.loads(run("incidents", "INC-1", "--json", workspace=workspace)[1])["items"]
    key = next(copy["key"] for copy in incident["copies"].values() if copy["key"])
    done = [
        run("edit", key, "title=Disk is full", "--json", workspace=workspace),
        run("comment", key.lower(), "on it", "--json", workspace=workspace),
    ]
    assert [(code, json.loads(output)["incident"]) for code, output in done] == [(0, "INC-1")] * 2
    assert run("edit", "OPS-99", "title=x", workspace=workspace)[0] == 5
    assert run("conflicts", "settle", "OPS-99", "title", "left", "--take", "ours", workspace=workspace)[0] == 5


def test_an_edit_to_what_already_is_so_changes_nothing_and_says_so(workspace):
    assert run("edit", "INC-1", "title=Disk is full", "tags=disk", workspace=workspace)[0] == 0

    def journal():
        return json.loads(run("history", "INC-1", "--json", workspace=workspace)[1])["items"]

    before = journal()
    again = ("edit", "INC-1", "title=Disk is full", "team=", "tags=disk")
    assert run(*again, workspace=workspace) == (
        0,
        "INC-1: title is Disk is full already\nINC-1: team is empty already\nINC-1: tags is disk already\n"
        "nothing was changed\n",
    )
    assert json.loads(run(*again, "--json", workspace=workspace)[1]) == {
        "incident": "INC-1",
        "changed": {},
        "unchanged": {"title": "Disk is full", "team": None, "tags": ["disk"]},
    }
    assert journal() == before


def test_of_an_edit_only_what_was_not_so_is_called_changed(workspace):
    assert run("edit", "INC-1", "title=Disk is full", workspace=workspace)[0] == 0
    some = ("edit", "INC-1", "title=Disk is full", "team=Storage")
    assert json.loads(run(*some, "--json", workspace=workspace)[1]) == {
        "incident": "INC-1",
        "changed": {"team": "Storage"},
        "unchanged": {"title": "Disk is full"},
    }
    history = json.loads(run("history", "INC-1", "--json", workspace=workspace)[1])["items"]
    assert [change["field"] for change in history[-1]["changes"]] == ["team"]


@pytest.mark.parametrize(
    "command",
    [("edit", "INC-1", "title=x"), ("comment", "INC-1", "x"), ("conflicts", "settle", "INC-1", "severity", "right")],
    ids=lambda words: words[0],
)
@pytest.mark.parametrize("as_json", [False, True], ids=["table", "json"])
def test_a_change_that_waits_for_a_daemon_says_so(workspace, command, as_json):
    options = [*(["--take", "ours"] if "settle" in command else []), *(["--json"] if as_json else [])]

    def said():
        return CliRunner().invoke(cli, ["-w", str(workspace), *command, *options]).stderr

    (held,) = json.loads(run("conflicts", "--json", workspace=workspace)[1])["items"]
    command = tuple(held["connection"] if word == "right" else word for word in command)
    store = Store.open(f"sqlite:///{workspace}/world.db")
    heart = Heartbeat(store, "here:1", alone=True, process=processes.this())
    heart.beat(datetime.now(UTC))
    if "settle" not in command:
        assert said() == ""
        command = tuple("title=y" if word == "title=x" else word for word in command)
    heart.end(datetime.now(UTC))
    assert said().startswith("This waits in the store: the daemon is NOT running; it was stopped 0 s ago.")
    assert run("edit", "INC-404", "title=x", workspace=workspace)[0] == 5, "and nothing where nothing was changed"
    store.close()


@pytest.mark.parametrize(
    "change",
    [
        "title",
        "titel=x",
        "status=exploded",
        "opened_at=yesterday",
        "opened_at=9999-12-31T23:59:59-12:00",
        "opened_at=0001-01-01T00:00:00+12:00",
    ],
)
def test_an_impossible_edit_is_refused_with_what_is_possible(workspace, change):
    code, _output = run("edit", "INC-1", change, workspace=workspace)
    assert code == 2


def test_the_journal_verifies_and_a_tampered_one_does_not(workspace, tmp_path):
    import sqlite3

    assert run("audit", "verify", workspace=workspace)[0] == 0
    assert run("audit", "checkpoint", str(tmp_path / "pin"), workspace=workspace)[0] == 0
    assert run("audit", "verify", "--anchor", str(tmp_path / "pin"), workspace=workspace)[0] == 0
    raw = sqlite3.connect(workspace / "world.db")
    for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        raw.execute(f"DROP TRIGGER {name}")
    raw.execute("UPDATE journal SET actor = 'nobody' WHERE seq = 2")
    raw.commit()
    raw.close()
    code, output = run("audit", "verify", workspace=workspace)
    assert code == 1
    assert "entry 2" in output or code == 1


def test_mappings_are_listed_checked_and_explained(workspace):
    assert "servicenow-incident" in run("mapping", "list", workspace=workspace)[1]
    assert run("mapping", "check", "jira-issue", workspace=workspace)[0] == 0
    assert run("mapping", "explain", "jira-issue", workspace=workspace)[0] == 0
    bad = workspace / "bad.yaml"
    bad.write_text("tool: jira\nrecord: incident\nfields:\n  titel: {from: summary}\n", encoding="utf-8")
    code, output = run("mapping", "check", str(bad), workspace=workspace)
    assert code == 3
    assert "bad.yaml:4:" in output


def test_init_writes_a_workspace_once(tmp_path):
    assert run("init", "--tool", "memory", workspace=tmp_path)[0] == 0
    assert (tmp_path / "tieline.yaml").exists()
    assert run("init", "--tool", "memory", workspace=tmp_path)[0] == 2
    assert run("check", workspace=tmp_path)[0] == 0


def test_check_says_which_secret_is_missing(tmp_path, monkeypatch):
    monkeypatch.delenv("SERVICENOW_PASSWORD", raising=False)
    assert run("init", "--tool", "servicenow", workspace=tmp_path)[0] == 0
    file = tmp_path / "tieline.yaml"
    file.write_text(file.read_text("utf-8").replace("change-me", "tieline"), "utf-8")
    code, output = run("check", workspace=tmp_path)
    assert code == 3
    assert "SERVICENOW_PASSWORD" in output


@pytest.mark.parametrize(
    ("options", "audience"),
    [
        ((), "staff"),
        (("--public",), "customers"),
        (("--public", "--audience", "customers"), "customers"),
        (("--audience", "public"), "public"),
        (("--audience", "responders"), "responders"),
    ],
)
def test_a_comment_says_whom_it_is_for(workspace, options, audience):
    code, output = run("comment", "INC-1", "on it", *options, "--json", workspace=workspace)
    assert (code, json.loads(output)["audience"]) == (0, audience)
    history = json.loads(run("history", "INC-1", "--json", workspace=workspace)[1])["items"]
    assert history[-1]["facts"]["audience"] == audience


def test_init_writes_a_tool_that_is_named_twice_once(tmp_path):
    assert run("init", "--tool", "memory", "--tool", "memory", workspace=tmp_path)[0] == 0
    assert run("check", workspace=tmp_path)[0] != 3


def test_plugins_shows_what_is_allowed_and_what_is_not(workspace):
    _code, output = run("plugins", "--json", workspace=workspace)
    states = {one["name"]: one["state"] for one in json.loads(output)["items"]}
    assert states["memory"] == "working"
    assert states["jira"] == "not allowed"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("edit", "INC-1", "description=\udcff"), 2, "changes.description: text is in UTF-8"),
        (("edit", "INC-1", "tags=\udcff"), 2, "text is in UTF-8, and this is in another encoding"),
        (("comment", "INC-1", "\udcff"), 2, "body: text is in UTF-8"),
        (("comment", "INC-1", "x", "--public", "--audience", "staff"), 2, "and not staff; write one of the two"),
        (("edit", "INC-1", "alerts=none"), 2, "alerts is what fires now, and nobody's to write"),
        (("edit", "INC-1", "status=new", "title=x", "status=closed"), 2, "status is there twice; write it once"),
        (("edit", "INC-1", "title=x", "title=x"), 2, "title is there twice"),
        (("edit", "INC-1", "sevrity=high"), 2, "did you mean 'severity'?"),
        (
            ("conflicts", "settle", "INC-1", "severity", "lefd", "--take", "ours"),
            5,
            "there is no connection 'lefd'; did you mean 'left'?",
        ),
        (
            ("conflicts", "settle", "INC-1", "severity", "snow", "--take", "ours"),
            5,
            "there is no connection 'snow'; there are left, right",
        ),
        (
            ("conflicts", "settle", "INC-1", "sevrity", "left", "--take", "ours"),
            5,
            "there is no field 'sevrity'; did you mean 'severity'?",
        ),
        (("conflicts", "settle", "INC-1", "title", "left", "--take", "ours"), 5, "nothing is held for title in left"),
        (("doubts", "confirm", "rihgt"), 5, "there is no connection 'rihgt'; did you mean 'right'?"),
        (("doubts", "confirm", "right"), 5, "no ends of right are doubted"),
        (("check", "lefd"), 5, "there is no connection 'lefd'; did you mean 'left'?"),
        (("incidents", "--connection", "lefd"), 5, "there is no connection 'lefd'; did you mean 'left'?"),
        (("why", "INC-1", "sevrity"), 5, "there is no field 'sevrity'; did you mean 'severity'?"),
        *((("parked", "retry", what, "9" * 20), 5, "is not parked") for what in ("copy", "inbox", "signal", "timer")),
    ],
)
def test_what_cannot_be_taken_is_said_in_a_sentence(workspace, arguments, code, words):
    result = CliRunner().invoke(cli, ["-w", str(workspace), *arguments])
    told = result.exception if isinstance(result.exception, LookupError) else result.output
    assert words in str(told)
    assert run(*arguments, workspace=workspace)[0] == code


@pytest.mark.parametrize("what", ["copy", "inbox", "comment", "signal"])
def test_nobody_is_told_that_what_waits_for_a_connection_that_is_gone_tries_again(workspace, what):
    config, registry = configuration(str(workspace))
    registry.close()
    with Store.open(config.store) as store, store.write() as tx:
        copy = tx.execute(select(t.replica.c.id).where(t.replica.c.connection == "right")).scalar_one()
        row = {"connection": "gone", "attempts": 0, "parked": "no right to it"}
        match what:
            case "copy":
                number = copy
                tx.execute(update(t.replica).where(t.replica.c.id == copy).values(state="parked", connection="gone"))
            case "inbox":
                arrival = {**row, "ref": "1", "asked": 0, "received_at": datetime.now(UTC)}
                number = loading.new_id(tx.execute(insert(t.inbox), arrival))
            case "comment":
                number = _twin(tx, copy, row)
            case _:
                number = loading.new_id(tx.execute(insert(t.signal), {**row, **SIGNAL}))
    code, output = run("parked", "retry", what, str(number), workspace=workspace)
    assert code == 1 and "tries again" not in output
    with Store.open(config.store) as store, store.read() as connection:
        assert [(one.what, one.id) for one in explain.parked(connection)] == [(what, number)]


SIGNAL = {
    "episode": "a@1",
    "incident_id": 1,
    "group_key": "a",
    "firing": True,
    "fields": {},
    "labels": {},
    "judged": {},
    "version": "1",
    "act": "acknowledge",
    "acted": "",
    "handle": "",
    "seen_at": datetime(2026, 11, 23, tzinfo=UTC),
}


def _twin(tx, copy, row):
    told = {"incident_id": 1, "author": "ann", "audience": "staff", "body": "x", "origin": ""}
    comment = loading.new_id(tx.execute(insert(t.comment), {**told, "written_at": datetime.now(UTC)}))
    twin = {**row, "comment_id": comment, "replica_id": copy, "state": "parked", "token": "t"}
    return loading.new_id(tx.execute(insert(t.twin), twin))


def test_the_entry_point_answers_with_exit_codes_not_tracebacks(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tieline", "-w", str(tmp_path), "status"])
    with pytest.raises(SystemExit) as ended:
        cli_main.main()
    assert ended.value.code == 3
    assert "tieline init" in capsys.readouterr().err


def test_a_store_is_copied_once_and_the_old_one_sends_whoever_comes_to_the_new_one(workspace, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    target = f"sqlite:///{tmp_path / 'elsewhere' / 'new.db'}"
    code, output = run("store", "copy", "--to", target, "--json", workspace=workspace)
    assert code == 0
    told = json.loads(output)
    assert told["rows"] > 10
    assert told["tables"]["incident"] == 1

    code, output = run("incidents", workspace=workspace)
    assert code == 3, output
    assert run("audit", "verify", workspace=workspace)[0] == 0, "it can still be looked at"

    monkeypatch.setenv("NEW_STORE", target)
    file = workspace / "tieline.yaml"
    old = file.read_text()
    file.write_text(
        old.replace(next(line for line in old.splitlines() if line.startswith("store:")), "store: {env: NEW_STORE}")
    )
    assert run("incidents", workspace=workspace)[0] == 0
    assert run("audit", "verify", workspace=workspace)[0] == 0

    file.write_text(old)
    assert run("store", "reopen", workspace=workspace)[0] == 0
    assert run("incidents", workspace=workspace)[0] == 0


def test_a_store_is_copied_to_one_address_that_is_named_in_one_way(workspace, monkeypatch):
    monkeypatch.delenv("NOWHERE", raising=False)
    assert run("store", "copy", workspace=workspace)[0] == 2
    assert run("store", "copy", "--to", "sqlite:///x.db", "--to-env", "NOWHERE", workspace=workspace)[0] == 2
    assert run("store", "copy", "--to-env", "NOWHERE", workspace=workspace)[0] == 2


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("sqlite:///typo/deep/new.db", "there is no folder {here}/typo/deep; make it, or correct the path"),
        ("sqlite:///tieline.yaml/new.db", "{here}/tieline.yaml is no folder; correct the path"),
        ("sqlite://", "a database in memory ends with this command"),
        ("sqlite:///:memory:", "a database in memory ends with this command"),
    ],
)
def test_a_store_is_copied_to_no_place_that_a_typo_makes(workspace, monkeypatch, address, words):
    monkeypatch.setenv("NEW_STORE", address)
    before = sorted(workspace.rglob("*"))
    for named in (("--to", address), ("--to-env", "NEW_STORE")):
        code, output = run("store", "copy", *named, workspace=workspace)
        assert code == 2
        assert words.format(here=workspace.resolve()) in " ".join(output.split())
    assert [one for one in sorted(workspace.rglob("*")) if one not in before and "-" not in one.name] == []
    assert run("incidents", workspace=workspace)[0] == 0, "the store is still the one in use"


def test_a_store_that_a_daemon_works_on_is_not_copied_away(workspace, capsys):
    config, _registry = configuration(str(workspace))
    lock = only_daemon(config)
    assert lock is not None
    with lock:
        capsys.readouterr()
        assert run("store", "copy", "--to", "sqlite:///new.db", workspace=workspace)[0] == 3
        assert "RUN002" in (told := capsys.readouterr().err) and "stop it" in told
        assert run("store", "renew-keys", workspace=workspace)[0] == 3
        assert "RUN002" in (told := capsys.readouterr().err) and "then make new keys" in told
        assert not (workspace / "tieline.db.keys").exists()
    assert not (workspace / "new.db").exists()
    with Store.open(config.store) as store:
        heartbeat = Heartbeat(store, "elsewhere:1", alone=False)
        heartbeat.beat(clock().now())
        assert run("store", "copy", "--to", "sqlite:///new.db", workspace=workspace)[0] == 3
        assert "a daemon works on it" in capsys.readouterr().err
        heartbeat.end(clock().now())
    assert run("store", "copy", "--to", "sqlite:///new.db", workspace=workspace)[0] == 0


def test_a_copy_stands_where_its_address_leads_in_the_file(workspace, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run("store", "copy", "--to", "sqlite:///new.db", workspace=workspace)[0] == 0
    assert (workspace / "new.db").exists()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_store_is_not_copied_onto_itself(workspace):
    name = next(one.name for one in workspace.glob("*.db"))
    code, output = run("store", "copy", "--to", f"sqlite:///{name}", workspace=workspace)
    assert code == 2, output


def test_a_command_under_a_key_is_done_once(workspace) -> None:
    comment = ["-w", str(workspace), "comment", "INC-1", "on it", "--key", "k", "--json"]
    first, second = (CliRunner().invoke(cli, comment) for _ in range(2))
    assert json.loads(first.stdout) == json.loads(second.stdout)
    told = CliRunner().invoke(cli, ["-w", str(workspace), "history", "INC-1", "--json"])
    kinds = [entry["kind"] for entry in json.loads(told.stdout)["items"]]
    assert (kinds.count("commented"), kinds.count("acted")) == (1, 1)
