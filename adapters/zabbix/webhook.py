"""What the media type sends: that something happened to an event. It comes late, twice and out of order, and says how
the event is when it is sent, so that it only has us look at once."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import Any

import orjson

from tieline.adapters.zabbix.problem import episode_of
from tieline.core.port import Delivery, Hint, Received


def parse(delivery: Delivery) -> Received:
    """A hint at the problem that it names, and that there is something to look for. Raises ValueError."""
    try:
        told: Any = orjson.loads(delivery.body)
    except orjson.JSONDecodeError:
        raise ValueError("the media type sends JSON, and this is not") from None
    event = told.get("event") if isinstance(told, dict) else None
    if not isinstance(event, str) or not event.isdigit():
        # What has no value comes as the macro's own name.
        raise ValueError("the media type names an `event` by its number, and this does not; check its parameters")
    hints: tuple[Hint, ...] = ()
    with suppress(ValueError, TypeError):
        hints = (Hint(episode_of(event, int(told.get("began"))).ref),)
    return Received(hashlib.sha256(delivery.body).hexdigest(), hints, incomplete=True)
