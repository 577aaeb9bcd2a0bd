"""A delivery's body as every receiver reads it: plain JSON of a bearable shape.

Senders are many, and few escape what an alert says of itself with care. What JSON cannot say is said as far as it can
be, so that it costs at most the record that it stands in: the others of a delivery may be told nowhere else.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import orjson

DEPTH: Final = 64
NODES: Final = 200_000
TEXTS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""The texts in a document, the one without an end too: otherwise each of its quotes would be tried as a beginning."""
CONTAINERS: Final = frozenset((dict, list))

_TOKENS: Final = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
_WHOLE: Final = range(-(2**63), 2**64)
_DIGITS: Final = len(str(_WHOLE.start))


def plain(body: bytes) -> bytes:
    """The body itself where it is plain JSON, and what can be read of it otherwise. Raises ValueError with a sentence.

    Bytes that are not UTF-8 and halves of surrogate pairs become U+FFFD; NaN, Infinity and numbers beyond 64 bits
    become texts; a list or an object beyond DEPTH levels becomes null.
    """
    if body.count(b",") > NODES and TEXTS.sub(b"", body).count(b",") > NODES:
        # Seen before it is built, which would cost twenty times its length.
        raise _too_many_parts()
    try:
        root = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _read(body)
    return body if _depth(root) <= DEPTH else _read(body)


def _read(body: bytes) -> bytes:
    text = body.decode("utf-8-sig", "replace")
    if not text.strip():
        raise ValueError("the body is empty, where JSON is sent")
    try:
        root = json.loads(_shallow(text), strict=False, parse_constant=str, parse_int=_whole, parse_float=_fraction)
    except json.JSONDecodeError:
        raise ValueError("the body is not JSON, or is cut off") from None
    if _depth(root) > DEPTH:
        raise ValueError(f"the body is nested deeper than {DEPTH} levels")
    words = json.dumps(root, ensure_ascii=False)
    return words.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _shallow(text: str) -> str:
    """A document in which null stands for what is nested too deeply. Raises ValueError."""
    kept: list[str] = []
    depth = lists = end = 0
    for token in _TOKENS.finditer(text):
        match token.group():
            case "[" | "{":
                depth += 1
                lists += 1
                if depth == DEPTH + 1:
                    kept += (text[end : token.start()], "null")
            case "]" | "}":
                depth -= 1
                if depth == DEPTH:
                    end = token.end()
        if lists > NODES:
            raise _too_many_parts()
    return "".join(kept) + text[end:] if depth <= DEPTH else ""


def _depth(root: Any) -> int:
    """How deep a document is nested. Raises ValueError for one of too many parts; looks no further than DEPTH."""
    level: list[Any] = [root]
    nodes = depth = 0
    while level and depth <= DEPTH:
        depth += 1
        deeper: list[Any] = []
        for node in level:
            if type(node) is dict or type(node) is list:
                nodes += len(node)
                parts = node.values() if type(node) is dict else node
                deeper += [part for part in parts if type(part) in CONTAINERS]
        if nodes > NODES:
            raise _too_many_parts()
        level = deeper
    return depth


def _whole(digits: str) -> int | str:
    # Their number is looked at first: Python refuses to count beyond some thousands.
    return int(digits) if len(digits) <= _DIGITS and int(digits) in _WHOLE else digits


def _fraction(digits: str) -> float | str:
    number = float(digits)
    return digits if number in (float("inf"), float("-inf")) else number


def _too_many_parts() -> ValueError:
    return ValueError(f"the body has more than {NODES} parts")
