"""Who acted, without a name in what is kept for ever: an opaque id stands in the journal's hashed rows, and the name
beside it can be forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, bindparam, insert, select

from tieline.core.store.tables import person

Entropy = Callable[[int], bytes]
"""So many bytes that nobody can guess."""

FORGOTTEN: Final = "somebody who was forgotten"
LONGEST_NAME: Final = 300
"""Characters. PostgreSQL's index takes no text of any length."""

_ID = select(person.c.id).where(person.c.name == bindparam("name"))
_NEW = insert(person)


def id_of(connection: Connection, name: str, entropy: Entropy) -> str:
    """The id that stands for a name, from now on if it had none. Whoever asks holds the journal's head, so that nobody
    else gives it another one meanwhile."""
    known = kept(name)
    found: str | None = connection.execute(_ID, {"name": known}).scalar()
    if found is not None:
        return found
    new = f"p-{entropy(10).hex()}"
    connection.execute(_NEW, {"id": new, "name": known})
    return new


def kept(name: str) -> str:
    """A name as it is kept: it may come from somebody else's tool, whatever it holds."""
    return name.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()[:LONGEST_NAME]


def shown(actor: str, known: str | None, name: str | None) -> str:
    """Who an entry's actor is, for people: `known` is the id of the person that it stands for, if any, and `name` what
    that one is called, None where that was forgotten."""
    return actor if known is None else name or FORGOTTEN
