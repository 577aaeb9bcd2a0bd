"""The example of a plugin keeps the contract on PostgreSQL as well; in files its own test says so."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import ClassVar

from tests.plugins.on_postgres import OnPostgres, postgres_server

from tieline.sync.testing import PluginContract

__all__ = ["postgres_server"]

EXAMPLE = Path(__file__).parents[2] / "examples/plugin"
_spec = importlib.util.spec_from_file_location("promises_of_the_example", EXAMPLE / "tieline_promises/plugin.py")
assert _spec is not None
assert _spec.loader is not None
plugin_of_the_example = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = plugin_of_the_example
_spec.loader.exec_module(plugin_of_the_example)


class TestPromisesOnPostgres(OnPostgres, PluginContract):
    plugin = plugin_of_the_example
    journals: ClassVar[Path | None] = EXAMPLE / "promises.events.json"
