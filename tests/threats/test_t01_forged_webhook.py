"""T1: a webhook that its sender did not make is refused, whichever bit of it is different."""

from __future__ import annotations

import hmac
from collections.abc import Iterator

import pytest
from tests.threats.conftest import SOAK, Tally
from tests.threats.receivers import SECRET, Genuine, Listening, flipped

REFUSED = (401, 400, 0)
"""400, or no answer at all, come from HTTP itself, on either side: bytes that no header may hold never reach us."""

BODY_STEP = 1 if SOAK else 11
"""In a quick run not every bit of a body is turned over, but bits of every part of it are."""


def forged_headers(one: Genuine) -> Iterator[dict[str, bytes]]:
    headers = {name: value.encode() for name, value in one.headers.items()}
    for name in one.proof:
        for bit in range(one.offset.get(name, 0) * 8, len(headers[name]) * 8):
            yield {**headers, name: flipped(headers[name], bit)}


@pytest.mark.parametrize("place", range(7), ids=lambda place: f"receiver {place}")
def test_no_single_bit_of_proof_or_body_can_be_turned_over(listening: Listening, place: int, tally: Tally) -> None:
    one = listening.genuine(f"t01-{place}")[place]
    before = listening.stored()
    accepted: list[str] = []
    played = 0
    for headers in forged_headers(one):
        played += 1
        if listening.deliver(one, headers) not in REFUSED:
            accepted.append(f"{one.connection} header {headers}")
    for bit in range(0, len(one.body) * 8 if one.signs_body else 0, BODY_STEP):
        played += 1
        if listening.deliver(one, body=flipped(one.body, bit)) != 401:
            accepted.append(f"{one.connection} body bit {bit}")
    assert listening.stored() == before
    assert listening.deliver(one) == 202, "the genuine one is taken"
    tally(played, accepted)


def test_the_usual_tricks_prove_nothing(listening: Listening, tally: Tally) -> None:
    accepted: list[str] = []
    played = 0
    for one in listening.genuine("t01-tricks"):
        proof = one.proof[0]
        value = one.headers[proof]
        tricks: list[dict[str, str]] = [
            {},
            {proof: ""},
            {proof: value[: len(value) // 2]},
            {proof: value + "x"},
            {proof: value.upper() if value.upper() != value else value.lower()},
            {proof: value.replace("sha256=", "sha1=").replace("v1=", "v0=").replace("Bearer", "Basic")},
            {proof: SECRET[::-1]},
            {proof: "null"},
            {proof: f"sha256={hmac.new(b'', one.body, 'sha256').hexdigest()}"},
            {proof: f"v1={hmac.new(b'', one.body, 'sha256').hexdigest()}"},
            {proof: "Bearer "},
            {proof: "Basic Og=="},
            {proof: ",".join(f"v1={n:064x}" for n in range(200))},
        ]
        for trick in tricks:
            played += 1
            others = {name: content for name, content in one.headers.items() if name != proof}
            status = listening.deliver(one, {**others, **trick})
            if status not in REFUSED and trick.get(proof) != value:
                accepted.append(f"{one.connection} {trick}: {status}")
        for address in (f"/hooks/{one.connection}?token={SECRET}", f"/hooks/{one.connection}?secret={SECRET}"):
            played += 1
            if listening.client.post(address, content=one.body).status_code != 401:
                accepted.append(address)
    tally(played, accepted)


def test_the_proof_of_one_connection_does_not_do_for_another(listening: Listening, tally: Tally) -> None:
    all_of_them = listening.genuine("t01-crossed")
    accepted: list[str] = []
    played = 0
    for one in all_of_them:
        for other in all_of_them:
            if {one.connection, other.connection} == {one.connection}:
                continue
            played += 1
            status = listening.client.post(
                f"/hooks/{other.connection}", content=one.body, headers=dict(one.headers)
            ).status_code
            if status not in (401, 400):
                accepted.append(f"{one.connection} at {other.connection}: {status}")
    tally(played, accepted)


def test_a_source_without_a_secret_takes_nothing(listening: Listening, tally: Tally) -> None:
    one = next(each for each in listening.genuine("t01-unsigned") if each.connection == "alerts-bearer")
    sent = [dict(one.headers), {}, {"authorization": "Bearer"}, {"authorization": "Bearer None"}]
    accepted = [
        headers
        for headers in sent
        if listening.client.post("/hooks/unsigned", content=one.body, headers=headers).status_code != 401
    ]
    tally(len(sent), accepted)
