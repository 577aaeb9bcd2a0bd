"""One turn of a plugin's: its tables are brought up, it reacts to what happened, and its timers fire that are due."""

from __future__ import annotations

from tieline.core.model import kinds_at_work
from tieline.core.offer import Offer
from tieline.sync.engine import Engine
from tieline.sync.office import following, projecting


def turn(engine: Engine, offer: Offer, by: str) -> bool:
    """Do what is to be done now. True where there may be more. `by` is an id of whoever does, which nobody else has.

    Raises StoreUnavailable.
    """
    with kinds_at_work(engine.registry.offers.known):
        return _turn(engine, offer, by)


def _turn(engine: Engine, offer: Offer, by: str) -> bool:
    done = 0
    if not projecting.make_all(engine.store, offer, by):
        return False  # a newer version of it does all of this, or somebody else makes its tables
    for one in offer.projections:
        if not offer.is_in_step(one):
            done += projecting.catch_up(engine.store, f"{offer.group}.{one.name}", one)
    for follower in offer.followers:
        done += following.keep_up(engine, offer, follower)
    following.set_schedules(engine, offer)
    return following.fire(engine, offer, engine.clock.now()) > 0 or done > 0
