"""Prometheus 2.42, simulated as far as alerts go: alerts, rules, targets, its own state, and a few queries.

`control` actions: fire, pending, resolve, restart, unload (rules and targets), load, list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tieline.adapters.testing.simulation import Request, Response, Simulator, run
from tieline.core.episodes import Episode, fingerprint
from tieline.core.port import Ref


@dataclass
class Alert:
    """One alert that is pending or firing."""

    labels: dict[str, str]
    annotations: dict[str, str]
    active: datetime
    state: str = "firing"
    value: str = "1e+00"
    odd: Mapping[str, Any] = field(default_factory=dict)
    """What is shown in place of members of it, as a version or a kin of Prometheus that is not the usual one does."""

    @property
    def ref(self) -> Ref:
        cut = self.active.replace(microsecond=self.active.microsecond // 1000 * 1000)
        return Episode(fingerprint(self.labels), cut).ref

    def shown(self) -> dict[str, Any]:
        return {
            "labels": self.labels,
            "annotations": self.annotations,
            "state": self.state,
            # Nanoseconds, as the real one: the last three are beyond what Python keeps.
            "activeAt": self.active.strftime("%Y-%m-%dT%H:%M:%S.%f") + "461Z",
            "value": self.value,
            **self.odd,
        }


@dataclass(frozen=True)
class Kin:
    """What speaks Prometheus' API and is not Prometheus."""

    build: Mapping[str, str] | None
    """What /status/buildinfo tells; None where it is not there."""
    lacks: frozenset[str] = frozenset()
    unknown: int = 404
    """The status of what is not there."""
    never: str = "unknown"
    """What `health` says of a rule that was never evaluated."""
    member: Mapping[str, str] = field(default_factory=dict)
    """What every alert has beside Prometheus' own members."""


PROMETHEUS = Kin({"version": "2.42.0", "goVersion": "go1.19.8"})
VMALERT = Kin(
    None,
    frozenset({"/status/runtimeinfo", "/targets", "/query"}),
    unknown=400,
    never="ok",
    member={"id": "15182918402665146215", "group_id": "1529159420597195317", "expression": "vector(1)"},
)
MIMIR = Kin({"application": "Grafana Mimir", "version": "2.14.1"}, frozenset({"/status/runtimeinfo", "/targets"}))
THANOS = Kin(None, frozenset({"/status/runtimeinfo", "/targets"}), member={"partialResponseStrategy": "WARN"})
NEVER = "0001-01-01T00:00:00Z"


class PrometheusSimulator(Simulator):
    """`credentials` is the whole Authorization header that it asks for; "" lets everybody in. `kin` is what it is."""

    def __init__(
        self,
        clock: Callable[[], datetime] | None = None,
        seed: int = 0,
        *,
        credentials: str = "",
        kin: Kin = PROMETHEUS,
    ) -> None:
        super().__init__(clock, seed)
        self.credentials = credentials
        self.kin = kin
        self.started = self.clock() - timedelta(days=1)
        self.alerts: dict[str, Alert] = {}
        self.loaded = True
        """False: no rules and no targets, as after a reload of a broken configuration directory."""
        self.rules: dict[str, Mapping[str, str]] = {"Watchdog": {"severity": "none"}}
        """The labels of rules by their names, beside those that fire."""
        self.rule_health = "ok"
        self.targets = 2
        self.warnings: list[str] = []

    def respond(self, request: Request) -> Response:
        if self.credentials and request.headers.get("authorization") != self.credentials:
            return Response(401, {"content-type": "text/plain"}, b"Unauthorized")
        path = request.path.removeprefix("/api/v1")
        if path in self.kin.lacks or (path == "/status/buildinfo" and self.kin.build is None):
            return Response(self.kin.unknown, {"content-type": "text/plain"}, b"unsupported path requested\n")
        match request.path:
            case "/-/ready":
                return Response(200, {"content-type": "text/plain"}, b"Prometheus Server is Ready.\n")
            case "/api/v1/alerts":
                return self._success({"alerts": [self._shown(alert) for _, alert in sorted(self.alerts.items())]})
            case "/api/v1/rules":
                return self._success({"groups": self._groups()})
            case "/api/v1/targets":
                return self._success({"activeTargets": self._targets(), "droppedTargets": []})
            case "/api/v1/status/runtimeinfo":
                return self._success({"startTime": self.started.isoformat(), "reloadConfigSuccess": True})
            case "/api/v1/status/buildinfo":
                return self._success(self.kin.build)
            case "/api/v1/query":
                return self._query(request.query.get("query", ""))
            case _:
                return Response(404, {"content-type": "text/plain"}, b"404 page not found\n")

    def _success(self, data: Any) -> Response:
        warnings: dict[str, Any] = {"warnings": self.warnings} if self.warnings else {}
        return Response.of({"status": "success", "data": data} | warnings)

    def _shown(self, alert: Alert) -> dict[str, Any]:
        return {**self.kin.member, **alert.shown()}

    def _groups(self) -> list[dict[str, Any]]:
        if not self.loaded:
            return []
        fired = {alert.labels.get("alertname", ""): _severity(alert.labels) for alert in self.alerts.values()}
        health = self.kin.never if self.rule_health == "unknown" else self.rule_health
        last = NEVER if self.rule_health == "unknown" else self.clock().isoformat()
        told = {"type": "alerting", "health": health, "lastEvaluation": last, "query": "vector(1)"}
        rules = [{**told, "name": name, "labels": labels} for name, labels in sorted({**fired, **self.rules}.items())]
        return [{"name": "all", "file": "/srv/rules.yml", "rules": rules}]

    def _targets(self) -> list[dict[str, Any]]:
        count = self.targets if self.loaded else 0
        return [{"labels": {"instance": f"db{number}"}, "health": "up"} for number in range(count)]

    def _query(self, text: str) -> Response:
        now = self.clock().timestamp()
        if text == "ALERTS":
            rows: list[dict[str, Any]] = [
                {"metric": {"__name__": "ALERTS", "alertstate": alert.state, **alert.labels}, "value": [now, "1"]}
                for _, alert in sorted(self.alerts.items())
            ]
            return self._success({"resultType": "vector", "result": rows})
        if text == "0/vector(0)":
            return self._success({"resultType": "vector", "result": [{"metric": {}, "value": [now, "NaN"]}]})
        if text == "scalar(vector(1))":
            return self._success({"resultType": "scalar", "result": [now, "1"]})
        if text == "up[1m]":
            return self._success({"resultType": "matrix", "result": []})
        sentence = f'invalid parameter "query": 1:{len(text) + 1}: parse error: unexpected end of input'
        return Response.of({"status": "error", "errorType": "bad_data", "error": sentence}, 400)

    # By hand

    def fire(
        self, labels: Mapping[str, str], annotations: Mapping[str, str] | None = None, state: str = "firing"
    ) -> Ref:
        """A condition holds, or holds on with other annotations."""
        key = fingerprint(labels)
        old = self.alerts.get(key)
        active = old.active if old is not None else self.clock()
        self.alerts[key] = Alert(dict(labels), dict(annotations or {}), active, state)
        return self.alerts[key].ref

    def resolve(self, ref: str) -> None:
        """The condition no longer holds. Raises KeyError."""
        key = ref.partition("@")[0]
        if self.alerts[key].ref != ref:
            raise KeyError(ref)
        del self.alerts[key]

    def restart(self) -> None:
        """Alerts are gone until rules are evaluated again."""
        self.alerts.clear()
        self.started = self.clock()

    def control(self, action: str, arguments: Any) -> Any:
        match action:
            case "fire" | "pending":
                state = "firing" if action == "fire" else "pending"
                return {"ref": self.fire(arguments["labels"], arguments.get("annotations"), state)}
            case "resolve":
                self.resolve(arguments["ref"])
            case "restart":
                self.restart()
            case "unload" | "load":
                self.loaded = action == "load"
                if not self.loaded:
                    self.alerts.clear()
            case "list":
                return [{"ref": alert.ref, **alert.shown()} for _, alert in sorted(self.alerts.items())]
            case _:
                raise KeyError(action)
        return {}


def _severity(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: word for name, word in labels.items() if name == "severity"}


if __name__ == "__main__":
    run(PrometheusSimulator, "A simulated Prometheus")
