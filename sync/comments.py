"""Write a comment into a copy, once: what is in doubt is searched for before it is written again."""

from __future__ import annotations

from tieline.core.errors import Gone, Rejected, TryAgain
from tieline.core.port import Commenter, RemoteComment
from tieline.sync import ceiling, copies, twins, volley
from tieline.sync.engine import Connected, Engine


def deliver(engine: Engine, here: Connected, item: twins.Outgoing) -> None:
    """Write one comment into one copy, once. Raises TryAgain and NeedsOperator for the lane to act on."""
    source = here.source
    if not isinstance(source, Commenter):
        raise TypeError(f"{here.name} claims to comment and cannot")
    refused = engine.registry.refuses_comment(item.visibility, here.name, here.config.ceiling)
    if refused or ceiling.is_above(here, item.tlp):
        park(engine, here, item, f"a comment may not leave for {here.name}: its label is above the ceiling")
        return
    try:
        written = _find_or_write(engine, here, source, item)
    except Rejected as error:
        park(engine, here, item, str(error))
        return
    except Gone as error:
        if error.merged_into is not None:
            copies.lose(engine, here, item.replica, error)
            park(engine, here, item, str(error))
            return
        copies.look_whether_gone(engine, here, item.replica, item.ref)
        with engine.store.write() as tx:
            again = engine.clock.now() + copies.UNTIL_CERTAIN
            twins.postpone(tx, item, state=item.state, attempts=item.attempts + 1, next_at=again)
        return
    except TryAgain as error:
        if not error.maybe_done:
            with engine.store.write() as tx:
                twins.postpone(tx, item, state=item.state, attempts=item.attempts, next_at=None)
        raise
    if written is None:
        return
    if twins.is_wider(written, item.visibility):
        park(engine, here, item, f"{here.name} shows an internal comment publicly: remove it there at once")
        return
    with engine.store.write() as tx:
        twins.finish(tx, engine, here, item, written)


def _find_or_write(engine: Engine, here: Connected, source: Commenter, item: twins.Outgoing) -> RemoteComment | None:
    """The comment as it stands in the tool now; None where it is put aside instead, because robots talk."""
    if item.state == "sending":
        found = twins.search(source.comments(item.ref), here.mapping, item)
        if found is not None:
            return found
    with engine.store.read() as connection:
        loop = volley.of_comments(connection, item.incident, engine.clock.now())
    if loop:
        park(engine, here, item, loop)
        return None
    with engine.store.write() as tx:
        twins.begin(tx, engine, item)
    return source.add_comment(item.ref, twins.rendered(here.mapping, item), item.visibility, item.token)


def park(engine: Engine, here: Connected, item: twins.Outgoing, sentence: str) -> None:
    """Put one comment aside until a person acts, with the sentence that says why."""
    with engine.store.write() as tx:
        engine.record(
            tx,
            "parked",
            incident=item.incident,
            connection=here.name,
            reason="parked",
            comment=item.comment,
            sentence=sentence,
        )
        twins.postpone(tx, item, state="parked", attempts=item.attempts, next_at=None, parked=sentence)
