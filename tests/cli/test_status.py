"""What `tieline status` says of a daemon that is dead, of a tool that is not reached, and of one never asked."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.cli.test_commands import run

from tieline.core.errors import StoreUnavailable
from tieline.core.store.store import Store
from tieline.sync.heartbeat import EVERY, SILENT, Heartbeat, life

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


def _signs(workspace, *, seconds_ago, end=False):
    with Store.open(f"sqlite:///{workspace / 'tieline.db'}") as store:
        at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
        heart = Heartbeat(store, "here:1", alone=True)
        if end:
            heart.end(at)
        else:
            heart.beat(at)


def test_a_daemon_that_never_ran_is_the_first_line_and_the_exit_code(workspace):
    code, output = run("status", workspace=workspace)
    assert code == 1
    assert output.startswith("the daemon is NOT running, and never was on this store.")


def test_a_daemon_that_runs_is_said_and_nothing_is_wrong(workspace):
    _signs(workspace, seconds_ago=1)
    code, output = run("status", workspace=workspace)
    assert (code, output.splitlines()[0]) == (0, "the daemon is running")


@pytest.mark.parametrize(("end", "words"), [(False, "gave its last sign 2 min ago"), (True, "was stopped 2 min ago")])
def test_a_daemon_that_is_gone_is_said_with_how_it_went(workspace, end, words):
    _signs(workspace, seconds_ago=130, end=end)
    code, output = run("status", workspace=workspace)
    assert code == 1
    assert words in output.splitlines()[0]


def test_no_connection_works_while_no_daemon_does(workspace):
    _signs(workspace, seconds_ago=130)
    with Store.open(f"sqlite:///{workspace / 'tieline.db'}") as store, store.write() as tx:
        from tieline.core.store import tables as t

        row = {"name": "left", "state": "working", "reason": "", "fingerprint": "", "attempts": 0, "since": NOW}
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
    assert "a clock was put back" in found.sentence(NOW - timedelta(hours=1))


def test_a_clock_that_jumps_costs_no_sign_of_life(store):
    heart = Heartbeat(store, "here:1", alone=True)
    for at in (NOW, NOW + timedelta(days=1), NOW - timedelta(days=1)):
        heart.beat(at)
        with store.read() as connection:
            assert life(connection, at).running
