"""What goes wrong, and when: every fault is drawn from the schedule's own dice, so that a seed always does the same.

A kill is an exception that nothing in the engine catches; it may come out of any commit and any call, before or after
its effect. What survives it is what a killed process leaves behind: the store and the tools.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Final, NoReturn

from tieline.adapters.memory.faults import Fault
from tieline.core.errors import StoreUnavailable

LEVELS: Final = (0.0, 0.02, 0.08, 0.20)
"""Some worlds are calm and some are hell; a fault's probability is one of these for a whole schedule."""

FORGETFUL: Final = (0.0, 0.1, 0.3, 0.6)
"""The same for a monitoring that forgets what fires: there are few listings with enough in them to be missed."""


PAGES: Final = (200, 200, 403, 404, 502)
"""The statuses with which a proxy's own page comes."""


class Killed(BaseException):
    """The process is gone."""


class Death(Fault):
    """The process dies while this call is under way."""

    def error(self, connection: str, verb: str, *, writes: bool, now: datetime) -> NoReturn:  # noqa: ARG002 - the signature of faults
        raise Killed(f"while {connection} answered {verb}")


@dataclass
class Page(Fault):
    """Something on the way answers with a page of its own."""


@dataclass
class Cut(Fault):
    """The answer ends in its midst, and says that it is whole."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How likely each fault is, per call or per occasion."""

    lost_request: float
    lost_answer: float
    rate_limit: float
    server_error: float
    refused_login: float
    kill: float
    conflict: float
    empty_list: float
    repeated_page: float
    locked: float
    unread: float
    lost_hook: float
    doubled_hook: float
    early_hook: float
    stray_hook: float
    forged_hook: float
    race: float
    drift: float
    clocks: float
    frozen: float = 0.0
    """Per turn of a worker; not drawn with the others."""
    forgetful: float = 0.0
    odd: float = 0.0
    """Per edit: that an import leaves something in the record that nobody understands."""
    proxy_page: float = 0.0
    """This and what follows befalls only what goes over HTTP."""
    cut_answer: float = 0.0
    slow_answer: float = 0.0
    denied: float = 0.0
    """Of any call: something in between answers that there is no such thing."""
    refused: float = 0.0
    """Of any call: something in between answers that it may not be, or that it was put wrongly."""

    @classmethod
    def drawn(cls, dice: random.Random) -> Weather:
        """What has a default has dice of its own: see `Plan.drawn`."""
        return cls(**{one.name: dice.choice(LEVELS) for one in fields(cls) if one.default is MISSING})

    @classmethod
    def calm(cls) -> Weather:
        return cls(**{one.name: 0.0 for one in fields(cls)})


DENIED_FOR: Final = timedelta(seconds=15)
REST: Final = timedelta(seconds=60)
"""For how long a record is denied at a time, and for how long not again: what is denied without end is gone."""

REFUSALS: Final = (400, 403, 405, 409, 412, 413, 422, 423)


class Fate:
    """Draws the faults of one schedule. `counts` says how many of each kind came; `tell` hears of each."""

    def __init__(self, dice: random.Random, weather: Weather, now: Callable[[], datetime]) -> None:
        self.dice = dice
        self.weather = weather
        self.now = now
        self.counts: Counter[str] = Counter()
        self.told: list[str] = []
        self._fuse = 0
        self._frost = 0
        self._denied: dict[str, datetime] = {}
        """By tool, when a look at a record was denied first."""
        self.on_freeze: Callable[[str], None] = lambda _where: None
        """What happens while a worker is frozen."""

    def happens(self, chance: float, what: str = "") -> bool:
        """True with this chance. Chances of zero cost no draw."""
        if not chance or self.dice.random() >= chance:
            return False
        if what:
            self.counts[what] += 1
        return True

    # -- dying -----------------------------------------------------------------------------------------------------

    def light_fuse(self) -> None:
        """Perhaps the process is to die at one of the next places where it can."""
        self._fuse = self.dice.randint(1, 10) if self.happens(self.weather.kill) else 0

    @property
    def burning(self) -> bool:
        """True while the process may die at any place."""
        return self._fuse > 0

    def put_out(self) -> None:
        """It survived."""
        self._fuse = 0

    def _burns_down(self) -> bool:
        self._fuse = max(0, self._fuse - 1)
        if self._fuse:
            return False
        self.counts["kill"] += 1
        return True

    def may_die(self, where: str) -> None:
        """A place where a process can die. Raises Killed."""
        if self._fuse and self._burns_down():
            self.told.append(f"killed {where}")
            raise Killed(where)

    # -- freezing --------------------------------------------------------------------------------------------------

    def let_freeze(self) -> None:
        """Perhaps the worker whose turn begins is to freeze at one of the next places where it can."""
        self._frost = self.dice.randint(1, 16) if self.happens(self.weather.frozen) else 0

    def may_freeze(self, where: str) -> None:
        """A place where a worker can freeze for longer than its lease."""
        if self._frost:
            self._frost -= 1
            if not self._frost:
                self.on_freeze(where)

    @contextmanager
    def freezing(self, at: int, on_freeze: Callable[[str], None]) -> Iterator[None]:
        """Whoever is at work freezes at the place of this number, if it comes to it, and that happens meanwhile."""
        before = self._frost, self.on_freeze
        self._frost, self.on_freeze = at, on_freeze
        try:
            yield
        finally:
            self._frost, self.on_freeze = before

    # -- calls -----------------------------------------------------------------------------------------------------

    def call(self, tool: str, *, over_http: bool = False) -> Callable[[str, bool], Fault | None]:
        """What `Faults.draw` asks, for one tool."""

        def draw(verb: str, writes: bool) -> Fault | None:  # noqa: ARG001 - the signature of faults
            self.may_die(f"before {verb} reached {tool}")
            if self._fuse and self._burns_down():
                self.told.append(f"killed after {tool} did {verb}")
                return Death(after_effect=True)
            fault = self._drawn(verb) or (self._on_the_way() if over_http else self._in_between(tool, verb))
            if fault is not None:
                effect = " after it took effect" if fault.after_effect else ""
                self.told.append(f"{tool} answered {verb} with {fault.status or 'silence'}{effect}")
            return fault

        return draw

    def _drawn(self, verb: str) -> Fault | None:
        weather = self.weather
        if self.happens(weather.lost_request, "lost request"):
            return Fault()
        if self.happens(weather.lost_answer, "lost answer"):
            return Fault(after_effect=True)
        if self.happens(weather.rate_limit / 4, "rate limit"):
            return Fault(429, self._retry_after())
        if self.happens(weather.server_error, "server error"):
            return Fault(self.dice.choice((500, 502, 503, 504)), after_effect=self.dice.random() < 0.5)
        if self.happens(weather.refused_login / 8, "refused login"):
            return Fault(401)
        if verb == "update" and self.happens(weather.conflict, "conflict"):
            return Fault(self.dice.choice((409, 412)))
        return None

    def _on_the_way(self) -> Fault | None:
        if self.happens(self.weather.proxy_page / 4, "proxy page"):
            return Page(self.dice.choice(PAGES), after_effect=self.dice.random() < 0.3)
        if self.happens(self.weather.cut_answer / 4, "cut answer"):
            return Cut(200, after_effect=True)
        return None

    def _in_between(self, tool: str, verb: str) -> Fault | None:
        """What stands in front of a tool answers in its place, sometimes although the tool has acted."""
        weather = self.weather
        acted = verb in ("create", "find", "add_comment") and self.dice.random() < 0.5 if weather.denied else False
        makes = verb in ("create", "find")
        if self.happens(weather.denied if makes else weather.denied / 4) and self._may_deny(tool, verb):
            self.counts["denied"] += 1
            return Fault(self.dice.choice((404, 410)), after_effect=acted, believed=True)
        if self.happens(weather.refused / 8, "refused"):
            return Fault(self.dice.choice(REFUSALS))
        return None

    def _may_deny(self, tool: str, verb: str) -> bool:
        if verb not in ("read", "update", "comments", "add_comment"):
            return True
        since = self._denied.get(tool)
        now = self.now()
        if since is None or now - since > REST or now < since:
            self._denied[tool] = now
            return True
        return now - since <= DENIED_FOR

    def _retry_after(self) -> dict[str, str]:
        match self.dice.randrange(4):
            case 0:
                return {}
            case 1:
                return {"retry-after": str(self.dice.randint(1, 60))}
            case 2:
                return {"retry-after": format_datetime(self.now() + timedelta(seconds=self.dice.randint(-60, 90)))}
            case _:
                return {"retry-after": self.dice.choice(("-5", "soon", "99999999999", "1e9"))}

    # -- the store -------------------------------------------------------------------------------------------------

    def before_read(self) -> None:
        if self.happens(self.weather.unread / 16, "store unreadable"):
            self.told.append("the store could not be read")
            raise StoreUnavailable("simulated: the disk answered with an I/O error", timedelta(seconds=1))

    def before_write(self) -> None:
        if self.happens(self.weather.locked / 4, "store locked"):
            self.told.append("the store was locked")
            raise StoreUnavailable("simulated: another process holds the write lock", timedelta(seconds=1))

    def before_commit(self) -> None:
        self.may_die("before a commit")
        if self.happens(self.weather.locked / 8, "disk full"):
            self.told.append("the disk was full")
            raise StoreUnavailable("simulated: the disk is full", timedelta(seconds=1))

    def after_commit(self) -> None:
        self.may_die("after a commit")
        if self.happens(self.weather.locked / 8, "commit unanswered"):
            self.told.append("a commit was not answered")
            raise StoreUnavailable("simulated: the connection was lost in the commit", timedelta(seconds=1))
