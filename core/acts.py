"""Acts: what can be done, each declared once. Its command, its call, its right and its entry in the journal follow.

    EDIT = Act("edit", run=edit, needs="incident.edit", words=("incident", "changes"))

The function decides on what it sees and only notes what is to follow (see `Desk`); the office carries that out, all of
it or nothing, and journals that it was done, by whom, and with what words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from tieline.core.arguments import Answer
from tieline.core.declared import Declared, Register
from tieline.core.errors import TielineError
from tieline.core.events import Event

Later = Callable[[], Answer]
"""An answer that is known once what was noted is carried out, such as the number of a comment."""
Run = Callable[[Any, Any], Answer | Later]
"""Called with the desk (a `Desk`, and for acts of the engine more than that) and with what was asked."""


class NotDone(TielineError):
    """The act cannot be done as things are; nothing was. Its message says why, and what to do next."""


@dataclass(frozen=True, slots=True)
class Act(Declared):
    """One act. `records` are the kinds of events that it may journal beside what the engine does. `travels` is false of
    one that no daemon carries on."""

    run: Run
    records: tuple[type[Event], ...] = ()
    travels: bool = True


class Acts(Register[Act]):
    """The acts that can be asked for, by name."""

    WHAT: ClassVar[str] = "act"
