"""What the plugin offers."""

from __future__ import annotations

from tieline.core.access import READ, Role
from tieline.core.acts import Act
from tieline.core.events import Changed, Commented, Opened
from tieline.core.hooks import hookimpl
from tieline.core.offer import Follower, Offer, Right, TimerKind
from tieline.core.policy import Policy
from tieline.core.views import View
from tieline.plugins.escalation.acts import TICK, Escalation
from tieline.plugins.escalation.policy import Settings
from tieline.plugins.escalation.tables import CLOCKS, EVENTS, Snoozed
from tieline.plugins.escalation.views import clocks


class Plugin:
    """One instance for a configuration."""

    settings = Settings

    def __init__(self, settings: Settings) -> None:
        self._limits = Policy("limits", "how long what may take, and what follows when it takes longer", settings)
        self._does = Escalation(self._limits)

    @hookimpl
    def tieline_offer(self) -> Offer:
        """Limits on how long an incident waits, and what happens when they are over."""
        does = self._does
        return Offer(
            group="escalation",
            summary="Reminders while time runs out for an incident, and somebody else when it has.",
            acts=(
                Act(
                    "snooze",
                    does.snooze,
                    "escalation.snooze",
                    ("incident", "time"),
                    example={"incident": "INC-1", "time": "30m", "why": "The vendor calls back at noon."},
                    records=(Snoozed,),
                ),
            ),
            views=(View("clocks", clocks, READ, ("incident",)),),
            rights={
                "escalation.snooze": Right(
                    "put off the escalation of an incident",
                    (Role.RESPONDER, Role.COMMANDER, Role.SECURITY, Role.MANAGER),
                )
            },
            events=EVENTS,
            projections=(CLOCKS,),
            followers=(Follower("follow", (Opened, Changed, Commented), does.follow),),
            timers=(TimerKind(TICK, does.tick),),
            policies=(self._limits,),
            does=frozenset({"incident.edit", "incident.comment"}),
        )


plugin = Plugin
