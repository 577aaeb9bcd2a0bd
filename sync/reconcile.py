"""Decide what a reading means for an incident. Pure: it returns a decision and touches nothing.

A field walks through four questions, in this order: is it our own write coming back; does the mapping have a word for
it; did anybody change it; and if both did, what does the policy say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tieline.core.model import ABSENT, Fields, Value
from tieline.core.port import Reading
from tieline.mappings import Mapping as FieldMapping
from tieline.mappings.document import Policy, PolicyKind
from tieline.sync.merge import ONE_WAY, Edit, Known, Reason, settle
from tieline.sync.records import Held, Hold, Incident, Replica

LATEST = Policy(PolicyKind.LATEST)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A reading in our words. `edited_at` is the record's last change placed in our own clock, where it can be;
    `asked` is the journal's seq before the question was asked: an answer from before a write is known as such.

    `replaced` are the fields of the record as our write in doubt found it, where the tool tells that somebody came
    between our look and our write; `without_words` those that the mapping has no word for; `untold` is why the tool
    cannot tell.
    """

    reading: Reading
    fields: Fields
    unmapped: Mapping[str, tuple[Any, str]]
    edited_at: datetime | None
    asked: int
    replaced: Fields = field(default_factory=dict)
    without_words: Mapping[str, Any] = field(default_factory=dict)
    untold: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One field of the incident gets a new value."""

    before: Known
    after: Value
    reason: Reason


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two people changed one field. `kept` stands, `lost` is recorded; an open one waits for a person."""

    kept: Known
    lost: Known
    reason: Reason
    open: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What a sighting means: the incident's changes, the replica's new third leg, and what people should know.

    `overwritten` are values that our write replaced and that stand nowhere: they are told beside the conflicts, because
    their field may have one of its own.
    """

    changes: Mapping[str, Change]
    base: Fields
    holds: Mapping[str, Hold]
    conflicts: Mapping[str, Conflict]
    reasons: Mapping[str, Reason]
    overwritten: Mapping[str, Conflict] = field(default_factory=dict)

    @property
    def echo(self) -> bool:
        """True when the reading told nothing new."""
        return not self.changes and not self.conflicts and not self.overwritten


def reconcile(
    incident: Incident,
    replica: Replica,
    sighting: Sighting,
    projection: Fields,
    mapping: FieldMapping,
    now: datetime,
    *,
    wrote: bool = False,
) -> Decision:
    """Hold a sighting against the incident. `projection` is the incident as this tool would show it.

    `wrote` says that the sighting is the answer to our own successful write, so that a value still at its prior state
    was ignored by the tool rather than not reached.
    """
    changes: dict[str, Change] = {}
    conflicts: dict[str, Conflict] = {}
    reasons: dict[str, Reason] = {}
    base: dict[str, Value] = dict(replica.base)
    holds: dict[str, Hold] = {}
    replaced = _replaced(replica, sighting)
    for name in sorted(mapping.readable):
        if name in sighting.unmapped:
            value, words = sighting.unmapped[name]
            holds[name] = _hold(replica, name, Held.UNMAPPED, incident.fields.get(name), value, words, now)
            reasons[name] = Reason.UNMAPPED
            continue
        shown: Known = sighting.fields.get(name, ABSENT)
        if _still_ignored(replica, name, incident.fields.get(name), shown):
            holds[name] = replica.holds[name]
            reasons[name] = Reason.IGNORED
            continue
        if _still_replaced(replica, name, incident.fields.get(name), shown):
            holds[name] = replica.holds[name]
            reasons[name] = Reason.MANUAL
            continue
        if name == "status" and shown is None:
            words = "the tool shows no status; an incident always has one, so nothing is taken over"
            holds[name] = _hold(replica, name, Held.UNMAPPED, incident.fields.get(name), None, words, now)
            reasons[name] = Reason.UNMAPPED
            continue
        if wrote and _was_ignored(replica, name, shown):
            value = None if shown is ABSENT else shown
            words = f"the tool answered success and still shows {value!r}; check that the field can be edited there"
            holds[name] = _hold(replica, name, Held.IGNORED, incident.fields.get(name), value, words, now)
            reasons[name] = Reason.IGNORED
            base[name] = value
            continue
        if _was_dropped(replica, name, shown):
            words = f"the tool made the record without {name}; check that the field can be set there"
            holds[name] = _hold(replica, name, Held.IGNORED, incident.fields.get(name), None, words, now)
            reasons[name] = Reason.IGNORED
            base[name] = None
            continue
        if shown is ABSENT:
            continue
        theirs = shown
        ours: Known = projection.get(name, ABSENT)
        before = _settle_ledger(replica, name, theirs, wrote=wrote)
        was_echo = name in replica.ledger and theirs == before
        edited, edited_at, by_us = theirs, sighting.edited_at, False
        if name in replaced and theirs == replica.ledger[name][-1].written:
            # The tool shows our write, which replaced a person's edit. It is that edit which there is to decide about;
            # it came after the look on which we had decided, whatever the clocks say.
            before, edited, edited_at, by_us = replica.ledger[name][-1].prior, replaced.pop(name), None, True
        stamp = incident.stamps.get(name)
        verdict = settle(
            before,
            ours,
            edited,
            mapping.policies.get(name, LATEST),
            replica.connection,
            stamp.at if stamp else None,
            Edit(edited_at),
        )
        reasons[name] = Reason.ECHO if was_echo and verdict.reason is Reason.SAME else verdict.reason
        if verdict.loser is not ABSENT:
            kept = verdict.value
            conflicts[name] = Conflict(kept, verdict.loser, verdict.reason, verdict.open)
        if verdict.open:
            words = f"both sides changed {name}; run `tieline conflicts settle` to choose"
            kind = Held.REPLACED if by_us else Held.CONFLICT
            holds[name] = _hold(replica, name, kind, incident.fields.get(name), edited, words, now)
            if by_us:
                base[name] = theirs
            continue
        base[name] = theirs
        # A field that this tool only reads has no projection: what the incident says already is no change.
        if verdict.value is not ABSENT and verdict.value not in (ours, incident.fields.get(name, ABSENT)):
            changes[name] = Change(incident.fields.get(name, ABSENT), verdict.value, verdict.reason)
    conflicts = {name: conflict for name, conflict in conflicts.items() if _is_news(replica, name, conflict)}
    return Decision(changes, base, holds, conflicts, reasons, _overwritten(sighting, replaced))


def _replaced(replica: Replica, sighting: Sighting) -> dict[str, Value]:
    """What somebody wrote between our look and our write, where we wrote something else."""
    found = {name: sighting.replaced[name] for name in replica.ledger if name in sighting.replaced}
    last = {name: replica.ledger[name][-1] for name in found}
    shown = sighting.fields
    return {
        name: value
        for name, value in found.items()
        if value not in (last[name].prior, last[name].written, shown.get(name, ABSENT))
    }


def _overwritten(sighting: Sighting, replaced: Fields) -> dict[str, Conflict]:
    """What was replaced and is not decided about: something newer stands there, or the mapping has no word for it."""
    lost = {**replaced, **{name: str(value) for name, value in sighting.without_words.items()}}
    return {
        name: Conflict(sighting.fields.get(name, ABSENT), value, Reason.OVERWRITTEN, open=False)
        for name, value in sorted(lost.items())
    }


def _still_replaced(replica: Replica, name: str, ours: Value, theirs: Known) -> bool:
    """An edit that our write replaced waits for a person until either side says something else."""
    known = replica.holds.get(name)
    if known is None or known.kind is not Held.REPLACED or known.ours != ours:
        return False
    return bool(theirs == replica.base.get(name, ABSENT))


def _still_ignored(replica: Replica, name: str, ours: Value, theirs: Known) -> bool:
    """A field whose write the tool ignored is left alone until either side says something else."""
    known = replica.holds.get(name)
    if known is None or known.kind not in (Held.IGNORED, Held.UNWRITABLE) or known.ours != ours:
        return False
    return bool(known.theirs == (None if theirs is ABSENT else theirs))


def _was_ignored(replica: Replica, name: str, theirs: Known) -> bool:
    """True when the tool took our write and shows what it showed before."""
    attempts = replica.ledger.get(name, ())
    if not attempts or attempts[-1].prior == attempts[-1].written:
        return False
    return theirs is ABSENT or theirs == attempts[-1].prior


def _was_dropped(replica: Replica, name: str, theirs: Known) -> bool:
    """True when a record that we made lacks what we made it with: the tool did not take it, and nobody emptied it."""
    if replica.intent is None or replica.ref is not None:
        return False
    return replica.intent.get(name) not in (None, ()) and (theirs is ABSENT or theirs is None)


def _settle_ledger(replica: Replica, name: str, theirs: Value, *, wrote: bool) -> Known:
    """The base to merge against, once a write is held against what the tool shows now.

    It shows a value we sent: the write took effect, and that value is the new base. It shows what was there before: the
    write did not, the base stays. A third value is a person's, or after a write known to have succeeded, a rule's: then
    it replaced ours, and ours is the base.
    """
    attempts = replica.ledger.get(name, ())
    if attempts and wrote:
        return attempts[-1].written
    for attempt in attempts:
        if attempt.written == theirs:
            return theirs
    return replica.base.get(name, ABSENT)


def _hold(replica: Replica, name: str, kind: Held, ours: Value, theirs: Any, words: str, now: datetime) -> Hold:
    known = replica.holds.get(name)
    since = known.since if known is not None and known.kind is kind else now
    return Hold(kind, ours, theirs, since, words)


def _is_news(replica: Replica, name: str, conflict: Conflict) -> bool:
    """An open conflict is told once, not at every reading."""
    known = replica.holds.get(name)
    return not (conflict.open and known is not None and known.kind is Held.CONFLICT and known.theirs == conflict.lost)


def wanted(replica: Replica, projection: Fields, mapping: FieldMapping) -> Fields:
    """The fields to write so that the tool shows the incident: compared in fields, never in bodies."""
    return {
        name: projection[name]
        for name in sorted(mapping.writable)
        if name in projection
        and name not in replica.holds
        and mapping.policies.get(name, LATEST).kind not in ONE_WAY
        and not _equal(projection[name], replica.base.get(name, ABSENT))
    }


def _equal(ours: Value, base: Known) -> bool:
    return ours == base or (base is ABSENT and ours is None)
