"""What may be done by itself: by whom, where, when and how often, and how many others agree. Pure.

The first rule that is about a step, and about whoever answers for it, decides. What none is about is refused. It is
asked when a run begins, for each of its steps, and once more at the moment at which each of them begins.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, model_validator

from tieline.core.access import Relation, Role
from tieline.core.arguments import Duration, Instant
from tieline.core.policy import Judged, Trial
from tieline.plugins.runbook.policy import IMPACTS, Impact, Model, Name, Wait

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Reason(StrEnum):
    """Why a step may be done, or not. Closed: the same word stands in the journal and in `tieline policy test`."""

    ALLOWED = "allowed"
    NO_RULE = "no_rule"  # none is about it
    WHO = "who"  # one is, and not for whoever answers for it
    FROZEN = "frozen"
    HOURS = "hours"
    RATE = "rate"
    STEP_UP = "step_up"  # whoever asks signed in too long ago, or is a program
    APPROVALS = "approvals"  # too few agreed


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no zone; write it like Europe/Vienna or UTC")
    return name


class Hours(Model):
    """Hours of days of the week, on the clocks of a zone."""

    days: tuple[Day, ...] = Field(default=DAYS, min_length=1, description="On which days of the week.")
    opens: time = Field(default=time.min, description="From when on, like 09:00.")
    closes: time = Field(default=time.max, description="Until when; to the end of the day, without.")
    zone: Annotated[str, AfterValidator(_zone)] = Field(default="UTC", description="On whose clocks: Europe/Vienna.")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.opens.tzinfo is not None or self.closes.tzinfo is not None:
            raise ValueError("a time of day has no zone of its own; name it as `zone`")
        if self.closes <= self.opens:
            raise ValueError("it closes later than it opens; for hours over midnight write two rules")
        return self

    def holds(self, at: datetime) -> bool:
        """Whether that moment lies within."""
        there = at.astimezone(ZoneInfo(self.zone))
        return DAYS[there.weekday()] in self.days and self.opens <= there.time() < self.closes


class Freeze(Model):
    """A time in which nothing is done by itself that changes something."""

    name: Name = Field(description="What it is called.")
    begins: Instant = Field(description="From when on.")
    ends: Instant = Field(description="Until when.")
    environments: tuple[Name, ...] = Field(default=(), description="Where; everywhere, without.")
    except_impact: Impact = Field(default=Impact.READS, description="What may be done for all that: this, or less.")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.ends <= self.begins:
            raise ValueError("it ends later than it begins")
        return self


class Who(Model):
    """For whom a rule is: for whoever is one of these. Each of them has the right to start runbooks as well."""

    roles: tuple[Role, ...] = Field(default=(), description="Roles that reach the incident.")
    teams: tuple[str, ...] = Field(
        default=(), description="Teams of which they hold a role now; whoever is on call holds one until it is over."
    )
    relations: tuple[Relation, ...] = Field(default=(), description="How they stand to it: commander, member.")

    def is_for(self, action: Action) -> bool:
        """Whether it is for whoever answers for this."""
        if not (self.roles or self.teams or self.relations):
            return True
        pairs = ((self.roles, action.roles), (self.teams, action.teams), (self.relations, action.relations))
        return any({*wanted} & {*held} for wanted, held in pairs)


class Rate(Model):
    """How often."""

    most: int = Field(ge=1, le=100_000, description="How many steps begin by the rule, at most.")
    per: Wait = Field(description="Within what time, like 1h.")


class Rule(Model):
    """What may be done, by whom, and on what conditions. What it says nothing of does not count."""

    name: Name = Field(description="What it is called, wherever it decides.")
    impact: Impact = Field(description="About steps of this impact, or less.")
    runbooks: tuple[Name, ...] = Field(default=(), description="About these runbooks.")
    runners: tuple[str, ...] = Field(default=(), description="About steps that these connections do.")
    environments: tuple[Name, ...] = Field(default=(), description="About steps that are done there.")
    services: tuple[str, ...] = Field(default=(), description="About incidents of these services.")
    who: Who = Field(default=Who(), description="For whom it is.")
    hours: Hours | None = Field(default=None, description="When.")
    rate: Rate | None = Field(default=None, description="How often.")
    approvals: int = Field(default=0, ge=0, le=5, description="How many others agree before a run begins.")
    step_up: Wait | None = Field(default=None, description="How long ago whoever asks signed in, at most; no program.")

    def is_about(self, action: Action, environments: Collection[str]) -> bool:
        """Whether it is about a step, whoever answers for it."""
        return (
            IMPACTS.index(action.impact) <= IMPACTS.index(self.impact)
            and (not self.runbooks or action.runbook in self.runbooks)
            and (not self.runners or action.runner in self.runners)
            and (not self.services or action.service in self.services)
            and (not self.environments or not {*self.environments}.isdisjoint(environments))
        )


class Automation(Model):
    """What may be done by itself."""

    environments: dict[Name, tuple[str, ...]] = Field(
        default={}, description="Which connections do something where: `production: [shell]`."
    )
    freezes: tuple[Freeze, ...] = Field(default=(), description="When nothing is done that changes something.")
    rules: tuple[Rule, ...] = Field(
        default=(
            Rule(name="harmless", impact=Impact.LOW),
            Rule(name="harmful", impact=Impact.DESTRUCTIVE, approvals=1),
        ),
        max_length=200,
        description="The first that is about a step and for whoever answers for it decides; without one, it is a no.",
    )

    @model_validator(mode="after")
    def _sound(self) -> Self:
        all_of_them: tuple[Freeze | Rule, ...] = (*self.freezes, *self.rules)
        names = [one.name for one in all_of_them]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two of them are called {twice!r}; give each a name of its own")
        said = [name for one in all_of_them for name in one.environments]
        strange = next((name for name in said if name not in self.environments), None)
        if strange is not None:
            raise ValueError(f"there is no environment {strange!r}; name its connections under `environments`")
        return self

    def environments_of(self, runner: str) -> frozenset[str]:
        """Where a connection does something."""
        return frozenset(name for name, runners in self.environments.items() if runner in runners)


class Action(Model):
    """A step that is to be done, and whoever answers for it. Of what is not said, the worst is taken."""

    runbook: str = Field(description="The runbook.")
    impact: Impact = Field(default=Impact.DESTRUCTIVE, description="How much harm it may do.")
    runner: str = Field(default="", description="The connection that does it.")
    service: str = Field(default="", description="The service that the incident is about.")
    at: Instant = Field(description="When.")
    roles: tuple[Role, ...] = Field(default=(), description="The roles that reach the incident.")
    teams: tuple[str, ...] = Field(default=(), description="The teams of which they hold a role.")
    relations: tuple[Relation, ...] = Field(default=(), description="How they stand to the incident.")
    signed_in: Duration | None = Field(default=None, description="How long ago they signed in; nothing of a program.")
    begins: bool = Field(default=False, description="Whether it is about to begin, and not only asked for.")
    approvals: int = Field(default=0, description="How many agreed, once it begins.")
    begun: dict[str, int] = Field(default={}, description="By which rule how many steps began within its time.")


Begun = Callable[[str, datetime], int]
"""How many steps began by a rule since then."""


def judge(automation: Automation, action: Action, begun: Begun) -> Judged:
    """Whether a step may be done, by which rule, and why not."""
    there = automation.environments_of(action.runner)
    about = [rule for rule in automation.rules if rule.is_about(action, there)]
    rule = next((one for one in about if one.who.is_for(action)), None)
    if rule is None and about:
        wanted = " or ".join(_whom(about[0].who))
        return _no(about[0].name, Reason.WHO, f"{about[0].name} is for {wanted}, and whoever answers for it is none")
    if rule is None:
        what = f"{action.runbook} by {action.runner or 'nobody'}, of the impact {action.impact},"
        return _no("", Reason.NO_RULE, f"no rule is about {what} and what none is about is not done")
    for freeze in automation.freezes:
        counts = not freeze.environments or not {*freeze.environments}.isdisjoint(there)
        is_spared = IMPACTS.index(action.impact) <= IMPACTS.index(freeze.except_impact)
        if counts and not is_spared and freeze.begins <= action.at < freeze.ends:
            return _no(freeze.name, Reason.FROZEN, f"{freeze.name} lasts until {freeze.ends:%Y-%m-%d %H:%M %Z}")
    return _by(rule, action, begun)


def _by(rule: Rule, action: Action, begun: Begun) -> Judged:
    if rule.hours is not None and not rule.hours.holds(action.at):
        hours = rule.hours
        span = f"{', '.join(hours.days)} from {hours.opens:%H:%M} to {hours.closes:%H:%M} ({hours.zone})"
        return _no(rule.name, Reason.HOURS, f"{rule.name} holds {span}")
    rate = rule.rate
    if action.begins and rate is not None and begun(rule.name, action.at - rate.per) >= rate.most:
        said = f"{rate.most} in {_length(rate.per)}"
        return _no(rule.name, Reason.RATE, f"by {rule.name} {said} begin at most, and so many did")
    if not action.begins and rule.step_up is not None and (action.signed_in is None or action.signed_in > rule.step_up):
        within = _length(rule.step_up)
        return _no(rule.name, Reason.STEP_UP, f"{rule.name} is for whoever signed in within {within}; sign in again")
    if action.begins and action.approvals < rule.approvals:
        few = f"{rule.name} takes {rule.approvals} others who agree, and {action.approvals} did"
        return _no(rule.name, Reason.APPROVALS, few)
    asks = f", once {rule.approvals} others agree" if rule.approvals and not action.begins else ""
    return Judged(True, rule.name, Reason.ALLOWED, f"{rule.name} allows it{asks}", {"approvals": rule.approvals})


def _no(rule: str, reason: Reason, sentence: str) -> Judged:
    return Judged(False, rule, reason, sentence, {})


def _whom(who: Who) -> Iterator[str]:
    yield from who.roles
    yield from (f"the team {one}" for one in who.teams)
    yield from (f"its {one}" for one in who.relations)


def _length(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    for name, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{name}"
    return f"{seconds}s"


def _tried(automation: Automation, action: Action) -> Judged:
    counted: Mapping[str, int] = action.begun
    return judge(automation, action, lambda rule, _since: counted.get(rule, 0))


TRIAL: Final = Trial(Action, _tried)
"""How cases are held against it."""
