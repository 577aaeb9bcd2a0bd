"""Bugs to plant where edits are merged and spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from tieline.adapters.memory import adapter as memory
from tieline.cli.simulation.bugs.planting import Mutant, Patch, nothing
from tieline.core.listing import Understood
from tieline.sync.fit import fitting, unfit
from tieline.sync.road import commit, merge, reconcile
from tieline.sync.road.merge import Reason, Settled


def _conflicts_untold() -> Sequence[Patch]:
    decide = commit.reconcile
    return [(commit, "reconcile", lambda *args, **others: replace(decide(*args, **others), conflicts={}))]


def _first_come_wins() -> Sequence[Patch]:
    def ours_first(base: Any, ours: Any, *_args: Any) -> Settled:  # noqa: ARG001 - the signature of what it replaces
        return Settled(ours, Reason.LATEST_OURS)

    return [(merge, "_both_changed", ours_first)]


def _sets_replaced() -> Sequence[Patch]:
    return [
        (merge, "unite", lambda _base, _ours, theirs: theirs),
        (reconcile, "absorb", lambda _whole, _base, theirs, _shown: theirs),
    ]


def _parked_for_a_field() -> Sequence[Patch]:
    # What covers it: a copy that was refused is tried once more when the tool takes the value again.
    return [(unfit, "go_on", lambda *_args: False), (fitting, "resume", nothing)]


def _page_for_a_record() -> Sequence[Patch]:
    def all_or_nothing(items: Any, understand: Any, _named: Any) -> Any:
        return Understood([understand(item) for item in items], [])

    return [(memory, "understood", all_or_nothing)]


def _third_copy_unmarked() -> Sequence[Patch]:
    mark = commit.mark

    def partly(copy: Any, incident: Any, connected: Any, now: Any, *, moved: bool) -> Any:
        if connected.name == "third" and copy.ref is not None:
            return copy
        return mark(copy, incident, connected, now, moved=moved)

    return [(commit, "mark", partly)]


def _edits_here_unspread() -> Sequence[Patch]:
    spread = commit.spread

    def silent(tx: Any, engine: Any, incident: Any, **others: Any) -> None:
        if others:
            spread(tx, engine, incident, **others)

    return [(commit, "spread", silent)]


def _empty_is_absent() -> Sequence[Patch]:
    decide = commit.reconcile

    def blind(incident: Any, replica: Any, sighting: Any, *args: Any, **others: Any) -> Any:
        known = {name: value for name, value in sighting.fields.items() if value is not None}
        return decide(incident, replica, replace(sighting, fields=known), *args, **others)

    return [(commit, "reconcile", blind)]


MUTANTS: Final[Mapping[str, Mutant]] = {
    "conflicts-untold": Mutant("a value that loses is not written down", _conflicts_untold),
    "first-come-wins": Mutant("of two edits the first one stands, and nobody is told", _first_come_wins),
    "sets-replaced": Mutant("tags that both sides changed are replaced, not united", _sets_replaced),
    "parked-for-a-field": Mutant("a value that a tool refuses puts the whole copy aside", _parked_for_a_field),
    "page-for-a-record": Mutant("one odd record costs the page that lists it", _page_for_a_record),
    "third-copy-unmarked": Mutant("a third copy does not hear of changes", _third_copy_unmarked),
    "edits-here-unspread": Mutant("an edit made in Tieline marks no copy", _edits_here_unspread),
    "empty-is-absent": Mutant("a cleared field counts as not known", _empty_is_absent),
}
