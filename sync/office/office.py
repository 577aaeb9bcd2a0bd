"""The office: an act is asked for, decided on a snapshot, and carried out in one transaction.

    key locked -> items locked by number -> looked at again -> other rows locked -> `acted` -> what was noted

An act that was asked for under a key is done once, and answered the same way each time. One that saw an item which has
moved since decides again, on what is there now and with it locked.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, select

from tieline.core.acts import Act, Acts, AskFirst, Later, NotDone
from tieline.core.arguments import Answer, Ask
from tieline.core.declared import WrongWords
from tieline.core.identity import Actor, Someone
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction
from tieline.sync.engine import Engine
from tieline.sync.office import acted, projecting, proposing
from tieline.sync.office.answering import answering
from tieline.sync.office.asking import Asker
from tieline.sync.office.desk import Around, EngineDesk, May, Moved, Whose, nobody
from tieline.sync.office.holding import follow, stands
from tieline.sync.office.own import OWN
from tieline.sync.sight import OUTSIDER, Sight

KEPT_FOR: Final = timedelta(days=7)
"""How long what was asked for under a key is known again."""

LONGEST_KEY: Final = 200
LONGEST_REASON: Final = 300
TRIES: Final = 3
"""So often an act looks anew, where whatever it means changes under it."""

_ANSWERED: Final = select(t.act_key).where(t.act_key.c.id == bindparam("id"))
_FORGET_OLD: Final = delete(t.act_key).where(t.act_key.c.at < bindparam("before"))


@dataclass(frozen=True, slots=True)
class Performed:
    """What became of an act: facts for programs, a sentence for people, and the entry that says it was done; None for
    one that had nothing to do. `again` is true where it had been done before, under the same key. `proposal` is the
    label of what somebody else is to approve first: then nothing was done; `review` that of one which waits, since it
    was done at once."""

    facts: Mapping[str, Any]
    sentence: str
    seq: int | None
    again: bool = False
    proposal: str = ""
    review: str = ""


class KeyReused(NotDone):
    """Something else was asked for under this key before."""


class Changed(NotDone):
    """The item is no longer as whoever asks saw it."""


Sees = Callable[[Connection | Transaction], Sight]
"""What whoever asks sees at that moment."""


def outsider(_seen_in: Connection | Transaction) -> Sight:
    """What everybody sees."""
    return OUTSIDER


def offered(engine: Engine) -> Acts:
    """All that can be done: Tieline's own acts, and those of its plugins."""
    return OWN.beside(engine.registry.offers.acts)


def make_tables(engine: Engine, act: Act) -> None:
    """Make the tables of the plugin whose act this is, where that was not done yet."""
    offer = engine.registry.offers.of_act(act.name)
    if offer is not None:
        projecting.make_all(engine.store, offer, secrets.token_hex(8))


class Office:
    """Carries acts out. Threads may share it. Whether somebody may is asked by the store of its engine, at the
    beginning of each transaction; see `Store.guarded`."""

    def __init__(
        self,
        engine: Engine,
        acts: Acts,
        sees: Sees = outsider,
        may: May = nobody,
        asker: Callable[[], Asker] | None = None,
    ) -> None:
        self._engine = engine
        self._acts = acts
        self._sees = sees
        self._may = may
        self._around = None if asker is None else Around(acts, asker)

    def perform(self, name: str, given: Mapping[str, Any], *, actor: Actor, key: str = "") -> Performed:
        """Do one act. Raises WrongWords, LookupError for what it means and is not there, NotDone, NotAllowed, and
        PluginFault; then nothing was done."""
        act = self._acts[name]
        return self.do(act, act.told(given), actor=actor, key=key)

    def do(
        self,
        act: Act,
        ask: Ask,
        *,
        actor: Actor,
        key: str = "",
        revision: int | None = None,
        break_glass: str | None = None,
    ) -> Performed:
        """The same for an act whose words are understood. With a `revision` it is done only to the one item that it
        looks at, and while that is at this revision; raises Changed otherwise. `break_glass` is why what others are to
        be asked first is done at once."""
        if len(key) > LONGEST_KEY:
            raise NotDone(f"a key has at most {LONGEST_KEY} characters, and this one has {len(key)}; take another")
        why = _reason(act, break_glass)
        asked = _Asked(act, ask, actor, _named(act, actor, key) if key else "", revision, why)
        for _ in range(TRIES):
            with self._engine.store.read() as connection:
                # What was done under this key is answered, however things are now.
                decided = None if _answered(connection, asked) is not None else self._decided(asked, connection)
            try:
                with self._engine.store.write() as tx:
                    return self._carried_out(tx, asked, decided)
            except Moved:
                continue
        raise NotDone(f"{act.name}: what it is about changes faster than it can be looked at; ask again")

    def _decided(self, asked: _Asked, seen_in: Connection | Transaction) -> _Decided:
        now, sight = self._engine.clock.now(), self._sees(seen_in)
        act, offer = asked.act, self._engine.registry.offers.of_act(asked.act.name)
        whose = Whose(act.name, asked.actor, act.records, offer, asks_first=act.asks_first)
        leave = bool(asked.break_glass)
        desk = EngineDesk(self._engine, seen_in, whose, now, sight, self._may, has_leave=leave, around=self._around)
        desk.breaks_glass = leave
        try:
            with answering(offer, act.name):
                answer = _run(act, desk, asked.ask)
        except ValueError as error:
            raise WrongWords(act.name, [("", str(error))]) from None
        finally:
            desk.end()
        if desk.approval is None:
            if answer is None:
                raise TypeError(f"{act.name!r} answers nothing")
            return _Decided(desk, answer)
        if leave and answer is not None:
            return _Decided(desk, answer, review=proposing.break_glass(desk, act, asked.ask, asked.break_glass))
        # Also where the act goes on as if nobody were to be asked.
        cause, proposed = proposing.propose(desk, act, asked.ask, is_pinned=asked.revision is not None)
        return _Decided(desk, proposed, cause)

    def _carried_out(self, tx: Transaction, asked: _Asked, decided: _Decided | None) -> Performed:
        if asked.id:
            tx.lock_names([asked.id])
        before = _answered(tx, asked)
        if before is not None:
            return _the_same(asked, before)
        if decided is None:
            raise Moved
        decided = stands(tx, decided, partial(self._decided, asked))
        if decided is None:
            raise Moved
        _check_revision(asked, decided.desk)
        with answering(decided.desk.whose.offer, asked.act.name):
            cause = decided.cause or partial(self._acted, asked, decided.desk)
            seq = follow(tx, decided.desk, cause) if decided.desk.effects else None
            found = decided.answer() if callable(decided.answer) else decided.answer
            review = next(iter(decided.review), "")
            if asked.id:
                _keep(tx, asked, _performed(found.kept(), seq, review), decided.desk)
            return _performed(found, seq, review)

    def _acted(self, asked: _Asked, desk: EngineDesk, tx: Transaction) -> int:
        about = next(iter(desk.looked_at)) if len(desk.looked_at) == 1 else None
        return acted.tell(tx, self._engine, asked.act, asked.ask, asked.actor, about)


def _run(act: Act, desk: EngineDesk, ask: Ask) -> Answer | Later | None:
    """What it answers; None where somebody else is to be asked first."""
    try:
        return act.run(desk, ask)
    except AskFirst:
        return None


def _reason(act: Act, words: str | None) -> str:
    """Why it is done at once; "" where it is not. Raises WrongWords."""
    if words is None:
        return ""
    if not act.asks_first:
        raise WrongWords(
            act.name, [("break_glass", "it asks nobody first, so that nothing is to be broken; leave it out")]
        )
    if not act.is_breakable:
        sentence = "nobody does that at once; leave it out, and somebody else is asked"
        raise WrongWords(act.name, [("break_glass", sentence)])
    reason = " ".join(words.split())
    if not reason or len(reason) > LONGEST_REASON or not reason.isprintable():
        raise WrongWords(act.name, [("break_glass", f"say why, in one line of at most {LONGEST_REASON} characters")])
    return reason


@dataclass(frozen=True, slots=True)
class _Asked:
    """An act that somebody asks for. `id` stands for the key under which they do; "" for none. `break_glass` is why it
    is done at once, "" where it is not."""

    act: Act
    ask: Ask
    actor: Actor
    id: str
    revision: int | None
    break_glass: str = ""

    @property
    def digest(self) -> str:
        """The same for two that ask for the same."""
        if not self.break_glass:
            return self.ask.digest()
        return hashlib.sha256(f"{self.ask.digest()}\n{self.break_glass}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Decided:
    """What an act noted at its desk, and what it answers. `cause` journals it, where that is no entry that it was done;
    `review` holds the label of what is to be reviewed, once that is there."""

    desk: EngineDesk
    answer: Answer | Later
    cause: Callable[[Transaction], int] | None = None
    review: Sequence[str] = ()


def _answered(seen_in: Connection | Transaction, asked: _Asked) -> Any | None:
    """The row of what was answered under this key; None where nothing was, or no key was given."""
    return seen_in.execute(_ANSWERED, {"id": asked.id}).first() if asked.id else None


def _named(act: Act, actor: Actor, key: str) -> str:
    """What a key is known by: it is the asker's own, whatever others are called, and says nothing about them."""
    whose = actor.identity if isinstance(actor, Someone) else actor
    return hashlib.sha256("\n".join((whose, act.name, key)).encode("utf-8", "replace")).hexdigest()


def _performed(answer: Answer, seq: int | None, review: str = "") -> Performed:
    proposal = answer.proposal if isinstance(answer, proposing.AsksFirst) else ""
    sentence = answer.sentence()
    if review:
        sentence += f"\nIt was done at once: somebody else reviews it, with `tieline reviews close {review}`."
    return Performed(answer.model_dump(mode="json"), sentence, seq, proposal=proposal, review=review)


def _check_revision(asked: _Asked, desk: EngineDesk) -> None:
    """Raises Changed where the item is not as it was seen. What was looked at is locked by now."""
    if asked.revision is None:
        return
    items = list(desk.looked_at.values())
    if len(items) != 1:
        raise NotDone(f"{asked.act.name}: it is about no one item, and has no revision to be held against")
    if items[0].revision != asked.revision:
        raise Changed(
            f"{desk.called(items[0])} is at revision {items[0].revision} by now, and not at {asked.revision}; look at "
            "it again, and ask anew"
        )


def _the_same(asked: _Asked, before: Any) -> Performed:
    if before.digest not in ("", asked.digest):  # "" of what was forgotten, with the item that it was about
        raise KeyReused(f"{asked.act.name}: something else was asked for under this key before; take another key")
    kept = before.answer
    others = {name: str(kept.get(name, "")) for name in ("proposal", "review")}
    return Performed(kept["facts"], kept["sentence"], before.seq, again=True, **others)


def _keep(tx: Transaction, asked: _Asked, done: Performed, desk: EngineDesk) -> None:
    tx.execute(_FORGET_OLD, {"before": desk.now - KEPT_FOR})
    tx.execute(
        insert(t.act_key),
        {
            "id": asked.id,
            "digest": asked.digest,
            "answer": {
                "facts": done.facts,
                "sentence": done.sentence,
                "proposal": done.proposal,
                "review": done.review,
            },
            "seq": done.seq,
            "at": desk.now,
        },
    )
