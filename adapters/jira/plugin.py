"""Registers Jira. Importing this module imports neither the `jira` library nor requests."""

from __future__ import annotations

from typing import Any, Final

from tieline.adapters.jira.settings import DataCenterSettings, JiraSettings, JsmSettings
from tieline.core.hooks import hookimpl
from tieline.core.model import ConnectionName, RecordKind
from tieline.core.port import AdapterKind, Power, Source, Workbench


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


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """Three kinds, because a default mapping belongs to a kind: Cloud, Cloud service projects, Data Center."""
    return [
        AdapterKind("jira", RecordKind.INCIDENT, JiraSettings, connect, POWERS, "jira-issue", "jira_adf", 300),
        AdapterKind(
            "jira-jsm", RecordKind.INCIDENT, JsmSettings, connect, POWERS, "jira-jsm-incident", "jira_adf", 300
        ),
        AdapterKind(
            "jira-dc", RecordKind.INCIDENT, DataCenterSettings, connect, POWERS, "jira-issue-wiki", "jira_wiki", 300
        ),
    ]
