"""Alerts that go on and off. Pure: how often they did, and how long the next change is held for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tieline.core.options import SignalsConfig


@dataclass(frozen=True, slots=True)
class Flaps:
    """How often the alerts of a group began again right after the last of them had ended. It counts until `steady_at`;
    until `held_until` its incident is left as it is."""

    count: int = 0
    steady_at: datetime | None = None
    held_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Damped:
    """What becomes of a change: how the group flaps from now on, and whether its incident follows now."""

    flaps: Flaps
    follows: bool


def known(flaps: Flaps, now: datetime) -> int:
    """The flaps that still count."""
    return flaps.count if flaps.steady_at is not None and now < flaps.steady_at else 0


def at_beginning(flaps: Flaps, now: datetime, signals: SignalsConfig, *, is_resolved: bool, by_alerts: bool) -> Damped:
    """An alert begins in an incident that is resolved or open; `by_alerts` says that its alerts made it so.

    What a person resolved is reopened at once. What the alerts resolved, or are held from resolving, has flapped.
    """
    if is_resolved and not by_alerts:
        return Damped(replace(flaps, held_until=None), follows=True)
    is_held = flaps.held_until is not None
    if is_resolved is is_held:
        # It is held already, until what fires then decides; or nobody had taken it for over.
        return Damped(flaps, follows=False)
    wait = held_for(known(flaps, now), signals) if is_resolved else timedelta(0)
    flapped = Flaps(known(flaps, now) + 1, now + signals.steady_after, now + wait if wait else None)
    return Damped(flapped, follows=is_resolved and not wait)


def at_end(flaps: Flaps, now: datetime, signals: SignalsConfig, *, is_open: bool) -> Damped:
    """The last alert of an incident ends. What began and ended within one hold is not followed at all."""
    wait = held_for(known(flaps, now), signals) if is_open else timedelta(0)
    return Damped(replace(flaps, held_until=now + wait if wait else None), follows=is_open and not wait)


def held_for(count: int, signals: SignalsConfig) -> timedelta:
    """How long an end, or a beginning, is held after so many flaps: nothing is held that has not flapped, then it
    doubles with each, up to its bound."""
    if count <= 0 or not signals.flap_hold:
        return timedelta(0)
    doubled: timedelta = signals.flap_hold * 2 ** min(count - 1, 16)
    return min(doubled, max(signals.flap_hold_longest, signals.flap_hold))
