"""An httpx client for adapters: it goes nowhere it was not told to go, pays for each call, and sends it once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import httpx
import orjson

from tieline.core import http
from tieline.core.errors import Limit, NeedsOperator, TryAgain
from tieline.core.http import (
    at_origin,
    is_page,
    outcome,
    read_whole,
    same_origin,
    server_date,
    too_large,
    words_of,
)
from tieline.core.login import NOBODY, Proof
from tieline.core.oauth import Tokens
from tieline.core.port import Cut, HttpSettings, Workbench
from tieline.core.redaction import conceal_pair
from tieline.core.route import Route, blocked, route
from tieline.core.unreached import cause

Query = Mapping[str, str | int | list[str]]
Shape = type[dict[Any, Any] | list[Any]]
Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer: its JSON (None for an empty body), and when it was given by the tool's own clock. `method`
    and `path` are what it answers, `wrote` whether that changed something. `etag` is the tool's own stamp of what it
    shows, without its quotes, `location` where what was made can be looked at, and `following` where a listing goes on
    (Link, RFC 8288); "" where it tells none."""

    json: Any
    at: datetime
    method: str
    path: str
    wrote: bool
    etag: str = ""
    location: str = ""
    following: str = ""


class Client:
    """The calls of one connection: no redirects, time-outs always, bounded answers, each taken from the budget.

    It is made at the first call, so that connecting neither reads secrets nor fails.
    """

    def __init__(
        self,
        connection: str,
        url: str,
        settings: HttpSettings,
        bench: Workbench,
        *,
        tool: str = "the tool",
        prove: Callable[[], Proof] = lambda: NOBODY,
        tokens: Tokens | None = None,
        timeout: float = 30.0,
        too_often: Callable[[int, Mapping[str, str], str, datetime], timedelta | None] = lambda *_answer: None,
    ) -> None:
        """`prove` reads what proves us, and is asked anew after a 401; `tokens`, where there are some, go beside it as
        Bearer. `tool` is named where something else seems to answer. `too_often` is given status, headers, words and
        our time of an answer that is no success, and tells how long to wait where the tool says in its own way that it
        was asked too often; 429 is known."""
        self._connection = connection
        self._url = url.rstrip("/")
        self._settings = settings
        self._bench = bench
        self._tool = tool
        self._prove = prove
        self._tokens = tokens
        self._timeout = timeout
        self._too_often = too_often
        self._route = Route()
        self._lock = threading.Lock()
        self._made: httpx.Client | None = None
        self._shown = NOBODY

    def get(self, path: str, query: Query | None = None, *, shape: Shape | None = None) -> Answer:
        """As `call`."""
        return self.call("GET", path, query=query, shape=shape)

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        reads: bool = False,
        shape: Shape | None = None,
    ) -> Answer:
        """An answer in JSON; `form` is sent as a page of the tool would send it, in place of JSON. `reads` marks a
        POST that changes nothing, `shape` is what its JSON has to be. Raises what `send` raises; NeedsOperator for an
        answer that is not the tool's; TryAgain for one that is not whole."""
        sent = _Sent(method, path, query, body, dict(headers or {}), _changes(method) and not reads, form)
        writes, response = sent.changes, self._sent_once_more(sent)
        at = server_date(response.headers) or self._bench.clock.now()
        status = response.status_code
        try:
            told = orjson.loads(response.content) if response.content else None
        except orjson.JSONDecodeError:
            if not writes and is_page(response.headers):
                raise self.nonsense(path, "a web page", method) from None
            words = f"{method} {path} answered {status}, and not in whole JSON"
            raise TryAgain(self._connection, words, maybe_done=writes, status=status) from None
        etag = response.headers.get("etag", "").removeprefix("W/").strip('"')
        location, following = response.headers.get("location", ""), response.links.get("next", {}).get("url", "")
        answer = Answer(told, at, method, path, writes, etag, location, following)
        if shape is None or isinstance(told, shape):
            return answer
        raise self.unlike(answer, "no object in JSON" if shape is dict else "no list in JSON")

    def part(self, answer: Answer, name: str, kind: type[Part]) -> Part:
        """A member of the object that was answered. Raises as `call` where it is not there, or something else."""
        told = answer.json.get(name) if isinstance(answer.json, dict) else None
        if isinstance(told, kind) and not (kind is int and isinstance(told, bool)):
            return told
        raise self.unlike(answer, f"no `{name}`")

    def unlike(self, answer: Answer, why: str) -> NeedsOperator | TryAgain:
        """The error for an answer that is in JSON and not the tool's. After a write nobody knows what was done."""
        if not answer.wrote:
            return self.nonsense(answer.path, why, answer.method)
        return TryAgain(self._connection, f"{answer.method} {answer.path} answered {why}", maybe_done=True, status=200)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """An answer that need not be in JSON; `form` is sent as a page of the tool would send it. Raises the
        RemoteError that it means."""
        return self._sent_once_more(_Sent(method, path, None, body, dict(headers or {}), _changes(method), form))

    def _sent_once_more(self, sent: _Sent) -> httpx.Response:
        """Send one request; once more where a refused proof could be renewed."""
        token = self._tokens.token() if self._tokens is not None else ""
        try:
            return self._sent(sent, token)
        except NeedsOperator as error:
            if error.status != 401 or not self._renewed(token):
                raise
        # A 401 says that nothing was done, so that sending again is safe for writes too.
        return self._sent(sent, self._tokens.token() if self._tokens is not None else "")

    def nonsense(self, path: str, why: str, method: str = "GET") -> NeedsOperator:
        """The error for an answer that the tool never gives."""
        return NeedsOperator(
            self._connection,
            f"{method} {path}{at_origin(self._url)} answered 200 with what is not {self._tool}'s ({why}); check `url`, "
            "and whether a log-in page stands in front of it.",
            status=200,
        )

    def close(self) -> None:
        """Give the sockets back, and forget what proved us."""
        with self._lock:
            if self._made is not None:
                self._made.close()
            self._made = None

    def _sent(self, sent: _Sent, token: str) -> httpx.Response:
        made = self._opened()
        url = same_origin(self._url + "/", self._url + sent.path if sent.path.startswith("/") else sent.path)
        what = f"{sent.method} {sent.path}"
        shown = {**sent.headers, **({"authorization": f"Bearer {token}"} if token else {})}
        self._bench.spend()
        try:
            with (
                self._bench.around(sent.changes),
                made.stream(
                    sent.method, url, params=sent.query, json=sent.body, data=sent.form, headers=shown
                ) as response,
            ):
                held = read_whole(response)
        except OverflowError:
            raise too_large(self._connection, what, writes=sent.changes) from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            failure = blocked(self._connection, what, error, self._route)
            raise failure or TryAgain(self._connection, f"{what}: no connection ({cause(error)})") from None
        except httpx.InvalidURL:
            # httpx reads the address of a redirect even when it is not to follow it.
            words = f"{what} answered with a redirect to nowhere; set the final address as `url`"
            raise NeedsOperator(self._connection, words) from None
        except (httpx.TransportError, httpx.DecodingError, Cut) as error:
            words = f"{what}: the answer was lost ({cause(error)})"
            raise TryAgain(self._connection, words, maybe_done=sent.changes) from None
        answer = httpx.Response(
            response.status_code,
            headers=[(k, v) for k, v in response.headers.items() if k not in ("content-encoding", "content-length")],
            content=held,
            request=response.request,
        )
        words = "" if is_page(answer.headers) else words_of(held)
        now, status = self._bench.clock.now(), answer.status_code
        failure = outcome(self._connection, sent.method, sent.path, status, answer.headers, words, now, self._url)
        wait = None if failure is None else self._too_often(status, answer.headers, words, now)
        if wait is not None:
            failure = TryAgain(
                self._connection,
                f"{what} answered {status}: it was asked too often",
                wait=min(wait, http.LONGEST_WAIT),
                maybe_done=isinstance(failure, TryAgain) and failure.maybe_done,
                limit=Limit.CONNECTION,
                status=status,
            )
        if isinstance(failure, TryAgain):
            failure.maybe_done = failure.maybe_done and sent.changes
        if failure is not None:
            raise failure
        return answer

    def _renewed(self, refused: str) -> bool:
        """Whether we can prove ourselves otherwise than we just did: a token that ended early is bought anew, and a
        secret may have been replaced."""
        if self._tokens is not None:
            return self._tokens.renew(refused)
        shown = self._shown
        self.close()
        return self._prove() != shown

    def _opened(self) -> httpx.Client:
        with self._lock:
            if self._made is None:
                if not self._url:
                    raise NeedsOperator(self._connection, "there is no address to ask; set `url`.")
                self._route = route(self._connection, self._settings, self._url)
                self._shown = self._prove()
                if self._shown.pair is not None:
                    conceal_pair(*self._shown.pair)
                self._made = httpx.Client(
                    headers={"accept": "application/json", **self._shown.headers},
                    auth=self._shown.pair,
                    timeout=httpx.Timeout(self._timeout, connect=min(self._timeout, 10.0)),
                    verify=self._route.context(),
                    proxy=self._route.proxy or None,
                    follow_redirects=False,
                    trust_env=False,
                    transport=self._bench.transport,
                )
            return self._made


@dataclass(frozen=True, slots=True)
class _Sent:
    method: str
    path: str
    query: Query | None
    body: Any
    headers: dict[str, str]
    changes: bool
    form: Mapping[str, str] | None = None


def _changes(method: str) -> bool:
    return method not in ("GET", "HEAD", "OPTIONS")
