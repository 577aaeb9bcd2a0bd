"""The tutorial is run as a reader would: files are saved, commands are typed, and what they print is compared."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path

import pytest
from tests.docs.pages import DOCS, Block, blocks
from tests.docs.shell import Shell, Step, says, steps

LOOKS = re.compile(
    r"tieline (status|incidents|why|history|check|conflicts)\b(?!.* settle)|python person\.py show|held="
)
"""Commands that change nothing: a reader repeats them until the daemon has caught up."""

PATIENCE = 60.0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    port = _free_port()
    folder = tmp_path / "incidents"
    seen = 0
    with Shell(tmp_path) as shell:
        for block in blocks(DOCS / "tutorial.md"):
            if block.file:
                (folder / block.file).write_text(block.text.replace("8484", str(port)), encoding="utf-8")
            elif block.language == "console":
                for step in steps(block.text):
                    _take(shell, step, block)
                    seen += 1
    assert seen > 20


def _take(shell: Shell, step: Step, block: Block) -> None:
    deadline = time.monotonic() + (PATIENCE if LOOKS.search(step.command) else 0)
    while not says(shown := shell.run(step.command), step.output):
        if time.monotonic() > deadline:
            expected = "\n".join(step.output)
            raise AssertionError(f"line {block.line}: `{step.command}` printed\n{shown}\nand not\n{expected}")
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_page_that_shows_something_else_is_noticed() -> None:
    shown = "Incidents\n\n incident   status \n ─────────────── \n INC-1      new    \n"

    assert says(shown, ("Incidents", "incident status", "──", "INC-… new"))
    assert says(shown, ("…", "INC-1 new"))
    assert not says(shown, ("Incidents", "incident status", "──", "INC-1 resolved"))
    assert not says(shown, ("Incidents",))
    assert not says(shown, ())
