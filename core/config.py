"""The configuration: `tieline.yaml` becomes frozen values, or a list of everything that is wrong with it.

The options are declared in `tieline.core.options` and in the settings of adapters and plugins. Every problem is
reported at once, with file, line, column, a code and a fix:

CFG001 unreadable       CFG002 unknown option      CFG003 missing option       CFG004 wrong shape
CFG005 wrong value      CFG006 secret in the open  CFG007 no duration          CFG008 bad name of a connection
CFG009 unknown tool     CFG010 bad condition       CFG011 unknown plugin       CFG012 plugin there twice
CFG013 cannot import    CFG014 misspelled hook     CFG015 wrong signature      CFG016 bad registration
CFG017 tool lacks it    CFG018 no such file        CFG019 unknown store       CFG020 unknown connection
CFG021 not as pinned     CFG023 no such variable   CFG025 not filled in
CFG027 not one account
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tieline.core.errors import ConfigError, Place, Problem, as_sentence
from tieline.core.expressions import Condition, ExpressionError, compile_condition, variables_of
from tieline.core.model import CATALOGUE, ConnectionName, RecordKind, Tlp
from tieline.core.options import (
    NAME,
    Comments,
    ConnectionSection,
    Environment,
    ServerConfig,
    SignalsConfig,
    WebConfig,
    Workspace,
)
from tieline.core.plugins import installed, plugin_for_tool
from tieline.core.port import AdapterKind, ConnectionSettings, HttpSettings, Power
from tieline.core.redaction import conceal
from tieline.core.registry import Registry
from tieline.core.route import bad_files
from tieline.core.secrets import Secret, secrets_in
from tieline.core.settings import Findings, did_you_mean, validated
from tieline.core.strangers import where_of
from tieline.core.variables import expanded
from tieline.core.ways import PLACEHOLDER
from tieline.core.yaml import Node, load_yaml

Provider = Callable[[Mapping[str, Node], Findings], Registry]
"""Gives the registry of the allowed plugins, and notes what is wrong with them."""


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
    account: str
    """What its login is called, which other connections share; "" where none does."""
    environment: Environment
    comments: Comments
    ceiling: Tlp
    opens: Condition
    copies: Condition
    webhook_silence: timedelta | None


@dataclass(frozen=True, slots=True)
class Config:
    """Everything `tieline.yaml` says, checked. `store` may hold a password, so it is never shown."""

    file: Path
    store: str = field(repr=False)
    keys: Path | None
    plugins: Mapping[str, Mapping[str, Any]]
    server: ServerConfig
    web: WebConfig
    signals: SignalsConfig
    poll_every: timedelta
    stop_within: timedelta
    lease: timedelta
    connections: Mapping[ConnectionName, ConnectionConfig]
    places: Mapping[str, Place] = field(repr=False)
    """Where each option stands, by its path: `connections.snow.overlay`."""

    def place(self, option: str) -> Place:
        """Where the option stands, or else the section that it would stand in."""
        while option and option not in self.places:
            option = option.rpartition(".")[0]
        return self.places.get(option) or Place(str(self.file))

    def problem(self, option: str, code: str, what: str, fix: str) -> Problem:
        """What is wrong with an option, at its place."""
        place = self.place(option)
        return Problem(place.file, place.line, place.column, code, what, fix)

    @contextmanager
    def telling_where(self, option: str) -> Iterator[None]:
        """What is found wrong here by whoever knows no file is told where the option stands, or the one that it
        names."""
        try:
            yield
        except ConfigError as error:
            at = {name: self.place(name if name in self.places else option) for name in (option, "keys")}
            told = [one if one.line else one.at(at.get(one.file, at[option])) for one in error.problems]
            raise ConfigError(told) from error


SQLITE: Final = "sqlite:///"
_LIST_OF_PLUGINS: Final = (
    "write a list: [grouping]; or, for settings, names with settings: {grouping: {by: [service]}}."
)
_STORE: Final = re.compile(r"""["']?store["']?\s*:""")


def store_beside(file: Path, address: str) -> str:
    """The address of a store as `file` means it: the path of a SQLite file counts from its folder."""
    if not address.startswith(SQLITE) or address == f"{SQLITE}:memory:":
        return address
    return SQLITE + str((file.parent / address.removeprefix(SQLITE)).resolve())


def load_workspace(file: Path, provide: Provider | None = None) -> tuple[Config, Registry]:
    """Read the file, import the plugins it allows, and check everything. Raises ConfigError with all problems."""
    try:
        text = file.read_bytes()
    except OSError as error:
        what = f"the file cannot be read: {error.strerror}."
        raise ConfigError([Problem(str(file), 1, 1, "CFG001", what, "check the path and its rights.")]) from None
    return load_text(text, file, provide)


def load_text(text: bytes | str, file: Path, provide: Provider | None = None) -> tuple[Config, Registry]:
    """As `load_workspace`, for text that is at hand."""
    root = load_yaml(text, str(file))
    named = _option(root, "connections")
    findings = Findings(str(file), named.value if named is not None and isinstance(named.value, dict) else ())
    root = expanded(root, os.environ, findings)
    if findings.problems:
        raise ConfigError(findings.sorted())  # what follows from them is no news
    _note_placeholders(root, "", findings)
    lines = (text.decode("utf-8-sig") if isinstance(text, bytes) else text).splitlines()
    loaded = _Reader(root, file, findings, lines).read(provide or _provide_installed)
    if loaded is None or findings.problems:
        raise ConfigError(findings.sorted())
    return loaded


def store_named(file: Path) -> Config:
    """A configuration of nothing but the store that the file names, for whoever only looks while the rest of it is
    refused. Raises ConfigError where that cannot be read either, or OSError."""
    text = file.read_bytes()
    try:
        whole = load_yaml(text, str(file))
    except ConfigError:
        whole = _line_of_store(text.decode("utf-8-sig", "replace"), str(file))
    findings = Findings(str(file))
    if not isinstance(whole.value, dict):
        raise ConfigError(
            [Problem(str(file), 1, 1, "CFG004", "the file holds no options.", "begin it with `tieline: 1`.")]
        )
    named = whole.value.get("store")
    root = expanded(_only(named), os.environ, findings)
    loaded = None if findings.problems else _Reader(root, file, findings, []).read(lambda *_: Registry.load({}))
    if loaded is None or findings.problems:
        raise ConfigError(findings.sorted())
    return loaded[0]


@dataclass(frozen=True, slots=True)
class NamedMapping:
    """A mapping of a connection, by its name or its file, what is laid over it, and where the connection stands."""

    mapping: str | Path
    overlay: Path | None
    place: Place


def mappings_named(file: Path) -> list[NamedMapping]:
    """The mappings of the connections in a file that is refused, as far as they can be told: files that are not there
    are left out, and connections to tools that nobody knows."""
    try:
        root = load_yaml(file.read_bytes(), str(file))
    except (ConfigError, OSError):
        return []
    findings = Findings(str(file))
    reader = _Reader(expanded(root, os.environ, findings), file, findings, [])
    if not findings.problems:
        reader.read(_provide_installed)
    return reader.mappings


def _provide_installed(allowed: Mapping[str, Node], findings: Findings) -> Registry:
    return Registry.load(allowed, findings=findings)


class _Reader:
    """Reads one file part by part and goes on after a problem, so that one run tells all of them."""

    def __init__(self, root: Node, file: Path, findings: Findings, lines: list[str]) -> None:
        self._lines = lines
        self._root = root
        self._file = file
        self._findings = findings
        self.mappings: list[NamedMapping] = []

    def read(self, provide: Provider) -> tuple[Config, Registry] | None:
        if not isinstance(self._root.value, dict):
            self._findings.note(self._root, "CFG004", "the file holds no options.", "begin it with `tieline: 1`.")
            return None
        workspace = validated(Workspace, self._root, "", self._findings)
        plugins = self._plugins(self._root.value.get("plugins"))
        connections = self._connections(self._root.value.get("connections"))
        registry = provide({**self._plugins_of_tools(connections, plugins), **plugins}, self._findings)
        store = self._store(workspace.store) if workspace is not None else self._store_alone()
        poll_every = workspace.poll_every if workspace is not None else timedelta(seconds=30)
        read = {
            ConnectionName(name): found
            for name, node in connections.items()
            if (found := self._connection(name, node, registry, poll_every)) is not None
        }
        read = self._of_accounts(read, connections)
        if workspace is None:
            return None
        config = Config(
            file=self._file,
            store=store,
            keys=self._keys(workspace.keys) if workspace.keys else None,
            plugins={name: node.plain() or {} for name, node in plugins.items()},
            server=workspace.server,
            web=workspace.web,
            signals=workspace.signals,
            poll_every=workspace.poll_every,
            stop_within=workspace.stop_within,
            lease=workspace.lease,
            connections=read,
            places=dict(_places(self._root, "")),
        )
        return config, registry

    # -- plugins ---------------------------------------------------------------------------------------------------

    def _plugins(self, node: Node | None) -> dict[str, Node]:
        """The allowed plugins; each node holds the settings and the place."""
        match node.value if node is not None else None:
            case None:
                return {}
            case list() as items:
                return self._listed(items)
            case dict() as named:
                return named
        self._findings.note(node or self._root, "CFG004", "plugins are neither a list nor a mapping.", _LIST_OF_PLUGINS)
        return {}

    def _listed(self, items: list[Node]) -> dict[str, Node]:
        named: dict[str, Node] = {}
        for item in items:
            if not isinstance(item.value, str):
                fix = "write a name; for settings, make `plugins` a mapping of names to settings."
                self._findings.note(item, "CFG004", "an item of `plugins` is no name.", fix)
            elif item.value in named:
                self._findings.note(item, "CFG012", f"the plugin {item.value!r} is listed twice.", "remove one.")
            else:
                named[item.value] = Node(None, item.line, item.column)
        return named

    def _plugins_of_tools(self, connections: Mapping[str, Node], plugins: Mapping[str, Node]) -> dict[str, Node]:
        """Naming a tool allows the plugin that brings it."""
        known = {point.name for point in installed()} | plugins.keys()
        allowed: dict[str, Node] = {}
        for node in connections.values():
            tool = _option(node, "tool")
            if tool is not None and isinstance(tool.value, str):
                plugin = plugin_for_tool(tool.value, known)
                if plugin is not None:
                    allowed.setdefault(plugin, Node(None, tool.line, tool.column))
        return allowed

    # -- connections -----------------------------------------------------------------------------------------------

    def _connections(self, node: Node | None) -> dict[str, Node]:
        if node is None or node.value is None:
            return {}
        if not isinstance(node.value, dict):
            fix = "write `connections:` and `name:` lines below it."
            self._findings.note(node, "CFG004", "connections are no mapping.", fix)
            return {}
        for name, one in node.value.items():
            if not NAME.fullmatch(name):
                fix = "use lower-case letters, digits and hyphens, 40 at most, a letter first."
                self._findings.note_key(one, "CFG008", f"{name!r} cannot name a connection.", fix)
        return node.value

    def _settings(self, kind: AdapterKind, own: Node, where: str, shared: Iterable[str]) -> ConnectionSettings | None:
        try:
            return validated(kind.settings, own, where, self._findings, also=shared)
        except Exception as error:  # noqa: BLE001 - a stranger's validator may raise anything, as its import may
            what = f"the adapter of {kind.tool!r} has a fault in what checks its settings: {where_of(error)}."
            self._findings.note_key(own, "CFG013", what, "repair or upgrade it, or remove the connection.")
            return None

    def _connection(self, name: str, node: Node, registry: Registry, poll_every: timedelta) -> ConnectionConfig | None:
        where = f"connections.{name}"
        if not isinstance(node.value, dict):
            self._findings.note_key(node, "CFG004", f"{where} holds no options.", "give it a `tool` at least.")
            return None
        shared = ConnectionSection.model_fields.keys()
        section = validated(ConnectionSection, _part(node, lambda key: key in shared), where, self._findings)
        kind = self._kind(node.value.get("tool"), registry)
        if kind is None or not self._is_known(_option(node, "tool") or node, kind):
            return None
        own = _part(node, lambda key: key not in shared)
        settings = self._settings(kind, own, where, shared)
        self._check_powers(where, node, kind)
        opens = self._condition(where, node, "opens", kind.record)
        copied = RecordKind.INCIDENT if kind.record == RecordKind.SIGNAL else kind.record
        copies = self._condition(where, node, "copies", copied)
        before = len(self._findings.problems)
        mapping = self._mapping(named, node) if (named := _text(node, "mapping")) else kind.mapping
        overlay = self._existing(named, _option(node, "overlay")) if (named := _text(node, "overlay")) else None
        if len(self._findings.problems) == before:
            place = Place(self._findings.file, node.key_line or node.line, node.key_column or node.column)
            self.mappings.append(NamedMapping(mapping, overlay, place))
        if section is None or settings is None:
            return None
        self._check_secrets(node, settings)
        settings = self._with_files(where, node, settings)
        return ConnectionConfig(
            name=ConnectionName(name),
            tool=kind.tool,
            kind=kind,
            settings=settings,
            mapping=mapping,
            overlay=overlay,
            poll_every=section.poll_every or poll_every,
            calls_per_minute=section.calls_per_minute or kind.calls_per_minute,
            account=section.account,
            environment=section.environment,
            comments=section.comments,
            ceiling=section.ceiling,
            opens=opens or Condition.constant(kind.record == RecordKind.SIGNAL),
            copies=copies or self._copies(ConnectionName(name), kind),
            webhook_silence=section.webhook_silence,
        )

    def _kind(self, tool: Node | None, registry: Registry) -> AdapterKind | None:
        if tool is None or not isinstance(tool.value, str):
            return None
        kind = registry.adapters.get(tool.value)
        if kind is None and not self._findings.speak_of(tool):
            known = sorted({*registry.adapters, *(point.name for point in installed())})
            fix = did_you_mean(tool.value, known, "see `tieline plugins`, or install the adapter for it.")
            self._findings.note(tool, "CFG009", f"no adapter speaks to {tool.value!r}.", fix)
        return kind

    def _copies(self, name: ConnectionName, kind: AdapterKind) -> Condition:
        """What is copied where the file does not say."""
        if kind.copies is None:
            return Condition.constant(Power.WRITE in kind.powers and kind.creates)
        return compile_condition(kind.copies(name), variables_of(CATALOGUE[kind.record]))

    def _is_known(self, node: Node, kind: AdapterKind) -> bool:
        """Whether somebody says what the records of a tool are."""
        if kind.record in CATALOGUE:
            return True
        what = f"records of {kind.tool} are of the kind {kind.record.value!r}, which no plugin here offers."
        self._findings.note(node, "CFG029", what, "allow the plugin that offers it, under `plugins`.")
        return False

    def _check_powers(self, where: str, node: Node, kind: AdapterKind) -> None:
        """An option that asks for what the tool cannot do would be silently without effect."""
        for option, power, off in (("copies", Power.WRITE, False), ("comments", Power.COMMENT, "none")):
            asked = _option(node, option)
            if asked is not None and asked.value != off and power not in kind.powers:
                what = f"{where}.{option} asks for what {kind.tool} cannot do ({power.value})."
                self._findings.note(asked, "CFG017", what, "remove the line.")
        asked = _option(node, "copies")
        if asked is not None and asked.value is not False and not kind.creates:
            what = f"{where}.copies: {kind.tool} makes its records itself, and takes none from outside."
            self._findings.note(asked, "CFG017", what, "remove the line.")

    def _check_secrets(self, node: Node, settings: ConnectionSettings) -> None:
        """A secret that everyone on this machine can read is refused before anything is started with it."""
        for path, secret in secrets_in(settings):
            exposed = secret.exposure
            if exposed is not None:
                place = _option(node, re.split(r"[.\[]", path)[0]) or node
                self._findings.note(place, "CFG006", f"{exposed}.", "renew the secret too: others may have it.")

    def _with_files(self, where: str, node: Node, settings: ConnectionSettings) -> ConnectionSettings:
        """The settings with paths that stand beside this file, after a look at what is there: a daemon that reloads
        must not lose a connection to a file that is missing."""
        named: dict[str, Path | str] = {name: self._placed(str(it)) for name, it in settings if isinstance(it, Path)}
        if not isinstance(settings, HttpSettings):
            return settings.model_copy(update=named)
        if isinstance(settings.verify_tls, str):
            named["verify_tls"] = str(self._placed(settings.verify_tls))
        settings = settings.model_copy(update=named)
        for bad in bad_files(settings):
            place = _option(node, bad.option) or node
            fix = "paths are relative to this file; correct it, or put a file there that can be read."
            self._findings.note(place, "CFG018", f"{where}: {bad}.", fix)
        return settings

    def _condition(self, where: str, node: Node, option: str, record: RecordKind) -> Condition | None:
        place = _option(node, option)
        if place is None:
            return None
        value = place.value
        if isinstance(value, bool):
            return Condition.constant(value)
        if not isinstance(value, str):
            return None  # absent, or neither: the section's own check has said so
        if value.lower() in ("yes", "no", "on", "off"):
            self._findings.note(place, "CFG005", f"{where}.{option}: {value} is text.", "write true or false.")
            return None
        try:
            return compile_condition(value, variables_of(CATALOGUE[record]))
        except ExpressionError as error:
            at = self._inside(place, error.line, error.column)
            fix = f"write CEL over {', '.join(CATALOGUE[record])}."
            self._findings.note(at, "CFG010", f"{where}.{option}: {as_sentence(error.what)}", fix)
            return None

    def _inside(self, place: Node, line: int, column: int) -> Node:
        """A place inside a text, in the file: quotes shift it by one, and a block (`|`) begins on the next line."""
        mark = self._lines[place.line - 1][place.column - 1 : place.column]
        if mark in ("|", ">"):
            at = min(place.line + line, len(self._lines))
            text = self._lines[at - 1]
            return Node(None, at, len(text) - len(text.lstrip()) + column)
        first = place.column - 1 + (mark in ("'", '"'))
        return Node(None, place.line + line - 1, column + (first if line == 1 else 0))

    # -- accounts --------------------------------------------------------------------------------------------------

    def _of_accounts(
        self, read: Mapping[ConnectionName, ConnectionConfig], nodes: Mapping[str, Node]
    ) -> dict[ConnectionName, ConnectionConfig]:
        """The connections, after those of each account were held against its first: they log in at one place as one
        user, and share one budget. It is that of whoever names it, or else the smallest of their tools'."""
        paces: dict[str, list[tuple[bool, int]]] = {}
        firsts: dict[str, ConnectionConfig] = {}
        for one in read.values():
            if one.account:
                first = firsts.setdefault(one.account, one)
                self._hold_against(first, one, nodes)
                named = _option(nodes[one.name], "calls_per_minute") is not None
                # A budget that was named goes before one that was not.
                paces.setdefault(one.account, []).append((not named, one.calls_per_minute))
        return {
            name: replace(one, calls_per_minute=min(paces[one.account])[1]) if one.account else one
            for name, one in read.items()
        }

    def _hold_against(self, first: ConnectionConfig, one: ConnectionConfig, nodes: Mapping[str, Node]) -> None:
        where, node = f"connections.{one.name}", nodes[one.name]
        account = _option(node, "account") or node
        both = f"connections.{first.name}, and both are of the account {one.account!r}"
        fix = "write the same, or give it an account of its own."
        if not one.kind.settings.account_options:
            what = f"{where}.account: the adapter of {one.tool} does not say by which options one account is known."
            self._findings.note(account, "CFG017", what, "remove the line.")
            return
        if _family(one.kind) is not _family(first.kind):
            what = f"{where}.tool is {one.tool}, which logs in elsewhere than {first.tool} of {both}."
            self._findings.note(_option(node, "tool") or node, "CFG027", what, "give it an account of its own.")
            return
        for option in one.kind.settings.account_options:
            if getattr(one.settings, option) != getattr(first.settings, option):
                what = f"{where}.{option} is not that of {both}."
                self._findings.note(_option(node, option) or account, "CFG027", what, fix)
        given, before = (_option(nodes[name], "calls_per_minute") for name in (one.name, first.name))
        if given is not None and before is not None and one.calls_per_minute != first.calls_per_minute:
            what = f"{where}.calls_per_minute is not that of {both}: they have one budget together."
            self._findings.note(given, "CFG027", what, "write it once, or the same in each.")

    # -- files -----------------------------------------------------------------------------------------------------

    def _mapping(self, name: str, node: Node) -> str | Path:
        is_file = name.endswith((".yaml", ".yml")) or "/" in name
        return self._existing(name, _option(node, "mapping")) if is_file else name

    def _existing(self, path: str, node: Node | None) -> Path:
        try:
            found = self._beside(path)
            there = found.is_file()
        except (OSError, RuntimeError, ValueError):  # too long, a link to itself, a NUL
            what = f"{path[:200]!r} is no path."
            self._findings.note(node or self._root, "CFG018", what, "paths are relative to this file; correct it.")
            return Path(path)
        if not found.is_relative_to(self._file.parent.resolve()):
            what = f"{found} lies outside of the workspace."
            self._findings.note(node or self._root, "CFG018", what, "copy it beside this file; links out do not count.")
        elif not there:
            what, fix = f"there is no file {found}.", "paths are relative to this file; correct it."
            if found.is_dir():
                what, fix = f"{found} is a folder, and no file.", "name a file in it."
            self._findings.note(node or self._root, "CFG018", what, fix)
        return found

    def _beside(self, path: str) -> Path:
        return (self._file.parent / path).resolve()

    def _placed(self, path: str) -> Path:
        """The path beside this file; one that is none stays as it is, and whoever opens it says what is wrong."""
        try:
            return self._beside(path)
        except (OSError, RuntimeError, ValueError):  # too long, a link to itself, a NUL
            return Path(path)

    def _keys(self, path: str) -> Path | None:
        """The file may be made by whoever opens the store; what is no file is refused here."""
        try:
            found = self._beside(path)
            if not found.is_dir():
                return found
            what, fix = f"{found} is a folder, and no file.", "name a file in it."
        except (OSError, RuntimeError, ValueError):  # too long, a link to itself, a NUL
            what, fix = f"{path[:200]!r} is no path.", "paths are relative to this file; correct it."
        self._findings.note(_option(self._root, "keys") or self._root, "CFG018", what, fix)
        return None

    def _store_alone(self) -> str:
        """The store of a file whose other options are refused: what is wrong with it is told with them."""
        named = _option(self._root, "store")
        alone = validated(Workspace, _only(named), "", Findings(self._findings.file))
        return self._store(alone.store) if alone is not None else ""

    def _store(self, store: str | Secret) -> str:
        node = _option(self._root, "store") or self._root
        if isinstance(store, Secret):
            try:
                store = store.reveal()
            except LookupError as error:
                self._findings.note(
                    node, "CFG006", f"store: {as_sentence(error)}", "provide it, or change the reference."
                )
                return ""
            conceal(urlsplit(store).password or "")
        elif urlsplit(store).password:
            fix = "remove it, renew it, and write `store: {env: NAME}` or use a password file."
            self._findings.note(node, "CFG006", "store holds a password in the open.", fix)
            return ""
        store = store_beside(self._file, store)
        if store.startswith(SQLITE):
            return store
        if not store.startswith(("postgresql://", "postgresql+psycopg://")):
            fix = "write sqlite:///tieline.db or postgresql://host/database."
            self._findings.note(node, "CFG019", "store names no database that Tieline can use.", fix)
        return store


def _note_placeholders(node: Node, path: str, findings: Findings) -> None:
    """What a new file leaves to a person would else be sent to a tool, which may even know it."""
    match node.value:
        case dict():
            for name, one in node.value.items():
                _note_placeholders(one, f"{path}.{name}" if path else name, findings)
        case list():
            for at, one in enumerate(node.value):
                _note_placeholders(one, f"{path}[{at}]", findings)
        case str() if PLACEHOLDER in node.value:
            fix = "write what belongs there, or take the line out where it is not needed."
            findings.note(node, "CFG025", f"{path}: `{PLACEHOLDER}` still stands there.", fix)


def _places(node: Node, path: str) -> Iterator[tuple[str, Place]]:
    """Where everything below a node stands: a value by itself, a section by its name."""
    for name, one in node.value.items() if isinstance(node.value, dict) else ():
        section = isinstance(one.value, dict)
        place = Place(one.file, one.key_line, one.key_column) if section else Place(one.file, one.line, one.column)
        yield f"{path}{name}", place
        yield from _places(one, f"{path}{name}.")


def _option(node: Node, name: str) -> Node | None:
    return node.value.get(name) if isinstance(node.value, dict) else None


def _text(node: Node, name: str) -> str:
    named = _option(node, name)
    return named.value if named is not None and isinstance(named.value, str) else ""


def _line_of_store(text: str, file: str) -> Node:
    """The one line of a file that is no YAML on which its store stands, as whole by itself. Raises ConfigError where
    there is no such line, or where it may not be all that is said of it."""
    lines = text.splitlines()
    places = [number for number, line in enumerate(lines) if _STORE.match(line)]
    alone = "\n" * places[0] + lines[places[0]] if len(places) == 1 else ""
    following = "".join(lines[places[0] + 1 : places[0] + 2]) if alone else ""
    found = load_yaml(alone, file)
    named = _option(found, "store")
    is_whole = named is not None and isinstance(named.value, str) and "\ufffd" not in named.value
    if not is_whole or (following[:1].isspace() and following.strip()):
        raise ConfigError([Problem(file, 1, 1, "CFG004", "the file does not tell its store.", "write a `store:`.")])
    return found


def _family(kind: AdapterKind) -> type:
    """What tools have in common whose accounts are known by the same options: where these were declared."""
    return next(one for one in kind.settings.__mro__ if "account_options" in vars(one))


def _only(store: Node | None) -> Node:
    """A file that says nothing but where the store is."""
    return Node({"tieline": Node(1, 1, 1), **({} if store is None else {"store": store})}, 1, 1)


def _part(node: Node, keep: Callable[[str], bool]) -> Node:
    """The node with some of its keys only."""
    entries = node.value if isinstance(node.value, dict) else {}
    kept = {key: one for key, one in entries.items() if keep(key)}
    return Node(kept, node.line, node.column, node.key_line, node.key_column)
