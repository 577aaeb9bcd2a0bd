"""Runs the contract without a test session, and tells what was kept: for saboteurs, and for `tieline` itself."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tieline.adapters.testing.contract.expect import foreign, unfilled
from tieline.adapters.testing.driver import ToolDriver


@dataclass
class Verdict:
    """What became of each test, by its name. `broken` carries the sentence with which the first case was refused,
    `crashed` what an unforeseen exception said."""

    kept: set[str] = field(default_factory=set)
    broken: dict[str, str] = field(default_factory=dict)
    crashed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


def trial(
    suite: type, make_tool: Callable[[], ToolDriver], begins: Callable[[str], None] = lambda _name: None
) -> Verdict:
    """Every test of the suite, each case on a tool of its own. `begins` is told the name of each that begins."""
    verdict = Verdict()
    for name, test in contract_tests(suite).items():
        begins(name)
        for case in _cases(test):
            _try(verdict, name, getattr(suite(), name), make_tool, case)
    verdict.kept -= verdict.broken.keys() | verdict.crashed.keys()
    return verdict


def contract_tests(suite: type) -> dict[str, Callable[..., None]]:
    """The suite's tests by name."""
    return {name: test for name, test in inspect.getmembers(suite, inspect.isfunction) if name.startswith("test_")}


def _try(
    verdict: Verdict,
    name: str,
    test: Callable[..., None],
    make_tool: Callable[[], ToolDriver],
    case: Mapping[str, Any],
) -> None:
    tool = make_tool()
    reason = foreign(test, tool) or unfilled(test, tool)
    if reason:
        verdict.skipped[name] = reason
        return
    wanted = inspect.signature(test).parameters
    offered = {"tool": lambda: tool, "adapter": tool.connect}
    try:
        test(**{fixture: make() for fixture, make in offered.items() if fixture in wanted}, **case)
    except pytest.skip.Exception as skip:
        verdict.skipped[name] = str(skip)
    except (pytest.fail.Exception, AssertionError) as failure:
        verdict.broken.setdefault(name, str(failure))
    except Exception as error:  # noqa: BLE001 - a trial goes on: that it crashed is its finding
        verdict.crashed.setdefault(name, f"{type(error).__name__}: {error}")
    else:
        verdict.kept.add(name)


def _cases(test: Callable[..., None]) -> Iterator[dict[str, Any]]:
    """The cases of `pytest.mark.parametrize`, with one name each."""
    marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    names = [mark.args[0] for mark in marks]
    for values in itertools.product(*(mark.args[1] for mark in marks)):
        yield dict(zip(names, values, strict=True))
