"""One alert of GET /api/v1/alerts as a reading. Prometheus gives it no fingerprint and forgets it when it ends."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from tieline.core.episodes import Episode, beginning, identity, moment_text, parse_moment, rule_of, texts, told_apart
from tieline.core.port import Body, Reading, Ref, Version

ENDED = Version("ended")
"""Every reading of an episode that is over has this version."""


def from_api(alert: Any) -> Body:
    """An element of `data.alerts`, with a fingerprint of its labels. Raises ValueError for an odd one."""
    if not isinstance(alert, dict) or alert.get("state") not in ("pending", "firing"):
        raise ValueError("its `state` is neither pending nor firing")
    labels = texts(alert.get("labels"), "labels")
    return {
        "labels": labels,
        "annotations": _annotations(alert),
        "state": alert["state"],
        "activeAt": moment_text(_start(alert)),
        "value": str(alert.get("value") or ""),
        "fingerprint": identity(labels, None),
    }


def is_over(alert: Any) -> bool:
    """True for one that some list beside those that are active."""
    return isinstance(alert, dict) and alert.get("state") == "inactive"


def named(alert: Any) -> tuple[Ref | None, str]:
    """What an odd alert is called, as far as it tells: its episode, and the name of its rule."""
    ref: Ref | None = None
    with suppress(ValueError):
        ref = Episode(fingerprint_of(alert), _start(alert)).ref
    return ref, rule_of(alert)


def apart(alert: Any) -> str:
    """What tells an odd alert from others of its rule."""
    return told_apart(alert, fingerprint_of)


def fingerprint_of(alert: Any) -> str:
    """The fingerprint of an alert that may be odd otherwise. Raises ValueError."""
    if not isinstance(alert, dict):
        raise ValueError("an alert is not an object")
    return identity(texts(alert.get("labels"), "labels"), None)


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


def _start(alert: Mapping[str, Any]) -> datetime:
    return beginning(alert, "activeAt")


def _annotations(alert: Mapping[str, Any]) -> Mapping[str, str]:
    """What is odd about annotations says nothing of the alert: what is no text among them is left out."""
    told = alert.get("annotations")
    if not isinstance(told, dict):
        return {}
    return {name: text for name, text in told.items() if isinstance(text, str)}
