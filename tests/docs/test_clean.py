"""The pages that a newcomer follows, word for word, on a machine that has Python and a checkout and nothing else."""

from __future__ import annotations

import re
import shutil
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.core.store_backends import postgres_database, postgres_server
from tests.docs import clean
from tests.docs.pages import DOCS, Block, blocks
from tests.docs.shell import Shell, Step, says, steps

from tieline.cli.demo.stage import Stage
from tieline.cli.demo_command import ACCOUNTS

__all__ = ["postgres_database", "postgres_server"]

# One worker makes the clean machine for all of them.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("clean")]

HOW_TO = DOCS / "how-to"
LOOKS = re.compile(
    r"tieline (status|incidents|why|history|check|conflicts)\b(?!.* settle)|python person\.py show|held="
)
"""Commands that change nothing: a reader repeats them until the daemon has caught up."""

PATIENCE = 60.0

EXAMPLES = ("tieline_acme/", "test_acme", "tieline_promises/", "test_promises", "pyproject")
"""Files of the examples, of which the pages show parts."""


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
    clean.index(folder / "index", "tieline[servicenow,jira,pagerduty,postgresql,test]", "setuptools")
    clean.checkout(folder / "tieline")
    made = Machine(folder, folder / "opt")
    (install,) = installing()
    with made.shell(folder, installed=False) as shell:
        for step in steps(install.text):
            shown = shell.run(step.command.replace("python3.12", "python3").replace("/opt/tieline", str(made.tieline)))
            assert "ERROR" not in shown, shown
    yield made


def installing() -> list[Block]:
    """What the page on operating has typed to install Tieline."""
    return [one for one in blocks(HOW_TO / "operate.md") if "-m venv /opt/tieline" in one.text]


def follow(
    shell: Shell, folder: Path, page: Path, put: Mapping[str, str] | None = None, done: Sequence[Block] = ()
) -> int:
    """Save each file and type each command of a page. `put` stands for words that differ from machine to machine, and
    `done` is what was typed already. Answers how many commands there were."""
    typed = 0
    for block in blocks(page):
        if block in done:
            continue
        text = block.text
        for word, here in (put or {}).items():
            text = text.replace(word, here)
        if block.file and not block.file.startswith(EXAMPLES):
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


def test_writing_a_plugin_goes_as_the_page_says(machine: Machine, tmp_path: Path) -> None:
    clean.checkout(tmp_path / "tieline")
    with machine.shell(tmp_path, installed=False) as shell:
        assert follow(shell, tmp_path, HOW_TO / "write-a-plugin.md") > 7
        assert shell.run("which python").strip() == str(tmp_path / "venv" / "bin" / "python")


SYSTEMCTL = """\
#!/bin/sh
# What systemd does with the unit, as far as the pages ask for it.
case $1 in
start) TIELINE_WORKSPACE={etc} {tieline}/bin/tieline run >> {etc}/daemon.log 2>&1 & echo $! > {etc}/pid ;;
stop)
    kill "$(cat {etc}/pid)"
    while grep -qs "State:.[RSDT]" "/proc/$(cat {etc}/pid)/status"; do sleep 0.1; done ;;
esac
"""


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="sqlite3 is not installed")
def test_operating_and_growing_go_as_the_pages_say(machine: Machine, tmp_path: Path, postgres_database: str) -> None:
    """Against simulated tools, and a `systemctl` that starts and stops what the unit does."""
    places = {name: tmp_path / name for name in ("etc", "var", "backups", "shared", "credentials")}
    for place in places.values():
        place.mkdir()
    with Stage(tmp_path, ACCOUNTS) as stage:
        stage.start_tools()
        put = {
            "python3.12": "python3",
            "/opt/tieline": str(machine.tieline),
            "/etc/tieline": str(places["etc"]),
            "/var/lib/tieline": str(places["var"]),
            "/var/backups": str(places["backups"]),
            "/srv/tieline": str(places["shared"]),
            "/run/credentials/tieline.service": str(places["credentials"]),
            "https://alertmanager.example.com": stage.urls["alertmanager"],
            "https://example.service-now.com": stage.urls["servicenow"],
            "https://example.atlassian.net": stage.urls["jira"],
            "    tool: pagerduty\n    from_email: tieline@example.com": (
                f"    tool: pagerduty\n    url: {stage.urls['pagerduty']}\n    from_email: {ACCOUNTS['pager_from']}"
            ),
            "8484": str(stage.port),
            "postgresql://tieline:…@db.example.com/tieline": f"'{postgres_database}'",
        }
        _put_credentials(places["credentials"])
        with machine.shell(machine.folder, installed=True) as shell:
            systemctl = machine.folder / "bin" / "systemctl"
            systemctl.write_text(SYSTEMCTL.format(etc=places["etc"], tieline=machine.tieline), encoding="utf-8")
            systemctl.chmod(0o755)
            shell.run(f"export TIELINE_WORKSPACE={places['etc']}")
            _save_files(places["etc"], HOW_TO / "operate.md", put)
            shell.run("systemctl start tieline")
            _wait_for_the_daemon(shell)
            assert follow(shell, places["etc"], HOW_TO / "operate.md", put, done=installing()) == 6
            _wait_for_the_daemon(shell)
            assert follow(shell, places["etc"], HOW_TO / "scale-out.md", put) == 8
            _wait_for_the_daemon(shell)
            forgotten = f"tieline: 1\nstore: sqlite:///{places['var']}/tieline.db\nconnections: {{}}\n"
            (tmp_path / "tieline.yaml").write_text(forgotten, encoding="utf-8")
            assert "STORE006" in shell.run(f"tieline -w {tmp_path} incidents")
            shell.run("systemctl stop tieline")


def _put_credentials(folder: Path) -> None:
    secrets = {"snow-password": "servicenow", "jira-token": "jira", "pager-key": "pagerduty"}
    for name in ("alerts-hook", "snow-password", "snow-hook", "jira-token", "jira-hook", "pager-key", "pager-hook"):
        file = folder / name
        file.write_text(ACCOUNTS[secrets[name]] if name in secrets else "hook-secret-of-the-tests", encoding="utf-8")
        file.chmod(0o600)


def _save_files(folder: Path, page: Path, put: Mapping[str, str]) -> None:
    for block in blocks(page):
        if block.file:
            text = block.text
            for word, here in put.items():
                text = text.replace(word, here)
            (folder / block.file).write_text(text, encoding="utf-8")


def _wait_for_the_daemon(shell: Shell) -> None:
    deadline = time.monotonic() + PATIENCE
    while not (shown := shell.run("tieline status")).startswith("the daemon is running"):
        assert time.monotonic() < deadline, shown
        time.sleep(0.5)


def test_a_page_that_shows_something_else_is_noticed() -> None:
    shown = "Incidents\n\n incident   status \n ─────────────── \n INC-1      new    \n"

    assert says(shown, ("Incidents", "incident status", "──", "INC-… new"))
    assert says(shown, ("…", "INC-1 new"))
    assert not says(shown, ("Incidents", "incident status", "──", "INC-1 resolved"))
    assert not says(shown, ("Incidents",))
    assert not says(shown, ())
