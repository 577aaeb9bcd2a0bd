"""What is done beside the daemon, and whether anybody does it: what plugins do by themselves, and what people and
programs ask for. Decided from the signs of life that each process gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from tieline.core.config import Config
from tieline.core.offer import Offers
from tieline.core.store.store import Connection
from tieline.sync.daemon.heartbeat import FORGET, RECENT, SILENT, Life, Role, Worker, ago, signs

BESIDE: Final = (Role.WORK, Role.WEB)

_WAITS: Final[Mapping[Role, str]] = {
    Role.WORK: "What plugins do by themselves waits until it does; nothing of it is lost, and alerts are taken in.",
    Role.WEB: "Nobody gets into the console, and no program is answered; commands of this machine go on without it.",
}


@dataclass(frozen=True, slots=True)
class RoleNow:
    """How many processes do one thing, and what is wrong with it. `since` is when the last one gave its last sign, of
    what is missing; null for one of which there never was any, and for what is not missing."""

    role: Role
    running: int
    is_missing: bool
    since: datetime | None
    sentences: tuple[str, ...]
    """What is wrong, with what to do about it. Empty where all is well."""


def beside(
    connection: Connection, offers: Offers, config: Config, now: datetime, unwritable: str = ""
) -> tuple[Life, tuple[RoleNow, ...]]:
    """The daemon, and what is to run beside it."""
    found = signs(connection)
    daemon = Life(found[Role.DAEMON], now, unwritable)
    wanted = {Role.WORK: offers.work, Role.WEB: config.web.beside_run}
    return daemon, tuple(judge(role, found[role], daemon, now, wanted=wanted[role]) for role in BESIDE)


def judge(role: Role, workers: tuple[Worker, ...], daemon: Life, now: datetime, *, wanted: bool) -> RoleNow:
    """How things stand with a role. `wanted` says whether the workspace is to have somebody do it."""
    at_work = [one for one in workers if one.is_running(now)]
    lost = [one for one in workers if not one.ended and not one.is_running(now)]
    recent = [one for one in lost if abs(now - one.seen_at) <= RECENT]
    if at_work:
        told = [
            *_lost(role, recent, len(at_work), now),
            *(words for one in at_work for words in _of_one(role, one, now)),
        ]
        return RoleNow(role, len(at_work), is_missing=False, since=None, sentences=tuple(told))
    last = workers[0] if workers else None
    began = daemon.began_at if daemon.starts_others else None
    comes = began is not None and now - began <= SILENT and (last is None or last.seen_at < began)
    # What a daemon would start is not missed beside it: with none at work nothing travels at all.
    is_expected = bool(daemon.workers) and (daemon.running or not daemon.starts_others)
    if comes or not is_expected or not (wanted or any(abs(now - one.seen_at) <= FORGET for one in lost)):
        return RoleNow(role, 0, is_missing=False, since=None, sentences=())
    sentence = (
        f"{_called(role)} is NOT running{_what_became(last, now)} {_WAITS[role]} {_next_step(role, daemon, last)}"
    )
    return RoleNow(role, 0, is_missing=True, since=None if last is None else last.seen_at, sentences=(sentence,))


def _called(role: Role) -> str:
    return f"`tieline {role}`"


def _what_became(last: Worker | None, now: datetime) -> str:
    if last is None:
        return ", and nothing here tells that one ever was."
    if last.ended:
        return f"; it was stopped {ago(now - last.seen_at)} ago."
    return f": {last.trouble(now)}."


def _next_step(role: Role, daemon: Life, last: Worker | None) -> str:
    if daemon.running and daemon.starts_others:
        return (
            "`tieline run` starts it again by itself within a minute; where it does not, its log says why "
            "(`process_ended`, `process_not_started`)."
        )
    why = "" if last is None or last.ended else "; its log says why it ended"
    return f"Start it: `tieline {role}`, or its unit (`systemctl start tieline-{role}`){why}."


def _lost(role: Role, lost: list[Worker], running: int, now: datetime) -> Iterator[str]:
    for one in lost:
        others = "1 other does" if running == 1 else f"{running} others do"
        became = f"{one.trouble(now)}. What it did {others} meanwhile; its log says why it ended."
        yield f"{_called(role)} {one.name}: {became}"


def _of_one(role: Role, one: Worker, now: datetime) -> Iterator[str]:
    if one.refused:
        yield f"{_called(role)} {one.name}: the store refuses its writes: {one.refused}"
    if one.runs is not None and one.runs.refusal is not None:
        yield f"{_called(role)} {one.name}: {one.runs.refusal.sentence(ago(now - one.runs.refusal.at))}"
    for what, began in sorted(one.told.get("stuck", {}).items()):
        since = datetime.fromtimestamp(began, UTC)
        yield (
            f"{what} has been at one thing since {since:%H:%M:%S} UTC, {ago(now - since)} ago: what it does by itself "
            f"waits, and the others go on. Where it does not end, restart {_called(role)} ({one.name}); its log says "
            "more (`plugin_stuck`, `job_stuck`)."
        )


BEHIND: Final = timedelta(minutes=2)
"""How long something may wait for whoever does it, before that is told: longer than a plugin rests after a failure."""
