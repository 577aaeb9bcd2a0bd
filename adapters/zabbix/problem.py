"""One problem of a trigger in our shape. Zabbix numbers its events and uses no number again, so that an episode is one
event; it begins in the second of its clock, which is all that a media type tells of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tieline.core.episodes import Episode, fingerprint, moment_text
from tieline.core.port import Body, Reading, Ref, Version

ENDED: Final = Version("ended")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SEVERITIES: Final = ("not classified", "information", "warning", "average", "high", "disaster")
FIELDS: Final = ("eventid", "objectid", "clock", "name", "opdata", "severity", "acknowledged", "suppressed")
ACKNOWLEDGED, UNACKNOWLEDGED = 2, 16
"""Bits of what somebody did to an event."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One problem that goes on. `changed` is when it began or somebody last did something to it, by Zabbix's clock;
    `message` is that of the acknowledgement in force, None where it is not acknowledged."""

    episode: Episode
    event: str
    changed: datetime
    message: str | None
    body: Body


def sight(told: Any) -> Sight:
    """An element of problem.get. Raises ValueError for an odd one."""
    episode, event = _episode(told), _digits(told, "eventid")
    severity = int(_digits(told, "severity"))
    if severity >= len(SEVERITIES):
        raise ValueError(f"its `severity` is {severity}, not one that Zabbix knows")
    name = told.get("name")
    if not isinstance(name, str):
        raise ValueError("its `name` is not a text")
    acknowledged, suppressed = (_digits(told, one) == "1" for one in ("acknowledged", "suppressed"))
    done = sorted(_list(told, "acknowledges"), key=lambda one: int(_digits(one, "acknowledgeid")))
    words = [one.get("message", "") for one in done if int(_digits(one, "action")) & (ACKNOWLEDGED | UNACKNOWLEDGED)]
    tags = [(str(one.get("tag", "")), str(one.get("value", ""))) for one in _list(told, "tags")]
    clocks = [int(_digits(one, "clock")) for one in (told, *done)]
    body = {
        "event": event,
        "trigger": _digits(told, "objectid"),
        "name": name,
        "operational": told["opdata"] if isinstance(told.get("opdata"), str) else "",
        "host": "",
        "severity": SEVERITIES[severity],
        "labels": dict(sorted(tags)),
        "status": "suppressed" if acknowledged or suppressed else "active",
        "acknowledged": acknowledged,
        "suppressed": suppressed,
        "fingerprint": episode.fingerprint,
        "startsAt": moment_text(episode.started),
        "endsAt": None,
    }
    message = (str(words[-1]) if words else "") if acknowledged else None
    return Sight(episode, event, moment(max(clocks)), message, body)


def episode_of(event: str, clock: int) -> Episode:
    """The problem with this number, which began then. Raises ValueError."""
    return Episode(fingerprint({"event": event}), moment(clock))


def fingerprint_of(told: Any) -> str:
    """Of its number, whatever else is odd. Raises ValueError."""
    return fingerprint({"event": _digits(told, "eventid")})


def named(told: Any) -> tuple[Ref | None, str]:
    """What an odd problem is called: its episode, and its number."""
    with suppress(ValueError):
        return _episode(told).ref, str(told["eventid"])
    return None, str(told.get("eventid") or "")[:40] if isinstance(told, dict) else ""


def with_host(body: Body, hosts: Mapping[str, str]) -> Body:
    """With the host of its trigger, as a label too."""
    host = hosts.get(str(body["event"]), "")
    return {**body, "host": host, "labels": {**body["labels"], **({"host": host} if host else {})}}


def reading(body: Body, url: str, age: timedelta | None = None) -> Reading:
    """The reading of a body in our shape; `url` is that of the frontend."""
    ref = Ref(f"{body['fingerprint']}@{body['startsAt']}")
    link = f"{url}/tr_events.php?triggerid={body['trigger']}&eventid={body['event']}" if "event" in body else url
    return Reading(ref, version(body), body, key=body.get("event", ""), url=link, age=age)


def version(body: Body) -> Version:
    """Moves with what the trigger, its tags and people say; not with `operational`, which each value writes anew."""
    if body["status"] == "resolved":
        return ENDED
    tags = {name: text for name, text in body["labels"].items() if name != "host"}
    parts = [tags, *(body[one] for one in ("name", "severity", "acknowledged", "suppressed"))]
    return Version(hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24])


def moment(seconds: int) -> datetime:
    """Seconds since 1970. Raises ValueError."""
    try:
        return EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        raise ValueError(f"{seconds} are not seconds since 1970") from None


def _episode(told: Any) -> Episode:
    return episode_of(_digits(told, "eventid"), int(_digits(told, "clock")))


def _digits(told: Any, name: str) -> str:
    """A number, which Zabbix writes as a text. Raises ValueError."""
    value = told.get(name) if isinstance(told, dict) else None
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return value
    raise ValueError(f"its `{name}` is not a number in digits")


def _list(told: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = told.get(name)
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        return value
    raise ValueError(f"its `{name}` is not a list of objects")
