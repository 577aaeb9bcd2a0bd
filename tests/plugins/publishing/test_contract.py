"""The publishing plugin keeps the contract for plugins, with a place beside it where everybody reads."""

from __future__ import annotations

from tests.plugins.on_postgres import OnPostgres, postgres_server

from tieline.plugins.publishing.plugin import Plugin
from tieline.sync.testing import PluginContract

__all__ = ["postgres_server"]


class TestPublishing(PluginContract):
    plugin = Plugin


class TestPublishingOnPostgres(OnPostgres, TestPublishing):
    pass
