"""Hosts and services of a simulated Icinga 2.13, and what a check result makes of them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

WELL: Final = {"Host": "last_state_up", "Service": "last_state_ok"}
LINGERS: Final = 60
"""Seconds for which the comment of an acknowledgement that ran out is still listed."""


@dataclass
class Checkable:
    """A host or a service; times are seconds since 1970, 0 for never."""

    kind: str
    name: str
    made: float
    attempts: int = 3
    display_name: str = ""
    vars: Mapping[str, Any] | None = None
    state: int = 0
    hard: bool = False
    attempt: int = 1
    output: str | None = None
    well: float = 0
    changed: float = 0
    hardened: float = 0
    acknowledgement: int = 0
    expiry: float = 0
    acknowledged: float = 0
    downtimes: int = 0
    reachable: bool = True
    odd: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.state = 1 if self.kind == "Host" else 3
        self.changed = self.hardened = self.made

    @property
    def is_well(self) -> bool:
        return self.state == 0

    def held(self, now: float) -> bool:
        return self.acknowledgement > 0 and (self.expiry == 0 or self.expiry > now)

    def attrs(self) -> dict[str, Any]:
        host, _, service = self.name.partition("!")
        result = None if self.output is None else {"output": self.output, "state": self.state, "type": "CheckResult"}
        return {
            "__name": self.name,
            "name": service or host,
            "display_name": self.display_name or service or host,
            "state": self.state,
            "state_type": int(self.hard),
            "last_check_result": result,
            "last_reachable": self.reachable,
            "acknowledgement": self.acknowledgement,
            "acknowledgement_expiry": self.expiry,
            "acknowledgement_last_change": self.acknowledged,
            "downtime_depth": self.downtimes,
            "last_state_change": self.changed,
            "last_hard_state_change": self.hardened,
            WELL[self.kind]: self.well,
            "vars": self.vars,
            **({"host_name": host} if service else {}),
            **self.odd,
        }


@dataclass
class Comment:
    """One comment; `entry_type` 4 is that of an acknowledgement."""

    of: str
    id: str
    author: str
    text: str
    at: float
    entry_type: int
    expires: float = 0
    persistent: bool = False

    def attrs(self) -> dict[str, Any]:
        host, _, service = self.of.partition("!")
        return {
            "__name": f"{self.of}!{self.id}",
            "host_name": host,
            "service_name": service,
            "author": self.author,
            "text": self.text,
            "entry_time": self.at,
            "entry_type": self.entry_type,
            "expire_time": self.expires,
            "persistent": self.persistent,
        }


class State:
    """Everything that a restart keeps."""

    def __init__(self, dice: Random) -> None:
        self.objects: dict[str, Checkable] = {}
        self.comments: list[Comment] = []
        self._dice = dice

    def check(self, one: Checkable, state: int, output: str, now: float) -> None:
        """A check result comes in; a host has only two states."""
        state = min(state, 1) if one.kind == "Host" else state
        was_well, was_hard, before = one.is_well, one.hard and one.output is not None, one.state
        first, one.output, one.state = one.output is None, output, state
        if first or state != before:
            one.changed = now
        if one.is_well:
            one.attempt, one.hard, one.well = 1, True, now
        else:
            goes_on = not was_well  # what was never checked counts as its first failed attempt
            one.attempt = one.attempt + 1 if goes_on and not was_hard else 1
            one.hard = (goes_on and was_hard) or one.attempt >= one.attempts
        if one.hard and (first or state != before or not was_hard):
            one.hardened = now
        if one.is_well or (state != before and one.acknowledgement == 1):
            self.clear(one, now)

    def acknowledge(
        self, one: Checkable, author: str, text: str, now: float, *, sticky: bool, expiry: float, persistent: bool
    ) -> None:
        one.acknowledgement, one.expiry, one.acknowledged = 1 + sticky, expiry, now
        self.comment(one, author, text, now, entry_type=4, expires=expiry, persistent=persistent)

    def clear(self, one: Checkable, now: float) -> None:
        """Persistent comments of an acknowledgement outlive it."""
        if one.acknowledgement:
            one.acknowledgement, one.expiry, one.acknowledged = 0, 0, now
        kept = [each for each in self.comments if each.of != one.name or each.entry_type != 4 or each.persistent]
        self.comments = kept

    def comment(
        self,
        one: Checkable,
        author: str,
        text: str,
        now: float,
        *,
        entry_type: int = 1,
        expires: float = 0,
        persistent: bool = False,
    ) -> None:
        made = str(uuid.UUID(int=self._dice.getrandbits(128), version=4))
        self.comments.append(Comment(one.name, made, author, text, now, entry_type, expires, persistent))

    def shown(self, now: float) -> list[Comment]:
        return [one for one in self.comments if one.expires == 0 or one.expires + LINGERS > now]

    def delete(self, name: str) -> None:
        for one in [each for each in self.objects if each == name or each.startswith(f"{name}!")]:
            del self.objects[one]
            self.comments = [comment for comment in self.comments if comment.of != one]
