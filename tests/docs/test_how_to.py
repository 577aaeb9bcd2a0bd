"""What the how-to pages show is run, or held against the program that reads it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tests.docs.pages import DOCS, ROOT, blocks
from tests.docs.shell import Shell, says, steps
from tests.sync.world import World

import tieline.adapters.servicenow.webhook
from tieline.core.config import load_text
from tieline.core.options import is_loopback
from tieline.core.store.store import Store

HOW_TO = DOCS / "how-to"
OPERATE = HOW_TO / "operate.md"
PACKAGING = ROOT / "packaging"


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def operate(file: str) -> str:
    (found,) = [one for one in blocks(OPERATE) if one.file == file]
    return found.text


def test_the_workspace_of_the_page_is_accepted(tmp_path: Path) -> None:
    config, registry = load_text(operate("tieline.yaml"), tmp_path / "tieline.yaml")
    registry.close()

    assert set(config.connections) == {"alerts", "snow", "jira", "pager"}


def test_the_business_rule_is_the_one_that_the_adapter_understands() -> None:
    described = tieline.adapters.servicenow.webhook.__doc__ or ""
    rule = re.search(r"^    \(function.*?^    \}\)\(current\);$", described, re.MULTILINE | re.DOTALL)

    assert rule is not None
    assert operate("business-rule.js").strip() == textwrap.dedent(rule[0]).strip()


@needs("amtool")
def test_the_receiver_is_one_that_alertmanager_takes(tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(operate("alertmanager.yml"), encoding="utf-8")
    done = subprocess.run(["amtool", "check-config", str(file)], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stdout + done.stderr


@needs("promtool")
def test_the_alert_rules_are_ones_that_prometheus_takes() -> None:
    rules = str(PACKAGING / "alerts.yml")
    done = subprocess.run(["promtool", "check", "rules", rules], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alert_rules_speak_of_metrics_that_exist() -> None:
    known = set(re.findall(r"^\| `(\w+)`", (DOCS / "reference" / "metrics.md").read_text("utf-8"), re.MULTILINE))
    used = set(re.findall(r"\btieline_\w+", (PACKAGING / "alerts.yml").read_text("utf-8")))

    assert used and used <= known


@needs("groff")
def test_the_manual_page_is_one_that_man_takes() -> None:
    page = DOCS / "reference" / "tieline.1"
    done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", str(page)], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
    assert "tieline conflicts settle" in re.sub("\x1b\\[[0-9;]*m|.\x08", "", done.stdout)


@needs("systemd-analyze")
@pytest.mark.parametrize("name", ["tieline.service", "tieline-work.service", "tieline-web.service"])
def test_the_unit_is_one_that_systemd_takes(tmp_path: Path, name: str) -> None:
    text = (PACKAGING / name).read_text("utf-8").replace("/opt/tieline/bin/tieline", sys.executable)
    unit = tmp_path / name
    unit.write_text(text, encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0 and name not in done.stderr, done.stderr


@pytest.mark.parametrize("file", ["web.yaml", "proxy.yaml"])
def test_what_the_page_says_of_the_api_is_accepted(tmp_path: Path, file: str) -> None:
    config, registry = load_text(f"tieline: 1\nconnections: {{}}\n{operate(file)}", tmp_path / "tieline.yaml")
    registry.close()

    assert not is_loopback(config.web.listen)


def test_the_limits_of_the_page_are_accepted(tmp_path: Path) -> None:
    _config, registry = load_text(
        f"tieline: 1\nconnections: {{}}\n{operate('escalation.yaml')}", tmp_path / "tieline.yaml"
    )
    registry.close()

    assert "escalation" in registry.offers.by_group


@needs("curl")
def test_the_calls_of_the_page_are_answered_as_it_says(tmp_path: Path) -> None:
    world = World(tmp_path, top="web: {listen: '127.0.0.1:0'}")
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle(2)
    world.engine.store.close()
    world.engine.registry.close()
    with Shell(tmp_path) as shell:
        shell.run("tieline web --log json > log 2>&1 & until grep -q web_started log; do sleep 0.1; done")
        address = re.findall(r"http://127.0.0.1:\d+", (tmp_path / "log").read_text("utf-8"))[0]
        for step in (step for block in blocks(HOW_TO / "call-the-api.md") for step in steps(block.text)):
            said = shell.run(step.command.replace("http://127.0.0.1:8081", address))
            assert says(said, step.output), f"{step.command}\n{said}"


def test_what_the_page_has_typed_on_another_machine_is_done_there(tmp_path: Path) -> None:
    world = World(tmp_path, top="web: {listen: '127.0.0.1:0'}")
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle(2)
    world.engine.store.close()
    world.engine.registry.close()
    with Shell(tmp_path) as shell:
        shell.run("tieline web --log json > log 2>&1 & until grep -q web_started log; do sleep 0.1; done")
        address = re.findall(r"http://127.0.0.1:\d+", (tmp_path / "log").read_text("utf-8"))[0]
        for step in (step for block in blocks(HOW_TO / "work-from-your-own-machine.md") for step in steps(block.text)):
            if "tieline login" in step.command:
                shell.run("mkdir laptop && mv token laptop && cd laptop")
            said = shell.run(step.command.replace("https://tieline.example.com", address))
            wanted = [line.replace("https://tieline.example.com", address) for line in step.output]
            assert says(said, tuple(wanted)), f"{step.command}\n{said}"


def test_every_event_of_the_log_is_explained_and_no_other() -> None:
    rooms = ("core", "sync", "cli", "adapters", "plugins")
    source = "".join(path.read_text("utf-8") for room in rooms for path in (ROOT / room).rglob("*.py"))
    told_by = r"(?:_log|get_logger\([^)]*\))\.(?:info|warning|error|critical)|_complain|_tell_failure"
    logged = re.findall(rf'(?:{told_by})\(\s*"([a-z_]+)"', source)
    logged += re.findall(r'"event": "([a-z_]+)"', (ROOT / "cli" / "logs.py").read_text("utf-8"))
    _, _, section = OPERATE.read_text("utf-8").partition("\n## Logs\n")
    told = re.findall(r"^\| `(\w+)`", section.partition("\n## ")[0], re.MULTILINE)

    assert set(told) == set(logged)


@needs("sqlite3")
def test_a_backup_taken_while_the_daemon_writes_is_a_whole_journal(tmp_path: Path) -> None:
    (tmp_path / "tieline.yaml").write_text("tieline: 1\nconnections:\n  desk: {tool: memory}\n", encoding="utf-8")
    command = next(one.text for one in blocks(OPERATE) if "VACUUM INTO" in one.text).splitlines()[0]
    command = command.removeprefix("$ ").replace("/var/lib/tieline", str(tmp_path)).replace("/var/backups", "copy")
    with Store.open(f"sqlite:///{tmp_path / 'tieline.db'}") as store:
        store.migrate()
    with Shell(tmp_path) as shell:
        assert "whole: 0 entries" in shell.run("tieline audit verify")
        shell.run("mkdir copy")
        assert shell.run(command).strip() == ""
        shell.run("rm tieline.db* && cp copy/tieline-*.db tieline.db")
        assert json.loads(shell.run("tieline audit verify --json"))["whole"] is True
