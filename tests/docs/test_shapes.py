"""What commands print under `--json` has the shape that the reference shows, and so has what goes wrong."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Self

import click
import pytest
from click.testing import CliRunner
from tests.docs.shapes import documented, faults, misfits
from tests.sync.world import World

from tieline.adapters.memory.faults import Fault
from tieline.cli import main as cli_main
from tieline.cli.accounts import account
from tieline.cli.demo import stage, story, verdict
from tieline.cli.demo.stage import DemoFailed
from tieline.cli.main import cli
from tieline.cli.simulation import mutants

ELSEWHERE = {
    "tieline adapter prove": "tests/cli/test_prove.py",
    "tieline demo": "tests/e2e/test_demo.py",
    "tieline doubts confirm": "tests/sync/test_absence.py",
    "tieline login": "tests/cli/client/test_login.py",
    "tieline logout": "tests/cli/client/test_login.py",
    **{
        f"tieline proposals {decision}": "tests/sync/test_proposals.py"
        for decision in ("approve", "reject", "withdraw")
    },
    "tieline reviews close": "tests/sync/test_proposals.py",
    "tieline holds lift": "tests/sync/test_holds.py",
    "tieline output": "tests/plugins/runbook/test_runs.py",
    **dict.fromkeys(["tieline jobs cancel", "tieline jobs resume"], "tests/cli/test_jobs.py"),
    **dict.fromkeys(["tieline jobs show", "tieline jobs result"], "tests/cli/test_jobs.py"),
}
"""Commands whose output is held against its shape where it is costly to come by."""

ME = account().identity
ARGUMENTS = {
    "access grant": (ME, "security"),
    "access revoke": (ME, "security"),
    "account add": ("account:ann",),
    "account password": ("--person", "account:ann"),
    "account remove": ("account:ann",),
    "incident": ("INC-1",),
    "access why": (ME, "incident.edit", "INC-1"),
    "holds place": ("2026-CV-1834", "A lawsuit.", "--incident", "INC-1"),
    "access rights": ("--right", "policy"),
    "people show": ("INC-1",),
    "people add": ("INC-1", ME),
    "people remove": ("INC-1", ME),
    "restrict": ("INC-2", "--reason", "an insider is suspected"),
    "unrestrict": ("INC-2", "--reason", "nobody is"),
    "conflicts settle": ("INC-1", "severity", "left", "--take", "ours"),
    "parked retry": ("copy", "1"),
    "doubts confirm": ("left",),
    "why": ("INC-1", "severity"),
    "history": ("INC-1",),
    "edit": ("INC-1", "title=Disk 1 is full"),
    "comment": ("INC-1", "It is disk 1."),
    "mapping check": ("memory-incident",),
    "mapping explain": ("memory-incident",),
    "init": ("--tool", "memory"),
    "plugin new": ("notes",),
    "adapter new": ("mydesk",),
    "adapter prove": ("left",),
    "store copy": ("--to", "sqlite:///copied.db"),
    "token issue": ("grafana",),
    "items": ("problem",),
    "plugin rebuild": ("escalation",),
    "policy show": ("escalation.limits",),
    "policy history": ("escalation.limits",),
    "policy plan": ("escalation.limits", "limits.yaml"),
    "policy test": ("escalation.limits", "cases.yaml"),
    "policy propose": ("escalation.limits", "limits.yaml", "--why", "faster"),
    "policy rollback": ("escalation.limits", "1", "--why", "slower"),
    "simulate": ("--schedules", "1", "--steps", "5"),
}


def with_json(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The paths of the commands that take `--json`."""
    if any("--json" in parameter.opts for parameter in command.params):
        yield " ".join(path)
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            inner = command.get_command(click.Context(command), name)
            if inner is not None:
                yield from with_json(inner, (*path, name))


COMMANDS = sorted(with_json(cli))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One incident in two tools with a field that waits for a person, and one that a tool does not take."""
    (tmp_path / "manual.yaml").write_text("policy: {severity: manual}\n", encoding="utf-8")
    options = {"left": "overlay: manual.yaml", "right": "overlay: manual.yaml"}
    (tmp_path / "limits.yaml").write_text("again: 20m\n", encoding="utf-8")
    (tmp_path / "cases.yaml").write_text("cases: []\n", encoding="utf-8")
    world = World(tmp_path, options=options, top="plugins: {escalation: {}}")
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle()
    world.edit("left", severity="low")
    world.edit("right", severity="high")
    world.settle()
    world.tools["right"].faults.draw = lambda verb, _writes: Fault(status=400) if verb == "create" else None
    world.tools["left"].make({"title": "Never taken", "status": "new"})
    world.settle(40)
    world.engine.store.close()
    world.engine.registry.close()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def printed(folder: Path, *words: str) -> str:
    result = CliRunner().invoke(cli, ["-w", str(folder), *words, "--json"], catch_exceptions=False)
    assert result.exit_code in (0, 1), result.output
    return result.stdout


def test_each_command_that_prints_json_shows_its_shape() -> None:
    assert sorted(path.removeprefix("tieline ") for path in documented() if path) == COMMANDS


def test_each_command_prints_what_its_shape_says(workspace: Path) -> None:
    # What is settled or released is listed first.
    last = ["policy propose", "policy rollback", "restrict", "unrestrict", "access revoke", "conflicts settle"]
    last += ["parked retry", "token revoke", "store copy"]
    for command in [*(name for name in COMMANDS if name not in last), *last]:
        if f"tieline {command}" in ELSEWHERE:
            continue
        folder = workspace / "new" if command == "init" else workspace
        arguments = ARGUMENTS.get(command, ())
        if command == "parked retry":
            (waits,) = json.loads(printed(workspace, "parked"))["items"]
            arguments = (waits["what"], str(waits["id"]))
        if command == "policy rollback":
            (workspace / "limits.yaml").write_text("again: 10m\n", encoding="utf-8")
            printed(workspace, "policy", "propose", *ARGUMENTS["policy propose"])
        if command == "token revoke":
            (issued,) = json.loads(printed(workspace, "token", "list"))["items"]
            arguments = (issued["id"],)
        if command == "conflicts settle":
            open_one = json.loads(printed(workspace, "conflicts"))["items"][0]
            arguments = (open_one["incident"], open_one["field"], open_one["connection"], "--take", "ours")
        assert faults(f"tieline {command}", printed(folder, *command.split(), *arguments)) == [], command


@pytest.mark.parametrize("words", [("--mutant", "list"), ("--seed", "1", "--steps", "5")])
def test_simulate_prints_what_its_shapes_say(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert faults("tieline simulate", printed(tmp_path, "simulate", *words)) == []


def test_the_hunt_for_planted_bugs_prints_what_its_shape_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With two of them, of which so short a hunt finds none."""
    monkeypatch.setattr(mutants, "MUTANTS", dict(islice(mutants.MUTANTS.items(), 2)))
    document = printed(tmp_path, "simulate", "--mutant", "all", "--schedules", "1", "--steps", "1")
    assert faults("tieline simulate", document) == []
    assert len(json.loads(document)["missed"]) == 2


class Staged:
    """A stage without tools, on which everything goes as it is told."""

    ends_with = 0

    def __init__(self, folder: Path, _accounts: object) -> None:
        self.folder = folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None: ...

    def start_tools(self) -> None: ...

    def write_workspace(self) -> None: ...

    def start_daemon(self) -> None: ...

    def stop_daemon(self) -> int:
        return self.ends_with


class Told:
    """A story that goes well."""

    def __init__(self, _stage: object, _tell: object) -> None: ...

    def play(self) -> None: ...


class Broken(Told):
    """A story in which something does not happen."""

    def play(self) -> None:
        raise DemoFailed("waited 60 s for INC-1 in Jira")


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "Stage", Staged)
    monkeypatch.setattr(story, "Story", Told)
    monkeypatch.setattr(verdict, "judge", lambda _stage: [verdict.Check("duplicates", "0", True)])


@pytest.mark.usefixtures("staged")
def test_a_demo_prints_what_its_shape_says_however_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def demo() -> tuple[dict[str, Any], int]:
        done = CliRunner().invoke(cli, ["demo", "--folder", str(tmp_path / "demo"), "--json"], catch_exceptions=False)
        return json.loads(done.stdout), done.exit_code

    said, code = demo()
    assert (said["whole"], code) == (True, 0)

    monkeypatch.setattr(Staged, "ends_with", 3)
    said, code = demo()
    assert (said["whole"], code) == (False, 1)
    assert faults("tieline demo", json.dumps(said)) == []
    assert [one["found"] for one in said["checks"] if not one["holds"]] == [
        f"it ended with 3; see {tmp_path / 'demo' / 'daemon.log'}"
    ]

    monkeypatch.setattr(Staged, "ends_with", 0)
    monkeypatch.setattr(verdict, "judge", lambda _stage: [verdict.Check("duplicates", "2", False)])
    said, code = demo()
    assert (said["whole"], code) == (False, 1)
    assert faults("tieline demo", json.dumps(said)) == []

    monkeypatch.setattr(story, "Story", Broken)
    said, code = demo()
    assert said == {"error": "waited 60 s for INC-1 in Jira", "exit_code": 1}
    assert code == 1


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("wrong", ["usage", "configuration"])
def test_what_goes_wrong_is_json_under_every_command(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    wrong: str,
) -> None:
    (tmp_path / "tieline.yaml").write_text("tieline: 1\nconnectoins: {}\n", encoding="utf-8")
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    instead = {
        "demo": ("--folder", str(tmp_path)),
        "simulate": ("--mutant", "nonsense"),
        "mapping list": ("nonsense",),
        "plugin new": ("No name",),
        "adapter new": ("No name",),
        "mapping check": (str(tmp_path / "nowhere.yaml"),),
        "mapping explain": (str(tmp_path / "nowhere.yaml"),),
    }
    if command == "whoami" and wrong == "configuration":
        return  # it tells who somebody is, wherever they are
    words = instead.get(command, ARGUMENTS.get(command, ())) if wrong == "configuration" else ("--nonsense",)
    monkeypatch.setattr(sys, "argv", ["tieline", "-w", str(tmp_path), *command.split(), *words, "--json"])
    with pytest.raises(SystemExit) as ended:
        cli_main.main()
    said = json.loads(capsys.readouterr().out)
    (shape,) = documented()[""]
    # A file of a mapping that is not there is what was asked for: a problem of it.
    if command == "mapping check" and wrong == "configuration":
        assert said[0]["file"].endswith("nowhere.yaml")
        return
    assert list(misfits(shape, said, "$")) == []
    assert said["exit_code"] == ended.value.code != 0


class Stopped:
    """A keyboard at which somebody presses Ctrl-C."""

    def readline(self) -> str:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("keyboard", "words", "code"), [(Stopped(), "stopped", 130), (io.StringIO(""), "the answers ended before", 2)]
)
def test_whoever_breaks_off_a_question_gets_json(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    keyboard: object,
    words: str,
    code: int,
) -> None:
    monkeypatch.setattr(sys, "argv", ["tieline", "-w", str(tmp_path), "init", "--json"])
    monkeypatch.setattr(sys, "stdin", keyboard)
    with pytest.raises(SystemExit) as ended:
        cli_main.main()
    said = json.loads(capsys.readouterr().out)
    assert said["error"].startswith(words)
    assert said["exit_code"] == ended.value.code == code
