"""A NotificationCommand has us look at once; what it says is believed of nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tieline.adapters.icinga.adapter import IcingaAdapter
from tieline.adapters.icinga.simulated.driver import IcingaDriver
from tieline.core.errors import Forged
from tieline.core.port import Delivery

PROBLEM = {"name": "db1!disk", "last_well": 1795417604.190248, "last_hard": 0, "at": 1}


def test_what_is_heard_is_what_is_read(adapter: IcingaAdapter, driver: IcingaDriver) -> None:
    ref = driver.make("DISK CRITICAL")
    delivery = driver.delivery(ref)
    adapter.verify(delivery, driver.now())
    received = adapter.parse(delivery)
    assert [hint.ref for hint in received.hints] == [ref]
    assert received.incomplete
    assert received.hints[0].reading is None


@pytest.mark.parametrize("odd", ["", "1795417604", 1e300, True, None, [], {}])
def test_without_a_time_it_still_has_us_look(adapter: IcingaAdapter, odd: object) -> None:
    received = adapter.parse(Delivery({}, json.dumps({**PROBLEM, "last_well": odd}).encode()))
    assert (received.hints, received.incomplete) == ((), True)


def test_a_host_has_no_service(adapter: IcingaAdapter, driver: IcingaDriver) -> None:
    ref = driver.fail_check("db1", 1, "PING CRITICAL")
    assert [hint.ref for hint in adapter.parse(driver.delivery(ref)).hints] == [ref]


@pytest.mark.parametrize("sent", ["", "Bearer", "Bearer ", "Basic x"])
def test_without_the_token_nothing_is_believed(driver: IcingaDriver, sent: str) -> None:
    delivery = replace(driver.delivery(driver.make("DISK CRITICAL")), headers={"authorization": sent})
    for adapter in (driver.connect(), driver.connect(webhook_token=None)):
        with pytest.raises(Forged):
            adapter.verify(delivery, driver.now())
