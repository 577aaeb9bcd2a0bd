"""What happens is told as it does, to whoever may see it: in order, once, and from where they were."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.api.calling import ANN, BOB, Caller
from tests.api.test_calls import problem
from tests.sync.world import World

from tieline.core.access import Role
from tieline.core.config import load_workspace
from tieline.core.journal import Entry
from tieline.sync import restricting
from tieline.sync.api import stalled, stream
from tieline.sync.api.serving import Web


class Reader:
    """Somebody who reads one stream."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer, self.last = answer, ""
        self._lines = answer.iter_lines()

    def events(self) -> Iterator[tuple[str, Any]]:
        """What comes: kinds and facts; a sign of life is an empty one."""
        kind, data = "", ""
        for line in self._lines:
            name, _, value = line.partition(": ")
            match name:
                case "id":
                    self.last = value
                case "event":
                    kind = value
                case "data":
                    data = value
                case "" if line == "" and data:
                    yield kind, json.loads(data)
                    kind, data = "", ""
                case "" if line:
                    yield "", None

    def until(self, kind: str) -> list[tuple[str, Any]]:
        """What comes up to the first of this kind."""
        found = []
        for one in self.events():
            found.append(one)
            if one[0] == kind:
                return found
        raise AssertionError(f"the stream ended after {found}")


class Served:
    """A web process over a world, with a token of somebody who reads."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder, top="web: {listen: '127.0.0.1:0'}")
        self.caller = Caller(self.world)
        self.web = Web(lambda: load_workspace(folder / "tieline.yaml"), lambda *_: False, lambda _config: "")
        # As the world's clock goes, and not the machine's.
        self.web.engine.clock = self.world.clock
        self.web.start()
        self.make("Disk full")

    def make(self, title: str) -> None:
        self.world.tools["left"].make({"title": title, "status": "new"})
        self.world.settle(2)

    @contextmanager
    def reading(self, last: str | None = None, token: str = "") -> Iterator[Reader]:
        headers = {"authorization": f"Bearer {token or self.caller.token}"}
        headers |= {"last-event-id": last} if last is not None else {}
        with (
            httpx.Client(base_url=self.web.address, trust_env=False, timeout=20) as client,
            client.stream("GET", "/api/v1/events", headers=headers) as answer,
        ):
            yield Reader(answer)

    def close(self) -> None:
        self.web.stop()
        self.caller.__exit__()
        self.world.engine.store.close()
        self.world.engine.registry.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    one = Served(tmp_path)
    yield one
    one.close()


def many(served: Served, entries: int) -> None:
    """So many entries about the incident."""
    now, kinds = served.world.clock.now(), ("commented", "changed")
    with served.world.engine.store.write() as tx:
        tx.journal_many(Entry(now, kinds[number % 2], 1, "left", "tieline", "", {}) for number in range(entries))


def edit(served: Served, title: str) -> None:
    served.world.edit("left", title=title)
    served.world.settle(1)


def restrict(served: Served) -> None:
    with served.world.engine.store.write() as tx:
        restricting.restrict(tx, served.world.engine, served.world.incident().id, "an insider", actor=BOB)


def test_what_happens_from_now_on_is_told(served: Served) -> None:
    with served.reading() as reader:
        assert reader.answer.headers["content-type"].startswith("text/event-stream")
        next(reader._lines)
        edit(served, "Disk full on db1")
        (kind, told) = reader.until("changed")[0]
        assert kind == "changed"
        assert (told["incident"], told["connection"], told["kind"]) == ("INC-1", "left", "changed")


def test_whoever_comes_back_misses_nothing_and_hears_nothing_twice(served: Served) -> None:
    with served.reading("begin") as reader:
        first = reader.until("opened")
        last = reader.last
    edit(served, "Disk full on db1")
    with served.reading(last) as reader:
        rest = reader.until("changed")
    with served.reading("begin") as reader:
        assert reader.until("changed") == first + rest


def test_more_than_one_look_takes_in_is_told_in_order(served: Served) -> None:
    many(served, 350)
    ids, kinds = [], []
    with served.reading("begin") as reader:
        for kind, _told in reader.events():
            ids.append(reader.last)
            kinds.append(kind)
            if len(ids) == 355:
                break
    assert len(set(ids)) == 355
    assert kinds[-345:] == ["changed", "commented"] * 172 + ["changed"]


def test_what_is_restricted_is_neither_told_nor_counted(served: Served) -> None:
    restrict(served)
    served.make("Another")
    with served.reading("begin") as reader:
        told = reader.until("opened")
        ids = [reader.last]
    assert {one["incident"] for _kind, one in told} <= {"INC-2", None}
    edit(served, "nobody is to know")
    with served.reading() as reader:
        next(reader._lines)
        next(reader._lines)
    with served.reading() as other:
        first = [next(other._lines) for _ in range(2)]
    edit(served, "nor of this")
    with served.reading() as again:
        assert [next(again._lines) for _ in range(2)] == first, "what is not seen moves no place"
    assert len(ids[0]) == 32
    served.caller.grant(ANN, Role.SECURITY)
    with served.reading("begin", served.caller.issue(ANN, Role.SECURITY)) as reader:
        assert reader.until("changed")[-1][1]["incident"].startswith("RES-")


@pytest.mark.parametrize("last", ["0", "12", "x", "0" * 32, "f" * 33, "é"])
def test_a_place_that_is_none_is_told(served: Served, last: str) -> None:
    with httpx.Client(base_url=served.web.address, trust_env=False) as client:
        headers = {"authorization": f"Bearer {served.caller.token}", "last-event-id": last.encode()}
        problem(client.get("/api/v1/events", headers=headers), "malformed")  # type: ignore[arg-type]  # bytes


def test_who_may_not_read_hears_nothing(served: Served) -> None:
    comments = served.caller.issue(ANN, rights=["incident.comment"])
    with httpx.Client(base_url=served.web.address, trust_env=False) as client:
        answer = client.get("/api/v1/events", headers={"authorization": f"Bearer {comments}"})
        problem(answer, "not-allowed")
        problem(client.get("/api/v1/events"), "not-proved")
        answer = client.post("/api/v1/events", headers={"authorization": f"Bearer {served.caller.token}"})
        problem(answer, "method")


def test_a_stream_ends_with_its_token(served: Served) -> None:
    with served.reading() as reader:
        next(reader._lines)
        served.caller.revoke_token(served.caller.token)
        assert list(reader.events()) == []


def test_a_token_has_a_few_streams_and_those_that_ended_count_no_more(served: Served) -> None:
    def more(left: int) -> None:
        if left:
            with served.reading() as reader:
                next(reader._lines)
                more(left - 1)
            return
        with served.reading() as reader:
            reader.answer.read()
            problem(reader.answer, "too-often")

    more(stream.MOST_OF_A_TOKEN)
    for _ in range(200):
        with served.reading() as reader:
            if reader.answer.status_code == 200:
                return
    raise AssertionError("a stream that ended is counted for ever")


def test_a_stream_on_which_nothing_happens_gives_signs_of_life(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BEAT_EVERY", 0.5)
    with served.reading() as reader:
        assert [next(events) for events in [reader.events()] for _ in range(2)] == [("", None)] * 2


def test_a_process_that_stops_ends_its_streams(served: Served) -> None:
    with served.reading() as reader:
        next(reader._lines)
        served.web.is_stopping = True
        assert list(reader.events()) == []


def test_whoever_never_reads_is_let_go_of(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stalled.StalledDoor, "stalled_timeout", 0.3)
    many(served, 40_000)
    host, port = served.web.address.removeprefix("http://").split(":")
    opened = socket.socket()
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
    opened.connect((host, int(port)))
    words = f"GET /api/v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {served.caller.token}\r\n"
    opened.sendall(f"{words}last-event-id: begin\r\n\r\n".encode())
    with served.reading() as reader:
        next(reader._lines)
        edit(served, "others are told meanwhile")
        reader.until("changed")
    with opened:
        eventually(lambda: served.web.streams.count == 0)


def eventually(holds: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("did not come about")
