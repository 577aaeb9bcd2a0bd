"""Every shipped alert rule, in a real Prometheus, and the failure that it is for: it fires then, and not otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.real.failing import FAILURES, SECRET, SECRET_NAME, patients
from tests.real.servers import Server, metrics_of, until

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]

RULES = Path(__file__).parents[2] / "packaging" / "alerts.yml"
SOON = "6s"
"""What every `for:` is in the test: six looks in a row, so that neither a state that flips nor a busy machine fires."""


def shortened(rules: str) -> str:
    """The shipped file, with nothing changed but how long one has to wait."""
    return re.sub(r"(?m)^(\s+for: )\S+$", rf"\g<1>{SOON}", rules)


def fired(server: Server) -> Mapping[str, set[str]]:
    """The rules that have ever fired, by the daemon for which they did."""
    query = 'count_over_time(ALERTS{alertstate="firing"}[1h])'
    answer = httpx.get(f"{server.url}/api/v1/query", params={"query": query}, trust_env=False, timeout=20).json()
    found: dict[str, set[str]] = {}
    for series in answer["data"]["result"]:
        found.setdefault(series["metric"]["failure"], set()).add(series["metric"]["alertname"])
    return found


def scraped(server: Server) -> int:
    """How many daemons were asked twice: a counter that was never seen at zero does not increase."""
    query = "count(count_over_time(tieline_store_up[1h]) >= 2)"
    answer = httpx.get(f"{server.url}/api/v1/query", params={"query": query}, trust_env=False, timeout=20).json()
    found: list[dict[str, Any]] = answer["data"]["result"]
    return int(found[0]["value"][1]) if found else 0


def test_each_rule_has_a_failure_that_it_is_for() -> None:
    rules = re.findall(r"(?m)^\s+- alert: (\w+)$", RULES.read_text("utf-8"))
    assert sorted(rules) == sorted(one.rule for one in FAILURES.values() if one.rule)


def test_each_rule_fires_for_its_failure_and_for_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_NAME, SECRET)
    expected = {name: {one.rule} for name, one in FAILURES.items() if one.rule}
    (tmp_path / "prometheus").mkdir()
    with patients(tmp_path) as here:
        targets = {name: one.target for name, one in here.items()}
        rules = shortened(RULES.read_text("utf-8"))
        tokens = {name: one.token() for name, one in here.items() if one.web is not None}
        with metrics_of(tmp_path / "prometheus", targets, rules, tokens) as server:
            until("all daemons were asked twice", lambda: scraped(server) == len(here))
            for name, failure in FAILURES.items():
                failure.befalls(here[name])
            # Whoever waits in vain is told which of them did not.
            with suppress(pytest.fail.Exception):
                until("every rule fires", lambda: expected.items() <= fired(server).items())
            assert fired(server) == expected
