"""Many schedules: how many failed, what was injected, and how long it took."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context

from tieline.cli.simulation.mutants import planted
from tieline.cli.simulation.schedule import Outcome, Plan, play

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
    mutant: str = "",
    jobs: int = 1,
    until_failure: bool = False,
    on_progress: Callable[[Campaign], object] = lambda _campaign: None,
) -> Campaign:
    """Play these schedules, on as many processes as `jobs` says."""
    total = Campaign()
    batches = [seeds[start : start + BATCH] for start in range(0, len(seeds), BATCH)]
    for done in _parts(batches, partial(_play, steps=steps, mutant=mutant, until_failure=until_failure), jobs):
        total.add(done)
        on_progress(total)
        if until_failure and total.failed:
            break
    return total


def _parts(
    batches: Sequence[Sequence[int]], work: Callable[[Sequence[int]], Campaign], jobs: int
) -> Iterator[Campaign]:
    if jobs == 1:
        yield from map(work, batches)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(work, batches)
        finally:
            pool.shutdown(cancel_futures=True)


def _play(seeds: Sequence[int], *, steps: int, mutant: str, until_failure: bool) -> Campaign:
    part = Campaign()
    began = time.process_time()
    with planted(mutant):
        for seed in seeds:
            outcome = play(Plan.drawn(seed, steps))
            part.schedules += 1
            part.faults += outcome.faults
            part.writes += outcome.writes
            if outcome.violations:
                part.failed.append(outcome)
                if until_failure:
                    break
    part.cpu_seconds = time.process_time() - began
    return part
