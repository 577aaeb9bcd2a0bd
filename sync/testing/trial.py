"""Holds a plugin against lines of the contract without a test session: for saboteurs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tieline.core.offer import Offer
from tieline.sync.testing.contract import PluginContract
from tieline.sync.testing.ground import Ground


def lines() -> dict[str, Callable[..., None]]:
    """The contract's tests by name."""
    found = inspect.getmembers(PluginContract, inspect.isfunction)
    return {name: test for name, test in found if name.startswith("test_")}


def objection(line: str, make: Callable[[], Offer], folder: Path, journals: Path) -> str:
    """With what sentence a line of the contract rejects an offer; "" where it keeps it. `journals` is the file of the
    events that were ever recorded."""

    class Trial(PluginContract):
        pass

    Trial.journals = journals
    ground = Ground(folder / "ground", make)
    given: dict[str, Any] = {"ground": ground, "tmp_path": folder}
    test = lines()[line]
    wanted = list(inspect.signature(test).parameters)[1:]
    try:
        with capture_logs():
            ground.admit()
            ground.work()
            test(Trial(), **{name: given[name] for name in wanted})
    except (pytest.fail.Exception, AssertionError) as failure:
        return str(failure) or "it is rejected without a word"
    except Exception as error:  # noqa: BLE001 - that it crashed is the finding
        return f"{type(error).__name__}: {error}"
    finally:
        ground.close()
    return ""
