"""What happened to announcements, and the tables of what they are to say."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, String, Text

from tieline.core.arguments import Instant, Line, Words
from tieline.core.model import Disruption, Phase
from tieline.core.plugin_events import PluginEvent
from tieline.core.projections import Happened, Projection, Rows, plugin_table, subject_column
from tieline.core.store.types import Instant as InstantColumn

WORDS = plugin_table(
    "publishing",
    "words",
    subject_column(primary_key=True),
    Column("about", String(32), nullable=False),  # the id of the incident
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("phase", String(20), nullable=False),
    Column("disruption", String(20), nullable=False),
    Column("legal", Boolean, nullable=False),  # whether somebody said that it touches the law or security
    Column("at", InstantColumn),  # when it is to be published, once that is approved
)
WRITER = plugin_table(
    "publishing", "writer", subject_column(primary_key=True), Column("person", Text, primary_key=True)
)
STOP = plugin_table("publishing", "stop", subject_column(primary_key=True), Column("why", Text, nullable=False))

SAID: Final = ("title", "description", "phase", "disruption")
"""The fields that everybody reads."""


class Written(PluginEvent, kind="publishing.written"):
    """somebody wrote what an announcement is to say; all of it, and the incident that it is about"""

    about: str
    title: Line
    description: Words
    phase: Phase
    disruption: Disruption
    legal: bool


class Scheduled(PluginEvent, kind="publishing.scheduled"):
    """an announcement is published at a time, in the words that were approved"""

    at: Instant


class Published(PluginEvent, kind="publishing.published"):
    """an announcement is shown in the words that were approved"""


class Retracted(PluginEvent, kind="publishing.retracted"):
    """an announcement was withdrawn; why, where everybody is told"""

    why: Line | None


class Stopped(PluginEvent, kind="publishing.stopped"):
    """nothing is published any more; why"""

    why: Line


class Resumed(PluginEvent, kind="publishing.resumed"):
    """what is approved is published again"""


def _written(rows: Rows, event: Written, happened: Happened) -> None:
    rows.put(WORDS, subject=happened.subject, at=None, **event.facts())
    rows.put(WRITER, subject=happened.subject, person=happened.actor)


def _scheduled(rows: Rows, event: Scheduled, happened: Happened) -> None:
    rows.change(WORDS, {"subject": happened.subject}, at=event.at)


def _over(rows: Rows, _event: Published | Retracted, happened: Happened) -> None:
    rows.change(WORDS, {"subject": happened.subject}, at=None)


def _stopped(rows: Rows, event: Stopped, happened: Happened) -> None:
    rows.put(STOP, subject=happened.subject, why=event.why)


def _resumed(rows: Rows, _event: Resumed, happened: Happened) -> None:
    rows.drop(STOP, subject=happened.subject)


EVENTS = (Written, Scheduled, Published, Retracted, Stopped, Resumed)
ANNOUNCEMENTS = Projection(
    "announcements",
    (WORDS, WRITER, STOP),
    {
        Written: _written,
        Scheduled: _scheduled,
        Published: _over,
        Retracted: _over,
        Stopped: _stopped,
        Resumed: _resumed,
    },
)
