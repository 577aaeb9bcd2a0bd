"""What a plugin offers has its commands, beside Tieline's own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from tests.sync.world import World

from tieline.adapters.testing.clock import ManualClock
from tieline.cli.main import perform
from tieline.cli.offered import INDEX, commands
from tieline.core.offer import Offers
from tieline.core.store import tables as t
from tieline.core.store.store import Store
from tieline.plugins.retention.plugin import Plugin as Retention
from tieline.plugins.retention.policy import Settings


@pytest.fixture
def here(tmp_path: Path) -> Iterator[tuple[Path, ManualClock]]:
    """A workspace with a plugin that offers something, and an incident whose clocks run."""
    world = World(tmp_path, ("left",), top="plugins: [escalation]")
    world.offers = tuple(world.engine.registry.offers.by_group.values())
    world.work()
    world.tools["left"].make({"title": "Disk full", "status": "new", "severity": "critical"})
    world.settle(1)
    yield tmp_path, world.clock
    world.engine.store.close()
    world.engine.registry.close()


def run(here: tuple[Path, ManualClock], *words: str) -> tuple[int, str]:
    """The exit code of a command, and what it wrote."""
    written = io.StringIO()
    with contextlib.redirect_stdout(written), contextlib.redirect_stderr(written):
        try:
            code = perform(("-w", str(here[0]), *words), here[1])
        except SystemExit as ended:
            code = int(ended.code or 0)
    return code, written.getvalue()


def test_its_group_stands_in_help_and_its_acts_below_it(here: tuple[Path, ManualClock]) -> None:
    code, shown = run(here, "--help")
    assert code == 0
    assert "Commands of plugins:\n  escalation  Reminders while time runs out" in shown
    _code, below = run(here, "escalation", "--help")
    assert "snooze  Put off the reminders" in below
    assert "clocks  The limits that run" in below


def test_an_act_and_a_view_of_it_are_commands(here: tuple[Path, ManualClock]) -> None:
    code, shown = run(here, "escalation", "clocks", "--json")
    assert code == 0
    assert [(one["incident"], one["what"]) for one in json.loads(shown)["items"]] == [
        ("INC-1", "acknowledge"),
        ("INC-1", "resolve"),
    ]
    code, shown = run(here, "escalation", "snooze", "INC-1", "30m", "--why", "the vendor is on it")
    assert code == 0
    assert "\nINC-1: nobody is reminded before 2026-11-23 19:3" in shown
    code, shown = run(here, "history", "INC-1")
    assert "escalation.snoozed" in shown
    assert "why the vendor is on it" in shown


def test_why_somebody_has_a_right_of_a_plugin_is_told(here: tuple[Path, ManualClock]) -> None:
    code, shown = run(here, "access", "why", "nobody", "escalation.snooze", "INC-1")
    assert code == 1
    assert "may not put off the escalation of an incident (INC-1)" in shown
    assert "tieline access grant os:nobody@" in shown
    assert run(here, "access", "why", "nobody", "escalation.snoze")[0] == 5


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("escalation", "snooze", "INC-1", "soon", "--why", "x"), 2, "time: 'soon'"),
        (("escalation", "snooze", "INC-1", "9d", "--why", "x"), 2, "for 8h at most"),
        (("escalation", "snooze", "INC-7", "1h", "--why", "x"), 5, "there is no incident and no ticket 'INC-7'"),
        (("escalation", "snoze"), 2, "No such command 'snoze'"),
        (("escalatoin", "snooze"), 2, "Did you mean `tieline escalation`?"),
    ],
)
def test_what_is_wrong_is_told_as_for_own_commands(
    here: tuple[Path, ManualClock], words: tuple[str, ...], code: int, told: str
) -> None:
    found, shown = run(here, *words)
    assert (found, told in shown) == (code, True), shown


def test_rows_of_a_restricted_incident_are_not_shown_to_an_outsider(here: tuple[Path, ManualClock]) -> None:
    store = Store.open(f"sqlite:///{here[0]}/world.db")
    with store.write() as tx:
        tx.execute(update(t.incident).values(restricted=True, label="RES-BCDFGH"))
    store.close()
    assert json.loads(run(here, "escalation", "clocks", "--json")[1])["items"] == []


def test_the_index_is_made_anew_when_something_changes(here: tuple[Path, ManualClock]) -> None:
    run(here, "--help")
    index = here[0] / INDEX
    known: dict[str, Any] = json.loads(index.read_bytes())
    index.write_text(json.dumps({**known, "groups": {"from_the_index": "It is believed."}}))
    assert "It is believed." in run(here, "--help")[1]
    index.write_text("{no index")
    assert "escalation" in run(here, "--help")[1]
    file = here[0] / "tieline.yaml"
    file.write_text(file.read_text("utf-8").replace("plugins: [escalation]", "plugins: [severity]"), "utf-8")
    assert "escalation" not in run(here, "--help")[1]


def test_a_name_in_the_index_gives_no_command(here: tuple[Path, ManualClock]) -> None:
    run(here, "--help")
    index = here[0] / INDEX
    known: dict[str, Any] = json.loads(index.read_bytes())
    index.write_text(json.dumps({**known, "groups": {"oncall": "There is none."}}))
    code, shown = run(here, "oncall", "who")
    assert code == 2
    assert "oncall" in shown


def test_help_of_a_workspace_that_is_refused_is_still_help(here: tuple[Path, ManualClock]) -> None:
    (here[0] / "tieline.yaml").write_text("tieline: [", "utf-8")
    code, shown = run(here, "--help")
    assert code == 0
    assert "Commands of plugins" not in shown


def test_help_imports_no_plugin_while_the_index_is_true(here: tuple[Path, ManualClock]) -> None:
    run(here, "--help")
    ask = f"""
import sys
from tieline.cli.main import perform
perform(["-w", {str(here[0])!r}, "--help"])
print(sorted(one for one in ("sqlalchemy", "pydantic", "pluggy") if one in sys.modules))
"""
    environment = {"PATH": "", "TIELINE_TEST": "1"}
    first = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, env=environment)
    second = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, env=environment)
    assert "escalation" in first.stdout
    assert second.stdout.endswith("[]\n")


@pytest.mark.parametrize("name", ["--version", "../x", "Shout", "a\x1b[31mb", "x" * 40])
def test_what_can_be_no_group_is_not_believed_of_the_index(here: tuple[Path, ManualClock], name: str) -> None:
    run(here, "--help")
    index = here[0] / INDEX
    known: dict[str, Any] = json.loads(index.read_bytes())
    index.write_text(json.dumps({**known, "groups": {name: "Pay here: \x1b[2J"}}))
    _code, shown = run(here, "--help")
    assert "Pay here" not in shown
    assert "escalation" in shown


def test_help_waits_for_no_pipe_in_the_place_of_the_index(here: tuple[Path, ManualClock]) -> None:
    os.mkfifo(here[0] / INDEX)
    code = "from tieline.cli.main import perform; import sys; perform(['-w', sys.argv[1], '--help'])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(here[0])], capture_output=True, text=True, timeout=60, check=True
    )
    assert "escalation" in done.stdout


def test_an_index_that_is_far_too_large_is_not_read(here: tuple[Path, ManualClock]) -> None:
    run(here, "--help")
    index = here[0] / INDEX
    index.write_text(index.read_text("utf-8") + " " * 2_000_000)
    assert "escalation" in run(here, "--help")[1]
    assert index.stat().st_size < 100_000


def test_the_index_is_written_over_no_file_that_somebody_else_put_there(here: tuple[Path, ManualClock]) -> None:
    precious = here[0] / "precious"
    precious.write_text("mine", "utf-8")
    (here[0] / f"{INDEX}.{os.getpid()}").symlink_to(precious)
    run(here, "--help")
    assert precious.read_text("utf-8") == "mine"
    assert not [one for one in here[0].glob(f"{INDEX}.*") if not one.is_symlink()]


def test_a_job_is_started_by_a_command() -> None:
    offers = Offers([Retention(Settings()).tieline_offer()])
    assert [*commands(offers, "retention").commands] == [
        "show",
        "people",
        "due",
        "erase",
        "erase-person",
        "allow",
        "clear",
        "repeat",
        "sweep",
    ]
