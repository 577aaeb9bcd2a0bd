"""Conditions in CEL, the Common Expression Language (https://cel.dev), by Google's C++ implementation.

A condition is text of at most 2,000 characters that compares the values of a record. It reads like SQL's WHERE: a
question about a value that is not there is neither true nor false, `||` and `&&` look at their other side, and only
what is true in the end holds. So `service.startsWith("pay")` does not hold for a record without a service, and neither
does its negation; `service == null` does.

A decimal is compared as a number, and so is `cost.amount` of a money field, beside `cost.currency`; a duration is its
milliseconds.

No condition can keep the engine busy. The library stops at 10,000 iterations and a depth of 32, and its patterns run in
linear time, but it does not count what an iteration costs: `[s].map(a, a + a).map(…)` took 22 s and 1.3 GB here, lists
of lists compared 13 s, a search inside three nested loops minutes. So whatever builds or nests is refused when the
condition is compiled, and what remains costs at most its own length times that of the record.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Self

from tieline.core.errors import TielineError
from tieline.core.model import FieldSpec, FieldType
from tieline.core.values import Money, parse_money

if TYPE_CHECKING:
    from cel_expr_python import cel

LONGEST: Final = 2_000
"""Characters of a condition."""

MOST_LOOPS: Final = 3
"""`exists`, `all` and the like in one condition."""

LONGEST_TEXT: Final = 16_384
"""Characters of a value that a condition sees; the rest is cut."""

MOST_ITEMS: Final = 256
"""Items of a list or entries of a map that a condition takes; more are an error, for half a list would lie."""

_TEXT = re.compile(r"""[rRbB]{0,2}(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""", re.DOTALL)
_COMMENT = re.compile(r"//[^\n]*")
_PLACE = re.compile(r"<input>:(\d+):(\d+): (.*)")
_LOOP = re.compile(r"\.\s*(exists|exists_one|all|filter)\s*\(")
_MAP = re.compile(r"\.\s*map\s*\(")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class ExpressionError(TielineError):
    """A condition that cannot be compiled or evaluated. `line` and `column` count from 1 inside its text."""

    def __init__(self, text: str, what: str, line: int = 1, column: int = 1) -> None:
        shown = text if len(text) <= 120 else text[:117] + "..."
        super().__init__(f"the condition {shown!r}, line {line}, column {column}: {what}")
        self.what = what
        self.line = line
        self.column = column


class Condition:
    """A compiled condition; `ALWAYS` and `NEVER` are the two that need no expression. Threads may share one."""

    __slots__ = ("_answer", "_kinds", "_program", "_used", "text")

    def __init__(self, text: str, program: cel.Expression | None, used: Mapping[str, type]) -> None:
        self.text = text
        self._program = program
        self._used = tuple(sorted(used))
        self._kinds = {name: kind for name, kind in used.items() if kind in (list, dict, Decimal, Money)}
        self._answer = text == "true"

    @classmethod
    def constant(cls, answer: bool) -> Self:
        """The condition that always answers `answer`."""
        return cls("true" if answer else "false", None, {})

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it is true of these values; a variable without one reads as null, a list or map as empty.

        Raises ExpressionError when it cannot be answered at all: a bad pattern, a division by zero, the budget.
        """
        if self._program is None:
            return self._answer
        seen = {name: self._seen(name, values.get(name)) for name in self._used}
        try:
            answer = self._program.eval(data=seen)
        except RuntimeError as error:
            raise ExpressionError(self.text, _evaluation_words(str(error))) from None
        value: object = answer.value()
        if value is None or isinstance(value, bool):
            return value is True
        words = str(value)
        if _is_unknown(words, absent=None in seen.values()):
            return False
        raise ExpressionError(self.text, _evaluation_words(words))

    def _seen(self, name: str, value: Any) -> Any:
        kind = self._kinds.get(name)
        if value is None:
            return kind() if kind in (list, dict) else {} if kind is Money else None
        try:
            return _bounded(_ORDERED[kind](value) if kind in _ORDERED else value)
        except ValueError as error:
            raise ExpressionError(self.text, f"{name} {error}") from None

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


ALWAYS: Final = Condition.constant(True)
NEVER: Final = Condition.constant(False)


def compile_condition(text: str, variables: Mapping[str, type]) -> Condition:
    """Compile a condition over `variables`: `str`, `int`, `bool`, `float`, `tuple` or `list` (of text), `dict` (text to
    text), `Decimal` and `Money` (both as their canonical text). Raises ExpressionError with the place: syntax, an
    unknown name, types that cannot be compared, no yes or no.
    """
    if len(text) > LONGEST:
        raise ExpressionError(text, f"it is longer than {LONGEST} characters; split it into several")
    if not text.isprintable() and (found := re.search(r"[\x00-\x08\x0b-\x1f\ud800-\udfff]", text)):
        raise ExpressionError(text, "it holds a character that cannot be shown", *_place(text, found.start()))
    _refuse_builders(text)
    checked, loose = _environments(tuple(sorted(variables.items(), key=lambda item: item[0])))
    try:
        with _COMPILING:
            kind = checked.compile(text).return_type().name()
            program = loose.compile(text)
    except RuntimeError as error:
        raise _compile_error(text, str(error), variables) from None
    if kind not in ("BOOL", "DYN", "wrapper(bool)", "google.protobuf.BoolValue"):
        raise ExpressionError(text, f"it gives {kind.lower()} and not yes or no; compare it with something")
    words = set(_WORD.findall(_bare(text)))
    return Condition(
        text, program, {name: list if kind is tuple else kind for name, kind in variables.items() if name in words}
    )


def variables_of(specs: Mapping[str, FieldSpec]) -> dict[str, type]:
    """The variables that a record of these fields offers to a condition."""
    return {name: _KINDS.get(spec.type, str) for name, spec in specs.items()}


_KINDS: Final[Mapping[FieldType, type]] = {
    FieldType.TAGS: tuple,
    FieldType.PERSONS: tuple,
    FieldType.INTEGER: int,
    FieldType.DURATION: int,
    FieldType.FLAG: bool,
    FieldType.DECIMAL: Decimal,
    FieldType.MONEY: Money,
}


_COMPILING = threading.Lock()


@lru_cache(maxsize=32)
def _environments(variables: Sequence[tuple[str, type]]) -> tuple[cel.Env, cel.Env]:
    """One environment to check types in, one to run in.

    Only wrapper types let the checker allow null and still refuse `severity == 3`, but this library cannot bind plain
    values to them; so what was checked is compiled a second time with types that take any value.
    """
    from cel_expr_python import cel

    text_list = cel.Type.List(cel.Type.STRING)
    text_map = cel.Type.Map(cel.Type.STRING, cel.Type.STRING)
    checked = {
        str: cel.Type("google.protobuf.StringValue"),
        int: cel.Type("google.protobuf.Int64Value"),
        bool: cel.Type("google.protobuf.BoolValue"),
        float: cel.Type("google.protobuf.DoubleValue"),
        tuple: text_list,
        list: text_list,
        dict: text_map,
        Decimal: cel.Type("google.protobuf.DoubleValue"),
        Money: cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    }
    loose = {**checked, **dict.fromkeys((str, int, bool, float, Decimal), cel.Type.DYN)}
    return (
        cel.NewEnv(variables={name: checked[kind] for name, kind in variables}),
        cel.NewEnv(variables={name: loose[kind] for name, kind in variables}),
    )


def _of_money(text: str) -> dict[str, Any]:
    money = parse_money(text)
    return {"amount": float(money.amount), "currency": money.currency}


_ORDERED: Final[Mapping[Any, Callable[[str], Any]]] = {Decimal: float, Money: _of_money}
"""How exact numbers are seen: as the nearest binary ones, which compare with those that a condition writes."""


def _bounded(value: Any) -> Any:
    match value:
        case str():
            return _text(value)
        case tuple() | list() | Mapping() if len(value) > MOST_ITEMS:
            raise ValueError(f"has {len(value)} items; a condition takes at most {MOST_ITEMS}")
        case tuple() | list():
            return [_bounded(item) for item in value]
        case Mapping():
            return {_text(str(key)): _bounded(item) for key, item in value.items()}
        case _:
            return value


def _text(value: str) -> str:
    """Text as the C++ side can take it. It ends a text at its first NUL, so `prod` would equal `prod\\0 and more`."""
    return value[:LONGEST_TEXT].replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _bare(text: str) -> str:
    """The text with literals and comments blanked, so that every remaining character keeps its place."""
    blank = _TEXT.sub(lambda found: '"' * len(found.group()), text)
    return _COMMENT.sub(lambda found: " " * len(found.group()), blank)


def _refuse_builders(text: str) -> None:
    bare = _bare(text)
    for pattern, what in (
        (_MAP, "`map` builds values without end and is refused; ask with `exists` or `all`"),
        (re.compile(r"\+"), "`+` builds values and is refused; a condition compares what is there"),
    ):
        if found := pattern.search(bare):
            raise ExpressionError(text, what, *_place(text, found.start()))
    if found := re.search(r"\{", bare):
        raise ExpressionError(text, "`{` builds a map and is refused", *_place(text, found.start()))
    if (nested := _nested_list(bare)) is not None:
        raise ExpressionError(text, "a list inside a list is refused", *_place(text, nested))
    loops = list(_LOOP.finditer(bare))
    if len(loops) > MOST_LOOPS:
        place = _place(text, loops[MOST_LOOPS].start())
        raise ExpressionError(text, f"more than {MOST_LOOPS} of exists, all and filter; split it", *place)
    for loop, following in itertools.pairwise(loops):
        if following.start() < _closing(bare, loop.end() - 1):
            raise ExpressionError(text, "a loop inside a loop is refused", *_place(text, following.start()))


def _closing(bare: str, opening: int) -> int:
    """Where the parenthesis at `opening` closes, or the end."""
    depth = 0
    for offset in range(opening, len(bare)):
        depth += {"(": 1, ")": -1}.get(bare[offset], 0)
        if depth == 0:
            return offset
    return len(bare)


def _nested_list(bare: str) -> int | None:
    """Where a list is written inside another one. `labels["x"]` is no list: its bracket follows a value."""
    open_brackets: list[bool] = []
    before = ""
    for offset, character in enumerate(bare):
        if character == "[":
            is_list = not (before.isalnum() or before in ("_", ")", "]", '"')) or bare[:offset].rstrip().endswith(" in")
            if is_list and any(open_brackets):
                return offset
            open_brackets.append(is_list)
        elif character == "]" and open_brackets:
            open_brackets.pop()
        if not character.isspace():
            before = character
    return None


def _place(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def _compile_error(text: str, words: str, variables: Mapping[str, type]) -> ExpressionError:
    found = _PLACE.search(words)
    if found is None:
        if "recursion limit" in words:
            return ExpressionError(text, "it is nested too deeply; split it")
        return ExpressionError(text, f"{_first_line(words)}; simplify it")
    line, column = int(found.group(1)), int(found.group(2))
    what = _plainer(found.group(3))
    if name := re.match(r"undeclared reference to '([^']+)'", what):
        what = _unknown_name(text, name.group(1), variables)
    return ExpressionError(text, what, line, column)


def _plainer(words: str) -> str:
    """The library's words without its inner names."""
    words = words.removesuffix(" [INVALID_ARGUMENT]").removesuffix(" (in container '')").partition(" expecting {")[0]
    if "mismatched input '<EOF>'" in words:
        return "it ends too early"
    words = re.sub(r"wrapper\((\w+)\)", r"\1", words)
    if "(double, int)" in words or "(int, double)" in words:
        words += "; a whole number beside one that is not: write it with a point, like 1.0"
    return re.sub(r"'_([^\w\s]+)_'", r"'\1'", words).replace("found no matching overload for", "cannot apply")


def _unknown_name(text: str, name: str, variables: Mapping[str, type]) -> str:
    name = name.partition(".")[0]
    import difflib

    if re.search(rf"\b{re.escape(name)}\s*\(", text):
        known = ["startsWith", "endsWith", "contains", "matches", "size", "exists", "all", "filter", "has"]
        near = difflib.get_close_matches(name, known, 1, cutoff=0.7)
        return f"there is no function {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    near = difflib.get_close_matches(name, variables, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(variables))}"
    return f"there is nothing called {name!r}; {hint}"


def _is_unknown(words: str, *, absent: bool) -> bool:
    """True when the answer failed only because a value is not there. Types were checked when it was compiled, so
    an operation without an overload met a null."""
    return (absent and "No matching overloads found" in words) or "NOT_FOUND: Key not found" in words


def _evaluation_words(words: str) -> str:
    if "budget exceeded" in words:
        return "it used up its budget of iterations; simplify it"
    return _first_line(words)


def _first_line(words: str) -> str:
    line = words.partition("\n")[0]
    return re.sub(r"^[A-Z_]+: |\s*\[[A-Z_]+\]$", "", line)
