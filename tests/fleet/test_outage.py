"""The database of a fleet goes away for a while: workers wait for it, and go on by themselves."""

import os
import time
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs
from tests.core.store_backends import postgres_binaries
from tests.crash.postgres import Postgres
from tests.daemon.conftest import eventually
from tests.fleet.conftest import Team
from tests.fleet.relay import Relay

from tieline.adapters.testing.clock import ManualClock
from tieline.cli.main import cli

BEARABLE = 10.0
"""Seconds in which a look at the health of a worker is answered; Kubernetes and Prometheus wait no longer."""

pytestmark = [
    pytest.mark.xdist_group("fleet"),
    pytest.mark.timeout(180),
    pytest.mark.skipif(postgres_binaries() is None, reason="needs PostgreSQL: apt-get install postgresql"),
]


def test_workers_whose_database_is_away_wait_for_it_and_go_on(tmp_path):
    with Postgres(durable=False) as server, capture_logs() as logs:
        two = Team(tmp_path, server.server)
        try:
            for _ in range(2):
                two.join()
            two.tools["left"].make({"title": "Disk full", "status": "new"})
            eventually(lambda: len(two.tools["right"].rows()) == 1)
            server.kill()
            two.tools["left"].make({"title": "While it was away", "status": "new"})
            # Longer than the patience of whatever waits for an answer: both begin anew, and find nobody.
            eventually(lambda: sum(log["event"] == "jobs_interrupted" for log in logs) >= 2, 90)
            assert not any(worker.readiness()[0] for worker in two.workers)
            server.start()
            eventually(lambda: len(two.tools["right"].rows()) == 2, 60)
            eventually(lambda: all(worker.readiness()[0] for worker in two.workers), 30)
        finally:
            for worker in two.workers:
                worker.stop()


def test_a_worker_whose_way_to_the_database_is_silent_says_so_and_the_others_stay_ready(tmp_path, postgres_database):
    """Nothing breaks, and nothing answers: the worst of what can happen to a line."""
    relay = Relay(postgres_database)
    two = Team(tmp_path, relay.address)
    try:
        lost = two.join()
        os.environ["TIELINE_TEST_STORE"] = postgres_database
        kept = two.join()
        eventually(lambda: lost.readiness()[0] and kept.readiness()[0])
        relay.fall_silent()

        began = time.monotonic()
        ready, parts = lost.readiness()
        assert time.monotonic() - began < BEARABLE
        assert (ready, parts["store"] != "ok", parts["connections"]) == (False, True, {})
        assert b"tieline_store_up 0.0" in lost.metrics()
        assert kept.readiness()[0]
        assert b"tieline_store_up 1.0" in kept.metrics()
        # No traffic is tried: what the lost one has begun keeps its locks for 20 s, until the database gives it up.
        relay.heal()
        eventually(lambda: lost.readiness()[0], 60)
    finally:
        relay.close()
        for worker in two.workers:
            worker.stop()


def test_status_tells_the_time_by_the_database_as_the_workers_do(tmp_path, postgres_database):
    """The machine's own clock may go wrong by more than a sign of life may be old."""
    two = Team(tmp_path, postgres_database)
    worker = two.join()
    try:
        for wrong in (timedelta(hours=-1), timedelta(hours=1)):
            clock = ManualClock(datetime.now(UTC) + wrong)
            done = CliRunner().invoke(cli, ["-w", str(tmp_path), "status"], obj=clock, catch_exceptions=False)
            # The worker of this process logs in between.
            assert done.exit_code == 0
            assert "the daemon is running" in done.output.splitlines()
    finally:
        worker.stop()
