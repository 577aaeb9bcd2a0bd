"""reasons.md: the closed lists of words that stand in the journal, the log and the output of commands."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from enum import Enum

from generator.markdown import code, table
from generator.shipped import offers
from generator.sources import members
from tieline.core import errors
from tieline.core.errors import TielineError
from tieline.core.events import EVENTS
from tieline.sync.alerts.absence import Belief
from tieline.sync.daemon.lane import LaneState
from tieline.sync.limits import TRIES
from tieline.sync.records import Held, ReplicaState
from tieline.sync.road.merge import Reason

ABOUT = """\
# Reasons and other words

Closed lists: a word that is not here is never recorded. The same word stands in the journal, in `tieline why`, in the
metric `tieline_events_total` and in the log.

## Reasons

Why a field of an incident has its value. *Theirs* is the tool, *ours* is the incident as Tieline knows it.
"""
ACTS = """\

## Errors

What an adapter or the store may raise, grouped by what the daemon does next.

```text
{tree}
```

How that comes about in a connection's lane; [outcomes](outcomes.md) has every verb, error and state of a copy:

- **TryAgain**: the record waits for as long as the tool asked (at most an hour), else for 1 to 2 s, doubling to 5
  minutes. A pause that the tool asked for, or the third failure in a row, pauses the whole connection. Twenty
  failures of one record on a connection that works for others park it.
- **NeedsOperator**: the connection proves itself; if it can, only this record waits, and is tried {tries} times. Else
  the connection stops with the sentence in `tieline status` and in the log. Its work stays, and every 5 minutes it
  proves itself again, so that renewed credentials heal it without a restart.
- **StaleVersion**: the record is read again and the decision is made again.
- **Gone**: said of a record that was there, it is asked again for half a minute, and believed of a tool that proves
  itself; then the copy is marked as gone. Nothing is deleted in return. Said to a create or a search it means that
  somebody else answered: the record is looked for and tried again, {tries} times.
- **Rejected**: said to a write, that copy or comment is parked with the tool's own words. Said to a question, it is
  asked {tries} times.
- **Unforeseen**: as an unknown outcome: looked for before it is tried again, {tries} times.
- **Forged**: answered 401, counted as a delivery, never stored.
- **Anything else** that one record brings about is tried {tries} times, then parked; the other records go on.
"""


def page() -> str:
    """All the words, list by list."""
    tree = inspect.cleandoc(errors.__doc__ or "").partition("\n\n")[2]
    return "\n".join(
        [
            ABOUT,
            _words("reason", Reason),
            "\n## What the journal records\n\nThe facts in brackets are not in every entry of their kind. A kind keeps "
            "its facts: one that gets others gets the next version (`core/events.py`).\n",
            table(["kind", "what happened", "facts"], list(happened())),
            "\n## What shipped plugins record\n",
            table(["kind", "what happened", "facts"], list(recorded())),
            "\n## Where a copy stands\n",
            _words("state", ReplicaState, {"linked": "a record is there and is kept in step"}),
            "\n## Why a field is held\n\nA held field is left alone on both sides; `tieline conflicts` lists it, but "
            "for a `default`.\n",
            _words("held", Held),
            "\n## Why ends of alerts are believed or doubted\n\n`tieline doubts` lists the doubts; see "
            "[brakes](../explanation/road.md#brakes).\n",
            _words("reason", Belief),
            "\n## How a connection is\n",
            _words("state", LaneState, LANE),
            ACTS.format(tree=tree, tries=TRIES),
            "| class | meaning |\n|---|---|",
            *(f"| `{kind.__name__}` | {' '.join((kind.__doc__ or '').split())} |" for kind in classes()),
        ]
    )


LANE = {"working": "its tool was read, and no try has failed since"}


def _words(head: str, kind: type[Enum], more: Mapping[str, str] | None = None) -> str:
    return table(
        [head, "meaning"], [(code(value), said or (more or {}).get(value, value)) for value, said in members(kind)]
    )


def classes() -> list[type[Exception]]:
    """Every error class that is raised on purpose, in the order of the file."""
    return [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TielineError)]


def recorded() -> Iterator[tuple[str, str, str]]:
    """Every kind of journal entry of the shipped plugins."""
    for offer in offers().by_group.values():
        for event in offer.events:
            yield code(event.KIND), " ".join((event.__doc__ or "").split()), ", ".join(map(code, event.model_fields))


def happened() -> Iterator[tuple[str, str, str]]:
    """Every kind of journal entry with its meaning and its facts, those in brackets that are not always there."""
    for kind, event in EVENTS.items():
        facts = [code(one.name) if one.default is MISSING else f"({code(one.name)})" for one in fields(event)]
        yield code(kind), " ".join((event.__doc__ or "").split()), ", ".join(facts)
