"""What the daemon tells Prometheus: lag, what is parked, conflicts, budgets, deliveries, and who is silent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, Protocol

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from sqlalchemy import func, select, text

from tieline.core.errors import StoreUnavailable
from tieline.core.model import ConnectionName
from tieline.core.store import tables as t
from tieline.core.store.store import Connection
from tieline.sync import explain, loading
from tieline.sync.alerts import groups, unheeded
from tieline.sync.daemon.heartbeat import Role
from tieline.sync.daemon.jobs.port import Health
from tieline.sync.daemon.lane import LaneState
from tieline.sync.daemon.pulse import Pulse
from tieline.sync.daemon.roles import beside
from tieline.sync.daemon.running import Refusal
from tieline.sync.engine import Engine
from tieline.sync.intake.intake import Intake
from tieline.sync.office import happenings, waiting
from tieline.sync.office.jobs import visible
from tieline.sync.sight import OUTSIDER

ALERTED: Final = ("401", "503")
"""What deliveries are refused with that an alert rule counts."""


class Watched(Protocol):
    """What is measured."""

    @property
    def engine(self) -> Engine: ...

    @property
    def intake(self) -> Intake: ...

    @property
    def pulse(self) -> Pulse: ...

    @property
    def refusal(self) -> Refusal | None: ...

    def health(self) -> Mapping[ConnectionName, Health]: ...


class Metrics:
    """One registry per daemon. Figures that the store knows are read when they are asked for."""

    def __init__(self, watched: Watched) -> None:
        self.registry = CollectorRegistry()
        self.deliveries = Counter(
            "tieline_deliveries",
            "Webhook deliveries by what became of them",
            ["connection", "outcome"],
            registry=self.registry,
        )
        self.unreadable = Counter(
            "tieline_unreadable_records",
            "Records of webhooks that could not be understood",
            ["connection"],
            registry=self.registry,
        )
        self._watched = watched
        self.registry.register(_Collector(watched))

    def render(self) -> bytes:
        """Everything, in Prometheus' text format; what plugins measure stands at the end."""
        self._begin_at_zero()
        return generate_latest(self.registry) + self._watched.engine.registry.metrics()

    def _begin_at_zero(self) -> None:
        """Whatever is refused first is an increase: Prometheus sees none in a series that begins at one."""
        for name, here in self._watched.engine.connections.items():
            if here.receiver is not None:
                for outcome in ALERTED:
                    self.deliveries.labels(name, outcome)


class _Collector(Collector):
    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def collect(self) -> Iterator[Metric]:
        try:
            yield from list(self._store())
        except StoreUnavailable:
            yield GaugeMetricFamily("tieline_store_up", "1 while the store answers and takes writes", value=0)
        yield from self._lanes()

    def _store(self) -> Iterator[Metric]:
        engine = self._watched.engine
        now = engine.clock.now()
        self._watched.pulse.feel()
        with engine.store.read() as connection:
            # Nobody knows who reads this: what is restricted is in none of the figures.
            yield GaugeMetricFamily("tieline_store_up", "1 while the store answers and takes writes", value=1)
            waiting = GaugeMetricFamily("tieline_inbox", "Rows that wait to be read", labels=["connection"])
            lag = GaugeMetricFamily("tieline_inbox_lag_seconds", "Age of the oldest waiting row", labels=["connection"])
            query = (
                select(t.inbox.c.connection, func.count(), func.min(t.inbox.c.received_at))
                .where(text("inbox.parked = ''"))
                .group_by(t.inbox.c.connection)
            )
            for name, count, oldest in connection.execute(query):
                waiting.add_metric([name], count)
                lag.add_metric([name], _seconds(now, oldest))
            yield waiting
            yield lag
            dirty = GaugeMetricFamily("tieline_dirty_replicas", "Copies that wait to be written", labels=["connection"])
            behind = GaugeMetricFamily(
                "tieline_delivery_lag_seconds", "Age of the oldest undelivered change", labels=["connection"]
            )
            query = (
                select(t.replica.c.connection, func.count(), func.min(t.replica.c.dirty_since))
                .where(text("dirty"))
                .group_by(t.replica.c.connection)
            )
            for name, count, oldest in connection.execute(OUTSIDER.within(query, t.replica.c.incident_id)):
                dirty.add_metric([name], count)
                behind.add_metric([name], _seconds(now, oldest))
            yield dirty
            yield behind
            parked = GaugeMetricFamily("tieline_parked", "What waits for a person", labels=["kind"])
            for kind, rows in _parked(connection).items():
                parked.add_metric([kind], rows)
            yield parked
            unread = GaugeMetricFamily(
                "tieline_follower_behind", "Journal entries that a plugin has not looked at yet", labels=["follower"]
            )
            last = happenings.last(connection)
            for name, seq in connection.execute(select(t.follower.c.name, t.follower.c.seq)):
                unread.add_metric([name], last - seq)
            yield unread
            yield from _beside(connection, engine, now)
            doubted = GaugeMetricFamily(
                "tieline_ends_doubted",
                "Alerts that are no longer listed and not taken for ended",
                labels=["connection"],
            )
            for name, doubt in explain.doubts(connection).items():
                doubted.add_metric([name], len(doubt.episodes))
            yield doubted
            yield GaugeMetricFamily(
                "tieline_alerts_flapping",
                "Groups of alerts that go off and on, so that what they do is held",
                value=_seen(connection, groups.flapping(connection, now)),
            )
            yield GaugeMetricFamily(
                "tieline_resolved_while_firing",
                "Incidents that are over while their alerts fire",
                value=_seen(connection, unheeded.unheeded(connection)),
            )
            yield GaugeMetricFamily(
                "tieline_conflicts",
                "Copies with a field that waits for a person",
                value=_count(
                    connection,
                    OUTSIDER.within(
                        select(func.count()).select_from(t.replica).where(loading.WAITS_FOR_A_PERSON),
                        t.replica.c.incident_id,
                    ),
                ),
            )

    def _lanes(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("tieline_connection_up", "1 while a connection works", labels=["connection"])
        budget = GaugeMetricFamily("tieline_budget_calls", "Calls that may be made at once", labels=["connection"])
        silent = GaugeMetricFamily(
            "tieline_webhooks_silent", "1 while polls find what webhooks should have announced", labels=["connection"]
        )
        with suppress(StoreUnavailable):
            for name, health in self._watched.health().items():
                up.add_metric([name], 1 if health.state is LaneState.WORKING else 0)
                budget.add_metric([name], health.calls_left)
                silent.add_metric([name], 1 if health.silent else 0)
        yield up
        yield budget
        yield silent
        yield GaugeMetricFamily(
            "tieline_intake_waiting", "Deliveries that wait to be stored", value=self._watched.intake.waiting
        )
        yield GaugeMetricFamily(
            "tieline_reload_refused",
            "1 while the last reload was refused, so that what ran before goes on",
            value=0 if self._watched.refusal is None else 1,
        )
        yield GaugeMetricFamily(
            "tieline_plugins_set_aside",
            "Plugins that failed too often",
            value=len(self._watched.engine.registry.set_aside),
        )


def _beside(connection: Connection, engine: Engine, now: datetime) -> Iterator[Metric]:
    """Who works beside the daemon, and for how long what happened and what is due has waited for them."""
    offers = engine.registry.offers
    daemon, roles = beside(connection, offers, engine.config, now)
    running = GaugeMetricFamily("tieline_role_running", "Processes that do a part of the work", labels=["role"])
    missing = GaugeMetricFamily(
        "tieline_role_missing", "1 while nobody does a part of the work that is to be done", labels=["role"]
    )
    running.add_metric([Role.DAEMON], daemon.count)
    for one in roles:
        running.add_metric([one.role], one.running)
        missing.add_metric([one.role], one.is_missing)
    yield running
    yield missing
    lag = GaugeMetricFamily(
        "tieline_follower_lag_seconds",
        "Age of the oldest journal entry that a plugin has not looked at yet",
        labels=["follower"],
    )
    late = GaugeMetricFamily("tieline_timer_lag_seconds", "Age of the oldest timer that is overdue", labels=["timer"])
    for name, at in waiting.unread(connection, offers, now):
        lag.add_metric([name], _seconds(now, at))
    for kind, due, _count in waiting.overdue(connection, offers, now):
        late.add_metric([kind], _seconds(now, due))
    yield lag
    yield late


_PARKED: Final = {
    # In the words of the partial indexes: with a parameter in it, a database would read every row.
    "copy": select(func.count()).where(text("state = 'parked'")).select_from(t.replica),
    "inbox": select(func.count()).select_from(t.inbox).where(text("inbox.parked <> ''")),
    "comment": select(func.count())
    .select_from(t.twin.join(t.replica, t.twin.c.replica_id == t.replica.c.id))
    .where(text("twin.state = 'parked'")),
    "signal": select(func.count()).select_from(t.signal).where(text("parked <> ''")),
    "timer": select(func.count()).select_from(t.timer).where(text("parked <> ''")),
    "reaction": select(func.count()).select_from(t.follower_backlog).where(text("parked <> ''")),
    "job": select(func.count()).select_from(t.job).where(text("job.status = 'parked'")),
}


def _parked(connection: Connection) -> dict[str, int]:
    """How much waits for a person, by kind, as far as it is not restricted."""
    of_copy = t.replica.c.incident_id
    counted = {
        "replica": OUTSIDER.within(_PARKED["copy"], of_copy),
        "inbox": _PARKED["inbox"].where(OUTSIDER.sees_record(t.inbox.c.connection, t.inbox.c.ref)),
        "comment": OUTSIDER.within(_PARKED["comment"], of_copy),
        "signal": OUTSIDER.within(_PARKED["signal"], t.signal.c.incident_id),
        "job": _PARKED["job"].where(visible(OUTSIDER)),
        "reaction": OUTSIDER.within(_PARKED["reaction"], t.follower_backlog.c.incident_id),
    }
    found = {kind: _count(connection, query) for kind, query in counted.items()}
    # What a timer is about stands in what it holds, and few of them ever wait.
    return {**found, "timer": len(explain.parked_timers(connection))}


def _seen(connection: Connection, found: Sequence[groups.Flapping] | Sequence[unheeded.Unheeded]) -> int:
    is_seen = OUTSIDER.among(connection, [one.incident for one in found])
    return sum(is_seen(one.incident) for one in found)


def _count(connection: Connection, query: Any) -> int:
    return int(connection.execute(query).scalar_one())


def _seconds(now: Any, then: Any) -> float:
    return 0.0 if then is None else max(0.0, (now - then).total_seconds())
