"""reasons.md: the closed lists of words that stand in the journal, the log and the output of commands."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from enum import Enum

from generator.markdown import code, table
from generator.sources import calls, members, texts
from tieline.core import errors
from tieline.core.errors import TielineError
from tieline.core.store.chain import SHREDDED
from tieline.sync.alerts.absence import Belief
from tieline.sync.daemon.lane import LaneState
from tieline.sync.limits import TRIES
from tieline.sync.records import Held, ReplicaState
from tieline.sync.road.merge import Reason

KINDS: Mapping[str, str] = {
    "opened": "a new incident, from a record or a signal; with its fields",
    "changed": "fields of an incident got new values; each with before, after and reason",
    "refused": "a tool changed fields and none of it was taken; the values are kept here",
    "create_intended": "a record is about to be made; with the token and what will be sent",
    "created": "a tool's record is linked to the incident",
    "write_intended": "a record is about to be written; with each field before and after",
    "written": "the tool answered the write; with the version it is at now",
    "attempted": "the tool answered the write, and shows nothing of it; with what it was to be",
    "held": "a tool made something else of what was written, or was born with it; with both values and the sentence",
    "overwritten": "a write replaced what somebody had written since we looked, and nothing shows it any more; with "
    "both values, or with the names of the fields where the tool does not tell what it was",
    "left_out": "fields that a tool cannot show, such as a person it does not know, were left as they are there",
    "parked": "a copy, a received record or a comment was put aside until a person acts; with the sentence",
    "released": "a person let something parked try again",
    "resumed": "what a tool refused is tried once more, because its fields are others by now; with the sentence",
    "settled": "a person settled a held field",
    "gone": "a tool's record was deleted; the incident and its other copies stay",
    "merged": "a tool's record was merged into another, which takes its place",
    "commented": "a comment was read in a tool, or written in Tieline",
    "comment_delivered": "a comment stands in another tool",
    "signal_joined": "another signal of the group joined an incident",
    "signal_ended": "a signal of the incident ended",
    "signal_held": "an alert flaps: its end or beginning is not followed before `until`; with how often it flapped",
    "resolved_while_firing": "somebody said that an incident is over while its alerts fire; with when it is looked at",
    "reraised": "alerts that still fired after that time belong to this incident from now on; with `instead_of` which",
    "ends_doubted": "a source no longer lists many of its alerts, and they are not taken for ended; with the sentence",
    "ends_confirmed": "a person said that those alerts have ended; with each of them",
    "ends_believed": "that doubt is over: enough are listed again, were told of, or were confirmed; and how many ended",
    "signal_told": "the source of a signal was told to be quiet, or to be loud again",
    "store_moved": "everything was copied into another database, which is in use from here on",
    "store_reopened": "a person took a store that had moved into use again",
    "connection_working": "a connection works again",
    "connection_waiting": "a tool asked for a pause, or does not answer",
    "connection_stopped": "a connection needs a person",
    "reloaded": "a new configuration is in force",
    "shredded": "payloads of earlier entries were deleted for good; the chain still verifies",
    "person_forgotten": "a person's name was let go of; what they did stays, done by somebody who was forgotten",
}
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
            "\n## What the journal records\n",
            table(["kind", "what happened"], [(code(kind), meaning) for kind, meaning in explained_kinds()]),
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


def explained_kinds() -> list[tuple[str, str]]:
    """Every kind with its meaning. Raises KeyError for one that nobody has explained in KINDS."""
    written = kinds()
    missing = sorted(written - KINDS.keys())
    if missing:
        raise KeyError(f"explain {', '.join(missing)} in docs/generator/words.py")
    return [(kind, meaning) for kind, meaning in KINDS.items() if kind in written]


def kinds() -> set[str]:
    """Every kind of journal entry that the code writes."""
    found = {SHREDDED}
    for call in calls("record"):
        for argument in call.args[1:2]:
            found.update(texts(argument))
            if isinstance(argument, ast.JoinedStr):
                # Every connection is starting before anything is known of it: that is no event.
                found.update(f"connection_{state.value}" for state in LaneState if state is not LaneState.STARTING)
    return found
