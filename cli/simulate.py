"""`tieline simulate`: the whole engine against tools that do everything wrong, one seed a schedule."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from tieline.cli.output import emit, json_option, table

if TYPE_CHECKING:
    from tieline.cli.simulation.campaign import Campaign
    from tieline.cli.simulation.schedule import Outcome


@click.command()
@click.option("--seed", type=int, help="Play this schedule alone, and tell its story.")
@click.option("--schedules", type=click.IntRange(1), help="Play so many schedules, from seed 0 or --first.")
@click.option("--first", default=0, show_default=True, help="The first seed.")
@click.option("--steps", default=120, show_default=True, type=click.IntRange(1, 10_000), help="Steps of a schedule.")
@click.option(
    "--tools",
    default="memory",
    show_default=True,
    help="Who plays: `memory` tools, the `shipped` adapters over their simulators (drawn by the seed), or names with "
    "commas between them, like `servicenow,jira,alertmanager`.",
)
@click.option("--plugins", is_flag=True, help="Plugins are at work in every world, and not in one of twenty.")
@click.option("--mutant", default="", help="Plant this bug first; `all` tries every one, `list` names them.")
@click.option(
    "--store", default="", help="Play on this PostgreSQL server, in a schema of its own; else on SQLite in memory."
)
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes.")
@json_option
def simulate(
    seed: int | None,
    schedules: int | None,
    first: int,
    steps: int,
    tools: str,
    plugins: bool,
    mutant: str,
    store: str,
    jobs: int,
    as_json: bool,
) -> None:
    """Play schedules of edits, faults and crashes, and check that nothing is lost, doubled or overwritten unseen.

    Everything is simulated but the engine, its store, its mappings and, where they play, the shipped adapters with
    their libraries; nothing is sent anywhere. Exit code 1 when a promise is broken, or when a planted bug is not found.
    """
    from tieline.cli.simulation.mutants import MUTANTS

    if mutant == "list":
        _list_mutants(as_json)
        return
    if mutant not in ("", "all") and mutant not in MUTANTS:
        raise click.UsageError(f"there is no mutant {mutant!r}; `--mutant list` names them.")
    address = _address(store)
    if mutant in MUTANTS and tools == "memory":
        tools = MUTANTS[mutant].tools
    plugins = plugins or (mutant in MUTANTS and MUTANTS[mutant].upstairs == 1.0)
    _check_tools(tools)
    if mutant == "all":
        sys.exit(_hunt(range(first, first + (schedules or 1000)), steps, address, jobs, as_json))
    if seed is not None:
        sys.exit(_tell(seed, steps, tools, plugins, mutant, address, as_json))
    sys.exit(_campaign(range(first, first + (schedules or 100)), steps, tools, plugins, mutant, address, jobs, as_json))


def _check_tools(tools: str) -> None:
    import random

    from tieline.cli.simulation.shape import MEMORY, cast

    try:
        if tools != MEMORY:
            cast(tools, random.Random(0), random.Random(0))  # noqa: S311 - it draws tools, not secrets
    except ValueError as error:
        raise click.UsageError(f"--tools: {error}.") from None


def _address(store: str) -> str:
    from tieline.cli.simulation.store import MEMORY
    from tieline.core.store.engines import parse

    if store and parse(store).drivername == "sqlite":
        raise click.UsageError("on SQLite a simulation keeps everything in memory; leave --store out.")
    return store or MEMORY


def _list_mutants(as_json: bool) -> None:
    from tieline.cli.simulation.mutants import MUTANTS

    if as_json:
        emit({name: one.words for name, one in MUTANTS.items()})
        return
    table("Bugs that can be planted", ["name", "what is broken"], [(n, m.words) for n, m in MUTANTS.items()], empty="")


def _tell(seed: int, steps: int, tools: str, plugins: bool, mutant: str, store: str, as_json: bool) -> int:
    from tieline.cli.simulation.mutants import planted
    from tieline.cli.simulation.schedule import Plan, play, shrink
    from tieline.cli.simulation.store import stores_at

    with planted(mutant), stores_at(store) as stores:
        outcome = play(Plan.drawn(seed, steps, tools, _upstairs(plugins)), stores)
        small = shrink(outcome, stores) if outcome.violations else outcome
    if as_json:
        emit(_facts(small) | {"trace": outcome.trace, "violations": list(map(str, outcome.violations))})
    elif outcome.violations:
        _show_failure(small, steps, tools, plugins, mutant)
    else:
        for line in outcome.story:
            click.echo(f"  {line}")
        click.echo(f"Seed {seed}: every promise was kept. Trace {outcome.trace[:16]}.")
    return 1 if outcome.violations else 0


def _upstairs(plugins: bool) -> float:
    from tieline.cli.simulation.shape import UPSTAIRS

    return 1.0 if plugins else UPSTAIRS


def _campaign(
    seeds: range, steps: int, tools: str, plugins: bool, mutant: str, store: str, jobs: int, as_json: bool
) -> int:
    from tieline.cli.simulation.campaign import run
    from tieline.cli.simulation.mutants import planted
    from tieline.cli.simulation.schedule import shrink

    began = time.monotonic()
    found = run(
        seeds,
        steps=steps,
        tools=tools,
        mutant=mutant,
        store=store,
        jobs=jobs,
        upstairs=_upstairs(plugins),
        on_progress=_progress(len(seeds), as_json),
    )
    seconds = time.monotonic() - began
    rate = round(found.schedules / max(found.cpu_seconds, 0.001), 1)
    small: list[Outcome] = []
    with planted(mutant):
        small = [shrink(outcome) for outcome in found.failed[:1]]
    if as_json:
        emit(
            {
                "schedules": found.schedules,
                "first": seeds.start,
                "steps": steps,
                "tools": tools,
                "plugins": plugins,
                "store": _kind(store),
                "failures": len(found.failed),
                "failed": [one.plan.seed for one in found.failed],
                "faults": dict(sorted(found.faults.items())),
                "writes": found.writes,
                "seconds": round(seconds, 1),
                "cpu_seconds": round(found.cpu_seconds, 1),
                "schedules_per_cpu_second": rate,
                "smallest": [_facts(one) for one in small],
            }
        )
        return 1 if found.failed else 0
    table("Injected", ["fault", "times"], sorted(found.faults.items()), empty="no faults")
    for one in small:
        _show_failure(one, steps, tools, plugins, mutant)
    click.echo(f"{len(found.failed)} of {found.schedules} schedules broke a promise; {rate} schedules a CPU second.")
    if found.failed:
        click.echo(f"Failing seeds: {', '.join(str(one.plan.seed) for one in found.failed[:50])}")
    return 1 if found.failed else 0


def _hunt(seeds: range, steps: int, store: str, jobs: int, as_json: bool) -> int:
    from tieline.cli.simulation.campaign import Catch, hunt
    from tieline.cli.simulation.mutants import MUTANTS

    began = time.monotonic()
    caught: list[Catch] = []
    for one in hunt(tuple(MUTANTS), seeds, steps=steps, store=store, jobs=jobs):
        caught.append(one)
        if not as_json:
            found = f"{', '.join(one.kinds)} after {one.schedules}" if one.schedules else f"NOT FOUND in {one.played}"
            click.echo(f"{one.mutant}: {found}")
    missed = [one.mutant for one in caught if not one.schedules]
    if as_json:
        emit(
            {
                "store": _kind(store),
                "first": seeds.start,
                "steps": steps,
                "bound": len(seeds),
                "mutants": {one.mutant: one.schedules or None for one in caught},
                "seen": {one.mutant: list(one.kinds) for one in caught},
                "missed": missed,
                "seconds": round(time.monotonic() - began, 1),
                "cpu_seconds": round(sum(one.cpu_seconds for one in caught), 1),
            }
        )
    else:
        click.echo(f"{len(caught) - len(missed)} of {len(caught)} planted bugs were found.")
    return 1 if missed else 0


def _kind(store: str) -> str:
    return store.partition(":")[0]


def _progress(total: int, as_json: bool) -> Any:
    def show(campaign: Campaign) -> None:
        if not as_json and sys.stderr.isatty():
            click.echo(f"\r{campaign.schedules}/{total}, {len(campaign.failed)} failed", nl=False, err=True)

    return show


def _facts(outcome: Outcome) -> dict[str, Any]:
    return {
        "seed": outcome.plan.seed,
        "world": outcome.plan.shape.words(),
        "steps": len(outcome.plan.steps),
        "story": list(outcome.story),
        "violations": list(map(str, outcome.violations)),
        "trace": outcome.trace,
    }


def _show_failure(outcome: Outcome, steps: int, tools: str, plugins: bool, mutant: str) -> None:
    click.echo(f"Seed {outcome.plan.seed} breaks a promise. The world: {outcome.plan.shape.words()}")
    click.echo("What it takes:")
    for line in outcome.story:
        click.echo(f"  {line}")
    for violation in outcome.violations[:10]:
        click.echo(f"  ✗ {violation}")
    planted_bug = f" --mutant {mutant}" if mutant else ""
    played = f" --tools {tools}" if tools != "memory" else ""
    played += " --plugins" if plugins else ""
    click.echo(f"Repeat it: tieline simulate --seed {outcome.plan.seed} --steps {steps}{played}{planted_bug}")
