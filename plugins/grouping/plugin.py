"""Group by labels: alerts that agree on the configured labels open one incident.

The key holds the labels' names and values, so that two groups never meet by accident. A name that is no label of the
alert is looked up among its fields (`service` has many names in labels, and the mapping knows them); an alert that has
none of them stands for itself.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from tieline.core.hooks import hookimpl
from tieline.core.model import Signal


class Settings(BaseModel):
    """What the `grouping` plugin may be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: tuple[str, ...] = Field(
        default=("alertname", "service", "job"), min_length=1, description="Labels (or fields) that make a group."
    )
    across_sources: bool = Field(default=True, description="Whether alerts of different sources may share a group.")


class Grouping:
    """The plugin: one instance per configuration."""

    settings = Settings

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @hookimpl
    def tieline_group_key(self, signal: Signal) -> str | None:
        """The labels' values as a key, or None for an alert that has none of them."""
        found = [(name, value) for name in self._settings.by if (value := _value(signal, name))]
        if not found:
            return None
        key = ",".join(f"{_escape(name)}={_escape(value)}" for name, value in found)
        return key if self._settings.across_sources else f"{signal.connection}:{key}"


def _value(signal: Signal, name: str) -> str:
    """The label's value, else the field's; "" for neither: to Prometheus an empty label is an absent one."""
    value = signal.labels.get(name) or signal.fields.get(name)
    return value if isinstance(value, str) else ""


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")


plugin = Grouping
