"""One problem of a host or service in our shape.

An episode begins when the object was last well (`last_time_ok`, `last_time_up`), which stands still while the problem
goes from warning to critical and back; of one that never was, with its last hard change. All times are whole seconds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from tieline.core.episodes import Episode, fingerprint, moment_text
from tieline.core.port import Body, Reading, Ref, Version

ENDED: Final = Version("ended")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
PENDING: Final = 1
STATES: Final[Mapping[str, Mapping[int, str]]] = {
    "host": {2: "up", 4: "down", 8: "unreachable"},
    "service": {2: "ok", 4: "warning", 8: "unknown", 16: "critical"},
}
WELL: Final = {"host": "last_time_up", "service": "last_time_ok"}
LONGEST_OUTPUT: Final = 10_000
"""Characters that are taken over."""


@dataclass(frozen=True, slots=True)
class Told:
    """One object of a listing, before anything of it is believed."""

    name: str
    attrs: Any

    @property
    def kind(self) -> str:
        return "service" if "!" in self.name else "host"


@dataclass(frozen=True, slots=True)
class Sight:
    """One object that has a hard problem. `changed` is when its state last did so, by Nagios's clock."""

    episode: Episode
    name: str
    changed: datetime
    body: Body

    @property
    def held(self) -> bool:
        """Whether somebody's acknowledgement is in force."""
        return bool(self.body["acknowledged"])


def sight(told: Told) -> Sight:
    """An object that has a hard problem. Raises ValueError for an odd one."""
    code = whole(told.attrs, "status")
    state = STATES[told.kind].get(code)
    if state is None or state in ("up", "ok"):
        raise ValueError(f"its `status` is {code}, not one of a problem")
    episode = _episode(told)
    host, _, service = told.name.partition("!")
    held, downtime = (
        flag(told.attrs, "problem_has_been_acknowledged"),
        whole(told.attrs, "scheduled_downtime_depth") > 0,
    )
    first, rest = (told.attrs.get(one) for one in ("plugin_output", "long_plugin_output"))
    summary = first if isinstance(first, str) else ""
    more = f"\n{_lines(rest)}" if isinstance(rest, str) and rest else ""
    body = {
        "name": told.name,
        "host": host,
        "service": service or None,
        "state": state,
        "summary": summary[:LONGEST_OUTPUT],
        "output": f"{summary}{more}"[:LONGEST_OUTPUT],
        "labels": {"host": host, **({"service": service} if service else {})},
        # A host that is unreachable is cut off by another one that is down.
        "status": "suppressed" if held or downtime or state == "unreachable" else "active",
        "acknowledged": held,
        "downtime": downtime,
        "fingerprint": episode.fingerprint,
        "startsAt": moment_text(episode.started),
        "endsAt": None,
    }
    return Sight(episode, told.name, moment(whole(told.attrs, "last_state_change")), body)


def is_pending(told: Told) -> bool:
    """Whether an object was never checked, as far as Nagios remembers: nobody knows how it is."""
    status = told.attrs.get("status") if isinstance(told.attrs, dict) else None
    return status == PENDING and status is not True


def is_soft(told: Told) -> bool:
    """Whether it may still be a passing trouble."""
    return isinstance(told.attrs, dict) and told.attrs.get("state_type") == 0


def print_of(name: str) -> str:
    """The fingerprint of `host` or `host!service`."""
    host, _, service = name.partition("!")
    return fingerprint({"host": host, **({"service": service} if service else {})})


def episode_of(name: str, began: int) -> Episode:
    """The problem of an object since then, in milliseconds since 1970. Raises ValueError."""
    return Episode(print_of(name), moment(began))


def named(told: Told) -> tuple[Ref | None, str]:
    """What an odd object is called: its episode, and its name."""
    with suppress(ValueError):
        return _episode(told).ref, told.name
    return None, told.name


def reading(body: Body, url: str, age: timedelta | None = None) -> Reading:
    """The reading of a body in our shape; `url` is where the CGIs are."""
    ref = Ref(f"{body['fingerprint']}@{body['startsAt']}")
    return Reading(ref, version(body), body, key=body.get("name", ""), url=_link(body, url), age=age)


def version(body: Body) -> Version:
    """Moves with the state and with what people did; not with the plugin's words, which each check writes anew."""
    if body["status"] == "resolved":
        return ENDED
    parts = [body[one] for one in ("state", "acknowledged", "downtime")]
    return Version(hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24])


def whole(attrs: Any, name: str) -> int:
    """A member that is a whole number. Raises ValueError."""
    value = attrs.get(name) if isinstance(attrs, dict) else None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"its `{name}` is not a whole number")
    return value


def flag(attrs: Any, name: str) -> bool:
    """A member that is true or false. Raises ValueError."""
    value = attrs.get(name) if isinstance(attrs, dict) else None
    if not isinstance(value, bool):
        raise ValueError(f"its `{name}` is neither true nor false")
    return value


def moment(milliseconds: int) -> datetime:
    """Milliseconds since 1970. Raises ValueError."""
    try:
        return EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise ValueError(f"{milliseconds} are not milliseconds since 1970") from None


def _link(body: Body, url: str) -> str:
    if "name" not in body:
        return f"{url}/status.cgi"
    what = {"type": "1", "host": body["host"]} if body["service"] is None else {"type": "2", "host": body["host"]}
    return f"{url}/extinfo.cgi?{urlencode(what | ({'service': body['service']} if body['service'] else {}))}"


def _episode(told: Told) -> Episode:
    return episode_of(told.name, whole(told.attrs, WELL[told.kind]) or whole(told.attrs, "last_hard_state_change"))


def _lines(text: str) -> str:
    """Nagios keeps a line's end as two characters."""
    return text.replace("\\n", "\n").removesuffix("\n")
