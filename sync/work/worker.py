"""The worker: a process beside the daemon in which plugins do what they do by themselves.

Each plugin has a thread of its own, so that one that raises or hangs delays no other; and all of it goes on outside of
the process that takes alerts in, so that nothing of it delays an alert. Several may run, on one store, in a fleet: each
thing is done once.
"""

from __future__ import annotations

import random
import secrets
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from types import FrameType
from typing import Any, Final

import structlog

from tieline.core.clock import Clock, SystemClock
from tieline.core.config import Config
from tieline.core.errors import ConfigError, StoreUnavailable
from tieline.core.offer import Offer
from tieline.core.registry import Registry
from tieline.core.store.engines import is_postgres
from tieline.core.store.store import Store
from tieline.sync.build import build
from tieline.sync.daemon import processes, running
from tieline.sync.daemon.bell import ringer
from tieline.sync.daemon.heartbeat import Heartbeat, Role, this_process
from tieline.sync.daemon.jobs.clock import StoreClock
from tieline.sync.daemon.jobs.loops import Loops
from tieline.sync.daemon.running import Refusal
from tieline.sync.engine import Engine
from tieline.sync.work.steps import Steps
from tieline.sync.work.turn import turn

SWEEP: Final = 0.5
"""Seconds between two looks for what happened."""

REST: Final = 30.0
"""Seconds for which a plugin rests whose turn failed as a whole."""

SIGN_EVERY: Final = 1.0
"""Seconds between two looks at whether it is time for a sign of life, and at what hangs."""

STUCK: Final = timedelta(minutes=1)
"""How long one turn may take before it is told that it does."""

_SIGNS: Final = "signs"


class Worker:
    """What `tieline work` runs. Tests run it in process."""

    def __init__(self, load: Callable[[], tuple[Config, Registry]], *, clock: Clock | None = None) -> None:
        """Raises ConfigError, StoreUnavailable."""
        self._load = load
        self._given_clock = clock
        self._log: Any = structlog.get_logger("tieline.work")
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        config, registry = load()
        with config.telling_where("store"):
            self._store = Store.open(config.store, keys=config.keys)
            self._store.migrate()
        self.refusal: Refusal | None = None
        """Why the last reload was refused; None once one was not."""
        alone = not is_postgres(config.store)
        self._heartbeat = Heartbeat(self._store, this_process(), alone=alone, process=processes.this(), role=Role.WORK)
        self.engine = self._build(config, registry)
        self._loops = Loops(self._clock, self._died)
        self._began: dict[str, float] = {}
        self._told_stuck: dict[str, float] = {}
        """The plugins that hang, each with when that began, as a timestamp."""
        self._generation = 0

    @property
    def _clock(self) -> Clock:
        return self.engine.clock

    def _build(self, config: Config, registry: Registry) -> Engine:
        clock = self._given_clock or (StoreClock(self._store) if is_postgres(config.store) else SystemClock())
        return build(
            config,
            self._store,
            registry,
            clock=clock,
            sleep=lambda seconds: self._pause(seconds),
            wake=ringer(config, self._store),
            dice=random.Random(),  # noqa: S311 - spreads retries, guards nothing
            is_command=True,
        )

    def _died(self, loop: str, error: BaseException) -> None:
        self._failure = error
        self._stopping.set()
        self._log.critical("loop_died", loop=loop, exc_info=error)

    def _pause(self, seconds: float) -> None:
        self._stopping.wait(seconds)

    def start(self) -> None:
        """Give every plugin its thread, and the jobs of all of them theirs."""
        self._generation += 1
        mine = self._generation
        offers = self.engine.registry.offers.by_group
        for group, offer in offers.items():
            self._loops.spawn(f"{group}#{mine}", partial(self._work, offer, mine))
        self._steps = Steps(self.engine, self._loops, self._stopping, mine)
        self._steps.keep_up()
        self._tell_what_runs()
        if _SIGNS not in self._loops.names:
            self._loops.spawn(_SIGNS, self._give_signs)
        self._log.info("working", plugins=sorted(offers))

    def run(self) -> int:
        """Start, then wait for SIGTERM or SIGINT; SIGHUP reloads. Answers the exit code."""
        hup = threading.Event()

        def on_signal(number: int, _frame: FrameType | None) -> None:
            (hup if number == signal.SIGHUP else self._stopping).set()

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, on_signal)
        self.start()
        while not self._stopping.wait(1.0):
            self.keep_up()
            if hup.is_set():
                hup.clear()
                self.reload()
        return self.stop()

    def stop(self) -> int:
        """Stop within the configured bound. 0 when everything ended in order, 1 when it had failed."""
        self._stopping.set()
        self._steps.stop()
        self._loops.wake_all()
        left = self._loops.join(
            self._loops.names, self._clock.monotonic() + self.engine.config.stop_within.total_seconds()
        )
        if left:
            # What they were about to do is in the store, and whoever is next does it.
            self._log.warning("stopped_late", plugins=left)
        else:
            self._steps.release()
            with suppress(StoreUnavailable):
                self._heartbeat.end(self._clock.now())
            self.engine.registry.close()
            self._store.close()
        self._log.info("stopped", failure=repr(self._failure) if self._failure else "")
        return 1 if self._failure is not None else 0

    def reload(self) -> bool:
        """Work on with the new configuration, once it is whole; on any problem, whatever it is, with the one before."""
        registry: Registry | None = None
        try:
            config, registry = self._load()
            if problems := running.unchangeable(self.engine.config, config, who="`tieline work`"):
                raise ConfigError(problems)
            engine = self._build(config, registry)
        except Exception as error:  # noqa: BLE001 - a worker is not ended by a file that somebody edits
            self._refuse_reload(error)
            if registry is not None:
                registry.close()
            return False
        self._steps.stop()
        before, self.engine, self.refusal = self.engine, engine, None
        self.start()
        self._loops.wake_all()
        before.registry.close()
        return True

    def _tell_what_runs(self) -> None:
        self._heartbeat.tell(running.as_facts(self.engine.config, self.refusal))

    def _give_signs(self, event: threading.Event) -> None:
        while not self._stopping.is_set():
            try:
                self._heartbeat.say({"stuck": self._stuck()})
                self._heartbeat.beat(self._clock.now())
            except StoreUnavailable as error:
                self._log.error("store_unavailable", loop=_SIGNS, error=str(error))
            event.wait(SIGN_EVERY)

    def _stuck(self) -> dict[str, float]:
        """What hangs, in words, with when that began."""
        return {**{f"the plugin {group}": at for group, at in self._told_stuck.copy().items()}, **self._steps.stuck()}

    def _refuse_reload(self, error: Exception) -> None:
        self.refusal = Refusal(self._clock.now(), running.why_refused(error))
        self._tell_what_runs()
        self._log.error("reload_refused", **running.as_logged(error))

    def _work(self, offer: Offer, generation: int, event: threading.Event) -> None:
        by = secrets.token_hex(8)
        while not self._stopping.is_set() and generation == self._generation:
            self._began[offer.group] = self._clock.monotonic()
            rest = 0.0
            try:
                if not turn(self.engine, offer, by):
                    rest = SWEEP
            except StoreUnavailable as error:
                self._log.error("store_unavailable", plugin=offer.group, error=str(error))
                rest = max(SWEEP, error.wait.total_seconds())
            except (Exception, SystemExit):  # noqa: BLE001 - one plugin's fault is no other one's
                self._log.error("turn_failed", plugin=offer.group, exc_info=True)
                rest = REST
            finally:
                self._began.pop(offer.group, None)
                self._told_stuck.pop(offer.group, None)
            if rest:
                event.wait(rest)
                event.clear()

    def keep_up(self) -> None:
        """Tell of what hangs, and have others go on in its place."""
        self.tell_stuck()
        self._steps.keep_up()

    def tell_stuck(self) -> None:
        """Log which plugins have been at one thing for too long, once for each of these."""
        now = self._clock.monotonic()
        for group, began in list(self._began.items()):
            if now - began >= STUCK.total_seconds() and group not in self._told_stuck:
                self._told_stuck[group] = (self._clock.now() - timedelta(seconds=now - began)).timestamp()
                what = (
                    "what it does by itself waits; the other plugins go on. Restart `tieline work` if it does not end"
                )
                self._log.error("plugin_stuck", plugin=group, seconds=int(now - began), sentence=what)
