"""What the door sends: an answer is one write, whatever it is made of."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from tieline.sync.intake.slow_clients import Door

HEAD = b"\r\nhost: tieline\r\n\r\n"


class Wire(asyncio.Transport):
    """The other end of a connection: every write as it came."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        assert not self.closed
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async def only_begins(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})

    await receive()
    answers: dict[str, ASGIApp] = {
        "/json": JSONResponse({"stored": True}, 202),
        "/empty": Response(status_code=204),
        "/parts": StreamingResponse(parts()),
        "/begins": only_begins,
    }
    await answers[scope["path"]](scope, receive, send)


def writes(*requests: bytes) -> list[bytes]:
    """Everything that the door writes on one connection that sends these."""

    async def talk() -> Wire:
        config = uvicorn.Config(application, log_config=None, lifespan="off", http=Door, ws="none")
        config.load()
        wire = Wire()
        door = Door(config, ServerState(), {}, asyncio.get_running_loop())
        door.connection_made(wire)
        for request in requests:
            door.data_received(request)
            for _ in range(20):
                await asyncio.sleep(0)
        if not wire.closed:
            door.connection_lost(None)
        return wire

    return asyncio.run(talk()).writes


@pytest.mark.parametrize("path", [b"/json", b"/empty"])
def test_an_answer_is_one_write(path):
    [answer] = writes(b"GET " + path + b" HTTP/1.1" + HEAD)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 20")
    assert body == (b'{"stored":true}' if path == b"/json" else b"")


def test_each_request_of_a_connection_has_its_own():
    answers = writes(*[b"GET /json HTTP/1.1" + HEAD] * 3)
    assert [answer.count(b"HTTP/1.1 202") for answer in answers] == [1, 1, 1]


def test_requests_that_come_in_one_packet_are_answered_in_order():
    answers = writes((b"GET /json HTTP/1.1" + HEAD) + (b"GET /empty HTTP/1.1" + HEAD))
    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 202", b"HTTP/1.1 204"]


def test_what_is_asked_for_by_its_head_is_answered_by_a_head():
    [answer] = writes(b"HEAD /json HTTP/1.1" + HEAD)
    assert answer.endswith(b"\r\n\r\n")


def test_a_sender_that_waits_to_be_asked_for_its_body_is_asked_at_once():
    first, answer = writes(
        b"POST /json HTTP/1.1\r\nhost: tieline\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n", b"{}"
    )
    assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.startswith(b"HTTP/1.1 202")


def test_parts_are_sent_as_they_come():
    first, second, end = writes(b"GET /parts HTTP/1.1" + HEAD)
    assert first.startswith(b"HTTP/1.1 200") and first.endswith(b"3\r\none\r\n")
    assert (second, end) == (b"3\r\ntwo\r\n", b"0\r\n\r\n")


def test_an_answer_that_broke_off_shows_what_there_was():
    [answer] = writes(b"GET /begins HTTP/1.1" + HEAD)
    assert answer.startswith(b"HTTP/1.1 200")
