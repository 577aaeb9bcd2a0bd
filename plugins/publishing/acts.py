"""What people do with announcements.

What an announcement is to say stands in the plugin's rows until somebody else has approved it; its fields are what is
shown. The engine lets these bytes out and no others, whatever is done here (see `Desk.release`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints
from sqlalchemy import select

from tieline.core.acts import NotDone, Withheld
from tieline.core.arguments import STORABLE, Answer, Ask, Instant, ItemName, Line
from tieline.core.desk import Desk, Item
from tieline.core.model import AnnouncementStatus, Disruption, Phase, RecordKind
from tieline.core.offer import Due
from tieline.plugins.publishing.policy import Settings
from tieline.plugins.publishing.tables import (
    SAID,
    STOP,
    WORDS,
    WRITER,
    Published,
    Resumed,
    Retracted,
    Scheduled,
    Stopped,
    Written,
)

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255), STORABLE]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=25_000), STORABLE]

PUBLISH: Final = "publish"
APPROVE: Final = "publishing.approve"
APPROVE_LEGAL: Final = "publishing.approve_legal"

_NEVER_SHOWN: Final = (AnnouncementStatus.DRAFT, AnnouncementStatus.SCHEDULED)


class Draft(Ask):
    """What everybody is to be told of an incident."""

    about: ItemName = Field(description="The incident, by its number or a ticket's key.")
    title: Title = Field(description="What is announced, in one line.")
    text: Text = Field(description="What everybody reads, in Markdown.")
    phase: Phase = Field(default=Phase.INVESTIGATING, description="How far those are who mend it.")
    disruption: Disruption = Field(default=Disruption.MINOR, description="How much users notice of it.")
    legal: bool = Field(default=False, description="It touches the law or security: somebody for that approves it too.")


class Of(Ask):
    """An announcement."""

    announcement: ItemName = Field(description="An announcement, by its number.")


class Write(Of):
    """What an announcement is to say instead; what is not named stays."""

    title: Title | None = Field(default=None, description="What is announced, in one line.")
    text: Text | None = Field(default=None, description="What everybody reads, in Markdown.")
    phase: Phase | None = Field(default=None, description="How far those are who mend it.")
    disruption: Disruption | None = Field(default=None, description="How much users notice of it.")
    legal: bool | None = Field(default=None, description="Whether it touches the law or security.")


class Publish(Of):
    """An announcement that is to be shown."""

    at: Instant | None = Field(default=None, description="Not before this time; at once without it.")


class Retract(Of):
    """An announcement that is withdrawn, and why."""

    why: Line | None = Field(
        default=None, description="Why, for everybody who read it; without it, the fixed words of the settings stand."
    )


class Stop(Ask):
    """That nothing is published any more."""

    why: Line = Field(description="Why, for whoever asks later.")


class Resume(Ask):
    """That what is approved is published again."""


class Announcement(Answer):
    """Where an announcement stands."""

    announcement: str
    words: str

    def sentence(self) -> str:
        return f"{self.announcement}: {self.words}"


class Everything(Answer):
    """Whether anything is published."""

    is_stopped: bool

    def sentence(self) -> str:
        if self.is_stopped:
            return "nothing is published any more, nor what was approved and is on its way; `tieline publishing resume`"
        return "what is approved is published again, and what was held meanwhile goes out as it was approved"


class Announcements:
    """What the plugin does, with its settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    # -- written -------------------------------------------------------------------------------------------------------

    def draft(self, desk: Desk, ask: Draft) -> Callable[[], Announcement]:
        """Write what everybody is to be told of an incident. Nothing is shown before somebody else approves it."""
        about = desk.item(ask.about)
        if about.kind != RecordKind.INCIDENT or about.restricted:
            raise NotDone(f"{desk.called(about)} is nothing that everybody may know of; nothing is announced of it")
        made = desk.open(RecordKind.ANNOUNCEMENT, {"title": ask.title, "about": f"incident {about.number}"}, of=about)
        desk.record(Written(about=about.uid, legal=ask.legal, **_said(ask)), made)
        return lambda: Announcement(
            announcement=desk.called(made), words="it is a draft; `tieline publishing publish` asks for its approval"
        )

    def write(self, desk: Desk, ask: Write) -> Announcement:
        """Write an announcement anew. What was approved and is not shown yet is approved no more."""
        item, row = _of(desk, ask.announcement)
        words, legal = _changed(item, row, ask)
        _write(desk, item, row, words, legal=legal)
        if item.fields["status"] in _NEVER_SHOWN:
            desk.edit(item, {"title": words["title"], "status": AnnouncementStatus.DRAFT})
        return Announcement(announcement=desk.called(item), words="it is written, and nobody has approved it so")

    # -- shown ---------------------------------------------------------------------------------------------------------

    def publish(self, desk: Desk, ask: Publish) -> Announcement:
        """Show an announcement in the words that are written, once somebody else approves them."""
        item, row = _of(desk, ask.announcement)
        words = {name: getattr(row, name) for name in SAID}
        if item.fields["status"] in _NEVER_SHOWN and words["phase"] == Phase.RESOLVED:
            raise NotDone(f"{desk.called(item)} would tell that something is over of which nobody was told")
        if ask.at is not None and ask.at <= desk.now:
            raise NotDone(f"{ask.at:%Y-%m-%d %H:%M:%S} is over; name a time that comes, or none to publish at once")
        _take_back(desk, item, row)
        desk.release(item, words, since=ask.at)
        if ask.at is None:
            self._show(desk, item, words)
        else:
            desk.set_timer(PUBLISH, ask.at, item)
            desk.record(Scheduled(at=ask.at), item)
            if item.fields["status"] == AnnouncementStatus.DRAFT:
                desk.edit(item, {"status": AnnouncementStatus.SCHEDULED})
        self._ask_first(desk, item, row)
        when = "now" if ask.at is None else f"at {ask.at:%Y-%m-%d %H:%M} UTC"
        return Announcement(announcement=desk.called(item), words=f"it is shown {when}, as it was approved")

    def correct(self, desk: Desk, ask: Write) -> Announcement:
        """Show other words than those that are shown, once somebody else approves them."""
        item, row = _of(desk, ask.announcement)
        if item.fields["status"] != AnnouncementStatus.PUBLISHED:
            raise NotDone(f"{desk.called(item)} is {item.fields['status']}; that is for one that is published")
        if any(getattr(row, name) != item.fields.get(name) for name in SAID):
            raise NotDone(f"{desk.called(item)} has words that nobody is shown yet; publish those, or write others")
        words, legal = _changed(item, row, ask)
        _write(desk, item, row, words, legal=legal)
        desk.release(item, words)
        self._show(desk, item, words)
        self._ask_first(desk, item, row, legal=legal)
        return Announcement(announcement=desk.called(item), words="it is shown as it was approved")

    def retract(self, desk: Desk, ask: Retract) -> Announcement:
        """Withdraw an announcement: what is shown says so, once somebody else approves that. Without a reason it can be
        withdrawn although what it is about is labelled or restricted by now, and while nothing is published: nobody
        learns anything new."""
        item, row = _of(desk, ask.announcement)
        if item.fields["status"] in _NEVER_SHOWN:
            _take_back(desk, item, row)
            desk.edit(item, {"status": AnnouncementStatus.RETRACTED})
            desk.record(Retracted(why=ask.why), item)
            return Announcement(announcement=desk.called(item), words="it is dropped; nobody was shown it")
        words = {"title": item.fields["title"], **self._settings.fixed}
        if ask.why is not None:
            words["description"] = self._settings.retracted.replace("{why}", ask.why)
        _write(desk, item, row, words, legal=row.legal)
        try:
            desk.release(item, words)
        except Withheld as error:
            way = "" if ask.why is None else "; it can be withdrawn without a reason, in the words of the settings"
            raise Withheld(error.item, f"{error}{way}") from None
        desk.edit(item, {**words, "status": AnnouncementStatus.RETRACTED})
        desk.record(Retracted(why=ask.why), item)
        if ask.why is not None:
            _check_goes(desk, "; it can be withdrawn without a reason, in the words of the settings")
        self._ask_somebody(desk, item, row)
        return Announcement(announcement=desk.called(item), words="it is withdrawn, and what is shown says so")

    def due(self, desk: Desk, due: Due) -> None:
        """The time has come at which an announcement is to be shown."""
        item, row = _of(desk, due.item)
        if row.at is not None and row.at <= desk.now:
            self._show(desk, item, {name: getattr(row, name) for name in SAID})

    def stop(self, desk: Desk, ask: Stop) -> Everything:
        """Have nothing leave for everybody to read any more, whatever was approved."""
        if _stopped(desk) is not None:
            raise NotDone("nothing is published already")
        desk.halt()
        desk.record(Stopped(why=ask.why))
        return Everything(is_stopped=True)

    def resume(self, desk: Desk, _ask: Resume) -> Everything:
        """Have what is approved be published again."""
        if _stopped(desk) is None:
            raise NotDone("nothing is stopped")
        desk.halt(goes_on=True)
        desk.record(Resumed())
        return Everything(is_stopped=False)

    # -- what these have in common -------------------------------------------------------------------------------------

    def _show(self, desk: Desk, item: Item, words: Mapping[str, Any]) -> None:
        desk.edit(item, {**words, "status": AnnouncementStatus.PUBLISHED})
        desk.record(Published(), item)

    def _ask_first(self, desk: Desk, item: Item, row: Any, *, legal: bool = False) -> None:
        _check_goes(desk)
        self._ask_somebody(desk, item, row, legal=legal)

    def _ask_somebody(self, desk: Desk, item: Item, row: Any, *, legal: bool = False) -> None:
        called = desk.called_by_id([row.about]).get(row.about)
        fields = {} if called is None else desk.item(called).fields
        authors = [one.person for one in desk.rows.all(select(WRITER).where(WRITER.c.subject == item.uid))]
        is_legal = legal or row.legal or called is None or self._settings.is_legal(fields)
        rights = (APPROVE, APPROVE_LEGAL) if is_legal else (APPROVE,)
        desk.ask_first(rights, "everybody will read it, in these words", authors=authors, at_any_revision=True)


def _said(ask: Draft | Write) -> dict[str, Any]:
    """The fields of an announcement that are named."""
    said = {"title": ask.title, "description": ask.text, "phase": ask.phase, "disruption": ask.disruption}
    return {name: value for name, value in said.items() if value is not None}


def _changed(item: Item, row: Any, ask: Write) -> tuple[dict[str, Any], bool]:
    """What it is to say then, and whether that touches the law or security. Raises NotDone where it says that."""
    if item.fields["status"] == AnnouncementStatus.RETRACTED:
        raise NotDone(f"{item.number} was withdrawn; draft another one")
    before = {name: getattr(row, name) for name in SAID}
    words, legal = {**before, **_said(ask)}, row.legal if ask.legal is None else ask.legal
    if (words, legal) == (before, row.legal):
        raise NotDone(f"{item.number} says that already")
    return words, legal


def _write(desk: Desk, item: Item, row: Any, words: Mapping[str, Any], *, legal: bool) -> None:
    desk.record(Written(about=row.about, legal=legal, **words), item)
    _take_back(desk, item, row)


def _take_back(desk: Desk, item: Item, row: Any) -> None:
    if row.at is not None:
        desk.take_back(item)
        desk.cancel_timer(PUBLISH, item)


def _of(desk: Desk, name: str) -> tuple[Item, Any]:
    item = desk.item(name)
    row = desk.rows.first(select(WORDS).where(WORDS.c.subject == item.uid))
    if row is None:
        raise NotDone(f"{desk.called(item)} was not written here; draft another one")
    return item, row


def _check_goes(desk: Desk, way: str = "") -> None:
    """Raises NotDone while nothing is published."""
    why = _stopped(desk)
    if why is not None:
        raise NotDone(f"nothing is published: {why}; `tieline publishing resume` ends that{way}")


def _stopped(desk: Desk) -> str | None:
    row = desk.rows.first(select(STOP))
    return None if row is None else str(row.why)
