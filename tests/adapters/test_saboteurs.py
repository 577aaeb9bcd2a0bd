"""The contract rejects each saboteur by name, and no test of it is a guard that nobody has seen fail."""

from __future__ import annotations

import pytest

from tieline.adapters.memory.driver import MemoryDriver
from tieline.adapters.testing.contract import AdapterContract, SourceContract
from tieline.adapters.testing.contract.trial import contract_tests, trial
from tieline.adapters.testing.contract.writing import ReplacingContract
from tieline.adapters.testing.saboteurs import SABOTEURS, Saboteur


@pytest.mark.parametrize("saboteur", SABOTEURS, ids=lambda saboteur: saboteur.fault)
def test_exactly_the_named_tests_reject_the_saboteur(saboteur: Saboteur) -> None:
    verdict = trial(AdapterContract, lambda: saboteur.corrupt(MemoryDriver(conditional=not saboteur.unconditional)))
    assert verdict.broken.keys() | verdict.crashed.keys() == set(saboteur.rejected_by)
    assert len(verdict.broken[saboteur.rejected_by[0]]) > 20, "a rejection says what is wrong"


def test_the_honest_adapters_keep_every_test_and_skip_what_the_other_kind_of_tool_is_for() -> None:
    refuses = trial(AdapterContract, MemoryDriver)
    tells = trial(AdapterContract, lambda: MemoryDriver(conditional=False))
    assert (refuses.broken, refuses.crashed) == (tells.broken, tells.crashed) == ({}, {})
    assert set(refuses.skipped) == set(contract_tests(ReplacingContract))
    assert set(tells.skipped) == {"test_a_person_who_is_a_moment_faster_wins"}
    assert refuses.kept | tells.kept == set(contract_tests(AdapterContract))


def test_every_test_of_the_contract_rejects_a_saboteur() -> None:
    rejecting = {name for saboteur in SABOTEURS for name in saboteur.rejected_by}
    assert rejecting == set(contract_tests(AdapterContract))


def test_every_saboteur_has_a_fault_of_its_own() -> None:
    faults = [saboteur.fault for saboteur in SABOTEURS]
    assert len(faults) == len(set(faults))


def test_a_source_is_asked_for_nothing_that_writes() -> None:
    asked = set(contract_tests(SourceContract))
    assert "test_a_write_moves_the_version" not in asked
    assert asked < set(contract_tests(AdapterContract))
