"""The console as an ASGI application: one door in, one door out.

    who is signed in -> which page -> what its views show them -> drawn, or the page of what is wrong

Whoever is not signed in is led to the sign-in, whatever they ask for. No page is kept by a browser, none stands in a
frame, and none runs a script or takes a style but our own files.
"""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlencode

import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from tieline.core import grants, local_accounts, passwords, sessions
from tieline.core.access import may
from tieline.core.acts import Act
from tieline.core.errors import NotProved, StoreUnavailable, TielineError
from tieline.core.sessions import Session
from tieline.sync import explain
from tieline.sync.api import signing_in
from tieline.sync.api.application import Host, Watch
from tieline.sync.api.problems import Kind, Problem
from tieline.sync.api.signing_in import SigningIn
from tieline.sync.api.stream import Stream, Streams
from tieline.sync.api.turns import InThreads, problem_of
from tieline.sync.intake.receiving import BodyTooLarge, received
from tieline.sync.office.asking import Asker
from tieline.sync.office.enquiries import Enquiries
from tieline.sync.office.office import LONGEST_KEY, Performed
from tieline.sync.office.own import OWN
from tieline.sync.office.own_views import OWN_VIEWS
from tieline.sync.office.performing import perform
from tieline.sync.sight import subject_of
from tieline.sync.web import forms, gate, live, pages
from tieline.sync.web.drawing import SHELL, Drawing, file_at
from tieline.sync.web.gate import DEVICE, SESSION, VISIT, Cookies, Guesses, NotOurs
from tieline.sync.web.live import Live
from tieline.sync.web.pages import Meant, Pages

HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Vary": "Cookie",
    "X-Content-Type-Options": "nosniff",
}
"""What goes with every answer."""

MOST_STREAMS: Final = 500
MOST_OF_A_SESSION: Final = 12
"""Pages that are open at once."""
BODY_TIMEOUT: Final = 30.0
"""Seconds that a form may take."""
MOST_SIGN_INS: Final = 40
"""Passwords that are looked at, or wait for that."""
MOST_FIELDS: Final = 200
FOR_EVER: Final = "public, max-age=31536000, immutable"
STANDS_NOT: Final = "This is no token that stands."
NO_MATCH: Final = "The name and the password do not belong together."
NO_CODE: Final = "The name and the code do not belong together, or the code is over."
DO: Final = "/do/"
"""In front of the name of an act, where its form stands."""
_OWN_PLACES: Final = ("/static", "/do", "/signin", "/welcome", "/signout", "/theme", "/live")
LIVE: Final = "/live"
SAID: Final = "said"
MOST_SAID: Final = 600
"""Characters of what the next page says about what was done."""
THEMES: Final = ("system", "light", "dark")
_DEVICE_LASTS: Final = int(local_accounts.DEVICE_LASTS.total_seconds())
_REVISION: Final = re.compile(r"[0-9]{1,18}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as it came in."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    address: str


@dataclass(frozen=True, slots=True)
class Signed:
    """Whoever is signed in, and what their browser shows for it."""

    session: Session
    shown: str
    asker: Asker


@dataclass(frozen=True, slots=True)
class Possible:
    """An act, and whether whoever looks may do it; `words` say who may where they may not."""

    name: str
    path: str
    summary: str
    allowed: bool
    words: str


class Console:
    """The application."""

    def __init__(self, host: Host, watch: Watch | None = None) -> None:
        self._host, self._watch, self._began_with = host, watch, host.engine
        offers = host.engine.registry.offers
        web = host.engine.config.web
        self._pages = Pages(offers)
        self._drawing = Drawing(offers)
        self._addresses = SigningIn(calls_per_minute=web.calls_per_minute, behind_proxy=web.behind_proxy)
        self._guesses = Guesses()
        is_secure = bool(web.certificate) or web.behind_proxy
        self._cookies = Cookies(is_secure)
        self._secure = {"Strict-Transport-Security": "max-age=31536000"} if is_secure else {}
        self._streams = Streams(MOST_STREAMS, MOST_OF_A_SESSION, "this sign-in")
        self._in_thread = InThreads(host.workers, "pages")
        # What is hashed for whoever guesses is to keep no page and no call waiting.
        at_once = passwords.AT_ONCE - 1
        self._hashing = InThreads(host.workers, "sign-ins", at_once=at_once, most=MOST_SIGN_INS)
        # Nor does it keep those waiting who signed in before by the same browser, or were handed a code.
        self._hashing_known = InThreads(host.workers, "sign-ins", at_once=1, most=MOST_SIGN_INS)
        self._live = Live(host.engine.store, self._in_thread, self._drawing, self._enquiries)
        self._log: Any = structlog.get_logger("tieline.web")

    @property
    def streams(self) -> int:
        """How many pages are kept up to date."""
        return self._streams.count

    def route(self, path: str) -> str:
        """Where a request goes, by a name of which there are not many."""
        first = f"/{path.split('/')[1]}"
        if first in _OWN_PLACES:
            return first
        return self._pages.path_of(path) or "/nothing"

    def _is_over(self) -> bool:
        """Whether browsers are to come back: the pages are other ones by now."""
        return self._host.is_stopping or self._host.engine is not self._began_with

    def _refused(self, address: str, way: str) -> None:
        self._log.warning("sign_in_refused", address=address)
        if self._watch is not None:
            self._watch.refused(way)

    @property
    def has_pages(self) -> bool:
        """Whether any plugin offers one."""
        return bool(self._pages.menu)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        address = self._addresses.address(scope.get("client"), headers)
        query = scope["query_string"].decode("latin-1")
        # A stream has no head without a body: it would be told to somebody who hears nothing.
        is_read = scope["method"] == "HEAD" and scope["path"] != LIVE
        call = Call("GET" if is_read else scope["method"], scope["path"], query, headers, address)
        try:
            response = await self._answer(call, receive)
        except ClientDisconnect:
            return
        for name, value in {**HEADERS, **self._secure}.items():
            response.headers.setdefault(name, value)
        await response(scope, receive, send)

    async def _answer(self, call: Call, receive: Receive) -> Response:
        if call.path.startswith("/static/"):
            return self._file(call)
        signed: Signed | None = None
        form: Mapping[str, str] = {}
        try:
            if call.method not in ("GET", "POST"):
                raise Problem(Kind.METHOD, "a page is asked for by GET, and a form is sent by POST")
            if call.method == "POST":
                form = await self._form(call, receive)
            if call.path == "/signin":
                return await self._sign_in(call, form)
            if call.path == "/welcome":
                return await self._welcome(call, form)
            signed = await self._signed(call)
            if signed is None:
                return self._to_sign_in(call)
            if call.method == "POST":
                return await self._done(call, form, signed)
            if call.path.startswith(DO):
                return await self._asked(call, signed)
            if call.path == LIVE:
                return await self._streamed(call, signed)
            return await self._page(call, signed)
        except Problem as problem:
            return self._wrong(call, problem, signed, form)
        except Exception as error:  # noqa: BLE001 - whatever it is, the log has it and the next page is served
            self._log.error("page_failed", path=call.path[:200], exc_info=error)
            broken = Problem(Kind.BROKEN, "something failed that nobody expected; the log says what")
            return self._wrong(call, broken, signed, form)

    def _file(self, call: Call) -> Response:
        found = file_at(call.path)
        if found is None:
            return Response("there is no such file\n", 404, media_type="text/plain")
        media_type, content = found
        return Response(content, headers={"Cache-Control": FOR_EVER, "Content-Type": media_type})

    async def _form(self, call: Call, receive: Receive) -> dict[str, str]:
        """What a form says. Raises Problem."""
        gate.check_origin(call.headers)
        limit = self._host.engine.config.web.body_limit
        if call.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
            raise Problem(Kind.MEDIA_TYPE, "a form is `Content-Type: application/x-www-form-urlencoded`")
        try:
            body = await received(call.headers.get("content-length", ""), receive, limit, BODY_TIMEOUT)
            pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
        except BodyTooLarge:
            raise Problem(Kind.TOO_LARGE, f"what was sent is larger than {limit} bytes (web.body_limit)") from None
        except TimeoutError:
            raise Problem(Kind.TOO_SLOW, f"the form did not arrive within {BODY_TIMEOUT:.0f} s") from None
        except ValueError:
            raise Problem(Kind.MALFORMED, "the form is not UTF-8, or has too many fields") from None
        if any("\0" in name or "\0" in words for name, words in pairs):
            raise Problem(Kind.MALFORMED, "the form holds a NUL, which no text has; take it out, and send it again")
        # A browser ends a line of a text area by two characters; nobody typed the first.
        return {name: words.replace("\r\n", "\n") for name, words in pairs}

    async def _signed(self, call: Call) -> Signed | None:
        """Who is signed in; None for nobody."""
        shown = self._cookies.of(call.headers, SESSION)
        return await self._in_thread(lambda: self._proved(shown)) if shown else None

    def _proved(self, shown: str) -> Signed | None:
        engine = self._host.engine
        now = engine.clock.now()
        try:
            with engine.store.read() as connection:
                found = sessions.prove(connection, shown, now)
        except NotProved:
            return None
        if sessions.is_stale(found, now):
            # A store that takes no writes may still be read.
            with suppress(StoreUnavailable), engine.store.write() as tx:
                sessions.note_use(tx, found, now)
        rules = engine.registry.offers.rules
        owns, someone = self._host.owns_store, found.someone
        asker = Asker(someone, owns(someone), now, rules=rules, owns=owns, signed_in_at=found.made_at)
        return Signed(found, shown, asker)

    def _to_sign_in(self, call: Call) -> Response:
        if call.method != "GET" or call.path == LIVE:
            raise Problem(Kind.NOT_PROVED, "you are signed out; sign in, and send it again")
        asked = call.path + (f"?{call.query}" if call.query else "")
        behind = "" if asked == "/" else f"?{urlencode({'next': gate.back(asked)})}"
        return _led_to(f"/signin{behind}")

    async def _sign_in(self, call: Call, form: Mapping[str, str]) -> Response:
        told = dict(parse_qsl(call.query))
        back = gate.back(form.get("next", told.get("next", "/")))
        visit = self._cookies.of(call.headers, VISIT)
        if call.method == "GET":
            return self._gate(back, visit or gate.new_visit())
        gate.check_mark(visit, form.get("mark", ""))
        engine = self._host.engine
        token, name, password = form.get("token", "").strip(), form.get("name", "").strip(), form.get("password", "")
        by_name = bool(name) and not token
        device = await self._device(call, name) if by_name else ""
        if not device:
            wait = self._guesses.wait(call.address, name, engine.clock.monotonic())
            if wait:
                return self._gate(back, visit, wrong=_too_often(wait), said=form, status=429, wait=wait)
            self._guesses.take(call.address, name, engine.clock.monotonic())
        try:
            turn = self._in_thread if not by_name else self._hashing_known if device else self._hashing
            before = self._cookies.of(call.headers, SESSION)
            shown, known = await turn(lambda: self._begin(token, name, password, before))
        except Problem as problem:
            if problem.kind is not Kind.NOT_PROVED:
                raise
            self._refused(call.address, "password" if by_name else "token")
            return self._gate(back, visit, wrong=NO_MATCH if by_name else STANDS_NOT, said=form, status=422)
        if device:
            self._guesses.right_device(device, name)
        elif by_name:
            self._guesses.right(call.address, name)
        return self._signed_in(back, shown, known)

    async def _device(self, call: Call, name: str) -> str:
        """What the browser shows by which the owner of that name signed in before, and of which one more try is taken;
        "" where it is not known, or has to wait."""
        device = self._cookies.of(call.headers, DEVICE)
        if not device or not self._guesses.take_device(device, name, self._host.engine.clock.monotonic()):
            return ""
        if await self._in_thread(lambda: self._knows(name, device)):
            return device
        self._guesses.unknown_device(device, name)
        return ""

    def _knows(self, name: str, device: str) -> bool:
        engine = self._host.engine
        with engine.store.read() as connection:
            return local_accounts.knows_device(connection, name, device, engine.clock.now())

    def _signed_in(self, back: str, shown: str, device: str) -> Response:
        """`device` is what the browser is known by from now on, "" for as before."""
        response = _led_to(back)
        response.headers.append("Set-Cookie", self._cookies.session(shown))
        if device:
            response.headers.append("Set-Cookie", self._cookies.set(DEVICE, device, _DEVICE_LASTS))
        for told in (VISIT, SAID):
            response.headers.append("Set-Cookie", self._cookies.set(told, "", 0))
        return response

    def _begin(self, token: str, name: str, password: str, before: str) -> tuple[str, str]:
        """Have whoever that proves be signed in. Answers what their browser shows for that, and by what it is known
        from now on. Raises NotProved."""
        engine = self._host.engine
        now, device = engine.clock.now(), ""
        if token or not name:
            someone, account = signing_in.proved(engine.store, token, now, self._host.owns_store).someone, ""
        else:
            with engine.store.read() as connection:
                found = local_accounts.prove(connection, name, password)
                device = local_accounts.new_device(connection, found.account, secrets.token_hex(16), now)
            someone, account = found.someone, found.account
        with engine.store.write() as tx:
            return sessions.begin(tx, someone, account=account, at=now, shown_before=before), device

    async def _welcome(self, call: Call, form: Mapping[str, str]) -> Response:
        """Choosing the password of a local account, by the code that its owner was handed."""
        visit, page = self._cookies.of(call.headers, VISIT), "welcome"
        if call.method == "GET":
            return self._gate("/", visit or gate.new_visit(), page=page)
        gate.check_mark(visit, form.get("mark", ""))
        name, now = form.get("name", "").strip(), self._host.engine.clock.monotonic()
        # By its name nobody is kept out: a code is drawn, and not to be guessed.
        wait = self._guesses.wait(call.address, "", now)
        if wait:
            return self._gate("/", visit, page=page, wrong=_too_often(wait), said=form, status=429, wait=wait)
        self._guesses.take(call.address, "", now)
        password, again = form.get("password", ""), form.get("again", "")
        try:
            passwords.check(password, name)
            if password != again:
                raise ValueError("the two are not the same")
        except ValueError as error:
            return self._gate("/", visit, page=page, weak=str(error), said=form, status=422)
        try:
            before = self._cookies.of(call.headers, SESSION)
            turn = self._hashing_known
            shown, device = await turn(lambda: self._chosen(name, form.get("code", ""), password, before))
        except Problem as problem:
            if problem.kind is not Kind.NOT_PROVED:
                raise
            self._refused(call.address, "code")
            return self._gate("/", visit, page=page, wrong=NO_CODE, said=form, status=422)
        return self._signed_in("/", shown, device)

    def _chosen(self, name: str, code: str, password: str, before: str) -> tuple[str, str]:
        engine = self._host.engine
        now = engine.clock.now()
        with engine.store.read() as connection:
            owner = local_accounts.owner_of_code(connection, name, code, now)
        kept = passwords.hash_of(password)
        with engine.store.write() as tx:
            local_accounts.choose(tx, owner, code, kept, at=now)
            shown = sessions.begin(tx, owner.someone, account=owner.account, at=now, shown_before=before)
        return shown, local_accounts.device(owner.account, kept, secrets.token_hex(16), now)

    def _gate(
        self,
        back: str,
        visit: str,
        *,
        page: str = "signin",
        wrong: str = "",
        weak: str = "",
        said: Mapping[str, str] | None = None,
        status: int = 200,
        wait: float = 0,
    ) -> Response:
        """A page before anybody is signed in. What is secret of what was said is typed again."""
        told = said or {}
        facts: dict[str, Any] = {"back": back, "mark": gate.mark_of(visit), "wrong": wrong, "weak": weak}
        facts |= {"theme": "system", "name": told.get("name", ""), "by_token": bool(told.get("token"))}
        response = HTMLResponse(self._drawing.draw(f"{SHELL}/{page}.html", facts), status)
        response.headers.append("Set-Cookie", self._cookies.set(VISIT, visit, None))
        if wait:
            response.headers["Retry-After"] = str(max(1, round(wait)))
        return response

    async def _done(self, call: Call, form: Mapping[str, str], signed: Signed) -> Response:
        """What a form does."""
        try:
            gate.check_mark(signed.shown, form.get("mark", ""))
        except NotOurs:
            if not call.path.startswith(DO):
                raise
            # It came from here, and somebody may have written much in it: it is done once they send it again.
            again = NotOurs(
                "nothing was done: you signed in anew since this was written; look it over, and send it again"
            )
            return await self._again(call, form, signed, again)
        match call.path:
            case "/signout":
                await self._in_thread(lambda: self._end(signed.session))
                response = _led_to("/signin")
                response.headers.append("Set-Cookie", self._cookies.session(""))
                response.headers.append("Set-Cookie", self._cookies.set(SAID, "", 0))
                return response
            case "/theme":
                theme = form.get("theme", "")
                response = _led_to(gate.back(form.get("next", "/")))
                kept = self._cookies.set("theme", theme, 31_536_000) if theme in THEMES else ""
                if kept:
                    response.headers.append("Set-Cookie", kept)
                return response
            case _:
                return await self._performed(call, form, signed)

    def _act(self, path: str) -> Act:
        name = unquote(path.removeprefix(DO)).replace("/", " ")
        offers = self._host.engine.registry.offers
        act = OWN.by_name.get(name) or offers.acts.get(name) if path.startswith(DO) else None
        if act is None or not act.by_token:
            raise Problem(Kind.NOT_THERE, f"nothing is done at {path[:200]}")
        return act

    async def _asked(self, call: Call, signed: Signed) -> Response:
        """The form of an act."""
        act = self._act(call.path)
        said = dict(parse_qsl(call.query))
        back = gate.back(said.pop("next", "/"))
        said = {name: words for name, words in said.items() if name.partition(".")[0] in act.ask.model_fields}
        said.setdefault("key", secrets.token_hex(16))
        return HTMLResponse(await self._in_thread(lambda: self._form_page(call, act, said, back, signed, None)))

    async def _performed(self, call: Call, form: Mapping[str, str], signed: Signed) -> Response:
        """What comes of a form: it is done, or is shown again as it was written, with what is wrong."""
        act, engine = self._act(call.path), self._host.engine
        back = gate.back(form.get("next", "/"))
        told = form.get("revision", "")
        if told and not _REVISION.fullmatch(told):
            raise Problem(Kind.MALFORMED, "the form names no revision of anything; load the page again")
        revision = int(told) if told else None

        def do() -> Performed:
            ask = act.told(forms.given(act, form))
            return perform(engine, act, ask, signed.asker, key=form.get("key", "")[:LONGEST_KEY], revision=revision)

        try:
            done = await self._in_thread(do)
        except Problem as problem:
            return await self._again(call, form, signed, problem)
        response = _led_to(back)
        response.headers.append("Set-Cookie", self._cookies.set(SAID, _told(done.sentence), 60))
        return response

    async def _again(self, call: Call, form: Mapping[str, str], signed: Signed, wrong: Problem) -> Response:
        """The form of an act as it was written, with what is wrong."""
        act, back = self._act(call.path), gate.back(form.get("next", "/"))
        page = await self._in_thread(lambda: self._form_page(call, act, form, back, signed, wrong))
        return HTMLResponse(page, wrong.kind.status)

    def _form_page(
        self, call: Call, act: Act, said: Mapping[str, str], back: str, signed: Signed, wrong: Problem | None
    ) -> str:
        item, revision = self._item_of(act, said, signed) if forms.changes_an_item(act) else ({}, "")
        errors = () if wrong is None else wrong.errors
        inputs = forms.inputs(act, said, errors, item)
        facts = {
            **self._shell(call, signed),
            "title": act.summary.partition(";")[0].rstrip("."),
            "names": forms.names_an_item(act),
            "act": act,
            "where": call.path,
            "inputs": inputs,
            "back": back,
            "key": said.get("key", ""),
            # What was seen stays what it is held against, unless somebody looks at what it is by now.
            "revision": revision
            if wrong is not None and wrong.kind is Kind.CHANGED
            else said.get("revision", revision),
            "about": said.get(forms.names_an_item(act), ""),
            "problem": wrong,
            "is_ours": not isinstance(wrong, NotOurs),
            "unplaced": forms.unplaced(act, errors, inputs) or ([] if wrong is None or errors else [wrong.detail]),
        }
        return self._drawing.draw(f"{SHELL}/act.html", facts)

    def _item_of(self, act: Act, said: Mapping[str, str], signed: Signed) -> tuple[Mapping[str, Any], str]:
        """The fields of the item whose fields a form shows, and the revision at which they are so."""
        name = said.get(forms.names_an_item(act), "")
        if not name:
            return {}, ""
        seen = self._enquiries().see("incident", {"incident": name}, signed.asker)
        return seen.facts["fields"], str(seen.facts["revision"])

    def _end(self, session: Session) -> None:
        with self._host.engine.store.write() as tx:
            sessions.end(tx, session)

    def _meant(self, path: str, query: str) -> Meant:
        try:
            meant = self._pages.meant(path, query)
        except (TielineError, LookupError, ValueError) as error:
            problem = problem_of(error)
            if problem is None:
                raise
            raise problem from None
        if meant is None:
            raise Problem(Kind.NOT_THERE, f"there is no page at {path[:200]}")
        return meant

    async def _page(self, call: Call, signed: Signed) -> Response:
        meant = self._meant(call.path, call.query)
        response = HTMLResponse(await self._in_thread(lambda: self._drawn(call, meant, signed)))
        if self._cookies.of(call.headers, SAID):
            response.headers.append("Set-Cookie", self._cookies.set(SAID, "", 0))
        return response

    def _drawn(self, call: Call, meant: Meant, signed: Signed) -> str:
        seen = pages.answers(pages.see(meant, self._enquiries(), signed.asker))
        asked = f"{call.path}?{call.query}" if call.query else call.path
        order = live.order_of(tuple(meant.page.rows(seen)))
        stream = f"{LIVE}?page={quote(asked, safe='')}&order={order}" if meant.page.live else ""
        parts = {name: meant.template(template) for name, template in meant.page.live.items()}
        facts = {**self._shell(call, signed), **seen, "title": meant.page.title, "stream": stream, "parts": parts}
        facts["acts"] = self._acts(meant.told, signed)
        facts["note_key"] = secrets.token_hex(16)
        return self._drawing.draw(meant.template(meant.page.template), facts)

    def _acts(self, told: Mapping[str, str], signed: Signed) -> dict[str, Possible]:
        """What can be done to the item that a page is about, by name, and by whom."""
        offers = self._host.engine.registry.offers
        about = [
            act
            for act in [*OWN.by_name.values(), *offers.acts.values()]
            if forms.names_an_item(act) and forms.names_an_item(act) in told
        ]
        if not about:
            return {}
        found: dict[str, Possible] = {}
        with self._host.engine.store.read() as connection:
            facts = signed.asker.facts(connection)
            sight = signed.asker.sight(connection)
            for act in about:
                item = explain.one_named(connection, told[forms.names_an_item(act)], sight)
                subject = subject_of(connection, item.id)
                known = grants.toward(connection, facts, subject)
                verdicts = [may(signed.asker.someone, right, subject, known) for right in act.rights]
                allowed = any(one.allowed for one in verdicts)
                path = DO + act.name.replace(" ", "/")
                words = "" if allowed else verdicts[0].sentence
                found[act.name] = Possible(act.name, path, act.summary.rstrip("."), allowed, words)
        return found

    def _shell(self, call: Call, signed: Signed) -> dict[str, Any]:
        """What every page is drawn with."""
        theme = self._cookies.of(call.headers, "theme")
        return {
            "me": signed.asker.someone,
            "mark": gate.mark_of(signed.shown),
            "menu": self._pages.menu,
            "here": call.path,
            "back": call.path + (f"?{call.query}" if call.query else ""),
            "theme": theme if theme in THEMES else "system",
            "now": signed.asker.now,
            "version": version("tieline"),
            "stream": "",
            "said": _heard(self._cookies.of(call.headers, SAID)),
        }

    async def _streamed(self, call: Call, signed: Signed) -> Response:
        told = dict(parse_qsl(call.query))
        path, _, query = told.get("page", "").partition("?")
        meant = self._meant(path, query)
        if not meant.page.live:
            raise Problem(Kind.NOT_THERE, "nothing of that page is drawn anew")
        self._streams.check(signed.session.id)

        async def now() -> Asker:
            found = await self._in_thread(lambda: self._proved(signed.shown))
            if found is None:
                raise Problem(Kind.NOT_PROVED, "signed out")
            return found.asker

        clock = self._host.engine.clock.monotonic
        frames = self._live.frames(meant, now, told.get("order", ""), clock)
        return Stream(frames, self._streams, signed.session.id, self._is_over)

    def _wrong(self, call: Call, problem: Problem, signed: Signed | None, form: Mapping[str, str]) -> Response:
        """The page of what is wrong: within the shell for whoever is signed in. Anybody else is told what is wrong with
        what they sent, has back what they wrote, and learns nothing of how things are here."""
        if call.path == LIVE:
            return problem.response()
        facts: dict[str, Any] = {"problem": problem, "kind": problem.kind.slug, "path": call.path[:200]}
        facts |= {"title": problem.kind.title, "theme": "system", "is_ours": not isinstance(problem, NotOurs)}
        facts |= {"is_of_sent": problem.kind not in (Kind.BUSY, Kind.BROKEN), "written": _written(call, form)}
        if signed is not None:
            facts |= self._shell(call, signed)
        template = f"{SHELL}/{'problem' if signed is not None else 'closed'}.html"
        response = HTMLResponse(self._drawing.draw(template, facts), problem.kind.status)
        if problem.wait is not None:
            response.headers["Retry-After"] = str(max(1, round(problem.wait.total_seconds())))
        return response

    def _enquiries(self) -> Enquiries:
        engine = self._host.engine
        return Enquiries(engine.store, engine.config, OWN_VIEWS, self._host.outside(), engine.registry.offers)


def _written(call: Call, form: Mapping[str, str]) -> list[str]:
    """What somebody wrote in the form of an act, and not what the page put into it."""
    if not call.path.startswith(DO):
        return []
    return [
        words
        for name, words in form.items()
        if name not in ("mark", "next", "key", "revision")
        and not name.startswith(forms.CHANGED)
        and words.strip()
        and form.get(f"{forms.CHANGED}{name}") != words
    ]


def _told(sentence: str) -> str:
    """A sentence as a cookie carries it to the next page."""
    return urlsafe_b64encode(sentence[:MOST_SAID].encode("utf-8", "replace")).decode()


def _heard(told: str) -> str:
    try:
        return urlsafe_b64decode(told).decode("utf-8") if told else ""
    except ValueError:
        return ""


def _led_to(place: str) -> Response:
    return Response(status_code=303, headers={"Location": place})


def _too_often(wait: float) -> str:
    seconds = max(1, round(wait))
    return (
        f"Too many tries came from here, or were made for this name. Wait {seconds} s, and look at what you use before "
        "you try again. A browser in which you signed in before need not wait, nor need who has a code of an admin's."
    )
