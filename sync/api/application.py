"""The API as an ASGI application: one door in, one door out.

    who asks -> which call -> what was said -> the office -> an answer, or a problem

Whoever shows no token learns nothing, not even which calls there are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import unquote

import orjson
import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from tieline.core.acts import Act
from tieline.core.identity import Someone
from tieline.core.offer import Offers
from tieline.core.shown import Part, as_facts
from tieline.core.views import Listing, View
from tieline.sync.api import bodies, calls, index, openapi, signing_in, stream
from tieline.sync.api.calls import ROOT, Calls
from tieline.sync.api.happenings import NoPlace
from tieline.sync.api.local import PEER, Local, Peer
from tieline.sync.api.problems import Kind, Problem
from tieline.sync.api.signing_in import CHALLENGE, SigningIn
from tieline.sync.api.stream import Streams
from tieline.sync.api.telling import Telling
from tieline.sync.api.turns import InThreads
from tieline.sync.daemon import elsewhere
from tieline.sync.engine import Engine
from tieline.sync.office.asking import Asker
from tieline.sync.office.enquiries import Enquiries, Seen
from tieline.sync.office.look import Outside
from tieline.sync.office.office import LONGEST_KEY, Performed
from tieline.sync.office.own_views import OWN_VIEWS
from tieline.sync.office.performing import perform

HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept, Authorization",
    "X-Content-Type-Options": "nosniff",
}
"""What goes with every answer. No other page may read one: there is no CORS."""

LINKS: Final = index.Links(
    openapi=openapi.PATH, whoami=openapi.WHOAMI, events=openapi.EVENTS, rights=f"{ROOT}access/rights"
)
"""Where the rest is told."""

SHOWN: Final = "application/vnd.tieline.shown+json"
"""What a command asks for: the answer as it is shown to people, beside its facts."""

OFFER: Final = "Tieline-Offer"
"""The `ETag` of the description, with every answer: whoever keeps it learns that it is another one."""

METRICS: Final = "/metrics"
_OWN: Final = ("/healthz", ROOT, openapi.PATH, openapi.EVENTS, openapi.WHOAMI)

_KEY: Final = re.compile(rf"[\x21-\x7e]{{1,{LONGEST_KEY}}}")
_ENTITY_TAG: Final = re.compile(r'"(\d{1,18})"')

T = TypeVar("T")


class Host(Protocol):
    """What the API needs of the process around it."""

    @property
    def engine(self) -> Engine: ...

    @property
    def workers(self) -> Executor: ...

    @property
    def streams(self) -> Streams: ...

    @property
    def is_stopping(self) -> bool:
        """Whether streams are to end."""
        ...

    def owns_store(self, someone: Someone) -> bool:
        """Whether the store's file is theirs."""
        ...

    def account(self, peer: Peer) -> Local:
        """Whose call it is that came from this machine. Raises LookupError for nobody's."""
        ...

    def outside(self, *, file_too: bool = False) -> Outside:
        """What is known of the workspace beside its store; only `file_too` with what is wrong with its file as it is
        by now, which takes as long as a start."""
        ...


class Watch(Protocol):
    """Who is told of whom nobody lets in, and knows the metrics."""

    def refused(self, way: str) -> None:
        """Somebody showed something that proves nothing."""
        ...

    def render(self) -> bytes:
        """The metrics."""
        ...


class Offered:
    """What may be called, and how that is told."""

    def __init__(self, found: Calls, offers: Offers, elsewhere: Collection[str] = ()) -> None:
        self.calls = found
        self.description = orjson.dumps(openapi.description(found, offers, elsewhere))
        self.tag = f'"{sha256(self.description).hexdigest()}"'


class Api:
    """The application."""

    def __init__(self, host: Host, watch: Watch | None = None) -> None:
        self._host, self._watch, self._began_with = host, watch, host.engine
        offers = host.engine.registry.offers
        every = calls.offered(offers)
        self._by_token = Offered(calls.calls(every), offers, calls.beyond_tokens(every))
        self._by_account = Offered(calls.every_call(every), offers)
        web = host.engine.config.web
        self._signing_in = SigningIn(calls_per_minute=web.calls_per_minute, behind_proxy=web.behind_proxy)
        self._secure = {"Strict-Transport-Security": "max-age=31536000"} if web.certificate or web.behind_proxy else {}
        self._in_thread = InThreads(host.workers, "calls")
        self._telling = Telling(host.engine.store, self._in_thread, self._now)
        self._log: Any = structlog.get_logger("tieline.web")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            response = await self._answer(scope, receive)
        except Problem as problem:
            response = problem.response()
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the log has it and the next call is served
            self._log.error("call_failed", path=scope["path"][:200], exc_info=error)
            response = Problem(Kind.BROKEN, "something failed that nobody expected; the log says what").response()
        for name, value in {**HEADERS, **self._secure}.items():
            response.headers.setdefault(name, value)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        if scope["path"] == "/healthz":
            return PlainTextResponse("alive\n")
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        asker = await self._proved(scope, headers)
        # By a token not all can be done that whoever holds it may.
        offered = self._by_token if asker.someone.token else self._by_account
        try:
            response = await self._of(offered, asker, headers, scope, receive)
        except Problem as problem:
            response = problem.response()
        response.headers[OFFER] = offered.tag
        return response

    async def _of(
        self, offered: Offered, asker: Asker, headers: Mapping[str, str], scope: Scope, receive: Receive
    ) -> Response:
        if scope["path"] == METRICS:
            return await self._measured(scope)
        if scope["path"] == openapi.PATH:
            return _described(offered, scope, headers)
        if scope["path"] == openapi.EVENTS:
            return await self._streamed(scope, headers, asker)
        if scope["path"] == openapi.WHOAMI:
            return await self._told_who(scope, headers, asker)
        if scope["path"] in (ROOT, ROOT.rstrip("/")):
            return await self._told_what(offered, scope, headers, asker)
        methods = offered.calls.get(scope["path"])
        if methods is None:
            raise Problem(Kind.NOT_THERE, f"there is no call {scope['path'][:200]!r}; see {ROOT}")
        match methods.get("GET" if scope["method"] == "HEAD" else scope["method"]):
            case Act() as act:
                return await self._performed(act, asker, headers, receive)
            case View() as view if scope["method"] == "POST":
                return await self._seen(view, asker, headers, scope, await self._document(headers, receive))
            case View() as view:
                return await self._seen(view, asker, headers, scope)
            case _:
                allow = calls.allowed(methods)
                raise Problem(Kind.METHOD, f"{scope['path']} is asked for by {allow}", headers={"Allow": allow})

    async def _proved(self, scope: Scope, headers: Mapping[str, str]) -> Asker:
        engine = self._host.engine
        peer = scope.get("state", {}).get(PEER)
        if isinstance(peer, Peer) and "authorization" not in headers:
            return await self._known_here(peer)
        now = engine.clock.monotonic()
        address = self._signing_in.address(scope.get("client"), headers)
        words = self._signing_in.shown(headers, address, now)
        try:
            asker = await self._in_thread(
                lambda: signing_in.proved(engine.store, words, engine.clock.now(), self._host.owns_store)
            )
        except Problem as problem:
            if problem.kind is Kind.NOT_PROVED:
                self._signing_in.note_wrong(address, now)
                if self._watch is not None:
                    self._watch.refused("token")
            raise
        self._signing_in.note_right(words, asker.someone.token, now)
        return replace(asker, rules=engine.registry.offers.rules)

    async def _known_here(self, peer: Peer) -> Asker:
        """Whoever stands at the other end of a socket of this machine."""
        engine = self._host.engine
        try:
            local = await self._in_thread(lambda: self._host.account(peer))
        except Problem as problem:
            if problem.kind is not Kind.NOT_THERE:
                raise
            raise Problem(Kind.NOT_PROVED, problem.detail, headers=CHALLENGE) from None
        self._signing_in.note_account(local.someone.identity, engine.clock.monotonic())
        return Asker(
            local.someone,
            local.owns_store,
            engine.clock.now(),
            opened_store=local.could_open,
            rules=engine.registry.offers.rules,
            owns=self._host.owns_store,
        )

    async def _performed(self, act: Act, asker: Asker, headers: Mapping[str, str], receive: Receive) -> Response:
        key, revision, why = _key(headers), _revision(headers), _break_glass(headers)
        engine = self._host.engine
        document = await self._document(headers, receive)

        def do() -> tuple[Performed, list[str]]:
            done = perform(engine, act, act.told_in_json(document), asker, key=key, revision=revision, break_glass=why)
            if done.seq is None or not act.travels or not _wants_shown(headers):
                return done, []
            return done, elsewhere.why_it_waits(engine.store, engine.config, engine.clock.now())

        done, notes = await self._in_thread(do)
        status = 202 if done.proposal else 200
        told = {"Idempotent-Replayed": "true"} if done.again else {}
        if done.review:
            told["Tieline-Review"] = done.review
        if _wants_shown(headers):
            return Response(_shown(done.facts, [done.sentence], notes), status, told, SHOWN)
        # In one order, as an answer that was kept comes back.
        said = orjson.dumps(done.facts, option=orjson.OPT_SORT_KEYS)
        return Response(said, status, told, "application/json")

    async def _document(self, headers: Mapping[str, str], receive: Receive) -> str:
        """What a body says. Raises Problem, ClientDisconnect."""
        return bodies.understood(await bodies.read(headers, receive, self._host.engine.config.web.body_limit))

    async def _seen(
        self, view: View, asker: Asker, headers: Mapping[str, str], scope: Scope, document: str | None = None
    ) -> Response:
        """What a view shows. With a `document`, that is the question; else it stands in the query."""
        given, engine = calls.asked(view, scope["query_string"]), self._host.engine
        if document is not None and given:
            raise Problem(Kind.MALFORMED, "the question stands in the body, and cannot stand in the query as well")

        def look() -> Seen:
            outside = self._host.outside(file_too=view.name == "status")
            enquiries = Enquiries(engine.store, engine.config, OWN_VIEWS, outside, engine.registry.offers)
            ask = view.told(given) if document is None else view.told_in_json(document)
            return enquiries.look(view, ask, asker)

        seen = await self._in_thread(look)
        if _wants_shown(headers):
            return Response(_shown(seen.facts, seen.answer.shown(), []), media_type=SHOWN)
        if document is not None:
            return Response(orjson.dumps(seen.facts), media_type="application/json")
        cursor = seen.facts.get("next") if isinstance(seen.answer, Listing) else None
        link = {"Link": calls.following(scope["path"], scope["query_string"], cursor)} if cursor is not None else {}
        return _tagged(orjson.dumps(seen.facts), f'"{seen.version}"', scope, headers, link)

    async def _streamed(self, scope: Scope, headers: Mapping[str, str], asker: Asker) -> Response:
        if scope["method"] != "GET":
            raise Problem(Kind.METHOD, f"{scope['path']} is asked for by GET", headers={"Allow": "GET"})
        whose = asker.someone.token or asker.someone.identity
        self._host.streams.check(whose)
        store, told = self._host.engine.store, headers.get("last-event-id") or None
        try:
            begun = await self._in_thread(lambda: stream.begin(store, asker, told))
        except NoPlace as error:
            raise Problem(Kind.MALFORMED, str(error)) from None
        frames = self._telling.frames(asker, begun)
        return stream.Stream(frames, self._host.streams, whose, self._is_over)

    async def _told_who(self, scope: Scope, headers: Mapping[str, str], asker: Asker) -> Response:
        _check_read(scope)
        store = self._host.engine.store
        body = orjson.dumps(await self._in_thread(lambda: signing_in.told_who(store, asker)))
        return _tagged(body, f'"{sha256(body).hexdigest()}"', scope, headers, {})

    async def _told_what(self, offered: Offered, scope: Scope, headers: Mapping[str, str], asker: Asker) -> Response:
        _check_read(scope)
        store, offers = self._host.engine.store, self._host.engine.registry.offers
        found = await self._in_thread(lambda: index.told(store, asker, offered.calls, offers, LINKS))
        body = orjson.dumps(found.model_dump())
        return _tagged(body, f'"{sha256(body).hexdigest()}"', scope, headers, {})

    def _is_over(self) -> bool:
        """Whether whoever reads is to come back: what is offered is another thing by now, or nothing."""
        return self._host.is_stopping or self._host.engine is not self._began_with

    async def _measured(self, scope: Scope) -> Response:
        """The metrics, to whoever is known here: they hold nothing of what anything is about."""
        _check_read(scope)
        if self._watch is None:
            raise Problem(Kind.NOT_THERE, f"there is no call {METRICS!r} here")
        body = await self._in_thread(self._watch.render)
        return Response(body, media_type="text/plain; version=0.0.4; charset=utf-8")

    def route(self, path: str) -> str:
        """Where a call goes: its path, where there is such a call."""
        known = path in self._by_account.calls or path in (*_OWN, METRICS)
        return path if known else "/nothing"

    def _now(self, asker: Asker) -> Asker:
        return replace(asker, now=self._host.engine.clock.now())


def _check_read(scope: Scope) -> None:
    """Raises Problem for whoever does not only read."""
    if scope["method"] not in ("GET", "HEAD"):
        allow = calls.allowed(["GET"])
        raise Problem(Kind.METHOD, f"{scope['path']} is asked for by {allow}", headers={"Allow": allow})


def _described(offered: Offered, scope: Scope, headers: Mapping[str, str]) -> Response:
    _check_read(scope)
    return _tagged(offered.description, offered.tag, scope, headers, {})


def _wants_shown(headers: Mapping[str, str]) -> bool:
    """Whether what is shown to people is asked for beside the facts."""
    return headers.get("accept", "").strip() == SHOWN


def _shown(facts: Mapping[str, Any], parts: Sequence[Part], notes: Sequence[str]) -> bytes:
    return orjson.dumps({"facts": facts, "shown": as_facts(parts), "notes": notes})


def _tagged(body: bytes, tag: str, scope: Scope, headers: Mapping[str, str], others: Mapping[str, str]) -> Response:
    """An answer that is not sent again to whoever has it."""
    told = {"ETag": tag, "Cache-Control": "private, no-cache", **others}
    if _is_known(headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=told)
    response = Response(body, headers=told, media_type="application/json")
    if scope["method"] == "HEAD":
        response.body = b""
    return response


def _key(headers: Mapping[str, str]) -> str:
    """The key under which something is asked for; "" for none. Raises Problem."""
    key = headers.get("idempotency-key")
    if key is None:
        return ""
    if not _KEY.fullmatch(key):
        sentence = f"an Idempotency-Key is 1 to {LONGEST_KEY} letters, digits and marks of ASCII, such as a UUID"
        raise Problem(Kind.MALFORMED, sentence)
    return key


def _break_glass(headers: Mapping[str, str]) -> str | None:
    """Why what others are to be asked first is done at once; None where they are asked. Raises Problem."""
    words = headers.get("break-glass")
    if words is None:
        return None
    try:
        if not words.isascii():
            raise ValueError(words)
        return unquote(words, errors="strict")
    except ValueError:
        sentence = "Break-Glass is why it is done at once, in ASCII; anything else as UTF-8 with % and two digits"
        raise Problem(Kind.MALFORMED, sentence) from None


def _is_known(named: str, tag: str) -> bool:
    """Whether one of the answers that somebody has is this one (RFC 9110, 13.1.2)."""
    return named.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in named.split(",")]


def _revision(headers: Mapping[str, str]) -> int | None:
    """The revision that an item has to be at; None for any. Raises Problem."""
    named = headers.get("if-match")
    if named is None or named.strip() == "*":
        return None
    found = _ENTITY_TAG.fullmatch(named.strip())
    if found is None:
        raise Problem(Kind.MALFORMED, 'If-Match is the revision of one item in quotes, like "12", or *')
    return int(found[1])
