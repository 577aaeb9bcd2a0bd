"""What may leave for a tool: an incident by its label, and a field by what the plugins say."""

from __future__ import annotations

from tieline.core.model import Fields, Tlp, shown_to
from tieline.sync.engine import Connected, Engine
from tieline.sync.records import Incident


def is_above(here: Connected, label: Tlp | None) -> bool:
    """True for a label above what this connection may hold."""
    return label is not None and label.rank > here.config.ceiling.rank


def refusal(here: Connected, incident: Incident) -> str:
    """Why this incident may not leave for this connection, for a person; "" when it may."""
    label = incident.fields.get("tlp")
    if label is None or not is_above(here, Tlp(str(label))):
        return ""
    return (
        f"{incident.number} is TLP:{str(label).upper()} and {here.name} may hold at most "
        f"TLP:{here.config.ceiling.value.upper()}; lower the label or raise the connection's ceiling"
    )


def may_leave(engine: Engine, here: Connected, fields: Fields) -> Fields:
    """The fields that no plugin refuses to disclose to this connection; outside, those that are for its readers."""
    if here.kind.readers.is_outside:
        fields = shown_to(here.kind.readers, fields, here.kind.record)
    refused = engine.registry.refused_fields(fields, here.name, here.config.ceiling, here.kind.record)
    return {name: value for name, value in fields.items() if name not in refused}
