"""Whether everything that is to go on does: the daemon, what runs beside it, and each plugin's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tieline.core import erasing
from tieline.core.errors import StoreUnavailable
from tieline.sync.daemon.heartbeat import Life, Role, ago
from tieline.sync.daemon.roles import BEHIND, RoleNow, beside
from tieline.sync.office import waiting
from tieline.sync.office.look import EngineLook


@dataclass(frozen=True, slots=True)
class AtWork:
    """The daemon, and each role beside it. `stalled` are sentences of what does not go on although somebody does it."""

    daemon: Life
    roles: tuple[RoleNow, ...]
    stalled: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is wrong beside the daemon itself."""
        return (*(words for one in self.roles for words in one.sentences), *self.stalled)


def at_work(look: EngineLook, *, unwritable: str = "") -> AtWork:
    """Who works on the store. How each of them does, and what waits for them, is told to whoever reads everything."""
    daemon, roles = beside(look.seen_in, look.offers, look.config, look.now, unwritable)
    if not look.sight.is_wide:
        return AtWork(daemon, tuple(one if one.is_missing else replace(one, sentences=()) for one in roles), ())
    works = any(one.role is Role.WORK and one.running for one in roles)
    return AtWork(daemon, roles, (*_brought_back(look), *(_stalled(look) if works else ())))


def _brought_back(look: EngineLook) -> Iterator[str]:
    """What was forgotten and stands in the store again, because a backup was put back."""
    try:
        count, items = len(erasing.outstanding(look.seen_in)), erasing.has_lost_keys(look.seen_in)
    except StoreUnavailable as error:
        yield str(error)
        return
    if count:
        who = "a person who was forgotten is" if count == 1 else f"{count} people who were forgotten are"
        yield f"the store was put back from a backup: {who} in it again; `tieline retention repeat` forgets them again."
    if items:
        yield (
            "the store was put back from a backup: items of which the keys are forgotten are in it again; `tieline "
            "retention repeat` forgets them again."
        )


def _stalled(look: EngineLook) -> Iterator[str]:
    """What waits longer than it may, although a worker is there."""
    before = look.now - BEHIND
    for name, at in waiting.unread(look.seen_in, look.offers, before):
        yield (
            f"{name} has not looked at what happened since {at:%H:%M:%S} UTC, {ago(look.now - at)} ago: "
            "`tieline followers` shows how much, and the log of `tieline work` why (`turn_failed`, `plugin_stuck`)."
        )
    for kind, due, count in waiting.overdue(look.seen_in, look.offers, before):
        which = "a timer is" if count == 1 else f"{count} timers are"
        yield (
            f"{kind}: {which} overdue, the first since {due:%H:%M:%S} UTC, {ago(look.now - due)} ago: "
            "`tieline timers --overdue` lists them, and the log of `tieline work` says why (`turn_failed`)."
        )
