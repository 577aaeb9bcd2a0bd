"""Registers Statuspage."""

from __future__ import annotations

from typing import Final

from tieline.adapters.statuspage.adapter import connect
from tieline.adapters.statuspage.settings import StatuspageSettings
from tieline.core.hooks import hookimpl
from tieline.core.model import Audience, ConnectionName, RecordKind
from tieline.core.port import AdapterKind, Power, Summary


def published(_name: ConnectionName) -> str:
    """The condition of what is copied there."""
    return 'status == "published" || status == "retracted"'


KIND: Final = AdapterKind(
    "statuspage",
    RecordKind.ANNOUNCEMENT,
    StatuspageSettings,
    connect,
    frozenset({Power.WRITE, Power.FIND}),
    "statuspage-announcement",
    "markdown",
    calls_per_minute=50,  # an account may ask once a second, counted over a minute
    copies=published,
    readers=Audience.PUBLIC,
    summary=Summary(
        title="Statuspage",
        through="REST v1",
        reads="incidents that began lately",
        writes="what was approved, byte for byte",
        finds="`metadata`, read back",
        limits=("What was told is not emptied: each text is an update of its own.",),
    ),
    look_at="the page and its incident",
)


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """One kind."""
    return [KIND]
