"""What the plugin offers."""

from __future__ import annotations

from collections.abc import Mapping

from tieline.core.access import READ, Role
from tieline.core.acts import Act
from tieline.core.hooks import Edited, Objection, hookimpl
from tieline.core.model import RecordKind
from tieline.core.offer import Offer, Right, TimerKind
from tieline.core.views import View
from tieline.plugins.publishing import tables
from tieline.plugins.publishing.acts import APPROVE, APPROVE_LEGAL, PUBLISH, Announcements
from tieline.plugins.publishing.policy import Settings
from tieline.plugins.publishing.tables import Published, Resumed, Retracted, Scheduled, Stopped, Written
from tieline.plugins.publishing.views import show

ONE = ("announcement",)
KIND = RecordKind.ANNOUNCEMENT.value
INCIDENT = RecordKind.INCIDENT.value
WRITERS = (Role.RESPONDER, Role.COMMANDER, Role.COMMUNICATIONS, Role.SECURITY)
STOPPERS = (Role.COMMUNICATIONS, Role.COMMANDER, Role.LEGAL, Role.SECURITY, Role.MANAGER)
_ONE = {"announcement": "ANN-1"}
_WORDS = {**_ONE, "text": "It is the certificate. We renew it."}
_DRAFT = {"about": "INC-1", "title": "Payments fail", "text": "Some payments are declined. We look into it."}


class Plugin:
    """One instance for a configuration."""

    settings = Settings

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._does = Announcements(settings)

    @hookimpl
    def tieline_offer(self) -> Offer:
        """Announcements, approved before anybody reads them."""
        does, asks = self._does, (APPROVE, APPROVE_LEGAL)
        return Offer(
            group="publishing",
            summary="What everybody is told: in words that somebody else approved, and by who may.",
            acts=(
                Act(
                    "draft",
                    does.draft,
                    "publishing.write",
                    ("about", "title"),
                    kind=INCIDENT,
                    example=_DRAFT,
                    records=(Written,),
                    opens=KIND,
                ),
                Act("write", does.write, "publishing.write", ONE, kind=KIND, example=_WORDS, records=(Written,)),
                Act(
                    "publish",
                    does.publish,
                    "publishing.publish",
                    ONE,
                    kind=KIND,
                    example=_ONE,
                    records=(Scheduled, Published),
                    asks_first=asks,
                ),
                Act(
                    "correct",
                    does.correct,
                    "publishing.publish",
                    ONE,
                    kind=KIND,
                    example=_WORDS,
                    records=(Written, Published),
                    asks_first=asks,
                    after=("publish",),
                ),
                Act(
                    "retract",
                    does.retract,
                    "publishing.publish",
                    ("announcement", "why"),
                    kind=KIND,
                    example={**_ONE, "why": "It was another service."},
                    records=(Written, Retracted),
                    asks_first=asks,
                    after=("publish",),
                ),
                Act("stop", does.stop, "publishing.stop", ("why",), example={"why": "A leak."}, records=(Stopped,)),
                Act("resume", does.resume, "publishing.resume", example={}, records=(Resumed,), after=("stop",)),
            ),
            views=(View("show", show, READ, ONE, kind=KIND, example=_ONE),),
            rights={
                "publishing.write": Right("write what everybody is to be told", WRITERS),
                "publishing.publish": Right(
                    "have an announcement be published, corrected or withdrawn, once it is approved",
                    (Role.COMMUNICATIONS,),
                ),
                APPROVE: Right("approve what everybody is told", (Role.COMMANDER, Role.MANAGER)),
                APPROVE_LEGAL: Right("approve what everybody is told where it touches law or security", (Role.LEGAL,)),
                "publishing.stop": Right("have nothing be published any more", STOPPERS),
                "publishing.resume": Right("have what is approved be published again", (Role.COMMANDER, Role.MANAGER)),
            },
            events=tables.EVENTS,
            projections=(tables.ANNOUNCEMENTS,),
            timers=(TimerKind(PUBLISH, does.due),),
            does=frozenset({"incident.edit"}),
            withdrawn={KIND: self._settings.fixed},
        )

    @hookimpl
    def tieline_review(self, edited: Edited) -> Mapping[str, Objection]:
        """What somebody wrote on the page itself is nothing that anybody approved."""
        if edited.kind != RecordKind.ANNOUNCEMENT:
            return {}
        why = f"{edited.editor} wrote it there, and nobody has approved it"
        return dict.fromkeys(edited.changes, Objection(why, "publishing.publish"))


plugin = Plugin
