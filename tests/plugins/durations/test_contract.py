"""The durations plugin keeps the contract for plugins."""

from tests.plugins.on_postgres import OnPostgres, postgres_server

from tieline.plugins.durations.plugin import Plugin
from tieline.sync.testing import PluginContract

__all__ = ["postgres_server"]


class TestDurations(PluginContract):
    plugin = Plugin


class TestDurationsOnPostgres(OnPostgres, TestDurations):
    pass
