"""What a person decides, as the commands do it."""

from __future__ import annotations

from typing import Any

from tieline.core.journal import Actor
from tieline.sync.engine import Engine
from tieline.sync.office.office import Office, Performed
from tieline.sync.office.own import OWN


def decide(engine: Engine, act: str, *, actor: Actor = "ann@example.com", **given: Any) -> Performed:
    """Have somebody do one of the engine's own acts."""
    return Office(engine, OWN).perform(act, given, actor=actor)
