"""The life of the daemon: it stops in time, reloads whole or not at all, and does not outlive a dead loop."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
from tests.daemon.conftest import eventually

from tieline.core.config import load_workspace
from tieline.core.errors import ConfigError, NeedsOperator, StoreUnavailable
from tieline.sync.daemon.daemon import Daemon
from tieline.sync.daemon.heartbeat import life

pytestmark = pytest.mark.slow

WORKSPACE = """\
tieline: 1
server: {listen: '127.0.0.1:0'}
poll_every: 1s
stop_within: 5s
connections:
  left: {tool: memory, path: left.json, opens: true, history: 1d}
  right: {tool: memory, path: right.json, opens: true, history: 1d}
"""


def test_a_reload_with_a_mistake_changes_nothing_and_the_daemon_goes_on(running):
    here = running()
    before = here.daemon.engine
    here.file.write_text("tieline: 1\nconnectoins: {}\n", encoding="utf-8")
    assert here.daemon.reload() is False
    assert here.daemon.engine is before
    here.tools["left"].make({"title": "Disk full", "status": "new"})
    eventually(lambda: len(here.tools["right"].rows()) == 1)


def test_a_reload_swaps_the_whole_configuration(running):
    here = running()
    before = here.daemon.engine
    here.write("signals: {window: 9m}")
    assert here.daemon.reload() is True
    assert here.daemon.engine is not before
    assert here.daemon.engine.config.signals.window.total_seconds() == 540
    here.tools["left"].make({"title": "Disk full", "status": "new"})
    eventually(lambda: len(here.tools["right"].rows()) == 1)


def told_by(here):
    """What whoever looks into the store learns of the daemon."""
    here.daemon._heartbeat.beat(here.daemon._clock.now())
    with here.daemon.engine.store.read() as connection:
        return life(connection, here.daemon._clock.now())


def test_a_reload_that_was_refused_is_told_by_the_sign_of_life_and_the_metrics_until_one_is_taken(running):
    here = running()
    assert told_by(here).refusals == [] and b"\ntieline_reload_refused 0.0\n" in here.daemon.metrics()
    here.write("  odd: {tool: memory, poll_evry: 3s}\n  worse: {}\n")
    assert here.daemon.reload() is False
    found = told_by(here)
    [(_worker, refusal)] = found.refusals
    assert re.search(r"tieline\.yaml:\d+:23: CFG002 connections\.odd\.poll_evry is not an option\.", refusal.reason)
    assert "And 1 more" in refusal.reason and "reload again (SIGHUP)" in refusal.sentence("3 s")
    assert found.connections is not None and sorted(found.connections) == ["left", "right"]
    assert b"\ntieline_reload_refused 1.0\n" in here.daemon.metrics()
    here.write("  third: {tool: memory}\n")
    assert here.daemon.reload() is True
    found = told_by(here)
    assert found.refusals == [] and found.connections is not None and "third" in found.connections
    assert b"\ntieline_reload_refused 0.0\n" in here.daemon.metrics()


@pytest.mark.parametrize(
    ("was", "now", "option"),
    [("'127.0.0.1:0'", "'127.0.0.1:1'", "server.listen"), ("poll_every: 1s", "store: sqlite:///b.db", "store")],
)
def test_what_only_a_restart_changes_is_named_with_its_place(running, was, now, option):
    here = running()
    here.file.write_text(here.file.read_text("utf-8").replace(was, now), encoding="utf-8")
    assert here.daemon.reload() is False
    assert here.daemon.refusal is not None
    reason = here.daemon.refusal.reason
    assert f"RUN004 `{option}` is another one now" in reason and "restart the daemon" in reason
    assert re.search(r"tieline\.yaml:\d+:\d+: ", reason)


def test_a_loop_that_dies_stops_the_daemon_with_an_exit_code(running):
    here = running()
    lane = here.daemon.lanes["left"]
    lane.step = lambda: 1 / 0  # what an error of ours in the lane itself would be
    eventually(lambda: here.daemon._stopping.is_set())
    assert here.daemon.stop() == 1


def start(folder, log):
    return subprocess.Popen(
        [sys.executable, "-m", "tieline.cli.main", "-w", str(folder), "run", "--log", "json"],
        stderr=log,
        stdout=subprocess.DEVNULL,
        cwd=folder,
    )


def test_sigterm_stops_a_real_process_within_its_bound_and_sighup_does_not(tmp_path):
    (tmp_path / "tieline.yaml").write_text(WORKSPACE, encoding="utf-8")
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = start(tmp_path, file)
    try:
        eventually(lambda: '"started"' in log.read_text(), 60)
        process.send_signal(signal.SIGHUP)
        eventually(lambda: '"reloaded"' in log.read_text(), 60)
        asked = time.monotonic()
        process.terminate()
        assert process.wait(30) == 0
        assert time.monotonic() - asked < 15
        assert '"stopped"' in log.read_text()
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)


def test_a_second_daemon_on_the_same_sqlite_file_is_refused_until_the_first_one_has_ended(running, tmp_path):
    here = running()
    with pytest.raises(ConfigError, match="RUN002"):
        Daemon(lambda: load_workspace(here.file), transports=here.tools)
    here.daemon.stop()
    Daemon(lambda: load_workspace(here.file), transports=here.tools).stop()


def test_a_reload_while_the_store_is_locked_changes_nothing_and_the_daemon_goes_on(running):
    here = running()
    before = here.daemon.engine
    here.write("signals: {window: 9m}")
    other = sqlite3.connect(here.folder / "tieline.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert here.daemon.reload() is False
    assert here.daemon.engine is before
    other.execute("ROLLBACK")
    other.close()
    assert here.daemon.reload() is True
    assert here.daemon.engine.config.signals.window.total_seconds() == 540
    here.tools["left"].make({"title": "Disk full", "status": "new"})
    eventually(lambda: len(here.tools["right"].rows()) == 1)


@pytest.mark.parametrize(
    "odd",
    [
        "  pager: {tool: pagerduty, api_key: {env: X}, from_email: a@example.org, service: PIJ90N7, verify_tls: %s}",
        "  odd: {tool: memory, overlay: odd.yaml}",
        "  odd: {tool: memory, path: 'a\0b'}",
    ],
    ids=["certificates", "mapping", "path"],
)
def test_a_reload_of_what_cannot_be_built_ends_nothing(running, monkeypatch, odd):
    here = running()
    (here.folder / "odd.yaml").write_text("fields: 3\n", encoding="utf-8")
    garbage = here.folder / "ca.pem"
    garbage.write_text("no certificate", encoding="utf-8")
    here.write(odd.replace("%s", str(garbage)))
    here.daemon.reload()
    assert not here.daemon._stopping.is_set()
    here.tools["left"].make({"title": "Disk full", "status": "new"})
    eventually(lambda: len(here.tools["right"].rows()) == 1)


def test_nothing_is_put_beside_another_programs_database(tmp_path):
    with closing(sqlite3.connect(tmp_path / "tieline.db")) as other:
        other.execute("CREATE TABLE theirs (x)")
        other.commit()
    file = tmp_path / "tieline.yaml"
    file.write_text(WORKSPACE, encoding="utf-8")
    with pytest.raises(ConfigError, match="another program"):
        Daemon(lambda: load_workspace(file))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["tieline.db", "tieline.yaml"]


def test_no_store_is_made_for_a_mapping_with_a_mistake(tmp_path):
    (tmp_path / "odd.yaml").write_text("fields: 3\n", encoding="utf-8")
    file = tmp_path / "tieline.yaml"
    file.write_text(WORKSPACE + "  odd: {tool: memory, overlay: odd.yaml}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"odd\.yaml"):
        Daemon(lambda: load_workspace(file))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["odd.yaml", "tieline.yaml"]


def test_a_reload_with_a_missing_certificate_keeps_the_old_configuration_whole(running):
    here = running()
    before = here.daemon.engine
    pager = "  pager: {tool: pagerduty, api_key: {env: X}, from_email: a@example.org, service: PIJ90N7, %s}"
    here.write("signals: {window: 9m}\n" + pager % "client_certificate: none.pem")
    assert here.daemon.reload() is False
    assert here.daemon.engine is before and "pager" not in here.daemon.engine.connections
    here.tools["left"].make({"title": "Disk full", "status": "new"})
    eventually(lambda: len(here.tools["right"].rows()) == 1)


@pytest.mark.parametrize(
    "error", [NeedsOperator("pager", "no"), StoreUnavailable("locked"), OSError("gone"), KeyError("x")]
)
def test_whatever_a_reload_meets_the_old_configuration_stays_in_force(running, error):
    here = running()
    before, load = here.daemon.engine, here.daemon._load

    def broken():
        raise error

    here.daemon._load = broken
    assert here.daemon.reload() is False
    assert here.daemon.engine is before and not here.daemon._stopping.is_set()
    here.daemon._load = load
    assert here.daemon.reload() is True


def test_a_real_process_survives_a_reload_while_its_store_is_locked(tmp_path):
    (tmp_path / "tieline.yaml").write_text(WORKSPACE, encoding="utf-8")
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = start(tmp_path, file)
    try:
        eventually(lambda: '"started"' in log.read_text(), 60)
        other = sqlite3.connect(tmp_path / "tieline.db", isolation_level=None, timeout=30)
        other.execute("BEGIN EXCLUSIVE")
        process.send_signal(signal.SIGHUP)
        eventually(lambda: '"reload_refused"' in log.read_text(), 60)
        other.execute("ROLLBACK")
        other.close()
        process.send_signal(signal.SIGHUP)
        eventually(lambda: '"reloaded"' in log.read_text(), 60)
        process.terminate()
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
