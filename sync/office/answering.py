"""What a plugin does while somebody waits for the answer: a fault of it is logged, and told to them as what it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tieline.core.errors import PluginFault
from tieline.core.offer import Offer
from tieline.core.strangers import guarded


@contextmanager
def answering(offer: Offer | None, what: str) -> Iterator[None]:
    """Around code of this offer, or of Tieline's own, where there is none to be told apart. Raises PluginFault."""
    if offer is None:
        yield
        return
    try:
        with guarded(what):
            yield
    except PluginFault as fault:
        # It brings much along, and mostly there is no fault.
        import structlog

        told = {"plugin": offer.group, "what": what, "sentence": str(fault)}
        structlog.get_logger("tieline.plugins").error("plugin_failed", **told, exc_info=fault)
        raise
