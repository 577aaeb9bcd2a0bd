"""What there is to see: of which class an item is and why, its certificate, and what the last sweep found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from pydantic import Field
from sqlalchemy import func, select

from tieline.core.arguments import Answer, Ask, Duration, ItemName
from tieline.core.desk import Look
from tieline.core.journal import Trace
from tieline.core.policy import Policy
from tieline.core.settings import show_duration
from tieline.core.shown import Fact, Note, Part, Table
from tieline.core.views import Moment, Row
from tieline.plugins.retention.acts import verdict_of
from tieline.plugins.retention.policy import Settings
from tieline.plugins.retention.tables import ENDED, GONE, LAST


class Show(Ask):
    """An item."""

    incident: ItemName = Field(description="An item, by its number or a ticket's key.")


class Shown(Answer):
    """Of which class an item is and why, and when it may be forgotten and is; or the certificate that it was: its bytes
    as text, and their hash."""

    incident: str
    of_class: str
    because: str
    earliest: Moment | None
    latest: Moment | None
    hold: str
    certificate: str | None
    sha256: str | None

    def shown(self) -> Sequence[Part]:
        if self.certificate is not None:
            return (Note(self.incident, "it is forgotten"), self.certificate, Fact("sha256", self.sha256))
        return (
            Fact("incident", self.incident),
            Fact("class", self.of_class),
            Fact("because", self.because),
            Fact("may be forgotten from", self.earliest.isoformat() if self.earliest else "not before it is over"),
            Fact("is forgotten at", self.latest.isoformat() if self.latest else "never, as things are"),
            *([Note(self.incident, self.hold)] if self.hold else []),
        )


def show(policy: Policy[Settings]) -> Callable[[Look, Show], Shown]:
    """The view, by this policy."""

    def see(look: Look, ask: Show) -> Shown:
        """Of which class an item is and why, and until when it is kept; or the certificate that it was forgotten."""
        item = look.item(ask.incident)
        verdict = verdict_of(look, policy, item)
        gone = look.rows.first(select(GONE).where(GONE.c.subject == item.uid))
        text = None if gone is None else certificate(item.uid, gone, look.trace(item, gone.entry))
        return Shown(
            incident=look.called(item),
            of_class=verdict.name,
            because=verdict.why,
            earliest=verdict.earliest,
            latest=verdict.latest,
            hold=look.on_hold(item),
            certificate=text,
            sha256=None if text is None else hashlib.sha256(text.encode()).hexdigest(),
        )

    return see


def certificate(uid: str, row: Any, trace: Trace) -> str:
    """What says that an item was forgotten, always in the same bytes."""
    told = {"id": uid, "by": row.who, "at": row.at.isoformat(), "told_in_entry": row.entry, "journal": asdict(trace)}
    return json.dumps({**json.loads(row.facts), **told}, indent=1, sort_keys=True)


class Overdue(Ask):
    """What is kept for too long."""


class ClassShown(Row):
    """A class, and how long what is of it is kept."""

    name: str
    when: str
    minimum: Duration
    maximum: Duration | None


class DueShown(Answer):
    """The classes; how many items are over, and how many were forgotten; and what the last sweep found: how many are
    due and how many held, and whether it waits until somebody allows so many."""

    classes: tuple[ClassShown, ...]
    ended: int
    forgotten: int
    planned_at: Moment | None
    due: int
    held: int
    waits: bool

    def shown(self) -> Sequence[Part]:
        rows = [(one.name, one.when or "all others", *map(_length, (one.minimum, one.maximum))) for one in self.classes]
        parts: list[Part] = [Table("Classes", ["class", "when", "at least", "at most"], rows)]
        if self.planned_at is None:
            return (*parts, "no sweep was made yet; `tieline retention sweep --dry-run` begins one that only looks")
        parts += [Fact("last sweep", self.planned_at.isoformat()), Fact("due", self.due), Fact("held", self.held)]
        if self.waits:
            parts.append(Note("it waits", f"allow so many with `tieline retention allow {self.due}`"))
        return (*parts, Fact("over", self.ended), Fact("forgotten", self.forgotten))


def _length(time: timedelta | None) -> str:
    return "for ever" if time is None else show_duration(time)


_COUNT: Final = func.count()


def due(policy: Policy[Settings]) -> Callable[[Look, Overdue], DueShown]:
    """The view, by this policy."""

    def see(look: Look, _ask: Overdue) -> DueShown:
        """How long what is kept, what the last sweep found, and whether it waits to be allowed."""
        row = look.rows.first(select(LAST))
        [ended] = look.rows.all(select(_COUNT).select_from(ENDED).where(ENDED.c.ended_at.is_not(None)))
        [gone] = look.rows.all(select(_COUNT).select_from(GONE))
        return DueShown(
            classes=tuple(
                ClassShown(
                    name=name,
                    when=one.when,
                    minimum=one.minimum,
                    maximum=one.maximum,
                )
                for name, one in look.policy(policy).classes.items()
            ),
            ended=ended[0],
            forgotten=gone[0],
            planned_at=None if row is None else row.planned_at,
            due=0 if row is None else row.due,
            held=0 if row is None else row.held,
            waits=row is not None and bool(row.is_waiting),
        )

    return see
