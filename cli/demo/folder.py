"""The folder a demo lives in. What stands in it from the last one is deleted; what a demo did not make never is."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tieline.cli.demo.stage import TOOLS

MARKER: Final = ".made-by-tieline-demo"
WORDS: Final = b"`tieline demo` made this folder. The next one deletes what this one wrote here, and nothing else.\n"
WRITTEN: Final = (
    *("tieline.yaml", "policy.yaml", "tieline.db", "tieline.db-*", "tieline.db.*"),
    *(f"{name}.log" for name in (*TOOLS, "daemon")),
)
"""What a demo, its daemon and its simulators write."""


class FolderRefused(Exception):
    """The folder is not the demo's to write in; the message says why, and what to do."""


@contextmanager
def prepared(folder: Path) -> Iterator[Path]:
    """A folder with nothing in it of an earlier demo, kept from other demos while the block lasts. Raises FolderRefused
    for one that exists and was not made by a demo."""
    if not folder.exists():
        _make(folder)
    with _marker(folder) as held:
        _keep_others_out(folder, held)
        for pattern in WRITTEN:
            for file in folder.glob(pattern):
                file.unlink()
        yield folder


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True)
    (folder / MARKER).write_bytes(WORDS)


@contextmanager
def _marker(folder: Path) -> Iterator[int]:
    """The open marker, which is a file of ours and not a link to one."""
    try:
        held = os.open(folder / MARKER, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        raise _strange(folder) from None
    try:
        if os.read(held, len(WORDS) + 1) != WORDS:
            raise _strange(folder)
        yield held
    finally:
        os.close(held)


def _strange(folder: Path) -> FolderRefused:
    return FolderRefused(
        f"{folder} was not made by `tieline demo`, and a demo writes over files in its folder. Name one that does "
        "not exist yet; or delete this one yourself, if nothing in it is needed."
    )


def _keep_others_out(folder: Path, held: int) -> None:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        words = f"another `tieline demo` runs in it: {folder}. End that one, or name another folder with --folder."
        raise FolderRefused(words) from None
