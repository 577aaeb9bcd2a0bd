"""The durations plugin keeps the contract for plugins."""

from tieline.plugins.durations.plugin import Plugin
from tieline.sync.testing import PluginContract


class TestDurations(PluginContract):
    plugin = Plugin
