"""Three-way merge of one field: what was agreed, what the incident says now, what the tool says now.

Pure. Every outcome carries a Reason; the same word stands in the journal, the log, the metric and `tieline why`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tieline.core.model import ABSENT, Absent, Value
from tieline.mappings.document import Policy, PolicyKind

Known = Value | Absent

ONE_WAY = frozenset({PolicyKind.ONCE, PolicyKind.NEVER})
"""Policies under which a field is neither taken from a linked copy nor written to it again."""


class Reason(StrEnum):
    """Why a field has the value it has. Closed: nothing else is ever recorded."""

    SAME = "same"  # neither side changed
    AGREED = "agreed"  # both sides changed to the same value
    ECHO = "echo"  # our own write, seen again
    THEIRS = "theirs"  # only the tool changed
    OURS = "ours"  # only the incident changed
    LATEST_THEIRS = "latest_theirs"  # both changed; the tool's edit is the later one
    LATEST_OURS = "latest_ours"  # both changed; the incident's edit is the later one
    OWNER_THEIRS = "owner_theirs"  # both changed; the tool owns the field
    NOT_OWNER = "not_owner"  # the tool changed a field that another connection owns
    UNION = "union"  # both changed a set; both changes were kept
    MERGED = "merged"  # both changed a text, in different blocks; both changes were kept
    UNWRITABLE = "unwritable"  # the tool's edit of words that stand for something it cannot say; it was not taken over
    REVIEW = "review"  # somebody edited it in the tool, and a plugin wants a person to agree before it is taken
    MANUAL = "manual"  # both changed; a person must settle it
    SETTLED = "settled"  # a person settled it
    ONE_WAY = "one_way"  # the policy lets nothing in from this tool
    UNMAPPED = "unmapped"  # the tool says something that the mapping has no word for
    OVERWRITTEN = "overwritten"  # a person's edit came just before our write, which replaced it; it stands nowhere
    IGNORED = "ignored"  # the tool answered success and kept its old value
    ALTERED = "altered"  # the tool answered success and made something else of it
    AUTOMATIC = "automatic"  # the tool set it by itself: a default, a rule, a time-out; nobody edited it
    OPENED = "opened"  # the value that the incident was opened with
    SIGNALLED = "signalled"  # its signals began or ended
    RAISED = "raised"  # an alert that is worse than those before it joined, or became worse
    LOWERED = "lowered"  # the worst alert ended, and `signals.lower` says that the incident follows
    RERAISED = "reraised"  # a person said that it is over, and after `signals.reraise_after` its alerts still fire
    FLAPPING = "flapping"  # its alerts go off and on; what they do is held until they are steady
    EDITED = "edited"  # a person changed it in Tieline


BY_ALERTS = frozenset({Reason.SIGNALLED, Reason.RAISED, Reason.LOWERED})
"""Reasons of changes that no person and no tool made."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The outcome for one field: the incident's new value, and why. `loser` is a value that a person wrote and that
    does not stand; it goes to the conflict log. `open` asks a person to decide, and leaves both sides as they are."""

    value: Known
    reason: Reason
    loser: Known = ABSENT
    open: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """When a side changed, in our own clock; None when nobody can say, which counts as just now."""

    at: datetime | None


def settle(
    base: Known, ours: Known, theirs: Value, policy: Policy, connection: str, ours_at: datetime | None, edit: Edit
) -> Settled:
    """Decide one field. `base` is what both last agreed on, `ours` what the tool would show of the incident's value.

    A side that did not change gives way to the side that did; when both did, the policy decides.
    """
    if policy.kind in ONE_WAY:
        return Settled(ours, Reason.ONE_WAY)
    if theirs == base or (base is ABSENT and theirs is None):
        return Settled(ours, Reason.SAME if ours == base or ours is ABSENT else Reason.OURS)
    if theirs == ours:
        return Settled(ours, Reason.AGREED)
    refused = policy.kind is PolicyKind.OWNER and policy.owner != connection
    if ours == base or ours is ABSENT or (base is ABSENT and ours is None):
        return Settled(ours, Reason.NOT_OWNER, loser=theirs) if refused else Settled(theirs, Reason.THEIRS)
    return _both_changed(base, ours, theirs, policy, refused, ours_at, edit)


def _both_changed(
    base: Known, ours: Known, theirs: Value, policy: Policy, refused: bool, ours_at: datetime | None, edit: Edit
) -> Settled:
    match policy.kind:
        case PolicyKind.OWNER:
            if refused:
                return Settled(ours, Reason.NOT_OWNER, loser=theirs)
            return Settled(theirs, Reason.OWNER_THEIRS, loser=ours)
        case PolicyKind.UNION if isinstance(ours, tuple) and isinstance(theirs, tuple):
            before = base if isinstance(base, tuple) else ()
            return Settled(unite(before, ours, theirs), Reason.UNION)
        case PolicyKind.MANUAL:
            return Settled(ours, Reason.MANUAL, loser=theirs, open=True)
        case _:
            theirs_is_later = edit.at is None or ours_at is None or edit.at >= ours_at
            if theirs_is_later:
                return Settled(theirs, Reason.LATEST_THEIRS, loser=ours)
            return Settled(ours, Reason.LATEST_OURS, loser=theirs)


def absorb(
    whole: tuple[str, ...], base: Known, theirs: tuple[str, ...], shown: Callable[[str], tuple[str, ...]]
) -> tuple[str, ...]:
    """The incident's set with what a tool's people added and removed. `shown` is how the tool would show one element:
    one that it shows cut, or otherwise than it is, is neither removed nor replaced by that."""
    before = set(base) if isinstance(base, tuple) else set[str]()
    added, removed = set(theirs) - before, before - set(theirs)
    kept = {one for one in whole if not removed & set(shown(one))}
    return tuple(sorted(kept | {one for one in added if one not in {tag for each in kept for tag in shown(each)}}))


def unite(base: tuple[str, ...], ours: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[str, ...]:
    """Apply what each side added and removed, to both: the increment of a set, not its value."""
    added = (set(ours) | set(theirs)) - set(base)
    removed = (set(base) - set(ours)) | (set(base) - set(theirs))
    return tuple(sorted((set(base) | added) - removed))
