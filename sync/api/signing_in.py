"""Who asks, by the token that they show. A wrong one costs the same whatever is wrong with it, and few are looked at
from one address: whoever guesses learns nothing and keeps nobody from working."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from pydantic import BaseModel

from tieline.core import tokens
from tieline.core.errors import StoreUnavailable
from tieline.core.identity import Someone
from tieline.core.model import instant
from tieline.core.store.store import Store
from tieline.sync.api.problems import Kind, Problem
from tieline.sync.api.rates import Rates, source_of
from tieline.sync.office.asking import Asker

WRONG_PER_MINUTE: Final = 10
WRONG_AT_ONCE: Final = 20
"""Wrong tokens of one address that are looked at."""

KNOWN: Final = 10_000
"""Tokens remembered that proved themselves: they are looked at from an address of which many wrong ones came."""

CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="tieline"'}


def proved(store: Store, words: str, now: datetime, owns_store: Callable[[Someone], bool]) -> Asker:
    """Whoever the token stands for. Raises NotProved, StoreUnavailable."""
    with store.read() as connection:
        someone, token = tokens.prove(connection, words, now)
    if tokens.is_stale(token, now):
        # A store that takes no writes may still be read.
        with suppress(StoreUnavailable), store.write() as tx:
            tokens.note_use(tx, token, now)
    return Asker(someone, owns_store(someone), now, owns=owns_store)


class TokenShown(BaseModel):
    """The token that was shown."""

    id: str
    name: str
    until: str
    reaches: str


class Asking(BaseModel):
    """Who asks, as was proved; `token` is null for an account of the server's own machine."""

    identity: str
    token: TokenShown | None


def told_who(store: Store, asker: Asker) -> dict[str, Any]:
    """Who asks. Raises NotProved, StoreUnavailable."""
    someone = asker.someone
    if not someone.token:
        return Asking(identity=someone.identity, token=None).model_dump()
    with store.read() as connection:
        found = tokens.find(connection, someone.token)
    shown = TokenShown(
        id=found.id, name=found.name, until=instant(found.terms.until), reaches=str(found.bound(asker.rules))
    )
    return Asking(identity=someone.identity, token=shown).model_dump()


class SigningIn:
    """What the server remembers of whoever asks. One thread's: the loop of the server."""

    def __init__(self, *, calls_per_minute: int, behind_proxy: bool) -> None:
        self._behind_proxy = behind_proxy
        self._wrong = Rates(WRONG_PER_MINUTE, WRONG_AT_ONCE)
        self._calls = Rates(calls_per_minute, max(20, calls_per_minute // 10))
        self._known: OrderedDict[bytes, str] = OrderedDict()

    def address(self, client: tuple[str, int] | None, headers: Mapping[str, str]) -> str:
        """Where a call comes from. Behind a proxy that is what it wrote last: what stands before is anybody's."""
        if self._behind_proxy and headers.get("x-forwarded-for"):
            return headers["x-forwarded-for"].rpartition(",")[2].strip()[:60]
        return client[0] if client else "unknown"

    def shown(self, headers: Mapping[str, str], address: str, now: float) -> str:
        """The token that is shown. Raises Problem where there is none, and where it is not looked at."""
        scheme, _, words = headers.get("authorization", "").strip().partition(" ")
        if scheme.lower() != "bearer":
            raise Problem(Kind.NOT_PROVED, "show a token as `Authorization: Bearer tl_…`", headers=CHALLENGE)
        words = words.strip()
        known = self._known.get(_mark(words))
        if known is not None:
            # Before the store is asked: what is used too often is to cost nothing.
            self._check_often(known, now)
        wait = self._wrong.wait(source_of(address), now)
        if wait and known is None:
            sentence = "too many wrong tokens came from this address; wait, and look at the one you use"
            raise Problem(Kind.TOO_OFTEN, sentence, wait=timedelta(seconds=wait))
        return words

    def note_wrong(self, address: str, now: float) -> None:
        """A wrong one came from there."""
        self._wrong.take(source_of(address), now)

    def note_right(self, words: str, token: str, now: float) -> None:
        """It proved itself. Raises Problem where it is used too often."""
        self._known[_mark(words)] = token
        self._known.move_to_end(_mark(words))
        while len(self._known) > KNOWN:
            self._known.popitem(last=False)
        self._check_often(token, now)
        self._calls.take(token, now)

    def note_account(self, identity: str, now: float) -> None:
        """An account of this machine asks. Raises Problem where it does so too often."""
        self._check_often(identity, now)
        self._calls.take(identity, now)

    def _check_often(self, whose: str, now: float) -> None:
        wait = self._calls.wait(whose, now)
        if wait:
            used = "this account asks" if ":" in whose else "the token is used"
            sentence = f"{used} more often than web.calls_per_minute allows"
            raise Problem(Kind.TOO_OFTEN, sentence, wait=timedelta(seconds=wait))


def _mark(words: str) -> bytes:
    """What a token is remembered by."""
    return sha256(words.encode("utf-8", "replace")).digest()
