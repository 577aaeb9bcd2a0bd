"""What webhooks told of without its being taken in: how many, since when, why, and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.sync.office import ALERTS, Office

from tieline.adapters.alertmanager.webhook import parse
from tieline.core.port import Delivery
from tieline.sync import explain
from tieline.sync.intake import left_out
from tieline.sync.intake.intake import Intake

GOOD = {"status": "firing", "labels": {"alertname": "Disk"}, "annotations": {}, "startsAt": "2026-11-23T19:00:00Z"}


@pytest.fixture
def hearing(tmp_path: Path) -> Iterator[Office]:
    """An office whose Alertmanager has no address."""
    one = Office(tmp_path, "memory", alerts="")
    yield one
    one.close()


def hear(office: Office, *alerts: dict[str, Any], **group: Any) -> list[bool]:
    body = {"receiver": "tieline", "version": "4", "alerts": list(alerts), **group}
    return Intake(office.engine).store([(ALERTS, parse(Delivery({}, json.dumps(body).encode())))])


def told(office: Office) -> tuple[int, dict[str, Any] | None]:
    with office.engine.store.read() as connection:
        found = explain.status(connection, office.clock.now())
    one: dict[str, Any] | None = found["connections"].get(ALERTS, {}).get("left_out")
    return found["signals_left_out"], one


def test_what_cannot_be_understood_is_counted_with_the_last_reason(hearing: Office) -> None:
    began = hearing.clock.now()
    hear(hearing, GOOD, {**GOOD, "startsAt": "soon"})
    hearing.clock.advance(60)
    hear(hearing, {**GOOD, "status": "burning"}, {**GOOD, "labels": {}})
    count, facts = told(hearing)
    assert count == 3 and facts is not None
    assert (facts["records"], facts["since"], facts["last_at"]) == (3, began, began + timedelta(seconds=60))
    assert facts["why"] == "one without a name: it has no labels."
    assert facts["sentence"].startswith(f"{ALERTS} told of 3 alerts that were left out since 2026-11-23 ")
    assert facts["sentence"].endswith("mend it where it comes from, and look there for what fires.")


def test_what_the_sender_cut_is_counted(hearing: Office) -> None:
    hear(hearing, GOOD, truncatedAlerts=7)
    count, facts = told(hearing)
    assert count == 7 and facts is not None and "the sender cut 7 from a delivery" in facts["why"]


def test_a_repeat_of_the_same_delivery_counts_once_and_one_without_gaps_not_at_all(hearing: Office) -> None:
    assert hear(hearing, GOOD) == [True]
    assert told(hearing) == (0, None)
    odd = {**GOOD, "startsAt": "soon"}
    hearing.clock.advance(1)
    assert hear(hearing, odd) == [True]
    hearing.clock.advance(1)
    assert hear(hearing, odd) == [False]
    count, facts = told(hearing)
    assert count == 1 and facts is not None and "told of one alert that was left out" in facts["sentence"]


def test_what_a_source_that_is_polled_left_out_is_counted_as_well(office: Office) -> None:
    for number in range(16):
        hear(office, {**GOOD, "startsAt": f"soon {number}"})
        office.clock.advance(0.3)
    count, facts = told(office)
    assert count == 16 and facts is not None
    assert "told of 16 alerts that were left out" in facts["sentence"]
    assert "Nobody could be asked" not in facts["sentence"]
    assert "The source is polled, and what it tells in order is taken in" in facts["sentence"]


def test_what_was_cut_of_a_source_that_is_polled_is_not_lost(office: Office) -> None:
    hear(office, GOOD, truncatedAlerts=7)
    assert told(office) == (0, None)
    hear(office, GOOD, {**GOOD, "startsAt": "soon"}, truncatedAlerts=7)
    assert told(office)[0] == 1


def test_it_is_told_no_longer_when_nothing_was_lost_for_long(hearing: Office) -> None:
    hear(hearing, {**GOOD, "startsAt": "soon"})
    now = hearing.clock.now()
    with hearing.engine.store.write() as tx:
        assert left_out.forget(tx, now) == 0
        assert left_out.forget(tx, now + timedelta(seconds=1)) == 1
    assert told(hearing) == (0, None)


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_an_alert_that_does_not_tell_when_it_began_is_told_to_people(hearing: Office, year: str) -> None:
    """Each of its firings would be the same one, and what is over would never be told of again."""
    hear(hearing, {**GOOD, "startsAt": f"{year}-11-30T08:00:00Z"})
    count, facts = told(hearing)
    assert count == 1 and facts is not None
    name = "Disk ec46590cdcd657bb"
    assert facts["why"] == f"{name}: its `startsAt` is the year {int(year)}: it does not tell when it began."


@pytest.mark.parametrize("truncated", [None, "7", -1, 0, False])
def test_nothing_is_cut_where_the_sender_does_not_say_so(hearing: Office, truncated: object) -> None:
    hear(hearing, GOOD, truncatedAlerts=truncated)
    assert told(hearing) == (0, None)


def test_a_sender_that_boasts_does_not_break_the_count(hearing: Office) -> None:
    for minute in range(3):
        hear(hearing, {**GOOD, "startsAt": f"2026-11-23T19:0{minute}:00Z"}, truncatedAlerts=10**15)
    assert told(hearing)[0] == 3_000_000
