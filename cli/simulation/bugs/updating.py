"""Bugs to plant where records are written, and where it is told whose a value is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from tieline.cli.simulation.bugs.planting import Mutant, Patch, nothing, seen_by
from tieline.cli.simulation.tickets import SimulatedTool
from tieline.core.model import ABSENT
from tieline.sync.road import commit, deliver, read, reconcile, road


def _no_ledger() -> Sequence[Patch]:
    save = deliver.loading.save_replica
    return [seen_by(deliver, "loading", save_replica=lambda tx, one: save(tx, replace(one, ledger={})))]


def _ledger_taken_for_done() -> Sequence[Patch]:
    def believing(replica: Any, name: str, theirs: Any, *, wrote: bool) -> Any:  # noqa: ARG001 - the signature of what it replaces
        attempts = replica.ledger.get(name, ())
        return attempts[-1].written if attempts else replica.base.get(name, ABSENT)

    return [(reconcile, "_settle_ledger", believing)]


def _ledger_taken_for_failed() -> Sequence[Patch]:
    def doubting(replica: Any, name: str, theirs: Any, *, wrote: bool) -> Any:  # noqa: ARG001 - the signature of what it replaces
        return replica.base.get(name, ABSENT)

    return [(reconcile, "_settle_ledger", doubting)]


def _edited_by_nobody(rule: str) -> Callable[[], Sequence[Patch]]:
    """A rule about what tools do by themselves finds nothing: whatever they did is then taken for an edit."""
    return lambda: [(reconcile, rule, nothing)]


def _clock_taken_for_a_person() -> Sequence[Patch]:
    sight = read.sight

    def blind(*args: Any, **others: Any) -> Any:
        return replace(sight(*args, **others), automatic=frozenset())

    return [(road, "sight", blind), (read, "sight", blind)]


def _decision_not_carried_out() -> Sequence[Patch]:
    wanted = reconcile.wanted

    def reluctant(replica: Any, projection: Any, mapping: Any) -> Any:
        return wanted(
            replace(replica, holds={n: replace(h, again=False) for n, h in replica.holds.items()}), projection, mapping
        )

    return [(commit, "wanted", reluctant), (deliver, "wanted", reluctant)]


def _clean_before_written() -> Sequence[Patch]:
    save = deliver.loading.save_replica

    def early(tx: Any, replica: Any) -> None:
        save(tx, replace(replica, dirty=False, dirty_since=None) if replica.ledger else replica)

    return [seen_by(deliver, "loading", save_replica=early)]


def _no_version_on_write() -> Sequence[Patch]:
    write = SimulatedTool.write

    def blunt(self: Any, ref: str, patch: Any, seen: str) -> Any:  # noqa: ARG001 - the signature of what it replaces
        self.oddities.before_write(ref)
        return write(self, ref, patch, self.version_of(ref))

    return [(SimulatedTool, "write", blunt)]


def _overwritten_untold() -> Sequence[Patch]:
    def asking_nobody(_here: Any, _replica: Any, sighting: Any, _names: Any) -> Any:
        return sighting

    return [(module, "with_replaced", asking_nobody) for module in (deliver, road, read)]


def _overwritten_in_doubt_untold() -> Sequence[Patch]:
    ask = deliver.with_replaced

    def only_after_an_answer(here: Any, replica: Any, sighting: Any, names: Any) -> Any:
        return sighting if replica.ledger else ask(here, replica, sighting, names)

    return [(module, "with_replaced", only_after_an_answer) for module in (deliver, road, read)]


def _base_not_advanced() -> Sequence[Patch]:
    decide = commit.reconcile

    def stuck(incident: Any, replica: Any, *args: Any, **others: Any) -> Any:
        decision = decide(incident, replica, *args, **others)
        return replace(decision, base=replica.base) if replica.base else decision

    return [(commit, "reconcile", stuck)]


def _no_breaker() -> Sequence[Patch]:
    # Who answers whom is counted beside the values that come back: each would find what the other one misses.
    return [
        seen_by(deliver, "limits", oscillation=lambda *_args: ""),
        (deliver, "_volley", lambda *_args: ""),
    ]


MUTANTS: Final[Mapping[str, Mutant]] = {
    "no-ledger": Mutant("a write is not written down before it is sent", _no_ledger),
    "ledger-taken-for-done": Mutant("a write in doubt is taken for done", _ledger_taken_for_done),
    "ledger-taken-for-failed": Mutant("a write in doubt is taken for failed", _ledger_taken_for_failed),
    "default-taken-for-an-edit": Mutant("a new record's defaults are taken for edits", _edited_by_nobody("_default")),
    "birth-taken-for-an-edit": Mutant(
        "what a new record shows instead of what it was made with is an edit", _edited_by_nobody("_unlike_what_we_made")
    ),
    "altered-taken-for-an-edit": Mutant(
        "what a tool makes of our write is taken for an edit", _edited_by_nobody("_unlike_what_we_wrote")
    ),
    "consequence-taken-for-an-edit": Mutant(
        "what a tool computes from our write is taken for an edit", _edited_by_nobody("_consequence")
    ),
    "clock-taken-for-a-person": Mutant("what a tool's own clock did is taken for an edit", _clock_taken_for_a_person),
    "decision-not-carried-out": Mutant(
        "what a person decided about a held field is not written", _decision_not_carried_out
    ),
    "clean-before-written": Mutant("the dirty mark goes before the write", _clean_before_written),
    "no-version-on-write": Mutant("a write names no version", _no_version_on_write),
    "overwritten-untold": Mutant("nobody asks what a write replaced", _overwritten_untold),
    "overwritten-in-doubt-untold": Mutant(
        "nobody asks what a write replaced whose answer was lost", _overwritten_in_doubt_untold
    ),
    "base-not-advanced": Mutant("what both sides agree on is not remembered", _base_not_advanced),
    "no-breaker": Mutant("two rules that fight are let go on for ever", _no_breaker),
}
