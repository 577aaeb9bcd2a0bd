from tieline_promises import plugin

from tieline.sync.testing import PluginContract


class TestPromises(PluginContract):
    plugin = plugin
