"""Who acted, without a name in what is kept for ever: an opaque id stands in the journal's hashed rows, and the name
beside it can be forgotten. Whoever acts is found by their identity and never by what they are called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, bindparam, insert, select

from tieline.core.identity import Someone
from tieline.core.store.tables import identity, person

Entropy = Callable[[int], bytes]
"""So many bytes that nobody can guess."""

FORGOTTEN: Final = "somebody who was forgotten"
LONGEST_NAME: Final = 300
"""Characters."""
LONGEST_IDENTITY: Final = LONGEST_NAME + 60
"""Characters: a name behind its kind and its connection. PostgreSQL's index takes no text of any length."""

_ID = select(identity.c.person).where(identity.c.known_as == bindparam("known_as"))
_NEW = insert(person)
_KNOWN = insert(identity)


def id_of(connection: Connection, someone: Someone, entropy: Entropy) -> str:
    """The id that stands for somebody, from now on if there was none. Whoever asks holds the journal's head, so that
    nobody else gives them another one meanwhile."""
    known_as = kept_identity(someone)
    found: str | None = connection.execute(_ID, {"known_as": known_as}).scalar()
    if found is not None:
        return found
    new = f"p-{entropy(10).hex()}"
    connection.execute(_NEW, {"id": new, "name": kept(someone.name)})
    connection.execute(_KNOWN, {"known_as": known_as, "person": new})
    return new


def kept_identity(someone: Someone) -> str:
    """An identity as it is kept."""
    return _storable(someone.identity)[:LONGEST_IDENTITY]


def kept(name: str) -> str:
    """A name as it is kept: it may come from somebody else's tool, whatever it holds."""
    return _storable(name)[:LONGEST_NAME]


def _storable(words: str) -> str:
    return words.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def shown(actor: str, known: str | None, name: str | None) -> str:
    """Who an entry's actor is, for people: `known` is the id of the person that it stands for, if any, and `name` what
    that one is called, None where that was forgotten."""
    return actor if known is None else name or FORGOTTEN
