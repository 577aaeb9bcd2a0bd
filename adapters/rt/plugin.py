"""What the entry point loads: Request Tracker, registered."""

from __future__ import annotations

from typing import Any, Final

from tieline.adapters.rt.settings import RequestTrackerSettings
from tieline.core.hooks import hookimpl
from tieline.core.model import ConnectionName, RecordKind
from tieline.core.port import AdapterKind, Power, Source, Summary, Workbench


def connect(name: ConnectionName, settings: Any, bench: Workbench) -> Source:
    """The adapter, imported by the first connection."""
    from tieline.adapters.rt import adapter

    return adapter.connect(name, settings, bench)


# No EDIT_COMMENT: what was said on a ticket is never rewritten there.
POWERS: Final = frozenset(
    {
        Power.WRITE,
        Power.WRITE_IF_UNCHANGED,
        Power.FIND,
        Power.RECEIVE,
        Power.COMMENT,
        Power.DESCRIBE,
        Power.PEOPLE,
        Power.LINK,
        Power.REOPEN,
    }
)


KIND: Final = AdapterKind(
    tool="rt",
    record=RecordKind.INCIDENT,
    settings=RequestTrackerSettings,
    connect=connect,
    powers=POWERS,
    mapping="rt-ticket",
    summary=Summary(
        title="Request Tracker 5",
        through="REST2",
        reads="pages by (updated, id)",
        writes="creates and updates, with `If-Match`; what was left out of a write is named",
        finds="a custom field, read back",
        proof="a Scrip that signs",
        comments="comments and correspondence",
        limits=(
            "The first message and the comments of a ticket are never rewritten there.",
            "Comments of a ticket that was merged into another are not taken over with it.",
            "Which statuses and values are allowed is told to administrators only: what is refused is said then.",
        ),
    ),
    look_at="the queue's lifecycle, its Scrips, and the account's rights on the queue",
)


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """Register Request Tracker."""
    return [KIND]
