"""What the plugin may be told, and the policies that hold in its place once there are some in the store."""

from __future__ import annotations

from pydantic import Field

from tieline.core.policy import Policy
from tieline.plugins.runbook.policy import Books
from tieline.plugins.runbook.rules import TRIAL, Automation


class Settings(Books):
    """What the `runbook` plugin may be told."""

    automation: Automation = Field(
        default=Automation(),
        description="What may be done, by whom, where, when and how often. It holds until somebody has others approved "
        "as `runbook.automation`.",
    )


def books(settings: Settings) -> Policy[Books]:
    """The policy that says which runbooks there are. Before anybody has one approved, those of the settings hold."""
    return Policy("books", "which runbooks there are, and what they do", Books(runbooks=settings.runbooks))


def automation(settings: Settings) -> Policy[Automation]:
    """The policy that says what may be done. Before anybody has one approved, that of the settings holds."""
    summary = "which steps may be done, by whom, where, when and how often"
    return Policy("automation", summary, settings.automation, TRIAL)
