"""Where a command finds the `tieline web` of its workspace: a socket in the file system.

It stands in the folder of `tieline.yaml`, or, where systemd made a folder for it that the account may write into, there
and is called after the workspace. Nothing heavy is imported for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

NAME: Final = ".tieline-web.sock"
RUN: Final = Path("/run/tieline-web")
"""What `RuntimeDirectory=tieline-web` makes. Only root makes folders in /run: what is in it is the service's."""


def of_process(workspace: Path) -> Path:
    """Where the process that serves puts it."""
    runtime = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(runtime) / _named(workspace) if runtime else workspace.resolve() / NAME


def candidates(workspace: Path) -> list[Path]:
    """Where a command looks for it."""
    folder = workspace.resolve()
    return [folder / NAME, RUN / _named(folder)]


def is_trusted(place: Path) -> bool:
    """Whether what listens there was put there by somebody who might as well have written `tieline.yaml`: by root, by
    whoever owns that folder, or by oneself."""
    try:
        made_by = place.lstat().st_uid
        return place.parent == RUN or made_by in (0, os.geteuid(), place.parent.stat().st_uid)
    except OSError:
        return False


@contextmanager
def short(folder: Path) -> Iterator[str]:
    """A name of a folder that fits into the address of a socket, however long its path is. Raises OSError."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{opened}"
    finally:
        os.close(opened)


def _named(workspace: Path) -> str:
    return f"{sha256(os.fsencode(workspace.resolve())).hexdigest()[:16]}.sock"
