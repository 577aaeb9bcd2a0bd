"""What the plugin offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tieline.core.hooks import hookimpl
from tieline.core.offer import Offer
from tieline.core.pages import Page


def worst_first(answers: Mapping[str, Any]) -> Sequence[str]:
    """The incidents of the list, in its order."""
    return [one.incident for one in answers["now_wrong"].items]


OVERVIEW = Page(
    "/",
    "Incidents",
    "overview.html",
    views={"now_wrong": "overview"},
    live={"figures": "overview-figures.html", "list": "overview-list.html", "rest": "overview-rest.html"},
    rows=worst_first,
    icon="list",
    key="i",
)


def as_it_was(answers: Mapping[str, Any]) -> Sequence[str]:
    """What stands for the incident as it is."""
    one = answers["one"]
    return [str(one.revision), str(len(one.comments)), *(str(event.seq) for event in one.events[:1])]


INCIDENT = Page(
    "/incidents/{incident}",
    "Incident",
    "incident.html",
    views={"one": "incident"},
    live={"list": "incident-live.html"},
    rows=as_it_was,
)
OUTPUT = Page("/outputs/{execution}", "Output", "output.html", views={"wrote": "output"})
CONNECTIONS = Page(
    "/connections",
    "Connections",
    "connections.html",
    views={"tools": "connections"},
    live={"all": "connections-all.html"},
    icon="plug",
    key="c",
)


class Plugin:
    """It has no settings."""

    @hookimpl
    def tieline_offer(self) -> Offer:
        """The pages of the console."""
        return Offer(
            group="console",
            summary="Pages for people: what is wrong now, one incident, and the tools.",
            pages=(OVERVIEW, INCIDENT, OUTPUT, CONNECTIONS),
            templates=Path(__file__).parent / "templates",
        )


plugin = Plugin
