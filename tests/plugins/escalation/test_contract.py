"""The escalation plugin keeps the contract for plugins."""

from typing import ClassVar

from tieline.plugins.escalation.plugin import Plugin
from tieline.sync.testing import PluginContract


class TestEscalation(PluginContract):
    plugin = Plugin
    settings: ClassVar = {"fallback": {"team": "second line"}, "manager": "ann@example.com"}
