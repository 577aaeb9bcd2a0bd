"""Alertmanager's API v2 over the simulated state, with the oddities of 0.25."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Any, Final
from uuid import UUID

from tieline.adapters.alertmanager.simulated.matching import Matcher, all_hold
from tieline.adapters.alertmanager.simulated.notify import Webhook
from tieline.adapters.alertmanager.simulated.state import Alert, Refused, State
from tieline.adapters.testing.simulation import Request, Response
from tieline.core.episodes import moment_text

_SILENCE_FIELDS: Final = ("comment", "createdBy", "endsAt", "startsAt")


class Api:
    """Answers one request; `started` is when this Alertmanager was started."""

    def __init__(self, state: State, webhook: Webhook, clock: Callable[[], datetime], dice: Random) -> None:
        self._state = state
        self._webhook = webhook
        self._clock = clock
        self._dice = dice
        self.started = clock()
        self.cluster = "disabled"

    def resource(self, request: Request) -> Response:
        match request.method, request.path.removeprefix("/api/v2"):
            case "GET", "/alerts":
                return self._alerts(request)
            case "POST", "/alerts":
                return self._take(request)
            case "GET", "/alerts/groups":
                return Response.of(self._groups())
            case "GET", "/silences":
                return self._silences(request)
            case "POST", "/silences":
                return self._put_silence(request)
            case method, path if path.startswith("/silence/") and method in ("GET", "DELETE"):
                return self._silence(method, path.removeprefix("/silence/"))
            case "GET", "/status":
                return Response.of(self._status())
            case "GET", "/receivers" if not self._state.kin.grafana:
                return Response.of([{"name": self._webhook.receiver}])
            case _:
                raise Refused(404, {"code": 404, "message": f"path {request.path} was not found"})

    def _alerts(self, request: Request) -> Response:
        now = self._clock()
        try:
            matchers = [Matcher.parse(text) for name, text in request.pairs if name == "filter"]
            wanted = {name: _flag(request.query.get(name)) for name in ("active", "silenced", "inhibited")}
        except ValueError:
            # 0.25 answers a filter or flag that it cannot read with 200 and an empty list.
            return Response.of([])
        receiver = re.compile(f"^(?:{request.query['receiver']})$") if "receiver" in request.query else None
        shown = [self.shown(alert, now) for alert in self._state.firing(now) if all_hold(matchers, alert.labels)]
        return Response.of(
            [
                alert
                for alert in shown
                if (wanted["active"] or alert["status"]["state"] != "active")
                and (wanted["silenced"] or not alert["status"]["silencedBy"])
                and (wanted["inhibited"] or not alert["status"]["inhibitedBy"])
                and (receiver is None or any(receiver.match(one["name"]) for one in alert["receivers"]))
            ]
        )

    def shown(self, alert: Alert, now: datetime) -> dict[str, Any]:
        silenced, inhibited = self._state.silenced_by(alert, now), self._state.inhibited_by(alert, now)
        kin, muted = self._state.kin, self._state.muted.get(alert.fingerprint, [])
        shown: dict[str, Any] = {
            "annotations": alert.annotations,
            "endsAt": moment_text(alert.ends),
            "fingerprint": alert.fingerprint,
            "receivers": [{"name": self._webhook.receiver}],
            "startsAt": moment_text(alert.starts),
            "status": {
                "inhibitedBy": inhibited,
                "silencedBy": silenced,
                **({"mutedBy": muted} if kin.mutes else {}),
                "state": "suppressed" if silenced or inhibited or muted else "active",
            },
            "updatedAt": moment_text(alert.updated),
            "labels": self._state.labels(alert),
        }
        if kin.grafana:
            shown["annotations"] = {**alert.annotations, "__orgId__": "1", "__dashboardUid__": "d1"}
            shown["receivers"] = [{"active": None, "integrations": None, "name": self._webhook.receiver}]
        return alert.with_oddities(shown | ({"generatorURL": alert.generator} if alert.generator else {}))

    def _take(self, request: Request) -> Response:
        posted = _json(request, "parsing alerts body")
        if not isinstance(posted, list):
            raise Refused(400, {"code": 400, "message": 'parsing alerts body from "" failed, because json: no array'})
        now, refusals = self._clock(), []
        for alert in posted:
            try:
                self._state.take(alert, _time(alert, "startsAt"), _time(alert, "endsAt"), now)
            except Refused as refusal:
                # The good ones of a batch are kept, and the batch is answered 400 all the same.
                refusals.append(refusal)
        if refusals:
            raise refusals[0]
        return Response(200)

    def _groups(self) -> list[dict[str, Any]]:
        now = self._clock()
        found: dict[str, list[Alert]] = {}
        for alert in self._state.firing(now):
            found.setdefault(self._webhook.group_key(alert), []).append(alert)
        groups = [(self._webhook.group_labels(alerts[0]), alerts) for alerts in found.values()]
        groups.sort(key=lambda group: (len(group[0]), sorted(group[0].items())))
        receiver = {"name": self._webhook.receiver}
        return [
            {"alerts": [self.shown(alert, now) for alert in alerts], "labels": labels, "receiver": receiver}
            for labels, alerts in groups
        ]

    def _silences(self, request: Request) -> Response:
        now = self._clock()
        try:
            matchers = [Matcher.parse(text) for name, text in request.pairs if name == "filter"]
        except ValueError:
            return Response.of([])
        return Response.of(
            [
                silence.shown(now)
                for silence in self._state.silences.values()
                if all_hold(matchers, {matcher.name: matcher.value for matcher in silence.matchers})
            ]
        )

    def _put_silence(self, request: Request) -> Response:
        posted = _json(request, "parsing silence body")
        for name in _SILENCE_FIELDS:
            if not isinstance(posted, dict) or posted.get(name) is None:
                raise Refused(422, {"code": 602, "message": f"{name} in body is required"})
        if not posted.get("matchers"):
            raise Refused(422, {"code": 612, "message": "matchers in body should have at least 1 items"})
        starts, ends = _time(posted, "startsAt"), _time(posted, "endsAt")
        if starts is None or ends is None:
            raise Refused(422, {"code": 602, "message": "startsAt in body is required"})
        made = self._state.put_silence(posted, starts, ends, self._clock(), self._dice)
        return Response.of({"silenceID": made})

    def _silence(self, method: str, name: str) -> Response:
        try:
            UUID(name)
        except ValueError:
            raise Refused(422, {"code": 601, "message": f'silenceID in path must be of type uuid: "{name}"'}) from None
        found = self._state.silences.get(name)
        if method == "GET":
            return Response.of(found.shown(self._clock())) if found is not None else Response(404)
        if found is None:
            raise Refused(500, "silence not found")
        found.expire(self._clock())
        return Response(200)

    def _status(self) -> dict[str, Any]:
        webhook = self._webhook
        config = (
            f"route:\n  receiver: {webhook.receiver}\n  group_by: [{', '.join(webhook.group_by)}]\n"
            f"receivers:\n- name: {webhook.receiver}\n  webhook_configs:\n"
            f"  - send_resolved: {str(webhook.send_resolved).lower()}\n    url: {webhook.url}\n"
            f"    max_alerts: {webhook.max_alerts}\n"
        )
        version: dict[str, str] = dict.fromkeys(("branch", "buildDate", "buildUser", "goVersion", "revision"), "")
        if self._state.kin.grafana:
            told: dict[str, Any] = {"template_files": None, "alertmanager_config": {"route": {}, "receivers": []}}
            return {
                "cluster": {"peers": [], "status": "disabled"},
                "config": told,
                "uptime": None,
                "versionInfo": dict.fromkeys((*version, "version"), "N/A"),
            }
        return {
            "cluster": {"peers": [], "status": self.cluster},
            "config": {"original": config},
            "uptime": moment_text(self.started),
            "versionInfo": version | {"version": self._state.kin.version},
        }


def _flag(text: str | None) -> bool:
    if text not in (None, "true", "false", "1", "0"):
        raise ValueError(text)
    return text in (None, "true", "1")


def _time(posted: Any, name: str) -> datetime | None:
    text = posted.get(name)
    try:
        moment = datetime.fromisoformat(text) if text else None
    except (TypeError, ValueError):
        raise Refused(
            400, {"code": 400, "message": f'parsing body from "" failed, because {name} is no time'}
        ) from None
    return None if moment is None or moment.year == 1 else moment


def _json(request: Request, what: str) -> Any:
    try:
        return request.json()
    except ValueError as error:
        raise Refused(400, {"code": 400, "message": f'{what} from "" failed, because {error}'}) from None
