"""What it is about that somebody asks for: whether they may is asked of that."""

from __future__ import annotations

from tieline.core.access import READ, STORE, WHAT_THEY_SEE, Subject
from tieline.core.arguments import Ask, item_fields
from tieline.core.declared import Declared
from tieline.core.errors import NotThere
from tieline.core.model import IncidentId
from tieline.core.store.store import Connection, Transaction
from tieline.core.views import View
from tieline.sync import explain
from tieline.sync.sight import Sight, subject_of

# Who only looks does not wait for the engine: nothing of it is imported here.


def subject(
    declared: Declared, ask: Ask, seen_in: Connection | Transaction, sight: Sight
) -> tuple[Subject, IncidentId | None]:
    """What an act or a view is about, and the item that it concerns, if any: a view that takes no more than reading
    shows to each what they see. Raises NotThere for an item that is not there for whoever asks."""
    try:
        if declared.about is not None:
            return declared.about(seen_in, ask, sight)
        for words in filter(None, (getattr(ask, name) for name in item_fields(declared.ask))):
            item = explain.one_named(seen_in, str(words), sight)
            if declared.kind and item.kind != declared.kind:
                called = sight.called(item.id, item.number)
                raise NotThere(f"{called} is of the kind {item.kind}, and {declared.name} is about a {declared.kind}")
            return subject_of(seen_in, item.id), item.id
    except NotThere:
        if sight.is_blind:
            # Who sees nothing is refused in the same way whatever they name.
            return WHAT_THEY_SEE, None
        raise
    return (WHAT_THEY_SEE if isinstance(declared, View) and declared.right(ask) == READ else STORE), None
