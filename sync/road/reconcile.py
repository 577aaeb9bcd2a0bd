"""Decide what a reading means for an incident. Pure: it returns a decision and touches nothing.

A field walks through the rules of `RULES`, and the first that has something to say of it decides: has the mapping a
word for it; is it held, and has nothing moved since; did the tool itself do it; did anybody change it, and if both
sides did, what does the policy say.

Only a person's edit travels. What a tool makes of a write of ours, or of a record at its birth, was written by nobody:
it becomes the copy's base, and where it differs from the incident the field is held there with a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any, Final

from tieline.core.model import ABSENT, Fields, Value
from tieline.core.port import Reading
from tieline.mappings import Mapping as FieldMapping
from tieline.mappings.board import ALERTS
from tieline.mappings.document import Policy, PolicyKind
from tieline.sync.alerts.board import says_more
from tieline.sync.records import OWN_DOING, Attempt, Held, Hold, Incident, Replica
from tieline.sync.road.merge import ONE_WAY, Edit, Known, Reason, absorb, settle
from tieline.sync.road.texts import by_blocks

_REASONS: Final = {Held.ALTERED: Reason.ALTERED, Held.DEFAULT: Reason.AUTOMATIC}

LATEST = Policy(PolicyKind.LATEST)


class Moment(Enum):
    """When the tool was seen. Right after a write of ours it shows that write, and what the tool made of it."""

    BORN = "born"  # the answer to our create
    FOUND = "found"  # how a record was born whose create was not answered: perhaps not all of it got through
    WRITTEN = "written"  # the answer to our update
    LATER = "later"  # whoever worked on it since may have changed anything


@dataclass(frozen=True, slots=True)
class Sighting:
    """A reading in our words. `edited_at` is the record's last change placed in our own clock, where it can be;
    `asked` is the journal's seq before the question was asked: an answer from before a write is known as such.

    `sent` is what the body says that we sent, in our words: beside the fields that were written, those that the mapping
    reads from the same places. `automatic` are the fields that the tool's own clock or rule set, `ours` those
    that our own account was the last to set, as far as the tool tells.

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
    sent: Fields = field(default_factory=dict)
    automatic: frozenset[str] = frozenset()
    ours: frozenset[str] = frozenset()


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


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says of one field. `base` ABSENT leaves the third leg as it is."""

    reason: Reason | None = None
    base: Known = ABSENT
    hold: Hold | None = None
    change: Change | None = None
    conflict: Conflict | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One sighting of one copy, held against its incident. `projection` is the incident as this tool would show it;
    `replaced` are edits that a write of ours took away, until they are decided about."""

    incident: Incident
    replica: Replica
    sighting: Sighting
    projection: Fields
    mapping: FieldMapping
    now: datetime
    moment: Moment
    look_at: str
    replaced: dict[str, Value]

    def shown(self, name: str) -> Known:
        return self.sighting.fields.get(name, ABSENT)

    def meant(self, name: str) -> Value:
        """The incident's value, None for one that it does not know."""
        return self.incident.fields.get(name)

    def policy(self, name: str) -> Policy:
        return self.mapping.policies.get(name, LATEST)

    def hold(self, name: str, kind: Held, theirs: Any, words: str, *, tried: bool = False) -> Hold:
        """A hold, going on since when it began, with what was tried in vain counted."""
        known = self.replica.holds.get(name)
        same = known is not None and (known.kind is kind or {known.kind, kind} <= OWN_DOING)
        since = known.since if known is not None and same else self.now
        tries = (known.tries if known is not None and same else 0) + tried
        return Hold(kind, self.meant(name), theirs, since, words, tries)


def reconcile(
    incident: Incident,
    replica: Replica,
    sighting: Sighting,
    projection: Fields,
    mapping: FieldMapping,
    now: datetime,
    moment: Moment = Moment.LATER,
    look_at: str = "",
) -> Decision:
    """Hold a sighting against the incident. `projection` is the incident as this tool would show it; `look_at` is
    where in the tool to look when it does something by itself."""
    replaced = _replaced(replica, sighting)
    case = Case(incident, replica, sighting, projection, mapping, now, moment, look_at, replaced)
    findings = {name: _finding(case, name) for name in sorted(mapping.readable)}
    found = findings.items()
    return Decision(
        changes={name: one.change for name, one in found if one.change is not None},
        base={**replica.base, **{name: one.base for name, one in found if one.base is not ABSENT}},
        holds={name: one.hold for name, one in found if one.hold is not None},
        conflicts={
            name: one.conflict
            for name, one in found
            if one.conflict is not None and _is_news(replica, name, one.conflict)
        },
        reasons={name: one.reason for name, one in found if one.reason is not None},
        overwritten=_overwritten(sighting, replaced),
    )


def _finding(case: Case, name: str) -> Finding:
    for rule in RULES:
        finding = rule(case, name)
        if finding is not None:
            return finding
    return Finding()


# -- the rules, in their order ---------------------------------------------------------------------------------------


def _no_word_for_it(case: Case, name: str) -> Finding | None:
    if name in case.sighting.unmapped:
        value, words = case.sighting.unmapped[name]
    elif name == "status" and case.shown(name) is None:
        value, words = None, "the tool shows no status; an incident always has one, so nothing is taken over"
    else:
        return None
    return Finding(Reason.UNMAPPED, hold=case.hold(name, Held.UNMAPPED, value, words))


def _still_held(case: Case, name: str) -> Finding | None:
    """A held field is left alone until either side says something else, or it was written once more."""
    known, theirs = case.replica.holds.get(name), case.shown(name)
    if known is None or known.ours != case.meant(name):
        return None
    if _was_written(case, name):
        # What could be written of a text was; the rest stays as the tool has it.
        same = known.kind is Held.UNWRITABLE and theirs == known.theirs == case.replica.ledger[name][-1].written
        return Finding(Reason.OURS, base=_or_none(theirs), hold=known) if same else None
    if known.kind is Held.REVIEW:
        return Finding(Reason.REVIEW, hold=known) if theirs == case.replica.observed.get(name, ABSENT) else None
    if known.kind is Held.REPLACED:
        same = bool(theirs == case.replica.base.get(name, ABSENT))
        return Finding(Reason.MANUAL, hold=known) if same else None
    if known.kind not in (*OWN_DOING, Held.UNWRITABLE) or known.theirs != _or_none(theirs):
        return None
    return Finding(_REASONS.get(known.kind, Reason.IGNORED), hold=known)


def _made_by_the_tool(case: Case, name: str) -> Finding | None:
    """What nobody typed: the tool's answer to our own write differs from it, or its clock or rule set the field."""
    if case.policy(name).kind in ONE_WAY:
        return None
    match case.moment:
        case Moment.WRITTEN if name in case.replica.ledger:
            return _unlike_what_we_wrote(case, name, case.replica.ledger[name][-1])
        case Moment.WRITTEN:
            return _consequence(case, name)
        case Moment.BORN:
            return _unlike_what_we_made(case, name) if _made_with(case, name) else _default(case, name)
        case Moment.FOUND:
            return _perhaps_not_reached(case, name) if _made_with(case, name) else _default(case, name)
        case Moment.LATER if _is_adopted(case):
            # Whoever found it may have edited it before us: only what cannot be an edit is written anew.
            if not _made_with(case, name):
                return _default(case, name)
            return _perhaps_not_reached(case, name) if case.shown(name) in (ABSENT, None) else None
        case Moment.LATER:
            return _set_by_itself(case, name)


def _both_sides(case: Case, name: str) -> Finding | None:
    """Nothing but people's doing is left: base, incident and tool are merged by the field's policy."""
    theirs = case.shown(name)
    if theirs is ABSENT:
        return Finding()
    before, ours, edited, edited_at, by_us = _sides(case, name, theirs)
    stamp = case.incident.stamps.get(name)
    ours_at = stamp.at if stamp else None
    verdict = settle(before, ours, edited, case.policy(name), case.replica.connection, ours_at, Edit(edited_at))
    verdict, left = by_blocks(case.mapping.texts.get(name), case.meant(name), before, ours, edited, verdict)
    was_echo = name in case.replica.ledger and theirs == before and verdict.reason is Reason.SAME
    conflict = None if verdict.loser is ABSENT else Conflict(verdict.value, verdict.loser, verdict.reason, verdict.open)
    reason = Reason.ECHO if was_echo else verdict.reason
    if verdict.open:
        words = f"both sides changed {name}; run `tieline conflicts settle` to choose"
        hold = case.hold(name, Held.REPLACED if by_us else Held.CONFLICT, edited, words)
        return Finding(reason, base=theirs if by_us else ABSENT, hold=hold, conflict=conflict)
    taken = verdict.reason in (Reason.THEIRS, Reason.UNION)
    value = _whole(case, name, before, edited, verdict.value) if taken else verdict.value
    known = case.incident.fields.get(name, ABSENT)
    # A field that this tool only reads has no projection: what the incident says already is no change.
    changes = value is not ABSENT and value not in (ours, known)
    change = Change(known, value, verdict.reason) if changes and value is not ABSENT else None
    if left and value is not ABSENT:
        # The base stays: the tool's text is held against it once more when either side says something else.
        hold = replace(case.hold(name, Held.UNWRITABLE, theirs, f"{name}: {left}"), ours=value)
        lost = Conflict(value, theirs, Reason.UNWRITABLE, open=False)
        return Finding(Reason.UNWRITABLE, base=before, hold=hold, change=change, conflict=lost)
    return Finding(reason, base=theirs, change=change, conflict=conflict)


Rule = Callable[[Case, str], Finding | None]

RULES: Final[tuple[Rule, ...]] = (_no_word_for_it, _still_held, _made_by_the_tool, _both_sides)


# -- what the tool did by itself -------------------------------------------------------------------------------------


def _unlike_what_we_wrote(case: Case, name: str, attempt: Attempt) -> Finding | None:
    theirs = case.shown(name)
    if theirs == attempt.written:
        return None
    # Without a prior value nobody can say whether this is the old one.
    ignored = theirs is ABSENT or (theirs == attempt.prior and attempt.prior != attempt.written)
    return _own_doing(case, name, Held.IGNORED if ignored else Held.ALTERED, attempt.written)


def _unlike_what_we_made(case: Case, name: str) -> Finding | None:
    theirs, written = case.shown(name), (case.replica.intended or {})[name]
    if theirs == written:
        return None
    dropped = theirs in (ABSENT, None, ())
    return _own_doing(case, name, Held.IGNORED if dropped else Held.ALTERED, written)


def _perhaps_not_reached(case: Case, name: str) -> Finding | None:
    """A create may take several calls, and one that was not answered may have stopped between two of them. What the
    record then lacks is written next, and the answer to that tells what the tool makes of it."""
    theirs, written = case.shown(name), (case.replica.intended or {})[name]
    return None if theirs == written else Finding(Reason.OURS, base=_or_none(theirs))


def _consequence(case: Case, name: str) -> Finding | None:
    """A field that we did not write, and that this write changed all the same: computed, or set by a rule. Where
    somebody came in between, it may be theirs; and what our own body said there is the mapping's."""
    theirs = case.shown(name)
    if theirs is ABSENT or theirs == case.replica.observed.get(name, ABSENT) or case.sighting.reading.raced:
        return None
    return _unasked(case, name, theirs)


def _default(case: Case, name: str) -> Finding | None:
    """A field that we did not give it at its birth: the tool's own, and nobody's to look at. What the incident knows by
    now is written next."""
    theirs = case.shown(name)
    if theirs is ABSENT:
        return None
    return _unasked(case, name, theirs, Held.DEFAULT, written_next=case.meant(name) is not None)


def _set_by_itself(case: Case, name: str) -> Finding | None:
    theirs = case.shown(name)
    attempts = case.replica.ledger.get(name, ())
    if theirs is ABSENT or any(theirs in (attempt.prior, attempt.written) for attempt in attempts):
        return None
    if attempts and name in case.sighting.ours:
        # The answer was lost, and nobody changed it since: our write got this far, or the tool made this of it. It is
        # written once more, and the answer to that tells which.
        return Finding(Reason.OURS, base=theirs)
    if theirs == case.replica.base.get(name, ABSENT):
        return None
    if name in case.sighting.automatic or (not attempts and _is_computed_anew(case, name)):
        return _unasked(case, name, theirs)
    return None


def _is_computed_anew(case: Case, name: str) -> bool:
    """The tool computes it, and what it is computed of stands as it stood: its rules changed, and nobody edited it."""
    inputs = case.mapping.made_of(name)
    return bool(inputs) and all(
        case.shown(one) is not ABSENT and case.shown(one) == case.replica.observed.get(one, ABSENT) for one in inputs
    )


def _unasked(
    case: Case, name: str, theirs: Value, kind: Held = Held.ALTERED, *, written_next: bool = False
) -> Finding | None:
    """The tool gave a field a value that we did not ask for. It is held where it contradicts the incident, so that
    nothing is written over it; a default stays one, whatever the tool makes of it later."""
    if case.sighting.sent.get(name, ABSENT) == theirs:
        return None
    contradicts = name in case.incident.fields and theirs != case.projection.get(name, ABSENT)
    if not contradicts or written_next or name not in case.mapping.writable or case.meant(name) == theirs:
        return Finding(Reason.AUTOMATIC, base=theirs)
    words = f"the tool set {name} to {theirs!r} by itself{_look(case)}"
    known = case.replica.holds.get(name)
    same = known is not None and known.kind is Held.DEFAULT and known.ours == case.meant(name)
    return Finding(Reason.AUTOMATIC, base=theirs, hold=case.hold(name, Held.DEFAULT if same else kind, theirs, words))


def _own_doing(case: Case, name: str, kind: Held, written: Value) -> Finding:
    """The tool kept or made something else than what we wrote. Where the incident moved on, that is written next."""
    shown = _or_none(case.shown(name))
    if name in case.projection and case.projection[name] != written:
        return Finding(Reason.OURS, base=shown)
    shows = f"shows {shown!r}" if shown not in (None, ()) else "left it empty"
    still = "still " if kind is Held.IGNORED and case.moment is Moment.WRITTEN and shown is not None else ""
    words = f"the tool answered success to {written!r} for {name} and {still}{shows}{_look(case)}"
    hold = case.hold(name, kind, shown, words, tried=True)
    return Finding(Reason.IGNORED if kind is Held.IGNORED else Reason.ALTERED, base=shown, hold=hold)


def _look(case: Case) -> str:
    return f"; look at {case.look_at}" if case.look_at else ""


def _made_with(case: Case, name: str) -> bool:
    return (case.replica.intended or {}).get(name) not in (None, ())


def _is_adopted(case: Case) -> bool:
    """A record that we made and found again. Where nobody knows with what it was made, whatever it shows may be an
    edit of a time that the store has forgotten."""
    return case.replica.ref is None and case.replica.intended is not None


# -- the three sides of a merge --------------------------------------------------------------------------------------


def _sides(case: Case, name: str, theirs: Value) -> tuple[Known, Known, Value, datetime | None, bool]:
    """The base to merge against, ours, theirs, when theirs was edited, and whether our own write replaced it."""
    ours: Known = case.projection.get(name, ABSENT)
    if name in case.replaced and theirs == case.replica.ledger[name][-1].written:
        # The tool shows our write, which replaced a person's edit. It is that edit which there is to decide about;
        # it came after the look on which we had decided, whatever the clocks say.
        return case.replica.ledger[name][-1].prior, ours, case.replaced.pop(name), None, True
    if _only_theirs_moved(case, name):
        # The incident never agreed with the tool's own value: it says what it said when that was held.
        return ours, ours, theirs, case.sighting.edited_at, False
    before = _settle_ledger(case.replica, name, theirs, wrote=case.moment is Moment.WRITTEN)
    return before, ours, theirs, case.sighting.edited_at, False


def _only_theirs_moved(case: Case, name: str) -> bool:
    known = case.replica.holds.get(name)
    return known is not None and known.kind in OWN_DOING and not known.again and known.ours == case.meant(name)


def _whole(case: Case, name: str, before: Known, edited: Value, merged: Known) -> Known:
    """Of a set, what somebody added and removed, in the incident's own words: the tool may show some of them cut, or
    not at all, and its own value may have been held."""
    ours = case.meant(name)
    if not (isinstance(ours, tuple) and isinstance(edited, tuple)):
        return merged
    if _only_theirs_moved(case, name):
        if case.policy(name).kind is not PolicyKind.UNION:
            return merged
        before = case.replica.holds[name].theirs

    def shown(one: str) -> tuple[str, ...]:
        found = case.mapping.project({name: (one,)}).get(name)
        return found if isinstance(found, tuple) else ()

    return absorb(ours, before, edited, shown)


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


def _settle_ledger(replica: Replica, name: str, theirs: Value, *, wrote: bool) -> Known:
    """The base to merge against, once a write is held against what the tool shows now.

    It shows a value we sent: the write took effect, and that value is the new base. It shows what was there before: the
    write did not, the base stays. A third value is a person's; after a write known to have succeeded it replaced ours,
    and ours is the base.
    """
    attempts = replica.ledger.get(name, ())
    if attempts and wrote:
        return attempts[-1].written
    for attempt in attempts:
        if attempt.written == theirs:
            return theirs
    return replica.base.get(name, ABSENT)


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
        and (name not in replica.holds or replica.holds[name].again)
        and mapping.policies.get(name, LATEST).kind not in ONE_WAY
        and not _equal(projection[name], replica.base.get(name, ABSENT))
        and not _goes_without_saying(replica, name, projection[name], mapping)
    }


def _goes_without_saying(replica: Replica, name: str, ours: Value, mapping: FieldMapping) -> bool:
    """A comment is not begun for what the ticket says already."""
    return name == ALERTS and mapping.pins and name not in replica.base and not says_more(ours)


def _equal(ours: Value, base: Known) -> bool:
    return ours == base or (base is ABSENT and ours is None)


def _was_written(case: Case, name: str) -> bool:
    return case.moment is Moment.WRITTEN and name in case.replica.ledger


def _or_none(value: Known) -> Value:
    return None if value is ABSENT else value
