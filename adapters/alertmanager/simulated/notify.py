"""What Alertmanager's webhook sends, and when: one POST a group, again after `repeat_interval`, until a 2xx."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from tieline.adapters.alertmanager.simulated.state import ALERTMANAGER, NEVER, Alert, Kin, State
from tieline.core.episodes import moment_text

Post = Callable[[str, Mapping[str, str], bytes], int]
"""Sends a body with headers to an address; answers the status, 0 when nobody answered."""

ATTEMPTS = 3
"""How often a flush tries where the server failed; Alertmanager tries until the flush's time is up."""


@dataclass
class Sent:
    """The last notification of a group that was taken."""

    firing: frozenset[str]
    resolved: frozenset[str]
    at: datetime


@dataclass
class Webhook:
    """One webhook receiver, and its log of what was taken."""

    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    receiver: str = "tieline"
    group_by: tuple[str, ...] = ("alertname", "service")
    send_resolved: bool = True
    max_alerts: int = 0
    repeat_interval: timedelta = timedelta(hours=4)
    external_url: str = "http://alertmanager.example:9093"
    kin: Kin = ALERTMANAGER
    fingerprints: bool = True
    """Senders of before 2019 name none."""
    beside: list[Mapping[str, Any]] = field(default_factory=list)
    """What stands beside the alerts of every group, as it is: what no Alertmanager sends, and some senders do."""
    log: dict[str, Sent] = field(default_factory=dict)

    def due(self, state: State, now: datetime) -> Iterator[tuple[str, list[Alert]]]:
        """The groups to notify of now, as (group key, alerts)."""
        for key, alerts in sorted(self.groups(state, now).items()):
            if self._needed(self.log.get(key), _split(alerts, now), now):
                yield key, alerts

    def groups(self, state: State, now: datetime) -> dict[str, list[Alert]]:
        """Unsuppressed alerts by group key; those that are over stay until they were notified of."""
        found: dict[str, list[Alert]] = {}
        for _, alert in sorted(state.alerts.items()):
            quiet = state.silenced_by(alert, now) or state.inhibited_by(alert, now) or alert.fingerprint in state.muted
            if not quiet:
                found.setdefault(self.group_key(alert), []).append(alert)
        return found

    def group_key(self, alert: Alert) -> str:
        labels = ", ".join(f'{name}="{value}"' for name, value in sorted(self.group_labels(alert).items()))
        return f"{{}}:{{{labels}}}"

    def group_labels(self, alert: Alert) -> dict[str, str]:
        if self.group_by == ("...",):
            return dict(alert.labels)
        return {name: alert.labels[name] for name in self.group_by if name in alert.labels}

    def _needed(self, sent: Sent | None, told: tuple[frozenset[str], frozenset[str]], now: datetime) -> bool:
        """Alertmanager's own rule for what is worth a notification."""
        firing, resolved = told
        if sent is None:
            return bool(firing)
        if not firing <= sent.firing:
            return True
        if not firing:
            return bool(sent.firing)
        if self.send_resolved and not resolved <= sent.resolved:
            return True
        return now - sent.at >= self.repeat_interval

    def body(self, key: str, alerts: list[Alert], now: datetime) -> dict[str, Any]:
        """The webhook's body: version 4, or Grafana's version 1."""
        told = [alert for alert in alerts if self.send_resolved or not alert.over(now)]
        cut = told[: self.max_alerts] if self.max_alerts else told
        body: dict[str, Any] = {
            "receiver": self.receiver,
            "status": "firing" if any(not alert.over(now) for alert in told) else "resolved",
            "alerts": [*(self._shown(alert, now) for alert in cut), *self.beside],
            "groupLabels": self.group_labels(alerts[0]),
            "commonLabels": _common([alert.labels for alert in told]),
            "commonAnnotations": _common([alert.annotations for alert in told]),
            "externalURL": self.external_url,
            "version": "4",
            "groupKey": key,
            "truncatedAlerts": len(told) - len(cut),
        }
        return _as_grafana(body) if self.kin.grafana else body

    def _shown(self, alert: Alert, now: datetime) -> dict[str, Any]:
        shown = _shown(alert, now)
        return shown if self.fingerprints else {name: shown[name] for name in shown if name != "fingerprint"}

    def deliver(self, key: str, alerts: list[Alert], now: datetime, post: Post) -> int:
        """Send one group. A server's failure is tried again, a refusal (429 too) only at the next flush."""
        body = orjson.dumps(self.body(key, alerts, now))
        headers = {"content-type": "application/json", "user-agent": "Alertmanager/0.25.0", **self.headers}
        status = 0
        for _ in range(ATTEMPTS):
            status = post(self.url, headers, body)
            if 200 <= status < 500:
                break
        if 200 <= status < 300:
            self.log[key] = Sent(*_split(alerts, now), now)
        return status


def _split(alerts: list[Alert], now: datetime) -> tuple[frozenset[str], frozenset[str]]:
    firing = frozenset(alert.fingerprint for alert in alerts if not alert.over(now))
    return firing, frozenset(alert.fingerprint for alert in alerts) - firing


def _shown(alert: Alert, now: datetime) -> dict[str, Any]:
    shown = {
        "status": "resolved" if alert.over(now) else "firing",
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": go_time(alert.starts),
        "endsAt": go_time(alert.ends if alert.over(now) else NEVER),
        "generatorURL": alert.generator,
        "fingerprint": alert.fingerprint,
    }
    return alert.with_oddities(shown)


def _as_grafana(body: dict[str, Any]) -> dict[str, Any]:
    """Its own members beside Alertmanager's."""
    more = {"silenceURL": "https://grafana.example/alerting/silence/new", "dashboardURL": "", "panelURL": ""}
    values = {"values": {"B": 22, "C": 1}, "valueString": "[ var='B' value=22 ]", "orgId": 1}
    alerts = [{**alert, "generatorURL": "?orgId=1", **more, **values} for alert in body["alerts"]]
    state = "alerting" if body["status"] == "firing" else "ok"
    words = {"title": "[FIRING:1]", "state": state, "message": "**Firing**", "orgId": 1, "appVersion": "12.4.2"}
    return {**body, "alerts": alerts, "version": "1", **words}


def go_time(moment: datetime) -> str:
    """A time as Go writes it into JSON: no trailing zeros, where the API always writes three decimals."""
    whole, _, decimals = moment_text(moment).removesuffix("Z").partition(".")
    decimals = (decimals + f"{moment.microsecond % 1000:03d}").rstrip("0")
    return f"{whole}.{decimals}Z" if decimals else f"{whole}Z"


def _common(sets: list[dict[str, str]]) -> dict[str, str]:
    first, *rest = sets or [{}]
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in rest)}
