"""What `tieline status` says of a daemon that is dead, of a tool that is not reached, and of one never asked."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.cli.test_commands import run

from tieline.cli.open import configuration
from tieline.core.errors import StoreUnavailable
from tieline.core.store import tables as t
from tieline.core.store import volume
from tieline.core.store.store import Store
from tieline.sync.daemon import elsewhere, processes
from tieline.sync.daemon.daemon import only_daemon
from tieline.sync.daemon.heartbeat import EVERY, SILENT, Heartbeat, life
from tieline.sync.daemon.running import Refusal, as_facts

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def workspace(tmp_path):
    lines = ["tieline: 1", "store: sqlite:///tieline.db", "connections: {left: {tool: memory}}"]
    (tmp_path / "tieline.yaml").write_text("\n".join(lines), encoding="utf-8")
    with Store.open(f"sqlite:///{tmp_path / 'tieline.db'}") as store:
        store.migrate()
    return tmp_path


@pytest.fixture
def store(tmp_path):
    with Store.open(f"sqlite:///{tmp_path / 'signs.db'}") as store:
        store.migrate()
        yield store


def _signs(workspace, *, seconds_ago, end=False, process=None, runs=None):
    with Store.open(f"sqlite:///{workspace / 'tieline.db'}") as store:
        at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
        heart = Heartbeat(store, "here:1", alone=True, process=process)
        if runs is not None:
            heart.tell(runs)
        if end:
            heart.end(at)
        else:
            heart.beat(at)


def test_a_daemon_that_never_ran_is_the_first_line_and_the_exit_code(workspace):
    code, output = run("status", workspace=workspace)
    assert code == 1
    assert output.startswith("the daemon is NOT running, and nothing here tells that one ever was.")


def test_a_daemon_that_runs_is_said_and_nothing_is_wrong(workspace):
    _signs(workspace, seconds_ago=1, process=processes.this())
    code, output = run("status", workspace=workspace)
    assert (code, output.splitlines()[0]) == (0, "the daemon is running")


def test_where_a_daemon_cannot_be_seen_its_last_sign_is_told(workspace):
    _signs(workspace, seconds_ago=9, process={**processes.this(), "world": "another machine"})
    code, output = run("status", workspace=workspace)
    assert (code, output.splitlines()[0]) == (0, "the daemon is running; it gave its last sign 9 s ago")


def test_a_daemon_that_was_killed_on_this_machine_is_missed_at_once(workspace):
    _signs(workspace, seconds_ago=1, process={**processes.this(), "began": "1"})
    code, output = run("status", workspace=workspace)
    assert code == 1
    words = "the daemon is NOT running: its process is gone, and gave its last sign 1 s ago. It was killed or died;"
    assert " ".join(output.split()).startswith(words)


def test_a_connection_that_was_taken_out_of_the_file_is_not_said_to_work(workspace):
    _signs(workspace, seconds_ago=1)
    row = {"name": "left", "state": "working", "reason": "", "uid": "c1", "attempts": 0, "next_at": None}
    with Store.open(f"sqlite:///{workspace / 'tieline.db'}") as store, store.write() as tx:
        tx.execute(t.connection.insert(), {**row, "since": NOW})
    file = workspace / "tieline.yaml"
    file.write_text(file.read_text("utf-8").replace("{left: ", "{other: "), encoding="utf-8")
    found = json.loads(run("status", "--json", workspace=workspace)[1])["connections"]
    assert {name: one["state"] for name, one in found.items()} == {"left": "not configured", "other": "not started"}
    assert "neither asks nor writes there" in " ".join(run("status", workspace=workspace)[1].split())


def test_a_daemon_that_hangs_is_told_from_one_that_died(workspace):
    _signs(workspace, seconds_ago=40, process=processes.this())
    code, output = run("status", workspace=workspace)
    assert code == 1
    assert "its process is there, and gave its last sign 40 s ago. It hangs, or" in " ".join(output.split())


def test_a_worker_that_is_lost_is_told_while_others_run(store):
    gone = {**processes.this(), "began": "1"}
    Heartbeat(store, "here:1", alone=False, process=processes.this()).beat(NOW)
    Heartbeat(store, "here:2", alone=False, process=gone).beat(NOW)
    Heartbeat(store, "there:3", alone=False).beat(NOW - timedelta(minutes=5))
    Heartbeat(store, "there:4", alone=False).beat(NOW - timedelta(hours=2))
    with store.read() as connection:
        found = life(connection, NOW + timedelta(seconds=2))
    assert found.running
    assert found.sentence() == (
        "the daemon is running. Worker here:2: its process is gone, and gave its last sign 2 s ago. "
        "Worker there:3: it gave its last sign 5 min ago"
    )
    assert [(one["worker"], one["running"]) for one in found.facts()["workers"]] == [
        ("here:1", True),
        ("here:2", False),
        ("there:3", False),
    ]


@pytest.mark.parametrize(("end", "words"), [(False, "gave its last sign 2 min ago"), (True, "was stopped 2 min ago")])
def test_a_daemon_that_is_gone_is_said_with_how_it_went(workspace, end, words):
    _signs(workspace, seconds_ago=130, end=end)
    code, output = run("status", workspace=workspace)
    assert code == 1
    assert words in output.splitlines()[0]


def test_no_connection_works_while_no_daemon_does(workspace):
    _signs(workspace, seconds_ago=130)
    with Store.open(f"sqlite:///{workspace / 'tieline.db'}") as store, store.write() as tx:
        row = {"name": "left", "state": "working", "reason": "", "uid": "c1", "attempts": 0, "since": NOW}
        tx.execute(t.connection.insert(), row)
    found = json.loads(run("status", "--json", workspace=workspace)[1])
    assert found["daemon"]["running"] is False
    assert (found["connections"]["left"]["state"], found["connections"]["left"]["last_state"]) == (
        "not running",
        "working",
    )


def test_signs_are_few_and_a_row_is_followed_by_the_next_daemon(store):
    heart = Heartbeat(store, "here:1", alone=True)
    heart.beat(NOW)
    commits = store.commits
    heart.beat(NOW + EVERY / 2)
    assert store.commits == commits
    Heartbeat(store, "here:1", alone=True).beat(NOW + EVERY)
    with store.read() as connection:
        assert life(connection, NOW + EVERY + SILENT).running
        assert not life(connection, NOW + EVERY + SILENT + timedelta(seconds=1)).running


def test_one_of_several_workers_that_ended_leaves_the_others_running(store):
    ended, other = Heartbeat(store, "here:1", alone=False), Heartbeat(store, "there:1", alone=False)
    other.beat(NOW)
    ended.beat(NOW)
    ended.end(NOW + timedelta(seconds=1))
    with store.read() as connection:
        assert life(connection, NOW + timedelta(seconds=2)).running


def test_a_daemon_whose_store_refuses_writes_is_said_while_it_gives_signs(workspace):
    with Store.open(f"sqlite:///{workspace / 'tieline.db'}") as store:
        with pytest.raises(StoreUnavailable), store.write():
            raise StoreUnavailable("the disk is full. Free space on its volume", timedelta(seconds=30))
        Heartbeat(store, "here:1", alone=True).beat(datetime.now(UTC))
    code, output = run("status", workspace=workspace)
    assert code == 1
    first = "the daemon is running, and the store refuses its writes: the disk is full. Free space on its volume"
    assert " ".join(output.split()).startswith(first)
    assert json.loads(run("status", "--json", workspace=workspace)[1])["daemon"]["refused"].startswith("the disk")


def test_a_sign_of_a_time_to_come_is_no_sign_of_life(store):
    Heartbeat(store, "here:1", alone=True).beat(NOW)
    with store.read() as connection:
        found = life(connection, NOW - timedelta(hours=1))
    assert not found.running
    assert "a clock was put back" in found.sentence()


def test_a_clock_that_jumps_costs_no_sign_of_life(store):
    heart = Heartbeat(store, "here:1", alone=True)
    for at in (NOW, NOW + timedelta(days=1), NOW - timedelta(days=1)):
        heart.beat(at)
        with store.read() as connection:
            assert life(connection, at).running


def test_a_disk_that_takes_not_even_a_sign_of_life_is_said_at_once(workspace, monkeypatch):
    """The last sign is one of a healthy daemon, and for half a minute nobody would doubt it."""
    with Store.open(f"sqlite:///{workspace / 'tieline.db'}") as store:
        Heartbeat(store, "here:1", alone=True).beat(datetime.now(UTC))
    assert run("status", workspace=workspace)[0] == 0
    monkeypatch.setattr(volume, "LEAST", 1 << 80)
    code, output = run("status", workspace=workspace)
    assert code == 1
    said = " ".join(output.split())
    assert said.startswith("the daemon is running, and the store refuses its writes: sqlite:///")
    assert "the disk is full. Free space on its volume." in said


@pytest.mark.parametrize(
    ("lives", "words"),
    [
        (True, "the daemon is there, and the store refuses its writes: the disk is full."),
        (False, "The store takes no writes: the disk is full. Start it with"),
    ],
)
def test_nobody_is_told_to_start_a_daemon_where_the_disk_is_to_blame(store, lives, words):
    Heartbeat(store, "here:1", alone=True).beat(NOW)
    with store.read() as connection:
        found = life(connection, NOW + 2 * SILENT, lambda _process: lives, unwritable="the disk is full.")
    assert not found.running
    assert words in found.sentence()


def test_a_source_that_nobody_polls_is_said_to_hear_webhooks_only(tmp_path, monkeypatch):
    monkeypatch.setenv("TIELINE_TEST_HOOK", "a token")
    lines = ["tieline: 1", "connections:", "  am: {tool: alertmanager, webhook_token: {env: TIELINE_TEST_HOOK}}"]
    (tmp_path / "tieline.yaml").write_text("\n".join(lines), "utf-8")
    with Store.open(f"sqlite:///{tmp_path / 'tieline.db'}") as store:
        store.migrate()
    _code, output = run("status", workspace=tmp_path)
    assert ["am", "not", "running", "webhooks", "only"] in [line.split() for line in output.splitlines()]


LISTENS = "  am: {tool: alertmanager, webhook_token: {env: TIELINE_TEST_HOOK}}"
ASKS = "  am: {tool: alertmanager, url: 'http://127.0.0.1:9', webhook_token: {env: TIELINE_TEST_HOOK}}"


@pytest.fixture
def edited(workspace, monkeypatch):
    """Has a daemon run one file and writes another one; answers the status as text and as JSON."""
    monkeypatch.setenv("TIELINE_TEST_HOOK", "a token")
    file = workspace / "tieline.yaml"

    def write(*lines):
        file.write_text("\n".join(["tieline: 1", "connections:", *lines, ""]), encoding="utf-8")

    def edit(ran, now, refusal=None):
        write(*ran)
        config, registry = configuration(str(workspace))
        registry.close()
        _signs(workspace, seconds_ago=1, process=processes.this(), runs=as_facts(config, refusal))
        row = {"state": "working", "reason": "", "attempts": 0, "next_at": None, "since": NOW}
        with Store.open(config.store) as store, store.write() as tx:
            for name in config.connections:
                tx.execute(t.connection.insert(), {**row, "name": name, "uid": name})
        write(*now)
        code, output = run("status", workspace=workspace)
        as_json, document = run("status", "--json", workspace=workspace)
        assert code == as_json
        return code, output, json.loads(document)

    return edit


def test_a_daemon_is_told_as_it_runs_and_not_as_the_file_would_have_it(edited):
    code, output, found = edited(["  left: {tool: memory}", LISTENS], ["  right: {tool: memory}", ASKS])
    assert code == 0
    lines = [line.split() for line in output.splitlines()]
    assert ["am", "working", "webhooks", "only"] in lines
    assert ["left", "working", "never"] in lines
    assert ["right", "not", "loaded", "never"] in lines
    assert "only webhooks tell of alerts" in output
    assert "left: tieline.yaml no longer has it; the daemon goes on with it" in output
    assert "am: tieline.yaml says something else of it by now" in output
    assert "right: tieline.yaml has it, and the daemon has not read that yet" in output
    assert {name: one["state"] for name, one in found["connections"].items()} == {
        "am": "working",
        "left": "working",
        "right": "not loaded",
    }
    assert found["connections"]["am"]["risks"] and found["connections"]["left"]["file_says"]


def test_a_daemon_that_runs_what_the_file_says_is_told_without_a_word_of_the_file(edited):
    _code, output, found = edited([LISTENS], [LISTENS])
    assert "tieline.yaml" not in output
    assert [one["file_says"] for one in found["connections"].values()] == [""]


def test_a_refused_reload_is_told_with_when_why_and_what_to_do(edited):
    refusal = Refusal(datetime.now(UTC) - timedelta(minutes=3), "tieline.yaml:2:18: RUN004 no. Fix: restart.")
    code, output, found = edited([LISTENS], [LISTENS], refusal)
    assert code == 0
    assert output.splitlines()[1] == (
        f"The last reload was refused 3 min ago, at {refusal.at:%Y-%m-%d %H:%M:%S} UTC, and what ran before goes on: "
        "tieline.yaml:2:18: RUN004 no. Fix: restart. Once that is mended, reload again (SIGHUP)."
    )
    [told] = found["daemon"]["reload_refused"]
    assert (told["worker"], told["at"], told["reason"]) == ("here:1", refusal.at.isoformat(), refusal.reason)


@pytest.mark.parametrize("mistake", ["  odd: {tool: memory, poll_evry: 3s}", "  odd:", "signals: {windw: 1m}"])
def test_what_runs_is_told_while_the_file_is_refused(edited, mistake):
    code, output, found = edited(["  left: {tool: memory}", LISTENS], ["  left: {tool: memory}", mistake])
    assert code == 3
    said = " ".join(output.split())
    assert "tieline.yaml is refused as it is now, for one problem, which stands below. The daemon goes on with" in said
    assert {name: one["state"] for name, one in found["connections"].items()} == {"am": "working", "left": "working"}
    assert found["file_problems"][0]["line"] == 4 and "tieline.yaml:4:" in output


@pytest.mark.parametrize(("file", "code"), [("store: mysql://x", "CFG019"), ("store: [", "YAML003"), ("- x", "CFG004")])
def test_a_file_that_does_not_even_tell_its_store_is_refused_as_by_every_command(workspace, capsys, file, code):
    (workspace / "tieline.yaml").write_text(f"tieline: 1\n{file}\n" if file[0] != "-" else file, encoding="utf-8")
    assert run("status", workspace=workspace)[0] == 3
    assert code in capsys.readouterr().err


BROKEN = b"connections:\n  left: {tool: memory\n"


@pytest.mark.parametrize("broken", [BROKEN, b"# \xe9\n", b"a: *x\n", b"tieline: 1\ntieline: 1\n"])
def test_of_a_file_that_is_no_yaml_the_line_of_its_store_is_believed(workspace, capsys, broken):
    (workspace / "tieline.db").rename(workspace / "other.db")
    (workspace / "tieline.yaml").write_bytes(b"store: sqlite:///other.db # ours\n" + broken)
    code, output = run("status", workspace=workspace)
    assert code == 3
    assert "tieline.yaml is refused as it is now, for one problem" in " ".join(output.split())
    assert "incidents open" in output
    assert "nothing was started" not in output + capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        None,
        BROKEN,
        b"store: sqlite:///a.db\nstore: sqlite:///b.db\n" + BROKEN,
        b'"store": sqlite:///a.db\nstore: sqlite:///b.db\n' + BROKEN,
        b"store:\n  sqlite:///a.db\n" + BROKEN,
        b"store: sqlite:///a.db\n  and more\n" + BROKEN,
        b"store: sqlite:///\xe9.db\n" + BROKEN,
        b"store: >-\n  sqlite:///a.db\n" + BROKEN,
        b"store: sqlite:///a.db: x\n" + BROKEN,
        b"other:\n  store: sqlite:///tieline.db\n" + BROKEN,
    ],
)
def test_where_the_file_does_not_tell_its_store_none_is_guessed(workspace, capsys, text):
    file = workspace / "tieline.yaml"
    file.unlink()
    file.mkdir() if text is None else file.write_bytes(text)
    assert run("status", workspace=workspace)[0] == 3
    said = capsys.readouterr().err
    assert "; which store is meant is not known, so that nothing of it is shown." in said
    assert "nothing was started" not in said


def test_a_workspace_without_a_file_names_no_store(tmp_path, capsys):
    assert run("status", workspace=tmp_path)[0] == 3
    said = capsys.readouterr().err
    assert "there is no workspace here" in said and "which store is meant is not known" in said


def test_a_store_that_a_refused_file_does_not_name_is_missed_after_the_files_own_problems(workspace, capsys):
    (workspace / "tieline.db").unlink()
    (workspace / "tieline.yaml").write_text("tieline: 1\nstroe: sqlite:///other.db\n", encoding="utf-8")
    assert run("status", workspace=workspace)[0] == 3
    first, second, _count = capsys.readouterr().err.splitlines()
    assert "CFG002 stroe is not an option. Fix: did you mean 'store'?" in first and "STORE007" in second


def test_where_no_store_is_a_daemon_may_work_on_the_one_that_the_file_named_before(workspace, capsys):
    (workspace / "tieline.yaml").write_text("tieline: 1\nstore: sqlite:///moved.db\n", encoding="utf-8")
    assert run("status", workspace=workspace)[0] == 3
    told = capsys.readouterr().err
    assert "STORE007 there is no store at" in told
    assert "A daemon that was started before `store` was changed goes on with the one that it named." in told


@pytest.fixture
def renamed(workspace):
    """A daemon works on the store that the file named before; the file names another one, which is there or not."""
    config, registry = configuration(str(workspace))
    registry.close()
    lock = only_daemon(config)
    assert lock is not None
    lock.close()
    _signs(workspace, seconds_ago=1, process=processes.this(), runs=as_facts(config, None))

    def rename(*, there):
        if there:
            with Store.open(f"sqlite:///{workspace / 'other.db'}") as store:
                store.migrate()
        file = workspace / "tieline.yaml"
        file.write_text(file.read_text("utf-8").replace("tieline.db", "other.db"), encoding="utf-8")
        return workspace

    return rename


def test_a_daemon_that_works_on_the_store_that_the_file_named_before_is_told(renamed):
    workspace = renamed(there=True)
    code, output = run("status", workspace=workspace)
    assert code == 1
    address = f"sqlite:///{workspace / 'tieline.db'}"
    first, second, *_ = output.splitlines()
    assert first.startswith("the daemon is NOT running")
    assert second == (
        f"A daemon that was started from tieline.yaml works on {address}, which `store` does not name any more. Stop "
        "that one before another is started, or every change is made by both; or write its store back."
    )
    [told] = json.loads(run("status", "--json", workspace=workspace)[1])["daemon"]["elsewhere"]
    assert told == {"store": address, "sentence": second}


def test_it_is_told_where_the_store_that_the_file_names_now_is_not_there(renamed, capsys):
    workspace = renamed(there=False)
    assert run("status", workspace=workspace)[0] == 3
    told = capsys.readouterr().err
    assert "STORE007 there is no store at" in told
    assert f"works on sqlite:///{workspace / 'tieline.db'}, which `store` does not name any more." in told


def test_only_daemons_of_this_file_that_work_are_told_of(workspace):
    file = workspace / "tieline.yaml"
    config, registry = configuration(str(workspace))
    registry.close()

    def told(at, facts, *, end=False):
        for one in (workspace / "tieline.db.daemon", workspace / "empty.db.daemon", workspace / "gone.db.daemon"):
            one.touch()
        (workspace / "empty.db").touch()
        _signs(workspace, seconds_ago=at, end=end, runs=facts)
        other = replace(config, store=f"sqlite:///{workspace / 'other.db'}")
        return elsewhere.stores_left(other, datetime.now(UTC))

    ours = as_facts(config, None)
    assert told(1, ours) == [config.store]
    assert told(1, ours, end=True) == []
    assert told(600, ours) == []
    assert told(1, {**ours, "file": str(file.with_name("another.yaml"))}) == []
    assert told(1, {name: one for name, one in ours.items() if name != "file"}) == [], "of a version that says nothing"
    assert elsewhere.stores_left(config, datetime.now(UTC)) == []


def test_workers_that_run_different_connections_are_told_to_be_reloaded(store):
    for worker, connections in (("here:1", {}), ("here:2", {"am": {"tool": "x", "only_listens": True, "risks": []}})):
        heart = Heartbeat(store, worker, alone=False)
        heart.tell({"connections": connections, "refused": None})
        heart.beat(NOW)
    with store.read() as connection:
        found = life(connection, NOW)
    assert "Workers have different connections: reload each of them (SIGHUP)" in found.sentence()
    assert found.connections is not None and list(found.connections) == ["am"]
