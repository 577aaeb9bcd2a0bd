"""The contract: what Tieline promises of whatever a plugin offers, as tests that a plugin's author inherits.

    from tieline.sync.testing import PluginContract
    from tieline_seats.plugin import Plugin

    class TestSeats(PluginContract):
        plugin = Plugin
        settings = {"rows": 12}

Nothing but the offer is needed: its acts are asked for with their examples, its timers fire as time passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from structlog.testing import capture_logs

from tieline.core.offer import Offer
from tieline.sync.testing.acting import ActContract
from tieline.sync.testing.asking_first import AskingFirstContract
from tieline.sync.testing.beside import BesideContract
from tieline.sync.testing.dying import DyingContract
from tieline.sync.testing.ground import Databases, Ground
from tieline.sync.testing.hostility import HostileContract
from tieline.sync.testing.kinds import KindContract
from tieline.sync.testing.lasting import LastingContract
from tieline.sync.testing.remembering import RememberingContract
from tieline.sync.testing.seeing import SeeingContract
from tieline.sync.testing.working import JobContract

__all__ = ["PluginContract"]


def offering(plugin: Any, settings: Mapping[str, Any]) -> Callable[[], Offer]:
    """Makes what a plugin offers, anew each time: of what its entry point names, with these settings."""

    def make() -> Offer:
        model = getattr(plugin, "settings", None)
        made = plugin(*([model.model_validate(settings)] if model is not None else [])) if callable(plugin) else plugin
        offer = made.tieline_offer()
        if not isinstance(offer, Offer):
            raise TypeError(f"tieline_offer answers {type(offer).__name__}, not an Offer")
        return offer

    return make


class PluginContract(
    ActContract,
    AskingFirstContract,
    BesideContract,
    DyingContract,
    HostileContract,
    JobContract,
    KindContract,
    LastingContract,
    RememberingContract,
    SeeingContract,
):
    """What a plugin owes. `plugin` is what its entry point names: a class, a function, a module or an object."""

    plugin: ClassVar[Any] = None
    settings: ClassVar[Mapping[str, Any]] = {}
    """As they would stand in `tieline.yaml`."""

    def around(self, ground: Ground) -> None:
        """What happens around it whenever time passes, such as a runner that does what it is told: the same each time,
        and by nothing but what is in the store."""

    @pytest.fixture
    def databases(self) -> Databases | None:
        """Where it is tried: in files, unless this is overridden."""
        return None

    @pytest.fixture
    def ground(self, tmp_path: Path, databases: Databases | None) -> Iterator[Ground]:
        """Where the plugin is tried."""
        if type(self).plugin is None:
            raise NotImplementedError("name what your entry point names: plugin = Plugin")
        with capture_logs():
            made = Ground(tmp_path / "ground", offering(type(self).plugin, self.settings), databases=databases)
            made.around = self.around
            made.admit()
            made.work()
            yield made
            made.close()
