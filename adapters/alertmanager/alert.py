"""One alert in one shape, whichever way it came.

API and webhook disagree. The webhook calls an alert `firing`, keeps nanoseconds, and sends the year 1 for an end
that has not come. The API calls it `active` or `suppressed`, cuts to milliseconds, and sends the moment it would time
out, which moves with every evaluation. Here an alert that fires has `endsAt: null`, and times are cut to milliseconds.

Senders are many: Grafana, Mimir, scripts, and versions of ten years. What one of them leaves out is computed where it
can be; an alert whose identity, state or labels cannot be had is odd, and costs none of the others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from tieline.core.episodes import Episode, beginning, identity, moment_text, parse_moment, rule_of, texts, told_apart
from tieline.core.port import Body, Reading, Ref, Unreadable, Version

ENDED = Version("ended")
"""Every reading of an episode that is over has this version, however we learnt of it."""

_NO_TEXTS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Sight:
    """One alert in an answer of the API; `updated` is when Alertmanager was last told of it, by its own clock."""

    episode: Episode
    updated: datetime | None
    body: Body


def sight(alert: Any) -> Sight:
    """An element of GET /api/v2/alerts. Raises ValueError for an odd one."""
    body = from_api(alert)
    updated: datetime | None = None
    with suppress(ValueError):
        updated = parse_moment(_text(alert, "updatedAt"))
    return Sight(episode_of(body), updated, body)


def from_api(alert: Any) -> Body:
    """Its body in our shape. Raises ValueError."""
    status = _object(_object(alert, "an alert").get("status"), "`status`")
    state = status.get("state")
    if state not in ("active", "suppressed", "unprocessed"):
        raise ValueError(f"its `status.state` is {str(state)[:40]!r}, not one that Alertmanager knows")
    return {
        **_common(alert),
        "endsAt": None,
        "status": {
            "state": "suppressed" if state == "suppressed" else "active",
            # Since 0.28 a time interval of the route may mute it, too.
            **{name: list(status.get(name) or []) for name in ("silencedBy", "inhibitedBy", "mutedBy")},
        },
        "receivers": [{"name": name} for name in receivers(alert)],
    }


def from_webhook(alert: Any, group: Mapping[str, Any]) -> Body:
    """An element of a webhook's `alerts`. Raises ValueError for an odd one."""
    status = str(_object(alert, "an alert").get("status")).lower()
    if status not in ("firing", "resolved"):
        raise ValueError(f"its `status` is {status[:40]!r}, neither firing nor resolved")
    over = status == "resolved"
    common = _common(alert)
    return {
        **common,
        "endsAt": _end(alert, common["startsAt"]) if over else None,
        "status": {"state": "resolved" if over else "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []},
        "receivers": [{"name": group["receiver"]}],
        **{name: group[name] for name in ("externalURL", "groupKey", "receiver")},
    }


def is_as_told(body: Body, alert: Mapping[str, Any]) -> bool:
    """False where texts had to be made of something else: the API tells what they are."""
    annotations = alert.get("annotations", body["annotations"])
    return body["labels"] is alert["labels"] and body["annotations"] is annotations


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
    labels: Mapping[str, str] = {}
    with suppress(ValueError):
        labels = texts(_object(alert, "an alert").get("labels"), "labels")
    return identity(labels, _object(alert, "an alert").get("fingerprint"))


def ended(episode: Episode, by: datetime) -> Body:
    """An episode that fired at the last look and is no longer there: over by `by`. Its labels are no longer told."""
    return {
        "fingerprint": episode.fingerprint,
        "startsAt": moment_text(episode.started),
        "endsAt": moment_text(max(by, episode.started)),
        "status": {"state": "resolved", "silencedBy": [], "inhibitedBy": [], "mutedBy": []},
    }


def reading(body: Body, age: timedelta | None = None, link: str = "") -> Reading:
    """The reading of a body in our shape. `link` is where people find the alert if it names no generator."""
    labels: Mapping[str, str] = body.get("labels") or {}
    generator = str(body.get("generatorURL") or "")
    return Reading(
        # A body's times are written as an episode's ref has them.
        ref=Ref(f"{body['fingerprint']}@{body['startsAt']}"),
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
    if body["status"]["state"] == "resolved":
        return ENDED
    parts = [body["status"]["state"], body["labels"], body["annotations"]]
    return Version(hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24])


def content_id(readings: Iterable[Reading], odd: Iterable[Unreadable] = ()) -> str:
    """The same alerts in the same states give the same id: Alertmanager numbers no delivery and repeats them."""
    told = sorted(f"{one.ref} {one.body['status']['state']}" for one in readings)
    told += sorted(f"odd {one.ref} {one.sentence}" for one in odd)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def receivers(alert: Mapping[str, Any]) -> list[str]:
    """The receivers that an alert of the API is routed to. Raises ValueError."""
    told = alert.get("receivers") or []
    if not isinstance(told, list):
        raise ValueError("its `receivers` are not a list")
    return [str(_object(receiver, "a receiver").get("name")) for receiver in told]


def may_reach(alert: Any, receiver: str) -> bool:
    """Whether an alert of the API goes to this receiver, or may do so as far as it can be understood."""
    try:
        return receiver in receivers(_object(alert, "an alert"))
    except ValueError:
        return True


def _common(alert: Mapping[str, Any]) -> dict[str, Any]:
    labels = texts(alert.get("labels"), "labels")
    if not labels:
        raise ValueError("it has no labels")
    public, private = _parted(labels)
    return {
        "labels": public,
        "annotations": _parted(_annotations(alert))[0],
        "startsAt": moment_text(_start(alert)),
        "generatorURL": str(alert.get("generatorURL") or ""),
        "fingerprint": identity(labels, alert.get("fingerprint")),
        **({"privateLabels": private} if private else {}),
    }


def _parted(told: Mapping[str, str]) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """What is for people, and what Grafana's API tells for itself (`__alert_rule_uid__`) and its webhook does not."""
    if "__" not in "".join(told):
        return told, _NO_TEXTS
    private = {name: text for name, text in told.items() if name.startswith("__") and name.endswith("__")}
    if not private:
        return told, private
    return {name: text for name, text in told.items() if name not in private}, private


def _annotations(alert: Mapping[str, Any]) -> Mapping[str, str]:
    """What is odd about annotations says nothing of the alert: what is no text among them is left out."""
    told = alert.get("annotations")
    if not isinstance(told, dict):
        return {}
    try:
        return texts(told, "annotations")
    except ValueError:
        return {name: text for name, text in told.items() if isinstance(text, str)}


def _start(alert: Mapping[str, Any]) -> datetime:
    return beginning(alert, "startsAt")


def _end(alert: Mapping[str, Any], start: str) -> str | None:
    """When a resolved alert ended; None where it does not tell: that it is over counts all the same."""
    try:
        end = parse_moment(_text(alert, "endsAt"))
    except ValueError:
        return None
    return moment_text(end) if end >= parse_moment(start) else None


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is not an object")
    return value


def _text(alert: Mapping[str, Any], name: str) -> str:
    value = alert.get(name)
    if not isinstance(value, str):
        raise ValueError(f"its `{name}` is not a text")
    return value
