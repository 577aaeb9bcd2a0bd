"""The database of a fleet goes away for a while: workers wait for it, and go on by themselves."""

import pytest
from structlog.testing import capture_logs
from tests.core.store_backends import postgres_binaries
from tests.crash.postgres import Postgres
from tests.daemon.conftest import eventually
from tests.fleet.conftest import Team

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
