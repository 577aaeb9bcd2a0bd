"""The escalation plugin keeps the contract for plugins."""

from typing import ClassVar

from tests.plugins.on_postgres import OnPostgres, postgres_server

from tieline.plugins.escalation.plugin import Plugin
from tieline.sync.testing import PluginContract

__all__ = ["postgres_server"]


class TestEscalation(PluginContract):
    plugin = Plugin
    settings: ClassVar = {"fallback": {"team": "second line"}, "manager": "ann@example.com"}


class TestEscalationOnPostgres(OnPostgres, TestEscalation):
    pass
