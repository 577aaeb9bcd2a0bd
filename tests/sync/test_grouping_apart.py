"""The same alert of another environment, cluster, tenant or namespace is another incident."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.core.store_backends import BACKENDS, postgres_database, postgres_server
from tests.sync.office import Office

__all__ = ["postgres_database", "postgres_server"]


@pytest.mark.parametrize(
    ("label", "one", "other"),
    [
        ("environment", "production", "stage"),
        ("env", "prod", "test"),
        ("stage", "live", "preview"),
        ("cluster", "eu-1", "us-1"),
        ("tenant", "acme", "umbrella"),
        ("namespace", "shop", "shop-canary"),
    ],
)
def test_stage_and_production_are_two_incidents(office: Office, label: str, one: str, other: str) -> None:
    for value in (one, other):
        for instance in ("a", "b"):
            labels = {"alertname": "DiskFull", "service": "db", "severity": "critical", label: value}
            office.alerts.fire({**labels, "instance": instance}, {"summary": "full"})
    office.settle()
    assert office.count() == 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_label_of_bytes_that_no_database_takes_costs_nobody(
    request: pytest.FixtureRequest, tmp_path: Path, backend: str
) -> None:
    address = "" if backend == "sqlite" else request.getfixturevalue("postgres_database")
    office = Office(tmp_path, "memory", address=address)
    for name in ("a\x00b", "a\x1b[31m", "\u202e"):
        office.alerts.fire({"alertname": name, "service": name, "severity": "critical"}, {"summary": name})
    office.alerts.fire({"alertname": "Fine", "severity": "critical"}, {"summary": "fine"})
    office.settle()
    assert office.count() == 4
    office.close()
