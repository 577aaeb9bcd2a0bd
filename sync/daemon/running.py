"""What a worker runs, as it tells with its sign of life: the file may say something else by now, or be refused.

Whoever looks from outside has nothing but the file and the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from tieline.core.config import Config, ConnectionConfig
from tieline.core.errors import ConfigError, Problem, StoreUnavailable, TielineError, as_sentence
from tieline.core.redaction import redacted

LONGEST: Final = 600
"""Characters of why a reload was refused; the log has all of it."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A connection as a worker has it, or as a file would have it."""

    tool: str
    only_listens: bool
    risks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reload that was refused, and why."""

    at: datetime
    reason: str

    def sentence(self, passed: str) -> str:
        """For people, with what to do. `passed` is how long ago that was, as `ago` says it."""
        return (
            f"The last reload was refused {passed} ago, at {self.at:%Y-%m-%d %H:%M:%S} UTC, and what ran before goes "
            f"on: {self.reason} Once that is mended, reload again (SIGHUP)."
        )


@dataclass(frozen=True, slots=True)
class Running:
    """What one worker tells of itself."""

    connections: Mapping[str, Loaded]
    refusal: Refusal | None
    file: str = ""
    """The file that it was started from; "" for one of a version that does not say so."""


def loaded(one: ConnectionConfig) -> Loaded:
    """What is told of a connection."""
    return Loaded(one.tool, one.settings.only_listens, tuple(one.settings.risks))


def as_facts(config: Config, refusal: Refusal | None) -> dict[str, Any]:
    """What a worker runs, as a sign of life carries it."""
    refused = None if refusal is None else {"at": refusal.at.timestamp(), "reason": refusal.reason}
    connections = {name: asdict(loaded(one)) for name, one in config.connections.items()}
    return {"file": str(config.file.resolve()), "connections": connections, "refused": refused}


def from_facts(facts: Mapping[str, Any]) -> Running:
    """What such a sign says."""
    refused = facts["refused"]
    refusal = None if refused is None else Refusal(datetime.fromtimestamp(refused["at"], UTC), refused["reason"])
    connections = {
        name: Loaded(one["tool"], one["only_listens"], tuple(one["risks"]))
        for name, one in facts["connections"].items()
    }
    return Running(connections, refusal, facts.get("file", ""))


def unchangeable(before: Config, after: Config, *, listens_at: str = "", who: str = "the daemon") -> list[Problem]:
    """What another file says anew, and only a restart can change: the store, its keys, and where `who` listens."""
    options = {
        "store": before.store != after.store,
        "keys": before.keys != after.keys,
        "server.listen": before.server.listen != after.server.listen,
        "web.listen": before.web.listen != after.web.listen,
        "web.certificate": bool(before.web.certificate) != bool(after.web.certificate),
    }
    matters = {"store", "keys", *_OF_LISTENING.get(listens_at, ())}
    fix = f"restart {who}, or write back what stood there."
    return [
        after.problem(option, "RUN004", f"`{option}` is another one now, which no reload changes.", fix)
        for option, differs in options.items()
        if differs and option in matters
    ]


_OF_LISTENING: Final = {"server": ("server.listen",), "web": ("web.listen", "web.certificate")}


def as_logged(error: Exception) -> dict[str, Any]:
    """What the log says of why a reload came to nothing; of what is a fault of ours, where it was met."""
    if isinstance(error, ConfigError):
        return {"problems": [str(problem) for problem in error.problems]}
    ours = not isinstance(error, TielineError)
    return {"reason": f"{type(error).__name__}: {error}", "exc_info": error if ours else None}


def why_refused(error: Exception) -> str:
    """Why a reload came to nothing, as one sentence or a few."""
    match error:
        case ConfigError(problems=[first, *others]):
            words = f"{first} And {len(others)} more; the log has them all." if others else str(first)
        case StoreUnavailable():
            words = f"the store does not answer: {as_sentence(error)}"
        case TielineError():
            words = as_sentence(error)
        case _:
            words = f"nobody expected this, and the log has more: {type(error).__name__}: {as_sentence(error)}"
    words = redacted(words)
    return words if len(words) <= LONGEST else f"{words[:LONGEST]}…"
