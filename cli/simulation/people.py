"""What people did, as the checker needs it later: every value they wrote, where and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from tieline.core.model import Audience
from tieline.mappings.board import split

TEXTS = ("title", "description", "team", "category")
"""Fields in which every value that a person writes is different from all others."""

CHOICES = {
    "status": ("new", "in_progress", "on_hold", "resolved"),
    "priority": ("p1", "p2", "p3", "p4"),
    "severity": ("low", "high", "critical"),
}

COMPARED = (*TEXTS, *CHOICES, "tags", "assignee", "close_notes")
"""The fields that must be equal in all copies."""

SCRIBBLE: Final = "scribbled"
"""What people write into what we say of alerts, where nothing of theirs belongs."""

HERE = "tieline"
"""Where a person edits who works in Tieline itself; the ref is then the incident's number."""


_SIGNS: Final = str.maketrans(dict.fromkeys("\\*_`#>~", " "))


_BOARD: Final = re.compile(r"--- alerts, kept by Tieline ---.*?--- end of alerts ---", re.DOTALL)


def without_board(value: Any) -> Any:
    """A text without the block in it that tells which alerts fire: that is ours, and the rest is people's."""
    return _BOARD.sub("", value).strip() or None if isinstance(value, str) else value


def bare(text: str) -> str:
    """The words of a text without what Markdown makes of them: each tool has a format of its own."""
    return " ".join(text.translate(_SIGNS).split())


@dataclass(frozen=True, slots=True)
class Edit:
    """One field of one record set by a person. `value` is what the tool then showed; `again` that it had shown it
    before: whoever did not look in between cannot know that it ever was something else."""

    number: int
    tool: str
    ref: str
    field: str
    value: Any
    again: bool


@dataclass(frozen=True, slots=True)
class Remark:
    """One comment of a person."""

    text: str
    tool: str
    ref: str
    audience: Audience


@dataclass
class Chronicle:
    """Everything that people did in one schedule."""

    edits: list[Edit] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    disturbed: set[tuple[str, str]] = field(default_factory=set)
    """Records that were deleted, restored or merged: what was written there may stay there."""
    tags: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Tags that somebody added, with tool and ref, and nobody removed again."""
    forgotten: set[int] = field(default_factory=set)
    """Edits in Tieline itself, by number, that were made since the backup which took the store's place."""
    changes: int = 0
    """Whatever somebody changed anywhere, as the bound on our own writes counts it."""

    def wrote(self, tool: str, ref: str, name: str, value: Any) -> None:
        if name == "description" and isinstance(value, str):
            value = split(value)[0] or None  # the block of alerts beside it is nobody's text
        again = value is None or any(
            (edit.tool, edit.ref, edit.field, edit.value) == (tool, ref, name, value) for edit in self.edits
        )
        self.edits.append(Edit(len(self.edits), tool, ref, name, value, again))
        self.changes += 1

    def forget(self, first: int) -> None:
        """The store has forgotten what was edited in Tieline itself from this number on."""
        self.forgotten |= {edit.number for edit in self.edits[first:] if edit.tool == HERE}

    def tagged(self, tool: str, ref: str, before: Iterable[str], after: Iterable[str]) -> None:
        """Somebody changed the tags of a record."""
        self.tags |= dict.fromkeys(sorted(set(after) - set(before)), (tool, ref))
        for tag in set(before) - set(after):
            self.tags.pop(tag, None)
