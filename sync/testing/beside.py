"""A plugin beside another one: whatever becomes of the first, the other's acts, views, followers and timers go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial, wraps
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

from tieline.core.access import READ, Role
from tieline.core.acts import Act
from tieline.core.arguments import Answer, Ask, ItemName
from tieline.core.desk import Desk, Look
from tieline.core.events import Opened
from tieline.core.offer import Due, Follower, Offer, Right, TimerKind
from tieline.core.plugin_events import PluginEvent
from tieline.core.projections import Happened
from tieline.core.views import View
from tieline.sync.office import following
from tieline.sync.testing.acting import acts_of
from tieline.sync.testing.ground import Ground
from tieline.sync.testing.readying import asked_of, is_of_own_kind, ready
from tieline.sync.work.turn import turn

PATIENCE: Final = 60.0
"""Seconds after which what does not come to its end hangs."""

HOUR: Final = 3_600.0

Hinder = Callable[[], object]
F = TypeVar("F", bound=Callable[..., Any])


class Waved(PluginEvent, kind="nextdoor.waved"):
    """the neighbour was there: by an act, a follower or a timer"""

    by: str


class Wave(Ask):
    """Whom the neighbour waves to."""

    incident: ItemName


class Hello(Answer):
    """That the neighbour is there."""

    incident: str

    def sentence(self) -> str:
        return f"{self.incident}: hello"


def wave(desk: Desk, ask: Wave) -> Hello:
    """Wave."""
    item = desk.item(ask.incident)
    desk.record(Waved(by="act"), item)
    return Hello(incident=desk.called(item))


def look(look: Look, ask: Wave) -> Hello:
    """Look."""
    return Hello(incident=look.called(look.item(ask.incident)))


def notice(desk: Desk, happened: Happened) -> None:
    item = desk.item(happened.item)
    desk.record(Waved(by="follower"), item)
    desk.set_timer("wave", desk.now + timedelta(minutes=1), item)


def wave_again(desk: Desk, due: Due) -> None:
    desk.record(Waved(by="timer"), desk.item(due.item))


def nextdoor() -> Offer:
    """What the neighbour offers."""
    return Offer(
        group="nextdoor",
        summary="Is there.",
        acts=(Act("wave", wave, "nextdoor.wave", ("incident",), records=(Waved,)),),
        views=(View("look", look, READ, ("incident",)),),
        rights={"nextdoor.wave": Right("wave", (Role.RESPONDER,))},
        events=(Waved,),
        followers=(Follower("notice", (Opened,), notice),),
        timers=(TimerKind("wave", wave_again),),
    )


class Fault(Exception):
    """What a plugin raises here."""


def _raise() -> None:
    raise Fault("a fault of the plugin's")


@dataclass
class Hanging:
    """Whoever comes in waits until they are let go."""

    let_go: threading.Event = field(default_factory=threading.Event)

    def __call__(self) -> None:
        self.let_go.wait(2 * PATIENCE)


def hindered(offer: Offer, hinder: Hinder) -> Offer:
    """The same, in which nothing comes to its end."""

    def behind(run: F) -> F:
        @wraps(run)
        def hangs(*given: Any) -> Any:
            answer = run(*given)
            hinder()
            return answer

        return hangs  # type: ignore[return-value]  # it takes and answers what the other does

    return replace(
        offer,
        acts=tuple(replace(one, run=behind(one.run)) for one in offer.acts),
        views=tuple(replace(one, run=behind(one.run)) for one in offer.views),
        followers=tuple(replace(one, run=behind(one.run)) for one in offer.followers),
        timers=tuple(replace(one, run=behind(one.run)) for one in offer.timers),
        jobs=tuple(replace(one, run=behind(one.run)) for one in offer.jobs),
    )


class BesideContract:
    """A neighbour."""

    def test_where_it_raises_or_hangs_no_other_plugin_is_delayed(self, ground: Ground, tmp_path: Path) -> None:
        number = ground.open()
        doings = [(act.name, ready(ground, act, number)) for act in acts_of(ground)]
        looks = [
            (view.name, ready(ground, view, number) if is_of_own_kind(view) else asked_of(view, number))
            for view in ground.engine.registry.offers.views.values()
        ]
        hanging = Hanging()
        for word, hinder in (("raises", _raise), ("hangs", hanging)):
            one = ground.copied(tmp_path / word)
            one.beside, make = (nextdoor,), one.make
            one.make = None if make is None else partial(_hindered, make, hinder)
            one.restart()
            turn(one.engine, one.engine.registry.offers.by_group["nextdoor"], "neighbour")  # from here on it follows
            later = one.arrive(title="Beside it")
            one.clock.advance(HOUR)
            calls: list[Callable[[], object]] = [
                partial(following.keep_up, one.engine, one.offer, follower) for follower in one.offer.followers
            ]
            calls.append(partial(following.fire, one.engine, one.offer, one.clock.now()))
            calls += [partial(one.ask, name, asked) for name, asked in doings]
            calls += [partial(one.see, name, asked) for name, asked in looks]
            with _at_once(calls, hanging if hinder is hanging else None):
                told = _neighbour(one, number, later)
            one.close()
            if told:
                pytest.fail(f"where it {word}, what another plugin does is delayed: {told}")


def _hindered(make: Callable[[], Offer], hinder: Hinder) -> Offer:
    return hindered(make(), hinder)


@contextmanager
def _at_once(calls: list[Callable[[], object]], hanging: Hanging | None) -> Iterator[None]:
    """Have all of this be going on; where it is to hang, until this is over."""

    def call(one: Callable[[], object]) -> None:
        with suppress(Exception):  # that it fails is meant
            one()

    threads = [threading.Thread(target=call, args=(one,), daemon=True) for one in calls]
    for thread in threads:
        thread.start()
        thread.join(None if hanging is None else 0.02)
    try:
        yield
    finally:
        if hanging is not None:
            hanging.let_go.set()
        for thread in threads:
            thread.join(PATIENCE)


def _neighbour(ground: Ground, number: str, later: str) -> str:
    """With what sentence the neighbour does not get on; "" where all of it is done."""
    failed = list[str]()

    def live() -> None:
        try:
            offer = ground.engine.registry.offers.by_group["nextdoor"]
            ground.ask("nextdoor wave", {"incident": number})
            ground.see("nextdoor look", {"incident": number})
            for _ in range(4):
                turn(ground.engine, offer, "neighbour")
                ground.clock.advance(120)
        except Exception as error:  # noqa: BLE001 - that it fails is the finding
            failed.append(f"{type(error).__name__}: {error}")

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if thread.is_alive():
        return "it waits"
    done = {entry.facts["by"] for entry in ground.entries() if entry.kind == Waved.KIND}
    missing = sorted({"act", "follower", "timer"} - done)
    return next(iter(failed), f"its {', '.join(missing)} for {later} did nothing" if missing else "")
