"""What the entry point loads: the ServiceNow adapter, registered. Importing it costs no SDK."""

from __future__ import annotations

from typing import Any, Final

from tieline.adapters.servicenow.settings import ServiceNowSettings
from tieline.core.hooks import hookimpl
from tieline.core.model import ConnectionName, RecordKind
from tieline.core.port import AdapterKind, Power, Source, Workbench


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
)


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """Register ServiceNow."""
    return [KIND]
