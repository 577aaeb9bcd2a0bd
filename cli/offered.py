"""The commands of plugins: a group for each that offers something, and in it a command for each of its acts.

Which groups there are stands in an index beside `tieline.yaml`, so that help answers at once. It is made anew where the
file, a plugin or Python has changed, is believed of nothing but names, and costs a start of the plugins where it cannot
be kept.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import orjson

if TYPE_CHECKING:
    from tieline.core.offer import Offers

INDEX: Final = ".tieline-commands.json"
FILE: Final = "tieline.yaml"
LARGEST: Final = 256 * 1024
"""Bytes of an index; no workspace has so many groups."""

LONGEST: Final = 20
"""Characters of a group's name."""


def groups(workspace: str) -> Mapping[str, str]:
    """The groups that the plugins of a workspace offer, each with its summary; none where the workspace is refused."""
    folder = Path(workspace)
    known = _read(folder)
    if known is not None:
        return known
    if not (folder / FILE).exists():
        return {}
    from tieline.core.config import load_workspace
    from tieline.core.errors import ConfigError

    try:
        _config, registry = load_workspace(folder / FILE)
    except ConfigError:
        return {}
    offers = registry.offers.by_group
    found = {name: offer.summary for name, offer in offers.items() if offer.views or offer.acts or offer.jobs}
    files = {file for one in registry.states() if (file := _file_of(one.origin)) is not None}
    registry.close()
    _write(folder, found, sorted(files))
    return found


def group(workspace: str, name: str) -> click.Group | None:
    """The commands of one group, from the plugins themselves."""
    from tieline.cli.open import configuration

    _config, registry = configuration(workspace)
    offers = registry.offers
    registry.close()
    return commands(offers, name) if name in offers.by_group else None


def commands(offers: Offers, name: str) -> click.Group:
    """The commands of one group that is offered."""
    from tieline.cli import acts, views
    from tieline.cli.commands import SHOWS_JOB
    from tieline.cli.decide import do
    from tieline.sync.office.own_views import OWN_VIEWS

    offer = offers.by_group[name]
    made = click.Group(name, help=offer.summary)
    for view in offer.views:
        made.add_command(views.command(offers.views[f"{name} {view.name}"]))
    for act in (*offer.acts, *offer.jobs):
        made.add_command(acts.command(offers.acts[f"{name} {act.name}"], do, views.looking(OWN_VIEWS[SHOWS_JOB])))
    return made


def _read(folder: Path) -> Mapping[str, str] | None:
    try:
        index: Any = orjson.loads(_kept(folder / INDEX))
        files, found = index["files"], index["groups"]
        if index["stamp"] != _stamp(folder, files) or not all(_can_be(*one) for one in found.items()):
            return None
        return dict(found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _kept(file: Path) -> bytes:
    """What a file holds. Raises OSError for one that is none, or is too large: anybody may have put it there."""
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as opened:
        found = os.fstat(opened.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            raise OSError(f"{file.name} is no index")
        return opened.read()


def _can_be(name: str, summary: str) -> bool:
    is_name = name.isascii() and name.isidentifier() and name.islower() and len(name) <= LONGEST
    return is_name and summary.isprintable()


def _write(folder: Path, found: Mapping[str, str], files: list[str]) -> None:
    index = {"stamp": _stamp(folder, files), "files": files, "groups": found}
    beside = folder / f"{INDEX}.{os.urandom(4).hex()}"
    with suppress(OSError):
        # A new file, or none: whoever may write into the folder could have put a link in its place.
        with beside.open("xb") as made:
            made.write(orjson.dumps(index))
        beside.replace(folder / INDEX)


def _stamp(folder: Path, files: list[str]) -> list[Any]:
    """What is another whenever other groups may be offered: Python, its paths, the workspace's file, the plugins'."""
    return [sys.version, *(_when(place) for place in [str(folder / FILE), *sys.path, *files])]


def _when(place: str) -> list[Any]:
    try:
        found = Path(place or ".").stat()
    except OSError:
        return [place, None]
    return [place, found.st_mtime_ns, found.st_size]


def _file_of(origin: str) -> str | None:
    module = sys.modules.get(origin.partition(":")[0])
    return None if module is None else getattr(module, "__file__", None)
