"""T4: whoever opens connections and says nothing, or speaks very slowly, shuts nobody else out."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from tests.daemon.conftest import eventually
from tests.threats.conftest import Tally, cases
from tests.threats.receivers import Listening, genuine
from tests.threats.test_t03_oversize_bodies import Process

from tieline.sync.intake import slow_clients
from tieline.sync.intake.slow_clients import Door

HALVES = (
    b"",
    b"P",
    b"POST /hooks/jira HTTP/1.1\r\n",
    b"POST /hooks/jira HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    b"POST /hooks/jira HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{",
    b"POST /hooks/jira HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n{",
)
"""Requests that stop: before anything, in the first line, in the headers, in the body."""


@contextmanager
def half_open(address: str, count: int, halves: tuple[bytes, ...] = HALVES) -> Iterator[list[socket.socket]]:
    host, port = address.removeprefix("http://").split(":")
    with ExitStack() as stack:
        opened = []
        for number in range(count):
            one = stack.enter_context(socket.create_connection((host, int(port)), timeout=30))
            one.sendall(halves[number % len(halves)])
            opened.append(one)
        yield opened


def closed(one: socket.socket) -> bool:
    """Whether the other side has closed it; an answer may come first."""
    one.settimeout(0.01)
    try:
        while one.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def whole_answer(one: socket.socket) -> bool:
    """Read one answer of /healthz to its end."""
    heard = b""
    while not heard.endswith(b"alive\n"):
        piece = one.recv(4096)
        if not piece:
            return False
        heard += piece
    return heard.startswith(b"HTTP/1.1 200")


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    one = Process(tmp_path)
    yield one
    one.close()


def test_five_hundred_half_open_connections_keep_no_webhook_out(process: Process, tally: Tally) -> None:

    before = process.handles
    lost = []
    played = 0
    with half_open(process.address, 500):
        eventually(lambda: process.handles >= before + 490)
        for number in range(cases(5, 500)):
            for one in genuine(time.time(), f"t04-{number}"):
                played += 1
                answer = process.client.post(f"/hooks/{one.connection}", content=one.body, headers=dict(one.headers))
                if answer.status_code not in (200, 202):
                    lost.append(f"{one.connection}: {answer.status_code}")
        assert process.handles <= before + 500 + 10
    eventually(lambda: process.handles <= before + 10)
    tally(played, lost)


def test_headers_that_do_not_come_end_the_connection(listening: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Door, "header_timeout", 0.3)
    with half_open(listening.daemon.address, 40, HALVES[:4]) as opened:
        eventually(lambda: all(closed(one) for one in opened))


def test_a_request_that_came_whole_is_timed_no_more(listening: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next request on a kept connection has its own time, counted from its own first byte."""
    monkeypatch.setattr(Door, "header_timeout", 0.3)
    whole = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with half_open(listening.daemon.address, 1, (whole,)) as (kept,):
        assert whole_answer(kept)
        time.sleep(0.6)
        kept.sendall(whole)
        assert whole_answer(kept), "an idle connection is kept for its own, longer time"
        kept.sendall(whole[:10])
        eventually(lambda: closed(kept))


def test_a_body_that_does_not_come_is_given_up(listening: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tieline.sync.intake.server.BODY_TIMEOUT", 0.3)
    with half_open(listening.daemon.address, 6, HALVES[4:]) as opened:
        for one in opened:
            assert one.recv(4096).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("half", [HALVES[4].replace(b"jira", b"nobody"), HALVES[5].replace(b"jira", b"nobody")])
def test_what_is_refused_before_its_body_came_is_not_waited_for(listening: Listening, half: bytes) -> None:
    with half_open(listening.daemon.address, 1, (half,)) as (refused,):
        assert refused.recv(4096).startswith(b"HTTP/1.1 404")
        eventually(lambda: closed(refused))


def test_empty_lines_keep_no_connection_open(listening: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Door, "header_timeout", 0.3)
    with half_open(listening.daemon.address, 1, (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",)) as (kept,):
        assert whole_answer(kept)

        def sent_and_closed() -> bool:
            with suppress(OSError):
                kept.sendall(b"\r\n")
            return closed(kept)

        eventually(sent_and_closed)


def test_a_request_behind_another_one_is_answered_however_it_was_cut(listening: Listening) -> None:
    """The first is answered while the second's body is half in: what is owed is the second's, and it is waited for."""
    whole = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    second = b"POST /hooks/alerts-bearer HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789"
    with half_open(listening.daemon.address, 1, (whole + second[:-5],)) as (one,):
        assert whole_answer(one)
        one.sendall(second[-5:])
        assert one.recv(4096).startswith(b"HTTP/1.1 401")


def test_a_full_room_shows_out_whoever_owes_a_request_for_longest(
    listening: Listening, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    monkeypatch.setattr(Door, "most_connections", 50)
    listening.client.get("/healthz")
    with half_open(listening.daemon.address, 300) as opened:
        eventually(lambda: sum(closed(one) for one in opened) >= 240)
        refused = [one.connection for one in listening.genuine("t04-room") if listening.deliver(one) not in (200, 202)]
        assert sum(not closed(one) for one in opened) <= 50
    tally(300, refused)


def test_the_times_are_those_that_are_promised() -> None:
    assert slow_clients.HEADER_TIMEOUT == 10
    assert slow_clients.IDLE_TIMEOUT == 60
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= slow_clients.MOST_CONNECTIONS
