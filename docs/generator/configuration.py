"""configuration.md: every option of `tieline.yaml`, of the shipped adapters and plugins, and every code."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from generator.markdown import code, table
from tieline.core import config
from tieline.core.options import ConnectionSection
from tieline.core.plugins import installed
from tieline.core.port import AdapterKind, HttpSettings
from tieline.core.reference import config_schema
from tieline.core.registry import Registry
from tieline.core.settings import DURATION, SIZE
from tieline.core.yaml import Node

ABOUT = """\
# Configuration

A workspace is a folder with a file `tieline.yaml`. `tieline init` writes one with everything in it; `tieline check`
proves it. The file is strict YAML 1.2: no anchors, no tags, no duplicate keys, and `no` is a text. All problems are
reported at once, each as `file:line:column: CODE what. Fix: …`.

- A *duration* is a number and one unit: `250ms`, `30s`, `5m`, `4h`, `1d`, `2w`.
- A *size* is a number and one unit (`512KiB`, `1MiB`, `500kB`), or bytes.
- A *secret* is a reference, never a value: `{env: NAME}`, `{file: /path}` (refused while everybody may read it) or
  `{keyring: service/name}` (needs the extra `keyring`).
- A *condition* is `true`, `false` or [CEL](https://cel.dev) over the fields of the record, like
  `priority in ["p1", "p2"]`. A field that is not known is `null`, and what asks about it does not hold. The fields are
  listed under [mappings](mappings.md#fields).

A reload (SIGHUP) builds and checks a whole new configuration, then swaps it; `store` and `server.listen` change only
with a restart.
"""
ROOT = Path(__file__).parents[2]
SECTIONS = ("server", "web", "signals")
GOLDEN = ROOT / "tests" / "golden" / "config"
OTHERS: Mapping[str, str] = {
    "CFG000": "there is no `tieline.yaml` in the folder",
    "CFG026": "`tieline check` of a refused file: a reference in it leads to no secret",
    "CFG028": "what a plugin offers is declared wrongly",
    "CFG029": "a tool's records are of a kind that no plugin offers",
    "CFG030": "what is installed cannot be listed now",
    "CFG024": "a mapping gives a field to an owner that is no connection",
    "CFG022": "an adapter could not be made from its options",
    "YAML001": "not UTF-8",
    "YAML002": "larger than 1 MiB",
    "YAML003": "not YAML",
    "YAML004": "several documents in one file",
    "YAML005": "nested deeper than 32 levels",
    "YAML006": "a key that is no text",
    "YAML007": "a merge key (`<<`)",
    "YAML008": "a key that stands there twice",
    "YAML009": "an anchor or an alias",
    "YAML010": "a tag",
    "RUN001": "the address in `server.listen` or `web.listen` cannot be taken",
    "STORE001": "the store's address is no database address",
    "STORE002": "the database was written by another program, or by a newer version of Tieline",
    "STORE003": "the database could not be brought up to date",
    "STORE004": "a store is to be copied into one that is not empty",
    "STORE005": "what arrived in the copy of a store is not what was sent",
    "STORE006": "the store was copied into another one, which is in use now",
    "STORE007": "there is no store where `store` says, and this command makes none",
    "STORE008": "`store` names a file of another program, or one that is no database",
    "STORE009": "`store` names a folder, or something else that is no file",
    "STORE010": "a store that is to be copied has tables or columns that are not Tieline's",
    "STORE011": "the file of the keys that the journal's payloads are sealed with is missing, or is not named",
    "STORE012": "the file in `keys` is not the one that the journal's payloads are sealed with",
    "RUN003": "nothing can be made in the store's folder",
    "RUN002": "another daemon works on the same SQLite store",
    "RUN004": "a reload is to change what only a restart changes",
    "RUN005": "TLS cannot be spoken with `web.certificate`",
    "JOURNAL001": "a checkpoint cannot be written to the file",
    "JOURNAL002": "the file is no checkpoint",
}
"""Codes of files in general, and of the store; the codes of the configuration proper stand in `core/config.py`."""


def page() -> str:
    """The whole file, top down."""
    registry = Registry.load({point.name: Node({}, 1, 1) for point in shipped()})
    schema = config_schema(registry.adapters)
    parts = [ABOUT, "## The file\n", _options(schema["properties"], schema, skip=SECTIONS)]
    for name in SECTIONS:
        section = _resolved(schema["properties"][name], schema)
        parts += [f"\n### `{name}`\n\n{section['description']}\n", _options(section["properties"], schema, required=())]
    parts += ["\n## Every connection\n", _shared(schema)]
    for one in schema["properties"]["connections"]["additionalProperties"]["anyOf"]:
        parts.append(_adapter(one, registry.adapters[one["title"]], schema))
    parts += ["\n## Plugins\n", PLUGINS, *(_plugin(point) for point in shipped() if _settings(point) is not None)]
    parts += ["\n## Codes\n", table(["code", "what is wrong", "a file that earns it"], codes_and_files())]
    registry.close()
    return "\n".join(parts)


PLUGINS = """\
`plugins` is a list of names (`[grouping, severity]`), or a mapping of names to settings. What is not named is not
imported. Naming a tool in a connection allows the plugin that brings it.
"""


def shipped() -> list[EntryPoint]:
    """The plugins of this package, in the order of their names."""
    return sorted((one for one in installed() if one.value.startswith("tieline.")), key=lambda one: one.name)


def codes() -> list[tuple[str, str]]:
    """Every code with its words: those that `core/config.py` declares, and the others."""
    said = re.findall(r"(CFG\d{3}) (.+?)(?:\s{2,}|$)", inspect.getdoc(config) or "", re.MULTILINE)
    return sorted([*said, *OTHERS.items()])


def codes_and_files() -> Iterator[tuple[str, str, str]]:
    """Every code with its words, and a link to the bad file that the tests keep for it."""
    files = {path.stem.partition("_")[0]: path for path in sorted(GOLDEN.glob("*.yaml"))}
    for name, what in codes():
        file = files.get(name)
        link = f"[{file.stem.partition('_')[2].replace('_', ' ')}](../../{file.relative_to(ROOT)})" if file else ""
        yield code(name), what, link


def _shared(schema: Mapping[str, Any]) -> str:
    first = schema["properties"]["connections"]["additionalProperties"]["anyOf"][0]
    names = ConnectionSection.model_fields
    properties = {name: first["properties"][name] for name in names}
    properties["tool"] = {"type": "string", "description": properties["tool"]["description"]}
    text = _options(properties, schema, required=("tool",))
    return (
        f"A connection's name is up to 40 lower-case letters, digits and hyphens.\n\n{text}\n\n"
        "Where they are not given, `poll_every` is the workspace's, `calls_per_minute` and `mapping` the adapter's.\n"
        "`opens` is `true` by default for monitoring and `false` for ticket tools; `copies` is `true` for whatever\n"
        "can be written.\n"
    )


def _adapter(one: Mapping[str, Any], kind: AdapterKind, schema: Mapping[str, Any]) -> str:
    """What every tool has comes last: whoever looks a tool up looks for what is particular to it."""
    names = [name for name in one["properties"] if name not in ConnectionSection.model_fields]
    own = {name: one["properties"][name] for name in sorted(names, key=HttpSettings.model_fields.__contains__)}
    powers = ", ".join(sorted(kind.powers)) or "none: it is only read"
    return (
        f"\n## `tool: {kind.tool}`\n\n{inspect.cleandoc(kind.settings.__doc__ or '')}\n\n"
        f"Records: {kind.record}. Powers: {powers}. Mapping: `{kind.mapping}`. "
        f"Calls a minute: {kind.calls_per_minute}.\n\n" + _options(own, schema, required=one["required"])
    )


def _settings(point: EntryPoint) -> Any:
    return getattr(point.load(), "settings", None)


def _plugin(point: EntryPoint) -> str:
    schema = _settings(point).model_json_schema()
    return f"\n### `{point.name}`\n\n{schema['description']}\n\n" + _options(
        schema["properties"], schema, required=schema.get("required", ())
    )


def _options(
    properties: Mapping[str, Any], schema: Mapping[str, Any], *, skip: Any = (), required: Any = ("tieline",)
) -> str:
    rows = list(_rows(properties, schema, skip, required, ""))
    return table(["option", "type", "default", "meaning"], rows)


def _rows(
    properties: Mapping[str, Any], schema: Mapping[str, Any], skip: Any, required: Any, prefix: str
) -> Iterator[tuple[str, str, str, str]]:
    for name, given in properties.items():
        if name in skip:
            continue
        found = _resolved(given, schema)
        default = "required" if name in required else code(json.dumps(found.get("default", {}), ensure_ascii=False))
        meaning = given.get("description") or found.get("description", "")
        yield code(f"{prefix}{name}"), _type(given, schema), default, meaning
        inner = _inner(given, schema)
        if inner is not None:
            below = f"{prefix}{name}.{inner[0]}"
            yield from _rows(inner[1]["properties"], schema, (), inner[1].get("required", ()), below)


def _inner(given: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """The options below an option: of a section, of an optional one, of the items of a list or a mapping."""
    for part in [given, *given.get("anyOf", ())]:
        for between, one in (("", part), ("[].", part.get("items")), ("NAME.", part.get("additionalProperties"))):
            if isinstance(one, dict) and "$ref" in one and "properties" in (found := _resolved(one, schema)):
                return between, found
    return None


def _type(given: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "anyOf" in given:
        kinds = [_type(one, schema) for one in given["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    found = _resolved(given, schema)
    match found:
        case {"const": value}:
            return code(json.dumps(value))
        case {"enum": values}:
            return ", ".join(code(str(value)) for value in values)
        case {"pattern": str(pattern)} if pattern == DURATION:
            return "duration"
        case {"pattern": str(pattern)} if pattern == SIZE:
            return "size"
        case {"properties": {"keyring": _}}:
            return "secret"
        case {"type": "array", "items": {} as items}:
            return f"list of {_type(items, schema)}"
        case {"type": "string"}:
            return "text"
        case {"type": list() as kinds}:
            return " or ".join({"array": "list", "object": "mapping"}.get(kind, kind) for kind in kinds)
        case {"type": kind}:
            bounds = [f"{word} {found[key]}" for key, word in _BOUNDS.items() if key in found]
            return " ".join([{"object": "mapping", "boolean": "true or false"}.get(kind, kind), *bounds])
    return "any"


_BOUNDS = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to"}


def _resolved(given: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    name = given.get("$ref", "").removeprefix("#/$defs/")
    return {**(schema["$defs"][name] if name else {}), **{key: value for key, value in given.items() if key != "$ref"}}
