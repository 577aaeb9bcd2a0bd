"""The example of a plugin keeps the contract on PostgreSQL as well; in files its own test says so."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from tests.docs.promises import EXAMPLE, promises
from tests.plugins.on_postgres import OnPostgres, postgres_server

from tieline.sync.testing import PluginContract

__all__ = ["postgres_server"]


class TestPromisesOnPostgres(OnPostgres, PluginContract):
    plugin = promises()
    journals: ClassVar[Path | None] = EXAMPLE / "promises.events.json"
