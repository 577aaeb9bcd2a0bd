"""What there is to see of announcements."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field
from sqlalchemy import select

from tieline.core.arguments import Answer, Ask, ItemName
from tieline.core.desk import Look
from tieline.core.errors import NotThere
from tieline.core.shown import Part, Table
from tieline.core.views import Moment, Row
from tieline.plugins.publishing.tables import SAID, STOP, WORDS


class Show(Ask):
    """Which announcement is meant."""

    announcement: ItemName = Field(description="An announcement, by its number.")


class FieldOf(Row):
    """A field: what everybody reads, and what is written to be read next; None where there is nothing."""

    field: str
    shown: str | None
    written: str | None


class AnnouncementShown(Answer):
    """An announcement. `about` is None for an incident that is not there for whoever asks; `stopped` says why nothing
    is published, and is "" while it is."""

    announcement: str
    about: str | None
    status: str
    at: Moment | None
    stopped: str
    fields: tuple[FieldOf, ...]

    def shown(self) -> Sequence[Part]:
        rows = [(one.field, one.shown or "-", one.written or "-") for one in self.fields]
        when = f", to be shown at {self.at:%Y-%m-%d %H:%M} UTC" if self.at is not None else ""
        head = f"{self.announcement}  of {self.about or 'what you do not see'}: {self.status}{when}"
        notes = (f"nothing is published: {self.stopped}",) if self.stopped else ()
        return (*notes, Table(head, ["field", "shown", "written"], rows, "it says nothing"))


def show(look: Look, ask: Show) -> AnnouncementShown:
    """An announcement: what everybody reads of it, and what is written to be read next."""
    item = look.item(ask.announcement)
    row = look.rows.first(select(WORDS).where(WORDS.c.subject == item.uid))
    if row is None:
        raise NotThere(f"{look.called(item)} was not written here")
    stop = look.rows.first(select(STOP))
    is_shown = item.fields["status"] not in ("draft", "scheduled")
    return AnnouncementShown(
        announcement=look.called(item),
        about=look.called_by_id([row.about]).get(row.about),
        status=str(item.fields["status"]),
        at=row.at,
        stopped="" if stop is None else stop.why,
        fields=tuple(
            FieldOf(field=name, shown=_text(item.fields.get(name)) if is_shown else None, written=getattr(row, name))
            for name in SAID
        ),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
