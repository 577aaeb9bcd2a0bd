"""What came along with a call, read strictly: what is not plain JSON in UTF-8 is refused with a sentence, and never
guessed. A program that calls can be mended; see `sync/intake/bodies.py` for tools that cannot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.types import Receive

from tieline.sync.api.problems import Kind, Problem
from tieline.sync.intake.receiving import BodyTooLarge, received

TIMEOUT: Final = 30.0
"""Seconds that a body may take."""

DEPTH: Final = 64
"""Levels of lists and objects."""

CLOSE: Final = {"Connection": "close"}
"""What is left of the body interests nobody."""


async def read(headers: Mapping[str, str], receive: Receive, limit: int) -> bytes:
    """The body. Raises Problem, ClientDisconnect."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", ""):
        raise Problem(Kind.MEDIA_TYPE, f"send the body as it is: {encoding[:40]!r} is not taken", headers=CLOSE)
    type_, _, parameters = headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if type_.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        raise Problem(Kind.MEDIA_TYPE, "a body is `Content-Type: application/json`, in UTF-8", headers=CLOSE)
    try:
        return await received(headers.get("content-length", ""), receive, limit, TIMEOUT)
    except BodyTooLarge:
        what = f"the body is larger than {limit} bytes (web.body_limit)"
        raise Problem(Kind.TOO_LARGE, what, headers=CLOSE) from None
    except TimeoutError:
        raise Problem(Kind.TOO_SLOW, f"the body did not arrive within {TIMEOUT:.0f} s", headers=CLOSE) from None


def understood(body: bytes) -> str:
    """The document that a body is: one object in plain JSON. Raises Problem."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(Kind.MALFORMED, f"the body is not UTF-8, at byte {error.start}") from None
    if not text.strip():
        raise Problem(Kind.MALFORMED, "the body is empty, where a JSON object is sent; {} is one that says nothing")
    try:
        root = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number, parse_int=_whole)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Problem(Kind.MALFORMED, f"the body is no JSON, or is cut off: {error.msg} at {where}") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise Problem(Kind.MALFORMED, str(error)) from None
    if not isinstance(root, dict):
        raise Problem(Kind.MALFORMED, "the body is no JSON object; write {…} with the arguments by name")
    _check_depth(root)
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:  # what json lets pass: halves of pairs, numbers without end
        raise Problem(Kind.MALFORMED, f"the body is no JSON that can be kept: {error}") from None
    return text


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:60]!r} is there twice in one object; write it once")
    return found


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number in JSON")


def _whole(digits: str) -> int:
    if len(digits) > 20:
        raise ValueError(f"{digits[:20]}… is larger than any number that is taken")
    return int(digits)


def _too_deep() -> Problem:
    return Problem(Kind.MALFORMED, f"the body is nested deeper than {DEPTH} levels")


def _check_depth(root: Any) -> None:
    level = [root]
    for _ in range(DEPTH + 1):
        level = [one for part in level for one in (part.values() if isinstance(part, dict) else part)]
        level = [one for one in level if isinstance(one, dict | list)]
        if not level:
            return
    raise _too_deep()
