"""What must never be shown: every secret that was fetched, in the forms in which a tool might quote it back.

A tool's refusal may repeat the header that it refuses, and a library may name it in an error. So every message of an
error and every line of the log passes `redacted`, which knows the values that this process has used.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

SHORTEST: Final = 6
"""Characters below which a value is left alone: hiding `abc` everywhere would hide the words around it."""

MOST: Final = 4_096
"""Forms of tokens remembered; those go first that came first. One that is renewed every minute fills this in a day."""

STARS: Final = "***"

_lock = threading.Lock()
_kept: set[str] = set()
_passing: dict[str, None] = {}
_longest_first: tuple[str, ...] = ()


def conceal(value: str) -> None:
    """Remember a secret for good, so that no message shows it: it may be revealed once and used for years."""
    if len(value) < SHORTEST or value in _kept:
        return
    with _lock:
        _kept.update(_forms(value))
        _sort()


def conceal_token(value: str) -> None:
    """Remember what a tool gave us to use for a while, until `MOST` forms of others have come after it."""
    if len(value) < SHORTEST or value in _kept or value in _passing:
        return
    with _lock:
        _passing.update(dict.fromkeys(_forms(value)))
        while len(_passing) > MOST:
            del _passing[next(iter(_passing))]
        _sort()


def known() -> tuple[frozenset[str], tuple[str, ...]]:
    """Every form that is hidden: those for good, and those of tokens, the oldest first."""
    with _lock:
        return frozenset(_kept), tuple(_passing)


def know(kept: Iterable[str], passing: Iterable[str]) -> None:
    """Hide these forms and no others: for tests that fill the memory up."""
    with _lock:
        _kept.clear()
        _kept.update(kept)
        _passing.clear()
        _passing.update(dict.fromkeys(passing))
        _sort()


def _sort() -> None:
    """A longer form first: what is left of a replaced part would show the rest of the whole."""
    global _longest_first
    _longest_first = tuple(sorted({*_kept, *_passing}, key=len, reverse=True))


def conceal_pair(user: str, password: str) -> None:
    """Remember the credentials of Basic authentication as the header carries them."""
    conceal(password)
    for encoding in ("utf-8", "latin-1"):
        conceal(base64.b64encode(f"{user}:{password}".encode(encoding, "replace")).decode().rstrip("="))


def longest() -> int:
    """Characters of the longest form that is hidden; 0 where none is known."""
    return len(_longest_first[0]) if _longest_first else 0


def redacted(text: str) -> str:
    """The text with every known secret as stars."""
    for form in _longest_first:
        if form in text:
            text = text.replace(form, STARS)
    return text


def _forms(value: str) -> set[str]:
    plain = json.dumps(value, ensure_ascii=False)[1:-1]
    # A variable of the environment may hold bytes that are no UTF-8: they are no reason to stop.
    in_urls = {quote(value, safe="", errors="replace"), quote_plus(value, errors="replace")}
    forms = {value, plain, json.dumps(value)[1:-1], repr(value)[1:-1], *in_urls}
    # Without its padding, which not everybody writes.
    return {*forms, base64.b64encode(value.encode("utf-8", "replace")).decode().rstrip("=")}
