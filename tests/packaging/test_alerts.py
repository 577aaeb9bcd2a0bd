"""The alert rules of several workers on one store: a fact is one alert, and a worker's death hides none."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

RULES = Path(__file__).parents[2] / "packaging" / "alerts.yml"
FIRING = 'count by (alertname) (ALERTS{alertstate="firing"})'


def told(metric: str, values: str, **labels: str) -> dict[str, str]:
    inside = ",".join(f'{name}="{value}"' for name, value in {"job": "tieline", **labels}.items())
    return {"series": f"{metric}{{{inside}}}", "values": values}


def of_two(metric: str, kept: str, lost: str, **labels: str) -> list[dict[str, str]]:
    """What two workers tell: one that lives, and one that dies after 70 minutes, and is not heard of again."""
    return [
        told(metric, kept, instance="kept", pod="tieline-0", **labels),
        told(metric, f"{lost} stale", instance="lost", pod="tieline-1", **labels),
    ]


def firing(series: list[dict[str, str]], at: str, expected: dict[str, int], folder: Path) -> str:
    """What promtool says against it; "" where exactly these rules fire, so often each."""
    samples = [{"labels": f'{{alertname="{name}"}}', "value": count} for name, count in expected.items()]
    test: dict[str, Any] = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": series,
                "promql_expr_test": [{"expr": FIRING, "eval_time": at, "exp_samples": samples}],
            }
        ],
    }
    file = folder / "test.yml"
    file.write_text(json.dumps(test), "utf-8")
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed; it comes with Prometheus")
    found = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    return "" if found.returncode == 0 else found.stdout + found.stderr


def test_what_two_workers_tell_is_one_alert_and_stays_when_one_of_them_dies(tmp_path: Path) -> None:
    series = [
        *of_two("tieline_parked", "2x120", "2x69", kind="replica"),
        *of_two("tieline_conflicts", "1x120", "1x69"),
        *of_two("tieline_connection_up", "0x120", "0x69", connection="jira"),
        *of_two("tieline_connection_up", "1x120", "1x69", connection="snow"),
        *of_two("tieline_store_up", "1x120", "1x69"),
    ]
    alive = [told("up", "1x120", instance="kept"), told("up", "1x69 0x50", instance="lost")]
    facts = {"TielineConflicts": 1, "TielineConnectionDown": 1, "TielineParked": 1}
    dead = {"TielineConflicts": 1, "TielineConnectionDown": 1, "TielineDown": 1, "TielineParked": 1}
    # Conflicts fire after an hour, so both looks see an alert that began while both were there.
    assert firing([*series, *alive], "65m", facts, tmp_path) == ""
    assert firing([*series, *alive], "90m", dead, tmp_path) == ""


def test_deliveries_that_are_spread_over_the_workers_are_counted_together(tmp_path: Path) -> None:
    series = [
        told("tieline_deliveries_total", "0+0.25x60", connection="jira", outcome="401", instance=name)
        for name in ("one", "two")
    ]
    alive = [told("up", "1x60", instance="one")]
    assert firing([*series, *alive], "40m", {"TielineForgedDeliveries": 1}, tmp_path) == ""


def test_where_no_worker_is_left_to_be_asked_the_daemon_is_down(tmp_path: Path) -> None:
    """A cluster that has none of its pods any more has no target that is down either."""
    gone = [told("up", "1x20 stale", instance="one")]
    assert firing(gone, "15m", {}, tmp_path) == ""
    assert firing(gone, "40m", {"TielineDown": 1}, tmp_path) == ""
