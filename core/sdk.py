"""What stands around an SDK that is built on requests, the same for each.

An SDK is asked for its session and its authentication. What it does of an answer is not: left alone it repeats (which
posts a comment twice), follows redirects, drops an error that stands beside rows, and quotes headers in what it raises.
So each call is paid for, sent once, bounded, and handed over before the SDK sees its answer; a proof that was refused
is renewed once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from tieline.core.errors import RemoteError, TryAgain
from tieline.core.http import hold_whole, too_large
from tieline.core.oauth import Tokens
from tieline.core.port import Cut, HttpSettings, Workbench
from tieline.core.route import Route, blocked, route
from tieline.core.unreached import beneath, cause

Library = TypeVar("Library")
Proof = TypeVar("Proof")

_UNSENT = frozenset({"ConnectTimeout", "NewConnectionError", "NameResolutionError", "InvalidHeader", "InvalidURL"})
"""Errors of requests and urllib3 after which the tool has heard nothing."""


@dataclass(frozen=True, slots=True)
class Opened(Generic[Library]):
    """An SDK that is ready for calls of one thread, and the session of requests that it sends them by."""

    library: Library
    session: Any
    keeps_cookies: bool = True
    """Whether the tool is shown its cookies again: a balancer may lead by them to the same of several servers."""


class Sdk(Generic[Library, Proof]):
    """The calls of one connection through its SDK. A session of requests is not made for several threads, so that each
    thread has its own."""

    def __init__(
        self,
        connection: str,
        settings: HttpSettings,
        url: str,
        bench: Workbench,
        *,
        prove: Callable[[], Proof],
        open_with: Callable[[Proof, Route], Opened[Library]],
        tokens: Tokens | None = None,
    ) -> None:
        """`prove` reads what proves us; whoever uses access tokens gives `tokens` as well, and sends the one that each
        call is given. Nothing is read and nothing opened before the first call."""
        self.connection = connection
        self._settings = settings
        self._url = url
        self._bench = bench
        self._prove = prove
        self._open_with = open_with
        self._tokens = tokens
        self._route = Route()
        self._threads = threading.local()

    def send(self, what: str, call: Callable[[Library, str], object], *, writes: bool) -> Any:
        """The response of requests, read whole, whatever its status. `call` sends one request, with the access token
        that it is given ("" where there is none); it does not return. Raises the RemoteError of a call without answer,
        and what `call` raises."""
        response, used = self._sent(what, call, writes)
        if response.status_code == 401 and self._renewed(used):
            # A 401 says that nothing was done, so that sending again is safe for writes too.
            response, _ = self._sent(what, call, writes)
        return response

    def unanswered(self, what: str, error: BaseException, *, writes: bool) -> RemoteError:
        """The error of a call to which no answer came. Raise it `from None`: a library's exception carries the request,
        and the request what proves us."""
        failure = blocked(self.connection, what, error, self._route)
        if failure is not None:
            return failure
        unsent = any(type(one).__name__ in _UNSENT for one in beneath(error))
        said = "no connection" if unsent else "the answer was lost"
        return TryAgain(self.connection, f"{what}: {said} ({cause(error)})", maybe_done=writes and not unsent)

    def close(self) -> None:
        """Give this thread's sockets back, and forget what proved us."""
        opened = getattr(self._threads, "opened", None)
        if opened is not None:
            opened.session.close()
            del self._threads.opened

    def _sent(self, what: str, call: Callable[[Library, str], object], writes: bool) -> tuple[Any, str]:
        opened = self._opened()
        token = self._tokens.token() if self._tokens is not None else ""
        import requests  # here, because it comes with the SDKs' extras

        self._bench.spend()
        try:
            with self._bench.around(writes):
                response = _answer(call, opened.library, token)
        except OverflowError:
            raise too_large(self.connection, what, writes=writes) from None
        except (requests.exceptions.RequestException, Cut) as error:
            raise self.unanswered(what, error, writes=writes) from None
        if response is None:
            raise TryAgain(self.connection, f"{what}: no answer", maybe_done=writes)
        return response, token

    def _renewed(self, refused: str) -> bool:
        """Whether we can prove ourselves otherwise than we just did: a token that ended early is bought anew, and the
        next session looks at the secrets, which somebody may have replaced."""
        if self._tokens is not None:
            return self._tokens.renew(refused)
        shown = self._threads.proof
        self.close()
        return bool(self._prove() != shown)

    def _opened(self) -> Opened[Library]:
        opened: Opened[Library] | None = getattr(self._threads, "opened", None)
        if opened is None:
            self._route = route(self.connection, self._settings, self._url)
            self._threads.proof = self._prove()
            opened = self._open_with(self._threads.proof, self._route)
            # First of all hooks: SDKs read every answer to its end, however long.
            opened.session.hooks["response"][:0] = [hold_whole, partial(_hand_over, opened)]
            # At its own address too: an SDK may have mounted a transport of its own there, which repeats.
            self._route.lead(opened.session, self._bench.transport, at=("https://", "http://", self._url))
            self._threads.opened = opened
        return opened


class _Answered(Exception):
    """Carries an answer out of the SDK before it acts on it."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        self.response = response


def _answer(call: Callable[[Library, str], object], library: Library, token: str) -> Any:
    """The response that was handed over; None where the SDK sent nothing."""
    try:
        call(library, token)
    except _Answered as heard:
        return heard.response
    return None


def _hand_over(opened: Opened[Any], response: Any, **_options: Any) -> None:
    if opened.keeps_cookies:
        from requests import cookies

        keep: Any = cookies.extract_cookies_to_jar
        keep(opened.session.cookies, response.request, response.raw)
    raise _Answered(response)
