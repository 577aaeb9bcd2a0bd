"""What a NotificationCommand sends: that something happened to a host or service. Icinga repeats nothing that was lost
and tells no end in a form of its own, so that it only has us look at once."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import Any

import orjson

from tieline.adapters.icinga.problem import episode_of, number
from tieline.core.port import Delivery, Hint, Received


def parse(delivery: Delivery) -> Received:
    """A hint at the problem that it names, and that there is something to look for. Raises ValueError."""
    try:
        told: Any = orjson.loads(delivery.body)
    except orjson.JSONDecodeError:
        raise ValueError("the NotificationCommand sends JSON, and this is not") from None
    name = told.get("name") if isinstance(told, dict) else None
    if not isinstance(name, str) or not name:
        raise ValueError("the NotificationCommand names a host or service as `name`, and this does not")
    hints: tuple[Hint, ...] = ()
    with suppress(ValueError):
        hints = (Hint(episode_of(name, number(told, "last_well"), number(told, "last_hard")).ref),)
    return Received(hashlib.sha256(delivery.body).hexdigest(), hints, incomplete=True)
