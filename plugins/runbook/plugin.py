"""What the plugin offers."""

from __future__ import annotations

from tieline.core.access import READ, SET_POLICY, Role
from tieline.core.acts import Act
from tieline.core.events import Changed
from tieline.core.hooks import hookimpl
from tieline.core.offer import Follower, Offer, Right, TimerKind
from tieline.core.views import View
from tieline.plugins.runbook import tables
from tieline.plugins.runbook.acts import APPROVE, GATE, KIND, START, TIMEOUT, Runbooks
from tieline.plugins.runbook.settings import Settings, automation, books
from tieline.plugins.runbook.views import exported, listed, show

RUN = ("run",)
CONTROL = "runbook.control"
WORKERS = (Role.RESPONDER, Role.COMMANDER, Role.SECURITY, Role.MANAGER)
DECIDERS = (Role.COMMANDER, Role.SECURITY, Role.MANAGER)

PLAYBOOK = """{"type": "playbook", "spec_version": "cacao-2.0", "name": "look", "workflow_start": "start--1",
 "workflow": {"start--1": {"type": "start", "on_completion": "action--1"},
  "action--1": {"type": "action", "name": "look", "on_completion": "end--1", "agent": "group--1",
   "commands": [{"type": "bash", "command": "uptime"}]}, "end--1": {"type": "end"}},
 "agent_definitions": {"group--1": {"type": "group", "name": "shell"}}}"""


class Plugin:
    """One instance for a configuration."""

    settings = Settings

    def __init__(self, settings: Settings) -> None:
        self._books = books(settings)
        self._automation = automation(settings)
        self._does = Runbooks(self._books, self._automation)

    @hookimpl
    def tieline_offer(self) -> Offer:
        """Runbooks, carried out step by step."""
        does, kind = self._does, KIND.name
        run = {"run": "RUN-1"}
        why = {**run, "why": "I look first."}
        return Offer(
            group="runbook",
            summary="Steps that a runner does for an incident, and a person can take over at any time.",
            acts=(
                Act(
                    "start",
                    does.start,
                    START,
                    ("runbook", "incident"),
                    example={"runbook": "restart", "incident": "INC-1"},
                    records=(tables.Started, tables.Vouched),
                    asks_first=(APPROVE,),
                    opens=kind,
                ),
                Act(
                    "approve",
                    does.approve,
                    APPROVE,
                    RUN,
                    kind=kind,
                    example=run,
                    records=(tables.Approved,),
                    asks_first=(APPROVE,),
                ),
                Act("pause", does.pause, CONTROL, ("run", "why"), kind=kind, example=why, records=(tables.Paused,)),
                Act(
                    "resume",
                    does.resume,
                    CONTROL,
                    RUN,
                    kind=kind,
                    example=run,
                    records=(tables.Resumed, tables.Vouched),
                    after=("pause",),
                ),
                Act(
                    "takeover",
                    does.takeover,
                    CONTROL,
                    ("run", "why"),
                    kind=kind,
                    example=why,
                    records=(tables.TakenOver,),
                ),
                Act("abort", does.abort, CONTROL, ("run", "why"), kind=kind, example=why, records=(tables.Aborted,)),
                Act(
                    "settle",
                    does.settle,
                    "runbook.settle",
                    ("run", "outcome", "why"),
                    kind=kind,
                    example={**why, "outcome": "succeeded"},
                    records=(tables.Ended, tables.Moved, tables.Finished),
                    after=("takeover",),
                ),
                Act(
                    "halt",
                    does.halt,
                    "runbook.halt",
                    ("why",),
                    example={"why": "I look first."},
                    records=(tables.Halted,),
                ),
                Act(
                    "import",
                    does.bring,
                    "policy.propose",
                    ("document",),
                    example={"document": PLAYBOOK},
                    asks_first=(SET_POLICY,),
                ),
                Act("free", does.free, "runbook.halt", example={}, records=(tables.Freed,), after=("halt",)),
            ),
            views=(
                View("show", show, READ, RUN, kind=kind, example=run),
                View("export", exported(self._books), READ, ("runbook",), example={"runbook": "restart"}),
                View("list", listed(self._books), READ, example={}),
            ),
            rights={
                START: Right("have a runbook be carried out", WORKERS),
                APPROVE: Right("agree to a run that may do harm, and to a step of a run", DECIDERS),
                CONTROL: Right("pause, resume, take over and abort a run", WORKERS),
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
            policies=(self._books, self._automation),
            kinds=(KIND,),
            does=frozenset({"incident.edit", "incident.comment"}),
        )


plugin = Plugin
