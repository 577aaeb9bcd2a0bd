"""What a notification command sends: that something happened to a host or service. Nagios repeats nothing that was lost
and tells no end in a form of its own, so that it only has us look at once."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import Any

import orjson

from tieline.adapters.nagios.problem import episode_of
from tieline.core.port import Delivery, Hint, Received


def parse(delivery: Delivery) -> Received:
    """A hint at the problem that it names, and that there is something to look for. Raises ValueError."""
    try:
        told: Any = orjson.loads(delivery.body)
    except orjson.JSONDecodeError:
        raise ValueError("the notification command sends JSON, and this is not") from None
    host = told.get("host") if isinstance(told, dict) else None
    if not isinstance(host, str) or not host:
        raise ValueError("the notification command names a `host`, and this does not")
    service, well = told.get("service"), told.get("well")
    hints: tuple[Hint, ...] = ()
    with suppress(ValueError, TypeError):
        # Of what never was well nobody tells when its trouble became hard.
        if int(well):
            hints = (Hint(episode_of(f"{host}!{service}" if service else host, int(well) * 1000).ref),)
    return Received(hashlib.sha256(delivery.body).hexdigest(), hints, incomplete=True)
