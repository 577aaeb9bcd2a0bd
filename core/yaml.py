"""Strict YAML: a small, safe part of YAML 1.2, with the place of every value.

Refused, because each has bitten somebody: aliases and merge keys (900 bytes cost seconds of CPU elsewhere), duplicate
keys (the last one wins in silence), tags (they build objects), several documents, depth and size without end. `no`,
`yes` and `on` stay text, as YAML 1.2 says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from tieline.core.errors import ConfigError, Problem, as_sentence

LARGEST: Final = 1024 * 1024
DEEPEST: Final = 32
MOST_PROBLEMS: Final = 100
"""A file with more of them is no file that somebody meant; the rest is not looked at."""

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands. Lines and columns count from 1; the key's place is 0 where there is no key.

    `file` is "" for a node that no file holds.
    """

    value: dict[str, Node] | list[Node] | Scalar
    line: int
    column: int
    key_line: int = 0
    key_column: int = 0
    file: str = ""

    def plain(self) -> Any:
        """The value without places, as plain Python."""
        match self.value:
            case dict():
                return {key: node.plain() for key, node in self.value.items()}
            case list():
                return [node.plain() for node in self.value]
            case _:
                return self.value


def load_yaml(text: str | bytes, file: str) -> Node:
    """Parse one document. Raises ConfigError with what is wrong and where; an empty file is an empty mapping."""
    if isinstance(text, bytes):
        raw = text
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw[: error.start].count(b"\n") + 1
            raise _refusal(file, line, 1, "YAML001", "the file is not UTF-8.", "save it as UTF-8.") from None
    if len(text.encode(errors="surrogatepass")) > LARGEST:
        raise _refusal(file, 1, 1, "YAML002", f"the file is larger than {LARGEST} bytes.", "split it.")
    try:
        return _Composer(file, text).compose()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        what = f"not YAML: {error.problem or error.context or 'a syntax error'}."
        raise _refusal(file, line, column, "YAML003", what, "mend the syntax at this place.") from None
    except (YAMLError, ValueError) as error:
        raise _refusal(file, 1, 1, "YAML003", f"not YAML: {as_sentence(error)}", "mend the syntax.") from None


def _refusal(file: str, line: int, column: int, code: str, what: str, fix: str) -> ConfigError:
    return ConfigError([Problem(file, line, column, code, what, fix)])


class _Composer:
    """Builds nodes from parser events, so that nothing is expanded before it has been judged."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        yaml = YAML(typ="safe", pure=True)
        self._events = iter(yaml.parse(text))
        self._problems: list[Problem] = []

    def compose(self) -> Node:
        root: Node | None = None
        documents = 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._note(event, "YAML004", "the file holds several documents.", "keep one, without `---`.")
            elif isinstance(event, (ScalarEvent, CollectionStartEvent, AliasEvent)):
                root = self._node(event, 1)
        if self._problems:
            raise ConfigError(self._problems)
        return root if root is not None else Node({}, 1, 1, file=self._file)

    def _node(self, event: Event, depth: int) -> Node:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if depth > DEEPEST:
            raise _refusal(self._file, line, column, "YAML005", f"nested deeper than {DEEPEST} levels.", "flatten it.")
        self._check_marks(event)
        match event:
            case MappingStartEvent():
                return Node(self._mapping(depth), line, column, file=self._file)
            case SequenceStartEvent():
                return Node(self._sequence(depth), line, column, file=self._file)
            case ScalarEvent():
                return Node(self._scalar(event), line, column, file=self._file)
            case _:
                return Node(None, line, column, file=self._file)

    def _mapping(self, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for key_event in self._events:
            if isinstance(key_event, MappingEndEvent):
                return found
            key = self._node(key_event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if isinstance(key.value, (dict, list)) or key.value is None:
                self._note(key_event, "YAML006", "a key must be text.", "write a plain name before the colon.")
                continue
            name = key_event.value if isinstance(key_event, ScalarEvent) else str(key.value)
            if name == "<<":
                self._note(key_event, "YAML007", "merge keys are refused.", "write the values out.")
            if name in found:
                first = found[name].key_line
                self._note(
                    key_event, "YAML008", f"the key {name!r} stands here twice.", f"remove one; line {first} has it."
                )
            found[name] = Node(value.value, value.line, value.column, key.line, key.column, self._file)
        return found

    def _sequence(self, depth: int) -> list[Node]:
        found: list[Node] = []
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                return found
            found.append(self._node(event, depth + 1))
        return found

    def _check_marks(self, event: Event) -> None:
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            self._note(event, "YAML009", "anchors and aliases are refused.", "write the value out.")
        tag = getattr(event, "tag", None)
        if tag is not None and str(tag) not in ("!", "None"):
            self._note(event, "YAML010", f"the tag {tag} is refused.", "write a plain value.")

    def _scalar(self, event: ScalarEvent) -> Scalar:
        if event.style is not None:
            return str(event.value)
        return _resolve(str(event.value))

    def _note(self, event: Event, code: str, what: str, fix: str) -> None:
        mark = event.start_mark
        self._problems.append(Problem(self._file, mark.line + 1, mark.column + 1, code, what, fix))
        if len(self._problems) >= MOST_PROBLEMS:
            raise ConfigError(self._problems)


def _resolve(text: str) -> Scalar:
    """A plain scalar by the YAML 1.2 core schema."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    digits = text[1:] if text[0] in "+-" else text
    if digits.isascii() and digits.isdigit():
        # Longer than any number that is meant as one: an id, which a float would change without a word.
        return int(text) if len(digits) <= 18 else text
    if digits and (digits[0].isdigit() or digits[0] == ".") and set(digits) <= set("0123456789.eE+-"):
        try:
            number = float(text)
        except ValueError:
            return text
        return number if math.isfinite(number) else text
    return text
