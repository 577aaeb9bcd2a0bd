"""What must never be shown: every secret that was fetched, in the forms in which a tool might quote it back.

A tool's refusal may repeat the header that it refuses, and a library may name it in an error. So every message of an
error and every line of the log passes `redacted`, which knows the values that this process has used.
"""

from __future__ import annotations

import base64
import json
import threading
from typing import Final
from urllib.parse import quote, quote_plus

SHORTEST: Final = 6
"""Characters below which a value is left alone: hiding `abc` everywhere would hide the words around it."""

MOST: Final = 4_096
"""Forms remembered; the oldest go first. A token that is renewed every minute fills this in a day."""

STARS: Final = "***"

_lock = threading.Lock()
_concealed: dict[str, None] = {}
_longest_first: tuple[str, ...] = ()


def conceal(value: str) -> None:
    """Remember a secret, so that no message shows it."""
    if len(value) < SHORTEST or value in _concealed:
        return
    global _longest_first
    with _lock:
        for form in _forms(value):
            _concealed[form] = None
        while len(_concealed) > MOST:
            del _concealed[next(iter(_concealed))]
        # A longer form first: what is left of a replaced part would show the rest of the whole.
        _longest_first = tuple(sorted(_concealed, key=len, reverse=True))


def conceal_pair(user: str, password: str) -> None:
    """Remember the credentials of Basic authentication as the header carries them."""
    conceal(password)
    for encoding in ("utf-8", "latin-1"):
        conceal(base64.b64encode(f"{user}:{password}".encode(encoding, "replace")).decode().rstrip("="))


def redacted(text: str) -> str:
    """The text with every known secret as stars."""
    for form in _longest_first:
        if form in text:
            text = text.replace(form, STARS)
    return text


def _forms(value: str) -> set[str]:
    plain = json.dumps(value, ensure_ascii=False)[1:-1]
    forms = {value, plain, json.dumps(value)[1:-1], repr(value)[1:-1], quote(value, safe=""), quote_plus(value)}
    # Without its padding, which not everybody writes.
    return {*forms, base64.b64encode(value.encode("utf-8", "replace")).decode().rstrip("=")}
