"""The reference is what the code says: no page has drifted, and nothing that users meet is missing from it."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import httpx
import pytest
from tests.daemon.conftest import Running
from tests.docs.pages import DOCS, ROOT

import tieline.core.errors
from tieline.cli.main import cli
from tieline.core import config
from tieline.core.errors import TielineError
from tieline.core.events import EVENTS
from tieline.core.hooks import Hooks
from tieline.core.options import ConnectionSection, ServerConfig, SignalsConfig, WebConfig, Workspace
from tieline.core.plugins import installed
from tieline.core.registry import Registry
from tieline.core.settings import fields_of
from tieline.core.yaml import Node
from tieline.mappings.codes import CODES
from tieline.mappings.document import PolicyKind
from tieline.mappings.schema import COMPUTED, DOCUMENT, EXAMPLE, FIELD
from tieline.sync.records import Held, ReplicaState
from tieline.sync.road.merge import Reason

ROOMS = ("core", "mappings", "sync", "adapters", "plugins", "cli")


def first_cells(page: str, heading: str = "") -> set[str]:
    """What stands as code in the first column of the tables of a page, or of one section of it."""
    text = (DOCS / "reference" / page).read_text(encoding="utf-8")
    if heading:
        level = heading.partition(" ")[0]
        _, found, text = text.partition(f"\n{heading}\n")
        assert found, f"{page} has no section {heading}"
        text = re.split(rf"^#{{1,{len(level)}}} ", text, maxsplit=1, flags=re.MULTILINE)[0]
    rows = re.sub(r"^\|.*\|\n\|---.*$", "", text, flags=re.MULTILINE)
    return {found.strip() for found in re.findall(r"^\| \[?`?([^`\]|]+)", rows, re.MULTILINE)}


def source_of(*rooms: str) -> str:
    return "".join(path.read_text(encoding="utf-8") for room in rooms for path in (ROOT / room).rglob("*.py"))


def shipped() -> Registry:
    return Registry.load({point.name: Node({}, 1, 1) for point in installed() if point.value.startswith("tieline.")})


def commands(command: click.Command, path: str) -> Iterator[str]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner, f"{path} {name}")


def test_a_code_means_one_thing() -> None:
    page = (DOCS / "reference" / "configuration.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `([A-Z]+\d{3})` \|", page, re.MULTILINE)
    assert told
    assert sorted(told) == sorted(set(told))


def test_no_page_has_drifted_from_the_code() -> None:
    command = [sys.executable, str(DOCS / "generate.py"), "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)

    assert done.returncode == 0, done.stderr


def test_every_hook_stands_there_with_its_exact_signature() -> None:
    page = (DOCS / "reference" / "hooks.md").read_text(encoding="utf-8")
    on_one_line = re.sub(r"\(\n    (.+)\n\) ->", r"(\1) ->", page)

    for name, hook in inspect.getmembers(Hooks, inspect.isfunction):
        signature = inspect.signature(hook)
        arguments = [f"{one.name}: {one.annotation}" for one in list(signature.parameters.values())[1:]]
        assert f"def {name}({', '.join(arguments)}) -> {signature.return_annotation}: ...\n" in on_one_line
        assert (inspect.getdoc(hook) or "nothing") in page


def test_every_option_of_the_file_stands_there() -> None:
    assert set(fields_of(Workspace)) - {"server", "web", "signals"} <= first_cells("configuration.md", "## The file")
    assert set(fields_of(ServerConfig)) <= first_cells("configuration.md", "### `server`")
    assert set(fields_of(WebConfig)) <= first_cells("configuration.md", "### `web`")
    assert set(fields_of(SignalsConfig)) <= first_cells("configuration.md", "### `signals`")
    assert set(fields_of(ConnectionSection)) <= first_cells("configuration.md", "## Every connection")


def test_every_option_of_every_shipped_adapter_and_plugin_stands_there() -> None:
    registry = shipped()
    for tool, kind in registry.adapters.items():
        assert set(fields_of(kind.settings)) <= first_cells("configuration.md", f"## `tool: {tool}`"), tool
    for point in installed():
        settings = getattr(point.load(), "settings", None) if point.value.startswith("tieline.plugins") else None
        if settings is not None:
            assert set(fields_of(settings)) <= first_cells("configuration.md", f"### `{point.name}`"), point.name
    registry.close()


def test_every_code_in_the_source_stands_there_and_no_other() -> None:
    source = source_of(*ROOMS)
    used = set(re.findall(r'"([A-Z]{3,7}\d{3})"', source))
    named = first_cells("configuration.md", "## Codes") | first_cells("mappings.md", "## Codes")

    assert {name for name in named if re.fullmatch(r"[A-Z]+\d{3}", name)} == used
    assert set(CODES) <= named
    assert set(re.findall(r"CFG\d{3}", config.__doc__ or "")) <= named


def test_every_key_and_policy_of_a_mapping_file_stands_there() -> None:
    named = {cell.removesuffix(" (required)") for cell in first_cells("mappings.md")}

    for shape in (DOCUMENT, FIELD, COMPUTED, EXAMPLE):
        assert set(shape["properties"]) <= named
    assert {str(kind) for kind in PolicyKind} <= first_cells("mappings.md", "## Policies")


@pytest.mark.parametrize(
    ("heading", "words"),
    [("## Reasons", Reason), ("## Where a copy stands", ReplicaState), ("## Why a field is held", Held)],
    ids=["reasons", "states", "holds"],
)
def test_every_word_of_a_closed_list_stands_there_with_its_meaning(heading, words) -> None:
    assert first_cells("reasons.md", heading) == {one.value for one in words}


def test_what_ends_a_hold_is_said_of_every_kind() -> None:
    assert first_cells("../how-to/change-a-mapping.md", "## Settle what waits") == {one.value for one in Held}


def test_every_kind_of_journal_entry_that_is_written_stands_there() -> None:
    named = first_cells("reasons.md", "## What the journal records")

    assert named == EVENTS.keys()
    assert {"changed", "refused", "gone", "merged", "shredded", "connection_stopped"} <= named


def test_every_error_class_stands_there() -> None:
    classes = {
        name
        for name, kind in inspect.getmembers(tieline.core.errors, inspect.isclass)
        if issubclass(kind, TielineError)
    }

    assert classes <= first_cells("reasons.md", "## Errors")


def test_every_command_stands_there_with_its_options() -> None:
    page = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")

    assert re.findall(r"^## `(.+)`$", page, re.MULTILINE) == list(commands(cli, "tieline"))


def test_every_metric_that_a_daemon_shows_stands_there(tmp_path: Path) -> None:
    running = Running(tmp_path, "plugins: [measurement]")
    try:
        shown = httpx.get(f"{running.daemon.address}/metrics", trust_env=False, timeout=20).text
    finally:
        running.client.close()
        running.daemon.stop()
    names = {name for name in re.findall(r"^# HELP (\w+) ", shown, re.MULTILINE) if not name.endswith("_created")}

    assert names == {name for name in first_cells("metrics.md") if not name.startswith("tieline_web_")}
