"""A `tieline.yaml` to start from, made of the declared options: what `tieline init` asks for, and what it writes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tieline.core.options import ConnectionSection, Section, WebConfig, Workspace
from tieline.core.port import AdapterKind, HttpSettings
from tieline.core.reference import plain_value
from tieline.core.secrets import Secret
from tieline.core.settings import fields_of, inner_model
from tieline.core.ways import PLACEHOLDER, Way
from tieline.core.yaml import load_yaml

CONSOLE = "console"
"""The plugin with the pages, which are served where it is allowed."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person said of a new workspace: the chosen ways of each tool, and where each secret is, by tool and path.
    A secret that may be missing and is not named is left out."""

    ways: Mapping[str, Sequence[Way]]
    references: Mapping[tuple[str, str], Secret]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A secret that is asked for. `suggested` is None for one that may be missing; one that is `kept` is replaced where
    it is, so that it must be in a file or a keyring."""

    tool: str
    path: str
    suggested: Secret | None
    kept: bool


def example_config(kinds: Sequence[AdapterKind], plugins: Sequence[str] = (), answers: Answers | None = None) -> str:
    """A `tieline.yaml` to start from: options that are required or come with an example have a value to replace, the
    others are comments. Without answers, the first way of each choice is taken and suggested references stand there."""
    has_pages = CONSOLE in plugins
    apart = ("tieline", "plugins", "connections", *(["web"] if has_pages else []))
    lines = ["tieline: 1", *_commented(Workspace, "", apart)]
    lines += ["", f"# {fields_of(Workspace)['plugins'].description}", f"plugins: [{', '.join(plugins)}]"]
    lines += ["", *_served()] if has_pages else []
    lines += ["", f"# {fields_of(Workspace)['connections'].description}"]
    lines.append("connections:" if kinds else "connections: {}")
    for kind in kinds:
        lines += [f"  {kind.tool}:", f"    tool: {kind.tool}"]
        filled = _filled(kind, answers)
        lines += _given(kind, "    ", filled)
        lines += _commented(kind.settings, "    ", tuple(filled))
        lines += _commented(ConnectionSection, "    ", ("tool",))
    return "\n".join(lines) + "\n"


def _served() -> Iterator[str]:
    """The console, started with the daemon."""
    beside = fields_of(WebConfig)["beside_run"]
    yield from (f"# {fields_of(Workspace)['web'].description}", "web:", f"  # {beside.description}")
    yield from ("  beside_run: true", *_commented(WebConfig, "  ", ("beside_run",)))


def first_ways(kind: AdapterKind) -> tuple[Way, ...]:
    """The ways that are taken where nobody is asked."""
    return tuple(choice.ways[0] for choice in kind.settings.choices)


def secrets_wanted(kind: AdapterKind, ways: Sequence[Way]) -> list[Wanted]:
    """The secrets that a new connection to this tool has when these ways were chosen, with the reference that is
    suggested for what it needs. What replaces a secret that is being renewed is none of them, nor what opens a key on
    the way to the tool."""
    chosen = _chosen(ways)
    of_other_ways = {name for choice in kind.settings.choices for name in choice.paths} - chosen.keys()
    wanted: list[Wanted] = []
    for name, info in fields_of(kind.settings).items():
        inner = inner_model(info.annotation)
        for path in [one for one in chosen if one == name or one.startswith(f"{name}.")]:
            leaf = info if inner is None else fields_of(inner)[path.partition(".")[2]]
            if _is_secret(leaf):
                kept = any(path in way.kept for way in ways)
                wanted.append(Wanted(kind.tool, path, _suggested(kind.tool, path, kept=kept), kept))
        if _is_secret(info) and name not in chosen and name not in of_other_ways and not _is_of_the_way_there(name):
            needed = info.is_required() or bool(info.examples)
            wanted.append(Wanted(kind.tool, name, _suggested(kind.tool, name) if needed else None, kept=False))
    return wanted


def variables_of(kinds: Sequence[AdapterKind], answers: Answers | None = None) -> tuple[str, ...]:
    """The environment variables that the secrets of such a file are to be found in."""
    secrets = [secret for kind in kinds for secret in _secrets_in(_filled(kind, answers))]
    return tuple(
        dict.fromkeys(name for kind, _, name in (one.reference.partition(":") for one in secrets) if kind == "env")
    )


def _is_of_the_way_there(name: str) -> bool:
    return name.startswith("retired") or name in HttpSettings.model_fields


def _is_secret(info: FieldInfo) -> bool:
    return Secret in (info.annotation, *get_args(info.annotation))


def _suggested(tool: str, path: str, *, kept: bool = False) -> Secret:
    if kept:
        return Secret("keyring", f"tieline/{tool}-{path.rpartition('.')[2]}")
    return Secret("env", f"{tool}_{path}".upper().replace("-", "_").replace(".", "_"))


def _secrets_in(filled: Mapping[str, Any]) -> Iterator[Secret]:
    for value in filled.values():
        if isinstance(value, Secret):
            yield value
        elif isinstance(value, Mapping):
            yield from _secrets_in(value)


def _chosen(ways: Sequence[Way]) -> dict[str, str | None]:
    """The options of the chosen ways, each with its value where that is fixed."""
    return {path: way.fixed.get(path) for way in ways for path in (*way.options, *way.fixed)}


def _filled(kind: AdapterKind, answers: Answers | None) -> dict[str, Any]:
    """The options that are filled in: a secret, a text, or a section of them."""
    ways = first_ways(kind) if answers is None else answers.ways.get(kind.tool, first_ways(kind))
    chosen = _chosen(ways)
    asked = {path for choice in kind.settings.choices for path in choice.paths}
    references = _references(kind, ways, answers)
    filled: dict[str, Any] = {}
    for name, info in fields_of(kind.settings).items():
        below = [path for path in chosen if path.startswith(f"{name}.")]
        inner = inner_model(info.annotation)
        if below and inner is not None:
            leaves = {path: fields_of(inner)[path.partition(".")[2]] for path in below}
            filled[name] = {
                path.partition(".")[2]: references.get(path) or chosen[path] or _placeholder(kind.tool, path, leaf)
                for path, leaf in leaves.items()
            }
        elif name in references:
            filled[name] = references[name]
        elif not _is_secret(info) and (name in chosen or _begins_with(name, info, asked)):
            filled[name] = chosen.get(name) or _placeholder(kind.tool, name, info)
    return filled


def _begins_with(name: str, info: FieldInfo, asked: set[str]) -> bool:
    """Whether a new file has this option, which no chosen way speaks of."""
    return info.is_required() or (bool(info.examples) and name not in asked)


def _references(kind: AdapterKind, ways: Sequence[Way], answers: Answers | None) -> dict[str, Secret]:
    """Where each secret is, by its path: as it was said, or else as it is suggested where it is needed."""
    said = {} if answers is None else answers.references
    found: dict[str, Secret] = {}
    for one in secrets_wanted(kind, ways):
        known = said.get((one.tool, one.path))
        needed = answers is None or one.path in _chosen(ways) or fields_of(kind.settings)[one.path].is_required()
        secret = known or (one.suggested if needed else None)
        if secret is not None:
            found[one.path] = secret
    return found


def _given(kind: AdapterKind, indent: str, filled: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    for name, value in filled.items():
        info = fields_of(kind.settings)[name]
        lines += [f"{indent}# {info.description}"] if info.description else []
        # A list of secrets begins with one.
        lines.append(f"{indent}{name}: {_written([value] if get_origin(info.annotation) is tuple else value)}")
    return lines


def _placeholder(tool: str, path: str, info: FieldInfo) -> Any:
    """Something that can be read and wants to be replaced."""
    name, kinds = path.rpartition(".")[2], (info.annotation, *get_args(info.annotation))
    if info.examples:
        return info.examples[0]
    if "url" in name:
        return f"https://{tool}.example.com"
    if "email" in name:
        return "somebody@example.com"
    if int in kinds:
        return 1
    if Path in kinds:
        return f"/var/lib/{tool}"
    return PLACEHOLDER if str in kinds else [PLACEHOLDER]


def _commented(model: type[BaseModel], indent: str, without: Sequence[str]) -> list[str]:
    lines: list[str] = []
    for name, info in fields_of(model).items():
        if name in without or info.is_required():
            continue
        default = info.get_default(call_default_factory=True, validated_data={})
        described = f"  # {info.description}" if info.description else ""
        if isinstance(default, Section):
            lines += [f"{indent}# {name}:{described}"]
            lines += [line.replace(f"{indent}# ", f"{indent}#   ", 1) for line in _commented(type(default), indent, ())]
        else:
            lines.append(f"{indent}# {name}: {_written(default)}{described}")
    return lines


def _written(value: Any) -> str:
    """A plain value in YAML's flow style."""
    match plain_value(value):
        case None | NoneType():
            return "null"
        case bool() as flag:
            return "true" if flag else "false"
        case dict() as entries:
            return "{" + ", ".join(f"{name}: {_written(item)}" for name, item in entries.items()) + "}"
        case list() as items:
            return "[" + ", ".join(_written(item) for item in items) + "]"
        case str() as text:
            risky = not text or not text[0].isalnum() or set(text) & set(",[]{}#&*!|>'\"%@`\n") or ": " in text
            # Text that YAML would take for a number or a truth value keeps its quotes.
            return json.dumps(text, ensure_ascii=False) if risky or load_yaml(text, "").value != text else text
        case other:
            return str(other)
