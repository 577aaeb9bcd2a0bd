"""Group by labels: alerts that agree on the configured labels open one incident.

Some labels only keep groups apart: the same alert of the staging environment, or of another customer's cluster, is
other people's work. They count where an alert has them, and make no group by themselves.

The key holds the labels' names and values, so that two groups never meet by accident. A name that is no label of the
alert is looked up among its fields (`service` has many names in labels, and the mapping knows them); an alert that has
none of them stands for itself.
"""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from tieline.core.hooks import hookimpl
from tieline.core.model import Signal

APART: Final = (
    *("environment", "env", "stage", "deployment_environment", "deployment_environment_name"),
    *("cluster", "cluster_name", "cluster_id", "k8s_cluster", "k8s_cluster_name", "kubernetes_cluster"),
    *("tenant", "tenant_id", "customer", "customer_id"),
    *("namespace", "exported_namespace", "kubernetes_namespace", "k8s_namespace_name"),
)
"""Prometheus' and Kubernetes' own names, those that exporters and OpenTelemetry give, and what teams write by hand.
`exported_namespace` is the true one where the scraped exporter has a namespace of its own."""


class Settings(BaseModel):
    """What the `grouping` plugin may be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: tuple[str, ...] = Field(
        default=("alertname", "service", "job"), min_length=1, description="Labels (or fields) that make a group."
    )
    apart: tuple[str, ...] = Field(
        default=APART, description="Labels (or fields) that keep groups apart, where an alert has them."
    )
    across_sources: bool = Field(default=True, description="Whether alerts of different sources may share a group.")


class Grouping:
    """The plugin: one instance per configuration."""

    settings = Settings

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._apart = tuple(name for name in settings.apart if name not in settings.by)

    @hookimpl
    def tieline_group_key(self, signal: Signal) -> str | None:
        """The labels' values as a key, or None for an alert that has none of them."""
        found = _found(signal, self._settings.by)
        if not found:
            return None
        found += _found(signal, self._apart)
        key = ",".join(f"{_escape(name)}={_escape(value)}" for name, value in found)
        return key if self._settings.across_sources else f"{signal.connection}:{key}"

    @hookimpl
    def tieline_grouping(self) -> str:
        """The key that is in force."""
        conditions = [] if self._settings.across_sources else ["come from the same source"]
        if self._apart:
            conditions.append(f"agree on those of these that they have: {', '.join(self._apart)}")
        provided = f", if they {' and '.join(conditions)}" if conditions else ""
        return f"Alerts that agree on {', '.join(self._settings.by)} share an incident{provided}."


def _found(signal: Signal, names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(name, value) for name in names if (value := _value(signal, name))]


def _value(signal: Signal, name: str) -> str:
    """The label's value, else the field's; "" for neither: to Prometheus an empty label is an absent one."""
    value = signal.labels.get(name) or signal.fields.get(name)
    return value if isinstance(value, str) else ""


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")


plugin = Grouping
