"""What a text of HTML names by references is read, and no text stops the reading."""

from __future__ import annotations

import sys

import pytest

from tieline.core.entities import unescaped


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("a &lt; b &amp;amp;", "a < b &amp;"),
        ("&#228;&#xe4;&auml;", "äää"),
        ("&#99999999;x &#0000065;", "\ufffdx A"),
        ("&", "&"),
    ],
)
def test_a_reference_is_the_character_that_it_names(text: str, meaning: str) -> None:
    assert unescaped(text) == meaning


def test_a_number_of_thousands_of_digits_is_no_character() -> None:
    assert unescaped(f"a&#{'9' * (sys.get_int_max_str_digits() + 1)};b&#x{'f' * 5000};") == "a\ufffdb\ufffd"
