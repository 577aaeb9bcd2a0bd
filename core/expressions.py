"""Conditions in CEL, the Common Expression Language: total, with a budget, and known to be wrong before they run.

Behind this door stands Google's C++ implementation. It is young: errors of evaluation come back as values, and are
turned into exceptions here. A comprehension stops at the library's iteration budget, and `matches` is RE2: linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from tieline.core.errors import TielineError

LONGEST: Final = 4_096
"""Characters of one expression."""

DEEPEST: Final = 32
"""Nesting of brackets in one expression."""


class ExpressionError(TielineError):
    """An expression that cannot be compiled or evaluated. `line` and `column` count from 1 within the expression."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class Condition(Protocol):
    """Something that holds for some values and not for others."""

    @property
    def text(self) -> str:
        """The expression, as it was written."""
        ...

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Decide. Raises ExpressionError when the expression does not apply to these values."""
        ...


@dataclass(frozen=True, slots=True)
class Always:
    """A condition without an expression: `true` or `false` in the file."""

    answer: bool

    @property
    def text(self) -> str:
        return "true" if self.answer else "false"

    def holds(self, values: Mapping[str, Any]) -> bool:  # noqa: ARG002 - the protocol's signature
        return self.answer


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled CEL expression over named variables; a variable without a value reads as null."""

    text: str
    variables: frozenset[str]
    _program: Any = field(repr=False, compare=False)

    def holds(self, values: Mapping[str, Any]) -> bool:
        data = {name: values.get(name) for name in self.variables}
        try:
            result = self._program.eval(data=data)
        except RuntimeError as error:
            raise ExpressionError(f"{self.text!r} cannot be evaluated: {_words(error)}") from None
        if result.type().name() == "ERROR":
            raise ExpressionError(f"{self.text!r} does not apply: {result.value()}")
        answer = result.value()
        if not isinstance(answer, bool):
            raise ExpressionError(f"{self.text!r} answers {answer!r}, not true or false")
        return answer


def compile_condition(text: str, variables: Iterable[str]) -> Compiled:
    """Compile a condition. Raises ExpressionError with the place of what is wrong."""
    _check_size(text)
    # Loaded when the first expression is: most commands need none.
    from cel_expr_python import cel

    names = frozenset(variables)
    environment = cel.NewEnv(variables=dict.fromkeys(sorted(names), cel.Type.DYN))
    try:
        program = environment.compile(text)
    except RuntimeError as error:
        line, column = _place(str(error))
        raise ExpressionError(_words(error), line, column) from None
    kind = program.return_type().name()
    if kind not in ("BOOL", "DYN"):
        raise ExpressionError(f"a condition answers true or false, and this answers {kind.lower()}")
    return Compiled(text, names, program)


def _check_size(text: str) -> None:
    if len(text) > LONGEST:
        raise ExpressionError(f"the expression has {len(text)} characters; at most {LONGEST} are taken")
    depth = 0
    for column, char in enumerate(text, 1):
        depth += (char in "([{") - (char in ")]}")
        if depth > DEEPEST:
            raise ExpressionError(f"brackets are nested deeper than {DEEPEST}", 1, column)


def _place(message: str) -> tuple[int, int]:
    found = re.search(r"<input>:(\d+):(\d+)", message)
    return (int(found[1]), int(found[2])) if found else (1, 1)


def _words(error: Exception) -> str:
    first = str(error).splitlines()[0] if str(error) else "unknown error"
    return re.sub(r"^(INVALID_ARGUMENT: |INTERNAL: )?(ERROR: )?(<input>:\d+:\d+: )?", "", first)[:300]
