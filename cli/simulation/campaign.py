"""Many schedules: how many failed, what was injected, and how long it took."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

from tieline.cli.simulation.mutants import MUTANTS, planted
from tieline.cli.simulation.schedule import Outcome, Plan, play
from tieline.cli.simulation.shape import MEMORY as MEMORY_TOOLS
from tieline.cli.simulation.shape import UPSTAIRS
from tieline.cli.simulation.store import MEMORY, stores_at

BATCH = 20


@dataclass
class Campaign:
    """What came of a series of schedules."""

    schedules: int = 0
    cpu_seconds: float = 0.0
    failed: list[Outcome] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    writes: int = 0

    def add(self, other: Campaign) -> None:
        self.schedules += other.schedules
        self.cpu_seconds += other.cpu_seconds
        self.failed += other.failed
        self.faults += other.faults
        self.writes += other.writes


def run(
    seeds: Sequence[int],
    *,
    steps: int,
    tools: str = MEMORY_TOOLS,
    mutant: str = "",
    store: str = MEMORY,
    jobs: int = 1,
    until_failure: bool = False,
    upstairs: float = UPSTAIRS,
    on_progress: Callable[[Campaign], object] = lambda _campaign: None,
) -> Campaign:
    """Play these schedules, on as many processes as `jobs` says."""
    total = Campaign()
    batches = [seeds[start : start + BATCH] for start in range(0, len(seeds), BATCH)]
    work = partial(
        _play, steps=steps, tools=tools, mutant=mutant, store=store, until_failure=until_failure, upstairs=upstairs
    )
    for done in _parts(batches, work, jobs):
        total.add(done)
        on_progress(total)
        if until_failure and total.failed:
            break
    return total


@dataclass(frozen=True, slots=True)
class Catch:
    """What became of one planted bug: after how many schedules it was found, 0 for one that was not."""

    mutant: str
    schedules: int
    played: int
    kinds: tuple[str, ...]
    cpu_seconds: float


def hunt(
    mutants: Sequence[str], seeds: Sequence[int], *, steps: int, store: str = MEMORY, jobs: int = 1
) -> Iterator[Catch]:
    """Look for each of these bugs, in schedules from the first seed on, until one of them breaks a promise."""
    yield from _parts(mutants, partial(_catch, seeds=seeds, steps=steps, store=store), jobs)


def _catch(mutant: str, *, seeds: Sequence[int], steps: int, store: str) -> Catch:
    tools, upstairs = MUTANTS[mutant].tools, MUTANTS[mutant].upstairs
    found = _play(seeds, steps=steps, tools=tools, mutant=mutant, store=store, until_failure=True, upstairs=upstairs)
    kinds = tuple(sorted({kind for one in found.failed for kind in one.kinds}))
    needed = found.schedules if found.failed else 0
    return Catch(mutant, needed, found.schedules, kinds, found.cpu_seconds)


Task = TypeVar("Task")
Result = TypeVar("Result")


def _parts(tasks: Sequence[Task], work: Callable[[Task], Result], jobs: int) -> Iterator[Result]:
    if jobs == 1:
        yield from map(work, tasks)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(work, tasks)
        finally:
            pool.shutdown(cancel_futures=True)


def _play(
    seeds: Sequence[int],
    *,
    steps: int,
    tools: str,
    mutant: str,
    store: str,
    until_failure: bool,
    upstairs: float,
) -> Campaign:
    part = Campaign()
    began = time.process_time()
    with planted(mutant), stores_at(store) as stores:
        for seed in seeds:
            outcome = play(Plan.drawn(seed, steps, tools, upstairs), stores)
            part.schedules += 1
            part.faults += outcome.faults
            part.writes += outcome.writes
            if outcome.violations:
                part.failed.append(outcome)
                if until_failure:
                    break
    part.cpu_seconds = time.process_time() - began
    return part
