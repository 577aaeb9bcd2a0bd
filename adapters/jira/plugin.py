"""Registers Jira. Importing this module imports neither the `jira` library nor requests."""

from __future__ import annotations

from typing import Any, Final

from tieline.adapters.jira.settings import DataCenterSettings, JiraSettings, JsmSettings
from tieline.core.hooks import hookimpl
from tieline.core.model import ConnectionName, RecordKind
from tieline.core.port import AdapterKind, Power, Source, Summary, Workbench


def connect(name: ConnectionName, settings: Any, bench: Workbench) -> Source:
    """The adapter, imported by the first connection: a command that only looks at the store does without."""
    from tieline.adapters.jira import adapter

    return adapter.connect(name, settings, bench)


POWERS: Final = frozenset(
    {
        Power.WRITE,
        Power.FIND,
        Power.RECEIVE,
        Power.COMMENT,
        Power.EDIT_COMMENT,
        Power.DESCRIBE,
        Power.PEOPLE,
        Power.LINK,
        Power.TELL_REPLACED,  # the changelog
        Power.REOPEN,  # where the workflow has a way; where it has none, the update is Rejected and says so
    }
)


def _summary(title: str, through: str, reads: str, comments: str) -> Summary:
    return Summary(
        title=title,
        through=through,
        reads=reads,
        writes="creates and updates, by transitions over several steps",
        finds="an issue property, set in the call that creates",
        proof="`X-Hub-Signature`",
        comments=comments,
        limits=(
            "An issue opens again where its workflow has a way there; where it has none, the field is held.",
            "Jira writes without looking at a version: an edit in the same moment is replaced, found in the changelog, "
            "and told.",
        ),
    )


CLOUD: Final = _summary("Jira Cloud", "REST v3, by jira", "`/search/jql`, then bulk fetch", "comments, edited in place")
JSM: Final = _summary(
    "Jira Service Management", "REST v3, by jira", "`/search/jql`, then bulk fetch", "internal and public, read back"
)
DATA_CENTER: Final = _summary("Jira Data Center", "REST v2, by jira", "`/search`", "comments, edited in place")


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """Three kinds, because a default mapping belongs to a kind: Cloud, Cloud service projects, Data Center."""
    return [
        AdapterKind(
            "jira", RecordKind.INCIDENT, JiraSettings, connect, POWERS, "jira-issue", "jira_adf", 300, summary=CLOUD
        ),
        AdapterKind(
            "jira-jsm",
            RecordKind.INCIDENT,
            JsmSettings,
            connect,
            POWERS,
            "jira-jsm-incident",
            "jira_adf",
            300,
            summary=JSM,
        ),
        AdapterKind(
            "jira-dc",
            RecordKind.INCIDENT,
            DataCenterSettings,
            connect,
            POWERS,
            "jira-issue-wiki",
            "jira_wiki",
            300,
            summary=DATA_CENTER,
        ),
    ]
