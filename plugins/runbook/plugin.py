"""What the plugin offers."""

from __future__ import annotations

from tieline.core.access import READ, Role
from tieline.core.acts import Act
from tieline.core.events import Changed
from tieline.core.hooks import hookimpl
from tieline.core.offer import Follower, Offer, Right, TimerKind
from tieline.core.views import View
from tieline.plugins.runbook import tables
from tieline.plugins.runbook.acts import APPROVE, GATE, KIND, TIMEOUT, Runbooks
from tieline.plugins.runbook.policy import Settings, books
from tieline.plugins.runbook.views import listed, show

RUN = ("run",)
WORKERS = (Role.RESPONDER, Role.COMMANDER, Role.SECURITY, Role.MANAGER)
DECIDERS = (Role.COMMANDER, Role.SECURITY, Role.MANAGER)


class Plugin:
    """One instance for a configuration."""

    settings = Settings

    def __init__(self, settings: Settings) -> None:
        self._books = books(settings)
        self._does = Runbooks(self._books)

    @hookimpl
    def tieline_offer(self) -> Offer:
        """Runbooks, carried out step by step."""
        does, kind = self._does, KIND.name
        why = {"run": "INC-1", "why": "I look first."}
        return Offer(
            group="runbook",
            summary="Steps that a runner does for an incident, and a person can take over at any time.",
            acts=(
                Act(
                    "start",
                    does.start,
                    "runbook.start",
                    ("runbook", "incident"),
                    records=(tables.Started,),
                    asks_first=(APPROVE,),
                ),
                Act(
                    "approve",
                    does.approve,
                    APPROVE,
                    RUN,
                    kind=kind,
                    records=(tables.Approved,),
                    asks_first=(APPROVE,),
                ),
                Act(
                    "pause",
                    does.pause,
                    "runbook.control",
                    ("run", "why"),
                    kind=kind,
                    example=why,
                    records=(tables.Paused,),
                ),
                Act("resume", does.resume, "runbook.control", RUN, kind=kind, records=(tables.Resumed,)),
                Act(
                    "takeover",
                    does.takeover,
                    "runbook.control",
                    ("run", "why"),
                    kind=kind,
                    example=why,
                    records=(tables.TakenOver,),
                ),
                Act(
                    "abort",
                    does.abort,
                    "runbook.control",
                    ("run", "why"),
                    kind=kind,
                    example=why,
                    records=(tables.Aborted,),
                ),
                Act(
                    "settle",
                    does.settle,
                    "runbook.settle",
                    ("run", "outcome", "why"),
                    kind=kind,
                    records=(tables.Ended, tables.Moved, tables.Finished),
                ),
                Act("halt", does.halt, "runbook.halt", ("why",), records=(tables.Halted,)),
                Act("free", does.free, "runbook.halt", records=(tables.Freed,)),
            ),
            views=(
                View("show", show, READ, RUN, kind=kind),
                View("list", listed(self._books), READ),
            ),
            rights={
                "runbook.start": Right("have a runbook be carried out", WORKERS),
                APPROVE: Right("agree to a run that may do harm, and to a step of a run", DECIDERS),
                "runbook.control": Right("pause, resume, take over and abort a run", WORKERS),
                "runbook.settle": Right("say what came of a step", WORKERS),
                "runbook.halt": Right("have no step of any run begin", WORKERS),
            },
            events=tables.EVENTS,
            projections=(tables.RUNS,),
            followers=(
                Follower(
                    "follow", (tables.Started, tables.Approved, tables.Resumed, tables.Moved, Changed), does.follow
                ),
            ),
            timers=(TimerKind(GATE, does.gate), TimerKind(TIMEOUT, does.timeout)),
            policies=(self._books,),
            kinds=(KIND,),
            does=frozenset({"incident.edit", "incident.comment"}),
        )


plugin = Plugin
