"""Acts: what can be done, each declared once. Its command, its call, its right and its entry in the journal follow.

    EDIT = Act("edit", run=edit, needs="incident.edit", words=("incident", "changes"))

The function decides on what it sees and only notes what is to follow (see `Desk`); the office carries that out, all of
it or nothing, and journals that it was done, by whom, and with what words.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import ValidationError

from tieline.core.access import Subject
from tieline.core.arguments import Answer, Ask, item_fields, misfits
from tieline.core.errors import TielineError
from tieline.core.events import Event
from tieline.core.model import IncidentId
from tieline.core.settings import no_such
from tieline.core.store.store import Connection, Transaction

Later = Callable[[], Answer]
"""An answer that is known once what was noted is carried out, such as the number of a comment."""
About = Callable[[Connection | Transaction, Any, Any], tuple[Subject, IncidentId | None]]
"""What an act is about, and the item that it is done to, if any: called with the store as it is, with what was asked,
and with what whoever asks sees."""
Run = Callable[[Any, Any], Answer | Later]
"""Called with the desk (a `Desk`, and for acts of the engine more than that) and with what was asked."""


class NotDone(TielineError):
    """The act cannot be done as things are; nothing was. Its message says why, and what to do next."""


class WrongWords(TielineError):
    """What an act was told is not what it takes. `problems` are pairs of the argument's name and a sentence."""

    def __init__(self, name: str, problems: Iterable[tuple[str, str]]) -> None:
        self.problems = tuple(problems)
        words = "; ".join(f"{place}: {words}" if place else words for place, words in self.problems)
        super().__init__(f"{name}: {words}")


@dataclass(frozen=True, slots=True)
class OneOf:
    """Rights of which one is needed: `which` says of what is asked which."""

    rights: tuple[str, ...]
    which: Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Act:
    """One act. `needs` is the right to it; `words` are the arguments that stand without a name on the command line;
    `records` the kinds of events that it may journal beside what the engine does. What it is about, for whoever is
    asked whether it may be done, is the item that its words name, or the store; `about` says otherwise."""

    name: str
    run: Run
    needs: str | OneOf
    words: tuple[str, ...] = ()
    records: tuple[type[Event], ...] = ()
    about: About | None = None

    @property
    def ask(self) -> type[Ask]:
        """The model of what it is told, from the function's own annotation."""
        hints: dict[str, type[Ask]] = get_type_hints(self.run)
        return hints[list(inspect.signature(self.run).parameters)[1]]

    @property
    def summary(self) -> str:
        """What it does, in one line: the first of the function's docstring."""
        return (inspect.getdoc(self.run) or "").split("\n", 1)[0]

    @property
    def help(self) -> str:
        """What it does, and with what: the function's docstring."""
        return inspect.getdoc(self.run) or ""

    def right(self, ask: Ask) -> str:
        """The right to do what is asked."""
        return self.needs if isinstance(self.needs, str) else self.needs.which(ask)

    @property
    def rights(self) -> tuple[str, ...]:
        """Every right that what may be asked needs."""
        return (self.needs,) if isinstance(self.needs, str) else self.needs.rights

    def told(self, given: Mapping[str, Any]) -> Ask:
        """What it is told, understood. Raises WrongWords with all that is wrong."""
        try:
            return self.ask.model_validate(dict(given))
        except ValidationError as error:
            raise WrongWords(self.name, [_problem(one, self.ask) for one in error.errors()]) from None


def _problem(error: Any, ask: type[Ask]) -> tuple[str, str]:
    place = ".".join(str(step) for step in error["loc"])
    match error["type"]:
        case "extra_forbidden":
            return place, str(no_such("argument", place, ask.model_fields)).removeprefix("'").removesuffix("'")
        case "missing":
            return place, "it is missing"
        case "value_error":
            return place, str(error["ctx"]["error"])
        case _:
            return place, str(error["msg"])


class Acts:
    """The acts that can be asked for, by name. Raises TypeError for one that cannot be offered."""

    def __init__(self, acts: Iterable[Act]) -> None:
        self.by_name: dict[str, Act] = {}
        for act in acts:
            wrong = [*_declared(act), *(["another act is called so"] if act.name in self.by_name else [])]
            if wrong:
                raise TypeError(f"the act {act.name!r} cannot be offered: {'; '.join(wrong)}")
            self.by_name[act.name] = act

    def __getitem__(self, name: str) -> Act:
        if name not in self.by_name:
            raise no_such("act", name, self.by_name)
        return self.by_name[name]


def _declared(act: Act) -> list[str]:
    wrong = misfits(act.ask)
    wrong += [f"it has no argument {word!r}" for word in act.words if word not in act.ask.model_fields]
    if act.about is None and len(item_fields(act.ask)) > 1:
        wrong.append("it names several items, and does not say which of them it is `about`")
    if not act.summary:
        wrong.append("its function has no docstring, which is what people read of it")
    return wrong
