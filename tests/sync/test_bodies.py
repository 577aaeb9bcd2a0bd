"""A delivery's body: what JSON cannot say costs at most the record that it stands in."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from tieline.sync.intake.bodies import DEPTH, NODES, plain


def test_plain_json_is_left_as_it_is() -> None:
    body = json.dumps({"alerts": [{"labels": {"a": "b", "id": 2**63}}] * 1000}).encode()
    assert plain(body) is body


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b'{"a": "latin\xe9"}', {"a": "latin\ufffd"}),
        (b'{"latin\xe9": 1}', {"latin\ufffd": 1}),
        (b'{"a": "\\ud800b"}', {"a": "\ufffdb"}),
        (b'{"a": "b\\udc00"}', {"a": "b\ufffd"}),
        (b'{"a": "\\ud83d\\ude00\\ud83d"}', {"a": "\U0001f600\ufffd"}),
        (b'{"a": "\\\\ud800", "b": NaN}', {"a": "\\ud800", "b": "NaN"}),
        (b'{"a": [Infinity, -Infinity]}', {"a": ["Infinity", "-Infinity"]}),
        (b'{"a": 1e400, "b": 1.5}', {"a": "1e400", "b": 1.5}),
        (b'{"a": ' + b"9" * 50_000 + b"}", {"a": "9" * 50_000}),
        (b'{"a": NaN, "b": [18446744073709551615, -9223372036854775808]}', {"a": "NaN", "b": [2**64 - 1, -(2**63)]}),
        (b'{"a": NaN, "b": 18446744073709551616}', {"a": "NaN", "b": "18446744073709551616"}),
        (b'{"a": "two\nlines"}', {"a": "two\nlines"}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
    ],
)
def test_what_json_cannot_say_is_said_as_far_as_it_can_be(body: bytes, read: Any) -> None:
    assert orjson.loads(plain(body)) == read


@pytest.mark.parametrize("depth", [DEPTH, 500, 3_000, 100_000])
def test_what_is_nested_too_deeply_is_cut_there_and_nowhere_else(depth: int) -> None:
    deep = b'[{"x]": ' * (depth // 2) + b'"]}\\""' + b"}]" * (depth // 2)
    read = orjson.loads(plain(b'{"odd": ' + deep + b', "good": {"a": [1, "[{"]}}'))
    assert read["good"] == {"a": [1, "[{"]}
    levels, inner = 1, read["odd"]
    while inner:
        levels, inner = levels + 1, inner[0] if isinstance(inner, list) else inner["x]"]
    assert levels <= DEPTH + 1 and inner is None


@pytest.mark.parametrize("depth", [DEPTH + 1, 2_000])
def test_a_bearable_depth_is_what_comes_out(depth: int) -> None:
    assert plain(b"[" * DEPTH + b"]" * DEPTH) == b"[" * DEPTH + b"]" * DEPTH
    assert plain(b"[" * depth + b"]" * depth) == b"[" * DEPTH + b"null" + b"]" * DEPTH


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"not json",
        b"\xff\xfe",
        b'{"a": 1',
        b'{"a": 1}{',
        b"]" * 2_000,
        b"[" * 2_000,
        b'"no end',
        b'[NaN, "no end\\',
        b"{'a': 1}",
    ],
)
def test_what_is_no_json_is_refused_in_our_words(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"^the body is (empty, where JSON is sent|not JSON, or is cut off)$"):
        plain(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"1," * 300_000 + b"1]",
        b"[NaN," + b"1," * NODES + b"1]",
        b"[" * 300_000 + b"]" * 300_000,
        b"[" + b",".join([b"[" * 65 + b"]" * 65] * 4_000) + b"]",
    ],
)
def test_the_parts_of_a_body_are_bounded(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"^the body has more than 200000 parts$"):
        plain(body)
