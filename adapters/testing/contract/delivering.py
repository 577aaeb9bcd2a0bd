"""What every adapter with webhooks owes: a forged delivery is refused, and garbage raises ValueError only."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from tieline.adapters.testing.contract.expect import expect, needs, raises
from tieline.adapters.testing.driver import ToolDriver
from tieline.core.errors import Forged, NeedsOperator
from tieline.core.port import Delivery, Power, Received, Receiver

GARBAGE = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "an object": b"{}",
    "a text": b'"x"',
    "a number": b"1e999",
    "NaN": b'{"a": NaN}',
    "not UTF-8": b'{"a": "\xff"}',
    "a lone surrogate": b'{"a": "\\ud800"}',
    "a million digits": b'{"a": ' + b"1" * 1_000_000 + b"}",
    "a form": b"payload=%7B%7D&x=1",
}
DEEP = {"depth": b"[" * 200_000, "depth of objects": b'{"a":' * 200_000}


@contextmanager
def _collected() -> Iterator[None]:
    """Nothing is collected meanwhile: at the bottom of a recursion, what others left behind could not be finalised."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class DeliveryContract:
    """`verify()` and `parse()`."""

    @needs(Power.RECEIVE, "make", "delivery", "now")
    def test_a_true_delivery_is_taken(self, adapter: Receiver, tool: ToolDriver) -> None:
        ref = tool.make("Disk full")
        delivery = tool.delivery(ref)
        self._true(adapter, tool, delivery, "a true delivery")
        received = adapter.parse(delivery)
        expect(ref in [hint.ref for hint in received.hints], f"the delivery about {ref!r} names it in a hint")
        for hint in received.hints:
            expect(hint.reading is None or hint.reading.ref == hint.ref, "a hint's reading is of the hint's record")

    @needs(Power.RECEIVE, "make", "delivery", "now")
    def test_verifying_twice_says_the_same(self, adapter: Receiver, tool: ToolDriver) -> None:
        delivery = tool.delivery(tool.make("Disk full"))
        for time in ("first", "second"):
            self._true(adapter, tool, delivery, f"a true delivery, verified for the {time} time")
        expect(adapter.parse(delivery) == adapter.parse(delivery), "parse() is pure: the same in, the same out")

    @needs(Power.RECEIVE, "make", "delivery", "advance")
    def test_two_deliveries_have_two_ids(self, adapter: Receiver, tool: ToolDriver) -> None:
        ref = tool.make("Disk full")
        first = tool.delivery(ref)
        tool.advance(61)
        second = tool.delivery(tool.make("Disk full again"))
        ids = {adapter.parse(delivery).delivery_id for delivery in (first, second)}
        expect(len(ids) == 2 and all(ids), f"each delivery has an id of its own: {ids}")

    @needs(Power.RECEIVE, "make", "delivery", "now", "connect_unproved")
    def test_a_secret_that_cannot_be_had_makes_no_forgery(self, tool: ToolDriver) -> None:
        delivery = tool.delivery(tool.make("Disk full"))
        adapter = tool.connect_unproved()
        when = "a delivery, while our own secret cannot be had"
        raises(NeedsOperator, lambda: cast("Receiver", adapter).verify(delivery, tool.now()), when)

    @needs(Power.RECEIVE, "make", "delivery", "now")
    def test_an_unsigned_delivery_is_forged(self, adapter: Receiver, tool: ToolDriver) -> None:
        bare = tool.unproved(tool.delivery(tool.make("Disk full")))
        self._forged(adapter, tool, bare, "a delivery without any proof")

    @needs(Power.RECEIVE, "make", "delivery", "now")
    def test_a_flipped_bit_in_the_proof_is_forged(self, adapter: Receiver, tool: ToolDriver) -> None:
        true = tool.delivery(tool.make("Disk full"))
        for name in tool.credential_headers:
            for value in _flips(true.headers[name]):
                headers = {**true.headers, name: value}
                self._forged(adapter, tool, replace(true, headers=headers), f"one flipped bit in {name}")
        for name in tool.credential_parameters:
            for value in _flips(true.query[name]):
                query = {**true.query, name: value}
                self._forged(adapter, tool, replace(true, query=query), f"one flipped bit in the parameter {name}")

    @needs(Power.RECEIVE, "make", "delivery", "now", "signs_body", "signs_bytes")
    def test_a_flipped_bit_in_the_body_is_forged(self, adapter: Receiver, tool: ToolDriver) -> None:
        true = tool.delivery(tool.make("Disk full"))
        for place in range(min(len(true.body), 4096)):
            body = bytearray(true.body)
            body[place] ^= 1 << (place % 8)
            self._forged(adapter, tool, replace(true, body=bytes(body)), f"one flipped bit in byte {place} of the body")

    @needs(Power.RECEIVE, "make", "delivery", "now", "signs_body")
    def test_the_proof_of_one_body_does_not_prove_another(self, adapter: Receiver, tool: ToolDriver) -> None:
        true, other = tool.delivery(tool.make("Disk full")), tool.delivery(tool.make("Disk full again"))
        self._forged(adapter, tool, tool.proved_by(true, other), "a replayed signature on another body")
        if tool.signs_bytes:
            self._forged(adapter, tool, replace(true, body=true.body + b" "), "a signature over a re-serialised body")

    @needs(Power.RECEIVE, "make", "delivery", "now", "signs_time")
    @pytest.mark.parametrize("minutes", [-60, 60])
    def test_an_old_delivery_is_forged(self, adapter: Receiver, tool: ToolDriver, minutes: int) -> None:
        true = tool.delivery(tool.make("Disk full"))
        try:
            adapter.verify(true, tool.now() + timedelta(minutes=minutes))
        except Forged:
            return
        expect(False, f"a delivery signed {minutes} minutes away from now is a replay: raise Forged")

    @needs(Power.RECEIVE, "make", "delivery", "now")
    @pytest.mark.parametrize(
        "value", ["", " ", "é", "\udcff", "v1=", "t=,v1=", "t=x,v1=00", ",", "Basic", "Basic =", "0" * 70_000]
    )
    def test_a_senseless_proof_is_forged_and_nothing_worse(
        self, adapter: Receiver, tool: ToolDriver, value: str
    ) -> None:
        true = tool.delivery(tool.make("Disk full"))
        for name in tool.credential_headers:
            headers = {**true.headers, name: value}
            self._forged(adapter, tool, replace(true, headers=headers), f"{value!r:.20} in {name}")
        for name in tool.credential_parameters:
            query = {**true.query, name: value}
            self._forged(adapter, tool, replace(true, query=query), f"{value!r:.20} in the parameter {name}")

    @needs(Power.RECEIVE, "make", "joint_delivery")
    def test_one_odd_record_costs_a_delivery_none_of_the_others(self, adapter: Receiver, tool: ToolDriver) -> None:
        ref = tool.make("Disk full")
        delivery = tool.joint_delivery(ref)
        try:
            received = adapter.parse(delivery)
        except ValueError as error:
            pytest.fail(f"one odd record costs the delivery ({error}): the sender does not repeat what is refused")
        expect(ref in [hint.ref for hint in received.hints], "the records that can be understood are taken in")
        expect(received.incomplete, "a delivery of which something was left out is incomplete: the tool is polled")
        expect(len(received.unreadable) == 1, "what was left out is named in `unreadable`, never passed over unsaid")
        expect(all(one.sentence for one in received.unreadable), "an unreadable record says what is odd")

    @needs(Power.RECEIVE, "connect")
    @pytest.mark.parametrize("what", [*GARBAGE, *DEEP])
    def test_garbage_raises_value_error_only(self, adapter: Receiver, what: str) -> None:
        # Looking through everything takes a while, and only depth asks for it.
        with _collected() if what in DEEP else nullcontext():
            self._parse(adapter, Delivery({}, {**GARBAGE, **DEEP}[what]), what)

    @needs(Power.RECEIVE, "make", "delivery")
    def test_a_damaged_delivery_raises_value_error_only(self, adapter: Receiver, tool: ToolDriver) -> None:
        true = tool.delivery(tool.make("Disk full"))
        for cut in range(0, len(true.body), max(1, len(true.body) // 50)):
            self._parse(adapter, replace(true, body=true.body[:cut]), f"a body cut after {cut} bytes")
        try:
            told = json.loads(true.body)
        except ValueError:
            return  # not JSON: cutting it has to do
        for place, damaged in _damaged(told):
            self._parse(adapter, replace(true, body=json.dumps(damaged).encode()), place)

    def _parse(self, adapter: Receiver, delivery: Delivery, what: str) -> None:
        try:
            received = adapter.parse(delivery)
        except ValueError:
            return
        except Exception as error:
            message = f"parse() of {what}: raise ValueError, not {type(error).__name__}"
            raise AssertionError(message) from error
        answer: object = received  # whatever the annotation promises
        expect(isinstance(answer, Received), f"parse() of {what} answers Received or raises ValueError")
        named: list[object] = [hint.ref for hint in received.hints]
        wrong = [ref for ref in named if not isinstance(ref, str) or not ref]
        expect(not wrong, f"parse() of {what} answered a hint without a reference: {wrong!r:.100}")

    def _true(self, adapter: Receiver, tool: ToolDriver, delivery: Delivery, what: str) -> None:
        try:
            adapter.verify(delivery, tool.now())
        except Forged as error:
            message = f"{what} is refused: {error}"
            raise AssertionError(message) from error

    def _forged(self, adapter: Receiver, tool: ToolDriver, delivery: Delivery, what: str) -> None:
        try:
            adapter.verify(delivery, tool.now())
        except Forged as error:
            for secret in tool.secrets:
                expect(secret not in str(error), "the error of a forged delivery shows a secret")
            return
        except Exception as error:
            message = f"{what}: raise Forged, not {type(error).__name__}"
            raise AssertionError(message) from error
        expect(False, f"{what} was taken for true: raise Forged")


def _flips(text: str) -> Iterator[str]:
    """The text with the lowest bit of one character flipped: never a mere change of case."""
    for place, character in enumerate(text):
        yield text[:place] + chr(ord(character) ^ 1) + text[place + 1 :]


def _damaged(value: Any, path: str = "the body") -> Iterator[tuple[str, Any]]:
    """The same JSON with one member left out, or replaced by something of another type."""
    members: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        members = list(value.items())
        for name in value:
            yield f"{path} without {name}", {key: kept for key, kept in value.items() if key != name}
    elif isinstance(value, list):
        members = list(enumerate(value))
    for name, inner in members:
        for other in (None, 1, -1.5, True, "", "x", [], [None], {}, {"a": 1}):
            yield f"{path} with {name} = {other!r}", _with(value, name, other)
        for place, damaged in _damaged(inner, f"{path}.{name}"):
            yield place, _with(value, name, damaged)


def _with(value: Any, name: Any, other: Any) -> Any:
    copy = value.copy()
    copy[name] = other
    return copy
