"""What the entry point loads: the ServiceNow adapter, registered. Importing it costs no SDK."""

from __future__ import annotations

from typing import Any, Final

from tieline.adapters.servicenow.settings import ServiceNowSettings
from tieline.core.hooks import hookimpl
from tieline.core.model import ConnectionName, RecordKind
from tieline.core.port import AdapterKind, Power, Source, Summary, Workbench


def connect(name: ConnectionName, settings: Any, bench: Workbench) -> Source:
    """The adapter, imported by the first connection: a command that only looks at the store does without."""
    from tieline.adapters.servicenow import adapter

    return adapter.connect(name, settings, bench)


# No REOPEN: a closed incident stays closed. No LINK: an incident has no field for a foreign address, and a work note
# that carries one is a comment. No WRITE_IF_UNCHANGED: the Table API writes without looking at a version;
# sys_audit tells what a write replaced.
KIND: Final = AdapterKind(
    tool="servicenow",
    record=RecordKind.INCIDENT,
    settings=ServiceNowSettings,
    connect=connect,
    powers=frozenset(
        {
            Power.WRITE,
            Power.TELL_REPLACED,
            Power.FIND,
            Power.COMMENT,
            Power.DESCRIBE,
            Power.PEOPLE,
            Power.RECEIVE,
        }
    ),
    mapping="servicenow-incident",
    text="servicenow_journal",
    summary=Summary(
        title="ServiceNow",
        through="Table API, by pysnow",
        reads="pages by (updated, sys_id)",
        writes="creates and updates; what a write replaced is told from sys_audit",
        finds="`correlation_id`, read back",
        proof="a signed business rule",
        comments="comments and work notes",
        limits=(
            "A closed incident stays closed: it is not opened again.",
            "An incident has no field for a foreign address: links stand in work notes.",
            "The Table API writes without looking at a version: an edit in the same moment is replaced, found in the "
            "audit, and told.",
        ),
    ),
)


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """Register ServiceNow."""
    return [KIND]
