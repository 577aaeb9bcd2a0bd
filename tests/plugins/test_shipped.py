"""The shipped plugins come in by the same door as a stranger's, and every hook has one that uses it."""

from __future__ import annotations

from pathlib import Path

from tieline.core.config import load_text
from tieline.core.hooks import Committed
from tieline.core.model import Audience, ConnectionName, Signal, Tlp
from tieline.core.plugins import HOOKS, installed
from tieline.core.registry import Registry

FILE = """
tieline: 1
plugins:
  grouping: {by: [cluster]}
  severity: {rules: [{when: labels.cluster == "eu", severity: critical}]}
  disclosure: {connections: {left: {fields: [title]}}}
  measurement:
connections:
  left: {tool: memory}
"""


def registry() -> Registry:
    return load_text(FILE, Path("/nowhere/tieline.yaml"))[1]


def test_settings_from_the_file_reach_the_plugins() -> None:
    plugins = registry()
    signal = Signal(ConnectionName("prom"), "e", {"title": "x"}, {"cluster": "eu"})
    assert plugins.group_key(signal) == "cluster=eu"
    found = {"severity": "critical", "priority": "p1", "impact": "high", "urgency": "high"}
    assert plugins.classify(signal, signal.fields) == found
    left = ConnectionName("left")
    assert plugins.refused_fields({"title": "x", "team": "y"}, left, Tlp.RED) == {"team"}
    assert plugins.refuses_comment(Audience.CUSTOMERS, left, Tlp.RED)
    plugins.tell(Committed(1, "opened", None, left, "ann", "", {}))
    assert plugins.drain()
    assert b'tieline_events_total{connection="left",kind="opened",reason=""} 1.0' in plugins.metrics()
    plugins.close()


def test_no_hook_is_without_a_shipped_plugin() -> None:
    shipped = [point for point in installed() if point.value.startswith("tieline.")]
    from tieline.core.yaml import Node

    states = Registry.load({point.name: Node(None, 1, 1) for point in shipped}).states()
    assert {hook for state in states for hook in state.hooks} == HOOKS
