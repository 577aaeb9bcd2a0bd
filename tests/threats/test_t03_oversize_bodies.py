"""T3: a body that is too large, too deep or not quite JSON costs its sender a 4xx and us next to nothing."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import httpx
import pytest
from tests.daemon.conftest import eventually
from tests.threats.conftest import Tally, cases
from tests.threats.receivers import SECRET, WORKSPACE

from tieline.adapters.jira.webhook import signature as jira_signature
from tieline.adapters.pagerduty.webhook import signature as pagerduty_signature

LIMIT = 1024 * 1024
MARGIN = 24 * 1024 * 1024
"""What one body may cost: itself a few times over. A bomb that went off would cost gigabytes."""


class Process:
    """A real daemon, so that its memory is its own."""

    def __init__(self, folder: Path) -> None:
        (folder / "tieline.yaml").write_text(WORKSPACE.replace("{tool: memory,", "{tool: memory, path: m.json,"))
        self.log = folder / "log"
        with self.log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tieline.cli.main", "-w", str(folder), "run", "--log", "json"],
                stderr=file,
                stdout=subprocess.DEVNULL,
                cwd=folder,
                env={**os.environ, "THREAT_SECRET": SECRET},
            )
        eventually(lambda: '"started"' in self.log.read_text(), 60)
        line = next(line for line in self.log.read_text().splitlines() if '"started"' in line)
        self.address = str(json.loads(line)["address"])
        self.client = httpx.Client(base_url=self.address, trust_env=False, timeout=60)

    @property
    def rss(self) -> int:
        """Resident bytes."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    @property
    def stored(self) -> int:
        """Rows of what came in and waits."""
        with closing(sqlite3.connect(self.log.parent / "tieline.db")) as database:
            return int(database.execute("SELECT count(*) FROM inbox").fetchone()[0])

    @property
    def handles(self) -> int:
        """Open files and sockets."""
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())

    def close(self) -> None:
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    one = Process(tmp_path_factory.mktemp("process"))
    one.client.get("/healthz")
    yield one
    one.close()


def chunks(total: int) -> Iterator[bytes]:
    for _ in range(total // 65_536):
        yield b"[" * 65_536


def post(process: Process, body: bytes | Iterator[bytes], **headers: str) -> int:
    try:
        return process.client.post("/hooks/jira", content=body, headers=headers).status_code
    except httpx.TransportError:
        return 0  # it hung up on us in the middle, which is an answer too


def hostile() -> list[tuple[str, bytes]]:
    """Bodies that are signed by a tool that has gone mad (or whose secret somebody has)."""
    digits = cases(100_000, 1_000_000)
    deep = cases(100_000, 200_000)
    return [
        ("a number of a million digits", b'{"webhookEvent": ' + b"9" * digits + b"}"),
        ("nesting of lists", b"[" * deep + b"]" * deep),
        # Within the limit of a body, or its size would be refused instead: by hanging up, while it is still sent.
        ("nesting of objects", b'{"a":' * min(deep, 150_000) + b"1" + b"}" * min(deep, 150_000)),
        ("nesting that never ends", b"[" * deep),
        ("many parts", b"[" + b"1," * 400_000 + b"1]"),
        ("NaN", b'{"webhookEvent": "a", "issue": {"id": NaN}}'),
        ("Infinity", b'{"webhookEvent": "a", "issue": {"id": -Infinity}}'),
        ("a lone surrogate", b'{"webhookEvent": "\\ud800"}'),
        ("bytes that are not UTF-8", b'{"webhookEvent": "\xff\xfe"}'),
        ("an overlong form", b'{"webhookEvent": "\xc0\xaf"}'),
        ("a NUL", b"\x00"),
        ("an exponent", b'{"webhookEvent": 1e999999999}'),
        ("nothing", b""),
        ("half of it", b'{"webhookEvent": "a"'),
        ("a BOM", b'\xef\xbb\xbf{"webhookEvent": "a"}'),
        ("two documents", b'{"webhookEvent": "a"}{"webhookEvent": "b"}'),
    ]


READ: Final = frozenset(
    {
        "a number of a million digits",
        "NaN",
        "Infinity",
        "a lone surrogate",
        "bytes that are not UTF-8",
        "an overlong form",
        "an exponent",
        "a BOM",
    }
)
"""What costs at most the record that it stands in. Jira sends events that mean nothing to us, too: these are such."""


def test_what_is_signed_and_hostile_does_no_harm_and_costs_little(process: Process, tally: Tally) -> None:
    for _name, body in hostile():  # once for what a process loads when it first needs it
        post(process, body, **{"x-hub-signature": jira_signature(SECRET, body)})
    before = process.rss
    escaped: list[str] = []
    played = 0
    for _round in range(cases(2, 20)):
        for name, body in hostile():
            for connection, header, proof in (
                ("jira", "x-hub-signature", jira_signature(SECRET, body)),
                ("pager", "x-pagerduty-signature", pagerduty_signature(SECRET, body)),
                ("alerts-bearer", "authorization", f"Bearer {SECRET}"),
                ("snow-shared", "x-tieline-secret", SECRET),
            ):
                played += 1
                answer = process.client.post(f"/hooks/{connection}", content=body, headers={header: proof})
                harmless = (200, 400) if name in READ and connection == "jira" else (400, 413)
                if answer.status_code not in harmless:
                    escaped.append(f"{name} at {connection}: {answer.status_code}")
    assert process.rss - before < MARGIN
    assert process.stored == 0
    tally(played, escaped)


def test_a_body_without_end_is_cut_off_at_the_limit(process: Process, tally: Tally) -> None:
    before = process.rss
    total = cases(64, 2_048) * LIMIT
    statuses = [post(process, chunks(total)) for _ in range(3)]
    statuses.append(post(process, b"x" * (2 * LIMIT)))
    assert process.client.get("/healthz").status_code == 200
    assert process.rss - before < MARGIN
    tally(len(statuses), [status for status in statuses if status not in (413, 0)])


def test_whoever_is_refused_unread_is_told_that_the_connection_ends(process: Process) -> None:
    """Or the next delivery would be sent down a connection that is being closed."""
    host, port = process.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(b"POST /hooks/jira HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (2 * LIMIT))
        large = b"".join(iter(lambda: connection.recv(65_536), b""))
    packed = process.client.post("/hooks/jira", headers={"content-encoding": "gzip"}, content=b"{}")
    nobody = process.client.post("/hooks/nobody", content=b"{}")
    known = process.client.post("/hooks/jira", content=b"{}")
    assert large.startswith(b"HTTP/1.1 413") and b"connection: close" in large
    assert [answer.status_code for answer in (packed, nobody, known)] == [415, 404, 401]
    assert [answer.headers.get("connection") for answer in (packed, nobody, known)] == ["close", "close", None]


def test_a_length_that_lies_gains_nothing(process: Process, tally: Tally) -> None:
    host, port = process.address.removeprefix("http://").split(":")
    lies = [b"-1", b"99999999999999999999", b"1e9", b"0x10", b"+5", b"5, 6", b"\xb2"]
    escaped: list[str] = []
    for lie in lies:
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(b"POST /hooks/jira HTTP/1.1\r\nHost: x\r\nContent-Length: " + lie + b"\r\n\r\n{}")
            answer = connection.recv(4096)
        if answer and not answer.startswith((b"HTTP/1.1 4",)):
            escaped.append(repr((lie, answer[:40])))
    smuggled = b"POST /hooks/jira HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    smuggled += b"0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(smuggled)
        answers = b"".join(iter(lambda: connection.recv(65_536), b""))
        if b"tieline_store_up" in answers:
            escaped.append("a second request was smuggled in")
    tally(len(lies) + 1, escaped)


def test_what_is_packed_is_refused_unopened(process: Process, tally: Tally) -> None:
    before = process.rss
    bomb = gzip.compress(b"0" * cases(50, 500) * LIMIT)
    double = gzip.compress(bomb)
    sent = [("gzip", bomb), ("gzip, gzip", double), ("deflate", zlib.compress(b"0" * LIMIT)), ("br", b"\x00")]
    sent += [("x", b""), ("GZIP", bomb), ("identity, gzip", bomb)]
    statuses = {coding: post(process, body[:LIMIT], **{"content-encoding": coding}) for coding, body in sent}
    assert process.rss - before < MARGIN
    # Refused by its headers, a body that is still being sent may find the door shut before the answer is read.
    tally(len(sent), [f"{coding}: {status}" for coding, status in statuses.items() if status not in (415, 413, 0)])


def test_a_name_that_stands_twice_means_the_same_to_every_reader() -> None:
    """Two parsers look at a body. Where they took different ones of two values, one could be checked and one used."""
    import orjson

    body = b'{"webhookEvent": "a", "issue": {"id": "1", "id": "2"}, "issue": {"id": "3"}, "webhookEvent": "b"}'
    assert orjson.loads(body) == json.loads(body)


def test_headers_without_end_are_cut_off(process: Process, tally: Tally) -> None:
    host, port = process.address.removeprefix("http://").split(":")
    before = process.rss
    escaped = []
    for line in (b"X-Pad: " + b"a" * 1000 + b"\r\n", b"a" * 65_536):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
            try:
                for _ in range(2_000):
                    connection.sendall(line)
                answer = connection.recv(4096)
            except OSError:
                answer = b""
        if answer.startswith(b"HTTP/1.1 2"):
            escaped.append(line[:20])
    assert process.rss - before < MARGIN
    tally(2, escaped)


def test_headers_behind_a_body_are_neither_kept_nor_waited_for(process: Process, tally: Tally) -> None:
    """A body in chunks may end with trailers: as many, and as long, as the sender likes."""
    host, port = process.address.removeprefix("http://").split(":")
    start = b"POST /hooks/jira HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    before = process.rss
    escaped = []
    for line in (b"X-Pad: " + b"a" * 1000 + b"\r\n", b"a" * 65_536):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(start)
            sent = 0
            try:
                while sent < 64 * LIMIT:
                    connection.sendall(line)
                    sent += len(line)
                escaped.append(line[:20])
            except OSError:
                pass
    assert process.rss - before < MARGIN
    tally(2, escaped)


def test_a_header_behind_the_body_proves_nothing(process: Process) -> None:
    """Whoever stands in front of us looks at headers, and may take some away: nobody gets one past it in this way."""
    host, port = process.address.removeprefix("http://").split(":")
    body = b'{"version": "4", "alerts": []}'
    start = b"POST /hooks/alerts-bearer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    proof = b"Authorization: Bearer " + SECRET.encode() + b"\r\n"
    chunk = b"%x\r\n%b\r\n0\r\n" % (len(body), body)
    for head, trailer, status in ((proof, b"", b"202"), (b"", proof, b"401")):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(start + head + b"\r\n" + chunk + trailer + b"\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 " + status)
