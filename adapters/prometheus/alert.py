"""One alert of GET /api/v1/alerts as a reading. Prometheus gives it no fingerprint and forgets it when it ends."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from tieline.core.episodes import Episode, fingerprint, moment_text, parse_moment
from tieline.core.port import Body, Reading, Version

ENDED = Version("ended")
"""Every reading of an episode that is over has this version."""


def from_api(alert: Any) -> Body:
    """An element of `data.alerts`, with a fingerprint of its labels. Raises ValueError when it is none."""
    if not isinstance(alert, dict) or alert.get("state") not in ("pending", "firing"):
        raise ValueError("an alert whose `state` is neither pending nor firing")
    labels = _texts(alert, "labels")
    if not isinstance(alert.get("activeAt"), str):
        raise ValueError("an alert whose `activeAt` is not a text")
    return {
        "labels": labels,
        "annotations": _texts(alert, "annotations"),
        "state": alert["state"],
        "activeAt": moment_text(parse_moment(alert["activeAt"])),
        "value": str(alert.get("value") or ""),
        "fingerprint": fingerprint(labels),
    }


def ended(episode: Episode, by: datetime) -> Body:
    """An episode that was there at the last look and no longer is: over by `by`. Its labels are no longer told."""
    return {
        "fingerprint": episode.fingerprint,
        "state": "inactive",
        "activeAt": moment_text(episode.started),
        "resolvedAt": moment_text(max(by, episode.started)),
    }


def reading(body: Body, link: str) -> Reading:
    """The reading of a body. Prometheus does not tell when an alert last changed, so that it has no age."""
    labels: Mapping[str, str] = body.get("labels") or {}
    return Reading(
        ref=episode_of(body).ref, version=version(body), body=body, key=labels.get("alertname", ""), url=link
    )


def episode_of(body: Body) -> Episode:
    """Which firing of which alert a body is of."""
    return Episode(body["fingerprint"], parse_moment(body["activeAt"]))


def version(body: Body) -> Version:
    """Moves with state, labels and annotations; not with `value`, which moves at every evaluation."""
    if body["state"] == "inactive":
        return ENDED
    parts = [body["state"], body["labels"], body["annotations"]]
    return Version(hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24])


def distinct(readings: Iterable[Reading]) -> list[Reading]:
    """Oldest first; where two rules give the same labels at the same moment, the one that fires."""
    found: dict[str, Reading] = {}
    for one in readings:
        if one.ref not in found or one.body["state"] == "firing":
            found[one.ref] = one
    return sorted(found.values(), key=lambda one: (one.body["activeAt"], one.ref))


def _texts(alert: Mapping[str, Any], name: str) -> dict[str, str]:
    value = alert.get(name)
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ValueError(f"an alert's `{name}` is not an object of texts")
    return value
