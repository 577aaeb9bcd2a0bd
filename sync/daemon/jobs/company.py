"""How a source's lane waits for company, so that a sender with one connection costs little more than one with many.

Alertmanager sends a group a request over few connections, the next one as soon as the last one is answered. A lane that
takes in each alert by itself then pays a transaction, a trip to the disk and a dozen changes of thread for every one of
them, and takes them from the server and the intake. What comes on the heels of the last batch waits here for more of
its kind: it is stored already, and its sender has been told so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

HEELS: Final = 0.003
"""Seconds after a batch within which the next alert makes it a stream: more than 300 a second."""

GATHER: Final = 0.025
"""Seconds that a stream is gathered. An alert that comes alone never waits for them."""

COMPANY: Final = 3
"""Alerts of a batch that was worth the wait; after a smaller one the next alert is taken in at once."""


class Company:
    """One lane's waiting. `follows` answers whether more has come in, and waits for it that many seconds; `pause` lets
    that many seconds go by."""

    def __init__(self, follows: Callable[[float], bool], pause: Callable[[float], None]) -> None:
        self._follows = follows
        self._pause = pause
        self._gathered = False

    def gather(self, took: int) -> None:
        """Wait, after a step that took in so many alerts and left none behind, if that is worth while."""
        in_vain = self._gathered and took < COMPANY
        self._gathered = took > 0 and not in_vain and self._follows(HEELS)
        if self._gathered:
            self._pause(GATHER)
