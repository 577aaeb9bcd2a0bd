"""The configuration: `tieline.yaml` becomes frozen values, or a list of everything that is wrong with it.

Each option is declared once, as a field of a model below; parsing, defaults, the JSON Schema and the reference page
come from that declaration. Every problem is reported at once, with file, line, column, a code and a fix.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tieline.core.errors import ConfigError, Problem
from tieline.core.expressions import Condition, ExpressionError, compile_condition, variables_of
from tieline.core.model import CATALOGUE, ConnectionName, RecordKind, Tlp
from tieline.core.port import AdapterKind, ConnectionSettings, Power
from tieline.core.registry import Registry
from tieline.core.yaml import Node, load_yaml

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE: Final = re.compile(r"(\d+)\s*(B|KiB|MiB|GiB)?")
_SIZES: Final = {None: 1, "B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")


def duration(value: Any) -> timedelta:
    """`30s`, `5m`, `4h`, `1d`, `500ms`. Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("write a duration like 30s, 5m, 4h or 1d")
    return timedelta(seconds=float(found[1]) * _UNITS[found[2]])


def size(value: Any) -> int:
    """`1MiB`, `512KiB`, or a number of bytes. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("write a size like 512KiB or 1MiB")
    return int(found[1]) * _SIZES[found[2]]


Duration = Annotated[timedelta, BeforeValidator(duration)]
Size = Annotated[int, BeforeValidator(size)]


class Comments(StrEnum):
    """Which way comments go."""

    BOTH = "both"
    IN = "in"
    OUT = "out"
    NONE = "none"

    @property
    def comes_in(self) -> bool:
        return self in (Comments.BOTH, Comments.IN)

    @property
    def goes_out(self) -> bool:
        return self in (Comments.BOTH, Comments.OUT)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerConfig(_Section):
    """Where webhooks come in and metrics go out."""

    listen: str = Field(default="127.0.0.1:8484", pattern=r"^.+:\d{1,5}$", description="Address and port to listen on.")
    body_limit: Size = Field(default=1024**2, description="The largest webhook that is taken.")
    public_url: str = Field(
        default="", description="How tools reach this server, for messages that name a webhook's address."
    )


class SignalsConfig(_Section):
    """How alerts become incidents."""

    window: Duration = Field(
        default=timedelta(minutes=5), description="A group's new alert within this reopens its incident."
    )
    resolve: bool = Field(default=True, description="Resolve an incident when all its alerts have ended.")
    acknowledge: bool = Field(default=True, description="Silence an incident's alerts while somebody works on it.")
    silence_for: Duration = Field(
        default=timedelta(hours=4), description="How long one silence lasts; renewed while needed."
    )


class _Common(_Section):
    """What every connection may say, whatever its tool."""

    tool: str = Field(description="The tool, as its adapter names it.")
    mapping: str = Field(default="", description="A shipped mapping's name or a file; the adapter's own by default.")
    overlay: str = Field(default="", description="A file with changes to the mapping.")
    poll_every: Duration | None = Field(default=None, description="How often the tool is asked for changes.")
    calls_per_minute: int | None = Field(
        default=None, ge=1, le=100_000, description="Our share of the tool's rate limit."
    )
    comments: Comments = Field(default=Comments.BOTH, description="Which way comments go.")
    ceiling: Tlp = Field(default=Tlp.AMBER, description="The narrowest TLP label that may be copied there.")
    opens: bool | str | None = Field(
        default=None, description="Whether a record made there opens an incident; CEL over fields."
    )
    copies: bool | str | None = Field(default=None, description="Whether incidents get a copy there; CEL over fields.")
    webhook_silence: Duration | None = Field(
        default=timedelta(hours=1), description="Alarm when polls find changes and webhooks were silent for this long."
    )


class _Root(_Section):
    """The whole file."""

    tieline: Literal[1] = Field(description="The version of this file's format.")
    store: str = Field(
        default="sqlite:///tieline.db", description="sqlite:///path (relative to this file) or postgresql://…"
    )
    plugins: Any = Field(default=(), description="Plugins by name: a list, or a mapping of names to settings.")
    server: ServerConfig = ServerConfig()
    signals: SignalsConfig = SignalsConfig()
    poll_every: Duration = Field(
        default=timedelta(seconds=30), description="How often tools are asked, unless a connection says."
    )
    stop_within: Duration = Field(default=timedelta(seconds=20), description="The bound on stopping.")
    connections: Any = Field(default_factory=dict, description="Connections by name.")


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """One configured instance of a tool."""

    name: ConnectionName
    tool: str
    kind: AdapterKind
    settings: ConnectionSettings
    mapping: str | Path
    overlay: Path | None
    poll_every: timedelta
    calls_per_minute: int
    comments: Comments
    ceiling: Tlp
    opens: Condition
    copies: Condition
    webhook_silence: timedelta | None


@dataclass(frozen=True, slots=True)
class Config:
    """Everything `tieline.yaml` says, checked."""

    file: Path
    store: str
    plugins: Mapping[str, Mapping[str, Any]]
    server: ServerConfig
    signals: SignalsConfig
    poll_every: timedelta
    stop_within: timedelta
    connections: Mapping[ConnectionName, ConnectionConfig]


def load_workspace(file: Path) -> tuple[Config, Registry]:
    """Read the file, import the plugins it allows, and check everything. Raises ConfigError with all problems."""
    try:
        text = file.read_bytes()
    except OSError as error:
        raise ConfigError(
            [Problem(str(file), 1, 1, "CFG001", f"cannot be read: {error.strerror}.", "check the path and its rights.")]
        ) from None
    return load_text(text, file)


def load_text(text: bytes | str, file: Path) -> tuple[Config, Registry]:
    """As `load_workspace`, for text that is at hand."""
    reader = _Reader(load_yaml(text, str(file)), file)
    return reader.read()


Model = TypeVar("Model", bound=BaseModel)


class _Reader:
    """Collects problems while it reads, so that one run tells all of them."""

    def __init__(self, root: Node, file: Path) -> None:
        self._root = root
        self._file = file
        self._problems: list[Problem] = []

    def read(self) -> tuple[Config, Registry]:
        if not isinstance(self._root.value, dict):
            self._note(self._root, "CFG002", "the file must be a mapping.", "begin it with `tieline: 1`.")
            raise ConfigError(self._problems)
        root = self._model(_Root, self._root, ())
        plugins = self._plugins(self._root.value.get("plugins"))
        connections = self._named_connections()
        tools: dict[str, dict[str, Any]] = {
            str(node.value["tool"].value): {}
            for node in connections.values()
            if isinstance(node.value, dict) and isinstance(node.value.get("tool", node).value, str)
        }
        registry = self._registry({**tools, **plugins})
        read = {
            ConnectionName(name): found
            for name, node in connections.items()
            if registry is not None and root is not None and (found := self._connection(name, node, registry, root))
        }
        if self._problems or root is None or registry is None:
            raise ConfigError(sorted(self._problems, key=lambda one: (one.file, one.line, one.column)))
        store = self._store(root.store)
        config = Config(self._file, store, plugins, root.server, root.signals, root.poll_every, root.stop_within, read)
        return config, registry

    # -- parts -----------------------------------------------------------------------------------------------------

    def _plugins(self, node: Node | None) -> dict[str, dict[str, Any]]:
        if node is None:
            return {}
        if isinstance(node.value, list):
            for item in node.value:
                if not isinstance(item.value, str):
                    self._note(item, "CFG003", "a plugin is named by text.", "write its name.")
            return {str(item.value): {} for item in node.value}
        if isinstance(node.value, dict):
            return {name: dict(one.plain() or {}) for name, one in node.value.items()}
        self._note(node, "CFG003", "plugins are a list of names, or a mapping of names to settings.", "write a list.")
        return {}

    def _named_connections(self) -> dict[str, Node]:
        node = self._root.value.get("connections") if isinstance(self._root.value, dict) else None
        if node is None:
            return {}
        if not isinstance(node.value, dict):
            self._note(
                node, "CFG004", "connections are a mapping of names.", "write `connections:` and names below it."
            )
            return {}
        for name, one in node.value.items():
            if not _NAME.fullmatch(name):
                what = f"{name!r} cannot name a connection."
                self._note_key(one, "CFG005", what, "use lower-case letters, digits and hyphens, 40 at most.")
        return node.value

    def _registry(self, allowed: Mapping[str, Mapping[str, Any]]) -> Registry | None:
        try:
            return Registry.load(allowed)
        except ConfigError as error:
            for problem in error.problems:
                name = problem.file.removeprefix("plugin ")
                node, is_key = self._mention(name)
                line = node.key_line if is_key else node.line
                column = node.key_column if is_key else node.column
                what = f"plugin {name!r}: {problem.what}"
                self._problems.append(Problem(str(self._file), line, column, problem.code, what, problem.fix))
            return None

    def _mention(self, name: str) -> tuple[Node, bool]:
        """Where the file names this plugin or tool, and whether as a key."""
        if isinstance(self._root.value, dict):
            plugins = self._root.value.get("plugins")
            if plugins is not None and isinstance(plugins.value, list):
                for item in plugins.value:
                    if item.value == name:
                        return item, False
            if plugins is not None and isinstance(plugins.value, dict) and name in plugins.value:
                return plugins.value[name], True
            connections = self._root.value.get("connections")
            if connections is not None and isinstance(connections.value, dict):
                for one in connections.value.values():
                    tool = one.value.get("tool") if isinstance(one.value, dict) else None
                    if tool is not None and tool.value == name:
                        return tool, False
        return self._root, False

    def _connection(self, name: str, node: Node, registry: Registry, root: _Root) -> ConnectionConfig | None:
        if not isinstance(node.value, dict):
            self._note_key(node, "CFG006", f"the connection {name!r} is empty.", "give it at least a `tool`.")
            return None
        common_names = set(_Common.model_fields)
        common = self._model(_Common, _part(node, common_names), ("connections", name))
        tool = node.value.get("tool")
        kind = registry.adapters.get(str(tool.value)) if tool is not None else None
        if common is None or tool is None:
            return None
        if kind is None:
            near = difflib.get_close_matches(common.tool, registry.adapters, 1)
            known = ", ".join(sorted(registry.adapters))
            fix = f"did you mean {near[0]!r}?" if near else f"the tools here are {known}."
            self._note(tool, "CFG007", f"no adapter speaks to {common.tool!r}.", fix)
            return None
        settings = self._model(kind.settings, _part(node, None, common_names), ("connections", name), common_names)
        opens = self._condition(node, "opens", common.opens, kind.record, default=kind.record is RecordKind.SIGNAL)
        copies = self._condition(node, "copies", common.copies, RecordKind.INCIDENT, default=Power.WRITE in kind.powers)
        if settings is None or opens is None or copies is None:
            return None
        return ConnectionConfig(
            name=ConnectionName(name),
            tool=common.tool,
            kind=kind,
            settings=settings,
            mapping=self._mapping(common.mapping or kind.mapping),
            overlay=self._beside(common.overlay) if common.overlay else None,
            poll_every=common.poll_every or root.poll_every,
            calls_per_minute=common.calls_per_minute or kind.calls_per_minute,
            comments=common.comments,
            ceiling=common.ceiling,
            opens=opens,
            copies=copies,
            webhook_silence=common.webhook_silence,
        )

    def _condition(
        self, node: Node, key: str, value: bool | str | None, record: RecordKind, *, default: bool
    ) -> Condition | None:
        if value is None or isinstance(value, bool):
            return Condition.constant(default if value is None else value)
        try:
            return compile_condition(value, variables_of(CATALOGUE[record]))
        except ExpressionError as error:
            place = node.value[key] if isinstance(node.value, dict) else node
            known = ", ".join(CATALOGUE[record])
            line = place.line + error.line - 1
            column = place.column + error.column - 1 if error.line == 1 else error.column
            self._problems.append(
                Problem(str(self._file), line, column, "CFG008", f"{error.what}.", f"write CEL over {known}.")
            )
            return None

    def _mapping(self, name: str) -> str | Path:
        return self._beside(name) if name.endswith((".yaml", ".yml")) or "/" in name else name

    def _beside(self, path: str) -> Path:
        return (self._file.parent / path).resolve()

    def _store(self, url: str) -> str:
        prefix = "sqlite:///"
        if url.startswith(prefix) and not url.startswith(prefix + "/") and url != prefix + ":memory:":
            return prefix + str(self._beside(url.removeprefix(prefix)))
        return url

    # -- problems --------------------------------------------------------------------------------------------------

    def _model(
        self, model: type[Model], node: Node, where: tuple[str, ...], others: Collection[str] = ()
    ) -> Model | None:
        """Validate one part of the file, and put each of pydantic's findings where it belongs in the file."""
        try:
            return model.model_validate(node.plain())
        except ValidationError as error:
            for finding in error.errors():
                self._finding(model, node, where, others, finding)
            return None

    def _finding(
        self, model: type[BaseModel], node: Node, where: tuple[str, ...], others: Collection[str], finding: Any
    ) -> None:
        path = [str(part) for part in finding["loc"]]
        place, is_key = _locate(node, path)
        name = ".".join((*where, *path))
        match finding["type"]:
            case "extra_forbidden":
                known = [*_names(model, path[:-1]), *others]
                near = difflib.get_close_matches(path[-1], known, 1)
                fix = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(sorted(known))}."
                self._note_key(place, "CFG010", f"{name} is not an option.", fix)
            case "missing":
                fix = f"add `{path[-1]}:` here."
                (self._note_key if is_key else self._note)(place, "CFG011", f"{name} is missing.", fix)
            case _:
                words = str(finding["msg"]).removeprefix("Value error, ")
                self._note(place, "CFG012", f"{name}: {words}.", _advice(model, path))

    def _note(self, node: Node, code: str, what: str, fix: str) -> None:
        self._problems.append(Problem(str(self._file), node.line, node.column, code, what, fix))

    def _note_key(self, node: Node, code: str, what: str, fix: str) -> None:
        self._problems.append(
            Problem(str(self._file), node.key_line or node.line, node.key_column or node.column, code, what, fix)
        )


def _part(node: Node, keep: Collection[str] | None, drop: Collection[str] = ()) -> Node:
    """The node with some of its keys only."""
    entries = node.value if isinstance(node.value, dict) else {}
    kept = {key: one for key, one in entries.items() if (keep is None or key in keep) and key not in drop}
    return Node(kept, node.line, node.column, node.key_line, node.key_column)


def _locate(node: Node, path: list[str]) -> tuple[Node, bool]:
    """The node that a path leads to, or the nearest one above it; and whether it is that nearest one's key."""
    for step in path:
        if isinstance(node.value, dict) and step in node.value:
            node = node.value[step]
        elif isinstance(node.value, list) and step.isdecimal() and int(step) < len(node.value):
            node = node.value[int(step)]
        else:
            return node, bool(node.key_line)
    return node, False


def _names(model: type[BaseModel], path: list[str]) -> list[str]:
    for step in path:
        found = model.model_fields.get(step)
        inner = found.annotation if found is not None else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)


def _advice(model: type[BaseModel], path: list[str]) -> str:
    for step in path[:-1]:
        found = model.model_fields.get(step)
        inner = found.annotation if found is not None else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        model = inner
    option = model.model_fields.get(path[-1]) if path else None
    return option.description if option is not None and option.description else "see the configuration reference."


def config_schema(kinds: Mapping[str, AdapterKind]) -> dict[str, Any]:
    """The JSON Schema of `tieline.yaml`, with the settings of these adapters, for editors and the reference page."""
    root = _Root.model_json_schema()
    connection = _Common.model_json_schema()
    root["properties"]["connections"] = {
        "type": "object",
        "additionalProperties": {
            "anyOf": [_connection_schema(connection, tool, kind) for tool, kind in sorted(kinds.items())]
        },
    }
    return root


def _connection_schema(common: Mapping[str, Any], tool: str, kind: AdapterKind) -> dict[str, Any]:
    own = kind.settings.model_json_schema(mode="validation")
    return {
        "title": tool,
        "type": "object",
        "properties": {**common["properties"], **own.get("properties", {}), "tool": {"const": tool}},
        "required": ["tool", *own.get("required", [])],
        "additionalProperties": False,
        "$defs": {**common.get("$defs", {}), **own.get("$defs", {})},
    }
