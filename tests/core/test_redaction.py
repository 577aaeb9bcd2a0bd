"""No secret shows: not a part of one that is longer, and not one that is old and still in use."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from tieline.core import redaction
from tieline.core.redaction import MOST, conceal, conceal_pair, conceal_token, redacted
from tieline.core.secrets import Secret


@pytest.fixture(autouse=True)
def known_again() -> Iterator[None]:
    """What other tests have concealed is concealed afterwards, too."""
    before = redaction.known()
    yield
    redaction.know(*before)


def renewed(count: int) -> None:
    """So many tokens, one after the other, and one more."""
    kept, passing = redaction.known()
    redaction.know(kept, [*passing, *(f"canary-renewed-{number:05}" for number in range(count))])
    conceal_token("canary-the-last-one")


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("longer", ["tok-canary-1-and-more", "more-of-tok-canary-1", "a-tok-canary-1-z"])
def test_a_secret_that_holds_another_is_hidden_whole(longer: str, order: int) -> None:
    for secret in ["tok-canary-1", longer][::order]:
        conceal(secret)
    assert redacted(f"refused {longer}!") == "refused ***!"
    assert redacted("refused tok-canary-1!") == "refused ***!"


@pytest.mark.parametrize(("length", "shown"), [(5, True), (6, False)])
def test_only_a_value_too_short_to_be_told_from_a_word_is_left_alone(length: int, shown: bool) -> None:
    value = "qzxwvk"[:length]
    conceal(value)
    assert (value in redacted(f"it says {value}")) is shown


def test_a_secret_of_the_configuration_stays_hidden_however_many_come_after_it() -> None:
    """It is revealed once, when its client is built, while the tokens of others are renewed for years beside it."""
    Secret.literal("canary-of-the-first-day").reveal()
    conceal_pair("integration", "canary-of-basic")
    renewed(MOST)
    assert redacted("canary-of-the-first-day") == "***"
    assert redacted("Basic aW50ZWdyYXRpb246Y2FuYXJ5LW9mLWJhc2lj") == "Basic ***"


def test_of_tokens_that_are_renewed_the_last_are_hidden() -> None:
    renewed(MOST)
    _kept, passing = redaction.known()
    assert len(passing) == MOST
    assert redacted("canary-the-last-one") == "***"
    assert redacted(f"canary-renewed-{MOST - 1:05}") == "***"
    assert redacted("canary-renewed-00000") != "***"


def test_a_token_that_holds_a_secret_is_hidden_whole() -> None:
    conceal("tok-canary-1")
    conceal_token("tok-canary-1-and-more")
    assert redacted("tok-canary-1-and-more") == "***"


@pytest.mark.parametrize(
    "shown",
    [
        'canary "one" \\two/ für & more',
        'canary \\"one\\" \\\\two/ für & more',
        'canary \\"one\\" \\\\two/ f\\u00fcr & more',
        'canary "one" \\\\two/ für & more',
        "canary%20%22one%22%20%5Ctwo%2F%20f%C3%BCr%20%26%20more",
        "canary+%22one%22+%5Ctwo%2F+f%C3%BCr+%26+more",
        "Y2FuYXJ5ICJvbmUiIFx0d28vIGbDvHIgJiBtb3Jl",
    ],
    ids=["plain", "json", "ascii json", "repr", "url", "form", "base64"],
)
def test_a_secret_is_hidden_whole_in_every_form_in_which_a_tool_quotes_it(shown: str) -> None:
    conceal('canary "one" \\two/ für & more')
    assert redacted(f"<{shown}>") == "<***>"


@pytest.mark.parametrize("padded", ["Y2FuYXJ5LTE=", "Y2FuYXJ5LTE"])
def test_base64_is_hidden_with_its_padding_and_without(padded: str) -> None:
    conceal("canary-1")
    assert redacted(f"<{padded}>").removesuffix(">").rstrip("=") == "<***"


def test_a_secret_that_no_encoding_holds_is_hidden_all_the_same() -> None:
    conceal("canary-\ud800-half")
    assert redacted("<canary-\ud800-half>") == "<***>"
    conceal_pair("änn", "canary-€-pass")
    assert redacted("<canary-€-pass>") == "<***>"
    whole = base64.b64encode("änn:canary-€-pass".encode()).decode().rstrip("=")
    assert redacted(f"<{whole}>") == "<***>"
    latin = base64.b64encode(b"\xe4nn:canary-?-pass").decode().rstrip("=")
    assert redacted(f"<{latin}>") == "<***>"


@pytest.mark.parametrize(("length", "shown"), [(5, True), (6, False)])
def test_a_token_too_short_to_be_told_from_a_word_is_left_alone(length: int, shown: bool) -> None:
    value = "qzxwvk"[:length]
    conceal_token(value)
    assert (value in redacted(f"it says {value}")) is shown


def test_a_token_that_comes_again_takes_no_second_place_and_a_kept_one_none() -> None:
    redaction.know([], [])
    conceal_token("canary-first")
    _kept, before = redaction.known()
    conceal_token("canary-second")
    conceal_token("canary-first")
    _kept, passing = redaction.known()
    assert passing[: len(before)] == before
    conceal("canary-kept")
    conceal_token("canary-kept")
    assert redaction.known()[1] == passing


def test_only_what_is_to_be_known_is_known() -> None:
    conceal("canary-gone")
    redaction.know(["canary-kept"], ["canary-passing"])
    assert redacted("canary-gone canary-kept canary-passing") == "canary-gone *** ***"
