"""Equal workers on one store: each lane by one of them at a time, and nobody misses anything."""

import threading
import time
from datetime import timedelta
from functools import partial

import httpx
import pytest
from sqlalchemy import select, text
from tests.daemon.conftest import eventually

from tieline.adapters.memory.tool import MemoryTool
from tieline.cli.accounts import account
from tieline.cli.main import perform
from tieline.core.model import ConnectionName
from tieline.core.store import tables as t
from tieline.core.store.store import Store
from tieline.core.timers import set_timer
from tieline.sync.alerts import acts
from tieline.sync.daemon.jobs import lease
from tieline.sync.daemon.jobs.fleet import Fleet

pytestmark = pytest.mark.xdist_group("fleet")


class Watched(MemoryTool):
    """A tool that knows how many write to it at once, and that can be made to wait in the middle of a write."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.inside = self.most = self.writes = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self.entered = threading.Event()

    def make(self, body, *, token=None):
        return self._counted(lambda: super(Watched, self).make(body, token=token), token is not None)

    def write(self, ref, patch, seen, author=""):
        return self._counted(lambda: super(Watched, self).write(ref, patch, seen, author), True)

    def _counted(self, work, ours):
        if not ours:
            return work()
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.entered.set()
        try:
            time.sleep(0.01)
            assert self.go_on.wait(60)
            self.writes += 1
            return work()
        finally:
            self.inside -= 1


def lanes_of(team):
    with Store.open(team.store) as store, store.read() as connection:
        return {row.lane: row for row in connection.execute(select(t.lease))}


def test_a_webhook_to_any_worker_brings_its_record_across(team):
    two = team(2)
    for number, worker in enumerate(two.workers):
        ref = two.tools["left"].make({"title": f"Disk {number} full", "status": "new"}).ref
        assert two.hook(worker, "left", ref).status_code == 202
    eventually(lambda: len(two.tools["right"].rows()) == 2)
    assert len(two.tools["left"].rows()) == 2


def test_a_connection_has_one_worker_at_a_time(team):
    three = team(0)
    right = three.tools["right"] = Watched(webhook_secret="-")
    for _ in range(3):
        three.join()
    left = three.tools["left"]
    refs = [left.make({"title": f"Disk {number} full", "status": "new"}).ref for number in range(30)]
    eventually(lambda: len(right.rows()) == 30)
    for ref in refs:
        left.edit(ref, title="Disk replaced")
    for worker in three.workers:
        worker.wake("left")
    eventually(lambda: all(row.body["title"] == "Disk replaced" for row in right.rows()))
    assert right.most == 1
    assert right.writes == 60
    assert lanes_of(three)["right"].token > 1


def test_when_nothing_happens_nothing_is_written(team):
    two = team(2)
    two.tools["left"].make({"title": "Disk full", "status": "new"})
    eventually(lambda: len(two.tools["right"].rows()) == 1)
    time.sleep(2)
    with Store.open(two.store) as store:
        before = [store_count(store), two.tools["right"].rows(), two.tools["left"].rows()]
        time.sleep(3)
        assert [store_count(store), two.tools["right"].rows(), two.tools["left"].rows()] == before


def store_count(store):
    with store.read() as connection:
        return connection.execute(text("SELECT count(*) FROM journal")).scalar_one()


def test_a_worker_that_lost_its_lease_in_the_middle_of_a_write_changes_nothing_and_the_record_is_not_made_twice(team):
    one = team(0)
    right = one.tools["right"] = Watched(webhook_secret="-")
    right.go_on.clear()
    one.join()
    one.tools["left"].make({"title": "Disk full", "status": "new"})
    assert right.entered.wait(20)
    # Another worker believes this one dead while it is inside the create.
    with Store.open(one.store) as store:
        other = lease.begin(store, ConnectionName("right"), "another worker", one.workers[0].engine.clock.now())
        right.go_on.set()

        def taken_over() -> bool:
            with store.read() as connection:
                query = select(t.replica.c.state).where(t.replica.c.connection == "right")
                states = list(connection.execute(query).scalars())
                token = connection.execute(select(t.lease.c.token).where(t.lease.c.lane == "right")).scalar_one()
            if token == other.token:
                assert states == ["in_doubt"], "what the lost turn knows is not believed"
            return bool(token > other.token)

        eventually(taken_over)
    eventually(lambda: "linked" in states_of(one))
    time.sleep(1)
    assert len(right.rows()) == 1


def states_of(team):
    with Store.open(team.store) as store, store.read() as connection:
        query = select(t.replica.c.state).where(t.replica.c.connection == "right")
        return list(connection.execute(query).scalars())


def test_every_worker_knows_how_every_connection_is_doing(team):
    two = team(2)
    two.tools["left"].make({"title": "Disk full", "status": "new"})
    eventually(lambda: len(two.tools["right"].rows()) == 1)
    for worker in two.workers:
        eventually(partial(says_that_all_work, worker.address))
        metrics = httpx.get(f"{worker.address}/metrics", trust_env=False).text
        assert 'tieline_connection_up{connection="right"} 1.0' in metrics


def says_that_all_work(address):
    """A worker hears of what another one does with its next look at the store, and may be asked before that."""
    ready = httpx.get(f"{address}/readyz", trust_env=False)
    assert ready.status_code == 200
    return ready.json()["connections"] == {"left": "working", "right": "working"}


def test_a_timer_fires_once_whoever_sees_it_first(team):
    two = team(2)
    with Store.open(two.store) as store:
        now = two.workers[0].engine.clock.now()
        with store.write() as tx:
            for number in range(50):
                set_timer(tx, f"k{number}", acts.RENEW, now + timedelta(seconds=1), {"signal": number})
    eventually(lambda: timers_left(two) == 0)


def timers_left(team):
    with Store.open(team.store) as store, store.read() as connection:
        return connection.execute(text("SELECT count(*) FROM timer")).scalar_one()


def test_while_a_configuration_rolls_out_the_worker_that_knows_a_connection_serves_it(team):
    two = team(1)
    two.tools["third"] = MemoryTool(webhook_secret="-")
    two.write(names=("left", "right", "third"))
    two.join()
    two.tools["third"].make({"title": "Disk full", "status": "new"})
    eventually(lambda: [len(two.tools[name].rows()) for name in ("left", "right")] == [1, 1])


def test_a_reload_takes_one_worker_out_and_in_again(team):
    two = team(2)
    two.write("signals: {window: 9m}")
    assert two.workers[0].reload() is True
    two.tools["left"].make({"title": "Disk full", "status": "new"})
    eventually(lambda: len(two.tools["right"].rows()) == 1)


def test_workers_whose_database_connections_are_cut_go_on(team, postgres_server):
    two = team(2)
    left = two.tools["left"]
    with Store.open(postgres_server) as admin:
        for number in range(6):
            left.make({"title": f"Disk {number} full", "status": "new"})
            with admin.write() as tx:
                tx.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE application_name LIKE 'tieline%' AND pid <> pg_backend_pid()"
                    )
                )
            time.sleep(0.7)
    eventually(lambda: len(two.tools["right"].rows()) == 6, 40)
    assert all(not worker.readiness()[1]["stopped_loops"] for worker in two.workers)


def test_what_another_process_changes_is_carried_on_though_nobody_sweeps(team, monkeypatch):
    one = team(1)
    one.tools["left"].make({"title": "Disk full", "status": "new"})
    right = one.tools["right"]
    eventually(lambda: [row.body["title"] for row in right.rows()] == ["Disk full"])
    monkeypatch.setattr(Fleet, "_due", lambda _fleet, _now: [])
    assert perform(("-w", str(one.folder), "access", "grant", account().identity, "admin")) == 0
    for number in range(3):
        title = f"Disk {number} is full"
        assert perform(("-w", str(one.folder), "edit", "INC-1", f"title={title}")) == 0
        eventually(lambda: [row.body["title"] for row in right.rows()] == [title])  # noqa: B023
