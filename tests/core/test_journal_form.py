"""The one form in which a payload is hashed: RFC 8785, proved against another implementation."""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.journal import canonical

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

whole_numbers = st.integers(-(2**53) + 1, 2**53 - 1)
words = st.text(st.characters(exclude_categories=["Cs"]))
payloads = st.recursive(
    st.none() | st.booleans() | whole_numbers | words,
    lambda inner: st.lists(inner) | st.dictionaries(words, inner),
    max_leaves=20,
)


class Colour(StrEnum):
    RED = "red"


class TestCanonicalJson:
    @given(payloads)
    def test_it_is_what_rfc_8785_says(self, value: Any) -> None:
        assert canonical(value) == rfc8785.dumps(value)

    def test_keys_are_in_the_order_of_utf_16(self) -> None:
        keys = {"\N{PILE OF POO}": 1, "\ufb33": 2, "z": 3, "\r": 4}
        assert canonical(keys) == rfc8785.dumps(keys)
        assert list(keys) != sorted(keys)

    def test_tuples_and_words_of_enums_are_what_they_stand_for(self) -> None:
        assert canonical({"tags": ("a", "b"), "colour": Colour.RED}) == b'{"colour":"red","tags":["a","b"]}'

    @pytest.mark.parametrize(
        ("value", "written"),
        [(None, b"null"), (True, b"true"), (False, b"false"), (1, b"1"), ("größer", '"größer"'.encode()), ({}, b"{}")],
    )
    def test_a_plain_value_is_written_plainly(self, value: Any, written: bytes) -> None:
        assert canonical(value) == written
        assert canonical([value, {"a": value}]) == b"[" + written + b',{"a":' + written + b"}]"

    @pytest.mark.parametrize("key", [1, None, Colour.RED, b"red"])
    def test_a_key_that_is_no_plain_text_is_named(self, key: Any) -> None:
        with pytest.raises(ValueError, match=r"the key .* keys are plain text"):
            canonical({key: 1})

    @pytest.mark.parametrize(
        "value", [0.5, float("nan"), 2**53, -(2**53), {1: "a"}, {"a": {2}}, b"bytes", NOON, "\ud800", {"\udfff": 1}]
    )
    def test_what_has_no_single_form_is_refused(self, value: Any) -> None:
        with pytest.raises(ValueError, match="journalled"):
            canonical({"value": value})

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            (0.5, "float 0.5 cannot be journalled; use text"),
            (b"bytes", "bytes b'bytes' cannot be journalled; use text"),
            (2**53, f"{2**53} is beyond 2.53 and cannot be journalled; write it as a string"),
            ("\ud800", "this text cannot be journalled"),
        ],
    )
    def test_what_is_refused_is_told_with_what_to_write_instead(self, value: Any, words: str) -> None:
        with pytest.raises(ValueError, match=words):
            canonical({"value": [value]})

    @pytest.mark.parametrize("value", [2**53 - 1, -(2**53) + 1])
    def test_the_largest_whole_numbers_that_every_reader_agrees_on_are_taken(self, value: int) -> None:
        assert canonical([value]) == f"[{value}]".encode()

    @pytest.mark.parametrize("wrapped", [lambda one: [one], lambda one: {"a": one}, lambda one: (one,)])
    @pytest.mark.parametrize("leaf", [1, "1"])
    def test_sixty_four_levels_are_taken_and_no_more(self, wrapped: Callable[[Any], Any], leaf: Any) -> None:
        value: Any = leaf
        for _ in range(64):
            value = wrapped(value)
        assert canonical(value).count(b"1") == 1
        with pytest.raises(ValueError, match="64 deep"):
            canonical(wrapped(value))

    def test_nesting_without_end_is_refused(self) -> None:
        value: list[Any] = []
        for _ in range(100_000):
            value = [value]
        with pytest.raises(ValueError, match="deep"):
            canonical(value)
