"""One shell that lives through a page: commands share its folder, its variables and its background processes."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

DEBIAN = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


@dataclass(frozen=True)
class Step:
    """A command, and the lines that the page says it prints."""

    command: str
    output: tuple[str, ...]


def steps(console: str) -> Iterator[Step]:
    """The commands of a `console` block. A command begins with `$ ` and goes on over lines that begin with `> `."""
    command, output = "", list[str]()
    for line in console.splitlines():
        if line.startswith("$ "):
            if command:
                yield Step(command, tuple(output))
            command, output = line[2:], []
        elif line.startswith("> ") and not output:
            command += "\n" + line[2:]
        else:
            output.append(line)
    if command:
        yield Step(command, tuple(output))


class Shell:
    """A bash of its own process group, so that its end is the end of everything that it started."""

    def __init__(
        self,
        folder: Path,
        path: Sequence[Path] = (Path(sys.executable).parent,),
        others: Mapping[str, str] | None = None,
    ) -> None:
        """`path` comes before what every machine has."""
        places = [*map(str, path), *DEBIAN]
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env={
                "PATH": os.pathsep.join(places),
                "HOME": str(folder),
                "COLUMNS": "110",
                "LC_ALL": "C.UTF-8",
                "TZ": "UTC",
                **(others or {}),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, command: str) -> str:
        """What a command prints, on either stream."""
        assert self._process.stdin is not None and self._process.stdout is not None
        mark = f"end-{secrets.token_hex(8)}"
        self._process.stdin.write(f"{command}\nprintf '\\n{mark}\\n'\n")
        self._process.stdin.flush()
        lines = list[str]()
        for line in self._process.stdout:
            if line.rstrip("\n") == mark:
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"the shell ended in `{command}` after {''.join(lines)!r}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


def says(output: str, expected: tuple[str, ...]) -> bool:
    """Whether an output is what a page shows: line by line, blank lines aside. `…` is whatever differs each time, a
    line of its own any number of lines, and runs of spaces or of rules count as one."""
    pattern = "".join(".*" if line.strip() == "…" else _line(line) + "\n" for line in expected if line.strip())
    shown = "".join(f"{_even(line)}\n" for line in output.splitlines() if line.strip())
    return re.fullmatch(pattern, shown, re.DOTALL) is not None


def _line(text: str) -> str:
    return "[^\n]*".join(re.escape(part) for part in _even(text).split("…"))


def _even(text: str) -> str:
    return re.sub(r"─+", "─", re.sub(r"[ \t]+", " ", text.strip()))
