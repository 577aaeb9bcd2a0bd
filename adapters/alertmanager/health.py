"""What Alertmanager says of itself: whether it has just forgotten everything, and what in its setup harms us."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tieline.adapters.alertmanager.settings import AlertmanagerSettings
from tieline.core.episodes import parse_moment
from tieline.core.port import Unreadable

NOT_TOLD: Final = "N/A"
"""How Grafana fills in what it does not tell."""


@dataclass(frozen=True, slots=True)
class Server:
    """The parts of GET /api/v2/status that we act on. `started` is by its own clock (`uptime` there); Grafana's own
    Alertmanager tells neither that nor a version, and its configuration in a form of its own."""

    version: str
    started: datetime | None
    settling: bool
    config: str

    def may_have_forgotten(self, at: datetime, grace: timedelta) -> bool:
        """Alertmanager keeps alerts in memory only; after a start it learns what fires as Prometheus repeats it."""
        # `at` has whole seconds, and may lie before a start in the same second.
        return self.settling or (self.started is not None and max(at - self.started, timedelta(0)) < grace)

    @property
    def called(self) -> str:
        """What it is, and its version."""
        return f"Alertmanager {self.version}" if self.version != NOT_TOLD else "Alertmanager of unknown version"


def server(status: Any) -> Server:
    """Raises ValueError when this is no Alertmanager's status."""
    try:
        return Server(
            version=str(status["versionInfo"]["version"]),
            started=parse_moment(status["uptime"]) if status.get("uptime") is not None else None,
            settling=status["cluster"]["status"] == "settling",
            config=str(status["config"].get("original", "")),
        )
    except (AttributeError, KeyError, TypeError, IndexError):
        raise ValueError("neither `versionInfo`, `uptime`, `cluster` nor `config`") from None


def notes_of(found: Server, settings: AlertmanagerSettings, at: datetime) -> Iterator[str]:
    """Sentences for an operator."""
    if settings.webhook_token is None and settings.webhook_password is None:
        yield "No `webhook_token` is set: webhooks are refused, and alerts arrive only by polling."
    if settings.receiver is None:
        yield "No `receiver` is set: polls take in every alert, also those that are routed elsewhere."
    if re.search(r"^\s*max_alerts: *[1-9]", found.config, re.MULTILINE):
        yield "A webhook there has `max_alerts`: what it leaves out arrives only by polling; set it to 0."
    if re.search(r"^\s*(- )?send_resolved: *false", found.config, re.MULTILINE):
        yield "A receiver there has `send_resolved: false`: the end of an alert arrives only by polling."
    if found.started is None:
        yield (
            "It does not tell when it was started: alerts that it has forgotten then count as ended until it is told "
            "of them again."
        )
    if found.may_have_forgotten(at, settings.restart_grace):
        yield "It started a short while ago and may not know yet what fires; no absent alert counts as ended for now."


def odd_ones(odd: Sequence[Unreadable], understood: int) -> Iterator[str]:
    """A sentence about the alerts that are there and cannot be understood."""
    if odd:
        first = f"{odd[0].key or 'one without a name'}: {odd[0].sentence}"
        yield f"{len(odd)} of {len(odd) + understood} alerts there cannot be understood and are left out ({first})."
