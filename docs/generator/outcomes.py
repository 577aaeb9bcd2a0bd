"""outcomes.md: what becomes of a copy and of its connection when a verb of a tool fails, from the table itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

from generator.markdown import code, table
from generator.sources import members
from tieline.sync.daemon.lane import PUZZLED, RECHECK, TRIES
from tieline.sync.limits import GIVE_UP
from tieline.sync.outcomes import (
    BEARINGS,
    CALLED,
    OUTCOMES,
    Bearing,
    Conduct,
    Counts,
    Done,
    Failure,
    Outcome,
    Standing,
    Then,
    Verb,
)

ABOUT = """\
# What becomes of whom when a call fails

The engine asks one table, `tieline/sync/outcomes.py`, and does what stands in it; this page is written from that table,
and a test is generated for every cell. The same class of error means one thing to one verb and another to the next: a
look at a record that answers 404 says that the record is gone, and a create that answers 404 was answered by somebody
else. So a row is looked up by the verb that failed, by the error, and by where the copy stood.

A record is put aside after {give_up} tries; what a failure counts among them stands in the column *counts* (*once* is
1, *refused* is {refused}, *all* is {give_up}). A connection that stopped proves itself again every {recheck} minutes, \
so that it
heals without a restart.
"""
VERBS = """\

## By verb

Where a copy stands otherwise than a verb's table says, the verb is not called. `link` is part of the port, and no rule
of the engine asks it yet.
"""


def page() -> str:
    """Every word, and one table for each verb."""
    facts = {"give_up": GIVE_UP, "refused": TRIES[Counts.REFUSED], "recheck": int(RECHECK.total_seconds() // 60)}
    return "\n".join(
        [
            ABOUT.format(**facts),
            "## Failures\n",
            _words("failure", Failure),
            "\n## Where the copy stands\n",
            _words("copy", Standing),
            "\n## What is known of the write\n",
            _words("written", Done),
            "\n## What becomes of the work\n",
            _words("then", Then),
            "\n## What it counts\n",
            _words("counts", Counts),
            f"\n## What becomes of the connection\n\nIn a row means {PUZZLED} of them without a success in between.\n",
            _words("connection", Conduct),
            VERBS,
            *(part for verb in Verb if CALLED[verb] for part in _verb(verb)),
        ]
    )


def _words(head: str, kind: type[Enum]) -> str:
    return table([head, "meaning"], [(code(value), said or value) for value, said in members(kind)])


def _verb(verb: Verb) -> Iterator[str]:
    where = "wherever the copy stands" if CALLED[verb] == frozenset(Standing) else _names(CALLED[verb])
    yield f"\n### {verb.value}\n\nCalled: {where}.\n"
    yield table(["failure", "copy", "written", "then", "counts", "connection"], _rows(verb))


def _rows(verb: Verb) -> Iterator[tuple[str, ...]]:
    """One row for all failures that lead to the same in the same places."""
    alike: dict[tuple[frozenset[Standing], Outcome, Bearing], list[Failure]] = {}
    for failure in Failure:
        places: dict[Outcome, set[Standing]] = {}
        for standing in Standing:
            if standing in CALLED[verb]:
                places.setdefault(OUTCOMES[verb, failure, standing], set()).add(standing)
        for outcome, standings in places.items():
            alike.setdefault((frozenset(standings), outcome, BEARINGS[verb][failure]), []).append(failure)
    for (standings, outcome, bearing), failures in alike.items():
        yield (
            _names(failures),
            "any" if standings == CALLED[verb] else _names(standings),
            code(outcome.done.value),
            code(outcome.then.value),
            code(bearing.counts.value),
            code(bearing.conduct.value),
        )


def _names(of: Iterable[Enum]) -> str:
    some = list(of)
    kind = type(some[0])
    return ", ".join(code(str(one.value)) for one in kind if one in some)
