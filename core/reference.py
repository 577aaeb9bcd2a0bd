"""What else comes from the declared options: a JSON Schema for editors, a dump without secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from tieline.core.config import Config, ConnectionConfig
from tieline.core.errors import ConfigError, Problem, as_sentence
from tieline.core.expressions import Condition
from tieline.core.options import NAME, ConnectionSection, Workspace
from tieline.core.port import AdapterKind
from tieline.core.secrets import KINDS, Secret, secrets_in
from tieline.core.settings import DURATION, show_duration
from tieline.core.yaml import Node, load_yaml


class _Schema(GenerateJsonSchema):
    """Durations and defaults as the file writes them."""

    def timedelta_schema(self, schema: core_schema.TimedeltaSchema) -> JsonSchemaValue:  # noqa: ARG002 - its signature
        return {"type": "string", "pattern": DURATION}

    def encode_default(self, dft: Any) -> Any:
        return plain_value(dft)


def config_schema(kinds: Mapping[str, AdapterKind]) -> dict[str, Any]:
    """The JSON Schema of `tieline.yaml` with the settings of these adapters."""
    schema = _schema_of(Workspace)
    connections = {
        "type": "object",
        "propertyNames": {"pattern": f"^{NAME.pattern}$"},
        "additionalProperties": {"anyOf": [_connection_schema(tool, kind) for tool, kind in sorted(kinds.items())]},
    }
    schema["properties"]["connections"].update(connections)
    schema["properties"]["plugins"].update({"type": ["array", "object"], "items": {"type": "string"}})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_hoisted(schema)}


def _connection_schema(tool: str, kind: AdapterKind) -> dict[str, Any]:
    shared, own = _schema_of(ConnectionSection), _schema_of(kind.settings)
    properties = {**shared["properties"], **own.get("properties", {})}
    properties["tool"] = {**shared["properties"]["tool"], "const": tool}
    return {
        "title": tool,
        "type": "object",
        "properties": properties,
        "required": ["tool", *own.get("required", [])],
        "additionalProperties": False,
        "$defs": {**shared.get("$defs", {}), **own.get("$defs", {})},
    }


def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(schema_generator=_Schema)


def _hoisted(schema: dict[str, Any]) -> dict[str, Any]:
    """Definitions where `#/$defs/…` looks for them: at the root. Names of two adapters' definitions may collide."""
    definitions: dict[str, Any] = dict(schema.pop("$defs", {}))
    for one in schema["properties"]["connections"]["additionalProperties"]["anyOf"]:
        inner = one.pop("$defs", {})
        renamed = {name: f"{one['title']}.{name}" for name in inner}
        properties = _renamed(one["properties"], renamed)
        one["properties"] = properties
        definitions.update({renamed[name]: _renamed(definition, renamed) for name, definition in inner.items()})
    return {**schema, "$defs": definitions}


def _renamed(schema: Any, names: Mapping[str, str]) -> Any:
    if isinstance(schema, list):
        return [_renamed(item, names) for item in schema]
    if not isinstance(schema, dict):
        return schema
    reference = schema.get("$ref")
    changed = {key: _renamed(value, names) for key, value in schema.items()}
    if isinstance(reference, str) and reference.removeprefix("#/$defs/") in names:
        changed["$ref"] = f"#/$defs/{names[reference.removeprefix('#/$defs/')]}"
    return changed


def show_config(config: Config) -> dict[str, Any]:
    """The whole configuration as it is in force, as plain values: secrets as references, no password."""
    return {
        "file": str(config.file),
        "store": _without_password(config.store),
        "keys": str(config.keys) if config.keys is not None else None,
        "plugins": {name: plain_value(settings) for name, settings in config.plugins.items()},
        "server": plain_value(config.server),
        "signals": plain_value(config.signals),
        "poll_every": plain_value(config.poll_every),
        "stop_within": plain_value(config.stop_within),
        "lease": plain_value(config.lease),
        "connections": {
            str(name): {
                "tool": one.tool,
                "mapping": str(one.mapping),
                "overlay": str(one.overlay) if one.overlay is not None else None,
                **{
                    option: plain_value(getattr(one, option))
                    for option in ConnectionSection.model_fields
                    if option not in ("tool", "mapping", "overlay")
                },
                **plain_value(one.settings),
            }
            for name, one in config.connections.items()
        },
    }


def unresolved_secrets(config: Config) -> list[str]:
    """Sentences about references that lead nowhere now, connection by connection."""
    return [sentence for connection in config.connections.values() for sentence in unresolved_in(config, connection)]


def unresolved_in(config: Config, connection: ConnectionConfig) -> list[str]:
    """The same for one connection, each with its place in the file. Values are looked up and thrown away."""
    return [
        f"{config.place(option)}: {option}: {words}"
        for path, secret in secrets_in(connection.settings)
        for option in [f"connections.{connection.name}.{path}"]
        if (words := _why_unresolved(secret)) is not None
    ]


def unresolved_beside(error: ConfigError, file: Path) -> ConfigError:
    """A refused file's problems, and with them the references in it that lead nowhere now."""
    try:
        root = load_yaml(file.read_bytes(), str(file))
    except (ConfigError, OSError):
        return error
    told = {(one.line, one.column) for one in error.problems}
    missing = [
        _unresolved(file, path, node, words)
        for path, node in _references(root, "")
        if (node.line, node.column) not in told and (words := _why_unresolved(Secret.parse(node.plain()))) is not None
    ]
    return ConfigError(in_order([*error.problems, *missing], file))


def in_order(problems: Iterable[Problem], file: Path) -> list[Problem]:
    """In the order of this file, and behind it what was found in others."""
    return sorted(problems, key=lambda one: (one.file != str(file), one.file, one.line, one.column))


def _unresolved(file: Path, path: str, node: Node, words: str) -> Problem:
    what, _, fix = words.partition("; ")
    fix = as_sentence(fix or "put the secret there, or change the reference")
    return Problem(str(file), node.line, node.column, "CFG026", f"{path}: {as_sentence(what)}", fix)


def _references(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    match node.value:
        case dict() as named if (
            len(named) == 1
            and named.keys() <= KINDS
            and all(isinstance(one.value, str) and one.value for one in named.values())
        ):
            yield path, node
        case dict() as named:
            for name, one in named.items():
                yield from _references(one, f"{path}.{name}" if path else name)
        case list() as items:
            for at, one in enumerate(items):
                yield from _references(one, f"{path}[{at}]")


def _why_unresolved(secret: Secret) -> str | None:
    """Why its value cannot be had, as a sentence. The value is looked up and thrown away."""
    try:
        secret.reveal()
    except Exception as error:  # noqa: BLE001 - a key ring of somebody's own raises what it likes
        return str(error) if isinstance(error, LookupError) else f"{secret.reference}: {type(error).__name__}"
    return None


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{host}"))


def plain_value(value: Any) -> Any:
    """A value as the file would write it."""
    match value:
        case Secret():
            kind, _, name = value.reference.partition(":")
            return {kind: name} if name else value.reference
        case BaseModel():
            return {name: plain_value(getattr(value, name)) for name in type(value).model_fields}
        case timedelta():
            return show_duration(value)
        case Condition():
            return {"true": True, "false": False}.get(value.text, value.text)
        case Enum():
            return value.value
        case Path():
            return str(value)
        case Mapping():
            return {str(plain_value(name)): plain_value(item) for name, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain_value(item) for item in value]
        case _:
            return value
