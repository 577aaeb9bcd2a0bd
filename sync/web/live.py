"""What happens, to whoever has a page open: its live parts, drawn anew once for all who see the same.

Whoever reads is asked anew each time, who they are and what they see. Nothing is kept for a browser that does not read:
the next look draws what is so then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Final

from tieline.core import grants
from tieline.core.access import may
from tieline.core.errors import NotAllowed
from tieline.core.model import IncidentId
from tieline.core.store.store import Store
from tieline.sync.api.problems import Kind, Problem
from tieline.sync.api.stream import BEAT_EVERY, COME_BACK, LOOK_EVERY, InThread, head
from tieline.sync.office.asking import Asker
from tieline.sync.office.enquiries import Enquiries, tell_of_reading
from tieline.sync.office.subjects import subject
from tieline.sync.sight import Sight, sight_of
from tieline.sync.web.drawing import Drawing
from tieline.sync.web.pages import Meant, answers, see

KEPT: Final = 200
"""Drawings that are kept, for as many pages and sights."""
LIST: Final = "list"
"""The part that holds still while its rows would move."""

Now = Callable[[], Awaitable[Asker]]
"""Who reads, as things are now. Raises Problem for whoever may no longer."""


def order_of(rows: tuple[str, ...]) -> str:
    """What stands for the order of rows."""
    return sha256("\n".join(rows).encode()).hexdigest()[:16]


@dataclass(slots=True)
class _Drawn:
    """The live parts of a page for all who see the same, as they were at an entry of the journal."""

    seq: int = -1
    beat: int = -1
    parts: Mapping[str, str] = field(default_factory=dict)
    order: str = ""
    restricted: Mapping[str, frozenset[IncidentId]] = field(default_factory=dict)
    at: datetime | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Live:
    """Draws for all streams. One thread's: the loop of the server."""

    def __init__(self, store: Store, in_thread: InThread, drawing: Drawing, enquiries: Callable[[], Enquiries]) -> None:
        self._store, self._in_thread, self._drawing, self._enquiries = store, in_thread, drawing, enquiries
        self._drawn: dict[tuple[object, ...], _Drawn] = {}
        self._head = -1
        self._looked = float("-inf")
        self._look = asyncio.Lock()

    async def frames(
        self, meant: Meant, asker: Now, order: str, clock: Callable[[], float]
    ) -> AsyncGenerator[bytes, None]:
        """What a stream says. `order` is of the rows that its browser shows. It ends with whoever reads it."""
        yield f"retry: {COME_BACK}\n\n".encode()
        shown, silent = -1, BEAT_EVERY
        while True:
            said = b""
            try:
                # Its page was drawn a moment ago: a look before that would put an older one over it.
                now = await self._now(clock(), anew=shown < 0)
                if now != shown or silent >= BEAT_EVERY:
                    drawn = await self._for(meant, await asker(), now, int(clock() / BEAT_EVERY))
                    said, shown = b"".join(_said(drawn, order)), now
            except Problem as problem:
                if problem.kind is not Kind.BUSY:
                    # The page itself says what is wrong, once it is loaded anew.
                    yield b"event: over\ndata: over\n\n"
                    return
            silent = 0.0 if said else silent + LOOK_EVERY
            yield said
            await asyncio.sleep(LOOK_EVERY)

    async def _now(self, at: float, *, anew: bool) -> int:
        """The last entry of the journal: asked for once for all streams, and anew for one that begins."""
        async with self._look:
            if anew or at - self._looked >= LOOK_EVERY:
                self._head, self._looked = await self._in_thread(partial(head, self._store)), at
        return self._head

    async def _for(self, meant: Meant, asker: Asker, seq: int, beat: int) -> _Drawn:
        """The drawing for whoever reads; made anew where another one of the same sight has not done so."""
        while True:
            sees = await self._in_thread(partial(self._sees, meant, asker))
            drawn = self._drawn.setdefault((*meant.key, sees), _Drawn())
            async with drawn.lock:
                if (drawn.seq, drawn.beat) == (seq, beat):
                    if any(drawn.restricted.values()):
                        await self._in_thread(partial(self._tell, drawn, asker))
                    break
                if await self._in_thread(partial(self._draw, drawn, meant, asker, sees)):
                    drawn.seq, drawn.beat = seq, beat
                    break
        while len(self._drawn) > KEPT:
            del self._drawn[next(iter(self._drawn))]
        return drawn

    def _sees(self, meant: Meant, asker: Asker) -> str:
        """What stands for all that somebody sees. Raises NotAllowed where they may not see a view of the page."""
        with self._store.read() as connection:
            facts = asker.facts(connection)
            sight = sight_of(connection, asker.someone, facts)
            for view, ask in meant.asked.values():
                about, _item = subject(view, ask, connection, sight)
                verdict = may(asker.someone, view.right(ask), about, grants.toward(connection, facts, about))
                if not verdict.allowed:
                    raise NotAllowed(verdict.sentence)
        return _mark(sight)

    def _draw(self, drawn: _Drawn, meant: Meant, asker: Asker, sees: str) -> bool:
        """Draw it for all who see the same; false where whoever it is drawn for sees something else by now, which is
        nobody's of these."""
        seen = see(meant, self._enquiries(), asker)
        if any(_mark(one.sight) != sees for one in seen.values()):
            return False
        facts = {**answers(seen), "now": asker.now}
        drawn.parts = {
            name: self._drawing.draw(meant.template(template), facts) for name, template in meant.page.live.items()
        }
        drawn.order = order_of(tuple(meant.page.rows(answers(seen))))
        drawn.restricted = {meant.asked[name][0].name: one.restricted for name, one in seen.items()}
        drawn.at = asker.now
        return True

    def _tell(self, drawn: _Drawn, asker: Asker) -> None:
        """That somebody reads what is restricted is journalled of each of them, whoever it was drawn for."""
        for view, items in drawn.restricted.items():
            tell_of_reading(self._store, view, asker.someone, asker.now, items)


def _mark(sight: Sight) -> str:
    """What stands for a sight: all of it, whatever it is made of."""
    return sha256(repr(sight).encode()).hexdigest()


def _said(drawn: _Drawn, order: str) -> list[bytes]:
    moved = drawn.order != order
    said = [_frame(name, drawn.parts[name]) for name in drawn.parts if name != LIST or not moved]
    if LIST in drawn.parts:
        said.append(_frame("moved", "yes" if moved else "no"))
    at = "" if drawn.at is None else f"{drawn.at:%H:%M:%S}"
    return [*said, _frame("asof", at)]


def _frame(event: str, words: str) -> bytes:
    lines = "".join(f"data: {line}\n" for line in words.splitlines() or [""])
    return f"event: {event}\n{lines}\n".encode()
