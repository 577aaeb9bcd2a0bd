"""Passwords: hashed with argon2id (RFC 9106), and compared in a time that says nothing about whose it is.

t=3, m=32 MiB, p=1     about 60 ms; at most two at once, so that guessing fills no memory
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any, Final

SHORTEST: Final = 12
LONGEST: Final = 1_000
"""Characters."""
AT_ONCE: Final = 2
"""Hashes that are made at the same time; the next waits."""

TURN: Final = threading.Semaphore(AT_ONCE)


@cache
def _hasher() -> Any:
    from argon2 import PasswordHasher, Type  # only where somebody signs in

    return PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1, type=Type.ID)


def check(password: str, name: str) -> None:
    """Raises ValueError, with a sentence, for one that nobody should have: length is what counts (NIST SP 800-63B)."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise ValueError(f"a password has {SHORTEST} to {LONGEST:,} characters; a few words in a row are a good one")
    if len(set(password)) < 5 or name.casefold() in password.casefold():
        raise ValueError("that is too easy to guess: it holds the name, or nearly nothing but one character")


def hash_of(password: str) -> str:
    """What is kept of a password: with its salt and its cost."""
    with TURN:
        return str(_hasher().hash(password))


@cache
def _nobodys() -> str:
    return hash_of("the password of nobody")


def fits(kept: str, password: str) -> bool:
    """Whether that is the password. Where none is kept ("") the work is the same, and the answer no."""
    from argon2.exceptions import InvalidHashError, VerificationError

    known = kept or _nobodys()
    with TURN:
        try:
            return bool(_hasher().verify(known, password[: LONGEST + 1])) and bool(kept)
        except (VerificationError, InvalidHashError):
            return False
