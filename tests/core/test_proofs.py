"""Who sent a webhook, by everything that it may come with."""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from tieline.core.deliveries import Algorithm, Encoding, Signature
from tieline.core.errors import Forged, NeedsOperator
from tieline.core.port import Delivery
from tieline.core.proofs import prove_basic, prove_signed, revealed
from tieline.core.secrets import Secret

NOW = datetime(2026, 6, 1, 10, tzinfo=UTC)
BODY = b'{"id": "a"}'
MOST = timedelta(minutes=5)


def signed(message: bytes, algorithm: str = "sha256", secret: str = "new") -> hmac.HMAC:
    return hmac.new(secret.encode(), message, algorithm)


def proves(
    signature: Signature, headers: dict[str, str], body: bytes = BODY, secrets: tuple[str, ...] = ("new",)
) -> bool:
    try:
        prove_signed("any", signature, secrets, Delivery(headers, body), NOW, MOST)
    except Forged:
        return False
    return True


@pytest.mark.parametrize("algorithm", list(Algorithm))
@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("prefix", ["", "sha256=", "v1="])
def test_every_form_of_an_hmac_proves_and_only_with_the_secret(
    algorithm: Algorithm, encoding: Encoding, prefix: str
) -> None:
    signature = Signature("x-signature", algorithm=algorithm, encoding=encoding, prefix=prefix)
    digest = signed(BODY, algorithm).digest()
    text = digest.hex() if encoding is Encoding.HEX else base64.b64encode(digest).decode()
    assert proves(signature, {"x-signature": prefix + text})
    assert not proves(signature, {"x-signature": prefix + text}, secrets=("old",))
    assert not proves(signature, {"x-signature": prefix + text}, BODY + b" ")
    assert not proves(signature, {})
    assert prefix == "" or not proves(signature, {"x-signature": text})


def test_each_secret_proves_while_one_is_replaced() -> None:
    signature = Signature("x-signature")
    for secret in ("old", "new"):
        header = {"x-signature": signed(BODY, secret=secret).hexdigest()}
        assert proves(signature, header, secrets=("old", "new"))
    assert not proves(signature, {"x-signature": signed(BODY, secret="older").hexdigest()}, secrets=("old", "new"))


def test_one_of_several_signatures_is_enough_and_a_long_list_is_cut() -> None:
    signature = Signature("x-signature", prefix="v1=")
    true = f"v1={signed(BODY).hexdigest()}"
    assert proves(signature, {"x-signature": f"v1=00, {true}"})
    assert not proves(signature, {"x-signature": ",".join(["v1=00"] * 16 + [true])})


STAMPED = Signature("x-signature", ("{timestamp}", ".", "{body}"), timestamp="x-time")


@pytest.mark.parametrize(
    "at",
    [
        "1780308000",
        "1780308000000",
        "2026-06-01T10:00:00Z",
        "2026-06-01T12:00:00+02:00",
        "1780307701",
        "1780308299",
    ],
)
def test_a_signed_time_near_ours_proves(at: str) -> None:
    assert proves(STAMPED, {"x-time": at, "x-signature": signed(f"{at}.".encode() + BODY).hexdigest()})


@pytest.mark.parametrize(
    "at", ["1780307600", "1780308400", "0", "99999999999999", "9" * 39, "2026-06-01T10:00:00", "soon", "", "9" * 500]
)
def test_a_signed_time_that_is_far_or_none_is_a_replay(at: str) -> None:
    assert not proves(STAMPED, {"x-time": at, "x-signature": signed(f"{at}.".encode() + BODY).hexdigest()})


def test_a_time_that_was_set_anew_does_not_prove() -> None:
    made = signed(b"1780300000." + BODY).hexdigest()
    assert not proves(STAMPED, {"x-time": "1780308000", "x-signature": made})


def test_a_header_that_is_signed_with_the_body_cannot_be_changed() -> None:
    signature = Signature("webhook-signature", ("{webhook-id}", ".", "{body}"))
    made = signed(b"m1." + BODY).hexdigest()
    assert proves(signature, {"webhook-id": "m1", "webhook-signature": made})
    assert not proves(signature, {"webhook-id": "m2", "webhook-signature": made})


def test_basic_takes_each_password_with_its_name() -> None:
    def sent(pair: str, scheme: str = "Basic") -> Delivery:
        return Delivery({"authorization": f"{scheme} {base64.b64encode(pair.encode()).decode()}"}, BODY)

    for pair in ("zoë:old", "zoë:new"):
        prove_basic("any", "zoë", ("old", "new"), sent(pair))
    prove_basic("any", "zoë", ("new",), sent("zoë:new", "bAsIc"))
    for forged in (sent("zoë:older"), sent("bob:new"), sent("zoë:new", "Bearer"), Delivery({}, BODY)):
        with pytest.raises(Forged):
            prove_basic("any", "zoë", ("old", "new"), forged)


def test_an_empty_secret_proves_nobody() -> None:
    with pytest.raises(NeedsOperator, match="empty"):
        revealed("any", [Secret.literal("")])
    with pytest.raises(NeedsOperator, match="cannot be had"):
        revealed("any", [Secret("env", "TIELINE_NO_SUCH_SECRET")])


def test_no_error_shows_what_would_have_proved() -> None:
    expected = signed(BODY).hexdigest()
    with pytest.raises(Forged) as caught:
        prove_signed("any", Signature("x-signature"), ("new",), Delivery({"x-signature": "0"}, BODY), NOW, MOST)
    assert expected not in str(caught.value)
