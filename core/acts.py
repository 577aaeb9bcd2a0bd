"""Acts: what can be done, each declared once. Its command, its call, its right and its entry in the journal follow.

    EDIT = Act("edit", run=edit, needs="incident.edit", words=("incident", "changes"))

The function decides on what it sees and only notes what is to follow (see `Desk`); the office carries that out, all of
it or nothing, and journals that it was done, by whom, and with what words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Final

from tieline.core.arguments import Answer
from tieline.core.declared import Declared, Register
from tieline.core.errors import TielineError
from tieline.core.events import Event
from tieline.core.model import IncidentId

Later = Callable[[], Answer]
"""An answer that is known once what was noted is carried out, such as the number of a comment."""
Run = Callable[[Any, Any], Answer | Later]
"""Called with the desk (a `Desk`, and for acts of the engine more than that) and with what was asked."""


class NotDone(TielineError):
    """The act cannot be done as things are; nothing was. Its message says why, and what to do next."""


class Withheld(NotDone):
    """Something of an item was to be read outside, and may not be. It is journalled that somebody wanted that."""

    def __init__(self, item: IncidentId, why: str) -> None:
        super().__init__(why)
        self.item = item


LASTS: Final = timedelta(days=1)
"""How long a proposal waits, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Approval:
    """What an act needs before it is carried out: somebody for each of these rights, none of them whoever asked, or one
    of `authors`, who are ids of persons as the journal has them. `why` says so to people. With `at_any_revision` it may
    be carried out although the items that it is about have changed since."""

    rights: tuple[str, ...]
    why: str
    lasts: timedelta = LASTS
    authors: frozenset[str] = frozenset()
    at_any_revision: bool = False


class AskFirst(Exception):
    """Somebody else is to be asked first. `Desk.ask_first` raises it, and whoever runs the act takes it: what was noted
    so far is proposed, and nothing of it is done."""

    def __init__(self, approval: Approval) -> None:
        super().__init__(approval.why)
        self.approval = approval


@dataclass(frozen=True, slots=True)
class Act(Declared):
    """One act. `records` are the kinds of events that it may journal beside what the engine does. `travels` is false of
    one that no daemon carries on, `is_told` of one that no figure counts. `asks_first` are the rights of others of whom
    it may ask some first; nobody does at once what is not `is_breakable`, whatever glass they may break otherwise.
    `opens` is the kind of item that it opens, and `after` are acts of the same plugin that come before, so that its
    example succeeds: whoever tries one out that is about such an item has it opened first, and has those done, as far
    as they can be."""

    run: Run
    records: tuple[type[Event], ...] = ()
    travels: bool = True
    is_told: bool = True
    asks_first: tuple[str, ...] = ()
    is_breakable: bool = True
    opens: str = ""
    after: tuple[str, ...] = ()

    @property
    def has_glass(self) -> bool:
        """Whether somebody may do it at once where others are to be asked first."""
        return bool(self.asks_first) and self.is_breakable


class Acts(Register[Act]):
    """The acts that can be asked for, by name."""

    WHAT: ClassVar[str] = "act"
