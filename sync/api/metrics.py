"""What `tieline web` tells Prometheus: what was asked for and how long that took, who is signed in, and who was not let
in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from tieline.core import sessions
from tieline.core.errors import StoreUnavailable
from tieline.core.store import tables as t
from tieline.sync.daemon.pulse import Pulse
from tieline.sync.daemon.running import Refusal
from tieline.sync.engine import Engine

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds."""

WAYS: Final = ("password", "code", "token")
"""By what somebody says who they are, who is not let in."""


class Watched(Protocol):
    """What is measured."""

    @property
    def engine(self) -> Engine: ...

    @property
    def pulse(self) -> Pulse: ...

    @property
    def refusal(self) -> Refusal | None: ...

    def open_streams(self) -> Mapping[str, int]:
        """How many streams are read, by whom."""
        ...


class Metrics:
    """One registry per process."""

    def __init__(self, watched: Watched) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "tieline_web_requests",
            "Requests by where they went and what was answered",
            ["route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "tieline_web_request_seconds",
            "Seconds until an answer began, by where a request went",
            ["route"],
            registry=self._registry,
            buckets=BUCKETS,
        )
        self._refused = Counter(
            "tieline_web_sign_ins_refused",
            "Who was not let in, by what they showed",
            ["way"],
            registry=self._registry,
        )
        for way in WAYS:  # whatever is refused first is an increase
            self._refused.labels(way)
        self._registry.register(_Collector(watched))

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Note that an answer began."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def refused(self, way: str) -> None:
        """Note that somebody was not let in."""
        self._refused.labels(way).inc()

    def render(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)


class _Collector(Collector):
    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("tieline_store_up", "1 while the store answers and takes writes")
        try:
            yield from list(self._store())
            up.add_metric([], 1)
        except StoreUnavailable:
            up.add_metric([], 0)
        yield up
        streams = GaugeMetricFamily(
            "tieline_web_streams", "Who reads what happens as it does: pages and programs", labels=["of"]
        )
        for of, count in self._watched.open_streams().items():
            streams.add_metric([of], count)
        yield streams
        refused = GaugeMetricFamily(
            "tieline_reload_refused", "1 while the last reload was refused, so that what ran before goes on"
        )
        refused.add_metric([], 0 if self._watched.refusal is None else 1)
        yield refused

    def _store(self) -> Iterator[Metric]:
        engine = self._watched.engine
        self._watched.pulse.feel()
        with engine.store.read() as connection:
            stands = select(func.count()).select_from(t.session).where(sessions.stands(engine.clock.now()))
            signed_in = GaugeMetricFamily("tieline_web_sessions", "Browsers that are signed in")
            signed_in.add_metric([], int(connection.execute(stands).scalar_one()))
            yield signed_in
