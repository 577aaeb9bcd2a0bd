"""What the shipped plugins offer, from their entry points."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final

from tieline.core.offer import Offer, Offers
from tieline.core.plugins import GROUP, instantiate
from tieline.core.settings import Findings
from tieline.core.yaml import Node

PROJECT: Final = Path(__file__).parents[2] / "pyproject.toml"
"""Names them, also where they are not installed yet."""


@cache
def offers() -> Offers:
    """All of it, with settings as they are where nobody says otherwise."""
    return Offers(sorted(_offered(), key=lambda offer: offer.group))


def _offered() -> Iterator[Offer]:
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    for name, value in project["entry-points"][GROUP].items():
        plugin = EntryPoint(name, value, GROUP).load()
        offer = getattr(instantiate(name, plugin, Node(None, 1, 1), Findings("tieline.yaml")), "tieline_offer", None)
        if offer is not None:
            yield offer()
