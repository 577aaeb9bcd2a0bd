"""Records that a listing shows and that nobody understands: each is asked for alone, and put aside by name.

The page goes on without them and its cursor moves. A record read alone may be readable after all: then nothing more is
to be said. If it is not, the lane puts it aside with the tool's own oddity as the sentence, and a later listing that
shows it whole takes it in again.
"""

from __future__ import annotations

import hashlib

import structlog

from tieline.core.events import Parked
from tieline.core.port import Page, Ref, Unreadable
from tieline.core.store.store import Transaction
from tieline.sync.engine import Connected, Engine
from tieline.sync.intake import inbox

_log = structlog.get_logger("tieline.poll")


def take_in(tx: Transaction, engine: Engine, here: Connected, page: Page) -> None:
    """Ask for what a page could not show, once; let go of what was put aside and can be read now."""
    _let_go(tx, here, page)
    if not page.unreadable:
        return
    named = {one.ref if one.ref is not None else _nameless(one): one for one in page.unreadable}
    known = inbox.asked_refs(tx, here.name, list(named))
    for ref, one in named.items():
        if ref in known:
            continue  # it waits, or it is put aside already: told once, however often it is listed
        _log.warning(
            "record_unreadable", connection=here.name, ref=ref, key=one.key, apart=one.apart, error=one.sentence
        )
        inbox.put(tx, here.name, [(ref, None)], asked=0, now=engine.clock.now())
        if one.ref is None:
            _put_aside(tx, engine, here, ref, one)


def _let_go(tx: Transaction, here: Connected, page: Page) -> None:
    """What is listed in order is not aside any more. The last page of monitoring says of everything that fires whether
    it is odd: an alert that was so has ended."""
    aside = inbox.refs_aside(tx, here.name)
    if not aside:
        return
    odd = {one.ref if one.ref is not None else _nameless(one) for one in page.unreadable}
    listed = {reading.ref for reading in page.readings}
    for ref in aside - odd if here.signals and not page.more else aside & listed:
        inbox.forget_parked(tx, here.name, ref)


def _nameless(one: Unreadable) -> Ref:
    """What stands in the place of a ref that the tool does not tell: the same for the same oddity."""
    return Ref(f"nameless-{hashlib.sha256(f'{one.key} {one.sentence}'.encode()).hexdigest()[:16]}")


def _put_aside(tx: Transaction, engine: Engine, here: Connected, ref: Ref, one: Unreadable) -> None:
    """Nobody can ask for a record without a ref."""
    sentence = f"{one.key or 'a record without a name'}: {one.sentence}. It is left out until it is in order there."
    inbox.put_aside(tx, here.name, ref, sentence)
    engine.record(tx, Parked(ref=ref, sentence=sentence), connection=here.name, reason="parked")
