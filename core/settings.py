"""Settings from YAML: a pydantic model is the one declaration, and every complaint names its place in the file."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from types import NoneType, UnionType, new_class
from typing import Any, ClassVar, Final, Self, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from tieline.core.errors import NotThere, Problem, as_sentence
from tieline.core.model import ConnectionName
from tieline.core.secrets import Secret
from tieline.core.yaml import Node

DURATION: Final = r"^\d+(\.\d+)?(ms|s|m|h|d|w)$"
"""How a duration is written: a number and one unit."""

SIZE: Final = r"^\d+(\.\d+)?(B|kB|MB|GB|KiB|MiB|GiB)$"
"""How a size is written: a number and one unit."""

LONGEST_DURATION: Final = timedelta(days=36_500)
"""Longer than any law has records be kept, and short enough that a time so far from now can still be written."""
_MOST_DIGITS: Final = 13
"""Characters of its number, in milliseconds."""

_UNITS: Final = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_BYTES: Final = {"B": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}

Model = TypeVar("Model", bound=BaseModel)

_ABSENT: Final = object()
"""Stands for an option that is missing, while the others are held against one another."""


@dataclass(frozen=True, slots=True)
class Forms:
    """Marks an option that takes several kinds of values, as in `Annotated[bool | str, Forms(…)]`. `words` name all of
    them: `true, false or …`. It is told to whoever wrote something else."""

    words: str


class Checked(BaseModel):
    """Options that are held against one another: all that is wrong with them together is told at once, and also while
    some are missing or wrong by themselves."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, arbitrary_types_allowed=True)

    has_stand_ins: ClassVar[bool] = False

    def disagreements(self) -> Iterator[str]:
        """A sentence for each thing that is wrong with these options together; what it names in backticks first is
        where it is told. A subclass goes on with what `super()` yields."""
        yield from ()

    @model_validator(mode="after")
    def _agree(self) -> Self:
        found: list[str] = []
        try:
            found.extend(self.disagreements())
        except (TypeError, AttributeError):
            # Of a stand-in nothing more can be said than that it is there.
            if not self.has_stand_ins:
                raise
        if found:
            raise ValueError("\n".join(found))
        return self


def parse_duration(text: object) -> timedelta:
    """The length behind `30s`, `5m`, `4h`, `1d`, `2w` or `250ms`; 0 is zero. Raises ValueError with a sentence."""
    if isinstance(text, timedelta):
        return text
    if text == 0 and not isinstance(text, bool):
        return timedelta(0)
    if not isinstance(text, str) or not re.fullmatch(DURATION, text.strip()):
        raise ValueError(f"{text!r} is no duration")
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text.strip()).groups()  # type: ignore[union-attr]  # matched above
    if len(number) > _MOST_DIGITS or float(number) * _UNITS[unit].total_seconds() > LONGEST_DURATION.total_seconds():
        raise ValueError(f"{text!r} is longer than a hundred years")
    return float(number) * _UNITS[unit]


def parse_size(text: object) -> int:
    """The number of bytes behind `1MiB`, `500kB` or a plain number. Raises ValueError with a sentence."""
    if isinstance(text, int) and not isinstance(text, bool) and text >= 0:
        return text
    if not isinstance(text, str) or not re.fullmatch(SIZE, text.strip()) or len(text) > 20:
        raise ValueError(f"{text!r} is no size")
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text.strip()).groups()  # type: ignore[union-attr]  # matched above
    return int(float(number) * _BYTES[unit])


def show_duration(length: timedelta) -> str:
    """The shortest text that `parse_duration` reads back: `90s`, `5m`, `1d`."""
    for unit in ("w", "d", "h", "m", "s"):
        if length and length % _UNITS[unit] == timedelta(0):
            return f"{length // _UNITS[unit]}{unit}"
    return f"{length // _UNITS['ms']}ms" if length else "0s"


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """A fix: the known word that is nearest, or `otherwise`."""
    near = difflib.get_close_matches(word, list(known), 1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else otherwise


def no_such(what: str, word: str, known: Iterable[str]) -> LookupError:
    """What is said to whoever names something that is not there."""
    names = list(known)
    there_are = f"there are {', '.join(names)}" if names else "there is none"
    return NotThere(f"there is no {what} {word!r}; {did_you_mean(word, names, there_are)}")


class Findings:
    """Collects the problems of one file, so that a person sees all of them at once."""

    def __init__(self, file: str, connections: Iterable[str] | None = None) -> None:
        """`connections` are the names of the file's connections, where they are known."""
        self.file = file
        self.connections = None if connections is None else frozenset(connections)
        self.problems: list[Problem] = []

    def speak_of(self, node: Node) -> bool:
        """Whether a problem at this value's place has been noted."""
        return any((one.line, one.column) == (node.line, node.column) for one in self.problems)

    def note(self, node: Node, code: str, what: str, fix: str) -> None:
        """One problem, at a value's place."""
        self.problems.append(Problem(self.file, node.line, node.column, code, what, fix))

    def note_key(self, node: Node, code: str, what: str, fix: str) -> None:
        """One problem, at the place of the key of a value."""
        line, column = (node.key_line, node.key_column) if node.key_line else (node.line, node.column)
        self.problems.append(Problem(self.file, line, column, code, what, fix))

    def sorted(self) -> list[Problem]:
        """All problems, in the order of the file."""
        return sorted(self.problems, key=lambda problem: (problem.line, problem.column, problem.code))


def validated(model: type[Model], node: Node, where: str, findings: Findings, also: Iterable[str] = ()) -> Model | None:
    """The settings written at `node`, or None when they are not acceptable; why not stands in `findings`.

    `where` is how the place is called in sentences: `connections.snow`. `also` are names that are known beside the
    model's own.
    """
    before = len(findings.problems)
    raw = _prepared(model, node, where, findings)
    try:
        settings = model.model_validate(raw)
    except ValidationError as error:
        for detail in [*_details(error), *_disagreements(model, raw, _details(error))]:
            _explain(detail, model, node, where, findings, also)
        return None
    return settings if len(findings.problems) == before else None


def _details(error: ValidationError) -> list[ErrorDetails]:
    return error.errors(include_url=False, include_context=True, include_input=False)


def _disagreements(model: type[BaseModel], raw: Any, details: Sequence[ErrorDetails]) -> Iterator[ErrorDetails]:
    """What pydantic does not look for where single options are missing or wrong: whether the others agree."""
    if not isinstance(raw, dict) or any(not detail["loc"] for detail in details):
        return
    fields, broken = fields_of(model), {str(detail["loc"][0]) for detail in details}
    for name in sorted(broken & fields.keys()):
        inner = inner_model(fields[name].annotation)
        below = [_below(detail) for detail in details if detail["loc"][0] == name]
        if inner is not None:
            for detail in _disagreements(inner, raw.get(name), below):
                yield {**detail, "loc": (name, *detail["loc"])}
    if issubclass(model, Checked):
        names = {info.alias or name: name for name, info in model.model_fields.items()}
        stand_ins = {names[name]: raw.get(name, _ABSENT) for name in broken & names.keys()}
        whole = {name: value for name, value in raw.items() if name in names.keys() - broken}
        try:
            _with_stand_ins(model, stand_ins).model_validate(whole)
        except ValidationError as error:
            yield from (detail for detail in _details(error) if not detail["loc"])


def _below(detail: ErrorDetails) -> ErrorDetails:
    return {**detail, "loc": detail["loc"][1:]}


def _with_stand_ins(model: type[Checked], values: Mapping[str, Any]) -> type[Checked]:
    annotations: dict[str, Any] = dict.fromkeys(values, Any)
    # Whatever was given instead is there, too: nothing is to be said of its being missing.
    body = {"__module__": __name__, "__annotations__": annotations, "has_stand_ins": True, **values}
    made: type[Checked] = new_class(model.__name__, (model,), exec_body=lambda names: names.update(body))
    return made


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields by the name that a file uses."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def inner_model(annotation: Any) -> type[BaseModel] | None:
    """The model inside `Model`, `Model | None` or `Annotated[…]`, if there is one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, UnionType):
        models = [found for part in get_args(annotation) if (found := inner_model(part)) is not None]
        return models[0] if len(models) == 1 else None
    return None


def _prepared(model: type[BaseModel], node: Node, where: str, findings: Findings) -> Any:
    """The plain values, with durations understood. Only then can pydantic judge them."""
    if not isinstance(node.value, dict):
        return node.plain()
    fields = fields_of(model)
    plain: dict[str, Any] = {}
    for name, child in node.value.items():
        annotation = fields[name].annotation if name in fields else None
        place = f"{where}.{name}" if where else name
        plain[name] = _prepared_value(annotation, child, place, findings, _or_null(fields.get(name)))
    return plain


def _or_null(info: FieldInfo | None) -> str:
    """What ends a sentence about what to write where null means something: not only that nothing is said."""
    has_null = info is not None and NoneType in get_args(info.annotation) and not info.is_required()
    return ", or null" if info is not None and has_null and info.default is not None else ""


def _prepared_value(annotation: Any, node: Node, where: str, findings: Findings, or_null: str = "") -> Any:
    if _is_duration(annotation) and node.value is not None:
        try:
            return parse_duration(node.plain())
        except ValueError as error:
            fix = f"write a number and a unit, like 30s, 5m, 4h or 1d{or_null}."
            findings.note(node, "CFG007", f"{where}: {error}.", fix)
            return timedelta(minutes=1)  # a stand-in, so that the other options are judged as well
    model = inner_model(annotation)
    if model is not None:
        return _prepared(model, node, where, findings)
    item = _item_model(annotation)
    if isinstance(node.value, dict) and get_args(annotation)[:1] == (ConnectionName,):
        _check_connections(node.value, where, findings)
    if item is not None and isinstance(node.value, dict):
        return {name: _prepared_value(item, child, f"{where}.{name}", findings) for name, child in node.value.items()}
    if item is not None and isinstance(node.value, list):
        return [_prepared_value(item, child, f"{where}[{at}]", findings) for at, child in enumerate(node.value)]
    return node.plain()


def _check_connections(named: Mapping[str, Node], where: str, findings: Findings) -> None:
    """A rule for a connection that does not exist would silently guard nothing."""
    for name, node in named.items():
        if findings.connections is not None and name not in findings.connections:
            fix = did_you_mean(name, findings.connections, "write the name of a connection.")
            findings.note_key(node, "CFG020", f"{where}: there is no connection {name!r}.", fix)


def _is_duration(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, UnionType):
        return any(_is_duration(part) for part in get_args(annotation) if part is not NoneType)
    return isinstance(annotation, type) and issubclass(annotation, timedelta)


def _item_model(annotation: Any) -> type[BaseModel] | None:
    """The model of a collection's items: `tuple[Model, ...]`, `list[Model]`, `Mapping[str, Model]`."""
    origin = get_origin(annotation)
    if isinstance(origin, type) and issubclass(origin, (Sequence, Mapping)):
        return next((found for part in get_args(annotation) if (found := inner_model(part)) is not None), None)
    return None


def _explain(
    detail: ErrorDetails, model: type[BaseModel], node: Node, where: str, findings: Findings, also: Iterable[str]
) -> None:
    """One complaint of pydantic as a problem with a place. The offending value is never shown: it may be a secret."""
    at, path, owner = _find(node, detail["loc"], model)
    place = ".".join([where, *path] if where else path)
    match detail["type"]:
        case "extra_forbidden":
            known = {*(fields_of(owner) if owner is not None else ()), *(also if len(path) == 1 else ())}
            fix = did_you_mean(
                path[-1], known, f"remove it; there are {', '.join(sorted(known)) or 'no settings here'}."
            )
            findings.note_key(at, "CFG002", f"{place} is not an option.", fix)
        case "missing":
            findings.note_key(at, "CFG003", f"{place} is missing.", _how_to_write(owner, path[-1]))
        case _ if _is_secret(owner, path):
            renew = (
                "it stood in the open: remove it, renew it" if isinstance(at.value, str) else "correct the reference"
            )
            findings.note(at, "CFG006", f"{place}: {_sentence(detail)}", f"{renew}; then `tieline check`.")
        case _ if ("CFG025", at.line, at.column) in {(one.code, one.line, one.column) for one in findings.problems}:
            return  # what is to take its place will be judged
        case _ if ("CFG005", at.line, at.column) in {(one.code, one.line, one.column) for one in findings.problems}:
            return  # pydantic complains once for each branch of a union; the first complaint says enough
        case "model_type" | "model_attributes_type" if section := _section_of(owner, path):
            first = next((name for name, info in section.items() if info.is_required()), next(iter(section)))
            fix = f"write `{path[-1]}: {{{first}: …}}`; there are {', '.join(section)}."
            given = "list" if isinstance(at.value, list) else "single value"
            findings.note(at, "CFG005", f"{place} has options of its own, and is no {given}.", fix)
        case kind if (forms := _forms_of(owner, path)) and kind in _WRONG_KIND:
            findings.note(at, "CFG005", f"{place} is not {forms.words}.", "write one of them.")
        case _ if worded := _worded(detail, at.value):
            fix = worded[1].removesuffix(".") + _or_null(_info_of(owner, path))
            findings.note(at, "CFG005", f"{place} {worded[0]}.", f"{fix}.")
        case _:
            for words in detail["msg"].removeprefix("Value error, ").split("\n"):
                findings.note(_named_in(words, at), "CFG005", f"{place}: {as_sentence(words)}", "correct the value.")


_WRONG_KIND: Final = frozenset({"bool_type", "bool_parsing", "string_type"})
"""Complaints of pydantic about each kind of value that something is not."""


def _forms_of(owner: type[BaseModel] | None, path: Sequence[str]) -> Forms | None:
    info = _info_of(owner, path)
    return next((mark for mark in info.metadata if isinstance(mark, Forms)), None) if info is not None else None


def _info_of(owner: type[BaseModel] | None, path: Sequence[str]) -> FieldInfo | None:
    return fields_of(owner).get(path[-1]) if owner is not None and path else None


def _section_of(owner: type[BaseModel] | None, path: Sequence[str]) -> Mapping[str, FieldInfo]:
    """The options of what is a section there; none where it is something else."""
    info = _info_of(owner, path)
    model = inner_model(info.annotation) if info is not None else None
    return fields_of(model) if model is not None else {}


def _named_in(words: str, section: Node) -> Node:
    """Where the option stands that a sentence about a whole section names first in backticks; else the section's name.

    A value that is no section stays where it is.
    """
    if not isinstance(section.value, dict):
        return section
    for quoted in re.findall(r"`(\w+)[^`]*`", words):
        if quoted in section.value:
            return section.value[quoted]
    at = section.key_line, section.key_column
    return section if not section.key_line else replace(section, line=at[0], column=at[1])


def _find(
    node: Node, loc: tuple[int | str, ...], model: type[BaseModel]
) -> tuple[Node, list[str], type[BaseModel] | None]:
    """The nearest node to pydantic's location, the names on the way, and the model that owns the last name.

    Pydantic puts names of its own between ours (the branch of a union, `[key]`); where the file has no such name
    they are passed over, except the last, which may be the missing one.
    """
    path: list[str] = []
    owner: type[BaseModel] | None = model
    inside: type[BaseModel] | None = model
    for index, step in enumerate(loc):
        value = node.value
        if isinstance(value, dict) and str(step) in value:
            node = value[str(step)]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            node = value[step]
        elif not (index == len(loc) - 1 and inside is not None and str(step) in fields_of(inside)):
            continue
        path.append(str(step))
        owner = inside
        info = fields_of(inside).get(str(step)) if inside is not None else None
        annotation = info.annotation if info is not None else None
        inside = inner_model(annotation) or _item_model(annotation) or (inside if info is None else None)
    return node, path or [str(loc[-1])] if loc else path, owner


def _is_secret(owner: type[BaseModel] | None, path: Sequence[str]) -> bool:
    info = _info_of(owner, path)
    annotation = info.annotation if info is not None else None
    return annotation is Secret or set(get_args(annotation)) - {NoneType} == {Secret}


def _how_to_write(owner: type[BaseModel] | None, name: str) -> str:
    info = fields_of(owner).get(name) if owner is not None else None
    if _is_secret(owner, [name]):
        return f"add `{name}: {{env: NAME}}`, a reference to the secret."
    described = f" ({info.description.rstrip('.')})" if info is not None and info.description else ""
    return f"add `{name}:` here{described}."


def _sentence(detail: ErrorDetails) -> str:
    return as_sentence(detail["msg"].removeprefix("Value error, ").strip())


def _plain(bound: object) -> object:
    """A bound as the file would write it."""
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound


def _worded(detail: ErrorDetails, value: object) -> tuple[str, str] | None:
    """What is wrong, to follow the option's name, and what to write instead; None where pydantic, or a rule of ours,
    says it in a sentence of its own. `value` is only looked at for its kind: it may be a secret."""
    bounds = {name: _plain(bound) for name, bound in detail.get("ctx", {}).items()}
    match detail["type"]:
        case "string_type":
            is_single = value is not None and not isinstance(value, (dict, list))
            return "is no text", "put the value in quotes." if is_single else "write a text."
        case "bool_type" | "bool_parsing":
            return "is neither true nor false", "write true or false."
        case "int_type" | "int_parsing" | "int_parsing_size" | "int_from_float":
            return "is no whole number", "write a whole number."
        case "float_type" | "float_parsing" | "finite_number":
            return "is no number", "write a number."
        case "greater_than_equal":
            return f"is less than {bounds['ge']}", f"write {bounds['ge']} or more."
        case "greater_than":
            return f"is not more than {bounds['gt']}", f"write more than {bounds['gt']}."
        case "less_than_equal":
            return f"is more than {bounds['le']}", f"write {bounds['le']} or less."
        case "less_than":
            return f"is not less than {bounds['lt']}", f"write less than {bounds['lt']}."
        case "literal_error" | "enum":
            known = str(bounds["expected"])
            return f"is not {known}", "write one of them." if " or " in known else f"write {known}."
        case "tuple_type" | "list_type" | "set_type" | "frozen_set_type":
            return "is no list", "write a list: [one, two]."
        case "model_type" | "model_attributes_type" | "dict_type" | "mapping_type":
            return "has options of its own", "write `name: value` lines below it."
        case "path_type":
            return "is no path", "write the path of a file."
        case "string_pattern_mismatch":
            return f"does not match {bounds['pattern']}", "correct the value."
        case "too_short" | "string_too_short":
            return f"is shorter than {bounds['min_length']}", f"write {bounds['min_length']} at least."
        case "too_long" | "string_too_long":
            return f"is longer than {bounds['max_length']}", f"write {bounds['max_length']} at most."
        case _:
            return None
