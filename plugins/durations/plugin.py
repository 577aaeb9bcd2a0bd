"""What the plugin offers."""

from __future__ import annotations

from tieline.core.access import READ
from tieline.core.hooks import hookimpl
from tieline.core.offer import Offer
from tieline.core.views import View
from tieline.plugins.durations.tables import STAMPED
from tieline.plugins.durations.views import times


class Plugin:
    """It has no settings."""

    @hookimpl
    def tieline_offer(self) -> Offer:
        """How long it takes until incidents are taken, and until they are over."""
        return Offer(
            group="durations",
            summary="How long it takes until incidents are detected, taken and resolved.",
            views=(View("times", times, READ, ("what",)),),
            projections=(STAMPED,),
        )


plugin = Plugin
