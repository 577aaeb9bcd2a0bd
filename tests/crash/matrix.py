"""The crash matrix: one script, killed once at every commit and every call, before and after its effect.

Each step of the script begins with tools and store as an undisturbed run left them; the engine starts, is killed at one
point, and is started again until it rests. Nothing is ever mended by hand.
"""

from __future__ import annotations

import copy
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from tests.crash.process import Died, Rest, Unavailable, live, warm
from tests.crash.script import STEPS, Ledger, Step, findings, meanwhile
from tests.crash.tools import Tools


class Shelf(Protocol):
    """Where the engine's store lies, and how an earlier one is put back."""

    address: str

    def keep(self, number: int) -> None:
        """Remember the store as it is."""

    def put_back(self, number: int) -> None:
        """The store as it was then; -1 is none at all."""


class FileShelf:
    """SQLite: a file, its log and its index of the log."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "tieline.db"
        self.address = f"sqlite:///{self._path}"

    def keep(self, number: int) -> None:
        shutil.copyfile(self._path, self._folder / f"kept-{number}")

    def put_back(self, number: int) -> None:
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        if number >= 0:
            shutil.copyfile(self._folder / f"kept-{number}", self._path)


class ServerShelf:
    """PostgreSQL: a database, and templates of it."""

    def __init__(self, server: str) -> None:
        self.address = server.rsplit("/", 1)[0] + "/tieline"
        self._admin = create_engine(
            server.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT", poolclass=NullPool
        )

    def _run(self, *statements: str) -> None:
        with self._admin.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))

    def keep(self, number: int) -> None:
        self._run(f"CREATE DATABASE kept_{number} TEMPLATE tieline STRATEGY file_copy")

    def put_back(self, number: int) -> None:
        # A killed engine's connections may still be closing.
        template = f"kept_{number}" if number >= 0 else "template1"
        self._run(
            "DROP DATABASE IF EXISTS tieline WITH (FORCE)",
            f"CREATE DATABASE tieline TEMPLATE {template} STRATEGY {'wal_log' if number < 0 else 'file_copy'}",
        )


@dataclass(frozen=True, slots=True)
class Place:
    """One point: the step it is in, its number there, and what happens at it."""

    step: int
    number: int
    words: str

    @property
    def kind(self) -> str:
        """What it has in common with others."""
        return f"{self.step} {self.words}"


@dataclass
class Report:
    """What a run of the matrix found."""

    points: int = 0
    ran: int = 0
    clean: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def figures(self) -> dict[str, Any]:
        """As JSON."""
        kinds = dict(sorted(self.kinds.items()))
        return {"points": self.points, "ran": self.ran, "clean": self.clean, "kinds": kinds, "failures": self.failures}


class Matrix:
    """The undisturbed run, which finds the points; then one run per point."""

    def __init__(self, shelf: Shelf, steps: Sequence[Step] = STEPS) -> None:
        self._shelf = shelf
        self._steps = steps
        self._tools = Tools()
        warm(shelf.address)
        self._before: list[tuple[Any, Ledger]] = []

    def points(self) -> Iterator[Place]:
        """Run the script undisturbed. Raises RuntimeError when even that does not come out right."""
        ledger = Ledger()
        self._shelf.put_back(-1)
        for number, step in enumerate(self._steps):
            for deed in step.deeds:
                deed(self._tools, ledger)
            self._before.append((self._tools.save(), copy.deepcopy(ledger)))
            rest = live(self._tools, self._shelf.address, f"{number}", None)
            if wrong := judge(self._tools, ledger, rest):
                raise RuntimeError(f"undisturbed, after {step.words!r}: {wrong}")
            self._shelf.keep(number)
            if isinstance(rest, Rest):
                yield from (Place(number, at, words) for at, words in enumerate(rest.points, 1))

    def die(self, place: Place, *, again_at: int | None = None, people: bool = False) -> list[str]:
        """Kill the engine there, start it until it rests, and answer what is wrong then.

        `again_at` kills the second life as well; with `people` somebody works on while the engine is dead.
        """
        saved, before = self._before[place.step]
        ledger = copy.deepcopy(before)
        self._tools.load(saved)
        self._shelf.put_back(place.step - 1)
        died = live(self._tools, self._shelf.address, f"{place.step}", place.number)
        if not isinstance(died, Died) or died.point != place.words:
            return [f"did not die at {place.words}, but: {died}"]
        if people:
            meanwhile(self._tools, ledger)
        if again_at is not None:
            again = live(self._tools, self._shelf.address, f"{place.step}b", again_at)
            if not isinstance(again, Died):
                return judge(self._tools, ledger, again)
        rest = live(self._tools, self._shelf.address, f"{place.step}c", None)
        return judge(self._tools, ledger, rest)

    def words(self, place: Place) -> str:
        return f"{self._steps[place.step].words}: killed {place.words} (point {place.number})"


def judge(tools: Tools, ledger: Ledger, end: Rest | Died | Unavailable) -> list[str]:
    """What is wrong with how a life ended that nobody ended."""
    return findings(tools, ledger, end) if isinstance(end, Rest) else [f"it ended by itself: {end}"]


def spread(places: Sequence[Place], most: int | None) -> list[Place]:
    """At most so many of them, always the same: one of each kind in each step first, then evenly from the rest."""
    if most is None or most >= len(places):
        return list(places)
    firsts: dict[str, Place] = {}
    for place in places:
        firsts.setdefault(place.kind, place)
    chosen = list(firsts.values())[:most]
    rest = [place for place in places if place not in set(chosen)]
    wanted = most - len(chosen)
    chosen += [rest[at * len(rest) // wanted] for at in range(wanted)]
    return sorted(chosen, key=lambda place: (place.step, place.number))


def run(
    matrix: Matrix, places: Sequence[Place], points: int, *, twice: random.Random | None = None, people: bool = False
) -> Report:
    """Die at each of these places. `twice` draws a second death for each, within the life after."""
    report = Report(points=points)
    began = time.monotonic()
    for place in places:
        report.ran += 1
        report.kinds[place.words.split(" ", 1)[1]] += 1
        again_at = twice.randint(1, 80) if twice is not None else None
        try:
            wrong = matrix.die(place, again_at=again_at, people=people)
        except RuntimeError as error:
            wrong = [str(error)]
        if wrong:
            more = f", and again at point {again_at}" if again_at is not None else ""
            report.failures.append(f"{matrix.words(place)}{more}: {'; '.join(wrong)}")
        else:
            report.clean += 1
    report.seconds = round(time.monotonic() - began, 1)
    return report
