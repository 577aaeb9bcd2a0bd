"""A turn at a lane, as every worker takes one: the daemon's fleet does, and a simulation that has two of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from tieline.core.clock import Clock
from tieline.core.store.store import Store
from tieline.sync.daemon.jobs import lease
from tieline.sync.daemon.lane import Lane


def take_turn(
    store: Store,
    lane: Lane,
    worker: str,
    clock: Clock,
    *,
    ends: Callable[[], bool],
    lingers: Callable[[], bool],
    pause: Callable[[float], None],
) -> bool:
    """Take the lane, work until it has run dry or the turn `ends` (asked between records), and give it back.

    A lane that has run dry goes on when it `lingers` and was woken. Answers whether there is more to do. Raises
    LeaseLost when another worker has taken the lane over, and StoreUnavailable; whatever is raised, the turn is not
    given back then.

    A turn that takes over from a worker that went silent begins with a `pause`, in seconds: that one may be at work all
    the same, where only its sign of life was held up, and believes for so long in a turn that the store knows is over.
    """
    turn = lease.begin(store, lane.here.name, worker, clock.now())
    if turn.takes_over:
        pause(lease.TRUSTED)
    plain = lane.engine
    lane.engine = replace(plain, store=lease.fenced(store, turn))
    lane.stopping = ends
    lane.recall(turn.memory)
    if turn.poll_soon:
        lane.poll_soon()
    budget = lane.here.budget
    # Whoever died in its turn may have spent everything.
    budget.resume(*(0.0, 0.0) if turn.idle is None else (float(turn.memory.get("calls_left", 0.0)), turn.idle))
    budget.permit = lease.permit(store, turn, clock.monotonic)
    if lane.here.account is not None:
        lane.here.account.fence = partial(lease.lock, turn=turn)
    try:
        more = True
        while more and not lane.stopping():
            more = lane.step() or lingers()
    finally:
        lane.engine = plain
    memory = {**lane.memory(), "calls_left": budget.left}
    lease.give_back(store, turn, memory, poll_at=lane.poll_at, next_at=lane.next_at, now=clock.now())
    return more
