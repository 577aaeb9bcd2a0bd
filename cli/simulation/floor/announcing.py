"""What people do with announcements: they write them, have them be shown, corrected and withdrawn, stop everything, and
restrict what they are about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select

from tieline.cli.simulation.floor.floor import BOSS, DAN, LEX, PAT, PEOPLE, Floor
from tieline.cli.simulation.floor.moves import Move, ask_for, decide_mostly, give_back
from tieline.core.identity import Someone
from tieline.core.model import RecordKind
from tieline.core.store import tables as t
from tieline.sync import explain

WRITERS: Final = (PEOPLE[0], PEOPLE[2], DAN, BOSS)
AT_ONCE: Final = 0.1
LATER: Final = 0.25
STOPPED: Final = 0.08


def write(floor: Floor) -> str:
    """Somebody drafts an announcement, or writes one anew; or edits what is shown as any other item, and may not."""
    dice = floor.lower.dice
    give_back(floor)
    who, known = dice.choice(WRITERS), _some(floor)
    if known is None or dice.random() < 0.3:
        about = floor.some_item()
        if about is None:
            return ""
        words: dict[str, Any] = {"title": floor.words("title"), "text": floor.words("text")}
        return _asks(floor, who, "publishing draft", {"about": f"INC-{about}", **words})
    shown = _some(floor, "published")
    if shown is not None and dice.random() < 0.4:
        field, known = dice.choice(("title", "description")), shown
        return _asks(floor, who, "edit", {"incident": known, "changes": {field: floor.words("e of nobody")}})
    return _asks(floor, who, "publishing write", {"announcement": known, "text": floor.words("text")})


def show(floor: Floor) -> str:
    """Somebody has an announcement be shown, now or later, be corrected or be withdrawn; mostly, somebody else decides
    about that at once."""
    dice = floor.lower.dice
    known = _some(floor)
    if known is None:
        return write(floor)
    give_back(floor)
    with floor.calm() as connection:
        is_stopped = connection.execute(select(t.halt)).first() is not None
    if is_stopped and dice.random() < 0.8:
        return _resume(floor)
    why = floor.words("because") if dice.random() < AT_ONCE else None
    who, given = BOSS if why else dice.choice((PAT, PAT, BOSS)), dict[str, Any](announcement=known)
    shown, name = _some(floor, "published"), "publish"
    if shown is not None and dice.random() < 0.6:
        given["announcement"], name = shown, dice.choice(("publish", "correct", "correct", "retract"))
    match name:
        case "publish" if dice.random() < LATER:
            at = floor.lower.clock.now() + timedelta(seconds=dice.choice((20, 100, 500)))
            given["at"] = at.isoformat()
        case "correct":
            given["text"] = floor.words("text")
        case "retract" if dice.random() < 0.5:
            given["why"] = floor.words("why")
    before = floor.asked[-1:]
    words = _asks(floor, who, f"publishing {name}", given, why)
    words += decide_mostly(floor, before)
    # What was approved is on its way.
    return f"{words}; {_stop(floor)}" if dice.random() < STOPPED else words


def stop(floor: Floor) -> str:
    """Everything is stopped, or goes on."""
    return _stop(floor) if floor.lower.dice.random() < 0.5 else _resume(floor)


def _resume(floor: Floor) -> str:
    return _asks(floor, DAN, "publishing resume", {})


def _stop(floor: Floor) -> str:
    return _asks(floor, PAT, "publishing stop", {"why": floor.words("why")})


def restrict(floor: Floor) -> str:
    """What is announced, or what it is about, is there for few from now on, or for everybody again."""
    dice = floor.lower.dice
    labels = restricted(floor)
    if labels and dice.random() < 0.6:
        return _asks(floor, LEX, "unrestrict", {"incident": dice.choice(labels), "reason": floor.words("why")})
    known = _some(floor)
    about = floor.some_item()
    if known is None or about is None:
        return ""
    item = dice.choice((known, f"INC-{about}"))
    return _asks(floor, LEX, "restrict", {"incident": item, "reason": floor.words("why")})


def restricted(floor: Floor) -> list[str]:
    """What those call it who may know of what is restricted, and is no part of something that is."""
    with floor.calm() as connection:
        found = connection.execute(select(t.incident).where(t.incident.c.restricted).order_by(t.incident.c.id)).all()
    numbers = {row.id for row in found}
    return [row.label for row in found if row.part_of not in numbers]


def come_to_an_end(floor: Floor) -> None:
    """All is there for everybody again. In half of the worlds it is stopped then, and what is shown is withdrawn."""
    for label in restricted(floor):
        floor.do(LEX, "unrestrict", {"incident": label, "reason": floor.words("why")})
    if not floor.lower.always or floor.lower.dice.random() < 0.5:
        return
    floor.do(PAT, "publishing stop", {"why": floor.words("why")})
    for number in _all(floor, "published"):
        done, _how = floor.do(PAT, "publishing retract", {"announcement": number})
        if done is not None and done.proposal:
            floor.do(DAN, "proposals approve", {"proposal": done.proposal})


def _all(floor: Floor, status: str = "") -> list[str]:
    """The announcements, or those of a status."""
    with floor.calm() as connection:
        found = explain.incidents(connection, limit=1000, status=status, kind=RecordKind.ANNOUNCEMENT)
    return [one.number for one, _copies in found]


def _some(floor: Floor, status: str = "") -> str | None:
    """One of the announcements, or of those of a status."""
    found = _all(floor, status)
    return floor.lower.dice.choice(found) if found else None


def _asks(floor: Floor, who: Someone, name: str, given: Mapping[str, Any], why: str | None = None) -> str:
    at_once = "" if why is None else f" at once, {why},"
    return f"{who.name} asks{at_once} for {name} {given}{ask_for(floor, who, name, given, '', None, why)}"


MOVES: Final[Mapping[str, tuple[Move, int]]] = {
    "write": (write, 9),
    "show": (show, 20),
    "stop": (stop, 1),
    "restrict": (restrict, 3),
}
"""Every move with its weight."""
