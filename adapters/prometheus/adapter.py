"""Prometheus behind the port: a Source of signals, for installations without Alertmanager, and answers to PromQL.

Where an Alertmanager stands behind Prometheus, connect that one: it knows silences, and its webhook is faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from tieline.adapters.prometheus import health
from tieline.adapters.prometheus.alert import apart, distinct, ended, fingerprint_of, from_api, is_over, named, reading
from tieline.adapters.prometheus.promql import Samples, samples
from tieline.adapters.prometheus.settings import PrometheusSettings
from tieline.adapters.prometheus.wire import Answer, Wire
from tieline.core.episodes import Episode, hidden, told_since
from tieline.core.errors import Gone, Limit, NeedsOperator, Rejected, TryAgain
from tieline.core.listing import understood
from tieline.core.model import ConnectionName
from tieline.core.port import Cursor, Health, Page, Reading, Ref, Unreadable, Workbench

T = TypeVar("T")
NONE: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Seen:
    """What fires, what of the answer could not be understood, and the fingerprints of that: it may fire, too."""

    readings: list[Reading]
    unreadable: tuple[Unreadable, ...]
    odd: frozenset[str]


class PrometheusAdapter:
    """One Prometheus."""

    def __init__(self, connection: ConnectionName, settings: PrometheusSettings, bench: Workbench) -> None:
        self._connection = connection
        self._settings = settings
        self._clock = bench.clock
        self._wire = Wire(connection, settings, bench)

    # Source

    def check(self) -> Health:
        evidence, at = self._evidence()
        build = self._if_there("/status/buildinfo")
        doubt = evidence.doubt(at, self._settings.restart_grace, self._settings.needs_targets)
        notes = [f"No absent alert counts as ended for now: {doubt}."] if doubt else []
        if evidence.started is None:
            notes.append(
                "It does not tell when it was started: alerts that it has forgotten then count as ended as soon as its "
                "rules have been evaluated, until they fire again."
            )
        return Health(
            account=self._settings.username or ("bearer token" if self._settings.bearer_token else "anonymous"),
            version=health.version(build),
            clock_skew=at - self._clock.now(),
            notes=tuple(notes),
            foreseen=tuple(rule.body() for rule in evidence.rules if rule.tells_all),
        )

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        seen, answer = self._seen(self._there("/alerts"))

        def over(missing: list[Episode]) -> list[Reading]:
            found = self._ended([one for one in missing if one.fingerprint not in seen.odd], answer)
            return [reading(ended(episode, answer.at), self._link) for episode in found]

        yield from told_since(
            since,
            seen.readings,
            over,
            oldest=answer.at - self._settings.history,
            size=self._settings.page_size,
            unreadable=seen.unreadable,
        )

    def read(self, ref: Ref) -> Reading:
        seen, answer = self._seen(self._there("/alerts"))
        for one in seen.readings:
            if one.ref == ref:
                return one
        for odd in seen.unreadable:
            if odd.ref == ref:
                raise Rejected(self._connection, f"the alert {odd.key} cannot be understood: {odd.sentence}")
        if ref.partition("@")[0] in seen.odd:
            raise Rejected(self._connection, f"an alert with this fingerprint is there and cannot be understood: {ref}")
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

    def _seen(self, answer: Answer) -> tuple[Seen, Answer]:
        """Every alert that counts, oldest first."""
        alerts = answer.data.get("alerts") if isinstance(answer.data, dict) else None
        if not isinstance(alerts, list):
            raise self._wire.nonsense("/alerts", "no list of alerts")
        alerts = [alert for alert in alerts if not is_over(alert)]
        told = understood(alerts, from_api, named, apart)
        counted = [body for body in told.found if self._settings.pending or body["state"] == "firing"]
        readings = distinct(reading(body, self._link) for body in counted)
        known = {body["fingerprint"] for body in told.found}
        odd = hidden(alerts, fingerprint_of, known) if told.unreadable else NONE
        if told.unreadable and not told.found and not odd:
            raise self._wire.nonsense("/alerts", told.unreadable[0].sentence)
        return Seen(readings, tuple(told.unreadable), odd), answer

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
        except (Gone, Rejected):
            return None
        except TryAgain as error:
            # Thanos has no such path and says so in plain words; its rules were read.
            if error.status not in (404, 410):
                raise
            return None

    def _understood(self, path: str, read: Callable[[], T]) -> T:
        try:
            return read()
        except ValueError as error:
            raise self._wire.nonsense(path, str(error)) from None


def connect(name: ConnectionName, settings: Any, bench: Workbench) -> PrometheusAdapter:
    """What `AdapterKind.connect` calls; no I/O, and the library is not imported yet."""
    return PrometheusAdapter(name, settings, bench)
