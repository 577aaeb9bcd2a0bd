"""The comment of ours that shows which alerts fire, in tools whose mapping says `alerts: comment`: one, and edited.

It is known again as the copies of comments are, by its token or by the end of its first line, so that an answer that
was lost makes no second one. It is written when everything else of the copy is, and never to say only what the ticket
says.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tieline.core.errors import Rejected
from tieline.core.events import FieldsLeftOut, Written
from tieline.core.model import Audience
from tieline.core.port import CommentEditor, Commenter, Ref, RemoteComment
from tieline.mappings.board import ALERTS
from tieline.sync import loading, tokens
from tieline.sync.alerts import board
from tieline.sync.comments import comments
from tieline.sync.engine import Connected, Engine
from tieline.sync.outcomes import Verb
from tieline.sync.records import Held, Hold, Incident, Replica
from tieline.sync.road import commit

_READERS: Final = Audience.STAFF
"""Which alerts fire is no business of customers."""


def pin(engine: Engine, here: Connected, replica: Replica, incident: Incident) -> None:
    """Bring the comment up to date. Raises RemoteError for the lane to act on; a refusal holds it alone."""
    if replica.ref is None:
        raise RuntimeError(f"replica {replica.id} is linked to no record")
    says = str(incident.fields[ALERTS])
    if engine.registry.refuses_comment(_READERS, here.name, here.config.ceiling):
        _hold(engine, replica.id, incident, f"a comment may not leave for {here.name}: its label is above the ceiling")
        return
    try:
        written = _written(engine, here, replica, replica.ref, incident, says)
    except Rejected as error:
        _hold(engine, replica.id, incident, str(error))
        return
    with engine.store.write() as tx:
        current = loading.lock_replica(tx, replica.id)
        latest = loading.load_incident(tx, incident.id)
        if current is None or latest is None:
            return
        base = {name: value for name, value in current.base.items() if name != ALERTS}
        if written is not None:
            happened = Written(fields={ALERTS: says}, comment=written.id)
            engine.record(tx, happened, incident=incident.id, connection=here.name)
            base[ALERTS] = says
        holds = {name: hold for name, hold in current.holds.items() if name != ALERTS}
        shown = replace(current, base=base, holds=holds, attempts=0, next_at=None)
        commit.spread(tx, engine, latest, here=shown, moved=False)


def _written(
    engine: Engine, here: Connected, replica: Replica, ref: Ref, incident: Incident, says: str
) -> RemoteComment | None:
    """The comment as it is now; None where there is none, and nothing to begin one for."""
    source = here.source
    if not (isinstance(source, Commenter) and isinstance(source, CommentEditor)):
        raise TypeError(f"{here.name} claims to edit comments and cannot")
    with engine.store.read() as connection:
        token = tokens.token(tokens.name_of(connection), f"alerts of {replica.token}", here.name)
    # Over this line it is known again, and nobody takes it for somebody's words: see `comments`.
    head = comments.first_line("Which alerts fire", "monitoring", incident.number, token)
    body = here.mapping.to_text(f"{head}\n\n{says}")
    # A search that fails has failed the comment: it is not a look at the record that could go on without.
    listed = here.call(Verb.ADD_COMMENT, source.comments, ref)
    found = next((one for one in listed if comments.is_copy(one, here.mapping.from_text(one.body), token)), None)
    told = _READERS.among(source.audiences)
    if told is None:
        raise Rejected(here.name, comments.why_untold(here.name, _READERS, source.audiences))
    if found is not None:
        return here.call(Verb.ADD_COMMENT, source.edit_comment, ref, found.id, body, told)
    if not board.says_more(says):
        return None
    _begin(engine, replica.id)
    return here.call(Verb.ADD_COMMENT, source.add_comment, ref, body, told, token)


def _begin(engine: Engine, replica_id: int) -> None:
    """From now on the comment may be there, whatever becomes of the answer: it is looked for until it says what it
    should, also when that is no more than what the ticket says."""
    with engine.store.write() as tx:
        current = loading.lock_replica(tx, replica_id)
        if current is not None and ALERTS not in current.base:
            loading.save_replica(tx, replace(current, base={**current.base, ALERTS: None}))


def _hold(engine: Engine, replica_id: int, incident: Incident, sentence: str) -> None:
    """Left alone until there is something else to say."""
    with engine.store.write() as tx:
        current = loading.lock_replica(tx, replica_id)
        latest = loading.load_incident(tx, incident.id)
        if current is None or latest is None:
            return
        says, shown = incident.fields[ALERTS], current.base.get(ALERTS)
        known = current.holds.get(ALERTS)
        tries = known.tries + 1 if known is not None else 1
        held = Hold(Held.UNWRITABLE, says, shown, engine.clock.now(), sentence, tries)
        engine.record(
            tx,
            FieldsLeftOut(fields={ALERTS: sentence}),
            incident=incident.id,
            connection=current.connection,
            reason="unwritable",
        )
        commit.spread(tx, engine, latest, here=replace(current, holds={**current.holds, ALERTS: held}), moved=False)
