"""The table of tools: each that ships has its row, its words are those of its claims, and something proved it."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import pytest
from tests.docs.pages import DOCS

from tieline.core.port import AdapterKind, Power


def generator() -> ModuleType:
    """The module that writes the table."""
    sys.path.insert(0, str(DOCS))
    try:
        return importlib.import_module("generator.tools")
    finally:
        sys.path.remove(str(DOCS))


TOOLS = generator()
KINDS: tuple[AdapterKind, ...] = TOOLS.kinds()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.tool)
def test_a_tool_has_words_for_what_it_claims_and_for_nothing_else(kind: AdapterKind) -> None:
    told = {name for name in TOOLS.CELLS if getattr(kind.summary, name)}
    assert told == {name for name, power in TOOLS.CELLS.items() if power in kind.powers}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.tool)
def test_a_tool_was_held_to_the_contract(kind: AdapterKind) -> None:
    proved = TOOLS.proofs()[kind.tool]
    least = 11 if kind.powers == {Power.RECEIVE} else 25  # of what is only heard there is less to ask
    assert all(one.against and one.tests > least for one in proved)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.tool != "memory"], ids=lambda kind: kind.tool)
def test_it_is_told_what_to_click_in_a_tool(kind: AdapterKind) -> None:
    assert "| set-up | [" in TOOLS._section(kind)


def test_no_tool_is_proved_that_does_not_ship() -> None:
    assert set(TOOLS.proofs()) == {kind.tool for kind in KINDS}


def test_a_readme_that_lost_its_marks_is_not_written_over() -> None:
    with pytest.raises(ValueError, match="has lost the marks"):
        TOOLS.readme("# Tieline\n")
