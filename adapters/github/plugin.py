"""Registers GitHub Issues."""

from __future__ import annotations

from typing import Final

from tieline.adapters.github.adapter import connect
from tieline.adapters.github.settings import GithubSettings
from tieline.core.hooks import hookimpl
from tieline.core.model import RecordKind
from tieline.core.port import AdapterKind, Power, Summary

KIND: Final = AdapterKind(
    "github",
    RecordKind.INCIDENT,
    GithubSettings,
    connect,
    frozenset({Power.WRITE, Power.FIND, Power.RECEIVE, Power.COMMENT, Power.EDIT_COMMENT, Power.PEOPLE, Power.REOPEN}),
    "github-issue",
    "markdown",
    calls_per_minute=80,  # 5,000 an hour
    summary=Summary(
        title="GitHub Issues",
        through="REST of 2022-11-28",
        reads="what changed since, in pages by time",
        writes="creates, updates, opens again; severity, priority and progress as labels",
        finds="a mark in the text that is not shown",
        proof="`X-Hub-Signature-256`, several secrets at once",
        comments="comments, edited in place",
        limits=(
            "Only private repositories: in a public one everybody reads.",
            "Nothing tells what a write replaced: an edit in the same moment is lost on its side.",
            "GitHub shows few addresses: `people` says who is who.",
        ),
    ),
    look_at="the repository's workflows and rules, and what the account may do there",
)


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """One kind."""
    return [KIND]
