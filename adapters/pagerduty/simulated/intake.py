"""The simulated Events API v2: taken in with 202, whether or not anything comes of it."""

from __future__ import annotations

from typing import Any

from tieline.adapters.pagerduty.simulated.account import Account, Alert, Incident, Service
from tieline.adapters.testing.simulation import Request, Response

LARGEST = 512 * 1024


class Intake:
    """`drop` answers 202 and forgets; `throttle` answers 429 (the event is dropped, too)."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.drop = False
        self.throttle = False

    def answer(self, request: Request) -> Response:
        if self.throttle:
            return Response.of({"status": "throttled", "message": "Too many events", "errors": []}, 429)
        if len(request.body) > LARGEST:
            return Response.of({"status": "invalid event", "message": "Event is too large"}, 413)
        try:
            event = request.json()
        except ValueError:
            event = None
        if not isinstance(event, dict):
            return _invalid("Event object format is unrecognized", "JSON parse error")
        key = event.get("routing_key")
        service = next((one for one in self._account.services if key and one.integration_key == key), None)
        if service is None:
            return _invalid("Event object is invalid", "Length of 'routing_key' is incorrect (should be 32 characters)")
        if request.path.endswith("/change/enqueue"):
            return self._change(event)
        return self._alert(event, service)

    def _change(self, event: dict[str, Any]) -> Response:
        if not (event.get("payload") or {}).get("summary"):
            return _invalid("Event object is invalid", "'payload.summary' is missing or blank")
        if not self.drop:
            self._account.changes_announced.append(event)
        return Response.of({"status": "success", "message": "Change event processed"}, 202)

    def _alert(self, event: dict[str, Any], service: Service) -> Response:
        action, key = event.get("event_action"), event.get("dedup_key")
        payload = event.get("payload") or {}
        if action not in ("trigger", "acknowledge", "resolve"):
            return _invalid("Event object is invalid", "'event_action' is invalid")
        if action == "trigger" and not all(payload.get(name) for name in ("summary", "source", "severity")):
            return _invalid("Event object is invalid", "'payload.summary', '.source' and '.severity' are required")
        if action != "trigger" and not key:
            return _invalid("Event object is invalid", "'dedup_key' is missing or blank")
        key = str(key or self._account.new_id("", 32).lower())
        if not self.drop:
            self._act(action, key, payload, service)
        return Response.of({"status": "success", "message": "Event processed", "dedup_key": key}, 202)

    def _act(self, action: str, key: str, payload: dict[str, Any], service: Service) -> None:
        found = self._open(key)
        if action == "trigger" and found is None:
            alert = Alert(self._account.new_id("Q"), key, str(payload["summary"]), "triggered", self._account.now())
            urgency = "high" if payload["severity"] in ("critical", "error") else "low"
            details = (payload.get("custom_details") or {}).get("details")
            self._account.open_incident(
                alert.summary, None, service=service.id, urgency=urgency, details=details, alerts=(alert,)
            )
        elif action == "acknowledge" and found is not None and found.status == "triggered":
            self._account.acknowledge(found, None, channel="api")
        elif action == "resolve" and found is not None:
            self._account.resolve(found, None, channel="api")

    def _open(self, key: str) -> Incident | None:
        for incident in self._account.incidents.values():
            if incident.open and any(alert.key == key for alert in incident.alerts):
                return incident
        return None


def _invalid(message: str, *errors: str) -> Response:
    return Response.of({"status": "invalid event", "message": message, "errors": list(errors)}, 400)
