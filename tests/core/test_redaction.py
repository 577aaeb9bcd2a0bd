"""No secret shows: not a part of one that is longer, and not one that is old and still in use."""

from __future__ import annotations

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
