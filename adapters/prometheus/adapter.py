"""Prometheus behind the port: a Source of signals, for installations without Alertmanager, and answers to PromQL.

Where an Alertmanager stands behind Prometheus, connect that one: it knows silences, and its webhook is faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tieline.adapters.prometheus import health
from tieline.adapters.prometheus.alert import distinct, ended, from_api, reading
from tieline.adapters.prometheus.promql import Samples, samples
from tieline.adapters.prometheus.settings import PrometheusSettings
from tieline.adapters.prometheus.wire import Answer, Wire
from tieline.core.episodes import Episode, Firing, pages
from tieline.core.errors import Gone, Limit, NeedsOperator, Rejected, TryAgain
from tieline.core.model import ConnectionName
from tieline.core.port import Cursor, Health, Page, Reading, Ref, Workbench

T = TypeVar("T")


class PrometheusAdapter:
    """One Prometheus."""

    def __init__(self, connection: ConnectionName, settings: PrometheusSettings, bench: Workbench) -> None:
        self._connection = connection
        self._settings = settings
        self._clock = bench.clock
        self._wire = Wire(connection, settings, bench)

    # Source

    def check(self) -> Health:
        build = self._there("/status/buildinfo")
        evidence, at = self._evidence()
        doubt = evidence.doubt(at, self._settings.restart_grace, self._settings.needs_targets)
        notes = [f"No absent alert counts as ended for now: {doubt}."] if doubt else []
        version = build.data.get("version") if isinstance(build.data, dict) else None
        return Health(
            account=self._settings.username or ("bearer token" if self._settings.bearer_token else "anonymous"),
            version=f"Prometheus {version or 'of unknown version'}",
            clock_skew=build.at - self._clock.now(),
            notes=tuple(notes),
            foreseen=tuple(rule.body() for rule in evidence.rules if rule.tells_all),
        )

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        before = Firing.unpack(since)
        readings, answer = self._readings(self._there("/alerts"))
        if since is None:
            # What began before `history` is known from now on, so that only its end is told.
            oldest = answer.at - self._settings.history
            before = before.after([one for one in readings if Episode.parse(one.ref).started < oldest])
        over = self._ended(before.missing(readings), answer)
        yield from pages(
            before,
            before.changed(readings),
            [reading(ended(episode, answer.at), self._link) for episode in over],
            self._settings.page_size,
        )

    def read(self, ref: Ref) -> Reading:
        readings, answer = self._readings(self._wire.get("/alerts"))
        for one in readings:
            if one.ref == ref:
                return one
        doubt = self._doubt(answer)
        if doubt:
            raise TryAgain(
                self._connection,
                f"whether {ref} fires is not known: {doubt}",
                wait=timedelta(minutes=1),
                limit=Limit.ENDPOINT,
            )
        raise Gone(self._connection, f"the alert {ref} does not fire any more")

    # Enrichment

    def query(self, promql: str) -> Samples:
        """An instant vector or scalar, with what Prometheus warns of. Build selectors with `promql.selector`.

        Raises Rejected with Prometheus' own words for a query that it cannot answer.
        """
        answer = self._wire.query(promql)
        try:
            return Samples(samples(answer.data), answer.warnings)
        except (ValueError, TypeError, KeyError) as error:
            raise Rejected(self._connection, f"the query {promql[:200]!r} cannot be used: {error}") from None

    # What Prometheus tells

    @property
    def _link(self) -> str:
        return f"{self._settings.url}/alerts"

    def _readings(self, answer: Answer) -> tuple[list[Reading], Answer]:
        """Every alert that counts, oldest first."""
        alerts = answer.data.get("alerts") if isinstance(answer.data, dict) else None
        if not isinstance(alerts, list):
            raise self._wire.nonsense("/alerts", "no list of alerts")
        bodies = self._understood("/alerts", lambda: [from_api(alert) for alert in alerts])
        counted = [body for body in bodies if self._settings.pending or body["state"] == "firing"]
        return distinct(reading(body, self._link) for body in counted), answer

    def _ended(self, missing: list[Episode], answer: Answer) -> list[Episode]:
        return missing if missing and not self._doubt(answer) else []

    def _doubt(self, answer: Answer) -> str:
        """Why alerts absent from `answer` may fire all the same. Asked after it, so that a restart in between shows."""
        if answer.warnings:
            return f"the answer is partial ({'; '.join(answer.warnings)[:200]})"
        evidence, at = self._evidence()
        return evidence.doubt(at, self._settings.restart_grace, self._settings.needs_targets)

    def _evidence(self) -> tuple[health.Evidence, datetime]:
        rules = self._there("/rules", type="alert")
        known = self._understood("/rules", lambda: health.rules(rules.data))
        runtime = self._if_there("/status/runtimeinfo")
        targets = self._if_there("/targets", state="active")
        started = self._understood("/status/runtimeinfo", lambda: health.started(runtime))
        return health.Evidence(started, known, health.targets(targets)), rules.at

    def _there(self, path: str, **query: str) -> Answer:
        try:
            return self._wire.get(path, **query)
        except Gone as error:
            raise NeedsOperator(
                self._connection, f"no Prometheus answers at {self._settings.url} ({error}); correct `url`."
            ) from None

    def _if_there(self, path: str, **query: str) -> Any:
        try:
            return self._wire.get(path, **query).data
        except Gone:
            return None

    def _understood(self, path: str, read: Callable[[], T]) -> T:
        try:
            return read()
        except ValueError as error:
            raise self._wire.nonsense(path, str(error)) from None


def connect(name: ConnectionName, settings: Any, bench: Workbench) -> PrometheusAdapter:
    """What `AdapterKind.connect` calls; no I/O, and the library is not imported yet."""
    return PrometheusAdapter(name, settings, bench)
