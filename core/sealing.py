"""Words that a row keeps for a while, sealed with the key of the item that they are about, as the journal's payloads
are: who forgets the key can read no copy of the database either. Words about no item stay as they are."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, Final

import orjson

from tieline.core.errors import StoreUnavailable
from tieline.core.store.chain import about
from tieline.core.store.store import Connection, Transaction, keys_of

_SEALED: Final = "(sealed)"
"""No argument is called so."""


def kept(tx: Transaction, words: Mapping[str, Any], entry: int, kind: str, item: int | None) -> dict[str, Any]:
    """How words are kept that an entry of the journal tells of, as what they are."""
    found, _sha = tx.hold_journal().kept(entry, kind, item, orjson.dumps(words))
    return dict(words) if found["sealed"] is None else {_SEALED: b64encode(found["sealed"]).decode()}


def told(
    source: Connection | Transaction, words: Mapping[str, Any], entry: int, kind: str, item: int | None
) -> dict[str, Any]:
    """What is kept so; nothing where the item is forgotten. Raises ValueError for what somebody else wrote there."""
    if words.keys() != {_SEALED} or item is None:
        return dict(words)
    keys = keys_of(source)
    if keys is None:
        raise StoreUnavailable("what waits for an approval is sealed. Name the file of the journal's keys in `keys:`.")
    found = keys.fresh().unseal(item, about(entry, kind), b64decode(words[_SEALED]))
    return {} if found is None else dict(orjson.loads(found))
