"""What happens to the clocks: by what happens to the incident, by the time that passes, by whoever puts them off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import Field
from sqlalchemy import select

from tieline.core.acts import NotDone
from tieline.core.arguments import Answer, Ask, Duration, Instant, ItemName, Line
from tieline.core.desk import Desk, Item
from tieline.core.errors import Misfit
from tieline.core.events import Changed
from tieline.core.identity import PLUGIN
from tieline.core.model import ABSENT, Audience, RecordKind, Status
from tieline.core.offer import Due
from tieline.core.policy import Policy
from tieline.core.projections import Happened
from tieline.core.settings import show_duration
from tieline.plugins.escalation.calendar import Hours
from tieline.plugins.escalation.clocks import Clock, limited, next_step
from tieline.plugins.escalation.policy import UPDATE, Settings
from tieline.plugins.escalation.tables import CLOCK, Alarmed, Expired, Reminded, Snoozed, Started, Stopped

TICK: Final = "tick"
NO_TIME: Final = timedelta(0)
WORTH_TELLING: Final = timedelta(minutes=2)
"""From when on it is told how late somebody is told."""

ACTOR: Final = "plugin:escalation"

NOT_YET: Final[Mapping[str, str]] = {
    "acknowledge": "nobody has taken it yet",
    "update": "nobody has worked on it since",
    "resolve": "it is not resolved yet",
}
"""What is missing while a clock runs."""


class Snooze(Ask):
    """An escalation that is put off."""

    incident: ItemName = Field(description="An incident, by its number or a ticket's key.")
    time: Duration = Field(description="For how long, like 30m or 2h.")
    why: Line = Field(description="Why that is right, for whoever asks later.")


class PutOff(Answer):
    """An escalation that was put off."""

    incident: str
    until: Instant

    def sentence(self) -> str:
        return f"{self.incident}: nobody is reminded before {self.until:%Y-%m-%d %H:%M} UTC; its clocks run on"


class Escalation:
    """What the plugin does, as its policy says. An incident goes by what it said when that was opened."""

    def __init__(self, policy: Policy[Settings]) -> None:
        self._policy = policy

    def follow(self, desk: Desk, happened: Happened) -> None:
        """Start, stop and count anew the clocks of an incident to which something happened."""
        if happened.actor == ACTOR:
            return
        item = desk.item(happened.item)
        if item.kind != RecordKind.INCIDENT:
            return
        running, wanted = self._running(desk, item), self._wanted(desk, item)
        for what, (length, hours) in wanted.items():
            row = running.get(what)
            is_new = row is None or _reopens(happened) or (what == UPDATE and _is_work(happened))
            began = happened.at if row is None or is_new else row.began_at
            clock = Clock(what, began, length, hours)
            if row is None or (row.began_at, row.ends_at) != (began, clock.ends):
                self._start(desk, item, clock, 0 if row is None or is_new else row.told)
        for what in running.keys() - wanted.keys():
            self._stop(desk, item, running[what], happened.at)

    def tick(self, desk: Desk, due: Due) -> None:
        """Tell what is to be told of a clock by now: a reminder, its end, an alarm."""
        if not due.item:
            return
        item = desk.item(due.item)
        row = self._running(desk, item).get(str(due.facts["what"]))
        if row is None:
            return
        length, hours = self._wanted(desk, item).get(row.what, (None, None))
        if length is None:
            # Nothing happened to the incident: somebody took the limit away.
            self._stop(desk, item, row, desk.now)
            return
        clock = Clock(row.what, row.began_at, length, hours)
        if clock.ends != row.ends_at:
            self._start(desk, item, clock, row.told)
        elif row.snoozed_until is not None and desk.now < row.snoozed_until:
            self._set(desk, item, row.what, row.snoozed_until)
        elif row.told >= 100:
            self._alarm(desk, item, row, due.late)
        else:
            self._tell(desk, item, row, clock, due.late)

    def snooze(self, desk: Desk, ask: Snooze) -> Answer:
        """Put off the reminders and alarms of an incident; its clocks run on."""
        item = desk.item(ask.incident)
        most = self._says(desk, item).snooze_at_most
        if not NO_TIME < ask.time <= most:
            raise Misfit(f"an escalation is put off for some time, and for {show_duration(most)} at most")
        running = self._running(desk, item)
        if not running:
            raise NotDone(f"{desk.called(item)}: no clock runs that could be put off")
        until = desk.now + ask.time
        desk.record(Snoozed(until=until, why=ask.why), item)
        for what, row in running.items():
            self._set(desk, item, what, max(until, row.next_at))
        return PutOff(incident=desk.called(item), until=until)

    def _running(self, desk: Desk, item: Item) -> dict[str, Any]:
        return {row.what: row for row in desk.rows.all(select(CLOCK).where(CLOCK.c.subject == item.uid))}

    def _start(self, desk: Desk, item: Item, clock: Clock, told: int) -> None:
        remind = self._says(desk, item).remind
        told = min(told, clock.reached(remind, desk.now))
        at = clock.at(next_step(told, remind))
        desk.record(Started(what=clock.what, began=clock.began, ends=clock.ends, next=at, told=told), item)
        self._set(desk, item, clock.what, at)

    def _stop(self, desk: Desk, item: Item, row: Any, at: datetime) -> None:
        late = at - row.ends_at
        desk.record(Stopped(what=row.what, late=late if late > NO_TIME else None), item)
        desk.cancel_timer(TICK, item, key=row.what)

    def _tell(self, desk: Desk, item: Item, row: Any, clock: Clock, late: timedelta) -> None:
        """Tell of the last step that has passed, and name those before it of which nobody was told."""
        remind = self._says(desk, item).remind
        percent = max(clock.reached(remind, desk.now), next_step(row.told, remind))
        skipped = tuple(one for one in remind if row.told < one < percent)
        late = min(late, max(desk.now - clock.at(percent), NO_TIME))
        if percent < 100:
            self._remind(desk, item, row, clock.at(next_step(percent, remind)), percent, skipped, late)
        else:
            self._expire(desk, item, row, skipped, late)

    def _remind(
        self, desk: Desk, item: Item, row: Any, at: datetime, percent: int, skipped: tuple[int, ...], late: timedelta
    ) -> None:
        desk.record(Reminded(what=row.what, percent=percent, skipped=skipped, next=at, late=late), item)
        words = f"{percent} % of the time to {row.what} are over: {NOT_YET[row.what]}"
        until = f"it may take until {row.ends_at:%Y-%m-%d %H:%M} UTC"
        self._say(desk, item, f"{words}; {until}.{_not_told(skipped)}", late)
        self._set(desk, item, row.what, at)

    def _expire(self, desk: Desk, item: Item, row: Any, skipped: tuple[int, ...], late: timedelta) -> None:
        said = self._says(desk, item)
        at, fallback = desk.now + said.again, said.fallback
        to = fallback.assignee or fallback.team
        desk.record(Expired(what=row.what, skipped=skipped, next=at, late=late, to=to or None), item)
        if fallback.fields:
            desk.edit(item, fallback.fields)
        then = f"{f' It goes to {to}.' if to else ''}{_not_told(skipped)}"
        self._say(desk, item, f"The time to {row.what} is over, and {NOT_YET[row.what]}.{then}", late)
        self._set(desk, item, row.what, at)

    def _alarm(self, desk: Desk, item: Item, row: Any, late: timedelta) -> None:
        said = self._says(desk, item)
        at, manager = desk.now + said.again, said.manager
        desk.record(Alarmed(what=row.what, times=row.alarms + 1, next=at, late=late, manager=manager or None), item)
        if manager:
            desk.edit(item, {"assignee": manager.lower()})
        whom = f" {manager} is on duty." if manager else ""
        self._say(
            desk, item, f"Alarm {row.alarms + 1}: the time to {row.what} is over, and {NOT_YET[row.what]}.{whom}", late
        )
        self._set(desk, item, row.what, at)

    def _says(self, desk: Desk, item: Item) -> Settings:
        return desk.policy(self._policy, item)

    def _wanted(self, desk: Desk, item: Item) -> dict[str, tuple[timedelta, Hours | None]]:
        """What of an incident is limited: for how long, and in which hours it counts."""
        said = self._says(desk, item)
        limits = said.limits_of(item.fields)
        hours = said.counted(limits)
        return {what: (length, hours) for what in limited(item.fields) if (length := limits.of(what)) is not None}

    def _say(self, desk: Desk, item: Item, words: str, late: timedelta) -> None:
        told = f" (told {_roughly(late)} late)" if late >= WORTH_TELLING else ""
        desk.comment(item, f"{words}{told}", Audience.STAFF)

    def _set(self, desk: Desk, item: Item, what: str, at: datetime) -> None:
        desk.set_timer(TICK, at, item, key=what, facts={"what": what})


def _is_work(happened: Happened) -> bool:
    """Whether somebody did it, in any tool: no plugin, and no alert."""
    is_of_alert = isinstance(happened.event, Changed) and happened.event.signal is not ABSENT
    return not (is_of_alert or happened.actor.startswith(PLUGIN))


def _reopens(happened: Happened) -> bool:
    """Whether it opened again what was over: its time begins anew, also where all of that is learnt of later."""
    change = happened.event.changes.get("status") if isinstance(happened.event, Changed) else None
    return isinstance(change, Mapping) and not _is_open(change["before"]) and _is_open(change["after"])


def _is_open(status: object) -> bool:
    return Status(str(status or Status.NEW)).is_open


def _not_told(skipped: Sequence[int]) -> str:
    if not skipped:
        return ""
    *some, last = (f"{percent} %" for percent in skipped)
    return f" Nobody was told at {' and '.join([', '.join(some), last] if some else [last])}."


def _roughly(length: timedelta) -> str:
    unit = next(unit for unit in (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)) if length >= 2 * unit)
    return show_duration(length // unit * unit)
