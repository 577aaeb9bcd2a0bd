"""Registers Splunk Enterprise Security."""

from __future__ import annotations

from typing import Final

from tieline.adapters.splunk.adapter import connect
from tieline.adapters.splunk.settings import SplunkSettings
from tieline.core.hooks import hookimpl
from tieline.core.model import RecordKind
from tieline.core.port import AdapterKind, Power, Summary

KIND: Final = AdapterKind(
    "splunk",
    RecordKind.INCIDENT,
    SplunkSettings,
    connect,
    frozenset({Power.WRITE, Power.COMMENT, Power.PEOPLE, Power.REOPEN}),
    "splunk-notable",
    "plain",
    calls_per_minute=60,  # each is a search, and a search head runs few at once
    creates=False,
    summary=Summary(
        title="Splunk Enterprise Security",
        through="searches and `notable_update`",
        reads="notable events by when they were indexed, and their edits",
        writes="status, urgency, owner, disposition",
        comments="comments of edits",
        limits=(
            "Correlation searches make the events: none is created from here.",
            "Nothing tells what a write replaced: an edit in the same moment is lost on its side.",
            "Comments have no ids and cannot be edited.",
            "Investigations of version 8 are not read.",
        ),
    ),
    look_at="which transitions of a status the account's role may make",
)


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """One kind."""
    return [KIND]
