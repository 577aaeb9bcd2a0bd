"""Write a comment into a copy, once: what is in doubt is searched for before it is written again."""

from __future__ import annotations

from tieline.core.errors import Gone, RemoteError
from tieline.core.events import Parked
from tieline.core.model import Audience
from tieline.core.port import Commenter, RemoteComment
from tieline.sync import limits
from tieline.sync.comments import comments
from tieline.sync.engine import Connected, Engine
from tieline.sync.outcomes import Done, Standing, Then, Verb, outcome
from tieline.sync.road import ceiling, copy_states, robots


def deliver(engine: Engine, here: Connected, item: comments.Outgoing) -> None:
    """Write one comment into one copy, once. Raises RemoteError for the lane to act on."""
    source = here.source
    if not isinstance(source, Commenter):
        raise TypeError(f"{here.name} claims to comment and cannot")
    refused = engine.registry.refuses_comment(item.audience, here.name, here.config.ceiling, item.kind)
    if here.kind.readers.is_outside:
        park(engine, here, item, f"{here.name} is read outside, and a comment is nothing that was approved for that")
        return
    if refused or ceiling.is_above(here, item.tlp):
        park(engine, here, item, f"a comment may not leave for {here.name}: its label is above the ceiling")
        return
    told = item.audience.among(source.audiences)
    if told is None:
        park(engine, here, item, comments.why_untold(here.name, item.audience, source.audiences))
        return
    try:
        written = _find_or_write(engine, here, source, item, told)
    except RemoteError as error:
        becomes = outcome(error, Standing.LINKED)
        if becomes.done is Done.NO:
            with engine.store.write() as tx:
                comments.postpone(tx, item, state=item.state, attempts=item.attempts, next_at=None)
        match becomes.then:
            case Then.PARK:
                park(engine, here, item, str(error))
            case Then.FOLLOW if isinstance(error, Gone):
                copy_states.lose(engine, here, item.replica, error)
                park(engine, here, item, str(error))
            case Then.ASK:
                _ask(engine, here, item, error)
            case _:
                raise
        return
    if written is None:
        return
    if comments.is_wider(written, item.audience):
        readers = f"{written.audience}, though it is for {item.audience}"
        park(engine, here, item, f"{here.name} shows a comment to {readers}: remove it there at once")
        return
    with engine.store.write() as tx:
        comments.finish(tx, engine, here, item, written)


def _ask(engine: Engine, here: Connected, item: comments.Outgoing, error: RemoteError) -> None:
    """The record is looked for, and the comment waits meanwhile; not for ever, where the record is there."""
    copy_states.look_whether_gone(engine, here, item.replica, item.ref, error)
    attempts = item.attempts + 1
    if attempts >= limits.GIVE_UP:
        park(engine, here, item, str(error))
        return
    with engine.store.write() as tx:
        comments.retry(tx, item, attempts, engine.clock.now() + copy_states.UNTIL_CERTAIN)


def _find_or_write(
    engine: Engine, here: Connected, source: Commenter, item: comments.Outgoing, told: Audience
) -> RemoteComment | None:
    """The comment as it stands in the tool now, where it is for `told`; None where it is put aside instead, because
    robots talk."""
    if item.state == "sending":
        # A search that fails has not found that there is nothing: no look at the record, which could go on without.
        found = comments.search(here.call(Verb.FIND, source.comments, item.ref), here.mapping, item)
        if found is not None:
            return found
    with engine.store.read() as connection:
        loop = robots.of_comments(connection, item.incident, item.number, engine.clock.now())
    if loop:
        park(engine, here, item, loop)
        return None
    with engine.store.write() as tx:
        comments.begin(tx, engine, item)
    words = comments.rendered(here.mapping, item)
    return here.call(Verb.ADD_COMMENT, source.add_comment, item.ref, words, told, item.token)


def park(engine: Engine, here: Connected, item: comments.Outgoing, sentence: str) -> None:
    """Put one comment aside until a person acts, with the sentence that says why."""
    with engine.store.write() as tx:
        engine.record(
            tx,
            Parked(comment=item.comment, sentence=sentence),
            incident=item.incident,
            connection=here.name,
            reason="parked",
        )
        comments.postpone(tx, item, state="parked", attempts=item.attempts, next_at=None, parked=sentence)
