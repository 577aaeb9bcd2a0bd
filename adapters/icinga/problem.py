"""One problem of a host or service in our shape.

An episode begins when the object was last well (`last_state_ok`, `last_state_up`), which stands still while the
problem goes from warning to critical and back; of one that never was, with its last hard change.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from tieline.core.episodes import Episode, fingerprint, moment_text
from tieline.core.port import Body, Reading, Ref, Version

ENDED: Final = Version("ended")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
STATES: Final[Mapping[str, Mapping[float, str]]] = {
    "Host": {0: "up", 1: "down"},
    "Service": {0: "ok", 1: "warning", 2: "critical", 3: "unknown"},
}
WELL: Final = {"Host": "last_state_up", "Service": "last_state_ok"}
ATTRIBUTES: Final = (
    *("__name", "display_name", "state", "state_type", "last_reachable"),
    *("acknowledgement", "acknowledgement_expiry", "acknowledgement_last_change", "downtime_depth"),
    *("last_state_change", "last_hard_state_change"),
)
SAID: Final = ("__name", "state", "last_check_result")
"""What a plugin says comes with its measurements and the command that ran, and a field is told whole or not at all."""
LONGEST_OUTPUT: Final = 10_000
"""Characters that are taken over; a plugin may write a megabyte."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One object in an answer. `changed` is when its state or acknowledgement last did so, by Icinga's clock; `held`
    whether somebody's acknowledgement is in force."""

    episode: Episode
    kind: str
    name: str
    changed: datetime
    held: bool
    body: Body


def sight(told: Any, at: datetime, wanted: Sequence[str]) -> Sight:
    """An element of GET /v1/objects/hosts or services that has a hard problem. Raises ValueError for an odd one."""
    kind, name, attrs = _named(told)
    state = STATES[kind].get(number(attrs, "state"))
    if state is None:
        raise ValueError(f"its `state` is {attrs['state']!r:.40}, not one that Icinga knows")
    episode = _episode(kind, name, attrs)
    expiry = number(attrs, "acknowledgement_expiry")
    # One that ran out is told until the object is next checked.
    held = number(attrs, "acknowledgement") > 0 and (expiry == 0 or expiry > at.timestamp())
    downtime, reachable = number(attrs, "downtime_depth") > 0, attrs.get("last_reachable") is not False
    host, _, service = name.partition("!")
    variables = attrs.get("vars")
    variables = variables if isinstance(variables, dict) else {}
    own = {name: _word(variables[name]) for name in wanted if isinstance(variables.get(name), str | int | float)}
    body = {
        "name": name,
        "host": host,
        "service": service or None,
        "display_name": attrs.get("display_name") if isinstance(attrs.get("display_name"), str) else name,
        "state": state,
        "summary": "",
        "output": "",
        "labels": {**own, "host": host, **({"service": service} if service else {})},
        "status": "suppressed" if held or downtime or not reachable else "active",
        "acknowledged": held,
        "downtime": downtime,
        "reachable": reachable,
        "fingerprint": episode.fingerprint,
        "startsAt": moment_text(episode.started),
        "endsAt": None,
    }
    changes = [number(attrs, one) for one in ("last_state_change", "acknowledgement_last_change")]
    return Sight(episode, kind, name, moment(max(changes)), held, body)


def is_pending(told: Any) -> bool:
    """Whether an object was never checked, as far as Icinga remembers: nobody knows how it is. No other that is asked
    for is in a soft state."""
    attrs = told.get("attrs") if isinstance(told, dict) else None
    return isinstance(attrs, dict) and attrs.get("state_type") == 0


def said(told: Any) -> tuple[str, tuple[str | None, str]]:
    """An object's name, its state, and what its plugin says of it. Raises ValueError."""
    kind, name, attrs = _named(told)
    result = attrs.get("last_check_result")
    output = result.get("output") if isinstance(result, dict) else None
    words = output[:LONGEST_OUTPUT] if isinstance(output, str) else ""
    return name, (STATES[kind].get(number(attrs, "state")), words)


def fingerprint_of(told: Any) -> str:
    """Of host and service, whatever else is odd. Raises ValueError."""
    return print_of(_named(told)[1])


def print_of(name: str) -> str:
    """The fingerprint of `host` or `host!service`."""
    host, _, service = name.partition("!")
    return fingerprint({"host": host, **({"service": service} if service else {})})


def episode_of(name: str, well: float, hard: float) -> Episode:
    """The problem of an object that was last well then (0: never), and last changed hard then. Raises ValueError."""
    return Episode(print_of(name), moment(well or hard))


def named(told: Any) -> tuple[Ref | None, str]:
    """What an odd object is called: its episode, and its name."""
    with suppress(ValueError):
        kind, name, attrs = _named(told)
        with suppress(ValueError):
            return _episode(kind, name, attrs).ref, name
        return None, name
    return None, ""


def reading(body: Body, age: timedelta | None = None, web: str | None = None) -> Reading:
    """The reading of a body in our shape."""
    return Reading(
        ref=Ref(f"{body['fingerprint']}@{body['startsAt']}"),
        version=version(body),
        body=body,
        key=body.get("name", ""),
        url=_link(body, web) if web is not None else "",
        age=age,
    )


def version(body: Body) -> Version:
    """Moves with the state and with what people did; not with the plugin's words, which each check writes anew."""
    if body["status"] == "resolved":
        return ENDED
    parts = [body[one] for one in ("state", "labels", "display_name", "acknowledged", "downtime", "reachable")]
    return Version(hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24])


def _link(body: Body, web: str) -> str:
    if "name" not in body:
        return web
    if body["service"] is None:
        return f"{web}/icingadb/host?{urlencode({'name': body['host']})}"
    return f"{web}/icingadb/service?{urlencode({'name': body['service'], 'host.name': body['host']})}"


def _named(told: Any) -> tuple[str, str, Mapping[str, Any]]:
    attrs = told.get("attrs") if isinstance(told, dict) else None
    if not isinstance(attrs, dict) or told.get("type") not in STATES:
        raise ValueError("it is neither a host nor a service")
    name = attrs.get("__name")
    if not isinstance(name, str) or not name:
        raise ValueError("its `__name` is not a text")
    return told["type"], name, attrs


def _episode(kind: str, name: str, attrs: Mapping[str, Any]) -> Episode:
    return episode_of(name, number(attrs, WELL[kind]), number(attrs, "last_hard_state_change"))


def number(attrs: Mapping[str, Any], name: str) -> float:
    """A member that is a number. Raises ValueError."""
    value = attrs.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"its `{name}` is not a number")
    return value


def moment(seconds: float) -> datetime:
    """Seconds since 1970, cut to milliseconds. Raises ValueError."""
    try:
        return EPOCH + timedelta(milliseconds=math.floor(seconds * 1000))
    except (OverflowError, ValueError):
        raise ValueError(f"{seconds} are not seconds since 1970") from None


def _word(value: str | float) -> str:
    return value if isinstance(value, str) else json.dumps(value)
