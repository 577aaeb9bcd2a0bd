"""The plugins at work: who is asked, who is told, and who was set aside because it kept failing.

Every plugin is called alone, so that one that raises or hangs silences nobody (pluggy would abandon the whole call).
Five failures in a row, or one call beyond its time, set a plugin aside until the next reload, with an alarm; the
daemon lives on. What is then missing decides what happens: without an answer a signal stands alone and keeps its own
severity, but without the answer of a plugin that guards disclosure nothing is disclosed.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

import pluggy

from tieline.core.errors import ConfigError
from tieline.core.hooks import Committed, Edited, Objection
from tieline.core.model import INCIDENT_FIELDS, Audience, ConnectionName, Fields, RecordKind, Signal, Tlp
from tieline.core.patience import Listener, OutOfPatience, Patience
from tieline.core.plugins import (
    Plugin,
    brought_by,
    collect_adapters,
    collect_offers,
    find_plugins,
    installed,
    register,
)
from tieline.core.port import AdapterKind
from tieline.core.settings import Findings
from tieline.core.values import fits
from tieline.core.yaml import Node

Alarm = Callable[[str, str], None]
"""Called with a plugin's name and a sentence: at the first failure of a row, when the plugin is set aside, and once a
minute while it is slow."""


TELL_SLOW_EVERY: Final = 60.0
"""Seconds between two alarms that a plugin is slow."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a plugin may fail, and from when on its answers are called slow: the alerts behind wait for them.
    `inline` calls plugins in the caller's thread, without time limits and in order: for simulations, which
    own their plugins and their time."""

    failures: int = 5
    ask: timedelta = timedelta(seconds=5)
    slow: timedelta = timedelta(milliseconds=500)
    tell: timedelta = timedelta(seconds=30)
    backlog: int = 50_000
    inline: bool = False


@dataclass(frozen=True, slots=True)
class PluginState:
    """One plugin as `tieline plugins` lists it. `state` is working, set aside or not allowed."""

    name: str
    distribution: str
    version: str
    origin: str
    state: str
    reason: str = ""
    hooks: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    failures: int = 0


class _Guard:
    """The record of one plugin: failures in a row, in all, and why it was set aside."""

    def __init__(self, plugin: Plugin) -> None:
        self.plugin = plugin
        self.in_a_row = 0
        self.in_all = 0
        self.reason: str | None = None
        self.listener: Listener | None = None
        self.called_slow_at: float | None = None


class Registry:
    """The plugins that one configuration allows. Threads may share it."""

    def __init__(
        self,
        plugins: Iterable[Plugin] = (),
        *,
        limits: Limits | None = None,
        alarm: Alarm | None = None,
        findings: Findings | None = None,
    ) -> None:
        """Register and check plugins. Raises ConfigError with every problem, unless `findings` collects them."""
        self._limits = Limits() if limits is None else limits
        self._alarm = _log_alarm if alarm is None else alarm
        self._lock = threading.Lock()
        found = Findings("tieline.yaml") if findings is None else findings
        plugins = list(plugins)
        self._manager = register(plugins, found)
        self._guards = {plugin.name: _Guard(plugin) for plugin in plugins}
        self._implementations = {
            name: tuple(reversed(getattr(self._manager.hook, name).get_hookimpls()))
            for name in vars(self._manager.hook)
            if name.startswith("tieline_")
        }
        self._patience = Patience(self._limits.ask.total_seconds())
        offers = [
            (self._guards[one.plugin_name].plugin, partial(_call, one, {}))
            for one in self._implementations["tieline_adapters"]
        ]
        kinds = collect_adapters(offers, found)
        self._owners = {tool: owner for tool, (_kind, owner) in kinds.items()}
        self.adapters: Mapping[str, AdapterKind] = {tool: kind for tool, (kind, _owner) in kinds.items()}
        """The tools that can be spoken to, by name."""
        self.offers = collect_offers(
            [
                (self._guards[one.plugin_name].plugin, partial(_call, one, {}))
                for one in self._implementations["tieline_offer"]
            ],
            found,
        )
        """What can be done with the plugins, what they remember, and what they do by themselves."""
        if findings is None and found.problems:
            raise ConfigError(found.sorted())

    @classmethod
    def load(
        cls,
        allowed: Mapping[str, Node],
        *,
        file: str = "tieline.yaml",
        findings: Findings | None = None,
        limits: Limits | None = None,
        alarm: Alarm | None = None,
    ) -> Registry:
        """The plugins named in `allowed`, each with its settings; nothing else that is installed is imported.

        Raises ConfigError with every problem, unless `findings` collects them.
        """
        found = Findings(file) if findings is None else findings
        plugins = find_plugins(allowed, found)
        registry = cls(plugins, limits=limits, alarm=alarm, findings=found)
        if findings is None and found.problems:
            raise ConfigError(found.sorted())
        return registry

    # -- asking ----------------------------------------------------------------------------------------------------

    def group_key(self, signal: Signal) -> str | None:
        """Which signals belong to one incident; None when no plugin says."""
        return next(self._answers("tieline_group_key", _text, signal=signal), None)

    @property
    def grouping(self) -> str:
        """How signals are grouped, in a sentence for people."""
        said: str | None = next(self._answers("tieline_grouping", _text), None)
        return said or "No plugin groups alerts: each of them opens an incident of its own."

    def classify(self, signal: Signal, fields: Fields) -> Fields | None:
        """Fields for the incident that a signal opens, checked against the model; None when no plugin says."""
        return next(self._answers("tieline_classify", _fields, signal=signal, fields=fields), None)

    def judge(self, pairs: Sequence[tuple[Signal, Fields]]) -> tuple[list[str | None], list[Fields | None]]:
        """What `group_key` and `classify` say of each, handed over to the plugins' thread once for all: it takes as
        long as an alert does."""
        batch = [{"signal": signal, "fields": fields} for signal, fields in pairs]
        if not batch or not (self._implementations["tieline_group_key"] or self._implementations["tieline_classify"]):
            return [None] * len(batch), [None] * len(batch)
        try:
            keys, found = self._ask(
                lambda: (
                    self._undisturbed("tieline_group_key", _text, batch),
                    self._undisturbed("tieline_classify", _fields, batch),
                )
            )
        except Exception:  # noqa: BLE001 - asked again one by one, where whatever it was is counted
            keys = [self.group_key(signal) for signal, _fields in pairs]
            found = [self.classify(signal, fields) for signal, fields in pairs]
        return keys, found

    def refused_fields(
        self, fields: Fields, connection: ConnectionName, ceiling: Tlp, kind: RecordKind = RecordKind.INCIDENT
    ) -> frozenset[str]:
        """The fields that may not reach a connection: what any plugin refuses, and all when one gives no answer."""
        refused = self._refusals(kind, fields, None, connection, ceiling)
        return frozenset(fields) if refused is None else refused & fields.keys()

    def refuses_comment(
        self, audience: Audience, connection: ConnectionName, ceiling: Tlp, kind: RecordKind = RecordKind.INCIDENT
    ) -> bool:
        """Whether a comment may not reach a connection: any plugin refuses, or one gives no answer."""
        refused = self._refusals(kind, {}, audience, connection, ceiling)
        return refused is None or bool(refused)

    @property
    def reviews(self) -> bool:
        """Whether any plugin is asked before an edit in a tool is taken."""
        return bool(self._implementations["tieline_review"])

    def objections(self, edited: Edited) -> Mapping[str, Objection]:
        """The fields of an edit that are not taken before a person agrees: what any plugin objects to, and all of them
        where one gives no answer."""
        found: dict[str, Objection] = {}
        for one in self._implementations["tieline_review"]:
            answer = self._answer(one, "tieline_review", _objections, {"edited": edited})
            if answer is None:
                # Silence is not consent.
                answer = dict.fromkeys(edited.changes, Objection(f"the plugin {one.plugin_name} gave no answer"))
            found = {**answer, **found}
        return {name: found[name] for name in sorted(edited.changes) if name in found}

    def metrics(self) -> bytes:
        """What the plugins measure, in Prometheus' text format."""
        return b"".join(self._answers("tieline_metrics", _bytes))

    def _refusals(
        self, kind: RecordKind, fields: Fields, audience: Audience | None, connection: ConnectionName, ceiling: Tlp
    ) -> frozenset[str] | None:
        asked = self._implementations["tieline_disclose"]
        if not asked:
            return frozenset()
        facts = {"kind": kind, "fields": fields, "audience": audience, "connection": connection, "ceiling": ceiling}
        answers = list(self._answers("tieline_disclose", _names, **facts))
        # Silence is not consent: a guard that failed or was set aside counts as a refusal of everything.
        return frozenset().union(*answers) if len(answers) == len(asked) else None

    def _undisturbed(self, hook: str, check: Callable[[Any], Any], batch: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The first plugin's answer to each question of a batch, asked in this thread. Raises what a plugin raises."""
        answers: list[Any] = [None] * len(batch)
        for one in self._implementations[hook]:
            open_ones = [place for place, answer in enumerate(answers) if answer is None]
            if not open_ones or self._guards[one.plugin_name].reason is not None:
                continue
            for place in open_ones:
                answers[place] = check(self._call(one, hook, batch[place]))
            self._guards[one.plugin_name].in_a_row = 0
        return answers

    def _answers(self, hook: str, check: Callable[[Any], Any], **facts: Any) -> Iterator[Any]:
        """Ask one plugin after the other; None, failures and plugins set aside give no answer."""
        for one in self._implementations[hook]:
            answer = self._answer(one, hook, check, facts)
            if answer is not None:
                yield answer

    def _answer(self, one: pluggy.HookImpl, hook: str, check: Callable[[Any], Any], facts: Mapping[str, Any]) -> Any:
        """One plugin's answer; None when it has none, failed, or is set aside."""
        guard = self._guards[one.plugin_name]
        if guard.reason is not None:
            return None
        try:
            answer = check(self._ask(partial(self._call, one, hook, facts)))
        except OutOfPatience as error:
            self._set_aside(guard, f"{hook} gave {error}")
            return None
        except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything; it is counted
            self._failed(guard, hook, error)
            return None
        guard.in_a_row = 0
        return answer

    def _call(self, one: pluggy.HookImpl, hook: str, facts: Mapping[str, Any]) -> Any:
        began = time.monotonic()
        try:
            return _call(one, facts)
        finally:
            now = time.monotonic()
            if now - began >= self._limits.slow.total_seconds():
                self._tell_slow(self._guards[one.plugin_name], hook, now - began, now)

    def _tell_slow(self, guard: _Guard, hook: str, seconds: float, now: float) -> None:
        with self._lock:
            if guard.called_slow_at is not None and now - guard.called_slow_at < TELL_SLOW_EVERY:
                return
            guard.called_slow_at = now
        self._alarm(
            guard.plugin.name, f"{hook} took {seconds:.1f} s to answer, and whatever waits for it waits as long"
        )

    def _ask(self, call: Callable[[], Any]) -> Any:
        return call() if self._limits.inline else self._patience.call(call)

    # -- telling ---------------------------------------------------------------------------------------------------

    def tell(self, event: Committed) -> None:
        """Tell every observer of one event, after its commit. Returns at once; each observer hears in its own time."""
        for one in self._implementations["tieline_committed"]:
            guard = self._guards[one.plugin_name]
            if guard.reason is not None:
                continue
            if self._limits.inline:
                self._hear(guard, one, event)
                continue
            listener = guard.listener or self._listen(guard, one)
            if listener.busy_for() > self._limits.tell.total_seconds():
                self._set_aside(guard, f"tieline_committed did not return within {self._limits.tell}")
            elif not listener.tell(event):
                self._set_aside(guard, f"tieline_committed fell {self._limits.backlog} events behind")

    def drain(self, seconds: float = 5.0) -> bool:
        """Wait until the observers heard everything told so far. False when one of them takes longer."""
        listeners = [guard.listener for guard in self._guards.values() if guard.listener is not None]
        return all(listener.drain(seconds) for listener in listeners)

    def close(self) -> None:
        """Let the observers hear what is queued, for a second at most, and end the threads."""
        self.drain(1.0)
        for guard in self._guards.values():
            if guard.listener is not None:
                guard.listener.stop()
        self._patience.close()

    def _listen(self, guard: _Guard, one: pluggy.HookImpl) -> Listener:
        with self._lock:
            if guard.listener is None:
                guard.listener = Listener(partial(self._hear, guard, one), time.monotonic, self._limits.backlog)
            return guard.listener

    def _hear(self, guard: _Guard, one: pluggy.HookImpl, event: Committed) -> None:
        try:
            _call(one, {"event": event})
        except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything; it is counted
            self._failed(guard, "tieline_committed", error)
        else:
            guard.in_a_row = 0

    # -- failing ---------------------------------------------------------------------------------------------------

    @property
    def set_aside(self) -> Mapping[str, str]:
        """The plugins that are no longer called, and why."""
        return {name: guard.reason for name, guard in self._guards.items() if guard.reason is not None}

    def _failed(self, guard: _Guard, hook: str, error: Exception) -> None:
        with self._lock:
            guard.in_a_row += 1
            guard.in_all += 1
            in_a_row = guard.in_a_row
        sentence = f"{hook} raised {_where(error)}"
        if in_a_row >= self._limits.failures:
            self._set_aside(guard, f"{sentence}, {in_a_row} failures in a row")
        elif in_a_row == 1:
            self._alarm(guard.plugin.name, f"{sentence}; it is set aside after {self._limits.failures} in a row")

    def _set_aside(self, guard: _Guard, reason: str) -> None:
        with self._lock:
            if guard.reason is not None:
                return
            guard.reason = reason
        if guard.listener is not None:
            guard.listener.stop()
        self._alarm(guard.plugin.name, f"set aside: {reason}. Repair it, then reload with SIGHUP")

    # -- listing ---------------------------------------------------------------------------------------------------

    def states(self) -> list[PluginState]:
        """Every plugin by name: those at work, and those that are installed but not allowed (and not imported)."""
        listed = [self._state(guard) for guard in self._guards.values()]
        for point in installed():
            if point.name not in self._guards:
                distribution, version = brought_by(point)
                listed.append(PluginState(point.name, distribution, version, point.value, "not allowed"))
        return sorted(listed, key=lambda state: (state.name, state.distribution))

    def _state(self, guard: _Guard) -> PluginState:
        plugin = guard.plugin
        hooks = tuple(
            sorted(
                name
                for name, implementations in self._implementations.items()
                if any(one.plugin_name == plugin.name for one in implementations)
            )
        )
        return PluginState(
            plugin.name,
            plugin.distribution,
            plugin.version,
            plugin.origin,
            "working" if guard.reason is None else "set aside",
            guard.reason or "",
            hooks,
            tuple(sorted(tool for tool, owner in self._owners.items() if owner == plugin.name)),
            guard.in_all,
        )


def _call(one: pluggy.HookImpl, facts: Mapping[str, Any]) -> Any:
    return one.function(*[facts[name] for name in one.argnames])


def _where(error: BaseException) -> str:
    """An exception's type and place. Its message stays out: it may carry what must not be shown."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def _log_alarm(plugin: str, sentence: str) -> None:
    # It brings asyncio and rich along: too much for the start of a command that logs nothing.
    import structlog

    structlog.get_logger("tieline.plugins").error("plugin_failed", plugin=plugin, sentence=sentence)


# -- what may be answered ----------------------------------------------------------------------------------------


def _text(answer: Any) -> str | None:
    if answer is None or (isinstance(answer, str) and answer):
        return answer
    raise TypeError(f"answered {type(answer).__name__}, not text or None")


def _bytes(answer: Any) -> bytes | None:
    if answer is None or isinstance(answer, bytes):
        return answer
    raise TypeError(f"answered {type(answer).__name__}, not bytes")


def _names(answer: Any) -> frozenset[str]:
    if isinstance(answer, (frozenset, set)) and all(isinstance(name, str) for name in answer):
        return frozenset(answer)
    raise TypeError(f"answered {type(answer).__name__}, not a set of field names")


def _objections(answer: Any) -> Mapping[str, Objection]:
    if isinstance(answer, Mapping) and all(isinstance(one, Objection) and one.why for one in answer.values()):
        return answer
    raise TypeError(f"answered {type(answer).__name__}, not objections by field, each with its reason")


def _fields(answer: Any) -> Fields | None:
    if answer is None:
        return None
    if not isinstance(answer, Mapping):
        raise TypeError(f"answered {type(answer).__name__}, not fields")
    for name, value in answer.items():
        spec = INCIDENT_FIELDS.get(name)
        if spec is None or not fits(spec, value):
            raise ValueError(f"answered a value that the field {name!r} cannot have")
    return answer
