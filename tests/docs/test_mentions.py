"""Every command, option, file and make target that a page names is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tests.docs.pages import DOCS, ROOT, blocks
from tests.docs.promises import promises

from tieline.cli.main import COMMANDS, cli
from tieline.cli.offered import commands
from tieline.core.offer import Offers
from tieline.plugins.durations.plugin import Plugin as Durations
from tieline.plugins.escalation.plugin import Plugin as Escalation
from tieline.plugins.escalation.policy import Settings
from tieline.plugins.publishing.plugin import Plugin as Publishing
from tieline.plugins.publishing.policy import Settings as PublishingSettings
from tieline.plugins.retention.plugin import Plugin as Retention
from tieline.plugins.retention.policy import Settings as RetentionSettings
from tieline.plugins.runbook.plugin import Plugin as Runbook
from tieline.plugins.runbook.settings import Settings as Runbooks

PAGES = [ROOT / "README.md", *sorted(path for path in DOCS.rglob("*.md"))]
ELSEWHERE = ("tieline_acme", "tieline-acme", "tieline_promises", "tieline-promises")
"""Packages of the pages' own making."""

KNOWN = Offers(
    [
        Escalation(Settings()).tieline_offer(),
        Durations().tieline_offer(),
        Runbook(Runbooks()).tieline_offer(),
        Publishing(PublishingSettings()).tieline_offer(),
        Retention(RetentionSettings()).tieline_offer(),
        promises().tieline_offer(),
    ]
)

SPAN = re.compile(r"`([^`\n]+)`")
FILE = re.compile(
    r"^(?:\./)?(?:adapters|benchmarks|changelog\.d|cli|core|docs|examples|mappings|packaging|plugins|sync|tests)/[\w./-]+$"
)


def told(page: Path) -> Iterator[str]:
    """What a page shows as code: spans of its text, and lines of its shell blocks."""
    text = page.read_text(encoding="utf-8")
    for block in blocks(page):
        if block.language in ("console", "sh", "text", "bash", ""):
            yield from block.text.splitlines()
    yield from SPAN.findall(re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))


def calls(line: str) -> Iterator[list[str]]:
    """The words after each `tieline` that is run in a line of shell."""
    line = line.partition("  # ")[0]
    for part in re.split(r"\||&&|;|\$\(|\s&(?=\s|$)|\)|\u2026", line):
        found = re.search(r"(?:^|[\s/])tieline ((?:-|[a-z]).*)$", part.strip().removeprefix("$ "))
        if found and part.strip().removeprefix("$ ").startswith(("tieline ", "/", "TIELINE_", "_TIELINE")):
            try:
                yield shlex.split(found[1])
            except ValueError:
                yield found[1].split()


def complaint(words: list[str]) -> str | None:
    """What is wrong with a call: a command or an option that is not there."""
    command: click.Command = cli
    known = set[str]()
    for word in words:
        context = click.Context(command, help_option_names=["-h", "--help"])
        known |= {name for one in command.get_params(context) for name in one.opts}
        if word.startswith("-"):
            if word.partition("=")[0] not in known:
                return f"there is no option {word}"
        elif isinstance(command, click.Group):
            inner = command.get_command(context, word)
            if command is cli and word in KNOWN.by_group:
                inner = commands(KNOWN, word)
            if inner is None and command is not cli:
                return f"there is no command {word}" if not command.params else None
            if inner is None and re.fullmatch(r"[a-z]+", word) and not _is_value(words, word):
                return f"there is no command {word}"
            command = inner or command
    return None


def _is_value(words: list[str], word: str) -> bool:
    at = words.index(word)
    return at > 0 and words[at - 1] in ("-w", "--workspace")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_option_and_file_that_is_named_is_there(page: Path) -> None:
    wrong = [
        f"`tieline {' '.join(call)}`: {why}" for line in told(page) for call in calls(line) if (why := complaint(call))
    ]
    wrong += [
        f"`{span}` is no file of the repository"
        for span in SPAN.findall(page.read_text(encoding="utf-8"))
        if FILE.match(span) and not span.startswith(ELSEWHERE) and not (ROOT / span).exists()
    ]
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    made = [word for line in told(page) for word in re.findall(r"(?:^|\$ )make ([a-z]+)", line)]
    wrong += [f"`make {one}`: there is no such target" for one in made if one not in targets]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("tieline open INC-1", "there is no command open"),
        ("$ TIELINE_WORKSPACE=x /opt/tieline/bin/tieline chekc", "there is no command chekc"),
        ("tieline status --jsno", "there is no option --jsno"),
        ("tieline audit prove", "there is no command prove"),
        ("tieline -w there status --json | head", None),
        ("tieline conflicts settle INC-1 priority desk --take theirs", None),
    ],
)
def test_what_is_not_there_is_noticed(line: str, why: str | None) -> None:
    assert [complaint(call) for call in calls(line)] == [why]
    assert "open" not in COMMANDS
