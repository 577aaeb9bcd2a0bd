"""Intake: many deliveries, few commits. A 2xx is answered only after the transaction that holds the delivery.

The HTTP side hands deliveries over and waits; one thread takes whatever has piled up and commits it at once.
The queue is bounded: what does not fit is refused with 503, before memory is.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from tieline.core.errors import StoreUnavailable
from tieline.core.model import ConnectionName
from tieline.core.port import Received
from tieline.core.store.store import Transaction
from tieline.sync.engine import Connected, Engine
from tieline.sync.intake import inbox, left_out

QUEUE: Final = 4_000
"""Deliveries that may wait at once; each is at most the server's body limit, and most are a few kilobytes."""

BATCH: Final = 500
"""Deliveries of one commit."""

BUSY: Final = 2
"""Deliveries of one commit from which on the next one waits a moment for company: its senders are answered at once, and
send again at once."""

LINGER: Final = 0.002
"""Seconds of that moment: about what a commit takes. In a storm each commit then carries many; who sends alone never
waits."""

REPEATED_FOR: Final = timedelta(minutes=1)
"""How long the same words may be a sender's second attempt, where nobody can be asked."""

Handed = tuple[ConnectionName, Received]
"""A delivery, and the connection that it came for."""


class Item(NamedTuple):
    """A delivery that waits to be committed. `told` is called once for all of a commit, behind their futures."""

    connection: ConnectionName
    received: Received
    future: Future[bool]
    told: Callable[[], None]


class Full(Exception):
    """More deliveries wait than memory is set aside for."""


class Intake:
    """The one writer of deliveries. `submit` from any thread; the future says whether the delivery was new."""

    def __init__(self, engine: Engine, size: int = QUEUE, pause: Callable[[float], None] = time.sleep) -> None:
        self.engine = engine
        self._pause = pause
        self._size = size
        # Its bound is ours to keep: Python's own bounded queue wakes its reader by three locks instead of one.
        self._queue: queue.SimpleQueue[Item | None] = queue.SimpleQueue()

    def stop(self) -> None:
        """Commit what was handed over, then let `run` return."""
        self._queue.put(None)

    @property
    def waiting(self) -> int:
        """Deliveries that wait to be committed."""
        return self._queue.qsize()

    def submit(self, name: ConnectionName, received: Received, told: Callable[[], None] = lambda: None) -> Future[bool]:
        """Hand a verified delivery over. `told` is called from the intake's thread once the futures of a whole commit
        say what became of it. Raises Full."""
        if self._queue.qsize() >= self._size:
            raise Full
        future: Future[bool] = Future()
        self._queue.put(Item(name, received, future, told))
        return future

    def run(self) -> None:
        """Commit what piles up, until told to stop: the loop of one thread."""
        busy = False
        while True:
            first = self._queue.get()
            if first is None:
                return
            batch = [first]
            last = False
            if busy:
                self._pause(LINGER)
            while len(batch) < BATCH and not last:
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
                if item is None:
                    last = True
                else:
                    batch.append(item)
            busy = len(batch) >= BUSY
            self._commit(batch)
            for told in {item.told for item in batch}:
                told()
            if last:
                return

    def _commit(self, batch: list[Item]) -> None:
        # Whoever hung up before the commit is not waited for; nothing was promised to it.
        batch = [item for item in batch if item.future.running() or item.future.set_running_or_notify_cancel()]
        if not batch:
            return
        try:
            results = self.store([(item.connection, item.received) for item in batch])
        except StoreUnavailable as error:
            for item in batch:
                item.future.set_exception(error)
            return
        except Exception as error:  # noqa: BLE001 - one bad delivery must not take the others of its batch with it
            if len(batch) == 1:
                batch[0].future.set_exception(error)
                return
            for item in batch:
                self._commit([item])
            return
        for item, new in zip(batch, results, strict=True):
            item.future.set_result(new)

    def store(self, batch: Sequence[Handed]) -> list[bool]:
        """Commit these deliveries. Answers which of them were new."""
        now = self.engine.clock.now()
        with self.engine.store.write() as tx:
            handed = [self._without_forgotten(tx, name, received) for name, received in self._as_known(tx, batch, now)]
            results = inbox.accept_all(tx, handed, now)
            left_out.note(tx, self._with_gaps(batch, results), now)
            for name in {name for name, _received in batch}:
                self.engine.rouse(tx, name)
        return results

    def _without_forgotten(self, tx: Transaction, name: ConnectionName, received: Received) -> Handed:
        """A delivery without records whose items are forgotten: what they say is not kept to be looked at."""
        here = self.engine.connections.get(name)
        refs = [hint.ref for hint in received.hints if hint.reading is not None]
        if here is None or here.signals or not refs:
            return name, received
        gone = inbox.forgotten_refs(tx, name, refs)
        left = tuple(hint for hint in received.hints if hint.ref not in gone)
        return name, replace(received, hints=left) if gone else received

    def _with_gaps(self, batch: Sequence[Handed], results: Sequence[bool]) -> Iterator[tuple[Connected, Received]]:
        """New deliveries of signals with gaps, and whose they are."""
        for (name, received), is_new in zip(batch, results, strict=True):
            if is_new and received.incomplete:
                here = self.engine.connections.get(name)
                if here is not None and here.signals:
                    yield here, received

    def _as_known(self, tx: Transaction, batch: Sequence[Handed], now: datetime) -> Iterator[Handed]:
        """Deliveries under the ids by which they are known again.

        An alert that fires, ends and fires on says the first time once more. A poll tells that apart from a repeat;
        where nobody can be asked, only what says the same as the last one that was stored counts as one, for a minute;
        unless its tool gives each delivery an id that none other has.
        """
        last: dict[ConnectionName, str] = {}
        for place, (name, received) in enumerate(batch):
            here = self.engine.connections.get(name)
            if here is None or not here.only_listens or received.once:
                yield name, received
                continue
            if name not in last:
                last[name] = inbox.last_delivery(tx, name, now - REPEATED_FOR)
            said = received.delivery_id[:130]
            if inbox.says(last[name]) != said:
                mark = f"{self.engine.random.getrandbits(64):x}.{now:%Y%m%d%H%M%S%f}"
                last[name] = inbox.anew(said, place, mark)
            yield name, replace(received, delivery_id=last[name])
