"""Alerts as Alertmanager sends them: every one another alert, so that every one opens an incident of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

SECRET = "a secret of the benchmark"
STARTED = "2026-01-05T08:00:00.000Z"


def alert(number: int, *, status: str = "firing") -> dict[str, Any]:
    """One alert of a fleet of hosts; its service is its own, and so is its group."""
    return {
        "status": status,
        "labels": {
            "alertname": "HostOutOfDiskSpace",
            "instance": f"db{number}.example.net:9100",
            "job": "node",
            "service": f"billing-{number}",
            "severity": "warning",
            "team": "storage",
        },
        "annotations": {
            "summary": f"Disk of db{number} is almost full",
            "description": "The file system /var/lib has 4.2 % left and fills at 1.1 GB an hour.",
            "runbook_url": "https://runbooks.example.net/disk",
        },
        "startsAt": STARTED,
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-01-05T09:00:00.000Z",
        "generatorURL": f"http://prometheus.example.net/graph?g0.expr=disk{number}",
        "fingerprint": f"{number:016x}",
    }


def webhook(numbers: range, *, status: str = "firing") -> bytes:
    """One delivery with these alerts."""
    return orjson.dumps(
        {
            "version": "4",
            "groupKey": f'{{}}:{{alertname="HostOutOfDiskSpace",batch="{numbers.start}"}}',
            "truncatedAlerts": 0,
            "status": status,
            "receiver": "tieline",
            "groupLabels": {"alertname": "HostOutOfDiskSpace"},
            "commonLabels": {"alertname": "HostOutOfDiskSpace", "job": "node"},
            "commonAnnotations": {},
            "externalURL": "http://alertmanager.example.net",
            "alerts": [alert(number, status=status) for number in numbers],
        }
    )


def storm(alerts: int, a_request: int, first: int = 0) -> Iterator[bytes]:
    """The deliveries of a storm of so many alerts, so many to a request."""
    for start in range(first, first + alerts, a_request):
        yield webhook(range(start, min(start + a_request, first + alerts)))
