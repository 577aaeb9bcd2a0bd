"""What tools say of an alert by webhook, after what their makers document, and how they prove it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tieline.core.port import Delivery

SECRET: Final = "Wq7-hook-secret-that-nobody-may-see"
USER: Final = "tieline"
STARTED: Final = 1_780_308_000
"""2026-06-01 10:00 UTC, in seconds since 1970."""

Tell = Callable[[str, bool, str], dict[str, Any]]
"""What is said of the alert of this name: whether it fires, and what its people wrote about it."""


def azure(name: str, fires: bool, words: str) -> dict[str, Any]:
    over = {} if fires else {"resolvedDateTime": "2026-06-01T10:07:30.5000000Z"}
    essentials = {
        "alertId": f"/subscriptions/11/providers/Microsoft.AlertsManagement/alerts/{name}",
        "alertRule": "memory above 90 percent",
        "severity": "Sev1",
        "signalType": "Metric",
        "monitorCondition": "Fired" if fires else "Resolved",
        "monitoringService": "Platform",
        "configurationItems": ["api-vm-1"],
        "firedDateTime": "2026-06-01T10:00:00.7654321Z",
        "description": words,
        "essentialsVersion": "1.0",
    }
    context = {"properties": {"team": "api"}, "conditionType": "SingleResourceMultipleMetricCriteria"}
    data = {"essentials": {**essentials, **over}, "alertContext": context}
    return {"schemaId": "azureMonitorCommonAlertSchema", "data": data}


def google(name: str, fires: bool, words: str) -> dict[str, Any]:
    incident = {
        "incident_id": name,
        "scoping_project_id": "shop",
        "url": f"https://console.cloud.google.com/monitoring/alerting/alerts/{name}",
        "started_at": STARTED,
        "ended_at": None if fires else STARTED + 450,
        "state": "open" if fires else "closed",
        "summary": words,
        "observed_value": "0.041",
        "resource": {"type": "cloud_run_revision", "labels": {"service_name": "checkout"}},
        "policy_name": "Too many 5xx",
        "policy_user_labels": {"severity": "high", "service": "checkout"},
        "condition_name": "ratio",
    }
    return {"version": "1.2", "incident": incident}


def new_relic(name: str, fires: bool, words: str) -> dict[str, Any]:
    return {
        "id": name,
        "issueUrl": f"https://one.newrelic.com/issues/{name}",
        "title": words,
        "priority": "HIGH",
        "impactedEntities": ["checkout"],
        "totalIncidents": 1,
        "state": "ACTIVATED" if fires else "CLOSED",
        "trigger": "STATE_CHANGE",
        "createdAt": STARTED * 1000,
        "updatedAt": (STARTED + 450) * 1000,
        "alertPolicyNames": ["golden signals"],
        "workflowName": "to Tieline",
    }


def dynatrace(name: str, fires: bool, words: str) -> dict[str, Any]:
    return {
        "PID": name,
        "ProblemID": "P-2606",
        "State": "OPEN" if fires else "RESOLVED",
        "ProblemTitle": "Failure rate increase",
        "ProblemSeverity": "ERROR",
        "ProblemImpact": "SERVICE",
        "ProblemURL": "https://shop.live.dynatrace.com/#problems/1",
        "ProblemDetailsText": words,
        "NamesOfImpactedEntities": "checkout",
        "Tags": "env:prod, team:web",
    }


def datadog(name: str, fires: bool, words: str) -> dict[str, Any]:
    return {
        "id": hashlib.sha256(f"{name}{fires}{words}".encode()).hexdigest()[:12],
        "cycle": name,
        "monitor": f"monitor of {words}",
        "transition": "Triggered" if fires else "Recovered",
        "priority": "P2",
        "title": "Disk is almost full on db1",
        "text": words,
        "host": "db1",
        "tags": "env:prod,team:storage",
        "date": str((STARTED + (0 if fires else 450)) * 1000),
        "link": "https://app.datadoghq.com/event/event?id=1",
    }


def checkmk(name: str, fires: bool, words: str) -> dict[str, Any]:
    return {
        "site": "prod",
        "what": "SERVICE",
        "host": name,
        "service": "Filesystem /",
        "notification_type": "PROBLEM" if fires else "RECOVERY",
        "status": "CRITICAL" if fires else "OK",
        "output": words,
        "long_output": "",
        "micro_time": str(STARTED * 1_000_000 + (0 if fires else 450_000_000)),
    }


def sentry(name: str, fires: bool, words: str) -> dict[str, Any]:
    if fires:
        event = {"event_id": "e1", "issue_id": name, "title": words, "culprit": "pay in shop.js", "level": "error"}
        return {"action": "triggered", "data": {"event": event, "triggered_rule": "new errors"}}
    issue = {"id": name, "shortId": "SHOP-7", "title": words, "culprit": "pay in shop.js", "level": "error"}
    return {"action": "resolved", "data": {"issue": issue}, "actor": {"type": "user", "name": "ann"}}


def uptime_kuma(name: str, fires: bool, words: str) -> dict[str, Any]:
    moment = "2026-06-01 10:00:00.412" if fires else "2026-06-01 10:07:30.010"
    beat = {"monitorID": name, "status": 0 if fires else 1, "time": moment, "msg": words, "important": True}
    return {"heartbeat": beat, "monitor": {"id": name, "name": "Shop"}, "msg": f"[Shop] {words}"}


def healthchecks(name: str, fires: bool, words: str) -> dict[str, Any]:
    moment = "2026-06-01T10:00:00+00:00" if fires else "2026-06-01T10:07:30+00:00"
    return {"code": name, "name": words, "status": "down" if fires else "up", "now": moment, "tags": "prod db"}


def cloud_event(name: str, fires: bool, words: str) -> dict[str, Any]:
    data = {"status": "firing" if fires else "resolved", "title": words, "severity": "major"}
    number = hashlib.sha256(f"{name}{fires}{words}".encode()).hexdigest()[:12]
    where = {"specversion": "1.0", "id": number, "source": "/probes/eu", "type": "com.example.probe"}
    return {**where, "subject": name, "time": "2026-06-01T10:00:00Z", "data": data}


@dataclass(frozen=True)
class Sender:
    """A tool: its mapping, how the connection is told its secret, and what it says."""

    mapping: str
    proof: str
    tell: Tell
    severity: str
    """What the alerts above mean."""
    unknown: tuple[str, ...]
    """Where the severity stands, for writing a word there that nobody knows; empty where it has none of its own."""
    state: tuple[str, ...]
    """Where it stands whether the alert fires."""
    described: str = "description"
    """The field that `words` stand in."""

    @property
    def tool(self) -> str:
        return self.mapping.removesuffix("-alert")

    def settings(self, reference: Any) -> dict[str, Any]:
        """The options of a connection; `reference` stands for a secret."""
        name = {"bearer": "webhook_tokens", "basic": "webhook_passwords", "header": "webhook_tokens"}
        options = {name.get(self.proof, "webhook_secrets"): (reference,)}
        match self.proof:
            case "basic":
                return {**options, "webhook_username": USER}
            case "header":
                return {**options, "token_header": "X-Tieline-Token"}
            case _:
                return options

    def delivery(self, told: Any, number: str = "1", secret: str = SECRET) -> Delivery:
        """What comes in: `number` is that of the request, where the tool numbers them."""
        body = json.dumps(told).encode()
        headers = {"content-type": "application/json"}
        match self.proof:
            case "basic":
                headers["authorization"] = "Basic " + base64.b64encode(f"{USER}:{secret}".encode()).decode()
            case "header":
                headers["x-tieline-token"] = secret
            case "hmac":
                headers["sentry-hook-signature"] = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
                headers["request-id"] = number
            case _:
                headers["authorization"] = f"Bearer {secret}"
        return Delivery(headers, body)


SENDERS: Final[Mapping[str, Sender]] = {
    one.tool: one
    for one in (
        Sender(
            "azure-monitor-alert",
            "basic",
            azure,
            "high",
            ("data", "essentials", "severity"),
            ("data", "essentials", "monitorCondition"),
        ),
        Sender(
            "google-cloud-alert",
            "basic",
            google,
            "high",
            ("incident", "policy_user_labels", "severity"),
            ("incident", "state"),
        ),
        Sender("new-relic-alert", "bearer", new_relic, "high", ("priority",), ("state",), "title"),
        Sender("dynatrace-alert", "header", dynatrace, "high", ("ProblemSeverity",), ("State",)),
        Sender("datadog-alert", "header", datadog, "high", ("priority",), ("transition",)),
        Sender("checkmk-alert", "bearer", checkmk, "critical", (), ("status",), "title"),
        Sender("sentry-alert", "hmac", sentry, "high", ("data", "event", "level"), ("action",), "title"),
        Sender("uptime-kuma-alert", "header", uptime_kuma, "critical", (), ("heartbeat", "status"), "title"),
        Sender("healthchecks-alert", "bearer", healthchecks, "critical", ("severity",), ("status",), "title"),
        Sender("cloudevents-alert", "bearer", cloud_event, "high", ("data", "severity"), ("data", "status"), "title"),
    )
}
"""Nine tools, and whoever sends CloudEvents."""


def with_word(told: dict[str, Any], path: tuple[str, ...], word: Any) -> dict[str, Any]:
    """The same with another word at a place."""
    first, rest = path[0], path[1:]
    return {**told, first: with_word(told[first], rest, word) if rest else word}
