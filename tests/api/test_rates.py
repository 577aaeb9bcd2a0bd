"""By what tries are counted."""

from __future__ import annotations

import pytest

from tieline.sync.api.problems import Problem
from tieline.sync.api.rates import source_of
from tieline.sync.api.signing_in import WRONG_AT_ONCE, SigningIn


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("unknown", "unknown"),
    ],
)
def test_tries_are_counted_by_what_one_machine_has_one_of(address: str, source: str) -> None:
    assert source_of(address) == source


def test_a_network_of_addresses_guesses_no_more_than_one() -> None:
    signing_in = SigningIn(calls_per_minute=600, behind_proxy=False)
    for number in range(WRONG_AT_ONCE):
        signing_in.note_wrong(f"2001:db8::{number:x}", 0.0)
    with pytest.raises(Problem, match="too many wrong tokens"):
        signing_in.shown({"authorization": "Bearer tl_x"}, "2001:db8::ffff", 0.0)
    assert signing_in.shown({"authorization": "Bearer tl_x"}, "2001:db8:0:1::1", 0.0) == "tl_x"
