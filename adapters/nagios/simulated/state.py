"""Hosts and services of a simulated Nagios 4.4, and what a check result makes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

CODES: Final = {"host": (2, 4, 8), "service": (2, 4, 16, 8)}
"""What the CGIs call the states that plugins call 0, 1, 2, 3."""
WELL: Final = {"host": "last_time_up", "service": "last_time_ok"}


@dataclass
class Checkable:
    """A host or a service; times are seconds since 1970, 0 for never."""

    name: str
    attempts: int = 1
    state: int | None = None
    attempt: int = 1
    hard: bool = True
    output: str = ""
    well: int = 0
    changed: int = 0
    hardened: int = 0
    acknowledgement: int = 0
    downtimes: int = 0
    odd: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return "service" if "!" in self.name else "host"

    @property
    def is_well(self) -> bool:
        return not self.state

    def check(self, state: int, output: str, now: int) -> None:
        """What a plugin says. `last_time_ok` is when it was last well, as Nagios finds by the next result."""
        before, self.output = self.state, output
        if before in (0, None) and before is not None:
            self.well = now
        if state != before:
            self.changed = now
        if state == 0 or before in (0, None) or not self.hard:
            self.attempt = 1 if before in (0, None) or state == 0 else self.attempt + 1
        was_hard = self.hard
        self.hard = state == 0 or self.attempt >= self.attempts or (was_hard and before not in (0, None))
        if self.hard and (state != before or not was_hard):
            self.hardened = now
        self.state = state
        if state == 0 or (self.acknowledgement == 1 and state != before):
            self.acknowledgement = 0

    def attrs(self) -> dict[str, Any]:
        host, _, service = self.name.partition("!")
        first, _, rest = self.output.partition("\n")
        pending = self.state is None
        return {
            **({"host_name": host, "description": service} if service else {"name": host}),
            "plugin_output": f"{self.kind.title()} is not scheduled to be checked..." if pending else told(first),
            "long_plugin_output": told(rest.replace("\n", "\\n")),
            "status": 1 if self.state is None else CODES[self.kind][self.state],
            "has_been_checked": not pending,
            "state_type": int(self.hard),
            "last_state_change": self.changed * 1000,
            "last_hard_state_change": self.hardened * 1000,
            WELL[self.kind]: self.well * 1000,
            "problem_has_been_acknowledged": self.acknowledgement > 0,
            "acknowledgement_type": self.acknowledgement,
            "scheduled_downtime_depth": self.downtimes,
            **self.odd,
        }


@dataclass
class Comment:
    """One comment of an acknowledgement."""

    id: int
    of: str
    author: str
    text: str
    at: int
    persistent: bool = False

    def attrs(self) -> dict[str, Any]:
        host, _, service = self.of.partition("!")
        return {
            "comment_id": self.id,
            "comment_type": 2 if service else 1,
            "entry_type": 4,
            "source": 0,
            "persistent": self.persistent,
            "entry_time": self.at * 1000,
            "expires": False,
            "expire_time": 0,
            "host_name": host,
            **({"service_description": service} if service else {}),
            "author": told(self.author),
            "comment_data": told(self.text),
        }


def told(text: str) -> str:
    """As the CGIs tell a text on a machine without the locale en_US.UTF-8: not at all, where a letter is not ASCII."""
    return text if text.isascii() else ""
