"""What a schedule's world is made of: its tools and their habits, drawn from the seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import Final

from tieline import mappings
from tieline.adapters.memory.settings import MemorySettings
from tieline.adapters.memory.tool import EXACT
from tieline.cli.simulation.alerts import AlertsPlugin
from tieline.cli.simulation.floor.page import PAGE
from tieline.cli.simulation.floor.rounds import RoundsPlugin
from tieline.cli.simulation.habits import Habit
from tieline.cli.simulation.shipped.cast import (
    PAGE_SETTINGS,
    ROLES,
    STATUS_PAGE,
    WATCHES,
    ShippedPlugin,
    with_secrets,
)
from tieline.cli.simulation.tickets import TicketsPlugin
from tieline.core.config import Config, ConnectionConfig, load_text
from tieline.core.model import Severity
from tieline.core.plugins import Plugin
from tieline.core.registry import Limits, Registry
from tieline.core.secrets import Secret
from tieline.core.settings import Findings
from tieline.core.yaml import Node
from tieline.plugins.escalation import plugin as escalation
from tieline.plugins.escalation.policy import Fallback
from tieline.plugins.escalation.policy import Limits as EscalationLimits
from tieline.plugins.escalation.policy import Settings as EscalationSettings
from tieline.plugins.grouping.plugin import Grouping, Settings
from tieline.plugins.publishing import plugin as publishing
from tieline.plugins.publishing.policy import Settings as PublishingSettings
from tieline.plugins.review import plugin as reviewing
from tieline.plugins.severity import plugin as severity

POLL_EVERY = 30
"""Seconds between two polls of one tool."""

ALERTS = "alerts"

SIMULATED = "simulated"
"""The monitoring that is made for simulations."""

CASTS: Final = (
    ("servicenow", "jira"),
    ("jira", "pagerduty"),
    ("servicenow", "pagerduty"),
    ("servicenow", "jira", "pagerduty"),
    ("servicenow", "jira-jsm"),
    ("jira-dc", "servicenow"),
    ("jira", "left"),
    ("servicenow", "left"),
    ("pagerduty", "left"),
)
"""Which tools meet. `left` is a memory tool, which can show every field."""

MEMORY_TOOLS: Final = ("left", "right", "third")

MEMORY: Final = "memory"
SHIPPED: Final = "shipped"

UPSTAIRS: Final = 0.05
"""The share of the worlds that have a second floor, where plugins are at work."""

HEARD: Final = 0.3
"""Of the worlds with an Alertmanager, in how many its API cannot be reached: what its webhooks say is all."""

DOUBT_FROM = 2
"""Missing alerts that are too many: small, since few fire at once in these worlds."""

PAGE_SIZES = (2, 3, 100)

TIMES_OF_ALERTS = "tell_every: 20s, flap_hold: 20s, flap_hold_longest: 1m, steady_after: 10m, reraise_after: 2m"
"""All short, so that what waits in them comes about in a schedule."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One world. Where two layers of defence cover each other, some worlds lack one of them: `polls` without hooks
    and hooks without polls, for instance; else nothing would show that the other one is broken.

    Its last tool may have `habits`, field by field, or take no critical severity any more (`narrow`), each without a
    word about it. Its first may have a rule that
    edits what we wrote, and in a `quarrel` two rules fight. One tool may be `blunt`: it
    refuses no write on an old version.
    """

    tools: tuple[str, ...]
    alerts: bool
    polls: bool
    hooks: bool
    page_size: int
    lookup_lag: timedelta
    replication_lag: timedelta
    resolution: timedelta
    backups: bool
    habits: Mapping[str, Habit]
    narrow: bool
    rule: bool
    quarrel: bool
    plain_comments: bool
    """Whether comments carry no token, as in most tools: our own are known by their first line."""
    batch: int = 200
    """Rows that a lane looks at in one step: where they are few, a write overtakes a reading that still waits."""
    workers: int = 1
    """Processes on the one store: one takes the lanes without asking, two take turns at each of them."""
    blunt: str = ""
    candid: bool = False
    """Whether a `narrow` tool tells in its schema what it does not take any more."""
    monitoring: str = SIMULATED
    calls_per_minute: int = 0
    """What one shipped tool may be asked; 0 for what its adapter allows itself."""
    shared: bool = False
    """Whether the memory tools are of one account, though each of them has troubles of its own."""
    tool_habits: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """What the shipped tools do by themselves: see `shipped.habits`."""
    alert_habits: frozenset[str] = frozenset()
    """What is unusual about what a shipped monitoring sends."""
    floor: bool = False
    """Whether plugins are at work, and people do their acts."""
    hands: int = 1
    """In how many processes plugins work."""
    gated: bool = False
    """Whether what closes or lowers in a tool waits there until somebody agrees."""
    page: bool = False
    """Whether there is a status page, and people who publish there what others approved."""
    silence_for: str = "10m"
    """How long an alert is silenced that somebody works on. Where it is long, no silence runs out by itself before it
    is looked at whether it was taken back."""

    @classmethod
    def drawn(cls, dice: random.Random) -> Shape:
        news = dice.choice(("both", "both", "both", "polls", "hooks"))
        drawn = cls(
            tools=dice.choice((("left", "right"), ("left", "right", "third"))),
            alerts=dice.random() < 0.6,
            polls=news != "hooks",
            hooks=news != "polls",
            page_size=dice.choice(PAGE_SIZES),
            lookup_lag=timedelta(seconds=dice.choice((0, 0, 20, 60))),
            replication_lag=timedelta(seconds=dice.choice((0, 0, 0, 10))),
            resolution=dice.choice((EXACT, timedelta(milliseconds=1), timedelta(seconds=1))),
            backups=dice.random() < 0.15,
            habits=Habit.drawn(dice),
            narrow=dice.random() < 0.1,
            rule=dice.random() < 0.2,
            quarrel=dice.random() < 0.05,
            plain_comments=dice.random() < 0.5,
        )
        # Without polls nothing brings back what a lagging replica denied, or what an old backup forgot.
        return drawn if drawn.polls else replace(drawn, replication_lag=timedelta(0), backups=False)

    def played_by(self, tools: Sequence[str], monitoring: str) -> Shape:
        """The same world with these tools in it, as far as they have its habits: only a memory tool can do everything
        badly, and none of the shipped ones refuses a write on an old version."""
        # PagerDuty tells of no new title by webhook, so that whoever follows it polls.
        polls = self.polls or "pagerduty" in tools
        calm = replace(self, polls=polls, habits={}, narrow=False, rule=False, quarrel=False)
        if is_only_heard(monitoring):
            # What is told once and nobody can be asked for, an old backup has forgotten for good.
            calm = replace(calm, backups=False)
        return replace(calm, tools=tuple(tools), monitoring=monitoring, blunt="")

    @property
    def connections(self) -> tuple[str, ...]:
        return (*self.tools, *([ALERTS] if self.alerts else []), *([PAGE] if self.page else []))

    def has_habit(self, tool: str, field: str) -> bool:
        return tool == self.tools[-1] and field in self.habits

    def words(self) -> str:
        """What is particular about this world, for a person."""
        others = ("tools", "alerts", "habits", "tool_habits", "alert_habits")
        told = [one.name for one in fields(self) if one.name not in others]
        parts = [f"{name}={getattr(self, name)}" for name in told]
        parts.append(f"habits={' '.join(f'{name}:{habit}' for name, habit in self.habits.items()) or 'none'}")
        parts += [f"{tool} {', '.join(sorted(names))}" for tool, names in self.tool_habits.items() if names]
        parts += [f"alerts {', '.join(sorted(self.alert_habits))}"] if self.alert_habits else []
        return f"{', '.join(self.connections)}; {', '.join(parts)}"


def is_only_heard(monitoring: str) -> bool:
    """Whether webhooks are all that reaches us of this monitoring."""
    return monitoring in WATCHES and WATCHES[monitoring].only_heard


def cast(tools: str, dice: random.Random, heard: random.Random) -> tuple[tuple[str, ...], str]:
    """The ticket tools and the monitoring that these words name; what they leave open is drawn. Raises ValueError."""
    named = [] if tools == SHIPPED else [name.strip() for name in tools.split(",")]
    unknown = [name for name in named if name not in (*ROLES, *WATCHES, *MEMORY_TOOLS)]
    if unknown:
        raise ValueError(f"there is no tool {unknown[0]!r}; there are {', '.join((*ROLES, *WATCHES, *MEMORY_TOOLS))}")
    tickets = tuple(name for name in named if name not in WATCHES)
    watching = next((name for name in named if name in WATCHES), "")
    drawn = dice.choice(CASTS), dice.choice(("alertmanager", "prometheus", SIMULATED))
    monitoring = "alertmanager-heard" if drawn[1] == "alertmanager" and heard.random() < HEARD else drawn[1]
    return tickets or drawn[0], watching or monitoring


load_mapping = cache(mappings.load)
"""What a start reads from disk is read once per process here."""


def load(shape: Shape, page_size: int, groups: tuple[str, ...] = ()) -> tuple[Config, Registry]:
    """The configuration of a world of this shape, with the plugins that offer these groups."""
    lag = round(shape.lookup_lag.total_seconds())
    pace, silence = shape.calls_per_minute, shape.silence_for
    watch = shape.monitoring
    groups = (*groups, *([GATE] if shape.gated else []), *([PUBLISHING] if shape.page else []))
    return _load(
        shape.connections, watch, shape.polls, page_size, shape.blunt, lag, pace, silence, shape.shared, groups
    )


@cache
def _load(
    connections: tuple[str, ...],
    monitoring: str,
    polls: bool,
    page_size: int,
    blunt: str,
    lag: int,
    pace: int,
    silence: str,
    shared: bool,
    groups: tuple[str, ...],
) -> tuple[Config, Registry]:
    every = f"{POLL_EVERY}s" if polls else "3650d"
    signals = f"signals: {{window: 2m, silence_for: {silence}, doubt_from: {DOUBT_FROM}, {TIMES_OF_ALERTS}}}"
    lines = ["tieline: 1", f"poll_every: {every}", signals, "connections:"]
    for name in connections:
        if name == ALERTS:
            # Alerts are always polled: no source of alerts promises to tell of every end.
            lines.append(f"  {name}: {{{_watch(monitoring)}, poll_every: {POLL_EVERY}s}}")
        elif name == PAGE:
            lines.append(f"  {name}: {{tool: {STATUS_PAGE}, {PAGE_SETTINGS}, history: 30d}}")
        elif name in ROLES:
            paced = f", calls_per_minute: {pace}" if pace else ""
            lines.append(f"  {name}: {{{_role(name, page_size, lag)}, opens: true, history: 30d{paced}}}")
        else:
            tool = "simulated-blunt" if name == blunt else "simulated"
            # The first pass reaches back further than any clock is set here.
            account = ", account: desk" if shared else ""
            lines.append(f"  {name}: {{tool: {tool}, opens: true, history: 30d, page_size: {page_size}{account}}}")
    config, registry = load_text("\n".join(lines), Path("simulated.yaml"), partial(_provide, groups))
    with_secrets = {name: _with_secret(one) for name, one in config.connections.items()}
    return replace(config, connections=with_secrets), registry


def _watch(monitoring: str) -> str:
    if monitoring == SIMULATED:
        return "tool: simulated-alerts"
    return f"tool: {WATCHES[monitoring].tool}, {WATCHES[monitoring].settings}"


def _role(tool: str, page_size: int, lag: int) -> str:
    lagging = f", lookup_lag: {lag}s" if tool.startswith("jira") else ""
    return f"tool: {tool}, {ROLES[tool].settings}, page_size: {page_size}{lagging}"


def _with_secret(connection: ConnectionConfig) -> ConnectionConfig:
    if connection.tool in ROLES or connection.tool in WATCHES or connection.tool == STATUS_PAGE:
        return replace(connection, settings=with_secrets(connection.tool, connection.settings))
    if not isinstance(connection.settings, MemorySettings):
        return connection
    secret = Secret.literal(hook_secret(connection.name))
    return replace(connection, settings=connection.settings.model_copy(update={"webhook_secret": secret}))


def hook_secret(tool: str) -> str:
    """The key with which a simulated tool signs."""
    return f"hook-{tool}"


def _escalation() -> escalation.Plugin:
    """Its limits are short, so that they are over in a schedule."""
    short = EscalationLimits(acknowledge=timedelta(minutes=2), update=timedelta(minutes=6))
    settings = {Severity.CRITICAL: short, Severity.HIGH: short}
    fallback = Fallback(team="whoever is on duty")
    once = (75,)
    return escalation.Plugin(EscalationSettings(limits=settings, fallback=fallback, remind=once))


GATE: Final = "gate"
"""What plugin holds an edit in a tool."""

PUBLISHING: Final = "publishing"
"""What plugin has others approve what everybody reads."""

_UPSTAIRS: Final[Mapping[str, Callable[[], object]]] = {
    "rounds": RoundsPlugin,
    "escalation": _escalation,
    GATE: lambda: reviewing.Review(reviewing.Settings()),
    PUBLISHING: lambda: publishing.Plugin(PublishingSettings()),
}
"""The plugins of a world's second floor, by the group that they offer."""


def _provide(groups: tuple[str, ...], _allowed: Mapping[str, Node], findings: Findings) -> Registry:
    plugins = [
        Plugin("simulated", TicketsPlugin()),
        Plugin("simulated-alerts", AlertsPlugin()),
        Plugin("shipped", ShippedPlugin()),
        Plugin("grouping", Grouping(Settings(by=("service",)))),
        Plugin("severity", severity.Classifier(severity.Settings())),
        *(Plugin(name, make()) for name, make in _UPSTAIRS.items() if name in groups),
    ]
    return Registry(plugins, limits=Limits(inline=True), findings=findings)
