"""The contract for plugins rejects each saboteur, and no line of it is a guard that nobody has seen fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tieline.sync.testing.saboteurs import SABOTEURS, Saboteur
from tieline.sync.testing.toy import announcing, sending, toy
from tieline.sync.testing.trial import lines, objection

JOURNALS = Path(__file__).with_name("toy.events.json")
WITH_ITEMS = Path(__file__).with_name("toy-with-items.events.json")


@pytest.mark.parametrize("saboteur", SABOTEURS, ids=lambda saboteur: saboteur.fault)
def test_the_named_line_rejects_the_saboteur(saboteur: Saboteur, tmp_path: Path) -> None:
    assert saboteur.words in objection(saboteur.rejected_by, saboteur.offer, tmp_path, JOURNALS)


@pytest.mark.parametrize("line", lines())
def test_a_plugin_without_a_fault_keeps_every_line(line: str, tmp_path: Path) -> None:
    assert objection(line, toy, tmp_path, JOURNALS) == ""


@pytest.mark.parametrize("line", [line for line in lines() if "10_000" not in line])
def test_a_plugin_that_asks_first_and_has_items_of_its_own_keeps_every_line(line: str, tmp_path: Path) -> None:
    assert objection(line, sending, tmp_path, WITH_ITEMS) == ""


@pytest.mark.parametrize("line", [line for line in lines() if "outside" in line or "kind" in line])
def test_a_plugin_whose_items_are_read_outside_keeps_the_lines_about_them(line: str, tmp_path: Path) -> None:
    assert objection(line, announcing, tmp_path, JOURNALS) == ""


def test_every_line_rejects_a_saboteur() -> None:
    assert {saboteur.rejected_by for saboteur in SABOTEURS} == set(lines())


def test_every_saboteur_has_a_fault_of_its_own() -> None:
    faults = [saboteur.fault for saboteur in SABOTEURS]
    assert len(faults) == len(set(faults))
