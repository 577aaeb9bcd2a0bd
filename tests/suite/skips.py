"""A skip is a failure where CI is true: there everything is installed, and whatever is not tested is not known to work.

What does not apply is deselected when tests are collected (a power that no adapter claims), so that a skip always means
that something is missing on this machine, and says what.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest

SENTENCE = "skipped where CI is true, where everything must be there: {}"


def _refused(report: Any) -> Any:
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        said = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", SENTENCE.format(said)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    return _refused((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    return _refused((yield))
