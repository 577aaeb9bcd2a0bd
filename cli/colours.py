"""Who wants colours: NO_COLOR (no-color.org) and FORCE_COLOR (force-color.org) say so, and then the terminal does."""

from __future__ import annotations

import os
from typing import TextIO


def colours(stream: TextIO) -> bool:
    """Whether to colour what is written there."""
    asked_for = wanted()
    return stream.isatty() if asked_for is None else asked_for


def wanted() -> bool | None:
    """What the environment says, or None where it leaves that to the terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return False if os.environ.get("TERM") in ("dumb", "unknown") else None
