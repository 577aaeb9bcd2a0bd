"""Registers Microsoft Defender XDR."""

from __future__ import annotations

from typing import Final

from tieline.adapters.defender.adapter import connect
from tieline.adapters.defender.settings import DefenderSettings
from tieline.core.hooks import hookimpl
from tieline.core.model import RecordKind
from tieline.core.port import AdapterKind, Power, Summary

KIND: Final = AdapterKind(
    "defender",
    RecordKind.INCIDENT,
    DefenderSettings,
    connect,
    frozenset({Power.WRITE, Power.COMMENT, Power.PEOPLE, Power.REOPEN}),
    "defender-incident",
    "plain",
    calls_per_minute=50,  # as the service that stands behind it allows
    creates=False,
    summary=Summary(
        title="Microsoft Defender XDR",
        through="Microsoft Graph v1.0",
        reads="incidents changed since, and which one an incident was merged into",
        writes="status, classification, tags, who works on it; what it has no word for as a tag",
        comments="comments",
        limits=(
            "Defender makes its incidents itself: none is created from here.",
            "Nothing tells what a write replaced: an edit in the same moment is lost on its side.",
            "Comments have no ids and cannot be edited.",
            "Polled: it sends no webhook.",
        ),
    ),
    look_at="the rights of the app registration, and the correlation that moves alerts between incidents",
)


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """One kind."""
    return [KIND]
