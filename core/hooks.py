"""The hooks: how plugins join in. Three kinds, each documented by its exact signature.

register    asked once, at start                        tieline_adapters, tieline_offer
ask         asked for an answer, with a time limit      tieline_group_key, tieline_grouping, tieline_classify,
                                                        tieline_disclose, tieline_review, tieline_metrics
tell        told after a commit, each observer alone    tieline_committed

A plugin is what an entry point in the group `tieline` names:

- a module or an object whose functions carry `@hookimpl`; or
- a class or function, called once at start, whose answer carries them. With an attribute `settings` (a pydantic model)
  it takes its settings from `tieline.yaml`; they are checked at start and are the call's one argument.

Plugins are asked in the order of the file, and never inside of a transaction: one that is slow delays what it is asked
about, and nobody else who writes. No hook exists without a shipped plugin that uses it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pluggy

from tieline.core.model import Audience, ConnectionName, Fields, IncidentId, RecordKind, Signal, Tlp, Value
from tieline.core.offer import Offer
from tieline.core.port import AdapterKind

PROJECT = "tieline"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True, slots=True)
class Committed:
    """One thing that happened and is stored: the journal's entry, as plugins are told of it."""

    seq: int
    kind: str
    incident: IncidentId | None
    connection: ConnectionName | None
    actor: str
    reason: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Edited:
    """What somebody edited in a tool, before it becomes the item's. Who that is, is told by the tool and proved by
    nobody: `editor` is like `told:jira-ops:ann`, or the connection's name where the tool does not say.

    `fields` is what the item says; `changes` are the fields that would change, with their new values.
    """

    kind: RecordKind
    number: str
    connection: ConnectionName
    editor: str
    fields: Fields
    changes: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Objection:
    """Why an edit is not taken before a person agrees. Whoever settles it has `conflicts.settle` and, where one is
    named, this right as well."""

    why: str
    right: str = ""


class Hooks:
    """The specifications. A plugin implements any of them, with these names and argument names."""

    @hookspec
    def tieline_adapters(self) -> Sequence[AdapterKind]:
        """Register the tools this plugin speaks to."""
        raise NotImplementedError

    @hookspec
    def tieline_offer(self) -> Offer:
        """Register what can be done with this plugin, what it remembers, and what it does by itself."""
        raise NotImplementedError

    @hookspec(firstresult=True)
    def tieline_group_key(self, signal: Signal) -> str | None:
        """Which signals belong to one incident: equal keys do. None leaves it to the next plugin."""
        raise NotImplementedError

    @hookspec(firstresult=True)
    def tieline_grouping(self) -> str | None:
        """How `tieline_group_key` groups, as it is configured: a sentence, which `tieline check` shows."""
        raise NotImplementedError

    @hookspec(firstresult=True)
    def tieline_classify(self, signal: Signal, fields: Fields) -> Fields | None:
        """Fields for the incident that this signal opens, such as severity and priority. Of one that joins an incident
        or changes, the severity, priority, impact and urgency raise it where they are worse. None adds nothing."""
        raise NotImplementedError

    @hookspec
    def tieline_disclose(
        self, fields: Fields, audience: Audience | None, connection: ConnectionName, ceiling: Tlp, kind: RecordKind
    ) -> frozenset[str]:
        """The names of fields of an item of this kind that must not reach this connection. For a comment, `audience` is
        set and `fields` is empty; the answer `{"comment"}` keeps it back. Every plugin is asked, and any refusal
        stands."""
        raise NotImplementedError

    @hookspec
    def tieline_review(self, edited: Edited) -> Mapping[str, Objection]:
        """The fields of an edit in a tool that are held there until a person agrees, each with the reason. Every plugin
        is asked, and any objection stands; what nobody objects to is taken."""
        raise NotImplementedError

    @hookspec
    def tieline_metrics(self) -> bytes:
        """What this plugin measures, in Prometheus' text format; it stands at the end of the daemon's own metrics."""
        raise NotImplementedError

    @hookspec
    def tieline_committed(self, event: Committed) -> None:
        """Told of one event after its commit, and of what a command did within a second or two, by the daemon. What it
        raises is counted and silences nobody else. The end of a process loses what was not told yet."""
        raise NotImplementedError
