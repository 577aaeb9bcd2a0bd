"""Finding and checking plugins: entry points that the configuration allows, and nothing else, are ever imported."""

from __future__ import annotations

import difflib
import hmac
import importlib.metadata
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast, get_type_hints

import pluggy
from pydantic import BaseModel

from tieline.core.errors import ConfigError, Problem, as_sentence
from tieline.core.hooks import PROJECT, Hooks
from tieline.core.offer import Offer, Offers
from tieline.core.options import ConnectionSection
from tieline.core.port import (
    Acknowledger,
    Adapter,
    AdapterKind,
    CommentEditor,
    Commenter,
    Describer,
    Directory,
    Finder,
    Historian,
    Linker,
    Outputs,
    Power,
    Receiver,
    Source,
)
from tieline.core.provenance import Unprovable, prove
from tieline.core.settings import Findings, did_you_mean, fields_of, validated
from tieline.core.strangers import where_of
from tieline.core.yaml import Node

GROUP: Final = "tieline"

PROTOCOLS: Final[Mapping[Power, type]] = {
    Power.WRITE: Adapter,
    Power.WRITE_IF_UNCHANGED: Adapter,
    Power.FIND: Finder,
    Power.RECEIVE: Receiver,
    Power.COMMENT: Commenter,
    Power.EDIT_COMMENT: CommentEditor,
    Power.ACKNOWLEDGE: Acknowledger,
    Power.DESCRIBE: Describer,
    Power.PEOPLE: Directory,
    Power.LINK: Linker,
    Power.TELL_OUTPUT: Outputs,
    Power.TELL_REPLACED: Historian,
}
"""What a power asks of whoever claims it. REOPEN is a promise about the tool and asks for nothing."""

PINS: Final = frozenset({"version", "sha256"})
"""Options of an entry of `plugins` that are about the plugin's distribution; a plugin's own settings have other names.
"""

HOOKS: Final = frozenset(name for name in vars(Hooks) if name.startswith("tieline_"))


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin ready to be registered, and where it comes from. `node` is the place in the file that allows it."""

    name: str
    implementation: object
    distribution: str = ""
    version: str = ""
    origin: str = ""
    node: Node = field(default_factory=lambda: Node(None, 1, 1))


def plugin_for_tool(tool: str, names: Iterable[str]) -> str | None:
    """The plugin that brings a tool: the one of its name, else of its name up to a dash (`jira-jsm` is by `jira`)."""
    known = set(names)
    parts = tool.split("-")
    candidates = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((candidate for candidate in candidates if candidate in known), None)


def installed() -> list[importlib.metadata.EntryPoint]:
    """Every plugin that any installed distribution offers. Nothing is imported. Every distribution is read for it, and
    again only once something was installed, or removed. Raises ConfigError where a place of packages is there and
    cannot be listed now."""
    return list(_installed(tuple(map(_changed, sys.path))))


@lru_cache(maxsize=4)
def _installed(places: tuple[tuple[str, int], ...]) -> tuple[importlib.metadata.EntryPoint, ...]:
    # importlib.metadata takes a place that it cannot list (no file is left to open) for an empty one, and remembers it.
    importlib.metadata.MetadataPathFinder().invalidate_caches()
    for place, _when in places:
        _prove_listed(place or ".")
    return tuple(importlib.metadata.entry_points(group=GROUP))


def _prove_listed(place: str) -> None:
    try:
        with os.scandir(place):
            pass
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return  # Python looks past these, too
    except OSError as error:
        what = f"what is installed here cannot be listed: {as_sentence(error.strerror)}"
        fix = "let this process open more files (`ulimit -n`, LimitNOFILE), then try again."
        raise ConfigError([Problem(place, 1, 1, "CFG030", what, fix)]) from None


def _changed(place: str) -> tuple[str, int]:
    """A place where packages are, and when it changed, in nanoseconds."""
    try:
        return place, Path(place or ".").stat().st_mtime_ns
    except OSError:
        return place, 0


def find_plugins(allowed: Mapping[str, Node], findings: Findings) -> list[Plugin]:
    """Import the allowed plugins and give them their settings. What cannot be had is noted in `findings`."""
    points = installed()
    found: list[Plugin] = []
    for name, node in allowed.items():
        named = [point for point in points if point.name == name]
        if not named:
            fix = did_you_mean(name, {point.name for point in points}, "install it, then see `tieline plugins`.")
            findings.note_key(node, "CFG011", f"no plugin {name!r} is installed.", fix)
        elif len({_distribution(point) for point in named}) > 1:
            makers = " and ".join(sorted(_distribution(point) for point in named))
            what = f"{makers} both bring a plugin {name!r}, and one of them is not what you think."
            findings.note_key(node, "CFG012", what, "uninstall one.")
        elif _is_as_pinned(named[0], node, findings) and (plugin := _load(named[0], _settings(node), findings)):
            found.append(plugin)
    return found


def _settings(node: Node) -> Node:
    """What a plugin is told: its entry without the pins."""
    if not isinstance(node.value, dict) or not PINS & node.value.keys():
        return node
    kept = {name: one for name, one in node.value.items() if name not in PINS}
    return Node(kept or None, node.line, node.column, node.key_line, node.key_column)


def _is_as_pinned(point: importlib.metadata.EntryPoint, node: Node, findings: Findings) -> bool:
    """Hold the installed distribution against `version` and `sha256`, before any of its code is imported."""
    pins = {name: one for name in sorted(PINS) if isinstance(node.value, dict) and (one := node.value.get(name))}
    for name, pin in pins.items():
        try:
            found = point.dist.version if name == "version" and point.dist is not None else prove(point)
        except Unprovable as error:
            what = f"the plugin {point.name!r} cannot be held against its {name}: {as_sentence(error)}"
            findings.note(pin, "CFG021", what, "install it from a wheel, or remove the line.")
            return False
        if not hmac.compare_digest(str(pin.value).lower().encode(), found.lower().encode()):
            what = f"the plugin {point.name!r} is not the one that was allowed: its {name} is {found}."
            fix = "find out who changed it; if it was you, look at the new code, then write the new value."
            findings.note(pin, "CFG021", what, fix)
            return False
    return True


def _distribution(point: importlib.metadata.EntryPoint) -> str:
    return brought_by(point)[0]


def brought_by(point: importlib.metadata.EntryPoint) -> tuple[str, str]:
    """The name and the version of the distribution that a plugin comes in; "" where it is not known."""
    return ("", "") if point.dist is None else _named(point.dist)


@lru_cache(maxsize=64)
def _named(distribution: importlib.metadata.Distribution) -> tuple[str, str]:
    """Its whole description is read for them, each time."""
    return distribution.name, distribution.version


def _load(point: importlib.metadata.EntryPoint, node: Node, findings: Findings) -> Plugin | None:
    try:
        offered = point.load()
    except ModuleNotFoundError as error:
        fix = _how_to_install(point, error)
        findings.note_key(node, "CFG013", f"the plugin {point.name!r} needs the module {error.name}.", fix)
        return None
    except Exception as error:  # noqa: BLE001 - a stranger's import may raise anything, and all of it has one answer
        what = f"the plugin {point.name!r} cannot be imported: {type(error).__name__}: {as_sentence(error)}"
        findings.note_key(node, "CFG013", what, "repair or upgrade it, or remove it from the file.")
        return None
    implementation = instantiate(point.name, offered, node, findings)
    if implementation is None:
        return None
    return Plugin(point.name, implementation, *brought_by(point), point.value, node)


def _how_to_install(point: importlib.metadata.EntryPoint, error: ModuleNotFoundError) -> str:
    extras = point.dist.metadata.get_all("Provides-Extra") or [] if point.dist is not None else []
    if point.name in extras:
        return f"pip install '{_distribution(point)}[{point.name}]'"
    return f"install what brings the module {error.name}, or upgrade {_distribution(point) or 'the plugin'}."


def instantiate(name: str, offered: object, node: Node, findings: Findings) -> object | None:
    """The object with the hooks: `offered` itself, or what a class or function makes of its settings."""
    makes = inspect.isclass(offered) or inspect.isfunction(offered)
    model = getattr(offered, "settings", None) if makes else None
    arguments: list[BaseModel] = []
    if inspect.isclass(model) and issubclass(model, BaseModel):
        given = Node({}, node.line, node.column, node.key_line, node.key_column) if node.value is None else node
        try:
            settings = validated(model, given, f"plugins.{name}", findings)
        except Exception as error:  # noqa: BLE001 - a stranger's validator may raise anything, as its import may
            what = f"the plugin {name!r} has a fault in what checks its settings: {where_of(error)}."
            findings.note_key(node, "CFG013", what, "repair or upgrade it, or remove it from the file.")
            return None
        if settings is None:
            return None
        arguments.append(settings)
    elif node.value not in (None, {}):
        findings.note_key(node, "CFG005", f"the plugin {name!r} takes no settings.", "write its name alone.")
        return None
    if not makes:
        return offered
    try:
        made: object = cast("Callable[..., object]", offered)(*arguments)
    except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything, and all of it has one answer
        findings.note_key(
            node, "CFG005", f"the plugin {name!r} refuses its settings: {as_sentence(error)}", "correct them."
        )
        return None
    return made


def register(plugins: Iterable[Plugin], findings: Findings) -> pluggy.PluginManager:
    """Register the plugins and check every hook by name and signature. The first one listed is asked first."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    for plugin in reversed(list(plugins)):  # pluggy asks the last one registered first
        _check_names(plugin, findings)
        try:
            manager.register(plugin.implementation, plugin.name)
        except pluggy.PluginValidationError as error:
            words = " ".join(str(error).split())
            findings.note_key(
                plugin.node,
                "CFG015",
                f"the plugin {plugin.name!r} has a hook with a wrong signature: {as_sentence(words)}",
                "use the arguments of tieline.core.hooks, by name; leave out those you do not need.",
            )
        except ValueError as error:
            findings.note_key(plugin.node, "CFG015", f"{as_sentence(error)}", "list each plugin once.")
    return manager


def _check_names(plugin: Plugin, findings: Findings) -> None:
    """A hook that nobody calls, because of a typing error or a missing mark, is refused by name."""
    for name in dir(plugin.implementation):
        member = inspect.getattr_static(plugin.implementation, name)
        member = getattr(member, "__func__", member)
        mark = getattr(member, f"{PROJECT}_impl", None)
        if mark is None and not (name.startswith("tieline_") and inspect.isfunction(member)):
            continue
        if name not in HOOKS:
            near = difflib.get_close_matches(name, HOOKS, 1, cutoff=0.5)
            fix = f"did you mean {near[0]!r}?" if near else f"the hooks are {', '.join(sorted(HOOKS))}."
            findings.note_key(plugin.node, "CFG014", f"the plugin {plugin.name!r} has an unknown hook {name!r}.", fix)
        elif mark is None:
            what = f"in the plugin {plugin.name!r} the hook {name!r} is not marked and would never be called."
            findings.note_key(plugin.node, "CFG014", what, "write @hookimpl above it.")
        elif mark.get("wrapper") or mark.get("hookwrapper"):
            what = f"the plugin {plugin.name!r} wraps {name!r}; a wrapper would change the answers of others."
            findings.note_key(plugin.node, "CFG014", what, "implement the hook plainly.")


def collect_adapters(
    answers: Iterable[tuple[Plugin, Callable[[], object]]], findings: Findings
) -> dict[str, tuple[AdapterKind, str]]:
    """The kinds that the plugins register, by tool, and the plugin of each. What is wrong with one is noted."""
    kinds: dict[str, tuple[AdapterKind, str]] = {}
    for plugin, ask in answers:
        try:
            answer: Any = ask()
            offered = list(answer)
        except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything, and all of it has one answer
            what = (
                f"the plugin {plugin.name!r} failed to register its tools: {type(error).__name__}: {as_sentence(error)}"
            )
            findings.note_key(plugin.node, "CFG016", what, "repair or upgrade it, or remove it from the file.")
            continue
        for kind in offered:
            if not isinstance(kind, AdapterKind):
                what = f"the plugin {plugin.name!r} registers {type(kind).__name__}, not an AdapterKind."
                findings.note_key(plugin.node, "CFG016", what, "answer with a list of AdapterKind.")
            elif kind.tool in kinds:
                what = f"the plugins {kinds[kind.tool][1]!r} and {plugin.name!r} both bring the tool {kind.tool!r}."
                findings.note_key(plugin.node, "CFG016", what, "remove one of them.")
            else:
                kinds[kind.tool] = (kind, plugin.name)
                _check_powers(plugin, kind, findings)
                _check_options(plugin, kind, findings)
    return kinds


def collect_offers(answers: Iterable[tuple[Plugin, Callable[[], object]]], findings: Findings) -> Offers:
    """What the plugins offer. What is wrong with one of them is noted, and nothing of it is offered."""
    offers = Offers()
    for plugin, ask in answers:
        try:
            answer = ask()
            if not isinstance(answer, Offer):
                raise TypeError(f"it answers {type(answer).__name__}, not an Offer")
            offers.add(answer)
        except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything, and all of it has one answer
            what = f"the plugin {plugin.name!r} cannot offer what it has: {as_sentence(error)}"
            findings.note_key(plugin.node, "CFG028", what, "repair or upgrade it, or remove it from the file.")
    return offers


def _check_powers(plugin: Plugin, kind: AdapterKind, findings: Findings) -> None:
    """Compare claimed powers with the class that `connect` says it answers with, where it names one."""
    try:
        made = get_type_hints(kind.connect).get("return")
    except (NameError, TypeError, AttributeError):
        return  # The hints name something imported for type checkers only; `missing_powers` looks at the object later.
    if not isinstance(made, type) or made in (Source, Adapter):
        return
    lacking = [power for power, protocol in PROTOCOLS.items() if power in kind.powers and not _offers(made, protocol)]
    if lacking:
        claims = ", ".join(f"{power} (needs {PROTOCOLS[power].__name__})" for power in lacking)
        what = f"the tool {kind.tool!r} claims powers that {made.__name__} does not have: {claims}."
        findings.note_key(plugin.node, "CFG016", what, "implement them, or drop the claim.")


def _check_options(plugin: Plugin, kind: AdapterKind, findings: Findings) -> None:
    """An option that every connection has would never reach the adapter, and one that is not there is no account's."""
    own = fields_of(kind.settings).keys()
    hidden = sorted(own & fields_of(ConnectionSection).keys())
    if hidden:
        what = f"the tool {kind.tool!r} has options of its own that every connection has: {', '.join(hidden)}."
        findings.note_key(plugin.node, "CFG016", what, "call them something else.")
    missing = [name for name in kind.settings.account_options if name not in own]
    if missing:
        what = f"the tool {kind.tool!r} knows an account by options that it does not have: {', '.join(missing)}."
        findings.note_key(plugin.node, "CFG016", what, "correct `account_options`.")


def _offers(made: type, protocol: type) -> bool:
    needed = {name for name in vars(protocol) if not name.startswith("_") and callable(getattr(protocol, name))}
    return all(callable(getattr(made, name, None)) for name in needed)


def missing_powers(kind: AdapterKind, source: object) -> list[str]:
    """Sentences about powers that a connected adapter claims and does not have."""
    return [
        f"{kind.tool} claims the power {power} and {type(source).__name__} is no {protocol.__name__}; "
        f"implement it, or drop the claim"
        for power, protocol in PROTOCOLS.items()
        if power in kind.powers and not isinstance(source, protocol)
    ]
