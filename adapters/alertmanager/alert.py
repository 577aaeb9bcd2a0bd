"""One alert in one shape, whichever way it came.

API and webhook disagree. The webhook calls an alert `firing`, keeps nanoseconds, and sends the year 1 for an end
that has not come. The API calls it `active` or `suppressed`, cuts to milliseconds, and sends the moment it would time
out, which moves with every evaluation. Here an alert that fires has `endsAt: null`, and times are cut to milliseconds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tieline.core.episodes import Episode, check_fingerprint, moment_text, parse_moment
from tieline.core.port import Body, Reading, Version

ENDED = Version("ended")
"""Every reading of an episode that is over has this version, however we learnt of it."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One alert in an answer of the API; `updated` is when Alertmanager was last told of it, by its own clock."""

    episode: Episode
    updated: datetime
    body: Body


def sight(alert: Any) -> Sight:
    """An element of GET /api/v2/alerts. Raises ValueError when it is none."""
    body = from_api(alert)
    return Sight(episode_of(body), parse_moment(_text(alert, "updatedAt")), body)


def from_api(alert: Any) -> Body:
    """Its body in our shape. Raises ValueError."""
    status = _object(_object(alert, "an alert").get("status"), "`status`")
    state = status.get("state")
    if state not in ("active", "suppressed", "unprocessed"):
        raise ValueError(f"`status.state` is {str(state)[:40]!r}, not one that Alertmanager knows")
    return {
        **_common(alert),
        "endsAt": None,
        "status": {
            "state": "suppressed" if state == "suppressed" else "active",
            "silencedBy": list(status.get("silencedBy") or []),
            "inhibitedBy": list(status.get("inhibitedBy") or []),
        },
        "receivers": [{"name": name} for name in _receivers(alert)],
    }


def from_webhook(alert: Any, group: Mapping[str, Any]) -> Body:
    """An element of a webhook's `alerts`. Raises ValueError when it is none."""
    status = _object(alert, "an alert").get("status")
    if status not in ("firing", "resolved"):
        raise ValueError(f"an alert's `status` is {str(status)[:40]!r}, neither firing nor resolved")
    over = status == "resolved"
    return {
        **_common(alert),
        "endsAt": moment_text(parse_moment(_text(alert, "endsAt"))) if over else None,
        "status": {"state": "resolved" if over else "active", "silencedBy": [], "inhibitedBy": []},
        "receivers": [{"name": group["receiver"]}],
        **{name: group[name] for name in ("externalURL", "groupKey", "receiver")},
    }


def ended(episode: Episode, by: datetime) -> Body:
    """An episode that fired at the last look and is no longer there: over by `by`. Its labels are no longer told."""
    return {
        "fingerprint": episode.fingerprint,
        "startsAt": moment_text(episode.started),
        "endsAt": moment_text(max(by, episode.started)),
        "status": {"state": "resolved", "silencedBy": [], "inhibitedBy": []},
    }


def reading(body: Body, age: timedelta | None = None, link: str = "") -> Reading:
    """The reading of a body in our shape. `link` is where people find the alert if it names no generator."""
    labels: Mapping[str, str] = body.get("labels") or {}
    generator = str(body.get("generatorURL") or "")
    return Reading(
        ref=episode_of(body).ref,
        version=version(body),
        body=body,
        key=labels.get("alertname", ""),
        # A generator's address is whatever a client of Alertmanager posted: only a web address is shown as a link.
        url=generator if generator.startswith(("http://", "https://")) else link,
        age=age,
    )


def episode_of(body: Body) -> Episode:
    """Which firing of which alert a body is of."""
    return Episode(body["fingerprint"], parse_moment(body["startsAt"]))


def version(body: Body) -> Version:
    """Moves with state, labels and annotations; not with the time-out, which moves at every evaluation."""
    if body["endsAt"] is not None:
        return ENDED
    parts = [body["status"]["state"], body["labels"], body["annotations"]]
    return Version(hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24])


def content_id(readings: Iterable[Reading]) -> str:
    """The same alerts in the same states give the same id: Alertmanager numbers no delivery and repeats them."""
    told = sorted(f"{one.ref} {one.body['status']['state']}" for one in readings)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _common(alert: Mapping[str, Any]) -> dict[str, Any]:
    labels = _texts(alert, "labels")
    if not labels:
        raise ValueError("an alert without labels")
    return {
        "labels": labels,
        "annotations": _texts(alert, "annotations"),
        "startsAt": moment_text(parse_moment(_text(alert, "startsAt"))),
        "generatorURL": str(alert.get("generatorURL") or ""),
        "fingerprint": check_fingerprint(alert.get("fingerprint")),
    }


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is not an object")
    return value


def _text(alert: Mapping[str, Any], name: str) -> str:
    value = alert.get(name)
    if not isinstance(value, str):
        raise ValueError(f"an alert's `{name}` is not a text")
    return value


def _texts(alert: Mapping[str, Any], name: str) -> dict[str, str]:
    value = alert.get(name)
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ValueError(f"an alert's `{name}` is not an object of texts")
    return value


def _receivers(alert: Mapping[str, Any]) -> list[str]:
    return [str(_object(receiver, "a receiver").get("name")) for receiver in alert.get("receivers") or []]
