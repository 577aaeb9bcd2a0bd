"""The pages that a newcomer follows, word for word, on a machine that has Python and a checkout and nothing else."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.docs import clean
from tests.docs.pages import DOCS, Block, blocks
from tests.docs.shell import Shell, Step, says, steps

# One worker makes the clean machine for all of them.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("clean")]

HOW_TO = DOCS / "how-to"
LOOKS = re.compile(
    r"tieline (status|incidents|why|history|check|conflicts)\b(?!.* settle)|python person\.py show|held="
)
"""Commands that change nothing: a reader repeats them until the daemon has caught up."""

PATIENCE = 60.0


@dataclass(frozen=True)
class Machine:
    """Nothing but Python, an index of packages, and what the pages put there. `tieline` is where it is installed."""

    folder: Path
    tieline: Path

    def shell(self, folder: Path, *, installed: bool) -> Shell:
        path = [*([self.tieline / "bin"] if installed else []), self.folder / "bin"]
        index = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.folder / "index")}
        return Shell(folder, path, {**index, "PIP_NO_COMPILE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"})


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Tieline is installed there as the page on operating it says."""
    folder = tmp_path_factory.mktemp("machine")
    clean.python(folder / "bin")
    clean.index(folder / "index", "tieline[servicenow,jira,pagerduty,test]", "setuptools")
    clean.checkout(folder / "tieline")
    made = Machine(folder, folder / "opt")
    (install,) = [one.text for one in blocks(HOW_TO / "operate.md") if "-m venv /opt/tieline" in one.text]
    with made.shell(folder, installed=False) as shell:
        for line in install.splitlines():
            shown = shell.run(line.replace("python3.12", "python3").replace("/opt/tieline", str(made.tieline)))
            assert "ERROR" not in shown, shown
    yield made


def follow(shell: Shell, folder: Path, page: Path, put: Mapping[str, str] | None = None) -> int:
    """Save each file and type each command of a page. `put` stands for words that differ from machine to machine.
    Answers how many commands there were."""
    typed = 0
    for block in blocks(page):
        text = block.text
        for word, here in (put or {}).items():
            text = text.replace(word, here)
        if block.file and not block.file.startswith(("tieline_acme/", "test_acme", "pyproject")):
            (folder / block.file).write_text(text, encoding="utf-8")
        elif block.language == "console":
            for step in steps(text):
                _take(shell, step, block)
                typed += 1
    return typed


def _take(shell: Shell, step: Step, block: Block) -> None:
    deadline = time.monotonic() + (PATIENCE if LOOKS.search(step.command) else 0)
    while not says(shown := shell.run(step.command), step.output):
        if time.monotonic() > deadline:
            expected = "\n".join(step.output)
            raise AssertionError(f"line {block.line}: `{step.command}` printed\n{shown}\nand not\n{expected}")
        time.sleep(0.2)


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_the_tutorial_does_what_it_says(machine: Machine, tmp_path: Path) -> None:
    with machine.shell(tmp_path, installed=True) as shell:
        assert follow(shell, tmp_path / "incidents", DOCS / "tutorial.md", {"8484": _free_port()}) > 20


def test_changing_a_mapping_goes_as_the_page_says(machine: Machine, tmp_path: Path) -> None:
    with machine.shell(tmp_path, installed=True) as shell:
        assert follow(shell, tmp_path, HOW_TO / "change-a-mapping.md") == 6


def test_writing_an_adapter_goes_as_the_page_says(machine: Machine, tmp_path: Path) -> None:
    clean.checkout(tmp_path / "tieline")
    with machine.shell(tmp_path, installed=False) as shell:
        assert follow(shell, tmp_path, HOW_TO / "write-an-adapter.md", {"8901": _free_port()}) > 10
        assert shell.run("which python").strip() == str(tmp_path / "venv" / "bin" / "python")


def test_a_page_that_shows_something_else_is_noticed() -> None:
    shown = "Incidents\n\n incident   status \n ─────────────── \n INC-1      new    \n"

    assert says(shown, ("Incidents", "incident status", "──", "INC-… new"))
    assert says(shown, ("…", "INC-1 new"))
    assert not says(shown, ("Incidents", "incident status", "──", "INC-1 resolved"))
    assert not says(shown, ("Incidents",))
    assert not says(shown, ())
