"""The scene, served on a real socket, and somebody who may look at it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tests.sync.world import World
from tests.web import scene

from tieline.core import grants, tokens
from tieline.core.access import Grant, Role, Rule, Verdict
from tieline.core.config import load_workspace
from tieline.core.identity import of_account
from tieline.sync.api.serving import Web

ANN = of_account("Ann Avery", "db1")


@dataclass(frozen=True, slots=True)
class Stage:
    """Where it is served, by what one signs in, and the world behind it."""

    address: str
    token: str
    world: World
    folder: Path


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """The scene, for as long as this lasts."""
    world = scene.made(folder)
    now = world.clock.now()
    with world.engine.store.write() as tx:
        allowed = Verdict(True, Rule.ROLE)
        grants.grant(tx, ANN, Grant(Role.RESPONDER), at=now, actor=ANN, verdict=allowed)
        terms = tokens.Terms("the tests", Role.RESPONDER, (), None, now + timedelta(days=3))
        told = tokens.issue(tx, ANN, terms, at=now, actor=ANN)[1]
    web = Web(
        lambda: load_workspace(folder / "tieline.yaml"),
        lambda _config, _who: False,
        lambda _config: "",
        clock=world.clock,
    )
    web.start()
    try:
        yield Stage(web.address, told, world, folder)
    finally:
        web.stop()
        world.engine.store.close()
        world.engine.registry.close()


def slug(path: str) -> str:
    """A page's address as part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-") or "overview"
