"""REST calls through `pdpyras`, with its traps disarmed. The only module that knows the library.

The library gives authentication, the `From` header and address composition. Left alone it repeats a 429 for ever,
repeats a POST after a lost answer (which writes a note twice) and names a part of the key in its 401. So it sees no
answer (`core.sdk`), and its network attempts are none. Its successor `pagerduty` is built on another HTTP library; the
change stays in this file.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Final

from tieline.adapters.pagerduty.settings import Authentication, PagerDutySettings
from tieline.core.errors import NeedsOperator, Rejected, RemoteError, StaleVersion, TryAgain, as_sentence
from tieline.core.http import at_origin, outcome, sendable, server_date
from tieline.core.oauth import Endpoint, Tokens
from tieline.core.port import Body, Workbench
from tieline.core.route import Route
from tieline.core.sdk import Opened, Sdk
from tieline.core.secrets import Secret

Query = Mapping[str, str | int | Sequence[str]]

ALREADY_RESOLVED: Final = 1001
ALREADY_ACKNOWLEDGED: Final = 1002
DATA_UPDATED: Final = 1005
UNKNOWN_REQUESTER: Final = 1008


MEMBERS: Final = frozenset({"title", "urgency", "priority", "status", "resolution", "assignments", "service", "body"})
"""What a refusal may name."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer: its JSON object and the tool's own time."""

    json: Body
    at: datetime | None


class Refused(Rejected):
    """A 400 with PagerDuty's own error code, so that a caller can tell `already so` from `no`."""

    def __init__(self, connection: str, message: str, code: int, refused: Mapping[str, str] | None = None) -> None:
        super().__init__(connection, message, refused=refused, status=400)
        self.code = code

    @property
    def already_so(self) -> bool:
        return self.code in (ALREADY_RESOLVED, ALREADY_ACKNOWLEDGED)

    @property
    def duplicate_key(self) -> bool:
        """True when an open incident on the service carries the `incident_key`; the code is 2001 or 2002."""
        return "matching dedup key already exists" in str(self)


class Wire:
    """Sends one request, once, and turns whatever happens into an answer or a RemoteError."""

    def __init__(self, connection: str, settings: PagerDutySettings, bench: Workbench) -> None:
        self.connection = connection
        self._settings = settings
        self._clock = bench.clock
        self._sdk: Sdk[Any, tuple[str, str]] = Sdk(
            connection,
            settings,
            settings.url,
            bench,
            prove=self._proof,
            open_with=self._open,
            tokens=self._seller(bench),
        )

    def get(self, path: str, query: Query | None = None) -> Answer:
        return self._send("GET", path, query=query)

    def post(self, path: str, body: Body) -> Answer:
        return self._send("POST", path, body=body)

    def put(self, path: str, body: Body) -> Answer:
        return self._send("PUT", path, body=body)

    def rows(self, path: str, name: str, query: Query, *, reach: int = 10_000) -> list[Body]:
        """All rows of a short list, by offset. Raises NeedsOperator beyond `reach`, where PagerDuty stops paging."""
        rows: list[Body] = []
        size = self._settings.page_size
        while len(rows) + size <= reach:
            answer = self.get(path, {**query, "limit": size, "offset": len(rows)})
            page = self.list_in(answer, name, path)
            rows += page
            if not answer.json.get("more"):
                return rows
            if not page:
                raise TryAgain(self.connection, f"GET {path} gave an empty page and said that more follow")
        raise NeedsOperator(self.connection, f"GET {path} lists more than {reach} rows; narrow what is followed.")

    def list_in(self, answer: Answer, name: str, path: str) -> list[Body]:
        """The rows under `name`. Raises TryAgain when they are not there: an odd answer is never an empty list."""
        rows = answer.json.get(name)
        if not isinstance(rows, list):
            words = f"GET {path} answered 200 without `{name}`; is `url` the REST API?"
            raise TryAgain(self.connection, words, status=200)
        return [row for row in rows if isinstance(row, dict)]

    def object_in(self, answer: Answer, name: str, path: str, *, wrote: bool = False) -> Body:
        """The object under `name`. Raises TryAgain when nothing is there, Rejected when it is something odd. A call
        that `wrote` has done so, whatever its answer looks like."""
        found = answer.json.get(name)
        if isinstance(found, dict) and found.get("id"):
            return found
        if wrote or name not in answer.json:
            words = f"{path} answered 200 without `{name}`; is `url` the REST API?"
            raise TryAgain(self.connection, words, maybe_done=wrote, status=200)
        words = f"{path} answered 200 with {found!r:.80} as `{name}`, which has no id"
        raise Rejected(self.connection, words, status=200)

    def close(self) -> None:
        """Give this thread's sockets back."""
        self._sdk.close()

    def _send(self, method: str, path: str, *, query: Query | None = None, body: Body | None = None) -> Answer:
        writes = method != "GET"
        what = f"{method} {path}"
        options: dict[str, Any] = {"params": dict(query or {}), "allow_redirects": False, "stream": True}
        if body is not None:
            options["json"] = dict(body)
        used = ""

        def call(session: Any, token: str) -> None:
            nonlocal used
            session.api_key = used = token or session.api_key
            try:
                session.request(method, path, **options)
            except _library(self.connection).PDClientError as error:
                raise self._sdk.unanswered(what, error.__cause__ or error, writes=writes) from None

        response = self._sdk.send(what, call, writes=writes)
        return self._understand(method, path, response, used, writes)

    def _understand(self, method: str, path: str, response: Any, key: str, writes: bool) -> Answer:
        """`key` is what was shown: an answer may quote it."""
        headers: Mapping[str, str] = response.headers
        if response.status_code >= 300:
            raise self._failure(method, path, response.status_code, headers, _error_in(response, key))
        try:
            json = response.json()
        except (ValueError, RecursionError):
            json = None
        if not isinstance(json, dict):
            raise TryAgain(
                self.connection,
                f"{method} {path}{at_origin(self._settings.url)} answered {response.status_code} with something that "
                "is not PagerDuty's JSON (a proxy's page?); check `url`.",
                maybe_done=writes,
                status=response.status_code,
            )
        return Answer(json, server_date(headers))

    def _failure(self, method: str, path: str, status: int, headers: Mapping[str, str], error: _Error) -> RemoteError:
        where = f"{method} {path} answered {status}: {error.words[:500]}"
        if status == 400 and error.code == DATA_UPDATED:
            return StaleVersion(self.connection, where, status=status)
        if status == 400 and (error.code == UNKNOWN_REQUESTER or "from header" in error.words.lower()):
            advice = f"{as_sentence(where)} Set `from_email` to the address of an active user of the account."
            return NeedsOperator(self.connection, advice, status=status)
        if status == 400:
            return Refused(self.connection, where, error.code, error.refused)
        if status == 402:
            advice = f"{as_sentence(where)} The account's plan lacks this; map it away or upgrade."
            return NeedsOperator(self.connection, advice, status=status)
        headers, url = _with_reset(headers), self._settings.url
        failure = outcome(self.connection, method, path, status, headers, error.words, self._clock.now(), url)
        return failure or TryAgain(self.connection, where, status=status)

    def _seller(self, bench: Workbench) -> Tokens | None:
        oauth = self._settings.oauth
        if oauth is None:
            return None
        endpoint = Endpoint(self.connection, self._settings, bench, oauth.token_url, timeout=self._settings.timeout)
        grant: dict[str, str | Secret] = {
            "grant_type": "client_credentials",
            "client_id": oauth.client_id,
            "client_secret": oauth.client_secret,
            "scope": oauth.scope,
        }
        return Tokens(bench.clock, lambda: endpoint.buy(grant))

    def _proof(self) -> tuple[str, str]:
        """What a session begins with, and how it is sent."""
        settings = self._settings
        if settings.oauth is not None:
            return "of each call", Authentication.BEARER.value
        if settings.api_key is None:
            raise NeedsOperator(self.connection, "`api_key` is missing")
        try:
            key = settings.api_key.reveal()
        except LookupError as error:
            raise NeedsOperator(self.connection, str(error)) from None
        if not key.isascii() or not key.isprintable() or " " in key:
            raise NeedsOperator(self.connection, "`api_key` holds characters that no key has; copy it again.")
        return key, settings.auth.value

    def _open(self, proof: tuple[str, str], _way: Route) -> Opened[Any]:
        settings = self._settings
        key, kind = proof
        sendable(self.connection, "from_email", settings.from_email)
        session = _library(self.connection).APISession(key, default_from=settings.from_email, auth_type=kind)
        session.url = settings.url
        session.timeout = (min(settings.timeout, 10.0), settings.timeout)
        session.max_network_attempts = 0
        return Opened(session, session)


@dataclass(frozen=True, slots=True)
class _Error:
    """`refused` are the members of an incident that it names, each with PagerDuty's words."""

    code: int
    words: str
    refused: Mapping[str, str] = field(default_factory=dict)


def _error_in(response: Any, secret: str) -> _Error:
    """What PagerDuty says is wrong: `{"error": {"message", "code", "errors": [...]}}`; errors may be an object."""
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return _Error(0, "")
    if not isinstance(error, dict):
        return _Error(0, str(error).replace(secret, "***"))
    details = error.get("errors") or []
    if isinstance(details, dict):
        details = [f"{name}: {what}" for name, what in details.items()]
    if not isinstance(details, list):
        details = [details]
    said = [str(error.get("message") or ""), *(str(detail) for detail in details)]
    code = error.get("code")
    words = "; ".join(part for part in said if part).replace(secret, "***")
    named = [(_member(str(detail)), str(detail).replace(secret, "***")) for detail in details]
    refused = {member: detail for member, detail in named if member}
    return _Error(code if isinstance(code, int) else 0, f"{words} (code {code})" if code else words, refused)


def _member(detail: str) -> str:
    """The member of an incident that an error speaks of: its first word names it, as in "Title is too long"."""
    word = (
        detail.split(" ", 1)[0].strip(":`'\"").split("[")[0].split(".")[0].casefold().replace("assignee", "assignments")
    )
    return word if word in MEMBERS else ""


def _with_reset(headers: Mapping[str, str]) -> Mapping[str, str]:
    """PagerDuty tells the wait as `ratelimit-reset`, in seconds; sometimes it sends no header at all."""
    lower = {name.lower(): value for name, value in headers.items()}
    if "retry-after" not in lower and "ratelimit-reset" in lower:
        lower["retry-after"] = lower["ratelimit-reset"]
    return lower


@cache
def _import() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the library announces its own end at every import
        import pdpyras
    return pdpyras


def _library(connection: str) -> Any:
    try:
        return _import()
    except ImportError:
        raise NeedsOperator(connection, "the adapter needs its library: pip install 'tieline[pagerduty]'") from None
