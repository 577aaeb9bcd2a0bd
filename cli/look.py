"""Commands that look. They read the store and work while the daemon is down.

One that is asked for is made then, and no other.
"""

from __future__ import annotations

import click

from tieline.cli.views import command
from tieline.sync.office.own_views import OWN_VIEWS


def __getattr__(name: str) -> click.Command:
    try:
        return command(OWN_VIEWS[name])
    except LookupError:
        raise AttributeError(name) from None
