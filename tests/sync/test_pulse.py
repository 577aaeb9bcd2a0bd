"""Whoever asks how the store is gets an answer in time, whatever the store does."""

import threading
import time
from contextlib import suppress

import pytest

from tieline.core.errors import StoreUnavailable
from tieline.sync.daemon.pulse import Pulse


def test_a_store_that_hangs_is_down_in_time_and_asked_once():
    let_go, asked = threading.Event(), []

    def ping():
        asked.append(1)
        let_go.wait(10)

    pulse = Pulse(ping, time.monotonic, patience=0.02)
    began = time.monotonic()
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="does not answer"):
            pulse.feel()
    assert time.monotonic() - began < 5
    assert len(asked) == 1
    let_go.set()
    deadline = time.monotonic() + 5
    while len(asked) < 2 and time.monotonic() < deadline:
        with suppress(StoreUnavailable):  # it may not have heard of the first answer yet
            pulse.feel()
    assert len(asked) == 2


def test_what_the_store_says_is_passed_on():
    def ping():
        raise StoreUnavailable("the disk is full")

    with pytest.raises(StoreUnavailable, match="the disk is full"):
        Pulse(ping, time.monotonic).feel()
