"""Telling many readers at once: the journal is read, and what happened rendered, once for all who see the same.

    the last entry -> who reads, asked anew -> one look for each class of sight -> kept a while -> each takes it

What is kept for a class is as much as a reader on a slow line may lag behind. Whoever is further behind, or has come
back, goes on from the journal by themselves until they are there: nothing is lost, and nothing is held for anybody.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import orjson

from tieline.core import grants
from tieline.core.access import READ, WHAT_THEY_SEE, Reach, may
from tieline.core.errors import NotProved
from tieline.core.identity import Someone
from tieline.core.store.store import Connection, Store
from tieline.sync.api import happenings, stream
from tieline.sync.api.happenings import Happening
from tieline.sync.api.problems import Kind, Problem
from tieline.sync.office.asking import Asker
from tieline.sync.sight import Sight, sight_of

KEPT: Final = 262_144
"""Bytes that are kept of what was told to one class: what one look may find."""
KEPT_OF_ALL: Final = 16 * 1024 * 1024
"""Bytes that are kept of what was told to all."""
PAGES: Final = 10
"""So much is looked through for one class before others have their turn."""

Class = tuple[Reach, Reach]
"""What all see alike who are of it."""
Who = tuple[Someone, bool, bool]
"""Whoever asks, and by what they are known to be more than others called so: as owner, or by opening the store."""
Frame = tuple[int, bytes]
"""The number of an entry, and how it is told."""


@dataclass(slots=True)
class Ring:
    """The last of what a class was told. All is looked through up to `seq`; what was told up to `floor` is gone."""

    seq: int
    floor: int
    _told: deque[Frame] = field(default_factory=deque)
    _size: int = 0

    def add(self, found: Sequence[Frame], seq: int, most: int = KEPT) -> None:
        """Keep what happened up to an entry, so many bytes of it at most."""
        for one in found:
            self._told.append(one)
            self._size += len(one[1])
        while self._size > most:
            self.floor, gone = self._told.popleft()
            self._size -= len(gone)
        self.seq = seq

    def after(self, seq: int) -> bytes | None:
        """What was told after an entry; None where that is not kept any more."""
        if seq < self.floor:
            return None
        found: list[bytes] = []
        for number, words in reversed(self._told):
            if number <= seq:
                break
            found.append(words)
        return b"".join(reversed(found))


@dataclass(frozen=True, slots=True)
class _Looked:
    """What one look found: the last entry, whom it was for, and what is new of each class, up to which entry."""

    head: int
    sees: Mapping[Who, Class | None]
    news: Mapping[Class, tuple[Sequence[Frame], int]]

    @property
    def is_all(self) -> bool:
        return all(upto >= self.head for _found, upto in self.news.values())


class Telling:
    """Tells all streams. One thread's: the loop of the server."""

    def __init__(self, store: Store, in_thread: stream.InThread, now: Callable[[Asker], Asker]) -> None:
        self._store, self._in_thread, self._now = store, in_thread, now
        self._readers: Counter[Who] = Counter()
        self._askers: dict[Who, Asker] = {}
        self._sees: Mapping[Who, Class | None] = {}
        self._rings: dict[Class, Ring] = {}
        self._head = -1
        self._silent = 0.0
        self._looking: asyncio.Task[None] | None = None
        self._looked = asyncio.Event()

    async def frames(self, asker: Asker, begun: tuple[int, str]) -> AsyncGenerator[bytes, None]:
        """What a stream says; nothing, every now and then, where there is nothing to say. It ends with who reads it."""
        seq, place = begun
        yield f"retry: {stream.COME_BACK}\nid: {place}\n\n".encode()
        silent = 0.0
        with self._reading(asker):
            while True:
                try:
                    found = await self._after(asker, seq)
                except Problem as problem:
                    if problem.kind is not Kind.BUSY:
                        return
                    found = b"", seq
                said, seq = found
                if not said and silent >= stream.BEAT_EVERY:
                    said = b": still here\n\n"
                silent = 0.0 if said else silent + stream.LOOK_EVERY
                yield said
                if not said:
                    await self._next()

    async def _after(self, asker: Asker, seq: int) -> tuple[bytes, int]:
        """What happened since, and up to which entry that is. Raises Problem for whoever may no longer read."""
        if who_of(asker) in self._sees:
            of = self._sees[who_of(asker)]
            if of is None:
                raise Problem(Kind.NOT_ALLOWED, "they may no longer read")
            ring = self._rings.get(of)
            told = ring.after(seq) if ring is not None else None
            if ring is not None and told is not None:
                return told, max(seq, ring.seq)
        return await self._in_thread(partial(self._alone, self._now(asker), seq))

    def _alone(self, asker: Asker, seq: int) -> tuple[bytes, int]:
        """One page of what happened after an entry, for one reader, and up to which entry that is."""
        with self._store.read() as connection:
            sight = _sight(connection, asker)
            if sight is None:
                raise Problem(Kind.NOT_ALLOWED, "they may no longer read")
            head = int(connection.execute(happenings.HEAD).scalar_one())
            found = happenings.after(connection, seq, sight)
        is_full = len(found) == happenings.AT_ONCE
        return b"".join(map(frame, found)), found[-1].seq if is_full else max(seq, head)

    @contextmanager
    def _reading(self, asker: Asker) -> Iterator[None]:
        """While somebody reads, the journal is looked at."""
        who = who_of(asker)
        self._readers[who] += 1
        self._askers[who] = asker
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._look_on())
        try:
            yield
        finally:
            self._readers[who] -= 1
            if not self._readers[who]:
                del self._readers[who], self._askers[who]

    async def _next(self) -> None:
        """Until the next look is over."""
        if self._looking is not None and self._looking.done():
            self._looking.result()  # raises what ended it
        await self._looked.wait()

    async def _look_on(self) -> None:
        try:
            while self._readers:
                if not await self._look():
                    await asyncio.sleep(stream.LOOK_EVERY)
                    self._silent += stream.LOOK_EVERY
        finally:
            self._head, self._sees, self._rings = -1, {}, {}
            self._wake()

    async def _look(self) -> bool:
        """Look once for all. Answers whether there is more to be looked at."""
        askers = [self._now(one) for one in self._askers.values()]
        floor = {of: ring.seq for of, ring in self._rings.items()}
        is_due = self._silent >= stream.BEAT_EVERY or any(who not in self._sees for who in self._askers)
        try:
            looked = await self._in_thread(partial(self._read, askers, floor, None if is_due else self._head))
        except Problem as problem:
            if problem.kind is not Kind.BUSY:
                raise
            looked = None
        if looked is not None:
            self._take(looked)
        self._wake()
        return looked is not None and not looked.is_all

    def _take(self, looked: _Looked) -> None:
        self._silent = 0.0
        self._head, self._sees = looked.head if looked.is_all else -1, looked.sees
        most = min(KEPT, KEPT_OF_ALL // max(1, len(looked.news)))
        for of, (found, upto) in looked.news.items():
            self._rings.setdefault(of, Ring(upto, upto)).add(found, upto, most)
        self._rings = {of: ring for of, ring in self._rings.items() if of in looked.news}

    def _wake(self) -> None:
        self._looked.set()
        self._looked = asyncio.Event()

    def _read(self, askers: Collection[Asker], floor: Mapping[Class, int], known: int | None) -> _Looked | None:
        """One look at the journal; None where nothing happened since the entry that is known."""
        with self._store.read() as connection:
            head = int(connection.execute(happenings.HEAD).scalar_one())
            if head == known:
                return None
            sights = {who_of(one): _sight(connection, one) for one in askers}
            sees = {who: None if sight is None else class_of(sight) for who, sight in sights.items()}
            classes = {class_of(sight): sight for sight in sights.values() if sight is not None}
            # Whoever is new of a class that nobody was of has still to come up to here.
            news = {of: _news(connection, sight, floor.get(of, head), head) for of, sight in classes.items()}
            return _Looked(head, sees, news)


def who_of(asker: Asker) -> Who:
    """What tells one who asks from another."""
    return asker.someone, asker.owns_store, asker.opened_store


def class_of(sight: Sight) -> Class:
    """The class of somebody who sees this."""
    return sight.items, sight.restricted


def frame(one: Happening) -> bytes:
    """An event as it is told."""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (one.id.encode(), one.kind.encode(), orjson.dumps(one.facts))


def _sight(connection: Connection, asker: Asker) -> Sight | None:
    """What somebody sees by now; None for whoever may no longer read."""
    try:
        facts = asker.facts(connection)
    except NotProved:
        return None
    allowed = may(asker.someone, READ, WHAT_THEY_SEE, grants.toward(connection, facts, WHAT_THEY_SEE)).allowed
    return sight_of(connection, asker.someone, facts) if allowed else None


def _news(connection: Connection, sight: Sight, seq: int, head: int) -> tuple[list[Frame], int]:
    """What happened after one entry, and up to which that is."""
    found: list[Frame] = []
    for _ in range(PAGES if seq < head else 0):
        page = happenings.after(connection, seq, sight)
        found += [(one.seq, frame(one)) for one in page]
        if len(page) < happenings.AT_ONCE:
            return found, head
        seq = page[-1].seq
    return found, seq
