"""T24: an answer without end, or one that unpacks to one, is given up at the limit, whichever library asked for it."""

from __future__ import annotations

import gzip
import json
from functools import partial
from http.server import BaseHTTPRequestHandler

import pytest
from tests.threats.canaries import TOOLS, connect, reply, serving
from tests.threats.conftest import Tally
from tests.threats.test_t09_request_forgery import everything

from tieline.core.errors import RemoteError

LIMIT = 200_000
WORDS = json.dumps({"result": "x" * 1_000_000, "errorMessages": ["x"], "status": "success", "data": {}}).encode()
PACKED = gzip.compress(WORDS)


def endless(status: int, packed: bool, handler: BaseHTTPRequestHandler) -> None:
    headers = {"content-encoding": "gzip"} if packed else {}
    reply(handler, status, headers, PACKED if packed else WORDS)


@pytest.mark.parametrize("name", TOOLS)
def test_an_answer_without_end_is_given_up(name: str, monkeypatch: pytest.MonkeyPatch, tally: Tally) -> None:
    monkeypatch.setattr("tieline.core.http.LARGEST_ANSWER", LIMIT)
    escaped: list[str] = []
    played = 0
    with serving() as tool:
        for status in (200, 404, 500):
            for packed in (False, True):
                tool.answer = partial(endless, status, packed)
                for call in everything(connect(name, tool.url))[:4]:
                    played += 1
                    asked = len(tool.seen)
                    try:
                        call()
                    except RemoteError as error:
                        words = str(error)
                        escaped += [f"{status}: {words[:80]}"] if len(words) > 2_000 else []
                        continue
                    except (ValueError, LookupError):
                        continue
                    escaped += [f"{status}: taken"] if len(tool.seen) > asked else []
    tally(played, escaped)
