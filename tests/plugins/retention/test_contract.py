"""The retention plugin keeps the contract for plugins."""

from tests.plugins.on_postgres import OnPostgres, postgres_server

from tieline.plugins.retention.plugin import Plugin
from tieline.sync.testing import PluginContract

__all__ = ["postgres_server"]


class TestRetention(PluginContract):
    plugin = Plugin


class TestRetentionOnPostgres(OnPostgres, TestRetention):
    pass
