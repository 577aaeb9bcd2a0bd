"""Where a plugin's code comes from, and whether it is the code that was looked at: a hash over what pip installed.

The hash covers every file that the distribution lists as its own, by name and content. Left out is what differs from
one installation of the same wheel to the next: bytecode, scripts outside the package folder, pip's own notes.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
from pathlib import Path, PurePosixPath
from typing import Final

NOTES: Final = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})


class Unprovable(Exception):
    """Nothing can be said about this distribution's files; the message says why."""


def fingerprint(distribution: importlib.metadata.Distribution) -> str:
    """Hex SHA-256 over the installed files. Raises Unprovable where they are not listed, or not there."""
    files = distribution.files
    if not files:
        raise Unprovable("the distribution lists no files")
    total = hashlib.sha256()
    for file in sorted(files, key=str):
        if _varies(PurePosixPath(file)):
            continue
        try:
            content = Path(str(file.locate())).read_bytes()
        except OSError as error:
            raise Unprovable(f"{file} cannot be read ({error.strerror})") from None
        total.update(f"{file}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def prove(point: importlib.metadata.EntryPoint) -> str:
    """The fingerprint of the distribution that an entry point leads into. Imports nothing.

    Raises Unprovable also where Python would import the module from somewhere else than the files that were hashed.
    """
    if point.dist is None:
        raise Unprovable("it belongs to no distribution")
    found = fingerprint(point.dist)
    listed = {str(file) for file in point.dist.files or ()}
    path = point.module.replace(".", "/")
    if not listed & {f"{path}.py", f"{path}/__init__.py"}:
        raise Unprovable(f"{point.module} is not among its files; is it an editable installation?")
    home = Path(str(point.dist.locate_file(""))).resolve()
    top = point.module.partition(".")[0]
    spec = importlib.util.find_spec(top)
    places = [] if spec is None else [spec.origin, *(spec.submodule_search_locations or ())]
    real = [Path(place).resolve() for place in places if place]
    if not real or not all(place.is_relative_to(home) for place in real):
        raise Unprovable(f"Python finds the module {top} somewhere else than in {home}")
    return found


def _varies(file: PurePosixPath) -> bool:
    return file.suffix == ".pyc" or ".." in file.parts or file.name in NOTES
