"""What can be asked for by name, each thing declared once: an act, which does something, and a view, which only looks.

A declaration says what it is told (a model), what it needs (a right) and what it is about. Its command, its call and
its page in the reference follow from that.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from inspect import get_annotations
from typing import Any, ClassVar, Generic, Self, TypeVar, get_args, get_origin, get_type_hints

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from tieline.core.access import NEVER_BY_TOKEN, Subject
from tieline.core.arguments import Answer, Ask, item_fields, misfits
from tieline.core.errors import TielineError
from tieline.core.model import IncidentId
from tieline.core.settings import no_such
from tieline.core.store.store import Connection, Transaction
from tieline.core.strangers import guarded

About = Callable[[Connection | Transaction, Any, Any], tuple[Subject, IncidentId | None]]
"""What it is about, and the item that it concerns, if any: called with the store as it is, with what was asked, and
with what whoever asks sees."""


class WrongWords(TielineError):
    """What something was told is not what it takes. `problems` are pairs of the argument's name and a sentence."""

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
class Declared:
    """One thing to ask for. `needs` is the right to it, "" where whoever is proved may; `words` are the arguments
    that stand without a name on the command line. What it is about, for whoever is asked whether it may be, is the item
    that its words name, or the store; `about` says otherwise. `example` is what it may be told, as JSON, so that it
    succeeds; of an item it says INC-1, and whoever tries it takes one that there is."""

    name: str
    run: Callable[..., Any]
    needs: str | OneOf
    words: tuple[str, ...] = ()
    about: About | None = None
    kind: str = ""
    """The kind of item that its words name; "" where it may be of any."""
    example: Mapping[str, Any] | None = field(default=None, compare=False)

    @property
    def ask(self) -> type[Ask]:
        """The model of what it is told, from the function's own annotation."""
        return _ask_of(self.run)

    @property
    def answer(self) -> type[Answer]:
        """The model of what it answers, from the function's own annotation: at once, or once it is called."""
        found = _hints_of(self.run)["return"]
        answer: type[Answer] = get_args(found)[1] if get_origin(found) is not None else found
        return answer

    @property
    def fields(self) -> dict[str, FieldInfo]:
        """What it is told, its own first and then what many are, such as how a list is paged."""
        own = get_annotations(self.ask)
        return dict(sorted(self.ask.model_fields.items(), key=lambda one: one[0] not in own))

    @property
    def summary(self) -> str:
        """What it does, in one line: the first of the function's docstring."""
        return (inspect.getdoc(self.run) or "").split("\n", 1)[0]

    @property
    def help(self) -> str:
        """What it does, and with what: the function's docstring."""
        return inspect.getdoc(self.run) or ""

    def right(self, ask: Ask) -> str:
        """The right to what is asked; "" for none."""
        return self.needs if isinstance(self.needs, str) else self.needs.which(ask)

    @property
    def rights(self) -> tuple[str, ...]:
        """Every right that what may be asked needs."""
        if isinstance(self.needs, str):
            return (self.needs,) if self.needs else ()
        return self.needs.rights

    @property
    def by_token(self) -> bool:
        """Whether a token may reach it."""
        return not self.rights or not NEVER_BY_TOKEN.issuperset(self.rights)

    def told(self, given: Mapping[str, Any]) -> Ask:
        """What it is told, understood; a text may stand for what it is written as. Raises WrongWords with all that is
        wrong."""
        with self._misfits_told():
            return self.ask.model_validate(dict(given))

    def told_in_json(self, document: str) -> Ask:
        """The same of a JSON document, where a number is a number and a text a text."""
        with self._misfits_told():
            return self.ask.model_validate_json(document, strict=True)

    @contextmanager
    def _misfits_told(self) -> Iterator[None]:
        try:
            with guarded(self.name, ValidationError):
                yield
        except ValidationError as error:
            raise WrongWords(self.name, [_problem(one, self.ask) for one in error.errors()]) from None


@lru_cache(maxsize=1024)
def _hints_of(run: Callable[..., Any]) -> Mapping[str, Any]:
    return get_type_hints(run)


@lru_cache(maxsize=1024)
def _ask_of(run: Callable[..., Any]) -> type[Ask]:
    ask: type[Ask] = _hints_of(run)[list(inspect.signature(run).parameters)[1]]
    return ask


def _problem(error: Any, ask: type[Ask]) -> tuple[str, str]:
    place = ".".join(str(step) for step in error["loc"])
    match error["type"]:
        case "extra_forbidden":
            return place, str(no_such("argument", place, ask.model_fields)).removeprefix("'").removesuffix("'")
        case "missing":
            return place, "it is missing"
        case "value_error":
            return place, str(error["ctx"]["error"])
        case "too_short" if not error["ctx"]["actual_length"]:
            return place, "it holds nothing; say at least one"
        case _:
            return place, str(error["msg"])


D = TypeVar("D", bound=Declared)


class Register(Generic[D]):
    """What of one kind can be asked for, by name. Raises TypeError for what cannot be offered."""

    WHAT: ClassVar[str]

    def __init__(self, declared: Iterable[D]) -> None:
        self._by_name: dict[str, D] = {}
        for one in declared:
            wrong = [*faults(one), *([f"another {self.WHAT} is called so"] if one.name in self._by_name else [])]
            if wrong:
                raise TypeError(f"the {self.WHAT} {one.name!r} cannot be offered: {'; '.join(wrong)}")
            self._by_name[one.name] = one

    @property
    def by_name(self) -> Mapping[str, D]:
        """All that there is."""
        return self._by_name

    def beside(self, others: Mapping[str, D]) -> Self:
        """The same, and these, which were held against what can be offered before."""
        if taken := sorted(self.by_name.keys() & others.keys()):
            raise TypeError(f"the {self.WHAT} {taken[0]!r} cannot be offered: another {self.WHAT} is called so")
        both = type(self)(())
        both._by_name = {**self.by_name, **others}
        return both

    def __getitem__(self, name: str) -> D:
        if name not in self._by_name:
            raise no_such(self.WHAT, name, self._by_name)
        return self._by_name[name]


def faults(one: Declared) -> list[str]:
    """Sentences: what of a declaration cannot be offered."""
    wrong = misfits(one.ask)
    wrong += [f"it has no argument {word!r}" for word in one.words if word not in one.ask.model_fields]
    if one.about is None and len(item_fields(one.ask)) > 1:
        wrong.append("it names several items, and does not say which of them it is `about`")
    if not one.summary:
        wrong.append("its function has no docstring, which is what people read of it")
    if one.example is not None and not wrong:
        wrong += _wrong_example(one, one.example)
    return wrong


def _wrong_example(one: Declared, example: Mapping[str, Any]) -> list[str]:
    try:
        one.told(example)
    except WrongWords as error:
        return [
            f"its example: {place}: {words}" if place else f"its example: {words}" for place, words in error.problems
        ]
    return []
