"""Faults of `verify` and `parse`: what is taken for true, and what brings the HTTP thread down."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from tieline.adapters.testing.driver import ToolDriver
from tieline.adapters.testing.saboteurs.base import Honest, Saboteur, Tamper, Verbs, answering, instead, throw
from tieline.core.errors import Forged, NeedsOperator
from tieline.core.port import Delivery, Hint, Received, Ref

_Proof = dict[str, str]


def _verifying(lenient: Callable[[Delivery, ToolDriver], bool]) -> Tamper:
    """Takes some deliveries unseen."""

    def tamper(honest: Honest, tool: ToolDriver) -> Verbs:
        def verify(delivery: Delivery, now: datetime) -> None:
            if not lenient(delivery, tool):
                honest.verify(delivery, now)

        return {"verify": verify}

    return tamper


def _proof(delivery: Delivery, tool: ToolDriver) -> str:
    return "".join(delivery.headers.get(name, "") for name in tool.credential_headers)


def _timeless(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Never looks at the time of signing."""

    def verify(delivery: Delivery, now: datetime) -> None:
        for minutes in (60, -60):
            with suppress(Forged):
                return honest.verify(delivery, now + timedelta(minutes=minutes))
        return honest.verify(delivery, now)

    return {"verify": verify}


def _half_compared(honest: Honest, tool: ToolDriver) -> Verbs:
    """Compares only the first half of the signature."""
    true: dict[bytes, str] = {}

    def verify(delivery: Delivery, now: datetime) -> None:
        proof = _proof(delivery, tool)
        known = true.get(delivery.body, "")
        if known != proof and proof[:40] == known[:40] and len(proof) == len(known):
            return
        honest.verify(delivery, now)

    remember = tool.delivery

    def delivery(ref: Ref) -> Delivery:
        sent = remember(ref)
        true[sent.body] = _proof(sent, tool)
        return sent

    vars(tool)["delivery"] = delivery
    return {"verify": verify}


def _trimming(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Verifies the body as it would write it itself."""

    def verify(delivery: Delivery, now: datetime) -> None:
        honest.verify(replace(delivery, body=delivery.body.strip()), now)

    return {"verify": verify}


def _body_prefix(honest: Honest, tool: ToolDriver) -> Verbs:
    """Verifies all of the body but its last byte."""
    last: dict[bytes, bytes] = {}

    def verify(delivery: Delivery, now: datetime) -> None:
        honest.verify(replace(delivery, body=last.get(delivery.body[:-1], delivery.body)), now)

    remember = tool.delivery

    def delivery(ref: Ref) -> Delivery:
        sent = remember(ref)
        last[sent.body[:-1]] = sent.body
        return sent

    vars(tool)["delivery"] = delivery
    return {"verify": verify}


def _once(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Remembers what it has seen, and so is not pure."""
    seen: set[bytes] = set()

    def verify(delivery: Delivery, now: datetime) -> None:
        honest.verify(delivery, now)
        if delivery.body in seen:
            raise Forged("memory", "a replay")
        seen.add(delivery.body)

    return {"verify": verify}


def _strict_ascii(honest: Honest, tool: ToolDriver) -> Verbs:
    """Hands a header to compare_digest, which takes no text that is not ASCII."""

    def verify(delivery: Delivery, now: datetime) -> None:
        if not _proof(delivery, tool).isascii():
            raise TypeError("comparing strings with non-ASCII characters is not supported")
        honest.verify(delivery, now)

    return {"verify": verify}


def _received(change: Callable[[Received], Received]) -> Tamper:
    return answering("parse", lambda honest, _tool, delivery: change(honest.parse(delivery)))


def _mute(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Takes what is JSON, but no delivery, for a delivery about a nameless record."""

    def parse(delivery: Delivery) -> Received:
        try:
            return honest.parse(delivery)
        except ValueError as error:
            if "has no text" in str(error) and len(delivery.body) > 20:
                return Received("unknown", (Hint(Ref("")),))
            raise

    return {"parse": parse}


def _other_record(received: Received) -> Received:
    hints: tuple[Any, ...] = tuple(replace(hint, ref=Ref(f"INC{hint.ref}")) for hint in received.hints)
    return replace(received, hints=hints)


def _all_or_nothing(honest: Honest, tool: ToolDriver) -> Verbs:  # noqa: ARG001
    """Refuses a whole delivery for one odd record in it."""

    def parse(delivery: Delivery) -> Received:
        received = honest.parse(delivery)
        for odd in received.unreadable:
            raise ValueError(odd.sentence)
        return received

    return {"parse": parse}


_ODD = ("test_one_odd_record_costs_a_delivery_none_of_the_others",)

DELIVERING: Final = (
    Saboteur("one odd record costs the delivery", _all_or_nothing, _ODD),
    Saboteur(
        "a delivery passes an odd record over", _received(lambda received: replace(received, unreadable=())), _ODD
    ),
    Saboteur(
        "a delivery that lacks a record calls itself whole",
        _received(lambda received: replace(received, incomplete=False)),
        _ODD,
    ),
    Saboteur(
        "a hint names the key instead of the ref",
        _received(_other_record),
        ("test_a_true_delivery_is_taken", *_ODD),
    ),
    Saboteur("verify() remembers what it has seen", _once, ("test_verifying_twice_says_the_same",)),
    Saboteur(
        "all deliveries have one id",
        _received(lambda received: replace(received, delivery_id="1")),
        ("test_two_deliveries_have_two_ids",),
    ),
    Saboteur(
        "a sender is called a forger for want of our own secret",
        instead("verify", NeedsOperator, lambda _error, _tool: throw(Forged("memory", "forged"))),
        ("test_a_secret_that_cannot_be_had_makes_no_forgery",),
    ),
    Saboteur(
        "an unsigned delivery is taken",
        _verifying(lambda delivery, tool: not any(name in delivery.headers for name in tool.credential_headers)),
        ("test_an_unsigned_delivery_is_forged",),
    ),
    Saboteur("half of the signature is compared", _half_compared, ("test_a_flipped_bit_in_the_proof_is_forged",)),
    Saboteur("the last byte is not signed", _body_prefix, ("test_a_flipped_bit_in_the_body_is_forged",)),
    Saboteur(
        "the body is trimmed before it is verified", _trimming, ("test_the_proof_of_one_body_does_not_prove_another",)
    ),
    Saboteur("an old delivery is taken", _timeless, ("test_an_old_delivery_is_forged",)),
    Saboteur(
        "a senseless signature brings the thread down",
        _strict_ascii,
        ("test_a_senseless_proof_is_forged_and_nothing_worse",),
    ),
    Saboteur(
        "garbage brings the thread down",
        instead("parse", ValueError, lambda _error, _tool: throw(RecursionError()), "nested"),
        ("test_garbage_raises_value_error_only",),
    ),
    Saboteur(
        "a delivery without a ref names nobody",
        _mute,
        ("test_a_damaged_delivery_raises_value_error_only",),
    ),
)
