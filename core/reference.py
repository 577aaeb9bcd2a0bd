"""What else comes from the declared options: a JSON Schema for editors, an example file, a dump without secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from tieline.core.config import NAME, Config, ConnectionConfig
from tieline.core.expressions import Condition
from tieline.core.options import ConnectionSection, Section, Workspace
from tieline.core.port import AdapterKind, HttpSettings
from tieline.core.secrets import Secret, secrets_in
from tieline.core.settings import DURATION, fields_of, show_duration
from tieline.core.yaml import load_yaml


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
    sentences: list[str] = []
    for path, secret in secrets_in(connection.settings):
        try:
            secret.reveal()
        except Exception as error:  # noqa: BLE001 - a key ring of somebody's own raises what it likes
            words = str(error) if isinstance(error, LookupError) else f"{secret.reference}: {type(error).__name__}"
            option = f"connections.{connection.name}.{path}"
            sentences.append(f"{config.place(option)}: {option}: {words}")
    return sentences


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


def example_config(
    kinds: Sequence[AdapterKind],
    plugins: Sequence[str] = (),
    references: Mapping[tuple[str, str], Secret] | None = None,
) -> str:
    """A `tieline.yaml` to start from: options that are required or come with an example have a value to replace, the
    others are comments. `references` are by tool and option; without them, those that are suggested stand there."""
    lines = ["tieline: 1", *_commented(Workspace, "", ("tieline", "plugins", "connections"))]
    lines += ["", f"# {fields_of(Workspace)['plugins'].description}", f"plugins: [{', '.join(plugins)}]"]
    lines += ["", f"# {fields_of(Workspace)['connections'].description}"]
    lines.append("connections:" if kinds else "connections: {}")
    for kind in kinds:
        lines += [f"  {kind.tool}:", f"    tool: {kind.tool}"]
        filled = _filled(kind, references)
        lines += _given(kind, "    ", filled)
        lines += _commented(kind.settings, "    ", tuple(filled))
        lines += _commented(ConnectionSection, "    ", ("tool",))
    return "\n".join(lines) + "\n"


def secrets_of(kind: AdapterKind) -> dict[str, Secret | None]:
    """The secrets that a new connection to this tool can have, with the reference that is suggested where it needs
    one. What replaces a secret that is being renewed is none of them, nor what opens a key on the way to the tool."""
    way = HttpSettings.model_fields
    wanted = {name: info for name, info in fields_of(kind.settings).items() if _is_secret(info) and name not in way}
    needed = {name: info.is_required() or bool(info.examples) for name, info in wanted.items()}
    return {
        name: _suggested(kind.tool, name) if needed[name] else None for name in wanted if not name.startswith("retired")
    }


def _is_secret(info: FieldInfo) -> bool:
    return Secret in (info.annotation, *get_args(info.annotation))


def _referred(info: FieldInfo, secret: Secret) -> str:
    """A reference as the file has it: alone, or in the list that the option is."""
    return _written([secret] if get_origin(info.annotation) is tuple else secret)


def _suggested(tool: str, name: str) -> Secret:
    return Secret("env", f"{tool.upper().replace('-', '_')}_{name.upper()}")


def variables_of(
    kinds: Sequence[AdapterKind], references: Mapping[tuple[str, str], Secret] | None = None
) -> tuple[str, ...]:
    """The environment variables that the secrets of such a file are to be found in."""
    secrets = [secret for kind in kinds for secret in _filled(kind, references).values() if secret is not None]
    return tuple(
        dict.fromkeys(name for kind, _, name in (one.reference.partition(":") for one in secrets) if kind == "env")
    )


def _filled(kind: AdapterKind, references: Mapping[tuple[str, str], Secret] | None) -> dict[str, Secret | None]:
    """The options that are filled in, with the secret where one is. An optional secret that a person was asked for and
    did not name is left out."""
    filled: dict[str, Secret | None] = {}
    for name, info in fields_of(kind.settings).items():
        if not _is_secret(info):
            if info.is_required() or info.examples:
                filled[name] = None
        elif references is not None and (kind.tool, name) in references:
            filled[name] = references[kind.tool, name]
        elif info.is_required() or (info.examples and references is None):
            filled[name] = _suggested(kind.tool, name)
    return filled


def _given(kind: AdapterKind, indent: str, filled: Mapping[str, Secret | None]) -> list[str]:
    lines: list[str] = []
    for name, secret in filled.items():
        info = fields_of(kind.settings)[name]
        lines += [f"{indent}# {info.description}"] if info.description else []
        lines.append(f"{indent}{name}: {_referred(info, secret) if secret else _placeholder(kind.tool, name, info)}")
    return lines


def _placeholder(tool: str, name: str, info: FieldInfo) -> str:
    """Something that can be read and wants to be replaced."""
    kinds = (info.annotation, *get_args(info.annotation))
    if info.examples:
        return _written(info.examples[0])
    if "url" in name:
        return f"https://{tool}.example.com"
    if "email" in name:
        return "somebody@example.com"
    if int in kinds:
        return "1"
    return "change-me" if str in kinds else "[change-me]"


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
