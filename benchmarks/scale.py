"""The page on what breaks first: its sentences are written, its numbers come from the same run as the table's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from benchmarks.figures import Figure, Result

AIM: Final = 10_000
"""Alerts a second that the page asks about."""


def page(result: Result) -> str:
    """The whole page, in Markdown. Raises KeyError for a run without the figures that it rests on."""
    tens, single = _largest(result, "storm.tens.", ".cpu"), _largest(result, "storm.single.", ".cpu")
    rate, alone = _largest(result, "storm.tens.", ".rate"), _largest(result, "storm.single.", ".rate")
    cores = AIM * tens.median / 1e3
    few, many = _ends(result, ".cpu", "growth.")
    return f"""\
# What breaks first at scale

Ten thousand alerts a second and a million linked incidents: more than one process carries. This page says which part
gives way first. Its numbers come from the same run as [the figures](performance.md): version {result.version}, form
{result.form}, {result.machine.get("cores")} cores. What follows from them by arithmetic, and what is assumed, says so.

## One process

| part | measured | by arithmetic |
|---|---|---|
| Python: one alert from socket to incident, in tens | {_ms(tens)} CPU | one core carries {_a_second(tens)} a second |
| the same, one alert a request | {_ms(single)} CPU | one core carries {_a_second(single)} a second |
| visible as incidents, in tens and single | {rate.median:,.0f} and {alone.median:,.0f} a second | |
| SQLite at `synchronous=FULL`, bare rows of 100 alerts a commit | {_rate(result, "floor.commits")} alerts a second | \
{_named(result, "floor.commits").median / rate.median:.1f} times what the process reaches |
| SQLite, one row a commit | {_rate(result, "floor.commits.alone")} a second | why deliveries share commits |
| a bare POST through the same server, single | {_ms(_named(result, "floor.bare.single.cpu"))} CPU | \
{_named(result, "floor.bare.single.cpu").median / single.median:.0%} of the alert's |

**First: the interpreter.** One process uses one core at a time. {AIM:,} alerts a second at {_ms(tens)} are {cores:.1f}
seconds of CPU a second, so that one process falls behind. It does so in the open: what waits is bounded by the intake's
queue, senders are answered 503 and come again, and nothing that was answered 2xx is lost.

**Second: the lane.** One connection's alerts go down the road one batch after the other, in one worker at a time. More
processes do not help one source: a source beyond what one process reaches is split into several connections, which
Alertmanager does by route.

**Third: the journal's head.** Every transaction that journals holds one row until it commits, so that over the whole
fleet they follow one another: the table of the fleet says how many waited for it. How many a second it lets through on
a machine with cores to spare is not measured. Batches that decide before they take the head, or a chain per connection
joined by checkpoints, are the way past it. Neither is built.

**Last: the tools.** {AIM:,} tickets a second is beyond any of them; this is an assumption, and a safe one. Grouping
keeps alerts from becoming tickets; the budget of each connection decides the rest, and the dirty marks wait in the
store.

## A million linked incidents

What is done for each alert and in each quiet cycle is found by an index; a test reads the plan of each such statement.

| linked incidents | CPU an alert | idle: share of a core | resident when idle | start |
|---:|---:|---:|---:|---:|
{chr(10).join(_grown(result))}

Over {_size(many):,} an alert cost {many.median / few.median:.2f} times what it cost over {_size(few):,}. Verifying the
journal reads everything: {_rate(result, "journal.verify")} entries a second, hence {_verifying(result):.0f} s for five
million by arithmetic, in short reads beside the daemon's work.

## The fleet on PostgreSQL

`store: postgresql://…` makes equal workers of as many processes as are started. What it multiplies is Python: requests
are parsed, and records normalized, in each worker, and lanes are shared out. What it does not multiply is one lane, and
the journal's head.

{chr(10).join(_fleet(result))}
"""


def _fleet(result: Result) -> Iterable[str]:
    rates = [one for one in result.figures if one.name.startswith("fleet.") and one.name.endswith(".rate")]
    if not rates:
        yield "PostgreSQL was not there when this page was measured: how the fleet grows is not known from this run."
        return
    yield "| workers | visible | CPU an alert in the workers | and in PostgreSQL | waiting for the head, on average |"
    yield "|---:|---:|---:|---:|---:|"
    for one in rates:
        workers = one.name.split(".")[1]
        used, store = _named(result, f"fleet.{workers}.cpu"), _named(result, f"fleet.{workers}.store")
        head = _named(result, f"fleet.{workers}.head").median
        yield f"| {workers} | {one.median:,.0f} a second | {_ms(used)} | {_ms(store)} | {head:.1f} |"
    first, last = rates[0], rates[-1]
    workers = last.name.split(".")[1]
    both = _named(result, f"fleet.{workers}.cpu").median + _named(result, f"fleet.{workers}.store").median
    cores = int(result.machine.get("cores") or 0)
    limit = f"{cores * 1e3 / both:,.0f} a second"
    most = f"{max(one.median for one in rates):,.0f} a second"
    yield ""
    yield (
        f"Bare rows of 100 alerts a commit go into the same PostgreSQL at {_rate(result, 'floor.postgres')} alerts a "
        f"second. {workers} workers reach {last.median / first.median:.2f} times what {first.name.split('.')[1]} "
        f"reaches. Workers, PostgreSQL and the sender shared {cores} cores; at {both:.2f} ms an alert for the first "
        f"two they cannot pass {limit}, so that this run says what the fleet costs and not where it ends."
    )
    if last.median < first.median:
        yield ""
        yield (
            f"**{workers} workers were slower than {first.name.split('.')[1]} here.** The cores had room by the "
            "figures above: the time went into waiting, for each other, for the disk, or for a turn on a busy machine."
        )
    yield ""
    yield (
        f"By arithmetic, {AIM:,} a second in tens take {AIM * both / 1e3:.0f} cores at that cost, and at least as many "
        "sources as workers, so that each has a lane. Whether the journal's head lets them through is not known: no "
        f"machine with so many cores was measured, and the {most} that was reached here is the only figure there is."
    )


def _grown(result: Result) -> Iterable[str]:
    for one in result.figures:
        if one.name.startswith("growth.") and one.name.endswith(".cpu"):
            size = _size(one)
            idle, resident, start = (_named(result, f"growth.{size}.{what}") for what in ("idle", "resident", "start"))
            yield (
                f"| {size:,} | {_ms(one)} | {idle.median:.1f} % | {resident.median:.0f} MiB | {start.median:.2f} s |"
            )


def _named(result: Result, name: str) -> Figure:
    found = result.named(name)
    if found is None:
        raise KeyError(name)
    return found


def _ends(result: Result, ending: str, beginning: str) -> tuple[Figure, Figure]:
    found = [one for one in result.figures if one.name.startswith(beginning) and one.name.endswith(ending)]
    if not found:
        raise KeyError(beginning)
    return found[0], found[-1]


def _largest(result: Result, beginning: str, ending: str) -> Figure:
    return _ends(result, ending, beginning)[1]


def _size(figure: Figure) -> int:
    return int(figure.name.split(".")[1])


def _ms(figure: Figure) -> str:
    return f"{figure.median:.2f} ms"


def _a_second(figure: Figure) -> str:
    return f"{1e3 / figure.median:,.0f}"


def _rate(result: Result, name: str) -> str:
    return f"{_named(result, name).median:,.0f}"


def _verifying(result: Result) -> float:
    return 5_000_000 / _named(result, "journal.verify").median
