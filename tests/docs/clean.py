"""A clean machine for pages that begin with `pip install`: Python without anything, and an index of what is locked.

The index is made of the distributions of this environment, packed again as wheels, so that no test asks the network.
"""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from tests.docs.pages import ROOT

LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "tests", "benchmarks", "docs")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EXTRAS = re.compile(r"""extra\s*==\s*["']([\w-]+)["']""")


def checkout(folder: Path) -> None:
    """What a reader has after `git clone`, as far as it is installed or copied from."""
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT, symlinks=True)


def index(folder: Path, *wanted: str) -> Path:
    """A folder of wheels with these distributions (`name[extra]`) and all that they need."""
    folder.mkdir()
    for name in _closure(wanted):
        _pack(metadata.distribution(name), folder)
    return folder


def python(folder: Path) -> Path:
    """A folder for PATH in which `python3` is the interpreter alone, without this environment."""
    folder.mkdir()
    (folder / "python3").symlink_to(getattr(sys, "_base_executable", sys.executable))
    return folder


def _closure(wanted: Sequence[str]) -> Iterator[str]:
    """The names of what is needed and installed here; what is for other machines is not."""
    seen: set[tuple[str, frozenset[str]]] = set()
    told: set[str] = set()
    waiting = [_split(one) for one in wanted]
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            asked_for = _ours() if name == "tieline" else metadata.distribution(name).requires or []
        except metadata.PackageNotFoundError:
            continue
        if name not in told and name != "tieline":
            told.add(name)
            yield name
        for line in asked_for:
            asked, _, marker = line.partition(";")
            for_extra = _EXTRAS.search(marker)
            if for_extra is None or for_extra[1] in extras:
                waiting.append(_split(asked))


def _ours() -> list[str]:
    """What the checkout asks for, whatever it asked for when it was installed here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].items()
    return [*project["dependencies"], *(f"{one}; extra == '{extra}'" for extra, asked in extras for one in asked)]


def _split(requirement: str) -> tuple[str, frozenset[str]]:
    match = _NAME.match(requirement)
    if match is None:
        raise ValueError(f"not a requirement: {requirement!r}")
    extras = re.match(r"\s*\[([^]]*)\]", requirement[match.end() :])
    named = extras[1].split(",") if extras else []
    return re.sub(r"[-_.]+", "-", match[0]).lower(), frozenset(one.strip() for one in named)


def _pack(found: metadata.Distribution, folder: Path) -> None:
    """An installed distribution as the wheel that it came from, but for its scripts, which pip writes anew."""
    files = [path for path in found.files or () if ".." not in path.parts and path.suffix != ".pyc"]
    tags = re.findall(r"^Tag: (.+)$", found.read_text("WHEEL") or "Tag: py3-none-any", re.MULTILINE)
    parts = [sorted({tag.split("-")[place] for tag in tags}) for place in range(3)]
    name = re.sub(r"[-_.]+", "_", found.metadata["Name"])
    wheel = folder / f"{name}-{found.version}-{'-'.join('.'.join(part) for part in parts)}.whl"
    with zipfile.ZipFile(wheel, "w", strict_timestamps=False) as packed:
        for path in files:
            where = Path(str(found.locate_file(path)))
            if where.is_file() and path.name not in ("INSTALLER", "REQUESTED", "direct_url.json", "RECORD"):
                packed.write(where, path.as_posix())
        record = next(path for path in files if path.name == "RECORD").as_posix()
        lines = [f"{path.as_posix()},," for path in files if path.name != "RECORD"]
        packed.writestr(record, "\n".join([*lines, f"{record},,", ""]))
