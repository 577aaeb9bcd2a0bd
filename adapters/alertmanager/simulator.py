"""Alertmanager 0.25 (or its kin), simulated: API v2 with its oddities, silences, inhibition, and webhooks on demand.

Notifications go out on `flush()`, not by a timer, so that no test has to wait. What it remembers follows the real one:
a restart forgets every alert, and keeps silences and the log of what was notified.

`control` actions: fire, resolve, flush, silence, unsilence, restart, list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import httpx

from tieline.adapters.alertmanager.simulated.api import Api
from tieline.adapters.alertmanager.simulated.matching import Matcher
from tieline.adapters.alertmanager.simulated.notify import Post, Webhook
from tieline.adapters.alertmanager.simulated.state import ALERTMANAGER, Alert, Kin, Refused, State
from tieline.adapters.testing.simulation import Request, Response, Simulator, run
from tieline.core.episodes import Episode

FOREVER: Final = timedelta(days=3650)
"""How long an alert fired by hand lasts: nobody repeats it as Prometheus would."""


class AlertmanagerSimulator(Simulator):
    """`credentials` is the whole Authorization header that the API asks for; "" lets everybody in."""

    def __init__(
        self,
        clock: Callable[[], datetime] | None = None,
        seed: int = 0,
        *,
        webhook: Webhook | None = None,
        credentials: str = "",
        post: Post | None = None,
        state: State | None = None,
        kin: Kin = ALERTMANAGER,
    ) -> None:
        super().__init__(clock, seed)
        self.webhook = webhook or Webhook()
        self.state = state or State(receiver=self.webhook.receiver)
        self.state.kin = self.webhook.kin = kin
        self.credentials = credentials
        self.api = Api(self.state, self.webhook, self.clock, self.random)
        self.api.started -= timedelta(days=1)
        self._post = post or _post

    # Over HTTP

    def respond(self, request: Request) -> Response:
        if request.path == "/-/ready":
            return Response(200, {"content-type": "text/plain; charset=utf-8"}, b"OK")
        if self.credentials and request.headers.get("authorization") != self.credentials:
            return Response(401, {"content-type": "text/plain; charset=utf-8"}, b"Unauthorized")
        try:
            return self.api.resource(request)
        except Refused as refusal:
            return Response.of(refusal.sentence, refusal.status)

    # By hand

    def fire(
        self,
        labels: Mapping[str, str],
        annotations: Mapping[str, str] | None = None,
        *,
        starts: datetime | None = None,
        generator: str = "",
    ) -> Episode:
        """An alert fires, or fires on with other annotations, until it is resolved."""
        now = self.clock()
        old = next((alert for alert in self.state.firing(now) if alert.labels == dict(labels)), None)
        self.state.take(
            {"labels": dict(labels), "annotations": dict(annotations or {}), "generatorURL": generator},
            starts or (old.starts if old is not None else now),
            now + FOREVER,
            now,
        )
        return next(_episode(alert) for alert in self.state.alerts.values() if alert.labels == dict(labels))

    def resolve(self, ref: str) -> None:
        """The condition no longer holds. Raises KeyError."""
        now = self.clock()
        alert = self._alert(ref)
        alert.ends = alert.updated = max(now, alert.starts)

    def silence(self, ref: str, *, author: str = "a person", comment: str = "maintenance", hours: float = 1) -> str:
        """A person silences one alert; answers the silence's id. Raises KeyError."""
        alert = self._alert(ref)
        now = self.clock()
        matchers = [Matcher(name, value).shown() for name, value in alert.labels.items()]
        return self.state.put_silence(
            {"matchers": matchers, "createdBy": author, "comment": comment},
            now,
            now + timedelta(hours=hours),
            now,
            self.random,
        )

    def mute(self, ref: str, *intervals: str) -> None:
        """Time intervals of its route begin to mute an alert; none of them any more without any. Raises KeyError."""
        key = self._alert(ref).fingerprint
        if intervals:
            self.state.muted[key] = list(intervals)
        else:
            self.state.muted.pop(key, None)

    def restart(self) -> None:
        """It starts anew: every alert is forgotten, silences and the notification log are not."""
        self.state.alerts.clear()
        self.api.started = self.clock()

    def flush(self) -> list[int]:
        """Notify of every group that is due; answers the last status of each. Alerts that are over are then dropped."""
        now, statuses = self.clock(), []
        for key, alerts in list(self.webhook.due(self.state, now)):
            statuses.append(self.webhook.deliver(key, alerts, now, self._post))
            if 200 <= statuses[-1] < 300:
                self._drop(alert for alert in alerts if alert.over(now))
        return statuses

    def _drop(self, over: Any) -> None:
        for alert in list(over):
            self.state.alerts.pop(alert.fingerprint, None)

    def _alert(self, ref: str) -> Alert:
        episode = Episode.parse(ref)
        alert = self.state.alerts.get(episode.fingerprint)
        if alert is None or _episode(alert) != episode:
            raise KeyError(ref)
        return alert

    def control(self, action: str, arguments: Any) -> Any:
        match action:
            case "fire":
                return {"ref": self.fire(arguments["labels"], arguments.get("annotations")).ref}
            case "resolve":
                self.resolve(arguments["ref"])
            case "flush":
                return {"statuses": self.flush()}
            case "silence":
                return {"silenceID": self.silence(arguments["ref"], comment=arguments.get("comment", "maintenance"))}
            case "unsilence":
                self.state.silences[arguments["silenceID"]].expire(self.clock())
            case "restart":
                self.restart()
            case "list":
                now = self.clock()
                return [{"ref": _episode(one).ref, **self.api.shown(one, now)} for one in self.state.firing(now)]
            case _:
                raise KeyError(action)
        return {}


def _episode(alert: Alert) -> Episode:
    return Episode(alert.fingerprint, _cut(alert.starts))


def _cut(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    try:
        return httpx.post(url, headers=dict(headers), content=body, timeout=10.0, trust_env=False).status_code
    except httpx.TransportError:
        return 0


if __name__ == "__main__":
    run(AlertmanagerSimulator, "A simulated Alertmanager")
