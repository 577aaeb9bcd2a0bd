"""The files of something new: those of an example as they stand, with a name of one's own in the place of theirs."""

from __future__ import annotations

from importlib import resources
from importlib.metadata import entry_points
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

import click

from tieline.cli.output import emit

PLUGIN: Final = ("plugin", "promises")
"""The folder of the example, and what is called so in it."""

ADAPTER: Final = ("adapter", "acme")

_LEFT_OUT: Final = ("__pycache__", ".pytest_cache", ".egg-info")


def write(example: tuple[str, str], what: str, name: str, folder: str | None, *, as_json: bool) -> None:
    """Write the files of something new, and say what to do next. Raises UsageError, and then nothing was written."""
    from tieline.core.offer import GROUP

    if not GROUP.fullmatch(name):
        raise click.UsageError(
            f"{name!r} is no name of {_a(what)}: 2 to 20 small letters, digits and _, a letter first"
        )
    if name in {point.name for point in entry_points(group="tieline")}:
        raise click.UsageError(f"{name} is the name of a plugin that is installed here; take another one")
    place = Path(folder or f"tieline-{name}")
    try:
        place.mkdir(parents=True)
    except FileExistsError:
        raise click.UsageError(f"{place} is there already; name another place with --folder") from None
    except OSError as error:
        raise click.UsageError(f"{place} cannot be made: {error.strerror}") from None
    written = files(example, name)
    for file, text in written.items():
        (place / file).parent.mkdir(exist_ok=True)
        (place / file).write_text(text, encoding="utf-8")
    if as_json:
        emit({"folder": str(place), "files": list(written)})
        return
    click.echo(f"{place} is written. Then: cd {place} && pip install --editable . && python -m pytest")


def files(example: tuple[str, str], name: str) -> dict[str, str]:
    """The files of something of this name, by their places in its folder."""
    folder, known = example
    return {
        _named(place, known, name): _named(file.read_text("utf-8"), known, name)
        for place, file in _below(resources.files("tieline.cli") / "examples" / folder)
    }


def _a(what: str) -> str:
    return f"an {what}" if what[0] in "aeiou" else f"a {what}"


def _below(folder: Traversable, place: str = "") -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for one in sorted(folder.iterdir(), key=lambda one: one.name):
        if one.name.endswith(_LEFT_OUT):
            continue
        found += _below(one, f"{place}{one.name}/") if one.is_dir() else [(f"{place}{one.name}", one)]
    return found


def _named(text: str, known: str, name: str) -> str:
    written = "".join(part.capitalize() for part in name.split("_"))
    return text.replace(known.capitalize(), written).replace(known.upper(), name.upper()).replace(known, name)
