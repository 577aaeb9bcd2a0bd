"""What shipped tools do by themselves in some worlds, field by field and without a word: switches of their simulators,
which administrators of the real ones turn too."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from tieline.adapters.alertmanager.simulated.state import ALERTMANAGER, ALERTMANAGER_28, GRAFANA, Kin
from tieline.adapters.jira.simulated.site import AUTOMATION, Issue, Site
from tieline.adapters.servicenow.simulated.seed import PRIORITY

HABITUAL: Final = 0.2
"""In how many worlds the tools have habits at all."""

LIKELY: Final = 0.25
"""How likely a tool then has one of its possible habits: few tools have many."""

WATCH_HABITUAL: Final = 0.5
"""How likely a monitoring has one of its possible habits: what it sends is no Alertmanager's of this year."""

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
    lasting: bool = False
    """Whether nobody takes it for a bad one: it is not given up when everything works again."""


def drawn(tools: Sequence[str], dice: random.Random) -> dict[str, frozenset[str]]:
    """Which habits each of these tools has, by name."""
    if dice.random() >= HABITUAL:
        return {}
    return {
        tool: frozenset(name for name in POSSIBLE[kind(tool)] if dice.random() < LIKELY and (tool, name) != UNTELLABLE)
        for tool in tools
        if kind(tool) in POSSIBLE
    }


def drawn_by_watch(monitoring: str, dice: random.Random) -> frozenset[str]:
    """The same for what monitors."""
    return frozenset(name for name in POSSIBLE.get(kind(monitoring), {}) if dice.random() < WATCH_HABITUAL)


def kind(tool: str) -> str:
    """All kinds of one tool have the same habits."""
    return next((one for one in POSSIBLE if tool.startswith(one)), tool)


class Habitual:
    """Something shipped that does things by itself, until it is told to give them up."""

    simulator: Any

    def __init__(self) -> None:
        self.unruly: frozenset[str] = frozenset()
        """Fields that may show something else than what was written, by a habit that it has or had."""
        self._habits: list[ToolHabit] = []

    def take_on(self, habits: Iterable[ToolHabit]) -> None:
        """From now on it does these things by itself."""
        for habit in habits:
            self._habits.append(habit)
            self.unruly |= habit.fields
            habit.turn(self.simulator, True)

    def give_up(self, *, all_of_them: bool = False) -> None:
        for habit in self._habits:
            if all_of_them or not habit.lasting:
                habit.turn(self.simulator, False)


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


def _ranks(simulator: Any, on: bool) -> None:
    simulator.matrix = OTHER_MATRIX if on else PRIORITY


def _capitals(people: Callable[[Any], Iterator[Any]]) -> Turn:
    """Its directory has addresses as somebody typed them, and e-mail knows no case."""

    def turn(simulator: Any, on: bool) -> None:  # noqa: ARG001 - what is swapped twice is as it was
        for one in people(simulator):
            if isinstance(one, dict):
                one["email"] = one["email"].swapcase()
            else:
                one.email = one.email.swapcase()

    return turn


def _is(kin: Kin) -> Turn:
    """It is another Alertmanager."""

    def turn(simulator: Any, on: bool) -> None:
        simulator.state.kin = simulator.webhook.kin = kin if on else ALERTMANAGER

    return turn


def _nameless(simulator: Any, on: bool) -> None:
    simulator.webhook.fingerprints = not on


def _pauses(simulator: Any, on: bool) -> None:
    simulator.pauses = on


def _odd_ones(simulator: Any, on: bool) -> None:
    simulator.webhook.beside[:] = ODD_ALERTS if on else ()


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


OTHER_MATRIX: Final[Mapping[tuple[str, str], str]] = {
    ("1", "1"): "1",
    ("1", "2"): "2",
    ("1", "3"): "2",
    ("2", "1"): "3",
    ("2", "2"): "4",
    ("3", "1"): "4",
    ("2", "3"): "4",
    ("3", "2"): "5",
    ("3", "3"): "5",
}
"""Impact and urgency to priority, where impact counts for more than it does at first."""

ODD_ALERTS: Final[Sequence[Mapping[str, Any]]] = (
    {"status": "firing", "labels": {}, "annotations": None, "startsAt": "2026-11-23T07:05:28.96Z"},
    {"status": "firing", "labels": {"alertname": "Odd"}, "startsAt": "yesterday", "fingerprint": "0dd0000000000001"},
)
"""One that has no name at all, and one that does not know when it began."""

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
        "ranks otherwise": ToolHabit(frozenset({"priority"}), _ranks),
        "has capitals in addresses": ToolHabit(
            frozenset(), _capitals(lambda simulator: iter(simulator.tables.rows["sys_user"].values())), lasting=True
        ),
    },
    "jira": {
        "leaves titles": _left_alone("summary", "title"),
        "leaves descriptions": _left_alone("description", "description"),
        "leaves labels": _left_alone("labels", "tags"),
        "leaves priorities": _left_alone("priority", "priority"),
        "leaves assignees": _left_alone("assignee", "assignee"),
        "lifts priorities": ToolHabit(frozenset({"priority"}), _automated),
        "has capitals in addresses": ToolHabit(
            frozenset(), _capitals(lambda simulator: iter(simulator.site.users.values())), lasting=True
        ),
    },
    "pagerduty": {
        "ignores titles": _ignored("title", "title"),
        "ignores priorities": _ignored("priority", "priority"),
        "takes acknowledgements back": ToolHabit(_STATUS, _timer("acknowledgement_timeout", SOON)),
        "escalates": ToolHabit(frozenset({"assignee"}), _timer("escalation_timeout", SOON)),
        "resolves by itself": ToolHabit(_STATUS, _timer("auto_resolve_timeout", LATER)),
        "has capitals in addresses": ToolHabit(
            frozenset(), _capitals(lambda simulator: iter(simulator.account.users)), lasting=True
        ),
    },
    "alertmanager": {
        "names no fingerprints": ToolHabit(frozenset(), _nameless),
        "sends odd ones beside": ToolHabit(frozenset(), _odd_ones),
        "takes a pause for an end": ToolHabit(frozenset(), _pauses),
        "is Grafana's": ToolHabit(frozenset(), _is(GRAFANA)),
        "is of 2025": ToolHabit(frozenset(), _is(ALERTMANAGER_28)),
    },
}
"""By kind of tool and name of habit."""
