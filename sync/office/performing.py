"""Doing an act in the name of whoever asks for it: by a command and by a call alike."""

from __future__ import annotations

from dataclasses import replace

from tieline.core.access import Subject
from tieline.core.acts import Act
from tieline.core.arguments import Ask
from tieline.core.model import IncidentId, kinds_at_work
from tieline.core.store.store import Connection, Transaction
from tieline.sync.engine import Engine
from tieline.sync.office.answering import answering
from tieline.sync.office.asking import Asked, Asker, asking
from tieline.sync.office.office import Office, Performed, make_tables, offered
from tieline.sync.office.subjects import subject


def perform(
    engine: Engine,
    act: Act,
    ask: Ask,
    asker: Asker,
    *,
    key: str = "",
    revision: int | None = None,
    break_glass: str | None = None,
) -> Performed:
    """Do one act. Raises what `Office.do` does, and NotAllowed, which is journalled."""

    offer = engine.registry.offers.of_act(act.name)

    def about(asker: Asker, seen_in: Connection | Transaction) -> tuple[Subject, IncidentId | None]:
        sight = asker.sight(seen_in)
        with answering(offer, act.name):
            return subject(act, ask, seen_in, sight)

    def by_now() -> Asker:
        return replace(asker, now=engine.clock.now())

    asker = replace(asker, rules=engine.registry.offers.rules)
    make_tables(engine, act)
    asked = Asked(asker, act.right(ask), about, engine.clock.now)
    with kinds_at_work(engine.registry.offers.known), asking(engine.store, asked, act.name) as store:
        with store.read() as connection:
            asked.ask(connection)
        office = Office(
            replace(engine, store=store),
            offered(engine),
            lambda seen_in: by_now().sight(seen_in),
            lambda seen_in, right, about: by_now().may(seen_in, right, about),
            by_now,
        )
        return office.do(act, ask, actor=asker.someone, key=key, revision=revision, break_glass=break_glass)
