"""What the plugin offers."""

from __future__ import annotations

from datetime import time
from zoneinfo import ZoneInfo

from tieline.core.access import Role
from tieline.core.acts import Act
from tieline.core.hooks import hookimpl
from tieline.core.jobs import Job, Result
from tieline.core.offer import Offer, Right, TimerKind
from tieline.core.policy import Policy
from tieline.core.schedules import Daily
from tieline.core.store.forgetting import CERTIFICATES
from tieline.core.views import View
from tieline.plugins.retention.acts import APPROVE, Retention
from tieline.plugins.retention.again import Again
from tieline.plugins.retention.people import clear, erase_person, people
from tieline.plugins.retention.policy import Settings
from tieline.plugins.retention.tables import ENDS, ERASED, EVENTS, KEPT, Allowed, Forgotten, PersonToErase
from tieline.plugins.retention.views import due, show

NIGHTLY = Daily(time(2, 30), ZoneInfo("UTC"))
PERSON = {"person": "ann@example.com", "reference": "DSR-12", "law": "GDPR Art. 17(1)"}
ERASE = {"incident": "INC-1", "why": "Request 12.", "law": "GDPR Art. 17(1)"}


class Plugin:
    """One instance for a configuration."""

    settings = Settings

    def __init__(self, settings: Settings) -> None:
        self._classes = Policy("classes", "how long what is kept at least, and at most", settings)

    @hookimpl
    def tieline_offer(self) -> Offer:
        """How long what is kept, and letting go of it."""
        does = Retention(self._classes)
        keepers = (Role.LEGAL, Role.MANAGER)
        return Offer(
            group="retention",
            summary="How long what is kept of an item, and letting go of it with a certificate.",
            acts=(
                Act(
                    "erase",
                    does.erase,
                    "retention.erase",
                    ("incident",),
                    example=ERASE,
                    records=(Forgotten,),
                    asks_first=(APPROVE,),
                    is_breakable=False,
                ),
                Act(
                    "erase-person",
                    erase_person,
                    "retention.erase",
                    ("person", "reference"),
                    example=PERSON,
                    records=(PersonToErase,),
                    asks_first=(APPROVE,),
                    is_breakable=False,
                ),
                Act(
                    "allow",
                    does.allow,
                    "retention.sweep",
                    ("items",),
                    example={"items": 500},
                    records=(Allowed,),
                    asks_first=(APPROVE,),
                    is_breakable=False,
                ),
            ),
            views=(
                View("show", show(self._classes), "retention.read", ("incident",), example={"incident": "INC-1"}),
                View("people", people, "retention.read", ("reference",), example={}),
                View("due", due(self._classes), "retention.read"),
            ),
            rights={
                "retention.read": Right("see how long what is kept, and what was forgotten", (*keepers, Role.AUDITOR)),
                "retention.erase": Right("ask that an item or a person be forgotten", keepers),
                "retention.sweep": Right("have what is kept for too long be forgotten", keepers),
                APPROVE: Right("agree that something be forgotten", keepers),
            },
            events=EVENTS,
            projections=(ENDS, KEPT, ERASED),
            timers=(TimerKind("daily", does.daily, NIGHTLY),),
            jobs=(
                Job(
                    "clear",
                    clear,
                    "retention.erase",
                    ("reference",),
                    example={"reference": "DSR-12"},
                    result=Result("text/plain", "retention.read"),
                    is_alone=True,
                ),
                Job(
                    "repeat",
                    Again(does).repeat,
                    "retention.sweep",
                    example={},
                    is_alone=True,
                    after_restore=True,
                ),
                Job(
                    "sweep",
                    does.sweep,
                    "retention.sweep",
                    example={},
                    result=Result("application/json", "retention.read", CERTIFICATES),
                ),
            ),
            policies=(self._classes,),
            does=frozenset({"item.forget"}),
        )


plugin = Plugin
