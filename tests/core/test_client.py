"""The client of adapters without an SDK: paid for, sent once, and never more believed than what it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.simulation import HttpxTransport, Request, Response, Simulator
from tieline.core.client import Client
from tieline.core.errors import NeedsOperator, TryAgain
from tieline.core.login import Proof
from tieline.core.oauth import Granted, Tokens
from tieline.core.port import Cut, HttpSettings, Workbench

URL = "https://tool.example.com/api"


class Tool(Simulator):
    """Lets in who shows the token that is good."""

    def __init__(self) -> None:
        super().__init__()
        self.good = "Bearer one"
        self.said: Response = Response.of({"account": "tieline", "count": True})
        self.heard: list[Request] = []

    def respond(self, request: Request) -> Response:
        self.heard.append(request)
        return self.said if request.headers.get("authorization") == self.good else Response.of({}, 401)


class Desk:
    """A client, and what it pays."""

    def __init__(self, *, sells: bool = False, url: str = URL) -> None:
        self.tool = Tool()
        self.paid = 0
        self.secret = "one"
        self.bought = 0
        clock = ManualClock()
        self.clock = clock
        self.cut = False
        bench = Workbench(clock, clock.sleep, HttpxTransport(self.tool), self._pay, self._around)
        tokens = Tokens(clock, self._buy) if sells else None
        prove = Proof if sells else lambda: Proof({"authorization": f"Bearer {self.secret}"})
        self.client = Client("desk", url, HttpSettings(), bench, tool="Acme", prove=prove, tokens=tokens)

    def _pay(self) -> None:
        self.paid += 1

    @contextmanager
    def _around(self, writes: bool) -> Iterator[None]:
        yield
        self.writes = writes
        if self.cut:
            raise Cut

    def _buy(self) -> Granted:
        self.bought += 1
        return Granted(["", "one", "two", "three"][self.bought], 3600)


def test_an_answer_has_its_json_and_the_tools_clock_and_is_paid_for() -> None:
    desk = Desk()
    answer = desk.client.get("/me", {"q": "a"}, shape=dict)
    assert desk.client.part(answer, "account", str) == "tieline"
    assert (desk.tool.heard[0].path, desk.tool.heard[0].query, desk.paid) == ("/api/me", {"q": "a"}, 1)
    assert abs((answer.at - desk.tool.clock()).total_seconds()) < 5


@pytest.mark.parametrize(("name", "kind"), [("nothing", str), ("account", int), ("count", int)])
def test_a_member_that_is_not_there_or_something_else_is_not_believed(name: str, kind: type) -> None:
    desk = Desk()
    answer = desk.client.get("/me")
    with pytest.raises(NeedsOperator, match=rf"GET /me at https://tool\.example\.com .* not Acme's \(no `{name}`\)"):
        desk.client.part(answer, name, kind)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_that_is_lost_on_purpose_is_lost_like_any_other(method: str) -> None:
    desk = Desk()
    desk.cut = True
    with pytest.raises(TryAgain, match="the answer was lost") as caught:
        desk.client.call(method, "/tickets")
    assert (caught.value.maybe_done, desk.writes, len(desk.tool.heard)) == (method == "POST", method == "POST", 1)


@pytest.mark.parametrize("said", [b"<html>", b'{"a"', b"[]", b""])
def test_after_a_write_an_odd_answer_leaves_open_what_was_done(said: bytes) -> None:
    desk = Desk()
    desk.tool.said = Response(200, {}, said)
    with pytest.raises(TryAgain) as caught:
        desk.client.call("POST", "/tickets", body={}, shape=dict)
    assert caught.value.maybe_done


def test_a_page_is_told_from_an_answer_that_is_not_whole() -> None:
    desk = Desk()
    desk.tool.said = Response(200, {"content-type": "text/html"}, b"<html>log in</html>")
    with pytest.raises(NeedsOperator, match="a web page"):
        desk.client.get("/me")
    desk.tool.said = Response(200, {"content-type": "application/json"}, b'{"a": ')
    with pytest.raises(TryAgain) as caught:
        desk.client.get("/me")
    assert not caught.value.maybe_done


def test_a_post_that_reads_has_done_nothing() -> None:
    desk = Desk()
    desk.tool.fail(503, path="/search")
    with pytest.raises(TryAgain) as caught:
        desk.client.call("POST", "/search", body={}, reads=True)
    assert not caught.value.maybe_done


def test_a_proof_that_was_replaced_is_shown_once_more() -> None:
    desk = Desk()
    desk.client.get("/me")
    desk.tool.good, desk.secret = "Bearer next", "next"
    desk.client.get("/me")
    assert desk.paid == 3
    desk.tool.good = "Bearer of nobody"
    with pytest.raises(NeedsOperator) as caught:
        desk.client.get("/me")
    assert (caught.value.status, desk.paid) == (401, 4)


def test_a_token_that_ended_early_is_bought_anew_once() -> None:
    desk = Desk(sells=True)
    desk.tool.good = "Bearer two"
    desk.client.get("/me")
    assert (desk.bought, desk.paid) == (2, 2)
    desk.tool.good = "Bearer of nobody"
    with pytest.raises(NeedsOperator):
        desk.client.get("/me")
    assert desk.bought == 3


def test_nothing_is_read_and_nobody_asked_before_the_first_call() -> None:
    desk = Desk(url="")
    with pytest.raises(NeedsOperator, match="no address"):
        desk.client.get("/me")
    assert desk.paid == 0


def test_a_link_that_leads_away_is_not_followed() -> None:
    desk = Desk()
    with pytest.raises(ValueError, match="leads to"):
        desk.client.get("https://elsewhere.example.com/next")
    assert desk.client.get("https://tool.example.com/api/next").json["account"] == "tieline"
    assert isinstance(desk.client.send("GET", "/me"), httpx.Response)
