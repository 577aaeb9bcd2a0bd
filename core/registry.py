"""The registry: which plugins there are, what they offer, and what becomes of one that fails.

Only plugins that the configuration allows by name are ever imported. They are checked when they come in: a misspelled
hook or a wrong signature refuses the start. Later, a plugin that fails or hangs is set aside with an alarm, and
the daemon lives on without it.
"""

from __future__ import annotations

import difflib
import inspect
import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import pluggy
import structlog
from pydantic import BaseModel, ValidationError

from tieline.core.errors import ConfigError, Problem, TielineError
from tieline.core.hooks import PROJECT, Committed, Hooks
from tieline.core.model import ConnectionName, Fields, Signal, Tlp, Visibility
from tieline.core.port import AdapterKind

GROUP: Final = "tieline"
FAILURES: Final = 5
"""Failures in a row after which a plugin is set aside."""

ASK_SECONDS: Final = 2.0
TELL_QUEUE: Final = 10_000


@dataclass(slots=True)
class Plugin:
    """One plugin that is allowed: where it comes from and how it is doing."""

    name: str
    value: str
    distribution: str
    version: str
    implements: tuple[str, ...] = ()
    failures: int = 0
    set_aside: str = ""


@dataclass(slots=True)
class _Implementation:
    plugin: Plugin
    call: Callable[..., Any]
    arguments: tuple[str, ...] = field(default=())

    def __call__(self, values: Mapping[str, Any]) -> Any:
        return self.call(**{name: values[name] for name in self.arguments})


class PluginFailed(TielineError):
    """A plugin raised or took too long; it carries which one and why."""


class Registry:
    """The plugins at work. Ask and tell from any thread."""

    def __init__(self, plugins: list[tuple[Plugin, Any]], *, ask_seconds: float = ASK_SECONDS) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Hooks)
        self._log: Any = structlog.get_logger("tieline.registry")
        self._ask_seconds = ask_seconds
        self._metrics: list[Callable[[], bytes]] = []
        self.plugins = [plugin for plugin, _object in plugins]
        self._register(plugins)
        self.adapters = self._collect_adapters()
        self._implementations = {
            hook: self._implementations_of(hook)
            for hook in ("tieline_group_key", "tieline_classify", "tieline_disclose", "tieline_committed")
        }
        self._worker = _Worker()
        self._telling: queue.Queue[Committed | None] = queue.Queue(TELL_QUEUE)
        self._teller: threading.Thread | None = None
        self.dropped = 0

    @classmethod
    def load(cls, allowed: Mapping[str, Mapping[str, Any]], *, found: Iterable[EntryPoint] | None = None) -> Registry:
        """Import the allowed plugins and nothing else. Raises ConfigError with every problem.

        `allowed` maps a plugin's name to its settings; `found` replaces the installed entry points, for tests.
        """
        points = {point.name: point for point in (entry_points(group=GROUP) if found is None else found)}
        problems: list[Problem] = []
        plugins: list[tuple[Plugin, Any]] = []
        for name, settings in allowed.items():
            if name not in points:
                near = difflib.get_close_matches(name, points, 1)
                fix = f"did you mean {near[0]!r}?" if near else "install the package that brings it."
                problems.append(_problem(name, "PLG001", "no installed package has a plugin of this name.", fix))
                continue
            try:
                plugins.append(_load(points[name], settings))
            except PluginFailed as error:
                problems.append(_problem(name, "PLG002", str(error), "see its documentation, or leave it out."))
        if problems:
            raise ConfigError(problems)
        return cls(plugins)

    # -- register --------------------------------------------------------------------------------------------------

    def _register(self, plugins: list[tuple[Plugin, Any]]) -> None:
        problems: list[Problem] = []
        known = [name for name in vars(Hooks) if name.startswith("tieline_")]
        for plugin, thing in plugins:
            try:
                self._manager.register(thing, plugin.name)
            except (pluggy.PluginValidationError, ValueError) as error:
                words = f"it does not fit: {error}."
                problems.append(_problem(plugin.name, "PLG003", words, "compare with the signatures in core/hooks.py."))
                continue
            callers = self._manager.get_hookcallers(thing) or []
            plugin.implements = tuple(sorted(caller.name for caller in callers if caller.name in known))
            for caller in callers:
                if caller.name not in known:
                    near = difflib.get_close_matches(caller.name, known, 1)
                    fix = f"did you mean {near[0]}?" if near else f"the hooks are {', '.join(known)}."
                    words = f"it implements {caller.name}, which is not a hook."
                    problems.append(_problem(plugin.name, "PLG004", words, fix))
            measured = getattr(thing, "metrics", None)
            if callable(measured):
                self._metrics.append(measured)
        if problems:
            raise ConfigError(problems)

    def _collect_adapters(self) -> dict[str, AdapterKind]:
        kinds: dict[str, AdapterKind] = {}
        problems: list[Problem] = []
        for implementation in self._implementations_of("tieline_adapters"):
            name = implementation.plugin.name
            try:
                offered = implementation({})
            except Exception as error:  # noqa: BLE001 - a stranger's code: whatever it raises is its own problem
                problems.append(
                    _problem(name, "PLG005", f"it failed to register: {error!r}.", "see its documentation.")
                )
                continue
            for kind in offered:
                if not isinstance(kind, AdapterKind):
                    problems.append(
                        _problem(name, "PLG006", f"{kind!r} is not an AdapterKind.", "return a list of them.")
                    )
                elif kind.tool in kinds:
                    problems.append(
                        _problem(name, "PLG007", f"the tool {kind.tool!r} is there twice.", "allow one of them.")
                    )
                else:
                    kinds[kind.tool] = kind
        if problems:
            raise ConfigError(problems)
        return kinds

    def _implementations_of(self, hook: str) -> list[_Implementation]:
        by_name = {plugin.name: plugin for plugin in self.plugins}
        caller = getattr(self._manager.hook, hook)
        # pluggy lists implementations in the order they were registered; the configuration's order counts.
        return [
            _Implementation(by_name[one.plugin_name], one.function, tuple(one.argnames))
            for one in caller.get_hookimpls()
            if one.plugin_name in by_name
        ]

    # -- ask -------------------------------------------------------------------------------------------------------

    def group_key(self, signal: Signal) -> str | None:
        """The first plugin's answer to which signals belong together."""
        answer: str | None = self._first("tieline_group_key", {"signal": signal}, str)
        return answer

    def classify(self, signal: Signal, fields: Fields) -> Fields | None:
        """The first plugin's fields for the incident that a signal opens."""
        answer: Fields | None = self._first("tieline_classify", {"signal": signal, "fields": fields}, Mapping)
        return answer

    def refused_fields(self, fields: Fields, connection: ConnectionName, ceiling: Tlp) -> frozenset[str]:
        """The fields that any plugin keeps from this connection. A plugin that fails keeps all of them back."""
        return self._refusals(fields, None, connection, ceiling, frozenset(fields))

    def refuses_comment(self, visibility: Visibility, connection: ConnectionName, ceiling: Tlp) -> bool:
        """True when any plugin keeps such comments from this connection, or fails to say."""
        return bool(self._refusals({}, visibility, connection, ceiling, frozenset({"comment"})))

    def _refusals(
        self,
        fields: Fields,
        visibility: Visibility | None,
        connection: ConnectionName,
        ceiling: Tlp,
        everything: frozenset[str],
    ) -> frozenset[str]:
        values = {"fields": fields, "visibility": visibility, "connection": connection, "ceiling": ceiling}
        refused: frozenset[str] = frozenset()
        for implementation in self._implementations["tieline_disclose"]:
            if implementation.plugin.set_aside:
                # Whoever guards what may leave is not replaced by nobody: without its answer nothing leaves.
                return everything
            try:
                refused |= frozenset(self._ask(implementation, values))
            except PluginFailed:
                return everything
        return refused

    def _first(self, hook: str, values: Mapping[str, Any], kind: Any) -> Any:
        for implementation in self._implementations[hook]:
            if implementation.plugin.set_aside:
                continue
            try:
                answer = self._ask(implementation, values)
            except PluginFailed:
                continue
            if isinstance(answer, kind):
                return answer
            if answer is not None:
                self._failed(implementation.plugin, f"{hook} answered {type(answer).__name__}")
        return None

    def _ask(self, implementation: _Implementation, values: Mapping[str, Any]) -> Any:
        plugin = implementation.plugin
        try:
            answer = self._worker.run(lambda: implementation(values), self._ask_seconds)
        except FutureTimeout:
            self._worker = _Worker()
            self._failed(plugin, f"did not answer within {self._ask_seconds:.0f} s", at_once=True)
            raise PluginFailed(f"{plugin.name} hangs") from None
        except Exception as error:  # noqa: BLE001 - a stranger's code: whatever it raises is its own problem
            self._failed(plugin, repr(error))
            raise PluginFailed(f"{plugin.name} raised {error!r}") from None
        plugin.failures = 0
        return answer

    # -- tell ------------------------------------------------------------------------------------------------------

    def tell(self, event: Committed) -> None:
        """Tell every observer, on a thread of their own: none can slow down or stop the engine."""
        if not self._implementations["tieline_committed"]:
            return
        if self._teller is None:
            self._teller = threading.Thread(target=self._run_teller, name="observers", daemon=True)
            self._teller.start()
        try:
            self._telling.put_nowait(event)
        except queue.Full:
            self.dropped += 1

    def _run_teller(self) -> None:
        while (event := self._telling.get()) is not None:
            self.tell_now(event)

    def tell_now(self, event: Committed) -> None:
        """Tell every observer at once, each alone in its own try."""
        for implementation in self._implementations["tieline_committed"]:
            plugin = implementation.plugin
            if plugin.set_aside:
                continue
            try:
                implementation({"event": event})
            except Exception as error:  # noqa: BLE001 - an observer's fault silences nobody else
                self._failed(plugin, repr(error))
            else:
                plugin.failures = 0

    # -- life ------------------------------------------------------------------------------------------------------

    def _failed(self, plugin: Plugin, words: str, *, at_once: bool = False) -> None:
        plugin.failures += 1
        self._log.warning("plugin_failed", plugin=plugin.name, error=words, in_a_row=plugin.failures)
        if (at_once or plugin.failures >= FAILURES) and not plugin.set_aside:
            plugin.set_aside = f"{words} ({plugin.failures} in a row)"
            self._log.error("plugin_set_aside", plugin=plugin.name, reason=plugin.set_aside)

    @property
    def set_aside(self) -> dict[str, str]:
        """The plugins that failed too often, and how."""
        return {plugin.name: plugin.set_aside for plugin in self.plugins if plugin.set_aside}

    def metrics(self) -> bytes:
        """What plugins measure, in Prometheus' text format."""
        return b"".join(measure() for measure in self._metrics)

    def close(self) -> None:
        """Let the observers finish what they were told, for a second at most."""
        if self._teller is not None:
            self._telling.put(None)
            self._teller.join(1.0)


class _Worker:
    """One thread that runs plugins' answers, so that a hanging one costs a time-out and no more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._work: queue.Queue[tuple[Callable[[], Any], Future[Any]]] = queue.Queue()
        self._thread: threading.Thread | None = None

    def run(self, call: Callable[[], Any], seconds: float) -> Any:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="plugins", daemon=True)
                self._thread.start()
        future: Future[Any] = Future()
        self._work.put((call, future))
        return future.result(seconds)

    def _run(self) -> None:
        while True:
            call, future = self._work.get()
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the answer
                future.set_exception(error)


def _load(point: EntryPoint, settings: Mapping[str, Any]) -> tuple[Plugin, Any]:
    distribution = point.dist
    plugin = Plugin(
        point.name,
        point.value,
        distribution.name if distribution is not None else "",
        distribution.version if distribution is not None else "",
    )
    try:
        thing = point.load()
    except ImportError as error:
        raise PluginFailed(
            f"it cannot be imported ({error}); it may need an extra: pip install 'tieline[{point.name}]'"
        ) from None
    except Exception as error:  # noqa: BLE001 - a stranger's code: whatever it raises is its own problem
        raise PluginFailed(f"it raised {error!r} while it was imported") from None
    if inspect.isclass(thing) or inspect.isfunction(thing):
        return plugin, _make(thing, settings)
    if settings:
        raise PluginFailed("it takes no settings")
    return plugin, thing


def _make(factory: Any, settings: Mapping[str, Any]) -> Any:
    model = getattr(factory, "settings", None)
    if not (inspect.isclass(model) and issubclass(model, BaseModel)):
        return factory()
    try:
        return factory(model.model_validate(dict(settings)))
    except ValidationError as error:
        words = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise PluginFailed(f"its settings are wrong ({words})") from None


def _problem(name: str, code: str, what: str, fix: str) -> Problem:
    return Problem(f"plugin {name}", 1, 1, code, what, fix)
