"""What shipped tools do by themselves in some worlds, field by field and without a word: switches of their simulators,
which administrators of the real ones turn too."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from tieline.adapters.jira.simulated.site import AUTOMATION, Issue, Site

HABITUAL: Final = 0.2
"""In how many worlds the tools have habits at all."""

LIKELY: Final = 0.25
"""How likely a tool then has one of its possible habits: few tools have many."""

UNTELLABLE: Final = ("jira-dc", "lifts priorities")
"""On Data Center a rule acts as one of the users, whom nobody can tell from a person."""

SOON: Final = timedelta(seconds=90)
LATER: Final = timedelta(minutes=4)

Turn = Callable[[Any, bool], None]
"""Switches a habit of this simulator on or off."""


@dataclass(frozen=True, slots=True)
class ToolHabit:
    """One habit, and the canonical fields that may show something else by it."""

    fields: frozenset[str]
    turn: Turn


def drawn(tools: Sequence[str], dice: random.Random) -> dict[str, frozenset[str]]:
    """Which habits each of these tools has, by name."""
    if dice.random() >= HABITUAL:
        return {}
    return {
        tool: frozenset(name for name in POSSIBLE[kind(tool)] if dice.random() < LIKELY and (tool, name) != UNTELLABLE)
        for tool in tools
        if kind(tool) in POSSIBLE
    }


def kind(tool: str) -> str:
    """All kinds of Jira have the same habits."""
    return "jira" if tool.startswith("jira") else tool


def _within(held: Callable[[Any], set[str]], one: str) -> Turn:
    """A habit that is a name in a set."""

    def turn(simulator: Any, on: bool) -> None:
        if on:
            held(simulator).add(one)
        else:
            held(simulator).discard(one)

    return turn


def _dropped(column: str, field: str) -> ToolHabit:
    """ServiceNow: an access rule keeps the account from writing a column, and nobody says so."""
    return ToolHabit(frozenset({field}), _within(lambda simulator: simulator.silent, column))


def _left_alone(member: str, field: str) -> ToolHabit:
    """Jira: an edit is answered with 204 and leaves a field as it was."""
    return ToolHabit(frozenset({field}), _within(lambda simulator: simulator.site.ignores, member))


def _ignored(member: str, field: str) -> ToolHabit:
    """PagerDuty: PUT takes a member and does nothing with it."""
    return ToolHabit(frozenset({field}), _within(lambda simulator: simulator.rest.ignores, member))


def _tidies(simulator: Any, on: bool) -> None:
    simulator.rules[:] = [rule for rule in simulator.rules if rule != "normalise_title"]
    if on:
        simulator.rules.append("normalise_title")


def _closes(simulator: Any, on: bool) -> None:
    simulator.auto_close_after = LATER if on else None


def _saves_again(simulator: Any, on: bool) -> None:
    simulator.saves_again = on


def _automated(simulator: Any, on: bool) -> None:
    site: Site = simulator.site

    def lift(issue: Issue) -> None:
        if (issue.fields.get("priority") or {}).get("name") in ("Low", "Lowest"):
            site.edit(issue, {"priority": {"name": "Medium"}}, AUTOMATION)

    site.after_write = lift if on else None


def _timer(name: str, after: timedelta) -> Turn:
    def turn(simulator: Any, on: bool) -> None:
        for service in simulator.account.services:
            setattr(service, name, int(after.total_seconds()) if on else None)

    return turn


_STATUS: Final = frozenset({"status"})

POSSIBLE: Final[Mapping[str, Mapping[str, ToolHabit]]] = {
    "servicenow": {
        "tidies titles": ToolHabit(frozenset({"title"}), _tidies),
        "keeps descriptions": _dropped("description", "description"),
        "keeps categories": _dropped("category", "category"),
        "keeps assignees": _dropped("assigned_to", "assignee"),
        "keeps urgencies": _dropped("urgency", "priority"),
        "keeps severities": _dropped("severity", "severity"),
        "closes by itself": ToolHabit(_STATUS, _closes),
        "saves twice": ToolHabit(frozenset(), _saves_again),
    },
    "jira": {
        "leaves titles": _left_alone("summary", "title"),
        "leaves descriptions": _left_alone("description", "description"),
        "leaves labels": _left_alone("labels", "tags"),
        "leaves priorities": _left_alone("priority", "priority"),
        "leaves assignees": _left_alone("assignee", "assignee"),
        "lifts priorities": ToolHabit(frozenset({"priority"}), _automated),
    },
    "pagerduty": {
        "ignores titles": _ignored("title", "title"),
        "ignores priorities": _ignored("priority", "priority"),
        "takes acknowledgements back": ToolHabit(_STATUS, _timer("acknowledgement_timeout", SOON)),
        "escalates": ToolHabit(frozenset({"assignee"}), _timer("escalation_timeout", SOON)),
        "resolves by itself": ToolHabit(_STATUS, _timer("auto_resolve_timeout", LATER)),
    },
}
"""By kind of tool and name of habit."""
