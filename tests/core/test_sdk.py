"""What stands around every SDK: it sends once, is paid for, sees no answer, and shows what proves us anew once."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter, HTTPAdapter

from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.simulation import Request, Response, Simulator, requests_transport
from tieline.core.errors import NeedsOperator, RemoteError, TryAgain
from tieline.core.oauth import Granted, Tokens
from tieline.core.port import HttpSettings, Workbench
from tieline.core.route import Route
from tieline.core.sdk import Opened, Sdk

URL = "https://tool.example.com"


class Tool(Simulator):
    """Lets in who shows the password that is good, and remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.good = "the first"
        self.shown: list[dict[str, str]] = []

    def respond(self, request: Request) -> Response:
        self.shown.append(dict(request.headers))
        known = request.headers.get("authorization", "") == self.good
        return Response.of({}, 200 if known else 401, {"set-cookie": "node=2"})


class Caller:
    """An SDK that repeats what fails, and raises of what it does not like: it would, if it saw an answer."""

    def __init__(self, *, tokens: bool = False, keeps_cookies: bool = True) -> None:
        self.tool = Tool()
        self.url = URL
        self.paid = 0
        self.bought = 0
        self.password = self.tool.good
        self.transport: Any = requests_transport(self.tool)
        clock = ManualClock()
        bench = Workbench(clock, clock.sleep, _Any(lambda: self.transport), self._pay)
        self.keeps_cookies = keeps_cookies
        self.sdk: Sdk[requests.Session, str] = Sdk(
            "desk",
            HttpSettings(),
            URL,
            bench,
            prove=lambda: self.password,
            open_with=self._open,
            tokens=Tokens(clock, self._buy) if tokens else None,
        )

    def _pay(self) -> None:
        self.paid += 1

    def _buy(self) -> Granted:
        self.bought += 1
        return Granted(f"token {self.bought}", 3600)

    def _open(self, password: str, _way: Route) -> Opened[requests.Session]:
        session = requests.Session()
        session.headers["authorization"] = password
        session.hooks["response"].append(lambda response, **_: response.raise_for_status())
        return Opened(session, session, self.keeps_cookies)

    def post(self) -> Any:
        def call(session: requests.Session, token: str) -> None:
            if token:
                session.headers["authorization"] = token
            session.post(f"{self.url}/tickets", json={}, timeout=1)

        return self.sdk.send("POST /tickets", call, writes=True)


class _Any(BaseAdapter):
    """The transport that stands now."""

    def __init__(self, now: Callable[[], Any]) -> None:
        super().__init__()
        self._now = now

    def send(self, *given: Any, **options: Any) -> Any:
        return self._now().send(*given, **options)

    def close(self) -> None:
        """Nothing to give back."""


class Failing(BaseAdapter):
    """A network that fails each time with one error."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def send(self, *_given: Any, **_options: Any) -> Any:
        raise self._error

    def close(self) -> None:
        """Nothing to give back."""


def failing(error: Exception) -> RemoteError:
    caller = Caller()
    caller.transport = Failing(error)
    with pytest.raises(RemoteError) as caught:
        caller.post()
    assert caught.value.__cause__ is None
    return caught.value


def test_an_answer_is_handed_over_whatever_it_is_and_the_sdk_does_not_see_it() -> None:
    caller = Caller()
    caller.tool.fail(500, times=1)
    assert caller.post().status_code == 500
    assert caller.paid == 1


def test_a_proof_that_was_replaced_is_shown_once_more_and_both_calls_are_paid_for() -> None:
    caller = Caller()
    assert caller.post().status_code == 200
    caller.tool.good = caller.password = "the next"
    assert (caller.post().status_code, caller.paid) == (200, 3)


def test_a_proof_that_is_the_same_is_not_shown_again() -> None:
    caller = Caller()
    caller.tool.good = "another"
    assert (caller.post().status_code, caller.paid) == (401, 1)


def test_a_token_that_ended_early_is_bought_anew_once() -> None:
    caller = Caller(tokens=True)
    caller.tool.good = "token 2"
    assert (caller.post().status_code, caller.bought) == (200, 2)
    caller.tool.good = "none of ours"
    assert (caller.post().status_code, caller.bought) == (401, 3)


@pytest.mark.parametrize("kept", [True, False])
def test_a_tools_cookies_are_shown_again_where_that_is_wanted(kept: bool) -> None:
    caller = Caller(keeps_cookies=kept)
    with caller.tool.serve() as caller.url:
        caller.transport = HTTPAdapter()
        caller.post()
        caller.post()
        caller.transport.close()
    assert [shown.get("cookie") for shown in caller.tool.shown] == [None, "node=2" if kept else None]


def test_a_write_that_got_no_answer_may_be_done() -> None:
    told = failing(requests.exceptions.ReadTimeout("too late"))
    assert isinstance(told, TryAgain)
    assert told.maybe_done


def test_tls_that_broke_off_in_the_middle_may_have_carried_the_write() -> None:
    broken = ssl.SSLError(1, "[SSL: BAD_RECORD_MAC] bad record")
    broken.reason = "BAD_RECORD_MAC"
    told = failing(requests.exceptions.SSLError(broken))
    assert isinstance(told, TryAgain)
    assert told.maybe_done


def test_a_write_that_was_never_sent_is_not_done() -> None:
    told = failing(requests.exceptions.ConnectTimeout("nobody there"))
    assert isinstance(told, TryAgain)
    assert not told.maybe_done


def test_a_certificate_that_does_not_verify_asks_for_a_person() -> None:
    unproved = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")
    unproved.verify_message = "self-signed certificate"
    told = failing(requests.exceptions.SSLError(unproved))
    assert isinstance(told, NeedsOperator)
    assert "`ca_file`" in str(told)
