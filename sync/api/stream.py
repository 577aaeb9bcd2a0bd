"""The stream of what happens, as server-sent events: each by itself, so that one that is slow holds up nobody. What it
says is told by `telling`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, Protocol, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tieline.core.access import READ, WHAT_THEY_SEE
from tieline.core.store.store import Store
from tieline.sync.api import happenings
from tieline.sync.api.problems import Kind, Problem
from tieline.sync.office import asking
from tieline.sync.office.asking import Asker

MOST: Final = 400
"""Streams at once."""
MOST_OF_A_TOKEN: Final = 4
LOOK_EVERY: Final = 0.5
"""Seconds between two looks at whether anything happened."""
BEAT_EVERY: Final = 15.0
"""Seconds after which a stream on which nothing happens gives a sign of life, and who reads it is asked anew."""
COME_BACK: Final = 2_000
"""Milliseconds after which a browser comes back."""

T = TypeVar("T")


class InThread(Protocol):
    """Does what asks the store. Raises Problem for whatever it says no with."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...


class Streams:
    """The streams that are open. One thread's: the loop of the server."""

    def __init__(self, most: int = MOST, of_one: int = MOST_OF_A_TOKEN, whose: str = "the token") -> None:
        self._most, self._of_one, self._whose = most, of_one, whose
        self._open: Counter[str] = Counter()

    @contextmanager
    def one_more(self, token: str) -> Iterator[None]:
        """While one is open. Raises Problem where there are too many."""
        self.check(token)
        self._open[token] += 1
        try:
            yield
        finally:
            self._open[token] -= 1
            if not self._open[token]:
                del self._open[token]

    @property
    def count(self) -> int:
        """How many are open."""
        return self._open.total()

    def check(self, token: str) -> None:
        """Raises Problem where there are too many to open another one."""
        if self._open[token] >= self._of_one:
            sentence = f"{self._whose} has {self._of_one} streams open, and no more at once; close one"
            raise Problem(Kind.TOO_OFTEN, sentence, wait=timedelta(seconds=30))
        if self.count >= self._most:
            raise Problem(Kind.BUSY, "too many streams are open; come back", wait=timedelta(seconds=30))


def begin(store: Store, asker: Asker, told: str | None) -> tuple[int, str]:
    """Where a stream begins: after the event of the id that was told, or after what has happened by now. Raises
    NotAllowed, which is journalled, and NoPlace."""
    asking.ask(store, asker, "events", READ, WHAT_THEY_SEE)
    with store.read() as connection:
        if told is not None:
            return happenings.place(connection, told), told
        return happenings.last(connection, asker.sight(connection))


def head(store: Store) -> int:
    """The number of the last entry."""
    with store.read() as connection:
        return int(connection.execute(happenings.HEAD).scalar_one())


class Stream(Response):
    """One stream, until whoever reads it goes, may no longer, or the process stops."""

    media_type = "text/event-stream"

    def __init__(
        self, frames: AsyncGenerator[bytes, None], streams: Streams, token: str, is_stopping: Callable[[], bool]
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store"}, media_type=self.media_type)
        del self.headers["content-length"]
        self._frames, self._streams, self._token, self._is_stopping = frames, streams, token, is_stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._streams.check(self._token)
        except Problem as problem:
            # Others were opened since it was looked at first.
            await self._frames.aclose()
            refusal = problem.response()
            for name, value in self.headers.items():
                refusal.headers.setdefault(name, value)
            await refusal(scope, receive, send)
            return
        with self._streams.one_more(self._token):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            gone = asyncio.ensure_future(_gone(receive))
            try:
                async for frame in self._frames:
                    if gone.done() or self._is_stopping():
                        break
                    if frame:
                        await send({"type": "http.response.body", "body": frame, "more_body": True})
            finally:
                gone.cancel()
                await self._frames.aclose()
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
