"""Plugins by strangers: real distributions, written into a folder where Python finds them like installed ones."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tieline.core.hooks import Committed
from tieline.core.model import ConnectionName, Signal
from tieline.core.plugins import Plugin
from tieline.core.yaml import Node


class Strangers:
    """Installs distributions for one test."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        monkeypatch.syspath_prepend(str(folder))

    def install(self, distribution: str, plugins: Mapping[str, str], extras: Sequence[str] = ()) -> None:
        """Install a distribution with one module of this source for each plugin."""
        info = self.folder / f"{distribution}-1.2.dist-info"
        info.mkdir()
        provided = "".join(f"Provides-Extra: {extra}\n" for extra in extras)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n{provided}")
        points = ["[tieline]"]
        for name, source in plugins.items():
            module = f"{distribution}_{name}".replace("-", "_")
            (self.folder / f"{module}.py").write_text(textwrap.dedent(source))
            points.append(f"{name} = {module}")
        (info / "entry_points.txt").write_text("\n".join(points))


@pytest.fixture
def strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Strangers]:
    """Installs strangers' plugins for one test."""
    before = set(sys.modules)
    yield Strangers(tmp_path / "site", monkeypatch)
    for module in set(sys.modules) - before:
        if getattr(sys.modules[module], "__file__", None) and str(tmp_path) in str(sys.modules[module].__file__):
            del sys.modules[module]


def plugin(name: str, implementation: object) -> Plugin:
    """A plugin that needs no installation."""
    return Plugin(name, implementation)


def allowed(*names: str) -> dict[str, Node]:
    """These plugins, without settings."""
    return {name: Node(None, number, 5) for number, name in enumerate(names, 1)}


def signal(**labels: str) -> Signal:
    """An alert with these labels."""
    return Signal(ConnectionName("alerts"), "episode-1", {"title": "Disk full", "firing": True}, labels)


def event(seq: int = 1, reason: str = "") -> Committed:
    """Something that was committed."""
    return Committed(seq, "opened", None, ConnectionName("snow"), "ann", reason, {})
