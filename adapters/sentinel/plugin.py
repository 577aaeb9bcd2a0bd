"""Registers Microsoft Sentinel."""

from __future__ import annotations

from typing import Final

from tieline.adapters.sentinel.adapter import connect
from tieline.adapters.sentinel.settings import SentinelSettings
from tieline.core.hooks import hookimpl
from tieline.core.model import RecordKind
from tieline.core.port import AdapterKind, Power, Summary

KIND: Final = AdapterKind(
    "sentinel",
    RecordKind.INCIDENT,
    SentinelSettings,
    connect,
    frozenset(
        {
            Power.WRITE,
            Power.FIND,
            Power.COMMENT,
            Power.EDIT_COMMENT,
            Power.PEOPLE,
            Power.REOPEN,
            Power.WRITE_IF_UNCHANGED,
        }
    ),
    "sentinel-incident",
    "markdown",
    calls_per_minute=60,  # for writes Azure allows 75 in five minutes, and says how long to wait
    summary=Summary(
        title="Microsoft Sentinel",
        through="Azure Resource Manager, 2024-09-01",
        reads="incidents changed since, in pages by time",
        writes="creates, updates, closes with a classification, opens again; on hold and critical as labels",
        finds="by its name, which our token makes",
        comments="comments, edited in place",
        limits=(
            "Polled: no webhook of Sentinel is signed.",
            "An incident made here is not seen in the Defender portal: it takes none from outside.",
            "Who is given an incident is named by object id: `people` says who is who.",
        ),
    ),
    look_at="the workspace's automation rules, and whether it was moved to the Defender portal",
)


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """One kind."""
    return [KIND]
